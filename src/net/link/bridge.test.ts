// Expected paths: kernel.md 14 (learning from every frame, newest-enslaved port first, the bridge last, 300
// s) and what Linux 6.18 did with the same ports and a frame of ethertype 0x88b5.
import { describe, expect, it } from 'vitest'
import { formatMac } from '../../base/addr.ts'
import { BROADCAST, dev, frame, nsOf, run, set, switchWorld } from './checklink.ts'
import { fdbDump } from './fdb.ts'
import { fdbAdd, fdbDel, fdbFlush, fdbReplace } from './fdbctl.ts'
import { linkSet } from './netlink.ts'
import type { World } from '../types.ts'

const SECOND = 1_000_000_000
const mac = (world: World, path: string) => dev(world, path).mac
const fdb = (world: World) =>
  fdbDump(world, dev(world, 'sw/br0')).map((e) => {
    const port = nsOf(world, 'sw').links[e.port]?.name
    return `${formatMac(e.mac).slice(-2)} ${port}${e.local ? ' permanent' : e.static ? ' static' : ''}`
  })

describe('bridge', () => {
  it('floods a broadcast to the newest port first and to itself last', () => {
    const world = switchWorld('a', 'b', 'c')
    expect(frame(world, 'a/eth0', BROADCAST)).toBe(
      'a/eth0> sw/p1< flood sw/p3> sw/p2> sw/br0< c/eth0< b/eth0<',
    )
  })

  it('floods unknown unicast, not to itself, until it has heard the address', () => {
    const world = switchWorld('a', 'b', 'c')
    const toC = mac(world, 'c/eth0')
    expect(frame(world, 'a/eth0', toC)).toBe('a/eth0> sw/p1< flood sw/p3> sw/p2> c/eth0< b/eth0<')
    expect(frame(world, 'c/eth0', mac(world, 'a/eth0'))).toBe('c/eth0> sw/p3< sw/p1> a/eth0<')
    expect(frame(world, 'a/eth0', toC)).toBe('a/eth0> sw/p1< sw/p3> c/eth0<')
  })

  it('forgets what it learned after 300 s', () => {
    const world = switchWorld('a', 'b')
    frame(world, 'a/eth0', BROADCAST)
    const learned = `${formatMac(mac(world, 'a/eth0')).slice(-2)} p1`
    run(world, 299 * SECOND)
    expect(fdb(world)).toContain(learned)
    run(world, 301 * SECOND)
    expect(fdb(world)).not.toContain(learned)
    expect(frame(world, 'b/eth0', mac(world, 'a/eth0'))).toContain('flood')
  })

  it('lists its own and its ports addresses as permanent; the first port has the one they share', () => {
    const world = switchWorld('a', 'b')
    expect(fdb(world)).toEqual(['03 p2 permanent', '01 p1 permanent'].map((row) => rowOf(world, row)))
    expect(mac(world, 'sw/br0')).toBe(Math.min(mac(world, 'sw/p1'), mac(world, 'sw/p2')))
  })

  it('takes a frame to its own or a port address up', () => {
    const world = switchWorld('a', 'b')
    expect(frame(world, 'a/eth0', mac(world, 'sw/br0'))).toBe('a/eth0> sw/p1< sw/br0<')
    expect(frame(world, 'a/eth0', mac(world, 'sw/p2'))).toBe('a/eth0> sw/p1< sw/br0<')
  })

  it('sends a frame back only to a hairpin port', () => {
    const world = switchWorld('a', 'b')
    frame(world, 'a/eth0', BROADCAST)
    expect(frame(world, 'a/eth0', mac(world, 'a/eth0'))).toBe('a/eth0> sw/p1< !BRIDGE_NO_EGRESS_PORT')
    set(world, 'sw/p1', { slave: { hairpin: true } })
    expect(frame(world, 'a/eth0', mac(world, 'a/eth0'))).toBe('a/eth0> sw/p1< sw/p1> a/eth0<')
    expect(frame(world, 'a/eth0', BROADCAST)).toBe(
      'a/eth0> sw/p1< flood sw/p2> sw/p1> sw/br0< b/eth0< a/eth0<',
    )
  })

  it('keeps isolated ports apart', () => {
    const world = switchWorld('a', 'b', 'c')
    set(world, 'sw/p1', { slave: { isolated: true } })
    set(world, 'sw/p2', { slave: { isolated: true } })
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('a/eth0> sw/p1< flood sw/p3> sw/br0< c/eth0<')
  })

  it('does not flood unknown unicast to a port without flood, nor learn at one without learning', () => {
    const world = switchWorld('a', 'b', 'c')
    set(world, 'sw/p3', { slave: { flood: false } })
    set(world, 'sw/p1', { slave: { learning: false } })
    expect(frame(world, 'a/eth0', 0x0200000000ff)).toBe('a/eth0> sw/p1< flood sw/p2> b/eth0<')
    expect(fdb(world)).toHaveLength(3)
  })

  it('learns again when an address moves', () => {
    const world = switchWorld('a', 'b', 'c')
    frame(world, 'a/eth0', BROADCAST)
    const shared = mac(world, 'a/eth0')
    set(world, 'b/eth0', { address: shared })
    frame(world, 'b/eth0', BROADCAST)
    expect(frame(world, 'c/eth0', shared)).toBe('c/eth0> sw/p3< sw/p2> b/eth0<')
  })

  it('passes nothing while it is down', () => {
    const world = switchWorld('a', 'b')
    set(world, 'sw/br0', { up: false })
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('a/eth0> sw/p1< !BRIDGE_INGRESS_STP_STATE')
  })

  it('never forwards link-local groups, but spanning tree messages while STP is off', () => {
    const world = switchWorld('a', 'b')
    expect(frame(world, 'a/eth0', 0x0180c200000e)).toBe('a/eth0> sw/p1<')
    expect(frame(world, 'a/eth0', 0x0180c2000000)).toBe('a/eth0> sw/p1< flood sw/p2> sw/br0< b/eth0<')
  })

  it('sends its own frames to one port or to all', () => {
    const world = switchWorld('a', 'b')
    expect(frame(world, 'sw/br0', BROADCAST)).toBe('sw/br0> flood sw/p2> sw/p1> b/eth0< a/eth0<')
    frame(world, 'a/eth0', BROADCAST)
    expect(frame(world, 'sw/br0', mac(world, 'a/eth0'))).toBe('sw/br0> sw/p1> a/eth0<')
  })

  it('takes every frame up while promiscuous', () => {
    const world = switchWorld('a', 'b')
    frame(world, 'b/eth0', BROADCAST)
    set(world, 'sw/br0', { promisc: true })
    expect(frame(world, 'a/eth0', mac(world, 'b/eth0'))).toBe('a/eth0> sw/p1< sw/p2> sw/br0< b/eth0<')
    set(world, 'sw/br0', { promisc: false })
    expect(frame(world, 'a/eth0', mac(world, 'b/eth0'))).toBe('a/eth0> sw/p1< sw/p2> b/eth0<')
  })

  it('drops frames from a group or from no address', () => {
    const world = switchWorld('a', 'b')
    dev(world, 'a/eth0').mac = 0x010000000001
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('a/eth0> sw/p1< !NOT_SPECIFIED')
    dev(world, 'a/eth0').mac = 0
    expect(frame(world, 'a/eth0', BROADCAST)).toBe('a/eth0> sw/p1< !NOT_SPECIFIED')
  })

  it('drops what does not fit the port', () => {
    const world = switchWorld('a', 'b')
    set(world, 'sw/p2', { mtu: 1400 })
    expect(frame(world, 'a/eth0', 0x0200000000ff, 1404)).toContain('b/eth0<')
    expect(frame(world, 'a/eth0', 0x0200000000ff, 1405)).toBe('a/eth0> sw/p1< flood !PKT_TOO_BIG')
  })
})

