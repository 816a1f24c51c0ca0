import { describe, expect, it } from 'vitest'
import { clonePlain } from '../base/clone.ts'
import { createRng, nextBelow } from '../base/rng.ts'
import { addTarget, getTarget, removeTarget, runUntil, schedule, stepEvent, touch } from './dispatch.ts'
import type { SimEvent } from './queue.ts'
import { peekAt } from './queue.ts'
import {
  checkpoint,
  cut,
  maybeCheckpoint,
  seek,
  seekInput,
  seekTime,
  stateHash,
  submitInput,
  thin,
} from './timeline.ts'
import type { Rules, SimWorld, Target } from './world.ts'
import { createSimWorld } from './world.ts'

// A toy: packets walk at random between counters, which keep some back, change each other, spawn and go.
const PACKET = 0
const SPAWN = 1
const DIE = 2
const BOOM = 3

interface Packet {
  ttl: number
  path: number[]
}

interface Counter extends Target {
  count: number
  kept: Packet[]
  seen: Map<number, { last: number }>
}

interface Toy extends SimWorld {
  targets: (Counter | undefined)[]
}

function counter(): Counter {
  return { id: 0, epoch: 0, count: 0, kept: [], seen: new Map() }
}

function anyTarget(world: Toy): number {
  return 1 + nextBelow(world.rng, world.targets.length - 1)
}

function onPacket(world: Toy, target: Counter, event: SimEvent): void {
  const packet = event.ref as Packet
  target.count++
  world.scalars.packets++
  packet.path.push(target.id)
  if (packet.path.length > 8) packet.path.shift()
  const from = event.arg
  target.seen.set(from, { last: world.now })
  if (target.seen.size > 6) target.seen.delete(target.seen.keys().next().value as number)
  packet.ttl--
  const other = getTarget(world, anyTarget(world))
  if (other !== undefined && nextBelow(world.rng, 4) === 0) {
    touch(world, other.id)
    other.count += 100
  }
  if (packet.ttl <= 0 && target.kept.length < 3) {
    target.kept.push(packet)
    return
  }
  const next = target.kept.length > 2 ? (target.kept.shift() as Packet) : packet
  if (next !== packet) target.kept.push(packet)
  next.ttl = Math.max(next.ttl, 5)
  const delay = [0, 10_000, 50_000, 1_000_000][nextBelow(world.rng, 4)] ?? 0
  schedule(world, world.now + delay, PACKET, anyTarget(world), target.id, next)
}

const rules: Rules<Toy> = {
  handlers: [
    onPacket,
    function onSpawn(world: Toy, _target: Counter, event: SimEvent): void {
      const id = addTarget(world, counter())
      schedule(world, world.now + 1e5, PACKET, id, 0, { ttl: 9, path: [] })
      if (nextBelow(world.rng, 3) > 0)
        schedule(world, world.now + 5e5 + nextBelow(world.rng, 1e6), DIE, id, 0, null)
      schedule(world, world.now + 3e5, SPAWN, event.target, 0, null)
    },
    function onDie(world: Toy, target: Counter): void {
      removeTarget(world, target.id)
      target.count = -1
      target.kept.length = 0
    },
    function onBoom(_world: Toy, target: Counter): void {
      target.count += 1000
      throw new Error(`boom at ${target.count}`)
    },
  ],
  applyInput(world, input) {
    const body = input.body as { id: number; packet: Packet }
    if (input.kind === 'inject') schedule(world, world.now, PACKET, body.id, 0, body.packet)
    else if (input.kind === 'remove') {
      if (getTarget(world, body.id) !== undefined) removeTarget(world, body.id)
    } else if (input.kind === 'add') addTarget(world, counter())
    else if (input.kind === 'boom') schedule(world, world.now + 777, BOOM, body.id, 0, null)
    else throw new Error(`no such input: ${input.kind}`)
  },
}

