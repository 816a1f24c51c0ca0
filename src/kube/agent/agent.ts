/**
 * Agents' life and events: they start, are told of changes, work through their queues, and stop.
 * Models client-go's shared informers, util/workqueue (rate limits 5 ms to 1000 s) and controller-runtime's contract.
 */
import { assert } from '../../base/assert.ts'
import { entryDrop, entrySet, NO_ENTRIES } from '../../base/entries.ts'
import { firstKey, without } from '../../base/fifo.ts'
import type { World } from '../../net/types.ts'
import { machineOf } from '../../run/machine.ts'
import { addTarget, removeTarget, schedule, touch } from '../../sim/dispatch.ts'
import type { SimEvent } from '../../sim/queue.ts'
import type { Handler } from '../../sim/world.ts'
import { KubeEv } from '../events.ts'
import { compactedRevision, storeChanges, storeChangesOnNode } from '../store/history.ts'
import { findStore, storeOf, storeSubscribe, storeUnsubscribe } from '../store/store.ts'
import type { ApiResult, StoreChange } from '../types.ts'
import { agentExecute } from './requests.ts'
import type {
  Agent,
  AgentAct,
  AgentCtx,
  AgentLink,
  AgentPrograms,
  AgentRequest,
  AgentTransport,
} from './types.ts'

/** client-go's ItemExponentialFailureRateLimiter: 5 ms, doubled at each failure, at most 1000 s. */
const BACKOFF_BASE = 5_000_000
const BACKOFF_MAX = 1_000_000_000_000

const PER_OBJECT = 20_000

/** Items of work that an agent has under way at once (--concurrent-*-syncs of most controllers). */
const WORKERS = 5

/** ns after which a timer's work that the server failed at is tried again (most controllers' period). */
const FAILED_TIMER = 5_000_000_000

/** ns between a request of a `direct` agent and its answer. */
const DIRECT_ANSWER = 1_000_000

/** What agents' events need and the world does not hold. */
export interface AgentRules {
  readonly programs: AgentPrograms
  readonly transport: AgentTransport
}

export interface AgentSpec {
  readonly program: string
  readonly node?: string
  readonly ns?: number
  readonly pid?: number
  readonly link?: AgentLink
  /** What its caches hold at its start: the store as of this revision; as it is now where none is given. */
  readonly seen?: number
}

/** Starts an agent: it lists what exists, then watches. Answers its id. */
export function startAgent(world: World, rules: AgentRules, spec: AgentSpec): number {
  const agent: Agent = {
    id: 0,
    epoch: 0,
    type: 'agent',
    program: spec.program,
    node: spec.node ?? '',
    ns: spec.ns ?? 0,
    pid: spec.pid ?? 0,
    link: spec.link ?? { kind: 'direct' },
    seen: spec.seen ?? storeOf(world).revision,
    queue: NO_ENTRIES,
    working: false,
    later: NO_ENTRIES,
    failures: NO_ENTRIES,
    timers: NO_ENTRIES,
    nextTimer: 1,
    wrote: NO_ENTRIES,
    state: null,
  }
  const id = addTarget(world, agent)
  const ctx = ctxOf(world, rules, agent)
  storeSubscribe(world, id, ctx.program.wants(agent), ctx.program.delayNs)
  ctx.program.start(ctx)
  return id
}

/** Ends an agent. What it did stays. */
export function stopAgent(world: World, rules: AgentRules, id: number): void {
  const agent = findAgent(world, id)
  if (agent === undefined) return
  touch(world, id)
  const ctx = ctxOf(world, rules, agent)
  ctx.program.stop?.(ctx)
  storeUnsubscribe(world, id)
  removeTarget(world, id)
}

/** The agent with this id. */
export function findAgent(world: World, id: number): Agent | undefined {
  const agent = world.targets[id] as Agent | undefined
  return agent?.type === 'agent' ? agent : undefined
}

/** All agents, those of one program where it is given, in the order of their start. */
export function agentList(world: World, program = ''): Agent[] {
  const list: Agent[] = []
  for (const target of world.targets) {
    const agent = target as Agent | undefined
    if (agent?.type === 'agent' && (program === '' || agent.program === program)) list.push(agent)
  }
  return list
}

/** Whether the process that it is still runs. */
export function agentIsAlive(world: World, { ns, pid }: Agent): boolean {
  return pid === 0 || machineOf(world, ns)?.pids.has(pid) === true
}

/** Queues a key for `reconcile`; one that waits already is not queued twice. */
export function enqueue(ctx: AgentCtx, key: string): void {
  const { world, agent } = ctx
  agent.later = entryDrop(agent.later, key)
  if (!agent.queue.has(key)) agent.queue = entrySet(agent.queue, key, world.now)
  startWork(ctx)
}

