/** Letters of Chinese take two columns. */
function columnsOf(text: string): number {
  let n = 0
  for (const letter of text) n += letter > '\u2e80' ? 2 : 1
  return n
}

/**
 * What fits into `columns`: how it began and how it ended, the middle left out. How a packet ended is what
 * matters most. Every step is read in the panels.
 */
export function shortened(parts: string[], columns: number): string[] {
  const width = (some: string[]) => some.reduce((sum, part) => sum + columnsOf(part) + 2, 0)
  if (parts.length < 3 || width(parts) <= columns) return parts
  const [first, last] = [parts[0]!, parts.at(-1)!]
  const kept = [last]
  let i = parts.length - 2
  while (i > 0 && width([first, '…', parts[i]!, ...kept]) <= columns) {
    kept.unshift(parts[i]!)
    i--
  }
  return width([first, '…', ...kept]) <= columns ? [first, '…', ...kept] : ['…', ...kept]
}
