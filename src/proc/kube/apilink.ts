/**
 * A process' connection to the API server, shared by the agents that it is: it connects, lists, watches and writes;
 * what is cut is noticed by pings and connected again. Of controllers and the scheduler the server is sent each item of
 * work, and carries it out (`apiLinkAct`); their process lists when it leads. Models client-go (1.32): net.Dialer's 30 s
 * and keepalive, the HTTP/2 transport's health check (30 s idle, 15 s for the answer), the reflector's back-off (0.8 s
 * to 30 s with jitter). Not here: a connection for each kind of watch, requests' own timeouts.
 */
import { parseIp } from '../../base/addr.ts'
import { assert } from '../../base/assert.ts'
import { entryDrop, entrySet, NO_ENTRIES } from '../../base/entries.ts'
import { nextBelow } from '../../base/rng.ts'
import type { AgentRules } from '../../kube/agent/agent.ts'
import {
  agentActed,
  agentActLost,
  agentAnswer,
  agentCatchUp,
  agentIsAlive,
  agentList,
  agentResume,
  findAgent,
  startAgent,
  stopAgent,
} from '../../kube/agent/agent.ts'
import type { Agent, AgentAct, AgentRequest } from '../../kube/agent/types.ts'
import { failure } from '../../kube/api/status.ts'
import { KubeEv } from '../../kube/events.ts'
import type { ApiResult } from '../../kube/types.ts'
import { sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import type { KeepaliveOptions } from '../../net/sock/tcpkeep.ts'
import { tcpKeepalive } from '../../net/sock/tcpkeep.ts'
import type { World } from '../../net/types.ts'
import { findNetns } from '../../net/world.ts'
import { cancelTimer, setTimer } from '../../run/process.ts'
import { procAt } from '../../run/proctable.ts'
import { schedule, touch } from '../../sim/dispatch.ts'
import type { ProcCtx, ProcEvent } from '../program.ts'
import { errnoText, streamClose, streamFlush } from '../stream.ts'
import { dialReason } from './apiclient.ts'
import type { FromServer, ToServer } from './apiwire.ts'
import { endpointParts, GO_KEEPALIVE } from './apiwire.ts'
import type { Channel } from './channel.ts'
import { channelRead, channelSend, createChannel } from './channel.ts'
import type { Election } from './election.ts'
import { electionAnswer, electionConnected, electionEnd, electionTimer } from './election.ts'

type Pending = { readonly agent: number } & ({ readonly tag: string } | { readonly act: AgentAct })

/** Plain data of a process. */
export interface ApiLink {
  readonly endpoint: string
  /** Agent programs, and the node that they are for ('': the control plane's). */
  readonly programs: readonly string[]
  readonly node: string
  readonly keepalive: KeepaliveOptions
  /** None until the first list has come: an agent begins with what exists. */
  agents: number[]
  phase: 'waiting' | 'dialing' | 'electing' | 'listing' | 'open'
  /** The process works only while it leads; null: it is alone by its nature. */
  readonly election: Election | null
  channel: Channel | null
  /** Writes, and what the server is to carry out, without an answer, by number. */
  pending: ReadonlyMap<number, Pending>
  next: number
  /** Failures in a row, and since when the connection stood that was the last to stand. */
  failures: number
  openedAt: number
  /** When something was last read, and whether a ping is out. */
  readAt: number
  pinged: boolean
  /** How often it was lost or did not come about; in which phase the last time, and why in Go's words. */
  losses: number
  lostIn: Exclude<ApiLink['phase'], 'waiting'>
  why: string
}

const SECOND = 1_000_000_000
const DIAL_NS = 30 * SECOND
const IDLE_NS = 30 * SECOND
const PING_NS = 15 * SECOND
/** What Go's HTTP/2 transport says of a connection whose ping found no answer. */
export const PING_LOST = 'http2: client connection lost'
const BACKOFF_MS = 800
const BACKOFF_MAX_MS = 30_000
/** A connection that stood so long begins the back-off anew. */
const BACKOFF_RESET = 120 * SECOND

/** A connection that is not yet begun (`dialApi`); the agent starts when the first list is there. */
export function createApiLink(about: {
  endpoint: string
  programs: readonly string[]
  node: string
  keepalive?: KeepaliveOptions
  election?: Election
}): ApiLink {
  return {
    keepalive: GO_KEEPALIVE,
    election: null,
    ...about,
    agents: [],
    phase: 'waiting',
    channel: null,
    pending: NO_ENTRIES,
    next: 1,
    failures: 0,
    openedAt: 0,
    readAt: 0,
    pinged: false,
    losses: 0,
    lostIn: 'dialing',
    why: '',
  }
}

/** Begins to connect. `link` is part of the process' state by now. */
export function dialApi(ctx: ProcCtx, rules: AgentRules, link: ApiLink): void {
  const { world, ns, proc } = ctx
  const { host, port } = endpointParts(link.endpoint)!
  const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: proc.pid })
  sock.tcp!.noDelay = true
  tcpKeepalive(world, ns, sock, link.keepalive)
  link.channel = createChannel(sock)
  link.phase = 'dialing'
  setTimer(ctx, world.now + DIAL_NS, 'api')
  const errno = tcpConnect(world, ns, sock, parseIp(host)!, port)
  if (errno !== null) lost(ctx, rules, link, dialReason(link.endpoint, errno))
}

