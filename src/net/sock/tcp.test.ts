/**
 * What Linux 6.18 sent between two namespaces (veth, MTU 1500, offloads off; recorded with tcpdump 4.99.3), without
 * timestamps' values: the same calls here have to send the same segments.
 */
import { describe, expect, it } from 'vitest'
import { netOf, nsOf, runFor } from '../ip/checkip.ts'
import type { World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { connectTo, hear, listenOn, say, segments } from './checktcp.ts'
import { sockClose } from './socket.ts'
import { tcpAccept, tcpShutdown } from './tcp.ts'

const PAIR = `
  link A/a0 B/b0
  addr A/a0 10.9.0.1/24
  addr B/b0 10.9.0.2/24`

const SHAKE = [
  'A [S] seq 0 win 64240 <mss 1460,sackOK,TS,wscale 10>',
  'B [S.] seq 0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>',
  'A [.] ack 1 win 63 <TS>',
]

function pair(): World {
  return netOf(PAIR)
}

describe('a connection', () => {
  it('asks, is answered and closed as the recorded one', () => {
    const world = pair()
    const [a, b] = [nsOf(world, 'A'), nsOf(world, 'B')]
    const listener = listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.9.0.2', 80)
    runFor(world, MS)
    say(world, 'A', client, 72)
    runFor(world, MS)
    const server = tcpAccept(world, b, listener)!
    expect(hear(world, 'B', server)).toBe('72')
    say(world, 'B', server, 185)
    runFor(world, MS)
    expect(hear(world, 'A', client)).toBe('185')
    say(world, 'B', server, 16)
    runFor(world, MS)
    expect(hear(world, 'A', client)).toBe('16')
    sockClose(world, b, server)
    runFor(world, 4 * MS)
    expect(hear(world, 'A', client)).toBe('0 eof')
    sockClose(world, a, client)
    runFor(world, SEC)
    expect(segments(world)).toEqual([
      ...SHAKE,
      'A [P.] seq 1:73 ack 1 win 63 <TS>',
      'B [.] ack 73 win 64 <TS>',
      'B [P.] seq 1:186 ack 73 win 64 <TS>',
      'A [.] ack 186 win 63 <TS>',
      'B [P.] seq 186:202 ack 73 win 64 <TS>',
      'A [.] ack 202 win 63 <TS>',
      'B [F.] seq 202 ack 73 win 64 <TS>',
      'A [F.] seq 73 ack 203 win 63 <TS>',
      'B [.] ack 74 win 64 <TS>',
    ])
    // The one that closed first waits a minute.
    expect(server.tcp!.state).toBe('TIME_WAIT')
    expect(a.sockets!.size).toBe(0)
    runFor(world, 62 * SEC)
    expect([...b.sockets!.values()]).toEqual([listener])
    expect(tcpShutdown(world, b, listener, 'wr')).toBe('ENOTCONN')
  })
})
