// Models ip_do_fragment of net/ipv4/ip_output.c, net/ipv4/ip_fragment.c, ip6_fragment and net/ipv6/reassembly.c (Linux
// 6.18): pieces and their putting
// together. Not here: overlapping fragments (the whole queue goes), memory limits by bytes, per-peer distance.
import { schedule } from '../../sim/dispatch.ts'
import type { SimEvent } from '../../sim/queue.ts'
import { Ev } from '../events.ts'
import { clonePacket, snapshotPacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { FragQueue, Link, Netns, Packet, World } from '../types.ts'
import { SEC, wheelAt } from '../wheel.ts'
import { icmp6Send } from '../ip6/icmp6.ts'
import { icmpSend } from './icmp.ts'

/** Bytes before a fragment's data: IPv6 has a header of its own for it. */
function headersOf(packet: Packet): number {
  return typeof packet.src === 'number' ? 20 : 48
}

/** The counters' family. */
function mib(packet: Packet): string {
  return typeof packet.src === 'number' ? 'Ip' : 'Ip6'
}

function wholeHeaders(packet: Packet): number {
  return typeof packet.src === 'number' ? 20 : 40
}

/** Unfinished packets of a namespace at most. */
const QUEUES_MAX = 256

/** Cuts a packet (itself perhaps a fragment) into pieces of at most `mtu` bytes. Only the first keeps transport headers. */
export function fragment(world: World, ns: Netns, packet: Packet, ifindex: number, mtu: number): Packet[] {
  const headers = headersOf(packet)
  const step = (mtu - headers) & ~7
  const total = packet.length - (packet.whole === null ? wholeHeaders(packet) : headers)
  const whole = packet.whole ?? snapshotPacket(packet)
  const pieces: Packet[] = []
  recordStep(world, ns, packet, StepKind.Fragment, StepAction.None, ifindex, null)
  for (let at = 0; at < total; at += step) {
    const size = Math.min(step, total - at)
    const piece = clonePacket(world, packet)
    piece.whole = whole
    piece.fragMax = 0
    piece.fragOffset = packet.fragOffset + at
    piece.moreFrags = at + size < total || packet.moreFrags
    piece.length = headers + size
    if (piece.fragOffset !== 0) stripTransport(piece)
    pieces.push(piece)
  }
  snmpAdd(ns, `${mib(packet)}FragOKs`)
  snmpAdd(ns, `${mib(packet)}FragCreates`, pieces.length)
  return pieces
}

/** Takes a fragment; gives the whole packet back once all of it is here, else null. */
export function defragment(world: World, ns: Netns, link: Link, packet: Packet): Packet | null {
  snmpAdd(ns, `${mib(packet)}ReasmReqds`)
  const key = `${packet.src} ${packet.dst} ${packet.proto} ${packet.ipId}`
  ns.frags ??= new Map()
  const queue = ns.frags.get(key) ?? openQueue(world, ns, key, packet)
  if (queue === null) {
    snmpAdd(ns, `${mib(packet)}ReasmFails`)
    recordDrop(world, ns, packet, 'NOMEM', link.ifindex, null)
    return null
  }
  const from = packet.fragOffset
  const to = from + packet.length - headersOf(packet)
  if (queue.got.some(([a, b]) => from < b && a < to)) {
    if (!queue.got.some(([a, b]) => a <= from && to <= b)) {
      ns.frags.delete(key)
      snmpAdd(ns, `${mib(packet)}ReasmFails`)
    }
    recordDrop(world, ns, packet, 'DUP_FRAG', link.ifindex, null)
    return null
  }
  queue.got.push([from, to])
  queue.maxLength = Math.max(queue.maxLength, packet.length)
  if (!packet.moreFrags) queue.total = to
  if (from === 0) queue.first = packet
  recordStep(world, ns, packet, StepKind.Reassemble, StepAction.Parked, link.ifindex, null)
  const have = queue.got.reduce((sum, [a, b]) => sum + b - a, 0)
  if (queue.first === null || queue.total === 0 || have !== queue.total) return null
  ns.frags.delete(key)
  snmpAdd(ns, `${mib(packet)}ReasmOKs`)
  return join(world, ns, link, queue)
}

/** Handler of Ev.FragTimer: what never became whole is given up, and its sender told if the first piece is here. */
export function fragTimer(world: World, ns: Netns, event: SimEvent): void {
  const key = event.ref as string
  const queue = ns.frags?.get(key)
  if (queue === undefined || queue.timer !== event.arg) return
  ns.frags!.delete(key)
  snmpAdd(ns, `${mib(queue.whole)}ReasmTimeout`)
  snmpAdd(ns, `${mib(queue.whole)}ReasmFails`)
  const head = queue.first
  if (head !== null) {
    if (typeof head.dst === 'string') icmp6Send(world, ns, { ...head, fragOffset: 0 }, 3, 1, 0)
    else icmpSend(world, ns, head, 11, 1, 0)
  }
  recordDrop(world, ns, head ?? queue.whole, 'FRAG_REASM_TIMEOUT', (head ?? queue.whole).iif, null)
}

function openQueue(world: World, ns: Netns, key: string, packet: Packet): FragQueue | null {
  if (ns.frags!.size >= QUEUES_MAX) return null
  const timer = world.seq
  const whole = packet.whole ?? packet
  const queue: FragQueue = {
    whole,
    first: null,
    got: [],
    total: 0,
    maxLength: 0,
    startedAt: world.now,
    timer,
  }
  ns.frags!.set(key, queue)
  const four = typeof packet.src === 'number'
  const delay = sysctlInt(ns, four ? 'net.ipv4.ipfrag_time' : 'net.ipv6.ip6frag_time') * SEC
  schedule(world, wheelAt(world.now, delay), Ev.FragTimer, ns.id, timer, key)
  return queue
}

/** The whole packet with the first fragment's headers, as the kernel builds it. */
function join(world: World, ns: Netns, link: Link, queue: FragQueue): Packet {
  const head = queue.first!
  const whole = clonePacket(world, queue.whole)
  whole.trace = head.trace
  whole.cause = head.cause
  whole.smac = head.smac
  whole.dmac = head.dmac
  whole.src = head.src
  whole.dst = head.dst
  whole.sport = head.sport
  whole.dport = head.dport
  whole.ttl = head.ttl
  whole.tos = head.tos
  whole.ipId = head.ipId
  whole.df = false
  whole.iif = head.iif
  whole.oif = 0
  whole.physIn = head.physIn
  whole.pktType = head.pktType
  whole.mark = head.mark
  whole.ct = head.ct
  whole.ctInfo = head.ctInfo
  whole.physOut = head.physOut
  whole.nfBridge = head.nfBridge
  whole.sock = 0
  whole.length = wholeHeaders(head) + queue.total
  whole.fragOffset = 0
  whole.moreFrags = false
  whole.whole = null
  whole.fragMax = queue.maxLength
  recordStep(world, ns, whole, StepKind.Reassemble, StepAction.Released, link.ifindex, null)
  return whole
}

function stripTransport(piece: Packet): void {
  piece.sport = 0
  piece.dport = 0
  piece.icmp = null
  piece.tcp = null
}
