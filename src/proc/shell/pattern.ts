/** Shell patterns (`*`, `?`, `[…]`, a backslash takes the next character literally). Models POSIX.1-2024 2.14. */

/** Whether the whole of `text` matches. Linear in text times pattern: no pattern can be slow. */
export function matchPattern(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let star = -1
  let mark = 0
  while (t < text.length) {
    const next = p < pattern.length ? matchOne(pattern, p, text[t]!) : 0
    if (pattern[p] === '*') {
      star = p++
      mark = t
    } else if (next > 0) {
      p = next
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++mark
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Whether there is an active `*`, `?` or `[` in it. */
export function isPattern(pattern: string): boolean {
  return /(^|[^\\])(\\\\)*[*?[]/.test(pattern)
}

/** The pattern that matches `text` alone. */
export function quotePattern(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}

/** Index after the pattern element at `p` where it matches `c`, else 0. */
function matchOne(pattern: string, p: number, c: string): number {
  const e = pattern[p]
  if (e === '?') return p + 1
  if (e === '\\' && p + 1 < pattern.length) return pattern[p + 1] === c ? p + 2 : 0
  if (e === '[') {
    const end = pattern.indexOf(']', pattern[p + 1] === '!' || pattern[p + 1] === '^' ? p + 3 : p + 2)
    if (end > 0) return inSet(pattern.slice(p + 1, end), c) ? end + 1 : 0
  }
  return e === c ? p + 1 : 0
}

function inSet(set: string, c: string): boolean {
  const not = set[0] === '!' || set[0] === '^'
  let found = false
  for (let i = not ? 1 : 0; i < set.length; i++) {
    if (set[i] === '\\' && i + 1 < set.length) i++
    if (set[i + 1] === '-' && i + 2 < set.length) {
      if (set[i]! <= c && c <= set[i + 2]!) found = true
      i += 2
    } else if (set[i] === c) found = true
  }
  return found !== not
}
