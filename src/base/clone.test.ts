import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clonePlain } from './clone.ts'

interface Node {
  name: string
  self?: Node
  list: Node[]
}

describe('clonePlain', () => {
  it('copies every kind of plain data', () => {
    const value = {
      n: -0,
      s: 'x',
      b: true,
      u: undefined,
      z: null,
      big: 5n,
      list: [1, [2], { three: 3 }],
      map: new Map<unknown, unknown>([['a', { b: 1 }]]),
      set: new Set([1, 'two']),
      bytes: new Uint8Array([1, 2]),
      doubles: new Float64Array([0.5]).subarray(0, 1),
      bare: Object.assign(Object.create(null) as object, { x: { y: 1 } }),
    }
    const copy = clonePlain(value)
    expect(copy).toStrictEqual(value)
    expect(Object.keys(copy)).toEqual(Object.keys(value))
    for (const key of ['list', 'map', 'set', 'bytes', 'doubles', 'bare'] as const)
      expect(copy[key]).not.toBe(value[key])
    expect(copy.map.get('a')).not.toBe(value.map.get('a'))
    expect(Object.getPrototypeOf(copy.bare)).toBe(null)
  })

  it('shares nothing: changing the copy leaves the original', () => {
    fc.assert(
      fc.property(
        fc.object({ withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true }),
        (value) => {
          const printed = fc.stringify(value)
          const copy = clonePlain(value)
          expect(copy).toEqual(value)
          spoil(copy)
          expect(fc.stringify(value)).toBe(printed)
        },
      ),
    )
  })

  it('keeps two references to one object as two references to one copy', () => {
    const shared = { x: 1 }
    const copy = clonePlain({ a: shared, b: [shared], c: new Map([[shared, new Set([shared])]]) })
    expect(copy.b[0]).toBe(copy.a)
    expect([...copy.c.keys()][0]).toBe(copy.a)
    expect([...([...copy.c.values()][0] ?? [])][0]).toBe(copy.a)
    expect(copy.a).not.toBe(shared)
  })

  it('keeps cycles', () => {
    const node: Node = { name: 'a', list: [] }
    node.self = node
    node.list.push(node)
    const copy = clonePlain(node)
    expect(copy.self).toBe(copy)
    expect(copy.list[0]).toBe(copy)
    expect(copy).not.toBe(node)
  })

  it('shares frozen objects, at the top and below', () => {
    const rules = Object.freeze({ chain: [1, 2] })
    expect(clonePlain(rules)).toBe(rules)
    expect(clonePlain({ rules }).rules).toBe(rules)
    const sealed = Object.seal({ x: 1 })
    expect(clonePlain(sealed)).not.toBe(sealed)
  })

  it.each([
    ['a function', () => 1, 'function'],
    ['a method', { f() {} }, 'function'],
    ['a function in a list', [() => 1], 'function'],
    ['a function in a map', new Map([[1, () => 1]]), 'function'],
    ['a symbol', { s: Symbol('x') }, 'symbol'],
    ['a class instance', new (class Thing {})(), 'class instance'],
    ['an instance of a subclass', new (class extends Map {})(), 'class instance'],
    ['a date', [new Date(0)], 'class instance'],
    ['a view without a type', new DataView(new ArrayBuffer(1)), 'class instance'],
  ])('asserts on %s', (_, value, message) => expect(() => clonePlain<unknown>(value)).toThrow(message))
})

/** Changes everything that can be reached. */
function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (value instanceof Map) {
    for (const [key, item] of value) {
      spoil(key)
      spoil(item)
    }
    value.clear()
  } else if (value instanceof Set) {
    for (const item of value) spoil(item)
    value.add('spoiled')
  } else if (ArrayBuffer.isView(value)) (value as Uint8Array).fill(77)
  else {
    for (const item of Object.values(value)) spoil(item)
    for (const key of Object.keys(value)) (value as Record<string, unknown>)[key] = 'spoiled'
  }
}
