// Needs root and a Linux kernel with network namespaces; skipped otherwise. Every lab of the library, exported to a
// script, is built from real namespaces; `ip` and `iptables-save` there and in the lab must then print the same.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { netnsList } from '../net/netns.ts'
import { exportShell } from './export-sh.ts'
import { placeOfRoom } from './headless.ts'
import { openScenario } from './scenario.fixture.ts'

const folder = join(import.meta.dirname, '..', '..', 'public', 'labs')
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
const COMMANDS = [
  'ip addr',
  'ip route show table all',
  'ip rule',
  'ip neigh',
  'ip -s link show lo',
  'iptables-save | grep -v ^#',
]
/** Namespaces of their own for the test: nothing of it stays behind. */
const PREPARE = 'mkdir -p /run/netns && mount -t tmpfs none /run/netns'

function sh(script: string): { code: number | null; out: string; err: string } {
  const ran = spawnSync('unshare', ['-mn', 'bash', '-c', `${PREPARE}; ${script}`], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { code: ran.status, out: ran.stdout ?? '', err: ran.stderr ?? '' }
}

const real = process.getuid?.() === 0 && sh('ip netns add kubehop-try').code === 0

const asked = describe.skipIf(!real) // skips: no root, or no namespaces

asked('an exported lab built from real namespaces', () => {
  it.each(files)('%s is the lab', { timeout: 60_000 }, (file) => {
    const lab = openScenario(readFileSync(join(folder, file), 'utf8'))
    same(lab)
  })

  it('with everything that commands can set', { timeout: 60_000 }, () => {
    const lab = openScenario(`name: all
topology:
  nodes:
    a:
      exec:
        - ip netns add n
        - ip link add br0 type bridge stp_state 1 priority 4096 ageing_time 10000
        - ip link add v0 mtu 1400 type veth peer name v1 netns n
        - ip link set v0 master br0
        - ip link set v0 type bridge_slave hairpin on cost 5
        - ip link set br0 up; ip link set v0 up; ip -n n link set v1 up; ip -n n link set lo up
        - ip addr add 10.0.0.1/24 brd + dev br0
        - ip addr add 10.0.0.2/24 dev br0
        - ip addr add 10.7.0.1 peer 10.7.0.2/32 dev eth0
        - ip addr add 192.168.1.2/24 dev eth0 label eth0:1
        - ip -n n addr add 10.0.0.9/24 dev v1
        - ip route add default via 192.168.1.1
        - ip route add 10.9.0.0/16 via 192.168.1.1 metric 5 table 100
        - ip route add blackhole 10.8.0.0/16
        - ip route add 10.6.0.0/16 nexthop via 192.168.1.1 weight 1 nexthop via 10.0.0.9 weight 2
        - ip route add 10.5.0.0/16 dev eth0 src 192.168.1.2 mtu 1300
        - ip route del 192.168.1.0/24 dev eth0
        - ip rule add pref 50 from 10.0.0.0/24 lookup 100
        - ip rule add pref 60 to 10.2.0.0/16 iif br0 prohibit
        - ip neigh add 192.168.1.99 lladdr 02:00:00:00:00:99 dev eth0 nud permanent
        - bridge fdb add 02:00:00:00:00:77 dev v0 master static
        - sysctl -w net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.eth0.proxy_arp=1
        - ip link set eth0 txqueuelen 500
        - sysctl -w net.bridge.bridge-nf-call-iptables=0 net.netfilter.nf_conntrack_udp_timeout=20
        - iptables -N mine; iptables -A FORWARD -i br0 -j mine; iptables -P FORWARD DROP
        - iptables -A mine -p tcp --dport 80 -m conntrack --ctstate NEW -m comment --comment "it's $HOME" -j ACCEPT
        - iptables -t nat -A POSTROUTING -s 10.0.0.0/24 ! -o br0 -j MASQUERADE
        - ip6tables -A INPUT -p tcp -j REJECT
    b: {}
  links:
    - endpoints: ["a:eth0", "b:eth0"]
      mtu: 1300
`)
    same(lab, [
      'sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.ipv4.conf.eth0.proxy_arp net.ipv4.conf.all.accept_redirects',
      'bridge fdb show dev v0',
      'sysctl net.bridge.bridge-nf-call-iptables net.netfilter.nf_conntrack_udp_timeout',
      'ip6tables-save | grep -v ^#',
      'bridge link show dev v0',
    ])
  })

  it('and its last argument removes it', () => {
    const lab = openScenario(readFileSync(join(folder, files[0]!), 'utf8'))
    const script = quote(exportShell(lab.run.world))
    expect(sh(`bash -c ${script} topo && bash -c ${script} topo clean && ip netns`)).toEqual({
      code: 0,
      out: '',
      err: '',
    })
  })
})

/** Compares what the commands print in every namespace; `more` in the first one only. */
function same(lab: ReturnType<typeof openScenario>, more: string[] = []): void {
  const rooms = netnsList(lab.run.world).map((ns) => ns.name)
  const asked = rooms.flatMap((room, i) =>
    [...COMMANDS, ...(i === 0 ? more : [])].map((command) => ({ room, command })),
  )
  const mark = '@@@@'
  // The kernel watches links: a device may be a second late.
  const tail = asked.map(({ room, command }) => `echo ${mark}; ip netns exec ${room} ${command}`).join('; ')
  const kernel = sh(`bash -c ${quote(exportShell(lab.run.world))} && sleep 1.2; ${tail}`)
  expect(kernel.err).toBe('')
  const printed = kernel.out.split(`${mark}\n`).slice(1)
  asked.forEach(({ room, command }, i) => {
    const ours = lab.type(`${placeOfRoom(room)}: ${command}`).stdout
    expect(bare(ours), `${room}: ${command}`).toEqual(bare(printed[i] ?? ''))
  })
}

/**
 * Without what must differ: names of other namespaces, a cable's card being a veth there, the
 * address of a bridge that has no port yet, counters, neighbours that were learned.
 */
function bare(text: string): string[] {
  return text
    .replaceAll(/ link-netns(id)? \S+/g, '')
    .replaceAll(/@if\d+:/g, ':')
    .replaceAll(/\[\d+:\d+\]/g, '[N:N]')
    .replaceAll(/(state UNKNOWN .*\n {4}link\/ether) \S+/g, '$1 ANY')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => !/^ {4}\s*\d+ +\d+/.test(line))
    .filter((line) => !/ (REACHABLE|STALE|DELAY|PROBE|INCOMPLETE|FAILED)$/.test(line))
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
