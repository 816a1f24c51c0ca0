import { describe, expect, it } from 'vitest'
import { formatIp } from '../../base/addr.ts'
import type { World } from '../types.ts'
import { doLine, ip, netOf, nsOf, routeText } from './checkip.ts'
import { fibLookup, routeAdd, routesOf, rulesOf } from './fib.ts'
import { isRefusal, ipRouteOutput, routeGet } from './route.ts'

// Texts and listings are those of iproute2 6.1 on Linux 6.18 in a namespace with the same commands.
const ONE = `
  link A/v0 B/v1
  addr A/v0 10.0.0.1/24`

function list(world: World, table: number): string[] {
  const ns = nsOf(world, 'A')
  return routesOf(ns, 4, table).map((route) => routeText(ns, route))
}

function via(world: World, dst: string, more: { src?: string; mark?: number; tos?: number } = {}): string {
  const route = ipRouteOutput(world, nsOf(world, 'A'), {
    dst: ip(dst),
    src: more.src === undefined ? 0 : ip(more.src),
    oif: 0,
    mark: more.mark ?? 0,
    tos: more.tos ?? 0,
  })
  return isRefusal(route) ? route.errno : `${formatIp(route.nextHop)} src ${formatIp(route.src)}`
}

describe('routes', () => {
  it('are refused in the kernel’s words', () => {
    const world = netOf(`${ONE}\n route A add 10.9.0.0/24 via 10.0.0.2`)
    const said = (line: string) => doLine(world, line)
    expect(said('route A add 10.9.0.0/24 via 10.0.0.2')).toBe('RTNETLINK answers: File exists')
    expect(said('route A add 10.9.1.0/24 via 10.5.0.3')).toBe('Error: Nexthop has invalid gateway.')
    expect(said('route A add 10.9.1.0/24 via 10.5.0.3 dev v0')).toBe('Error: Nexthop has invalid gateway.')
    expect(said('route A add 10.9.1.0/24 via 10.5.0.3 dev v0 onlink')).toBe('')
    expect(said('route A add 10.9.2.0/24 via 10.0.0.1')).toBe('')
    expect(said('route A add 10.9.3.0/24 via 10.0.0.255')).toBe('Error: Nexthop has invalid gateway.')
    expect(said('route A add 10.9.2.1/24 via 10.0.0.2')).toBe(
      'Error: Invalid prefix for given prefix length.',
    )
    expect(said('route A add 10.9.4.0/24')).toBe('RTNETLINK answers: No such device')
    expect(said('route A add 10.9.4.0/24 dev v0 src 9.9.9.9')).toBe('Error: Invalid prefsrc address.')
    expect(said('route A change 10.9.77.0/24 via 10.0.0.4')).toBe(
      'RTNETLINK answers: No such file or directory',
    )
    expect(said('route A del 10.9.99.0/24')).toBe('RTNETLINK answers: No such process')
    expect(said('route A del 10.9.0.0/24 via 10.0.0.77')).toBe('RTNETLINK answers: No such process')
    expect(said('down A/v0')).toBe('')
    expect(said('route A add 10.9.5.0/24 dev v0')).toBe('Error: Device for nexthop is not up.')
  })

  it('are listed by address, longest prefix first, then metric, then as they were added', () => {
    const world = netOf(`${ONE}
      route A add 10.9.0.0/24 via 10.0.0.2
      route A append 10.9.0.0/24 via 10.0.0.3
      route A replace 10.9.0.0/24 via 10.0.0.4
      route A add blackhole 10.9.3.0/24
      route A add unreachable 10.9.3.0/24 metric 5
      route A add default via 10.0.0.9
      route A add 10.0.0.0/16 via 10.0.0.9`)
    expect(list(world, 254)).toEqual([
      'default via 10.0.0.9 dev v0',
      '10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1',
      '10.0.0.0/16 via 10.0.0.9 dev v0',
      '10.9.0.0/24 via 10.0.0.4 dev v0',
      '10.9.0.0/24 via 10.0.0.3 dev v0',
      'blackhole 10.9.3.0/24',
      'unreachable 10.9.3.0/24 metric 5',
    ])
  })

  it('match by longest prefix, then metric; special types give their errors', () => {
    const world = netOf(`${ONE}
      route A add default via 10.0.0.9
      route A add 50.0.0.0/8 via 10.0.0.2 metric 20
      route A add 50.0.0.0/8 via 10.0.0.3 metric 10
      route A add 50.1.0.0/16 via 10.0.0.4
      route A add 50.1.0.0/16 via 10.0.0.5 tos 16
      route A add blackhole 60.0.0.0/24
      route A add unreachable 60.0.1.0/24
      route A add prohibit 60.0.2.0/24
      route A add throw 60.0.3.0/24`)
    expect(via(world, '50.2.0.1')).toBe('10.0.0.3 src 10.0.0.1')
    expect(via(world, '50.1.0.1')).toBe('10.0.0.4 src 10.0.0.1')
    expect(via(world, '50.1.0.1', { tos: 16 })).toBe('10.0.0.5 src 10.0.0.1')
    expect(via(world, '60.0.0.1')).toBe('EINVAL')
    expect(via(world, '60.0.1.1')).toBe('EHOSTUNREACH')
    expect(via(world, '60.0.2.1')).toBe('EACCES')
    expect(via(world, '60.0.3.1')).toBe('ENETUNREACH')
    expect(via(world, '8.8.8.8')).toBe('10.0.0.9 src 10.0.0.1')
    doLine(world, 'route A del 50.0.0.0/8 metric 10')
    expect(via(world, '50.2.0.1')).toBe('10.0.0.2 src 10.0.0.1')
  })

  it('agree with a linear walk of the table', () => {
    const world = netOf(ONE)
    let seed = 5
    const next = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 1
      return seed % n
    }
    for (let i = 0; i < 300; i++) {
      const len = 8 + next(25)
      const addr = ((10 << 24) | (next(4) << 16) | (next(8) << 8) | next(256)) & (-1 << (32 - len))
      doLine(world, `route A append ${formatIp(addr)}/${len} via 10.0.0.${2 + next(200)} metric ${next(3)}`)
    }
    const ns = nsOf(world, 'A')
    const all = routesOf(ns, 4)
    for (let i = 0; i < 2000; i++) {
      const dst = (10 << 24) | (next(4) << 16) | (next(8) << 8) | next(256)
      const fits = (table: number) =>
        all
          .filter(
            (r) =>
              r.table === table && ((dst ^ (r.dst as number)) & (r.len === 0 ? 0 : -1 << (32 - r.len))) === 0,
          )
          .sort((a, b) => b.len - a.len || a.metric - b.metric)[0]
      const want = fits(255) ?? fits(254)
      const got = fibLookup(world, ns, { family: 4, dst, src: 0, iif: 1, oif: 0, mark: 0, tos: 0 }).route
      expect(got).toBe(want ?? null)
    }
  })
})

