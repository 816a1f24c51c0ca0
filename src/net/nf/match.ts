/**
 * Whether a rule matches a packet. Models nft_do_chain's expressions for the basic selectors and the xt_* matches that
 * iptables-nft uses (Linux 6.18). Nothing is allocated here.
 */
import type { Ip } from '../../base/addr.ts'
import { compareIp, inPrefix, ip6Words } from '../../base/addr.ts'
import { addrType } from '../ip/fib.ts'
import type { Link, Netns, Packet } from '../types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST } from '../types.ts'
import { CT_UNTRACKED, ctDir, ctOf } from './conntrack.ts'
import type { HookCtx } from './ctx.ts'
import { limitMatch, recentMatch, statisticMatch } from './matchstate.ts'
import type { AddrMatch, IfMatch, Match, PortRange, Rule } from './types.ts'
import { CT_STATE, CT_STATUS } from './types.ts'

/** The packet passed through br_netfilter: it has ports of a bridge (Packet.nfBridge). */
export const BRNF_INFO = 1

/** The first selector that failed, by number; MATCHES + n is the rule's n-th match extension. 0: all match. */
export const WHY: readonly string[] = Object.freeze([
  '',
  'source',
  'destination',
  'in-interface',
  'out-interface',
  'protocol',
  'fragment',
])
export const MATCHES = 16

/** 0 where the rule matches, else what failed first (see WHY). */
export function ruleFails(ctx: HookCtx, rule: Rule): number {
  const { packet } = ctx
  if (rule.src !== null && addrIn(packet.src, rule.src) === rule.src.not) return 1
  if (rule.dst !== null && addrIn(packet.dst, rule.dst) === rule.dst.not) return 2
  if (rule.iif !== null && ifIs(ctx.inName, rule.iif) === rule.iif.not) return 3
  if (rule.oif !== null && ifIs(ctx.outName, rule.oif) === rule.oif.not) return 4
  if (rule.proto !== null && rule.proto.value !== 0) {
    if ((packet.proto === rule.proto.value) === rule.proto.not) return 5
  }
  if (rule.fragment !== 'any' && (packet.fragOffset !== 0) !== (rule.fragment === 'yes')) return 6
  const { matches } = rule
  for (let i = 0; i < matches.length; i++) {
    if (!matchExt(ctx, rule, matches[i]!, i)) return MATCHES + i
  }
  return 0
}

/** What `ruleFails` answered, in a word: a selector, or the match's name. */
export function whyText(rule: Rule, code: number): string {
  return code >= MATCHES ? (rule.matches[code - MATCHES]?.name ?? '') : (WHY[code] ?? '')
}

const IPPROTO_SCTP = 132

/** Whether an address is the one that is meant; the match's `not` is the caller's business. */
export function addrIn(ip: Ip, match: AddrMatch): boolean {
  const { addr, mask, len } = match
  if (typeof ip === 'number') {
    return typeof addr === 'number' && typeof mask === 'number' && ((ip ^ addr) & mask) === 0
  }
  if (len >= 0) return inPrefix(ip, addr, len)
  return typeof addr === 'string' && typeof mask === 'string' && maskedEqual(ip, addr, mask)
}

/** Whether a device name is the one that is meant. */
export function ifIs(name: string, match: IfMatch): boolean {
  return match.prefix ? name.startsWith(match.name) : name === match.name
}

function maskedEqual(a: string, b: string, mask: string): boolean {
  const [wordsA, wordsB, words] = [ip6Words(a), ip6Words(b), ip6Words(mask)]
  return words.every((m, i) => ((wordsA[i]! ^ wordsB[i]!) & m) === 0)
}

