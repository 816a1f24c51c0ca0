/**
 * Random rules and random packets: nothing gets lost without a reason, every connection is found by both its tuples, the
 * long way through the rules and the short one count the same, and a rewound run is the same run.
 */
import { describe, expect, it } from 'vitest'
import { formatIp } from '../../base/addr.ts'
import { checkpoint, seek, stateHash } from '../../sim/timeline.ts'
import { ipRules, netOf, nsOf, runFor, stepsOf } from '../ip/checkip.ts'
import { StepKind } from '../trace.ts'
import { SEC } from '../wheel.ts'
import { conns, counters, iptables } from './checknf.ts'
import { entryOf, NET, play } from './random.fixture.ts'
import { invert, sameTuple } from './tuple.ts'
import { nfChain, nfChains } from './chains.ts'
import { nfReplaceTable, nfTable } from './tables.ts'

describe('random packets through random rules', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('are conserved, and tuples invert, seed %i', (seed) => {
    const world = play(seed, 60, true)
    const ended = new Set<number>()
    for (const kind of [StepKind.Drop, StepKind.Deliver, StepKind.Reassemble]) {
      for (const step of stepsOf(world, kind)) ended.add(step.trace)
    }
    const lost = stepsOf(world, StepKind.Originate).filter((step) => !ended.has(step.trace))
    expect(
      lost.map(
        (step) =>
          `${step.nsName} ${step.trace} ${formatIp(step.headers.src)} > ${formatIp(step.headers.dst)}`,
      ),
    ).toEqual([])
    const ct = nsOf(world, 'r').nf?.conntrack
    for (const conn of ct?.conns.values() ?? []) {
      expect(entryOf(ct!, conn.orig, conn.zone)).toBe(conn.id * 2)
      expect(entryOf(ct!, conn.reply, conn.zone)).toBe(conn.id * 2 + 1)
      expect(sameTuple(invert(invert(conn.reply)), conn.reply)).toBe(true)
      const untouched = (conn.status & 48) === 0
      if (untouched) expect(invert(conn.orig)).toEqual(conn.reply)
    }
  })

  it.each([21, 22, 23])('count the same by the short way and by the long one, seed %i', (seed) => {
    const worlds = [play(seed, 60, true), play(seed, 60, false)] as const
    expect(stateHash(worlds[1])).toBe(stateHash(worlds[0]))
    const [long, short] = [nsOf(worlds[0], 'r'), nsOf(worlds[1], 'r')]
    expect(counters(short)).toEqual(counters(long))
    expect(conns(short)).toEqual(conns(long))
    expect(counters(long).length).toBeGreaterThan(5)
  })

  it('run again alike after a rewind', () => {
    const world = play(31, 20, false)
    checkpoint(world)
    const before = stateHash(world)
    const at = world.nEvents
    runFor(world, 40 * SEC)
    const after = stateHash(world)
    const later = world.nEvents
    seek(world, ipRules, at)
    expect(stateHash(world)).toBe(before)
    runFor(world, 40 * SEC)
    expect([world.nEvents, stateHash(world)]).toEqual([later, after])
  })
})

describe('a table replaced', () => {
  it('keeps the counters of the rules that stay and forgets those that go', () => {
    const world = netOf(NET)
    iptables(world, 'r', '-A FORWARD -p icmp -j ACCEPT')
    iptables(world, 'r', '-A FORWARD -p udp -j ACCEPT')
    const r = nsOf(world, 'r')
    const table = nfTable(r, 4, 'filter')
    const forward = nfChain(table, 'FORWARD')!
    const [first, second] = forward.rules
    r.nf!.counters[2 * first!.id] = 5
    r.nf!.counters[2 * second!.id] = 7
    const chains = new Map(nfChains(table).map((chain) => [chain.name, chain]))
    chains.set('FORWARD', { ...forward, rules: [second!, { ...first!, id: 0 }] })
    const now = nfReplaceTable(world, r, 4, { name: 'filter', chains })
    const rules = nfChain(now, 'FORWARD')!.rules
    expect(rules.map((rule) => r.nf!.counters[2 * rule.id])).toEqual([7, 0])
    expect(Object.isFrozen(rules[1])).toBe(true)
  })
})
