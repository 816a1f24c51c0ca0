/** What differs between two texts: for the smallest edit of a model, and for the lines that are marked. */

export interface Splice {
  /** Character positions in the old text. */
  from: number
  to: number
  text: string
}

/** The one replacement that makes `after` of `before`; null where they are equal. */
export function spliceOf(before: string, after: string): Splice | null {
  if (before === after) return null
  const most = Math.min(before.length, after.length)
  let head = 0
  while (head < most && before[head] === after[head]) head++
  let tail = 0
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  return { from: head, to: before.length - tail, text: after.slice(head, after.length - tail) }
}

export interface LineDiff {
  /** Line numbers (from 1) of the new text that are not in the old one. */
  added: number[]
  removed: number
}

/** Above this many lines in the differing part, lines are told apart by their text alone. */
const MAX_EXACT = 1500

export function lineDiff(before: string, after: string): LineDiff {
  const a = before.split('\n')
  const b = after.split('\n')
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++
  const old = a.slice(head, a.length - tail)
  const fresh = b.slice(head, b.length - tail)
  const kept = old.length * fresh.length > MAX_EXACT ** 2 ? sameTexts(old, fresh) : commonLines(old, fresh)
  const added = fresh.map((_, i) => i).filter((i) => !kept.has(i))
  return { added: added.map((i) => i + head + 1), removed: old.length - kept.size }
}

/** Indexes in `b` of a longest common subsequence. */
function commonLines(a: string[], b: string[]): Set<number> {
  const width = b.length + 1
  const table = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let k = b.length - 1; k >= 0; k--) {
      table[i * width + k] =
        a[i] === b[k]
          ? table[(i + 1) * width + k + 1]! + 1
          : Math.max(table[(i + 1) * width + k]!, table[i * width + k + 1]!)
    }
  }
  const kept = new Set<number>()
  let i = 0
  let k = 0
  while (i < a.length && k < b.length) {
    if (a[i] === b[k]) {
      kept.add(k)
      i++
      k++
    } else if (table[(i + 1) * width + k]! >= table[i * width + k + 1]!) i++
    else k++
  }
  return kept
}

function sameTexts(a: string[], b: string[]): Set<number> {
  const left = new Map<string, number>()
  for (const text of a) left.set(text, (left.get(text) ?? 0) + 1)
  const kept = new Set<number>()
  b.forEach((text, i) => {
    const n = left.get(text) ?? 0
    if (n === 0) return
    left.set(text, n - 1)
    kept.add(i)
  })
  return kept
}
