/** Where machines stand: as the lab says, as they stood before, or laid out; the same input, the same places. */
import type { SceneMachine } from '../../view/types.ts'
import type { SceneState } from '../client/store.ts'
import { layoutMachine } from './boxes.ts'

export interface Place {
  x: number
  y: number
}
export type Places = Record<string, Place>

export const GAP = 72

/**
 * A place for every machine. `before` is kept for machines that the lab does not place;
 * a machine that is new among known ones goes beside them without moving any.
 */
export function placeMachines(scene: SceneState, before: Places, layOut: Layouter | null): Places {
  const { places, unplaced } = settled(scene, before)
  if (unplaced.length === 0) return places
  const cabled = layOut && cablesAmong(scene, unplaced).length > 0
  const laid = cabled ? layOut(scene, unplaced) : inGrid(scene, unplaced)
  const known = Object.keys(places)
  const offset = known.length === 0 ? { x: 0, y: 0 } : besides(scene, places, known)
  for (const id of unplaced) places[id] = { x: laid[id]!.x + offset.x, y: laid[id]!.y + offset.y }
  return places
}

/** Between machines that had to make room. */
const ROOM = 28
/** Nearer than this, machines were laid upon each other on purpose. */
const APART = 60

/**
 * How far machines step aside for those before them (from the left, then from the top) that are larger than the lab
 * foresaw: right or down, whichever is less. Those in `free` are being moved by hand: they neither step nor push.
 */
export function stepAside(
  own: Places,
  sizes: Record<string, { w: number; h: number }>,
  free: Set<string>,
): Places {
  const ids = Object.keys(own).filter((id) => sizes[id] && !free.has(id))
  ids.sort((a, b) => own[a]!.x - own[b]!.x || own[a]!.y - own[b]!.y || (a < b ? -1 : 1))
  const stands: Places = {}
  const aside: Places = {}
  for (const id of ids) {
    const { w, h } = sizes[id]!
    const at = { ...own[id]! }
    for (const other of Object.keys(stands)) {
      const { x, y } = stands[other]!
      const right = x + sizes[other]!.w
      const bottom = y + sizes[other]!.h
      const meant =
        Math.max(Math.abs(own[id]!.x - own[other]!.x), Math.abs(own[id]!.y - own[other]!.y)) < APART
      if (meant || at.x >= right || at.x + w <= x || at.y >= bottom || at.y + h <= y) continue
      if (right - at.x <= bottom - at.y) at.x = right + ROOM
      else at.y = bottom + ROOM
    }
    stands[id] = at
    const by = { x: at.x - own[id]!.x, y: at.y - own[id]!.y }
    if (by.x !== 0 || by.y !== 0) aside[id] = by
  }
  return aside
}

/** Places for some machines by the cables among them (see layOut.ts, loaded when first needed). */
export type Layouter = (scene: SceneState, ids: string[]) => Places

/** Whether some machines without a place are joined by cables, so that rows would not do. */
export function wantsLayout(scene: SceneState, before: Places): boolean {
  return cablesAmong(scene, settled(scene, before).unplaced).length > 0
}

/** The cables between some machines, by id. */
export function cablesAmong(scene: SceneState, ids: string[]): { id: string; a: string; b: string }[] {
  const wanted = new Set(ids)
  return Object.values(scene.edges)
    .map((edge) => ({ id: edge.id, a: machineOf(edge.a), b: machineOf(edge.b) }))
    .filter(({ a, b }) => a !== b && wanted.has(a) && wanted.has(b))
    .sort((one, other) => (one.id < other.id ? -1 : 1))
}

function settled(scene: SceneState, before: Places): { places: Places; unplaced: string[] } {
  const places: Places = {}
  const unplaced: string[] = []
  for (const id of scene.order) {
    const machine = scene.machines[id]!
    if (machine.x !== null && machine.y !== null) places[id] = { x: machine.x, y: machine.y }
    else if (before[id]) places[id] = before[id]
    else unplaced.push(id)
  }
  return { places, unplaced }
}

/** Width and height of a machine whose neighbours are to its left and right. */
export function roughSize(scene: SceneState, id: string): { w: number; h: number } {
  const machine = scene.machines[id]!
  const known = sizes.get(machine)
  if (known) return known
  const peers = peersIn(scene)
  const { w, h } = layoutMachine(machine, {
    peerOf: (port) => peers.get(port) ?? '',
    towards: (peer) => ({ side: machineOf(peer) < id ? 'left' : 'right', order: 0 }),
  })
  sizes.set(machine, { w, h })
  return { w, h }
}

const sizes = new WeakMap<SceneMachine, { w: number; h: number }>()
const peerCache = new WeakMap<SceneState['edges'], Map<string, string>>()

/** Port to port, both ways. */
export function peersIn(scene: SceneState): Map<string, string> {
  const known = peerCache.get(scene.edges)
  if (known) return known
  const peers = new Map<string, string>()
  for (const edge of Object.values(scene.edges)) {
    peers.set(edge.a, edge.b)
    peers.set(edge.b, edge.a)
  }
  peerCache.set(scene.edges, peers)
  return peers
}

/** Machines without any cable: rows. */
function inGrid(scene: SceneState, ids: string[]): Places {
  const cols = Math.ceil(Math.sqrt(ids.length))
  const sizes = ids.map((id) => roughSize(scene, id))
  const w = Math.max(...sizes.map((size) => size.w)) + GAP / 2
  const h = Math.max(...sizes.map((size) => size.h)) + GAP / 2
  return Object.fromEntries(ids.map((id, i) => [id, { x: (i % cols) * w, y: Math.floor(i / cols) * h }]))
}

/** To the right of everything that stands already. */
function besides(scene: SceneState, places: Places, known: string[]): Place {
  const right = Math.max(...known.map((id) => places[id]!.x + roughSize(scene, id).w))
  const top = Math.min(...known.map((id) => places[id]!.y))
  return { x: right + GAP, y: top }
}

/** `MACHINE` of a room's or port's id. */
export function machineOf(id: string): string {
  const end = id.search(/[./]/)
  return end < 0 ? id : id.slice(0, end)
}