/** Queues a key after `delay` ns; an earlier time that stands already is kept. */
export function enqueueAfter(ctx: AgentCtx, key: string, delay: number): void {
  const { world, agent } = ctx
  if (delay <= 0) {
    enqueue(ctx, key)
    return
  }
  const at = world.now + Math.round(delay)
  const stands = agent.later.get(key)
  if (stands !== undefined && stands <= at) return
  agent.later = entrySet(agent.later, key, at)
  schedule(world, at, KubeEv.Timer, agent.id, 0, key)
}

/** Calls the program's `timer` with `name` after `delay` ns; a timer of that name that still runs is replaced. */
export function agentTimer(ctx: AgentCtx, name: string, delay: number): void {
  const { world, agent } = ctx
  const generation = agent.nextTimer++
  agent.timers = entrySet(agent.timers, name, generation)
  schedule(world, world.now + Math.round(delay), KubeEv.Timer, agent.id, generation, name)
}

export function cancelAgentTimer(ctx: AgentCtx, name: string): void {
  ctx.agent.timers = entryDrop(ctx.agent.timers, name)
}

/**
 * The item at hand is about so many objects: beyond what `workNs` covers each takes 20 us (to look at it, to compare,
 * and to write it out as a part of a list), and changes that arrive meanwhile are one item.
 */
export function agentTakes(ctx: AgentCtx, objects: number): void {
  const { world, agent, program } = ctx
  const ns = objects * PER_OBJECT - program.workNs
  if (ns > 0) agent.busyUntil = world.now + ns
}

/** Sends a write; `response` gets its answer under the request's tag. False: there is no connection. */
export function agentSend(ctx: AgentCtx, request: AgentRequest): boolean {
  const { world, agent, transport } = ctx
  if (agent.link.kind === 'tcp') return transport.send(world, agent, request)
  const result = agentExecute(world, agent, request)
  const answer = Object.freeze({ tag: request.tag, result })
  schedule(world, world.now + DIRECT_ANSWER, KubeEv.Response, agent.id, 0, answer)
  return true
}

/** Marks that a write for `key` made this revision: `reconcile` waits until the cache has it (expectations). */
export function expectOwnWrite(ctx: AgentCtx, key: string, result: ApiResult): void {
  if (result.ok) ctx.agent.wrote = entrySet(ctx.agent.wrote, key, storeOf(ctx.world).revision)
}

/** The agent's caches reach `revision`; called when the watch events that lead there have arrived. */
export function agentCatchUp(world: World, rules: AgentRules, id: number, revision: number): void {
  const agent = findAgent(world, id)
  if (agent === undefined) return
  touch(world, id)
  catchUp(ctxOf(world, rules, findAgent(world, id)!), revision)
}

/** A request's answer has arrived. */
export function agentAnswer(
  world: World,
  rules: AgentRules,
  id: number,
  tag: string,
  result: ApiResult,
): void {
  const agent = findAgent(world, id)
  if (agent === undefined) return
  touch(world, id)
  const ctx = ctxOf(world, rules, findAgent(world, id)!)
  if (tag !== '') ctx.program.response?.(ctx, tag, result)
}

/** The server is in reach again: what was put off happens. */
export function agentResume(world: World, rules: AgentRules, id: number): void {
  asAgent(world, rules, id, (ctx) => {
    const due = ctx.agent.stalled ?? []
    delete ctx.agent.stalled
    for (const name of due) runTimer(ctx, name)
    startWork(ctx)
  })
}

/** Carries out, at the server, what a control plane's agent asked for. */
export function agentAct(world: World, rules: AgentRules, id: number, { what, key }: AgentAct): void {
  asAgent(world, rules, id, (ctx) => {
    if (what === 'work') workOn(ctx, key)
    else ctx.program.timer?.(ctx, key)
  })
}

/** The server's answer to that has arrived. `failed`: it could not do it, and it is tried again. */
export function agentActed(
  world: World,
  rules: AgentRules,
  id: number,
  { what, key }: AgentAct,
  failed: boolean,
): void {
  asAgent(world, rules, id, (ctx) => {
    if (failed && what === 'work') again(ctx, key)
    if (failed && what === 'timer') agentTimer(ctx, key, FAILED_TIMER)
    if (what === 'work') endItem(ctx)
  })
}

/** No answer will arrive: it is done again, when there is a server. */
export function agentActLost(world: World, rules: AgentRules, id: number, { what, key }: AgentAct): void {
  asAgent(world, rules, id, (ctx) => {
    const { agent } = ctx
    if (what === 'timer') agent.stalled = [...(agent.stalled ?? []), key]
    else {
      again(ctx, key)
      endItem(ctx)
    }
  })
}

/** Runs `act` as the agent, outside its events. False where there is no such agent. */
export function asAgent(world: World, rules: AgentRules, id: number, act: (ctx: AgentCtx) => void): boolean {
  if (findAgent(world, id) === undefined) return false
  touch(world, id)
  act(ctxOf(world, rules, findAgent(world, id)!))
  return true
}

