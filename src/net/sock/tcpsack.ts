// Selective acknowledgements (RFC 2018, RFC 2883). Models tcp_sack_new_ofo_skb, tcp_dsack_set and the part of
// tcp_sacktag_write_queue that marks segments (Linux 6.18). Not here: compressed acknowledgements, RACK's reordering
// window: a segment is lost once three later ones have arrived.
import { after, before, seqAdd, seqMax } from './tcpseq.ts'
import type { TcpState } from './tcptypes.ts'

const BLOCKS_MAX = 4
/** With timestamps three blocks fit. */
const BLOCKS_WITH_TS = 3
const REORDERING = 3

/** A block arrived out of order, or again: it is named first. */
export function noteBlock(t: TcpState, from: number, to: number): void {
  let [left, right] = [from, to]
  const others: [number, number][] = []
  for (const [a, b] of t.sacks) {
    if (after(a, right) || before(b, left)) others.push([a, b])
    else {
      left = before(a, left) ? a : left
      right = seqMax(b, right)
    }
  }
  t.sacks = [[left, right] as [number, number], ...others].slice(0, BLOCKS_MAX)
}

/** Blocks that the cumulative acknowledgement has passed are named no more. */
export function dropBlocks(t: TcpState): void {
  if (t.sacks.length > 0) t.sacks = t.sacks.filter(([, right]) => after(right, t.rcvNxt))
}

/** The blocks for a header; a duplicate's block is named once. */
export function acceptedSack(t: TcpState): [number, number][] {
  const list = t.sacks.slice(0, t.tsOk ? BLOCKS_WITH_TS : BLOCKS_MAX).map((b) => [...b] as [number, number])
  t.sacks = t.sacks.filter(([, right]) => after(right, t.rcvNxt))
  return list
}

/** Marks what the peer says it has, and what is lost by that. True where something new was named. */
export function markSacked(t: TcpState, blocks: readonly (readonly [number, number])[]): boolean {
  let news = false
  for (const [from, to] of blocks) {
    if (!after(to, t.sndUna) || after(to, t.sndNxt)) continue
    for (const seg of t.inFlight) {
      const end = seqAdd(seg.seq, Math.max(1, seg.data.length))
      if (seg.sacked || before(seg.seq, from) || after(end, to)) continue
      seg.sacked = true
      seg.lost = false
      news = true
    }
  }
  return news
}

/** Takes for lost what three later segments have overtaken. True where there is such a one. */
export function markLost(t: TcpState): boolean {
  let later = 0
  let lost = false
  for (let i = t.inFlight.length - 1; i >= 0; i--) {
    const seg = t.inFlight[i]!
    if (seg.sacked) later++
    else if (later >= REORDERING) {
      if (!seg.lost && seg.retrans === 0) seg.lost = true
      lost = lost || seg.lost
    }
  }
  return lost
}
