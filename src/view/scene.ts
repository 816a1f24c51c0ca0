/** The picture of a world: machines, rooms, ports, and what joins the ports. And what changed between two pictures. */
import { formatIp, formatMac, isLinkLocal } from '../base/addr.ts'
import type { Link, Netns, World } from '../net/types.ts'
import { findNetns, registryOf } from '../net/world.ts'
import { stationsOf } from './stations.ts'
import type { MachineRole, Scene, SceneDiff, SceneEdge, SceneMachine, ScenePort, SceneRoom } from './types.ts'

/** What the lab file says of a machine's place and look; the world does not know it. */
export interface ScenePlace {
  role: MachineRole
  x: number | null
  y: number | null
}

export type ScenePlaces = ReadonlyMap<string, ScenePlace>

const DEFAULT_LATENCY_NS: Readonly<Record<string, number>> = { veth: 10_000, phys: 50_000 }
const BR_STATE_FORWARDING = 3

/** The whole picture. Machines in the order they were made; one that `places` does not know is an unplaced host. */
export function sceneOf(world: World, places: ScenePlaces): Scene {
  const rooms = new Map<string, SceneRoom[]>()
  const edges: SceneEdge[] = []
  const registry = registryOf(world)
  for (const [name, id] of registry.netns) {
    const ns = findNetns(world, id)
    // A namespace whose name was deleted lives on under a name with '#' until its last process ends.
    if (ns === undefined || name.includes('#')) continue
    const machine = machineOf(name)
    const list = rooms.get(machine)
    if (list === undefined) rooms.set(machine, [roomOf(ns)])
    else list.push(roomOf(ns))
    addEdges(world, ns, edges)
  }
  const machines: SceneMachine[] = []
  for (const [id, list] of rooms) {
    const place = places.get(id) ?? { role: 'host', x: null, y: null }
    list.sort((a, b) => Number(a.name !== '') - Number(b.name !== ''))
    machines.push({ id, role: place.role, x: place.x, y: place.y, rooms: list })
  }
  return { machines, edges }
}

/** What to tell somebody who has `before` so that `applyScene` makes it `after`; null where nothing changed. */
export function diffScene(before: Scene, after: Scene): SceneDiff | null {
  const machines = changed(before.machines, after.machines)
  const edges = changed(before.edges, after.edges)
  const order = after.machines.map((machine) => machine.id)
  const sameOrder = sameList(
    order,
    before.machines.map((machine) => machine.id),
  )
  const removedMachines = removed(before.machines, after.machines)
  const removedEdges = removed(before.edges, after.edges)
  const changes = machines.length + edges.length + removedMachines.length + removedEdges.length
  if (changes === 0 && sameOrder) return null
  return { machines, removedMachines, edges, removedEdges, order: sameOrder ? null : order }
}

/** The picture after a difference. Edges keep their place; new ones come last. */
export function applyScene(before: Scene, diff: SceneDiff): Scene {
  const machines = patched(before.machines, diff.machines, diff.removedMachines)
  const edges = patched(before.edges, diff.edges, diff.removedEdges)
  if (diff.order === null) return { machines, edges }
  const byId = new Map(machines.map((machine) => [machine.id, machine]))
  return { machines: diff.order.flatMap((id) => byId.get(id) ?? []), edges }
}

/** `MACHINE` of a namespace's full name. */
export function machineOf(room: string): string {
  const dot = room.indexOf('.')
  return dot < 0 ? room : room.slice(0, dot)
}

/** `ROOM/IFNAME`. */
export function portId(ns: Netns, link: Link): string {
  return `${ns.name}/${link.name}`
}

/** The id of an edge between two ports: the smaller id first. */
export function edgeId(a: string, b: string): string {
  return a < b ? `${a}--${b}` : `${b}--${a}`
}

function roomOf(ns: Netns): SceneRoom {
  const dot = ns.name.indexOf('.')
  const ports: ScenePort[] = []
  const stations = stationsOf(ns)
  for (const link of ns.links) if (link !== undefined) ports.push(portOf(ns, link))
  return {
    id: ns.name,
    name: dot < 0 ? '' : ns.name.slice(dot + 1),
    ns: ns.id,
    forwarding: ns.confAll.forwarding !== 0,
    ports,
    ...(stations === undefined ? {} : { stations }),
  }
}

