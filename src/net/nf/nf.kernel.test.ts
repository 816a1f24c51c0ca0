// Needs root, a Linux kernel with network namespaces, iptables, conntrack and python3; says that it is skipped otherwise.
// The same random rules are loaded by the real iptables-restore and into the model, the same UDP datagrams and pings cross
// both: what the senders heard, every rule counter and every connection must be equal.
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { parseIp4 } from '../../base/addr.ts'
import { createRng, nextBelow } from '../../base/rng.ts'
import { doLine, ip, netOf, nsOf, runFor } from '../ip/checkip.ts'
import { sockSendTo } from '../sock/send.ts'
import { sockConnect, sockError, sockOpen, sockRecv } from '../sock/socket.ts'
import type { Socket, World } from '../types.ts'
import { MS } from '../wheel.ts'
import { answer, conns, counters, iptables, server } from './checknf.ts'
import type { Case, Step } from './nfcase.fixture.ts'
import { makeCase } from './nfcase.fixture.ts'

interface Outcome {
  said: string[]
  counters: string[]
  conns: string[]
}

const DRIVER = `
import ctypes, json, os, select, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
PRE = 'khnf'
def sh(cmd, text=None):
    r = subprocess.run(cmd, shell=True, input=text, capture_output=True, text=True)
    if r.returncode != 0: raise Exception(cmd + ': ' + r.stderr)
    return r.stdout
def inside(ns):
    fd = os.open('/run/netns/' + PRE + ns, os.O_RDONLY)
    libc.setns(fd, 0x40000000)
    os.close(fd)
def sock(ns, kind, *args):
    inside(ns)
    return socket.socket(socket.AF_INET, kind, *args)
def csum(b):
    s = sum(struct.unpack('!%dH' % (len(b) // 2), b))
    s = (s >> 16) + (s & 0xffff)
    return ~(s + (s >> 16)) & 0xffff
def build(bridge):
    for n in ('client', 'router', 'server'):
        subprocess.run(['ip', 'netns', 'del', PRE + n], capture_output=True)
        sh('ip netns add ' + PRE + n)
        sh('ip -n %s%s link set lo up' % (PRE, n))
        sh('ip netns exec %s%s sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1' % (PRE, n))
    for line in SETUP[bridge]:
        sh(line.replace('@', PRE))
    time.sleep(3)  # the first IGMP reports
def run(case):
    for fam in ('raw', 'mangle', 'nat', 'filter'): pass
    r = 'ip netns exec %srouter ' % PRE
    sh(r + 'nft flush ruleset')
    sh(r + 'iptables-restore', case['rules'])
    sh(r + 'conntrack -F 2>&1')
    servers = []
    for ns, port in case['servers']:
        s = sock(ns, socket.SOCK_DGRAM); s.bind(('', port)); servers.append(s)
    said = []
    open_ = {}
    for st in case['steps']:
        key = (st['from'], st['to'], st['sport'], st['dport'])
        try:
            if st['dport'] == 0:
                s = sock(st['from'], socket.SOCK_RAW, 1); s.settimeout(0.12)
                body = struct.pack('!BBHHH', 8, 0, 0, st['sport'], 1) + b'abcdefgh'
                body = body[:2] + struct.pack('!H', csum(body)) + body[4:]
                s.sendto(body, (st['to'], 0))
                end = time.time() + 0.12
                got = 'timeout'
                while time.time() < end:
                    try: d, a = s.recvfrom(2000)
                    except socket.timeout: break
                    if d[20] == 0 and struct.unpack('!H', d[24:26])[0] == st['sport']:
                        got = 'pong'; break
                said.append(got); s.close(); continue
            s = open_.get(key)
            if s is None:
                s = sock(st['from'], socket.SOCK_DGRAM)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(('', st['sport'])); s.connect((st['to'], st['dport'])); open_[key] = s
            s.send(b'ping')
            end = time.time() + 0.12
            got = 'timeout'
            while time.time() < end:
                ready, _, _ = select.select(servers + [s], [], [], max(0, end - time.time()))
                for q in ready:
                    if q is s:
                        got = 'pong' if s.recv(100) else got
                    else:
                        d, a = q.recvfrom(100)
                        try: q.sendto(b'pong', a)
                        except OSError: pass
                if got == 'pong': break
            said.append(got)
        except OSError as e:
            said.append(os.strerror(e.errno))
    time.sleep(0.02)
    out = sh(r + 'iptables-save -c')
    ct = sh(r + 'conntrack -L 2>/dev/null')
    for s in servers + list(open_.values()): s.close()
    return {'said': said, 'save': out, 'conns': ct}
SETUP = {False: [
    'ip link add eth0 netns @client type veth peer name eth0 netns @router',
    'ip link add eth0 netns @server type veth peer name eth1 netns @router',
    'ip -n @client addr add 10.0.1.2/24 dev eth0', 'ip -n @router addr add 10.0.1.1/24 dev eth0',
    'ip -n @router addr add 10.0.2.1/24 dev eth1', 'ip -n @server addr add 10.0.2.2/24 dev eth0',
    'ip -n @server addr add 10.0.2.3/24 dev eth0',
    'ip -n @client link set eth0 up', 'ip -n @router link set eth0 up', 'ip -n @router link set eth1 up',
    'ip -n @server link set eth0 up',
    'ip netns exec @router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000',
    'ip netns exec @server sysctl -qw net.ipv4.icmp_ratelimit=0', 'ip netns exec @client sysctl -qw net.ipv4.icmp_ratelimit=0',
    'ip -n @router route add blackhole 10.96.0.0/16', 'ip -n @client route add default via 10.0.1.1', 'ip -n @server route add default via 10.0.2.1',
    'ip netns exec @client ping -qc1 -W2 10.0.2.2', 'ip netns exec @router ping -qc1 10.0.1.2',
], True: [
    'ip -n @router link add br0 type bridge',
    'ip link add eth0 netns @client type veth peer name vethc netns @router',
    'ip link add eth0 netns @server type veth peer name veths netns @router',
    'ip -n @router link set vethc master br0', 'ip -n @router link set veths master br0',
    'ip -n @client addr add 10.0.1.2/24 dev eth0', 'ip -n @server addr add 10.0.1.3/24 dev eth0',
    'ip -n @router addr add 10.0.1.1/24 dev br0',
    'ip -n @client link set eth0 up', 'ip -n @router link set vethc up', 'ip -n @router link set veths up',
    'ip -n @router link set br0 up', 'ip -n @server link set eth0 up',
    'ip netns exec @router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.br0.send_redirects=0 net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000 net.bridge.bridge-nf-call-iptables=1',
    'ip netns exec @server sysctl -qw net.ipv4.icmp_ratelimit=0', 'ip netns exec @client sysctl -qw net.ipv4.icmp_ratelimit=0',
    'ip -n @router route add blackhole 10.96.0.0/16', 'ip -n @client route add default via 10.0.1.1', 'ip -n @server route add default via 10.0.1.1',
    'ip netns exec @client ping -qc1 -W2 10.0.1.3', 'ip netns exec @client ping -qc1 -W2 10.0.1.1', 'ip netns exec @server ping -qc1 -W2 10.0.1.1',
]}
job = json.load(sys.stdin)
try:
    build(job['bridge'])
    print(json.dumps([run(c) for c in job['cases']]))
finally:
    for n in ('client', 'router', 'server'):
        subprocess.run(['ip', 'netns', 'del', PRE + n], capture_output=True)
`

