/** CoreDNS' cache plugin: answers by name and type until the shortest TTL is over. Plain data of the server's process. */
import type { DnsMessage, DnsRr } from '../../wire/dns.ts'
import { NOERROR, NXDOMAIN, SERVFAIL, TYPE_SOA } from '../../wire/dns.ts'
import type { CacheConf } from './coretypes.ts'
import { isBelow } from './text.ts'

export interface CacheEntry {
  message: DnsMessage
  storedAt: number
  /** Seconds. */
  ttl: number
}

export type DnsCache = Map<string, CacheEntry>

const SEC = 1_000_000_000
const MIN_TTL = 5
const FAIL_TTL = 5
/** Entries that a cache keeps (its default capacity). */
export const CACHE_MAX = 9984

/** The answer that is still good, its TTLs run down; undefined for none. */
export function cacheGet(cache: DnsCache, key: string, now: number): DnsMessage | undefined {
  const entry = cache.get(key)
  if (entry === undefined) return undefined
  const left = entry.ttl - Math.floor((now - entry.storedAt) / SEC)
  if (now - entry.storedAt >= entry.ttl * SEC) {
    cache.delete(key)
    return undefined
  }
  const aged = (rr: DnsRr): DnsRr => ({ ...rr, ttl: Math.max(0, left) })
  const { message } = entry
  return {
    ...message,
    answer: message.answer.map(aged),
    authority: message.authority.map(aged),
    additional: message.additional.map(aged),
  }
}

/** Keeps an answer where the plugin does. */
export function cachePut(
  cache: DnsCache,
  conf: CacheConf,
  key: string,
  message: DnsMessage,
  now: number,
): void {
  const name = message.question[0]?.name ?? '.'
  if (message.tc || !conf.zones.some((zone) => isBelow(name, zone))) return
  const ttl = ttlOf(conf, message, name)
  if (ttl <= 0) return
  if (cache.size >= CACHE_MAX) cache.delete(cache.keys().next().value!)
  cache.set(key, { message: { ...message, edns: null }, storedAt: now, ttl })
}

function ttlOf(conf: CacheConf, message: DnsMessage, name: string): number {
  const { rcode, answer, authority } = message
  if (rcode === SERVFAIL) return FAIL_TTL
  if (rcode !== NOERROR && rcode !== NXDOMAIN) return 0
  const off = rcode === NOERROR && answer.length > 0 ? conf.noSuccess : conf.noDenial
  if (off.some((zone) => isBelow(name, zone))) return 0
  if (rcode === NOERROR && answer.length > 0) {
    const least = Math.min(...[...answer, ...authority, ...message.additional].map((rr) => rr.ttl))
    return Math.min(conf.success, Math.max(MIN_TTL, least))
  }
  const soa = authority.find((rr) => rr.type === TYPE_SOA)
  if (soa === undefined) return 0
  return Math.min(conf.denial, Math.max(MIN_TTL, soa.ttl))
}
