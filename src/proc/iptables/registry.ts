/** Which match and target extensions there are, and which exist only in the real tools. */
import type { Match, Target } from '../../net/nf/types.ts'
import type { AnyExt } from './ext.ts'
import {
  ADDRTYPE,
  COMMENT,
  HL_MATCH,
  IPRANGE,
  LENGTH,
  MAC,
  PHYSDEV,
  PKTTYPE,
  TTL_MATCH,
} from './match-more.ts'
import { ICMP, ICMP6, MULTIPORT, SCTP, TCP, UDP } from './match-proto.ts'
import { LIMIT, RECENT, STATISTIC } from './match-rate.ts'
import { CONNMARK_MATCH, CONNTRACK, MARK_MATCH, STATE } from './match-state.ts'
import { CONNMARK, CT, HL, LOG, MARK, plainTarget, REJECT, TCPMSS, TTL } from './targets.ts'
import { DNAT, MASQUERADE, NETMAP, REDIRECT, SNAT } from './targets-nat.ts'
import { notModelled } from './words.ts'

const MATCHES: readonly AnyExt[] = [
  TCP,
  UDP,
  SCTP,
  ICMP,
  ICMP6,
  MULTIPORT,
  CONNTRACK,
  STATE,
  MARK_MATCH,
  CONNMARK_MATCH,
  COMMENT,
  ADDRTYPE,
  MAC,
  PHYSDEV,
  IPRANGE,
  LENGTH,
  TTL_MATCH,
  HL_MATCH,
  PKTTYPE,
  LIMIT,
  STATISTIC,
  RECENT,
]

const TARGETS: readonly AnyExt[] = [
  plainTarget('ACCEPT'),
  plainTarget('DROP'),
  plainTarget('RETURN'),
  plainTarget('NOTRACK'),
  plainTarget('TRACE'),
  REJECT,
  LOG,
  MARK,
  CONNMARK,
  CT,
  TCPMSS,
  TTL,
  HL,
  DNAT,
  SNAT,
  MASQUERADE,
  REDIRECT,
  NETMAP,
]

const OTHER_MATCHES: ReadonlySet<string> = new Set(
  (
    'bpf cgroup cluster connbytes connlabel connlimit cpu dccp devgroup dscp ecn esp hashlimit helper ipcomp ipvs ' +
    'nfacct osf owner policy quota rateest rpfilter set socket string tcpmss time tos u32'
  ).split(' '),
)
const OTHER_MATCHES4: ReadonlySet<string> = new Set(['ah', 'realm'])
const OTHER_MATCHES6: ReadonlySet<string> = new Set('ah dst eui64 frag hbh ipv6header mh rt srh'.split(' '))

const OTHER_TARGETS: ReadonlySet<string> = new Set(
  (
    'QUEUE AUDIT CHECKSUM CLASSIFY CONNSECMARK DSCP HMARK IDLETIMER LED NFLOG NFQUEUE RATEEST SECMARK SET SYNPROXY ' +
    'TCPOPTSTRIP TEE TOS TPROXY'
  ).split(' '),
)
const OTHER_TARGETS4: ReadonlySet<string> = new Set(['CLUSTERIP', 'ECN', 'ULOG'])
const OTHER_TARGETS6: ReadonlySet<string> = new Set(['DNPT', 'SNPT'])

/** The match of this name in the family; undefined where the real tools have none, refused where only they have it. */
export function findMatch(name: string, family: 4 | 6): AnyExt | undefined {
  // libxtables takes the family's own name for ICMP.
  const own = family === 6 && (name === 'icmpv6' || name === 'ipv6-icmp') ? 'icmp6' : name
  const found = MATCHES.find((ext) => ext.name === own && (ext.families ?? family) === family)
  if (found !== undefined) return found
  const other = OTHER_MATCHES.has(name) || (family === 4 ? OTHER_MATCHES4 : OTHER_MATCHES6).has(name)
  return other ? notModelled(`the match '${name}'`) : undefined
}

/** Whether a target of this name exists in the real tools: a chain may not be called so. */
export function isTargetName(name: string, family: 4 | 6): boolean {
  if (TARGETS.some((ext) => ext.name === name && (ext.families ?? family) === family)) return true
  return OTHER_TARGETS.has(name) || (family === 4 ? OTHER_TARGETS4 : OTHER_TARGETS6).has(name)
}

/** The target of this name; undefined where it must be a chain. Those that only the real tools have are refused. */
export function findTarget(name: string, family: 4 | 6): AnyExt | undefined {
  const found = TARGETS.find((ext) => ext.name === name && (ext.families ?? family) === family)
  if (found === undefined && isTargetName(name, family)) notModelled(`the target '${name}'`)
  return found
}

export function matchExt(match: Match): AnyExt {
  return MATCHES.find((ext) => ext.name === match.name)!
}

/** Undefined for jumps and rules without a target. */
export function targetExt(target: Target): AnyExt | undefined {
  return TARGETS.find((ext) => ext.name === target.name)
}
