/** Two texts compared by lines, as `diff -u -N` prints it. */

const CONTEXT = 3
const TABLE_MAX = 4_000_000

/** The unified difference with its heading, `stamp` for the files' times; '' for equal texts. */
export function unifiedDiff(
  from: string,
  to: string,
  before: string,
  after: string,
  stamp = '1970-01-01 00:00:00.000000000 +0000',
): string {
  if (before === after) return ''
  const a = linesOf(before)
  const b = linesOf(after)
  const script = editScript(a, b)
  const head = `diff -u -N ${from} ${to}\n--- ${from}\t${stamp}\n+++ ${to}\t${stamp}\n`
  return head + hunks(script)
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

interface Edit {
  mark: ' ' | '-' | '+'
  text: string
}

/** A longest common subsequence by table; texts that are too large for one are replaced as a whole. */
function editScript(a: readonly string[], b: readonly string[]): Edit[] {
  if (a.length * b.length > TABLE_MAX) {
    return [...a.map((text): Edit => ({ mark: '-', text })), ...b.map((text): Edit => ({ mark: '+', text }))]
  }
  const width = b.length + 1
  const table = new Int32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] =
        a[i] === b[j]
          ? table[(i + 1) * width + j + 1]! + 1
          : Math.max(table[(i + 1) * width + j]!, table[i * width + j + 1]!)
    }
  }
  const script: Edit[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      script.push({ mark: ' ', text: a[i]! })
      i++
      j++
    } else if (i < a.length && (j >= b.length || table[(i + 1) * width + j]! >= table[i * width + j + 1]!)) {
      script.push({ mark: '-', text: a[i++]! })
    } else script.push({ mark: '+', text: b[j++]! })
  }
  return script
}

function hunks(script: readonly Edit[]): string {
  const changed = script.flatMap(({ mark }, at) => (mark === ' ' ? [] : [at]))
  let result = ''
  let [oldLine, newLine, at] = [1, 1, 0]
  for (let c = 0; c < changed.length; ) {
    const from = Math.max(0, changed[c]! - CONTEXT)
    let last = changed[c]!
    while (c < changed.length && changed[c]! - last <= CONTEXT * 2 + 1) last = changed[c++]!
    const to = Math.min(script.length, last + CONTEXT + 1)
    for (; at < from; at++) {
      oldLine++
      newLine++
    }
    const part = script.slice(from, to)
    const olds = part.filter(({ mark }) => mark !== '+').length
    const news = part.filter(({ mark }) => mark !== '-').length
    result += `@@ -${range(oldLine, olds)} +${range(newLine, news)} @@\n`
    result += part.map(({ mark, text }) => `${mark}${text}\n`).join('')
    oldLine += olds
    newLine += news
    at = to
  }
  return result
}

function range(from: number, count: number): string {
  if (count === 0) return `${from - 1},0`
  return count === 1 ? String(from) : `${from},${count}`
}
