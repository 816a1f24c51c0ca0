/**
 * Events in the order of their keys, packed: they are more than all other objects together and are read least. A block's
 * key is at or below its events' keys (the first block holds what lies before all); its text is the moment of the one
 * that was written longest ago, then one event after the other: how long it is, what of its key the block's key does
 * not say, and its `eventText`. What has no such text is kept whole. Nothing is changed in place.
 */
import type { ApiObject } from '../types.ts'
import { deepFreeze } from '../types.ts'
import { eventText, readEvent, readLast } from './event-text.ts'
import type { Reader } from './pack.ts'
import { packHex, packNumber, packText, readHex, readNumber, readText } from './pack.ts'
import type { Tree } from './tree.ts'
import { createTree, treeDelete, treeFloor, treeGet, treeKeys, treeSet, treeValues } from './tree.ts'

export interface EventTable {
  readonly size: number
  readonly blocks: Tree<string>
  /** What is kept whole, by its key. */
  readonly odd: Tree<ApiObject>
}

/** Events of a block. */
const MOST = 32
/** Characters of the moment before its first event. */
const HEAD = 6
/** Digits that a recorded event's name ends with, behind a dot: nanoseconds since 1970. */
const STAMP = 16

const empty: EventTable = Object.freeze({
  size: 0,
  blocks: createTree<string>(),
  odd: createTree<ApiObject>(),
})

export function createEventTable(): EventTable {
  return empty
}

/** The event with the key NAMESPACE/NAME: equal each time, but not the same record. */
export function eventGet(table: EventTable, key: string): ApiObject | undefined {
  if (missed.get(table) === key) return undefined
  const { blocks, odd } = table
  const whole = odd.size === 0 ? undefined : treeGet(odd, key)
  if (whole !== undefined) return whole
  const [fence, text] = treeFloor(blocks, key) ?? ['', '']
  const part = keyPart(fence, key)
  // Mostly it is not there, and a search for its characters says so at once.
  const first = text.indexOf(part, HEAD)
  for (const from = { text, at: first < 0 ? text.length : HEAD }; from.at < text.length; ) {
    const next = readNumber(from) + from.at
    if (from.at >= first && text.startsWith(part, from.at)) {
      from.at += part.length
      return readNamed(from, key)
    }
    from.at = next
  }
  missed.set(table, key)
  return undefined
}

/** What was last sought in vain: who makes an event asks three times whether it is there. Derived from what never changes. */
const missed = new WeakMap<EventTable, string>()

/** The table with the event under its key. */
export function eventSet(table: EventTable, key: string, event: ApiObject): EventTable {
  const { namespace, name } = partsOf(key)
  const packed = eventText(event, namespace, name)
  const isOther = packed === undefined || (table.odd.size > 0 && treeGet(table.odd, key) !== undefined)
  const { size, blocks, odd } = isOther ? eventDelete(table, key) : table
  if (packed === undefined) return freezeTable(size + 1, blocks, treeSet(odd, key, event))
  const [fence, text] = treeFloor(blocks, key) ?? [key, headText(packed.last)]
  const { begin, end, n } = search(fence, text, key)
  const isNew = begin === end
  // Joined, not added up: a text that was added up keeps all that it was made from.
  const pieces = [text.slice(HEAD, begin), entryOf(fence, key, packed.text), text.slice(end)]
  if (isNew && n >= MOST) return freezeTable(size + 1, split(blocks, fence, pieces.join(''), n + 1), odd)
  const last = isNew ? Math.min(headOf(text), packed.last) : earliest(pieces.join(''))
  return freezeTable(
    size + (isNew ? 1 : 0),
    treeSet(blocks, fence, [headText(last), ...pieces].join('')),
    odd,
  )
}

/** The table without the event. */
export function eventDelete(table: EventTable, key: string): EventTable {
  const { size, blocks, odd } = table
  if (odd.size > 0 && treeGet(odd, key) !== undefined)
    return freezeTable(size - 1, blocks, treeDelete(odd, key))
  const [fence, text] = treeFloor(blocks, key) ?? ['', '']
  const { begin, end, n } = search(fence, text, key)
  if (begin === end) return table
  if (n === 1) return freezeTable(size - 1, treeDelete(blocks, fence), odd)
  const body = [text.slice(HEAD, begin), text.slice(end)].join('')
  return freezeTable(size - 1, treeSet(blocks, fence, [headText(earliest(body)), body].join('')), odd)
}

/** The events whose keys begin with `prefix` ('' for all), in the order of keys. */
export function eventValues(table: EventTable, prefix: string): readonly ApiObject[] {
  if (prefix === '') {
    const known = all.get(table)
    if (known !== undefined) return known
  }
  const found: ApiObject[] = []
  const keys: string[] = []
  eachBlock(table.blocks, prefix, (fence, text) => {
    for (const from = { text, at: HEAD }; from.at < text.length; ) {
      readNumber(from)
      const key = readKey(fence, from)
      const event = readNamed(from, key)
      if (!key.startsWith(prefix)) continue
      found.push(event)
      keys.push(key)
    }
  })
  const listed = withOdd(found, keys, table.odd, prefix)
  if (prefix === '') all.set(table, listed)
  return listed
}

/** All events of a table, as long as it stands: derived from what never changes. */
const all = new WeakMap<object, readonly ApiObject[]>()

/**
 * The events that were made and last written at `moment` (`momentOf`) or before, and all that are kept whole; in the
 * order of keys. Looks at few of the others.
 */
