/** A probe that leaves nothing behind: what would become of this packet now, and of all that it gives rise to? */
import { parseIp4 } from '../base/addr.ts'
import { addrType } from '../net/ip/fib.ts'
import { ipLocalOut } from '../net/ip/output.ts'
import { ipRouteOutput, isRefusal } from '../net/ip/route.ts'
import { createIcmp, createPacket } from '../net/packet.ts'
import type { StepDetail } from '../net/trace.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../net/trace.ts'
import type { Netns, Packet, TcpHeader, World } from '../net/types.ts'
import { ETH_P_IP, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../net/types.ts'
import { netnsNamed } from '../net/world.ts'
import { runUntil, touch } from '../sim/dispatch.ts'
import { checkpoint, seek } from '../sim/timeline.ts'
import type { Rules } from '../sim/world.ts'
import { namesOf } from '../view/names.ts'
import { dispositionOf, groupTraces, traceView } from '../view/trace-view.ts'
import type { TraceView } from '../view/types.ts'
import type { Core } from './core.ts'
import { away } from './details.ts'
import type { ExplainQuery } from './types.ts'

/** The probe and its consequences are followed for so long: an ARP failure takes about 3 s. */
const PROBE_NS = 10_000_000_000
const PROBE_EVENTS = 20_000
const PROBE_STEPS = 5000
const LOOK_EVERY = 64
const PORT = 40_000
const TTL = 64
const PING_BYTES = 56

interface Probe {
  ns: Netns
  proto: number
  src: number
  dst: number
  dport: number
}

/** Sends a probe from a namespace, follows it, and puts the world back. `error` says why there was nothing to send. */
export function explainFlow(core: Core, query: ExplainQuery): { traces: TraceView[]; error: string } {
  const probe = readQuery(core.world, query)
  if (typeof probe === 'string') return { traces: [], error: probe }
  const views = away(core, () => {
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
  return { traces: views, error: '' }
}

/** What becomes of a probe sent now; the world is as before afterwards, unless it froze. */
export function explainNow(world: World, rules: Rules<World>, probe: Probe): TraceView[] {
  const { nEvents } = world
  const later = world.inputs.splice(world.inputCursor)
  checkpoint(world)
  const views = followProbe(world, rules, probe)
  if (world.frozen !== undefined) return views
  world.inputs.push(...later)
  // What the probe did outside any event goes back only when an event is gone back over.
  world.nEvents++
  seek(world, rules, nEvents)
  return views
}

/**
 * Sends the probe in `world`, which is changed by it, and follows it: the probe's trace first, then those that it gave
 * rise to (ARP, errors, the answer).
 */
export function followProbe(world: World, rules: Rules<World>, probe: Probe): TraceView[] {
  const { recorder } = world
  recorder.detail = []
  recorder.detailMax = PROBE_STEPS
  const steps: StepDetail[] = recorder.detail
  touch(world, probe.ns.id)
  const first = sendProbe(world, probe.ns, probe)
  const until = world.now + PROBE_NS
  for (let n = 0; n < PROBE_EVENTS && !isOver(steps, first); n += LOOK_EVERY) {
    if (runUntil(world, rules, { untilAt: until, maxEvents: LOOK_EVERY }) < LOOK_EVERY) break
  }
  recorder.detail = null
  const names = namesOf(world)
  return [...familyOf(steps, first).values()].map((trace) => traceView(trace, names))
}

/** Reads a query against a world; a string says what is wrong with it. */
export function readQuery(world: World, query: ExplainQuery): Probe | string {
  const name = query.from.replace('/', '.')
  const ns = netnsNamed(world, name)
  if (ns === undefined) return `no machine or namespace ${JSON.stringify(query.from)}`
  const dst = parseIp4(query.dst)
  if (dst === undefined) return `${JSON.stringify(query.dst)} is not an IPv4 address`
  const src = query.src === undefined ? 0 : parseIp4(query.src)
  if (src === undefined) return `${JSON.stringify(query.src)} is not an IPv4 address`
  if (src !== 0 && addrType(ns, src) !== 'local') return `${query.src} is no address of ${query.from}`
  const proto = { icmp: IPPROTO_ICMP, udp: IPPROTO_UDP, tcp: IPPROTO_TCP }[query.proto]
  if (proto === undefined) return `protocol ${JSON.stringify(query.proto)} is none of icmp, udp, tcp`
  const dport = query.dport ?? 0
  if (proto !== IPPROTO_ICMP && (!Number.isInteger(dport) || dport < 1 || dport > 65535)) {
    return `${query.proto} needs a destination port from 1 to 65535`
  }
  return { ns, proto, src, dst, dport }
}

/** The trace of the probe. Without a route it is born and ends in one breath. */
function sendProbe(world: World, ns: Netns, probe: Probe): number {
  const packet = probePacket(world, probe)
  const route = ipRouteOutput(world, ns, { dst: probe.dst, src: probe.src, oif: 0, mark: 0, tos: 0 })
  if (!isRefusal(route)) {
    packet.src = probe.src === 0 ? route.src : probe.src
    ipLocalOut(world, ns, packet, route)
    return packet.trace
  }
  recordStep(world, ns, packet, StepKind.Originate, StepAction.None, 0, null)
  recordStep(world, ns, packet, StepKind.Route, StepAction.NoRoute, 0, route.fib.route ?? route.fib.rule)
  recordDrop(world, ns, packet, 'IP_OUTNOROUTES', 0, route.fib.route ?? route.fib.rule)
  return packet.trace
}

function probePacket(world: World, probe: Probe): Packet {
  const packet = createPacket(world, ETH_P_IP, 0)
  packet.proto = probe.proto
  packet.src = probe.src
  packet.dst = probe.dst
  packet.ttl = TTL
  packet.df = true
  packet.length = 28
  if (probe.proto === IPPROTO_ICMP) {
    packet.icmp = createIcmp(8, 0)
    packet.icmp.seq = 1
    packet.payload = new Uint8Array(PING_BYTES)
    packet.length = 28 + PING_BYTES
    return packet
  }
  packet.sport = PORT
  packet.dport = probe.dport
  if (probe.proto === IPPROTO_TCP) {
    packet.tcp = syn()
    packet.length = 40
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
