/**
 * The short way into a long chain: rules found by what they want exactly (destination, source, or protocol and
 * destination port), and the others in order. It leaves out only rules that cannot match, and only where nothing that
 * counts for itself (`statistic`, `limit`, `recent`) is asked before what fails.
 */
import type { Ip } from '../../base/addr.ts'
import type { Packet } from '../types.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import type { AddrMatch, Chain, Rule } from './types.ts'

/** Chains of fewer rules are faster asked one by one. */
const INDEX_FROM = 24

/** Numbers of rules (from 0), rising in each list. */
export interface ChainIndex {
  byDst: Map<Ip, number[]>
  bySrc: Map<Ip, number[]>
  /** By protocol << 16 | port. */
  byPort: Map<number, number[]>
  wild: number[]
}

/** Derived from a frozen chain, never part of the state. Null: too short, or nothing exact in it. */
const indexes = new WeakMap<Chain, ChainIndex | null>()

/** The chain's index, null where its rules are asked one by one. */
export function indexOf(chain: Chain): ChainIndex | null {
  if (chain.rules.length < INDEX_FROM) return null
  const known = indexes.get(chain)
  if (known !== undefined) return known
  const index: ChainIndex = { byDst: new Map(), bySrc: new Map(), byPort: new Map(), wild: [] }
  chain.rules.forEach((rule, i) => {
    const port = exactPort(rule)
    if (isExact(rule.dst)) put(index.byDst, rule.dst.addr, i)
    else if (isExact(rule.src)) put(index.bySrc, rule.src.addr, i)
    else if (port >= 0) put(index.byPort, port, i)
    else index.wild.push(i)
  })
  const useful = index.wild.length < chain.rules.length / 2 ? index : null
  indexes.set(chain, useful)
  return useful
}

/** The number (from 0) of the first rule from `at` on that may match the packet. */
export function nextRule(index: ChainIndex, packet: Packet, at: number): number {
  let next = atLeast(index.wild, at)
  const dst = index.byDst.size === 0 ? undefined : index.byDst.get(packet.dst)
  if (dst !== undefined) next = Math.min(next, atLeast(dst, at))
  const src = index.bySrc.size === 0 ? undefined : index.bySrc.get(packet.src)
  if (src !== undefined) next = Math.min(next, atLeast(src, at))
  if (index.byPort.size > 0) {
    const port = index.byPort.get((packet.proto << 16) | packet.dport)
    if (port !== undefined) next = Math.min(next, atLeast(port, at))
  }
  return next
}

function isExact(match: AddrMatch | null): match is AddrMatch {
  return match !== null && !match.not && match.len === (typeof match.addr === 'number' ? 32 : 128)
}

/** The one destination port that a rule of TCP or UDP asks for before any other match, -1 for none. */
function exactPort(rule: Rule): number {
  const { proto } = rule
  if (proto === null || proto.not || (proto.value !== IPPROTO_TCP && proto.value !== IPPROTO_UDP)) return -1
  const first = rule.matches.find((match) => match.name !== 'comment')
  if (first === undefined || (first.name !== 'tcp' && first.name !== 'udp')) return -1
  const { dport } = first
  if (dport === null || dport.not || dport.range.from !== dport.range.to) return -1
  return (proto.value << 16) | dport.range.from
}

function put<K>(map: Map<K, number[]>, key: K, number: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [number])
  else list.push(number)
}

/** The first number of a rising list that is not below `at`. */
function atLeast(list: readonly number[], at: number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (list[middle]! < at) low = middle + 1
    else high = middle
  }
  return low < list.length ? list[low]! : Number.MAX_SAFE_INTEGER
}
