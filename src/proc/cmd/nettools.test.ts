/** tc, ifconfig, dmesg, nsenter: texts of iproute2 6.1 and net-tools 2.10 as recorded; netem's behaviour by its numbers. */
import { describe, expect, it } from 'vitest'
import type { Bench } from '../check.ts'
import { runLine } from '../check.ts'
import { corePrograms } from './core.ts'
import { netPrograms } from './net.ts'
import { nettoolsPrograms } from './nettools.ts'
import { probePrograms } from './probe.ts'
import { createNetBench } from './transcript.ts'

function bench(): Bench {
  const made = createNetBench([...corePrograms, ...netPrograms, ...probePrograms, ...nettoolsPrograms])
  for (const line of [
    'ip link set lo up',
    'ip netns add p',
    'ip link add v0 type veth peer name v1 netns p',
    'ip addr add 10.1.2.3/24 dev v0',
    'ip link set v0 up',
    'ip -n p addr add 10.1.2.4/24 dev v1',
    'ip -n p link set v1 up',
    'ping -c1 10.1.2.4',
  ]) {
    expect([line, runLine(made, line).code]).toEqual([line, 0])
  }
  return made
}

const said = (made: Bench, line: string) => {
  const { out, err, code } = runLine(made, line)
  return `${out}${err}${code === 0 ? '' : `rc=${code}`}`
}

/** The times of answered pings, ms. */
function times(made: Bench, count: number): number[] {
  const { out } = runLine(made, `ping -i 0.2 -c ${count} 10.1.2.4`, 200_000)
  return [...out.matchAll(/time=([0-9.]+)/g)].map((one) => Number(one[1]))
}

describe('tc', () => {
  it('prints as the real one', () => {
    const made = bench()
    const rows: [string, string][] = [
      ['tc qdisc show dev lo', 'qdisc noqueue 0: root refcnt 2 \n'],
      [
        'tc qdisc change dev lo root netem delay 2ms',
        'Error: Qdisc not found. To create specify NLM_F_CREATE flag.\nrc=2',
      ],
      ['tc qdisc del dev lo root', 'Error: Cannot delete qdisc with handle of zero.\nrc=2'],
      ['tc qdisc add dev nope root netem', 'Cannot find device "nope"\nrc=1'],
      ['tc qdisc add dev lo root frob', 'Error: Specified qdisc kind is unknown.\nrc=2'],
      ['tc qdisc add dev lo', 'Error: Handle cannot be zero.\nrc=2'],
      ['tc qdisc add dev lo root netem delay abc', 'Illegal "latency"\nrc=1'],
      ['tc qdisc add dev lo root tbf rate 1mbit burst 32kbit latency 400ms', ''],
      [
        'tc -s qdisc show dev lo',
        'qdisc tbf 8001: root refcnt 2 rate 1Mbit burst 4Kb lat 400ms \n' +
          ' Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n',
      ],
      ['tc qdisc del dev lo root', ''],
      ['tc qdisc add dev lo root tbf rate 1mbit burst 10k limit 30000', ''],
      ['tc qdisc show dev lo', 'qdisc tbf 8002: root refcnt 2 rate 1Mbit burst 10Kb lat 158ms \n'],
      ['tc qdisc del dev lo root', ''],
    ]
    for (const [line, real] of rows) expect([line, said(made, line)]).toEqual([line, real])
    const wrong = said(made, 'tc qdisc add dev lo root netem dleay 1ms')
    expect(wrong).toMatch(/^What is "dleay"\?\nUsage: \.\.\. netem \[ limit PACKETS \]\n/)
    expect(said(made, 'tc qdisc add dev lo root tbf rate 1mbit')).toMatch(
      /^tbf: the "burst" parameter is mandatory\.\n/,
    )
    const many = 'delay 100ms 10ms 25% loss 5% 25% duplicate 1% reorder 25% 50% limit 500 rate 1mbit'
    runLine(made, `tc qdisc add dev lo root netem ${many}`)
    expect(said(made, 'tc qdisc show')).toContain(
      'qdisc netem 8003: dev lo root refcnt 2 limit 500 delay 100ms  10ms 25% loss 5% 25% duplicate 1% reorder 25% 50% rate 1Mbit gap 1\n',
    )
    expect(said(made, 'ip link show lo')).toContain('mtu 65536 qdisc netem state')
  })

  it('netem delays, spreads, loses, doubles and lets overtake', () => {
    const made = bench()
    runLine(made, 'tc qdisc add dev v0 root netem delay 100ms')
    for (const ms of times(made, 5)) expect(Math.abs(ms - 100)).toBeLessThan(1)
    runLine(made, 'tc qdisc change dev v0 root netem delay 100ms 20ms')
    const spread = times(made, 200)
    expect(Math.min(...spread)).toBeGreaterThanOrEqual(80)
    expect(Math.min(...spread)).toBeLessThan(84)
    expect(Math.max(...spread)).toBeGreaterThan(116)
    expect(Math.max(...spread)).toBeLessThan(121)
    runLine(made, 'tc qdisc replace dev v0 root netem loss 30% delay 0')
    const left = times(made, 400).length
    expect(left).toBeGreaterThan(240)
    expect(left).toBeLessThan(320)
    expect(said(made, 'tc -s qdisc show dev v0')).toMatch(/dropped [1-9][0-9]+, overlimits 0/)
    runLine(made, 'tc qdisc del dev v0 root; tc qdisc add dev v0 root netem duplicate 100%')
    expect(runLine(made, 'ping -c 3 -i 0.2 10.1.2.4').out).toContain('+2 duplicates')
    runLine(made, 'tc qdisc del dev v0 root; tc qdisc add dev v0 root netem delay 50ms reorder 100% gap 5')
    const over = times(made, 10).filter((ms) => ms < 1)
    expect(over.length).toBe(2)
  })

  it('a rate makes packets wait for each other; a full queue drops', () => {
    const made = bench()
    // 1000 bytes of payload are 1042 on the wire: 8.336 ms at a megabit.
    runLine(made, 'tc qdisc add dev v0 root netem rate 1mbit limit 5')
    const one = Number(/time=([0-9.]+)/.exec(runLine(made, 'ping -c1 -s 1000 10.1.2.4').out)![1])
    expect(Math.abs(one - 8.336)).toBeLessThan(0.2)
    const { out } = runLine(made, 'ping -c 10 -l 10 -s 1000 -w 1 10.1.2.4')
    expect(out).toMatch(/10 packets transmitted, 5 received/)
    expect(said(made, 'tc -s qdisc show dev v0')).toMatch(/dropped [5-9],/)
    runLine(made, 'tc qdisc del dev v0 root; tc qdisc add dev v0 root tbf rate 80kbit burst 2000 latency 1s')
    const slow = [...runLine(made, 'ping -c 5 -l 5 -s 958 10.1.2.4').out.matchAll(/time=([0-9.]+)/g)]
    // 1000 bytes take 100 ms; two leave at once from a bucket of 2000.
    const at = slow.map((one) => Math.round(Number(one[1]) / 10) * 10)
    expect(at).toEqual([0, 0, 100, 200, 300])
  })
})

