/**
 * What Linux 6.18 sent between two namespaces (veth, MTU 1500, offloads off; recorded with tcpdump 4.99.3), without
 * timestamps' values: the same calls here have to send the same segments.
 */
import { describe, expect, it } from 'vitest'
import { doLine, drops, netOf, nsOf, runFor } from '../ip/checkip.ts'
import type { World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { connectTo, hear, listenOn, say, segments } from './checktcp.ts'
import { sockClose, sockError } from './socket.ts'
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
  it('with TCP_MAXSEG sends and takes smaller segments, as the recorded one', () => {
    const world = pair()
    listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.9.0.2', 80, 1220)
    runFor(world, MS)
    say(world, 'A', client, 3000)
    runFor(world, MS)
    expect(segments(world).filter((line) => line.includes('seq'))).toEqual([
      'A [S] seq 0 win 64660 <mss 1220,sackOK,TS,wscale 10>',
      'B [S.] seq 0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>',
      'A [.] seq 1:1209 ack 1 win 64 <TS>',
      'A [.] seq 1209:2417 ack 1 win 64 <TS>',
      'A [P.] seq 2417:3001 ack 1 win 64 <TS>',
    ])
  })

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
    expect(a.sockets).toBeNull()
    runFor(world, 62 * SEC)
    expect([...b.sockets!.values()]).toEqual([listener])
    expect(tcpShutdown(world, b, listener, 'wr')).toBe('ENOTCONN')
  })
})

describe('a connection that cannot be', () => {
  it('a closed port answers with RST', () => {
    const world = pair()
    const client = connectTo(world, 'A', '10.9.0.2', 81)
    runFor(world, MS)
    expect(segments(world)).toEqual([SHAKE[0], 'B [R.] seq 0 ack 1 win 0'])
    expect(sockError(client)).toBe('ECONNREFUSED')
    expect(drops(world)).toContain('B NO_SOCKET')
  })

  it('SYNs go out at 0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67 s; after 131 s it is over', () => {
    const world = pair()
    // B does not forward: what is for others it drops without a word.
    doLine(world, 'route A add default via 10.9.0.2')
    const client = connectTo(world, 'A', '70.0.0.1', 80)
    runFor(world, 140 * SEC)
    const times = segments(world, 0, true).map((line) => Math.floor(Number(line.split(' ')[0]) / 1000))
    // Recorded: 0 1.026 2.046 3.070 4.094 5.118 7.134 11.202 19.391 35.518, then 67.
    expect(times).toEqual([0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 68])
    expect(sockError(client)).toBe('ETIMEDOUT')
    expect(client.tcp!.state).toBe('CLOSE')
  })

  it('says who could not be reached', () => {
    const world = netOf(`
      link A/a0 R/r0
      addr A/a0 10.0.0.1/24
      addr R/r0 10.0.0.254/24
      route A add default via 10.0.0.254
      sysctl R net.ipv4.ip_forward=1
      route R add prohibit 60.0.0.0/24`)
    const nowhere = connectTo(world, 'A', '70.0.0.1', 80)
    const forbidden = connectTo(world, 'A', '60.0.0.1', 80)
    const silent = connectTo(world, 'A', '10.0.0.77', 80)
    runFor(world, 4 * SEC)
    expect([nowhere, forbidden, silent].map((sock) => sockError(sock))).toEqual([
      'ENETUNREACH',
      'EHOSTUNREACH',
      'EHOSTUNREACH',
    ])
  })

  it('a full accept queue takes no SYN: a backlog of 1 lets two wait', () => {
    const world = pair()
    const listener = listenOn(world, 'B', 80, 1)
    const all = [1, 2, 3, 4].map(() => connectTo(world, 'A', '10.9.0.2', 80))
    runFor(world, 500 * MS)
    expect(all.map((sock) => sock.tcp!.state)).toEqual(['ESTABLISHED', 'ESTABLISHED', 'SYN_SENT', 'SYN_SENT'])
    expect(drops(world).filter((one) => one === 'B TCP_LISTEN_OVERFLOW')).toHaveLength(2)
    tcpAccept(world, nsOf(world, 'B'), listener)
    runFor(world, 2 * SEC)
    // Both SYNs came before the first handshake was over: the second one's end waits for room in the queue.
    expect([listener.tcp!.acceptQueue!.length, listener.tcp!.requests!.size]).toEqual([2, 1])
  })
})

