/** The view goes where the shown step is: into the machine whose hook or route decides, and out again. */
import { stepAt, useCursor } from '../client/cursor.ts'
import { useStore } from '../client/store.ts'
import { useCanvas } from './canvasStore.ts'
import { hasStations, lookInside, useInside } from './insideStore.ts'
import { machineOf } from './place.ts'

/** Follows from now on. */
export function followPacket(): void {
  useInside.subscribe((state, before) => {
    // Before the parts had come the drawing could not be made.
    if (state.machine !== null && state.machine !== before.machine && state.by === 'choice') {
      setTimeout(() => showRails(state.machine!))
    } else if (state.machine === null && before.machine !== null && state.by === 'choice') {
      setTimeout(() => useCanvas.getState().fit())
    }
  })
  useCursor.subscribe((state, before) => {
    if (state.cursor !== before.cursor && state.cursor)
      void goTo(state.cursor.room, before.cursor?.room ?? '')
  })
  const { cursor } = useCursor.getState()
  if (cursor) void goTo(cursor.room, '')
  const { machine, by } = useInside.getState()
  if (machine !== null && by === 'choice') setTimeout(() => showRails(machine))
}

async function goTo(room: string, before: string): Promise<void> {
  const machine = machineOf(room)
  const { machine: open } = useInside.getState()
  useInside.setState({ pinned: null })
  const { scene } = useStore.getState()
  const stations = scene.machines[machine]?.rooms.find((one) => one.id === room)?.stations
  const wanted = stepAt(useCursor.getState().cursor)?.station !== '' && stations !== undefined
  if (wanted && hasStations(scene.machines[machine])) {
    await lookInside(machine)
    // Another namespace of the machine that is open already.
    if (open === machine && room !== before) showRails(machine)
  } else if (open !== null && open !== machine) await lookInside(null)
}

function showRails(machine: string): void {
  const { drawing, showPart } = useCanvas.getState()
  const [box, place] = [drawing.boxes[machine], drawing.places[machine]]
  const rails = box?.rails
  if (!place || !rails?.length) return
  const room = useCursor.getState().cursor?.room
  const own = rails.find((rail) => rail.room === room)
  const [first, last] = own ? [own, own] : [rails[0]!, rails.at(-1)!]
  const h = Math.min(last.y + last.h - first.y, 320)
  showPart({ x: place.x + first.x, y: place.y + first.y, w: first.w, h })
}
