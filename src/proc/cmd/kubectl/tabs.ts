/** Columns as Go's text/tabwriter aligns them. */

/**
 * Text whose cells end in tabs, aligned. A column is a run of lines that have a cell there; the last cell of a line is
 * no part of one. `remembered` keeps the widest seen from one call to the next.
 */
export function alignTabs(text: string, minWidth: number, padding: number, remembered?: number[]): string {
  const lines = text.split('\n').map((line) => line.split('\t'))
  const result: string[] = []
  const widths: number[] = []
  const write = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      result[i] = lines[i]!.map((cell, j) => (j < widths.length ? pad(cell, widths[j]!) : cell)).join('')
    }
  }
  const format = (from: number, to: number) => {
    const column = widths.length
    let start = from
    for (let i = from; i < to; i++) {
      if (column >= lines[i]!.length - 1) continue
      write(start, i)
      start = i
      let width = Math.max(minWidth, remembered?.[column] ?? 0)
      for (; i < to && column < lines[i]!.length - 1; i++) {
        width = Math.max(width, length(lines[i]![column]!) + padding)
      }
      if (remembered !== undefined) remembered[column] = width
      widths.push(width)
      format(start, i)
      widths.pop()
      start = i
    }
    write(start, to)
  }
  format(0, lines.length)
  return result.join('\n')
}

/** The columns of `kubectl get`: three spaces between them. */
export function getColumns(rows: readonly (readonly string[])[], remembered?: number[]): string {
  return alignTabs(rows.map((row) => `${row.join('\t')}\n`).join(''), 6, 3, remembered)
}

/** The columns of `kubectl describe`. */
export function describeColumns(text: string): string {
  return alignTabs(text, 0, 2)
}

function length(text: string): number {
  return [...text].length
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - length(text)))
}
