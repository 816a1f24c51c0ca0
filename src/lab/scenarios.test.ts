// Every lab of the library run headless: each line under *shows* in scope. What is expected was printed and done by
// Linux 6.18 with iproute2 and iputils for the same commands (shared/kernel.md, "Observed in the scenarios").
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runChecks } from './check.ts'
import { stateHash } from '../sim/timeline.ts'
import { exportShell } from './export-sh.ts'
import { typeAll } from './headless.ts'
import { openScenario } from './scenario.fixture.ts'

const UNREACHABLE = 'ping: connect: Network is unreachable\n'

function libraryText(file: string): string {
  return readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', file), 'utf8')
}

/** Lines of a text without MAC addresses, times and trailing blanks. */
function lines(text: string): string[] {
  return text
    .replaceAll(/[0-9a-f]{2}(:[0-9a-f]{2}){5}/g, 'MAC')
    .replaceAll(/time=\S+ ms/g, 'time=T')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
}

describe('1.1 two-namespaces', () => {
  const open = () => openScenario(libraryText('1.1-two-namespaces.yaml'))

  it('one ARP request and reply, then three echo pairs, and a unicast probe of the other side some 5 s later', () => {
    const lab = open()
    const ping = lab.type('host: ip netns exec net1 ping -c 3 20.1.1.2')
    expect(ping.code).toBe(0)
    const printed = lines(ping.stdout)
    expect(printed.slice(0, 4)).toEqual([
      'PING 20.1.1.2 (20.1.1.2) 56(84) bytes of data.',
      '64 bytes from 20.1.1.2: icmp_seq=1 ttl=64 time=T',
      '64 bytes from 20.1.1.2: icmp_seq=2 ttl=64 time=T',
      '64 bytes from 20.1.1.2: icmp_seq=3 ttl=64 time=T',
    ])
    expect(printed[5]).toMatch(/^3 packets transmitted, 3 received, 0% packet loss, time 20\d\dms$/)
    const pair = (seq: number) => [
      `host.net1/veth1> 20.1.1.1 > 20.1.1.2 ttl 64 icmp 8/0 seq ${seq}`,
      `host.net2/veth2< 20.1.1.1 > 20.1.1.2 ttl 64 icmp 8/0 seq ${seq}`,
      `host.net2/veth2> 20.1.1.2 > 20.1.1.1 ttl 64 icmp 0/0 seq ${seq}`,
      `host.net1/veth1< 20.1.1.2 > 20.1.1.1 ttl 64 icmp 0/0 seq ${seq}`,
    ]
    expect(lab.frames()).toEqual([
      'host.net1/veth1> arp who-has 20.1.1.2 broadcast',
      'host.net2/veth2< arp who-has 20.1.1.2 broadcast',
      'host.net2/veth2> arp 20.1.1.2 is-at unicast',
      'host.net1/veth1< arp 20.1.1.2 is-at unicast',
      ...pair(1),
      ...pair(2),
      ...pair(3),
    ])
    lab.wait(4)
    expect(lab.frames()).toEqual([
      'host.net2/veth2> arp who-has 20.1.1.1 unicast',
      'host.net1/veth1< arp who-has 20.1.1.1 unicast',
      'host.net1/veth1> arp 20.1.1.1 is-at unicast',
      'host.net2/veth2< arp 20.1.1.1 is-at unicast',
    ])
  })

  it('neighbours, links and routes are each namespace’s own', () => {
    const lab = open()
    lab.type('host: ip netns exec net1 ping -c 3 20.1.1.2')
    const printed = (command: string) => lines(lab.type(`host: ${command}`).stdout)
    expect(printed('ip netns exec net1 ip neigh')).toEqual(['20.1.1.2 dev veth1 lladdr MAC REACHABLE'])
    expect(printed('ip netns exec net2 ip neigh')).toEqual(['20.1.1.1 dev veth2 lladdr MAC DELAY'])
    expect(printed('ip neigh')).toEqual([])
    expect(printed('ip link')).toEqual([
      '1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000',
      '    link/loopback MAC brd MAC',
    ])
    expect(printed('ip netns exec net1 ip link')).toEqual([
      '1: lo: <LOOPBACK> mtu 65536 qdisc noop state DOWN mode DEFAULT group default qlen 1000',
      '    link/loopback MAC brd MAC',
      '3: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000',
      '    link/ether MAC brd MAC link-netns net2',
    ])
    expect(printed('ip netns exec net1 ip route')).toEqual([
      '20.1.1.0/24 dev veth1 proto kernel scope link src 20.1.1.1',
    ])
    expect(printed('ip route')).toEqual([])
    // The real `ip netns` also prints (id: N) once a namespace has one.
    expect(printed('ip netns').map((line) => line.split(' ')[0])).toEqual(['net2', 'net1'])
    const self = lab.type('host: ip netns exec net1 ping -c 1 -W 1 20.1.1.1')
    expect([self.code, lines(self.stdout)[2]]).toEqual([
      1,
      '1 packets transmitted, 0 received, 100% packet loss, time 0ms',
    ])
  })
})

