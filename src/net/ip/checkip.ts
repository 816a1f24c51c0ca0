/** For tests of ip and sock: a network from a few lines of text, a ping and a datagram, and what was heard as text. */
import { formatIp, parseIp, parseIp4, parsePrefix } from '../../base/addr.ts'
import { assert } from '../../base/assert.ts'
import { runUntil } from '../../sim/dispatch.ts'
import type { Rules } from '../../sim/world.ts'
import { Ev } from '../events.ts'
import { addr6Timer } from '../ip6/addrconf.ts'
import { linkByName } from '../link/device.ts'
import { linkAdd, linkSet } from '../link/netlink.ts'
import { linkRx } from '../link/rx.ts'
import { bridgeTimer } from '../link/stptimer.ts'
import { createNetns } from '../netns.ts'
import { ctGc } from '../nf/cttable.ts'
import type { NlResult } from '../nlresult.ts'
import type { Datagram } from '../sock/send.ts'
import { sockSendTo } from '../sock/send.ts'
import { sockClose, sockOpen, sockRecv, sockRecvErr } from '../sock/socket.ts'
import { tcpTimer } from '../sock/tcpexpire.ts'
import { sysctlSet } from '../sysctl.ts'
import type { StepDetail } from '../trace.ts'
import { StepKind } from '../trace.ts'
import type { Link, NdBody, Netns, Packet, Route, Socket, World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { createWorld, netnsNamed } from '../world.ts'
import { addrAdd, addrDel } from './devinet.ts'
import { routeAdd, routeAppend, routeChange, routeDel, routeReplace, ruleAdd, ruleDel } from './fib.ts'
import type { NextHopSpec, RouteSpec } from './fibspec.ts'
import { fragTimer } from './frag.ts'
import { neighsOf, neighTimer } from './neigh.ts'

export const ipRules: Rules<World> = { handlers: handlers(), applyInput: () => undefined }

/**
 * A world from lines: `link A/eth0 B/eth0` (veth, both up, lo up), `addr A/eth0 10.0.0.1/24`, `route A add default
 * via 10.0.0.9`, `bridge S/br0`, `master S/p1 br0`, `rule A from ... table 100`, `sysctl A net.x=1`, `mtu A/eth0 1400`, `up|down A/eth0`. Fails on errors. IPv6 is off
 * unless it is asked for.
 */
export function netOf(text: string, ipv6 = false, seed = 11): World {
  const world = createWorld(seed)
  if (!ipv6) world.scalars.ipv6Off = 1
  world.recorder.detail = []
  for (const line of text.split('\n')) {
    const words = line.trim()
    const error = words === '' ? '' : doLine(world, words)
    assert(error === '', `${words}: ${error}`)
  }
  return world
}

/** Does one such line; '' or what `ip` or `sysctl` would print. */
export function doLine(world: World, line: string): string {
  const words = line.trim().split(/\s+/)
  const [verb, where, ...rest] = words as [string, string, ...string[]]
  if (verb === 'link') return addVeth(world, where, rest[0]!)
  if (verb === 'sysctl') {
    const [name, value] = rest.join(' ').split('=') as [string, string]
    return sysctlSet(world, nsOf(world, where), name, value) ?? ''
  }
  if (verb === 'route') return said(routeLine(world, nsOf(world, where), rest))
  if (verb === 'rule') return said(ruleLine(world, nsOf(world, where), rest))
  const ns = nsOf(world, where.split('/')[0]!)
  if (verb === 'bridge') {
    return (
      said(linkAdd(world, ns, { kind: 'bridge', name: where.split('/')[1]! })) || doLine(world, `up ${where}`)
    )
  }
  const link = dev(world, where)
  if (verb === 'master') return said(linkSet(world, ns, link, { master: linkByName(ns, rest[0]!)!.ifindex }))
  if (verb === 'up' || verb === 'down') return said(linkSet(world, ns, link, { up: verb === 'up' }))
  if (verb === 'mtu') return said(linkSet(world, ns, link, { mtu: Number(rest[0]) }))
  const prefix = parsePrefix(rest[0]!)!
  const spec = { addr: prefix.addr, len: prefix.len, ...(rest.includes('nodad') ? { nodad: true } : {}) }
  return said(verb === 'addr' ? addrAdd(world, ns, link, spec) : addrDel(world, ns, link, spec))
}

export function nsOf(world: World, name: string): Netns {
  const ns = netnsNamed(world, name)
  assert(ns !== undefined, `there is a namespace ${name}`)
  return ns
}

/** The device `NETNS/NAME`. */
export function dev(world: World, path: string): Link {
  const [ns, name] = path.split('/') as [string, string]
  const link = linkByName(nsOf(world, ns), name)
  assert(link !== undefined, `there is a device ${path}`)
  return link
}

export function ip(text: string): number {
  return parseIp4(text)!
}

/** Runs for so long; the clock ends there. */
export function runFor(world: World, ns: number): void {
  const until = world.now + ns
  runUntil(world, ipRules, { maxEvents: 1_000_000, untilAt: until })
  assert(world.frozen === undefined, `the world runs: ${world.frozen?.message}`)
  world.now = until
}

export interface PingOptions {
  count?: number
  size?: number
  ttl?: number
  pmtudisc?: number
  intervalMs?: number
  broadcast?: boolean
  confirm?: boolean
  /** How long to listen after the last request. */
  waitMs?: number
}

/** Pings and returns what was heard: `1 ttl=64`, `1 from 10.0.0.1 3/1`, `1 EMSGSIZE mtu=1400`, in order. */
export function ping(world: World, from: string, to: string, options: PingOptions = {}): string[] {
  const ns = nsOf(world, from)
  const dst = parseIp(to.split('%')[0]!)!
  const family = typeof dst === 'number' ? 4 : 6
  const sock = sockOpen(world, ns, { kind: 'ping', family, pid: 1 })
  if (to.includes('%')) sock.oif = linkByName(ns, to.split('%')[1]!)?.ifindex ?? 0
  sock.recvErr = true
  sock.pmtudisc = options.pmtudisc ?? 1
  sock.broadcast = options.broadcast ?? false
  const out: string[] = []
  const interval = (options.intervalMs ?? 1000) * MS
  for (let seq = 1; seq <= (options.count ?? 1); seq++) {
    const sent = sockSendTo(world, ns, sock, {
      dst,
      payload: new Uint8Array(options.size ?? 56),
      icmp: { type: 8, code: 0, id: 0, seq },
      ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
      ...(options.confirm === undefined ? {} : { confirm: options.confirm }),
    })
    if ('errno' in sent) out.push(`${seq} ${sent.errno}${sent.mtu === 0 ? '' : ` mtu=${sent.mtu}`}`)
    sock.err = ''
    runFor(world, seq === (options.count ?? 1) ? (options.waitMs ?? 4000) * MS : interval)
    out.push(...heard(ns, sock))
  }
  sockClose(world, ns, sock)
  return out
}

/** Sends one UDP datagram from a new socket; returns the socket. */
export function udp(
  world: World,
  from: string,
  to: string,
  port: number,
  datagram: Partial<Datagram> = {},
): Socket {
  const ns = nsOf(world, from)
  const dst = parseIp(to)!
  const sock = sockOpen(world, ns, { kind: 'udp', family: typeof dst === 'number' ? 4 : 6, pid: 1 })
  sock.recvErr = true
  sockSendTo(world, ns, sock, { dst, dport: port, payload: new Uint8Array(8), ...datagram })
  return sock
}

/** What waits in a socket, as text. */
export function heard(ns: Netns, sock: Socket): string[] {
  const out: string[] = []
  for (let m = sockRecvErr(ns, sock); m !== undefined; m = sockRecvErr(ns, sock)) {
    if (m.origin !== 'icmp') continue
    const mtu = m.info === 0 ? '' : ` mtu=${m.info}`
    out.push(`${m.packet.icmp?.seq ?? ''} from ${formatIp(m.offender!)} ${m.type}/${m.code}${mtu}`.trim())
  }
  for (let m = sockRecv(ns, sock); m !== undefined; m = sockRecv(ns, sock)) {
    out.push(`${m.packet.icmp?.seq ?? 'data'} ttl=${m.packet.ttl}`)
  }
  sock.err = ''
  return out
}

/** Sent frames since step `first`, one a line: `1.024 A/eth0 arp who-has 10.0.0.2 tell 10.0.0.1 > ff…`. */
export function sentFrames(world: World, first = 0, start = 0): string[] {
  const steps = (world.recorder.detail ?? []).slice(first)
  return steps
    .filter((step) => step.kind === StepKind.Tx && step.dev !== 'lo')
    .map(
      (step) =>
        `${((step.at - start) / SEC).toFixed(3)} ${step.nsName}/${step.dev} ${frameText(step.headers)}`,
    )
}

/** Drops since step `first`: `A REASON`. */
export function drops(world: World, first = 0): string[] {
  return (world.recorder.detail ?? [])
    .slice(first)
    .filter((step) => step.kind === StepKind.Drop)
    .map((step) => `${step.nsName} ${step.reason}`)
}

/** Steps of one kind since `first`. */
export function stepsOf(world: World, kind: StepKind, first = 0): StepDetail[] {
  return (world.recorder.detail ?? []).slice(first).filter((step) => step.kind === kind)
}

/** `10.0.0.2 REACHABLE` for every neighbour of a namespace. */
export function neighs(world: World, name: string): string[] {
  return neighsOf(nsOf(world, name)).map((n) => `${formatIp(n.ip)} ${n.state}`)
}

/** A route as `ip route` prints it, without defaults that it leaves out. */
export function routeText(ns: Netns, route: Route): string {
  const words: string[] = route.type === 'unicast' ? [] : [route.type]
  const full = typeof route.dst === 'number' ? 32 : 128
  words.push(
    route.len === 0 ? 'default' : `${formatIp(route.dst)}${route.len === full ? '' : `/${route.len}`}`,
  )
  const hop = route.nexthops[0]
  if (hop?.via !== undefined) words.push('via', formatIp(hop.via))
  if (hop !== undefined) words.push('dev', ns.links[hop.oif]?.name ?? '?')
  if (route.proto === 2) words.push('proto', 'kernel')
  if (route.scope !== 0) words.push('scope', route.scope === 253 ? 'link' : 'host')
  if (route.prefsrc !== undefined) words.push('src', formatIp(route.prefsrc))
  if (route.metric !== 0) words.push('metric', String(route.metric))
  if (hop?.onlink === true) words.push('onlink')
  if (hop?.linkdown === true) words.push('linkdown')
  return words.join(' ')
}

function frameText(packet: Packet): string {
  const to = packet.dmac === 0xffffffffffff ? 'broadcast' : 'unicast'
  if (packet.arp !== null) {
    const { op, spa, tpa } = packet.arp
    return op === 1 ? `arp ${formatIp(tpa)} tell ${formatIp(spa)} ${to}` : `arp ${formatIp(spa)} is-at ${to}`
  }
  const nd = packet.icmp?.nd
  if (nd != null) return `${formatIp(packet.src)} > ${formatIp(packet.dst)} ${ndText(packet, nd)}`
  const what = packet.icmp === null ? `proto ${packet.proto}` : `icmp ${packet.icmp.type}/${packet.icmp.code}`
  return `${formatIp(packet.src)} > ${formatIp(packet.dst)} ${what} ttl ${packet.ttl}`
}

/** `ns fd00::1 +nonce`, `na fd00::1 router,solicited,override +lladdr`, `rs +lladdr`, `mld to_ex ff02::1:ff00:1`. */
function ndText(packet: Packet, nd: NdBody): string {
  if (nd.groups !== null) {
    const records = nd.groups.map((g) => `${g.type === 4 ? 'to_ex' : 'to_in'} ${formatIp(g.group)}`)
    return `mld ${records.join(' ')}`
  }
  const options = `${nd.lladdr >= 0 ? ' +lladdr' : ''}${nd.nonce >= 0 ? ' +nonce' : ''}`
  if (packet.icmp!.type === 133) return `rs${options}`
  if (packet.icmp!.type === 135) return `ns ${formatIp(nd.target)}${options}`
  const names = [
    nd.flags & 128 ? 'router' : '',
    nd.flags & 64 ? 'solicited' : '',
    nd.flags & 32 ? 'override' : '',
  ]
  return `na ${formatIp(nd.target)} ${names.filter((n) => n !== '').join(',')}${options}`
}

function said(result: NlResult): string {
  return result?.message ?? ''
}

function addVeth(world: World, a: string, b: string): string {
  const [nsA, name] = a.split('/') as [string, string]
  const [nsB, peerName] = b.split('/') as [string, string]
  for (const ns of [nsA, nsB]) {
    if (netnsNamed(world, ns) !== undefined) continue
    const made = createNetns(world, ns, 0)
    linkSet(world, made, made.links[1]!, { up: true })
  }
  const result = linkAdd(world, nsOf(world, nsA), {
    kind: 'veth',
    name,
    peer: { name: peerName, ns: nsOf(world, nsB).id },
  })
  if (result !== null) return said(result)
  linkSet(world, nsOf(world, nsA), dev(world, a), { up: true })
  return said(linkSet(world, nsOf(world, nsB), dev(world, b), { up: true }))
}

const ROUTE_VERBS = {
  add: routeAdd,
  append: routeAppend,
  replace: routeReplace,
  change: routeChange,
  del: routeDel,
}

function routeLine(world: World, ns: Netns, words: string[]): NlResult {
  const run = ROUTE_VERBS[words[0] as keyof typeof ROUTE_VERBS]
  let at = 1
  const types = ['blackhole', 'unreachable', 'prohibit', 'throw', 'local', 'broadcast', 'unicast']
  const type = types.includes(words[at]!) ? (words[at++] as Route['type']) : undefined
  const text = words[at++]!
  const six = words.some((word) => word.includes(':'))
  const prefix = text === 'default' ? { addr: six ? '0'.repeat(32) : 0, len: 0 } : parsePrefix(text)!
  const spec: RouteSpec = {
    family: six ? 6 : 4,
    dst: prefix.addr,
    len: prefix.len,
    ...(type === undefined ? {} : { type }),
  }
  const hop: NextHopSpec = {}
  for (; at < words.length; at += 2) {
    const value = words[at + 1] ?? ''
    if (words[at] === 'via') hop.via = parseIp(value)!
    else if (words[at] === 'dev') hop.oif = linkByName(ns, value)?.ifindex ?? 0
    else if (words[at] === 'src') spec.prefsrc = parseIp(value)!
    else if (words[at] === 'onlink') {
      hop.onlink = true
      at--
    } else if (words[at] === 'metric') spec.metric = Number(value)
    else if (words[at] === 'table') spec.table = Number(value)
    else if (words[at] === 'mtu') spec.mtu = Number(value)
    else if (words[at] === 'tos') spec.tos = Number(value)
  }
  if (hop.via !== undefined || hop.oif !== undefined) spec.nexthops = [hop]
  return run(world, ns, spec)
}

function ruleLine(world: World, ns: Netns, words: string[]): NlResult {
  const spec: Record<string, unknown> = { family: 4 }
  for (let at = 1; at < words.length; at += 2) {
    const word = words[at]!
    const value = words[at + 1] ?? ''
    const prefix = parsePrefix(value)
    if (word === 'from' && prefix !== undefined) Object.assign(spec, { src: prefix.addr, srcLen: prefix.len })
    else if (word === 'to' && prefix !== undefined)
      Object.assign(spec, { dst: prefix.addr, dstLen: prefix.len })
    else if (word === 'table') spec.table = Number(value)
    else if (word === 'prio') spec.pref = Number(value)
    else if (word === 'iif') spec.iif = value
    else if (word === 'fwmark') spec.fwmark = Number(value)
    else {
      spec.action = word
      at--
    }
  }
  const run = words[0] === 'add' ? ruleAdd : ruleDel
  return run(world, ns, spec as never)
}

function handlers(): Rules<World>['handlers'] {
  const list: Rules<World>['handlers'][number][] = []
  list[Ev.LinkRx] = linkRx as never
  list[Ev.BridgeTimer] = bridgeTimer as never
  list[Ev.NeighTimer] = neighTimer as never
  list[Ev.Addr6Timer] = addr6Timer as never
  list[Ev.FragTimer] = fragTimer as never
  list[Ev.TcpTimer] = tcpTimer as never
  list[Ev.ConntrackGc] = ctGc as never
  list[Ev.SockWake] = () => undefined
  list[Ev.TapWake] = () => undefined
  return list
}