describe('ends', () => {
  it('closing with unread bytes resets', () => {
    const world = pair()
    const listener = listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.9.0.2', 80)
    runFor(world, MS)
    say(world, 'A', client, 100)
    runFor(world, 300 * MS)
    sockClose(world, nsOf(world, 'B'), tcpAccept(world, nsOf(world, 'B'), listener)!)
    runFor(world, MS)
    expect(segments(world).slice(3)).toEqual([
      'A [P.] seq 1:101 ack 1 win 63 <TS>',
      'B [.] ack 101 win 64 <TS>',
      'B [R.] seq 1 ack 101 win 64 <TS>',
    ])
    expect(hear(world, 'A', client)).toBe('0 -ECONNRESET')
  })

  it('what comes for a closed socket is reset', () => {
    const world = pair()
    const listener = listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.9.0.2', 80)
    runFor(world, MS)
    sockClose(world, nsOf(world, 'B'), tcpAccept(world, nsOf(world, 'B'), listener)!)
    runFor(world, 200 * MS)
    say(world, 'A', client, 10)
    runFor(world, 200 * MS)
    expect(segments(world).slice(3)).toEqual([
      'B [F.] seq 1 ack 1 win 64 <TS>',
      'A [.] ack 2 win 63 <TS>',
      'A [P.] seq 1:11 ack 2 win 63 <TS>',
      'B [R] seq 2 win 0',
    ])
    expect(say(world, 'A', client, 10)).toBe(0)
  })

  it('half closed, the other direction goes on', () => {
    const world = pair()
    const listener = listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.9.0.2', 80)
    runFor(world, MS)
    say(world, 'A', client, 50)
    runFor(world, MS)
    tcpShutdown(world, nsOf(world, 'A'), client, 'wr')
    runFor(world, MS)
    const server = tcpAccept(world, nsOf(world, 'B'), listener)!
    expect(hear(world, 'B', server)).toBe('50 eof')
    for (let i = 0; i < 2; i++) {
      say(world, 'B', server, 10)
      runFor(world, 100 * MS)
      hear(world, 'A', client)
    }
    sockClose(world, nsOf(world, 'B'), server)
    runFor(world, 100 * MS)
    expect(segments(world).slice(3)).toEqual([
      'A [P.] seq 1:51 ack 1 win 63 <TS>',
      'B [.] ack 51 win 64 <TS>',
      'A [F.] seq 51 ack 1 win 63 <TS>',
      'B [P.] seq 1:11 ack 52 win 64 <TS>',
      'A [.] ack 11 win 63 <TS>',
      'B [P.] seq 11:21 ack 52 win 64 <TS>',
      'A [.] ack 21 win 63 <TS>',
      'B [F.] seq 21 ack 52 win 64 <TS>',
      'A [.] ack 22 win 63 <TS>',
    ])
    sockClose(world, nsOf(world, 'A'), client)
    expect(client.tcp!.state).toBe('TIME_WAIT')
  })
})

