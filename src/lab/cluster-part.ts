/**
 * What makes a lab's cluster live, apart from the rest so that a page may load it after its first picture.
 * `cluster.ts` builds the only one there is.
 */
import type { World } from '../net/types.ts'
import type { Handler } from '../sim/world.ts'
import type { ClusterDoc } from './cluster-types.ts'
import type { Diagnostic, Lab } from './types.ts'

export interface ClusterPart {
  /** Handlers of agents' events by kind. */
  readonly handlers: Readonly<Record<number, Handler<World>>>
  /** Starts the cluster of a lab whose machines run. What the API server refused is said at its document. */
  start(world: World, lab: Lab): Diagnostic[]
  /** Nothing is on its way to start: every pod runs and is ready, has ended, or waits for something. */
  settled(world: World): boolean
  /** Applies a document as `kubectl apply` does. */
  apply(world: World, doc: ClusterDoc): void
  /** Takes away what a document made. */
  remove(world: World, doc: ClusterDoc): void
}

/** Filled before the first lab with a cluster is built; empty until then. */
export interface ClusterSlot {
  part?: ClusterPart
}
