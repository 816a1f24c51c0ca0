/**
 * Files that the kernel generates, as far as learners read them: /proc/net/{dev,route,arp}, /proc/sys/net and
 * /sys/class/net. Models net/core/net-procfs.c, net/ipv4/{route,arp,proc}.c (Linux 6.18).
 */
import { formatMac } from '../base/addr.ts'
import type { Link } from '../net/types.ts'
import type { FileCtx } from './files.ts'

const DIRS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  '/proc/net': ['dev'],
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

/** The text of a generated file; undefined where there is none. */
export function procRead(ctx: FileCtx, path: string): string | undefined {
  if (!path.startsWith('/proc/') && !path.startsWith('/sys/')) return undefined
  if (path === '/proc/net/dev') return netDev(links(ctx))
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
export function procWrite(ctx: FileCtx, path: string, _text: string): string | undefined {
  if (procRead(ctx, path) === undefined) return undefined
  return 'Permission denied'
}

/** Names in a generated directory; undefined where there is none. */
export function procList(ctx: FileCtx, path: string): string[] | undefined {
  if (path === '/run/netns') return [...ctx.machine.netns.keys()]
  if (!path.startsWith('/proc') && !path.startsWith('/sys')) return undefined
  if (path === '/proc') return ['net', 'sys', 'uptime', 'version']
  if (path === '/sys') return ['class']
  if (path === '/sys/class/net') return links(ctx).map((link) => link.name)
  const parts = path.split('/')
  if (parts[2] === 'class' && parts[3] === 'net' && parts.length === 5) {
    return links(ctx).some((link) => link.name === parts[4]) ? [...LINK_FILES] : undefined
  }
  const names = DIRS[path]
  return names === undefined ? undefined : [...names]
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
    const rx = [
      col(s.rxBytes, 7),
      col(s.rxPackets, 7),
      col(s.rxErrors, 4),
      col(s.rxDropped, 4),
      '   0',
      '    0',
    ]
    const tx = [col(s.txBytes, 8), col(s.txPackets, 7), col(s.txErrors, 4), col(s.txDropped, 4), '   0']
    text += `${name.padStart(6)}: ${rx.join(' ')} ${col(0, 10)} ${col(s.rxMulticast, 9)} `
    text += `${tx.join(' ')} ${col(0, 5)} ${col(s.txCarrier, 7)} ${col(0, 10)}\n`
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
  let value = link.kind === 'loopback' ? 8 : 0x1002
  if (link.up) value |= 1
  if (link.noarp) value |= 0x80
  if (link.promisc > 0) value |= 0x100
  return value
}