describe('1.2 missing-netmask', () => {
  const open = () => openScenario(libraryText('1.2-missing-netmask.yaml'))

  it('a /32 has no connected route: unreachable, and no frame leaves', () => {
    const lab = open()
    const ping = lab.type('host: ip netns exec net1 ping -c 1 20.1.1.2')
    expect([ping.code, ping.stdout, ping.stderr]).toEqual([2, '', UNREACHABLE])
    expect(lab.frames()).toEqual([])
    expect(lab.type('host: ip netns exec net1 ip route').stdout).toBe('')
  })

  it('with /24 at one end only, requests arrive and the replies die there', () => {
    const lab = open()
    lab.type('host: ip -n net1 addr add 20.1.1.1/24 dev veth1')
    const ping = lab.type('host: ip netns exec net1 ping -c 2 -W 1 20.1.1.2')
    expect(ping.code).toBe(1)
    expect(lines(ping.stdout)[2]).toMatch(
      /^2 packets transmitted, 0 received, 100% packet loss, time 10\d\dms$/,
    )
    expect(ping.stderr).toBe('')
    const steps = lab.steps()
    expect(steps.filter((s) => s.reason !== '').map((s) => `${s.nsName} ${s.reason}`)).toEqual([
      'host.net2 IP_OUTNOROUTES',
      'host.net2 IP_OUTNOROUTES',
    ])
    const again = lab.type('host: ip -n net1 addr add 20.1.1.1/24 dev veth1')
    expect([again.code, again.stderr]).toEqual([2, 'Error: ipv4: Address already assigned.\n'])
    expect(lab.type('host: ip -n net1 -br addr').stdout).toBe(
      'lo               DOWN           \nveth1@if2        UP             20.1.1.1/32 20.1.1.1/24 \n',
    )
  })

  it('with /24 at both ends it is mended', () => {
    const lab = open()
    expect(runChecks(lab.run.lab, lab.run.world, lab.run.rules)[0]?.ok).toBe(false)
    lab.type(`host: ${lab.run.lab.lesson?.checks[0]?.mends?.command}`)
    expect(runChecks(lab.run.lab, lab.run.world, lab.run.rules)).toMatchObject([{ id: 'mended', ok: true }])
  })
})

describe('1.3 mesh-or-bridge', () => {
  it('6 pairs against 4 for four namespaces, and n(n-1)/2 against n from 2 to 8', () => {
    const count = (lab: ReturnType<typeof openScenario>, machine: string) => {
      const ends = lab.run.world.targets.flatMap((t) => {
        const ns = t as { type?: string; name?: string; links?: ({ kind: string } | undefined)[] } | undefined
        if (ns?.type !== 'netns' || ns.name?.split('.')[0] !== machine) return []
        return (ns.links ?? []).filter((l) => l?.kind === 'veth')
      })
      return ends.length / 2
    }
    const four = openScenario(libraryText('1.3-mesh-or-bridge.yaml'))
    expect([count(four, 'mesh'), count(four, 'bridged')]).toEqual([6, 4])
    for (let n = 2; n <= 8; n++) {
      const lab = openScenario(meshOrBridge(n))
      expect([count(lab, 'mesh'), count(lab, 'bridged')]).toEqual([(n * (n - 1)) / 2, n])
    }
  })

  it('everybody reaches everybody in both', () => {
    const lab = openScenario(libraryText('1.3-mesh-or-bridge.yaml'))
    for (const { ok, id } of runChecks(lab.run.lab, lab.run.world, lab.run.rules))
      expect([id, ok]).toEqual([id, true])
    for (const from of ['a', 'b', 'c', 'd']) {
      for (let to = 1; to <= 4; to++) {
        if ('abcd'[to - 1] === from) continue
        expect(lab.type(`bridged/${from}: ping -c 1 -W 1 10.1.0.${to}`).code).toBe(0)
      }
    }
  })
})

