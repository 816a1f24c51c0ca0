import canvas from './en/canvas.json'
import editor from './en/editor.json'
import frame from './en/frame.json'
import inspector from './en/inspector.json'
import library from './en/library.json'
import player from './en/player.json'
import terminal from './en/terminal.json'
import words from './en/words.json'

export const texts = { frame, canvas, player, terminal, editor, inspector, library, words }
