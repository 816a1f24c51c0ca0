/**
 * Transcripts of the real tools (ping and tracepath of iputils 20221126, traceroute 2.1.2, arping 2.23 on Linux 6.18),
 * recorded in three throw-away namespaces a - r - b, IPv6 off; the same commands here have to print the same. Times,
 * ICMP ids and MAC addresses differ. Left out: usage texts, names that only a name server could tell.
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { doLine } from '../../net/ip/checkip.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { checkpoint, seek, stateHash } from '../../sim/timeline.ts'
import type { ProbeLab } from './probecheck.ts'
import { begin, interrupt, pass, printed, probeLab, runText } from './probecheck.ts'

const LAB = `link a/eth0 r/ra
  link b/eth0 r/rb
  addr a/eth0 10.1.1.2/24
  addr r/ra 10.1.1.1/24
  addr r/rb 10.1.2.1/24
  addr b/eth0 10.1.2.2/24
  sysctl r net.ipv4.ip_forward=1
  route a add default via 10.1.1.1
  route b add default via 10.1.2.1
  route r add unreachable 10.6.0.0/16
  route r add prohibit 10.7.0.0/16
  route r add blackhole 10.8.0.0/16`

function steady(text: string): string {
  return text
    .replace(/time=[0-9.]+ (ms|usec|msec)/g, 'time=T')
    .replace(/, time [0-9]+ms/g, ', time T')
    .replace(/= [0-9.]+\/[0-9.]+\/[0-9.]+\/[0-9.]+ ms/g, '= T')
    .replace(/ipg\/ewma .*/g, 'ipg/ewma T')
    .replace(/ident=[0-9]+/g, 'ident=N')
    .replace(/ +[0-9]+\.[0-9]{3} ?ms/g, '  T ms')
    .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC')
    .replace(/\n+$/, '\n')
}

describe('transcripts', () => {
  it('are printed as the real tools printed them', () => {
    const lab = probeLab(LAB)
    const real = readFileSync(new URL('./probe.real.txt', import.meta.url), 'utf8')
    let count = 0
    for (const block of real.split(/^(?=\$ )/m)) {
      const line = block.slice(2, block.indexOf('\n'))
      const ours = runText(lab, 'a', line, 200).replace(/= 0\n$/, '')
      expect(steady(`$ ${line}\n${ours}`)).toBe(steady(block))
      count++
    }
    expect(count).toBeGreaterThan(100)
  })
})

describe('ping', () => {
  it('prints its statistics at Ctrl-C and a line at Ctrl-\\', () => {
    const lab = probeLab(LAB)
    const job = begin(lab, 'a', 'ping 10.1.2.2')
    pass(lab, 2.5)
    interrupt(lab, job, 'SIGQUIT')
    pass(lab, 0.1)
    interrupt(lab, job)
    pass(lab, 0.1)
    const { out, err, code } = printed(lab, job)
    expect(err).toMatch(/^\r3\/3 packets, 0% loss, min\/avg\/ewma\/max = [0-9./]+ ms\n$/)
    expect(steady(out)).toBe(
      steady(
        'PING 10.1.2.2 (10.1.2.2) 56(84) bytes of data.\n' +
          [1, 2, 3].map((n) => `64 bytes from 10.1.2.2: icmp_seq=${n} ttl=63 time=1 ms\n`).join('') +
          '\n--- 10.1.2.2 ping statistics ---\n' +
          '3 packets transmitted, 3 received, 0% packet loss, time 2001ms\n' +
          'rtt min/avg/max/mdev = 0.1/0.1/0.1/0.1 ms\n',
      ),
    )
    expect(code).toBe(0)
  })

  it('counts what several hosts answer as duplicates, and says so with -v', () => {
    const lab = probeLab(`link h/ha a/eth0
      link h/hb b/eth0
      link h/hc c/eth0
      bridge h/br0
      master h/ha br0
      master h/hb br0
      master h/hc br0
      addr a/eth0 10.2.0.1/24
      addr b/eth0 10.2.0.2/24
      addr c/eth0 10.2.0.3/24
      sysctl a net.ipv4.icmp_echo_ignore_broadcasts=0
      sysctl b net.ipv4.icmp_echo_ignore_broadcasts=0
      sysctl c net.ipv4.icmp_echo_ignore_broadcasts=0`)
    // What the real one printed on such a bridge.
    const said = steady(runText(lab, 'a', 'ping -b -v -c2 -W1 10.2.0.255'))
    const from = (host: number, seq: number, rest = '') =>
      `64 bytes from 10.2.0.${host}: icmp_seq=${seq} ident=N ttl=64 time=T${rest}\n`
    expect(said).toContain(
      `${from(1, 1)}${from(3, 1, ' (DUP!)')}${from(2, 1, ' (DUP!)')}${from(1, 2)}\n` +
        '--- 10.2.0.255 ping statistics ---\n' +
        '2 packets transmitted, 2 received, +2 duplicates, 0% packet loss, time T\n',
    )
  })

  it('shows a redirect as iputils does with a raw socket', () => {
    const lab = probeLab(`link h/p0 n1/eth0
      link h/p1 n2/eth0
      link h/p2 n3/eth0
      bridge h/br0
      master h/p0 br0
      master h/p1 br0
      master h/p2 br0
      addr n1/eth0 192.168.1.11/24
      addr n2/eth0 192.168.1.12/24
      addr n3/eth0 192.168.1.1/24
      sysctl n3 net.ipv4.ip_forward=1
      sysctl n2 net.ipv4.ip_forward=1
      route n1 add 10.244.2.0/24 via 192.168.1.1
      route n3 add 10.244.2.0/24 via 192.168.1.12
      route n2 add local 10.244.2.2/32 dev lo`)
    expect(runText(lab, 'n1', 'ping -c1 10.244.2.2')).toContain(
      'From 192.168.1.1: icmp_seq=1 Redirect Host(New nexthop: 192.168.1.12)\n',
    )
  })

  it('says so where there is no route', () => {
    const lab = probeLab(LAB)
    expect(doLine(lab.world, 'route a del default')).toBe('')
    const said = (line: string) => runText(lab, 'a', line)
    expect(said('ping -c1 8.8.8.8')).toBe('E: ping: connect: Network is unreachable\n= 2\n')
    expect(said('traceroute -I -n 8.8.8.8')).toBe('E: \nE: connect: Network is unreachable\n= 1\n')
    expect(said('tracepath -n 8.8.8.8')).toBe(' 1:  send failed\n     Resume: pmtu 65535 \n= 0\n')
  })

  it('shows the path MTU', () => {
    const lab = probeLab(LAB)
    for (const end of ['r/rb', 'b/eth0']) doLine(lab.world, `mtu ${end} 1400`)
    const line = 'ping -c2 -M do -s 1450 10.1.2.2'
    // As the real one: the router tells first, then the sender knows.
    expect(steady(runText(lab, 'a', line))).toBe(
      'PING 10.1.2.2 (10.1.2.2) 1450(1478) bytes of data.\n' +
        'From 10.1.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)\n\n' +
        '--- 10.1.2.2 ping statistics ---\n' +
        '2 packets transmitted, 0 received, +2 errors, 100% packet loss, time T\n\n' +
        'E: ping: local error: message too long, mtu=1400\n= 1\n',
    )
  })
})

