// The labs of the library in which packets meet rules, run headless: each line under *shows*. What is expected was
// printed and done by Linux 6.18 with iptables 1.8.9 and conntrack 1.4.7 for the same commands (shared/kernel.md,
// "Observed in the scenarios").
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatIp } from '../base/addr.ts'
import type { HookEvidence } from '../net/nf/ctx.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepAction, StepKind } from '../net/trace.ts'
import { runChecks } from './check.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

const UNREACHABLE = 'ping: connect: Network is unreachable\n'
const ROUTE = 'host: ip netns exec blue ip route add 192.168.1.0/24 via 192.168.15.5'
const FORWARD = 'host: sysctl -w net.ipv4.ip_forward=1'
const MASQUERADE = 'host: iptables -t nat -A POSTROUTING -s 192.168.15.0/24 -j MASQUERADE'
const BLUE_PINGS = 'host: ip netns exec blue ping -c 1 -W 1 192.168.1.3'
const DNAT = 'host: iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 192.168.15.2:80'
const BRNF_OFF = 'host: sysctl -w net.bridge.bridge-nf-call-iptables=0'

function open(file: string): Scenario {
  return openScenario(
    readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`), 'utf8'),
  )
}

/** Types lines that must succeed. */
function all(lab: Scenario, ...lines: string[]): void {
  for (const line of lines) {
    const { code, stderr } = lab.type(line)
    expect([line, code, stderr]).toEqual([line, 0, ''])
  }
}

/** Where packets of IP ended: `ROOM REASON`. */
function drops(steps: readonly StepDetail[]): string[] {
  return steps.filter((s) => s.reason !== '' && s.headers.arp === null).map((s) => `${s.nsName} ${s.reason}`)
}

/** What translations changed: `ROOM source 192.168.15.2 > 192.168.1.2`. */
function changes(steps: readonly StepDetail[]): string[] {
  return steps
    .filter((s) => s.kind === StepKind.Hook && s.action === StepAction.Translate)
    .map((s) => {
      const { field, from, to } = s.evidence as { field: string; from: End; to: End }
      return `${s.nsName} ${field} ${formatIp(from.ip)} > ${formatIp(to.ip)}`
    })
}

interface End {
  ip: number
}

/** Verdicts of rules: `ROOM nat/POSTROUTING#1 MASQUERADE`. */
function verdicts(steps: readonly StepDetail[]): string[] {
  return steps.flatMap((s) => {
    const e = s.evidence as Partial<HookEvidence> | null
    if (e?.verdict === undefined) return []
    return [`${s.nsName} ${e.table}/${e.chain}#${e.rule} ${e.verdict}`]
  })
}

function results(lab: Scenario): boolean[] {
  return runChecks(lab.run.lab, lab.run.world, lab.run.rules).map((check) => check.ok)
}

function mend(lab: Scenario): void {
  for (const { mends } of lab.run.lab.lesson?.checks ?? []) {
    if (mends !== undefined) expect(lab.type(`${mends.machine}: ${mends.command}`).code).toBe(0)
  }
}

/** Numbers of a connection that differ from run to run. */
function plain(text: string): string {
  return text.replaceAll(/id=\d+/g, 'id=N').replaceAll(/^(icmp +1) \d+/gm, '$1 T')
}

describe('1.5 nat-to-the-lan', () => {
  const lab15 = () => open('1.5-nat-to-the-lan')

  it('without a route blue sends nothing', () => {
    const lab = lab15()
    const ping = lab.type(BLUE_PINGS)
    expect([ping.code, ping.stderr]).toEqual([2, UNREACHABLE])
    expect(lab.frames()).toEqual([])
  })

  it('with one, the request dies in a host that does not forward, which still answers for its own address', () => {
    const lab = lab15()
    all(lab, ROUTE)
    lab.steps()
    expect(lab.type(BLUE_PINGS).code).toBe(1)
    expect(drops(lab.steps())).toEqual(['host IP_INADDRERRORS'])
    all(lab, 'host: ip netns exec blue ping -c 1 -W 1 192.168.1.2')
  })

  it('forwarded, it reaches 192.168.1.3, whose reply has no way back', () => {
    const lab = lab15()
    all(lab, ROUTE, FORWARD)
    lab.steps()
    const ping = lab.type(BLUE_PINGS)
    expect(ping.code).toBe(1)
    expect(ping.stdout).toContain('1 packets transmitted, 0 received, 100% packet loss')
    expect(drops(lab.steps())).toEqual(['pc IP_OUTNOROUTES'])
  })

  it('masqueraded, the reply arrives; the source changes at POSTROUTING, and conntrack holds both tuples', () => {
    const lab = lab15()
    all(lab, ROUTE, FORWARD, MASQUERADE)
    lab.steps()
    expect(lab.type(BLUE_PINGS).stdout).toContain('64 bytes from 192.168.1.3: icmp_seq=1 ttl=63 time=')
    const steps = lab.steps()
    expect(verdicts(steps)).toEqual(['host nat/POSTROUTING#1 MASQUERADE'])
    expect(changes(steps)).toEqual([
      'host source 192.168.15.2 > 192.168.1.2',
      'host destination 192.168.1.2 > 192.168.15.2',
    ])
    const listed = lab.type('host: conntrack -L')
    expect([plain(listed.stdout), listed.stderr]).toEqual([
      'icmp     1 T src=192.168.15.2 dst=192.168.1.3 type=8 code=0 id=N src=192.168.1.3 dst=192.168.1.2 type=0 code=0 id=N mark=0 use=1\n',
      'conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n',
    ])
  })

  it('the other direction: unreachable, then lost, then dying for want of blue’s route, then open', () => {
    const lab = lab15()
    const ping = 'pc: ping -c 1 -W 1 192.168.15.2'
    expect(lab.type(ping).stderr).toBe(UNREACHABLE)
    all(lab, 'pc: ip route add 192.168.15.0/24 via 192.168.1.2')
    lab.steps()
    expect(lab.type(ping).code).toBe(1)
    expect(drops(lab.steps())).toEqual(['host IP_INADDRERRORS'])
    // Masquerade alone does not open it.
    all(lab, FORWARD, MASQUERADE)
    lab.steps()
    expect(lab.type(ping).code).toBe(1)
    expect(drops(lab.steps())).toEqual(['host.blue IP_OUTNOROUTES'])
    all(lab, ROUTE, ping)
  })

  it('the trap: with bridge-nf 1 red reaches blue as 192.168.15.5, mended by ! -o v-net-0', () => {
    const seen = (lab: Scenario) => {
      lab.frames()
      all(lab, 'host: ip netns exec red ping -c 1 -W 1 192.168.15.2')
      return lab.frames().find((frame) => frame.startsWith('host.blue/veth-blue< 192'))
    }
    const echo = (from: string) => `host.blue/veth-blue< ${from} > 192.168.15.2 ttl 64 icmp 8/0 seq 1`
    const lab = lab15()
    all(lab, MASQUERADE)
    expect(seen(lab)).toBe(echo('192.168.15.5'))
    all(lab, BRNF_OFF)
    expect(seen(lab)).toBe(echo('192.168.15.1'))
    const mended = lab15()
    all(mended, MASQUERADE.replace('-j', '! -o v-net-0 -j'))
    expect(seen(mended)).toBe(echo('192.168.15.1'))
  })

  it('its checks fail, and hold once mended', () => {
    const lab = lab15()
    expect(results(lab)).toEqual([false, false])
    mend(lab)
    expect(results(lab)).toEqual([true, true])
  })
})

describe('1.6 default-gateway, with translation', () => {
  const lab16 = () => {
    const lab = open('1.6-default-gateway')
    all(lab, 'host: ip netns exec blue ip route add default via 192.168.15.5')
    all(lab, 'router: ip route del 192.168.15.0/24')
    lab.steps()
    return lab
  }
  const PING = 'host: ip netns exec blue ping -c 1 -W 1 8.8.8.8'

  it('without a route back the router drops the reply; masqueraded at the host it arrives', () => {
    const lab = lab16()
    expect(lab.type(PING).code).toBe(1)
    expect(drops(lab.steps())).toContain('router IP_INNOROUTES')
    all(lab, MASQUERADE)
    lab.steps()
    expect(lab.type(PING).stdout).toContain('64 bytes from 8.8.8.8: icmp_seq=1 ttl=62 time=')
    expect(lab.frames()).toContain('internet/eth0< 192.168.1.2 > 8.8.8.8 ttl 62 icmp 8/0 seq 1')
  })

  it('and again at the router if that masquerades', () => {
    const lab = lab16()
    all(lab, MASQUERADE, 'router: iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE')
    lab.steps()
    all(lab, PING)
    expect(changes(lab.steps())).toEqual([
      'host source 192.168.15.2 > 192.168.1.2',
      'router source 192.168.1.2 > 8.8.8.1',
      'router destination 8.8.8.1 > 192.168.1.2',
      'host destination 192.168.1.2 > 192.168.15.2',
    ])
    const route = lab.type('host: ip netns exec blue traceroute -n 8.8.8.8').stdout
    const hops = route.split('\n').map((line) => /^ *\d+ +(\S+)/.exec(line)?.[1])
    expect(hops.filter((h) => h !== undefined)).toEqual(['192.168.15.5', '192.168.1.1', '8.8.8.8'])
    expect(results(lab)).toEqual([true, true])
  })

  it('a reply to the LAN’s machine goes to its router, whose complaint goes there and never to blue', () => {
    const lab = lab16()
    expect(lab.type(BLUE_PINGS).code).toBe(1)
    const errors = lab.frames().filter((frame) => frame.includes('icmp 3/0'))
    expect(errors.filter((f) => f.startsWith('pc/'))).toEqual([
      'pc/eth0< 192.168.1.1 > 192.168.1.3 ttl 64 icmp 3/0 seq 0',
    ])
    expect(errors.filter((f) => f.startsWith('host'))).toEqual([])
  })
})

describe('1.7 port-forward', () => {
  const lab17 = () => open('1.7-port-forward')

  it('refused: a RST', () => {
    const lab = lab17()
    const curl = lab.type('pc: curl -s 192.168.1.2')
    expect([curl.code, curl.stdout]).toEqual([7, ''])
    const nc = lab.type('pc: nc -vz 192.168.1.2 80')
    expect([nc.code, nc.stderr]).toEqual([
      1,
      'nc: connect to 192.168.1.2 port 80 (tcp) failed: Connection refused\n',
    ])
    const reset = lab
      .steps()
      .find((s) => s.nsName === 'pc' && s.kind === StepKind.Rx && s.headers.tcp !== null)
    // RST and ACK.
    expect([reset?.headers.tcp?.flags, reset?.headers.tcp?.seq]).toEqual([0x14, 0])
  })

  it('forwarded: the destination changes at PREROUTING, and no rule changes the reply’s source back', () => {
    const lab = lab17()
    all(lab, DNAT)
    lab.steps()
    const curl = lab.type('pc: curl -s 192.168.1.2')
    expect([curl.code, curl.stdout]).toEqual([0, '<p>Hello from blue</p>\n'])
    const steps = lab.steps()
    const said = verdicts(steps).filter((v) => v.startsWith('host nat/'))
    // The last word of the nat table's POSTROUTING is its policy's: blue's rule wants another source.
    expect(said).toEqual(['host nat/PREROUTING#1 DNAT', 'host nat/POSTROUTING#0 ACCEPT'])
    const changed = changes(steps)
    expect(changed.slice(0, 2)).toEqual([
      'host destination 192.168.1.2 > 192.168.15.2',
      'host source 192.168.15.2 > 192.168.1.2',
    ])
    expect(new Set(changed).size).toBe(2)
    lab.wait(1)
    expect(lab.type('host: conntrack -L').stdout.replaceAll(/port=\d{3,}/g, 'port=P')).toMatch(
      /^tcp {6}6 \d+ TIME_WAIT src=192\.168\.1\.3 dst=192\.168\.1\.2 sport=P dport=80 src=192\.168\.15\.2 dst=192\.168\.1\.3 sport=80 dport=P \[ASSURED\] mark=0 use=1\n$/,
    )
  })

  it('blue needs a default route, else a timeout', () => {
    const lab = lab17()
    all(lab, DNAT, 'host: ip netns exec blue ip route del default')
    expect(lab.type('pc: curl -s -m 2 192.168.1.2').code).toBe(28)
  })

  it('without -d the rule also catches other connections to port 80, and the host itself needs OUTPUT', () => {
    const lab = lab17()
    const read = (place: string, address: string) => {
      const { code, stdout } = lab.type(`${place}: curl -s -m 3 ${address}`)
      return `${code} ${stdout.trim()}`
    }
    expect(read('host/blue', '8.8.8.8')).toBe('0 <p>Hello from the internet</p>')
    all(lab, DNAT)
    expect(read('host/red', '8.8.8.8')).toBe('0 <p>Hello from blue</p>')
    lab.steps()
    expect(read('host/blue', '8.8.8.8')).toBe('28 ')
    expect(changes(lab.steps())).toContain('host destination 8.8.8.8 > 192.168.15.2')
    expect(read('host/blue', '192.168.1.2')).toBe('28 ')
    expect(read('host', '192.168.1.2')).toBe('7 ')
    all(lab, DNAT.replace('PREROUTING', 'OUTPUT').replace('-p', '-d 192.168.1.2 -p'))
    expect(read('host', '192.168.1.2')).toBe('0 <p>Hello from blue</p>')
    all(lab, BRNF_OFF)
    expect(read('host/blue', '192.168.1.2')).toBe('0 <p>Hello from blue</p>')
  })

  it('its checks fail, and hold once mended', () => {
    const lab = lab17()
    expect(results(lab)).toEqual([false, false])
    mend(lab)
    expect(results(lab)).toEqual([true, true])
  })
})

describe('1.8 forward-drop', () => {
  const lab18 = () => open('1.8-forward-drop')

  it('the SYN is dropped at filter/FORWARD by the policy, which counts it and two retries', () => {
    const lab = lab18()
    expect(lab.type('pc: curl -s -m 2.5 192.168.1.2').code).toBe(28)
    const steps = lab.steps()
    const dropped = steps.filter((s) => s.reason === 'NETFILTER_DROP')
    expect(verdicts(dropped)).toEqual(Array.from({ length: 3 }, () => 'host filter/FORWARD#0 DROP'))
    expect(lab.type('host: iptables -nvL').stdout).toContain(
      'Chain FORWARD (policy DROP 3 packets, 180 bytes)\n',
    )
    expect(lab.type('host: conntrack -L').stdout).toBe('')
    all(lab, 'host: iptables -A FORWARD -j ACCEPT')
    expect(lab.type('pc: curl -s 192.168.1.2').stdout).toBe('<p>Hello from blue</p>\n')
  })

  it('with bridge-nf 1 red to blue is dropped and counted too', () => {
    const lab = lab18()
    expect(lab.type('host: ip netns exec red ping -c 1 -W 1 192.168.15.2').code).toBe(1)
    expect(lab.type('host: iptables -nvL').stdout).toContain(
      'Chain FORWARD (policy DROP 1 packets, 84 bytes)\n',
    )
    all(lab, BRNF_OFF, 'host: ip netns exec red ping -c 1 -W 1 192.168.15.2')
  })

  it('traceroute: hop 1 answers, then *; with ip_forward=0 even hop 1 is *', () => {
    const lab = lab18()
    const hops = () =>
      lab
        .type('host: ip netns exec blue traceroute -n -q 1 -m 2 -w 1 8.8.8.8')
        .stdout.split('\n')
        .flatMap((line) => /^ *\d+ +(\S+)/.exec(line)?.[1] ?? [])
    expect(hops()).toEqual(['192.168.15.5', '*'])
    all(lab, 'host: sysctl -w net.ipv4.ip_forward=0')
    expect(hops()).toEqual(['*', '*'])
  })

  it('its checks fail, and hold once mended', () => {
    const lab = lab18()
    expect(results(lab)).toEqual([false, false])
    all(lab, 'host: iptables -A FORWARD -j ACCEPT')
    expect(results(lab)).toEqual([true, true])
  })
})
