/** Random wires and random segments: streams complete or fail with a cause, nothing throws, everything rewinds. */
import { expect, it } from 'vitest'
import { createRng, nextBelow } from '../../base/rng.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { checkpoint, seek, stateHash } from '../../sim/timeline.ts'
import { wireOf } from '../link/device.ts'
import { dev, ipRules, netOf, nsOf, runFor } from '../ip/checkip.ts'
import { createPacket } from '../packet.ts'
import { ETH_P_IP, PACKET_HOST } from '../types.ts'
import type { World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { connectTo, listenOn } from './checktcp.ts'
import { sockClose } from './socket.ts'
import { tcpAccept, tcpConnected, tcpRecv, tcpSend } from './tcp.ts'
import { tcpRcv } from './tcpin.ts'

const SIZE = 120_000

function lossy(seed: number, lossPpm: number): World {
  const world = netOf('link A/a0 B/b0\n addr A/a0 10.9.0.1/24\n addr B/b0 10.9.0.2/24', false, seed)
  world.recorder.detail = null
  for (const end of ['A/a0', 'B/b0']) Object.assign(wireOf(dev(world, end)), { lossPpm, latencyNs: 2 * MS })
  return world
}

/** Sends `SIZE` patterned bytes from A to B; answers what arrived in order, and the cause of a failure. */
function transfer(world: World): { got: number; right: boolean; cause: string; took: number } {
  const [a, b] = [nsOf(world, 'A'), nsOf(world, 'B')]
  const listener = listenOn(world, 'B', 80)
  const client = connectTo(world, 'A', '10.9.0.2', 80)
  const data = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31) & 255)
  let sent = 0
  let got = 0
  let right = true
  let server: ReturnType<typeof tcpAccept>
  for (let i = 0; i < 60_000; i++) {
    runFor(world, 10 * MS)
    if (sent < SIZE && tcpConnected(client)) {
      const step = tcpSend(world, a, client, data.subarray(sent))
      sent += step.sent
      if (step.errno !== '' && step.errno !== 'EAGAIN')
        return { got, right, cause: step.errno, took: world.now }
      if (sent === SIZE) sockClose(world, a, client)
    } else if (client.err !== '') return { got, right, cause: client.err, took: world.now }
    server ??= tcpAccept(world, b, listener)
    if (server === undefined) continue
    const read = tcpRecv(world, b, server, SIZE)
    if (read.data === null) {
      if (read.errno !== 'EAGAIN') return { got, right, cause: read.errno, took: world.now }
      continue
    }
    if (read.data.length === 0) return { got, right, cause: 'eof', took: world.now }
    right = right && read.data.every((byte, k) => byte === data[got + k])
    got += read.data.length
  }
  return { got, right, cause: 'stuck', took: world.now }
}

it('a stream over a wire that loses 15 of 100 frames completes, or ends with a named cause', () => {
  let complete = 0
  for (let seed = 1; seed <= 12; seed++) {
    const result = transfer(lossy(seed, 150_000))
    expect([seed, result.right]).toEqual([seed, true])
    expect(['eof', 'ETIMEDOUT', 'EHOSTUNREACH', 'ECONNRESET']).toContain(result.cause)
    if (result.cause === 'eof') {
      expect(result.got).toBe(SIZE)
      complete++
    }
  }
  expect(complete).toBeGreaterThanOrEqual(9)
})

it('without loss a window a round trip is used: 120 kB over 4 ms take well under a second', () => {
  const result = transfer(lossy(1, 0))
  expect([result.cause, result.got]).toEqual(['eof', SIZE])
  expect(result.took).toBeLessThan(SEC)
})

it('100,000 random segments in every state never throw', () => {
  const rng = createRng(7, 7)
  const world = lossy(3, 0)
  const [a, b] = [nsOf(world, 'A'), nsOf(world, 'B')]
  const listener = listenOn(world, 'B', 80, 3)
  const link = dev(world, 'B/b0')
  let client = connectTo(world, 'A', '10.9.0.2', 80)
  for (let i = 0; i < 100_000; i++) {
    if (i % 50 === 0) {
      runFor(world, nextBelow(rng, 20) * MS)
      const server = tcpAccept(world, b, listener)
      if (server !== undefined && nextBelow(rng, 2) === 0) sockClose(world, b, server)
      if (nextBelow(rng, 4) === 0) sockClose(world, a, client)
      if (client.tcp!.state === 'CLOSE' || client.tcp!.orphan) client = connectTo(world, 'A', '10.9.0.2', 80)
      tcpSend(world, a, client, new Uint8Array(nextBelow(rng, 3000)))
    }
    const socks = [...b.sockets!.values()].filter((sock) => sock.remote !== undefined)
    const target = socks.length === 0 ? undefined : socks[nextBelow(rng, socks.length)]
    const t = target?.tcp
    const near = (base: number) => (base + nextBelow(rng, 5000) - 2500) >>> 0
    const size = nextBelow(rng, 3) === 0 ? nextBelow(rng, 1400) : 0
    const packet = createPacket(world, ETH_P_IP, 0)
    Object.assign(packet, { src: 0x0a090001, dst: 0x0a090002, proto: 6, ttl: 64, pktType: PACKET_HOST })
    packet.sport = target === undefined || nextBelow(rng, 8) === 0 ? nextBelow(rng, 65536) : target.rport
    packet.dport = nextBelow(rng, 20) === 0 ? nextBelow(rng, 65536) : 80
    packet.payload = size === 0 ? null : new Uint8Array(size)
    packet.length = 40 + size
    packet.tcp = {
      seq: nextBelow(rng, 3) === 0 ? (t?.rcvNxt ?? 0) : near(t?.rcvNxt ?? 0),
      ack: nextBelow(rng, 3) === 0 ? (t?.sndNxt ?? 0) : near(t?.sndUna ?? 0),
      flags: nextBelow(rng, 3) === 0 ? nextBelow(rng, 64) : 16,
      window: nextBelow(rng, 65536),
      mss: nextBelow(rng, 5) === 0 ? nextBelow(rng, 65536) : 0,
      wscale: nextBelow(rng, 16) - 1,
      sackOk: nextBelow(rng, 2) === 0,
      tsval: nextBelow(rng, 4) === 0 ? nextBelow(rng, 2 ** 32) : (t?.tsRecent ?? 1),
      tsecr: nextBelow(rng, 2 ** 32),
      sack: [[near(t?.sndUna ?? 0), near(t?.sndNxt ?? 0)]],
    }
    tcpRcv(world, b, link, packet)
  }
  runFor(world, SEC)
  expect(world.frozen).toBeUndefined()
}, 60_000)

it('the middle of a transfer comes back exactly', () => {
  const world = lossy(5, 50_000)
  const rules = { ...ipRules }
  const [a, b] = [nsOf(world, 'A'), nsOf(world, 'B')]
  const listener = listenOn(world, 'B', 80)
  const client = connectTo(world, 'A', '10.9.0.2', 80)
  runFor(world, 4 * SEC)
  expect(tcpConnected(client)).toBe(true)
  tcpSend(world, a, client, new Uint8Array(60_000))
  tcpAccept(world, b, listener)
  checkpoint(world)
  const start = world.nEvents
  runUntil(world, rules, { maxEvents: 40 })
  checkpoint(world)
  const middle = stateHash(world)
  runUntil(world, rules, { maxEvents: 400 })
  const end = stateHash(world)
  const last = world.nEvents
  seek(world, rules, start + 40)
  expect(stateHash(world)).toBe(middle)
  seek(world, rules, last)
  expect(stateHash(world)).toBe(end)
})
