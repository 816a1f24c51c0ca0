// Models net/netfilter/nf_log_syslog.c (Linux 6.18): the line of LOG in the kernel log. Not here: the uid, IP options.
import { formatIp4, formatMac, ip6Words } from '../../base/addr.ts'
import { klog } from '../link/klog.ts'
import { sysctlInt } from '../sysctl.ts'
import type { Packet, TcpHeader } from '../types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import type { HookCtx } from './ctx.ts'
import type { Target } from './types.ts'

/** Writes the packet into the namespace's kernel log; a named namespace's packets only where nf_log_all_netns is set. */
export function logPacket(ctx: HookCtx, target: Extract<Target, { name: 'LOG' }>): void {
  const { world, ns } = ctx
  if (ns.name.includes('.') && sysctlInt(ns, 'net.netfilter.nf_log_all_netns') === 0) return
  klog(world, ns, logLine(ctx, target))
}

/** The line itself, without time stamp. */
export function logLine(ctx: HookCtx, target: Extract<Target, { name: 'LOG' }>): string {
  const { packet, ns } = ctx
  let text = `${target.prefix}IN=${ctx.inName} OUT=${ctx.outName} `
  if (packet.nfBridge !== 0) {
    const physIn = ns.links[packet.physIn]?.name
    const physOut = packet.physOut === 0 ? undefined : ns.links[packet.physOut]?.name
    if (physIn !== undefined) text += `PHYSIN=${physIn} `
    if (physOut !== undefined) text += `PHYSOUT=${physOut} `
  }
  if (ctx.inName !== '') text += macOf(ctx, target)
  text += dump(packet, target)
  if (packet.mark !== 0) text += `MARK=0x${(packet.mark >>> 0).toString(16)} `
  return text
}

function macOf(ctx: HookCtx, target: Extract<Target, { name: 'LOG' }>): string {
  const { packet, inLink } = ctx
  const type = packet.etherType.toString(16).padStart(4, '0')
  if (target.flags.includes('macdecode')) {
    return `MACSRC=${formatMac(packet.smac)} MACDST=${formatMac(packet.dmac)} MACPROTO=${type} `
  }
  if (inLink?.kind === 'loopback') return 'MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00 '
  return `MAC=${formatMac(packet.dmac)}:${formatMac(packet.smac)}:${type.slice(0, 2)}:${type.slice(2)} `
}

function dump(packet: Packet, target: Extract<Target, { name: 'LOG' }>): string {
  return typeof packet.src === 'number' ? dump4(packet, target) : dump6(packet, target)
}

function dump4(packet: Packet, target: Extract<Target, { name: 'LOG' }>): string {
  const { tos } = packet
  let text = `SRC=${formatIp4(packet.src as number)} DST=${formatIp4(packet.dst as number)} LEN=${packet.length} `
  text += `TOS=0x${hex2(tos & 0x1e)} PREC=0x${hex2(tos & 0xe0)} TTL=${packet.ttl} ID=${packet.ipId} `
  if (packet.df) text += 'DF '
  if (packet.moreFrags) text += 'MF '
  if (packet.fragOffset !== 0) text += `FRAG:${packet.fragOffset / 8} `
  return text + transport(packet, target)
}

function dump6(packet: Packet, target: Extract<Target, { name: 'LOG' }>): string {
  const text = `SRC=${long6(packet.src as string)} DST=${long6(packet.dst as string)} LEN=${packet.length} `
  return `${text}TC=${packet.tos} HOPLIMIT=${packet.ttl} FLOWLBL=0 ${transport(packet, target)}`
}

function transport(packet: Packet, target: Extract<Target, { name: 'LOG' }>): string {
  const rest = packet.length - (typeof packet.src === 'number' ? 20 : 40)
  switch (packet.proto) {
    case IPPROTO_TCP:
      if (packet.tcp === null) return 'PROTO=TCP '
      return `PROTO=TCP SPT=${packet.sport} DPT=${packet.dport} ${tcpPart(packet.tcp, target)}`
    case IPPROTO_UDP:
      if (packet.fragOffset !== 0) return 'PROTO=UDP '
      return `PROTO=UDP SPT=${packet.sport} DPT=${packet.dport} LEN=${rest} `
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return icmpPart(packet, target)
    default:
      return `PROTO=${packet.proto} `
  }
}

function tcpPart(th: TcpHeader, target: Extract<Target, { name: 'LOG' }>): string {
  let text = ''
  if (target.flags.includes('tcp-sequence')) text += `SEQ=${th.seq >>> 0} ACK=${th.ack >>> 0} `
  text += `WINDOW=${th.window} RES=0x00 `
  const names: readonly [number, string][] = [
    [32, 'URG '],
    [16, 'ACK '],
    [8, 'PSH '],
    [4, 'RST '],
    [2, 'SYN '],
    [1, 'FIN '],
  ]
  for (const [bit, name] of names) if ((th.flags & bit) !== 0) text += name
  return `${text}URGP=0 `
}

function icmpPart(packet: Packet, target: Extract<Target, { name: 'LOG' }>): string {
  const { icmp } = packet
  const four = packet.proto === IPPROTO_ICMP
  const name = four ? 'ICMP' : 'ICMPv6'
  if (icmp === null) return `PROTO=${name} `
  let text = `PROTO=${name} TYPE=${icmp.type} CODE=${icmp.code} `
  const echo = four ? icmp.type === 8 || icmp.type === 0 : icmp.type === 128 || icmp.type === 129
  if (echo) text += `ID=${icmp.id} SEQ=${icmp.seq} `
  if (four && icmp.type === 5) text += `GATEWAY=${formatIp4(icmp.gateway as number)} `
  if (icmp.quoted !== null) text += `[${dump(icmp.quoted, target)}] `
  if (four && icmp.type === 3 && icmp.code === 4) text += `MTU=${icmp.mtu} `
  if (!four && icmp.type === 2) text += `MTU=${icmp.mtu} `
  return text
}

/** %pI6: all groups in full. */
function long6(ip: string): string {
  return ip6Words(ip)
    .map((word) => word.toString(16).padStart(4, '0'))
    .join(':')
}

function hex2(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0')
}
