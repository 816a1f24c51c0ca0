/**
 * Docker's networks: bridges, addresses, and the cable from a bridge to a container. Models the bridge driver and the
 * default address manager of moby 28. Not here: the second and third gratuitous
 * ARP after a connect, the embedded DNS server, IPv6.
 */
import { formatIp, maskIp, maskOf4, parsePrefix, broadcast4 } from '../../../base/addr.ts'
import { nextUint32 } from '../../../base/rng.ts'
import { linkByName } from '../../../net/link/device.ts'
import { linkAdd, linkDel, linkSet } from '../../../net/link/netlink.ts'
import { arpAnnounce } from '../../../net/ip/arp.ts'
import { addrAdd, addrDel } from '../../../net/ip/devinet.ts'
import { routeAdd } from '../../../net/ip/fib.ts'
import { sysctlSet } from '../../../net/sysctl.ts'
import { netnsOf } from '../../../net/world.ts'
import { machineRng, randomHex } from '../../../run/container.ts'
import type { Machine, ProcCtx, Sandbox } from '../../../run/types.ts'
import { touch } from '../../../sim/dispatch.ts'
import { endpointRules, networkRules } from './rules.ts'
import type { DockerState, Endpoint, Network } from './state.ts'
import { hostNs, refuse } from './state.ts'

/** Networks that every docker has. `bip` is docker0's address with its prefix length. */
export function standardNetworks(ctx: ProcCtx, bip: string): Network[] {
  const prefix = parsePrefix(bip)
  const addr = typeof prefix?.addr === 'number' ? prefix.addr : 0
  const len = prefix?.len ?? 16
  const make = (name: string, driver: Network['driver']): Network => ({
    id: randomHex(machineRng(ctx.world, ctx.machine), 64),
    name,
    driver,
    createdAt: ctx.world.now,
    dev: '',
    subnet: 0,
    len: 0,
    gateway: 0,
  })
  const bridge = {
    ...make('bridge', 'bridge'),
    dev: 'docker0',
    subnet: Number(maskIp(addr, len)),
    len,
    gateway: addr,
  }
  return [bridge, make('host', 'host'), make('none', 'null')]
}

/** The bridge device of a network, up, with the gateway's address, and the network's rules. */
export function raiseNetwork(ctx: ProcCtx, state: DockerState, network: Network): void {
  if (network.driver !== 'bridge') return
  const { world } = ctx
  const ns = hostNs(ctx)
  if (linkByName(ns, network.dev) === undefined) {
    linkAdd(world, ns, { kind: 'bridge', name: network.dev, mac: randomMac(ctx) })
  }
  const link = linkByName(ns, network.dev)!
  // An address of an earlier configuration goes.
  for (const one of [...link.addrs]) {
    const stale = typeof one.addr === 'number' && (one.addr !== network.gateway || one.len !== network.len)
    if (stale) addrDel(world, ns, link, one)
  }
  if (!link.addrs.some((one) => one.addr === network.gateway)) {
    const brd = broadcast4(network.gateway, network.len)
    addrAdd(world, ns, link, { addr: network.gateway, len: network.len, brd })
  }
  if (!state.userlandProxy) sysctlSet(world, ns, `net.ipv4.conf.${network.dev}.route_localnet`, '1')
  linkSet(world, ns, link, { up: true })
  networkRules(ctx, state, network, true)
}

/** The bridge device and the rules of a network go. */
export function dropNetwork(ctx: ProcCtx, state: DockerState, network: Network): void {
  const ns = hostNs(ctx)
  networkRules(ctx, state, network, false)
  const link = linkByName(ns, network.dev)
  if (link !== undefined) linkDel(ctx.world, ns, link)
}

