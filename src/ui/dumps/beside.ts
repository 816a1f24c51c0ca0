/** Brings a machine into the part of the picture that the dialog leaves free. */
import { useCanvas } from '../canvas/canvasStore.ts'

/** A narrower strip than this, in pixels, is none: then the dialog hides the picture anyhow. */
const LEAST = 200
/** A machine that has just been made is drawn a little later. */
const WAIT_MS = 3000
/** And it, and the dialog, have not got their size at once. */
const GROWN_MS = 250
/** Smaller than this nothing is read: a machine that does not fit begins at the left. */
const LEAST_ZOOM = 0.8

/** A machine that the lab has just been given. */
export function showMade(machine: string): void {
  const later = () => setTimeout(() => showBeside(machine), GROWN_MS)
  if (useCanvas.getState().drawing.boxes[machine] !== undefined) {
    later()
    return
  }
  const stop = useCanvas.subscribe(({ drawing }) => {
    if (drawing.boxes[machine] === undefined) return
    stop()
    later()
  })
  setTimeout(stop, WAIT_MS)
}

export function showBeside(machine: string): void {
  const { drawing, showPart } = useCanvas.getState()
  const [box, place] = [drawing.boxes[machine], drawing.places[machine]]
  const canvas = document.getElementById('canvas')?.getBoundingClientRect()
  const dialog = document.querySelector('.dialog.dumps')?.getBoundingClientRect()
  if (!box || !place || !canvas) return
  const covered = dialog ? Math.max(0, dialog.right - canvas.left) : 0
  const free = canvas.width - covered
  const left = free < LEAST ? canvas.left : canvas.left + covered
  const shown = document.querySelector(`[data-machine="${CSS.escape(machine)}"]`)?.getBoundingClientRect()
  if (shown && shown.left >= left && shown.right <= canvas.right && shown.top >= canvas.top) return
  // What lies under the dialog counts as part of the rectangle, to the machine's left.
  const under = left === canvas.left ? 0 : covered
  const zoom = Math.max(LEAST_ZOOM, (canvas.width - under - 32) / box.w)
  showPart({ x: place.x - under / zoom, y: place.y, w: (canvas.width - 32) / zoom, h: box.h })
}
