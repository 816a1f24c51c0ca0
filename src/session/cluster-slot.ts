/** The calls about clusters, apart from the rest so that the worker may load them with the first question. */
import type {
  ChainEvent,
  ClusterPicture,
  EventRow,
  NetworkCall,
  ObjectsView,
  ObjectView,
  RuleOrigin,
} from '../view/kube-types.ts'
import type { Rewritten } from '../lab/rewrite.ts'
import type { Core } from './core.ts'

/** All at the shown moment of time; a lab without a cluster answers null or nothing. */
export interface ClusterCalls {
  /** The kinds with their numbers, and the objects of one kind (`pods`, `deployments.apps`; '' for none); `wide`: all columns. */
  clusterObjects(resource?: string, wide?: boolean): ObjectsView | null
  /** One object as YAML, with its owners, its events, and where in the lab's text it stands. */
  clusterObject(resource: string, namespace: string, name: string): ObjectView | null
  /** Events, the oldest first. */
  clusterEvents(): EventRow[]
  /** Nodes, pods, and Services with their endpoints. */
  clusterPicture(): ClusterPicture | null
  /** What led to a Service's rules, in order: its own changes, its pods, its slices, each node's sync. */
  clusterChain(namespace: string, name: string): ChainEvent[]
  /** How a pod's network was made and unmade, step by step, as far as its node remembers. */
  podNetwork(namespace: string, name: string): NetworkCall[]
  /** The Service that a rule of kube-proxy is of: the rule's chain, and its text as iptables-save has it. */
  ruleOrigin(chain: string, text: string): RuleOrigin | null
  /** The document at a line of a lab's text rewritten for the API version that serves its kind today; null: no way. */
  rewriteManifest(text: string, line: number): Rewritten | null
  /** JSON Schema of the manifests, one for each kind that is served. */
  manifestSchema(): { definitions: Record<string, unknown>; kinds: unknown[] }
}

export type ClusterCallsOf = (core: Core) => ClusterCalls

/** Filled before the first of the calls is answered. */
export interface ClusterCallsSlot {
  make?: ClusterCallsOf
}

/** What each call answers where it fails or there is nothing. */
const NOTHING: { [K in keyof ClusterCalls]: () => ReturnType<ClusterCalls[K]> } = {
  clusterObjects: () => null,
  clusterObject: () => null,
  clusterEvents: () => [],
  clusterPicture: () => null,
  clusterChain: () => [],
  podNetwork: () => [],
  ruleOrigin: () => null,
  rewriteManifest: () => null,
  manifestSchema: () => ({ definitions: {}, kinds: [] }),
}

export function isClusterCall(name: string): boolean {
  return Object.hasOwn(NOTHING, name)
}

/** The calls, answered by whatever the slot holds by then. */
export function lateClusterCalls(core: Core, slot: ClusterCallsSlot): ClusterCalls {
  const names = Object.keys(NOTHING) as (keyof ClusterCalls)[]
  const entries = names.map((name) => [
    name,
    (...args: unknown[]) => {
      try {
        const calls = slot.make?.(core) as unknown as Record<string, (...args: unknown[]) => unknown>
        return calls?.[name]?.(...args) ?? NOTHING[name]()
      } catch {
        return NOTHING[name]()
      }
    },
  ])
  return Object.fromEntries(entries) as ClusterCalls
}