it('a route of several next hops spreads flows by weight and leaves out what is down', () => {
  const world = netOf(`${ONE}
    link A/v1 B/v3
    addr A/v1 10.1.0.1/24`)
  const ns = nsOf(world, 'A')
  const nexthops = [{ via: ip('10.0.0.2') }, { via: ip('10.1.0.2'), weight: 2 }]
  expect(routeAdd(world, ns, { family: 4, dst: ip('77.0.0.0'), len: 8, nexthops })).toBeNull()
  const count = () => {
    let first = 0
    for (let i = 0; i < 3000; i++) {
      const flow = { family: 4 as const, dst: ip('77.0.0.0') + i, src: 0, iif: 1, oif: 0, mark: 0, tos: 0 }
      if (fibLookup(world, ns, flow).nexthop!.via === ip('10.0.0.2')) first++
    }
    return first
  }
  expect(count()).toBeGreaterThan(900)
  expect(count()).toBeLessThan(1100)
  doLine(world, 'down A/v1')
  expect(count()).toBe(3000)
})

describe('policy rules', () => {
  it('take the first free preference below the second rule', () => {
    const world = netOf(`${ONE}
      rule A add from 10.0.0.0/24 table 100
      rule A add prio 50 fwmark 1 blackhole
      rule A add to 10.0.0.0/8 unreachable`)
    expect(rulesOf(nsOf(world, 'A'), 4).map((r) => `${r.pref} ${r.action} ${r.table}`)).toEqual([
      '0 lookup 255',
      '49 unreachable 0',
      '50 blackhole 0',
      '32765 lookup 100',
      '32766 lookup 254',
      '32767 lookup 253',
    ])
    expect(doLine(world, 'rule A del prio 51')).toBe('RTNETLINK answers: No such file or directory')
    expect(doLine(world, 'rule A del from 10.0.0.0/24 table 100')).toBe('')
  })

  it('choose a table by source and mark; a table without the route passes on', () => {
    const world = netOf(`${ONE}
      addr A/v0 10.0.0.5/24
      route A add default via 10.0.0.9
      route A add 77.0.0.0/8 via 10.0.0.2 table 100
      rule A add from 10.0.0.5/32 table 100
      rule A add prio 10 fwmark 7 prohibit`)
    expect(via(world, '77.1.1.1')).toBe('10.0.0.9 src 10.0.0.1')
    expect(via(world, '77.1.1.1', { src: '10.0.0.5' })).toBe('10.0.0.2 src 10.0.0.5')
    expect(via(world, '78.1.1.1', { src: '10.0.0.5' })).toBe('10.0.0.9 src 10.0.0.5')
    expect(via(world, '78.1.1.1', { mark: 7 })).toBe('EACCES')
  })
})

