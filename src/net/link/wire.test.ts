// Latency, rate, loss, and the bound on a storm. Storms: kernel.md 8.9 (quiet until the first broadcast,
// then without end; cutting a link stops it at once). Frame sizes: veth passes the peer's MTU and room for
// one vlan tag, and drops beyond.
import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../../base/rng.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { queueSize } from '../../sim/queue.ts'
import { checkpoint, seek, seekInput, stateHash, submitInput } from '../../sim/timeline.ts'
import type { Rules } from '../../sim/world.ts'
import { Ev } from '../events.ts'
import type { Socket, TapFrame, World } from '../types.ts'
import { wireSet } from './cable.ts'
import {
  BROADCAST,
  broadcast,
  dev,
  frame,
  linkRules,
  nsOf,
  pathOf,
  run,
  set,
  switchWorld,
  veth,
  worldWith,
} from './checklink.ts'
import { linksOf } from './device.ts'
import { linkAdd, linkDel } from './netlink.ts'
import { WIRE_FRAMES } from './xmit.ts'

const SECOND = 1_000_000_000

describe('a wire', () => {
  it('takes its latency, 10 us for a veth', () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    frame(world, 'a/eth0', BROADCAST)
    expect(world.now).toBe(10_000)
    wireSet(world, nsOf(world, 'a'), dev(world, 'a/eth0'), { latencyNs: 3_000_000 })
    frame(world, 'a/eth0', BROADCAST)
    expect(world.now).toBe(3_010_000)
    frame(world, 'b/eth0', BROADCAST)
    expect(world.now).toBe(3_020_000)
  })

  it('sends one frame after the other at its rate, and drops beyond its queue', () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    wireSet(world, nsOf(world, 'a'), dev(world, 'a/eth0'), { rateBps: 1_000_000, latencyNs: 0 })
    set(world, 'a/eth0', { qlen: 3 })
    for (let i = 0; i < 8; i++) frame(world, 'a/eth0', BROADCAST, 1486, 0)
    run(world)
    // 1500 bytes at 1 Mb/s are 12 ms each; three of 1514 bytes may wait, and one is on the wire.
    expect(dev(world, 'b/eth0').stats.rxPackets).toBe(4)
    expect(world.now).toBe(48_000_000)
    expect(dev(world, 'a/eth0').stats.txDropped).toBe(4)
  })

  it("loses frames by the sending namespace's own random numbers", () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    wireSet(world, nsOf(world, 'a'), dev(world, 'a/eth0'), { lossPpm: 300_000 })
    const rng = createRng(world.seed, nsOf(world, 'a').id)
    for (let i = 0; i < 50; i++) {
      const lost = nextBelow(rng, 1_000_000) < 300_000
      expect(frame(world, 'a/eth0', BROADCAST)).toBe(lost ? 'a/eth0> !LINK_LOSS' : 'a/eth0> b/eth0<')
    }
  })

  it('passes the MTU of the other end and four bytes more', () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    set(world, 'b/eth0', { mtu: 1400 })
    expect(frame(world, 'a/eth0', BROADCAST, 1404)).toBe('a/eth0> b/eth0<')
    expect(frame(world, 'a/eth0', BROADCAST, 1405)).toBe('a/eth0> !PKT_TOO_BIG')
    // b drops the first one too: nobody there takes the type.
    expect([dev(world, 'a/eth0').stats.txDropped, dev(world, 'b/eth0').stats.rxDropped]).toEqual([1, 2])
  })

  it('carries nothing while an end is down, and lo sends to itself', () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    set(world, 'b/eth0', { up: false })
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('!LINK_NO_CARRIER')
    set(world, 'a/eth0', { up: false })
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('!LINK_DOWN')
    set(world, 'a/lo', { up: true })
    expect(frame(world, 'a/lo', 0)).toBe('a/lo> a/lo<')
  })
})

describe('a loop of two switches', () => {
  it('storms after one broadcast until a link is cut', () => {
    const world = loopWorld(2)
    const before = world.nEvents
    run(world, SECOND / 100)
    expect(world.nEvents).toBe(before)
    frame(world, 'a/eth0', BROADCAST, 46, world.now + 10_000_000)
    expect(world.nEvents - before).toBeGreaterThan(2_000)
    expect(queueSize(world.queue)).toBeGreaterThan(0)
    set(world, 's1/l2', { up: false })
    run(world)
    expect(queueSize(world.queue)).toBe(0)
  })

  it('ends in the instant where wires take no time', () => {
    const world = loopWorld(3)
    world.recorder.detail = null
    for (const sw of ['s1', 's2']) {
      for (const l of ['l1', 'l2', 'l3'])
        wireSet(world, nsOf(world, sw), dev(world, `${sw}/${l}`), { latencyNs: 0 })
    }
    frame(world, 'a/eth0', BROADCAST)
    expect(queueSize(world.queue)).toBe(0)
  })

  it('is bounded where it multiplies', () => {
    const world = loopWorld(3)
    world.recorder.detail = null
    frame(world, 'a/eth0', BROADCAST, 46, 0)
    runUntil(world, linkRules, { maxEvents: 60_000 })
    expect(world.frozen).toBe(undefined)
    // Three links both ways and a host: at most two windows of frames on each wire.
    expect(queueSize(world.queue)).toBeGreaterThan(WIRE_FRAMES)
    expect(queueSize(world.queue)).toBeLessThanOrEqual(7 * 2 * WIRE_FRAMES)
  })
})