const ROUTED = `
  link client/eth0 router/eth0
  link server/eth0 router/eth1
  addr client/eth0 10.0.1.2/24
  addr router/eth0 10.0.1.1/24
  addr router/eth1 10.0.2.1/24
  addr server/eth0 10.0.2.2/24
  addr server/eth0 10.0.2.3/24
  sysctl router net.ipv4.ip_forward=1
  sysctl router net.ipv4.conf.all.send_redirects=0
  route router add blackhole 10.96.0.0/16
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
  sysctl router net.ipv4.conf.all.send_redirects=0
  sysctl router net.ipv4.conf.br0.send_redirects=0
  route router add blackhole 10.96.0.0/16
  route client add default via 10.0.1.1
  route server add default via 10.0.1.1`
const NO_LIMIT = ['client', 'router', 'server'].map((n) => `sysctl ${n} net.ipv4.icmp_ratelimit=0`)
const FAST = ['msgs_per_sec=100000', 'msgs_burst=10000'].map((w) => `sysctl router net.ipv4.icmp_${w}`)

const real = process.getuid?.() === 0 && spawnSync('ip', ['netns', 'add', 'khnf0']).status === 0
if (real) spawnSync('ip', ['netns', 'del', 'khnf0'])
const asked = describe.skipIf(!real) // skips: no root, or no namespaces

asked('against the kernel', () => {
  it('random rules on a router count and translate alike', () => compare(false, 16, 21), 120_000)
  it('random rules on a bridge count and translate alike', () => compare(true, 16, 22), 120_000)
})

