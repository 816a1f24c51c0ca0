/** Traced hops: real packets through the real engine, against the packed loop of the same run. */
import { parseIp4 } from '../../base/addr.ts'
import { runUntil, schedule } from '../../sim/dispatch.ts'
import { checkpoint } from '../../sim/timeline.ts'
import type { Handler, Rules } from '../../sim/world.ts'
import { Ev } from '../../net/events.ts'
import { addrAdd } from '../../net/ip/devinet.ts'
import { routeAdd } from '../../net/ip/fib.ts'
import { neighTimer } from '../../net/ip/neigh.ts'
import { neighAdd } from '../../net/ip/neighcmd.ts'
import { cableConnect } from '../../net/link/cable.ts'
import { linkSet, physAdd } from '../../net/link/netlink.ts'
import { linkRx } from '../../net/link/rx.ts'
import { createNetns } from '../../net/netns.ts'
import { createPacket } from '../../net/packet.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import type { Link, Netns, World } from '../../net/types.ts'
import { ETH_P_IP, IPPROTO_UDP } from '../../net/types.ts'
import { createWorld, netnsOf } from '../../net/world.ts'
import { packedHopsPerSecond } from './reference.ts'
import { median, type Row } from './report.ts'

const handlers: Handler<World>[] = []
handlers[Ev.LinkRx] = linkRx as Handler<World>
handlers[Ev.NeighTimer] = neighTimer as Handler<World>
const rules: Rules<World> = { handlers, applyInput: () => undefined }

/** Hops in one measurement, and packed hops: about as long, a tenth of a second and more. */
const MEASURED = 800_000
const PACKED = 4_000_000
const ROUNDS = 7

const address = (node: number, end: number): number => (parseIp4('172.16.0.0') as number) + node * 4 + end

interface Ring {
  world: World
  routers: Netns[]
  left: Link[]
  right: Link[]
}

/** Routers in a ring: each sends 10.0.0.0/8 on to the next, over a cable, with its neighbour known. */
function ringOf(n: number): Ring {
  const world = createWorld(1)
  const routers = Array.from({ length: n }, (_, i) => createNetns(world, `r${i}`, 0))
  const right = routers.map((ns) => physAdd(world, ns, 'right'))
  const left = routers.map((ns) => physAdd(world, ns, 'left'))
  routers.forEach((ns, i) => {
    const next = (i + 1) % n
    sysctlSet(world, ns, 'net.ipv6.conf.all.disable_ipv6', '1')
    sysctlSet(world, ns, 'net.ipv4.ip_forward', '1')
    cableConnect(
      world,
      { ns: ns.id, ifindex: right[i]!.ifindex },
      { ns: routers[next]!.id, ifindex: left[next]!.ifindex },
    )
  })
  routers.forEach((ns, i) => {
    const next = (i + 1) % n
    linkSet(world, ns, right[i]!, { up: true })
    linkSet(world, ns, left[i]!, { up: true })
    addrAdd(world, ns, right[i]!, { addr: address(i, 1), len: 30 })
    addrAdd(world, ns, left[i]!, { addr: address((i + n - 1) % n, 2), len: 30 })
    for (let k = 0; k < 32; k++) {
      const dst = (parseIp4('10.0.0.0') as number) + k * 65536
      const refused = routeAdd(world, ns, { family: 4, dst, len: 16, nexthops: [{ via: address(i, 2) }] })
      if (refused !== null) throw new Error(refused.message)
    }
    neighAdd(world, ns, right[i]!, { ip: address(i, 2), mac: left[next]!.mac, state: 'PERMANENT' })
  })
  return { world, routers, left, right }
}

/** Gives every router `each` packets that will be routed 254 times. */
function inject({ world, routers, left }: Ring, each: number): void {
  routers.forEach((ns, i) => {
    for (let k = 0; k < each; k++) {
      const packet = createPacket(world, ETH_P_IP, 0)
      Object.assign(packet, {
        dmac: left[i]!.mac,
        src: parseIp4('192.0.2.1'),
        dst: (parseIp4('10.0.0.0') as number) + (k % 32) * 65536 + k,
        proto: IPPROTO_UDP,
        sport: 1000,
        dport: 2000,
        ttl: 255,
        length: 84,
      })
      schedule(world, world.now + 1 + k * 37, Ev.LinkRx, ns.id, left[i]!.ifindex, packet)
    }
  })
}

/** Hops per second of the forwarding path, with a trace record a step; checkpoints as the page takes them or none. */
function forwardedPerSecond(routers: number, each: number, every: number): number {
  const ring = ringOf(routers)
  const { world } = ring
  inject(ring, each)
  runUntil(world, rules, { maxEvents: 50_000 })
  const start = process.hrtime.bigint()
  let hops = 0
  while (hops < MEASURED) {
    if (every > 0) checkpoint(world)
    const ran = runUntil(world, rules, { maxEvents: every > 0 ? every : MEASURED })
    hops += ran
    if (world.frozen !== undefined) throw new Error(world.frozen.message)
    if (ran === 0) break
    if (world.queue.size < routers) inject(ring, each)
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  if (netnsOf(world, ring.routers[0]!.id).snmp === null) throw new Error('bench: nothing was forwarded')
  return hops / seconds
}

export function benchHops(): Row[] {
  const rows: Row[] = []
  const cases = [
    { name: 'IPv4 forwarding, 64 routers, no checkpoints', routers: 64, each: 16, every: 0 },
    { name: 'the same with a checkpoint every 50,000 events', routers: 64, each: 16, every: 50_000 },
    { name: 'IPv4 forwarding, 2,000 routers', routers: 2_000, each: 2, every: 0 },
  ]
  for (const one of cases) {
    const engine: number[] = []
    const packed: number[] = []
    // Both warm: what the compiler needs is no part of either.
    packedHopsPerSecond(PACKED, 1_000)
    forwardedPerSecond(one.routers, one.each, one.every)
    for (let i = 0; i < ROUNDS; i++) {
      packed.push(packedHopsPerSecond(PACKED, 1_000))
      engine.push(forwardedPerSecond(one.routers, one.each, one.every))
    }
    rows.push({
      name: one.name,
      value: median(engine),
      unit: 'traced hops/s',
      reference: median(packed),
      against: 'packed records',
      aim: '0.33, at least 0.1',
    })
  }
  return rows
}
