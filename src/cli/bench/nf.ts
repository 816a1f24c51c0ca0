/** Packets that meet rules: established and new flows through a node's NAT, compiled and rule by rule. */
import { formatIp, parseIp4 } from '../../base/addr.ts'
import { createRng, nextBelow } from '../../base/rng.ts'
import type { Run } from '../../lab/headless.ts'
import { startRun, typeAll } from '../../lab/headless.ts'
import { Ev } from '../../net/events.ts'
import { linkByName } from '../../net/link/device.ts'
import { createPacket } from '../../net/packet.ts'
import type { Link, Netns, Packet } from '../../net/types.ts'
import { ETH_P_IP, IPPROTO_TCP, IPPROTO_UDP } from '../../net/types.ts'
import { netnsOf } from '../../net/world.ts'
import { runRestore } from '../../proc/iptables/restore.ts'
import type { Machine } from '../../run/types.ts'
import { runUntil, schedule } from '../../sim/dispatch.ts'
import { realFlowsPerSecond, realHopsPerSecond } from './nfkernel.ts'
import { packedHopsPerSecond } from './reference.ts'
import { median, type Row } from './report.ts'
import { serviceIp, serviceRules } from './services.ts'

/** Two links and a node between them; whoever is asked has a neighbour entry already. */
const LAB = `name: node
topology:
  nodes:
    client:
      kind: linux
    node:
      kind: linux
      exec:
        - ip addr add 10.0.1.1/24 dev eth0
        - ip addr add 10.0.2.1/24 dev eth1
        - sysctl -w net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_max=0
        - ip neigh add 10.0.1.2 lladdr 02:00:00:00:ff:01 dev eth0 nud permanent
        - for i in $(seq 2 9); do ip neigh add 10.0.2.$i lladdr 02:00:00:00:ff:02 dev eth1 nud permanent; done
    backend:
      kind: linux
  links:
    - endpoints: ["client:eth0", "node:eth0"]
    - endpoints: ["node:eth1", "backend:eth0"]
`
const CLIENT = parseIp4('10.0.1.2') as number
const BACKEND = parseIp4('10.0.2.2') as number
const FLOWS = 256
/** New flows that are timed together. */
const BATCH = 100
const RESTORE = {
  counters: false,
  test: false,
  noflush: false,
  verbose: 0,
  table: '',
  program: 'iptables-restore',
}

interface Node {
  run: Run
  ns: Netns
}

/** The node with the rules of so many services, no details recorded. */
function nodeWith(services: number, linear: boolean): Node {
  const { run } = startRun(LAB, 1)
  if (run === undefined || run.boot.some((line) => line.code !== 0))
    throw new Error('bench: the lab does not boot')
  const { world } = run
  const machine = world.targets.find((t) => (t as Machine | undefined)?.name === 'node') as Machine
  const ns = netnsOf(world, machine.rootNs)
  // Beyond what a file of a machine may hold.
  const base = { world, ns, family: 4 as const, out: () => undefined, host: formatIp }
  const context = { family: 4 as const, lookup: () => undefined, warn: () => undefined }
  if (services > 0) runRestore({ base, options: RESTORE, context, line: 0 }, serviceRules(services))
  world.recorder.detail = null
  world.scalars.nfLinear = linear ? 1 : 0
  return { run, ns }
}

/** Puts a packet on a device of the node. */
function give(node: Node, dev: string, fields: Partial<Packet>): void {
  const { world } = node.run
  put(node, deviceOf(node, dev), Object.assign(createPacket(world, ETH_P_IP, 0), fields))
}

function put({ run: { world }, ns }: Node, link: Link, packet: Packet): void {
  packet.dmac = link.mac
  packet.ttl = 64
  schedule(world, world.now + 1, Ev.LinkRx, ns.id, link.ifindex, packet)
}

function deviceOf({ ns }: Node, dev: string): Link {
  const link = linkByName(ns, dev)
  if (link === undefined) throw new Error('bench: no device')
  return link
}

function drain({ run }: Node, events: number): void {
  runUntil(run.world, run.rules, { maxEvents: events })
  if (run.world.frozen !== undefined) throw new Error(run.world.frozen.message)
}

function syn(services: number, n: number, pick: number): Partial<Packet> {
  return {
    src: CLIENT,
    dst: serviceIp(pick % services),
    proto: IPPROTO_TCP,
    sport: 1024 + (n % 60_000),
    dport: 80,
    length: 60,
    tcp: { seq: n, ack: 0, flags: 2, window: 64_240, urgent: 0, options: [] } as unknown as Packet['tcp'],
  }
}

