// Expected indexes, flags, states and messages: what `ip` 6.1 printed on Linux 6.18 for the same commands.
import { describe, expect, it } from 'vitest'
import { createNetns, removeNetns } from '../netns.ts'
import type { World } from '../types.ts'
import { netnsNamed } from '../world.ts'
import { cableConnect, cableDisconnect } from './cable.ts'
import { BROADCAST, dev, frame, nsOf, set, switchWorld, veth, worldWith } from './checklink.ts'
import { isRunning, linkByName, linkMulticast, linksOf, operState } from './device.ts'
import type { LinkChange, LinkSpec } from './netlink.ts'
import { linkAdd, linkDel, linkSet, physAdd } from './netlink.ts'

const add = (world: World, ns: string, spec: LinkSpec) =>
  linkAdd(world, nsOf(world, ns), spec)?.message ?? null
const change = (world: World, path: string, c: LinkChange) =>
  linkSet(world, nsOf(world, path.slice(0, path.indexOf('/'))), dev(world, path), c)?.message ?? null
const names = (world: World, ns: string) => linksOf(nsOf(world, ns)).map((l) => `${l.ifindex}:${l.name}`)
const state = (world: World, path: string) => {
  const link = dev(world, path)
  return `${link.up ? 'UP' : ''}${isRunning(link) ? ',LOWER_UP' : ''} ${operState(link)}`
}

describe('namespaces', () => {
  it('begin with lo at index 1, down', () => {
    const world = worldWith('a')
    const lo = dev(world, 'a/lo')
    expect([lo.ifindex, lo.up, lo.mtu, lo.qlen]).toEqual([1, false, 65536, 1000])
    expect(state(world, 'a/lo')).toBe(' DOWN')
    set(world, 'a/lo', { up: true })
    expect(state(world, 'a/lo')).toBe('UP,LOWER_UP UNKNOWN')
  })

  it('take their virtual devices and the other ends along, and leave cables hanging', () => {
    const world = worldWith('a', 'b', 'c')
    veth(world, 'a/v0', 'b/eth0')
    veth(world, 'a/v1', 'a/v2')
    for (const ns of ['a', 'c']) {
      physAdd(world, nsOf(world, ns), 'en0')
      set(world, `${ns}/en0`, { up: true })
    }
    cableConnect(world, end(world, 'a/en0'), end(world, 'c/en0'))
    expect(state(world, 'c/en0')).toBe('UP,LOWER_UP UP')
    removeNetns(world, nsOf(world, 'a').id)
    expect(names(world, 'b')).toEqual(['1:lo'])
    expect(netnsNamed(world, 'a')).toBe(undefined)
    expect(state(world, 'c/en0')).toBe('UP DOWN')
    expect(dev(world, 'c/en0').peer).toBe(null)
    expect(createNetns(world, 'a', 0).name).toBe('a')
  })
})

