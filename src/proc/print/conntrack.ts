/** A connection as a line of conntrack(8). Models snprintf_default.c of libnetfilter_conntrack 1.0.9. */
import { formatIp } from '../../base/addr.ts'
import type { Conn, ConnEvent, Tuple } from '../../net/nf/types.ts'
import { CT_STATUS } from '../../net/nf/types.ts'

/** What its messages begin with. */
export const CT_VERSION = 'conntrack v1.4.7 (conntrack-tools)'

export interface ConnView {
  readonly extended: boolean
  readonly id: boolean
}

/** Of the table, at `now`, without a newline. */
export function connLine(conn: Conn, now: number, view: ConnView): string {
  const zone = conn.zone === 0 ? '' : ` zone=${conn.zone}`
  const id = view.id ? ` id=${conn.id}` : ''
  return `${connHead(conn, now, view, true)} mark=${conn.mark >>> 0}${zone} use=1${id}`
}

const EVENT_NAMES = { NEW: '    [NEW] ', UPDATE: ' [UPDATE] ', DESTROY: '[DESTROY] ' } as const

/** Of an event, without a newline: an entry that expired has no time left to print. */
export function eventLine({ type, conn, at }: ConnEvent, view: ConnView): string {
  const timed = type !== 'DESTROY' || conn.expiresAt > at
  const mark = conn.mark === 0 ? '' : ` mark=${conn.mark >>> 0}`
  const zone = conn.zone === 0 ? '' : ` zone=${conn.zone}`
  const id = view.id ? ` id=${conn.id}` : ''
  return EVENT_NAMES[type] + connHead(conn, at, view, timed) + mark + zone + id
}

/** Seconds until an entry expires, as the tool has it. */
export function secondsLeft(conn: Conn, now: number): number {
  return Math.max(0, Math.floor((conn.expiresAt - now) / 1e9))
}

function connHead(conn: Conn, now: number, view: ConnView, timed: boolean): string {
  const { orig, reply, status } = conn
  let text = ''
  if (view.extended) text += typeof orig.src === 'number' ? 'ipv4     2 ' : 'ipv6     10 '
  text += `${connProto(orig.proto).padEnd(8)} ${orig.proto} `
  if (timed) text += `${secondsLeft(conn, now)} `
  if (conn.state !== '') text += `${conn.state} `
  text += tupleText(orig)
  if ((status & CT_STATUS.SEEN_REPLY) === 0) text += ' [UNREPLIED]'
  text += ` ${tupleText(reply)}`
  return (status & CT_STATUS.ASSURED) === 0 ? text : `${text} [ASSURED]`
}

const PROTOS: Readonly<Record<number, string>> = Object.freeze({
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
})

export function connProto(proto: number): string {
  return PROTOS[proto] ?? 'unknown'
}

/** `src=... dst=... sport=... dport=...`, or what ICMP has instead of ports. */
export function tupleText({ src, dst, proto, sport, dport }: Tuple): string {
  const addrs = `src=${formatIp(src)} dst=${formatIp(dst)}`
  if (proto === 6 || proto === 17) return `${addrs} sport=${sport} dport=${dport}`
  if (proto === 1 || proto === 58) return `${addrs} type=${dport >> 8} code=${dport & 255} id=${sport}`
  return addrs
}
