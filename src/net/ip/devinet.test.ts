import { describe, expect, it } from 'vitest'
import { formatIp } from '../../base/addr.ts'
import type { World } from '../types.ts'
import { linkSet } from '../link/netlink.ts'
import { dev, doLine, ip, neighs, netOf, nsOf, routeText, sentFrames } from './checkip.ts'
import { inetSelectAddr } from './devinet.ts'
import { neighAdd } from './neighcmd.ts'
import { routesOf } from './fib.ts'

// Listings are those of iproute2 6.1 on Linux 6.18 after the same commands.
function list(world: World, table: number): string[] {
  const ns = nsOf(world, 'A')
  return routesOf(ns, 4, table).map((route) => routeText(ns, route))
}

function addrs(world: World): string[] {
  return dev(world, 'A/v0').addrs.map((a) => `${formatIp(a.addr)}/${a.len}${a.secondary ? ' secondary' : ''}`)
}

const THREE = `
  link A/v0 B/v1
  addr A/v0 10.0.0.1/24
  addr A/v0 10.0.0.5/24
  addr A/v0 10.0.0.6/16`

function permanent(world: World): void {
  const spec = { ip: ip('10.3.0.5'), mac: 0x020000000005, state: 'PERMANENT' as const }
  expect(neighAdd(world, nsOf(world, 'A'), dev(world, 'A/v0'), spec)).toBe(null)
}

const LO = [
  'local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1',
  'local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1',
  'broadcast 127.255.255.255 dev lo proto kernel scope link src 127.0.0.1',
]

describe('addresses', () => {
  it('make the local, broadcast and connected routes; a second of the subnet is secondary', () => {
    const world = netOf(THREE)
    expect(addrs(world)).toEqual(['10.0.0.1/24', '10.0.0.6/16', '10.0.0.5/24 secondary'])
    expect(list(world, 254)).toEqual([
      '10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1',
      '10.0.0.0/16 dev v0 proto kernel scope link src 10.0.0.6',
    ])
    expect(list(world, 255)).toEqual([
      'local 10.0.0.1 dev v0 proto kernel scope host src 10.0.0.1',
      'local 10.0.0.5 dev v0 proto kernel scope host src 10.0.0.1',
      'local 10.0.0.6 dev v0 proto kernel scope host src 10.0.0.6',
      'broadcast 10.0.0.255 dev v0 proto kernel scope link src 10.0.0.1',
      'broadcast 10.0.255.255 dev v0 proto kernel scope link src 10.0.0.6',
      ...LO,
    ])
  })

  it('take every route over the link and its neighbours along when the last one goes', () => {
    const world = netOf(`
      link A/v0 B/v1
      link A/v2 B/v3
      addr A/v0 10.3.0.1/24
      addr A/v2 10.4.0.1/24
      route A add 10.99.0.0/16 dev v0
      route A add 10.98.0.0/16 via 10.3.0.9
      route A add blackhole 10.97.0.0/16`)
    permanent(world)
    expect(neighs(world, 'A')).toEqual(['10.3.0.5 PERMANENT'])
    expect(doLine(world, 'unaddr A/v0 10.3.0.1/24')).toBe('')
    expect(neighs(world, 'A')).toEqual([])
    expect(list(world, 254)).toEqual([
      '10.4.0.0/24 dev v2 proto kernel scope link src 10.4.0.1',
      'blackhole 10.97.0.0/16',
    ])
    expect(list(world, 255).filter((line) => line.includes('v0'))).toEqual([])
  })

  it('forget permanent neighbours too when the hardware address or the use of ARP changes', () => {
    for (const change of [{ address: 0x02000000aa01 }, { arp: false }]) {
      const world = netOf(`
        link A/v0 B/v1
        addr A/v0 10.3.0.1/24`)
      permanent(world)
      linkSet(world, nsOf(world, 'A'), dev(world, 'A/v0'), change)
      expect(neighs(world, 'A')).toEqual([])
    }
  })

  it('take their secondaries and routes with them', () => {
    const world = netOf(THREE)
    expect(doLine(world, 'addr A/v0 10.0.0.1/24')).toBe('Error: ipv4: Address already assigned.')
    expect(doLine(world, 'unaddr A/v0 10.0.0.99/24')).toBe('Error: ipv4: Address not found.')
    expect(doLine(world, 'unaddr A/v0 10.0.0.5/16')).toBe('Error: ipv4: Address not found.')
    expect(doLine(world, 'unaddr A/v0 10.0.0.1/24')).toBe('')
    expect(addrs(world)).toEqual(['10.0.0.6/16'])
    expect(list(world, 254)).toEqual(['10.0.0.0/16 dev v0 proto kernel scope link src 10.0.0.6'])
    expect(list(world, 255)).toEqual([
      'local 10.0.0.6 dev v0 proto kernel scope host src 10.0.0.6',
      'broadcast 10.0.255.255 dev v0 proto kernel scope link src 10.0.0.6',
      ...LO,
    ])
  })

  it('are announced only with arp_notify', () => {
    const silent = netOf(THREE)
    expect(sentFrames(silent)).toEqual([])
    const world = netOf('link A/v0 B/v1\n sysctl A net.ipv4.conf.v0.arp_notify=1\n addr A/v0 10.0.0.1/24')
    expect(sentFrames(world)).toEqual(['0.000 A/v0 arp 10.0.0.1 tell 10.0.0.1 broadcast'])
  })

  it('select a source by subnet, then scope', () => {
    const world = netOf(`${THREE}\n addr A/v0 172.16.0.1/16`)
    const ns = nsOf(world, 'A')
    const source = (dst: number, link = dev(world, 'A/v0')) => formatIp(inetSelectAddr(ns, link, dst, 253))
    expect(source(0xac100009 | 0)).toBe('172.16.0.1')
    expect(source(0x08080808)).toBe('10.0.0.1')
    expect(source(0, dev(world, 'A/lo'))).toBe('10.0.0.1')
  })
})

describe('device events', () => {
  it('mark routes linkdown while the carrier is lost', () => {
    const world = netOf(`${THREE}\n route A add 10.9.0.0/24 via 10.0.0.4`)
    doLine(world, 'down B/v1')
    expect(list(world, 254)).toEqual([
      '10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1 linkdown',
      '10.0.0.0/16 dev v0 proto kernel scope link src 10.0.0.6 linkdown',
      '10.9.0.0/24 via 10.0.0.4 dev v0 linkdown',
    ])
    expect(list(world, 255)[0]).toBe('local 10.0.0.1 dev v0 proto kernel scope host src 10.0.0.1')
    doLine(world, 'up B/v1')
    expect(list(world, 254).join('\n')).not.toContain('linkdown')
  })

  it('remove routes over a device that goes down; only the connected ones come back', () => {
    const world = netOf(`${THREE}\n route A add 10.9.0.0/24 via 10.0.0.4\n route A add blackhole 10.9.3.0/24`)
    doLine(world, 'down A/v0')
    expect(list(world, 254)).toEqual(['blackhole 10.9.3.0/24'])
    expect(list(world, 255)).toEqual([
      'local 10.0.0.1 dev v0 proto kernel scope host src 10.0.0.1',
      'local 10.0.0.5 dev v0 proto kernel scope host src 10.0.0.1',
      'local 10.0.0.6 dev v0 proto kernel scope host src 10.0.0.6',
      ...LO,
    ])
    doLine(world, 'up A/v0')
    expect(list(world, 254)).toEqual([
      '10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1',
      '10.0.0.0/16 dev v0 proto kernel scope link src 10.0.0.6',
      'blackhole 10.9.3.0/24',
    ])
  })
})
