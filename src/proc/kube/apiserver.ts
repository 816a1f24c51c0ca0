/**
 * kube-apiserver: the process behind port 6443. Agents of other machines, and kubectl, reach the API by connections to
 * it; it tells connected agents of changes. Killed, the cluster goes on as it was left, unwatched; without etcd
 * it answers from its caches and fails at everything else. The store outlives it. Models what cmd/kube-apiserver (1.32) does on its port. Not here: TLS' handshake,
 * authentication, admission by webhooks.
 */
import type { AgentRules } from '../../kube/agent/agent.ts'
import { agentAct, findAgent } from '../../kube/agent/agent.ts'
import { agentExecute } from '../../kube/agent/requests.ts'
import type { Agent } from '../../kube/agent/types.ts'
import { apiRequest } from '../../kube/api/rest.ts'
import { watchPoll } from '../../kube/api/watch.ts'
import { storeChanges } from '../../kube/store/history.ts'
import { findStore, storeList, storeOf } from '../../kube/store/store.ts'
import type { Want } from '../../kube/store/types.ts'
import type { ApiObject, StoreChange, WatchSpec } from '../../kube/types.ts'
import { sockBind, sockById, sockOpen } from '../../net/sock/socket.ts'
import { tcpAccept, tcpListen } from '../../net/sock/tcp.ts'
import { tcpKeepalive } from '../../net/sock/tcpkeep.ts'
import type { World } from '../../net/types.ts'
import { findNetns } from '../../net/world.ts'
import { exitProcess, setTimer } from '../../run/process.ts'
import { procAt } from '../../run/proctable.ts'
import { touch } from '../../sim/dispatch.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { fail } from '../program.ts'
import type { StreamPlace } from '../stream.ts'
import { streamClose, streamFlush } from '../stream.ts'
import type { Backend, Tell } from './apiback.ts'
import { backendEvent, backendInput, backendOpen, backendsDrop, nameless, statusAnswer } from './apiback.ts'
import type { FromServer, ToServer } from './apiwire.ts'
import { giveUpLease, hasOthers, RENEW_NS, renewLease } from './apimasters.ts'
import { SERVER_ACCEPTED } from './apiwire.ts'
import type { Channel } from './channel.ts'
import { channelRead, channelSend, createChannel } from './channel.ts'
import type { EtcdLink } from './etcd.ts'
import { createEtcdLink, dialEtcd, etcdAsk, etcdEvent } from './etcd.ts'

const NAME = 'kube-apiserver'
const PORT = 6443

/** A connection, and the agents that watch over it. */
interface Conn {
  channel: Channel
  agents: readonly number[]
  /** They have been sent the changes up to this revision. */
  sent: number
  /** Watches of kubectl's, by the number of their request. */
  watches: Map<number, WatchSpec>
}

interface ServerState {
  listener: number
  /** By socket. */
  conns: Map<number, Conn>
  /** Connections to kubelets, by socket. */
  backends: Map<number, Backend>
  etcd: EtcdLink<Waiting>
}

/** Requests of a client (by its socket) that etcd is asked for first. */
interface Waiting {
  readonly client: number
  readonly messages: readonly Request[]
}

type Request = Extract<ToServer, { k: 'write' | 'act' | 'call' }>

/** What the server knows without etcd: discovery and its own version and schema. */
const KNOWN_PATH = /^\/(api(\/v1)?|apis(\/[^/?]+){0,2}|version|openapi\/.*)\/?(\?.*)?$/

/** Control planes at most, and where the world keeps the namespace and process of each one's server. */
const SERVERS_MAX = 9
const PLACES: readonly string[] = Object.freeze(
  Array.from({ length: SERVERS_MAX }, (_, i) => `kubeApiNs${i === 0 ? '' : i}`),
)
const PIDS: readonly string[] = Object.freeze(
  Array.from({ length: SERVERS_MAX }, (_, i) => `kubeApiPid${i === 0 ? '' : i}`),
)

const WATCH_EVERY = 50_000_000
const WATCHES = 'watches'
/** To renew the server's own lease, and in the place of a client where etcd is asked for it. */
const MASTERS = 'masters'
const NOBODY = -1

