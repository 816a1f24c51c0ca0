/**
 * The inspector's tables of a machine, a room or a port, as the learner sees them in a terminal: each has the text of
 * its command, made by that command's own printers, and rows to mark and to click.
 */
import { formatIp, formatMac } from '../base/addr.ts'
import { routesOf, rulesOf } from '../net/ip/fib.ts'
import { neighsOf } from '../net/ip/neigh.ts'
import { linkByName, linksOf } from '../net/link/device.ts'
import type { Link, Neigh, Netns, Route, World } from '../net/types.ts'
import { netnsNamed } from '../net/world.ts'
import { putLinkAddrs } from '../proc/print/addr.ts'
import { fdbRows, putBridgePort, putFdb } from '../proc/print/fdb.ts'
import type { FdbRow } from '../proc/print/fdb.ts'
import { linkFlags, linkLabel, putLink, putLinkBrief, shownState } from '../proc/print/link.ts'
import { portStateName } from '../proc/print/linkdetail.ts'
import type { Place } from '../proc/print/names.ts'
import { protoName, scopeName } from '../proc/print/names.ts'
import { putNeigh } from '../proc/print/neigh.ts'
import { PLAIN_ROUTE, putRoute, routeDst } from '../proc/print/route.ts'
import { putRule, ruleLine } from '../proc/print/rule.ts'
import { ssState, ssTable } from '../proc/print/ss.ts'
import { createWriter, finishWriter, put } from '../proc/print/writer.ts'
import type { Writer } from '../proc/print/writer.ts'
import { placeOf } from './names.ts'
import { notesOf } from './notes.ts'
import { netfilterTables } from './nf-tables.ts'
import { fdbRef, neighRef, routeRef } from './refs.ts'
import type { Inspection, TableView } from './types.ts'

const RT_TABLE_MAIN = 254

/**
 * The tables of `subject` (a machine, room or port id) at this moment. A machine's are those of its root namespace.
 * `at`: the virtual time that is shown, between the last event and the next; connections count down by it.
 */
export function inspect(world: World, subject: string, at = world.now): Inspection {
  const slash = subject.indexOf('/')
  const room = slash < 0 ? subject : subject.slice(0, slash)
  const head = { subject, title: subject, at, event: world.nEvents }
  const ns = netnsNamed(world, room)
  if (ns === undefined) return { ...head, kind: 'gone', notes: [], tables: [] }
  const place = placeOf(world, ns)
  if (slash < 0) {
    const kind = room.includes('.') ? 'room' : 'machine'
    return { ...head, kind, notes: notesOf(ns, undefined), tables: roomTables(place, at) }
  }
  const link = linkByName(ns, subject.slice(slash + 1))
  if (link === undefined) return { ...head, kind: 'gone', notes: [], tables: [] }
  return { ...head, kind: 'port', notes: notesOf(ns, link), tables: portTables(place, link) }
}

function roomTables(place: Place, at: number): TableView[] {
  const { ns } = place
  const links = linksOf(ns)
  const tables = [
    linkTable(place, links, 'ip -br link'),
    addrTable(place, links, 'ip addr'),
    routeTable(place, 4, undefined, 'ip route'),
  ]
  if (hasRoutes6(ns)) tables.push(routeTable(place, 6, undefined, 'ip -6 route'))
  if (ns.rules4 !== null) tables.push(ruleTable(place))
  tables.push(neighTable(place, undefined, 'ip neigh'))
  if (links.some((link) => link.bridge !== null)) {
    tables.push(fdbTable(place, fdbRows(place.world, ns), 'bridge fdb show', false))
    tables.push(portTable(place, links, 'bridge link'))
  }
  tables.push(...netfilterTables(ns, at))
  tables.push(socketTable(ns), counterTable(place, links, 'ip -s link'))
  return tables
}

