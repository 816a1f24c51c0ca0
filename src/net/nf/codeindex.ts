/**
 * The short way into a long chain: rules found by what they want exactly (destination, source, or protocol and
 * destination port), and the others in order. It leaves out only rules that cannot match, and only where nothing that
 * counts for itself (`statistic`, `limit`, `recent`) is asked before what fails.
 */
import type { Packet } from '../types.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { ipWord } from './cthash.ts'
import type { AddrMatch, Chain, Rule } from './types.ts'

/** Chains of fewer rules are faster asked one by one. */
const INDEX_FROM = 24
/** Kinds of keys, as bits. */
const BY_DST = 1
const BY_SRC = 2
const BY_PORT = 4
/** Words of a place in the hash table: key, whether taken, how many rules, and the rule or where they begin in `lists`. */
const PLACE = 4

/** Numbers of rules count from 0. Two addresses may have one key: the rules themselves are asked all the same. */
export interface CodeIndex {
  kinds: number
  places: Int32Array
  lists: Int32Array
  wild: Int32Array
}

/** The chain's index, null where its rules are asked one by one: too short, or nothing exact in it. */
export function packIndex(chain: Chain): CodeIndex | null {
  const { length } = chain.rules
  if (length < INDEX_FROM) return null
  const found = new Map<number, number[]>()
  const wild: number[] = []
  let kinds = 0
  chain.rules.forEach((rule, i) => {
    const kind = kindOf(rule)
    if (kind === 0) {
      wild.push(i)
      return
    }
    kinds |= kind
    const key = mixed(kind, keyOf(rule, kind))
    const list = found.get(key)
    if (list === undefined) found.set(key, [i])
    else list.push(i)
  })
  if (wild.length >= length / 2) return null
  return { kinds, ...hashed(found), wild: Int32Array.from(wild) }
}

/** The number of the first rule from `at` on that may match the packet; a large one where there is none. */
export function nextRule(index: CodeIndex, packet: Packet, at: number): number {
  const { kinds, wild } = index
  let next = atLeast(wild, at, 0, wild.length)
  if ((kinds & BY_DST) !== 0) next = Math.min(next, nextOf(index, mixed(BY_DST, ipWord(packet.dst)), at))
  if ((kinds & BY_SRC) !== 0) next = Math.min(next, nextOf(index, mixed(BY_SRC, ipWord(packet.src)), at))
  if ((kinds & BY_PORT) !== 0) {
    next = Math.min(next, nextOf(index, mixed(BY_PORT, (packet.proto << 16) | packet.dport), at))
  }
  return next
}

function nextOf({ places, lists }: CodeIndex, key: number, at: number): number {
  const mask = places.length - 1
  for (let i = (key * PLACE) & mask; places[i + 1] !== 0; i = (i + PLACE) & mask) {
    if (places[i] !== key) continue
    const from = places[i + 3]!
    const count = places[i + 2]!
    if (count === 1) return from >= at ? from : Number.MAX_SAFE_INTEGER
    return atLeast(lists, at, from, from + count)
  }
  return Number.MAX_SAFE_INTEGER
}

function hashed(found: ReadonlyMap<number, readonly number[]>): Pick<CodeIndex, 'places' | 'lists'> {
  let size = PLACE
  while (size < found.size * 2 * PLACE) size *= 2
  const places = new Int32Array(size)
  const lists: number[] = []
  for (const [key, list] of found) {
    let at = (key * PLACE) & (size - 1)
    while (places[at + 1] !== 0) at = (at + PLACE) & (size - 1)
    places[at] = key
    places[at + 1] = 1
    places[at + 2] = list.length
    places[at + 3] = list.length === 1 ? list[0]! : lists.length
    if (list.length > 1) lists.push(...list)
  }
  return { places, lists: Int32Array.from(lists) }
}

/** A key and its kind in 32 bits. Those that fall together are told apart by the rules. */
function mixed(kind: number, key: number): number {
  let h = Math.imul(key ^ Math.imul(kind, 0x9e3779b1), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function kindOf(rule: Rule): number {
  if (isExact(rule.dst)) return BY_DST
  if (isExact(rule.src)) return BY_SRC
  return exactPort(rule) >= 0 ? BY_PORT : 0
}

function keyOf(rule: Rule, kind: number): number {
  if (kind === BY_PORT) return exactPort(rule)
  return ipWord((kind === BY_DST ? rule.dst : rule.src)!.addr)
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

/** The first number in a rising part of a list that is not below `at`. */
function atLeast(list: Int32Array, at: number, from: number, to: number): number {
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high) >> 1
    if (list[middle]! < at) low = middle + 1
    else high = middle
  }
  return low < to ? list[low]! : Number.MAX_SAFE_INTEGER
}
