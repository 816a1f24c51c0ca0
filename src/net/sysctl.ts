// Models the net.* part of /proc/sys (Linux 6.18: devinet.c, sysctl_net_ipv4.c, addrconf.c, neighbour.c) as sysctl(8)
// shows it. Only the names listed here exist.
import { touch } from '../sim/dispatch.ts'
import { disable6Changed, forwarding6Changed } from './ip6/addrconf.ts'
import { confWith } from './conf.ts'
import { linkByName } from './link/device.ts'
import { NEIGH_DEFAULTS, type NeighParam } from './ip/neighparams.ts'
import type { InterfaceConf, Netns, World } from './types.ts'

interface Scalar {
  value: string
  /** Bounds of each number; undefined for any integer. */
  min?: number
  max?: number
  /** How many numbers. */
  count?: number
}

const CONF4: Readonly<Record<string, keyof InterfaceConf>> = Object.freeze({
  accept_local: 'acceptLocal',
  accept_redirects: 'acceptRedirects',
  arp_accept: 'arpAccept',
  arp_announce: 'arpAnnounce',
  arp_ignore: 'arpIgnore',
  arp_notify: 'arpNotify',
  forwarding: 'forwarding',
  log_martians: 'logMartians',
  proxy_arp: 'proxyArp',
  route_localnet: 'routeLocalnet',
  rp_filter: 'rpFilter',
  secure_redirects: 'secureRedirects',
  send_redirects: 'sendRedirects',
  shared_media: 'sharedMedia',
})

const CONF6: Readonly<Record<string, keyof InterfaceConf>> = Object.freeze({
  accept_dad: 'acceptDad',
  accept_ra: 'acceptRa',
  accept_redirects: 'acceptRedirects6',
  disable_ipv6: 'disableIpv6',
  forwarding: 'forwarding6',
  hop_limit: 'hopLimit6',
})

