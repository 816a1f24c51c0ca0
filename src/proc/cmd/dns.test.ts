/**
 * dig, nslookup, host, getent and what looks names up, against what the real ones printed and asked: `dns.real.txt`; and
 * the shared cases, which lie beside a working copy, not in it: without them those skip.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Bench } from '../check.ts'
import { runLine } from '../check.ts'
import { corePrograms } from './core.ts'
import { recdns } from './dns.fixture.ts'
import { dnsPrograms } from './dns.ts'
import { netPrograms } from './net.ts'
import { probePrograms } from './probe.ts'
import { streamPrograms } from './stream.ts'
import { createNetBench } from './transcript.ts'

const SERVERS = ['10 ok', '11 silent', '12 servfail', '13 refused', '14 none']
const POD =
  'nameserver 10.96.0.10|search default.svc.cluster.local svc.cluster.local cluster.local|options ndots:5'

function bench(): Bench {
  const made = createNetBench([
    ...corePrograms,
    ...netPrograms,
    ...probePrograms,
    ...streamPrograms,
    ...dnsPrograms,
    recdns,
  ])
  const lines = ['ip link set lo up']
  for (const one of SERVERS) {
    const [last, mode] = one.split(' ')
    lines.push(`ip addr add 10.96.0.${last}/32 dev lo`)
    if (mode !== 'none') lines.push(`recdns 10.96.0.${last} ${mode} &`)
  }
  const hosts = '127.0.0.1 localhost\\n10.5.5.5 hosted.example.com hosted\\nfd00::55 hosted\\n'
  lines.push(`printf '${hosts}' > /etc/hosts`)
  for (const line of lines) expect([line, runLine(made, line).err]).toEqual([line, ''])
  resolvConf(made, POD)
  return made
}

function resolvConf(made: Bench, text: string): void {
  runLine(made, `printf '${text.replaceAll('|', '\\n')}\\n' > /etc/resolv.conf`)
}

interface Told {
  out: string
  err: string
  code: number
  queries: string[]
}

function told(made: Bench, command: string): Told {
  runLine(made, ': > /log')
  const from = made.world.now
  const { out, err, code } = runLine(made, command)
  const log = runLine(made, 'cat /log').out.trimEnd()
  const first = log === '' ? from : Number(log.split(' ')[0])
  const queries =
    log === ''
      ? []
      : log.split('\n').map((line) => {
          const [at, ...rest] = line.split(' ')
          return `${Math.round((Number(at) - first) / 1e9)} ${rest.join(' ')}`
        })
  return { out: steady(out), err: steady(err), code, queries }
}

/** Without what differs from run to run. */
function steady(text: string): string {
  return text
    .replace(/id: \d+/g, 'id: N')
    .replace(/Query time: \d+/g, 'Query time: T')
    .replace(/ in \d+ ms/g, ' in T ms')
    .replace(/WHEN: .*/g, 'WHEN: D')
    .replace(/^--[-0-9]+ [:0-9]+--/gm, '--D--')
    .replace(/time=[0-9.]+/g, 'time=T')
    .replace(/= [0-9.]+\/[0-9.]+\/[0-9.]+\/[0-9.]+ ms/g, '= T')
    .replace(/\r/g, '')
}

/** What the usage texts of the real ones go on with is not ours. */
const SKIPPED = /^(host$|host -v|busybox (ping|wget)|curl -v|dig .*\+multiline|getent (frob|hosts$))/

