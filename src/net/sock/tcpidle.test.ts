/** What listeners share until something comes to them. */
import { expect, it } from 'vitest'
import { clonePlain } from '../../base/clone.ts'
import { hashPlain } from '../../base/hash.ts'
import { netOf, nsOf, runFor } from '../ip/checkip.ts'
import { MS, SEC } from '../wheel.ts'
import { connectTo, hear, listenOn, say } from './checktcp.ts'
import { sockClose } from './socket.ts'
import { sockAt } from './socktable.ts'
import { tcpAccept, tcpListen, tcpQueues } from './tcp.ts'
import { tcpKeepalive } from './tcpkeep.ts'

const PAIR = `
  link A/a0 B/b0
  addr A/a0 10.9.0.1/24
  addr B/b0 10.9.0.2/24`

it('is one state for all listeners with the same options, and nobody writes to it', () => {
  const world = netOf(PAIR)
  const [b, copy] = [nsOf(world, 'B'), clonePlain(nsOf(world, 'A'))]
  const [one, two, other] = [listenOn(world, 'A', 80), listenOn(world, 'B', 80), listenOn(world, 'B', 81, 7)]
  expect(one.tcp).toBe(two.tcp)
  expect(other.tcp).not.toBe(two.tcp)
  expect(tcpQueues(other)).toEqual({ recv: 0, send: 7 })
  const before = hashPlain(one.tcp)

  const client = connectTo(world, 'A', '10.9.0.2', 80)
  runFor(world, MS)
  const server = tcpAccept(world, b, two)!
  say(world, 'A', client, 10)
  runFor(world, MS)
  expect(hear(world, 'B', server)).toBe('10')
  tcpListen(world, b, other, 9)
  tcpKeepalive(world, b, other, {})
  sockClose(world, b, other)
  sockClose(world, b, two)
  expect(hashPlain(one.tcp)).toBe(before)
  expect(tcpQueues(one)).toEqual({ recv: 0, send: 5 })
  expect(copy.sockets).toBeNull()
})

it('gives a listener that something came to its own state, which a checkpoint copies', () => {
  const world = netOf(PAIR)
  const listener = listenOn(world, 'B', 80)
  const before = clonePlain(nsOf(world, 'B'))
  connectTo(world, 'A', '10.9.0.2', 80)
  runFor(world, MS)
  expect(tcpQueues(listener)).toEqual({ recv: 1, send: 5 })
  expect(tcpQueues(sockAt(before, listener.id)!)).toEqual({ recv: 0, send: 5 })
})

it('shares what keepalive was asked for too, and a connection has a clock of its own', () => {
  const world = netOf(PAIR)
  const [one, two] = [listenOn(world, 'A', 80), listenOn(world, 'B', 80)]
  const [a, b] = [nsOf(world, 'A'), nsOf(world, 'B')]
  const go = { idle: 15, interval: 15, probes: 9 }
  tcpKeepalive(world, a, one, go)
  tcpKeepalive(world, b, two, go)
  expect(one.tcp).toBe(two.tcp)
  expect(one.tcp!.keep).toMatchObject({ idle: 15 * SEC, probes: 9 })
  connectTo(world, 'A', '10.9.0.2', 80)
  runFor(world, MS)
  const server = tcpAccept(world, b, two)!
  expect(server.tcp!.keep).toMatchObject({ idle: 15 * SEC, probes: 9 })
  expect(server.tcp!.keep!.timer.at).toBeGreaterThan(0)
  expect(one.tcp!.keep!.timer.at).toBe(0)
  tcpKeepalive(world, a, one, null)
  expect(one.tcp!.keep).toBeNull()
  expect(two.tcp!.keep).not.toBeNull()
})
