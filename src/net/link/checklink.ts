/**
 * For tests of this folder: a world that runs devices alone, frames of an unused type, and a path as one
 * line of text.
 */
import { assert } from '../../base/assert.ts'
import { runUntil, touch } from '../../sim/dispatch.ts'
import type { Rules } from '../../sim/world.ts'
import { Ev } from '../events.ts'
import { createNetns } from '../netns.ts'
import { createPacket } from '../packet.ts'
import { StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, World } from '../types.ts'
import { createWorld, netnsNamed } from '../world.ts'
import { linkByName } from './device.ts'
import type { LinkChange } from './netlink.ts'
import { linkAdd, linkSet } from './netlink.ts'
import { linkRx } from './rx.ts'
import { bridgeTimer } from './stptimer.ts'
import { devQueueXmit } from './xmit.ts'

/**
 * IEEE 802: local experimental ethertype 1. Nothing above takes it, so a host drops it after receiving it.
 */
export const ETH_P_TEST = 0x88b5
export const BROADCAST = 0xffffffffffff

export const linkRules: Rules<World> = { handlers: handlers(), applyInput: () => undefined }

/** A world with these namespaces, recording everything. IPv6 is off: devices then send nothing of themselves. */
export function worldWith(...names: string[]): World {
  const world = createWorld(7)
  world.scalars.ipv6Off = 1
  world.recorder.detail = []
  for (const name of names) createNetns(world, name, 0)
  return world
}

export function nsOf(world: World, name: string): Netns {
  const ns = netnsNamed(world, name)
  assert(ns !== undefined, `there is a namespace ${name}`)
  return ns
}

/** The device `NETNS/NAME`. */
export function dev(world: World, path: string): Link {
  const slash = path.indexOf('/')
  const link = linkByName(nsOf(world, path.slice(0, slash)), path.slice(slash + 1))
  assert(link !== undefined, `there is a device ${path}`)
  return link
}

/** `ip -n NETNS link set NAME …` that must work. */
export function set(world: World, path: string, change: LinkChange): void {
  const result = linkSet(world, nsOf(world, path.slice(0, path.indexOf('/'))), dev(world, path), change)
  assert(result === null, `${path}: ${result?.message}`)
}

/** Names of veth ends `a/eth0`; both up. */
export function veth(world: World, a: string, b: string): void {
  const [ns, name] = a.split('/') as [string, string]
  const [peerNs, peerName] = b.split('/') as [string, string]
  const peer = { name: peerName, ns: nsOf(world, peerNs).id }
  const result = linkAdd(world, nsOf(world, ns), { kind: 'veth', name, peer })
  assert(result === null, `veth ${a}: ${result?.message}`)
  set(world, a, { up: true })
  set(world, b, { up: true })
}

/**
 * A switch `sw` with a bridge br0 and a port p1, p2 … to eth0 of each host, enslaved in this order; all up.
 */
export function switchWorld(...hosts: string[]): World {
  const world = worldWith('sw', ...hosts)
  linkAdd(world, nsOf(world, 'sw'), { kind: 'bridge', name: 'br0' })
  set(world, 'sw/br0', { up: true })
  let n = 1
  for (const host of hosts) {
    const port = `sw/p${n++}`
    veth(world, `${host}/eth0`, port)
    set(world, port, { master: dev(world, 'sw/br0').ifindex })
  }
  return world
}

/**
 * Sends one frame of the test type and runs until nothing is pending or `untilAt`; returns its path as
 * text.
 */
export function frame(world: World, from: string, dmac: number, length = 46, untilAt?: number): string {
  const first = world.recorder.detail?.length ?? 0
  const trace = send(world, from, dmac, length)
  run(world, untilAt)
  return pathOf(world, trace, first)
}

/** Sends a broadcast of the test type and runs nothing. */
export function broadcast(world: World, from: string): void {
  send(world, from, BROADCAST, 46)
}

/**
 * Devices in the order of events: `a/eth0>` sent, `b/eth0<` received, `!REASON` lost before a host had it.
 */
export function pathOf(world: World, trace: number, first = 0): string {
  const words: string[] = []
  for (const step of world.recorder.detail?.slice(first) ?? []) {
    if (step.trace !== trace) continue
    if (step.kind === StepKind.Tx) words.push(`${step.nsName}/${step.dev}>`)
    else if (step.kind === StepKind.Rx) words.push(`${step.nsName}/${step.dev}<`)
    else if (step.kind === StepKind.Bridge && step.action === StepAction.Flood) words.push('flood')
    else if (step.kind === StepKind.Drop && step.reason !== 'UNHANDLED_PROTO') words.push(`!${step.reason}`)
  }
  return words.join(' ')
}

export function run(world: World, untilAt = Number.POSITIVE_INFINITY): void {
  runUntil(world, linkRules, { maxEvents: 1_000_000, untilAt })
  assert(world.frozen === undefined, `the world runs: ${world.frozen?.message}`)
  if (untilAt !== Number.POSITIVE_INFINITY && world.now < untilAt) world.now = untilAt
}

function send(world: World, from: string, dmac: number, length: number): number {
  const ns = nsOf(world, from.slice(0, from.indexOf('/')))
  const link = dev(world, from)
  touch(world, ns.id)
  const packet = createPacket(world, ETH_P_TEST, 0)
  packet.smac = link.mac
  packet.dmac = dmac
  packet.length = length
  devQueueXmit(world, ns, link, packet)
  return packet.trace
}

function handlers(): Rules<World>['handlers'] {
  const list: Rules<World>['handlers'][number][] = []
  list[Ev.LinkRx] = linkRx
  list[Ev.BridgeTimer] = bridgeTimer
  return list
}
