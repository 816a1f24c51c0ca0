import canvas from './zh/canvas.json'
import cluster from './zh/cluster.json'
import dumps from './zh/dumps.json'
import editor from './zh/editor.json'
import frame from './zh/frame.json'
import inspector from './zh/inspector.json'
import library from './zh/library.json'
import player from './zh/player.json'
import terminal from './zh/terminal.json'
import words from './zh/words.json'

export const texts = { frame, canvas, player, terminal, cluster, dumps, editor, inspector, library, words }
