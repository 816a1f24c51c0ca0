// A seeded random source as plain data (sfc32: Chris Doty-Humphrey's Small Fast Counting generator, 128 bits
// of state). Copy the record and the copy continues with the same numbers.
import { assert } from './assert.ts'

export interface Rng {
  a: number
  b: number
  c: number
  d: number
}

const WARM_UP = 20

/** A generator for `seed` (any integer up to 2^53 in size); each `stream` of one seed is its own sequence. */
export function createRng(seed: number, stream: number): Rng {
  assert(Number.isSafeInteger(seed), 'rng: the seed is not an integer')
  assert(Number.isSafeInteger(stream), 'rng: the stream is not an integer')
  const a = avalanche(seed | 0)
  const b = avalanche(a ^ (Math.floor(seed / 0x100000000) | 0) ^ 0x3c6ef372)
  const c = avalanche(b ^ (stream | 0) ^ 0x1b873593)
  const d = avalanche(c ^ (Math.floor(stream / 0x100000000) | 0) ^ 0x2545f491)
  const rng: Rng = { a, b: b ^ d, c, d: 1 }
  for (let i = 0; i < WARM_UP; i++) nextUint32(rng)
  return rng
}

/** The next integer from 0 to 2^32 - 1. */
export function nextUint32(rng: Rng): number {
  const sum = (rng.a + rng.b + rng.d) | 0
  rng.d = (rng.d + 1) | 0
  rng.a = rng.b ^ (rng.b >>> 9)
  rng.b = (rng.c + (rng.c << 3)) | 0
  rng.c = (((rng.c << 21) | (rng.c >>> 11)) + sum) | 0
  return sum >>> 0
}

/** An integer from 0 to n - 1, each equally likely; n is from 1 to 2^32. */
export function nextBelow(rng: Rng, n: number): number {
  assert(n >= 1 && n <= 0x100000000 && Number.isInteger(n), 'rng: the bound is not from 1 to 2^32')
  const fair = 0x100000000 - (0x100000000 % n)
  let x = nextUint32(rng)
  while (x >= fair) x = nextUint32(rng)
  return x % n
}

/** True with probability numerator / denominator (integers, the denominator up to 2^32). */
export function nextRatio(rng: Rng, numerator: number, denominator: number): boolean {
  return nextBelow(rng, denominator) < numerator
}

function avalanche(x: number): number {
  let h = (x + 0x9e3779b9) | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
