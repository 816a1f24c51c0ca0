/** What kind of answer a message is. Models plugin/pkg/response (CoreDNS 1.11.3). */
import type { DnsMessage } from '../../wire/dns.ts'
import { NOERROR, NOTIMP, NXDOMAIN, SERVFAIL, TYPE_NS, TYPE_SOA } from '../../wire/dns.ts'

export type DnsKind = 'noerror' | 'nodata' | 'nameerror' | 'servererror' | 'delegation' | 'transfer' | 'other'

const AXFR = 252
const IXFR = 251

export function typify({ question, rcode, answer, authority }: DnsMessage): DnsKind {
  const type = question[0]?.type
  if (type === AXFR || type === IXFR) return 'transfer'
  if (rcode === NOERROR && answer.length > 0) return 'noerror'
  const soa = authority.some((rr) => rr.type === TYPE_SOA)
  if (soa && rcode === NOERROR) return 'nodata'
  if (soa && rcode === NXDOMAIN) return 'nameerror'
  if (rcode === SERVFAIL || rcode === NOTIMP) return 'servererror'
  if (rcode !== NOERROR) return 'other'
  return authority.some((rr) => rr.type === TYPE_NS) ? 'delegation' : 'noerror'
}

/** The class that `log` chooses by. */
export function classOf(kind: DnsKind): 'success' | 'denial' | 'error' {
  if (kind === 'noerror' || kind === 'delegation') return 'success'
  return kind === 'nodata' || kind === 'nameerror' ? 'denial' : 'error'
}
