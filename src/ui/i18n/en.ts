import canvas from './en/canvas.json'
import frame from './en/frame.json'
import player from './en/player.json'

/** What the first picture needs; the rest is in en-rest.ts. */
export const texts = { frame, canvas, player }
