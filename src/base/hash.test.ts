import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clonePlain } from './clone.ts'
import { createHash, hashAdd, hashDigest, hashPlain } from './hash.ts'

const anyPlain = fc.object({ withMap: true, withSet: true, withTypedArray: true, withNullPrototype: false })

describe('hashPlain', () => {
  it('is 16 hex digits and the same for equal data', () => {
    fc.assert(
      fc.property(anyPlain, (value) => {
        expect(hashPlain(value)).toMatch(/^[0-9a-f]{16}$/)
        expect(hashPlain(clonePlain(value))).toBe(hashPlain(value))
      }),
    )
  })

  it('tells different values apart', () => {
    const values: unknown[] = [
      0,
      -0,
      1,
      -1,
      0.5,
      2 ** 31,
      2 ** 32,
      2 ** 53,
      Number.NaN,
      Infinity,
      -Infinity,
      1n,
      '',
      '0',
      '1',
      'a',
      'b',
      'ab',
      'a\0',
      '\0',
      '\0\0',
      null,
      undefined,
      false,
      true,
      [],
      [[]],
      [0],
      [0, 0],
      [undefined],
      [null],
      {},
      { a: 1 },
      { a: 2 },
      { b: 1 },
      { a: undefined },
      { a: 1, b: 2 },
      { b: 2, a: 1 },
      { a: { b: 1 } },
      { a: {}, b: 1 },
      { ab: 'c' },
      { a: 'bc' },
      new Map(),
      new Map([[1, 2]]),
      new Map([[2, 1]]),
      new Map([
        [1, 2],
        [3, 4],
      ]),
      new Map([
        [3, 4],
        [1, 2],
      ]),
      new Set(),
      new Set([1]),
      new Set([1, 2]),
      new Set([2, 1]),
      new Uint8Array([1]),
      new Int8Array([1]),
      new Uint8Array([1, 0]),
      new Float64Array([1]),
      [1],
      [1, 2],
      [[1], 2],
      [[1, 2]],
    ]
    expect(new Set(values.map(hashPlain)).size).toBe(values.length)
  })

  it('has no collision among 200,000 near records, and each bit of input moves half of the bits', () => {
    const seen = new Set<string>()
    for (let i = 0; i < 100_000; i++) seen.add(hashPlain([i])).add(hashPlain([i << 15, i >>> 17]))
    expect(seen.size).toBe(200_000 - 0)
    const bits = (x: unknown) => BigInt(`0x${hashPlain(x)}`)
    const base = bits({ at: 12345 })
    let moved = 0
    for (let bit = 0; bit < 32; bit++) {
      for (let diff = base ^ bits({ at: 12345 ^ (1 << bit) }); diff > 0n; diff >>= 1n)
        moved += Number(diff & 1n)
    }
    expect(moved / 32 / 64).toBeGreaterThan(0.45)
    expect(moved / 32 / 64).toBeLessThan(0.55)
  })

  it('does not mind sharing or freezing', () => {
    const part = { x: [1, 2] }
    const shared = { a: part, b: part }
    const separate = { a: { x: [1, 2] }, b: { x: [1, 2] } }
    expect(hashPlain(shared)).toBe(hashPlain(separate))
    Object.freeze(part)
    expect(hashPlain(shared)).toBe(hashPlain(separate))
  })

  it('digests a frozen value once, however often it is shared', () => {
    let tree: object = Object.freeze({ leaf: 1 })
    for (let i = 0; i < 200; i++) tree = Object.freeze({ left: tree, right: tree })
    expect(hashPlain(tree)).toMatch(/^[0-9a-f]{16}$/)
  })

  it('ends on cycles and tells their shapes apart', () => {
    const one: Record<string, unknown> = { v: 1 }
    one.next = one
    const first: Record<string, unknown> = { v: 1 }
    const second: Record<string, unknown> = { v: 1, next: first }
    first.next = second
    expect(hashPlain(one)).toBe(hashPlain(clonePlain(one)))
    expect(hashPlain(first)).toBe(hashPlain(clonePlain(first)))
    expect(hashPlain(one)).not.toBe(hashPlain(first))
  })

  it('does not mind freezing inside a cycle', () => {
    const build = (finish: (part: object) => object) => {
      const root: Record<string, unknown> = {}
      const part = finish({ back: root })
      root.near = part
      root.far = { deep: { part } }
      return root
    }
    expect(hashPlain(build(Object.freeze))).toBe(hashPlain(build((part) => part)))
  })

  it('goes on piece by piece', () => {
    const hash = createHash()
    hashAdd(hash, 1)
    const first = hashDigest(hash)
    hashAdd(hash, 'two')
    expect(hashDigest(hash)).not.toBe(first)
    const again = createHash()
    hashAdd(again, 1)
    hashAdd(again, 'two')
    expect(hashDigest(again)).toBe(hashDigest(hash))
  })

  it('asserts on what is not plain data', () => {
    expect(() => hashPlain(() => 1)).toThrow('function')
    expect(() => hashPlain({ d: new Date(0) })).toThrow('class instance')
  })
})
