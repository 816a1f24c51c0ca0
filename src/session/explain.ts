/** A probe that leaves nothing behind: what would become of this packet now, and of all that it gives rise to? */
import type { Ip } from '../base/addr.ts'
import { formatIp, formatMac, parseIp, UNSPECIFIED_IP6 } from '../base/addr.ts'
import { addrType } from '../net/ip/fib.ts'
import { neighReplace } from '../net/ip/neighcmd.ts'
import { ipLocalOut } from '../net/ip/output.ts'
import { ipRouteOutput, isRefusal } from '../net/ip/route.ts'
import { ip6LocalOut } from '../net/ip6/output.ts'
import { isRefusal6, route6Output } from '../net/ip6/route.ts'
import { linkByName } from '../net/link/device.ts'
import { linkRx } from '../net/link/rx.ts'
import { createIcmp, createPacket } from '../net/packet.ts'
import type { StepDetail } from '../net/trace.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../net/trace.ts'
import type { Netns, Packet, TcpHeader, World } from '../net/types.ts'
import { ETH_P_IP, ETH_P_IPV6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../net/types.ts'
import { findNetns, netnsNamed } from '../net/world.ts'
import { runUntil, touch } from '../sim/dispatch.ts'
import { checkpoint, seek } from '../sim/timeline.ts'
import type { Rules } from '../sim/world.ts'
import { namesOf } from '../view/names.ts'
import { dispositionOf, groupTraces, traceView } from '../view/trace-view.ts'
import type { Core } from './core.ts'
import { away } from './details.ts'
import { answerOf, isOpenEnd } from './explain-answer.ts'
import type { ExplainAnswer, Explained, ExplainQuery } from './explain-types.ts'

/** The probe and its consequences are followed for so long: an ARP failure takes about 3 s. */
const PROBE_NS = 10_000_000_000
const PROBE_EVENTS = 20_000
const PROBE_STEPS = 5000
const LOOK_EVERY = 64
const PORT = 40_000
const TTL = 64
const PING_BYTES = 56
/** Who is beyond the lab: the sender of a packet that arrives, and neighbours that are taken to answer. */
const BEYOND_MAC = 0x02ff00000001

interface Probe {
  ns: Netns
  proto: number
  /** Undefined: the kernel chooses. */
  src: Ip | undefined
  dst: Ip
  sport: number
  dport: number
  /** ifindex of the device that it arrives by, 0 where the namespace itself sends it. */
  iif: number
}

/** Sends a probe from a namespace, follows it, and puts the world back. `error` says why there was nothing to send. */
export function explainFlow(core: Core, query: ExplainQuery): Explained {
  const probe = readQuery(core.world, query)
  if (typeof probe === 'string') return { traces: [], answer: null, error: probe }
  return away(core, () => {
    const { world, rules } = core
    checkpoint(world)
    // The probe's future is not the one that the log knows.
    const later = world.inputs.splice(world.inputCursor)
    try {
      return followProbe(world, rules, probe)
    } finally {
      world.inputs.push(...later)
      // What the probe did outside any event must be undone too: only going back does that.
      world.nEvents++
    }
  })
}

/** What becomes of a probe sent now; the world is as before afterwards, unless it froze. */
export function explainNow(world: World, rules: Rules<World>, probe: Probe): Explained {
  const { nEvents } = world
  const later = world.inputs.splice(world.inputCursor)
  checkpoint(world)
  const explained = followProbe(world, rules, probe)
  if (world.frozen !== undefined) return explained
  world.inputs.push(...later)
  // What the probe did outside any event goes back only when an event is gone back over.
  world.nEvents++
  seek(world, rules, nEvents)
  return explained
}

/**
 * Sends the probe in `world`, which is changed by it, and follows it: the probe's trace first, then those that it gave
 * rise to (ARP, errors, the answer). Who is asked for beyond an open end (see isOpenEnd) is taken to answer.
 */
export function followProbe(world: World, rules: Rules<World>, probe: Probe): Explained {
  const { recorder } = world
  recorder.detail = []
  recorder.detailMax = PROBE_STEPS
  const steps: StepDetail[] = recorder.detail
  touch(world, probe.ns.id)
  const first = sendProbe(world, probe.ns, probe)
  const until = world.now + PROBE_NS
  const assumed: ExplainAnswer['assumed'] = []
  let read = 0
  for (let n = 0; n < PROBE_EVENTS; n++) {
    read = answerBeyond(world, steps, read, assumed)
    if (n % LOOK_EVERY === 0 && isOver(steps, first)) break
    if (runUntil(world, rules, { untilAt: until, maxEvents: 1 }) < 1) break
  }
  recorder.detail = null
  const names = namesOf(world)
  const family = familyOf(steps, first)
  const traces = [...family.values()].map((trace) => traceView(trace, names))
  // One that arrives begins with its arrival: nothing of it is lost.
  if (probe.iif !== 0 && traces[0] !== undefined) traces[0].truncated = false
  const own = family.get(first) ?? []
  family.delete(first)
  const answer = answerOf(world, own, traces, probe.ns.name, assumed, family)
  return { traces, answer, error: '' }
}

/** Packets that wait for somebody beyond the lab get an answer. Answers how many steps were looked at. */
function answerBeyond(
  world: World,
  steps: readonly StepDetail[],
  from: number,
  assumed: ExplainAnswer['assumed'],
): number {
  let at = from
  for (; at < steps.length; at++) {
    const step = steps[at] as StepDetail
    if (step.kind !== StepKind.Neigh || step.action !== StepAction.Parked) continue
    const ns = findNetns(world, step.ns)
    const link = ns?.links[step.ifindex]
    if (ns === undefined || link === undefined || !isOpenEnd(world, ns, step.ifindex)) continue
    const ip = step.headers.nextHop
    const mac = BEYOND_MAC + 1 + assumed.length
    touch(world, ns.id)
    neighReplace(world, ns, link, { ip, mac, state: 'PERMANENT' })
    assumed.push({ room: ns.name, dev: link.name, ip: formatIp(ip), mac: formatMac(mac) })
  }
  return at
}

/** Reads a query against a world; a string says what is wrong with it. */
export function readQuery(world: World, query: ExplainQuery): Probe | string {
  const name = query.from.replace('/', '.')
  const ns = netnsNamed(world, name)
  if (ns === undefined) return `no machine or namespace ${JSON.stringify(query.from)}`
  const dst = parseIp(query.dst)
  if (dst === undefined) return `${JSON.stringify(query.dst)} is not an IPv4 address and not an IPv6 address`
  const src = query.src === undefined || query.src === '' ? undefined : parseIp(query.src)
  if (src === undefined && query.src) return `${JSON.stringify(query.src)} is not an IPv4 or IPv6 address`
  if (src !== undefined && typeof src !== typeof dst)
    return `${query.src} and ${query.dst} are of two families`
  const arrives = query.in !== undefined && query.in !== ''
  const link = arrives ? linkByName(ns, query.in ?? '') : undefined
  if (arrives && link === undefined) return `${query.from} has no device ${JSON.stringify(query.in)}`
  if (arrives && !link?.up) return `${query.in} of ${query.from} is down`
  if (arrives && src === undefined) return 'a packet that arrives needs a source address'
  if (!arrives && src !== undefined && addrType(ns, src) !== 'local') {
    return `${query.src} is no address of ${query.from}`
  }
  const icmp = typeof dst === 'number' ? IPPROTO_ICMP : IPPROTO_ICMPV6
  const proto = { icmp, udp: IPPROTO_UDP, tcp: IPPROTO_TCP }[query.proto]
  if (proto === undefined) return `protocol ${JSON.stringify(query.proto)} is none of icmp, udp, tcp`
  const { dport = 0, sport = PORT } = query
  if (proto !== icmp && !isPort(dport)) return `${query.proto} needs a destination port from 1 to 65535`
  if (!isPort(sport)) return 'a source port is from 1 to 65535'
  return { ns, proto, src, dst, sport, dport, iif: link?.ifindex ?? 0 }
}

function isPort(n: number): boolean {
  return Number.isInteger(n) && n >= 1 && n <= 65535
}

/** The trace of the probe. Without a route it is born and ends in one breath. */
function sendProbe(world: World, ns: Netns, probe: Probe): number {
  const packet = probePacket(world, probe)
  const link = ns.links[probe.iif]
  if (link !== undefined) {
    packet.smac = BEYOND_MAC
    packet.dmac = ns.links[link.master]?.mac ?? link.mac
    linkRx(world, ns, { at: world.now, seq: 0, kind: 0, target: ns.id, arg: probe.iif, ref: packet })
    return packet.trace
  }
  const none = typeof probe.dst === 'number' ? sendFour(world, ns, packet) : sendSix(world, ns, packet)
  if (none === null) return packet.trace
  recordStep(world, ns, packet, StepKind.Originate, StepAction.None, 0, null)
  recordStep(world, ns, packet, StepKind.Route, StepAction.NoRoute, 0, none)
  recordDrop(world, ns, packet, 'IP_OUTNOROUTES', 0, none)
  return packet.trace
}

/** Null where it was sent, else what refused it a route. */
function sendFour(world: World, ns: Netns, packet: Packet): object | null {
  const query = { dst: packet.dst as number, src: packet.src as number, oif: 0, mark: 0, tos: 0 }
  const route = ipRouteOutput(world, ns, query)
  if (isRefusal(route)) return route.fib.route ?? route.fib.rule ?? {}
  if (packet.src === 0) packet.src = route.src
  ipLocalOut(world, ns, packet, route)
  return null
}

function sendSix(world: World, ns: Netns, packet: Packet): object | null {
  const query = { dst: packet.dst as string, src: packet.src as string, oif: 0, mark: 0, tos: 0 }
  const route = route6Output(world, ns, query)
  if (isRefusal6(route)) return route.fib.route ?? route.fib.rule ?? {}
  packet.src = route.src
  ip6LocalOut(world, ns, packet, route)
  return null
}

function probePacket(world: World, probe: Probe): Packet {
  const four = typeof probe.dst === 'number'
  const packet = createPacket(world, four ? ETH_P_IP : ETH_P_IPV6, 0)
  const header = four ? 20 : 40
  packet.proto = probe.proto
  packet.src = probe.src ?? (four ? 0 : UNSPECIFIED_IP6)
  packet.dst = probe.dst
  packet.ttl = TTL
  packet.df = four
  packet.length = header + 8
  if (probe.proto === IPPROTO_ICMP || probe.proto === IPPROTO_ICMPV6) {
    packet.icmp = createIcmp(four ? 8 : 128, 0)
    packet.icmp.seq = 1
    packet.payload = new Uint8Array(PING_BYTES)
    packet.length += PING_BYTES
    return packet
  }
  packet.sport = probe.sport
  packet.dport = probe.dport
  if (probe.proto === IPPROTO_TCP) {
    packet.tcp = syn()
    packet.length = header + 20
  }
  return packet
}

function syn(): TcpHeader {
  return {
    seq: 1,
    ack: 0,
    flags: 2,
    window: 64240,
    mss: 0,
    wscale: -1,
    sackOk: false,
    tsval: -1,
    tsecr: -1,
  }
}

/** The probe's trace and those that have it as a cause, directly or through others. */
function familyOf(steps: readonly StepDetail[], first: number): Map<number, StepDetail[]> {
  const family = new Map<number, StepDetail[]>()
  for (const [id, trace] of groupTraces(steps)) {
    if (id === first || family.has(trace[0]?.cause ?? 0)) family.set(id, trace)
  }
  return family
}

function isOver(steps: readonly StepDetail[], first: number): boolean {
  for (const trace of familyOf(steps, first).values()) {
    if (dispositionOf(trace).disposition === 'IN_FLIGHT') return false
  }
  return true
}
