/**
 * Agents: controllers, scheduler, and each node's kubelet and kube-proxy. An agent is a target of its own with plain
 * state; its code is a program known by name. Models client-go's informers and work queues.
 */
import type { World } from '../../net/types.ts'
import type { Target } from '../../sim/world.ts'
import type { EventMemory } from '../controller/correlator.ts'
import type { Want } from '../store/types.ts'
import type { ApiResult, StoreChange } from '../types.ts'

export interface Agent extends Target {
  type: 'agent'
  /** Name in the table of agent programs: deployment-controller, kubelet ... */
  program: string
  /** Node that it runs on, '' for the control plane's agents. */
  node: string
  /** Root namespace and pid of the process that it is; 0 where none stands for it. */
  ns: number
  pid: number
  /** How its requests and watches travel. */
  link: AgentLink
  /** Its caches hold the store as of this revision. */
  seen: number
  /** Keys that are due, in order of arrival. This map and the others are changed by base/entries.ts. */
  queue: ReadonlyMap<string, number>
  /** A Work event is on its way. */
  working: boolean
  /** It is at its last item until then: a large one; absent before the first. */
  busyUntil?: number
  /** Keys that come back later, to the time when. */
  later: ReadonlyMap<string, number>
  /** Failures in a row by key, for the back-off. */
  failures: ReadonlyMap<string, number>
  /** Own timers by name, to the generation that is valid. */
  timers: ReadonlyMap<string, number>
  nextTimer: number
  /** Revision of its own last write by key: its cache must reach it before that key is looked at again. */
  wrote: ReadonlyMap<string, number>
  /** What it remembers of the events that it recorded, by object; absent before the first. */
  events?: Map<string, EventMemory>
  /** Timers that were due while the server was out of reach. */
  stalled?: string[]
  /** Items of work that the server has not answered; absent before the first. */
  underway?: number
  /** The program's own plain data. */
  state: unknown
}

/**
 * `direct`: the API server is in reach whatever the network does (the control plane is not drawn).
 * `tcp`: watch events and requests are bytes of a connection to port 6443, which its process holds. A node's agent sends
 * its writes; of the control plane's agents an item of work, or a timer that is due, goes to the server as one request,
 * and what it reads and writes happens when that has arrived.
 */
export type AgentLink =
  | { readonly kind: 'direct' }
  | { readonly kind: 'tcp' /** Socket of its process, 0 while not connected. */; readonly sock: number }

/** Where agent code runs: passed in, never kept. */
export interface AgentCtx {
  readonly world: World
  readonly agent: Agent
  readonly program: AgentProgram
  readonly transport: AgentTransport
}

/** What became of a key: done, to be looked at again after some ns, or failed and tried again with back-off. */
export type Reconciled = { readonly requeueAfter?: number; readonly retry?: boolean }

/** The code of an agent. It keeps nothing of its own: its memory is `agent.state`. */
export interface AgentProgram {
  readonly name: string
  /** What it watches. */
  wants(agent: Agent): readonly Want[]
  /** ns from a write until its caches know of it. */
  readonly delayNs: number
  /** ns that it takes before each item of work. */
  readonly workNs: number
  /** Called once, when it starts: set `agent.state`, queue what exists (informers list before they watch). */
  start(ctx: AgentCtx): void
  /** Queue keys for a change (`enqueue`). Called in the order of the store's log. */
  observe(ctx: AgentCtx, change: StoreChange): void
  /** The log was compacted below its cursor: everything is to be looked at again. Absent: `start` without state. */
  relist?(ctx: AgentCtx): void
  /** Brings the world nearer to what `key` asks for. */
  reconcile(ctx: AgentCtx, key: string): Reconciled
  /** A timer that `agentTimer` set. */
  timer?(ctx: AgentCtx, name: string): void
  /** The answer to a request sent with `agentSend`. */
  response?(ctx: AgentCtx, tag: string, result: ApiResult): void
  /** It ends (its process was killed): rules and files stay as they are. */
  stop?(ctx: AgentCtx): void
}

export type AgentPrograms = ReadonlyMap<string, AgentProgram>

/** What of a control plane's agent is carried out at the server: an item of its queue, or a timer, by its name. */
export interface AgentAct {
  readonly what: 'work' | 'timer'
  readonly key: string
}

/**
 * A write as data, for agents whose requests cross the network. `object` as for apiCreate, apiUpdate, apiPatch; of an
 * event what was recorded. An answer to the tag '' is for nobody.
 */
export interface AgentRequest {
  readonly tag: string
  readonly op: 'create' | 'update' | 'updateStatus' | 'mergePatch' | 'mergePatchStatus' | 'delete' | 'event'
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly object?: unknown
  /** delete: seconds; undefined for the object's own */
  readonly gracePeriodSeconds?: number
}

/** How agents with a `tcp` link reach the API server; built by `lab` from the programs that hold the connections. */
export interface AgentTransport {
  /** The store has changes for the agent: send them. They arrive by `agentCatchUp`. */
  notify(world: World, agent: Agent): void
  /** Sends a request; its answer arrives by `agentAnswer`. False: there is no connection. */
  send(world: World, agent: Agent, request: AgentRequest): boolean
  /**
   * Has the server carry out what a control plane's agent does: `agentAct` there, then `agentActed` or `agentActLost`.
   * False: there is no connection; `agentResume` will follow.
   */
  act?(world: World, agent: Agent, act: AgentAct): boolean
}
