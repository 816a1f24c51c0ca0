/** Places for texts of the overlay where they cover no name and no address of the drawing. */
import type { Drawing } from './drawing.ts'
import { portLines, TAB, textWidth } from './boxes.ts'
import { NAME_LINE, nameLines } from './roomNames.ts'

export interface Rect {
  x: number
  y: number
  w: number
  h: number
}

/** A rectangle that holds a name or an address of the drawing; names of machines and rooms weigh more. */
export interface Text extends Rect {
  weight: number
}

const LINE = 15
const known = new WeakMap<Drawing, { more: readonly Text[]; rects: Text[] }>()

/** Names and addresses, in the drawing's own coordinates, and a layer's texts. Made once for a drawing. */
export function textsOf(drawing: Drawing, more: readonly Text[]): Text[] {
  const before = known.get(drawing)
  if (before?.more === more) return before.rects
  const rects: Text[] = [...more]
  for (const box of Object.values(drawing.boxes)) {
    const { x, y } = drawing.places[box.id]!
    rects.push({ x, y, w: box.id.length * 8 + 40, h: TAB, weight: 3 })
    for (const { room, x: rx, y: ry } of box.rooms) {
      const lines = nameLines(room.name)
      const w = Math.max(...lines.map((line) => line.length)) * 9 + 6
      rects.push({ x: x + rx + 6, y: y + ry + 4, w, h: 1 + lines.length * NAME_LINE, weight: 3 })
    }
    for (const bar of box.bars) {
      const w = Math.min(bar.w, textWidth(portLines(bar.port).join(' ')) + 44)
      rects.push({ x: x + bar.x, y: y + bar.y, w, h: bar.h, weight: 2 })
    }
    for (const port of box.ports) {
      const text = portText(port)
      if (text) rects.push({ ...text, x: text.x + x, y: text.y + y, weight: 1 })
    }
  }
  known.set(drawing, { more, rects })
  return rects
}

/** As canvas.css places it. */
function portText(box: Drawing['ports'][string]): Rect | null {
  const { port, label, x, y, stub } = box
  if (label === 'none') return null
  const beside = stub !== null || port.master !== ''
  const lines = beside ? [port.name] : portLines(port)
  const w = Math.max(...lines.map(textWidth))
  const h = lines.length * LINE
  switch (label) {
    case 'right':
      return { x: x + 10, y: y - (beside ? 12 : 0) - h / 2, w, h }
    case 'left':
      return { x: x - 10 - w, y: y - (beside ? 12 : 0) - h / 2, w, h }
    case 'above':
      return { x: beside ? x + 8 : x - w / 2, y: y - 8 - h, w, h }
    case 'below':
      return { x: beside ? x + 8 : x - w / 2, y: y + 8, w, h }
  }
}

/** How much of `rect` (screen) the drawing's texts and some more rectangles (screen) cover. */
export function covered(
  rect: Rect,
  texts: Text[],
  view: { x: number; y: number; zoom: number; width: number; height: number; foot: number },
  more: Rect[],
): number {
  let sum = 0
  for (const one of texts) {
    const x = one.x * view.zoom + view.x
    const y = one.y * view.zoom + view.y
    sum += one.weight * overlap(rect, x, y, one.w * view.zoom, one.h * view.zoom)
  }
  for (const one of more) sum += 3 * overlap(rect, one.x, one.y, one.w, one.h)
  const inside = overlap(rect, 2, 2, view.width - 4, view.height - view.foot - 4)
  return sum + 4 * (rect.w * rect.h - inside)
}

function overlap(a: Rect, x: number, y: number, w: number, h: number): number {
  const across = Math.min(a.x + a.w, x + w) - Math.max(a.x, x)
  const down = Math.min(a.y + a.h, y + h) - Math.max(a.y, y)
  return across > 0 && down > 0 ? across * down : 0
}

/** The places around a point for a plate of `w` by `h`, the usual ones first. */
export function around(x: number, y: number, w: number, h: number, gap: number): Rect[] {
  const far = gap + h + 8
  return [
    { x: x - w / 2, y: y - gap - h, w, h },
    { x: x - w / 2, y: y + gap, w, h },
    { x: x + gap, y: y - h / 2, w, h },
    { x: x - gap - w, y: y - h / 2, w, h },
    { x: x - w / 2, y: y - far - h, w, h },
    { x: x - w / 2, y: y + far, w, h },
    { x: x + gap, y: y - far - h / 2, w, h },
    { x: x + gap, y: y + far - h / 2, w, h },
  ]
}

/** Each later place must be better by this much (square pixels) than the ones before it. */
export const LATER = 8