it('ifconfig shows and sets as the real one', () => {
  const made = bench()
  expect(said(made, 'ifconfig lo').replace(/ +inet6 .*\n/g, '')).toBe(
    `lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536
        inet 127.0.0.1  netmask 255.0.0.0
        loop  txqueuelen 1000  (Local Loopback)
        RX packets 0  bytes 0 (0.0 B)
        RX errors 0  dropped 0  overruns 0  frame 0
        TX packets 0  bytes 0 (0.0 B)
        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0

`,
  )
  expect(said(made, 'ifconfig v0')).toMatch(
    /^v0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST> {2}mtu 1500\n {8}inet 10\.1\.2\.3 {2}netmask 255\.255\.255\.0 {2}broadcast 0\.0\.0\.0\n/,
  )
  expect(said(made, 'ifconfig nope')).toBe(
    'nope: error fetching interface information: Device not found\nrc=1',
  )
  expect(said(made, 'ifconfig -s lo')).toBe(
    'Iface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n' +
      'lo              65536        0      0      0 0             0      0      0      0 LRU\n',
  )
  expect(said(made, 'ifconfig v0 10.7.7.7 netmask 255.255.255.0 mtu 1400')).toBe('')
  expect(said(made, 'ip -4 addr show v0')).toContain('inet 10.7.7.7/24 brd 10.7.7.255 scope global v0')
  expect(said(made, 'ip link show v0')).toContain('mtu 1400')
})

it('nsenter goes where a process is, dmesg shows what the kernel said', () => {
  const made = bench()
  runLine(made, 'ip netns exec p sleep 1000 &')
  const pid = runLine(made, 'pgrep sleep').out.trim()
  expect(said(made, `nsenter -t ${pid} -n ip -br -4 addr show v1`)).toMatch(
    /^v1@if\d+ +UP +10\.1\.2\.4\/24 *\n$/,
  )
  expect(said(made, 'nsenter --net=/run/netns/p ip -br link show v1')).toMatch(/^v1@/)
  expect(said(made, 'nsenter -t 9999 -n true')).toBe(
    'nsenter: cannot open /proc/9999/ns/net: No such file or directory\nrc=1',
  )
  runLine(made, 'ip link add br0 type bridge; ip link set v0 master br0; ip link set br0 up')
  expect(runLine(made, 'dmesg').out).toMatch(/^\[ +\d+\.\d{6}\] br0: port 1\(v0\) entered /m)
})
