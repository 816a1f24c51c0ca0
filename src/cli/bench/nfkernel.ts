/** The kernel of the machine that the bench runs on, by namespaces of its own (root, iproute2, iptables, ping, python3). */
import { spawnSync } from 'node:child_process'
import { formatIp } from '../../base/addr.ts'

const [A, R, B] = ['khbench-a', 'khbench-r', 'khbench-b']
const PINGS = 30_000
const FLOWS = 20_000

/** Client, node and backend as in the simulated measurement; the rules come on standard input. */
const BUILD = `set -e
for n in ${A} ${R} ${B}; do ip netns add $n; ip -n $n link set lo up; done
ip link add eth0 netns ${A} type veth peer name eth0 netns ${R}
ip link add eth1 netns ${R} type veth peer name eth0 netns ${B}
ip -n ${A} addr add 10.0.1.2/24 dev eth0; ip -n ${A} link set eth0 up
ip -n ${R} addr add 10.0.1.1/24 dev eth0; ip -n ${R} link set eth0 up
ip -n ${R} addr add 10.0.2.1/24 dev eth1; ip -n ${R} link set eth1 up
for i in 2 3 4 5 6 7 8 9; do ip -n ${B} addr add 10.0.2.$i/24 dev eth0; done; ip -n ${B} link set eth0 up
ip -n ${A} route add default via 10.0.1.1
ip netns exec ${R} sysctl -qw net.ipv4.ip_forward=1
ip netns exec ${R} iptables-restore
ip netns exec ${R} iptables -t nat -A PREROUTING -d 10.96.255.1 -j DNAT --to-destination 10.0.2.2
ip netns exec ${R} iptables -t nat -A POSTROUTING -o eth1 -p icmp -j MASQUERADE
ip netns exec ${A} ping -q -c 1 -W 1 10.96.255.1 >/dev/null
`
const CLEAN = `for n in ${A} ${R} ${B}; do ip netns del $n 2>/dev/null; done; true`
const SENDER = `
import socket, sys, time
n, to = int(sys.argv[1]), (sys.argv[2], 53)
start = time.perf_counter()
for i in range(n):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.0.1.2", 1024 + i))
    s.sendto(b"x", to)
    s.close()
print(n / (time.perf_counter() - start))
`

function sh(command: string, input = ''): { ok: boolean; text: string } {
  const done = spawnSync('sh', ['-c', command], { input, encoding: 'utf8' })
  return { ok: done.status === 0, text: `${done.stdout}${done.stderr}`.trim() }
}

/** Runs `measure` in the namespaces and takes them away again. A string says why it could not. */
function inKernel(rules: string, measure: () => number | string): number | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux'
  sh(CLEAN)
  try {
    const built = sh(BUILD, rules)
    if (!built.ok) return built.text.split('\n').at(-1) ?? 'the namespaces were refused'
    return measure()
  } finally {
    sh(CLEAN)
  }
}

/** Hops a second over the node: each ping crosses it twice, in an established, translated and masqueraded flow. */
export function realHopsPerSecond(rules: string): number | string {
  return inKernel(rules, () => {
    const { text } = sh(`ip netns exec ${A} ping -q -f -c ${PINGS} 10.96.255.1`)
    const got = /(\d+) received.*time (\d+)ms/.exec(text)
    if (got === null || Number(got[1]) < PINGS / 2) return `ping said: ${text.split('\n').at(-1) ?? ''}`
    return (2 * Number(got[1])) / (Number(got[2]) / 1000)
  })
}

/** New flows a second through the node: a datagram from a socket each. */
export function realFlowsPerSecond(rules: string, to: number): number | string {
  return inKernel(rules, () => {
    const done = sh(`ip netns exec ${A} python3 - ${FLOWS} ${formatIp(to)}`, SENDER)
    const rate = Number(done.text.split('\n').at(-1))
    return rate > 0 ? rate : `python3 said: ${done.text.slice(-100)}`
  })
}
