/** Devices as `ip link` prints them. Models print_linkinfo of ip/ipaddress.c (iproute2 6.1). */
import { BROADCAST_MAC, formatMac } from '../../base/addr.ts'
import { iflinkOf, operState } from '../../net/link/device.ts'
import type { Link } from '../../net/types.ts'
import { putLinkDetails } from './linkdetail.ts'
import type { Place } from './names.ts'
import { linkNsid, nsNameOf } from './names.ts'
import type { Writer } from './writer.ts'
import {
  both,
  closeArray,
  closeObject,
  COLOR,
  field,
  newline,
  openArray,
  openObject,
  paint,
  put,
  strings,
  tinted,
} from './writer.ts'

export interface LinkView {
  /** `ip link` (true) also prints the link mode; `ip addr` does not. */
  mode: boolean
  /** -d and -s, how often. */
  details: number
  stats: number
  /** The line with the hardware address: not for `ip -4 addr`. */
  address: boolean
}

/** One device up to the end of its last line, which is left open. */
export function putLink(w: Writer, place: Place, link: Link, view: LinkView): void {
  const { ns } = place
  both(w, 'ifindex', link.ifindex, `${link.ifindex}: `)
  const label = putName(w, place, link)
  tinted(w, COLOR.ifname, 'ifname', link.name, `${label}: `)
  putFlags(w, place, link)
  both(w, 'mtu', link.mtu, `mtu ${link.mtu} `)
  const qdisc = link.qdisc?.conf.kind ?? (link.attached ? 'noqueue' : 'noop')
  both(w, 'qdisc', qdisc, `qdisc ${qdisc} `)
  const master = ns.links[link.master]
  if (link.master !== 0 && master !== undefined) both(w, 'master', master.name, `master ${master.name} `)
  const state = shownState(link)
  put(w, 'state ')
  tinted(w, stateColor(state), 'operstate', state, `${state} `)
  if (view.mode) both(w, 'linkmode', 'DEFAULT', 'mode DEFAULT ')
  both(w, 'group', 'default', 'group default ')
  if (link.qlen !== 0) both(w, 'txqlen', link.qlen, `qlen ${link.qlen}`)
  if (view.address || view.details > 0) putAddress(w, link)
  putPeerNs(w, place, link)
  if (view.details > 0) putLinkDetails(w, place, link, view.mode)
  if (view.mode && view.stats > 0) {
    newline(w)
    putStats(w, link, view.stats)
  }
}

/** One device in the one-line form of -br: name, state, address and flags. */
export function putLinkBrief(w: Writer, place: Place, link: Link): void {
  putBriefHead(w, place, link)
  const mac = formatMac(link.mac)
  tinted(w, COLOR.mac, 'address', mac, `${mac} `)
  putFlags(w, place, link)
  put(w, '\n')
}

/** What -br begins with, for addresses too. */
export function putBriefHead(w: Writer, place: Place, link: Link): void {
  const label = putName(w, place, link)
  tinted(w, COLOR.ifname, 'ifname', link.name, `${label.padEnd(16)} `)
  const state = shownState(link)
  tinted(w, stateColor(state), 'operstate', state, `${state.padEnd(14)} `)
}

/** `NAME@LINK` as in front of the colon; the link's other end goes to the JSON. */
export function linkLabel(place: Place, link: Link): string {
  const other = otherEnd(place, link)
  return other === undefined ? link.name : `${link.name}@${other.name}`
}

/** Names of the flags in the angle brackets, in the order in which they are printed. */
export function linkFlags(place: Place, link: Link): string[] {
  const state = shownState(link)
  const running = link.up && (state === 'UP' || state === 'UNKNOWN')
  const flags: string[] = []
  if (link.up && !running) flags.push('NO-CARRIER')
  if (link.kind === 'loopback') flags.push('LOOPBACK')
  else flags.push('BROADCAST')
  // drivers/net/dummy.c takes the multicast flag away: after `arp on` it has neither.
  if (link.kind !== 'loopback' && link.kind !== 'dummy') flags.push('MULTICAST')
  if (link.noarp) flags.push('NOARP')
  if (link.promiscFlag) flags.push('PROMISC')
  if (link.up) flags.push('UP')
  if (link.up && link.carrier) flags.push('LOWER_UP')
  const other = otherEnd(place, link)
  if (other?.local === true && !other.up) flags.push('M-DOWN')
  return flags
}

/** RFC 2863 state in capitals: `lo` and dummy devices say UNKNOWN. */
export function shownState(link: Link): string {
  if (link.up && (link.kind === 'loopback' || link.kind === 'dummy')) return 'UNKNOWN'
  return operState(link)
}

function putName(w: Writer, place: Place, link: Link): string {
  const other = otherEnd(place, link)
  if (other === undefined) return link.name
  if (other.local) field(w, 'link', other.name)
  else field(w, 'link_index', iflinkOf(link))
  return `${link.name}@${other.name}`
}

