/** ping's packets: what it sends, what it makes of an answer. */
import type { Ip } from '../../base/addr.ts'
import { formatIp, isLinkLocal } from '../../base/addr.ts'
import { sockSendTo } from '../../net/sock/send.ts'
import { sockById } from '../../net/sock/socket.ts'
import type { Packet, Socket, SockMessage } from '../../net/types.ts'
import type { ProcCtx } from '../program.ts'
import { out } from '../program.ts'
import { hostName } from './hosts.ts'
import type { PingOptions } from './ping-options.ts'
import type { PingState } from './ping-state.ts'
import { acknowledge, hasSeen, setSeen } from './ping-state.ts'
import { icmpWords, roundTrip } from './ping-text.ts'

const TIME_BYTES = 16
/** No datagram is longer; what is asked beyond it is never built. */
const SIZE_MAX = 65_536

/** Sends the next echo request. Answers '' or the errno. */
export function sendProbe(ctx: ProcCtx, state: PingState): string {
  const { world, ns } = ctx
  const sock = sockById(ns, state.sock)
  if (sock === undefined) return 'EBADF'
  const seq = (state.counts.sent + 1) & 0xffff
  setSeen(state, seq, false)
  const type = state.family === 4 ? 8 : 128
  if (state.options.size > SIZE_MAX) return 'EMSGSIZE'
  const result = sockSendTo(world, ns, sock, {
    dst: state.dst,
    payload: payloadOf(state, world.now),
    icmp: { type, code: 0, id: state.ident, seq },
    confirm: state.confirm,
  })
  state.confirm = false
  return 'errno' in result ? result.errno : ''
}

/** A name and its address where /etc/hosts has one, the address alone otherwise. */
export function nameOf(ctx: ProcCtx, numeric: boolean, ip: Ip, zone = ''): string {
  const name = numeric ? undefined : hostName(ctx, ip)
  const text = zone === '' ? formatIp(ip) : `${formatIp(ip)}%${zone}`
  return name === undefined ? text : `${name} (${text})`
}

/** The device that a link-local sender was heard on. */
function zoneOf(ctx: ProcCtx, packet: Packet): string {
  if (typeof packet.src !== 'string' || !isLinkLocal(packet.src)) return ''
  return ctx.ns.links[packet.iif]?.name ?? ''
}

/** `[1700000000.000000] ` with -D. */
export function stamp(ctx: ProcCtx, options: PingOptions): string {
  if (!options.timestamps) return ''
  const us = Math.floor(ctx.world.now / 1000)
  return `[${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}] `
}

/** Whether an ICMP id belongs to this run; an ICMP datagram socket gets no other. */
export function isOurs(sock: Socket, state: PingState, id: number): boolean {
  return sock.kind === 'ping' || id === state.ident
}

/** One received packet: an answer, a redirect, or somebody else's. */
export function parseReply(ctx: ProcCtx, state: PingState, sock: Socket, message: SockMessage): void {
  const { packet } = message
  const { icmp } = packet
  if (icmp === null) return
  const reply = state.family === 4 ? 0 : 129
  if (icmp.type === reply) {
    if (isOurs(sock, state, icmp.id)) gather(ctx, state, message)
    return
  }
  const quoted = icmp.quoted
  if (state.family === 6 || quoted === null || quoted.icmp === null) return
  if (quoted.icmp.type !== 8 || quoted.dst !== state.dst || !isOurs(sock, state, quoted.icmp.id)) return
  if (icmp.type !== 5 && icmp.type !== 4) {
    acknowledge(state.counts, state, quoted.icmp.seq)
    return
  }
  if (state.options.quiet || state.options.flood) return
  const from = nameOf(ctx, state.numeric, packet.src)
  const words = icmpWords(icmp.type, icmp.code, icmp.gateway)
  out(ctx, `${stamp(ctx, state.options)}From ${from}: icmp_seq=${quoted.icmp.seq} ${words}\n`)
}

function gather(ctx: ProcCtx, state: PingState, message: SockMessage): void {
  const { options, counts } = state
  const { packet } = message
  const seq = packet.icmp!.seq
  counts.received++
  acknowledge(counts, state, seq)
  const trip = tripOf(state, message)
  if (trip >= 0) addTrip(state, trip)
  const repeated = hasSeen(state, seq)
  if (repeated) {
    counts.repeats++
    counts.received--
  } else setSeen(state, seq, true)
  state.confirm = state.family === 6
  if (options.quiet) return
  if (options.flood) {
    out(ctx, '\b \b')
    return
  }
  const size = sizeOf(state, packet)
  const from = nameOf(ctx, state.numeric, packet.src, zoneOf(ctx, packet))
  let line = `${stamp(ctx, options)}${size} bytes from ${from}: icmp_seq=${seq}`
  if (options.verbose && state.ident !== -1) line += ` ident=${state.ident}`
  line += ` ttl=${packet.ttl}`
  if (size < options.size + 8) {
    out(ctx, `${line} (truncated)\n`)
    return
  }
  if (state.timed) line += roundTrip(Math.max(0, trip))
  if (repeated && (!state.multicast || options.verbose)) line += ' (DUP!)'
  if (!state.multicast && packet.src !== state.dst) line += ' (DIFFERENT ADDRESS!)'
  out(ctx, `${options.audible ? '\x07' : ''}${line}\n`)
}

function sizeOf(state: PingState, packet: Packet): number {
  return packet.length - (state.family === 4 ? 20 : 40)
}

/** Microseconds by the time in the payload; -1 where there is none. */
function tripOf(state: PingState, message: SockMessage): number {
  const { payload } = message.packet
  if (!state.timed || payload === null || payload.length < TIME_BYTES) return -1
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const sent = view.getUint32(0, true) * 1e6 + view.getUint32(8, true)
  return Math.max(0, Math.floor(message.at / 1000) - sent)
}

function addTrip(state: PingState, trip: number): void {
  const { counts } = state
  counts.sum += trip
  counts.squares += trip * trip
  counts.min = Math.min(counts.min, trip)
  counts.max = Math.max(counts.max, trip)
  if (counts.ewma === 0) counts.ewma = trip * 8
  else counts.ewma += trip - Math.trunc(counts.ewma / 8)
}

/** A struct timeval, then 16, 17, 18 ... or the pattern. */
function payloadOf(state: PingState, now: number): Uint8Array {
  const { size, pattern } = state.options
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) {
    bytes[i] = pattern === undefined || pattern.length === 0 ? i : pattern[i % pattern.length]!
  }
  if (!state.timed) return bytes
  const view = new DataView(bytes.buffer)
  const us = Math.floor(now / 1000)
  bytes.fill(0, 0, TIME_BYTES)
  view.setUint32(0, Math.floor(us / 1e6), true)
  view.setUint32(8, us % 1e6, true)
  return bytes
}