/** Ends it, and the agents that live by it. */
export function closeApiLink(ctx: ProcCtx, rules: AgentRules, link: ApiLink): void {
  for (const agent of link.agents) stopAgent(ctx.world, rules, agent)
  link.agents = []
  if (link.channel !== null) streamClose(ctx, link.channel.stream)
  link.channel = null
  cancelTimer(ctx, 'api')
  electionEnd(ctx)
}

/** What happens to the process and concerns the connection. False: it does not. */
export function apiLinkEvent(ctx: ProcCtx, rules: AgentRules, link: ApiLink, event: ProcEvent): boolean {
  if (event.type === 'timer' && event.tag === 'api') onTimer(ctx, rules, link)
  else if (event.type === 'timer' && event.tag === 'lease') electionTimer(ctx, link, link.election!)
  else if (event.type === 'sock' && event.sock === link.channel?.stream.sock) onSocket(ctx, rules, link)
  else return false
  return true
}

/** Agents of a program whose processes have ended go. */
export function buryAgents(world: World, rules: AgentRules, program: string): void {
  for (const agent of agentList(world, program)) {
    if (!agentIsAlive(world, agent)) stopAgent(world, rules, agent.id)
  }
}

/** Sends an agent's write on its process' connection. Without one the answer is a failure, as the dialer has it. */
export function apiLinkSend(
  world: World,
  agent: Agent,
  link: ApiLink | null,
  request: AgentRequest,
): boolean {
  const ns = findNetns(world, agent.ns)
  if (ns === undefined || link?.phase !== 'open' || link.channel === null) {
    const result = connectionLost(link?.why ?? '')
    schedule(
      world,
      world.now + 1_000_000,
      KubeEv.Response,
      agent.id,
      0,
      Object.freeze({ tag: request.tag, result }),
    )
    return true
  }
  const n = link.next++
  link.pending = entrySet(link.pending, n, { agent: agent.id, tag: request.tag })
  channelSend({ world, ns }, link.channel, { k: 'write', n, agent: agent.id, request } satisfies ToServer)
  return true
}

/** Has the server carry out what an agent does. False: there is no connection. */
export function apiLinkAct(world: World, agent: Agent, link: ApiLink | null, act: AgentAct): boolean {
  const ns = findNetns(world, agent.ns)
  if (ns === undefined || link?.phase !== 'open' || link.channel === null) return false
  const n = link.next++
  link.pending = entrySet(link.pending, n, { agent: agent.id, act })
  channelSend({ world, ns }, link.channel, { k: 'act', n, agent: agent.id, ...act } satisfies ToServer)
  return true
}

/** The link of an agent's process, ready to be changed; null where the process is gone or has none. */
export function linkOfAgent(world: World, { ns, pid }: Agent): ApiLink | null {
  touch(world, ns)
  const proc = procAt(findNetns(world, ns), pid)
  return (proc?.state as { link?: ApiLink | null } | undefined)?.link ?? null
}

function onTimer(ctx: ProcCtx, rules: AgentRules, link: ApiLink): void {
  const { world } = ctx
  switch (link.phase) {
    case 'waiting':
      dialApi(ctx, rules, link)
      return
    case 'dialing':
      lost(ctx, rules, link, `dial tcp ${link.endpoint}: i/o timeout`)
      return
    default: {
      const due = link.readAt + IDLE_NS
      if (link.pinged) lost(ctx, rules, link, PING_LOST)
      else if (world.now < due) setTimer(ctx, due, 'api')
      else {
        link.pinged = true
        say(ctx, link, { k: 'ping', n: link.next++ })
        setTimer(ctx, world.now + PING_NS, 'api')
      }
    }
  }
}