/** The program. */
export function apiServerProgram(rules: AgentRules): Program {
  return {
    name: NAME,
    help: "a cluster's API server",
    handles: ['SIGTERM', 'SIGINT'],
    start,
    on: (ctx, event) => onEvent(ctx, rules, event),
  }
}

/** The store has changes for an agent: they go out on its connection, if it has one. */
export function serverNotify(world: World, rules: AgentRules, agent: Agent): void {
  for (let at = 0; at < SERVERS_MAX; at++) {
    const place = world.scalars[PLACES[at]!]
    if (place === undefined) return
    const ns = findNetns(world, place)
    if (ns === undefined) continue
    const proc = procAt(ns, world.scalars[PIDS[at]!] ?? 0)
    if (proc?.program !== NAME) continue
    touch(world, ns.id)
    for (const conn of (proc.state as ServerState).conns.values()) {
      if (conn.agents.includes(agent.id)) pushChanges({ world, ns }, rules, conn)
    }
  }
}

/** Where the server of a namespace is kept: one in each. */
function keepPlace({ world, ns, proc }: ProcCtx): void {
  const { scalars } = world
  for (let at = 0; at < SERVERS_MAX; at++) {
    const place = PLACES[at]!
    if (scalars[place] !== undefined && scalars[place] !== ns.id) continue
    scalars[place] = ns.id
    scalars[PIDS[at]!] = proc.pid
    return
  }
}

function start(ctx: ProcCtx): void {
  const { world, ns, proc } = ctx
  if (findStore(world) === undefined) {
    fail(ctx, 1, `${NAME}: this machine is no node of a cluster`)
    return
  }
  const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: proc.pid })
  sock.tcp!.reuseAddr = true
  const wrong = sockBind(world, ns, sock, { addr: 0, port: PORT }) ?? tcpListen(world, ns, sock, 1024)
  if (wrong !== null) {
    fail(
      ctx,
      1,
      `${NAME}: failed to listen on 0.0.0.0:${PORT}: listen tcp 0.0.0.0:${PORT}: bind: address already in use`,
    )
    return
  }
  tcpKeepalive(world, ns, sock, SERVER_ACCEPTED)
  const state: ServerState = {
    listener: sock.id,
    conns: new Map(),
    backends: new Map(),
    etcd: createEtcdLink(),
  }
  proc.state = state
  dialEtcd(ctx, state.etcd)
  if (hasOthers(world)) setTimer(ctx, world.now, MASTERS)
  keepPlace(ctx)
}

function onEvent(ctx: ProcCtx, rules: AgentRules, event: ProcEvent): void {
  const state = ctx.proc.state as ServerState | undefined
  if (event.type === 'signal') {
    if (state?.etcd.phase === 'open' && hasOthers(ctx.world)) giveUpLease(ctx)
    exitProcess(ctx, 0)
    return
  }
  if (state === undefined) return
  if (event.type === 'timer' && event.tag === MASTERS) {
    etcdAsk(ctx, state.etcd, { client: NOBODY, messages: [] })
    setTimer(ctx, ctx.world.now + RENEW_NS, MASTERS)
    return
  }
  if (event.type === 'timer' && event.tag === WATCHES) {
    pushWatches(ctx, state)
    return
  }
  const news = etcdEvent(ctx, state.etcd, event)
  if (news !== undefined) {
    for (const waiting of news.done) carryOut(ctx, rules, state, waiting)
    for (const waiting of news.failed) refuse(ctx, state, waiting, news.why)
    return
  }
  if (backendEvent(ctx, state.backends, event, teller(ctx, state)) || event.type !== 'sock') return
  if (event.sock === state.listener) {
    accept(ctx, rules, state)
    return
  }
  const conn = state.conns.get(event.sock)
  if (conn !== undefined) serve(ctx, rules, state, conn)
}

/** Sends to a client by its socket. */
function teller(ctx: ProcCtx, state: ServerState): Tell {
  return (client, message) => {
    const conn = state.conns.get(client)
    if (conn !== undefined) send(ctx, conn, message)
  }
}

