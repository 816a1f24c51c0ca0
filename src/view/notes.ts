/** What a room's own configuration says about why things may fail here: causes that no packet can show. */
import { formatIp } from '../base/addr.ts'
import { linksOf } from '../net/link/device.ts'
import type { IfAddr, Link, Netns } from '../net/types.ts'
import type { Sentence } from './types.ts'

/** Notes about a namespace, or about one of its devices; [] where there is nothing to say. */
export function notesOf(ns: Netns, only: Link | undefined): Sentence[] {
  const links = only === undefined ? linksOf(ns) : [only]
  return links.flatMap((link) => linkNotes(ns, link))
}

function linkNotes(ns: Netns, link: Link): Sentence[] {
  if (link.kind === 'loopback') {
    return link.up ? [] : [{ key: 'note.loDown', args: { dev: link.name } }]
  }
  const own = link.addrs.filter((addr) => typeof addr.addr === 'number')
  const notes: Sentence[] = []
  const first = own[0]
  if (first !== undefined && !link.up) {
    notes.push({ key: 'note.linkDown', args: { dev: link.name, addr: formatIp(first.addr) } })
  }
  if (first !== undefined && link.master !== 0) {
    const bridge = ns.links[link.master]?.name ?? ''
    notes.push({ key: 'note.portAddress', args: { dev: link.name, addr: formatIp(first.addr), bridge } })
  }
  for (const addr of own) {
    if (isAlone(addr) && !own.some((other) => other !== addr && covers(other, addr))) {
      notes.push({ key: 'note.hostPrefix', args: { dev: link.name, addr: formatIp(addr.addr) } })
    }
  }
  return notes
}

/** An address without a network: `/32` and no peer, which is what `ip addr add` makes of a missing prefix length. */
function isAlone(addr: IfAddr): boolean {
  return addr.len === 32 && addr.peer === addr.addr
}

function covers(net: IfAddr, addr: IfAddr): boolean {
  if (net.len === 32 || typeof net.addr !== 'number' || typeof addr.addr !== 'number') return false
  return (net.addr ^ addr.addr) >>> (32 - net.len) === 0
}
