/** The whole drawing from scene and places: boxes, wires and their paths. Unchanged machines and wires keep identity. */
import type { SceneEdge, SceneMachine, ScenePort } from '../../view/types.ts'
import type { SceneState } from '../client/store.ts'
import { layoutMachine, type MachineBox, type PortBox, type Side } from './boxes.ts'
import { type WirePath, wirePath } from './paths.ts'
import { machineOf, peersIn, type Place, type Places, roughSize, stepAside } from './place.ts'

export interface Wire {
  edge: SceneEdge
  path: WirePath
}

export interface Drawing {
  boxes: Record<string, MachineBox>
  places: Places
  wires: Record<string, Wire>
  /** Port box by port id, and port id by `NS:IFINDEX`. */
  ports: Record<string, PortBox>
  byIndex: Map<string, string>
  wireOfPort: Map<string, string>
  /** How far machines stand aside for the one that is looked into: `places` less these are their own places. */
  aside: Places
  version: number
}

/** The machine that is looked into, and how its box grows. */
export interface Inside {
  machine: string
  grow: (box: MachineBox, machine: SceneMachine) => MachineBox
}

export const emptyDrawing: Drawing = {
  boxes: {},
  places: {},
  wires: {},
  ports: {},
  byIndex: new Map(),
  wireOfPort: new Map(),
  aside: {},
  version: 0,
}

/** `held`: machines that are being moved by hand. */
export function draw(
  scene: SceneState,
  own: Places,
  before: Drawing,
  inside: Inside | null = null,
  held: readonly string[] = [],
): Drawing {
  const aside: Places = {}
  const places = { ...own }
  const peers = peersIn(scene)
  const wireOfPort = new Map<string, string>()
  for (const edge of Object.values(scene.edges)) {
    wireOfPort.set(edge.a, edge.id)
    wireOfPort.set(edge.b, edge.id)
  }
  const drawing: Drawing = {
    boxes: {},
    places,
    wires: {},
    ports: {},
    byIndex: new Map(),
    wireOfPort,
    aside,
    version: before.version + 1,
  }
  for (const id of scene.order) {
    const machine = scene.machines[id]!
    const plain = boxOf(scene, machine, own, peers)
    const box = inside?.machine === id ? inside.grow(plain, machine) : plain
    if (box !== plain) standAside(drawing, own, plain, box)
    const old = before.boxes[id]
    const kept = old && sameBox(old, box) ? old : box
    drawing.boxes[id] = kept
    for (const port of kept.ports) drawing.ports[port.id] = port
    for (const room of machine.rooms) {
      for (const port of room.ports) drawing.byIndex.set(indexKey(port), port.id)
    }
  }
  if (!inside) {
    for (const [id, by] of Object.entries(stepAside(own, drawing.boxes, new Set(held)))) {
      aside[id] = by
      places[id] = { x: own[id]!.x + by.x, y: own[id]!.y + by.y }
    }
  }
  for (const edge of Object.values(scene.edges)) {
    const wire = wireOf(edge, drawing, before)
    if (wire) drawing.wires[edge.id] = wire
  }
  return drawing
}

/** Machines to the right of what grew and below it move by as much. */
function standAside(drawing: Drawing, own: Places, plain: MachineBox, grown: MachineBox): void {
  const { x, y } = own[plain.id]!
  for (const [id, place] of Object.entries(own)) {
    if (id === plain.id) continue
    const dx = place.x >= x + plain.w - 1 ? grown.w - plain.w : 0
    const dy = place.y >= y + plain.h - 1 ? grown.h - plain.h : 0
    if (dx === 0 && dy === 0) continue
    drawing.aside[id] = { x: dx, y: dy }
    drawing.places[id] = { x: place.x + dx, y: place.y + dy }
  }
}

/** Where machines stand when nobody looks into one. */
export function ownPlaces({ places, aside }: Drawing): Places {
  const own = { ...places }
  for (const [id, by] of Object.entries(aside)) {
    const place = own[id]
    if (place) own[id] = { x: place.x - by.x, y: place.y - by.y }
  }
  return own
}

function indexKey(port: ScenePort): string {
  return `${port.ns}:${port.ifindex}`
}

function boxOf(
  scene: SceneState,
  machine: SceneMachine,
  places: Places,
  peers: Map<string, string>,
): MachineBox {
  const own = centre(scene, machine.id, places)
  return layoutMachine(machine, {
    peerOf: (port) => peers.get(port) ?? '',
    towards(peer) {
      const id = machineOf(peer)
      if (id === machine.id || !scene.machines[id]) return { side: 'bottom', order: 0 }
      const other = centre(scene, id, places)
      const dx = other.x - own.x
      const dy = other.y - own.y
      const upright = Math.abs(dy) > Math.abs(dx)
      const side: Side = upright ? (dy > 0 ? 'bottom' : 'top') : dx > 0 ? 'right' : 'left'
      return { side, order: upright ? other.x : other.y }
    },
  })
}

function centre(scene: SceneState, id: string, places: Places): Place {
  const { w, h } = roughSize(scene, id)
  const place = places[id]!
  return { x: place.x + w / 2, y: place.y + h / 2 }
}

function wireOf(edge: SceneEdge, drawing: Drawing, before: Drawing): Wire | null {
  const a = drawing.ports[edge.a]
  const b = drawing.ports[edge.b]
  if (!a || !b) return null
  const [ma, mb] = [machineOf(edge.a), machineOf(edge.b)]
  const old = before.wires[edge.id]
  const unmoved = (id: string) =>
    before.boxes[id] === drawing.boxes[id] && samePlace(before.places[id], drawing.places[id])
  if (old && old.edge === edge && unmoved(ma) && unmoved(mb)) return old
  return { edge, path: wirePath(endOf(a, drawing.places[ma]!), endOf(b, drawing.places[mb]!)) }
}

function endOf(port: PortBox, place: Place) {
  const gutter = port.gutter && {
    x: port.gutter.x + place.x,
    rowBottom: port.gutter.rowBottom + place.y,
    gridBottom: port.gutter.gridBottom + place.y,
  }
  return { x: port.x + place.x, y: port.y + place.y, side: port.side, gutter }
}

function samePlace(a: Place | undefined, b: Place | undefined): boolean {
  return a !== undefined && b !== undefined && a.x === b.x && a.y === b.y
}

/** Boxes are small plain values: equal text, equal drawing. */
function sameBox(a: MachineBox, b: MachineBox): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
