/** What a real kernel did (../shared/cases/07-iptables-cni.json, recorded on Linux 6.18); skipped where that is absent. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { doLine, netOf, nsOf } from '../ip/checkip.ts'
import type { World } from '../types.ts'
import { ask, conns, iptables, server } from './checknf.ts'
import { BUILTIN } from './tables.ts'
import type { TableName } from './types.ts'

interface HookLine {
  hook: string
  src: string
  dst: string
  ttl: number
  in?: string
  out?: string
  verdict: string
}

interface Case {
  id: string
  topology?: string
  rules: string[]
  extraSetup?: { on: string; cmd: string }[]
  sender: string
  to: string
  sends: number
  replies: string[]
  conntrack: string[]
  packets: HookLine[][]
}

const ROUTED = `
  link client/eth0 router/eth0
  link server/eth0 router/eth1
  addr client/eth0 10.0.1.2/24
  addr router/eth0 10.0.1.1/24
  addr router/eth1 10.0.2.1/24
  addr server/eth0 10.0.2.2/24
  sysctl router net.ipv4.ip_forward=1
  sysctl router net.ipv4.conf.all.route_localnet=1
  route client add default via 10.0.1.1
  route server add default via 10.0.2.1`
const BRIDGED = `
  link client/eth0 router/vethc
  link server/eth0 router/veths
  bridge router/br0
  master router/vethc br0
  master router/veths br0
  addr client/eth0 10.0.1.2/24
  addr server/eth0 10.0.1.3/24
  addr router/br0 10.0.1.1/24
  sysctl router net.ipv4.ip_forward=1
  sysctl router net.ipv4.conf.all.route_localnet=1
  sysctl router net.ipv4.conf.all.send_redirects=0
  sysctl router net.ipv4.conf.br0.send_redirects=0
  route client add default via 10.0.1.1
  route server add default via 10.0.1.1`

const file = new URL('../../../../shared/cases/07-iptables-cni.json', import.meta.url)
const cases: Case[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).netfilter.cases : []

const recorded = describe.skipIf(cases.length === 0) // skips: no shared folder

recorded('recorded packets', () => {
  for (const one of cases) it(one.id, () => runCase(one))
})

function runCase(one: Case): void {
  const world = netOf(one.topology === 'bridge' ? BRIDGED : ROUTED)
  for (const { on, cmd } of one.extraSetup ?? []) setUp(world, on, cmd)
  const router = nsOf(world, 'router')
  // A line in the log at every chain, as the recording had; without them nothing is tracked.
  for (const table of ['raw', 'mangle', 'nat', 'filter'] as TableName[]) {
    for (const chain of BUILTIN[table]) {
      iptables(world, 'router', `-t ${table} -A ${chain} -j LOG --log-prefix ${table}:${chain}=`)
    }
  }
  for (const rule of one.rules) iptables(world, 'router', rule)
  const servers = [
    ['server', server(world, 'server', 9000)],
    ['router', server(world, 'router', 9000)],
    ['router', server(world, 'router', 9001)],
    ['client', server(world, 'client', 9000)],
  ] as const
  const [to, port] = one.to.split(':') as [string, string]
  const { said } = ask(world, one.sender, to, Number(port), servers)
  const reply = one.replies[0]
  if (reply === 'pong' || reply === 'TimeoutError') expect(said).toBe(reply)
  else if (reply === 'ConnectionRefusedError') expect(said).toBe('ECONNREFUSED')
  else expect(said).not.toBe('pong')
  expect((router.log ?? []).map((line) => seen(line.text)).filter((line) => line !== '')).toEqual(
    one.packets.flat().map(shown),
  )
  const tracked = conns(router).map((line) => line.replace('udp ', 'udp 17 '))
  expect(tracked).toEqual(one.conntrack.map((line) => line.replace(/17 \d+ /, '17 ').replace(/ mark.*/, '')))
}

function setUp(world: World, on: string, cmd: string): void {
  const sysctl = cmd.match(/^sysctl -qw (\S+)$/)
  if (sysctl !== null) {
    expect(doLine(world, `sysctl ${on} ${sysctl[1]}`)).toBe('')
    return
  }
  const hairpin = cmd.match(/^bridge link set dev (\S+) hairpin on$/)
  const link = nsOf(world, on).links.find((l) => l?.name === hairpin?.[1])
  link!.port!.hairpin = true
}

function seen(line: string): string {
  const got = line.match(
    /^(\w+:\w+)=IN=(\S*) OUT=(\S*) (?:PHYS\S+ )*(?:MAC=\S+ )?SRC=(\S+) DST=(\S+) .*?TTL=(\d+) (?:[^[]*?SPT=(\d+) DPT=(\d+))?/,
  )
  if (got === null) return ''
  const [, hook, iif, oif, src, dst, ttl, sport, dport] = got
  const port = (text: string | undefined) => (text === undefined ? '' : `:${text}`)
  return `${hook} ${src}${port(sport)} > ${dst}${port(dport)} ttl ${ttl} in ${iif} out ${oif}`
}

function shown(line: HookLine): string {
  return `${line.hook} ${line.src} > ${line.dst} ttl ${line.ttl} in ${line.in ?? ''} out ${line.out ?? ''}`
}
