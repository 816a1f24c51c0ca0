// Names over a LAN: a client, a resolver that forwards, and a server with the zone. Each question and answer in order,
// what it costs, and what is seen where a server is down (timeouts of glibc 2.36 as recorded in proc/cmd/dns.real.txt).
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatIp } from '../base/addr.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'
import { decodeDns } from '../wire/dns.ts'
import { captureFile, startCapture, takeFrames } from './capture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'
import { rcodeName, typeName } from '../proc/dns/text.ts'

const RECORDS = Array.from({ length: 60 }, (_, i) => `big A 10.9.0.${i + 1}`).join('\\n')
const ZONE = `@ SOA ns admin 1 7200 1800 86400 5\\n@ NS ns\\nns A 10.0.0.54\\nwww A 10.0.0.54\\n${RECORDS}\\n`
const machine = (name: string, ip: string, lines: string[]) => `    ${name}:
      kind: linux
      exec:
        - ip addr add ${ip}/24 dev eth0
        - sysctl -w net.ipv6.conf.all.disable_ipv6=1
        - ip link set eth0 up
${lines.map((line) => `        - ${line}\n`).join('')}`
const serve = (corefile: string) => [
  `sh -c "printf '${corefile}' > /Corefile"`,
  "sh -c 'coredns -conf /Corefile >/log 2>&1 &'",
]
const LAB = `name: names
topology:
  nodes:
    sw:
      kind: bridge
${machine('pc', '10.0.0.1', [`sh -c "printf 'nameserver 10.0.0.53\\nsearch corp.test\\n' > /etc/resolv.conf"`])}${machine('ns', '10.0.0.53', serve('. {\\n forward . 10.0.0.54\\n}\\n'))}${machine('auth', '10.0.0.54', [`sh -c "printf '${ZONE}' > /zone"`, ...serve('example.org corp.test {\\n file /zone\\n}\\n')])}  links:
    - endpoints: ["pc:eth0", "sw:eth1"]
    - endpoints: ["ns:eth0", "sw:eth2"]
    - endpoints: ["auth:eth0", "sw:eth3"]
`

/** DNS messages as they left machines: seconds since the first, from, to, question, answer. */
function messages(steps: readonly StepDetail[]): string[] {
  const rows: string[] = []
  let first = -1
  for (const { kind, headers: p, nsName, at } of steps) {
    const ours = kind === StepKind.Tx && nsName !== 'sw' && (p.sport === 53 || p.dport === 53)
    if (!ours || p.payload === null || p.proto !== 17) continue
    const { message } = decodeDns(p.payload)
    if (first < 0) first = at
    const [q] = message!.question
    const said = message!.qr
      ? ` ${rcodeName(message!.rcode)} ${message!.answer.length}${message!.tc ? ' tc' : ''}`
      : ''
    const seconds = Math.round((at - first) / 1e9)
    rows.push(`${seconds} ${formatIp(p.src)} > ${formatIp(p.dst)} ${typeName(q!.type)} ${q!.name}${said}`)
  }
  return rows
}

function open(): Scenario {
  const lab = openScenario(LAB)
  lab.wait(1)
  lab.type('pc: ping -c 1 10.0.0.53')
  lab.type('ns: ping -c 1 10.0.0.54')
  lab.steps()
  return lab
}

const PC = '10.0.0.1 > 10.0.0.53'
const BACK = '10.0.0.53 > 10.0.0.1'
const UP = '10.0.0.53 > 10.0.0.54'
const DOWN = '10.0.0.54 > 10.0.0.53'

