/** Machines and their named network namespaces (`ip netns`). Models ip-netns(8). Not here: /proc/PID/ns. */
import { assert } from '../base/assert.ts'
import { entryDrop, entrySet, NO_ENTRIES } from '../base/entries.ts'
import { createNetns, removeNetns } from '../net/netns.ts'
import type { NlResult } from '../net/nlresult.ts'
import type { Netns, World } from '../net/types.ts'
import { findNetns, netnsNamed, touchRegistry } from '../net/world.ts'
import { addTarget, removeTarget, touch } from '../sim/dispatch.ts'
import { closeProcSockets } from './sockets.ts'
import type { Machine, MachineRole, Tty } from './types.ts'

/** Where `ip netns` keeps its names. */
const NETNS_DIR = '/run/netns'

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
    netns: NO_ENTRIES,
    orphans: [],
    files: new Map(),
    pids: new Map(),
    nextPid: 1,
    pipes: NO_ENTRIES,
    nextPipe: 1,
    containers: new Map(),
    sandboxes: new Map(),
    watchers: [],
    engine: undefined,
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
  const boxes = [...machine.sandboxes.values()].filter((box) => !box.borrowed).map((box) => box.ns)
  for (const ns of [...machine.netns.values(), ...boxes, ...machine.orphans, machine.rootNs]) {
    dropNetns(world, ns)
  }
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
  const full = `${machine.name}.${name}`
  const taken = netnsNamed(world, full)
  if (taken !== undefined) {
    // A container has the name, which is no name to the kernel: it gives way.
    touch(world, taken.id)
    renameNetns(world, taken, `${full}-${taken.id}`)
  }
  machine.netns = entrySet(machine.netns, name, createNetns(world, full, id).id)
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
  machine.netns = entryDrop(machine.netns, name)
  forsakeNetns(world, machine, nsId)
  return null
}

/** A namespace loses its name, and goes unless processes still live in it. The machine is touched already. */
export function forsakeNetns(world: World, machine: Machine, nsId: number): void {
  touch(world, nsId)
  const ns = findNetns(world, nsId)
  if (ns === undefined) return
  if (ns.procs === null) {
    dropNetns(world, nsId)
    return
  }
  renameNetns(world, ns, `${machine.name}.#${nsId}`)
  machine.orphans.push(nsId)
}

/** The namespace touched already gets another name in the registry. */
export function renameNetns(world: World, ns: Netns, name: string): void {
  const registry = touchRegistry(world)
  registry.netns.delete(ns.name)
  ns.name = name
  registry.netns.set(name, ns.id)
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
  for (const [name, id] of netnsEntries(machine)) if (id === nsId) return name
  return ''
}

/** The namespace that `ip netns` knows by this name. */
export function netnsByName(machine: Machine, name: string): number | undefined {
  return machine.netns.get(name) ?? netnsEntries(machine).find(([one]) => one === name)?.[1]
}

/**
 * Names that `ip netns` finds in /run/netns: those that it made, and what symbolic links lead to, be it docker's
 * folder in the place of /run/netns or single files (`/proc/PID/ns/net`, `/var/run/docker/netns/KEY`) in it.
 */
export function netnsEntries(machine: Machine): [string, number][] {
  const entries: [string, number][] = [...machine.netns]
  const folder = machine.files.get(NETNS_DIR)
  if (folder?.kind === 'link') {
    const bound = isDockerDir(folder.text)
    for (const box of machine.sandboxes.values()) {
      if (bound && box.key !== '') entries.push([box.key.slice(box.key.lastIndexOf('/') + 1), box.ns])
    }
    return entries
  }
  // A container engine may bind its namespaces in the same folder (containerd: cni-UUID).
  for (const { key, ns } of machine.sandboxes.values()) {
    const plain = key.replace(/^\/var\/run\//, '/run/')
    if (plain.startsWith(`${NETNS_DIR}/`)) entries.push([plain.slice(NETNS_DIR.length + 1), ns])
  }
  for (const [path, node] of machine.files) {
    if (node?.kind !== 'link' || !path.startsWith(`${NETNS_DIR}/`)) continue
    const ns = boundNetns(machine, node.text)
    if (ns !== undefined) entries.push([path.slice(NETNS_DIR.length + 1), ns])
  }
  return entries
}

/** The namespace behind a file that is bound to one. */
export function boundNetns(machine: Machine, path: string): number | undefined {
  const pid = /^\/proc\/([0-9]{1,9})\/ns\/net$/.exec(path)?.[1]
  if (pid !== undefined) return machine.pids.get(Number(pid))
  const at = path.lastIndexOf('/')
  const inside = isDockerDir(path.slice(0, at))
  for (const box of machine.sandboxes.values()) {
    if (inside && box.key.endsWith(path.slice(at))) return box.ns
  }
  return undefined
}

function isDockerDir(path: string): boolean {
  return /^(\/var)?\/run\/docker\/netns\/?$/.test(path)
}

function isNetnsName(name: string): boolean {
  return name !== '' && name.length < 255 && !name.includes('/') && name !== '.' && name !== '..'
}

function dropNetns(world: World, nsId: number): void {
  const ns = findNetns(world, nsId)
  if (ns === undefined) return
  touch(world, nsId)
  for (const { pid } of ns.procs ?? []) closeProcSockets(world, ns, pid)
  ns.procs = null
  removeNetns(world, nsId)
}

function touchedMachine(world: World, id: number): Machine {
  touch(world, id)
  const machine = findMachine(world, id)
  assert(machine !== undefined, `target ${id} is a machine`)
  return machine
}
