/**
 * Transcripts of the real tools (iproute2 6.1.0, net-tools 2.10, procps-ng 4.0.2 on Linux 6.18, IPv6 off), recorded in
 * throw-away namespaces as `cat -A` shows them; the same commands here have to print the same bytes. Left out of the
 * recordings: usage texts, random addresses, and what Kubehop refuses by name.
 */
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIp4 } from '../../base/addr.ts'
import { sockBind, sockConnect, sockOpen } from '../../net/sock/socket.ts'
import { CONF_IPV6_OFF } from '../../net/conf.ts'
import type { Netns } from '../../net/types.ts'
import type { Bench } from '../check.ts'
import { runLine } from '../check.ts'
import { corePrograms } from './core.ts'
import { netPrograms } from './net.ts'
import { probePrograms } from './probe.ts'
import { createNetBench, replay } from './transcript.ts'

function bench(): Bench {
  const made = createNetBench([...corePrograms, ...netPrograms, ...probePrograms])
  made.world.scalars.ipv6Off = 1
  const ns = made.world.targets[made.ns] as Netns
  const { confAll, confDefault, lo } = CONF_IPV6_OFF
  Object.assign(ns, { confAll, confDefault })
  ns.links[1]!.conf = lo
  return made
}

function blocksOf(text: string): string[] {
  return text
    .split(/^(?=\$ )/m)
    .map(normal)
    .filter((block) => block !== '')
}