/** A lab of n namespaces joined pairwise, and n by a bridge. */
function meshOrBridge(n: number): string {
  const names = Array.from({ length: n }, (_, i) => `n${i}`)
  const mesh = names.map((name) => `ip netns add ${name}`)
  const bridged = ['ip link add br0 type bridge', ...mesh]
  names.forEach((a, i) => {
    bridged.push(`ip link add v${i} type veth peer name eth0 netns ${a}`, `ip link set v${i} master br0`)
    names.forEach((b, j) => {
      if (j > i) mesh.push(`ip link add e${j} netns ${a} type veth peer name e${i} netns ${b}`)
    })
  })
  const exec = (list: string[]) => list.map((line) => `        - ${line}\n`).join('')
  return `name: n\ntopology:\n  nodes:\n    mesh:\n      exec:\n${exec(mesh)}    bridged:\n      exec:\n${exec(bridged)}`
}

describe('1.4 bridge-of-four', () => {
  const open = () => openScenario(libraryText('1.4-bridge-of-four.yaml'))
  const rooms = ['red', 'blue', 'orange', 'ash']

  it('deleting one end of a veth takes the other with it', () => {
    const lab = open()
    expect(lab.type('host: ip -n red link del veth-red').code).toBe(0)
    expect(lab.type('host: ip -n red -br link').stdout).not.toContain('veth')
    expect(lab.type('host: ip link show veth-red-br').stderr).toBe('Device "veth-red-br" does not exist.\n')
  })

  it('all pairs ping', () => {
    const lab = open()
    for (const from of rooms) {
      for (let to = 1; to <= 4; to++) {
        if (rooms[to - 1] === from) continue
        const ping = lab.type(`host: ip netns exec ${from} ping -c 1 -W 1 192.168.15.${to}`)
        expect([from, to, ping.code]).toEqual([from, to, 0])
      }
    }
  })

  it('an ordinary ping is not flooded; after fdb_flush the first request is, to every port but its own', () => {
    const lab = open()
    const others = (list: string[]) => list.filter((f) => /host\.(orange|ash)\/.*icmp/.test(f))
    lab.type('host: ip netns exec red ping -c 2 192.168.15.2')
    expect(others(lab.frames())).toEqual([])
    const learned = (text: string) => text.split('\n').filter((l) => /master v-net-0 *$/.test(l)).length
    expect(learned(lab.type('host: bridge fdb show br v-net-0').stdout)).toBe(2)
    expect(lab.type('host: ip link set v-net-0 type bridge fdb_flush').code).toBe(0)
    expect(learned(lab.type('host: bridge fdb show br v-net-0').stdout)).toBe(0)
    lab.frames()
    lab.type('host: ip netns exec red ping -c 2 192.168.15.2')
    expect(others(lab.frames())).toEqual([
      'host.ash/veth-ash< 192.168.15.1 > 192.168.15.2 ttl 64 icmp 8/0 seq 1',
      'host.orange/veth-orange< 192.168.15.1 > 192.168.15.2 ttl 64 icmp 8/0 seq 1',
    ])
    expect(learned(lab.type('host: bridge fdb show br v-net-0').stdout)).toBe(2)
  })

  it('bridge fdb show begins with the ports’ own addresses and multicast rows', () => {
    const port = (name: string) => [
      `MAC dev ${name} master v-net-0 permanent`,
      `MAC dev ${name} self permanent`,
      `MAC dev ${name} self permanent`,
    ]
    expect(lines(open().type('host: bridge fdb show br v-net-0').stdout)).toEqual([
      ...Array.from({ length: 4 }, () => 'MAC dev v-net-0 self permanent'),
      ...rooms.flatMap((room) => port(`veth-${room}-br`)),
    ])
  })

  it('the host reaches red only with an address on the bridge', () => {
    const lab = open()
    const ping = lab.type('host: ping -c 1 192.168.15.1')
    expect([ping.code, ping.stderr]).toEqual([2, UNREACHABLE])
    expect(lab.type('host: ip addr add 192.168.15.5/24 dev v-net-0').code).toBe(0)
    expect(lab.type('host: ping -c 1 192.168.15.1').code).toBe(0)
  })
})

