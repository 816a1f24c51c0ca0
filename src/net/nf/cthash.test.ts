import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../../base/rng.ts'
import { createTupleTable, tupleDrop, tupleFind, tuplePut } from './cthash.ts'
import type { Conn, Tuple } from './types.ts'

/** A table beside an ordinary map: few ports and addresses, so that tuples meet in their places. */
describe('the table of tuples', () => {
  it.each([1, 2, 3])('finds what was entered and nothing else, seed %i', (seed) => {
    const rng = createRng(seed, 1)
    const below = (n: number): number => nextBelow(rng, n)
    const table = createTupleTable()
    const conns = new Map<number, Conn>()
    const model = new Map<string, number>()
    const keyOf = (t: Tuple, zone: number) => `${t.src} ${t.dst} ${t.proto} ${t.sport} ${t.dport} ${zone}`
    const draw = (): Tuple => {
      const six = below(3) === 0
      const ip = () => (six ? `fd00::${below(6)}` : below(6) - 3)
      return { src: ip(), dst: ip(), proto: below(2) === 0 ? 6 : 17, sport: below(9), dport: below(9) }
    }
    let id = 1
    for (let n = 0; n < 6000; n++) {
      const tuple = draw()
      const zone = below(2)
      const key = keyOf(tuple, zone)
      const known = model.get(key) ?? 0
      const { src, dst, proto, sport, dport } = tuple
      expect(tupleFind(table, conns, src, dst, proto, sport, dport, zone)).toBe(known)
      if (known !== 0 && below(4) !== 0) {
        tupleDrop(table, tuple, zone, known >> 1, (known & 1) as 0 | 1)
        model.delete(key)
      } else if (known === 0) {
        const direction = below(2) as 0 | 1
        conns.set(id, { id, zone, orig: tuple, reply: tuple } as Conn)
        tuplePut(table, tuple, zone, id, direction)
        model.set(key, id * 2 + direction)
        id++
      }
    }
    expect(table.used).toBe(model.size)
    expect(model.size).toBeGreaterThan(500)
  })
})
