/**
 * The packed records of a table (code.ts): its own chains, and those that it shares with other namespaces, which are
 * packed once for all. Derived from frozen tables, never part of the state. A table that was made from another takes its
 * records over, and only chains that differ are packed anew: also after a seek, when an older table is asked again.
 */
import type { Trie } from '../../base/trie.ts'
import { trieDiff, trieEach } from '../../base/trie.ts'
import { isSmall } from './alike.ts'
import { nfChain, nfOwnChainCount, nfOwnChains } from './chains.ts'
import type { Code } from './code.ts'
import { CHAIN, emptyCode, newPlace, numberOf, pack, unpack } from './code.ts'
import type { Chain, Table } from './types.ts'

export interface TableCode {
  /** What it stands for now. */
  table: Table
  own: Code
  /** Names of own chains that differ from what is packed. */
  stale: string[]
  shared: SharedCode | null
  /** The shared code's generation that `over` is of. */
  generation: number
  /** By number: places that differ from those of the shared code; ~place for one of `own`. Null for none. */
  over: ReadonlyMap<number, number> | null
}

/** The shared chains of a table in all the versions that namespaces stand at: most chains are the same in all. */
export interface SharedCode {
  code: Code
  /** The version that `code.places` is of. */
  main: Trie<Chain>
  /** How many rules it has. */
  rules: number
  placeOf: Map<Chain, number>
  /** Rises when `code.places` becomes another version's. */
  generation: number
}

/** A version beside the main one. */
interface View {
  generation: number
  over: ReadonlyMap<number, number> | null
}

/** A version that differs in more chains becomes the main one. */
const OVER_MAX = 2048

const codes = new WeakMap<Table, TableCode>()
const sharedCodes = new WeakMap<Trie<Chain>, SharedCode>()
const views = new WeakMap<Trie<Chain>, View>()

/** The table's records. */
export function codeOf(table: Table): TableCode {
  let code = codes.get(table)
  if (code === undefined) {
    code = { table, own: emptyCode(), stale: [], shared: null, generation: -1, over: null }
    codes.set(table, code)
    repack(code)
  } else if (code.table !== table) resync(code, table)
  else if (code.stale.length > 0) {
    const { stale } = code
    code.stale = []
    for (const name of stale) refresh(code, name)
    tidy(code)
  } else if (code.generation === (code.shared?.generation ?? 0)) return code
  join(code)
  return code
}

/**
 * `now` was made from `before`: own chains of other names than `changed` are the same ones, where that is known. Small
 * tables are packed anew when they are asked: other namespaces may stand at `before` still.
 */
export function carryCode(before: Table, now: Table, changed: readonly string[] | null): void {
  if (before.common !== null && now.common !== null) {
    const shared = sharedCodes.get(before.common)
    if (shared !== undefined && !sharedCodes.has(now.common)) sharedCodes.set(now.common, shared)
  }
  const code = isSmall(before) ? undefined : codes.get(before)
  if (code === undefined) return
  codes.set(now, code)
  if (changed === null || code.table !== before) return
  code.stale.push(...changed)
  code.table = now
  code.generation = -1
}

/** The place that a jump of an own chain leads to; ~place for one in the shared code. */
export function ownJump(code: TableCode, number: number): number {
  const { own, shared } = code
  const place = own.places[number]!
  if (place !== 0 || shared === null) return place
  const other = shared.code.numbers.get(own.names[number]!)
  return other === undefined ? 0 : ~sharedJump(code, other)
}

/** The place that a jump of a shared chain leads to; ~place for one of the own code. */
export function sharedJump({ shared, over }: TableCode, number: number): number {
  if (over !== null) {
    const place = over.get(number)
    if (place !== undefined) return place
  }
  return shared!.code.places[number]!
}

function repack(code: TableCode): void {
  code.own = emptyCode()
  for (const chain of nfOwnChains(code.table)) packOwn(code.own, chain)
}

function packOwn(own: Code, chain: Chain): void {
  const number = numberOf(own, chain.name)
  if (own.places[number] === 0) own.places[number] = newPlace(own)
  pack(own, own.places[number]!, chain)
}

/** Another version of the table: what differs is packed anew. */
function resync(code: TableCode, table: Table): void {
  code.table = table
  code.stale = []
  code.generation = -1
  const { own } = code
  const left = new Set(own.chains)
  for (const chain of nfOwnChains(table)) {
    const place = own.places[own.numbers.get(chain.name) ?? -1] ?? 0
    left.delete(own.chains[place]!)
    if (place === 0 || own.chains[place] !== chain) packOwn(own, chain)
  }
  for (const chain of left) if (chain !== null) drop(own, chain.name)
  tidy(code)
}