/** Handlers of agents' events, by kind. */
export function agentHandlers(rules: AgentRules): Record<number, Handler<World>> {
  const handler =
    (run: (ctx: AgentCtx, event: SimEvent) => void): Handler<World> =>
    (world, target, event) => {
      const agent = target as Agent
      if (agentIsAlive(world as World, agent)) run(ctxOf(world as World, rules, agent), event)
      else stopAgent(world as World, rules, agent.id)
    }
  return {
    [KubeEv.Notify]: handler(onNotify),
    [KubeEv.Work]: handler(onWork),
    [KubeEv.Timer]: handler(onTimer),
    [KubeEv.Response]: handler((ctx, event) => {
      const { tag, result } = event.ref as { tag: string; result: ApiResult }
      ctx.program.response?.(ctx, tag, result)
    }),
  }
}

function ctxOf(world: World, rules: AgentRules, agent: Agent): AgentCtx {
  const program = rules.programs.get(agent.program)
  assert(program !== undefined, `kube: no agent program ${agent.program}`)
  return { world, agent, program, transport: rules.transport }
}

function onNotify(ctx: AgentCtx): void {
  const { world, agent, transport } = ctx
  const store = findStore(world)
  if (store === undefined) return
  if (agent.link.kind === 'tcp') transport.notify(world, agent)
  else catchUp(ctx, store.revision)
}

function catchUp(ctx: AgentCtx, revision: number): void {
  const { world, agent, program } = ctx
  const store = storeOf(world)
  if (revision <= agent.seen) return
  const from = agent.seen
  const wants = program.wants(agent)
  const resources = new Set(wants.map((want) => want.resource))
  const node = wants.find((want) => want.node !== undefined)?.node
  let changes: StoreChange[] | 'gone' = 'gone'
  if (from >= compactedRevision(store)) {
    changes =
      node === undefined
        ? storeChanges(store, from, resources, revision)
        : storeChangesOnNode(store, from, resources, node, revision)
  }
  agent.seen = revision
  if (changes === 'gone') {
    if (program.relist !== undefined) program.relist(ctx)
    else program.start(ctx)
    return
  }
  for (const change of changes) program.observe(ctx, change)
}

function startWork(ctx: AgentCtx): void {
  const { world, agent, program } = ctx
  if (agent.working || agent.queue.size === 0) return
  agent.working = true
  const from = Math.max(world.now, agent.busyUntil ?? 0)
  schedule(world, from + program.workNs, KubeEv.Work, agent.id, 0, null)
}

function onWork(ctx: AgentCtx): void {
  const { world, agent, transport } = ctx
  agent.working = false
  const key = firstKey(agent.queue)
  if (key === undefined) return
  if (isRemote(agent)) {
    const underway = agent.underway ?? 0
    // It goes on with an answer, or with the connection.
    if (underway >= WORKERS || transport.act?.(world, agent, { what: 'work', key }) !== true) return
    agent.queue = without(agent.queue, key)
    agent.underway = underway + 1
  } else {
    agent.queue = without(agent.queue, key)
    workOn(ctx, key)
  }
  startWork(ctx)
}

function workOn(ctx: AgentCtx, key: string): void {
  const { agent, program } = ctx
  if ((agent.wrote.get(key) ?? 0) > agent.seen) {
    // Its cache does not know yet what it did itself: the change will be observed in a moment.
    enqueueAfter(ctx, key, Math.max(program.delayNs, 1_000_000))
    return
  }
  agent.wrote = entryDrop(agent.wrote, key)
  const { requeueAfter, retry } = program.reconcile(ctx, key)
  if (retry === true) again(ctx, key)
  else {
    agent.failures = entryDrop(agent.failures, key)
    if (requeueAfter !== undefined) enqueueAfter(ctx, key, requeueAfter)
  }
}

/** It failed: after a while. */
function again(ctx: AgentCtx, key: string): void {
  const { agent } = ctx
  const before = agent.failures.get(key) ?? 0
  agent.failures = entrySet(agent.failures, key, before + 1)
  enqueueAfter(ctx, key, Math.min(BACKOFF_BASE * 2 ** Math.min(before, 30), BACKOFF_MAX))
}

function endItem(ctx: AgentCtx): void {
  ctx.agent.underway = (ctx.agent.underway ?? 1) - 1
  startWork(ctx)
}

function onTimer(ctx: AgentCtx, event: SimEvent): void {
  const { world, agent } = ctx
  const name = event.ref as string
  if (event.arg === 0) {
    if (agent.later.get(name) !== world.now) return
    enqueue(ctx, name)
    return
  }
  if (agent.timers.get(name) !== event.arg) return
  agent.timers = entryDrop(agent.timers, name)
  runTimer(ctx, name)
}

function runTimer(ctx: AgentCtx, name: string): void {
  const { world, agent, program, transport } = ctx
  if (!isRemote(agent)) program.timer?.(ctx, name)
  else if (transport.act?.(world, agent, { what: 'timer', key: name }) !== true) {
    agent.stalled = [...(agent.stalled ?? []), name]
  }
}

/** What it does happens at the server. */
function isRemote({ link, node }: Agent): boolean {
  return link.kind === 'tcp' && node === ''
}
