/**
 * The yardstick: a router hop written as tightly as the language allows, over packed typed arrays. It does what a
 * traced hop must do (event wheel, destination look-up, counters, TTL, an eight-word record) and nothing else.
 * Engine speeds are given as a ratio to it, in the same process and within seconds, so that a slow or busy machine
 * cancels out.
 */

const NODES = 64
const PACKET_WORDS = 8
const RECORD_WORDS = 8
const RING = 1 << 16
const SLOTS = 1024

/** Runs `hops` hops of `packets` packets around a ring of routers; answers hops per second of wall time. */
export function packedHopsPerSecond(hops: number, packets: number): number {
  const packet = new Int32Array(packets * PACKET_WORDS)
  const next = new Int32Array(packets)
  const head = new Int32Array(SLOTS).fill(-1)
  const tail = new Int32Array(SLOTS).fill(-1)
  const fib = new Int32Array(NODES * 256)
  const links = new Int32Array(NODES * 4)
  const ring = new Int32Array(RING * RECORD_WORDS)
  for (let node = 0; node < NODES; node++)
    for (let i = 0; i < 256; i++) fib[node * 256 + i] = (node + 1) % NODES
  for (let i = 0; i < packets; i++) {
    const p = i * PACKET_WORDS
    packet[p] = i % NODES
    packet[p + 1] = 0x0a000000 | (i & 255)
    packet[p + 2] = 64
    put(head, tail, next, i % SLOTS, i)
  }
  const start = process.hrtime.bigint()
  let slot = 0
  for (let n = 0; n < hops; n++) {
    while (head[slot] === -1) slot = (slot + 1) & (SLOTS - 1)
    const i = head[slot]!
    head[slot] = next[i]!
    if (head[slot] === -1) tail[slot] = -1
    const p = i * PACKET_WORDS
    const node = packet[p]!
    const to = fib[node * 256 + (packet[p + 1]! & 255)]!
    links[node * 4] = links[node * 4]! + 1
    links[node * 4 + 1] = links[node * 4 + 1]! + 98
    packet[p + 2] = packet[p + 2] === 1 ? 64 : packet[p + 2]! - 1
    packet[p] = to
    for (let step = 0; step < 4; step++) {
      const r = ((n * 4 + step) & (RING - 1)) * RECORD_WORDS
      ring[r] = n
      ring[r + 1] = slot
      ring[r + 2] = 0
      ring[r + 3] = node
      ring[r + 4] = i
      ring[r + 5] = i
      ring[r + 6] = step
      ring[r + 7] = to
    }
    put(head, tail, next, (slot + 10) & (SLOTS - 1), i)
  }
  return hops / (Number(process.hrtime.bigint() - start) / 1e9)
}

function put(head: Int32Array, tail: Int32Array, next: Int32Array, slot: number, i: number): void {
  next[i] = -1
  if (tail[slot] === -1) head[slot] = i
  else next[tail[slot]!] = i
  tail[slot] = i
}

interface HeapEvent {
  at: number
  seq: number
  kind: number
  target: number
  ref: unknown
}

/** The queue that one writes first: a binary heap of event objects with a comparator. */
export function objectHeapHolds(pending: number, holds: number, delay: () => number): number {
  const heap: HeapEvent[] = []
  const before = (a: HeapEvent, b: HeapEvent): boolean => a.at < b.at || (a.at === b.at && a.seq < b.seq)
  let seq = 0
  for (let i = 0; i < pending; i++)
    pushHeap(heap, { at: delay(), seq: seq++, kind: 1, target: i, ref: null }, before)
  const start = process.hrtime.bigint()
  for (let i = 0; i < holds; i++) {
    const event = popHeap(heap, before)
    pushHeap(heap, { at: event.at + delay(), seq: seq++, kind: 1, target: event.target, ref: null }, before)
  }
  return holds / (Number(process.hrtime.bigint() - start) / 1e9)
}

type Before = (a: HeapEvent, b: HeapEvent) => boolean

function pushHeap(heap: HeapEvent[], event: HeapEvent, before: Before): void {
  let i = heap.length
  heap.push(event)
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (!before(event, heap[parent]!)) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = event
}

function popHeap(heap: HeapEvent[], before: Before): HeapEvent {
  const top = heap[0]!
  const last = heap.pop()!
  const size = heap.length
  let i = 0
  while (size > 0) {
    let child = 2 * i + 1
    if (child >= size) break
    if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[i] = heap[child]!
    i = child
  }
  if (size > 0) heap[i] = last
  return top
}
