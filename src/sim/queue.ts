// The event queue: a hierarchical timing wheel (Varghese and Lauck) over typed arrays, in exact (at, seq) order.
// Five levels of 1,024 slots; a slot of level 0 is 1,024 ns wide. The slot that time has reached is sorted into
// `run`; events pushed before the end of that slot go to `heap` (a 4-ary heap, so a burst cannot make it slow).
import { assert } from '../base/assert.ts'
import { clonePlain } from '../base/clone.ts'

/** `at` is in integer ns up to 2^53, `kind` and `target` are 32-bit integers, `arg` any number, `ref` plain data. */
export interface SimEvent {
  at: number
  seq: number
  kind: number
  target: number
  arg: number
  ref: unknown
}

/** Opaque: use the functions of this file. Plain data, but copy it with cloneQueue (two views share one buffer). */
export interface Queue {
  size: number
  /** start of the slot that `run` was taken from, split at bit 30, and the end of that slot */
  curHigh: number
  curLow: number
  limit: number
  /** node i: doubles 4i = at, 4i+1 = seq, 4i+2 = arg; integers 8i+6 = kind, 8i+7 = target */
  doubles: Float64Array
  ints: Int32Array
  next: Int32Array
  refs: unknown[]
  free: number
  used: number
  /** slots are circular lists known by their last node + 1; 0 is empty */
  tails: Int32Array
  slotMin: Float64Array
  bits: Int32Array
  summary: Int32Array
  levels: number
  run: Int32Array
  runHead: number
  runEnd: number
  heap: Int32Array
  heapEnd: number
  /** Room for sorting; its contents mean nothing. */
  keys: Int32Array
  places: Int32Array
  spare: Int32Array
}

const SLOT_NS = 1024
const HIGH = 1 / 0x40000000
const SLOTS = 1024
const LEVELS = 5
const SORT_BLOCK = 16
/** Runs of fewer nodes are sorted by comparing. */
const COUNT_FROM = 64
const MIN_CAPACITY = 64
const NONE = -1
const NOTHING = new Int32Array(0)

export function createQueue(): Queue {
  return emptyQueue(MIN_CAPACITY)
}

/** Adds an event. `at` may lie anywhere, also before events already popped. */
export function pushEvent(
  q: Queue,
  at: number,
  seq: number,
  kind: number,
  target: number,
  arg: number,
  ref: unknown,
): void {
  let node = q.free
  if (node !== NONE) q.free = q.next[node]
  else {
    if (q.used === q.next.length) growNodes(q)
    node = q.used++
  }
  const d = node * 4
  q.doubles[d] = at
  q.doubles[d + 1] = seq
  q.doubles[d + 2] = arg
  q.ints[d * 2 + 6] = kind
  q.ints[d * 2 + 7] = target
  q.refs[node] = ref
  q.size++
  if (at < q.limit) pushHeap(q, node)
  else link(q, node, at)
}

/** Takes the first event by (at, seq) into `out`; false when there is none. */
export function popEvent(q: Queue, out: SimEvent): boolean {
  if (q.size === 0) return false
  if (q.runHead === q.runEnd && q.heapEnd === 0) loadSlot(q)
  let node: number
  if (q.heapEnd === 0) node = q.run[q.runHead++]
  else if (q.runHead === q.runEnd || before(q.doubles, q.heap[0], q.run[q.runHead])) node = popHeap(q)
  else node = q.run[q.runHead++]
  const d = node * 4
  out.at = q.doubles[d]
  out.seq = q.doubles[d + 1]
  out.arg = q.doubles[d + 2]
  out.kind = q.ints[d * 2 + 6]
  out.target = q.ints[d * 2 + 7]
  out.ref = q.refs[node]
  q.refs[node] = undefined
  q.next[node] = q.free
  q.free = node
  q.size--
  return true
}