describe('ip link add', () => {
  it('makes the peer of a veth first', () => {
    const world = worldWith('a', 'b')
    add(world, 'a', { kind: 'veth', name: 'veth0', peer: { name: 'veth1' } })
    add(world, 'a', { kind: 'veth', name: 'vx', peer: { name: 'vy', ns: nsOf(world, 'b').id } })
    expect(names(world, 'a')).toEqual(['1:lo', '2:veth1', '3:veth0', '4:vx'])
    expect(names(world, 'b')).toEqual(['1:lo', '2:vy'])
  })

  it('counts an index that a failed veth used up, and never goes back', () => {
    const world = worldWith('a')
    add(world, 'a', { kind: 'veth', name: 'veth0', peer: { name: 'veth1' } })
    expect(add(world, 'a', { kind: 'veth', name: 'veth0', peer: { name: 'x' } })).toBe(exists)
    expect(add(world, 'a', { kind: 'veth', name: 'x', peer: { name: 'veth0' } })).toBe(exists)
    expect(add(world, 'a', { kind: 'veth', name: 'x', peer: { name: 'x' } })).toBe(exists)
    add(world, 'a', { kind: 'bridge', name: 'br0' })
    expect(names(world, 'a')).toEqual(['1:lo', '2:veth1', '3:veth0', '5:br0'])
    linkDel(world, nsOf(world, 'a'), dev(world, 'a/br0'))
    add(world, 'a', { kind: 'bridge' })
    expect(names(world, 'a')).toEqual(['1:lo', '2:veth1', '3:veth0', '6:bridge0'])
  })

  it('refuses in the words of the kernel', () => {
    const world = worldWith('a')
    add(world, 'a', { kind: 'bridge', name: 'br0' })
    expect(add(world, 'a', { kind: 'bridge', name: 'br0' })).toBe(exists)
    expect(add(world, 'a', { kind: 'bridge', name: 'br1', index: 2 })).toBe(exists)
    expect(add(world, 'a', { kind: 'dummy', name: 'thisnameistoolong' })).toBe(
      'Error: Attribute failed policy validation.',
    )
    expect(linkDel(world, nsOf(world, 'a'), dev(world, 'a/lo'))?.message).toBe(
      'RTNETLINK answers: Operation not supported',
    )
    expect(change(world, 'a/br0', { master: 2 })).toBe('Error: Can not enslave a bridge to a bridge.')
    expect(change(world, 'a/lo', { master: 2 })).toBe('RTNETLINK answers: Invalid argument')
    expect(change(world, 'a/br0', { mtu: 67 })).toBe('Error: mtu less than device minimum.')
    expect(change(world, 'a/br0', { mtu: 65536 })).toBe('Error: mtu greater than device maximum.')
    expect(change(world, 'a/lo', { mtu: 1_000_000 })).toBe(null)
    expect(change(world, 'a/br0', { address: 0x010000000001 })).toBe(
      'RTNETLINK answers: Cannot assign requested address',
    )
    expect(change(world, 'a/br0', { slave: { hairpin: true } })).toBe(
      'RTNETLINK answers: Operation not supported',
    )
    expect(change(world, 'a/br0', { name: 'lo' })).toBe(exists)
    expect(change(world, 'a/br0', { up: true, name: 'br9' })).toBe(null)
  })
})

describe('carrier', () => {
  it('of a veth in one namespace is LOWERLAYERDOWN while the other end is down', () => {
    const world = worldWith('a')
    add(world, 'a', { kind: 'veth', name: 'v0', peer: { name: 'v1' } })
    set(world, 'a/v0', { up: true })
    expect(state(world, 'a/v0')).toBe('UP LOWERLAYERDOWN')
    set(world, 'a/v1', { up: true })
    expect(state(world, 'a/v0')).toBe('UP,LOWER_UP UP')
    set(world, 'a/v1', { up: false })
    expect(state(world, 'a/v0')).toBe('UP LOWERLAYERDOWN')
    expect(state(world, 'a/v1')).toBe(' DOWN')
  })

  it('of a veth across namespaces is DOWN, but keeps LOWERLAYERDOWN from before the peer was moved', () => {
    const world = worldWith('a', 'b')
    add(world, 'a', { kind: 'veth', name: 'v0', peer: { name: 'v1' } })
    set(world, 'a/v1', { netns: nsOf(world, 'b').id })
    set(world, 'a/v0', { up: true })
    expect(state(world, 'a/v0')).toBe('UP LOWERLAYERDOWN')
    set(world, 'b/v1', { up: true })
    set(world, 'b/v1', { up: false })
    expect(state(world, 'a/v0')).toBe('UP DOWN')
  })

  it('of a new bridge is unknown, goes with its first port that is down, comes with one that forwards', () => {
    const world = worldWith('sw', 'h')
    add(world, 'sw', { kind: 'bridge', name: 'br0' })
    set(world, 'sw/br0', { up: true })
    expect(state(world, 'sw/br0')).toBe('UP,LOWER_UP UNKNOWN')
    add(world, 'sw', { kind: 'veth', name: 'p1', peer: { name: 'eth0', ns: nsOf(world, 'h').id } })
    set(world, 'sw/p1', { master: dev(world, 'sw/br0').ifindex })
    expect(state(world, 'sw/br0')).toBe('UP DOWN')
    set(world, 'sw/p1', { up: true })
    expect(state(world, 'sw/br0')).toBe('UP DOWN')
    set(world, 'h/eth0', { up: true })
    expect(state(world, 'sw/br0')).toBe('UP,LOWER_UP UP')
    set(world, 'sw/p1', { master: 0 })
    expect(state(world, 'sw/br0')).toBe('UP DOWN')
    expect(dev(world, 'sw/br0').mac).toBe(0)
  })

  it('of an empty bridge goes when it is given an address or spanning tree', () => {
    const world = worldWith('a')
    for (const name of ['bx', 'bz']) add(world, 'a', { kind: 'bridge', name })
    add(world, 'a', { kind: 'bridge', name: 'by', mac: 0x020000000006 })
    for (const name of ['bx', 'by', 'bz']) set(world, `a/${name}`, { up: true })
    expect(state(world, 'a/bx')).toBe('UP,LOWER_UP UNKNOWN')
    set(world, 'a/bx', { address: 0x020000000005 })
    expect(state(world, 'a/bx')).toBe('UP DOWN')
    expect(state(world, 'a/by')).toBe('UP DOWN')
    set(world, 'a/bz', { bridge: { stp: true } })
    expect(state(world, 'a/bz')).toBe('UP DOWN')
  })

  it('of a cable needs the cable and both ends', () => {
    const world = worldWith('a', 'b')
    for (const ns of ['a', 'b']) physAdd(world, nsOf(world, ns), 'eth0')
    set(world, 'a/eth0', { up: true })
    set(world, 'b/eth0', { up: true })
    expect(state(world, 'a/eth0')).toBe('UP DOWN')
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('!LINK_NO_CARRIER')
    cableConnect(world, end(world, 'a/eth0'), end(world, 'b/eth0'), { latencyNs: 1_000 })
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('a/eth0> b/eth0<')
    expect(world.now).toBe(1_000)
    cableDisconnect(world, end(world, 'b/eth0'))
    expect(state(world, 'a/eth0')).toBe('UP DOWN')
  })
})