function refresh(code: TableCode, name: string): void {
  const { own, table } = code
  const chain = nfChain(table, name)
  const isOwn = chain !== undefined && (table.patched.has(name) || table.whole.has(name))
  if (!isOwn) drop(own, name)
  else if (own.chains[own.places[own.numbers.get(name) ?? -1] ?? 0] !== chain) packOwn(own, chain)
}

function drop(own: Code, name: string): void {
  const number = own.numbers.get(name)
  if (number === undefined || own.places[number] === 0) return
  unpack(own, own.places[number]!)
  own.waste += own.entries[own.places[number]! * CHAIN + 3]!
  own.places[number] = 0
}

/** Packs everything anew where most of it is of chains that are gone. */
function tidy(code: TableCode): void {
  const { own, table } = code
  const most = 2 * nfOwnChainCount(table) + 64
  if (2 * own.waste > own.used + 1024 || own.chains.length > most) repack(code)
}

/** Finds the shared chains, and which of them this table has others for, or none. */
function join(code: TableCode): void {
  const { table, own } = code
  const { common } = table
  if (common === null) {
    code.shared = null
    code.over = null
    code.generation = 0
    return
  }
  const shared = sharedCodeOf(common)
  const { over } = viewOf(common, shared)
  let mine: Map<number, number> | null = null
  const put = (name: string, place: number) => {
    const number = shared.code.numbers.get(name)
    if (number === undefined) return
    mine ??= new Map(over ?? [])
    mine.set(number, place)
  }
  for (const name of table.gone) put(name, 0)
  for (const { name } of nfOwnChains(table)) put(name, ~own.places[own.numbers.get(name)!]!)
  code.shared = shared
  code.generation = shared.generation
  code.over = mine ?? over
}

function sharedCodeOf(common: Trie<Chain>): SharedCode {
  const known = sharedCodes.get(common)
  if (known !== undefined) return known
  const shared = { code: emptyCode(), main: common, rules: 0, placeOf: new Map(), generation: 0 }
  packAll(shared, common)
  sharedCodes.set(common, shared)
  views.set(common, { generation: shared.generation, over: null })
  return shared
}

function packAll(shared: SharedCode, common: Trie<Chain>): void {
  const code = emptyCode()
  Object.assign(shared, { code, main: common, rules: 0, placeOf: new Map() })
  shared.generation++
  trieEach(common, (chain, name) => {
    const place = packShared(shared, chain)
    setPlace(code, name, place)
    shared.rules += chain.rules.length
  })
}

function setPlace(code: Code, name: string, place: number): void {
  // The list of places may grow for a new number.
  const number = numberOf(code, name)
  code.places[number] = place
}

function packShared({ code, placeOf }: SharedCode, chain: Chain): number {
  const known = placeOf.get(chain)
  if (known !== undefined) return known
  const place = newPlace(code)
  placeOf.set(chain, place)
  pack(code, place, chain)
  return place
}

/** How a version differs from the main one. One that was never asked before is the newest, and becomes the main one. */
function viewOf(common: Trie<Chain>, shared: SharedCode): View {
  const known = views.get(common)
  if (known !== undefined && known.generation === shared.generation) return known
  let over: Map<number, number> | null = null
  if (shared.main !== common) {
    if (known === undefined) makeMain(shared, common)
    else {
      over = new Map()
      for (const [name, chain] of differing(shared, common))
        over.set(numberOf(shared.code, name), chain === undefined ? 0 : packShared(shared, chain))
      if (over.size > OVER_MAX) {
        makeMain(shared, common)
        over = null
      }
    }
  }
  const view = { generation: shared.generation, over }
  views.set(common, view)
  return view
}

function makeMain(shared: SharedCode, common: Trie<Chain>): void {
  for (const [name, chain, before] of differing(shared, common)) {
    const place = chain === undefined ? 0 : packShared(shared, chain)
    setPlace(shared.code, name, place)
    shared.rules += (chain?.rules.length ?? 0) - (before?.rules.length ?? 0)
  }
  shared.main = common
  shared.generation++
  // Most of it is of versions that nobody may stand at any more.
  if (shared.code.used > 2 * shared.rules + 4096) packAll(shared, common)
}

function differing(
  { main }: SharedCode,
  common: Trie<Chain>,
): (readonly [string, Chain | undefined, Chain | undefined])[] {
  const list: [string, Chain | undefined, Chain | undefined][] = []
  trieDiff(main, common, (name, before, now) => list.push([name, now, before]))
  return list
}
