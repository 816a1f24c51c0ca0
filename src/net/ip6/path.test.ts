// Expected values: Linux 6.18 in namespaces of the same shape: ping -6 and tcpdump.
import { describe, expect, it } from 'vitest'
import { formatIp, parseIp6 } from '../../base/addr.ts'
import { doLine, drops, heard, neighs, netOf, nsOf, ping, runFor, sentFrames, udp } from '../ip/checkip.ts'
import type { World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { routeGet6 } from './route.ts'
import { labelOf, selectSource6 } from './select.ts'

const CHAIN = `
  link A/eth0 R/r0
  link R/r1 B/eth0
  sysctl R net.ipv6.conf.all.forwarding=1
  addr A/eth0 fd00:1::1/64
  addr R/r0 fd00:1::f/64
  addr R/r1 fd00:2::f/64
  addr B/eth0 fd00:2::1/64
  route A add default via fd00:1::f
  route B add default via fd00:2::f`

function chain(more = ''): World {
  const world = netOf(CHAIN + more, true)
  runFor(world, 3 * SEC)
  return world
}

function frames(world: World, first: number): string[] {
  return sentFrames(world, first)
    .map((line) => line.slice(line.indexOf(' ') + 1))
    .filter((line) => !line.includes(' rs ') && !line.includes(' mld '))
}

describe('a ping through a router', () => {
  it('finds every neighbour once', () => {
    const world = chain()
    const first = world.recorder.detail!.length
    expect(ping(world, 'A', 'fd00:2::1', { count: 2, waitMs: 1000 })).toEqual(['1 ttl=63', '2 ttl=63'])
    expect(frames(world, first)).toEqual([
      'A/eth0 fd00:1::1 > ff02::1:ff00:f ns fd00:1::f +lladdr',
      'R/r0 fd00:1::f > fd00:1::1 na fd00:1::f router,solicited,override +lladdr',
      'A/eth0 fd00:1::1 > fd00:2::1 icmp 128/0 ttl 64',
      'R/r1 fe80::ff:fe00:4 > ff02::1:ff00:1 ns fd00:2::1 +lladdr',
      'B/eth0 fd00:2::1 > fe80::ff:fe00:4 na fd00:2::1 solicited,override +lladdr',
      'R/r1 fd00:1::1 > fd00:2::1 icmp 128/0 ttl 63',
      'B/eth0 fd00:2::1 > ff02::1:ff00:f ns fd00:2::f +lladdr',
      'R/r1 fd00:2::f > fd00:2::1 na fd00:2::f router,solicited,override +lladdr',
      'B/eth0 fd00:2::1 > fd00:1::1 icmp 129/0 ttl 64',
      'R/r0 fd00:2::1 > fd00:1::1 icmp 129/0 ttl 63',
      ...['A/eth0 fd00:1::1 > fd00:2::1 icmp 128/0 ttl 64', 'R/r1 fd00:1::1 > fd00:2::1 icmp 128/0 ttl 63'],
      ...['B/eth0 fd00:2::1 > fd00:1::1 icmp 129/0 ttl 64', 'R/r0 fd00:2::1 > fd00:1::1 icmp 129/0 ttl 63'],
    ])
    expect(neighs(world, 'A')).toEqual(['fd00:1::f REACHABLE'])
  })

  it('probes the neighbour five seconds later, and is answered without an address', () => {
    const world = chain()
    ping(world, 'A', 'fd00:2::1', { waitMs: 0 })
    const first = world.recorder.detail!.length
    runFor(world, 7 * SEC)
    expect(frames(world, first)).toContain('R/r0 fe80::ff:fe00:1 > fd00:1::1 ns fd00:1::1 +lladdr')
    expect(frames(world, first)).toContain('A/eth0 fd00:1::1 > fe80::ff:fe00:1 na fd00:1::1 solicited')
  })

  it('hears why it fails', () => {
    const world = chain('\nroute R add prohibit fd00:1c::/64\nroute R add unreachable fd00:1d::/64')
    expect(ping(world, 'A', 'fd00:2::1', { ttl: 1 })).toEqual(['1 from fd00:1::f 3/0'])
    expect(ping(world, 'A', 'fd00:2::99')).toEqual(['1 from fd00:1::f 1/3'])
    expect(ping(world, 'A', 'fd00:1::99')).toEqual(['1 from fd00:1::1 1/3'])
    expect(ping(world, 'A', 'fd00:3::99')).toEqual(['1 from fd00:1::f 1/0'])
    expect(ping(world, 'A', 'fd00:1c::1')).toEqual(['1 from fd00:1::f 1/1'])
    expect(ping(world, 'A', 'fd00:1d::1')).toEqual(['1 from fd00:1::f 1/0'])
  })

  it('is refused by the sender’s own routes', () => {
    const world = chain(
      ['blackhole fd00:b::/64', 'prohibit fd00:c::/64', 'unreachable fd00:d::/64', 'throw fd00:e::/64']
        .map((route) => `\nroute A add ${route}`)
        .join(''),
    )
    const to = (text: string) => ping(world, 'A', text, { waitMs: 0 })
    expect(to('fd00:b::1')).toEqual(['1 EINVAL'])
    expect(to('fd00:c::1')).toEqual(['1 EACCES'])
    expect(to('fd00:d::1')).toEqual(['1 EHOSTUNREACH'])
    expect(to('fd00:e::1')).toEqual(['1 ENETUNREACH'])
  })

  it('asks three times, a second apart, before the address is unreachable', () => {
    const world = chain()
    const first = world.recorder.detail!.length
    ping(world, 'A', 'fd00:1::99')
    const asked = frames(world, first).filter((line) => line.includes('ns fd00:1::99'))
    expect(asked).toEqual(Array(3).fill('A/eth0 fd00:1::1 > ff02::1:ff00:99 ns fd00:1::99 +lladdr'))
    expect(neighs(world, 'A')).toContain('fd00:1::99 FAILED')
  })

  it('that is too large is cut by the sender and put together by the receiver', () => {
    const world = chain()
    const first = world.recorder.detail!.length
    expect(ping(world, 'A', 'fd00:2::1', { size: 3000 })).toEqual(['1 ttl=63'])
    const pieces = world.recorder
      .detail!.slice(first)
      .filter((step) => step.nsName === 'A' && step.kind === 3 && step.headers.whole !== null)
      .map((step) => [step.headers.length, step.headers.fragOffset, step.headers.moreFrags])
    expect(pieces).toEqual([
      [1496, 0, true],
      [1496, 1448, true],
      [160, 2896, false],
    ])
  })

  it('learns the path’s MTU and cuts what follows to it', () => {
    const world = chain('\nmtu R/r1 1400\nmtu B/eth0 1400')
    expect(ping(world, 'A', 'fd00:2::1', { count: 2, size: 1400 })).toEqual([
      '1 from fd00:1::f 2/0 mtu=1400',
      '2 ttl=63',
    ])
    expect(ping(world, 'A', 'fd00:2::1', { size: 1400, pmtudisc: 2 })).toEqual(['1 EMSGSIZE mtu=1400'])
    const dst = parseIp6('fd00:2::1')!
    expect(routeGet6(world, nsOf(world, 'A'), { dst })).toMatchObject({ mtu: 1400, oif: 2 })
  })
})

describe('others', () => {
  it('groups and anycast are answered from the link’s own address', () => {
    const world = chain()
    const first = world.recorder.detail!.length
    expect(ping(world, 'A', 'ff02::1%eth0')).toEqual(['1 ttl=64', '1 ttl=64'])
    expect(frames(world, first).filter((line) => line.includes('icmp'))).toEqual([
      'A/eth0 fe80::ff:fe00:2 > ff02::1 icmp 128/0 ttl 1',
      'R/r0 fe80::ff:fe00:1 > fe80::ff:fe00:2 icmp 129/0 ttl 64',
    ])
    const second = world.recorder.detail!.length
    expect(ping(world, 'A', 'fd00:1::')).toEqual(['1 ttl=64'])
    const lines = frames(world, second)
    expect(lines).toContain('A/eth0 fd00:1::1 > ff02::1:ff00:0 ns fd00:1:: +lladdr')
    expect(lines).toContain('R/r0 fd00:1::f > fd00:1::1 na fd00:1:: router,solicited +lladdr')
    expect(lines).toContain('R/r0 fd00:1::f > fd00:1::1 icmp 129/0 ttl 64')
  })

  it('this host answers itself over lo', () => {
    const world = chain()
    const first = world.recorder.detail!.length
    expect(ping(world, 'A', '::1', { waitMs: 100 })).toEqual(['1 ttl=64'])
    expect(ping(world, 'A', 'fd00:1::1', { waitMs: 100 })).toEqual(['1 ttl=64'])
    expect(frames(world, first)).toEqual([])
  })

  it('a closed port is answered', () => {
    const world = chain()
    const sock = udp(world, 'A', 'fd00:2::1', 9999)
    runFor(world, SEC)
    expect(heard(nsOf(world, 'A'), sock)).toEqual(['from fd00:2::1 1/4'])
  })

  it('a host that does not forward drops in silence; a link-local source stays on its link', () => {
    const world = chain('\nroute R add fd00:7::/64 via fd00:2::1')
    const first = world.recorder.detail!.length
    expect(ping(world, 'A', 'fd00:7::1')).toEqual([])
    expect(drops(world, first)).toContain('B FORWARDING_DISABLED')
  })

  it('a tentative address is no source, and not yet this host’s', () => {
    const world = chain()
    doLine(world, 'addr A/eth0 fd00:9::9/64')
    expect(selectSource6(nsOf(world, 'A'), nsOf(world, 'A').links[2], parseIp6('fd00:9::1')!)).toBe(
      parseIp6('fd00:1::1'),
    )
  })
})

it('hop limits fall by one at each router of a chain, and the one where they end answers', () => {
  const lines: string[] = []
  for (let i = 1; i <= 5; i++) {
    lines.push(`link N${i}/right N${i + 1}/left`)
    lines.push(`addr N${i}/right fd00:${i}::1/64`, `addr N${i + 1}/left fd00:${i}::2/64`)
  }
  for (let i = 1; i <= 6; i++) {
    if (i < 5) lines.push(`route N${i} add fd00:5::/64 via fd00:${i}::2`)
    if (i > 2) lines.push(`route N${i} add fd00:1::/64 via fd00:${i - 1}::1`)
    if (i > 1 && i < 6) lines.push(`sysctl N${i} net.ipv6.conf.all.forwarding=1`)
  }
  const world = netOf(lines.join('\n'), true)
  runFor(world, 3 * SEC)
  expect(ping(world, 'N1', 'fd00:5::2')).toEqual(['1 ttl=60'])
  for (let ttl = 1; ttl <= 4; ttl++) {
    expect(ping(world, 'N1', 'fd00:5::2', { ttl })).toEqual([`1 from fd00:${ttl}::2 3/0`])
  }
})

it('sources are chosen by scope, label and the longest prefix (RFC 6724)', () => {
  const world = netOf('link A/eth0 R/r0', true)
  for (const addr of ['2001:db8::1/64', 'fd00:1::1/64', 'fd00:2::1/64'])
    doLine(world, `addr A/eth0 ${addr} nodad`)
  runFor(world, 3 * SEC)
  const ns = nsOf(world, 'A')
  const from = (dst: string) => formatIp(selectSource6(ns, ns.links[2], parseIp6(dst)!)!)
  expect(from('fd00:1::99')).toBe('fd00:1::1')
  expect(from('fd00:2::99')).toBe('fd00:2::1')
  expect(from('2600::1')).toBe('2001:db8::1')
  expect(from('fe80::9')).toBe('fe80::ff:fe00:2')
  expect(from('ff02::1')).toBe('fe80::ff:fe00:2')
  expect(from('ff0e::1')).toBe('2001:db8::1')
  expect(labelOf(parseIp6('2002:102:304::1')!)).toBe(2)
})
