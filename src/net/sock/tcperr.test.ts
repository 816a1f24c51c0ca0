/**
 * What Linux 6.18 made of ICMP errors about a SYN (client, router, veths; the same calls in Python): the error comes
 * back within connect(2), whose caller sleeps or polls.
 */
import { expect, it } from 'vitest'
import { doLine, netOf, nsOf, runFor } from '../ip/checkip.ts'
import type { World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { connectTo, segments } from './checktcp.ts'
import { sockError } from './socket.ts'

/** A client behind a router that refuses. */
function refusing(): World {
  const world = netOf(
    `link C/c0 R/r0
    addr C/c0 10.9.1.2/24
    addr R/r0 10.9.1.1/24
    addr C/c0 fd09:1::2/64 nodad
    addr R/r0 fd09:1::1/64 nodad
    route C add default via 10.9.1.1
    route C add default via fd09:1::1
    route R add prohibit 10.9.8.0/24
    route R add prohibit fd09:8::/64`,
    true,
  )
  doLine(world, 'sysctl R net.ipv4.ip_forward=1')
  doLine(world, 'sysctl R net.ipv6.conf.all.forwarding=1')
  runFor(world, 3 * SEC)
  return world
}

const TO = { 4: '10.9.8.1', 6: 'fd09:8::1' } as const

/** How the attempt stands after 10 ms, and when and why it ended. */
function attempt(family: 4 | 6, how: { blocking?: boolean; recvErr?: boolean }) {
  const world = refusing()
  const start = world.now
  const sock = connectTo(world, 'C', TO[family], 80)
  sock.tcp!.blocking = how.blocking === true
  sock.recvErr = how.recvErr === true
  runFor(world, 10 * MS)
  const soon = sockError(sock)
  runFor(world, 2 * SEC)
  const syns = segments(world, start, true).filter((line) => line.includes('C [S]'))
  return {
    soon,
    later: sockError(sock),
    state: sock.tcp!.state,
    syns: syns.map((line) => parseInt(line, 10)),
  }
}

it('over IPv4 who polls is told at once, who sleeps in connect when the second SYN is refused', () => {
  // poll: POLLERR after 0.000 s, EHOSTUNREACH; blocking: EHOSTUNREACH after 1.02 s.
  expect(attempt(4, {}).soon).toBe('EHOSTUNREACH')
  expect(attempt(4, { blocking: true })).toMatchObject({ soon: '', later: 'EHOSTUNREACH', state: 'CLOSE' })
  expect(attempt(4, { blocking: true }).syns).toHaveLength(2)
})

it('over IPv6 both are told when the second SYN is refused, but for a poll with IPV6_RECVERR', () => {
  // poll and blocking: EACCES after 1.02 s; poll with IPV6_RECVERR: EACCES after 0.000 s.
  for (const blocking of [false, true]) {
    const { soon, later, state, syns } = attempt(6, { blocking })
    expect([soon, later, state, syns.length]).toEqual(['', 'EACCES', 'CLOSE', 2])
    expect(syns[1]! - syns[0]!).toBeGreaterThanOrEqual(1000)
    expect(syns[1]! - syns[0]!).toBeLessThan(1040)
  }
  expect(attempt(6, { recvErr: true }).soon).toBe('EACCES')
  expect(attempt(6, { recvErr: true, blocking: true })).toMatchObject({ soon: '', later: 'EACCES' })
})

it('a refusal that took longer than the call ends the attempt by itself', () => {
  const world = refusing()
  doLine(world, 'sysctl R net.ipv6.icmp.ratelimit=0')
  const link = nsOf(world, 'C').links.find((one) => one?.name === 'c0')!
  link.wire = { ...link.wire, latencyNs: 5 * MS }
  const sock = connectTo(world, 'C', TO[6], 80)
  runFor(world, 50 * MS)
  expect([sockError(sock), sock.tcp!.state]).toEqual(['EACCES', 'CLOSE'])
})