function onSocket(ctx: ProcCtx, rules: AgentRules, link: ApiLink): void {
  const { world, ns } = ctx
  const channel = link.channel!
  const sock = sockById(ns, channel.stream.sock)
  if (sock === undefined) return
  if (link.phase === 'dialing') {
    const wrong = sockError(sock)
    if (wrong !== '') lost(ctx, rules, link, dialReason(link.endpoint, wrong))
    if (link.channel === null || !tcpConnected(sock)) return
    link.phase = 'electing'
    link.openedAt = world.now
    heard(ctx, link)
    setTimer(ctx, link.readAt + IDLE_NS, 'api')
    if (link.election !== null) electionConnected(ctx, link, link.election)
    if (link.election?.leader !== false) list(ctx, link)
  }
  const { messages, errno } = channelRead(ctx, channel)
  if (messages.length > 0) heard(ctx, link)
  for (const message of messages) onMessage(ctx, rules, link, message as FromServer)
  const failed = errno === '' ? streamFlush(ctx, channel.stream) : errno
  if (failed !== '')
    lost(ctx, rules, link, failed === 'EOF' ? 'EOF' : `read: ${errnoText(failed).toLowerCase()}`)
}

function onMessage(ctx: ProcCtx, rules: AgentRules, link: ApiLink, message: FromServer): void {
  const { world } = ctx
  switch (message.k) {
    case 'listed':
      listed(ctx, rules, link, message.revision)
      return
    case 'events':
      for (const agent of link.agents) agentCatchUp(world, rules, agent, message.revision)
      return
    case 'wrote': {
      const write = link.pending.get(message.n)
      link.pending = entryDrop(link.pending, message.n)
      if (write !== undefined && 'tag' in write) {
        agentAnswer(world, rules, write.agent, write.tag, message.result)
      }
      return
    }
    case 'called': {
      const { election } = link
      const news = election && electionAnswer(ctx, link, election, message.n, message.response)
      if (news?.elected === true) list(ctx, link)
      return
    }
    case 'acted': {
      const done = link.pending.get(message.n)
      link.pending = entryDrop(link.pending, message.n)
      if (done !== undefined && 'act' in done) {
        agentActed(world, rules, done.agent, done.act, message.failed)
      }
      return
    }
    default:
  }
}

function list(ctx: ProcCtx, link: ApiLink): void {
  link.phase = 'listing'
  say(ctx, link, { k: 'list', programs: link.programs, node: link.node })
}

function listed(ctx: ProcCtx, rules: AgentRules, link: ApiLink, revision: number): void {
  const { world, ns, proc } = ctx
  const sock = link.channel!.stream.sock
  link.phase = 'open'
  const fresh = link.agents.every((agent) => findAgent(world, agent) === undefined)
  if (fresh && link.election !== null) for (const program of link.programs) buryAgents(world, rules, program)
  // The agents' first writes follow at once: by then the server must know whose they are.
  if (fresh) link.agents = link.programs.map((_, i) => world.targets.length + i)
  say(ctx, link, { k: 'watch', agents: link.agents, from: revision })
  link.programs.forEach((program, i) => {
    const agent = link.agents[i]!
    if (fresh) {
      const place = { node: link.node, ns: ns.id, pid: proc.pid }
      const spec = { program, ...place, link: { kind: 'tcp', sock }, seen: revision } as const
      const id = startAgent(world, rules, spec)
      assert(id === agent, 'kube: an agent has the next id')
      return
    }
    touch(world, agent)
    findAgent(world, agent)!.link = { kind: 'tcp', sock }
    agentCatchUp(world, rules, agent, revision)
    agentResume(world, rules, agent)
  })
}

/** The connection is given up, or never came about: what waited for an answer fails, and it is tried again. */
function lost(ctx: ProcCtx, rules: AgentRules, link: ApiLink, why: string): void {
  const { world } = ctx
  link.losses++
  link.why = why
  link.lostIn = link.phase === 'waiting' ? 'dialing' : link.phase
  if (link.channel !== null) streamClose(ctx, link.channel.stream)
  link.channel = null
  if (link.phase === 'open' && world.now - link.openedAt >= BACKOFF_RESET) link.failures = 0
  link.phase = 'waiting'
  const { pending } = link
  link.pending = NO_ENTRIES
  for (const id of link.agents) {
    const agent = findAgent(world, id)
    if (agent === undefined) continue
    touch(world, id)
    agent.link = { kind: 'tcp', sock: 0 }
  }
  for (const one of pending.values()) {
    if ('act' in one) agentActLost(world, rules, one.agent, one.act)
    else agentAnswer(world, rules, one.agent, one.tag, connectionLost(why))
  }
  const pause = Math.min(BACKOFF_MS * 2 ** Math.min(link.failures, 10), BACKOFF_MAX_MS)
  link.failures++
  setTimer(ctx, world.now + (pause + nextBelow(world.rng, pause)) * 1_000_000, 'api')
}

function heard(ctx: ProcCtx, link: ApiLink): void {
  link.readAt = ctx.world.now
  link.pinged = false
}

function say(ctx: ProcCtx, link: ApiLink, message: ToServer): void {
  if (link.channel !== null) channelSend(ctx, link.channel, message)
}

function connectionLost(message: string): ApiResult {
  return { ok: false, status: failure(503, 'ServiceUnavailable', message) }
}
