/** The world of a run and its registry of names. */
import { assert } from '../base/assert.ts'
import { addTarget, touch } from '../sim/dispatch.ts'
import { createSimWorld } from '../sim/world.ts'
import { createRecorder } from './trace.ts'
import type { Netns, Registry, World } from './types.ts'

export const REGISTRY = 1

/** An empty world. `records` is the trace ring's size (a power of two). */
export function createWorld(seed: number, records = 65536): World {
  const world: World = Object.assign(createSimWorld(seed), { recorder: createRecorder(records), routes: [] })
  Object.assign(world.scalars, { nRecords: 0, nextPacket: 1, nextMac: 1, nextPid: 1, nDropped: 0 })
  const registry: Registry = { id: 0, epoch: 0, type: 'registry', machines: new Map(), netns: new Map() }
  const id = addTarget(world, registry)
  assert(id === REGISTRY, 'the registry is the first target')
  return world
}

/** The registry, for reading. */
export function registryOf(world: World): Registry {
  return world.targets[REGISTRY] as Registry
}

/** The registry, for writing: its pre-image is saved first. */
export function touchRegistry(world: World): Registry {
  touch(world, REGISTRY)
  return registryOf(world)
}

/** The namespace with this id; asserts that it is one. */
export function netnsOf(world: World, id: number): Netns {
  const target = world.targets[id] as Netns | undefined
  assert(target !== undefined && target.type === 'netns', `target ${id} is a network namespace`)
  return target
}

/** The namespace with this id, or undefined where it is gone. */
export function findNetns(world: World, id: number): Netns | undefined {
  const target = world.targets[id] as Netns | undefined
  return target !== undefined && target.type === 'netns' ? target : undefined
}

/** The namespace called `MACHINE` or `MACHINE.NETNS`. */
export function netnsNamed(world: World, name: string): Netns | undefined {
  const id = registryOf(world).netns.get(name)
  return id === undefined ? undefined : findNetns(world, id)
}
