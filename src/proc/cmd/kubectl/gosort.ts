/**
 * Go's sort.Sort, whose order of equal elements shows: kubectl sorts events and --sort-by with it.
 * Models pattern-defeating quicksort as in Go 1.23's package sort (zsortinterface.go).
 */

interface Sorting {
  readonly less: (i: number, j: number) => boolean
  readonly swap: (i: number, j: number) => void
}

type Hint = 'unknown' | 'increasing' | 'decreasing'

const INSERTION_MAX = 12
const NINTHER_MIN = 50

/** Sorts in place. `less` compares elements. */
export function goSort<T>(list: T[], less: (a: T, b: T) => boolean): void {
  const sorting: Sorting = {
    less: (i, j) => less(list[i]!, list[j]!),
    swap: (i, j) => {
      const kept = list[i]!
      list[i] = list[j]!
      list[j] = kept
    },
  }
  const n = list.length
  pdqsort(sorting, 0, n, bitsLen(n))
}

/** Text with numbers in it by their values: github.com/fvbommel/sortorder's NaturalLess. */
export function naturalLess(a: string, b: string): boolean {
  const [one, two] = [a.match(/\d+|\D/g) ?? [], b.match(/\d+|\D/g) ?? []]
  for (let i = 0; i < one.length && i < two.length; i++) {
    const [x, y] = [one[i]!, two[i]!]
    if (x === y) continue
    if (!/\d/.test(x) || !/\d/.test(y)) return x < y
    const [plainX, plainY] = [x.replace(/^0+/, ''), y.replace(/^0+/, '')]
    if (plainX.length !== plainY.length) return plainX.length < plainY.length
    if (plainX !== plainY) return plainX < plainY
    return x.length < y.length
  }
  return one.length < two.length
}

function bitsLen(n: number): number {
  return n === 0 ? 0 : 32 - Math.clz32(n)
}

function insertionSort({ less, swap }: Sorting, a: number, b: number): void {
  for (let i = a + 1; i < b; i++) for (let j = i; j > a && less(j, j - 1); j--) swap(j, j - 1)
}

function siftDown({ less, swap }: Sorting, lo: number, hi: number, first: number): void {
  let root = lo
  for (;;) {
    let child = 2 * root + 1
    if (child >= hi) return
    if (child + 1 < hi && less(first + child, first + child + 1)) child++
    if (!less(first + root, first + child)) return
    swap(first + root, first + child)
    root = child
  }
}

function heapSort(sorting: Sorting, a: number, b: number): void {
  const hi = b - a
  for (let i = (hi - 1) >> 1; i >= 0; i--) siftDown(sorting, i, hi, a)
  for (let i = hi - 1; i >= 0; i--) {
    sorting.swap(a, a + i)
    siftDown(sorting, 0, i, a)
  }
}

function pdqsort(sorting: Sorting, from: number, to: number, limitAtFirst: number): void {
  let [a, b, limit] = [from, to, limitAtFirst]
  let [balanced, partitioned] = [true, true]
  for (;;) {
    const length = b - a
    if (length <= INSERTION_MAX) {
      insertionSort(sorting, a, b)
      return
    }
    if (limit === 0) {
      heapSort(sorting, a, b)
      return
    }
    if (!balanced) {
      breakPatterns(sorting, a, b)
      limit--
    }
    let { pivot, hint } = choosePivot(sorting, a, b)
    if (hint === 'decreasing') {
      for (let [i, j] = [a, b - 1]; i < j; i++, j--) sorting.swap(i, j)
      pivot = b - 1 - (pivot - a)
      hint = 'increasing'
    }
    if (balanced && partitioned && hint === 'increasing' && partialInsertionSort(sorting, a, b)) return
    if (a > 0 && !sorting.less(a - 1, pivot)) {
      a = partitionEqual(sorting, a, b, pivot)
      continue
    }
    const { mid, already } = partition(sorting, a, b, pivot)
    partitioned = already
    const [left, right] = [mid - a, b - mid]
    const threshold = length >> 3
    if (left < right) {
      balanced = left >= threshold
      pdqsort(sorting, a, mid, limit)
      a = mid + 1
    } else {
      balanced = right >= threshold
      pdqsort(sorting, mid + 1, b, limit)
      b = mid
    }
  }
}