/** New flows a second: a SYN each, to random services, from the node's device to the next. */
function newFlowsPerSecond(services: number, linear: boolean, flows: number): number {
  const node = nodeWith(services, linear)
  const rng = createRng(1, 1)
  const batch = (count: number, from: number): void => {
    for (let i = 0; i < count; i++) give(node, 'eth0', syn(services, from + i, nextBelow(rng, 1 << 20)))
    drain(node, count * 2)
  }
  batch(Math.min(500, flows), 0)
  // What loading the rules left behind is no part of a packet's cost.
  ;(globalThis as { gc?: () => void }).gc?.()
  // Without the slowest tenth: what else the machine does meanwhile falls on a few batches; most collections count.
  const seconds: number[] = []
  for (let done = 0; done < flows; done += BATCH) {
    const start = process.hrtime.bigint()
    batch(BATCH, 500 + done)
    seconds.push(Number(process.hrtime.bigint() - start) / 1e9)
  }
  const made = node.ns.nf?.conntrack?.conns.size ?? 0
  if (made < flows) throw new Error(`bench: ${made} connections of ${flows}`)
  const kept = seconds.sort((a, b) => a - b).slice(0, Math.ceil(seconds.length * 0.9))
  return (kept.length * BATCH) / kept.reduce((sum, one) => sum + one, 0)
}

/**
 * Hops a second over the node, both ways: of packets of translated and masqueraded UDP flows, or, without `rules`, of
 * the same number of plainly forwarded flows. The packets are made before and come again and again.
 */
function establishedPerSecond(packets: number, rules: boolean): number {
  const node = nodeWith(rules ? 100 : 0, false)
  const ways: { link: Link; packet: Packet; fields: Partial<Packet> }[] = []
  const add = (dev: string, fields: Partial<Packet>): void => {
    const packet = createPacket(node.run.world, ETH_P_IP, 0)
    ways.push({ link: deviceOf(node, dev), packet: Object.assign(packet, fields, { length: 84 }), fields })
  }
  for (let i = 0; i < FLOWS; i++) {
    const dst = rules ? serviceIp(i % 100) : BACKEND + (i % 8)
    const fields = { src: CLIENT, dst, proto: IPPROTO_UDP, sport: 2000 + i, dport: 53 }
    add('eth0', fields)
    give(node, 'eth0', { ...fields, length: 84 })
    if (!rules) add('eth1', { src: dst, dst: CLIENT, proto: IPPROTO_UDP, sport: 53, dport: 2000 + i })
  }
  drain(node, FLOWS * 2)
  for (const { reply } of node.ns.nf?.conntrack?.conns.values() ?? []) {
    const { src, dst, sport, dport, proto } = reply
    add('eth1', { src, dst, sport, dport, proto })
  }
  if (ways.length !== FLOWS * 2) throw new Error('bench: flows are missing')
  const round = (): void => {
    for (const { link, packet, fields } of ways) {
      packet.src = fields.src!
      packet.dst = fields.dst!
      packet.sport = fields.sport!
      packet.dport = fields.dport!
      packet.ct = 0
      packet.ctInfo = 0
      packet.mark = 0
      put(node, link, packet)
    }
    drain(node, ways.length * 2)
  }
  for (let i = 0; i < 100; i++) round()
  const before = node.run.world.scalars.nDropped ?? 0
  const start = process.hrtime.bigint()
  let done = 0
  for (; done < packets; done += ways.length) round()
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  // Each ends at a host that it is not for, behind the node.
  if ((node.run.world.scalars.nDropped ?? 0) - before !== done) throw new Error('bench: packets went astray')
  return done / seconds
}

