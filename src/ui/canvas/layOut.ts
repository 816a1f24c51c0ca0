/** Layout by dagre, in its own chunk: labs that place their machines never load it. */
import { Graph, layout } from '@dagrejs/dagre'
import type { SceneState } from '../client/store.ts'
import { cablesAmong, GAP, type Places, roughSize } from './place.ts'

export function layOut(scene: SceneState, ids: string[]): Places {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: 'LR', ranksep: GAP + 24, nodesep: GAP - 28, marginx: 0, marginy: 0 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const id of ids) {
    const { w, h } = roughSize(scene, id)
    graph.setNode(id, { width: w, height: h })
  }
  for (const { id, a, b } of cablesAmong(scene, ids)) graph.setEdge(a, b, {}, id)
  layout(graph)
  const places: Places = {}
  for (const id of ids) {
    const node = graph.node(id) as { x: number; y: number; width: number; height: number }
    places[id] = { x: Math.round(node.x - node.width / 2), y: Math.round(node.y - node.height / 2) }
  }
  return places
}