export function eventsUntil({ blocks, odd }: EventTable, moment: number): readonly ApiObject[] {
  const found: ApiObject[] = []
  const keys: string[] = []
  eachBlock(blocks, '', (fence, text) => {
    if (headOf(text) > moment) return
    for (const from = { text, at: HEAD }; from.at < text.length; ) {
      const next = readNumber(from) + from.at
      const key = readKey(fence, from)
      if (readLast({ text, at: from.at }) <= moment) {
        found.push(readNamed(from, key))
        keys.push(key)
      }
      from.at = next
    }
  })
  return withOdd(found, keys, odd, '')
}

function withOdd(
  found: ApiObject[],
  keys: string[],
  odd: Tree<ApiObject>,
  prefix: string,
): readonly ApiObject[] {
  const others = treeKeys(odd, prefix)
  if (others.length === 0) return found
  const byKey = new Map(keys.map((key, i) => [key, found[i]!]))
  for (const [i, event] of treeValues(odd, prefix).entries()) byKey.set(others[i]!, event)
  return [...byKey.keys()].sort().map((key) => byKey.get(key)!)
}

function eachBlock(blocks: Tree<string>, prefix: string, visit: (fence: string, text: string) => void): void {
  // What begins with the prefix may stand in the block before the first whose own key does.
  const before = prefix === '' ? undefined : treeFloor(blocks, prefix)
  if (before !== undefined && !before[0].startsWith(prefix)) visit(before[0], before[1])
  const texts = treeValues(blocks, prefix)
  for (const [i, fence] of treeKeys(blocks, prefix).entries()) visit(fence, texts[i]!)
}

/** Where in a block an event stands, or would: from `begin` to `end`, among `n`. */
function search(fence: string, text: string, key: string): { begin: number; end: number; n: number } {
  const starts: number[] = []
  const from = { text, at: HEAD }
  while (from.at < text.length) {
    starts.push(from.at)
    from.at = readNumber(from) + from.at
  }
  const n = starts.length
  let low = 0
  for (let high = n; low < high; ) {
    const middle = (low + high) >> 1
    if (keyAt(fence, text, starts[middle]!) < key) low = middle + 1
    else high = middle
  }
  const begin = starts[low] ?? text.length
  const isIt = low < n && keyAt(fence, text, begin) === key
  return { begin, end: isIt ? (starts[low + 1] ?? text.length) : begin, n }
}

/** Two blocks in the place of one that is full, whose `n` events follow one another in `body`. */
function split(blocks: Tree<string>, fence: string, body: string, n: number): Tree<string> {
  // At the end of all, as a leaf of the tree does.
  const isLast = treeFloor(blocks, '\uffff')?.[0] === fence
  const kept = isLast ? MOST - 4 : n >> 1
  const from = { text: body, at: 0 }
  const take = (count: number): [string, string] => {
    // The block's own key may lie behind those of the first block: each half has its first event's.
    let first = ''
    const entries: string[] = []
    for (let i = 0; i < count; i++) {
      const end = readNumber(from) + from.at
      const key = readKey(fence, from)
      if (i === 0) first = key
      entries.push(entryOf(first, key, body.slice(from.at, end)))
      from.at = end
    }
    const joined = entries.join('')
    return [first, [headText(earliest(joined)), joined].join('')]
  }
  const made = treeDelete(blocks, fence)
  const firstHalf = treeSet(made, ...take(kept))
  return treeSet(firstHalf, ...take(n - kept))
}

function entryOf(fence: string, key: string, text: string): string {
  return packText(keyPart(fence, key) + text)
}

/** What a key has more than the block's: how much they share and whether a time follows, the rest, and the time. */
function keyPart(fence: string, key: string): string {
  const dot = key.length - STAMP - 1
  const stamp = key[dot] === '.' ? packHex(key.slice(dot + 1)) : undefined
  const end = stamp === undefined ? key.length : dot
  let shared = 0
  while (shared < end && fence.charCodeAt(shared) === key.charCodeAt(shared)) shared++
  const rest = packText(key.slice(shared, end))
  return packNumber(shared * 2 + (stamp === undefined ? 0 : 1)) + rest + (stamp ?? '')
}

function readKey(fence: string, from: Reader): string {
  const shared = readNumber(from)
  const rest = readText(from)
  const pieces = [fence.slice(0, shared >> 1), rest]
  if (shared % 2 === 1) pieces.push('.', readHex(from, STAMP))
  return pieces.join('')
}

function keyAt(fence: string, text: string, at: number): string {
  const from = { text, at }
  readNumber(from)
  return readKey(fence, from)
}

function readNamed(from: Reader, key: string): ApiObject {
  const { namespace, name } = partsOf(key)
  return deepFreeze(readEvent(from, namespace, name))
}

function partsOf(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) }
}

/** Of events that follow one another: when the one was written that was longest ago. */
function earliest(body: string): number {
  let least = Number.POSITIVE_INFINITY
  for (const from = { text: body, at: 0 }; from.at < body.length; ) {
    const next = readNumber(from) + from.at
    const stamped = readNumber(from) % 2 === 1
    const rest = readNumber(from)
    from.at += rest + (stamped ? STAMP / 2 : 0)
    least = Math.min(least, readLast(from))
    from.at = next
  }
  return least
}

function headText(moment: number): string {
  return packNumber(moment).padEnd(HEAD, '\0')
}

function headOf(text: string): number {
  return readNumber({ text, at: 0 })
}

function freezeTable(size: number, blocks: Tree<string>, odd: Tree<ApiObject>): EventTable {
  return Object.freeze({ size, blocks, odd })
}
