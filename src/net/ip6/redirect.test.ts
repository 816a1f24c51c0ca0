// Expected values: Linux 6.18 in namespaces of the same shape: ping -6, tcpdump, ip -6 route get, ip6tables -v.
import { describe, expect, it } from 'vitest'
import { formatIp, parseIp6 } from '../../base/addr.ts'
import { doLine, neighs, netOf, nsOf, ping, runFor, stepsOf, udp } from '../ip/checkip.ts'
import { StepKind } from '../trace.ts'
import type { Packet, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { routeGet6 } from './route.ts'

const T = 'fd00:1::2'

/** H, R and S on one switch, T behind S. R's way to T is by S, back over the device that H's packets came by. */
function triangle(gateways: 'link' | 'global', more = ''): World {
  const world = netOf(
    `
    link H/e0 S0/p1
    link R/e0 S0/p2
    link S/e0 S0/p3
    link S/e1 T/e0
    bridge S0/br0
    master S0/p1 br0
    master S0/p2 br0
    master S0/p3 br0
    sysctl R net.ipv6.conf.all.forwarding=1
    sysctl S net.ipv6.conf.all.forwarding=1
    addr H/e0 fd00::1/64
    addr R/e0 fd00::2/64
    addr S/e0 fd00::3/64
    addr S/e1 fd00:1::1/64
    addr T/e0 fd00:1::2/64
    route T add default via fd00:1::1${more}`,
    true,
  )
  runFor(world, 3 * SEC)
  const [r, s] = gateways === 'link' ? [linkLocal(world, 'R'), linkLocal(world, 'S')] : ['fd00::2', 'fd00::3']
  const said = [`route R add fd00:1::/64 via ${s} dev e0`, `route H add default via ${r} dev e0`]
  expect(said.map((line) => doLine(world, line))).toEqual(['', ''])
  return world
}

function linkLocal(world: World, name: string): string {
  const addr = nsOf(world, name).links[2]!.addrs.find((one) => one.scope === 253)!
  return formatIp(addr.addr)
}

function redirects(world: World, first = 0): Packet[] {
  return stepsOf(world, StepKind.Originate, first)
    .map(({ headers }) => headers)
    .filter(({ icmp, proto }) => proto === 58 && icmp?.type === 137)
}

function nextHop(world: World, dst: string): string | undefined {
  const got = routeGet6(world, nsOf(world, 'H'), { dst: parseIp6(dst)! })
  return 'errno' in got || got.gateway === undefined ? undefined : formatIp(got.gateway)
}

describe('a router that sends a packet back where it came from', () => {
  it('tells the sender once of the router that is nearer, and is not asked again', () => {
    const world = triangle('link')
    const own = linkLocal(world, 'R')
    expect(nextHop(world, T)).toBe(own)
    expect(ping(world, 'H', T, { count: 3, waitMs: 1000 })).toEqual(['1 ttl=63', '2 ttl=63', '3 ttl=63'])
    expect(redirects(world)).toHaveLength(1)
    expect(nextHop(world, T)).toBe(linkLocal(world, 'S'))
    // Only this destination.
    expect(nextHop(world, 'fd00:1::3')).toBe(own)
    expect(nsOf(world, 'R').snmp!.Ip6OutForwDatagrams).toBe(1)
  })

  it('sends 192 bytes: target, destination, and the packet that it is about', () => {
    const world = triangle('link')
    const first = world.recorder.detail!.length
    ping(world, 'H', T)
    const sent = redirects(world, first)[0]!
    expect(sent).toMatchObject({ length: 192, ttl: 255 })
    const { nd, quoted, quotedLen } = sent.icmp!
    expect([formatIp(nd!.target), nd!.lladdr]).toEqual([linkLocal(world, 'S'), -1])
    expect([formatIp(quoted!.dst), quoted!.ttl, quotedLen]).toEqual([T, 64, 104])
  })

  it('says nothing where the next hop has no link-local address', () => {
    const world = triangle('global')
    expect(ping(world, 'H', T, { count: 3, waitMs: 1000 })).toEqual(['1 ttl=63', '2 ttl=63', '3 ttl=63'])
    expect(redirects(world)).toEqual([])
    expect(nsOf(world, 'R').snmp!.Ip6OutForwDatagrams).toBe(3)
  })

  it('says that the destination itself is a neighbour, with its hardware address where it is known', () => {
    const world = triangle('link')
    ping(world, 'R', 'fd00::3')
    doLine(world, `route H add fd00::3/128 via ${linkLocal(world, 'R')} dev e0`)
    const first = world.recorder.detail!.length
    expect(ping(world, 'H', 'fd00::3', { count: 2, waitMs: 1000 })).toEqual(['1 ttl=64', '2 ttl=64'])
    const sent = redirects(world, first)[0]!
    const { nd } = sent.icmp!
    expect([formatIp(nd!.target), nd!.lladdr]).toEqual(['fd00::3', nsOf(world, 'S').links[2]!.mac])
    expect(sent.length).toBe(200)
    expect(nextHop(world, 'fd00::3')).toBeUndefined()
    expect(neighs(world, 'H')).toContain('fd00::3 DELAY')
  })

  it('is heeded for a datagram too; not by a router, nor where accept_redirects is off', () => {
    for (const line of ['conf.e0.forwarding=1', 'conf.e0.accept_redirects=0']) {
      const world = triangle('link', `\n sysctl H net.ipv6.${line}`)
      ping(world, 'H', T)
      expect(redirects(world)).toHaveLength(1)
      expect(nextHop(world, T)).toBe(linkLocal(world, 'R'))
    }
    const world = triangle('link')
    udp(world, 'H', T, 9)
    runFor(world, SEC)
    expect(redirects(world)).toHaveLength(1)
    expect(nextHop(world, T)).toBe(linkLocal(world, 'S'))
  })

  it('is forgotten a minute after the last packet that heeded it', () => {
    const world = triangle('link')
    ping(world, 'H', T)
    runFor(world, 50 * SEC)
    ping(world, 'H', T)
    runFor(world, 50 * SEC)
    expect(nextHop(world, T)).toBe(linkLocal(world, 'S'))
    runFor(world, 11 * SEC)
    expect(nextHop(world, T)).toBe(linkLocal(world, 'R'))
  })
})
