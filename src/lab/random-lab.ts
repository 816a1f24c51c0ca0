/**
 * Tests and benchmarks only: random labs as text. The same seed is always the same lab. Most of what is written in one
 * is right, so that packets find their way; some addresses, routes and switches are wrong on purpose.
 */
import type { Rng } from '../base/rng.ts'
import { createRng, nextBelow } from '../base/rng.ts'

export interface RandomLab {
  seed: number
  text: string
  /** Full names: `MACHINE` or `MACHINE.NETNS`. Switches are not among them. */
  rooms: RandomRoom[]
  /** Every address that somebody has, and some that nobody has. */
  addresses: string[]
}

export interface RandomRoom {
  name: string
  devices: string[]
}

interface Nic {
  name: string
  segment: number
  address: string
}

interface Machine {
  name: string
  kind: 'host' | 'router' | 'switch'
  nics: Nic[]
  exec: string[]
  rooms: RandomRoom[]
}

interface Draft {
  rng: Rng
  machines: Machine[]
  /** Cables: machine and card of both ends. */
  cables: [number, number, number, number][]
  addresses: string[]
}

/** `machines`: how many at most (2 or more); `loops`: whether switches may lie in a circle. */
export function randomLab(seed: number, options: { machines?: number; loops?: boolean } = {}): RandomLab {
  const rng = createRng(seed, 77)
  const most = options.machines ?? 8
  const draft: Draft = { rng, machines: [], cables: [], addresses: ['10.99.0.1', '127.0.0.1'] }
  const count = 2 + nextBelow(rng, most - 1)
  for (let i = 0; i < count; i++) addMachine(draft, i)
  joinMachines(draft, options.loops ?? true)
  numberSegments(draft)
  for (const machine of draft.machines) configure(draft, machine)
  for (const machine of draft.machines) {
    if (machine.kind !== 'switch' && chance(rng, 3)) addRooms(draft, machine)
  }
  return {
    seed,
    text: textOf(draft, seed),
    rooms: draft.machines.flatMap((machine) => machine.rooms),
    addresses: draft.addresses,
  }
}

export function chance(rng: Rng, oneIn: number): boolean {
  return nextBelow(rng, oneIn) === 0
}

export function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[nextBelow(rng, list.length)]
}

function addMachine(draft: Draft, i: number): void {
  const { rng, machines } = draft
  const kind = i === 0 ? 'router' : pick(rng, ['host', 'host', 'router', 'switch'] as const)
  const name = kind === 'switch' ? `sw${i}` : `${kind === 'router' ? 'r' : 'h'}${i}`
  const rooms = kind === 'switch' ? [] : [{ name, devices: ['lo'] }]
  machines.push({ name, kind, nics: [], exec: [], rooms })
}

/** A tree, so that everything hangs together, and now and then one cable more. */
function joinMachines(draft: Draft, loops: boolean): void {
  const { rng, machines } = draft
  for (let i = 1; i < machines.length; i++) {
    let to = nextBelow(rng, i)
    // Hosts are ends rather than passages.
    for (let k = 0; k < 4 && machines[to].kind === 'host'; k++) to = nextBelow(rng, i)
    addCable(draft, i, to)
  }
  if (machines.length < 3 || !chance(rng, 3)) return
  const a = nextBelow(rng, machines.length)
  const b = (a + 1 + nextBelow(rng, machines.length - 1)) % machines.length
  const switches = machines[a].kind === 'switch' && machines[b].kind === 'switch'
  if (!switches || (loops && chance(rng, 3))) addCable(draft, a, b)
}

function addCable(draft: Draft, a: number, b: number): void {
  const ends = [a, b].map((i) => {
    const { nics } = draft.machines[i]
    nics.push({ name: `eth${nics.length}`, segment: -1, address: '' })
    return nics.length - 1
  })
  draft.cables.push([a, ends[0], b, ends[1]])
}

/** What switches join is one segment, and so is any other cable. */
function numberSegments(draft: Draft): void {
  const { machines, cables } = draft
  let next = 0
  const spread = (machine: number, nic: number, segment: number): void => {
    const card = machines[machine].nics[nic]
    if (card.segment >= 0) return
    card.segment = segment
    for (const [a, i, b, k] of cables) {
      if (a === machine && i === nic) spread(b, k, segment)
      if (b === machine && k === nic) spread(a, i, segment)
    }
    if (machines[machine].kind !== 'switch') return
    for (let k = 0; k < machines[machine].nics.length; k++) spread(machine, k, segment)
  }
  for (const [a, i] of cables) if (machines[a].nics[i].segment < 0) spread(a, i, next++)
  const used = new Map<number, number>()
  for (const machine of machines) {
    if (machine.kind === 'switch') continue
    for (const nic of machine.nics) {
      const host = (used.get(nic.segment) ?? 0) + 1
      used.set(nic.segment, host)
      nic.address = `10.${nic.segment}.0.${host}`
    }
  }
}

