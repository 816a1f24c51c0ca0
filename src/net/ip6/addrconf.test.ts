// Expected values: Linux 6.18 in namespaces of the same shape, `ip -6 route show table all`, `ip -6 addr`, tcpdump.
import { describe, expect, it } from 'vitest'
import { formatIp } from '../../base/addr.ts'
import { checkpoint, seek, stateHash } from '../../sim/timeline.ts'
import { dev, doLine, ipRules, netOf, nsOf, ping, routeText, runFor, sentFrames } from '../ip/checkip.ts'
import { routesOf } from '../ip/fib.ts'
import type { World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'

function table(world: World, name: string): string[] {
  const ns = nsOf(world, name)
  return routesOf(ns, 6).map((route) => `${route.table === 255 ? 'L ' : ''}${routeText(ns, route)}`)
}

/** `fd00:1::1/64 tentative` for every IPv6 address, in the order of the list. */
function addrs(world: World, path: string): string[] {
  const list = dev(world, path).addrs.filter((a) => typeof a.addr === 'string')
  return list.map((a) => {
    const flags = [a.dadFailed ? 'dadfailed' : '', a.tentative ? 'tentative' : '', a.nodad ? 'nodad' : '']
    return [`${formatIp(a.addr)}/${a.len}`, ...flags.filter((flag) => flag !== '')].join(' ')
  })
}

function frames(world: World, path: string, first = 0): string[] {
  const start = ` ${path} `
  return sentFrames(world, first)
    .filter((line) => line.includes(start))
    .map((line) => line.slice(line.indexOf(start) + start.length))
}

describe('a device that comes up', () => {
  it('takes a link-local address that is tentative for one to two seconds', () => {
    const world = netOf('link A/eth0 R/r0', true)
    expect(addrs(world, 'A/eth0')).toEqual(['fe80::ff:fe00:2/64 tentative'])
    expect(table(world, 'A')).toEqual([
      'fe80::/64 dev eth0 proto kernel metric 256',
      'L local ::1 dev lo proto kernel',
      'L multicast ff00::/8 dev eth0 proto kernel metric 256',
    ])
    runFor(world, 990 * MS)
    expect(addrs(world, 'A/eth0')).toEqual(['fe80::ff:fe00:2/64 tentative'])
    runFor(world, 1100 * MS)
    expect(addrs(world, 'A/eth0')).toEqual(['fe80::ff:fe00:2/64'])
    expect(table(world, 'A')).toEqual([
      'fe80::/64 dev eth0 proto kernel metric 256',
      'L local ::1 dev lo proto kernel',
      'L local fe80::ff:fe00:2 dev eth0 proto kernel',
      'L multicast ff00::/8 dev eth0 proto kernel metric 256',
    ])
  })

  it('reports its group twice from ::, asks for its address once, reports twice from it and asks for routers', () => {
    const world = netOf('link A/eth0 R/r0', true)
    runFor(world, 3 * SEC)
    expect(frames(world, 'A/eth0').sort()).toEqual([
      ':: > ff02::16 mld to_ex ff02::1:ff00:2',
      ':: > ff02::16 mld to_ex ff02::1:ff00:2',
      ':: > ff02::1:ff00:2 ns fe80::ff:fe00:2 +nonce',
      'fe80::ff:fe00:2 > ff02::16 mld to_ex ff02::1:ff00:2',
      'fe80::ff:fe00:2 > ff02::16 mld to_ex ff02::1:ff00:2',
      'fe80::ff:fe00:2 > ff02::2 rs +lladdr',
    ])
  })

  it('asks for routers again after four seconds and twice as long each time, within a tenth', () => {
    const world = netOf('link A/eth0 R/r0', true)
    runFor(world, 40 * SEC)
    const times = sentFrames(world)
      .filter((line) => line.includes('A/eth0') && line.includes(' rs '))
      .map((line) => Number(line.split(' ')[0]))
    const waits = times.slice(1).map((at, i) => at - times[i]!)
    expect(times.length).toBe(4)
    waits.forEach((wait, i) => {
      expect(wait).toBeGreaterThan(4 * 1.9 ** i * 0.9)
      expect(wait).toBeLessThan(4 * 2.1 ** i * 1.1 + 0.6)
    })
  })

  it('loses all IPv6 addresses when it goes down, and at the other end keeps them', () => {
    const world = netOf('link A/eth0 R/r0\naddr A/eth0 fd00:1::1/64\naddr R/r0 fd00:1::f/64', true)
    runFor(world, 3 * SEC)
    doLine(world, 'down R/r0')
    expect(table(world, 'R')).toEqual(['L local ::1 dev lo proto kernel'])
    expect(table(world, 'A')).toEqual([
      'fd00:1::/64 dev eth0 proto kernel metric 256 linkdown',
      'fe80::/64 dev eth0 proto kernel metric 256 linkdown',
      'L local ::1 dev lo proto kernel',
      'L local fd00:1::1 dev eth0 proto kernel',
      'L local fe80::ff:fe00:2 dev eth0 proto kernel',
      'L multicast ff00::/8 dev eth0 proto kernel metric 256 linkdown',
    ])
    const first = world.recorder.detail!.length
    doLine(world, 'up R/r0')
    runFor(world, 3 * SEC)
    expect(addrs(world, 'R/r0')).toEqual(['fe80::ff:fe00:1/64'])
    // A reports its groups again and checks nothing; R still owes the report that it left a group.
    expect(frames(world, 'A/eth0', first).filter((line) => !line.includes(' rs '))).toEqual([
      'fe80::ff:fe00:2 > ff02::16 mld to_ex ff02::1:ff00:1 to_ex ff02::1:ff00:2',
      'fe80::ff:fe00:2 > ff02::16 mld to_ex ff02::1:ff00:1 to_ex ff02::1:ff00:2',
    ])
    expect(frames(world, 'R/r0', first)).toContain(
      ':: > ff02::16 mld to_in ff02::1:ff00:f to_ex ff02::1:ff00:1',
    )
  })
})

describe('addresses', () => {
  it('wait while the device is down; nodad takes them at once', () => {
    const world = netOf('link A/eth0 R/r0\ndown A/eth0\ndown R/r0', true)
    doLine(world, 'addr A/eth0 fd00:1::1/64')
    doLine(world, 'addr A/eth0 fd00:1::2/64 nodad')
    expect(addrs(world, 'A/eth0')).toEqual(['fd00:1::2/64 nodad', 'fd00:1::1/64 tentative'])
    expect(table(world, 'A')).toEqual([
      'L local ::1 dev lo proto kernel',
      'L local fd00:1::2 dev eth0 proto kernel',
    ])
    doLine(world, 'up A/eth0')
    expect(addrs(world, 'A/eth0')).toEqual(['fd00:1::2/64 nodad', 'fd00:1::1/64 tentative'])
    expect(table(world, 'A')).toEqual([
      'fd00:1::/64 dev eth0 proto kernel metric 256 linkdown',
      'L local ::1 dev lo proto kernel',
      'L local fd00:1::2 dev eth0 proto kernel',
    ])
    doLine(world, 'up R/r0')
    runFor(world, 3 * SEC)
    expect(addrs(world, 'A/eth0')).toEqual(['fd00:1::2/64 nodad', 'fd00:1::1/64', 'fe80::ff:fe00:2/64'])
    expect(table(world, 'A')).toEqual([
      'fd00:1::/64 dev eth0 proto kernel metric 256',
      'fe80::/64 dev eth0 proto kernel metric 256',
      'L local ::1 dev lo proto kernel',
      'L local fd00:1::1 dev eth0 proto kernel',
      'L local fd00:1::2 dev eth0 proto kernel',
      'L local fe80::ff:fe00:2 dev eth0 proto kernel',
      'L multicast ff00::/8 dev eth0 proto kernel metric 256',
    ])
  })

  it('have a prefix route that goes with the last of the prefix; /128 and lo too', () => {
    const world = netOf('link A/eth0 R/r0\naddr A/eth0 fd00:1::1/64\naddr A/eth0 fd00:1::2/64', true)
    doLine(world, 'addr A/eth0 fd00:5::5/128')
    doLine(world, 'addr A/lo fd00:6::6/64')
    runFor(world, 3 * SEC)
    expect(addrs(world, 'A/lo')).toEqual(['fd00:6::6/64', '::1/128'])
    const rest = [
      'fd00:5::5 dev eth0 proto kernel metric 256',
      'fd00:6::/64 dev lo proto kernel metric 256',
      'fe80::/64 dev eth0 proto kernel metric 256',
    ]
    const main = () => table(world, 'A').filter((line) => !line.startsWith('L'))
    expect(main()).toEqual(['fd00:1::/64 dev eth0 proto kernel metric 256', ...rest])
    expect(doLine(world, 'noaddr A/eth0 fd00:1::1/64')).toBe('')
    expect(main()).toEqual(['fd00:1::/64 dev eth0 proto kernel metric 256', ...rest])
    expect(doLine(world, 'noaddr A/eth0 fd00:1::2/64')).toBe('')
    expect(main()).toEqual(rest)
  })

  it('are refused in the words of the kernel', () => {
    const world = netOf('link A/eth0 R/r0\naddr A/lo fd00:6::6/64', true)
    expect(doLine(world, 'noaddr A/eth0 fd00:1::2/64')).toBe('Error: ipv6: address not found.')
    expect(doLine(world, 'addr A/lo fd00:6::6/64')).toBe('Error: ipv6: address already assigned.')
    expect(doLine(world, 'addr A/eth0 ff02::5/64')).toBe(
      'Error: ipv6: Cannot assign multicast address without "IFA_F_MCAUTOJOIN" flag.',
    )
    expect(doLine(world, 'addr A/eth0 ::/64')).toBe('Error: ipv6: Invalid address.')
    expect(doLine(world, 'addr A/eth0 ::1/128')).toBe(
      'Error: ipv6: Cannot assign loopback address on this device.',
    )
    doLine(world, 'sysctl A net.ipv6.conf.eth0.disable_ipv6=1')
    expect(doLine(world, 'addr A/eth0 fd00:1::2/64')).toBe('Error: ipv6: IPv6 is disabled on this device.')
  })

  it('that somebody has stay dadfailed, with their prefix route', () => {
    const world = netOf('link A/eth0 R/r0\naddr R/r0 fd00:2::f/64', true)
    runFor(world, 3 * SEC)
    doLine(world, 'addr A/eth0 fd00:2::f/64')
    const first = world.recorder.detail!.length
    runFor(world, 3 * SEC)
    expect(addrs(world, 'A/eth0')).toEqual(['fd00:2::f/64 dadfailed tentative', 'fe80::ff:fe00:2/64'])
    expect(table(world, 'A')).toContain('fd00:2::/64 dev eth0 proto kernel metric 256')
    expect(table(world, 'A')).not.toContain('L local fd00:2::f dev eth0 proto kernel')
    expect(frames(world, 'R/r0', first)).toContain('fd00:2::f > ff02::1 na fd00:2::f override +lladdr')
    expect(nsOf(world, 'A').log!.at(-1)!.text).toBe(
      'IPv6: eth0: IPv6 duplicate address fd00:2::f used by 02:00:00:00:00:01 detected!',
    )
  })
})

describe('switches', () => {
  const NET = 'link A/eth0 R/r0\naddr A/eth0 fd00:1::1/64\naddr R/r0 fd00:1::f/64'

  it('disable_ipv6 takes all addresses and routes at once, and gives a link-local one back', () => {
    const world = netOf(NET, true)
    runFor(world, 3 * SEC)
    doLine(world, 'sysctl A net.ipv6.conf.eth0.disable_ipv6=1')
    expect(table(world, 'A')).toEqual(['L local ::1 dev lo proto kernel'])
    expect(ping(world, 'A', 'fd00:1::f', { waitMs: 0 })).toEqual(['1 ENETUNREACH'])
    doLine(world, 'sysctl A net.ipv6.conf.eth0.disable_ipv6=0')
    expect(addrs(world, 'A/eth0')).toEqual(['fe80::ff:fe00:2/64 tentative'])
    expect(table(world, 'A')).toEqual([
      'fe80::/64 dev eth0 proto kernel metric 256',
      'L local ::1 dev lo proto kernel',
      'L multicast ff00::/8 dev eth0 proto kernel metric 256',
    ])
    doLine(world, 'sysctl A net.ipv6.conf.all.disable_ipv6=1')
    expect(table(world, 'A')).toEqual([])
    expect(nsOf(world, 'A').confDefault.disableIpv6).toBe(1)
    expect(ping(world, 'A', '::1', { waitMs: 0 })).toEqual(['1 EADDRNOTAVAIL'])
    doLine(world, 'sysctl A net.ipv6.conf.all.disable_ipv6=0')
    expect(addrs(world, 'A/lo')).toEqual(['::1/128'])
  })

  it('forwarding joins the routers and their anycast addresses, and leaves them', () => {
    const world = netOf(NET, true)
    runFor(world, 3 * SEC)
    const first = world.recorder.detail!.length
    doLine(world, 'sysctl R net.ipv6.conf.all.forwarding=1')
    runFor(world, 2 * SEC)
    expect(table(world, 'R').filter((line) => line.includes('anycast'))).toEqual([
      'L anycast fd00:1:: dev r0 proto kernel',
      'L anycast fe80:: dev r0 proto kernel',
    ])
    // fd00:1:: and fe80:: share ff02::1:ff00:0.
    const report = 'mld to_ex ff02::1:ff00:0 to_ex ff05::2 to_ex ff02::2'
    expect(frames(world, 'R/r0', first).slice(0, 2)).toEqual([
      `fe80::ff:fe00:1 > ff02::16 ${report}`,
      `fe80::ff:fe00:1 > ff02::16 ${report}`,
    ])
    doLine(world, 'sysctl R net.ipv6.conf.all.forwarding=0')
    expect(table(world, 'R').filter((line) => line.includes('anycast'))).toEqual([])
    runFor(world, 2 * SEC)
    const left = frames(world, 'R/r0', first).findLast((line) => line.includes(' mld '))!
    expect(['to_in ff02::2', 'to_in ff05::2', 'to_in ff02::1:ff00:0'].every((r) => left.includes(r))).toBe(
      true,
    )
  })
})

it('going back into the middle of duplicate address detection gives the same world', () => {
  const world = netOf('link A/eth0 R/r0\naddr A/eth0 fd00:1::1/64\naddr R/r0 fd00:1::f/64', true)
  checkpoint(world)
  runFor(world, 700 * MS)
  const middle = world.nEvents
  checkpoint(world)
  runFor(world, 5 * SEC)
  const last = world.nEvents
  const hashes: string[] = []
  for (const event of [middle, last, middle, last]) {
    seek(world, ipRules, event)
    expect(addrs(world, 'A/eth0')[0]!.includes('tentative')).toBe(event === middle)
    hashes.push(stateHash(world))
  }
  expect(hashes.slice(2)).toEqual(hashes.slice(0, 2))
})
