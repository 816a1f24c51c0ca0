/** Where to look: at all of the network, or, where that would be too small to read, at the part that runs. */
import type { Viewport } from '@xyflow/react'
import { useStore } from '../client/store.ts'
import { hasCluster } from '../cluster/hasCluster.ts'
import { useCanvas } from './canvasStore.ts'
import type { Drawing } from './drawing.ts'
import { useLayerSlot } from './layerSlot.ts'
import { machineOf } from './place.ts'

const SIDE = 28
/** A phone: below this width a picture that would be smaller than READABLE is not shown whole. */
const NARROW = 560
const READABLE = 0.74

/** The whole network in the middle, with a margin, not larger than comfortable. */
export function viewOf(drawing: Drawing, width: number, height: number): Viewport {
  if (Object.keys(drawing.boxes).length === 0) return { x: width / 2, y: height / 2, zoom: 1 }
  const { invited, present } = useStore.getState().prefs
  // The tools and Services above; below the invitation of the first minute, then the sentence, which grows while time stands.
  const above = hasCluster(useStore.getState()) ? 52 : 40
  const below = invited ? 48 : width < 500 ? 100 : present ? 108 : 72
  const largest = (width > 1000 ? 1.8 : 1.5) * (present ? 1.5 : 1)
  const zoomFor = ({ left, top, right, bottom }: Bounds) => {
    const across = (width - SIDE * 2) / (right - left)
    return Math.min(largest, Math.max(0.05, Math.min(across, (height - above - below) / (bottom - top))))
  }
  // What stands above machines is larger from afar.
  const zoom = zoomFor(boundsOf(drawing, zoomFor(boundsOf(drawing, 1))))
  const all = boundsOf(drawing, zoom)
  const middle = above + (height - above - below) / 2
  const part = width < NARROW && zoom < READABLE ? running(drawing) : undefined
  if (part === undefined) {
    return {
      x: width / 2 - ((all.left + all.right) / 2) * zoom,
      y: middle - ((all.top + all.bottom) / 2) * zoom,
      zoom,
    }
  }
  const near = Math.min(1, Math.max(READABLE, (width - 24) / part.w))
  const fits = (all.bottom - all.top) * near <= height - above - below
  const centre = fits ? (all.top + all.bottom) / 2 : part.y + part.h / 2
  const x = part.w * near < width - 24 ? width / 2 - (part.x + part.w / 2) * near : 12 - part.x * near
  const view = { x, y: middle - centre * near, zoom: near }
  const room = useStore.getState().now?.room ?? ''
  return aside(view, room, width, height) ?? view
}

/** On a phone: the view beside `view` that has a room in sight where something has just happened; undefined: it is. */
export function aside(view: Viewport, room: string, width: number, height: number): Viewport | undefined {
  const { drawing } = useCanvas.getState()
  const rect = rectOf(drawing, room)
  if (width >= NARROW || view.zoom < READABLE || rect === undefined) return undefined
  const shift = (from: number, size: number, span: number) => {
    if (from >= 0 && from + size <= span) return 0
    return size > span ? 12 - from : span / 2 - (from + size / 2)
  }
  const dx = shift(rect.x * view.zoom + view.x, rect.w * view.zoom, width)
  const dy = shift(rect.y * view.zoom + view.y, rect.h * view.zoom, height)
  return dx === 0 && dy === 0 ? undefined : { x: view.x + dx, y: view.y + dy, zoom: view.zoom }
}

export function inSight(
  drawing: Drawing,
  [x, y, zoom]: [number, number, number],
  width: number,
  height: number,
) {
  const { left, top, right, bottom } = boundsOf(drawing, zoom)
  const [across, down] = [right * zoom + x <= width, bottom * zoom + y <= height]
  return left * zoom + x >= 0 && top * zoom + y >= 0 && across && down
}

interface Bounds {
  left: number
  top: number
  right: number
  bottom: number
}

/** Of all machines with what stands above them at this zoom. */
function boundsOf({ boxes, places }: Drawing, zoom: number): Bounds {
  const { heads, upOf } = useLayerSlot.getState()
  const up = upOf(zoom)
  const all = Object.values(boxes).map((box) => {
    const { x, y } = places[box.id]!
    const { w = 0, h = 0 } = heads[box.id] ?? {}
    return { left: x, top: y - h * up, right: x + Math.max(box.w, w * up), bottom: y + box.h }
  })
  return {
    left: Math.min(...all.map(({ left }) => left)),
    top: Math.min(...all.map(({ top }) => top)),
    right: Math.max(...all.map(({ right }) => right)),
    bottom: Math.max(...all.map(({ bottom }) => bottom)),
  }
}

interface Rect {
  x: number
  y: number
  w: number
  h: number
}

/** The machine where something happened last; at first the one with the most rooms. */
function running(drawing: Drawing): Rect | undefined {
  const { now } = useStore.getState()
  const known = now && rectOf(drawing, machineOf(now.room))
  if (known) return known
  const [most] = Object.values(drawing.boxes).sort((a, b) => b.rooms.length - a.rooms.length)
  return most && rectOf(drawing, most.id)
}

function rectOf({ boxes, places }: Drawing, room: string): Rect | undefined {
  const machine = machineOf(room)
  const [box, place] = [boxes[machine], places[machine]]
  if (!box || !place) return undefined
  const own = box.rooms.find((one) => one.room.id === room)
  return own
    ? { x: place.x + own.x, y: place.y + own.y, w: own.w, h: own.h }
    : { x: place.x, y: place.y, w: box.w, h: box.h }
}
