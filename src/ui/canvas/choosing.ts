/** Selecting things on the canvas, and joining two of them. */
import { edit } from '../client/document.ts'
import { select, useStore } from '../client/store.ts'
import { useCanvas } from './canvasStore.ts'

/** A click on a thing: selects it, adds it (Shift, Ctrl), or ends a cable that was begun. */
export function choose(
  event: { stopPropagation(): void; shiftKey: boolean; ctrlKey: boolean; metaKey: boolean },
  id: string,
): void {
  event.stopPropagation()
  const from = useCanvas.getState().connectFrom
  if (from !== null && from !== id) {
    useCanvas.setState({ connectFrom: null })
    void join(from, id)
    return
  }
  const { selection } = useStore.getState()
  if (!event.shiftKey && !event.ctrlKey && !event.metaKey) select([id])
  else if (selection.includes(id)) select(selection.filter((one) => one !== id))
  else select([...selection, id])
}

/** A cable between machines, a veth pair inside one. */
export async function join(a: string, b: string): Promise<void> {
  if (a === b) return
  await edit({ op: 'connect', a, b })
}

/** The room, port or bridge that a point of the screen belongs to, '' for none. */
export function thingAt(x: number, y: number): string {
  for (const element of document.elementsFromPoint(x, y)) {
    const found = element.closest<HTMLElement>('[data-connect]')
    if (found?.dataset.connect) return found.dataset.connect
  }
  return ''
}

/** A handle's id without the mark of a room's grip. */
export function endId(handle: string): string {
  return handle.startsWith('room:') ? handle.slice(5) : handle
}
