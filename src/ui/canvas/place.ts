/** Where machines stand: as the lab says, as they stood before, or laid out by dagre; the same input, the same places. */
import { Graph, layout } from '@dagrejs/dagre'
import type { SceneMachine } from '../../view/types.ts'
import type { SceneState } from '../client/store.ts'
import { layoutMachine } from './boxes.ts'

export interface Place {
  x: number
  y: number
}
export type Places = Record<string, Place>

const GAP = 72

/**
 * A place for every machine. `before` is kept for machines that the lab does not place;
 * a machine that is new among known ones goes beside them without moving any.
 */
export function placeMachines(scene: SceneState, before: Places): Places {
  const places: Places = {}
  const unplaced: string[] = []
  for (const id of scene.order) {
    const machine = scene.machines[id]!
    if (machine.x !== null && machine.y !== null) places[id] = { x: machine.x, y: machine.y }
    else if (before[id]) places[id] = before[id]
    else unplaced.push(id)
  }
  if (unplaced.length === 0) return places
  const laid = laidOut(scene, unplaced)
  const known = Object.keys(places)
  const offset = known.length === 0 ? { x: 0, y: 0 } : besides(scene, places, known)
  for (const id of unplaced) places[id] = { x: laid[id]!.x + offset.x, y: laid[id]!.y + offset.y }
  return places
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

function laidOut(scene: SceneState, ids: string[]): Places {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: 'LR', ranksep: GAP + 24, nodesep: GAP - 28, marginx: 0, marginy: 0 })
  graph.setDefaultEdgeLabel(() => ({}))
  const wanted = new Set(ids)
  for (const id of ids) {
    const { w, h } = roughSize(scene, id)
    graph.setNode(id, { width: w, height: h })
  }
  const edges = Object.values(scene.edges).sort((a, b) => (a.id < b.id ? -1 : 1))
  for (const edge of edges) {
    const [a, b] = [machineOf(edge.a), machineOf(edge.b)]
    if (a !== b && wanted.has(a) && wanted.has(b)) graph.setEdge(a, b, {}, edge.id)
  }
  if (graph.edgeCount() === 0) return inGrid(scene, ids)
  layout(graph)
  const places: Places = {}
  for (const id of ids) {
    const node = graph.node(id) as { x: number; y: number; width: number; height: number }
    places[id] = { x: Math.round(node.x - node.width / 2), y: Math.round(node.y - node.height / 2) }
  }
  return places
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
