// Models the targets that change a packet or its connection and go on: xt_mark, xt_connmark, xt_CT, xt_TCPMSS, xt_HL
// (Linux 6.18).
import { exceptionOf, ipRouteOutput, isRefusal } from '../ip/route.ts'
import { isRefusal6, route6Output } from '../ip6/route.ts'
import { ANY6 } from '../ip6/inet6dev.ts'
import type { Packet } from '../types.ts'
import { IPPROTO_TCP } from '../types.ts'
import { CT_TEMPLATE, CT_UNTRACKED, ctOf } from './conntrack.ts'
import { ctEvent } from './cttable.ts'
import type { HookCtx } from './ctx.ts'
import type { Target } from './types.ts'

type Named<N extends Target['name']> = Extract<Target, { name: N }>

const TCP_SYN = 2
/** RFC 1122 and RFC 2460: what a host without the option may be sent. */
const DEFAULT_MSS4 = 536
const DEFAULT_MSS6 = 1220

/** Targets after which the chain goes on. What was changed, in words of header fields; '' for nothing, null where the packet must be dropped. */
export function applyTarget(ctx: HookCtx, target: Target): string | null {
  const { packet } = ctx
  switch (target.name) {
    case 'MARK': {
      const old = packet.mark
      packet.mark = ((old & ~target.mask) ^ target.value) >>> 0
      return changed('mark', old, packet.mark)
    }
    case 'CONNMARK':
      return connmark(ctx, target)
    case 'NOTRACK':
      return untrack(packet)
    case 'CT':
      if (target.notrack) return untrack(packet)
      if (packet.ct !== 0 || packet.ctInfo === CT_UNTRACKED) return ''
      packet.ctInfo = CT_TEMPLATE + target.zone
      return target.zone === 0 ? '' : `zone ${target.zone}`
    case 'TTL':
    case 'HL': {
      const old = packet.ttl
      if (target.op === 'set') packet.ttl = target.value
      else if (target.op === 'inc') packet.ttl = Math.min(255, old + target.value)
      else packet.ttl = Math.max(0, old - target.value)
      return changed('ttl', old, packet.ttl)
    }
    case 'TCPMSS':
      return tcpmss(ctx, target)
    default:
      return ''
  }
}

function changed(field: string, from: number, to: number): string {
  return from === to ? '' : `${field} ${from} -> ${to}`
}

function untrack(packet: Packet): string {
  if (packet.ct !== 0 || packet.ctInfo === CT_UNTRACKED) return ''
  packet.ctInfo = CT_UNTRACKED
  return 'untracked'
}

function connmark(ctx: HookCtx, target: Named<'CONNMARK'>): string {
  const { packet, ns } = ctx
  const conn = ctOf(ns, packet)
  if (conn === undefined) return ''
  const { value, mask, nfmask } = target
  if (target.op === 'restore') {
    const old = packet.mark
    packet.mark = ((old & ~nfmask) ^ (conn.mark & mask)) >>> 0
    return changed('mark', old, packet.mark)
  }
  const old = conn.mark
  const bits = target.op === 'set' ? value : packet.mark & nfmask
  conn.mark = ((old & ~mask) ^ bits) >>> 0
  if (old !== conn.mark) ctEvent(ctx.world, ns, ns.nf!.conntrack!, 'UPDATE', conn)
  return changed('connmark', old, conn.mark)
}

/** tcpmss_mangle_packet: lowers the option, never raises it; adds it where it is missing. */
function tcpmss(ctx: HookCtx, target: Named<'TCPMSS'>): string | null {
  const { packet } = ctx
  const th = packet.tcp
  if (packet.proto !== IPPROTO_TCP || packet.fragOffset !== 0 || th === null) return ''
  let mss = target.mss
  if (target.clamp) {
    const headers = (ctx.family === 4 ? 20 : 40) + 20
    const mtu = Math.min(forwardMtu(ctx), reverseMtu(ctx))
    if (mtu <= headers) return null
    mss = mtu - headers
  }
  if (th.mss > 0) {
    if (th.mss <= mss) return ''
    packet.tcp = { ...th, mss }
    return changed('mss', th.mss, mss)
  }
  if ((th.flags & TCP_SYN) === 0 || (packet.payload?.length ?? 0) > 0) return ''
  mss = Math.min(mss, ctx.family === 4 ? DEFAULT_MSS4 : DEFAULT_MSS6)
  packet.tcp = { ...th, mss }
  packet.length += 4
  return changed('mss', 0, mss)
}

/** dst_mtu of the route that the packet takes. */
function forwardMtu(ctx: HookCtx): number {
  const { world, ns, outLink, packet } = ctx
  const learned = ns.exceptions === null ? null : exceptionOf(world, ns, packet.dst)
  const mtu = outLink?.mtu ?? 65535
  return learned !== null && learned.mtu !== 0 ? Math.min(mtu, learned.mtu) : mtu
}

/** tcpmss_reverse_mtu: of the way back to the sender. */
function reverseMtu(ctx: HookCtx): number {
  const { world, ns, packet } = ctx
  if (ctx.family === 4) {
    const back = ipRouteOutput(world, ns, { dst: packet.src as number, src: 0, oif: 0, mark: 0, tos: 0 })
    return isRefusal(back) ? 65535 : back.mtu
  }
  const back = route6Output(world, ns, { dst: packet.src as string, src: ANY6, oif: 0, mark: 0, tos: 0 })
  return isRefusal6(back) ? 65535 : back.mtu
}
