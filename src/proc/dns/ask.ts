/** What dig, host and nslookup share: servers of resolv.conf, the order of tries, what goes wrong in their words. */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import type { ProcCtx } from '../../run/types.ts'
import type { DnsExchange, DnsServer, DnsTry } from './exchange.ts'
import { resolvConf } from './resolvconf.ts'

const SEC = 1_000_000_000
const LOCALHOST6 = '00000000000000000000000000000001'

/**
 * What BIND's tools set on their sockets: UDP without DF and without a path MTU that somebody else may have made up,
 * TCP in segments that fit every IPv6 link. Models isc__nm_socket_disable_pmtud and NM_MAXSEG (BIND 9.18).
 */
export const BIND_SOCKETS = { pmtudisc: 5, maxSeg: 1220 } as const

/** The servers to ask: those given, else those of resolv.conf, else this machine (::1, then 127.0.0.1). */
export function toolServers(ctx: ProcCtx, given: readonly Ip[], port: number): DnsServer[] {
  const { servers } = resolvConf(ctx)
  const ips = given.length > 0 ? given : servers.length > 0 ? servers : [LOCALHOST6, 0x7f000001]
  return ips.map((ip) => ({ ip, port }))
}

/** The first server so many times, every other once. */
export function toolPlan(servers: readonly DnsServer[], tries: number, seconds: number): DnsTry[] {
  const timeoutNs = Math.round(seconds * SEC)
  const plan: DnsTry[] = Array.from({ length: tries }, () => ({ server: 0, timeoutNs }))
  for (let i = 1; i < servers.length; i++) plan.push({ server: i, timeoutNs })
  return plan
}

/** `10.96.0.10#53`. */
export function serverText({ ip, port }: DnsServer): string {
  return `${formatIp(ip)}#${port}`
}

/** A line for each thing that went wrong. `name` without the dot at its end. */
export function troubleLines(x: DnsExchange, name: string): string {
  let text = ''
  for (const { kind, server, errno } of x.troubles) {
    const one = x.servers[server]!
    const at = serverText(one)
    const why =
      kind === 'timeout' ? 'timed out' : errno === 'ECONNREFUSED' ? 'connection refused' : errnoWords(errno)
    if (kind === 'truncated') text += ';; Truncated, retrying in TCP mode.\n'
    else if (kind === 'servfail')
      text += `;; Got SERVFAIL reply from ${formatIp(one.ip)}, trying next server\n`
    else if (x.tcp) {
      text += `;; Connection to ${at}(${formatIp(one.ip)}) for ${name} failed: ${why}.\n;; no servers could be reached\n`
    } else
      text += `;; ${kind === 'connect' ? 'UDP setup with' : 'communications error to'} ${at}${kind === 'connect' ? `(${formatIp(one.ip)}) for ${name} failed` : ''}: ${why}${kind === 'connect' ? '.' : ''}\n`
  }
  return text
}

function errnoWords(errno: string): string {
  const words: Readonly<Record<string, string>> = {
    ENETUNREACH: 'network unreachable',
    EHOSTUNREACH: 'host unreachable',
    EADDRNOTAVAIL: 'address not available',
    ETIMEDOUT: 'timed out',
  }
  return words[errno] ?? errno
}
