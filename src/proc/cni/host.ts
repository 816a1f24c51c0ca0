/** What plugins do on their machine: find a namespace by its path, make directories. */
import { assert } from '../../base/assert.ts'
import type { Netns, World } from '../../net/types.ts'
import { findNetns, netnsOf } from '../../net/world.ts'
import type { FileCtx } from '../../run/files.ts'
import { makeDir, statFile } from '../../run/files.ts'
import { findMachine } from '../../run/machine.ts'
import { touch } from '../../sim/dispatch.ts'
import type { CniHost } from './types.ts'
import { cniFail } from './types.ts'

/** The machine as plugins see it; both it and its root namespace are touched. */
export function cniHost(world: World, machineId: number): CniHost {
  touch(world, machineId)
  const machine = findMachine(world, machineId)
  assert(machine !== undefined, `target ${machineId} is a machine`)
  touch(world, machine.rootNs)
  const ns = netnsOf(world, machine.rootNs)
  return { world, machine, ns, files: { world, ns, machine, proc: { cwd: '/' } } }
}

/**
 * The namespace bound at a path, touched: `ip netns`'s own, or one of a container engine's, which often calls its
 * sandbox by the `containerId` that it gives to plugins.
 */
export function findNetnsAt(
  { world, machine }: CniHost,
  { netns: path, containerId }: { netns: string; containerId: string },
): Netns | undefined {
  const plain = path.replace(/^\/var\/run\//, '/run/')
  const named = /^\/run\/netns\/([^/]+)$/.exec(plain)?.[1]
  let id = named === undefined ? undefined : machine.netns.get(named)
  if (id === undefined) {
    const bound = `/var${plain}`
    const likely = machine.sandboxes.get(containerId)
    if (likely !== undefined && (likely.key === plain || likely.key === bound)) id = likely.ns
    else for (const { key, ns } of machine.sandboxes.values()) if (key === plain || key === bound) id = ns
  }
  if (id === undefined || findNetns(world, id) === undefined) return undefined
  touch(world, id)
  return findNetns(world, id)
}

/** As `findNetnsAt`, failing as the plugins do. */
export function netnsAt(host: CniHost, args: { netns: string; containerId: string }): Netns {
  const { netns: path } = args
  const ns = findNetnsAt(host, args)
  if (ns === undefined) {
    return cniFail(`failed to open netns "${path}": failed to Statfs "${path}": no such file or directory`)
  }
  return ns
}

/** `mkdir -p`. */
export function makeDirs(files: FileCtx, path: string): void {
  let at = ''
  for (const part of path.split('/').filter((word) => word !== '')) {
    at += `/${part}`
    if (statFile(files, at) === undefined) makeDir(files, at)
  }
}
