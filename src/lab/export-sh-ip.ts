/** The part of the shell export that is IP: sysctls, addresses, routes, rules, neighbours; and static bridge entries. */
import { formatIp, formatMac, inPrefix, isLinkLocal, isMulticast, maskIp } from '../base/addr.ts'
import { RT_TABLE_LOCAL, RT_TABLE_MAIN, routesOf, rulesOf } from '../net/ip/fib.ts'
import { neighsOf } from '../net/ip/neigh.ts'
import { linksOf } from '../net/link/device.ts'
import { KERNEL_CONF } from '../net/conf.ts'
import type { IfAddr, InterfaceConf, Link, Netns, NextHop, PolicyRule, Route } from '../net/types.ts'
import { shellQuote } from './shell-words.ts'

const CONF4: [keyof InterfaceConf, string][] = [
  ['forwarding', 'forwarding'],
  ['rpFilter', 'rp_filter'],
  ['arpIgnore', 'arp_ignore'],
  ['arpAnnounce', 'arp_announce'],
  ['arpNotify', 'arp_notify'],
  ['arpAccept', 'arp_accept'],
  ['proxyArp', 'proxy_arp'],
  ['acceptRedirects', 'accept_redirects'],
  ['sendRedirects', 'send_redirects'],
  ['secureRedirects', 'secure_redirects'],
  ['sharedMedia', 'shared_media'],
  ['routeLocalnet', 'route_localnet'],
  ['logMartians', 'log_martians'],
  ['acceptLocal', 'accept_local'],
]

const CONF6: [keyof InterfaceConf, string][] = [
  ['forwarding6', 'forwarding'],
  ['acceptRa', 'accept_ra'],
  ['hopLimit6', 'hop_limit'],
]

/** Switches that differ from a new namespace's, before any device is made: devices take over `default`. */
export function sysctlLines(ns: Netns): string[] {
  const all = { ...KERNEL_CONF }
  const base = { ...KERNEL_CONF }
  const words: string[] = []
  if (ns.confAll.forwarding !== 0) {
    words.push('net/ipv4/ip_forward=1')
    Object.assign(all, { forwarding: 1, acceptRedirects: 0 })
    base.forwarding = 1
  }
  if (ns.confAll.forwarding6 !== 0) {
    words.push('net/ipv6/conf/all/forwarding=1')
    all.forwarding6 = base.forwarding6 = 1
  }
  for (const [name, conf] of [
    ['all', ns.confAll],
    ['default', ns.confDefault],
  ] as const) {
    if (conf.disableIpv6 !== 0) words.push(`net/ipv6/conf/${name}/disable_ipv6=${conf.disableIpv6}`)
    words.push(...confWords(name, conf, name === 'all' ? all : base))
  }
  const lines: string[] = []
  for (const [name, value] of ns.sysctl ?? []) {
    if (name === 'net.ipv4.ip_forward' || deviceOf(ns, name) !== undefined) continue
    const word = shellQuote(`${name.replaceAll('.', '/')}=${value}`)
    // A real namespace shares this one with the whole machine and may not write it.
    if (name === 'net.netfilter.nf_conntrack_max') lines.push(`# sysctl -w ${word}: only for a whole machine`)
    else words.push(word)
  }
  if (words.length > 0) lines.push(`${execIn(ns)} sysctl -qw ${words.join(' ')}`)
  return lines
}

/** Switches of one device that differ from what it took over; emitted once it is there. */
function linkSysctls(ns: Netns, link: Link): string[] {
  const base =
    link.kind === 'loopback' ? { ...KERNEL_CONF, forwarding: ns.confDefault.forwarding } : ns.confDefault
  const name = link.name
  const words = confWords(name, link.conf, base)
  if (link.conf.disableIpv6 !== Math.max(ns.confDefault.disableIpv6, ns.confAll.disableIpv6)) {
    words.push(shellQuote(`net/ipv6/conf/${name}/disable_ipv6=${link.conf.disableIpv6}`))
  }
  for (const [key, value] of ns.sysctl ?? []) {
    // The device's own name may hold dots.
    const path = key.replace(/^(net)\.(ipv[46])\.(neigh)\./, '$1/$2/$3/').replace(/\.([^.]*)$/, '/$1')
    if (deviceOf(ns, key) === link) words.push(shellQuote(`${path}=${value}`))
  }
  return words.length === 0 ? [] : [`${execIn(ns)} sysctl -qw ${words.join(' ')}`]
}

