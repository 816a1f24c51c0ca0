/** What the store holds. Tables, indexes and log are frozen trees: a checkpoint shares them. */
import type { Rng } from '../../base/rng.ts'
import type { Target } from '../../sim/world.ts'
import type { StoreChange } from '../types.ts'
import type { KeyIndex } from './key-index.ts'
import type { LogEntry } from './log.ts'
import type { Table } from './table.ts'
import type { Tree } from './tree.ts'

/** What the cluster was set up with, as the API server's flags say it. */
export interface StoreOptions {
  /** wall time in ms at virtual time 0 */
  readonly epochMs: number
  /** The first epoch, where the clock was set since: events go on being found by names that count from it. */
  readonly firstEpochMs?: number
  /** --service-cluster-ip-range: one or two prefixes */
  readonly serviceCidrs: readonly string[]
  /** --service-node-port-range, both ends included */
  readonly nodePorts: readonly [number, number]
  /** how many changes the log keeps at least */
  readonly logLimit: number
}

/** Changes a chunk of the log holds. */
export const CHUNK = 128

/** The log's full chunks: `chunks[c][i]` is the change of revision `first + CHUNK c + i`; the store's `tail` follows. */
export interface ChangeLog {
  readonly first: number
  readonly chunks: readonly (readonly LogEntry[])[]
}

/** What an agent wants to be told of; `node` narrows pods to those bound to that node. */
export interface Want {
  readonly resource: string
  readonly node?: string
}

export interface Subscription {
  readonly wants: readonly Want[]
  readonly delayNs: number
}

export interface Store extends Target {
  type: 'store'
  options: StoreOptions
  /** of the last write; 1 before the first */
  revision: number
  rng: Rng
  /** by resource key, then NAMESPACE/NAME */
  tables: Map<string, Table>
  /** by resource key: the revision of its last change */
  changedAt: Map<string, number>
  /** by node */
  podsByNode: KeyIndex
  /** by OWNER-UID/RESOURCE/ */
  owned: KeyIndex
  log: ChangeLog
  /** the latest changes, fewer than a chunk */
  tail: StoreChange[]
  subscriptions: Map<number, Subscription>
  /** agents by what they want: RESOURCE or RESOURCE@NODE */
  wanted: Map<string, readonly number[]>
  /** when the notification under way to an agent arrives */
  notifyAt: Map<number, number>
  /** cluster IPs in use, to the service that has it */
  clusterIps: Tree<string>
  /** node ports in use (decimal number), to the service that has it */
  nodePorts: Tree<string>
}