describe('bridge fdb', () => {
  it('answers as the kernel does', () => {
    const world = switchWorld('a', 'b')
    const ns = nsOf(world, 'sw')
    const p1 = dev(world, 'sw/p1')
    const entry = { mac: 0x020000000077, state: 'static', master: true } as const
    expect(fdbAdd(world, ns, p1, entry)).toBe(null)
    expect(fdbAdd(world, ns, p1, entry)?.message).toBe('RTNETLINK answers: File exists')
    expect(fdbReplace(world, ns, p1, { ...entry, state: 'permanent' })).toBe(null)
    expect(fdb(world)[0]).toBe('77 p1 permanent')
    expect(fdbDel(world, ns, p1, entry.mac, true)).toBe(null)
    expect(fdbDel(world, ns, p1, entry.mac, true)?.message).toBe(
      'RTNETLINK answers: No such file or directory',
    )
    expect(fdbAdd(world, ns, dev(world, 'sw/br0'), { ...entry, master: true })?.message).toBe(
      'RTNETLINK answers: Operation not supported',
    )
    expect(fdbAdd(world, ns, p1, { ...entry, mac: 0 })?.message).toBe('RTNETLINK answers: Invalid argument')
    set(world, 'sw/p1', { up: false })
    expect(fdbAdd(world, ns, p1, { ...entry, state: 'dynamic' })?.message).toBe(
      'RTNETLINK answers: Operation not permitted',
    )
  })

  it('flush without dynamic takes the permanent entries too, fdb_flush does not', () => {
    const world = switchWorld('a', 'b')
    frame(world, 'a/eth0', BROADCAST)
    set(world, 'sw/br0', { bridge: { fdbFlush: true } })
    expect(fdb(world)).toHaveLength(2)
    fdbFlush(world, nsOf(world, 'sw'), dev(world, 'sw/br0'), false)
    expect(fdb(world)).toEqual([])
    expect(frame(world, 'a/eth0', mac(world, 'sw/br0'))).toContain('flood')
  })

  it('refuses what the kernel refuses in a port or bridge', () => {
    const world = switchWorld('a')
    const ns = nsOf(world, 'sw')
    const slave = (slave: object) => linkSet(world, ns, dev(world, 'sw/p1'), { slave })?.message
    expect(slave({ cost: 0 })).toBe('RTNETLINK answers: Numerical result out of range')
    expect(slave({ priority: 64 })).toBe('RTNETLINK answers: Numerical result out of range')
    expect(slave({ state: 5 })).toBe('RTNETLINK answers: Invalid argument')
    expect(slave({ guard: true })).toContain('guard')
    set(world, 'sw/br0', { bridge: { stp: true } })
    expect(slave({ state: 3 })).toBe('RTNETLINK answers: Device or resource busy')
    const delay = linkSet(world, ns, dev(world, 'sw/br0'), { bridge: { forwardDelayNs: SECOND } })
    expect(delay?.message).toBe('RTNETLINK answers: Numerical result out of range')
  })
})

/** The row with the address that the port has in this world. */
function rowOf(world: World, row: string): string {
  const port = row.split(' ')[1] ?? ''
  return `${formatMac(mac(world, `sw/${port}`)).slice(-2)} ${row.slice(3)}`
}