/** The device that a neighbour switch (`net.ipv4.neigh.DEVICE.NAME`) is about, which must be there first. */
function deviceOf(ns: Netns, name: string): Link | undefined {
  const device = /^net\.ipv[46]\.neigh\.(.*)\.[^.]+$/.exec(name)?.[1]
  return device === undefined ? undefined : linksOf(ns).find((link) => link.name === device)
}

function confWords(name: string, conf: InterfaceConf, base: InterfaceConf): string[] {
  const words: string[] = []
  for (const [field, key] of CONF4) {
    if (conf[field] !== base[field]) words.push(shellQuote(`net/ipv4/conf/${name}/${key}=${conf[field]}`))
  }
  if (conf.disableIpv6 !== 0) return words
  for (const [field, key] of CONF6) {
    if (conf[field] !== base[field]) words.push(shellQuote(`net/ipv6/conf/${name}/${key}=${conf[field]}`))
  }
  return words
}

export function addrLines(ns: Netns, link: Link): string[] {
  const lines = linkSysctls(ns, link)
  for (const a of link.addrs) {
    const own = link.kind === 'loopback' && (formatIp(a.addr) === '127.0.0.1' || formatIp(a.addr) === '::1')
    if (own || (typeof a.addr === 'string' && isLinkLocal(a.addr))) continue
    lines.push(`${ipIn(ns)} addr add ${addrText(link, a)} dev ${shellQuote(link.name)}`)
  }
  return lines
}

function addrText(link: Link, a: IfAddr): string {
  const peer = a.peer !== a.addr
  const local = formatIp(a.addr)
  let text = peer ? `${local} peer ${formatIp(a.peer)}/${a.len}` : `${local}/${a.len}`
  if (typeof a.addr === 'string') text += ' nodad'
  else {
    if (a.brd !== undefined) text += ` brd ${formatIp(a.brd)}`
    if (a.label !== '' && a.label !== link.name) text += ` label ${shellQuote(a.label)}`
  }
  if (a.scope !== 0) text += ` scope ${scopeName(a.scope)}`
  if (a.metric !== 0) text += ` metric ${a.metric}`
  return a.noPrefixRoute ? `${text} noprefixroute` : text
}

/**
 * Routes that somebody added, and the removal of connected ones that somebody removed. Gateways must be reachable when
 * their routes come: direct routes first, removals last.
 */
export function routeLines(ns: Netns): string[] {
  const lines: string[] = []
  for (const family of [4, 6] as const) {
    const mine = routesOf(ns, family).filter((r) => isAdded(r))
    const direct = mine.filter((r) => r.nexthops.every((hop) => hop.via === undefined))
    for (const route of [...direct, ...mine.filter((r) => !direct.includes(r))]) {
      lines.push(`${ipIn(ns, family)} route append ${routeText(ns, family, route)}`)
    }
  }
  for (const link of linksOf(ns)) if (link.up) lines.push(...removedRoutes(ns, link))
  return lines
}

function isAdded(route: Route): boolean {
  return route.proto !== 2 && route.proto !== 9 && route.table !== RT_TABLE_LOCAL && !isMulticast(route.dst)
}

function removedRoutes(ns: Netns, link: Link): string[] {
  const lines: string[] = []
  for (const a of link.addrs) {
    if (typeof a.addr !== 'number' || a.len === 32 || a.noPrefixRoute || link.kind === 'loopback') continue
    const net = maskIp(a.peer, a.len)
    const there = routesOf(ns, 4, RT_TABLE_MAIN).some(
      (r) =>
        r.proto === 2 &&
        r.dst === net &&
        r.len === a.len &&
        r.nexthops.some((hop) => hop.oif === link.ifindex),
    )
    const other = link.addrs.find(
      (b) => b !== a && !b.secondary && b.len === a.len && inPrefix(b.peer, net, a.len),
    )
    if (!there && !(a.secondary && other !== undefined)) {
      lines.push(`${ipIn(ns)} route del ${formatIp(net)}/${a.len} dev ${shellQuote(link.name)} proto kernel`)
    }
  }
  return lines
}

function routeText(ns: Netns, family: 4 | 6, route: Route): string {
  const single = route.nexthops.length === 1 ? route.nexthops[0] : undefined
  let text = route.type === 'unicast' ? '' : `${route.type} `
  text += route.len === 0 ? 'default' : `${formatIp(route.dst)}/${route.len}`
  if (route.tos !== 0) text += ` tos ${route.tos}`
  if (single !== undefined) text += hopText(ns, family, single)
  if (route.proto !== 3) text += ` proto ${route.proto}`
  if (family === 4 && single !== undefined && route.type === 'unicast') {
    const usual = single.via === undefined ? 253 : 0
    if (route.scope !== usual) text += ` scope ${scopeName(route.scope)}`
  }
  if (route.prefsrc !== undefined) text += ` src ${formatIp(route.prefsrc)}`
  if (route.metric !== 0 && !(family === 6 && route.metric === 1024)) text += ` metric ${route.metric}`
  if (route.mtu !== 0) text += ` mtu ${route.mtu}`
  if (route.table !== RT_TABLE_MAIN) text += ` table ${route.table}`
  if (single === undefined) {
    for (const hop of route.nexthops) text += ` nexthop${hopText(ns, family, hop)} weight ${hop.weight}`
  }
  return text
}

