/** Machines and their named network namespaces (`ip netns`). Models ip-netns(8). Not here: /proc/PID/ns. */
import { assert } from '../base/assert.ts'
import { createNetns, removeNetns } from '../net/netns.ts'
import type { NlResult } from '../net/nlresult.ts'
import type { World } from '../net/types.ts'
import { findNetns, touchRegistry } from '../net/world.ts'
import { addTarget, removeTarget, touch } from '../sim/dispatch.ts'
import { closeProcSockets } from './sockets.ts'
import type { Machine, MachineRole, Tty } from './types.ts'

/** A machine with its root namespace, `lo` in it down. Asserts that the name is free. Answers its id. */
export function machineAdd(world: World, name: string, role: MachineRole): number {
  const machine: Machine = {
    id: 0,
    epoch: 0,
    type: 'machine',
    name,
    role,
    hostname: name,
    rootNs: 0,
    netns: new Map(),
    orphans: [],
    files: new Map(),
    pids: new Map(),
    nextPid: 1,
    pipes: new Map(),
    nextPipe: 1,
  }
  const id = addTarget(world, machine)
  machine.rootNs = createNetns(world, name, id).id
  return id
}

/** Takes a machine away with its processes, terminals and namespaces. */
export function machineRemove(world: World, id: number): void {
  const machine = touchedMachine(world, id)
  for (const target of world.targets) {
    const tty = target as Tty | undefined
    if (tty?.type === 'tty' && tty.machine === id) removeTarget(world, tty.id)
  }
  for (const ns of [...machine.netns.values(), ...machine.orphans, machine.rootNs]) dropNetns(world, ns)
  removeTarget(world, id)
}

/** `ip netns add NAME`. */
export function machineNetnsAdd(world: World, id: number, name: string): NlResult {
  const machine = touchedMachine(world, id)
  if (!isNetnsName(name)) {
    return { errno: 'EINVAL', message: `Invalid netns name "${name}"` }
  }
  if (machine.netns.has(name)) {
    const message = `Cannot create namespace file "/run/netns/${name}": File exists`
    return { errno: 'EEXIST', message }
  }
  machine.netns.set(name, createNetns(world, `${machine.name}.${name}`, id).id)
  return null
}

/** `ip netns del NAME`. While processes live in it the namespace goes on without a name. */
export function machineNetnsDel(world: World, id: number, name: string): NlResult {
  const machine = touchedMachine(world, id)
  if (!isNetnsName(name)) {
    return { errno: 'EINVAL', message: `Invalid netns name "${name}"` }
  }
  const nsId = machine.netns.get(name)
  if (nsId === undefined) {
    const message = `Cannot remove namespace file "/run/netns/${name}": No such file or directory`
    return { errno: 'ENOENT', message }
  }
  machine.netns.delete(name)
  touch(world, nsId)
  const ns = findNetns(world, nsId)
  if (ns === undefined) return null
  if (ns.procs === null) {
    dropNetns(world, nsId)
    return null
  }
  const registry = touchRegistry(world)
  registry.netns.delete(ns.name)
  ns.name = `${machine.name}.#${nsId}`
  registry.netns.set(ns.name, nsId)
  machine.orphans.push(nsId)
  return null
}

/** After a process' end: a namespace without a name goes with its last process. The machine is touched already. */
export function machineNetnsReleased(world: World, machine: Machine, nsId: number): void {
  if (!machine.orphans.includes(nsId) || findNetns(world, nsId)?.procs !== null) return
  machine.orphans = machine.orphans.filter((id) => id !== nsId)
  dropNetns(world, nsId)
}

/** The machine that a namespace belongs to. */
export function machineOf(world: World, nsId: number): Machine | undefined {
  const ns = findNetns(world, nsId)
  return ns === undefined ? undefined : findMachine(world, ns.machine)
}

/** The machine with this id. */
export function findMachine(world: World, id: number): Machine | undefined {
  const machine = world.targets[id] as Machine | undefined
  return machine !== undefined && machine.type === 'machine' ? machine : undefined
}

/** The machine with this name. */
export function machineNamed(world: World, name: string): Machine | undefined {
  for (const machine of machineList(world)) if (machine.name === name) return machine
  return undefined
}

/** All machines in the order of creation. */
export function machineList(world: World): Machine[] {
  const list: Machine[] = []
  for (const target of world.targets) {
    const machine = target as Machine | undefined
    if (machine?.type === 'machine') list.push(machine)
  }
  return list
}

/** `NAME` for a named namespace, '' for the root. */
export function netnsNameOf(machine: Machine, nsId: number): string {
  for (const [name, id] of machine.netns) if (id === nsId) return name
  return ''
}

function isNetnsName(name: string): boolean {
  return name !== '' && name.length < 255 && !name.includes('/') && name !== '.' && name !== '..'
}

function dropNetns(world: World, nsId: number): void {
  const ns = findNetns(world, nsId)
  if (ns === undefined) return
  touch(world, nsId)
  for (const pid of ns.procs?.keys() ?? []) closeProcSockets(world, ns, pid)
  ns.procs = null
  removeNetns(world, nsId)
}

function touchedMachine(world: World, id: number): Machine {
  touch(world, id)
  const machine = findMachine(world, id)
  assert(machine !== undefined, `target ${id} is a machine`)
  return machine
}