/** The time of the first event in ns; Infinity when there is none. */
export function peekAt(q: Queue): number {
  if (q.runHead === q.runEnd && q.heapEnd === 0) {
    return q.levels === 0 ? Number.POSITIVE_INFINITY : q.slotMin[firstSlot(q)]
  }
  const inRun = q.runHead === q.runEnd ? Number.POSITIVE_INFINITY : q.doubles[q.run[q.runHead] * 4]
  const inHeap = q.heapEnd === 0 ? Number.POSITIVE_INFINITY : q.doubles[q.heap[0] * 4]
  return Math.min(inRun, inHeap)
}

export function queueSize(q: Queue): number {
  return q.size
}

/** An independent copy, no larger than what is pending; `ref`s are copied as one value by clonePlain. */
export function cloneQueue(q: Queue): Queue {
  let capacity = MIN_CAPACITY
  while (capacity < q.size) capacity *= 2
  const copy = emptyQueue(capacity)
  copy.size = q.size
  copy.curHigh = q.curHigh
  copy.curLow = q.curLow
  copy.limit = q.limit
  copy.slotMin.set(q.slotMin)
  copy.bits.set(q.bits)
  copy.summary.set(q.summary)
  copy.levels = q.levels
  const refs: unknown[] = []
  copy.run = new Int32Array(Math.max(MIN_CAPACITY, q.runEnd - q.runHead))
  for (let i = q.runHead; i < q.runEnd; i++) copy.run[copy.runEnd++] = copyNode(q, q.run[i], copy, refs)
  copy.heap = new Int32Array(Math.max(MIN_CAPACITY, q.heapEnd))
  for (let i = 0; i < q.heapEnd; i++) copy.heap[copy.heapEnd++] = copyNode(q, q.heap[i], copy, refs)
  for (let slot = 0; slot < q.tails.length; slot++) {
    const tail = q.tails[slot] - 1
    if (tail === NONE) continue
    const first = copy.used
    let node = tail
    do {
      node = q.next[node]
      const to = copyNode(q, node, copy, refs)
      copy.next[to] = to + 1
    } while (node !== tail)
    copy.next[copy.used - 1] = first
    copy.tails[slot] = copy.used
  }
  copy.refs = clonePlain(refs)
  return copy
}

/** Calls `fn` with a fresh record for every pending event, in (at, seq) order. `ref` is the live one. */
export function forEachEvent(q: Queue, fn: (event: SimEvent) => void): void {
  const nodes = new Int32Array(q.size)
  let n = 0
  for (let i = q.runHead; i < q.runEnd; i++) nodes[n++] = q.run[i]
  for (let i = 0; i < q.heapEnd; i++) nodes[n++] = q.heap[i]
  for (const last of q.tails) {
    if (last === 0) continue
    let node = last - 1
    do {
      node = q.next[node]
      nodes[n++] = node
    } while (node !== last - 1)
  }
  assert(n === q.size, 'queue: the slots do not hold what was pushed')
  sortNodes(q, nodes)
  for (const node of nodes) {
    const d = node * 4
    fn({
      at: q.doubles[d],
      seq: q.doubles[d + 1],
      kind: q.ints[d * 2 + 6],
      target: q.ints[d * 2 + 7],
      arg: q.doubles[d + 2],
      ref: q.refs[node],
    })
  }
}

function emptyQueue(capacity: number): Queue {
  const doubles = new Float64Array(capacity * 4)
  return {
    size: 0,
    curHigh: 0,
    curLow: 0,
    limit: SLOT_NS,
    doubles,
    ints: new Int32Array(doubles.buffer),
    next: new Int32Array(capacity),
    refs: [],
    free: NONE,
    used: 0,
    tails: new Int32Array(SLOTS * LEVELS),
    slotMin: new Float64Array(SLOTS * LEVELS),
    bits: new Int32Array((SLOTS / 32) * LEVELS),
    summary: new Int32Array(LEVELS),
    levels: 0,
    run: new Int32Array(MIN_CAPACITY),
    runHead: 0,
    runEnd: 0,
    heap: new Int32Array(MIN_CAPACITY),
    heapEnd: 0,
    keys: NOTHING,
    places: NOTHING,
    spare: NOTHING,
  }
}