function createToy(seed: number): Toy {
  const world: Toy = { ...createSimWorld(seed), targets: [undefined] }
  world.scalars.packets = 0
  for (let i = 0; i < 10; i++) addTarget(world, counter())
  schedule(world, 0, SPAWN, 1, 0, null)
  for (let i = 0; i < 10; i++) schedule(world, i * 1000, PACKET, 1 + i, 0, { ttl: 20, path: [] })
  return world
}

/** One target with `size` records in it and an event every microsecond. */
function ticking(size: number): Toy {
  const world: Toy = { ...createSimWorld(1), targets: [undefined] }
  const target = counter()
  for (let i = 0; i < size; i++) target.seen.set(i, { last: 0 })
  schedule(world, 0, PACKET, addTarget(world, target), 0, null)
  checkpoint(world)
  return world
}

const tick: Rules<Toy> = {
  handlers: [(world, target, event) => schedule(world, event.at + 1000, PACKET, target.id, 0, null)],
  applyInput() {},
}

const run = (world: Toy, untilEvent: number) => runUntil(world, rules, { untilEvent, maxEvents: 1e9 })

const SCRIPT = [0, 0, 17, 400, 400, 400, 401, 1000, 1500, 2200, 2200, 2999]

function submit(world: Toy, index: number): void {
  const kind = ['inject', 'add', 'remove'][index % 3] ?? ''
  submitInput(world, rules, kind, { id: 1 + (index % 9) + 1, packet: { ttl: 30, path: [] } })
}

/** Hash after every event number of one run without any checkpoint. */
function straight(seed: number, end: number): { hashes: string[]; times: number[] } {
  const world = createToy(seed)
  const hashes: string[] = []
  const times: number[] = []
  for (let n = 0; n <= end; n++) {
    run(world, n)
    SCRIPT.forEach((at, index) => {
      if (at === n) submit(world, index)
    })
    hashes.push(stateHash(world))
    times.push(world.now)
  }
  return { hashes, times }
}

/** The same run with checkpoints, left at its end. */
function recorded(seed: number, end: number, everyEvents: number): Toy {
  const world = createToy(seed)
  checkpoint(world)
  SCRIPT.forEach((at, index) => {
    while (world.nEvents < at) {
      run(world, Math.min(at, world.nEvents + everyEvents))
      maybeCheckpoint(world, everyEvents)
    }
    submit(world, index)
  })
  run(world, end)
  return world
}

