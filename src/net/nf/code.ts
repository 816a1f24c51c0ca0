/**
 * Chains as packed records, so that a first packet through a hundred thousand rules reads a dozen cache lines and not
 * hundreds of objects. One record a rule, the rules of a chain side by side, jumps by number. What does not fit a record
 * is asked of the rule itself (OBJECT, T_OBJECT). The meaning is walk.ts's; a test compares the two.
 */
import { assert } from '../../base/assert.ts'
import type { CodeIndex } from './codeindex.ts'
import { packIndex } from './codeindex.ts'
import type { AddrMatch, Chain, Match, Rule } from './types.ts'

/** Words of a record, one cache line, and what stands where. */
export const RECORD = 16
export const R_ASKS = 0
export const R_ID = 1
export const R_SRC = 2
export const R_SRC_MASK = 3
export const R_DST = 4
export const R_DST_MASK = 5
export const R_PROTO = 6
export const R_SPORT = 7
export const R_DPORT = 8
export const R_MARK = 9
export const R_MARK_MASK = 10
export const R_DRAW = 11
export const R_TARGET = 12
export const R_ARG = 13
export const R_ARG2 = 14
/** 0 but for shared rules. */
export const R_ID_HIGH = 15

/** What a record asks, in the order of `ruleFails`; the bit after one turns it round. */
export const ASK_SRC = 1
export const ASK_DST = 4
export const ASK_PROTO = 16
/** The packet has TCP's, or UDP's, ports. */
export const ASK_TCP = 64
export const ASK_UDP = 128
export const ASK_SPORT = 256
export const ASK_DPORT = 1024
export const ASK_MARK = 4096
export const ASK_DRAW = 16384
/** The rule itself is asked, whole. */
export const ASK_OBJECT = 65536
const NOT = 2

export const T_NONE = 0
export const T_RETURN = 1
/** Argument: the chain's number. */
export const T_JUMP = 2
export const T_GOTO = 3
export const T_ACCEPT = 4
/** Arguments: value and mask. */
export const T_MARK = 5
/** To one IPv4 address. Arguments: it, and the port or 0. */
export const T_DNAT = 6
export const T_OBJECT = 7

/** Words of a chain's entry: first record, rules, number of its index + 1, records that there is room for. */
export const CHAIN = 4

/** The packed rules of some chains. A chain's number is its name's; its place changes with what it says. */
export interface Code {
  records: Int32Array
  used: number
  /** Records that nothing leads to any more. */
  waste: number
  /** Entries by place; the first is an empty chain, where jumps lead that lead nowhere. */
  entries: Int32Array
  /** By place. */
  chains: (Chain | null)[]
  numbers: Map<string, number>
  /** By number. */
  names: string[]
  /** Places by number, 0 for none. */
  places: Int32Array
  indexes: (CodeIndex | null)[]
  /** Places of the built-in chains by NF_INET_*. */
  bases: Int32Array
}

export function emptyCode(): Code {
  return {
    records: new Int32Array(0),
    used: 0,
    waste: 0,
    entries: new Int32Array(4 * CHAIN),
    chains: [null],
    numbers: new Map(),
    names: [],
    places: new Int32Array(4),
    indexes: [],
    bases: new Int32Array(5),
  }
}

/** The number of a chain's name. */
export function numberOf(code: Code, name: string): number {
  const known = code.numbers.get(name)
  if (known !== undefined) return known
  const number = code.names.push(name) - 1
  code.numbers.set(name, number)
  if (number >= code.places.length) code.places = longer(code.places, number + 1)
  return number
}

/** A place for another chain. */
export function newPlace(code: Code): number {
  const place = code.chains.push(null) - 1
  if ((place + 1) * CHAIN > code.entries.length) code.entries = longer(code.entries, (place + 1) * CHAIN)
  return place
}

/** Packs a chain at a place, over what stands there if it fits. */
export function pack(code: Code, place: number, chain: Chain): void {
  const size = chain.rules.length
  const at = place * CHAIN
  if (size > code.entries[at + 3]!) {
    code.waste += code.entries[at + 3]!
    code.entries[at] = room(code, size)
    code.entries[at + 3] = size
  }
  const first = code.entries[at]!
  code.chains[place] = chain
  if (chain.hook >= 0) code.bases[chain.hook] = place
  for (let i = 0; i < size; i++) packRule(code, (first + i) * RECORD, chain.rules[i]!)
  code.entries[at + 1] = size
  packChainIndex(code, at + 2, chain)
}

/** Nothing stands there any more. */
export function unpack(code: Code, place: number): void {
  code.chains[place] = null
  code.entries[place * CHAIN + 1] = 0
}

function longer(words: Int32Array, atLeast: number): Int32Array {
  const more = new Int32Array(Math.max(2 * words.length, atLeast))
  more.set(words)
  return more
}

function packChainIndex(code: Code, at: number, chain: Chain): void {
  const index = packIndex(chain)
  const known = code.entries[at]! - 1
  if (known >= 0) code.indexes[known] = index
  else if (index !== null) code.entries[at] = code.indexes.push(index)
}