/** What became of what kubectls watch. */
function pushWatches(ctx: ProcCtx, state: ServerState): void {
  let open = 0
  for (const conn of state.conns.values()) {
    for (const [n, spec] of conn.watches) {
      open++
      if (conn.channel.stream.outbox.length > 0) continue
      const { lines, revision, ended } = watchPoll(ctx.world, spec, spec.revision)
      conn.watches.set(n, { ...spec, revision, headers: spec.headers && lines.length === 0 })
      if (lines.length > 0) send(ctx, conn, { k: 'data', n, out: lines.join('\n'), err: '', lines: true })
      if (!ended) continue
      conn.watches.delete(n)
      send(ctx, conn, { k: 'end', n, code: 0, broken: '' })
    }
  }
  if (open > 0) setTimer(ctx, ctx.world.now + WATCH_EVERY, WATCHES)
}

function accept(ctx: ProcCtx, rules: AgentRules, state: ServerState): void {
  const listener = sockById(ctx.ns, state.listener)
  if (listener === undefined) return
  for (;;) {
    const sock = tcpAccept(ctx.world, ctx.ns, listener)
    if (sock === undefined) return
    sock.tcp!.noDelay = true
    const conn: Conn = { channel: createChannel(sock), agents: [], sent: 0, watches: new Map() }
    state.conns.set(sock.id, conn)
    serve(ctx, rules, state, conn)
  }
}

/** Reads what has come, answers it, and sends what had no room before. */
function serve(ctx: ProcCtx, rules: AgentRules, state: ServerState, conn: Conn): void {
  const { messages, errno } = channelRead(ctx, conn.channel)
  const requests: Request[] = []
  for (const message of messages as ToServer[]) {
    if (message.k === 'call' && KNOWN_PATH.test(message.request.path)) call(ctx, state, conn, message)
    else if (message.k === 'write' || message.k === 'act' || message.k === 'call') requests.push(message)
    else answer(ctx, rules, state, conn, message)
  }
  if (requests.length > 0) {
    const waiting = { client: conn.channel.stream.sock, messages: requests }
    const why = etcdAsk(ctx, state.etcd, waiting)
    if (why !== '') refuse(ctx, state, waiting, why)
  }
  const failed = errno === '' ? streamFlush(ctx, conn.channel.stream) : errno
  if (failed !== '') {
    state.conns.delete(conn.channel.stream.sock)
    backendsDrop(ctx, state.backends, conn.channel.stream.sock)
    streamClose(ctx, conn.channel.stream)
  } else pushChanges(ctx, rules, conn)
}

/** What the server's own caches answer. */
function answer(
  ctx: ProcCtx,
  rules: AgentRules,
  state: ServerState,
  conn: Conn,
  message: Exclude<ToServer, Request>,
): void {
  const { world } = ctx
  switch (message.k) {
    case 'list': {
      const { programs, node } = message
      const wants = programs.flatMap((name) => rules.programs.get(name)?.wants({ node } as Agent) ?? [])
      const items = distinct(wants).flatMap((want) => listOf(world, want).map(onWire))
      send(ctx, conn, { k: 'listed', revision: storeOf(world).revision, items })
      return
    }
    case 'watch':
      // An agent that comes back has given its old connection up, whether or not that is known here.
      for (const [id, other] of state.conns) {
        if (other === conn || !other.agents.some((agent) => message.agents.includes(agent))) continue
        state.conns.delete(id)
        streamClose(ctx, other.channel.stream)
      }
      conn.agents = message.agents
      conn.sent = message.from
      return
    case 'input': {
      const at = { client: conn.channel.stream.sock, n: message.n }
      backendInput(ctx, state.backends, at, message.text, message.eof)
      return
    }
    case 'ping':
      send(ctx, conn, { k: 'pong', n: message.n })
      return
    default:
  }
}

