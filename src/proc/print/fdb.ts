/** Forwarding entries and bridge ports as `bridge` prints them. Models bridge/fdb.c and bridge/link.c (iproute2 6.1). */
import { formatMac } from '../../base/addr.ts'
import { iflinkOf, linkMulticast, linksOf } from '../../net/link/device.ts'
import { fdbDump } from '../../net/link/fdb.ts'
import type { FdbEntry, Link, Netns, World } from '../../net/types.ts'
import { linkFlags, linkLabel } from './link.ts'
import { portStateName } from './linkdetail.ts'
import { linkNsid } from './names.ts'
import type { Place } from './names.ts'
import type { Writer } from './writer.ts'
import { both, closeObject, COLOR, field, newline, openObject, put, strings, tinted } from './writer.ts'

/** One row of the kernel's dump: an entry of a bridge, or an address that a device listens to. */
export interface FdbRow {
  mac: number
  dev: Link
  /** The bridge, null for `self` rows. */
  master: Link | null
  state: 'permanent' | 'static' | ''
  entry: FdbEntry | null
}

/**
 * All rows in the order of the kernel's dump: device by device, a port's rows of its bridge's database before its own
 * multicast addresses, a bridge's own after them. `bridge`: only what belongs to that one.
 */
export function fdbRows(world: World, ns: Netns, bridge?: Link): FdbRow[] {
  const rows: FdbRow[] = []
  for (const dev of linksOf(ns)) {
    if (bridge !== undefined && dev !== bridge && dev.master !== bridge.ifindex) continue
    const master = dev.port === null ? undefined : ns.links[dev.port.bridge]
    if (master !== undefined) {
      for (const entry of fdbDump(world, master, dev.ifindex)) rows.push(rowOf(dev, master, entry))
    }
    for (const mac of linkMulticast(dev)) {
      rows.push({ mac, dev, master: null, state: 'permanent', entry: null })
    }
    if (dev.bridge !== null) {
      for (const entry of fdbDump(world, dev, dev.ifindex)) rows.push(rowOf(dev, dev, entry))
    }
  }
  return rows
}

function rowOf(dev: Link, master: Link, entry: FdbEntry): FdbRow {
  const state = entry.local ? 'permanent' : entry.static ? 'static' : ''
  return { mac: entry.mac, dev, master, state, entry }
}

/** One row, to the end of its line. `dev`: the device is known and not printed. */
export function putFdb(w: Writer, place: Place, row: FdbRow, stats: number, dev: boolean): void {
  openObject(w)
  const mac = formatMac(row.mac)
  tinted(w, COLOR.mac, 'mac', mac, `${mac} `)
  if (!dev) {
    put(w, 'dev ')
    tinted(w, COLOR.ifname, 'ifname', row.dev.name, `${row.dev.name} `)
  }
  if (stats > 0 && row.entry !== null) {
    const used = Math.floor((place.world.now - row.entry.usedAt) / 1e9)
    const updated = Math.floor((place.world.now - row.entry.updatedAt) / 1e9)
    both(w, 'used', used, `used ${used}/`)
    both(w, 'updated', updated, `${updated} `)
  }
  strings(w, 'flags', row.master === null ? ['self'] : [])
  if (row.master === null) put(w, 'self ')
  else both(w, 'master', row.master.name, `master ${row.master.name} `)
  both(w, 'state', row.state, row.state)
  put(w, '\n')
  closeObject(w)
}

/** One row as text without its end. */
export function fdbLine(place: Place, row: FdbRow): string {
  const w: Writer = {
    json: false,
    pretty: false,
    oneline: true,
    color: false,
    text: '',
    depth: 0,
    sep: false,
  }
  putFdb(w, place, row, 0, false)
  return w.text.trimEnd()
}

/** One port of a bridge as `bridge link` prints it, to the end of its lines. */
export function putBridgePort(w: Writer, place: Place, link: Link, details: number): void {
  const { port } = link
  if (port === null) return
  openObject(w)
  both(w, 'ifindex', link.ifindex, `${link.ifindex}: `)
  const label = portLabel(place, link)
  const at = label.indexOf('@')
  if (at >= 0) field(w, 'link', label.slice(at + 1))
  tinted(w, COLOR.ifname, 'ifname', link.name, `${label}: `)
  const flags = linkFlags(place, link).filter((flag) => flag !== 'M-DOWN')
  strings(w, 'flags', flags)
  put(w, `<${flags.join(',')}> `)
  both(w, 'mtu', link.mtu, `mtu ${link.mtu} `)
  const master = place.ns.links[port.bridge]?.name ?? ''
  both(w, 'master', master, `master ${master} `)
  const state = portStateName(port.state)
  both(w, 'state', state, `state ${state} `)
  both(w, 'priority', port.priority, `priority ${port.priority} `)
  both(w, 'cost', port.cost, `cost ${port.cost} `)
  if (details > 0) putPortFlags(w, link)
  put(w, '\n')
  closeObject(w)
}

/** `bridge link` looks the other end's index up in this namespace, wherever that end is; none where it is the port's own. */
function portLabel(place: Place, link: Link): string {
  if (linkNsid(place.ns, link) < 0) return linkLabel(place, link)
  const iflink = iflinkOf(link)
  if (iflink === link.ifindex) return link.name
  return `${link.name}@${place.ns.links[iflink]?.name ?? `if${iflink}`}`
}

function putPortFlags(w: Writer, link: Link): void {
  const port = link.port!
  newline(w)
  put(w, '    ')
  const flag = (key: string, value: boolean) => both(w, key, value, `${key} ${value ? 'on' : 'off'} `)
  flag('hairpin', port.hairpin)
  flag('guard', false)
  flag('root_block', false)
  flag('fastleave', false)
  flag('learning', port.learning)
  flag('flood', port.flood)
  flag('mcast_flood', true)
  flag('bcast_flood', true)
  both(w, 'mcast_router', 1, 'mcast_router 1 ')
  flag('mcast_to_unicast', false)
  flag('neigh_suppress', false)
  flag('vlan_tunnel', false)
  flag('isolated', port.isolated)
  flag('locked', false)
}
