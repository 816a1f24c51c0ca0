/** Brings a machine into the part of the picture that the dialog leaves free. */
import { useCanvas } from '../canvas/canvasStore.ts'

/** A narrower strip than this, in pixels, is none: then the dialog hides the picture anyhow. */
const LEAST = 200
/** A machine that has just been made is drawn a little later. */
const WAIT_MS = 3000
/** And grows as its commands run. */
const GROWN_MS = 250

export function showBeside(machine: string): void {
  if (useCanvas.getState().drawing.boxes[machine] !== undefined) {
    show(machine)
    return
  }
  const stop = useCanvas.subscribe(({ drawing }) => {
    if (drawing.boxes[machine] === undefined) return
    stop()
    setTimeout(() => show(machine), GROWN_MS)
  })
  setTimeout(stop, WAIT_MS)
}

function show(machine: string): void {
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
  const hidden = left === canvas.left ? 0 : (box.w * covered) / free
  showPart({ x: place.x - hidden, y: place.y, w: hidden + box.w, h: box.h })
}