describe('data', () => {
  it('unanswered, it is asked about and sent again: 204, 412, 840, 1672, 3332, 6724 ms recorded', () => {
    const world = pair()
    const listener = listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.9.0.2', 80)
    runFor(world, MS)
    expect(tcpAccept(world, nsOf(world, 'B'), listener)).toBeDefined()
    doLine(world, 'addr B/b0 10.9.0.3/24')
    runFor(world, 300 * MS)
    doLine(world, 'route B add blackhole 10.9.0.1/32')
    const start = world.now
    say(world, 'A', client, 5)
    runFor(world, 8 * SEC)
    const times = segments(world, start, true).map((line) => Number(line.split(' ')[0]))
    const recorded = [0, 204, 412, 840, 1672, 3332, 6724]
    expect(times).toHaveLength(recorded.length)
    for (const [i, ms] of times.entries())
      expect(Math.abs(ms - recorded[i]!)).toBeLessThan(recorded[i]! * 0.04 + 8)
  })

  it('small writes wait for each other, unless nobody has to answer (Nagle)', () => {
    const world = pair()
    const listener = listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.9.0.2', 80)
    runFor(world, MS)
    for (let i = 0; i < 3; i++) say(world, 'A', client, 10)
    runFor(world, MS)
    expect(segments(world).slice(3)).toEqual([
      'A [P.] seq 1:11 ack 1 win 63 <TS>',
      'B [.] ack 11 win 64 <TS>',
      'A [P.] seq 11:31 ack 1 win 63 <TS>',
      'B [.] ack 31 win 64 <TS>',
    ])
    expect(hear(world, 'B', tcpAccept(world, nsOf(world, 'B'), listener)!)).toBe('30')
  })

  it('a reader that does not read closes the window; probes ask until it opens', () => {
    const world = pair()
    const listener = listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.9.0.2', 80)
    runFor(world, MS)
    const server = tcpAccept(world, nsOf(world, 'B'), listener)!
    say(world, 'A', client, 200_000)
    runFor(world, 2 * SEC)
    const acks = segments(world).filter((line) => line.startsWith('B [.]'))
    expect(acks.slice(0, 4).map((line) => / win (\d+)/.exec(line)![1])).toEqual(['66', '69', '72', '74'])
    expect(acks.at(-1)).toContain(' win 0 ')
    let total = 0
    for (let i = 0; i < 200; i++) {
      total += Number.parseInt(hear(world, 'B', server), 10)
      runFor(world, 100 * MS)
    }
    expect(total).toBe(200_000)
  })

  it('a narrow path is found: 1398 bytes at a time after the router said 1450', () => {
    const world = netOf(`
      link A/a0 R/ra
      link R/rb B/b0
      addr A/a0 10.0.1.1/24
      addr R/ra 10.0.1.254/24
      addr R/rb 10.0.2.254/24
      addr B/b0 10.0.2.1/24
      route A add default via 10.0.1.254
      route B add default via 10.0.2.254
      mtu R/rb 1450
      sysctl R net.ipv4.ip_forward=1`)
    const listener = listenOn(world, 'B', 80)
    const client = connectTo(world, 'A', '10.0.2.1', 80)
    runFor(world, MS)
    const server = tcpAccept(world, nsOf(world, 'B'), listener)!
    say(world, 'A', client, 4000)
    runFor(world, SEC)
    expect(hear(world, 'B', server)).toBe('4000')
    const own = segments(world).filter((line) => line.startsWith('A ') && line.includes(':'))
    expect(own.map((line) => / seq (\S+)/.exec(line)![1])).toEqual([
      '1:1449',
      '1449:2897',
      '2897:4001',
      '1:1399',
      '1399:1449',
      '1449:2847',
      '2847:2897',
    ])
    expect(segments(world).filter((line) => line.includes('icmp'))).toEqual([
      'R icmp 3/4 mtu 1450',
      'R icmp 3/4 mtu 1450',
    ])
  })
})

it('IPv6 and the loopback device have their own sizes, as recorded', () => {
  const world = netOf(
    `link A/a0 B/b0
    addr A/a0 fd00::1/64 nodad
    addr B/b0 fd00::2/64 nodad`,
    true,
  )
  runFor(world, 3 * SEC)
  listenOn(world, 'B', 80, 5, 6)
  connectTo(world, 'A', 'fd00::2', 80)
  runFor(world, SEC)
  expect(segments(world).filter((line) => !line.includes('icmp'))).toEqual([
    'A [S] seq 0 win 64800 <mss 1440,sackOK,TS,wscale 10>',
    'B [S.] seq 0 ack 1 win 64260 <mss 1440,sackOK,TS,wscale 10>',
    'A [.] ack 1 win 64 <TS>',
  ])
  const listener = listenOn(world, 'A', 81)
  const client = connectTo(world, 'A', '127.0.0.1', 81)
  runFor(world, MS)
  const server = tcpAccept(world, nsOf(world, 'A'), listener)!
  // ss -i: mss:32741 advmss:65483 and mss:32768.
  expect([client.tcp!.mss, client.tcp!.advmss, server.tcp!.mss]).toEqual([32741, 65483, 32768])
})
