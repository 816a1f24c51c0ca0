/** A stream socket's first state, initial sequence numbers and timestamp offsets. */
import type { Ip } from '../../base/addr.ts'
import { nextBelow, nextUint32 } from '../../base/rng.ts'
import { sysctlInt } from '../sysctl.ts'
import type { Netns, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { createTimer } from './tcptimer.ts'
import type { TcpState } from './tcptypes.ts'
import { receiveDefaults } from './tcpwin.ts'

/** What one connection may have waiting to be sent or confirmed, bytes (the kernel's buffer grows further). */
export const SO_SNDBUF = 262_144
const CWND_FIRST = 10
const SSTHRESH_NONE = 0x7fffffff

/** What every stream socket begins with, in one shape; createTcp puts the rest in. */
export const FRESH: Readonly<TcpState> = {
  state: 'CLOSE',
  shutdown: 0,
  orphan: false,
  closing: false,
  reuseAddr: false,
  noDelay: false,
  blocking: false,
  v6only: false,
  keep: null,
  lastAckAt: 0,
  backlog: 0,
  requests: null,
  acceptQueue: null,
  parent: 0,
  ipId: 1,
  iss: 0,
  sndUna: 0,
  sndNxt: 0,
  writeSeq: 0,
  sndWnd: 0,
  sndWl1: 0,
  maxWindow: 0,
  sndSml: 0,
  pushedSeq: 0,
  mssClamp: 65535,
  userMss: 0,
  mss: 536,
  pmtu: 0,
  unsent: [],
  inFlight: [],
  sndBuf: SO_SNDBUF,
  wantsSpace: false,
  lastSentAt: 0,
  srttUs: 0,
  mdevUs: 1_000_000,
  mdevMaxUs: 200_000,
  rttvarUs: 200_000,
  rttSeq: 0,
  rtoNs: SEC,
  backoff: 0,
  linear: 0,
  retransmits: 0,
  probes: 0,
  retransStamp: 0,
  cwnd: CWND_FIRST,
  cwndCnt: 0,
  ssthresh: SSTHRESH_NONE,
  ca: 'open',
  highSeq: 0,
  dupAcks: 0,
  rcvNxt: 0,
  copiedSeq: 0,
  rcvWup: 0,
  rcvWnd: 0,
  rcvSsthresh: 0,
  windowClamp: 0,
  rcvBuf: 0,
  ratio: 0,
  rcvMss: 536,
  advmss: 0,
  rcvQueue: [],
  rcvBytes: 0,
  rcvMem: 0,
  outOfOrder: [],
  sacks: [],
  ack: createAck(0),
  finSeen: false,
  tsOk: false,
  tsRecent: 0,
  tsRecentAt: 0,
  tsOffset: 0,
  sackOk: false,
  wscaleOk: false,
  sndWscale: 0,
  rcvWscale: 0,
  rexmit: createTimer(),
  delack: createTimer(),
  wait: createTimer(),
  pending: '',
  softErr: '',
  openedAt: 0,
  bytesSent: 0,
  bytesAcked: 0,
  bytesReceived: 0,
  cause: 0,
  segsOut: 0,
  segsIn: 0,
  retransTotal: 0,
}

/** A closed stream socket's state. Random parts come from the namespace. */
export function createTcp(world: World, ns: Netns): TcpState {
  const { rcvBuf, ratio } = receiveDefaults(ns)
  // One copy of one shape: put together from parts it takes ten times as long.
  const t: TcpState = { ...FRESH }
  t.v6only = sysctlInt(ns, 'net.ipv6.bindv6only') !== 0
  t.ipId = 1 + nextBelow(ns.rng, 65535)
  t.unsent = []
  t.inFlight = []
  t.rcvBuf = rcvBuf
  t.ratio = ratio
  t.rcvQueue = []
  t.outOfOrder = []
  t.sacks = []
  t.ack = createAck(world.now)
  t.tsOk = sysctlInt(ns, 'net.ipv4.tcp_timestamps') !== 0
  t.tsOffset = nextUint32(ns.rng)
  t.sackOk = sysctlInt(ns, 'net.ipv4.tcp_sack') !== 0
  t.wscaleOk = sysctlInt(ns, 'net.ipv4.tcp_window_scaling') !== 0
  t.rexmit = createTimer()
  t.delack = createTimer()
  t.wait = createTimer()
  t.openedAt = world.now
  return t
}

function createAck(now: number): TcpState['ack'] {
  return { scheduled: false, pushed: 0, now: false, quick: 0, pingpong: false, atoNs: 0, lastDataAt: now }
}

/**
 * A connection's first sequence number: its own part and a clock of 64 ns, so that a port that comes again begins
 * behind what the other end still remembers. Models net/core/secure_seq.c, without its secret.
 */
export function initialSeq(world: World, from: Ip, fromPort: number, to: Ip, toPort: number): number {
  return (textHash(`${from} ${fromPort} ${to} ${toPort}`) + Math.floor(world.now / 64)) >>> 0
}

/** Where the timestamps of all connections between two addresses begin: they never go back. */
export function timestampOffset(from: Ip, to: Ip): number {
  return textHash(`${from} ${to}`)
}

/** 32 bits of FNV-1a, stirred as murmur3 ends. */
function textHash(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
