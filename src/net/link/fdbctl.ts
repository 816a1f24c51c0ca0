/**
 * Forwarding entries by hand: what `bridge fdb` asks. Models br_fdb_add, br_fdb_delete and
 * br_fdb_delete_bulk of net/bridge/br_fdb.c (Linux 6.18). Not here: vlan ids, `self` entries of devices
 * that are no bridge.
 */
import type { Mac } from '../../base/addr.ts'
import { assert } from '../../base/assert.ts'
import { touch } from '../../sim/dispatch.ts'
import type { NlResult } from '../nlresult.ts'
import { nlErrno, nlError } from '../nlresult.ts'
import type { FdbEntry, Link, Netns, World } from '../types.ts'
import { fdbDeleteByPort, fdbDeleteLocal, fdbInsert } from './fdb.ts'
import { PORT_FORWARDING, PORT_LEARNING } from './stp.ts'

/** `permanent` (the default of `bridge fdb add`) is an own address, `static` does not age, `dynamic` ages. */
export interface FdbSpec {
  mac: Mac
  state: 'permanent' | 'static' | 'dynamic'
  /** `master`: the entry is in the database of the bridge that the device is a port of. Else `self`. */
  master: boolean
}

/** Adds an entry that is not there yet (EEXIST). */
export function fdbAdd(world: World, ns: Netns, link: Link, spec: FdbSpec): NlResult {
  return change(world, ns, link, spec, false)
}

/** Adds an entry, or changes the one that is there. */
export function fdbReplace(world: World, ns: Netns, link: Link, spec: FdbSpec): NlResult {
  return change(world, ns, link, spec, true)
}

/** Deletes an entry. */
export function fdbDel(world: World, ns: Netns, link: Link, mac: Mac, master: boolean): NlResult {
  const target = targetOf(world, ns, link, master)
  if ('errno' in target) return target
  const entry = target.brLink.bridge?.fdb.get(mac)
  if (entry === undefined || entry.port !== target.port) return nlErrno('ENOENT')
  if (entry.local) fdbDeleteLocal(ns, target.brLink, entry)
  else target.brLink.bridge?.fdb.delete(mac)
  return null
}

/**
 * `bridge fdb flush dev DEV`: for a bridge all entries, for a port (`master`) its own; own addresses go too
 * unless told otherwise.
 */
export function fdbFlush(world: World, ns: Netns, link: Link, dynamicOnly: boolean): NlResult {
  assert(ns.links[link.ifindex] === link, 'the device is in this namespace')
  touch(world, ns.id)
  const brLink = link.bridge === null ? ns.links[link.master] : link
  if (brLink?.bridge == null) return nlErrno('EOPNOTSUPP')
  if (link.bridge === null) {
    fdbDeleteByPort(ns, brLink, link.ifindex, !dynamicOnly)
    return null
  }
  const { fdb } = link.bridge
  for (const entry of fdb.values()) if (!dynamicOnly || !entry.static) fdb.delete(entry.mac)
  return null
}

function change(world: World, ns: Netns, link: Link, spec: FdbSpec, replace: boolean): NlResult {
  if (spec.mac === 0) return nlErrno('EINVAL')
  const target = targetOf(world, ns, link, spec.master)
  if ('errno' in target) return target
  const { brLink, port } = target
  const br = brLink.bridge
  assert(br !== null, 'a target has a bridge')
  if (spec.state === 'dynamic' && port !== brLink.ifindex) {
    const state = link.port?.state
    if (state !== PORT_LEARNING && state !== PORT_FORWARDING) return nlErrno('EPERM')
  }
  const old: FdbEntry | undefined = br.fdb.get(spec.mac)
  if (old !== undefined && !replace) return nlErrno('EEXIST')
  const local = spec.state === 'permanent' || port === brLink.ifindex
  if (old === undefined) fdbInsert(world, br, spec.mac, port, local, spec.state !== 'dynamic')
  else {
    old.port = port
    old.local = local
    old.static = spec.state !== 'dynamic'
    old.updatedAt = world.now
    old.usedAt = world.now
  }
  return null
}

function targetOf(
  world: World,
  ns: Netns,
  link: Link,
  master: boolean,
): { brLink: Link; port: number } | { errno: string; message: string } {
  assert(ns.links[link.ifindex] === link, 'the device is in this namespace')
  touch(world, ns.id)
  if (link.bridge !== null && !master) return { brLink: link, port: link.ifindex }
  if (!master) return nlError('EOPNOTSUPP', 'Kubehop does not model self entries of a device')
  const brLink = link.port === null ? undefined : ns.links[link.port.bridge]
  return brLink === undefined ? nlErrno('EOPNOTSUPP') : { brLink, port: link.ifindex }
}
