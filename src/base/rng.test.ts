import { describe, expect, it } from 'vitest'
import { createRng, nextBelow, nextRatio, nextUint32 } from './rng.ts'

describe('random source', () => {
  // Computed with unbounded integers from the definition of sfc32 in PractRand.
  it('is sfc32', () => {
    const rng = { a: 1, b: 2, c: 3, d: 4 }
    const values = Array.from({ length: 6 }, () => nextUint32(rng))
    expect(values).toEqual([7, 34, 56623200, 188882296, 3431242869, 399395954])
  })

  it('repeats itself for the same seed and stream, and from a copy', () => {
    const one = createRng(42, 3)
    const two = createRng(42, 3)
    for (let i = 0; i < 100; i++) expect(nextUint32(one)).toBe(nextUint32(two))
    const copy = { ...one }
    expect(Array.from({ length: 9 }, () => nextUint32(copy))).toEqual(
      Array.from({ length: 9 }, () => nextUint32(one)),
    )
  })

  it('gives neighbouring seeds and streams sequences of their own', () => {
    const first = new Set<number>()
    for (let seed = 0; seed < 100; seed++)
      for (let stream = 0; stream < 100; stream++) first.add(nextUint32(createRng(seed, stream)))
    first.add(nextUint32(createRng(2 ** 40, 0)))
    first.add(nextUint32(createRng(-1, 0)))
    expect(first.size).toBeGreaterThan(10_002 - 4)
  })

  it('is even: every bit is set half of the time, across streams too', () => {
    const rngs = Array.from({ length: 1000 }, (_, stream) => createRng(1, stream))
    const ones = new Array<number>(32).fill(0)
    for (const rng of rngs)
      for (let i = 0; i < 20; i++) {
        const x = nextUint32(rng)
        for (let bit = 0; bit < 32; bit++) ones[bit] += (x >>> bit) & 1
      }
    // 20,000 draws: standard deviation 71; five of them
    for (const n of ones) expect(Math.abs(n - 10_000)).toBeLessThan(355)
  })

  it('draws below a bound without bias and refuses bounds that make no sense', () => {
    const rng = createRng(9, 0)
    // A bound of 3 * 2^30: taking the remainder would give the first third 2/4 instead of 1/3.
    let low = 0
    for (let i = 0; i < 30_000; i++) if (nextBelow(rng, 3 * 2 ** 30) < 2 ** 30) low++
    expect(Math.abs(low - 10_000)).toBeLessThan(410)
    const seen = new Set(Array.from({ length: 1000 }, () => nextBelow(rng, 6)))
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5])
    expect(nextBelow(rng, 1)).toBe(0)
    expect(nextBelow(rng, 2 ** 32)).toBeGreaterThanOrEqual(0)
    for (const n of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) expect(() => nextBelow(rng, n)).toThrow('bound')
  })

  it('hits a ratio', () => {
    const rng = createRng(10, 0)
    let hits = 0
    for (let i = 0; i < 10_000; i++) if (nextRatio(rng, 1, 4)) hits++
    expect(Math.abs(hits - 2500)).toBeLessThan(217)
    expect(nextRatio(rng, 0, 7)).toBe(false)
    expect(nextRatio(rng, 7, 7)).toBe(true)
  })
})
