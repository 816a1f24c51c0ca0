/** Letters of Chinese take two columns. */
function columnsOf(text: string): number {
  let n = 0
  for (const letter of text) n += letter > '\u2e80' ? 2 : 1
  return n
}

/**
 * What fits into `columns`: how it ended, which matters most, then what is in `telling`, how it began, and the other
 * steps from the end on. '…' stands for what is left out. Every step is read in the panels.
 */
export function shortened(parts: string[], columns: number, telling: readonly number[] = []): string[] {
  const width = (some: string[]) => some.reduce((sum, part) => sum + columnsOf(part) + 2, 0)
  if (parts.length < 3 || width(parts) <= columns) return parts
  const kept = new Set([parts.length - 1])
  const keep = (i: number) => {
    kept.add(i)
    if (width(withGaps(parts, kept)) > columns) kept.delete(i)
    return kept.has(i)
  }
  for (const i of telling) keep(i)
  keep(0)
  for (let i = parts.length - 2; i > 0 && keep(i); i--);
  return withGaps(parts, kept)
}

function withGaps(parts: string[], kept: ReadonlySet<number>): string[] {
  return parts.flatMap((part, i) => {
    if (kept.has(i)) return [part]
    return i === 0 || kept.has(i - 1) ? ['…'] : []
  })
}