describe('rewind', () => {
  const end = 4000
  const { hashes, times } = straight(5, end)

  it('reaches the state of a straight run from anywhere, also when checkpoints are thinned', () => {
    for (const everyEvents of [37, 500, 5000]) {
      const world = recorded(5, end, everyEvents)
      expect(stateHash(world)).toBe(hashes[end])
      const rng = createRng(everyEvents, 0)
      for (let i = 0; i < 400; i++) {
        const near = nextBelow(rng, 2) === 0
        const to = near ? Math.max(0, world.nEvents - nextBelow(rng, 30)) : nextBelow(rng, end + 1)
        seek(world, rules, to)
        expect(world.nEvents).toBe(to)
        if (stateHash(world) !== hashes[to]) expect(`${everyEvents} ${i} ${to}`).toBe('the same state')
        if (nextBelow(rng, 5) === 0) checkpoint(world)
        if (nextBelow(rng, 5) === 0) thin(world, 2 + nextBelow(rng, 12))
      }
      expect(world.inputs.length).toBe(SCRIPT.length)
    }
  })

  it('spawned and removed on the way, or this proves little', () => {
    const world = recorded(5, end, 37)
    const gone = world.targets.filter((target, id) => id > 0 && target === undefined).length
    expect(gone).toBeGreaterThan(20)
    expect(world.targets.length).toBeGreaterThan(50)
    expect(world.lost).toBeGreaterThan(5)
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it('seeks by time: everything at or before it has happened', () => {
    const world = recorded(5, end, 300)
    for (let i = 0; i < 100; i++) {
      const index = (i * 1237) % end
      const at = times[index] ?? 0
      seekTime(world, rules, at)
      expect(stateHash(world)).toBe(hashes[times.lastIndexOf(at)])
      expect(peekAt(world.queue)).toBeGreaterThan(at)
    }
  })

  it('stops between the inputs of one event', () => {
    const world = recorded(5, end, 300)
    for (const index of [10, 4, 3, 5, 1, 0, 9]) {
      seekInput(world, rules, index)
      expect([world.inputCursor, world.nEvents]).toEqual([index, SCRIPT[index]])
    }
    seekInput(world, rules, 4)
    const before = stateHash(world)
    seek(world, rules, 400)
    expect(stateHash(world)).toBe(hashes[400])
    seekInput(world, rules, 4)
    expect(stateHash(world)).toBe(before)
  })

  it('starts a new branch with an input or a cut, and goes back beyond it', () => {
    const world = recorded(5, end, 300)
    seek(world, rules, 1200)
    submitInput(world, rules, 'add', null)
    expect(world.inputs.length).toBe(SCRIPT.filter((at) => at <= 1200).length + 1)
    run(world, 1300)
    expect(stateHash(world)).not.toBe(hashes[1300])
    seek(world, rules, 1199)
    expect(stateHash(world)).toBe(hashes[1199])
    cut(world)
    run(world, 1300)
    expect(stateHash(world)).toBe(hashes[1300])
    run(world, 1501)
    expect(stateHash(world)).not.toBe(hashes[1501])
  })

  it('replays logged inputs when stepping by hand', () => {
    const world = recorded(5, end, 300)
    seek(world, rules, 0)
    for (let n = 0; n < 500; n++) stepEvent(world, rules)
    expect(stateHash(world)).toBe(hashes[500])
  })

  it('needs nothing of the recorder but seed and inputs', () => {
    const world = recorded(5, end, 300)
    const again = createToy(5)
    again.inputs = clonePlain(world.inputs)
    run(again, end)
    expect(stateHash(again)).toBe(hashes[end])
  })

  it('keeps few checkpoints, the first among them, ever closer towards the present', () => {
    const world = ticking(0)
    for (let i = 0; i < 2000; i++) {
      runUntil(world, tick, { maxEvents: 10 })
      maybeCheckpoint(world, 10)
    }
    const at = world.checkpoints.map((c) => c.nEvents)
    expect(at.length).toBe(64)
    expect([at[0], at.at(-1)]).toEqual([0, 20_000])
    expect((at.at(-1) ?? 0) - (at.at(-5) ?? 0)).toBeLessThanOrEqual(60)
    for (let i = 1; i < at.length; i++) {
      const age = 20_000 - (at[i - 1] ?? 0)
      expect((at[i] ?? 0) - (at[i - 1] ?? 0)).toBeLessThanOrEqual(Math.max(10, age / 4))
    }
  })

  it('takes checkpoints no oftener than their copies are worth, and keeps fewer of a large world', () => {
    const world = ticking(50_000)
    for (let i = 0; i < 30; i++) {
      runUntil(world, tick, { maxEvents: 10_000 })
      maybeCheckpoint(world, 1000)
    }
    expect(world.checkpoints.map((c) => c.nEvents)).toEqual([0, 60_000, 120_000, 180_000, 240_000, 300_000])
    for (let i = 0; i < 25; i++) {
      runUntil(world, tick, { maxEvents: 10 })
      maybeCheckpoint(world, 0)
    }
    // 50,000 objects in each but the last, a million in all.
    expect(world.checkpoints.length).toBe(20)
    expect(world.checkpoints[0]?.nEvents).toBe(0)
  })

  it('leaves a checkpoint shortly before where it goes, so that the next step back is short', () => {
    const world = ticking(50)
    runUntil(world, tick, { maxEvents: 50_000 })
    seek(world, tick, 40_000)
    expect(world.checkpoints.at(-1)?.nEvents).toBe(40_000 - 512)
    const { length } = world.checkpoints
    for (let n = 39_999; n > 39_900; n--) seek(world, tick, n)
    expect(world.checkpoints.length).toBe(length)
    expect(world.checkpoints.at(-1)?.objects).toBeLessThan(100)
  })

  it('goes anywhere in a long run, both ways, by running few events again', () => {
    const long = 200_000
    const rng = createRng(9, 0)
    const places = Array.from({ length: 60 }, () => nextBelow(rng, long)).sort((a, b) => a - b)
    const bare = createToy(7)
    const hashes = new Map<number, string>()
    for (const at of places) {
      run(bare, at)
      hashes.set(at, stateHash(bare))
    }
    const world = createToy(7)
    checkpoint(world)
    while (world.nEvents < long) {
      run(world, world.nEvents + 2000)
      maybeCheckpoint(world, 5000)
    }
    let ran = 0
    const counting = rules.handlers.map((handler): typeof handler => (of, target, event) => {
      ran++
      handler?.(of, target, event)
    })
    for (let i = 0; i < 60; i++) {
      const to = places[nextBelow(rng, places.length)] ?? 0
      ran = 0
      seek(world, { ...rules, handlers: counting }, to)
      expect(ran).toBeLessThan(60_000)
      if (stateHash(world) !== hashes.get(to)) expect(`${i} ${to}`).toBe('the same state')
      if (nextBelow(rng, 9) === 0) thin(world, 20)
    }
  })

  it('does not take another branch for what lies ahead', () => {
    const world = createToy(7)
    checkpoint(world)
    for (let n = 0; n < 40; n++) {
      run(world, world.nEvents + 3000)
      maybeCheckpoint(world, 3000)
    }
    seek(world, rules, 30_000)
    submitInput(world, rules, 'add', null)
    const branch = createToy(7)
    run(branch, 30_000)
    submitInput(branch, rules, 'add', null)
    run(branch, 110_000)
    seek(world, rules, 110_000)
    expect(stateHash(world)).toBe(stateHash(branch))
    seek(world, rules, 20_000)
    // The log as it was before the branch: what was gone back over is not its future.
    world.inputs.length = 0
    const bare = createToy(7)
    run(bare, 110_000)
    seek(world, rules, 110_000)
    expect(stateHash(world)).toBe(stateHash(bare))
  })

  it('does not keep removed targets in checkpoints from before their time', () => {
    const world = recorded(5, end, 37)
    thin(world, 5)
    expect(world.checkpoints.some((c) => c.preimages.size > 5)).toBe(true)
    for (const { preimages, nTargets } of world.checkpoints)
      for (const id of preimages.keys()) expect(id).toBeLessThan(nTargets)
  })

  it('refuses to go back before the first checkpoint', () => {
    const world = createToy(6)
    run(world, 10)
    checkpoint(world)
    run(world, 20)
    expect(() => seek(world, rules, 9)).toThrow('no checkpoint')
    seek(world, rules, 10)
    expect(world.nEvents).toBe(10)
  })
})

describe('inputs and limits', () => {
  it('moves time to a later input only when nothing is pending before it', () => {
    const world = createToy(7)
    run(world, 50)
    const { now } = world
    submitInput(world, rules, 'add', null, now + 1e12)
    expect(world.now).toBe(now)
    const quiet: Toy = { ...createSimWorld(1), targets: [undefined] }
    checkpoint(quiet)
    submitInput(quiet, rules, 'add', null, 5e9)
    submitInput(quiet, rules, 'add', null, 1)
    expect([quiet.now, quiet.inputs.map((input) => input.at)]).toEqual([5e9, [5e9, 5e9]])
    seekTime(quiet, rules, 4e9)
    expect([quiet.now, quiet.targets.length]).toEqual([0, 1])
    seekTime(quiet, rules, 5e9)
    expect([quiet.now, quiet.targets.length]).toEqual([5e9, 3])
  })

  it('keeps the log apart from the world: a handler may own an input body', () => {
    const world = createToy(8)
    const body = { id: 3, packet: { ttl: 30, path: [] } }
    submitInput(world, rules, 'inject', body)
    run(world, 100)
    expect(world.inputs[0]?.body).toEqual({ id: 3, packet: { ttl: 30, path: [] } })
    expect(body.packet).toEqual({ ttl: 30, path: [] })
    body.id = 4
    expect(world.inputs[0]?.body).toMatchObject({ id: 3 })
  })

  it('stops at each limit', () => {
    const world = createToy(9)
    expect(runUntil(world, rules, { maxEvents: 7 })).toBe(7)
    expect(runUntil(world, rules, { untilEvent: 10, maxEvents: 100 })).toBe(3)
    runUntil(world, rules, { untilAt: 400_000, maxEvents: 1e6 })
    expect(world.now).toBeLessThanOrEqual(400_000)
    expect(peekAt(world.queue)).toBeGreaterThan(400_000)
    expect(stepEvent(world, rules)).toBe(true)
    expect(world.now).toBeGreaterThan(400_000)
    const empty: Toy = { ...createSimWorld(1), targets: [undefined] }
    expect(stepEvent(empty, rules)).toBe(false)
    expect(runUntil(empty, rules, { maxEvents: 5 })).toBe(0)
  })

  it('asserts on events in the past and at no integer', () => {
    const world = createToy(9)
    run(world, 20)
    for (const at of [world.now - 1, world.now + 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => schedule(world, at, PACKET, 1, 0, null)).toThrow('integer time')
  })
})

describe('a handler that throws', () => {
  function broken(): Toy {
    const world = createToy(11)
    checkpoint(world)
    run(world, 300)
    submitInput(world, rules, 'boom', { id: 1 })
    runUntil(world, rules, { maxEvents: 10_000 })
    return world
  }

  it('freezes the world and is thrown no further', () => {
    const world = broken()
    expect(world.frozen).toMatchObject({ kind: BOOM, target: 1, nEvents: world.nEvents, at: world.now })
    expect(world.frozen?.message).toMatch(/^Error: boom at \d+$/)
    const hash = stateHash(world)
    expect(stepEvent(world, rules)).toBe(false)
    expect(runUntil(world, rules, { maxEvents: 10 })).toBe(0)
    seek(world, rules, world.nEvents + 5)
    submitInput(world, rules, 'add', null)
    maybeCheckpoint(world, 1)
    expect(stateHash(world)).toBe(hash)
    expect(world.inputs.length).toBe(1)
    expect(world.checkpoints.length).toBe(1)
  })

  it('does so again after going back, and from seed and inputs alone', () => {
    const world = broken()
    const { frozen, nEvents } = world
    const hash = stateHash(world)
    seek(world, rules, nEvents - 1)
    expect(world.frozen).toBeUndefined()
    seek(world, rules, nEvents + 100)
    expect([world.frozen, stateHash(world)]).toEqual([frozen, hash])
    const again = createToy(11)
    again.inputs = clonePlain(world.inputs)
    runUntil(again, rules, { maxEvents: 10_000 })
    expect([again.frozen, stateHash(again)]).toEqual([frozen, hash])
  })

  it('freezes on inputs and unknown kinds as well', () => {
    const world = createToy(12)
    checkpoint(world)
    submitInput(world, rules, 'nonsense', null)
    expect(world.frozen).toMatchObject({ kind: -1, message: 'Error: no such input: nonsense' })
    seekInput(world, rules, 0)
    expect(world.frozen).toBeUndefined()
    cut(world)
    schedule(world, 0, 99, 1, 0, null)
    runUntil(world, rules, { maxEvents: 10_000 })
    expect(world.frozen?.message).toContain('no handler for events of kind 99')
  })
})
