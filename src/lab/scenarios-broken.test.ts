// The broken labs of the library: what is broken shows as it does in Linux 6.18 (shared/kernel.md, "Observed in the
// scenarios"), and one line mends it. The kernel comparison runs the same commands in real namespaces.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatIp } from '../base/addr.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepAction, StepKind } from '../net/trace.ts'
import { runChecks } from './check.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

function open(file: string): Scenario {
  return openScenario(
    readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`), 'utf8'),
  )
}

/** Exit code and standard output of a command. */
function read(lab: Scenario, line: string): string {
  const { code, stdout } = lab.type(line)
  return `${code} ${stdout.trim()}`
}

/** Where packets of IP ended for a reason: `ROOM REASON`. */
function drops(steps: readonly StepDetail[]): string[] {
  return steps.filter((s) => s.reason !== '' && s.headers.arp === null).map((s) => `${s.nsName} ${s.reason}`)
}

interface End {
  ip: number
  port: number
}

/** What translations changed: `ROOM source 10.0.1.3:8080 > 10.3.241.11:80`. */
function changes(steps: readonly StepDetail[]): string[] {
  const text = ({ ip, port }: End): string => `${formatIp(ip)}:${port >= 30000 ? 'P' : port}`
  return steps
    .filter((s) => s.kind === StepKind.Hook && s.action === StepAction.Translate)
    .map((s) => {
      const { field, from, to } = s.evidence as { field: string; from: End; to: End }
      return `${s.nsName} ${field} ${text(from)} > ${text(to)}`
    })
}

/** TCP segments without data that a device received: `SYN-ACK 10.0.1.3:8080`. */
function received(steps: readonly StepDetail[], room: string): string[] {
  const names: Record<number, string> = { 2: 'SYN', 18: 'SYN-ACK', 4: 'RST', 20: 'RST-ACK' }
  return steps.flatMap(({ nsName, kind, headers }) => {
    const name = names[headers.tcp?.flags ?? 0]
    if (nsName !== room || kind !== StepKind.Rx || name === undefined) return []
    return [`${name} ${formatIp(headers.src)}${headers.sport < 30000 ? `:${headers.sport}` : ''}`]
  })
}

function results(lab: Scenario): boolean[] {
  return runChecks(lab.run.lab, lab.run.world, lab.run.rules).map((check) => check.ok)
}

/** The lab's checks before and after what its lesson says mends it. */
function mended(file: string, before: boolean[]): void {
  const lab = open(file)
  expect(results(lab)).toEqual(before)
  for (const { mends } of lab.run.lab.lesson?.checks ?? []) {
    if (mends !== undefined) expect(lab.type(`${mends.machine}: ${mends.command}`).code).toBe(0)
  }
  expect(results(lab)).toEqual(before.map(() => true))
}

const SERVICE = 'curl -s -m 2.5 10.3.241.11'
const PAGE = '0 <p>Hello from pod2</p>'

describe('8.4 bridge-nf-off', () => {
  const lab84 = () => open('8.4-bridge-nf-off')

  it('the answer comes from the endpoint’s own address and is reset, each second again', () => {
    const lab = lab84()
    lab.steps()
    expect(read(lab, `node/pod1: ${SERVICE}`)).toBe('28 ')
    const steps = lab.steps()
    expect(received(steps, 'node.pod1')).toEqual(Array(3).fill('SYN-ACK 10.0.1.3:8080'))
    expect(received(steps, 'node.pod2').filter((s) => s.startsWith('RST'))).toEqual(
      Array(3).fill('RST 10.0.1.2'),
    )
    expect(new Set(changes(steps))).toEqual(new Set(['node destination 10.3.241.11:80 > 10.0.1.3:8080']))
    const listed = lab.type('node: conntrack -L').stdout
    expect(listed).toMatch(/^tcp +6 \d+ SYN_SENT src=10\.0\.1\.2 dst=10\.3\.241\.11 .*\[UNREPLIED\]/)
    expect(read(lab, 'node/pod1: curl -s -m 2 10.0.1.3:8080')).toBe(PAGE)
  })

  it('with bridge-nf-call-iptables=1 its source is changed back on the bridge', () => {
    const lab = lab84()
    lab.type('node: sysctl -w net.bridge.bridge-nf-call-iptables=1')
    lab.steps()
    expect(read(lab, `node/pod1: ${SERVICE}`)).toBe(PAGE)
    const steps = lab.steps()
    expect(received(steps, 'node.pod1')).toEqual(['SYN-ACK 10.3.241.11:80'])
    expect(changes(steps)[1]).toBe('node source 10.0.1.3:8080 > 10.3.241.11:80')
  })

  it('its checks fail, and hold once mended', () => mended('8.4-bridge-nf-off', [false, true]))
})

describe('8.5 reverse-path', () => {
  const lab85 = () => open('8.5-reverse-path')
  const ping = 'pc: ping -c 1 -W 1 10.1.0.80'

  it('strict: dropped after PREROUTING’s mangle chain, though the device has seen it', () => {
    const lab = lab85()
    lab.type('server: iptables -t mangle -A PREROUTING -p icmp')
    lab.type('server: iptables -A INPUT -p icmp')
    lab.type('server: sysctl -w net.ipv4.conf.all.log_martians=1')
    lab.steps()
    expect(lab.type(ping).code).toBe(1)
    expect(drops(lab.steps())).toEqual(['server IP_RPFILTER'])
    expect(lab.type('server: iptables -t mangle -nvL PREROUTING').stdout).toMatch(/\n +1 +84 /)
    expect(lab.type('server: iptables -nvL INPUT').stdout).toMatch(/\n +0 +0 /)
    expect(lab.type('server: dmesg').stdout).toContain(
      'IPv4: martian source 10.1.0.80 from 192.168.1.10, on dev eth0',
    )
  })

  it('the larger of all and the device counts; loose, or one way there and back, lets it in', () => {
    const lab = lab85()
    lab.type('server: sysctl -w net.ipv4.conf.eth0.rp_filter=0')
    expect(lab.type(ping).code).toBe(1)
    // The device's 2 is the larger.
    lab.type('server: sysctl -w net.ipv4.conf.eth0.rp_filter=2')
    lab.steps()
    expect(lab.type(ping).code).toBe(0)
    expect(lab.frames()).toContain('right/eth1< 10.1.0.80 > 192.168.1.10 ttl 64 icmp 0/0 seq 1')
    const other = lab85()
    other.type('server: ip route replace default via 10.1.0.1')
    expect(other.type(ping).code).toBe(0)
  })

  it('its checks fail, and hold once mended', () => mended('8.5-reverse-path', [false, false]))
})

describe('8.6 table-full', () => {
  it('what is new is dropped and the kernel says so; what is open goes on', () => {
    const lab = open('8.6-table-full')
    lab.steps()
    expect(read(lab, 'pc: curl -s -m 2.5 203.0.113.80')).toBe('28 ')
    expect(drops(lab.steps())).toEqual(Array(3).fill('gate NETFILTER_DROP'))
    expect(lab.type('gate: dmesg').stdout).toMatch(
      /^(\[ +[\d.]+\] nf_conntrack: nf_conntrack: table full, dropping packet\n){3}$/,
    )
    expect(lab.type('gate: conntrack -C').stdout).toBe('6\n')
    expect(lab.type('gate: conntrack -S').stdout).toContain(' drop=3 early_drop=0 ')
    // A connection thrown out makes room for one.
    lab.type('gate: conntrack -D -s 192.168.1.20')
    expect(read(lab, 'pc: curl -s -m 2.5 203.0.113.80')).toBe('0 <p>Hello from the server</p>')
  })

  it('its checks fail, and hold once mended', () => mended('8.6-table-full', [false, false]))
})

describe('8.8 ports-used-up', () => {
  it('the rule matches, no port is free, and the SYN is lost when it is to be confirmed', () => {
    const lab = open('8.8-ports-used-up')
    lab.steps()
    expect(read(lab, 'pc: curl -s -m 2.5 203.0.113.80')).toBe('28 ')
    expect(drops(lab.steps())).toEqual(Array(3).fill('gate NETFILTER_DROP'))
    expect(lab.type('gate: conntrack -S').stdout).toContain(' insert_failed=3 drop=3 ')
    // Four connections of app's and three SYNs of pc's asked the nat table.
    expect(lab.type('gate: iptables -t nat -nvL POSTROUTING').stdout).toMatch(/\n +7 +420 MASQUERADE /)
    expect(lab.type('gate: dmesg').stdout).toBe('')
    // Another port of the same server is another tuple: refused, not lost.
    expect(lab.type('pc: curl -s -m 2.5 203.0.113.80:81').code).toBe(7)
  })

  it('its checks fail, and hold once mended', () => mended('8.8-ports-used-up', [false, true]))
})

describe('8.13 hairpin-off', () => {
  const lab813 = () => open('8.13-hairpin-off')

  it('the SYN is translated and never leaves by the port that it came by', () => {
    const lab = lab813()
    lab.steps()
    expect(read(lab, `node/pod2: ${SERVICE}`)).toBe('28 ')
    const steps = lab.steps()
    expect(received(steps, 'node.pod2')).toEqual([])
    expect(new Set(changes(steps))).toEqual(new Set(['node destination 10.3.241.11:80 > 10.0.1.3:8080']))
  })

  it('with the flag pod2 answers a client 10.0.1.1', () => {
    const lab = lab813()
    lab.type('node: bridge link set dev veth2 hairpin on')
    lab.steps()
    expect(read(lab, `node/pod2: ${SERVICE}`)).toBe(PAGE)
    expect(received(lab.steps(), 'node.pod2')).toEqual(['SYN 10.0.1.1', 'SYN-ACK 10.3.241.11:80'])
  })

  it('without masquerade pod2 gets its own SYN back and ignores it, flag or not', () => {
    const lab = lab813()
    lab.type('node: bridge link set dev veth2 hairpin on')
    lab.type('node: iptables -t nat -F KUBE-MARK-MASQ')
    lab.steps()
    expect(read(lab, `node/pod2: ${SERVICE}`)).toBe('28 ')
    expect(received(lab.steps(), 'node.pod2')).toEqual(Array(3).fill('SYN 10.0.1.3'))
  })

  it('with bridge-nf-call-iptables=0 the flag does not matter', () => {
    const lab = lab813()
    lab.type('node: sysctl -w net.bridge.bridge-nf-call-iptables=0')
    expect(read(lab, `node/pod2: ${SERVICE}`)).toBe(PAGE)
  })

  it('its checks fail, and hold once mended', () => mended('8.13-hairpin-off', [false, true]))
})