function growNodes(q: Queue): void {
  const doubles = new Float64Array(q.doubles.length * 2)
  doubles.set(q.doubles)
  q.doubles = doubles
  q.ints = new Int32Array(doubles.buffer)
  q.next = grown(q.next, q.next.length * 2)
}

function grown(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length)
  larger.set(array)
  return larger
}

function copyNode(q: Queue, node: number, copy: Queue, refs: unknown[]): number {
  const to = copy.used++
  for (let i = 0; i < 4; i++) copy.doubles[to * 4 + i] = q.doubles[node * 4 + i]
  copy.ints[to * 8 + 6] = q.ints[node * 8 + 6]
  copy.ints[to * 8 + 7] = q.ints[node * 8 + 7]
  refs.push(q.refs[node])
  return to
}

/** Puts a node at the end of the slot for its time, which is not before the current slot. */
function link(q: Queue, node: number, at: number): void {
  const high = (at * HIGH) | 0
  const low = (at - high * 0x40000000) | 0
  const apart = high ^ q.curHigh
  let slot: number
  if (apart === 0) {
    slot = (low ^ q.curLow) >>> 20 === 0 ? (low >>> 10) & 1023 : SLOTS + (low >>> 20)
  } else if (apart < 1024) slot = 2 * SLOTS + (high & 1023)
  else if (apart < 0x100000) slot = 3 * SLOTS + ((high >>> 10) & 1023)
  else slot = 4 * SLOTS + (high >>> 20)
  const last = q.tails[slot] - 1
  q.tails[slot] = node + 1
  if (last === NONE) {
    q.next[node] = node
    q.slotMin[slot] = at
    const word = slot >>> 5
    q.bits[word] |= 1 << (slot & 31)
    q.summary[word >>> 5] |= 1 << (word & 31)
    q.levels |= 1 << (slot >>> 10)
    return
  }
  q.next[node] = q.next[last]
  q.next[last] = node
  if (at < q.slotMin[slot]) q.slotMin[slot] = at
}

/** The first occupied slot: lower levels come before higher ones. */
function firstSlot(q: Queue): number {
  const level = lowestBit(q.levels)
  const word = level * 32 + lowestBit(q.summary[level])
  return word * 32 + lowestBit(q.bits[word])
}

function lowestBit(x: number): number {
  return 31 - Math.clz32(x & -x)
}

/** Moves time to the first pending event: what shares its 1,024 ns goes to `run`, the rest of its slot down. */
function loadSlot(q: Queue): void {
  const slot = firstSlot(q)
  const last = q.tails[slot] - 1
  const min = q.slotMin[slot]
  q.tails[slot] = 0
  const word = slot >>> 5
  q.bits[word] &= ~(1 << (slot & 31))
  if (q.bits[word] === 0) {
    const level = slot >>> 10
    q.summary[level] &= ~(1 << (word & 31))
    if (q.summary[level] === 0) q.levels &= ~(1 << level)
  }
  q.curHigh = (min * HIGH) | 0
  q.curLow = (min - q.curHigh * 0x40000000) & ~1023
  q.limit = q.curHigh * 0x40000000 + q.curLow + SLOT_NS
  q.runHead = 0
  q.runEnd = 0
  let node = q.next[last]
  if (node === last) {
    q.run[q.runEnd++] = last
    return
  }
  const { doubles, next, limit } = q
  let { run } = q
  let n = 0
  let sorted = true
  let rising = true
  let lastAt = Number.NEGATIVE_INFINITY
  let lastSeq = Number.NEGATIVE_INFINITY
  for (;;) {
    const following = next[node]
    const at = doubles[node * 4]
    if (at < limit) {
      const seq = doubles[node * 4 + 1]
      if (at < lastAt || (at === lastAt && seq < lastSeq)) sorted = false
      if (seq < lastSeq) rising = false
      lastAt = at
      lastSeq = seq
      if (n === run.length) {
        run = grown(run, n * 2)
        q.run = run
      }
      run[n++] = node
    } else link(q, node, at)
    if (node === last) break
    node = following
  }
  q.runEnd = n
  if (sorted) return
  if (rising && n >= COUNT_FROM) countNodes(q, n)
  else sortNodes(q, run.subarray(0, n))
}