describe('ip link set', () => {
  it('moves a device: down, no master, same index where it is free', () => {
    const world = switchWorld('a')
    createNetns(world, 'c', 0)
    const ifindex = dev(world, 'sw/p1').ifindex
    set(world, 'sw/p1', { netns: nsOf(world, 'c').id })
    const moved = dev(world, 'c/p1')
    expect([moved.ifindex, moved.up, moved.master, moved.port]).toEqual([ifindex, false, 0, null])
    expect(dev(world, 'sw/br0').bridge?.ports).toEqual([])
    expect(dev(world, 'a/eth0').peer).toEqual({ ns: nsOf(world, 'c').id, ifindex })
    expect(state(world, 'a/eth0')).toBe('UP DOWN')
    set(world, 'c/p1', { up: true })
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('a/eth0> c/p1<')
    add(world, 'a', { kind: 'veth', name: 'x', peer: { name: 'p1' } })
    expect(change(world, 'a/p1', { netns: nsOf(world, 'c').id })).toBe(exists)
    expect(change(world, 'sw/br0', { netns: nsOf(world, 'c').id })).toBe(
      'Error: The interface netns is immutable.',
    )
  })

  it('takes the next index where its own is taken', () => {
    const world = worldWith('a', 'b')
    add(world, 'a', { kind: 'veth', name: 'x0', peer: { name: 'x1' } })
    add(world, 'b', { kind: 'bridge', name: 'br0' })
    set(world, 'a/x1', { netns: nsOf(world, 'b').id })
    expect(names(world, 'b')).toEqual(['1:lo', '2:br0', '3:x1'])
  })

  it('keeps a bridge at the smallest MTU and lowest address of its ports until set by hand', () => {
    const world = switchWorld('a', 'b')
    set(world, 'sw/p2', { mtu: 1450 })
    expect(dev(world, 'sw/br0').mtu).toBe(1450)
    expect(dev(world, 'sw/br0').mac).toBe(dev(world, 'sw/p1').mac)
    set(world, 'sw/br0', { address: 0x020000000099, mtu: 1400 })
    set(world, 'sw/p2', { mtu: 1350, address: 0x020000000000 })
    expect([dev(world, 'sw/br0').mac, dev(world, 'sw/br0').mtu]).toEqual([0x020000000099, 1400])
  })

  it('lists the groups that a device listens to as bridge fdb show does', () => {
    const world = worldWith('a')
    add(world, 'a', { kind: 'bridge', name: 'br0' })
    expect(linkMulticast(dev(world, 'a/br0'))).toEqual([0x333300000001])
    set(world, 'a/br0', { up: true })
    expect(linkMulticast(dev(world, 'a/br0'))).toEqual([
      0x333300000001, 0x01005e00006a, 0x33330000006a, 0x01005e000001,
    ])
    expect(linkMulticast(dev(world, 'a/lo'))).toEqual([])
  })

  it('deletes both ends of a veth', () => {
    const world = switchWorld('a', 'b')
    linkDel(world, nsOf(world, 'a'), dev(world, 'a/eth0'))
    expect(linkByName(nsOf(world, 'sw'), 'p1')).toBe(undefined)
    expect(dev(world, 'sw/br0').bridge?.ports).toEqual([dev(world, 'sw/p2').ifindex])
    expect(dev(world, 'sw/br0').mac).toBe(dev(world, 'sw/p2').mac)
  })
})