function otherEnd(place: Place, link: Link): { name: string; local: boolean; up: boolean } | undefined {
  const iflink = iflinkOf(link)
  if (linkNsid(place.ns, link) >= 0) return { name: `if${iflink}`, local: false, up: false }
  if (iflink === link.ifindex) return undefined
  const other = place.ns.links[iflink]
  if (other === undefined) return { name: `if${iflink}`, local: true, up: true }
  return { name: other.name, local: true, up: other.up }
}

function putFlags(w: Writer, place: Place, link: Link): void {
  const flags = linkFlags(place, link)
  strings(w, 'flags', flags)
  put(w, `<${flags.join(',')}> `)
}

function stateColor(state: string): string {
  return state === 'UP' ? COLOR.up : state === 'DOWN' ? COLOR.down : COLOR.none
}

function putAddress(w: Writer, link: Link): void {
  newline(w)
  const type = link.kind === 'loopback' ? 'loopback' : 'ether'
  both(w, 'link_type', type, `    link/${type} `)
  const mac = formatMac(link.mac)
  const broadcast = formatMac(link.kind === 'loopback' ? 0 : BROADCAST_MAC)
  tinted(w, COLOR.mac, 'address', mac, mac)
  field(w, 'broadcast', broadcast)
  put(w, ` brd ${paint(w, COLOR.mac, broadcast)}`)
}

function putPeerNs(w: Writer, place: Place, link: Link): void {
  const id = linkNsid(place.ns, link)
  if (id < 0 || link.peer === null) return
  const name = nsNameOf(place.machine, link.peer.ns)
  both(w, 'link_netnsid', id, name === '' ? ` link-netnsid ${id}` : ` link-netns ${name}`)
}

/** Counters (-s; twice for errors), from the beginning of a line. */
export function putStats(w: Writer, link: Link, level: number): void {
  const s = link.stats
  const rx = [s.rxBytes, s.rxPackets, 0, s.rxDropped, 0, s.rxMulticast]
  const tx = [s.txBytes, s.txPackets, 0, s.txDropped, 0, 0]
  if (w.json) {
    openObject(w, 'stats64')
    openObject(w, 'rx')
    statsJson(w, ['bytes', 'packets', 'errors', 'dropped', 'over_errors', 'multicast'], rx)
    if (level > 1) {
      statsJson(w, ['length_errors', 'crc_errors', 'frame_errors', 'fifo_errors', 'missed_errors'], [])
    }
    closeObject(w)
    openObject(w, 'tx')
    statsJson(w, ['bytes', 'packets', 'errors', 'dropped', 'carrier_errors', 'collisions'], tx)
    if (level > 1) {
      const names = ['aborted_errors', 'fifo_errors', 'window_errors', 'heartbeat_errors', 'carrier_changes']
      statsJson(w, names, [])
    }
    closeObject(w)
    closeObject(w)
    return
  }
  const widths = [10, 7, 6, 7, 7, 7]
  for (const row of [rx, tx]) {
    for (const [i, value] of row.entries()) widths[i] = Math.max(widths[i]!, String(value).length)
  }
  statsRows(w, widths, 'RX: ', ['bytes', 'packets', 'errors', 'dropped', 'missed', 'mcast'], rx)
  if (level > 1) {
    newline(w)
    errorRows(w, widths, 'RX errors:', ['length', 'crc', 'frame', 'fifo', 'overrun'])
  }
  newline(w)
  statsRows(w, widths, 'TX: ', ['bytes', 'packets', 'errors', 'dropped', 'carrier', 'collsns'], tx)
  if (level > 1) {
    newline(w)
    errorRows(w, widths, 'TX errors:', ['aborted', 'fifo', 'window', 'heartbt', 'transns'])
  }
}

function statsJson(w: Writer, names: readonly string[], values: readonly number[]): void {
  for (const [i, name] of names.entries()) field(w, name, values[i] ?? 0)
}

function statsRows(w: Writer, widths: number[], title: string, names: string[], values: number[]): void {
  const head = names.map((name, i) => name.padStart(i === 0 ? widths[0]! - 4 : widths[i]!))
  put(w, `    ${title}${head.join(' ')} ${' '.repeat(10)}`)
  newline(w)
  put(w, `    ${values.map((value, i) => `${String(value).padStart(widths[i]!)} `).join('')}`)
}

/** Error counters that nothing here counts: zeros. */
function errorRows(w: Writer, widths: number[], title: string, names: string[]): void {
  const head = names.map((name, i) => name.padStart(widths[i + 1]!))
  put(w, `    ${title}${' '.repeat(widths[0]! - 10)} ${head.join(' ')}`)
  newline(w)
  put(w, ' '.repeat(widths[0]! + 5))
  put(w, names.map((_, i) => `${'0'.padStart(widths[i + 1]!)} `).join(''))
}

/** A list of devices as JSON's outer array wants them: `each` writes the fields of one. */
export function putRecords<T>(w: Writer, records: readonly T[], each: (record: T) => void): void {
  openArray(w)
  for (const record of records) {
    openObject(w)
    each(record)
    closeObject(w)
  }
  closeArray(w)
}