it('ip route get tells what the kernel tells', () => {
  const world = netOf(`${ONE}
    route A add 50.0.0.0/8 via 10.0.0.2 mtu 1300
    sysctl A net.ipv4.ip_forward=1`)
  const ns = nsOf(world, 'A')
  const get = (dst: string, more: { src?: number; iif?: number } = {}) =>
    routeGet(world, ns, { dst: ip(dst), ...more })
  expect(get('50.1.1.1')).toMatchObject({
    type: 'unicast',
    via: ip('10.0.0.2'),
    src: ip('10.0.0.1'),
    flags: [],
    mtu: 1300,
  })
  expect(get('10.0.0.1')).toMatchObject({
    type: 'local',
    oif: 1,
    src: ip('10.0.0.1'),
    flags: ['local'],
    table: 0,
  })
  expect(get('10.0.0.255')).toMatchObject({
    type: 'broadcast',
    oif: 2,
    src: ip('10.0.0.1'),
    flags: ['local', 'brd'],
  })
  expect(get('0.0.0.0')).toMatchObject({ type: 'local', oif: 1, src: ip('127.0.0.1') })
  expect(get('224.0.0.9')).toEqual({ errno: 'ENETUNREACH' })
  expect(get('255.255.255.255')).toEqual({ errno: 'ENETUNREACH' })
  expect(get('50.1.1.1', { src: ip('10.0.0.7') })).toEqual({ errno: 'ENETUNREACH' })
  expect(get('10.0.0.66', { src: ip('10.0.0.77'), iif: 2 })).toMatchObject({
    type: 'unicast',
    flags: ['redirect'],
  })
  expect(get('10.0.0.66', { src: ip('10.0.0.1'), iif: 2 })).toEqual({ errno: 'EINVAL' })
  expect(get('10.0.0.255', { src: ip('10.0.0.2'), iif: 2 })).toMatchObject({
    oif: 1,
    table: 255,
    flags: ['local', 'brd'],
  })
})