function matchExt(ctx: HookCtx, rule: Rule, m: Match, place: number): boolean {
  const { packet, ns } = ctx
  switch (m.name) {
    case 'comment':
      return true
    case 'tcp':
      return tcpMatch(packet, m)
    case 'udp':
    case 'sctp':
      if (packet.proto !== (m.name === 'udp' ? IPPROTO_UDP : IPPROTO_SCTP) || packet.fragOffset !== 0)
        return false
      return portIs(packet.sport, m.sport) && portIs(packet.dport, m.dport)
    case 'icmp':
    case 'icmp6':
      return icmpMatch(packet, m)
    case 'multiport':
      return multiportMatch(packet, m)
    case 'conntrack':
      return conntrackMatch(ctx, m)
    case 'state':
      return ((stateBit(ns, packet) & m.bits) !== 0) !== m.not
    case 'mark':
      return ((packet.mark & m.mask) >>> 0 === m.value >>> 0) !== m.not
    case 'connmark': {
      const conn = ctOf(ns, packet)
      return conn !== undefined && ((conn.mark & m.mask) >>> 0 === m.value >>> 0) !== m.not
    }
    case 'addrtype':
      return addrtypeMatch(ctx, m)
    case 'statistic':
      return statisticMatch(ctx, rule, m, place)
    case 'recent':
      return recentMatch(ctx, m)
    case 'limit':
      return limitMatch(ctx, rule, m, place)
    case 'mac':
      return ctx.inLink !== undefined && ctx.inLink.kind !== 'loopback' && (packet.smac === m.mac) !== m.not
    case 'physdev':
      return physdevMatch(ns, packet, m)
    case 'iprange':
      return rangeIs(packet.src, m.src) && rangeIs(packet.dst, m.dst)
    case 'length':
      return within(packet.length, m.range) !== m.not
    case 'ttl':
    case 'hl':
      return ttlMatch(packet.ttl, m.op, m.value)
    case 'pkttype':
      return (packetType(ctx) === m.type) !== m.not
  }
}

type Named<N extends Match['name']> = Extract<Match, { name: N }>
type Ports = { readonly not: boolean; readonly range: PortRange } | null

function within(value: number, range: PortRange): boolean {
  return value >= range.from && value <= range.to
}

function portIs(port: number, match: Ports): boolean {
  return match === null || within(port, match.range) !== match.not
}

function tcpMatch(packet: Packet, m: Named<'tcp'>): boolean {
  const th = packet.tcp
  if (packet.proto !== IPPROTO_TCP || packet.fragOffset !== 0 || th === null) return false
  if (!portIs(packet.sport, m.sport) || !portIs(packet.dport, m.dport)) return false
  if (m.flags !== null && ((th.flags & m.flags.mask) === m.flags.comp) === m.flags.not) return false
  if (m.option === null) return true
  const { value } = m.option
  const has =
    (value === 2 && th.mss > 0) ||
    (value === 3 && th.wscale >= 0) ||
    (value === 4 && th.sackOk) ||
    (value === 8 && th.tsval >= 0)
  return has !== m.option.not
}

function icmpMatch(packet: Packet, m: Named<'icmp' | 'icmp6'>): boolean {
  const { icmp } = packet
  if (icmp === null || packet.fragOffset !== 0) return false
  if (packet.proto !== (m.name === 'icmp' ? IPPROTO_ICMP : IPPROTO_ICMPV6)) return false
  const any = m.name === 'icmp' && m.type === 255
  return (any || (icmp.type === m.type && within(icmp.code, m.code))) !== m.not
}

function multiportMatch(packet: Packet, m: Named<'multiport'>): boolean {
  if (packet.fragOffset !== 0) return false
  if (packet.proto !== IPPROTO_TCP && packet.proto !== IPPROTO_UDP) return false
  const { sport, dport } = packet
  for (let i = 0; i < m.ranges.length; i++) {
    const range = m.ranges[i]!
    if (m.which !== 'dports' && within(sport, range)) return !m.not
    if (m.which !== 'sports' && within(dport, range)) return !m.not
  }
  return m.not
}

/** The state as one bit of CT_STATE. */
function stateBit(ns: Netns, packet: Packet): number {
  if (packet.ct !== 0 && ctOf(ns, packet) !== undefined) return 2 << (packet.ctInfo % 3)
  return packet.ctInfo === CT_UNTRACKED ? CT_STATE.UNTRACKED : CT_STATE.INVALID
}

