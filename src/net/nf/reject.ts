// Models nf_reject_ipv4.c, nf_reject_ipv6.c and ipt_REJECT (Linux 6.18): the answer to a packet that is refused.
import { icmpSend } from '../ip/icmp.ts'
import { ipLocalOut } from '../ip/output.ts'
import { ipRouteOutput, isRefusal } from '../ip/route.ts'
import { icmp6Send } from '../ip6/icmp6.ts'
import { ANY6 } from '../ip6/inet6dev.ts'
import { ip6LocalOut } from '../ip6/output.ts'
import { isRefusal6, route6Output } from '../ip6/route.ts'
import { addrType } from '../ip/fib.ts'
import { createPacket } from '../packet.ts'
import { sysctlInt } from '../sysctl.ts'
import type { Packet } from '../types.ts'
import { ETH_P_IP, ETH_P_IPV6, IPPROTO_TCP, PACKET_BROADCAST, PACKET_MULTICAST } from '../types.ts'
import { ctAttach } from './conntrack.ts'
import type { HookCtx } from './ctx.ts'

const LOCAL_OUT = 3
const TCP_SYN = 2
const TCP_FIN = 1
const TCP_RST = 4
const TCP_ACK = 16

/** ICMP codes of destination unreachable by the names of --reject-with. */
export const REJECT_CODES: Readonly<Record<string, number>> = Object.freeze({
  'icmp-net-unreachable': 0,
  'icmp-host-unreachable': 1,
  'icmp-proto-unreachable': 2,
  'icmp-port-unreachable': 3,
  'icmp-net-prohibited': 9,
  'icmp-host-prohibited': 10,
  'icmp-admin-prohibited': 13,
  'icmp6-no-route': 0,
  'icmp6-adm-prohibited': 1,
  'icmp6-addr-unreachable': 3,
  'icmp6-port-unreachable': 4,
  'icmp6-policy-fail': 5,
  'icmp6-reject-route': 6,
})

/** Answers the packet; dropping it is the caller's business. */
export function rejectPacket(ctx: HookCtx, kind: string): void {
  const { world, ns, packet } = ctx
  if (packet.fragOffset !== 0 || isNested(ctx)) return
  if (kind === 'tcp-reset') {
    sendReset(ctx)
    return
  }
  const code = REJECT_CODES[kind] ?? (ctx.family === 4 ? 3 : 4)
  if (ctx.family === 4) icmpSend(world, ns, packet, 3, code, 0)
  else icmp6Send(world, ns, packet, 1, code, 0)
}

/** icmp_xmit_lock: while the kernel's own ICMP is being sent, nothing can be sent about it. */
function isNested(ctx: HookCtx): boolean {
  const { packet, hook } = ctx
  return hook === LOCAL_OUT && packet.sock === 0 && packet.icmp !== null
}

/** nf_send_reset: a reset from the address that was refused, by the route back. */
function sendReset(ctx: HookCtx): void {
  const { world, packet } = ctx
  const old = packet.tcp
  if (packet.proto !== IPPROTO_TCP || old === null || (old.flags & TCP_RST) !== 0) return
  if (packet.pktType === PACKET_BROADCAST || packet.pktType === PACKET_MULTICAST) return
  const reset = createPacket(world, ctx.family === 4 ? ETH_P_IP : ETH_P_IPV6, packet.trace)
  reset.proto = IPPROTO_TCP
  reset.src = packet.dst
  reset.dst = packet.src
  reset.sport = packet.dport
  reset.dport = packet.sport
  reset.df = true
  reset.length = (ctx.family === 4 ? 20 : 40) + 20
  reset.tcp = {
    seq: 0,
    ack: 0,
    flags: TCP_RST,
    window: 0,
    mss: 0,
    wscale: -1,
    sackOk: false,
    tsval: -1,
    tsecr: -1,
  }
  if ((old.flags & TCP_ACK) !== 0) reset.tcp.seq = old.ack
  else {
    const size = (packet.payload?.length ?? 0) + ((old.flags & TCP_SYN) >> 1) + (old.flags & TCP_FIN)
    reset.tcp.ack = (old.seq + size) >>> 0
    reset.tcp.flags |= TCP_ACK
  }
  ctAttach(reset, packet)
  if (ctx.family === 4) resetOut4(ctx, reset)
  else resetOut6(ctx, reset)
}

/** ip_route_me_harder lets any source pass: the route is asked without one, or with it where it is this host's. */
function resetOut4(ctx: HookCtx, reset: Packet): void {
  const { world, ns } = ctx
  const { src, dst } = reset
  const own = addrType(ns, src) === 'local' ? (src as number) : 0
  const route = ipRouteOutput(world, ns, { dst: dst as number, src: own, oif: 0, mark: 0, tos: 0 })
  if (isRefusal(route)) return
  reset.ttl = sysctlInt(ns, 'net.ipv4.ip_default_ttl')
  ipLocalOut(world, ns, reset, route)
}

function resetOut6(ctx: HookCtx, reset: Packet): void {
  const { world, ns } = ctx
  const own = addrType(ns, reset.src) === 'local' ? (reset.src as string) : ANY6
  const query = { dst: reset.dst as string, src: own, oif: 0, mark: 0, tos: 0 }
  const route = route6Output(world, ns, query)
  if (isRefusal6(route)) return
  reset.ttl = ns.links[route.oif]?.conf.hopLimit6 ?? 64
  ip6LocalOut(world, ns, reset, route)
}