/** A veth pair from the bridge into a sandbox, as its next eth device, with the lowest free address. */
export function connect(
  ctx: ProcCtx,
  state: DockerState,
  network: Network,
  sandbox: Sandbox,
  order: number,
): Endpoint {
  const { world, machine } = ctx
  const ns = hostNs(ctx)
  const bridge = linkByName(ns, network.dev)
  if (bridge === undefined || bridge.bridge === null) {
    refuse(`failed to set up container networking: could not find bridge ${network.dev}: Link not found`, 125)
  }
  const addr = freeAddress(state, network)
  const rng = machineRng(world, machine)
  const name = () => {
    for (;;) {
      const one = `veth${randomHex(rng, 7)}`
      if (linkByName(ns, one) === undefined) return one
    }
  }
  const hostIf = name()
  const inner = name()
  const mac = randomMac(ctx)
  linkAdd(world, ns, { kind: 'veth', name: hostIf, mac: randomMac(ctx), peer: { name: inner, mac } })
  const outer = linkByName(ns, hostIf)!
  const end = linkByName(ns, inner)!
  linkSet(world, ns, outer, { master: bridge.ifindex })
  if (!state.userlandProxy) linkSet(world, ns, outer, { slave: { hairpin: true } })
  linkSet(world, ns, outer, { up: true })
  const dev = `eth${order}`
  linkSet(world, ns, end, { netns: sandbox.ns, name: dev })
  touch(world, sandbox.ns)
  const box = netnsOf(world, sandbox.ns)
  addrAdd(world, box, end, { addr, len: network.len, brd: broadcast4(addr, network.len) })
  linkSet(world, box, end, { up: true })
  // The first of the three announcements that docker sends, a second apart.
  arpAnnounce(world, box, end, addr)
  if (order === 0) {
    routeAdd(world, box, {
      family: 4,
      dst: 0,
      len: 0,
      nexthops: [{ oif: end.ifindex, via: network.gateway }],
    })
  }
  const endpoint: Endpoint = { id: randomHex(rng, 64), network: network.name, addr, mac, hostIf, dev }
  endpointRules(ctx, network, endpoint, true)
  return endpoint
}

/** Takes a container's cable and its rules away. */
export function disconnect(ctx: ProcCtx, state: DockerState, endpoint: Endpoint): void {
  const network = state.networks.find((one) => one.name === endpoint.network)
  const ns = hostNs(ctx)
  if (network !== undefined) endpointRules(ctx, network, endpoint, false)
  const link = linkByName(ns, endpoint.hostIf)
  if (link !== undefined) linkDel(ctx.world, ns, link)
}

/** A subnet for a network of the user's own: 172.18.0.0/16 and up, the first that no interface or network has. */
export function freeSubnet(ctx: ProcCtx, state: DockerState): { subnet: number; len: number } {
  const ns = hostNs(ctx)
  for (let n = 18; n < 32; n++) {
    const subnet = (172 << 24) | (n << 16) | 0
    const taken = (addr: number) => Number(maskIp(addr, 16)) === subnet
    const used = ns.links.some((link) =>
      link?.addrs.some((one) => typeof one.addr === 'number' && taken(one.addr)),
    )
    if (!used && !state.networks.some((one) => one.driver === 'bridge' && taken(one.subnet)))
      return { subnet, len: 16 }
  }
  refuse('all predefined address pools have been fully subnetted')
}

/** Every address that a container has now. */
export function endpointsOf(state: DockerState, network: string): Endpoint[] {
  return [...state.boxes.values()].flatMap((box) => box.endpoints.filter((one) => one.network === network))
}

function freeAddress(state: DockerState, network: Network): number {
  const taken = new Set(endpointsOf(state, network.name).map((one) => one.addr))
  const size = ~maskOf4(network.len) >>> 0
  for (let i = 1; i < size; i++) {
    const addr = (network.subnet + i) | 0
    if (addr !== network.gateway && !taken.has(addr)) return addr
  }
  const why = `no available IPv4 addresses on this network's address pools: ${network.name} (${network.id})`
  refuse(`failed to set up container networking: ${why}`, 125)
}

/** Six random bytes, of one station and locally given, as docker 28 draws them. */
function randomMac(ctx: { world: ProcCtx['world']; machine: Machine }): number {
  const rng = machineRng(ctx.world, ctx.machine)
  const first = (nextUint32(rng) & 0xfc) | 2
  return first * 2 ** 40 + (nextUint32(rng) & 0xff) * 2 ** 32 + nextUint32(rng)
}

/** `172.17.0.0/24`. */
export function subnetText(network: Network): string {
  return `${formatIp(network.subnet)}/${network.len}`
}