describe('vlan', () => {
  it('tags what it sends and receives what carries its tag', () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    vlan(world, 'a', 5)
    vlan(world, 'b', 5)
    expect(frame(world, 'a/eth0.5', BROADCAST)).toBe('a/eth0.5> a/eth0> b/eth0< b/eth0.5<')
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('a/eth0> b/eth0<')
    linkDel(world, nsOf(world, 'b'), dev(world, 'b/eth0.5'))
    vlan(world, 'b', 6)
    expect(frame(world, 'a/eth0.5', BROADCAST)).toBe('a/eth0.5> a/eth0> b/eth0<')
  })

  it('follows the device below', () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    vlan(world, 'a', 5)
    expect(dev(world, 'a/eth0.5').mac).toBe(dev(world, 'a/eth0').mac)
    set(world, 'b/eth0', { up: false })
    expect(state(world, 'a/eth0.5')).toBe('UP LOWERLAYERDOWN')
    set(world, 'a/eth0', { up: false })
    expect(dev(world, 'a/eth0.5').up).toBe(false)
    expect(change(world, 'a/eth0.5', { up: true })).toBe('RTNETLINK answers: Network is down')
    set(world, 'a/eth0', { up: true, mtu: 1400 })
    expect([dev(world, 'a/eth0.5').up, dev(world, 'a/eth0.5').mtu]).toEqual([true, 1400])
    expect(change(world, 'a/eth0.5', { mtu: 1500 })).toBe('RTNETLINK answers: Numerical result out of range')
    linkDel(world, nsOf(world, 'b'), dev(world, 'b/eth0'))
    expect(names(world, 'a')).toEqual(['1:lo'])
  })

  it('is refused twice, on lo, and beyond 4094', () => {
    const world = worldWith('a', 'b')
    veth(world, 'a/eth0', 'b/eth0')
    vlan(world, 'a', 5)
    const link = dev(world, 'a/eth0').ifindex
    expect(add(world, 'a', { kind: 'vlan', name: 'v', link, id: 5 })).toBe(
      'Error: 8021q: VLAN device already exists.',
    )
    expect(add(world, 'a', { kind: 'vlan', name: 'v', link: 1, id: 5 })).toBe(
      'Error: 8021q: VLANs not supported on device.',
    )
    expect(add(world, 'a', { kind: 'vlan', name: 'v', link, id: 4095 })).toBe(
      'Error: 8021q: Invalid VLAN id.',
    )
  })
})

const exists = 'RTNETLINK answers: File exists'

function end(world: World, path: string): { ns: number; ifindex: number } {
  return { ns: nsOf(world, path.slice(0, path.indexOf('/'))).id, ifindex: dev(world, path).ifindex }
}

function vlan(world: World, ns: string, id: number): void {
  const lower = dev(world, `${ns}/eth0`)
  expect(add(world, ns, { kind: 'vlan', name: `eth0.${id}`, link: lower.ifindex, id })).toBe(null)
  set(world, `${ns}/eth0.${id}`, { up: true })
}
