/** Tests only: hosts around a router with random rules, and random packets among them. */
import { parseIp4 } from '../../base/addr.ts'
import { createRng, nextBelow } from '../../base/rng.ts'
import { netOf, nsOf, runFor } from '../ip/checkip.ts'
import { sockSendTo } from '../sock/send.ts'
import { sockDrop } from '../sock/socktable.ts'
import { sockOpen } from '../sock/socket.ts'
import type { World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { answer, iptables, server } from './checknf.ts'
import { tupleFind } from './cthash.ts'
import type { Conntrack, TableName, Tuple } from './types.ts'

export const NET = `
  link a/eth0 r/eth0
  link b/eth0 r/eth1
  bridge r/br0
  link c/eth0 r/p1
  link d/eth0 r/p2
  master r/p1 br0
  master r/p2 br0
  addr a/eth0 10.0.1.2/24
  addr r/eth0 10.0.1.1/24
  addr b/eth0 10.0.2.2/24
  addr r/eth1 10.0.2.1/24
  addr c/eth0 10.0.3.2/24
  addr d/eth0 10.0.3.3/24
  addr r/br0 10.0.3.1/24
  sysctl r net.ipv4.ip_forward=1
  route a add default via 10.0.1.1
  route b add default via 10.0.2.1
  route c add default via 10.0.3.1
  route d add default via 10.0.3.1`
/** What the table of tuples has for one: id * 2 + direction. */
export function entryOf(ct: Conntrack, tuple: Tuple, zone: number): number {
  const { src, dst, proto, sport, dport } = tuple
  return tupleFind(ct.byTuple, ct.conns, src, dst, proto, sport, dport, zone)
}

const HOSTS = ['a', 'b', 'c', 'd', 'r']
const ADDRS = [
  '10.0.1.2',
  '10.0.2.2',
  '10.0.3.2',
  '10.0.3.3',
  '10.0.1.1',
  '10.0.3.1',
  '10.96.0.1',
  '10.96.0.2',
]
const CHAINS: readonly [TableName, string][] = [
  ['raw', 'PREROUTING'],
  ['mangle', 'PREROUTING'],
  ['mangle', 'FORWARD'],
  ['mangle', 'OUTPUT'],
  ['nat', 'PREROUTING'],
  ['nat', 'PREROUTING'],
  ['nat', 'OUTPUT'],
  ['nat', 'POSTROUTING'],
  ['filter', 'INPUT'],
  ['filter', 'FORWARD'],
  ['filter', 'OUTPUT'],
  ['filter', 'U1'],
]

type Pick = <T>(list: readonly T[]) => T

function randomRules(pick: Pick, below: (n: number) => number): string[] {
  const lines = ['-N U1']
  for (let i = 0; i < 25; i++) {
    const [table, chain] = pick(CHAINS)
    const words = [`-t ${table} -A ${chain}`]
    if (below(2) === 0) words.push(`${pick(['', '! '])}-d ${pick(ADDRS)}`)
    if (below(4) === 0) words.push(`-s ${pick(ADDRS)}/${pick([16, 24, 32])}`)
    if (below(3) !== 0) words.push(`-p udp --dport ${pick(['53', '7:99', '9000'])}`)
    if (below(5) === 0)
      words.push(`-m conntrack --ctstate ${pick(['NEW', 'ESTABLISHED', 'INVALID,RELATED'])}`)
    if (below(8) === 0) words.push(`-m statistic --mode random --probability ${pick(['0.3', '0.5'])}`)
    words.push(`-j ${targetOf(table, chain, pick)}`)
    lines.push(words.join(' '))
  }
  // Long enough for the index by destination.
  for (let i = 0; i < 30; i++) lines.push(`-A FORWARD -d 10.77.0.${i} -j DROP`)
  return lines
}

function targetOf(table: TableName, chain: string, pick: Pick): string {
  if (table === 'raw') return pick(['NOTRACK', 'ACCEPT'])
  if (table === 'mangle') return pick(['MARK --set-mark 1', 'TTL --ttl-set 2', 'ACCEPT', 'DROP'])
  if (table === 'filter') {
    return pick(['ACCEPT', 'ACCEPT', 'DROP', 'REJECT', 'RETURN', ...(chain === 'U1' ? [] : ['U1'])])
  }
  if (chain === 'POSTROUTING')
    return pick(['MASQUERADE', 'MASQUERADE --random-fully', 'SNAT --to-source 10.0.2.1'])
  return pick([
    'DNAT --to-destination 10.0.3.2:9000',
    'DNAT --to-destination 10.0.2.2-10.0.2.9',
    'REDIRECT --to-ports 9000',
  ])
}

function send(world: World, name: string, pick: Pick, below: (n: number) => number): void {
  const ns = nsOf(world, name)
  const dst = parseIp4(pick(ADDRS))!
  const ping = below(4) === 0
  const sock = sockOpen(world, ns, { kind: ping ? 'ping' : 'udp', family: 4, pid: 1 })
  sock.pmtudisc = 0
  if (!ping) sock.lport = pick([5000, 5001, 53])
  const size = pick([4, 4, 4, 2000])
  sockSendTo(world, ns, sock, {
    dst,
    payload: new Uint8Array(size),
    ...(ping ? { icmp: { type: 8, code: 0, id: 0, seq: 1 } } : { dport: pick([53, 9000, 9000, 80]) }),
    ttl: pick([64, 64, 64, 1, 2]),
  })
  sockDrop(ns, sock.id)
}

/** So many sends from random hosts, then time for all to end. `detail`: steps are kept. */
export function play(seed: number, sends: number, detail: boolean): World {
  const world = netOf(NET, false, seed)
  if (!detail) world.recorder.detail = null
  const rng = createRng(seed, 5)
  const below = (n: number): number => nextBelow(rng, n)
  const pick: Pick = (list) => list[below(list.length)]!
  for (const line of randomRules(pick, below)) iptables(world, 'r', line)
  const servers = HOSTS.map((name) => [name, server(world, name, 9000)] as const)
  for (let i = 0; i < sends; i++) {
    send(world, pick(HOSTS), pick, below)
    runFor(world, pick([0, 1, 20]) * MS)
    for (const [name, sock] of servers) answer(world, name, sock)
  }
  runFor(world, 8 * SEC)
  for (const [name, sock] of servers) answer(world, name, sock)
  runFor(world, 8 * SEC)
  return world
}
