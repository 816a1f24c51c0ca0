/** Neighbours as `ip neigh` prints them. Models print_neigh of ip/ipneigh.c (iproute2 6.1). */
import { formatIp, formatMac } from '../../base/addr.ts'
import type { Neigh } from '../../net/types.ts'
import type { Place } from './names.ts'
import { protoName } from './names.ts'
import type { Writer } from './writer.ts'
import { both, closeObject, COLOR, field, openObject, put, strings, tinted } from './writer.ts'

/** One entry, to the end of its line. `dev`: the device is known and not printed. */
export function putNeigh(w: Writer, place: Place, neigh: Neigh, stats: number, dev: boolean): void {
  openObject(w)
  const ip = formatIp(neigh.ip)
  tinted(w, typeof neigh.ip === 'number' ? COLOR.inet : COLOR.inet6, 'dst', ip, `${ip} `)
  if (!dev) {
    const name = place.ns.links[neigh.ifindex]?.name ?? `if${neigh.ifindex}`
    put(w, 'dev ')
    tinted(w, COLOR.ifname, 'dev', name, `${name} `)
  }
  if (neigh.hasMac) {
    const mac = formatMac(neigh.mac)
    put(w, 'lladdr ')
    tinted(w, COLOR.mac, 'lladdr', mac, `${mac} `)
  }
  if (neigh.router) both(w, 'router', null, 'router ')
  if (stats > 0) putUse(w, place, neigh)
  strings(w, 'state', [neigh.state])
  put(w, `${neigh.state} `)
  if (neigh.proto !== 0) both(w, 'protocol', protoName(neigh.proto), `proto ${protoName(neigh.proto)} `)
  put(w, '\n')
  closeObject(w)
}

/** An entry as one line without its end. */
export function neighLine(place: Place, neigh: Neigh): string {
  const w: Writer = {
    json: false,
    pretty: false,
    oneline: true,
    color: false,
    text: '',
    depth: 0,
    sep: false,
  }
  putNeigh(w, place, neigh, 0, false)
  return w.text.trimEnd()
}

/** Reference count (of entries whose timer runs) and seconds since use, confirmation and change. */
function putUse(w: Writer, place: Place, neigh: Neigh): void {
  const { state } = neigh
  const timed = state === 'REACHABLE' || state === 'DELAY' || state === 'PROBE' || state === 'INCOMPLETE'
  if (timed) both(w, 'refcnt', 1, ' ref 1')
  const used = seconds(place, neigh.usedAt)
  const confirmed = seconds(place, neigh.confirmedAt)
  const updated = seconds(place, neigh.updatedAt)
  field(w, 'used', used)
  field(w, 'confirmed', confirmed)
  field(w, 'updated', updated)
  put(w, ` used ${used}/${confirmed}/${updated}`)
  both(w, 'probes', neigh.probes, `probes ${neigh.probes} `)
}

function seconds(place: Place, at: number): number {
  return Math.max(0, Math.floor((place.world.now - at) / 1e9))
}
