/** The canvas' own state: where machines stand and what is drawn. Follows the scene of the page's store. */
import { create } from 'zustand'
import { useCursor } from '../client/cursor.ts'
import { type SceneState, useStore } from '../client/store.ts'
import { type Drawing, draw, emptyDrawing, type Inside, ownPlaces } from './drawing.ts'
import { loadInside, lookInside, useInside } from './insideStore.ts'
import { type Layouter, type Place, type Places, placeMachines, wantsLayout } from './place.ts'

interface CanvasState {
  drawing: Drawing
  /** First end of a cable that is being drawn by keyboard or by choosing, null for none. */
  connectFrom: string | null
  /** Middle of the view in drawing coordinates, kept by the canvas for insertion by keyboard. */
  centre: () => Place
  fit: () => void
  /** Fits unless somebody has moved the view by hand. */
  refit: () => void
  /** Moves the view just so far that a machine is wholly in sight. */
  reveal: (machine: string) => void
  zoomBy: (factor: number) => void
  /** Brings a rectangle of the drawing into the upper part of the view, large enough to read. */
  showPart: (rect: { x: number; y: number; w: number; h: number }) => void
  /** Grows when the whole picture was replaced: then the view is fitted. */
  fitRequest: number
  /** Somebody is drawing: what is added must not move the view under the pointer. */
  drawn: boolean
}

export const useCanvas = create<CanvasState>(() => ({
  drawing: emptyDrawing,
  connectFrom: null,
  centre: () => ({ x: 0, y: 0 }),
  fit: () => {},
  refit: () => {},
  reveal: () => {},
  zoomBy: () => {},
  showPart: () => {},
  fitRequest: 0,
  drawn: false,
}))

/** Moves machines on the picture only (while they are dragged). */
export function moveOnPicture(moved: Places): void {
  const { drawing } = useCanvas.getState()
  const inside = insideNow()
  const places = inside
    ? ownPlaces({ ...drawing, places: { ...drawing.places, ...moved } })
    : { ...ownPlaces(drawing), ...moved }
  const { scene } = useStore.getState()
  useCanvas.setState({ drawing: draw(scene, places, drawing, inside, Object.keys(moved)) })
}

/** Follows the scene from now on; answers a function that stops. */
export function followScene(): () => void {
  redraw(useStore.getState().scene, true)
  const stop = useStore.subscribe((state, before) => {
    // A document that is being opened has no first event yet.
    if (state.scene !== before.scene) redraw(state.scene, before.floor === null)
    if (state.doc.origin !== before.doc.origin) void lookInside(null)
  })
  const stopInside = useInside.subscribe((state, before) => {
    if (state.machine === before.machine) return
    const { drawing } = useCanvas.getState()
    const { scene } = useStore.getState()
    useCanvas.setState({ drawing: draw(scene, ownPlaces(drawing), drawing, insideNow()) })
  })
  // Steps inside an event are shown at the stations where they happen.
  const stopCursor = useCursor.subscribe(({ cursor }) => {
    if (cursor !== null) void loadInside()
  })
  return () => {
    stop()
    stopInside()
    stopCursor()
  }
}

function insideNow(): Inside | null {
  const { machine, parts } = useInside.getState()
  return machine !== null && parts ? { machine, grow: parts.grow } : null
}

let layOut: Layouter | null = null
let replacedAt = 0
const GROWING_MS = 2000

/** `opened`: another lab; places of machines that happen to have the same name mean nothing for it. */
function redraw(scene: SceneState, opened: boolean): void {
  const { drawing, fitRequest, drawn } = useCanvas.getState()
  const before = opened ? {} : ownPlaces(drawing)
  if (!layOut && wantsLayout(scene, before)) {
    void import('./layOut.ts').then((module) => {
      layOut = module.layOut
      redraw(useStore.getState().scene, opened)
    })
    return
  }
  const known = scene.order.some((id) => before[id])
  const { past } = useStore.getState().doc
  if (!known) replacedAt = performance.now()
  // A lab that has just been opened goes on growing for a moment.
  const growing = !drawn && (opened || past.length === 0) && performance.now() - replacedAt < GROWING_MS
  const places = placeMachines(scene, before, layOut)
  useCanvas.setState({
    drawing: draw(scene, places, drawing, insideNow()),
    fitRequest: growing ? fitRequest + 1 : fitRequest,
  })
}
