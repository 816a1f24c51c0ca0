/**
 * Files that the kernel generates, as far as learners read them: /proc/net/{dev,route,arp,snmp}, /proc/sys/net and
 * /sys/class/net. Models net/core/net-procfs.c, net/ipv4/{fib_trie,arp,proc}.c (Linux 6.18).
 */
import { formatIp, formatMac, maskOf4 } from '../base/addr.ts'
import { routesOf } from '../net/ip/fib.ts'
import { neighsOf } from '../net/ip/neigh.ts'
import { snmpGet } from '../net/snmp.ts'
import { sysctlGet, sysctlNames, sysctlSet } from '../net/sysctl.ts'
import type { Link, Netns } from '../net/types.ts'
import { containerOf } from './containerlife.ts'
import type { FileCtx } from './files.ts'

const DIRS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  '/proc/net': ['arp', 'dev', 'route', 'snmp'],
  '/proc/sys': ['net'],
  '/sys/class': ['net'],
})

const LINK_FILES: readonly string[] = [
  'address',
  'addr_len',
  'carrier',
  'flags',
  'ifindex',
  'iflink',
  'mtu',
  'operstate',
  'tx_queue_len',
]

const RT_MAIN = 254
const SNMP: readonly [string, string][] = [
  [
    'Ip',
    'Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers ' +
      'OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates ' +
      'OutTransmits',
  ],
  [
    'Icmp',
    'InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps ' +
      'InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost ' +
      'OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps ' +
      'OutTimestampReps OutAddrMasks OutAddrMaskReps',
  ],
  [
    'Udp',
    'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors',
  ],
]

/** The text of a generated file; undefined where there is none. */
export function procRead(ctx: FileCtx, path: string): string | undefined {
  if (path.startsWith('/run/')) return runRead(ctx, path)
  if (!path.startsWith('/proc/') && !path.startsWith('/sys/')) return undefined
  if (path.startsWith('/proc/sys/')) {
    const value = sysctlGet(ctx.world, ctx.ns, path.slice('/proc/sys/'.length))
    return value === undefined ? undefined : `${value}\n`
  }
  if (path === '/proc/net/dev') return netDev(links(ctx))
  if (path === '/proc/net/route') return netRoute(ctx.ns)
  if (path === '/proc/net/arp') return netArp(ctx.ns)
  if (path === '/proc/net/snmp') return netSnmp(ctx)
  if (path === '/proc/uptime') return `${(ctx.world.now / 1e9).toFixed(2)} 0.00\n`
  if (path === '/proc/version') return 'Linux version 6.18.0 (kubehop)\n'
  const parts = path.split('/')
  if (parts[2] === 'class' && parts[3] === 'net' && parts.length === 6) {
    const link = links(ctx).find((one) => one.name === parts[4])
    return link === undefined ? undefined : linkFile(link, parts[5] ?? '')
  }
  return undefined
}

/** Writes a generated file: the error's text, '' where it was taken, undefined where the path is none. */
export function procWrite(ctx: FileCtx, path: string, text: string): string | undefined {
  if (procRead(ctx, path) === undefined) return undefined
  if (!path.startsWith('/proc/sys/')) return 'Permission denied'
  const error = sysctlSet(ctx.world, ctx.ns, path.slice('/proc/sys/'.length), text.trim())
  return error === null ? '' : error.slice(error.lastIndexOf(': ') + 2)
}

/** Names in a generated directory; undefined where there is none. */
export function procList(ctx: FileCtx, path: string): string[] | undefined {
  const bound = runList(ctx, path)
  if (bound !== undefined) return bound
  if (!path.startsWith('/proc') && !path.startsWith('/sys')) return undefined
  if (path === '/proc') return ['net', 'sys', 'uptime', 'version']
  if (path === '/sys') return ['class']
  if (path === '/sys/class/net') return links(ctx).map((link) => link.name)
  const parts = path.split('/')
  if (parts[2] === 'class' && parts[3] === 'net' && parts.length === 5) {
    return links(ctx).some((link) => link.name === parts[4]) ? [...LINK_FILES] : undefined
  }
  const names = DIRS[path]
  if (names !== undefined) return [...names]
  return path.startsWith('/proc/sys/') ? sysctlDir(ctx.ns, `${path.slice('/proc/sys/'.length)}/`) : undefined
}

/** Names of bound namespaces: `ip netns add` makes /run/netns, docker /run/docker/netns. */
function runList(ctx: FileCtx, path: string): string[] | undefined {
  const { netns, sandboxes, engine } = ctx.machine
  if (!path.startsWith('/run/') || containerOf(ctx.machine, ctx.proc.container) !== undefined)
    return undefined
  if (path === '/run/netns') return netns.size === 0 ? undefined : [...netns.keys()]
  if (engine === undefined) return undefined
  if (path === '/run/docker') return ['netns']
  if (path !== '/run/docker/netns') return undefined
  return [...sandboxes.values()]
    .filter((box) => box.key !== '')
    .map((box) => box.key.slice(box.key.lastIndexOf('/') + 1))
}

/** A bound namespace is an empty file to who reads it. */
function runRead(ctx: FileCtx, path: string): string | undefined {
  const at = path.lastIndexOf('/')
  return runList(ctx, path.slice(0, at))?.includes(path.slice(at + 1)) && path !== '/run/docker/netns'
    ? ''
    : undefined
}