/** Timers and round-trip times run; the kernel keeps neighbours in the order of a random hash. */
function normal(block: string): string {
  const steady = block
    .replace(/(gc|forward_delay)_timer(": ?| +)[0-9.]+/g, '$1_timer 0')
    .replace(/time=[0-9.]+/g, 'time=T')
    .replace(/= [0-9.]+\/[0-9.]+\/[0-9.]+\/[0-9.]+ ms/g, '= T')
  const [command = '', ...lines] = steady.trimEnd().split('\n')
  if (/\bneigh\b|\barp\b/.test(command)) lines.sort()
  return [command, ...lines].join('\n')
}

describe('the real tools print the same', () => {
  for (const name of ['ipshow', 'ipqdisc', 'iplink', 'ipaddr', 'iproute', 'bridge', 'nettools']) {
    it(name, () => {
      const real = readFileSync(new URL(`./${name}.real.txt`, import.meta.url), 'utf8')
      expect(blocksOf(replay(bench(), real))).toEqual(blocksOf(real))
    })
  }
})

it('ss prints sockets as the real one does', () => {
  const made = bench()
  for (const line of [
    'ip link add va type veth peer name vb',
    'ip link set va up',
    'ip link set lo up',
    'ip addr add 10.0.0.1/24 dev va',
  ]) {
    expect(runLine(made, line)).toMatchObject({ out: '', err: '', code: 0 })
  }
  const ns = made.world.targets[made.ns] as Netns
  const udp = (addr: string, port: number) => {
    const sock = sockOpen(made.world, ns, { kind: 'udp', family: 4, pid: 0 })
    expect(
      sockBind(made.world, ns, sock, { addr: addr === '' ? undefined : parseIp4(addr), port }),
    ).toBeNull()
    return sock
  }
  udp('', 53)
  udp('10.0.0.1', 123)
  expect(sockConnect(made.world, ns, udp('127.0.0.1', 40000), parseIp4('127.0.0.1')!, 40001)).toBeNull()
  udp('', 40002).oif = ns.links.findIndex((link) => link?.name === 'va')
  const real: Record<string, string> = {
    'ss -uln': [
      'State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess',
      'UNCONN 0      0            0.0.0.0:53         0.0.0.0:*          ',
      'UNCONN 0      0           10.0.0.1:123        0.0.0.0:*          ',
      'UNCONN 0      0         0.0.0.0%va:40002      0.0.0.0:*          ',
    ].join('\n'),
    'ss -un': [
      'Recv-Q Send-Q Local Address:Port  Peer Address:Port Process',
      '0      0          127.0.0.1:40000    127.0.0.1:40001       ',
    ].join('\n'),
    'ss -ua': [
      'State  Recv-Q Send-Q Local Address:Port   Peer Address:Port Process',
      'UNCONN 0      0            0.0.0.0:domain      0.0.0.0:*           ',
      'UNCONN 0      0           10.0.0.1:ntp         0.0.0.0:*           ',
      'ESTAB  0      0          127.0.0.1:40000     127.0.0.1:40001       ',
      'UNCONN 0      0         0.0.0.0%va:40002       0.0.0.0:*           ',
    ].join('\n'),
    'ss -uanH': [
      'UNCONN 0      0         0.0.0.0:53      0.0.0.0:*    ',
      'UNCONN 0      0        10.0.0.1:123     0.0.0.0:*    ',
      'ESTAB  0      0       127.0.0.1:40000 127.0.0.1:40001',
      'UNCONN 0      0      0.0.0.0%va:40002   0.0.0.0:*    ',
    ].join('\n'),
    'ss -tan': 'State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess',
    'ss -u -a -n dport = :40001': [
      'State Recv-Q Send-Q Local Address:Port  Peer Address:Port Process',
      'ESTAB 0      0          127.0.0.1:40000    127.0.0.1:40001       ',
    ].join('\n'),
  }
  for (const [line, text] of Object.entries(real)) expect(runLine(made, line).out).toBe(`${text}\n`)
})

interface Sample {
  id: string
  host: string
  cmd: string
  exit: number
  stdout: string
  stderr?: string
}

const SAMPLES = new URL('../../../../shared/cases/08-tool-output-samples.json', import.meta.url)

describe('the shared samples', () => {
  const sampled = it.skipIf(!existsSync(SAMPLES)) // skips: the samples lie beside a working copy, not in it
  sampled('of the empty host and of a pod', () => {
    const { samples } = JSON.parse(readFileSync(SAMPLES, 'utf8')) as { samples: Sample[] }
    const made = sampleLab()
    const ids =
      'ip-route-pod ip-r-get-from-pod ip-route-table-local ip-rule err-addr-bad err-addr-del-missing err-link-exists ' +
      'err-route-nexthop err-netns-missing bridge-vlan ip-s-link'
    for (const id of ids.split(' ')) {
      const sample = samples.find((one) => one.id === id)
      expect(sample, id).toBeDefined()
      const { host, cmd, exit, stdout, stderr = '' } = sample!
      const inside = host === '' || host === 'node1' ? cmd : `ip netns exec ${host} ${cmd}`
      const { out, err, code } = runLine(made, inside)
      expect({ id, out, err, code }).toEqual({ id, out: stdout, err: stderr, code: exit })
    }
  })
})

/** The pod p1 behind node1's bridge, and the namespace e without anything. */
function sampleLab(): Bench {
  const made = bench()
  const lines = [
    'ip netns add p1',
    'ip netns add e',
    'ip link add v1 mtu 1450 type veth peer name eth0 mtu 1450 address 0a:58:0a:f4:00:05 netns p1',
    'ip link add cni0 type bridge',
    'ip link set cni0 up',
    'ip link set v1 up master cni0',
    'ip -n p1 link set lo up',
    'ip -n p1 link set eth0 up',
    'ip -n p1 addr add 10.244.0.5/24 brd + dev eth0',
    'ip -n p1 route add 10.244.0.0/16 via 10.244.0.1',
    'ip -n p1 route add default via 10.244.0.1',
  ]
  for (const line of lines) expect(runLine(made, line)).toMatchObject({ out: '', err: '', code: 0 })
  return made
}

describe('ip netns', () => {
  it('names and numbers a namespace as the real one does', () => {
    const made = bench()
    const real =
      '$ ip netns add red\n$ ip link add va type veth peer name vb netns red\n' +
      '$ ip netns\nred (id: 0)$\n$ ip netns list-id\nnsid 0 (iproute2 netns name: red)$\n' +
      '$ ip netns exec red ip netns identify\nred$\n'
    expect(replay(made, real)).toBe(real)
  })

  it('ends with the exit code of its command, and leaves nothing behind', () => {
    const made = bench()
    runLine(made, 'ip netns add red')
    expect(runLine(made, "ip netns exec red sh -c 'exit 7'").code).toBe(7)
    expect(runLine(made, 'ip netns exec red ip link show nope')).toMatchObject({
      err: 'Device "nope" does not exist.\n',
      code: 1,
    })
    expect(runLine(made, 'ip netns del red && ip netns').out).toBe('')
  })
})

describe('completion', () => {
  it('knows devices, namespaces and the command behind netns exec', () => {
    const made = bench()
    runLine(made, 'ip netns add red; ip link add veth-red type veth peer name veth-blue netns red')
    const machine = made.world.targets[made.machine]
    const ask = (line: string) => {
      const words = line.split(' ')
      const ns = made.world.targets[made.ns] as Netns
      const request = { world: made.world, ns, machine, cwd: '/', programs: made.programs, words }
      return made.programs.get(words[0]!)?.complete?.(request as never)
    }
    expect(ask('ip l')).toEqual(['link'])
    expect(ask('ip link set ve')).toEqual(['veth-red'])
    expect(ask('ip -n red link set dev ve')).toEqual(['veth-blue'])
    expect(ask('ip netns exec r')).toEqual(['red'])
    expect(ask('ip netns exec red ip link show dev ve')).toEqual(['veth-blue'])
    expect(ask('ip route add default v')).toEqual(['veth-red', 'via'])
  })
})

it('10,000 random command lines: text or nothing, and an end', () => {
  const made = bench()
  const setup = [
    'ip netns add red',
    'ip link add va type veth peer name vb netns red',
    'ip link add br0 type bridge',
    'ip link set lo up',
  ]
  for (const line of setup) expect(runLine(made, line).code).toBe(0)
  const words =
    'ip bridge arp route sysctl ss -n -j -p -s -d -br -o -4 -6 -c -a link addr route neigh rule netns add set del show ' +
    'flush get change replace append dev va vb br0 lo nope up down master nomaster name type veth bridge vlan dummy peer ' +
    'red default 10.0.0.1/24 10.0.0.2 10.0.0.0/8 fd00::1/64 via src metric mtu 1400 table 100 all main scope proto static ' +
    'lladdr 02:00:00:00:00:05 nud stale permanent from to fwmark 0x5 pref iif oif lookup exec id 10 link fdb vlan self ' +
    'dynamic hairpin on off state forwarding net.ipv4.ip_forward net.ipv4.ip_forward=1 -w gw -net -host nexthop weight 2 ' +
    'onlink blackhole promisc address brd + label va:1 peer metric -uan -H -d -i 99999999999 -1 0 x / .. help __proto__ = :53'
  const word = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...words.split(' ')) },
    { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
  )
  const line = fc.tuple(
    fc.constantFrom('ip', 'ip', 'ip', 'bridge', 'arp', 'route', 'sysctl', 'ss'),
    fc.array(word, { maxLength: 9 }),
  )
  for (const [name, args] of fc.sample(line, { numRuns: 10_000, seed: 7 })) {
    const quoted = args.map((arg) => `'${arg.replaceAll("'", "'\\''").replaceAll('\0', '')}'`).join(' ')
    const ran = runLine(made, `${name} ${quoted}`, 3000)
    expect(ran.code, `${name} ${quoted}`).toBeGreaterThanOrEqual(0)
    expect(ran.out + ran.err, `${name} ${quoted}`).not.toMatch(/undefined|\[object|NaN/)
  }
}, 120_000)