function hopText(ns: Netns, family: 4 | 6, hop: NextHop): string {
  const dev = ns.links[hop.oif]
  let text = ''
  if (hop.via !== undefined)
    text += ` via ${family === 4 && typeof hop.via === 'string' ? 'inet6 ' : ''}${formatIp(hop.via)}`
  if (dev !== undefined) text += ` dev ${shellQuote(dev.name)}`
  return hop.onlink ? `${text} onlink` : text
}

/** Policy rules beside the standing three. */
export function ruleLines(ns: Netns): string[] {
  const lines: string[] = []
  for (const family of [4, 6] as const) {
    const rules = rulesOf(ns, family)
    const standing = family === 4 ? [0, 32766, 32767] : [0, 32766]
    for (const pref of standing) {
      if (!rules.some((rule) => rule.pref === pref)) lines.push(`${ipIn(ns, family)} rule del pref ${pref}`)
    }
    for (const rule of rules) {
      if (!isStanding(rule)) lines.push(`${ipIn(ns, family)} rule add ${ruleText(rule)}`)
    }
  }
  return lines
}

function isStanding(rule: PolicyRule): boolean {
  const table = new Map([
    [0, 255],
    [32766, 254],
    [32767, 253],
  ]).get(rule.pref)
  return (
    table !== undefined && rule.table === table && rule.action === 'lookup' && rule.srcLen + rule.dstLen === 0
  )
}

function ruleText(rule: PolicyRule): string {
  let text = `pref ${rule.pref}`
  if (rule.not) text += ' not'
  text += rule.srcLen > 0 ? ` from ${formatIp(rule.src)}/${rule.srcLen}` : ' from all'
  if (rule.dstLen > 0) text += ` to ${formatIp(rule.dst)}/${rule.dstLen}`
  if (rule.tos !== 0) text += ` tos ${rule.tos}`
  if (rule.fwmark !== 0 || rule.fwmask !== 0) text += ` fwmark ${rule.fwmark}/${rule.fwmask >>> 0}`
  if (rule.iif !== '') text += ` iif ${shellQuote(rule.iif)}`
  if (rule.oif !== '') text += ` oif ${shellQuote(rule.oif)}`
  return rule.action === 'lookup' ? `${text} lookup ${rule.table}` : `${text} ${rule.action}`
}

export function neighLines(ns: Netns): string[] {
  const lines: string[] = []
  for (const neigh of neighsOf(ns)) {
    const link = ns.links[neigh.ifindex]
    if (neigh.state !== 'PERMANENT' || link === undefined) continue
    const mac = formatMac(neigh.mac)
    lines.push(
      `${ipIn(ns)} neigh replace ${formatIp(neigh.ip)} lladdr ${mac} dev ${shellQuote(link.name)} nud permanent`,
    )
  }
  return lines
}

/** Forwarding entries made by hand: static ones, and permanent ones that are nobody's own address. */
export function fdbLines(ns: Netns): string[] {
  const lines: string[] = []
  for (const bridge of linksOf(ns)) {
    for (const entry of bridge.bridge?.fdb.values() ?? []) {
      const port = ns.links[entry.port]
      if (port === undefined || port === bridge || entry.mac === port.mac || !(entry.static || entry.local))
        continue
      const kind = entry.local ? 'local' : 'static'
      lines.push(
        `bridge -n ${shellQuote(ns.name)} fdb replace ${formatMac(entry.mac)} dev ${shellQuote(port.name)} master ${kind}`,
      )
    }
  }
  return lines
}

function scopeName(scope: number): string {
  const names = new Map([
    [0, 'global'],
    [253, 'link'],
    [254, 'host'],
    [255, 'nowhere'],
  ])
  return names.get(scope) ?? String(scope)
}

/** `ip -n NS`. */
export function ipIn(ns: Netns, family: 4 | 6 = 4): string {
  return `ip${family === 6 ? ' -6' : ''} -n ${shellQuote(ns.name)}`
}

function execIn(ns: Netns): string {
  return `ip netns exec ${shellQuote(ns.name)}`
}