function sysctlDir(ns: Netns, prefix: string): string[] | undefined {
  const found = new Set<string>()
  for (const name of sysctlNames(ns)) {
    const path = name
      .split('.')
      .map((part) => part.replaceAll('/', '.'))
      .join('/')
    if (path.startsWith(prefix)) found.add(path.slice(prefix.length).split('/')[0]!)
  }
  return found.size === 0 ? undefined : [...found]
}

function links(ctx: FileCtx): Link[] {
  return ctx.ns.links.filter((link) => link !== undefined)
}

function netDev(list: readonly Link[]): string {
  let text =
    'Inter-|   Receive                                                |  Transmit\n' +
    ' face |bytes    packets errs drop fifo frame compressed multicast|' +
    'bytes    packets errs drop fifo colls carrier compressed\n'
  for (const { name, stats: s } of list) {
    const rx = [col(s.rxBytes, 7), col(s.rxPackets, 7), col(0, 4), col(s.rxDropped, 4), '   0', '    0']
    const tx = [col(s.txBytes, 8), col(s.txPackets, 7), col(0, 4), col(s.txDropped, 4), '   0']
    text += `${name.padStart(6)}: ${rx.join(' ')} ${col(0, 10)} ${col(s.rxMulticast, 9)} `
    text += `${tx.join(' ')} ${col(0, 5)} ${col(0, 7)} ${col(0, 10)}\n`
  }
  return text
}

/** Flags: RTF_UP 1, RTF_GATEWAY 2, RTF_HOST 4, RTF_REJECT 0x200. Lines are 127 characters wide. */
function netRoute(ns: Netns): string {
  const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'
  const lines = [head]
  for (const route of routesOf(ns, 4, RT_MAIN)) {
    const hop = route.nexthops[0]
    const via = typeof hop?.via === 'number' ? hop.via : 0
    let flags = route.type === 'unicast' ? 1 : 0x201
    if (via !== 0) flags |= 2
    if (route.len === 32) flags |= 4
    const dev = ns.links[hop?.oif ?? 0]?.name ?? '*'
    const mask = maskOf4(route.len)
    const cells = [
      dev,
      hex32(Number(route.dst)),
      hex32(via),
      flags.toString(16).toUpperCase().padStart(4, '0'),
    ]
    lines.push([...cells, 0, 0, route.metric, hex32(mask), route.mtu, 0, 0].join('\t'))
  }
  return lines.length === 1 ? '' : lines.map((line) => `${line.padEnd(127)}\n`).join('')
}

/** An address as the kernel's %08X of its network-order word on a little-endian machine. */
function hex32(ip: number): string {
  const bytes = [ip & 255, (ip >>> 8) & 255, (ip >>> 16) & 255, ip >>> 24]
  return bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('')
}

/** Flags: ATF_COM 2 (complete), ATF_PERM 4. */
function netArp(ns: Netns): string {
  let text = 'IP address       HW type     Flags       HW address            Mask     Device\n'
  for (const neigh of neighsOf(ns)) {
    const dev = ns.links[neigh.ifindex]
    if (typeof neigh.ip !== 'number' || dev === undefined || neigh.state === 'NOARP') continue
    const valid = neigh.hasMac && neigh.state !== 'INCOMPLETE' && neigh.state !== 'FAILED'
    const flags = neigh.state === 'PERMANENT' ? '0x6' : valid ? '0x2' : '0x0'
    const mac = formatMac(valid ? neigh.mac : 0)
    text += `${formatIp(neigh.ip).padEnd(16)} 0x1         ${flags.padEnd(12)}${mac.padEnd(22)}*        ${dev.name}\n`
  }
  return text
}

function netSnmp(ctx: FileCtx): string {
  let text = ''
  for (const [protocol, names] of SNMP) {
    const values = names.split(' ').map((name) => {
      if (name === 'Forwarding') return sysctlGet(ctx.world, ctx.ns, 'net.ipv4.ip_forward') === '1' ? 1 : 2
      if (name === 'DefaultTTL') return sysctlGet(ctx.world, ctx.ns, 'net.ipv4.ip_default_ttl') ?? 64
      return snmpGet(ctx.ns, protocol + name)
    })
    text += `${protocol}: ${names}\n${protocol}: ${values.join(' ')}\n`
  }
  return text
}

function col(value: number, width: number): string {
  return String(value).padStart(width)
}

function linkFile(link: Link, name: string): string | undefined {
  if (!LINK_FILES.includes(name)) return undefined
  if (name === 'address') return `${formatMac(link.mac)}\n`
  if (name === 'addr_len') return '6\n'
  if (name === 'ifindex') return `${link.ifindex}\n`
  if (name === 'iflink') return `${link.lower || link.peer?.ifindex || link.ifindex}\n`
  if (name === 'mtu') return `${link.mtu}\n`
  if (name === 'tx_queue_len') return `${link.qlen}\n`
  if (name === 'carrier') return link.up ? `${link.carrier ? 1 : 0}\n` : ''
  if (name === 'operstate') return `${operstate(link)}\n`
  return `0x${flags(link).toString(16)}\n`
}

function operstate(link: Link): string {
  if (link.kind === 'loopback' || link.kind === 'dummy') return link.up ? 'unknown' : 'down'
  if (!link.up) return 'down'
  return link.carrier ? 'up' : 'lowerlayerdown'
}

/** dev->flags: UP 1, BROADCAST 2, LOOPBACK 8, NOARP 0x80, PROMISC 0x100, MULTICAST 0x1000. */
function flags(link: Link): number {
  let value = link.kind === 'loopback' ? 8 : link.kind === 'dummy' ? 2 : 0x1002
  if (link.up) value |= 1
  if (link.noarp) value |= 0x80
  if (link.promisc > 0) value |= 0x100
  return value
}
