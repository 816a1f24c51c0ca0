/** Machines, cards and cables of a lab as the world has them before any command ran. */
import { assert } from '../base/assert.ts'
import { cableConnect, cableDisconnect, wireSet } from '../net/link/cable.ts'
import { CABLE_LATENCY_NS, linkByName } from '../net/link/device.ts'
import { linkRemove } from '../net/link/lifecycle.ts'
import { linkAdd, linkSet, physAdd } from '../net/link/netlink.ts'
import type { Netns, World } from '../net/types.ts'
import { netnsOf } from '../net/world.ts'
import { findMachine, machineAdd } from '../run/machine.ts'
import { touch } from '../sim/dispatch.ts'
import { findCard, touchLabRecord } from './record.ts'
import type { Lab, LabEnd, LabLink, LabMachine } from './types.ts'

/** A machine with `lo` up; a switch with its bridge up. Its cables come later. */
export function addMachine(world: World, machine: LabMachine): void {
  const id = machineAdd(world, machine.name, machine.role)
  const root = rootOf(world, id)
  const lo = linkByName(root, 'lo')
  assert(lo !== undefined, 'a namespace has lo')
  linkSet(world, root, lo, { up: true })
  if (machine.kind !== 'bridge') return
  const bad = linkAdd(world, root, { kind: 'bridge', name: machine.name })
  assert(bad === null, 'a switch takes the name that the parser has judged')
  const bridge = linkByName(root, machine.name)
  assert(bridge !== undefined, 'the bridge is there')
  linkSet(world, root, bridge, { up: true })
}

/** Plugs a cable in. Cards that are missing are added; all cards are up, as containerlab leaves them. */
export function addCable(world: World, lab: Lab, link: LabLink): void {
  const a = cardOf(world, lab, link.a)
  const b = cardOf(world, lab, link.b)
  const first = { ns: a.ns.id, ifindex: a.link.ifindex }
  cableConnect(world, first, { ns: b.ns.id, ifindex: b.link.ifindex }, wireOf(link))
  for (const { ns, link: card } of [a, b]) linkSet(world, ns, card, { mtu: link.mtu })
}

/** Pulls a cable out; its cards go with it, as a veth's ends do in containerlab. */
export function removeCable(world: World, link: LabLink): void {
  const a = findCard(world, link.a)
  if (a !== undefined) cableDisconnect(world, { ns: a.ns.id, ifindex: a.link.ifindex })
  for (const end of [link.a, link.b]) {
    const card = findCard(world, end)
    if (card !== undefined) {
      touch(world, card.ns.id)
      linkRemove(world, card.ns, card.link)
    }
    touchLabRecord(world)?.cards.delete(`${end.machine}:${end.ifname}`)
  }
}

/** Changes what a cable does to frames, and its MTU. */
export function changeCable(world: World, link: LabLink): void {
  for (const end of [link.a, link.b]) {
    const card = findCard(world, end)
    if (card === undefined) continue
    wireSet(world, card.ns, card.link, wireOf(link))
    if (card.link.mtu !== link.mtu) linkSet(world, card.ns, card.link, { mtu: link.mtu })
  }
}

function wireOf(link: LabLink): { latencyNs: number; rateBps: number; lossPpm: number } {
  const latencyNs = link.latencyNs === 0 ? CABLE_LATENCY_NS : link.latencyNs
  return { latencyNs, rateBps: link.rateBps, lossPpm: link.lossPpm }
}

function cardOf(world: World, lab: Lab, end: LabEnd): { ns: Netns; link: ReturnType<typeof physAdd> } {
  const found = findCard(world, end)
  if (found !== undefined) return found
  const ns = rootNamed(world, end.machine)
  const taken = linkByName(ns, end.ifname)
  // A command made a device of that name: it gives way, as it would have been refused after the cable.
  if (taken !== undefined) linkRemove(world, ns, taken)
  const link = physAdd(world, ns, end.ifname)
  touchLabRecord(world)?.cards.set(`${end.machine}:${end.ifname}`, link.mac)
  const bridge = lab.machines.find((m) => m.name === end.machine)?.kind === 'bridge'
  const master = bridge ? linkByName(ns, end.machine) : undefined
  linkSet(world, ns, link, master === undefined ? { up: true } : { master: master.ifindex, up: true })
  return { ns, link }
}

function rootOf(world: World, machine: number): Netns {
  const found = findMachine(world, machine)
  assert(found !== undefined, 'the machine is there')
  return netnsOf(world, found.rootNs)
}

function rootNamed(world: World, name: string): Netns {
  const found = world.targets.find(
    (t) => (t as Netns | undefined)?.type === 'netns' && (t as Netns).name === name,
  )
  assert(found !== undefined, 'the machine has a root namespace')
  return found as Netns
}