/** TCP connections a second by curl: handshake, request, page, both FINs, through a masquerading router. */
function pagesPerSecond(pages: number): number {
  const text = `name: pages
topology:
  nodes:
    client: { kind: linux, exec: [ip addr add 10.0.1.2/24 dev eth0, ip route add default via 10.0.1.1] }
    gate:
      kind: linux
      exec:
        - ip addr add 10.0.1.1/24 dev eth0
        - ip addr add 10.0.2.1/24 dev eth1
        - sysctl -w net.ipv4.ip_forward=1
        - iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE
    server:
      kind: linux
      exec:
        - ip addr add 10.0.2.2/24 dev eth0
        - python3 -m http.server 80 >/dev/null 2>&1 &
  links:
    - endpoints: ["client:eth0", "gate:eth0"]
    - endpoints: ["gate:eth1", "server:eth0"]
`
  const { run } = startRun(text, 1)
  if (run === undefined) throw new Error('bench: the lab was refused')
  run.world.recorder.detail = null
  const command = `for i in $(seq ${pages}); do curl -s -o /dev/null 10.0.2.2; done`
  const start = process.hrtime.bigint()
  const ran = typeAll(run, [{ text: '', machine: 'client', netns: '', command, background: false }])
  if (typeof ran === 'string' || ran[0]?.code !== 0) throw new Error('bench: a page did not come')
  return pages / (Number(process.hrtime.bigint() - start) / 1e9)
}

function medianOf(times: number, measure: () => number): number {
  return median(Array.from({ length: times }, measure))
}

/** Established flows and plainly forwarded ones over one node, in turns. */
function throughAndPlain(): { established: number; plain: number } {
  const plains: number[] = []
  const through: number[] = []
  for (let i = 0; i < 5; i++) {
    plains.push(establishedPerSecond(204_800, false))
    through.push(establishedPerSecond(204_800, true))
  }
  return { established: median(through), plain: median(plains) }
}

export function benchRules(): Row[] {
  const packed = medianOf(3, () => packedHopsPerSecond(4_000_000, 1_000))
  const { established, plain: plainly } = throughAndPlain()
  const at100s: number[] = []
  const at10ks: number[] = []
  for (let i = 0; i < 5; i++) {
    at100s.push(newFlowsPerSecond(100, false, 10_000))
    at10ks.push(newFlowsPerSecond(10_000, false, 10_000))
  }
  const at100 = median(at100s)
  const at10k = median(at10ks)
  const linear100 = medianOf(3, () => newFlowsPerSecond(100, true, 4_000))
  const linear10k = newFlowsPerSecond(10_000, true, 400)
  const pages = medianOf(3, () => pagesPerSecond(500))
  const flows = { unit: 'new flows/s' }
  const rows: Row[] = [
    {
      name: 'established flows, conntrack, DNAT and masquerade, 100 services',
      value: established,
      unit: 'traced hops/s',
      reference: packed,
      against: 'packed records',
      aim: '',
    },
    {
      name: 'the same',
      value: established,
      unit: 'traced hops/s',
      reference: plainly,
      against: 'packets that are plainly forwarded over the same node',
      aim: '0.25 or more',
    },
    {
      name: 'first packet, 100 services, compiled',
      value: at100,
      ...flows,
      reference: linear100,
      against: 'rule by rule',
      aim: '',
    },
    {
      name: 'first packet, 10,000 services, compiled',
      value: at10k,
      ...flows,
      reference: at100,
      against: 'with 100',
      aim: '0.67 or more',
    },
    {
      name: 'first packet, 10,000 services, rule by rule',
      value: linear10k,
      ...flows,
      reference: at10k,
      against: 'compiled',
      aim: '',
    },
    {
      name: 'connections by curl through masquerade',
      value: pages,
      unit: 'connections/s',
      reference: 0,
      against: '',
      aim: '',
    },
  ]
  return [...rows, ...besideKernel(established, at100)]
}

/** The same beside the kernel of this machine. */
function besideKernel(established: number, at100: number): Row[] {
  const real = realHopsPerSecond(serviceRules(100))
  if (typeof real === 'string') return [plain(`a real kernel: not measured: ${real}`)]
  const rows: Row[] = []
  rows.push({
    name: 'established flows',
    value: established,
    unit: 'hops/s',
    reference: real,
    against: 'the kernel of this machine, a flood ping over veths and the same rules',
    aim: '',
  })
  const realFlows = realFlowsPerSecond(serviceRules(100), serviceIp(0))
  if (typeof realFlows === 'string') return [...rows, plain(`a real kernel: not measured: ${realFlows}`)]
  rows.push({
    name: 'first packet, 100 services',
    value: at100,
    unit: 'new flows/s',
    reference: realFlows,
    against: 'the kernel of this machine, UDP sockets of a Python script',
    aim: '',
  })
  return rows
}

function plain(name: string): Row {
  return { name, value: Number.NaN, unit: '', reference: 0, against: '', aim: '' }
}