function portOf(ns: Netns, link: Link): ScenePort {
  const master = link.master === 0 ? undefined : ns.links[link.master]
  const lower = link.lower === 0 ? undefined : ns.links[link.lower]
  return {
    id: portId(ns, link),
    ns: ns.id,
    ifindex: link.ifindex,
    name: link.name,
    kind: link.kind,
    mac: formatMac(link.mac),
    mtu: link.mtu,
    addrs: addrsOf(link),
    state: link.up ? (link.carrier ? 'up' : 'no-carrier') : 'down',
    master: master === undefined ? '' : portId(ns, master),
    lower: lower === undefined ? '' : portId(ns, lower),
    blocked: isBlocked(link, master),
  }
}

function addrsOf(link: Link): string[] {
  const first: string[] = []
  const last: string[] = []
  for (const { addr, len } of link.addrs) {
    const list = typeof addr === 'string' && isLinkLocal(addr) ? last : first
    list.push(`${formatIp(addr)}/${len}`)
  }
  return last.length === 0 ? first : first.concat(last)
}

function isBlocked(link: Link, master: Link | undefined): boolean {
  if (link.port === null || !link.up || !link.carrier) return false
  return master?.bridge?.stp === true && link.port.state !== BR_STATE_FORWARDING
}

/** Each pair of ends once: seen from the end with the smaller (namespace, index). */
function addEdges(world: World, ns: Netns, edges: SceneEdge[]): void {
  for (const link of ns.links) {
    if (link === undefined || link.peer === null) continue
    const far = findNetns(world, link.peer.ns)
    const peer = far?.links[link.peer.ifindex]
    if (far === undefined || peer === undefined) continue
    if (far.id < ns.id || (far.id === ns.id && peer.ifindex < link.ifindex)) continue
    const here = portId(ns, link)
    const there = portId(far, peer)
    edges.push({
      id: edgeId(here, there),
      kind: link.kind === 'phys' ? 'cable' : 'veth',
      a: here,
      b: there,
      up: link.up && link.carrier && peer.up && peer.carrier,
      note: wireNote(link, peer),
    })
  }
}

/** What is unusual about a wire; where the two directions differ, both values. */
function wireNote(a: Link, b: Link): string {
  const usual = DEFAULT_LATENCY_NS[a.kind] ?? 0
  const notes: string[] = []
  const latency = (link: Link) =>
    link.wire.latencyNs === usual ? '' : `${number(link.wire.latencyNs / 1e6)} ms`
  const loss = (link: Link) => (link.wire.lossPpm === 0 ? '' : `${number(link.wire.lossPpm / 1e4)} %`)
  const rate = (link: Link) => (link.wire.rateBps === 0 ? '' : `${number(link.wire.rateBps / 1e6)} Mbit/s`)
  addNote(notes, 'latency ', latency(a), latency(b))
  addNote(notes, 'loss ', loss(a), loss(b))
  addNote(notes, '', rate(a), rate(b))
  return notes.join(', ')
}

function addNote(notes: string[], name: string, a: string, b: string): void {
  if (a === '' && b === '') return
  notes.push(a === b ? name + a : `${name}${a === '' ? 'usual' : a} / ${b === '' ? 'usual' : b}`)
}

function number(value: number): string {
  return String(Math.round(value * 1000) / 1000)
}

function changed<T extends { id: string }>(before: readonly T[], after: readonly T[]): T[] {
  const known = new Map(before.map((item) => [item.id, item]))
  return after.filter((item) => !same(known.get(item.id), item))
}

function removed<T extends { id: string }>(before: readonly T[], after: readonly T[]): string[] {
  const left = new Set(after.map((item) => item.id))
  return before.filter((item) => !left.has(item.id)).map((item) => item.id)
}

function patched<T extends { id: string }>(
  before: readonly T[],
  news: readonly T[],
  gone: readonly string[],
): T[] {
  const fresh = new Map(news.map((item) => [item.id, item]))
  const list: T[] = []
  for (const item of before) {
    if (gone.includes(item.id)) continue
    list.push(fresh.get(item.id) ?? item)
    fresh.delete(item.id)
  }
  return list.concat([...fresh.values()])
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}

/** Structural equality of scene values: records, arrays and primitives. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const ka = Object.keys(a)
  if (ka.length !== Object.keys(b).length) return false
  for (const key of ka) {
    if (!same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])) return false
  }
  return true
}
