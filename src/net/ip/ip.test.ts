import { describe, expect, it } from 'vitest'
import { formatIp } from '../../base/addr.ts'
import { snmpGet } from '../snmp.ts'
import { SEC } from '../wheel.ts'
import { StepKind } from '../trace.ts'
import { doLine, drops, heard, ip, netOf, nsOf, ping, runFor, sentFrames, stepsOf, udp } from './checkip.ts'
import { ipRouteOutput, isRefusal, routeGet } from './route.ts'

// kernel.md lines 19-27 and what ping 20221126 on Linux 6.18 printed in namespaces of this shape.
const PAIR = `
  link A/a0 B/b0
  addr A/a0 10.0.0.1/24
  addr B/b0 10.0.0.2/24`

/** A - R - S - B: two routers between. */
const CHAIN = `
  link A/a0 R/r0
  link R/r1 S/s0
  link S/s1 B/b0
  addr A/a0 10.0.0.2/24
  addr R/r0 10.0.0.1/24
  addr R/r1 10.1.0.1/24
  addr S/s0 10.1.0.2/24
  addr S/s1 10.2.0.1/24
  addr B/b0 10.2.0.2/24
  route A add default via 10.0.0.1
  route R add 10.2.0.0/24 via 10.1.0.2
  route S add 10.0.0.0/24 via 10.1.0.1
  route B add default via 10.2.0.1
  sysctl R net.ipv4.ip_forward=1
  sysctl S net.ipv4.ip_forward=1`

describe('forwarding', () => {
  it('lowers the TTL once a router: 64, 63, 62', () => {
    const world = netOf(CHAIN)
    expect(ping(world, 'A', '10.2.0.2')).toEqual(['1 ttl=62'])
    const ttls = stepsOf(world, StepKind.Tx).filter((s) => s.headers.icmp?.type === 8)
    expect(ttls.map((s) => `${s.nsName} ${s.headers.ttl}`)).toEqual(['A 64', 'R 63', 'S 62'])
    expect(snmpGet(nsOf(world, 'R'), 'IpForwDatagrams')).toBe(2)
  })

  it('answers an expired TTL from the address on the way back, quoting it as received', () => {
    const world = netOf(CHAIN)
    expect(ping(world, 'A', '10.2.0.2', { ttl: 1 })).toEqual(['1 from 10.0.0.1 11/0'])
    expect(ping(world, 'A', '10.2.0.2', { ttl: 2 })).toEqual(['1 from 10.1.0.2 11/0'])
    const errors = stepsOf(world, StepKind.Originate).filter((s) => s.headers.icmp?.type === 11)
    expect(errors.map((s) => s.headers.icmp!.quoted!.ttl)).toEqual([1, 1])
    expect(errors[0]!.headers.tos).toBe(0xc0)
    expect(drops(world)).toEqual(['R TTL_EXPIRED', 'S TTL_EXPIRED'])
  })

  it('answers net unreachable where a router has no route, and silence where a host does not forward', () => {
    const world = netOf(CHAIN)
    expect(ping(world, 'A', '99.1.1.1')).toEqual(['1 from 10.0.0.1 3/0'])
    doLine(world, 'sysctl R net.ipv4.ip_forward=0')
    expect(ping(world, 'A', '10.2.0.2')).toEqual([])
    expect(ping(world, 'A', '10.1.0.1')).toEqual(['1 ttl=64'])
    expect(drops(world)).toEqual(['R IP_INNOROUTES', 'R IP_INADDRERRORS'])
    expect(snmpGet(nsOf(world, 'R'), 'IpInAddrErrors')).toBe(1)
  })

  it('reports the last router’s ARP failure as host unreachable, with the lowered TTL', () => {
    const world = netOf(CHAIN)
    expect(ping(world, 'A', '10.2.0.9')).toEqual(['1 from 10.1.0.2 3/1'])
    const error = stepsOf(world, StepKind.Originate).find((s) => s.headers.icmp?.type === 3)!
    expect(error.headers.icmp!.quoted!.ttl).toBe(62)
  })

  it.each([
    ['blackhole', [], 'IP_BLACKHOLE'],
    ['unreachable', ['1 from 10.0.0.1 3/1'], 'IP_UNREACHABLE'],
    ['prohibit', ['1 from 10.0.0.1 3/13'], 'IP_PROHIBIT'],
  ])('obeys a %s route', (type, answer, reason) => {
    const world = netOf(`${CHAIN}\n route R add ${type} 50.0.0.0/8`)
    expect(ping(world, 'A', '50.1.1.1')).toEqual(answer)
    expect(drops(world)).toEqual([`R ${reason}`])
  })

  it('limits errors: six at once to one host, two where the route itself is missing', () => {
    const burst = { count: 12, intervalMs: 10, waitMs: 300 }
    expect(ping(netOf(CHAIN), 'A', '10.2.0.2', { ...burst, ttl: 1 })).toEqual(
      [1, 2, 3, 4, 5, 6].map((seq) => `${seq} from 10.0.0.1 11/0`),
    )
    // ip_error and icmp_send take from the same tokens.
    const world = netOf(CHAIN)
    expect(ping(world, 'A', '99.1.1.1', burst)).toEqual(['1 from 10.0.0.1 3/0', '2 from 10.0.0.1 3/0'])
    expect(ping(world, 'A', '10.2.0.2', { ...burst, ttl: 1 })).toEqual([])
    runFor(world, 7 * SEC)
    expect(ping(world, 'A', '10.2.0.2', { ...burst, ttl: 1 })).toHaveLength(6)
  })

  it('quotes 548 bytes of a long packet, so that the error has 576', () => {
    const world = netOf(CHAIN)
    ping(world, 'A', '10.2.0.2', { ttl: 1, size: 1000 })
    const error = stepsOf(world, StepKind.Originate).find((s) => s.headers.icmp?.type === 11)!
    expect([error.headers.length, error.headers.icmp!.quotedLen]).toEqual([576, 548])
  })
})

