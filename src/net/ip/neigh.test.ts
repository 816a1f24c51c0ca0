import { describe, expect, it } from 'vitest'
import { SEC } from '../wheel.ts'
import { dev, doLine, drops, neighs, netOf, nsOf, ping, runFor, sentFrames, udp } from './checkip.ts'
import { neighLookup } from './neigh.ts'

// kernel.md lines 15-18: what a veth pair of two namespaces showed on Linux 6.18.
const PAIR = `
  link A/eth0 B/eth0
  addr A/eth0 10.0.0.1/24
  addr B/eth0 10.0.0.2/24`

describe('the neighbour table', () => {
  it('resolves by broadcast, learns from the request, and probes by unicast after the delay', () => {
    const world = netOf(PAIR)
    expect(ping(world, 'A', '10.0.0.2', { waitMs: 3000 })).toEqual(['1 ttl=64'])
    expect(sentFrames(world).map((line) => line.slice(6))).toEqual([
      'A/eth0 arp 10.0.0.2 tell 10.0.0.1 broadcast',
      'B/eth0 arp 10.0.0.2 is-at unicast',
      'A/eth0 10.0.0.1 > 10.0.0.2 icmp 8/0 ttl 64',
      'B/eth0 10.0.0.2 > 10.0.0.1 icmp 0/0 ttl 64',
    ])
    expect([neighs(world, 'A'), neighs(world, 'B')]).toEqual([['10.0.0.2 REACHABLE'], ['10.0.0.1 DELAY']])
    const first = world.recorder.detail!.length
    runFor(world, 4 * SEC)
    const late = sentFrames(world, first)
    expect(late.map((line) => line.slice(6))).toEqual([
      'B/eth0 arp 10.0.0.1 tell 10.0.0.2 unicast',
      'A/eth0 arp 10.0.0.1 is-at unicast',
    ])
    // The delay is 5 s in buckets of 512 ms.
    const at = Number(late[0]!.split(' ')[0])
    expect(at).toBeGreaterThanOrEqual(5)
    expect(at).toBeLessThanOrEqual(5.6)
    expect(neighs(world, 'B')).toEqual(['10.0.0.1 REACHABLE'])
    runFor(world, 60 * SEC)
    expect([neighs(world, 'A'), neighs(world, 'B')]).toEqual([['10.0.0.2 STALE'], ['10.0.0.1 STALE']])
    expect(world.queue.size).toBe(0)
  })

  it('asks three times about 1.024 s apart, then reports every parked packet to its sender', () => {
    const world = netOf(PAIR)
    const start = world.now
    expect(ping(world, 'A', '10.0.0.9', { count: 2, intervalMs: 500 })).toEqual([
      '1 from 10.0.0.1 3/1',
      '2 from 10.0.0.1 3/1',
    ])
    const arps = sentFrames(world, 0, start).map((line) => line.split(' '))
    expect(arps.map((words) => words.slice(1).join(' '))).toEqual(
      Array(3).fill('A/eth0 arp 10.0.0.9 tell 10.0.0.1 broadcast'),
    )
    const at = arps.map((words) => Number(words[0]))
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(1)
    expect(at[1]! - at[0]!).toBeLessThanOrEqual(1.064)
    expect(at[2]! - at[1]!).toBeCloseTo(1.024, 3)
    const failed = world.recorder.detail!.find((step) => step.reason === 'NEIGH_FAILED')!
    expect((failed.at - start) / SEC).toBeGreaterThan(3.04)
    expect((failed.at - start) / SEC).toBeLessThan(3.12)
    expect(drops(world)).toContain('A NEIGH_FAILED')
    expect(neighs(world, 'A')).toEqual(['10.0.0.9 FAILED'])
  })

  it('lets a dead peer get three unicast probes before it asks everybody', () => {
    const world = netOf(PAIR)
    ping(world, 'A', '10.0.0.2')
    runFor(world, 100 * SEC)
    doLine(world, 'sysctl B net.ipv4.conf.all.arp_ignore=8')
    const first = world.recorder.detail!.length
    ping(world, 'A', '10.0.0.2', { waitMs: 12_000 })
    const arps = sentFrames(world, first).filter((line) => line.includes('A/eth0 arp 10.0.0.2'))
    expect(arps.map((line) => line.split(' ').at(-1))).toEqual(['unicast', 'unicast', 'unicast'])
    expect(neighs(world, 'A')).toEqual(['10.0.0.2 FAILED'])
  })

  it('keeps what confirms above counted: ping with MSG_CONFIRM never probes', () => {
    const world = netOf(PAIR)
    ping(world, 'A', '10.0.0.2', { count: 60, confirm: true, waitMs: 1000 })
    const arps = sentFrames(world).filter((line) => line.includes('A/eth0 arp 10.0.0.2'))
    expect(arps).toHaveLength(1)
  })

  it('drops the oldest parked packet when 212,992 bytes wait', () => {
    const world = netOf(PAIR)
    for (let i = 0; i < 100; i++) udp(world, 'A', '10.0.0.9', 9, { payload: new Uint8Array(1400) })
    // 212992 / (256 + 2048) = 92.4
    expect(drops(world).filter((line) => line === 'A NEIGH_QUEUEFULL')).toHaveLength(8)
    expect(neighLookup(nsOf(world, 'A'), dev(world, 'A/eth0').ifindex, 0x0a000009)!.queue).toHaveLength(92)
  })
})

describe('who answers for what', () => {
  const THREE = `${PAIR}
  link B/eth1 C/eth0
  addr B/eth1 10.1.0.1/24
  addr C/eth0 10.1.0.2/24`

  it('answers for the address of another device (weak host), unless arp_ignore=1', () => {
    const world = netOf(`${THREE}\n route A add 10.1.0.0/24 dev eth0`)
    expect(ping(world, 'A', '10.1.0.1')).toEqual(['1 ttl=64'])
    const strict = netOf(
      `${THREE}\n route A add 10.1.0.0/24 dev eth0\n sysctl B net.ipv4.conf.all.arp_ignore=1`,
    )
    expect(ping(strict, 'A', '10.1.0.1')).toEqual(['1 from 10.0.0.1 3/1'])
  })

  it('answers for hosts behind it with proxy_arp', () => {
    const text = `${THREE}\n route A add 10.1.0.0/24 dev eth0\n route C add default via 10.1.0.1
      sysctl B net.ipv4.ip_forward=1`
    expect(ping(netOf(text), 'A', '10.1.0.2')).toEqual(['1 from 10.0.0.1 3/1'])
    expect(ping(netOf(`${text}\n sysctl B net.ipv4.conf.eth0.proxy_arp=1`), 'A', '10.1.0.2')).toEqual([
      '1 ttl=63',
    ])
  })

  it('asks in the name of the packet’s own source', () => {
    const world = netOf(`${THREE}\n addr A/eth0 172.16.0.1/24`)
    const sock = udp(world, 'A', '10.0.0.2', 9)
    expect(sock.err).toBe('')
    expect(sentFrames(world)[0]).toContain('arp 10.0.0.2 tell 10.0.0.1')
  })
})
