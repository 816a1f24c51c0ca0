/** Figures and how they are printed: always a value, the reference of the same run, and the ratio. */

export interface Row {
  name: string
  value: number
  unit: string
  /** The reference's value in the same unit; 0 where the row is a plain figure. */
  reference: number
  /** What the reference is. */
  against: string
  /** The ratio (or figure) that we aim for, '' for none. */
  aim: string
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

export function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)} k`
  return value >= 10 ? value.toFixed(0) : value.toFixed(3)
}

export function rowText(row: Row): string {
  const aim = row.aim === '' ? '' : `   (aim ${row.aim})`
  if (row.reference === 0) return `  ${row.name}: ${short(row.value)} ${row.unit}${aim}`
  const ratio = row.value / row.reference
  const text = ratio < 0.01 ? `1/${Math.round(1 / ratio)}` : ratio.toFixed(2)
  return `  ${row.name}: ${short(row.value)} ${row.unit}; ${row.against} ${short(row.reference)}; ratio ${text}${aim}`
}
