/**
 * etcd's peers: every member reads a stream from each other member's port 2380, and what a client asks is answered while
 * a majority is heard. Models etcd 3.5's server/etcdserver/api/rafthttp (dials 100 ms apart, 2 s to dial, 5 s without a
 * word) and its times as kubeadm leaves them: a heartbeat each 100 ms, 1 s until a silent member counts as lost, 7 s for
 * a request. Not here: raft's log and votes (a member that is heard has all there is), heartbeats from the leader alone,
 * the second stream and the pipeline to each peer, members that are added or removed.
 */
import { parseIp } from '../../base/addr.ts'
import type { Ip } from '../../base/addr.ts'
import { findCluster } from '../../kube/cluster.ts'
import { sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpAccept, tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import { setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent } from '../program.ts'
import { streamClose, streamFlush } from '../stream.ts'
import type { Channel } from './channel.ts'
import { channelRead, channelSend, createChannel } from './channel.ts'

/** Another member, as this one sees it. */
interface Peer {
  readonly ip: Ip
  /** The stream that is read from it, and since when it is dialled or was last heard (ns). */
  channel: Channel | null
  open: boolean
  since: number
  heardAt: number
  /** The stream that it reads from here. */
  reader: Channel | null
}

/** A client's request that waits for a majority. */
interface Held {
  readonly client: number
  readonly n: number
  readonly at: number
}

/** Plain data of an etcd that is not alone. */
export interface Peers {
  readonly others: Peer[]
  held: Held[]
}

const MS = 1_000_000
const BEAT_NS = 100 * MS
const ELECTION_NS = 1000 * MS
const DIAL_NS = 2000 * MS
const READ_NS = 5000 * MS
const REQUEST_NS = 7000 * MS
const PORT = 2380
const TIMER = 'raft'
export const TIMED_OUT = 'etcdserver: request timed out'

/** The other control planes of the cluster; null where this machine's is the only one. */
export function createPeers(ctx: ProcCtx): Peers | null {
  const nodes = [...(findCluster(ctx.world)?.nodes.values() ?? [])]
  const others = nodes
    .filter(({ role, machine }) => role === 'control-plane' && machine !== ctx.machine.id)
    .map(({ addresses }) => parseIp(addresses[0] ?? ''))
    .filter((ip) => ip !== undefined)
    .map((ip) => ({ ip, channel: null, open: false, since: 0, heardAt: -ELECTION_NS, reader: null }))
  if (others.length === 0) return null
  setTimer(ctx, ctx.world.now, TIMER)
  return { others, held: [] }
}

/** Whether more than half of the members, this one among them, hear of each other. */
export function hasMajority({ world }: ProcCtx, { others }: Peers): boolean {
  const heard = others.filter(({ heardAt }) => world.now - heardAt < ELECTION_NS).length
  return (heard + 1) * 2 > others.length + 1
}

/** Takes what connects to port 2380: another member's stream; anybody else is turned away. */
export function peersAccept(ctx: ProcCtx, listener: number, peers: Peers | null): void {
  const { world, ns } = ctx
  const from = sockById(ns, listener)
  if (from === undefined) return
  for (let sock = tcpAccept(world, ns, from); sock !== undefined; sock = tcpAccept(world, ns, from)) {
    const channel = createChannel(sock)
    const { remote } = sock
    const peer = peers?.others.find(({ ip }) => ip === remote)
    if (peer === undefined) {
      streamClose(ctx, channel.stream)
      continue
    }
    sock.tcp!.noDelay = true
    if (peer.reader !== null) streamClose(ctx, peer.reader.stream)
    peer.reader = channel
    channelSend(ctx, channel, { k: 'beat' })
  }
}

/**
 * What an event means for the peers. False: nothing. `answer` sends to a client by its socket: without words, that it is
 * done.
 */
export function peersEvent(
  ctx: ProcCtx,
  peers: Peers,
  event: ProcEvent,
  answer: (client: number, n: number, wrong: string) => void,
): boolean {
  if (event.type === 'timer' && event.tag === TIMER) {
    for (const peer of peers.others) tick(ctx, peer)
    settle(ctx, peers, answer)
    setTimer(ctx, ctx.world.now + BEAT_NS, TIMER)
    return true
  }
  if (event.type !== 'sock') return false
  for (const peer of peers.others) {
    if (event.sock === peer.channel?.stream.sock) {
      listen(ctx, peer)
      settle(ctx, peers, answer)
      return true
    }
    if (event.sock === peer.reader?.stream.sock) {
      const { errno } = channelRead(ctx, peer.reader)
      if (errno !== '' || streamFlush(ctx, peer.reader.stream) !== '') hangUp(ctx, peer)
      return true
    }
  }
  return false
}

/** A heartbeat for who reads here; who is read from and silent, or not yet there, is dialled. */
function tick(ctx: ProcCtx, peer: Peer): void {
  const { world } = ctx
  const { reader, channel } = peer
  if (reader !== null && reader.stream.outbox.length === 0) channelSend(ctx, reader, { k: 'beat' })
  if (channel !== null && world.now - peer.since >= (peer.open ? READ_NS : DIAL_NS)) drop(ctx, peer)
  if (peer.channel === null) dial(ctx, peer)
}

function dial(ctx: ProcCtx, peer: Peer): void {
  const { world, ns, proc } = ctx
  const family = typeof peer.ip === 'number' ? 4 : 6
  const sock = sockOpen(world, ns, { kind: 'tcp', family, pid: proc.pid })
  sock.tcp!.noDelay = true
  peer.channel = createChannel(sock)
  peer.since = world.now
  if (tcpConnect(world, ns, sock, peer.ip, PORT) !== null) drop(ctx, peer)
}

function listen(ctx: ProcCtx, peer: Peer): void {
  const channel = peer.channel!
  const sock = sockById(ctx.ns, channel.stream.sock)
  if (sock === undefined) return
  if (!peer.open) {
    if (sockError(sock) !== '') drop(ctx, peer)
    else if (tcpConnected(sock)) peer.open = true
    if (!peer.open) return
  }
  const { messages, errno } = channelRead(ctx, channel)
  if (messages.length > 0) {
    peer.heardAt = ctx.world.now
    peer.since = ctx.world.now
  }
  if (errno !== '') drop(ctx, peer)
}

function drop(ctx: ProcCtx, peer: Peer): void {
  if (peer.channel !== null) streamClose(ctx, peer.channel.stream)
  peer.channel = null
  peer.open = false
}

function hangUp(ctx: ProcCtx, peer: Peer): void {
  if (peer.reader !== null) streamClose(ctx, peer.reader.stream)
  peer.reader = null
}

/** What waited is answered by a majority, or has waited too long. */
function settle(
  ctx: ProcCtx,
  peers: Peers,
  answer: (client: number, n: number, wrong: string) => void,
): void {
  if (peers.held.length === 0) return
  const { now } = ctx.world
  const served = hasMajority(ctx, peers)
  const { held } = peers
  peers.held = held.filter(({ at }) => !served && now - at < REQUEST_NS)
  for (const one of held) {
    if (!peers.held.includes(one)) answer(one.client, one.n, served ? '' : TIMED_OUT)
  }
}