function partition({ less, swap }: Sorting, a: number, b: number, pivot: number) {
  swap(a, pivot)
  let [i, j] = [a + 1, b - 1]
  while (i <= j && less(i, a)) i++
  while (i <= j && !less(j, a)) j--
  if (i > j) {
    swap(j, a)
    return { mid: j, already: true }
  }
  swap(i++, j--)
  for (;;) {
    while (i <= j && less(i, a)) i++
    while (i <= j && !less(j, a)) j--
    if (i > j) break
    swap(i++, j--)
  }
  swap(j, a)
  return { mid: j, already: false }
}

function partitionEqual({ less, swap }: Sorting, a: number, b: number, pivot: number): number {
  swap(a, pivot)
  let [i, j] = [a + 1, b - 1]
  for (;;) {
    while (i <= j && !less(a, i)) i++
    while (i <= j && less(a, j)) j--
    if (i > j) return i
    swap(i++, j--)
  }
}

function partialInsertionSort({ less, swap }: Sorting, a: number, b: number): boolean {
  const [steps, shortest] = [5, 50]
  let i = a + 1
  for (let step = 0; step < steps; step++) {
    while (i < b && !less(i, i - 1)) i++
    if (i === b) return true
    if (b - a < shortest) return false
    swap(i, i - 1)
    if (i - a >= 2) {
      for (let j = i - 1; j >= 1; j--) {
        if (!less(j, j - 1)) break
        swap(j, j - 1)
      }
    }
    if (b - i >= 2) {
      for (let j = i + 1; j < b; j++) {
        if (!less(j, j - 1)) break
        swap(j, j - 1)
      }
    }
  }
  return false
}

/** Scatters some elements; the xorshift generator begins with the length, so it is the same each time. */
function breakPatterns({ swap }: Sorting, a: number, b: number): void {
  const length = b - a
  if (length < 8) return
  let random = BigInt(length)
  const next = () => {
    random ^= BigInt.asUintN(64, random << 13n)
    random ^= random >> 17n
    random = BigInt.asUintN(64, random ^ (random << 5n))
    return random
  }
  const modulus = 1 << bitsLen(length)
  const at = a + (length >> 2) * 2 - 1
  for (let i = 0; i < 3; i++) {
    let other = Number(BigInt.asUintN(32, next())) & (modulus - 1)
    if (other >= length) other -= length
    swap(at + i, a + other)
  }
}

function choosePivot(sorting: Sorting, a: number, b: number): { pivot: number; hint: Hint } {
  const length = b - a
  const quarter = length >> 2
  const swaps = { n: 0 }
  let [i, j, k] = [a + quarter, a + quarter * 2, a + quarter * 3]
  if (length >= 8) {
    if (length >= NINTHER_MIN) {
      i = median(sorting, i - 1, i, i + 1, swaps)
      j = median(sorting, j - 1, j, j + 1, swaps)
      k = median(sorting, k - 1, k, k + 1, swaps)
    }
    j = median(sorting, i, j, k, swaps)
  }
  if (swaps.n === 0) return { pivot: j, hint: 'increasing' }
  return { pivot: j, hint: swaps.n === 12 ? 'decreasing' : 'unknown' }
}

function median({ less }: Sorting, first: number, second: number, third: number, swaps: { n: number }) {
  let [a, b, c] = [first, second, third]
  const order = (x: number, y: number): [number, number] => {
    if (!less(y, x)) return [x, y]
    swaps.n++
    return [y, x]
  }
  ;[a, b] = order(a, b)
  ;[b, c] = order(b, c)
  ;[a, b] = order(a, b)
  return b
}