/** Sorts a long run whose nodes came in order of seq: by counting how many there are at each of the slot's times. */
function countNodes(q: Queue, n: number): void {
  const { doubles, run } = q
  const first = q.limit - SLOT_NS
  if (q.spare.length < n) {
    q.spare = new Int32Array(run.length)
    q.keys = new Int32Array(run.length)
  }
  if (q.places.length === 0) q.places = new Int32Array(SLOT_NS + 1)
  else q.places.fill(0)
  const { keys, places, spare } = q
  for (let i = 0; i < n; i++) {
    const key = doubles[run[i] * 4] - first
    keys[i] = key
    places[key + 1]++
  }
  for (let i = 1; i < SLOT_NS; i++) places[i] += places[i - 1]
  for (let i = 0; i < n; i++) spare[places[keys[i]]++] = run[i]
  q.run = spare
  q.spare = run
}

/** Merge sort of node numbers by (at, seq): insertion sort of short blocks, then merging them pairwise. */
function sortNodes(q: Queue, nodes: Int32Array): void {
  const { doubles } = q
  const n = nodes.length
  for (let start = 0; start < n; start += SORT_BLOCK) {
    const end = Math.min(start + SORT_BLOCK, n)
    for (let i = start + 1; i < end; i++) {
      const node = nodes[i]
      let j = i - 1
      while (j >= start && before(doubles, node, nodes[j])) {
        nodes[j + 1] = nodes[j]
        j--
      }
      nodes[j + 1] = node
    }
  }
  if (n <= SORT_BLOCK) return
  let from = nodes
  let to: Int32Array = new Int32Array(n)
  for (let width = SORT_BLOCK; width < n; width *= 2) {
    for (let start = 0; start < n; start += width * 2) merge(doubles, from, to, start, width)
    const done = to
    to = from
    from = done
  }
  if (from !== nodes) nodes.set(from)
}

function merge(doubles: Float64Array, from: Int32Array, to: Int32Array, start: number, width: number): void {
  const middle = Math.min(start + width, from.length)
  const end = Math.min(start + width * 2, from.length)
  let left = start
  let right = middle
  for (let i = start; i < end; i++) {
    const takeLeft = left < middle && (right === end || !before(doubles, from[right], from[left]))
    to[i] = takeLeft ? from[left++] : from[right++]
  }
}

function before(doubles: Float64Array, a: number, b: number): boolean {
  const x = doubles[a * 4]
  const y = doubles[b * 4]
  return x < y || (x === y && doubles[a * 4 + 1] < doubles[b * 4 + 1])
}

function pushHeap(q: Queue, node: number): void {
  if (q.heapEnd === q.heap.length) q.heap = grown(q.heap, q.heapEnd * 2)
  const { heap, doubles } = q
  let i = q.heapEnd++
  while (i > 0) {
    const parent = (i - 1) >>> 2
    if (!before(doubles, node, heap[parent])) break
    heap[i] = heap[parent]
    i = parent
  }
  heap[i] = node
}

function popHeap(q: Queue): number {
  const { heap, doubles } = q
  const top = heap[0]
  const end = --q.heapEnd
  const node = heap[end]
  let i = 0
  for (;;) {
    let child = i * 4 + 1
    if (child >= end) break
    const stop = Math.min(child + 4, end)
    for (let k = child + 1; k < stop; k++) if (before(doubles, heap[k], heap[child])) child = k
    if (!before(doubles, heap[child], node)) break
    heap[i] = heap[child]
    i = child
  }
  heap[i] = node
  return top
}