describe('rewind', () => {
  it('half-done probes go back and on to the same state', () => {
    const lab = probeLab(LAB)
    for (const line of ['ping -i0.3 10.1.2.2', 'tcpdump -n -i any', 'arping -I eth0 10.1.1.1'])
      begin(lab, 'a', line)
    begin(lab, 'a', 'traceroute -n -w1 10.8.0.1')
    begin(lab, 'a', 'tracepath -n 10.1.2.78')
    pass(lab, 0.7)
    checkpoint(lab.world)
    const hashes: string[] = [stateHash(lab.world)]
    const start = lab.world.nEvents
    for (let n = 0; n < 200; n++) {
      runUntil(lab.world, lab.rules, { maxEvents: 1 })
      hashes.push(stateHash(lab.world))
    }
    for (const n of [150, 3, 77, 0, 199, 120]) {
      seek(lab.world, lab.rules, start + n)
      expect(stateHash(lab.world)).toBe(hashes[n])
    }
  })
})

describe('any command line', () => {
  it('neither throws nor hangs', () => {
    const lab = probeLab(LAB)
    const words =
      '-c -i -W -w -s -t -M -I -4 -6 -b -q -n -f -D -O -Q -v -l -p -e -m -F -N -e -x -X -C -D -U -r -R -z -- ' +
      '0 1 2 3 -1 0.2 x 56 1e9 9999999999 65507 70000 do want 10.1.1.1 10.1.2.2 10.8.0.1 127.0.0.1 ::1 localhost ' +
      'nosuch eth0 lo any nope 10.1.1.255 224.0.0.1 icmp host port and or not ( 10.1.2.2/7 fe80::1%eth0 02:00:00:00:00:01'
    const name = fc.constantFrom('ping', 'ping6', 'traceroute', 'tracepath', 'arping', 'tcpdump')
    const args = fc.array(fc.oneof(fc.constantFrom(...words.split(' ')), fc.string({ maxLength: 6 })), {
      maxLength: 6,
    })
    fc.assert(
      fc.property(name, args, (program, list) => {
        runOne(lab, [program, ...list])
        return true
      }),
      { numRuns: 10_000 },
    )
  }, 120_000)
})

/** Runs a line for at most two seconds and 400 events, then kills it. */
function runOne(lab: ProbeLab, words: string[]): void {
  const line = words.map((word) => `'${word.replaceAll("'", "'\\''").replaceAll('\0', '')}'`).join(' ')
  const job = begin(lab, 'a', line)
  const untilAt = lab.world.now + 2e9
  for (let n = 0; n < 400 && printed(lab, job).code < 0; n++) {
    if (runUntil(lab.world, lab.rules, { maxEvents: 1, untilAt }) === 0) break
  }
  interrupt(lab, job, 'SIGKILL')
  runUntil(lab.world, lab.rules, { maxEvents: 50 })
  expect(lab.world.frozen?.message).toBe(undefined)
}
