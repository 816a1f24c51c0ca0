/** Addresses as `ip addr` prints them. Models print_addrinfo of ip/ipaddress.c (iproute2 6.1). */
import { formatIp } from '../../base/addr.ts'
import type { IfAddr, Link } from '../../net/types.ts'
import type { LinkView } from './link.ts'
import { putBriefHead, putLink, putStats } from './link.ts'
import type { Place } from './names.ts'
import { scopeName } from './names.ts'
import type { Writer } from './writer.ts'
import {
  both,
  closeArray,
  closeObject,
  COLOR,
  newline,
  openArray,
  openObject,
  put,
  tinted,
} from './writer.ts'

const FOREVER = 4294967295

/** Which addresses are shown; what is undefined selects all. */
export type AddrSelect = (addr: IfAddr) => boolean

/** One device with its addresses, to the end of the last line. `head`: false where the address filter hides it. */
export function putLinkAddrs(
  w: Writer,
  place: Place,
  link: Link,
  addrs: readonly IfAddr[],
  view: LinkView,
  head: boolean,
): void {
  if (head) {
    putLink(w, place, link, { ...view, mode: false, stats: 0 })
    put(w, '\n')
  }
  openArray(w, 'addr_info')
  for (const addr of addrs) putAddr(w, link, addr)
  closeArray(w)
  if (view.stats > 0) {
    putStats(w, link, view.stats)
    put(w, '\n')
  }
}

/** -br: name, state and all addresses on one line. */
export function putAddrsBrief(w: Writer, place: Place, link: Link, addrs: readonly IfAddr[]): void {
  putBriefHead(w, place, link)
  openArray(w, 'addr_info')
  for (const addr of addrs) {
    openObject(w)
    putLocal(w, addr)
    closeObject(w)
  }
  closeArray(w)
  put(w, '\n')
}

/** One address: the `inet` line and that of its lifetimes. With -o the device is named in front. */
export function putAddr(w: Writer, link: Link, addr: IfAddr): void {
  openObject(w)
  if (w.oneline) put(w, `${link.ifindex}: ${link.name}`)
  const family = typeof addr.addr === 'number' ? 'inet' : 'inet6'
  both(w, 'family', family, `    ${family} `)
  putLocal(w, addr)
  if (addr.brd !== undefined) {
    const brd = formatIp(addr.brd)
    put(w, 'brd ')
    tinted(w, family === 'inet' ? COLOR.inet : COLOR.inet6, 'broadcast', brd, `${brd} `)
  }
  const scope = scopeName(addr.scope)
  both(w, 'scope', scope, `scope ${scope} `)
  for (const flag of addrFlags(addr)) both(w, flag, true, `${flag} `)
  if (family === 'inet') both(w, 'label', addr.label, addr.label)
  newline(w)
  both(w, 'valid_life_time', FOREVER, '       valid_lft forever')
  both(w, 'preferred_life_time', FOREVER, ' preferred_lft forever')
  put(w, '\n')
  closeObject(w)
}

/** Names of an address' flags in the order in which they are printed. */
export function addrFlags(addr: IfAddr): string[] {
  const flags: string[] = []
  if (addr.secondary) flags.push(typeof addr.addr === 'number' ? 'secondary' : 'temporary')
  if (addr.nodad === true) flags.push('nodad')
  if (addr.dadFailed) flags.push('dadfailed')
  if (addr.tentative) flags.push('tentative')
  if (addr.noPrefixRoute) flags.push('noprefixroute')
  return flags
}

function putLocal(w: Writer, addr: IfAddr): void {
  const color = typeof addr.addr === 'number' ? COLOR.inet : COLOR.inet6
  const local = formatIp(addr.addr)
  tinted(w, color, 'local', local, local)
  if (addr.peer !== addr.addr) {
    put(w, ' peer ')
    const peer = formatIp(addr.peer)
    tinted(w, color, 'address', peer, peer)
  }
  both(w, 'prefixlen', addr.len, `/${addr.len} `)
  if (addr.metric !== 0) both(w, 'metric', addr.metric, `metric ${addr.metric} `)
}