const SCALARS: Readonly<Record<string, Scalar>> = Object.freeze({
  'net.bridge.bridge-nf-call-ip6tables': { value: '1' },
  'net.bridge.bridge-nf-call-iptables': { value: '1' },
  'net.ipv4.icmp_echo_ignore_all': { value: '0', min: 0, max: 1 },
  'net.ipv4.icmp_echo_ignore_broadcasts': { value: '1', min: 0, max: 1 },
  'net.ipv4.icmp_msgs_burst': { value: '50', min: 0 },
  'net.ipv4.icmp_msgs_per_sec': { value: '1000', min: 0 },
  'net.ipv4.icmp_ratelimit': { value: '1000' },
  'net.ipv4.icmp_ratemask': { value: '6168' },
  'net.ipv4.ip_default_ttl': { value: '64', min: 1, max: 255 },
  'net.ipv4.ip_local_port_range': { value: '32768\t60999', min: 1, max: 65535, count: 2 },
  'net.ipv4.ip_no_pmtu_disc': { value: '0' },
  'net.ipv4.ip_nonlocal_bind': { value: '0', min: 0, max: 1 },
  'net.ipv4.ipfrag_time': { value: '30' },
  'net.ipv4.ping_group_range': { value: '1\t0', min: 0, max: 2147483647, count: 2 },
  'net.netfilter.nf_conntrack_buckets': { value: '262144', min: 1 },
  'net.netfilter.nf_conntrack_generic_timeout': { value: '600', min: 0 },
  'net.netfilter.nf_conntrack_icmp_timeout': { value: '30', min: 0 },
  'net.netfilter.nf_conntrack_icmpv6_timeout': { value: '30', min: 0 },
  'net.netfilter.nf_conntrack_max': { value: '262144', min: 0 },
  'net.netfilter.nf_conntrack_tcp_be_liberal': { value: '0', min: 0, max: 1 },
  'net.netfilter.nf_conntrack_tcp_loose': { value: '1', min: 0, max: 1 },
  'net.netfilter.nf_conntrack_tcp_max_retrans': { value: '3', min: 0, max: 255 },
  'net.netfilter.nf_conntrack_tcp_timeout_close': { value: '10', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_close_wait': { value: '60', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_established': { value: '432000', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_fin_wait': { value: '120', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_last_ack': { value: '30', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_max_retrans': { value: '300', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_syn_recv': { value: '60', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_syn_sent': { value: '120', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_time_wait': { value: '120', min: 0 },
  'net.netfilter.nf_conntrack_tcp_timeout_unacknowledged': { value: '300', min: 0 },
  'net.netfilter.nf_conntrack_udp_timeout': { value: '30', min: 0 },
  'net.netfilter.nf_conntrack_udp_timeout_stream': { value: '120', min: 0 },
  'net.netfilter.nf_log_all_netns': { value: '0', min: 0, max: 1 },
  'net.core.somaxconn': { value: '4096', min: 0 },
  'net.ipv4.tcp_fin_timeout': { value: '60', min: 1 },
  'net.ipv4.tcp_keepalive_intvl': { value: '75', min: 1, max: 32767 },
  'net.ipv4.tcp_keepalive_probes': { value: '9', min: 1, max: 127 },
  'net.ipv4.tcp_keepalive_time': { value: '7200', min: 1, max: 32767 },
  'net.ipv4.tcp_retries2': { value: '15', min: 0 },
  'net.ipv4.tcp_rmem': { value: '4096\t131072\t33554432', min: 1, count: 3 },
  'net.ipv4.tcp_sack': { value: '1', min: 0, max: 255 },
  'net.ipv4.tcp_syn_linear_timeouts': { value: '4', min: 0, max: 127 },
  'net.ipv4.tcp_syn_retries': { value: '6', min: 1, max: 127 },
  'net.ipv4.tcp_synack_retries': { value: '5', min: 0, max: 255 },
  'net.ipv4.tcp_timestamps': { value: '1', min: 0, max: 2 },
  'net.ipv4.tcp_window_scaling': { value: '1', min: 0, max: 255 },
  'net.ipv6.bindv6only': { value: '0', min: 0, max: 1 },
  'net.ipv6.icmp.echo_ignore_all': { value: '0', min: 0, max: 1 },
  'net.ipv6.icmp.ratelimit': { value: '1000' },
  'net.ipv6.ip6frag_time': { value: '60' },
})

/** A switch's value as sysctl prints it, undefined where there is none of that name. Dotted or slashed names. */
export function sysctlGet(_world: World | undefined, ns: Netns, name: string): string | undefined {
  const place = placeOf(ns, pathOf(name))
  if (place === undefined) return undefined
  if (place.kind === 'conf') return String(place.conf[place.field])
  if (place.kind === 'neigh') {
    const own = ns.sysctl?.get(place.key) ?? ns.sysctl?.get(place.fallback)
    return String(own ?? NEIGH_DEFAULTS[place.param])
  }
  return String(ns.sysctl?.get(place.key) ?? place.scalar.value)
}

/** A scalar switch as a number: for use on the path. `name` must be one of the known dotted scalars. */
export function sysctlInt(ns: Netns, name: string): number {
  const set = ns.sysctl?.get(name)
  return set === undefined ? Number(SCALARS[name]?.value ?? 0) : Number(set)
}

/** Sets a switch and does what follows from it. Null, or the line that sysctl(8) prints. */
export function sysctlSet(world: World, ns: Netns, name: string, value: string): string | null {
  const path = pathOf(name)
  const place = placeOf(ns, path)
  if (place === undefined) return `sysctl: cannot stat /proc/sys/${path.join('/')}: No such file or directory`
  const scalar = place.kind === 'scalar' ? place.scalar : undefined
  const numbers = parseValue(value, scalar?.count ?? 1)
  const bad =
    numbers === undefined ||
    numbers.some((n) => n < (scalar?.min ?? -2147483648) || n > (scalar?.max ?? 2147483647)) ||
    (path[2] === 'ip_local_port_range' && numbers[0]! > numbers[1]!)
  if (bad) return `sysctl: setting key "${shownName(path)}": Invalid argument`
  touch(world, ns.id)
  if (place.kind === 'conf') setConf(world, ns, place, numbers[0]!)
  else {
    ns.sysctl ??= new Map()
    ns.sysctl.set(place.key, numbers.length === 1 ? numbers[0]! : numbers.join('\t'))
  }
  return null
}

/** Every name, sorted as `sysctl -a` lists them. */
export function sysctlNames(ns: Netns): string[] {
  const links = ns.links.flatMap((link) => (link === undefined ? [] : [link.name.replaceAll('.', '/')]))
  const names = [...Object.keys(SCALARS), 'net.ipv4.ip_forward']
  for (const who of ['all', 'default', ...links]) {
    for (const field of Object.keys(CONF4)) names.push(`net.ipv4.conf.${who}.${field}`)
    for (const field of Object.keys(CONF6)) names.push(`net.ipv6.conf.${who}.${field}`)
  }
  for (const who of ['default', ...links]) {
    for (const param of Object.keys(NEIGH_DEFAULTS)) {
      if (who !== 'default' && GLOBAL_NEIGH.includes(param)) continue
      names.push(`net.ipv4.neigh.${who}.${param}`, `net.ipv6.neigh.${who}.${param}`)
    }
  }
  return names.sort()
}

/** The same in `a/b.c/d` and `a.b/c.d`: whichever of dot and slash comes first separates. */
function pathOf(name: string): string[] {
  const text = name.startsWith('/proc/sys/') ? name.slice(10) : name
  const slash = text.indexOf('/')
  const dot = text.indexOf('.')
  if (slash >= 0 && (dot < 0 || slash < dot)) return text.split('/')
  return text.split('.').map((part) => part.replaceAll('/', '.'))
}

function shownName(path: readonly string[]): string {
  return path.map((part) => part.replaceAll('.', '/')).join('.')
}

type Place =
  | { kind: 'conf'; conf: InterfaceConf; field: keyof InterfaceConf; who: string; family: 4 | 6 }
  | { kind: 'neigh'; key: string; fallback: string; param: NeighParam }
  | { kind: 'scalar'; key: string; scalar: Scalar }

const GLOBAL_NEIGH: readonly string[] = ['gc_interval', 'gc_thresh1', 'gc_thresh2', 'gc_thresh3']

function placeOf(ns: Netns, path: readonly string[]): Place | undefined {
  const [net, family, group, who, field] = path
  if (net !== 'net') return undefined
  if (path.length === 5 && group === 'conf' && who !== undefined && field !== undefined) {
    const names = family === 'ipv4' ? CONF4 : family === 'ipv6' ? CONF6 : undefined
    const conf = confOf(ns, who)
    const key = names?.[field]
    if (conf === undefined || key === undefined) return undefined
    return { kind: 'conf', conf, field: key, who, family: family === 'ipv4' ? 4 : 6 }
  }
  if (path.length === 5 && group === 'neigh' && who !== undefined && field !== undefined) {
    if (!(field in NEIGH_DEFAULTS) || (family !== 'ipv4' && family !== 'ipv6')) return undefined
    if (who !== 'default' && (linkByName(ns, who) === undefined || GLOBAL_NEIGH.includes(field)))
      return undefined
    const fallback = `net.${family}.neigh.default.${field}`
    return { kind: 'neigh', key: `net.${family}.neigh.${who}.${field}`, fallback, param: field as NeighParam }
  }
  const key = path.join('.')
  if (key === 'net.ipv4.ip_forward') {
    return { kind: 'conf', conf: ns.confAll, field: 'forwarding', who: 'all', family: 4 }
  }
  const scalar = Object.hasOwn(SCALARS, key) ? SCALARS[key] : undefined
  return scalar === undefined ? undefined : { kind: 'scalar', key, scalar }
}

function confOf(ns: Netns, who: string): InterfaceConf | undefined {
  if (who === 'all') return ns.confAll
  if (who === 'default') return ns.confDefault
  return linkByName(ns, who)?.conf
}

function putConf(ns: Netns, who: string, conf: InterfaceConf): void {
  if (who === 'all') ns.confAll = conf
  else if (who === 'default') ns.confDefault = conf
  else {
    const link = linkByName(ns, who)
    if (link !== undefined) link.conf = conf
  }
}

/** devinet_conf_proc, devinet_sysctl_forward, addrconf_sysctl_forward, addrconf_sysctl_disable. */
function setConf(world: World, ns: Netns, place: Place & { kind: 'conf' }, value: number): void {
  const old = place.conf[place.field]
  const before = ns.links.map((link) => link?.conf)
  const { field, who } = place
  putConf(ns, who, confWith(place.conf, field, value))
  if (who === 'all' && old !== value && SPREADS.includes(field)) {
    const shared = ns.confDefault
    ns.confDefault = confWith(shared, field, value)
    for (const link of ns.links) {
      if (link === undefined) continue
      link.conf = link.conf === shared ? ns.confDefault : confWith(link.conf, field, value)
    }
    if (field === 'forwarding') ns.confAll = confWith(ns.confAll, 'acceptRedirects', value === 0 ? 1 : 0)
  }
  if (place.family === 6) inet6Follow(world, ns, before)
  // A new default reaches devices that nobody has configured yet.
  if (who === 'default' && place.family === 4 && field !== 'forwarding') {
    for (const link of ns.links) {
      if (
        link !== undefined &&
        link.conf[field] === old &&
        !link.addrs.some((a) => typeof a.addr === 'number')
      ) {
        link.conf = confWith(link.conf, field, value)
      }
    }
  }
}

/** What a device does about IPv6 when its switches have changed. */
function inet6Follow(world: World, ns: Netns, before: readonly (InterfaceConf | undefined)[]): void {
  ns.links.forEach((link, i) => {
    const old = before[i]
    if (link === undefined || old === undefined) return
    if ((old.disableIpv6 === 0) !== (link.conf.disableIpv6 === 0)) disable6Changed(world, ns, link)
    if ((old.forwarding6 === 0) !== (link.conf.forwarding6 === 0)) forwarding6Changed(world, ns, link)
  })
}

const SPREADS: readonly (keyof InterfaceConf)[] = ['forwarding', 'forwarding6', 'disableIpv6']

function parseValue(text: string, count: number): number[] | undefined {
  const words = text.trim().split(/\s+/)
  if (words.length !== count) return undefined
  const numbers: number[] = []
  for (const word of words) {
    if (!/^-?(0x[0-9a-fA-F]+|[0-9]+)$/.test(word)) return undefined
    numbers.push(word.startsWith('-') ? -Number(word.slice(1)) : Number(word))
  }
  return numbers
}