describe('a packet socket', () => {
  it('sees what a device sends and receives, in copies of its own', () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    const ns = nsOf(world, 'b')
    ns.taps = [{ sock: 9, ifindex: 0 }]
    ns.sockets = [{ id: 9, pid: 42 } as Socket]
    const seen: string[] = []
    const handlers = [...linkRules.handlers]
    handlers[Ev.TapWake] = (_world, target, event) => {
      const tap = event.ref as TapFrame
      seen.push(
        `${target.id === ns.id} ${event.arg} ${tap.dir} ${tap.pktType} ${tap.packet.length} ${tap.ifindex}`,
      )
      tap.packet.length = 0
    }
    broadcast(world, 'a/eth0')
    runUntil(world, { ...linkRules, handlers }, { maxEvents: 10 })
    broadcast(world, 'b/eth0')
    runUntil(world, { ...linkRules, handlers }, { maxEvents: 10 })
    expect(world.frozen).toBe(undefined)
    // PACKET_BROADCAST is 1, PACKET_OUTGOING 4.
    expect(seen).toEqual(['true 42 in 1 46 2', 'true 42 out 4 46 2'])
  })
})

describe('rewind', () => {
  it('brings devices back that were deleted, and takes away those made since', () => {
    const world = switchWorld('a', 'b')
    checkpoint(world)
    const start = stateHash(world)
    submitInput(world, rules, 'del', null)
    submitInput(world, rules, 'add', null)
    expect(world.frozen).toBe(undefined)
    const end = stateHash(world)
    expect(linksOf(nsOf(world, 'b')).map((l) => l.name)).toEqual(['lo', 'x1'])
    seekInput(world, rules, 0)
    expect(stateHash(world)).toBe(start)
    expect(dev(world, 'sw/p2').master).toBe(dev(world, 'sw/br0').ifindex)
    seek(world, rules, 0)
    expect(stateHash(world)).toBe(end)
  })

  it('replays a lossy run to the same state', () => {
    const world = switchWorld('a', 'b')
    wireSet(world, nsOf(world, 'a'), dev(world, 'a/eth0'), { lossPpm: 500_000 })
    checkpoint(world)
    for (let i = 0; i < 20; i++) {
      submitInput(world, rules, 'send', null)
      run(world)
    }
    const end = stateHash(world)
    const events = world.nEvents
    const received = dev(world, 'b/eth0').stats.rxPackets
    expect(received > 0 && received < 20).toBe(true)
    seekInput(world, rules, 0)
    expect(dev(world, 'b/eth0').stats.rxPackets).toBe(0)
    seek(world, rules, events)
    expect(stateHash(world)).toBe(end)
  })

  const rules: Rules<World> = { handlers: linkRules.handlers, applyInput }

  function applyInput(world: World, input: { kind: string }): void {
    if (input.kind === 'del') linkDel(world, nsOf(world, 'b'), dev(world, 'b/eth0'))
    else if (input.kind === 'add') {
      linkAdd(world, nsOf(world, 'a'), {
        kind: 'veth',
        name: 'x0',
        peer: { name: 'x1', ns: nsOf(world, 'b').id },
      })
    } else broadcast(world, 'a/eth0')
  }
})

it('a path names only its own trace', () => {
  const world = worldWith('a', 'b')
  veth(world, 'a/eth0', 'b/eth0')
  frame(world, 'a/eth0', BROADCAST)
  expect(pathOf(world, 999)).toBe('')
})

/** Switches s1 and s2 with `links` cables between them, and a host on s1. */
function loopWorld(links: number): World {
  const world = worldWith('s1', 's2', 'a')
  for (const sw of ['s1', 's2']) {
    linkAdd(world, nsOf(world, sw), { kind: 'bridge', name: 'br0' })
    set(world, `${sw}/br0`, { up: true })
  }
  veth(world, 'a/eth0', 's1/p0')
  set(world, 's1/p0', { master: dev(world, 's1/br0').ifindex })
  for (let i = 1; i <= links; i++) {
    veth(world, `s1/l${i}`, `s2/l${i}`)
    for (const sw of ['s1', 's2']) set(world, `${sw}/l${i}`, { master: dev(world, `${sw}/br0`).ifindex })
  }
  return world
}
