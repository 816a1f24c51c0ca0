// Models xt_nat.c, nf_nat_masquerade.c, nf_nat_redirect.c and xt_NETMAP.c (Linux 6.18): what nat targets bind.
import type { Ip } from '../../base/addr.ts'
import { concatIp6, ip6Words, LOOPBACK_IP6, maskOf4 } from '../../base/addr.ts'
import { inetSelectAddr } from '../ip/devinet.ts'
import { selectSource6 } from '../ip6/select.ts'
import type { Netns, World } from '../types.ts'
import { ctOf } from './conntrack.ts'
import { ctDestroy } from './cttable.ts'
import type { HookCtx } from './ctx.ts'
import type { NatSpec } from './nat.ts'
import { isSourceHook, natInitialized, natSetup } from './nat.ts'
import type { Target } from './types.ts'

const LOCAL_OUT = 3
const LOOPBACK4 = 0x7f000001
const HOST_PART = 253

export type NatTarget = Extract<Target, { name: 'DNAT' | 'SNAT' | 'MASQUERADE' | 'REDIRECT' | 'NETMAP' }>

/** Binds the packet's connection as the target says. False: the packet is dropped, since there is no address to take. */
export function natTarget(ctx: HookCtx, target: NatTarget): boolean {
  const { ns, packet } = ctx
  const conn = ctOf(ns, packet)
  const source = isSourceHook(ctx.hook)
  if (conn === undefined || natInitialized(conn, source)) return true
  const spec = specOf(ctx, target)
  if (spec === null) return false
  if (spec === 'keep') return true
  if (target.name === 'MASQUERADE') conn.masqIndex = ctx.outLink?.ifindex ?? 0
  return natSetup(ctx, conn, spec, source)
}

/** The same for a DNAT to one IPv4 address and a port, 0 for the packet's own. */
export function natToOne(ctx: HookCtx, ip: number, port: number): boolean {
  const conn = ctOf(ctx.ns, ctx.packet)
  const source = isSourceHook(ctx.hook)
  if (conn === undefined || natInitialized(conn, source)) return true
  const ports = port === 0 ? null : { from: port, to: port }
  return natSetup(ctx, conn, { from: ip, to: ip, ports, random: false, persistent: false }, source)
}

/**
 * masq_device_event and masq_inet_event: a device went down, or lost `addr`: what was masqueraded by it is forgotten. The
 * caller has touched `ns`.
 */
export function masqForget(world: World, ns: Netns, ifindex: number, addr?: Ip): void {
  const ct = ns.nf?.conntrack
  if (ct == null) return
  for (const conn of ct.conns.values()) {
    if (conn.masqIndex !== ifindex) continue
    if (addr === undefined || conn.reply.dst === addr) ctDestroy(world, ns, ct, conn)
  }
}

/** Null: no address; `keep`: nothing is to change. */
function specOf(ctx: HookCtx, target: NatTarget): NatSpec | null | 'keep' {
  switch (target.name) {
    case 'DNAT':
    case 'SNAT': {
      const { from, to, ports } = target.range
      const random = target.random || target.randomFully
      return { from, to: to ?? from, ports, random, persistent: target.persistent }
    }
    case 'MASQUERADE': {
      if (ctx.packet.src === 0) return 'keep'
      const random = target.random || target.randomFully
      return one(masqueradeSource(ctx), target.ports, random)
    }
    case 'REDIRECT':
      return one(redirectTo(ctx), target.ports, target.random)
    case 'NETMAP': {
      const ip = isSourceHook(ctx.hook) ? ctx.packet.src : ctx.packet.dst
      return one(mapped(ip, target.addr, target.len), null, false)
    }
  }
}

function one(ip: Ip | undefined, ports: NatSpec['ports'], random: boolean): NatSpec | null {
  return ip === undefined ? null : { from: ip, to: ip, ports, random, persistent: false }
}

/** The address that this host would itself use on the device, towards the next hop. */
function masqueradeSource(ctx: HookCtx): Ip | undefined {
  const { ns, outLink, packet } = ctx
  if (outLink === undefined) return undefined
  if (ctx.family === 6) return selectSource6(ns, outLink, packet.dst as string)
  const hop = packet.nextHop === 0 ? packet.dst : packet.nextHop
  const addr = inetSelectAddr(ns, outLink, hop as number, 0)
  return addr === 0 ? undefined : addr
}

/** The device's own first address; on the way out the loopback address. */
function redirectTo(ctx: HookCtx): Ip | undefined {
  if (ctx.hook === LOCAL_OUT) return ctx.family === 4 ? LOOPBACK4 : LOOPBACK_IP6
  const addrs = ctx.inLink?.addrs ?? []
  if (ctx.family === 4) return addrs.find((a) => typeof a.addr === 'number')?.addr
  const own = addrs.filter((a) => typeof a.addr === 'string' && !a.tentative && !a.dadFailed)
  return (own.find((a) => a.scope < HOST_PART) ?? own[0])?.addr
}

function mapped(ip: Ip, net: Ip, len: number): Ip {
  if (typeof ip === 'number') {
    const mask = maskOf4(len)
    return ((net as number) & mask) | (ip & ~mask)
  }
  const host = ip6Words(ip)
  const prefix = ip6Words(net as string)
  return concatIp6(
    host.map((word, i) => {
      const bits = Math.max(0, Math.min(16, len - 16 * i))
      const mask = (0xffff << (16 - bits)) & 0xffff
      return (prefix[i]! & mask) | (word & ~mask & 0xffff)
    }),
  )
}
