import { describe, expect, it } from 'vitest'
import { formatMac } from '../../base/addr.ts'
import { touch } from '../../sim/dispatch.ts'
import { SEC } from '../wheel.ts'
import { arpAnnounce, arpSend } from './arp.ts'
import { dev, doLine, ip, neighs, netOf, nsOf, ping, runFor, sentFrames } from './checkip.ts'
import { neighLookup } from './neigh.ts'
import { neighAdd, neighChange, neighDel, neighFlush, neighReplace } from './neighcmd.ts'

const PAIR = `
  link A/a0 B/b0
  addr A/a0 10.0.0.1/24
  addr B/b0 10.0.0.2/24`

describe('ARP', () => {
  it('gratuitous: updates an entry at once and never makes one, unless arp_accept=1', () => {
    const world = netOf(PAIR)
    const b = nsOf(world, 'B')
    touch(world, b.id)
    arpAnnounce(world, b, dev(world, 'B/b0'), ip('10.0.0.2'))
    runFor(world, SEC)
    expect(neighs(world, 'A')).toEqual([])
    ping(world, 'A', '10.0.0.2', { waitMs: 100 })
    const link = dev(world, 'B/b0')
    link.mac = 0x020000abcdef
    arpAnnounce(world, b, link, ip('10.0.0.2'))
    runFor(world, SEC / 100)
    const entry = neighLookup(nsOf(world, 'A'), dev(world, 'A/a0').ifindex, ip('10.0.0.2'))!
    expect([formatMac(entry.mac), entry.state]).toEqual(['02:00:00:ab:cd:ef', 'STALE'])
    const accepting = netOf(`${PAIR}\n sysctl A net.ipv4.conf.a0.arp_accept=1`)
    arpAnnounce(accepting, nsOf(accepting, 'B'), dev(accepting, 'B/b0'), ip('10.0.0.2'))
    runFor(accepting, SEC)
    expect(neighs(accepting, 'A')).toEqual(['10.0.0.2 STALE'])
  })

  it('answers a probe from 0.0.0.0 without learning', () => {
    const world = netOf(PAIR)
    const link = dev(world, 'A/a0')
    arpSend(world, nsOf(world, 'A'), link, 1, ip('10.0.0.2'), 0, 0xffffffffffff, 0, 0)
    runFor(world, SEC)
    expect(sentFrames(world).map((line) => line.slice(6))).toEqual([
      'A/a0 arp 10.0.0.2 tell 0.0.0.0 broadcast',
      'B/b0 arp 10.0.0.2 is-at unicast',
    ])
    expect(neighs(world, 'B')).toEqual([])
  })

  it('does not answer a request from an own address, nor for a broadcast address', () => {
    const world = netOf(PAIR)
    const link = dev(world, 'A/a0')
    arpSend(world, nsOf(world, 'A'), link, 1, ip('10.0.0.2'), ip('10.0.0.2'), 0xffffffffffff, 0, 0)
    arpSend(world, nsOf(world, 'A'), link, 1, ip('10.0.0.255'), ip('10.0.0.1'), 0xffffffffffff, 0, 0)
    runFor(world, SEC)
    expect(sentFrames(world).filter((line) => line.includes('B/b0'))).toEqual([])
  })

  it('forgets neighbours when the carrier is lost, and starts again after a failure', () => {
    const world = netOf(PAIR)
    ping(world, 'A', '10.0.0.2', { waitMs: 100 })
    doLine(world, 'down B/b0')
    expect(neighs(world, 'A')).toEqual([])
    doLine(world, 'up B/b0')
    expect(ping(world, 'A', '10.0.0.9')).toEqual(['1 from 10.0.0.1 3/1'])
    doLine(world, 'addr B/b0 10.0.0.9/24')
    expect(ping(world, 'A', '10.0.0.9')).toEqual(['1 ttl=64'])
  })
})

describe('ip neigh', () => {
  // Texts are those of iproute2 6.1 on Linux 6.18.
  it('adds, changes, deletes and flushes', () => {
    const world = netOf(PAIR)
    const a = nsOf(world, 'A')
    const link = dev(world, 'A/a0')
    const at = (host: string) => ({ ip: ip(host), mac: 0x020202020202 })
    expect(neighAdd(world, a, link, at('10.0.0.9'))).toBeNull()
    expect(neighAdd(world, a, link, at('10.0.0.9'))?.message).toBe('RTNETLINK answers: File exists')
    expect(neighAdd(world, a, link, { ...at('10.0.0.10'), state: 'STALE' })).toBeNull()
    expect(neighAdd(world, a, link, { ip: ip('10.0.0.11') })?.message).toBe(
      'Error: No link layer address given.',
    )
    expect(neighReplace(world, a, link, { ...at('10.0.0.9'), mac: 0x020202020203 })).toBeNull()
    expect(neighChange(world, a, link, at('10.0.0.19'))?.message).toBe(
      'RTNETLINK answers: No such file or directory',
    )
    expect(neighDel(world, a, link, ip('10.0.0.19'))?.message).toBe(
      'RTNETLINK answers: No such file or directory',
    )
    expect(neighFlush(world, a, { ifindex: link.ifindex })).toBe(1)
    expect(neighs(world, 'A')).toEqual(['10.0.0.9 PERMANENT'])
    expect(neighDel(world, a, link, ip('10.0.0.9'))).toBeNull()
    expect(neighs(world, 'A')).toEqual([])
  })

  it('a permanent entry is used without asking, and no answer changes it', () => {
    const world = netOf(PAIR)
    const mac = dev(world, 'B/b0').mac
    neighAdd(world, nsOf(world, 'A'), dev(world, 'A/a0'), { ip: ip('10.0.0.2'), mac })
    expect(ping(world, 'A', '10.0.0.2', { waitMs: 10_000 })).toEqual(['1 ttl=64'])
    expect(sentFrames(world).filter((line) => line.includes('A/a0 arp 10.0.0.2 tell'))).toEqual([])
    expect(neighs(world, 'A')).toEqual(['10.0.0.2 PERMANENT'])
  })
})
