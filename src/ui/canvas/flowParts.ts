/** From the drawing to React Flow's nodes and edges; what did not change keeps its identity. */
import { type NodeHandle, Position } from '@xyflow/react'
import type { SceneState } from '../client/store.ts'
import type { SceneMachine, TraceView } from '../../view/types.ts'
import type { MachineBox, PortBox } from './boxes.ts'
import type { Drawing, Wire } from './drawing.ts'
import type { MachineFlowNode } from './MachineNode.tsx'
import type { WireFlowEdge } from './WireEdge.tsx'

/** React Flow cannot pan smoothly above this many drawn things: machines become tiles with counts. */
export const MAX_DETAILED = 300

const HANDLE = 18

export const SIDES: Record<PortBox['side'], Position> = {
  left: Position.Left,
  right: Position.Right,
  top: Position.Top,
  bottom: Position.Bottom,
}

const nodeCache = new WeakMap<object, MachineFlowNode>()
const edgeCache = new WeakMap<Wire, WireFlowEdge>()

export function nodesOf(scene: SceneState, drawing: Drawing, selection: string[]): MachineFlowNode[] {
  const tile = thingsIn(scene) > MAX_DETAILED
  const nodes: MachineFlowNode[] = []
  for (const id of scene.order) {
    const machine = scene.machines[id]
    const box = drawing.boxes[id]
    const position = drawing.places[id]
    if (!machine || !box || !position) continue
    const selected = selection.includes(id)
    const old = nodeCache.get(machine)
    const same = old && old.data.box === box && old.data.tile === tile && old.selected === selected
    if (same && old.position.x === position.x && old.position.y === position.y) {
      nodes.push(old)
      continue
    }
    const data =
      same || (old && old.data.box === box && old.data.tile === tile) ? old.data : { machine, box, tile }
    const node: MachineFlowNode = {
      id,
      type: 'machine',
      position,
      data,
      selected,
      width: box.w,
      height: box.h,
      measured: { width: box.w, height: box.h },
      handles: handlesOf(machine, box),
      zIndex: 0,
    }
    nodeCache.set(machine, node)
    nodes.push(node)
  }
  return nodes
}

/** Known beforehand, so that wires and nodes may come in the same frame. */
function handlesOf(machine: SceneMachine, box: MachineBox): NodeHandle[] {
  const handle = (id: string, x: number, y: number, position: Position): NodeHandle => {
    const half = HANDLE / 2
    return { id, type: 'source', position, x: x - half, y: y - half, width: HANDLE, height: HANDLE }
  }
  const root = machine.rooms[0]
  return [
    ...box.ports.map((port) => handle(port.id, port.x, port.y, SIDES[port.side])),
    ...box.rooms.map(({ room, x, y, w }) => handle(`room:${room.id}`, x + w - 14, y + 13, Position.Right)),
    ...box.bars.map(({ id, x, y, w, h }) => handle(`room:${id}`, x + w - 14, y + h / 2, Position.Right)),
    ...(root ? [handle(`room:${root.id}`, 120, 13, Position.Right)] : []),
  ]
}

export function edgesOf(drawing: Drawing, selection: string[], trace: TraceView | null): WireFlowEdge[] {
  const onTrail = trace ? wiresOfTrace(drawing, trace) : null
  return Object.values(drawing.wires).map((wire) => {
    const { edge } = wire
    const selected = selection.includes(edge.id)
    const trail = onTrail === null ? 'none' : onTrail.has(edge.id) ? 'on' : 'off'
    const old = edgeCache.get(wire)
    if (old && old.selected === selected && old.data!.trail === trail) return old
    const made: WireFlowEdge = {
      id: edge.id,
      type: 'wire',
      source: drawing.ports[edge.a]!.room.split('.')[0]!,
      target: drawing.ports[edge.b]!.room.split('.')[0]!,
      sourceHandle: edge.a,
      targetHandle: edge.b,
      data: { wire, trail },
      selected,
      zIndex: 1,
    }
    edgeCache.set(wire, made)
    return made
  })
}

/** The wires that a trace's hops left by. */
export function wiresOfTrace(drawing: Drawing, trace: TraceView): Set<string> {
  const wires = new Set<string>()
  for (const hop of trace.hops) {
    for (const dev of [hop.devIn, hop.devOut]) {
      const wire = dev === '' ? undefined : drawing.wireOfPort.get(`${hop.room}/${dev}`)
      if (wire) wires.add(wire)
    }
  }
  return wires
}

function thingsIn(scene: SceneState): number {
  let n = 0
  for (const id of scene.order) n += scene.machines[id]?.rooms.length ?? 0
  return n
}