function compare(bridge: boolean, count: number, seed: number): void {
  const rng = createRng(seed, 0)
  const cases = Array.from({ length: count }, () => makeCase(bridge, (n) => nextBelow(rng, n)))
  const run = spawnSync('python3', ['-c', DRIVER], {
    input: JSON.stringify({ bridge, cases }),
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
  expect(run.stderr).toBe('')
  const kernel = JSON.parse(run.stdout) as { said: string[]; save: string; conns: string }[]
  cases.forEach((one, i) => {
    const got = kernel[i]!
    const want: Outcome = {
      said: got.said,
      counters: savedCounters(got.save),
      conns: got.conns.split('\n').filter(Boolean).map(connLine).map(anyPort).sort(),
    }
    expect({ i, rules: one.lines, steps: one.steps, ...model(bridge, one) }).toEqual({
      i,
      rules: one.lines,
      steps: one.steps,
      ...want,
    })
  })
}

function model(bridge: boolean, one: Case): Outcome {
  const world = netOf(bridge ? BRIDGED : ROUTED)
  for (const line of [...NO_LIMIT, ...FAST]) expect(doLine(world, line)).toBe('')
  warm(world, bridge ? ['10.0.1.3', '10.0.1.1'] : ['10.0.2.2'])
  // Chains exist before anything jumps to them.
  for (const line of one.lines) iptables(world, 'router', line)
  const servers = one.servers.map(([name, port]) => [name, server(world, name, port)] as const)
  const open = new Map<string, Socket>()
  const said = one.steps.map((step) => doStep(world, step, servers, open))
  const router = nsOf(world, 'router')
  return { said, counters: counters(router).sort(), conns: conns(router).map(anyPort).sort() }
}

function warm(world: World, to: readonly string[]): void {
  for (const one of to) {
    const sock = sockOpen(world, nsOf(world, 'client'), { kind: 'ping', family: 4, pid: 1 })
    const icmp = { type: 8, code: 0, id: 0, seq: 1 }
    sockSendTo(world, nsOf(world, 'client'), sock, { dst: ip(one), payload: new Uint8Array(8), icmp })
    runFor(world, 100 * MS)
  }
}

function doStep(
  world: World,
  step: Step,
  servers: readonly (readonly [string, Socket])[],
  open: Map<string, Socket>,
): string {
  const ns = nsOf(world, step.from)
  const dst = parseIp4(step.to)!
  if (step.dport === 0) {
    const sock = sockOpen(world, ns, { kind: 'raw', family: 4, pid: 1, proto: 1 })
    const icmp = { type: 8, code: 0, id: step.sport, seq: 1 }
    const sent = sockSendTo(world, ns, sock, { dst, payload: new Uint8Array(8), icmp })
    if ('errno' in sent) return WORDS[sent.errno] ?? sent.errno
    runFor(world, 120 * MS)
    for (let m = sockRecv(ns, sock); m !== undefined; m = sockRecv(ns, sock)) {
      if (m.packet.icmp?.type === 0 && m.packet.icmp.id === step.sport) return 'pong'
    }
    return 'timeout'
  }
  const key = JSON.stringify(step)
  let sock = open.get(key)
  if (sock === undefined) {
    sock = sockOpen(world, ns, { kind: 'udp', family: 4, pid: 1 })
    sock.lport = step.sport
    const refused = sockConnect(world, ns, sock, dst, step.dport)
    if (refused !== null) return WORDS[refused] ?? refused
    open.set(key, sock)
  }
  const sent = sockSendTo(world, ns, sock, { payload: Uint8Array.of(1, 2, 3, 4) })
  // What a rule answers over lo is there at once.
  runFor(world, MS)
  if ('errno' in sent) return WORDS[sent.errno] ?? sent.errno
  for (let i = 0; i < 6; i++) {
    runFor(world, 20 * MS)
    for (const [name, one] of servers) answer(world, name, one)
  }
  const error = sockError(sock)
  if (error !== '') return WORDS[error] ?? error
  return sockRecv(ns, sock) === undefined ? 'timeout' : 'pong'
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  EPERM: 'Operation not permitted',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ENOPROTOOPT: 'Protocol not available',
}

/** `filter FORWARD 1 3 180` of every counted rule, `filter FORWARD policy …` of every counted policy. */
function savedCounters(text: string): string[] {
  const out: string[] = []
  const numbers = new Map<string, number>()
  let table = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1)
    const policy = line.match(/^:(\S+) (ACCEPT|DROP) \[(\d+):(\d+)\]/)
    if (policy !== null && policy[3] !== '0')
      out.push(`${table} ${policy[1]} policy ${policy[3]} ${policy[4]}`)
    const rule = line.match(/^\[(\d+):(\d+)\] -A (\S+)/)
    if (rule === null) continue
    const key = `${table} ${rule[3]}`
    const number = (numbers.get(key) ?? 0) + 1
    numbers.set(key, number)
    if (rule[1] !== '0') out.push(`${key} ${number} ${rule[1]} ${rule[2]}`)
  }
  return out.sort()
}

function connLine(line: string): string {
  return line
    .replace(/^(\w+) +\d+ \d+ /, '$1 ')
    .replace(/ mark=0 use=\d+$/, '')
    .replace(/ use=\d+$/, '')
    .trim()
}

/** A source port that NAT drew is another one each time. */
function anyPort(line: string): string {
  const known = ['53', '80', '5555', '5556', '9000', '9001', '9002']
  return line.replace(/dport=(\d+)( \[ASSURED\])?( mark=\d+)?$/, (all, port: string) =>
    known.includes(port) ? all : all.replace(port, 'drawn'),
  )
}