/** etcd has answered. */
function carryOut(ctx: ProcCtx, rules: AgentRules, state: ServerState, { client, messages }: Waiting): void {
  const { world } = ctx
  if (client === NOBODY) renewLease(ctx)
  for (const message of messages) {
    const conn = state.conns.get(client)
    if (conn === undefined) return
    const { n } = message
    if (message.k === 'call') call(ctx, state, conn, message)
    else if (message.k === 'act') {
      agentAct(world, rules, message.agent, message)
      send(ctx, conn, { k: 'acted', n, failed: false })
    } else {
      const agent = findAgent(world, message.agent)
      if (agent !== undefined) {
        send(ctx, conn, { k: 'wrote', n, result: agentExecute(world, agent, message.request) })
      }
    }
  }
}

/** Without etcd a request fails, with grpc's words. */
function refuse(ctx: ProcCtx, state: ServerState, { client, messages }: Waiting, why: string): void {
  const conn = state.conns.get(client)
  const status = nameless(why)
  for (const { k, n } of conn === undefined ? [] : messages) {
    if (k === 'call') send(ctx, conn!, { k: 'called', n, response: statusAnswer(status) })
    else if (k === 'act') send(ctx, conn!, { k: 'acted', n, failed: true })
    else send(ctx, conn!, { k: 'wrote', n, result: { ok: false, status } })
  }
}

/** A request of kubectl's: answered, or gone on with, or handed on to a kubelet. */
function call(
  ctx: ProcCtx,
  state: ServerState,
  conn: Conn,
  { n, request }: Extract<ToServer, { k: 'call' }>,
): void {
  const response = apiRequest(ctx.world, request)
  const client = conn.channel.stream.sock
  if (response.stream !== undefined) {
    backendOpen(ctx, state.backends, { client, n }, response.stream, teller(ctx, state))
    return
  }
  send(ctx, conn, { k: 'called', n, response })
  if (response.watch === undefined) return
  conn.watches.set(n, response.watch)
  setTimer(ctx, ctx.world.now + WATCH_EVERY, WATCHES)
}

function send(at: StreamPlace, conn: Conn, message: FromServer): void {
  channelSend(at, conn.channel, message)
}

/** Sends an agent what it has not been sent; waits with it while the connection takes nothing. */
function pushChanges(at: StreamPlace, rules: AgentRules, conn: Conn): void {
  const { world } = at
  const { revision } = storeOf(world)
  if (conn.agents.length === 0 || conn.sent >= revision || conn.channel.stream.outbox.length > 0) return
  const wants = distinct(conn.agents.flatMap((id) => wantsOf(world, rules, id)))
  const changes = storeChanges(storeOf(world), conn.sent, new Set(wants.map((want) => want.resource)))
  conn.sent = revision
  // A compacted log: the agent lists anew when it hears of the revision.
  const wanted =
    changes === 'gone' ? [] : changes.filter((change) => wants.some((want) => isFor(want, change)))
  if (changes !== 'gone' && wanted.length === 0) return
  const events = wanted.map(({ type, object }) => ({ type, object: onWire(object) }))
  send(at, conn, { k: 'events', revision, events })
}

function wantsOf(world: World, rules: AgentRules, id: number): readonly Want[] {
  const agent = findAgent(world, id)
  return agent === undefined ? [] : (rules.programs.get(agent.program)?.wants(agent) ?? [])
}

/** Informers of one process are shared: each kind is watched once. */
function distinct(wants: readonly Want[]): Want[] {
  const found = new Map(wants.map((want) => [`${want.resource} ${want.node ?? ''}`, want]))
  return [...found.values()]
}

function listOf(world: World, want: Want): readonly ApiObject[] {
  const all = storeList(storeOf(world), want.resource)
  return want.node === undefined ? all : all.filter((object) => nodeOf(object) === want.node)
}

function isFor(want: Want, { resource, object, previous }: StoreChange): boolean {
  if (want.resource !== resource) return false
  return want.node === undefined || nodeOf(object) === want.node || nodeOf(previous) === want.node
}

function nodeOf(object: ApiObject | undefined): string | undefined {
  return (object as { readonly spec?: { readonly nodeName?: string } } | undefined)?.spec?.nodeName
}

/** Agents speak protobuf, which is shorter: the fields' owners are left out to come near its length. */
function onWire(object: ApiObject): object {
  const { managedFields: _owners, ...metadata } = object.metadata
  return { ...object, metadata }
}