function configure(draft: Draft, machine: Machine): void {
  const { rng } = draft
  if (machine.kind === 'switch') return
  for (const nic of machine.nics) {
    machine.rooms[0].devices.push(nic.name)
    draft.addresses.push(nic.address)
    machine.exec.push(...addressLines(rng, nic))
  }
  if (machine.kind === 'router' && !chance(rng, 12)) machine.exec.push('sysctl -w net.ipv4.ip_forward=1')
  machine.exec.push(...routeLines(draft, machine))
  for (const nic of machine.nics) if (chance(rng, 6)) machine.exec.push(switchLine(rng, nic.name))
}

function addressLines(rng: Rng, { name, address, segment }: Nic): string[] {
  const add = (cidr: string, more = '') => [`ip addr add ${cidr} dev ${name}${more}`]
  switch (nextBelow(rng, 24)) {
    case 0:
      return add(address)
    case 1:
      return add(`10.${segment}.0.1/24`)
    case 2:
      return add(`10.${segment + 1}.0.77/24`)
    case 3:
      return []
    case 4:
      return [...add(`${address}/24`), `ip link set ${name} down`]
    case 5:
      return [...add(`${address}/24`), ...add(`10.${segment}.0.200/24`), ...add(`172.16.${segment}.1/30`)]
    case 6:
      return add(`${address}/24`, ` brd + label ${name}:x`)
    default:
      return add(`${address}/24`)
  }
}

function switchLine(rng: Rng, dev: string): string {
  const all = [
    `net.ipv4.conf.${dev}.rp_filter=${nextBelow(rng, 3)}`,
    'net.ipv4.conf.all.rp_filter=1',
    `net.ipv4.conf.${dev}.arp_ignore=${nextBelow(rng, 3)}`,
    `net.ipv4.conf.${dev}.arp_announce=${nextBelow(rng, 3)}`,
    `net.ipv4.conf.${dev}.proxy_arp=1`,
    `net.ipv4.conf.${dev}.send_redirects=0`,
    `net.ipv4.conf.${dev}.accept_redirects=0`,
    'net.ipv4.conf.all.log_martians=1',
    'net.ipv4.icmp_echo_ignore_all=1',
    'net.ipv4.ip_default_ttl=3',
  ]
  return `sysctl -w ${pick(rng, all)}`
}

function routeLines(draft: Draft, machine: Machine): string[] {
  const { rng } = draft
  const own = new Set(machine.nics.map((nic) => nic.segment))
  const segments = 1 + Math.max(...draft.machines.flatMap((m) => m.nics.map((nic) => nic.segment)))
  const lines: string[] = []
  const gateways: string[] = []
  for (let to = 0; to < segments; to++) {
    const via = own.has(to) ? '' : nextHop(draft, machine, to)
    if (via === '') continue
    gateways.push(via)
    if (machine.kind !== 'host') lines.push(routeLine(rng, `10.${to}.0.0/24`, via, machine))
  }
  if (machine.kind === 'host' && gateways.length > 0) {
    lines.push(routeLine(rng, 'default', pick(rng, gateways), machine))
  }
  // Two routers that point at each other are a loop that the TTL ends.
  if (machine.kind === 'router' && gateways.length > 0 && chance(rng, 4)) {
    lines.push(`ip route add default via ${pick(rng, gateways)}`)
  }
  if (chance(rng, 12))
    lines.push(
      `ip rule add from 10.0.0.0/8 pref ${100 + nextBelow(rng, 50)} lookup ${pick(rng, ['main', '7'])}`,
    )
  return lines
}

function routeLine(rng: Rng, dst: string, via: string, machine: Machine): string {
  const dev = pick(rng, machine.nics).name
  switch (nextBelow(rng, 20)) {
    case 0:
      return `ip route add ${pick(rng, ['blackhole', 'unreachable', 'prohibit'])} ${dst}`
    case 1:
      return `ip route add ${dst} via 10.77.0.1 dev ${dev} onlink`
    case 2:
      return `ip route add ${dst} dev ${dev}`
    case 3:
      return `ip route add ${dst} via ${via} metric 100`
    case 4:
      return `ip route add ${dst} via ${via} mtu 600`
    default:
      return `ip route add ${dst} via ${via}`
  }
}