function conntrackMatch(ctx: HookCtx, m: Named<'conntrack'>): boolean {
  const { ns, packet } = ctx
  const conn = ctOf(ns, packet)
  if (m.state !== null) {
    let bits = stateBit(ns, packet)
    if (conn !== undefined) {
      if ((conn.status & CT_STATUS.SRC_NAT) !== 0) bits |= CT_STATE.SNAT
      if ((conn.status & CT_STATUS.DST_NAT) !== 0) bits |= CT_STATE.DNAT
    }
    if (((bits & m.state.bits) !== 0) === m.state.not) return false
  }
  if (conn === undefined) return m.state !== null
  const { orig, reply } = conn
  if (m.direction !== '' && (ctDir(packet) === 0) !== (m.direction === 'ORIGINAL')) return false
  if (m.origSrc !== null && addrIn(orig.src, m.origSrc) === m.origSrc.not) return false
  if (m.origDst !== null && addrIn(orig.dst, m.origDst) === m.origDst.not) return false
  if (m.replSrc !== null && addrIn(reply.src, m.replSrc) === m.replSrc.not) return false
  if (m.replDst !== null && addrIn(reply.dst, m.replDst) === m.replDst.not) return false
  if (m.proto !== null && (orig.proto === m.proto.value) === m.proto.not) return false
  if (!portIs(orig.sport, m.origSport) || !portIs(orig.dport, m.origDport)) return false
  if (!portIs(reply.sport, m.replSport) || !portIs(reply.dport, m.replDport)) return false
  if (m.status !== null && ((conn.status & m.status.bits) !== 0) === m.status.not) return false
  if (m.expire === null) return true
  const seconds = Math.max(0, Math.floor((conn.expiresAt - ctx.world.now) / 1e9))
  return within(seconds, m.expire.range) !== m.expire.not
}

function addrtypeMatch(ctx: HookCtx, m: Named<'addrtype'>): boolean {
  const { packet, ns } = ctx
  const link = m.limitIfaceIn ? ctx.inLink : m.limitIfaceOut ? ctx.outLink : undefined
  if (m.src !== null && typeIs(ns, packet.src, link, m.src.types) === m.src.not) return false
  return m.dst === null || typeIs(ns, packet.dst, link, m.dst.types) !== m.dst.not
}

function typeIs(ns: Netns, ip: Ip, link: Link | undefined, types: readonly string[]): boolean {
  let type = addrType(ns, ip) as string
  // inet_dev_addr_type: what is local on another device counts as unicast.
  if (link !== undefined && type === 'local' && !link.addrs.some((a) => a.addr === ip)) type = 'unicast'
  for (let i = 0; i < types.length; i++) if (types[i]!.toLowerCase() === type) return true
  return false
}

function physdevMatch(ns: Netns, packet: Packet, m: Named<'physdev'>): boolean {
  if ((packet.nfBridge & BRNF_INFO) === 0) {
    if (m.isBridged === true || m.isIn === true || m.isOut === true) return false
    return (m.in === null || m.in.not) && (m.out === null || m.out.not)
  }
  const inName = ns.links[packet.physIn]?.name ?? ''
  const outName = packet.physOut === 0 ? '' : (ns.links[packet.physOut]?.name ?? '')
  if (m.isBridged !== null && (outName !== '') !== m.isBridged) return false
  if (m.isIn !== null && (inName !== '') !== m.isIn) return false
  if (m.isOut !== null && (outName !== '') !== m.isOut) return false
  if (m.in !== null && inName !== '' && ifIs(inName, m.in) === m.in.not) return false
  return m.out === null || (outName !== '' && ifIs(outName, m.out)) !== m.out.not
}

function rangeIs(ip: Ip, m: { readonly not: boolean; readonly from: Ip; readonly to: Ip } | null): boolean {
  return m === null || (compareIp(ip, m.from) >= 0 && compareIp(ip, m.to) <= 0) !== m.not
}

function ttlMatch(ttl: number, op: 'eq' | 'ne' | 'lt' | 'gt', value: number): boolean {
  switch (op) {
    case 'eq':
      return ttl === value
    case 'ne':
      return ttl !== value
    case 'lt':
      return ttl < value
    case 'gt':
      return ttl > value
  }
}

/** skb->pkt_type, with what the host sends to itself sorted by its destination. */
function packetType(ctx: HookCtx): string {
  const { packet, ns } = ctx
  switch (packet.pktType) {
    case PACKET_HOST:
      return 'unicast'
    case PACKET_BROADCAST:
      return 'broadcast'
    case PACKET_MULTICAST:
      return 'multicast'
    default: {
      const type = addrType(ns, packet.dst)
      return type === 'multicast' || type === 'broadcast' ? type : 'unicast'
    }
  }
}
