/** Matches that remember. Models nft_limit.c, xt_statistic.c and xt_recent.c (Linux 6.18). */
import type { Ip } from '../../base/addr.ts'
import { concatIp6, ip6Words } from '../../base/addr.ts'
import { entrySet } from '../../base/entries.ts'
import { nextUint32 } from '../../base/rng.ts'
import { SEC } from '../wheel.ts'
import type { HookCtx } from './ctx.ts'
import { nfOf } from './tables.ts'
import type { Match, MatchState, RecentEntry, Rule } from './types.ts'

type Named<N extends Match['name']> = Extract<Match, { name: N }>

/** ip_list_tot and ip_pkt_list_tot of xt_recent. */
const RECENT_ADDRESSES = 100
const RECENT_STAMPS = 20

/** A token bucket in nanoseconds: each packet costs `unit / rate`, `burst` of them may be saved. */
export function limitMatch(ctx: HookCtx, rule: Rule, m: Named<'limit'>, place: number): boolean {
  const { now } = ctx.world
  const cost = Math.floor((m.unit * SEC) / m.rate)
  const max = Math.floor((m.unit * SEC * m.burst) / m.rate)
  const state = stateOf(ctx, rule, place, max, now)
  const tokens = Math.min(max, state.a + now - state.b)
  state.b = now
  state.a = tokens >= cost ? tokens - cost : tokens
  return tokens >= cost
}

/** random: a draw of 31 bits; nth: every n-th packet, beginning with number `packet`. */
export function statisticMatch(ctx: HookCtx, rule: Rule, m: Named<'statistic'>, place: number): boolean {
  if (m.mode === 'random') {
    return (nextUint32(ctx.ns.rng) & 0x7fffffff) < m.probability !== m.not
  }
  const last = m.every - 1
  const state = stateOf(ctx, rule, place, last - m.packet, 0)
  state.a = state.a >= last ? 0 : state.a + 1
  return (state.a === 0) !== m.not
}

/** A list of addresses seen lately. */
export function recentMatch(ctx: HookCtx, m: Named<'recent'>): boolean {
  const { packet, world } = ctx
  const nf = nfOf(ctx.ns)
  let list = nf.recent.get(m.list)
  if (list === undefined) {
    list = new Map()
    nf.recent = entrySet(nf.recent, m.list, list)
  }
  // The TTL as it was before forwarding lowered it.
  const ttl = packet.ttl + (ctx.outName !== '' && packet.sock === 0 ? 1 : 0)
  const ip = masked(m.side === 'source' ? packet.src : packet.dst, m.mask)
  const entry = list.get(ip)
  const known = entry !== undefined && !(m.rttl && entry.ttl !== ttl)
  if (!known) {
    if (m.op !== 'set') return m.not
    if (list.size >= RECENT_ADDRESSES) for (const old of [...list.keys()].slice(0, 1)) list.delete(old)
    list.set(ip, { ttl, stamps: [world.now] })
    return !m.not
  }
  if (m.op === 'remove') {
    list.delete(ip)
    return !m.not
  }
  const hit = m.op === 'set' || isRecent(world.now, entry, m)
  const result = hit !== m.not
  if (m.op === 'set' || (m.op === 'update' && result)) {
    entry.stamps.push(world.now)
    if (entry.stamps.length > RECENT_STAMPS) entry.stamps.shift()
    entry.ttl = ttl
    // The list is in order of last use.
    list.delete(ip)
    list.set(ip, entry)
  }
  return result
}

function isRecent(now: number, entry: RecentEntry, m: Named<'recent'>): boolean {
  const since = now - m.seconds * SEC
  let hits = 0
  let found = false
  for (const at of entry.stamps) {
    if (m.seconds !== 0 && at < since) continue
    if (m.hitcount === 0 || ++hits >= m.hitcount) {
      found = true
      break
    }
  }
  if (m.reap) entry.stamps = entry.stamps.filter((at) => at >= since)
  return found
}

function masked(ip: Ip, mask: Ip): Ip {
  if (typeof ip === 'number') return typeof mask === 'number' ? ip & mask : ip
  if (typeof mask === 'number' || mask === ALL6) return ip
  const bits = ip6Words(mask)
  return concatIp6(ip6Words(ip).map((word, i) => word & bits[i]!))
}

const ALL6 = 'f'.repeat(32)

function stateOf(ctx: HookCtx, rule: Rule, place: number, a: number, b: number): MatchState {
  const nf = nfOf(ctx.ns)
  let states = nf.matchState.get(rule.id)
  if (states === undefined) {
    states = []
    nf.matchState = entrySet(nf.matchState, rule.id, states)
  }
  const known = states[place]
  if (known !== undefined) return known
  for (let i = states.length; i < place; i++) states.push({ a: 0, b: 0 })
  const state = { a, b }
  states[place] = state
  return state
}
