// The way of a segment out of this host, the same for both families: a route with its MTU and MSS, and the packet around
// a header. Models ip_queue_xmit, inet6_csk_xmit, ipv4_default_advmss and ip6_default_advmss (Linux 6.18).
// Not here: flow labels, ECN, MD5 and AO signatures.
import type { Ip } from '../../base/addr.ts'
import { ipLocalOut } from '../ip/output.ts'
import type { RouteResult } from '../ip/route.ts'
import { ipRouteOutput, isRefusal } from '../ip/route.ts'
import { ANY6 } from '../ip6/inet6dev.ts'
import { ip6LocalOut } from '../ip6/output.ts'
import type { Route6 } from '../ip6/route.ts'
import { isRefusal6, route6Output } from '../ip6/route.ts'
import { createPacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import type { Netns, Packet, TcpHeader, World } from '../types.ts'
import { ETH_P_IP, ETH_P_IPV6, IPPROTO_TCP } from '../types.ts'

export const TCP_FIN = 1
export const TCP_SYN = 2
export const TCP_RST = 4
export const TCP_PSH = 8
export const TCP_ACK = 16
export const TCP_URG = 32

/** Who speaks with whom: what the route depends on. */
export interface TcpPath {
  dst: Ip
  /** undefined: the kernel chooses. */
  src: Ip | undefined
  oif: number
  mark: number
  tos: number
}

export interface TcpRoute {
  src: Ip
  dst: Ip
  type: 'unicast' | 'local' | 'broadcast' | 'multicast'
  mtu: number
  via: RouteResult | Route6
}

/** The route, or the errno. */
export function tcpRoute(world: World, ns: Netns, path: TcpPath): TcpRoute | string {
  const { dst, src, oif, mark, tos } = path
  if (typeof dst === 'number') {
    const query = { dst, src: typeof src === 'number' ? src : 0, oif, mark, tos: tos & 0x1c }
    const via = ipRouteOutput(world, ns, query)
    if (isRefusal(via)) return via.errno
    return { src: via.src, dst: via.dst, type: via.type, mtu: via.mtu, via }
  }
  const own = typeof src === 'string' ? src : ANY6
  const via = route6Output(world, ns, { dst, src: own, oif, mark, tos, bound: oif !== 0 })
  if (isRefusal6(via)) return via.errno
  return { src: via.src, dst: via.dst, type: via.type, mtu: via.mtu, via }
}

/** Bytes of the network and the TCP header without options. */
export function headerSize(ip: Ip): number {
  return typeof ip === 'number' ? 40 : 60
}

/** What the MSS option announces for a route. */
export function advmssOf(route: TcpRoute): number {
  const mss = route.mtu - headerSize(route.dst)
  return typeof route.dst === 'number'
    ? Math.min(Math.max(mss, 256), 65495)
    : Math.min(Math.max(mss, 1220), 65535)
}

export interface SegmentSpec {
  sport: number
  dport: number
  ttl: number
  tos: number
  mark: number
  sock: number
  cause: number
  df: boolean
  /** 0 is written as it is. */
  ipId: number
}

/** Sends one segment by a route. */
export function sendSegment(
  world: World,
  ns: Netns,
  route: TcpRoute,
  spec: SegmentSpec,
  tcp: TcpHeader,
  data: Uint8Array | null,
): void {
  const four = typeof route.dst === 'number'
  const packet = createPacket(world, four ? ETH_P_IP : ETH_P_IPV6, spec.cause)
  packet.proto = IPPROTO_TCP
  packet.src = route.src
  packet.dst = route.dst
  packet.sport = spec.sport
  packet.dport = spec.dport
  packet.tcp = tcp
  packet.payload = data
  packet.length = headerSize(route.dst) + optionBytes(tcp) + (data?.length ?? 0)
  packet.ttl =
    spec.ttl !== 0 ? spec.ttl : four ? sysctlInt(ns, 'net.ipv4.ip_default_ttl') : hopLimit(ns, route)
  packet.tos = spec.tos
  packet.mark = spec.mark
  packet.sock = spec.sock
  packet.df = four && spec.df
  packet.ipId = spec.ipId
  snmpAdd(ns, 'TcpOutSegs')
  emit(world, ns, packet, route)
}

/** How long the options of a header are on the wire (see wire/transport.ts). */
export function optionBytes(tcp: TcpHeader): number {
  let bytes = tcp.mss > 0 ? 4 : 0
  if (tcp.tsval >= 0) bytes += 12
  else if (tcp.sackOk) bytes += 4
  if (tcp.wscale >= 0) bytes += 4
  const blocks = tcp.sack?.length ?? 0
  return blocks === 0 ? bytes : bytes + 4 + 8 * blocks
}

function emit(world: World, ns: Netns, packet: Packet, route: TcpRoute): void {
  if (typeof route.dst === 'number') ipLocalOut(world, ns, packet, route.via as RouteResult)
  else ip6LocalOut(world, ns, packet, route.via as Route6)
}

function hopLimit(ns: Netns, route: TcpRoute): number {
  return ns.links[route.via.oif]?.conf.hopLimit6 ?? 64
}
