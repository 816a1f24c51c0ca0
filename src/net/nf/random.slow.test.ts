/**
 * Random packets through random rules, many: each is delivered, dropped with a reason, or under way; TTL falls by one
 * where a packet is forwarded; reply tuples invert. A share of the million in `npm test`; all of it, some minutes:
 *
 *   RANDOM_PACKETS=1000000 npx vitest run src/net/nf/random.slow.test.ts
 *
 * RANDOM_SEED=N replays one world.
 */
import { expect, it } from 'vitest'
import { nsOf } from '../ip/checkip.ts'
import type { StepDetail } from '../trace.ts'
import { StepKind } from '../trace.ts'
import type { World } from '../types.ts'
import { entryOf, play } from './random.fixture.ts'
import { invert, sameTuple } from './tuple.ts'

const WANTED = Number(process.env.RANDOM_PACKETS ?? 200_000)
const ONE = process.env.RANDOM_SEED
const SENDS = 120

/** What is wrong with a packet's life: a way without an end, or a hop that did not cost. */
function faults(world: World): string[] {
  const ended = new Set<number>()
  const before = new Map<number, StepDetail>()
  const found: string[] = []
  const steps = world.recorder.detail ?? []
  for (const step of steps) {
    const { kind, trace } = step
    if (kind === StepKind.Drop || kind === StepKind.Deliver || kind === StepKind.Reassemble) ended.add(trace)
    if (kind === StepKind.Drop && step.reason === '') found.push(`${trace}: dropped without a reason`)
    const last = before.get(trace)
    if (kind === StepKind.Forward && last !== undefined && step.headers.ttl !== last.headers.ttl - 1) {
      found.push(`${trace}: TTL ${last.headers.ttl}, forwarded with ${step.headers.ttl} in ${step.nsName}`)
    }
    before.set(trace, step)
  }
  for (const step of steps) {
    if (step.kind === StepKind.Originate && !ended.has(step.trace)) found.push(`${step.trace}: no end`)
  }
  return found
}

function tupleFaults(world: World): string[] {
  const ct = nsOf(world, 'r').nf?.conntrack
  const found: string[] = []
  for (const conn of ct?.conns.values() ?? []) {
    // One port speaking to itself is its own answer: both tuples are one.
    const first = entryOf(ct!, conn.orig, conn.zone) === conn.id * 2 || sameTuple(conn.orig, conn.reply)
    if (!first || entryOf(ct!, conn.reply, conn.zone) !== conn.id * 2 + 1)
      found.push(`${conn.id}: not found by both tuples`)
    if (!sameTuple(invert(invert(conn.reply)), conn.reply))
      found.push(`${conn.id}: the reply does not invert`)
    const untouched = (conn.status & 48) === 0
    if (untouched && !sameTuple(invert(conn.orig), conn.reply))
      found.push(`${conn.id}: untranslated, yet other`)
  }
  return found
}

it(`${WANTED} packets`, () => {
  let packets = 0
  let seed = ONE === undefined ? 1000 : Number(ONE)
  while (packets < WANTED) {
    const world = play(seed, SENDS, true)
    expect({ seed, frozen: world.frozen, faults: faults(world), tuples: tupleFaults(world) }).toEqual({
      seed,
      frozen: undefined,
      faults: [],
      tuples: [],
    })
    packets += (world.recorder.detail ?? []).filter((step) => step.kind === StepKind.Originate).length
    if (ONE !== undefined) break
    seed++
  }
  expect(packets).toBeGreaterThan(0)
}, 3_600_000)
