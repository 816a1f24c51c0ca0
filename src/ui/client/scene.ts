/** Scenes of the session as the page's store holds them. */
import type { Scene, SceneDiff } from '../../view/types.ts'
import type { SceneState } from './store.ts'

/** A scene in the place of another. */
export function wholeScene(before: SceneState, scene: Scene): SceneState {
  return {
    machines: Object.fromEntries(scene.machines.map((machine) => [machine.id, machine])),
    order: scene.machines.map((machine) => machine.id),
    edges: Object.fromEntries(scene.edges.map((edge) => [edge.id, edge])),
    version: before.version + 1,
  }
}

/** The worker's first scene is most often the one that the page came with: then nothing is drawn anew. */
export function sameScene(before: SceneState, scene: Scene): boolean {
  const { machines, edges } = wholeScene(before, scene)
  return JSON.stringify([before.machines, before.edges]) === JSON.stringify([machines, edges])
}

/** The scene after a difference; untouched machines and edges keep their identity. */
export function applyDiff(before: SceneState, diff: SceneDiff): SceneState {
  const machines = { ...before.machines }
  const edges = { ...before.edges }
  for (const id of diff.removedMachines) delete machines[id]
  for (const id of diff.removedEdges) delete edges[id]
  const added: string[] = []
  for (const machine of diff.machines) {
    if (!(machine.id in before.machines)) added.push(machine.id)
    machines[machine.id] = machine
  }
  for (const edge of diff.edges) edges[edge.id] = edge
  const order = diff.order ?? [...before.order.filter((id) => id in machines), ...added]
  return { machines, edges, order, version: before.version + 1 }
}