describe('path MTU', () => {
  const NARROW = `${CHAIN}\n mtu S/s1 1400\n mtu B/b0 1400`

  it('is learned from 3/4 for 600 s; what is sent afterwards is fragmented, or refused with DF', () => {
    const world = netOf(NARROW)
    expect(ping(world, 'A', '10.2.0.2', { size: 1400, count: 2, waitMs: 2000 })).toEqual([
      '1 from 10.1.0.2 3/4 mtu=1400',
      '2 ttl=62',
    ])
    expect(routeGet(world, nsOf(world, 'A'), { dst: ip('10.2.0.2') })).toMatchObject({
      mtu: 1400,
      expiresInS: 597,
    })
    expect(ping(world, 'A', '10.2.0.2', { size: 1400, pmtudisc: 2 })).toEqual(['1 EMSGSIZE mtu=1400'])
    runFor(world, 600 * SEC)
    expect(routeGet(world, nsOf(world, 'A'), { dst: ip('10.2.0.2') })).toMatchObject({ mtu: 0 })
  })

  it('does not matter to a socket that omits it: whole, without DF, and the router fragments', () => {
    const world = netOf(NARROW)
    ping(world, 'A', '10.2.0.2', { size: 1400, waitMs: 2000 })
    expect(routeGet(world, nsOf(world, 'A'), { dst: ip('10.2.0.2') })).toMatchObject({ mtu: 1400 })
    expect(ping(world, 'A', '10.2.0.2', { size: 1400, pmtudisc: 5 })).toEqual(['1 ttl=62'])
    const sent = stepsOf(world, StepKind.Tx).filter(
      (s) => s.nsName === 'A' && s.headers.dst === ip('10.2.0.2'),
    )
    expect(sent.at(-1)!.headers).toMatchObject({ df: false, fragOffset: 0, moreFrags: false, length: 1428 })
  })

  it('does not matter without DF: the router fragments', () => {
    const world = netOf(NARROW)
    expect(ping(world, 'A', '10.2.0.2', { size: 1400, pmtudisc: 0 })).toEqual(['1 ttl=62'])
    const pieces = stepsOf(world, StepKind.Tx).filter(
      (s) => s.nsName === 'S' && s.dev === 's1' && s.headers.dst === ip('10.2.0.2'),
    )
    expect(pieces.map((s) => `${s.headers.fragOffset}+${s.headers.length} ${s.headers.moreFrags}`)).toEqual([
      '0+1396 true',
      '1376+52 false',
    ])
  })
})

describe('fragments', () => {
  it('of a 4000 byte ping are 1500, 1500 and 1068 bytes, and are put together', () => {
    const world = netOf(PAIR)
    expect(ping(world, 'A', '10.0.0.2', { size: 4000 })).toEqual(['1 ttl=64'])
    const pieces = stepsOf(world, StepKind.Tx).filter((s) => s.nsName === 'A' && s.headers.arp === null)
    expect(pieces.map((s) => `${s.headers.fragOffset}+${s.headers.length} ${s.headers.moreFrags}`)).toEqual([
      '0+1500 true',
      '1480+1500 true',
      '2960+1068 false',
    ])
    expect(snmpGet(nsOf(world, 'B'), 'IpReasmOKs')).toBe(1)
  })

  it('that never become whole end after 30 s with 11/1', () => {
    const world = netOf(PAIR)
    ping(world, 'A', '10.0.0.2')
    const sock = udp(world, 'A', '10.0.0.2', 9, { payload: new Uint8Array(2000) })
    // The second piece is lost on the wire.
    const ref = world.queue.refs.findIndex(
      (r) => (r as { fragOffset?: number } | undefined)?.fragOffset === 1480,
    )
    const lost = world.queue.refs[ref] as { dmac: number }
    lost.dmac = 0x020000999999
    runFor(world, 32 * SEC)
    expect(heard(nsOf(world, 'A'), sock)).toEqual(['from 10.0.0.2 11/1'])
    expect(drops(world)).toEqual(['B OTHERHOST', 'B FRAG_REASM_TIMEOUT'])
  })
})

