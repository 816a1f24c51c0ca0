import canvas from './ru/canvas.json'
import cluster from './ru/cluster.json'
import dumps from './ru/dumps.json'
import editor from './ru/editor.json'
import frame from './ru/frame.json'
import inspector from './ru/inspector.json'
import library from './ru/library.json'
import player from './ru/player.json'
import terminal from './ru/terminal.json'
import words from './ru/words.json'

export const texts = { frame, canvas, player, terminal, cluster, dumps, editor, inspector, library, words }
