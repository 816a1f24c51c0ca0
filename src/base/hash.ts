// A 64-bit fingerprint of plain data, the same in every JavaScript engine. Not for security.
// Two lanes of the murmur3 32-bit step with different constants. Objects are digested bottom-up, so equal data
// gives an equal hash whether or not parts of it are shared, and a frozen value is digested once.
import { assert } from './assert.ts'

/** A running hash; see createHash, hashAdd, hashDigest. */
export interface Hash {
  a: number
  b: number
  /** digests of frozen objects met so far */
  frozen: Map<object, readonly [number, number]>
  /** objects being digested, outermost first: a reference to one of them is a cycle */
  path: object[]
  /** the outermost object of `path` that a cycle has led to since */
  reach: number
  scratch: DataView
}

const NULL = 1
const UNDEFINED = 2
const FALSE = 3
const TRUE = 4
const INT = 5
const DOUBLE = 6
const STRING = 7
const BIGINT = 8
const ARRAY = 9
const RECORD = 10
const MAP = 11
const SET = 12
const TYPED = 13
const CYCLE = 14
const OBJECT = 15

/** The hash of plain data, sensitive to the order of keys and entries, as 16 hex digits. Asserts as clonePlain. */
export function hashPlain(value: unknown): string {
  const hash = createHash()
  hashAdd(hash, value)
  return hashDigest(hash)
}

/** An empty running hash. */
export function createHash(): Hash {
  return {
    a: 0x2f0b4c47,
    b: 0x71a3e9d5,
    frozen: new Map(),
    path: [],
    reach: Number.POSITIVE_INFINITY,
    scratch: new DataView(new ArrayBuffer(8)),
  }
}

/** Adds one value (plain data) to a running hash. */
export function hashAdd(hash: Hash, value: unknown): void {
  if (typeof value === 'number') addNumber(hash, value)
  else if (typeof value === 'string') {
    mix(hash, STRING)
    addString(hash, value)
  } else if (typeof value === 'object') {
    if (value === null) mix(hash, NULL)
    else addObject(hash, value)
  } else if (typeof value === 'boolean') mix(hash, value ? TRUE : FALSE)
  else if (value === undefined) mix(hash, UNDEFINED)
  else {
    assert(typeof value === 'bigint', `hash: a ${typeof value} is not plain data`)
    mix(hash, BIGINT)
    addString(hash, value.toString())
  }
}

/** The 16 hex digits of a running hash, which may go on afterwards. */
export function hashDigest(hash: Hash): string {
  const a = finish(hash.a ^ hash.b)
  const b = finish((hash.b + Math.imul(a, 0x9e3779b1)) | 0)
  return hex8(a) + hex8(b)
}

function addNumber(hash: Hash, value: number): void {
  if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
    mix(hash, INT)
    mix(hash, value)
    return
  }
  mix(hash, DOUBLE)
  if (Number.isNaN(value)) {
    mix(hash, 0x7ff80000)
    mix(hash, 0)
    return
  }
  hash.scratch.setFloat64(0, value)
  mix(hash, hash.scratch.getInt32(0))
  mix(hash, hash.scratch.getInt32(4))
}

function addString(hash: Hash, text: string): void {
  const { length } = text
  mix(hash, length)
  let i = 0
  for (; i + 1 < length; i += 2) mix(hash, text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16))
  if (i < length) mix(hash, text.charCodeAt(i))
}

function addObject(hash: Hash, value: object): void {
  const known = hash.frozen.get(value)
  if (known !== undefined) {
    mixDigest(hash, known[0], known[1])
    return
  }
  const depth = hash.path.lastIndexOf(value)
  if (depth >= 0) {
    hash.reach = Math.min(hash.reach, depth)
    mix(hash, CYCLE)
    mix(hash, hash.path.length - depth)
    return
  }
  const { a, b } = hash
  hash.a = 0x3ade68b1
  hash.b = 0x5bd1e995
  hash.path.push(value)
  addContents(hash, value)
  hash.path.pop()
  const innerA = hash.a
  const innerB = hash.b
  if (hash.reach >= hash.path.length) {
    hash.reach = Number.POSITIVE_INFINITY
    if (!Object.isExtensible(value) && Object.isFrozen(value)) hash.frozen.set(value, [innerA, innerB])
  }
  hash.a = a
  hash.b = b
  mixDigest(hash, innerA, innerB)
}

function addContents(hash: Hash, value: object): void {
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto === Object.prototype || proto === null) addRecord(hash, value as Record<string, unknown>)
  else if (Array.isArray(value)) {
    mix(hash, ARRAY)
    mix(hash, value.length)
    for (let i = 0; i < value.length; i++) hashAdd(hash, value[i])
  } else if (proto === Map.prototype) {
    const map = value as Map<unknown, unknown>
    mix(hash, MAP)
    mix(hash, map.size)
    for (const [key, item] of map) {
      hashAdd(hash, key)
      hashAdd(hash, item)
    }
  } else if (proto === Set.prototype) {
    const set = value as Set<unknown>
    mix(hash, SET)
    mix(hash, set.size)
    for (const item of set) hashAdd(hash, item)
  } else addTypedArray(hash, value)
}

function addRecord(hash: Hash, record: Record<string, unknown>): void {
  mix(hash, RECORD)
  let n = 0
  for (const key in record) {
    addString(hash, key)
    hashAdd(hash, record[key])
    n++
  }
  mix(hash, n)
}

function addTypedArray(hash: Hash, value: object): void {
  assert(
    ArrayBuffer.isView(value) && !(value instanceof DataView),
    'hash: a class instance is not plain data',
  )
  const items = value as unknown as ArrayLike<number | bigint> & { readonly [Symbol.toStringTag]: string }
  mix(hash, TYPED)
  addString(hash, items[Symbol.toStringTag])
  mix(hash, items.length)
  for (let i = 0; i < items.length; i++) hashAdd(hash, items[i])
}

function mixDigest(hash: Hash, a: number, b: number): void {
  mix(hash, OBJECT)
  mix(hash, a)
  mix(hash, b)
}

function mix(hash: Hash, word: number): void {
  let x = Math.imul(word, 0xcc9e2d51)
  x = Math.imul((x << 15) | (x >>> 17), 0x1b873593)
  let h = hash.a ^ x
  h = (h << 13) | (h >>> 19)
  hash.a = (Math.imul(h, 5) + 0xe6546b64) | 0
  let y = Math.imul(word ^ 0x5f356495, 0x239b961b)
  y = Math.imul((y << 16) | (y >>> 16), 0xab0e9789)
  let g = hash.b ^ y
  g = (g << 17) | (g >>> 15)
  hash.b = (Math.imul(g, 5) + 0x561ccd1b) | 0
}

function finish(x: number): number {
  let h = x
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function hex8(x: number): string {
  return x.toString(16).padStart(8, '0')
}
