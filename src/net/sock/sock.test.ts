import { describe, expect, it } from 'vitest'
import { runUntil } from '../../sim/dispatch.ts'
import { checkpoint, seek, stateHash } from '../../sim/timeline.ts'
import { doLine, drops, heard, ip, ipRules, netOf, nsOf, ping, runFor, udp } from '../ip/checkip.ts'
import type { Socket, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { sockSendTo } from './send.ts'
import { sockBind, sockClose, sockConnect, sockError, sockOpen, sockRecv } from './socket.ts'
import { tapClose, tapOpen } from './tap.ts'

const PAIR = `
  link A/a0 B/b0
  addr A/a0 10.0.0.1/24
  addr B/b0 10.0.0.2/24`

function open(world: World, name: string, kind: 'udp' | 'raw' | 'ping', proto = 0): Socket {
  return sockOpen(world, nsOf(world, name), { kind, family: 4, pid: 1, proto })
}

describe('datagram sockets', () => {
  it('carry a datagram and its answer between a server and a connected client', () => {
    const world = netOf(PAIR)
    const [a, b] = [nsOf(world, 'A'), nsOf(world, 'B')]
    const server = open(world, 'B', 'udp')
    expect(sockBind(world, b, server, { port: 53 })).toBeNull()
    const client = open(world, 'A', 'udp')
    expect(sockConnect(world, a, client, ip('10.0.0.2'), 53)).toBeNull()
    expect([client.local, client.lport >= 32768 && client.lport <= 60999]).toEqual([ip('10.0.0.1'), true])
    expect(sockSendTo(world, a, client, { payload: Uint8Array.of(1, 2, 3) })).toEqual({ sent: 3 })
    runFor(world, SEC)
    const got = sockRecv(b, server)!.packet
    expect([got.src, got.sport, got.length]).toEqual([ip('10.0.0.1'), client.lport, 31])
    sockSendTo(world, b, server, { dst: got.src, dport: got.sport, payload: got.payload })
    runFor(world, SEC)
    expect(sockRecv(a, client)!.packet.payload).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('refuse as the calls do', () => {
    const world = netOf(`${PAIR}
      route A add blackhole 60.0.0.0/24
      route A add unreachable 60.0.1.0/24
      route A add prohibit 60.0.2.0/24`)
    const a = nsOf(world, 'A')
    const sock = open(world, 'A', 'udp')
    const to = (text: string) => sockConnect(world, a, sock, ip(text), 9)
    expect([to('8.8.8.8'), to('60.0.0.1'), to('60.0.1.1'), to('60.0.2.1')]).toEqual([
      'ENETUNREACH',
      'EINVAL',
      'EHOSTUNREACH',
      'EACCES',
    ])
    expect(to('10.0.0.255')).toBe('EACCES')
    expect(sockBind(world, a, sock, { addr: ip('10.0.0.2'), port: 9 })).toBe('EADDRNOTAVAIL')
    expect(sockBind(world, a, sock, { addr: ip('10.0.0.1'), port: 9 })).toBeNull()
    expect(sockBind(world, a, open(world, 'A', 'udp'), { port: 9 })).toBe('EADDRINUSE')
    expect(sockSendTo(world, a, open(world, 'A', 'udp'), { payload: null })).toEqual({
      errno: 'EDESTADDRREQ',
      mtu: 0,
    })
  })

  it('tell a connected sender of a closed port, but not of a lost neighbour', () => {
    const world = netOf(PAIR)
    const a = nsOf(world, 'A')
    const sock = open(world, 'A', 'udp')
    sockConnect(world, a, sock, ip('10.0.0.2'), 9)
    sockSendTo(world, a, sock, { payload: null })
    runFor(world, SEC)
    expect(sockError(sock)).toBe('ECONNREFUSED')
    const lost = open(world, 'A', 'udp')
    sockConnect(world, a, lost, ip('10.0.0.9'), 9)
    sockSendTo(world, a, lost, { payload: null })
    runFor(world, 4 * SEC)
    expect(sockError(lost)).toBe('')
  })

  it('prefer the connected, then the bound, then the wildcard socket', () => {
    const world = netOf(PAIR)
    const b = nsOf(world, 'B')
    const wildcard = open(world, 'B', 'udp')
    sockBind(world, b, wildcard, { port: 7 })
    const first = udp(world, 'A', '10.0.0.2', 7)
    runFor(world, SEC)
    expect(heard(b, wildcard)).toEqual(['data ttl=64'])
    sockClose(world, b, wildcard)
    const bound = open(world, 'B', 'udp')
    sockBind(world, b, bound, { addr: ip('10.0.0.2'), port: 7 })
    const other = open(world, 'B', 'udp')
    other.lport = 7
    const peer = open(world, 'B', 'udp')
    peer.lport = 7
    peer.local = ip('10.0.0.2')
    peer.remote = ip('10.0.0.1')
    peer.rport = first.lport
    sockSendTo(world, nsOf(world, 'A'), first, { dst: ip('10.0.0.2'), dport: 7, payload: null })
    udp(world, 'A', '10.0.0.2', 7)
    runFor(world, SEC)
    expect([peer, bound, other].map((sock) => heard(b, sock).length)).toEqual([1, 1, 0])
  })

  it('lose what does not fit the receive buffer', () => {
    const world = netOf(PAIR)
    const b = nsOf(world, 'B')
    const server = open(world, 'B', 'udp')
    sockBind(world, b, server, { port: 7 })
    const sock = udp(world, 'A', '10.0.0.2', 7)
    runFor(world, SEC)
    for (let i = 0; i < 400; i++) {
      sockSendTo(world, nsOf(world, 'A'), sock, {
        dst: ip('10.0.0.2'),
        dport: 7,
        payload: new Uint8Array(64),
      })
      runFor(world, 1_000_000)
    }
    // 212992 / 768 = 277.3
    expect(server.rx).toHaveLength(277)
    expect(drops(world)).toHaveLength(401 - 277)
  })
})

describe('raw and packet sockets', () => {
  it('a raw ICMP socket hears requests, replies and errors that its filter lets in', () => {
    const world = netOf(PAIR)
    const a = nsOf(world, 'A')
    const raw = open(world, 'A', 'raw', 1)
    raw.icmpFilter = ~((1 << 0) | (1 << 3))
    sockSendTo(world, a, raw, {
      dst: ip('10.0.0.2'),
      payload: new Uint8Array(56),
      icmp: { type: 8, code: 0, id: 77, seq: 3 },
    })
    runFor(world, SEC)
    const reply = sockRecv(a, raw)!.packet
    expect([reply.icmp!.type, reply.icmp!.id, reply.icmp!.seq, reply.ttl, reply.length]).toEqual([
      0, 77, 3, 64, 84,
    ])
    udp(world, 'A', '10.0.0.2', 9)
    runFor(world, SEC)
    expect(sockRecv(a, raw)!.packet.icmp!.code).toBe(3)
    expect(sockRecv(a, raw)).toBeUndefined()
  })

  it('a packet socket is given frames until it is closed', () => {
    const world = netOf(PAIR)
    const a = nsOf(world, 'A')
    const tap = tapOpen(world, a, 5, 0)
    expect(a.taps).toEqual([{ sock: tap.id, ifindex: 0 }])
    tapClose(world, a, tap)
    expect(a.taps).toBeNull()
  })
})

it('the same moment comes back exactly: ARP, parked packets, sockets, errors', () => {
  const world = netOf(`${PAIR}\n addr B/lo 9.9.9.9/32\n route A add default via 10.0.0.9`)
  const rules = { ...ipRules }
  checkpoint(world)
  const sock = udp(world, 'A', '9.9.9.9', 9)
  udp(world, 'A', '10.0.0.2', 9, { payload: new Uint8Array(4000) })
  expect(sock.id).toBe(1)
  checkpoint(world)
  const start = world.nEvents
  runUntil(world, rules, { maxEvents: 7 })
  const middle = stateHash(world)
  runUntil(world, rules, { maxEvents: 1000 })
  const end = stateHash(world)
  const last = world.nEvents
  expect(heard(nsOf(world, 'A'), nsOf(world, 'A').sockets![0]!)).toEqual(['from 10.0.0.1 3/1'])
  seek(world, rules, start + 7)
  expect(stateHash(world)).toBe(middle)
  seek(world, rules, last)
  expect(stateHash(world)).toBe(end)
  doLine(world, 'down A/a0')
  expect(ping(world, 'A', '10.0.0.2')).toEqual(['1 ENETUNREACH'])
})