/** Address of the router next to `machine` on a shortest way to a segment, '' where there is none. */
function nextHop({ machines }: Draft, machine: Machine, to: number): string {
  const distance = new Map([[to, 0]])
  const open = [to]
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    for (const router of machines) {
      if (router.kind !== 'router' || !router.nics.some((nic) => nic.segment === at)) continue
      for (const { segment } of router.nics) {
        if (distance.has(segment)) continue
        distance.set(segment, (distance.get(at) ?? 0) + 1)
        open.push(segment)
      }
    }
  }
  let best = ''
  let least = Number.POSITIVE_INFINITY
  for (const router of machines) {
    if (router === machine || router.kind !== 'router') continue
    const here = router.nics.find((nic) => machine.nics.some((mine) => mine.segment === nic.segment))
    const far = Math.min(...router.nics.map((nic) => distance.get(nic.segment) ?? Number.POSITIVE_INFINITY))
    if (here === undefined || far >= least) continue
    best = here.address
    least = far
  }
  return best
}

/** Namespaces inside a machine: behind a bridge, each by a veth of its own, or with a vlan on it. */
function addRooms(draft: Draft, machine: Machine): void {
  const { rng } = draft
  const { exec, rooms } = machine
  const net = `192.168.${draft.machines.indexOf(machine)}`
  const bridge = chance(rng, 2)
  const names = ['red', 'blue', 'green'].slice(0, 1 + nextBelow(rng, 3))
  if (bridge) {
    exec.push('ip link add br0 type bridge', 'ip link set br0 up', `ip addr add ${net}.254/24 dev br0`)
    if (chance(rng, 3)) exec.push('ip link set br0 type bridge stp_state 1')
    rooms[0].devices.push('br0')
  }
  names.forEach((name, i) => {
    exec.push(`ip netns add ${name}`, `ip link add v${name} type veth peer name e0 netns ${name}`)
    exec.push(`ip link set v${name} up`, `ip -n ${name} link set e0 up`)
    if (!chance(rng, 4)) exec.push(`ip -n ${name} link set lo up`)
    exec.push(`ip -n ${name} addr add ${net}.${i + 1}/24 dev e0`)
    if (bridge) exec.push(`ip link set v${name} master br0`)
    else if (i === 0) exec.push(`ip addr add ${net}.254/24 dev v${name}`)
    exec.push(`ip -n ${name} route add default via ${net}.${chance(rng, 10) ? 77 : 254}`)
    const room = { name: `${machine.name}.${name}`, devices: ['lo', 'e0'] }
    if (chance(rng, 3)) {
      exec.push(`ip -n ${name} link add link e0 name e0.7 type vlan id 7`, `ip -n ${name} link set e0.7 up`)
      exec.push(`ip -n ${name} addr add 172.17.${i}.2/24 dev e0.7`)
      exec.push(`ip link add link v${name} name v${name}.7 type vlan id 7`, `ip link set v${name}.7 up`)
      exec.push(`ip addr add 172.17.${i}.1/24 dev v${name}.7`)
      room.devices.push('e0.7')
      draft.addresses.push(`172.17.${i}.2`)
    }
    rooms.push(room)
    rooms[0].devices.push(`v${name}`)
    draft.addresses.push(`${net}.${i + 1}`)
  })
  draft.addresses.push(`${net}.254`)
}

function textOf({ rng, machines, cables }: Draft, seed: number): string {
  const lines = [`name: random-${seed}`, 'topology:', '  nodes:']
  for (const { name, kind, exec } of machines) {
    lines.push(`    ${name}:`, `      kind: ${kind === 'switch' ? 'bridge' : 'linux'}`)
    if (exec.length > 0) lines.push('      exec:', ...exec.map((line) => `        - ${line}`))
  }
  lines.push('  links:')
  for (const [a, i, b, k] of cables) {
    const end = (machine: number, nic: number) =>
      `"${machines[machine].name}:${machines[machine].nics[nic].name}"`
    lines.push(`    - endpoints: [${end(a, i)}, ${end(b, k)}]`)
    if (chance(rng, 8)) lines.push(`      mtu: ${pick(rng, [1280, 1400, 600, 9000])}`)
    if (chance(rng, 4)) lines.push('      labels:', `        ${wireLabel(rng)}`)
  }
  const ipv6 = chance(rng, 4) ? '\n  ipv6: true' : ''
  lines.push(
    '---',
    'apiVersion: kubehop.dev/v1',
    'kind: Lesson',
    `spec:\n  seed: ${1 + (seed % 1000)}${ipv6}`,
  )
  return `${lines.join('\n')}\n`
}

function wireLabel(rng: Rng): string {
  const label = pick(rng, ['latency: 3ms', 'latency: 200us', 'loss: 20%', 'rate: 1mbit', 'rate: 10mbit'])
  return `kubehop.dev/${label}`
}