function portTables(place: Place, link: Link): TableView[] {
  const dev = `dev ${link.name}`
  const tables = [
    linkTable(place, [link], `ip -br link show ${dev}`),
    addrTable(place, [link], `ip addr show ${dev}`),
    routeTable(place, 4, link, `ip route show ${dev}`),
    neighTable(place, link, `ip neigh show ${dev}`),
  ]
  const rows = fdbRows(place.world, place.ns, link.bridge === null ? undefined : link)
  if (link.bridge !== null) {
    tables.push(fdbTable(place, rows, `bridge fdb show br ${link.name}`, false))
    const ports = linksOf(place.ns).filter((port) => port.master === link.ifindex)
    tables.push(portTable(place, ports, `bridge link show master ${link.name}`))
  } else if (link.port !== null) {
    const own = rows.filter((row) => row.dev === link)
    tables.push(fdbTable(place, own, `bridge fdb show ${dev}`, true))
    tables.push(portTable(place, [link], `bridge link show ${dev}`))
  }
  tables.push(counterTable(place, [link], `ip -s link show ${dev}`))
  return tables
}

function linkTable(place: Place, links: readonly Link[], command: string): TableView {
  const rows = links.map((link) => ({
    ref: linkRef(link),
    cells: [linkLabel(place, link), shownState(link), formatMac(link.mac), linkFlags(place, link).join(',')],
  }))
  const text = printed(links, (w, link) => putLinkBrief(w, place, link))
  return { id: 'link', command, columns: ['name', 'state', 'mac', 'flags'], rows, text }
}

function addrTable(place: Place, links: readonly Link[], command: string): TableView {
  const rows = links.flatMap((link) =>
    link.addrs.map((addr) => ({
      ref: `addr/${link.ifindex}/${formatIp(addr.addr)}/${addr.len}`,
      cells: [link.name, `${formatIp(addr.addr)}/${addr.len}`, scopeName(addr.scope)],
    })),
  )
  const view = { mode: false, details: 0, stats: 0, address: true }
  const text = printed(links, (w, link) => putLinkAddrs(w, place, link, link.addrs, view, true))
  return { id: 'addr', command, columns: ['dev', 'address', 'scope'], rows, text }
}

function routeTable(place: Place, family: 4 | 6, link: Link | undefined, command: string): TableView {
  const { ns } = place
  const all = routesOf(ns, family, RT_TABLE_MAIN)
  const uses = (route: Route) => link === undefined || route.nexthops.some((hop) => hop.oif === link.ifindex)
  const routes = all.filter(uses)
  const view = link === undefined ? PLAIN_ROUTE : { ...PLAIN_ROUTE, dev: true }
  return {
    id: family === 4 ? 'route' : 'route6',
    command,
    columns: ['destination', 'via', 'dev', 'proto', 'scope', 'src', 'metric'],
    rows: routes.map((route) => ({ ref: routeRef(route), cells: routeCells(ns, route) })),
    text: printed(routes, (w, route) => putRoute(w, place, route, view)),
  }
}

function routeCells(ns: Netns, route: Route): string[] {
  const hops = route.nexthops
  const type = route.type === 'unicast' ? '' : `${route.type} `
  return [
    type + routeDst(route),
    hops.map((hop) => (hop.via === undefined ? '' : formatIp(hop.via))).join(' '),
    hops.map((hop) => ns.links[hop.oif]?.name ?? '').join(' '),
    protoName(route.proto),
    scopeName(route.scope),
    route.prefsrc === undefined ? '' : formatIp(route.prefsrc),
    route.metric === 0 ? '' : String(route.metric),
  ]
}

function ruleTable(place: Place): TableView {
  const rules = rulesOf(place.ns, 4)
  return {
    id: 'rule',
    command: 'ip rule',
    columns: ['priority', 'rule'],
    rows: rules.map((rule) => {
      const [pref = '', ...rest] = ruleLine(place, rule).split('\t')
      return { ref: `rule/${rule.pref}`, cells: [pref.replace(':', ''), rest.join(' ')] }
    }),
    text: printed(rules, (w, rule) => putRule(w, place, rule, 0)),
  }
}