describe('names', () => {
  it('are asked for, and answers shown, as by the real tools', () => {
    const made = bench()
    const text = readFileSync(new URL('./dns.real.txt', import.meta.url), 'utf8')
    const differing: unknown[] = []
    let count = 0
    for (const block of text.split(/\n(?=\$ |# resolv)/)) {
      const conf = /^# resolv\.conf: (.*)/m.exec(block)
      if (conf !== null) resolvConf(made, conf[1]!)
      const lines = block.split('\n')
      if (!lines[0]!.startsWith('$ ')) continue
      const command = lines[0]!.slice(2)
      if (SKIPPED.test(command)) continue
      const rest = lines.slice(1).filter((line) => !line.startsWith('#'))
      const end = rest.findIndex((line) => /^rc=\d+ took=/.test(line))
      const real: Told = { out: '', err: '', code: Number(/^rc=(\d+)/.exec(rest[end]!)![1]), queries: [] }
      for (const line of rest.slice(0, end)) {
        if (line.startsWith('E: ')) real.err += `${line.slice(3)}\n`
        else real.out += `${line.replaceAll('^I', '\t')}\n`
      }
      for (const line of rest.slice(end + 1)) if (line.startsWith('  Q ')) real.queries.push(line.slice(4))
      real.out = steady(real.out)
      real.err = steady(real.err)
      const busybox = command.startsWith('busybox ')
      if (busybox) runLine(made, ': > /etc/alpine-release')
      const got = told(made, busybox ? command.slice(8) : command)
      if (busybox) runLine(made, 'rm /etc/alpine-release')
      // curl's progress meter has its own tests.
      const meter = /^( +% Total|.*Dload|.*--:--:--.*)/
      const plain = (one: string) =>
        one
          .split('\n')
          .filter((line) => !meter.test(line))
          .join('\n')
      const mine = { command, ...got, err: plain(got.err) }
      const theirs = { command, ...real, err: plain(real.err) }
      if (JSON.stringify(mine) !== JSON.stringify(theirs)) differing.push([mine, theirs])
      count++
    }
    expect(differing).toEqual([])
    expect(count).toBeGreaterThan(100)
  })
})

const FILE = new URL('../../../../shared/cases/02-dns-schema-and-search.json', import.meta.url)
const shared = it.skipIf(!existsSync(FILE)) // skips: the cases lie beside a working copy, not in it

interface SearchCase {
  name: string
  ndots: number
  search: string[]
  tool: string
  queries: { name: string; type: string }[]
  resolved: boolean
  answer?: string[]
}

it('musl asks all servers at once, and stops at the first answer that is one', () => {
  const made = bench()
  runLine(made, ': > /etc/alpine-release')
  // res_msend: a silent server costs nothing beside one that answers.
  resolvConf(made, 'nameserver 10.96.0.11|nameserver 10.96.0.10')
  const both = told(made, 'getent ahostsv4 www.example.com')
  expect([both.code, both.queries]).toEqual([0, ['0 www.example.com. A udp', '0 www.example.com. A udp']])
  // Enough dots: the search list is not used at all (lookup_name.c, name_from_dns_search).
  resolvConf(made, POD.replace('ndots:5', 'ndots:1'))
  expect(told(made, 'ping -c1 nosuch.example.com')).toEqual({
    out: '',
    err: "ping: bad address 'nosuch.example.com'\n",
    code: 1,
    queries: ['0 nosuch.example.com. A udp', '0 nosuch.example.com. AAAA udp'],
  })
  // Silent: twice in five seconds.
  resolvConf(made, 'nameserver 10.96.0.11')
  const from = made.world.now
  expect(told(made, 'wget http://www.example.com/').code).toBe(1)
  expect(Math.round((made.world.now - from) / 1e9)).toBe(5)
})

describe('the search list', () => {
  shared('is gone through as by the real resolvers', () => {
    const made = bench()
    runLine(made, 'ip link add d0 type dummy; ip link set d0 up; ip addr add fd00:1::5/64 dev d0')
    runLine(made, 'ip addr add 192.0.2.5/24 dev d0')
    const { search_cases: cases } = JSON.parse(readFileSync(FILE, 'utf8')) as { search_cases: SearchCase[] }
    for (const one of cases) {
      const search = one.search.length === 0 ? '' : `|search ${one.search.join(' ')}`
      resolvConf(made, `nameserver 10.96.0.10${search}|options ndots:${one.ndots}`)
      const got = told(made, `${one.tool} ${one.name}`)
      const what = `${one.tool} ${one.name} ndots ${one.ndots}`
      const asked = got.queries.map((line) => line.split(' ').slice(1, 3).join(' '))
      expect([what, ...asked]).toEqual([what, ...one.queries.map(({ name, type }) => `${name} ${type}`)])
      if (one.answer === undefined) continue
      const ips = new Set(got.out.match(/^\d+\.\d+\.\d+\.\d+/gm) ?? [])
      expect([what, ...ips]).toEqual([what, ...one.answer])
    }
    expect(cases.length).toBeGreaterThan(0)
  })
})
