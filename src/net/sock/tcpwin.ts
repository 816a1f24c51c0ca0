// The receive window: how it begins, how it grows, what is offered. Models tcp_select_initial_window,
// __tcp_select_window, tcp_grow_window and tcp_measure_rcv_mss (Linux 6.18). Not here: receive buffer auto-tuning
// (tcp_rcv_space_adjust): the buffer keeps the middle value of net.ipv4.tcp_rmem.
import { sysctlGet } from '../sysctl.ts'
import type { Netns } from '../types.ts'
import { seqDiff } from './tcpseq.ts'
import type { TcpState } from './tcptypes.ts'

const RATIO_SCALE = 256
const RATIO_DEFAULT = 128
const MSS_DEFAULT = 536
const MSS_MIN = 88

/** The initial window (before scaling) and the shift of the scale option. */
export function initialWindow(ns: Netns, mss: number, scaling: boolean): { window: number; scale: number } {
  const [, rcvBuf, most] = rmem(ns)
  let space = Math.floor((rcvBuf * RATIO_DEFAULT) / RATIO_SCALE)
  let scale = 0
  if (scaling) {
    const top = Math.max(space, most)
    scale = Math.min(14, Math.max(0, Math.floor(Math.log2(top)) - 15))
  }
  if (space > mss) space -= space % mss
  return { window: Math.min(space, 65535), scale }
}

/** What the receiving side of a new connection begins with. */
export function receiveDefaults(ns: Netns): { rcvBuf: number; ratio: number } {
  return { rcvBuf: rmem(ns)[1], ratio: RATIO_DEFAULT }
}

/** tcp_init_buffer_space and tcp_initialize_rcv_mss: once the connection is established. */
export function windowEstablished(t: TcpState): void {
  const full = fromSpace(t, t.rcvBuf)
  let clamp = full
  if (clamp > 2 * t.advmss && clamp + t.advmss > full) clamp = Math.max(2 * t.advmss, full - t.advmss)
  t.windowClamp = clamp
  t.rcvSsthresh = Math.min(t.rcvSsthresh, clamp)
  const hint = Math.min(t.advmss, t.mss, Math.floor(t.rcvWnd / 2), MSS_DEFAULT)
  t.rcvMss = Math.max(hint, MSS_MIN)
}

/** tcp_receive_window: what is left of the window that was offered last. */
export function receiveWindow(t: TcpState): number {
  return Math.max(0, seqDiff((t.rcvWup + t.rcvWnd) >>> 0, t.rcvNxt))
}

/** tcp_select_window: the window to offer now; it is remembered as offered. The number is the one in the header. */
export function selectWindow(t: TcpState): number {
  const now = receiveWindow(t)
  let window = windowNow(t)
  if (window < now) window = align(now, 1 << t.rcvWscale)
  t.rcvWnd = window
  t.rcvWup = t.rcvNxt
  return t.rcvWscale === 0 ? Math.min(window, 65535) : Math.min(65535, window >>> t.rcvWscale)
}

/** __tcp_select_window: what could be offered now. */
export function windowNow(t: TcpState): number {
  const allowed = fromSpace(t, t.rcvBuf)
  const full = Math.min(t.windowClamp, allowed)
  let free = Math.max(0, fromSpace(t, t.rcvBuf - t.rcvMem))
  const mss = Math.min(t.rcvMss, full)
  if (mss <= 0) return 0
  const unit = 1 << t.rcvWscale
  if (free < full >> 1) {
    t.ack.quick = 0
    free -= free % unit
    if (free < allowed >> 4 || free < mss) return 0
  }
  free = Math.min(free, t.rcvSsthresh)
  if (t.rcvWscale > 0) return align(free, unit)
  const { rcvWnd } = t
  if (rcvWnd <= free - mss || rcvWnd > free) return free - (free % mss)
  return rcvWnd
}

/** tcp_measure_rcv_mss: the size of the peer's segments, and whether somebody was pushed. */
export function measureMss(t: TcpState, length: number, pushed: boolean): void {
  const { ack } = t
  if (length >= t.rcvMss) {
    if (length !== t.rcvMss) {
      t.ratio = Math.max(1, Math.min(255, Math.floor((length * RATIO_SCALE) / truesize(length))))
      t.windowClamp = fromSpace(t, t.rcvBuf)
    }
    t.rcvMss = Math.min(length, t.advmss)
    if (pushed) ack.pushed = Math.max(1, ack.pushed)
  } else ack.pushed = ack.pushed > 0 ? 2 : 1
}

/** tcp_grow_window: large segments open the window, small ones hardly. */
export function growWindow(t: TcpState, length: number): void {
  if (length < 128) return
  const room = Math.min(t.windowClamp, fromSpace(t, t.rcvBuf - t.rcvMem)) - t.rcvSsthresh
  if (room <= 0) return
  const size = fromSpace(t, truesize(length))
  const more = size <= length ? 2 * t.advmss : smallGrowth(t, size, length)
  if (more === 0) return
  t.rcvSsthresh += Math.min(room, Math.max(more, 2 * length))
  t.ack.quick |= 1
}

/** What a segment costs in the buffer: a record, and its bytes with headers in a power-of-two block or in pages. */
export function truesize(length: number): number {
  if (length > 3520) return 1280 + align(length, 4096)
  let block = 1024
  while (block < length + 576) block *= 2
  return 256 + block
}

function smallGrowth(t: TcpState, size: number, length: number): number {
  let small = size >> 1
  for (let window = 8_388_608; t.rcvSsthresh <= window; window >>= 1) {
    if (small <= length) return 2 * t.rcvMss
    small >>= 1
  }
  return 0
}

function fromSpace(t: TcpState, space: number): number {
  return Math.floor((space * t.ratio) / RATIO_SCALE)
}

function align(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit
}

function rmem(ns: Netns): [number, number, number] {
  const text = sysctlGet(undefined, ns, 'net.ipv4.tcp_rmem') ?? '4096\t131072\t33554432'
  return text.split('\t').map(Number) as [number, number, number]
}