it('requests have DF, replies and errors have not; all have an id of their own', () => {
  const world = netOf(CHAIN)
  ping(world, 'A', '10.2.0.2', { count: 2 })
  ping(world, 'A', '10.2.0.2', { ttl: 1 })
  const sent = stepsOf(world, StepKind.Originate).filter((s) => s.headers.icmp !== null)
  expect(sent.map((s) => `${s.headers.icmp!.type} ${s.headers.df}`)).toEqual([
    '8 true',
    '0 false',
    '8 true',
    '0 false',
    '8 true',
    '11 false',
  ])
  const ids = sent.filter((s) => s.nsName === 'A').map((s) => s.headers.ipId)
  expect(new Set(ids).size).toBe(3)
})

describe('own destinations', () => {
  it('are reached over lo, and not at all while lo is down', () => {
    const world = netOf(PAIR)
    expect(ping(world, 'A', '10.0.0.1')).toEqual(['1 ttl=64'])
    expect(sentFrames(world)).toEqual([])
    doLine(world, 'down A/lo')
    expect(ping(world, 'A', '10.0.0.1')).toEqual([])
    expect(ping(world, 'A', '10.0.0.9')).toEqual([])
  })

  it('a destination without a route fails in the call', () => {
    expect(ping(netOf(PAIR), 'A', '8.8.8.8')).toEqual(['1 ENETUNREACH'])
  })

  it('ignores a broadcast ping unless told otherwise', () => {
    expect(ping(netOf(PAIR), 'A', '10.0.0.255', { broadcast: false })).toEqual(['1 EACCES'])
    const world = netOf(PAIR)
    expect(ping(world, 'A', '10.0.0.255', { broadcast: true })).toEqual([])
    expect(drops(world)).toEqual(['A INVALID_PROTO', 'B INVALID_PROTO'])
    doLine(world, 'sysctl B net.ipv4.icmp_echo_ignore_broadcasts=0')
    expect(ping(world, 'A', '10.0.0.255', { broadcast: true })).toEqual(['1 ttl=64'])
  })
})

describe('source validation', () => {
  /** A reaches B by b0; B answers by its other link. */
  const SPLIT = `
    link A/a0 B/b0
    link A/a1 B/b1
    addr A/a0 10.0.0.1/24
    addr B/b0 10.0.0.2/24
    addr A/a1 10.1.0.1/24
    addr B/b1 10.1.0.2/24
    addr A/lo 7.7.7.7/32
    route B add 7.7.7.7/32 via 10.1.0.1
    route A add 10.0.0.2/32 dev a0 src 7.7.7.7`

  it('passes asymmetric paths with 0 and 2, drops them with 1', () => {
    expect(ping(netOf(SPLIT), 'A', '10.0.0.2')).toEqual(['1 ttl=64'])
    expect(ping(netOf(`${SPLIT}\n sysctl B net.ipv4.conf.all.rp_filter=2`), 'A', '10.0.0.2')).toEqual([
      '1 ttl=64',
    ])
    const world = netOf(
      `${SPLIT}\n route A replace 10.0.0.2/32 dev a0\n sysctl B net.ipv4.conf.b0.rp_filter=1`,
    )
    expect(ping(world, 'A', '10.0.0.2')).toEqual(['1 ttl=64'])
    doLine(world, 'route A replace 10.0.0.2/32 dev a0 src 7.7.7.7')
    expect(ping(world, 'A', '10.0.0.2')).toEqual([])
    expect(drops(world)).toEqual(['B IP_RPFILTER'])
    expect(snmpGet(nsOf(world, 'B'), 'TcpExtIPReversePathFilter')).toBe(1)
  })

  it('logs martians where log_martians says so', () => {
    const world =
      netOf(`${SPLIT}\n sysctl B net.ipv4.conf.b0.rp_filter=1\n sysctl B net.ipv4.conf.all.log_martians=1
      route A replace 10.0.0.2/32 dev a0`)
    ping(world, 'A', '10.0.0.2')
    doLine(world, 'route A replace 10.0.0.2/32 dev a0 src 7.7.7.7')
    ping(world, 'A', '10.0.0.2')
    expect(nsOf(world, 'B').log!.map((line) => line.text)).toContain(
      'IPv4: martian source 10.0.0.2 from 7.7.7.7, on dev b0',
    )
  })

  it('drops a packet that claims an own address', () => {
    const world = netOf(`${PAIR}\n addr B/lo 10.0.0.1/32`)
    expect(ping(world, 'A', '10.0.0.2')).toEqual(['1 from 10.0.0.1 3/1'])
  })
})

