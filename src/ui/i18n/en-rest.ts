import cluster from './en/cluster.json'
import dumps from './en/dumps.json'
import editor from './en/editor.json'
import inspector from './en/inspector.json'
import library from './en/library.json'
import terminal from './en/terminal.json'
import words from './en/words.json'

export const texts = { terminal, cluster, dumps, editor, inspector, library, words }
