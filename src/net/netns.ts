/**
 * Network namespaces: made with `lo` at index 1 (down), removed with every virtual device in them.
 * Models net/core/net_namespace.c and drivers/net/loopback.c (Linux 6.18). Not here: namespace ids, procfs.
 */
import { assert } from '../base/assert.ts'
import { createRng, nextUint32 } from '../base/rng.ts'
import { addTarget, removeTarget, touch } from '../sim/dispatch.ts'
import { CONF, CONF_IPV6_OFF } from './conf.ts'
import { createLink, insertLink, linksOf } from './link/device.ts'
import { linkRemove } from './link/lifecycle.ts'
import type { Netns, World } from './types.ts'
import { findNetns, netnsOf, registryOf, touchRegistry } from './world.ts'

export const LOOPBACK_IFINDEX = 1
export const LOOPBACK_MTU = 65536
/** Random streams beyond every target's own. */
const IP_ID_STREAMS = 0x10000000

/**
 * A new namespace called `name` (`MACHINE` or `MACHINE.NETNS`), in the registry. `machine` is the id of the
 * machine it belongs to, 0 for none. Asserts that the name is free.
 */
export function createNetns(world: World, name: string, machine: number): Netns {
  const registry = touchRegistry(world)
  assert(!registry.netns.has(name), `the namespace name ${name} is free`)
  const ns = emptyNetns(world, name, machine)
  const id = addTarget(world, ns)
  ns.rng = createRng(world.seed, id)
  // Hosts count from different numbers, so that a capture tells their packets apart.
  ns.nextIpId = 1 + (nextUint32(createRng(world.seed, id + IP_ID_STREAMS)) % 0xffff)
  const lo = createLink(ns, LOOPBACK_IFINDEX, 'lo', 'loopback', 0)
  lo.mtu = LOOPBACK_MTU
  lo.carrier = true
  lo.conf = (world.scalars.ipv6Off === 1 ? CONF_IPV6_OFF : CONF).lo
  insertLink(ns, lo)
  ns.nextIfindex = LOOPBACK_IFINDEX + 1
  registry.netns.set(name, id)
  if (!name.includes('.')) registry.machines.set(name, id)
  return ns
}

/**
 * Takes a namespace away: its virtual devices vanish, and with a veth its other end wherever that is; a
 * machine's cables fall out of their other ends. Sockets and processes are the caller's business, and go
 * first.
 */
export function removeNetns(world: World, id: number): void {
  const ns = netnsOf(world, id)
  touch(world, id)
  const links = linksOf(ns)
  for (let i = links.length - 1; i >= 0; i--) {
    const link = links[i]
    if (link !== undefined && ns.links[link.ifindex] === link) linkRemove(world, ns, link)
  }
  const registry = touchRegistry(world)
  registry.netns.delete(ns.name)
  if (registry.machines.get(ns.name) === id) registry.machines.delete(ns.name)
  removeTarget(world, id)
  if (id < world.routes.length) world.routes[id] = undefined
}

/** All namespaces, by name in the order of creation. */
export function netnsList(world: World): Netns[] {
  const list: Netns[] = []
  for (const id of registryOf(world).netns.values()) {
    const ns = findNetns(world, id)
    if (ns !== undefined) list.push(ns)
  }
  return list
}

function emptyNetns(world: World, name: string, machine: number): Netns {
  // The kernel's boot parameter ipv6.disable_ipv6=1, one for all machines of a lab.
  const { confAll, confDefault } = world.scalars.ipv6Off === 1 ? CONF_IPV6_OFF : CONF
  // What every hop reads comes first: it is fetched from memory together.
  return {
    id: 0,
    epoch: 0,
    links: [undefined],
    taps: null,
    nf: null,
    snmp: null,
    exceptions: null,
    rules4: null,
    fibGeneration: 0,
    confAll,
    sockets: null,
    type: 'netns',
    name,
    machine,
    rng: createRng(world.seed, 0),
    nextIfindex: 1,
    fib4: null,
    fib6: null,
    rules6: null,
    neigh: null,
    frags: null,
    sysctl: null,
    confDefault,
    icmpTokens: null,
    nextIpId: 1,
    nextSock: 1,
    log: null,
    oldLog: null,
    nsids: null,
    procs: null,
  }
}
