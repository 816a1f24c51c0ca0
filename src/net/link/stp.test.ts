// IEEE 802.1D: of a loop one port blocks; when the active link goes, 15 s listening and 15 s learning
// (kernel.md 8.9), which the kernel's timer wheel makes a little longer. BPDU bytes: section 9.3.1 of the
// standard.
import { describe, expect, it } from 'vitest'
import type { World } from '../types.ts'
import { decodeBpdu, encodeBpdu } from './bpdu.ts'
import { BROADCAST, dev, frame, nsOf, run, set, veth, worldWith } from './checklink.ts'
import { linkAdd } from './netlink.ts'
import { bridgeIdOf, isRootBridge } from './stp.ts'

const SECOND = 1_000_000_000
const STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking']
const states = (world: World) =>
  ['s1/l1', 's1/l2', 's2/l1', 's2/l2'].map((p) => STATES[dev(world, p).port?.state ?? 0]).join(' ')

describe('spanning tree', () => {
  it('blocks one port of a loop and passes a broadcast once', () => {
    const world = stpWorld()
    expect(states(world)).toBe('listening listening listening listening')
    run(world, 20 * SECOND)
    expect(states(world)).toBe('learning learning learning blocking')
    expect(frame(world, 'a/eth0', BROADCAST, 46, 21 * SECOND)).toContain('!BRIDGE_INGRESS_STP_STATE')
    run(world, 35 * SECOND)
    expect(states(world)).toBe('forwarding forwarding forwarding blocking')
    const [root, other] = [dev(world, 's1/br0').bridge, dev(world, 's2/br0').bridge]
    expect([root && isRootBridge(root), other && isRootBridge(other)]).toEqual([true, false])
    expect([other?.tree.rootPort, other?.tree.rootCost]).toEqual([2, 2])
    expect(frame(world, 'a/eth0', BROADCAST, 46, 36 * SECOND)).toBe(
      'a/eth0> s1/p0< flood s1/l2> s1/l1> s1/br0< s2/l2< !BRIDGE_INGRESS_STP_STATE s2/l1< flood s2/p0> s2/br0< b/eth0<',
    )
  })

  it('opens the blocked port 30 s after the active link is cut', () => {
    const world = stpWorld()
    run(world, 60 * SECOND)
    set(world, 's1/l1', { up: false })
    expect(states(world)).toBe('disabled forwarding disabled listening')
    run(world, 76 * SECOND)
    expect(states(world)).toBe('disabled forwarding disabled learning')
    expect(frame(world, 'a/eth0', BROADCAST, 46, 77 * SECOND)).not.toContain('b/eth0<')
    run(world, 92 * SECOND)
    expect(states(world)).toBe('disabled forwarding disabled forwarding')
    expect(frame(world, 'a/eth0', BROADCAST, 46, 93 * SECOND)).toContain('b/eth0<')
  })

  it('ages faster while the topology changes, and tells the root of a change', () => {
    const world = stpWorld()
    run(world, 100 * SECOND)
    const root = dev(world, 's1/br0').bridge
    expect(root?.tree.topologyChange).toBe(false)
    set(world, 'b/eth0', { up: false })
    set(world, 'b/eth0', { up: true })
    run(world, 135 * SECOND)
    expect(root?.tree.topologyChange).toBe(true)
    expect(dev(world, 's2/br0').bridge?.tree.topologyChangeDetected).toBe(false)
    run(world, 180 * SECOND)
    expect(root?.tree.topologyChange).toBe(false)
  })

  it('hears of a lost root by silence, after 20 s', () => {
    const world = stpWorld()
    run(world, 60 * SECOND)
    const other = dev(world, 's2/br0').bridge
    set(world, 's1/br0', { bridge: { stp: false } })
    run(world, 75 * SECOND)
    expect(other && isRootBridge(other)).toBe(false)
    run(world, 83 * SECOND)
    expect(other && isRootBridge(other)).toBe(true)
  })

  it("follows priority, and its messages are the standard's bytes", () => {
    const world = stpWorld()
    set(world, 's2/br0', { bridge: { priority: 4096 } })
    run(world, 60 * SECOND)
    const br = dev(world, 's2/br0').bridge
    expect(br && isRootBridge(br)).toBe(true)
    expect(
      states(world)
        .split(' ')
        .filter((s) => s === 'blocking'),
    ).toHaveLength(1)
    const sent = world.recorder.detail?.find((d) => d.nsName === 's2' && d.headers.etherType === 4)?.headers
    const bytes = [...(sent?.payload ?? [])]
    expect(sent?.dmac).toBe(0x0180c2000000)
    expect([bytes.length, sent?.length]).toEqual([38, 38])
    // LLC 42 42 03, protocol 0, version 0, type 0.
    expect(bytes.slice(0, 7)).toEqual([0x42, 0x42, 3, 0, 0, 0, 0])
    // Max age 20 s, hello 2 s, forward delay 15 s in 1/256 s.
    expect(bytes.slice(32)).toEqual([0x14, 0, 2, 0, 0x0f, 0])
    const decoded = decodeBpdu(new Uint8Array(bytes))
    expect(decoded && [...encodeBpdu(decoded)]).toEqual(bytes)
    expect(br && bridgeIdOf(br).slice(0, 4)).toBe('1000')
  })
})

/** Two switches with STP and two cables, a host on each. */
function stpWorld(): World {
  const world = worldWith('s1', 's2', 'a', 'b')
  for (const [sw, host] of [
    ['s1', 'a'],
    ['s2', 'b'],
  ] as const) {
    linkAdd(world, nsOf(world, sw), { kind: 'bridge', name: 'br0', options: { stp: true } })
    set(world, `${sw}/br0`, { up: true })
    veth(world, `${host}/eth0`, `${sw}/p0`)
    set(world, `${sw}/p0`, { master: dev(world, `${sw}/br0`).ifindex })
  }
  for (const name of ['l1', 'l2']) {
    veth(world, `s1/${name}`, `s2/${name}`)
    for (const sw of ['s1', 's2']) set(world, `${sw}/${name}`, { master: dev(world, `${sw}/br0`).ifindex })
  }
  return world
}
