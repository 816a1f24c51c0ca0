/** Between tables and picture: what a cell found on the canvas, and what the pointer is on there. */
import { create } from 'zustand'
import type { StationId } from '../../view/types.ts'
import type { SceneState } from '../client/store.ts'
import { useCanvas } from './canvasStore.ts'
import { lookInside, useInside } from './insideStore.ts'
import { machineOf } from './place.ts'

/** `id`: the port that was found; `under`: the port under the pointer. '' for none. */
export const useFound = create<{ id: string; under: string }>(() => ({ id: '', under: '' }))

/** Marks a port on the canvas and brings its machine into sight. */
export function findPort(id: string): void {
  useFound.setState({ id })
  useCanvas.getState().reveal(machineOf(id))
}

/** Opens a station of a room, as a click on it does. */
export async function findStation(room: string, station: StationId): Promise<void> {
  if (await lookInside(machineOf(room))) useInside.setState({ pinned: { room, station } })
}

/** The port that has an address, the subject's own namespace and machine first; undefined for none. */
export function portWith(scene: SceneState, room: string, addr: string): string | undefined {
  let best: string | undefined
  const machine = machineOf(room)
  for (const { id: other, rooms } of Object.values(scene.machines)) {
    for (const { id, ports } of rooms) {
      const port = ports.find(({ addrs }) => addrs.some((one) => one.split('/')[0] === addr))
      if (!port || port.kind === 'loopback') continue
      if (id === room) return port.id
      if (best === undefined || other === machine) best = port.id
    }
  }
  return best
}
