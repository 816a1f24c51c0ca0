/** Which machine is looked into: its hooks are drawn in its frame. What draws them is loaded when first wanted. */
import { create } from 'zustand'
import type { ComponentType } from 'react'
import type { SceneMachine, StationId } from '../../view/types.ts'
import { useStore } from '../client/store.ts'
import type { MachineBox } from './boxes.ts'

export interface Parts {
  /** The box with the rails of the machine's hooks in it. */
  grow: (box: MachineBox, machine: SceneMachine) => MachineBox
  Rails: ComponentType<{ box: MachineBox }>
  Card: ComponentType
}

interface InsideState {
  machine: string | null
  /** Zooming in opens it, and zooming out closes what zooming has opened. */
  by: 'choice' | 'zoom'
  /** A station whose tables are shown beside it, null for none. */
  pinned: { room: string; station: StationId } | null
  parts: Parts | null
}

export const useInside = create<InsideState>(() => ({
  machine: null,
  by: 'choice',
  pinned: null,
  parts: null,
}))

/** Whether a machine has hooks to look at. */
export function hasStations(machine: SceneMachine | undefined): boolean {
  return machine?.rooms.some((room) => room.stations !== undefined) ?? false
}

/** Looks into a machine; null leaves. */
export async function lookInside(machine: string | null, by: InsideState['by'] = 'choice'): Promise<boolean> {
  if (machine !== null && !hasStations(useStore.getState().scene.machines[machine])) return false
  if (machine !== null) await loadInside()
  const before = useInside.getState()
  if (before.machine === machine) return true
  useInside.setState({ machine, by, pinned: null })
  return true
}

/** Loads what draws the hooks, once. */
export async function loadInside(): Promise<void> {
  if (useInside.getState().parts !== null) return
  const { inside } = await import('./inside.ts')
  if (useInside.getState().parts === null) useInside.setState({ parts: inside })
}