describe('redirects', () => {
  /** H, R and G share a switch-less line through R: H's default is R, the better next hop is on the same link. */
  const TRIANGLE = `
    link H/h0 R/r0
    addr H/h0 10.0.0.2/24
    addr R/r0 10.0.0.1/24
    route H add default via 10.0.0.1
    route R add 50.0.0.0/8 via 10.0.0.2
    sysctl R net.ipv4.ip_forward=1`

  it('are sent to a neighbour that could have gone there itself, each after a longer pause', () => {
    const world = netOf(TRIANGLE)
    ping(world, 'H', '50.1.1.1', { count: 3, ttl: 2 })
    const redirects = stepsOf(world, StepKind.Originate).filter((s) => s.headers.icmp?.type === 5)
    expect(redirects).toHaveLength(3)
    expect(formatIp(redirects[0]!.headers.icmp!.gateway)).toBe('10.0.0.2')
    expect(redirects[0]!.headers.icmp!.quoted!.ttl).toBe(1)
  })

  it('are not sent with send_redirects=0 on all and the device', () => {
    const off = 'sysctl R net.ipv4.conf.all.send_redirects=0\n sysctl R net.ipv4.conf.r0.send_redirects=0'
    const world = netOf(`${TRIANGLE}\n ${off}`)
    ping(world, 'H', '50.1.1.1', { ttl: 2 })
    expect(stepsOf(world, StepKind.Originate).filter((s) => s.headers.icmp?.type === 5)).toEqual([])
  })

  it('are taken by a host at the second time, once it knows the new gateway; never by a router', () => {
    const text = `
      link H/e0 S/p1
      link R/e0 S/p2
      link G/e0 S/p3
      bridge S/br0
      master S/p1 br0
      master S/p2 br0
      master S/p3 br0
      addr H/e0 10.0.0.2/24
      addr R/e0 10.0.0.1/24
      addr G/e0 10.0.0.3/24
      addr G/lo 50.0.0.1/32
      route H add default via 10.0.0.1
      route R add 50.0.0.0/8 via 10.0.0.3
      sysctl R net.ipv4.ip_forward=1`
    const world = netOf(text)
    // Linux 6.18: two redirects, then straight to 10.0.0.3; ip route get says redirected, expires 296sec.
    const answers = ping(world, 'H', '50.0.0.1', { count: 5, waitMs: 1000 })
    expect(answers.filter((line) => line.includes('ttl='))).toEqual([1, 2, 3, 4, 5].map((n) => `${n} ttl=64`))
    expect(answers.filter((line) => line.includes('5/1'))).toEqual([
      '1 from 10.0.0.1 5/1',
      '2 from 10.0.0.1 5/1',
    ])
    const got = routeGet(world, nsOf(world, 'H'), { dst: ip('50.0.0.1') })
    expect(got).toMatchObject({ via: ip('10.0.0.3'), flags: ['redirected'], expiresInS: 296 })
    const router = netOf(`${text}\n sysctl H net.ipv4.ip_forward=1`)
    ping(router, 'H', '50.0.0.1', { count: 3 })
    expect(routeGet(router, nsOf(router, 'H'), { dst: ip('50.0.0.1') })).toMatchObject({
      via: ip('10.0.0.1'),
    })
  })

  it('ip_forward=1 turns accept_redirects of all off', () => {
    const world = netOf(TRIANGLE)
    expect([nsOf(world, 'R').confAll.acceptRedirects, nsOf(world, 'H').confAll.acceptRedirects]).toEqual([
      0, 1,
    ])
    const route = ipRouteOutput(world, nsOf(world, 'H'), {
      dst: ip('50.1.1.1'),
      src: 0,
      oif: 0,
      mark: 0,
      tos: 0,
    })
    expect(isRefusal(route) ? '' : formatIp(route.nextHop)).toBe('10.0.0.1')
  })
})

it('a closed UDP port is answered with 3/3, a datagram for an open one waits there', () => {
  const world = netOf(PAIR)
  const sock = udp(world, 'A', '10.0.0.2', 9)
  runFor(world, SEC)
  expect(heard(nsOf(world, 'A'), sock)).toEqual(['from 10.0.0.2 3/3'])
  expect(drops(world)).toEqual(['B NO_SOCKET'])
})
