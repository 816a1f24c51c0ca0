import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../../base/rng.ts'
import { stateHash } from '../../sim/timeline.ts'
import type { World } from '../types.ts'
import { iptables } from '../nf/checknf.ts'
import { MS } from '../wheel.ts'
import { dev, doLine, ip, netOf, nsOf, ping, runFor } from './checkip.ts'
import { neighLookup, neighRemove } from './neigh.ts'

/** A - R - S - B, and a second way between R and S. */
const CHAIN = `
  link A/a0 R/r0
  link R/r1 S/s0
  link R/r2 S/s2
  link S/s1 B/b0
  addr A/a0 10.0.0.2/24
  addr R/r0 10.0.0.1/24
  addr R/r1 10.1.0.1/24
  addr R/r2 10.3.0.1/24
  addr S/s0 10.1.0.2/24
  addr S/s2 10.3.0.2/24
  addr S/s1 10.2.0.1/24
  addr B/b0 10.2.0.2/24
  addr B/b0 10.2.0.3/24
  route A add default via 10.0.0.1
  route R add 10.2.0.0/24 via 10.1.0.2
  route S add 10.0.0.0/24 via 10.1.0.1
  route B add default via 10.2.0.1
  sysctl R net.ipv4.ip_forward=1
  sysctl S net.ipv4.ip_forward=1`

const LINES = [
  'sysctl R net.ipv4.ip_forward=0',
  'sysctl R net.ipv4.ip_forward=1',
  'sysctl S net.ipv4.conf.s0.rp_filter=1',
  'sysctl S net.ipv4.conf.all.rp_filter=0',
  'sysctl S net.ipv4.conf.s0.rp_filter=0',
  'sysctl R net.ipv4.conf.r0.forwarding=0',
  'sysctl R net.ipv4.conf.r0.forwarding=1',
  'route R replace 10.2.0.0/24 via 10.3.0.2',
  'route R replace 10.2.0.0/24 via 10.1.0.2',
  'route R add 10.2.0.2/32 via 10.3.0.2',
  'route R del 10.2.0.2/32 via 10.3.0.2',
  'mtu R/r1 600',
  'mtu R/r1 1500',
  'addr R/r2 10.0.0.2/32',
  'deladdr R/r2 10.0.0.2/32',
  'addr S/s0 10.2.0.3/32',
  'deladdr S/s0 10.2.0.3/32',
]

function forget(world: World): void {
  const r = nsOf(world, 'R')
  const link = dev(world, 'R/r1')
  const neigh = neighLookup(r, link.ifindex, ip('10.1.0.2'))
  if (neigh !== undefined) neighRemove(world, r, link, neigh)
}

/** One thing that changes what a router does, or time that passes, and then traffic both ways. */
function disturb(world: World, choice: number, size: number, ttl: number): string[] {
  if (choice < LINES.length) doLine(world, LINES[choice] as string)
  else if (choice === LINES.length) forget(world)
  else if (choice === LINES.length + 1) runFor(world, 70_000 * MS)
  const there = ping(world, 'A', ['10.2.0.2', '10.2.0.3', '10.2.0.9'][choice % 3]!, { count: 4, size, ttl })
  return [...there, ...ping(world, 'B', '10.0.0.2', { count: 2 })]
}

describe('plain forwarding', () => {
  it.each([
    ['without rules', []],
    [
      'through rules and translation',
      [
        '-t nat -A POSTROUTING -o r1 -j MASQUERADE',
        '-t nat -A PREROUTING -d 10.2.0.9 -j DNAT --to-destination 10.2.0.2',
        '-A FORWARD -d 10.2.0.3 -m statistic --mode random --probability 0.3 -j DROP',
        '-t mangle -A FORWARD -p icmp -j MARK --set-mark 3',
      ],
    ],
  ])('leaves the same state and the same records as asking in full, %s', (_name, lines) => {
    let taken = 0
    for (let seed = 1; seed <= 3; seed++) {
      const rng = createRng(seed, 0)
      // While details are collected, every packet is asked about in full.
      const full = netOf(CHAIN)
      const plain = netOf(CHAIN)
      plain.recorder.detail = null
      for (const world of [full, plain]) for (const line of lines) iptables(world, 'R', line)
      for (let n = 0; n < 40; n++) {
        const choice = nextBelow(rng, LINES.length + 6)
        const size = nextBelow(rng, 4) === 0 ? 1400 : 56
        const ttl = nextBelow(rng, 5) === 0 ? 1 + nextBelow(rng, 3) : 64
        const heard = disturb(full, choice, size, ttl)
        const where = `seed ${seed}, ${n}: ${LINES[choice] ?? choice}`
        expect(disturb(plain, choice, size, ttl), where).toEqual(heard)
        expect(stateHash(plain), where).toBe(stateHash(full))
        if (plain.routes[nsOf(plain, 'R').id]?.ways.some((way) => way !== null) === true) taken++
      }
      expect(plain.recorder.ring.findIndex((word, i) => word !== full.recorder.ring[i])).toBe(-1)
      for (const world of [full, plain]) doLine(world, 'rule R add from 10.0.0.2 blackhole')
      expect(disturb(plain, LINES.length + 2, 56, 64)).toEqual(disturb(full, LINES.length + 2, 56, 64))
    }
    expect(taken).toBeGreaterThan(15)
  })
})