describe('1.6 default-gateway (routing only)', () => {
  const open = () => openScenario(libraryText('1.6-default-gateway.yaml'))

  it('blue cannot reach 8.8.8.8 until it has a default route', () => {
    const lab = open()
    expect(lab.type('host: ip netns exec blue ping -c 1 192.168.1.3').code).toBe(0)
    const ping = lab.type('host: ip netns exec blue ping -c 1 8.8.8.8')
    expect([ping.code, ping.stderr]).toEqual([2, UNREACHABLE])
    expect(lab.type('host: ip netns exec blue ip route add default via 192.168.15.5').code).toBe(0)
    const good = lab.type('host: ip netns exec blue ping -c 1 8.8.8.8')
    expect(lines(good.stdout)[1]).toBe('64 bytes from 8.8.8.8: icmp_seq=1 ttl=62 time=T')
    expect(runChecks(lab.run.lab, lab.run.world, lab.run.rules)).toContainEqual(
      expect.objectContaining({ id: 'internet', ok: true }),
    )
  })

  it('traceroute lists each hop', () => {
    const lab = open()
    lab.type('host: ip netns exec blue ip route add default via 192.168.15.5')
    const route = lab.type('host: ip netns exec blue traceroute -n 8.8.8.8')
    const hops = route.stdout.split('\n').map((line) => /^ *\d+ +(\S+)/.exec(line)?.[1])
    expect(hops.filter((h) => h !== undefined)).toEqual(['192.168.15.5', '192.168.1.1', '8.8.8.8'])
  })

  it('needs the host’s own default route', () => {
    const lab = open()
    lab.type('host: ip netns exec blue ip route add default via 192.168.15.5')
    lab.type('host: ip route del default')
    const ping = lab.type('host: ip netns exec blue ping -c 1 8.8.8.8')
    expect(ping.code).toBe(1)
    expect(lines(ping.stdout)[1]).toBe('From 192.168.15.5 icmp_seq=1 Destination Net Unreachable')
  })

  it('without ip_forward the host drops silently', () => {
    const lab = open()
    lab.type(
      'host: ip netns exec blue ip route add default via 192.168.15.5; sysctl -w net.ipv4.ip_forward=0',
    )
    lab.steps()
    const ping = lab.type('host: ip netns exec blue ping -c 1 -W 1 8.8.8.8')
    expect([ping.code, lines(ping.stdout).length]).toEqual([1, 3])
    const drops = lab.steps().filter((s) => s.reason !== '' && s.headers.icmp !== null)
    expect(drops.map((s) => `${s.nsName} ${s.reason}`)).toEqual(['host IP_INADDRERRORS'])
    expect(lab.type('host: ip netns exec blue ping -c 1 192.168.1.2').code).toBe(0)
  })
})

describe('3.2 three-nodes-by-hand', () => {
  const open = () => openScenario(libraryText('3.2-three-nodes-by-hand.yaml'))
  const PING = 'node1: ip netns exec blue ping -c 1 -W 1 10.244.2.2'

  it('without a route node1 says so', () => {
    const ping = open().type(PING)
    expect(ping.code).toBe(1)
    expect(lines(ping.stdout)[1]).toBe('From 10.244.1.1 icmp_seq=1 Destination Net Unreachable')
  })

  it('sent to the default gateway it is lost in silence', () => {
    const lab = open()
    lab.type('node1: ip route add default via 192.168.1.1')
    const ping = lab.type(PING)
    expect([ping.code, lines(ping.stdout).length]).toEqual([1, 3])
  })

  it('a route on node1 alone brings the request there, and not the reply back', () => {
    const lab = open()
    lab.type('node2: ip route add default via 192.168.1.1')
    lab.type('node1: ip route add 10.244.2.0/24 via 192.168.1.12')
    const ping = lab.type(PING)
    expect(ping.code).toBe(1)
    expect(lab.frames()).toContain('node2.purple/veth-purple< 10.244.1.2 > 10.244.2.2 ttl 62 icmp 8/0 seq 1')
  })

  it('with routes on both nodes the reply has ttl 62, by the /32 form too', () => {
    for (const dst of ['10.244.2.0/24', '10.244.2.2']) {
      const lab = open()
      expect(lab.type(`node1: ip route add ${dst} via 192.168.1.12`).code).toBe(0)
      lab.type('node2: ip route add 10.244.1.0/24 via 192.168.1.11')
      expect(lines(lab.type(PING).stdout)[1]).toBe('64 bytes from 10.244.2.2: icmp_seq=1 ttl=62 time=T')
      expect(runChecks(lab.run.lab, lab.run.world, lab.run.rules).map((c) => c.ok)).toEqual([true, true])
    }
  })

  it('with the routes on the router it has ttl 61, and redirects go to a node’s own traffic only', () => {
    const lab = open()
    lab.type(
      'router: ip route add 10.244.1.0/24 via 192.168.1.11; ip route add 10.244.2.0/24 via 192.168.1.12',
    )
    for (const node of [1, 2, 3]) lab.type(`node${node}: ip route add default via 192.168.1.1`)
    expect(lines(lab.type(PING).stdout)[1]).toBe('64 bytes from 10.244.2.2: icmp_seq=1 ttl=61 time=T')
    const own = lab.type('node1: ping -c 2 10.244.2.2')
    expect(own.stdout).toContain('From 192.168.1.1: icmp_seq=1 Redirect Host(New nexthop: 192.168.1.12)')
  })
})

