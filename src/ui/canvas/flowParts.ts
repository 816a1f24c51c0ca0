/** From the drawing to React Flow's nodes and edges; what did not change keeps its identity. */
import type { SceneState } from '../client/store.ts'
import type { TraceView } from '../../view/types.ts'
import type { Drawing, Wire } from './drawing.ts'
import type { MachineFlowNode } from './MachineNode.tsx'
import type { WireFlowEdge } from './WireEdge.tsx'

/** React Flow cannot pan smoothly above this many drawn things: machines become tiles with counts. */
export const MAX_DETAILED = 300

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
      zIndex: 0,
    }
    nodeCache.set(machine, node)
    nodes.push(node)
  }
  return nodes
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