describe('names over a LAN', () => {
  it('go from the client to the resolver to the server, and back', () => {
    const lab = open()
    expect(lab.type('pc: ping -c 1 www.example.org').stdout).toContain(
      'PING www.example.org (10.0.0.54) 56(84)',
    )
    const rows = messages(lab.steps())
    for (const type of ['A', 'AAAA']) {
      expect(rows.filter((row) => row.includes(` ${type} `))).toEqual([
        `0 ${PC} ${type} www.example.org.`,
        `0 ${UP} ${type} www.example.org.`,
        `0 ${DOWN} ${type} www.example.org. NOERROR ${type === 'A' ? 1 : 0}`,
        `0 ${BACK} ${type} www.example.org. NOERROR ${type === 'A' ? 1 : 0}`,
      ])
    }
    expect(rows.length).toBe(8)
  })

  it('go through the search list where they are short, and do not exist', () => {
    const lab = open()
    expect(lab.type('pc: getent ahostsv4 www').stdout).toContain('STREAM www.corp.test')
    lab.steps()
    const { code, stderr } = lab.type('pc: curl -s -S http://nosuch/')
    expect([code, stderr]).toEqual([6, 'curl: (6) Could not resolve host: nosuch\n'])
    const asked = messages(lab.steps()).filter((row) => row.includes(PC) || row.includes(BACK))
    expect(asked.map((row) => row.replace(/^0 [0-9.]+ > [0-9.]+ /, ''))).toEqual([
      'A nosuch.corp.test.',
      'AAAA nosuch.corp.test.',
      'A nosuch.corp.test. NXDOMAIN 0',
      'AAAA nosuch.corp.test. NXDOMAIN 0',
      'A nosuch.',
      'AAAA nosuch.',
      // The server has no such zone.
      'A nosuch. REFUSED 0',
      'AAAA nosuch. REFUSED 0',
      'A nosuch.',
      'AAAA nosuch.',
      'A nosuch. REFUSED 0',
      'AAAA nosuch. REFUSED 0',
    ])
  })

  it('come over TCP where they are many', () => {
    const lab = open()
    const { stdout } = lab.type('pc: getent ahostsv4 big.example.org')
    expect(stdout.match(/STREAM/g)!.length).toBe(60)
    const steps = lab.steps()
    expect(messages(steps)).toContainEqual(
      expect.stringMatching(/^0 10\.0\.0\.53 > 10\.0\.0\.1 A big.* NOERROR \d+ tc$/),
    )
    expect(steps.some(({ headers: p }) => p.proto === 6 && p.dport === 53 && p.tcp !== null)).toBe(true)
  })

  it('are asked for twice, five seconds each, where the resolver is silent', () => {
    const lab = open()
    lab.type('ns: iptables -A INPUT -p udp --dport 53 -j DROP')
    lab.steps()
    const from = lab.run.world.now
    const { code, stderr } = lab.type('pc: ping -c 1 www.example.org')
    expect([code, stderr]).toEqual([2, 'ping: www.example.org: Temporary failure in name resolution\n'])
    expect(Math.round((lab.run.world.now - from) / 1e9)).toBe(20)
    expect(messages(lab.steps()).filter((row) => row.includes(' A www.example.org.'))).toEqual([
      `0 ${PC} A www.example.org.`,
      `5 ${PC} A www.example.org.`,
      `10 ${PC} A www.example.org.corp.test.`,
      `15 ${PC} A www.example.org.corp.test.`,
    ])
  })

  it('fail at once where nobody listens', () => {
    const lab = open()
    lab.type('ns: pkill coredns')
    const from = lab.run.world.now
    expect(lab.type('pc: nc -z www.example.org 80').stderr).toBe(
      'nc: getaddrinfo for host "www.example.org" port 80: Temporary failure in name resolution\n',
    )
    expect((lab.run.world.now - from) / 1e9).toBeLessThan(0.1)
  })
})

const tshark = spawnSync('tshark', ['--version']).status === 0
const wellFormed = it.skipIf(!tshark) // skips: there is no tshark
wellFormed('are well-formed for tshark', () => {
  const lab = open()
  const capture = startCapture(lab.run)
  for (const line of [
    'pc: dig www.example.org',
    'pc: dig big.example.org',
    'pc: nslookup nosuch.example.org',
    'pc: dig -x 10.0.0.1',
  ]) {
    lab.type(line)
    takeFrames(lab.run, capture)
  }
  const folder = mkdtempSync(join(tmpdir(), 'names-'))
  const file = join(folder, 'names.pcapng')
  writeFileSync(file, captureFile(capture))
  const run = (...args: string[]) =>
    execFileSync('tshark', ['-r', file, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  expect(run('-Y', '_ws.malformed || _ws.expert.severity == error').toString()).toBe('')
  expect(run('-Y', 'dns').toString().split('\n').length).toBeGreaterThan(10)
  rmSync(folder, { recursive: true })
})
