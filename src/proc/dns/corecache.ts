/**
 * CoreDNS' cache plugin: answers by name, type and flags until the shortest TTL is over. Plain data of the server's process.
 * Models plugin/cache (CoreDNS 1.11.3). Not here: capacities other than the standard one.
 */
import type { DnsMessage, DnsRr } from '../../wire/dns.ts'
import type { CacheConf } from './coretypes.ts'
import { isBelow } from './text.ts'
import { typify } from './typify.ts'

export interface CacheEntry {
  message: DnsMessage
  storedAt: number
  /** Seconds. */
  ttl: number
  /** How often it was asked for lately, and when last (ns). */
  hits: number
  hitAt: number
}

export type DnsCache = Map<string, CacheEntry>

const SEC = 1_000_000_000
/** Of a message without records, and what no record's TTL is longer than. */
const TTL_NONE = 5
const TTL_MAX = 3600
/** Entries that a cache keeps (its default capacity). */
export const CACHE_MAX = 9984

/** What is kept, its TTLs run down, and whether it is to be asked for anew meanwhile; undefined for none. */
export function cacheGet(
  cache: DnsCache,
  conf: CacheConf,
  key: string,
  now: number,
): { message: DnsMessage; refresh: boolean } | undefined {
  const entry = cache.get(key)
  if (entry === undefined) return undefined
  const left = entry.ttl - Math.floor((now - entry.storedAt) / SEC)
  if (left <= 0 && (conf.stale === 0 || -left >= conf.stale)) {
    if (conf.stale === 0 || -left >= conf.stale) cache.delete(key)
    return undefined
  }
  const refresh = left < 0 || wantsPrefetch(entry, conf, left, now)
  const { message } = entry
  const ttl = conf.keepTtl ? entry.ttl : Math.max(0, left)
  return { message: { ...withTtl(message, ttl), aa: true, rcode: message.rcode }, refresh }
}

function wantsPrefetch(entry: CacheEntry, { prefetch }: CacheConf, left: number, now: number): boolean {
  if (prefetch.amount <= 0) return false
  entry.hits = now - entry.hitAt < prefetch.within * SEC ? entry.hits + 1 : 1
  entry.hitAt = now
  return entry.hits >= prefetch.amount && left <= Math.ceil((prefetch.percentage / 100) * entry.ttl)
}

/** Keeps an answer where the plugin does, and answers it with the TTL that all its records have from then on. */
export function cachePut(
  cache: DnsCache,
  conf: CacheConf,
  key: string,
  message: DnsMessage,
  now: number,
): DnsMessage {
  const name = message.question[0]?.name ?? '.'
  const kind = typify(message)
  const denies = kind === 'nodata' || kind === 'nameerror'
  const least = kind === 'noerror' || denies ? leastTtl(message) : TTL_NONE
  const clamp = (low: number, high: number) => Math.min(high, Math.max(low, least))
  const ttl = denies
    ? clamp(conf.minDenial, conf.denial)
    : kind === 'servererror'
      ? conf.fail
      : clamp(conf.minSuccess, conf.success)
  const except = denies || kind === 'servererror' ? conf.noDenial : conf.noSuccess
  const kept = kind !== 'other' && kind !== 'transfer' && !message.tc && ttl > 0
  if (kept && !except.some((zone) => isBelow(name, zone))) {
    const hits = cache.get(key)?.hits ?? 0
    if (cache.size >= CACHE_MAX && !cache.has(key)) cache.delete(cache.keys().next().value!)
    cache.set(key, { message: { ...message, edns: null }, storedAt: now, ttl, hits, hitAt: now })
  }
  return { ...withTtl(message, Math.floor(ttl)), edns: null }
}

/** Whether a name is the cache's business. */
export function cacheHas({ zones }: CacheConf, name: string): boolean {
  return zones.some((zone) => isBelow(name, zone))
}

function withTtl(message: DnsMessage, ttl: number): DnsMessage {
  const aged = (rr: DnsRr): DnsRr => ({ ...rr, ttl })
  return {
    ...message,
    answer: message.answer.map(aged),
    authority: message.authority.map(aged),
    additional: message.additional.map(aged),
  }
}

function leastTtl({ answer, authority, additional }: DnsMessage): number {
  if (answer.length + authority.length + additional.length === 0) return TTL_NONE
  return Math.min(TTL_MAX, ...[...answer, ...authority, ...additional].map((rr) => rr.ttl))
}
