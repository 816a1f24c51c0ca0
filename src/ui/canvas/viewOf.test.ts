import { expect, it } from 'vitest'
import { setPrefs, useStore } from '../client/store.ts'
import { useCanvas } from './canvasStore.ts'
import { type Drawing, emptyDrawing } from './drawing.ts'
import { useLayerSlot } from './layerSlot.ts'
import { aside, inSight, viewOf } from './viewOf.ts'

/** Two machines of 400 by 200 beside each other, the second one with a room at its right end. */
function drawing(): Drawing {
  const box = (id: string, rooms: unknown[]) => ({ id, w: 400, h: 200, top: 20, rooms, bars: [], ports: [] })
  const room = { room: { id: 'b.web', name: 'web' }, x: 300, y: 60, w: 80, h: 60 }
  return {
    ...emptyDrawing,
    boxes: { a: box('a', []), b: box('b', [room]) },
    places: { a: { x: 0, y: 0 }, b: { x: 500, y: 0 } },
  } as unknown as Drawing
}

/** Where a rectangle of the drawing stands in a view. */
function seen(
  { x, y, zoom }: ReturnType<typeof viewOf>,
  rect: { x: number; y: number; w: number; h: number },
) {
  return {
    left: rect.x * zoom + x,
    top: rect.y * zoom + y,
    right: (rect.x + rect.w) * zoom + x,
    bottom: (rect.y + rect.h) * zoom + y,
  }
}

it('has what stands above a machine in sight, and to the right of it', () => {
  setPrefs({ invited: false })
  // Before the cluster's layer has come there is nothing above.
  const plain = viewOf(drawing(), 1000, 360)
  useLayerSlot.setState({
    heads: { b: { w: 600, h: 90 } },
    upOf: (zoom) => Math.min(1.7, Math.max(1, 1 / zoom)),
  })
  const view = viewOf(drawing(), 1000, 360)
  const up = Math.max(1, 1 / view.zoom)
  const head = seen(view, { x: 500, y: -90 * up, w: 600 * up, h: 90 * up })
  expect(head.top).toBeGreaterThanOrEqual(38)
  expect(head.right).toBeLessThanOrEqual(1000)
  expect(view.zoom).toBeLessThan(plain.zoom)
  expect(inSight(drawing(), [view.x, view.y, view.zoom], 1000, 360)).toBe(true)
  expect(inSight(drawing(), [plain.x, plain.y, plain.zoom], 1000, 360)).toBe(false)
  useLayerSlot.setState({ heads: {}, upOf: () => 1 })
})

it('on a phone shows the part where something happens, large enough to read, and goes where it goes on', () => {
  const all = drawing()
  useCanvas.setState({ drawing: all })
  useStore.setState({ now: { type: 'now', event: 1, at: 0, room: 'b.web', steps: [] } })
  const view = viewOf(all, 390, 700)
  expect(view.zoom).toBeGreaterThanOrEqual(0.74)
  const web = seen(view, { x: 800, y: 60, w: 80, h: 60 })
  expect([web.left >= 0, web.right <= 390, web.top >= 0, web.bottom <= 700]).toEqual([true, true, true, true])
  expect(aside(view, 'b.web', 390, 700)).toBeUndefined()
  const moved = aside(view, 'a', 390, 700)!
  const a = seen(moved, { x: 0, y: 0, w: 400, h: 200 })
  expect([a.left >= 0, a.right <= 390]).toEqual([true, true])
  // On a wide page everything is in sight: nothing goes anywhere.
  expect(aside(viewOf(all, 1000, 700), 'a', 1000, 700)).toBeUndefined()
  expect(viewOf(all, 1000, 700).zoom).toBeGreaterThan(0.74)
})