describe('the library', () => {
  it('lists every lab by its chapter, title and file', () => {
    const folder = join(import.meta.dirname, '..', '..', 'public', 'labs')
    const index = JSON.parse(libraryText('index.json')) as Record<string, unknown>[]
    const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
    expect(index.map((entry) => entry.file).sort()).toEqual(files.sort())
    for (const entry of index) {
      const { lesson } = openScenario(libraryText(String(entry.file))).run.lab
      const { text, ...place } = entry
      expect(place).toEqual({
        id: lesson?.chapter,
        file: `${lesson?.chapter}-${lesson?.name}.yaml`,
        chapter: lesson?.chapter.split('.')[0],
        title: Object.fromEntries(lesson?.title ?? []),
      })
      expect([...(lesson?.text.keys() ?? [])]).toEqual(['en', 'ru', 'zh'])
      expect(Object.keys(text as object)).toEqual(['en', 'ru', 'zh'])
      for (const line of Object.values(text as object)) expect(line.length).toBeLessThan(110)
    }
  })

  it('every first command of a lesson runs where it says', () => {
    for (const { file } of JSON.parse(libraryText('index.json')) as { file: string }[]) {
      const lab = openScenario(libraryText(file))
      const start = lab.run.lab.lesson?.start ?? []
      expect(start.length).toBeGreaterThan(0)
      const typed = start.map((s) => ({
        text: s.command,
        machine: s.machine,
        netns: s.netns,
        command: s.command,
        background: true,
      }))
      const ran = typeAll(lab.run, typed, 1_500_000_000)
      expect(typeof ran, String(ran)).not.toBe('string')
      // 1.2 is about the frames that do not leave.
      expect(lab.frames().length > 0, file).toBe(file !== '1.2-missing-netmask.yaml')
    }
  })
})

describe('every lab', () => {
  const files = ['1.1-two-namespaces', '1.2-missing-netmask', '1.3-mesh-or-bridge', '1.4-bridge-of-four']
  const rules = ['1.5-nat-to-the-lan', '1.6-default-gateway', '1.7-port-forward', '1.8-forward-drop']
  it.each([...files, ...rules, '3.2-three-nodes-by-hand'])(
    '%s boots, exports, checks without a trace',
    (file) => {
      const lab = openScenario(libraryText(`${file}.yaml`))
      const { run } = lab
      expect(run.boot.filter((line) => line.code !== 0)).toEqual([])
      const before = exportShell(run.world)
      const events = run.world.nEvents
      const hash = stateHash(run.world)
      const first = runChecks(run.lab, run.world, run.rules)
      expect([run.world.nEvents, run.world.inputs.length]).toEqual([events, 0])
      expect(lab.steps()).toEqual([])
      expect(stateHash(run.world)).toBe(hash)
      expect(runChecks(run.lab, run.world, run.rules)).toEqual(first)
      expect(exportShell(run.world)).toBe(before)
      expect(before).not.toContain('undefined')
    },
  )
})
