// Needs root, network namespaces, tcpdump, tshark and python3; says that it is skipped otherwise. The four connections
// of the fixture between two real namespaces: the same segments at the same times, and the same error.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { KeepSeen } from './tcpkeep.fixture.ts'
import {
  OWN,
  PORTS,
  segmentText,
  SILENT,
  simulateKeepalive,
  SPEAKS,
  SYSCTLS,
  UNTIL,
} from './tcpkeep.fixture.ts'

const [A, B] = ['khkeepA', 'khkeepB']
const real =
  process.getuid?.() === 0 && ['tcpdump', 'tshark', 'python3', 'iptables'].every(has) && canUnshare()

const SERVER = `
import socket, time
kept = []
for port in ${JSON.stringify(PORTS)}:
    s = socket.socket(); s.bind(('10.9.0.2', port)); s.listen(); kept.append(s)
time.sleep(12)
`
const CLIENT = `
import socket, time, errno, sys, os
socks = []
for i, port in enumerate(${JSON.stringify(PORTS)}):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if i == 3:
        s.setsockopt(6, socket.TCP_KEEPIDLE, ${OWN.idle})
        s.setsockopt(6, socket.TCP_KEEPINTVL, ${OWN.interval})
        s.setsockopt(6, socket.TCP_KEEPCNT, ${OWN.probes})
    s.connect(('10.9.0.2', port)); socks.append(s)
time.sleep(1)
socks[${PORTS.indexOf(SPEAKS)}].send(b'a' * 10)
time.sleep(1.5)
os.system('ip netns exec ${B} iptables -A INPUT -p tcp --dport ${SILENT} -j DROP')
time.sleep(6)
print(errno.errorcode.get(socks[${PORTS.indexOf(SILENT)}].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), ''), end='')
sys.stdout.flush()
`

const asked = describe.skipIf(!real) // skips: no root, or a tool is missing

asked('against the kernel', () => {
  it('asks, is answered, gives up as the kernel does', { timeout: 60_000, retry: 2 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'keep-'))
    try {
      const seen = run(folder)
      const mine = simulateKeepalive()
      expect(seen.error).toBe(mine.error)
      for (const port of PORTS) expect(seen.segments[port]).toEqual(mine.segments[port])
    } finally {
      for (const ns of [A, B]) sh(`ip netns del ${ns}`)
      rmSync(folder, { recursive: true })
    }
  })
})

function run(folder: string): KeepSeen {
  const pcap = join(folder, 'all.pcap')
  for (const ns of [A, B]) sh(`ip netns add ${ns}`)
  sh(`ip -n ${A} link add a0 type veth peer name b0 netns ${B}`)
  sh(`ip -n ${A} addr add 10.9.0.1/24 dev a0; ip -n ${B} addr add 10.9.0.2/24 dev b0`)
  sh(`ip -n ${A} link set a0 up; ip -n ${B} link set b0 up`)
  for (const one of SYSCTLS) sh(`ip netns exec ${A} sysctl -qw net.ipv4.tcp_keepalive_${one}`)
  const { out } = sh(`
    ip netns exec ${A} timeout 11 tcpdump -q -i a0 -U -w ${pcap} tcp >/dev/null 2>&1 & dump=$!
    ip netns exec ${B} timeout 12 python3 -c "$SERVER" & server=$!
    sleep 1
    ip netns exec ${A} python3 -c "$CLIENT" & client=$!
    wait $client
    kill $dump $server; wait $dump $server
    true`)
  return { segments: readPcap(pcap), error: out }
}

function readPcap(pcap: string): KeepSeen['segments'] {
  const fields = [
    'frame.time_epoch',
    'ip.src',
    'tcp.srcport',
    'tcp.dstport',
    'tcp.flags',
    'tcp.seq',
    'tcp.ack',
    'tcp.len',
  ]
  const { out } = sh(`tshark -r ${pcap} -T fields ${fields.map((field) => `-e ${field}`).join(' ')}`)
  const segments: KeepSeen['segments'] = {}
  let start = 0
  for (const line of out.split('\n').filter((one) => one !== '')) {
    const [time, src, sport, dport, flags, seq, ack, length] = line.split('\t') as [
      string,
      string,
      ...string[],
    ]
    if (start === 0) start = Number(time)
    const seconds = Number(time) - start
    if (seconds > UNTIL) continue
    const port = PORTS.includes(Number(dport)) ? Number(dport) : Number(sport)
    const side = src === '10.9.0.1' ? 'A' : 'B'
    segments[port] ??= []
    segments[port].push(segmentText(seconds, side, Number(flags), Number(seq), Number(ack), Number(length)))
  }
  return segments
}

function sh(command: string): { out: string } {
  const { stdout } = spawnSync('bash', ['-c', command], {
    encoding: 'utf8',
    env: { ...process.env, SERVER, CLIENT },
  })
  return { out: stdout }
}

function has(tool: string): boolean {
  return spawnSync('which', [tool]).status === 0
}

function canUnshare(): boolean {
  return spawnSync('unshare', ['--net', 'true']).status === 0
}