function neighTable(place: Place, link: Link | undefined, command: string): TableView {
  const { ns } = place
  const neighs = neighsOf(ns).filter(
    (neigh) => isShown(neigh) && (link === undefined || neigh.ifindex === link.ifindex),
  )
  return {
    id: 'neigh',
    command,
    columns: ['address', 'dev', 'lladdr', 'state'],
    rows: neighs.map((neigh) => ({
      ref: neighRef(neigh),
      cells: [
        formatIp(neigh.ip),
        ns.links[neigh.ifindex]?.name ?? '',
        neigh.hasMac ? formatMac(neigh.mac) : '',
        neigh.state,
      ],
    })),
    text: printed(neighs, (w, neigh) => putNeigh(w, place, neigh, 0, link !== undefined)),
  }
}

/** `ip neigh` leaves out what needs no resolution. */
function isShown(neigh: Neigh): boolean {
  return neigh.state !== 'NOARP'
}

/** `dev`: the command names the device, so its rows do not. */
function fdbTable(place: Place, entries: readonly FdbRow[], command: string, dev: boolean): TableView {
  return {
    id: 'fdb',
    command,
    columns: ['mac', 'dev', 'master', 'state'],
    rows: entries.map((row) => ({
      ref: row.entry === null ? `fdb/self/${row.dev.ifindex}/${formatMac(row.mac)}` : fdbRef(row.entry),
      cells: [formatMac(row.mac), row.dev.name, row.master?.name ?? 'self', row.state || 'dynamic'],
    })),
    text: printed(entries, (w, row) => putFdb(w, place, row, 0, dev)),
  }
}

function portTable(place: Place, links: readonly Link[], command: string): TableView {
  const ports = links.filter((link) => link.port !== null)
  return {
    id: 'stp',
    command,
    columns: ['port', 'bridge', 'state', 'priority', 'cost'],
    rows: ports.map((link) => ({ ref: linkRef(link), cells: portCells(place.ns, link) })),
    text: printed(ports, (w, link) => putBridgePort(w, place, link, 0)),
  }
}

function portCells(ns: Netns, { name, port }: Link): string[] {
  if (port === null) return [name, '', '', '', '']
  const bridge = ns.links[port.bridge]?.name ?? ''
  return [name, bridge, portStateName(port.state), String(port.priority), String(port.cost)]
}

/** UDP sockets that wait for anybody, by port. */
function socketTable(ns: Netns): TableView {
  const all = [...(ns.sockets?.values() ?? [])]
  const sockets = all.filter((sock) => sock.kind === 'udp' && sock.lport !== 0 && ssState(sock) === 'UNCONN')
  sockets.sort((a, b) => a.family - b.family || a.lport - b.lport || a.id - b.id)
  const view = { netid: false, state: true, header: true, numeric: true, timersAt: -1, process: () => '' }
  return {
    id: 'sockets',
    command: 'ss -uln',
    columns: ['state', 'recv-q', 'local address', 'port'],
    rows: sockets.map((sock) => ({
      ref: `sock/${sock.id}`,
      cells: [
        ssState(sock),
        String(sock.rxBytes),
        sock.local === undefined ? '*' : formatIp(sock.local),
        String(sock.lport),
      ],
    })),
    text: ssTable(ns, sockets, view),
  }
}

function counterTable(place: Place, links: readonly Link[], command: string): TableView {
  const view = { mode: true, details: 0, stats: 1, address: true }
  return {
    id: 'counters',
    command,
    columns: ['dev', 'rx bytes', 'rx packets', 'rx dropped', 'tx bytes', 'tx packets', 'tx dropped'],
    rows: links.map((link) => ({ ref: linkRef(link), cells: [link.name, ...counters(link)] })),
    text: printed(links, (w, link) => {
      putLink(w, place, link, view)
      put(w, '\n')
    }),
  }
}

function counters({ stats }: Link): string[] {
  const { rxBytes, rxPackets, rxDropped, txBytes, txPackets, txDropped } = stats
  return [rxBytes, rxPackets, rxDropped, txBytes, txPackets, txDropped].map(String)
}

function printed<T>(records: readonly T[], each: (w: Writer, record: T) => void): string {
  const w = createWriter({})
  for (const record of records) each(w, record)
  return finishWriter(w)
}

function linkRef(link: Link): string {
  return `link/${link.ifindex}`
}

function hasRoutes6(ns: Netns): boolean {
  return routesOf(ns, 6, RT_TABLE_MAIN).length > 0
}