function room(code: Code, size: number): number {
  const first = code.used
  code.used += size
  if (code.used * RECORD > code.records.length) {
    code.records = longer(code.records, code.used * RECORD)
  }
  return first
}

function packRule(code: Code, at: number, rule: Rule): void {
  // Chains' numbers may be given here: nothing of `code` is held across.
  const { records } = code
  records.fill(0, at, at + RECORD)
  records[at + R_ID] = rule.id | 0
  records[at + R_ID_HIGH] = Math.floor(rule.id / 2 ** 32)
  let asks =
    packAddr(records, at + R_SRC, rule.src, ASK_SRC) | packAddr(records, at + R_DST, rule.dst, ASK_DST)
  const { proto } = rule
  if (proto !== null && proto.value !== 0) {
    asks |= ASK_PROTO | (proto.not ? ASK_PROTO * NOT : 0)
    records[at + R_PROTO] = proto.value
  }
  if (rule.iif !== null || rule.oif !== null || rule.fragment !== 'any') asks |= ASK_OBJECT
  for (const match of rule.matches) {
    if (match.name === 'comment') continue
    const more = packMatch(records, at, match, asks)
    asks |= more
    // What counts for itself must be asked in its turn: what stands behind such a match is left to the rule.
    if ((more & ASK_OBJECT) !== 0) break
  }
  if ((asks & ASK_OBJECT) !== 0) asks &= ~(ASK_DRAW | (ASK_DRAW * NOT))
  records[at + R_ASKS] = asks
  packTarget(code, at, rule)
}

function packAddr(records: Int32Array, at: number, match: AddrMatch | null, ask: number): number {
  if (match === null) return 0
  const { addr, mask, not } = match
  if (typeof addr !== 'number' || typeof mask !== 'number') return ASK_OBJECT
  records[at] = addr & mask
  records[at + 1] = mask
  return ask | (not ? ask * NOT : 0)
}

type Ports = Extract<Match, { name: 'udp' }>['sport']

function packMatch(records: Int32Array, at: number, match: Match, asks: number): number {
  // Behind a draw nothing may be asked before it, and of a kind there is room for one.
  if ((asks & (ASK_DRAW | ASK_OBJECT)) !== 0) return ASK_OBJECT
  switch (match.name) {
    case 'tcp':
    case 'udp': {
      const ask = match.name === 'tcp' ? ASK_TCP : ASK_UDP
      if ((asks & (ASK_TCP | ASK_UDP)) !== 0) return ASK_OBJECT
      if (match.name === 'tcp' && (match.flags !== null || match.option !== null)) return ASK_OBJECT
      return (
        ask |
        packPorts(records, at + R_SPORT, match.sport, ASK_SPORT) |
        packPorts(records, at + R_DPORT, match.dport, ASK_DPORT)
      )
    }
    case 'mark':
      if ((asks & ASK_MARK) !== 0) return ASK_OBJECT
      records[at + R_MARK] = match.value
      records[at + R_MARK_MASK] = match.mask
      return ASK_MARK | (match.not ? ASK_MARK * NOT : 0)
    case 'statistic':
      if (match.mode !== 'random') return ASK_OBJECT
      records[at + R_DRAW] = match.probability
      // A probability of 1 is a threshold of 2^31, which no record holds.
      if (records[at + R_DRAW] !== match.probability) return ASK_OBJECT
      return ASK_DRAW | (match.not ? ASK_DRAW * NOT : 0)
    default:
      return ASK_OBJECT
  }
}

function packPorts(records: Int32Array, at: number, ports: Ports, ask: number): number {
  if (ports === null) return 0
  records[at] = (ports.range.from << 16) | ports.range.to
  return ask | (ports.not ? ask * NOT : 0)
}

function packTarget(code: Code, at: number, { target }: Rule): void {
  let [kind, arg, arg2] = [T_OBJECT, 0, 0]
  switch (target.name) {
    case '':
    case 'TRACE':
      kind = T_NONE
      break
    case 'RETURN':
      kind = T_RETURN
      break
    case 'ACCEPT':
      kind = T_ACCEPT
      break
    case 'JUMP':
    case 'GOTO':
      kind = target.name === 'JUMP' ? T_JUMP : T_GOTO
      arg = numberOf(code, target.chain)
      break
    case 'MARK':
      kind = T_MARK
      arg = target.value
      arg2 = target.mask
      break
    case 'DNAT': {
      const { from, to, ports } = target.range
      const one = typeof from === 'number' && (to ?? from) === from
      const port = ports === null ? 0 : ports.from === ports.to ? ports.from : -1
      // Port 0 asked for by name is not the same as none.
      if (!one || port < 0 || (ports !== null && port === 0)) break
      if (target.random || target.randomFully || target.persistent) break
      kind = T_DNAT
      arg = from
      arg2 = port
    }
  }
  const { records } = code
  assert(at + RECORD <= records.length, 'nf: a record outside')
  records[at + R_TARGET] = kind
  records[at + R_ARG] = arg
  records[at + R_ARG2] = arg2
}
