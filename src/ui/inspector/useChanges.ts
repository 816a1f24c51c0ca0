/** Which rows of a subject's tables differ from the moment shown before. */
import { useMemo, useRef } from 'react'
import type { Inspection, TableView } from '../../view/types.ts'

/** Keys of changed and new rows by table; the same while the shown moment stays the same. */
export function useChanges(inspection: Inspection | null): Map<string, ReadonlySet<string>> {
  const before = useRef<Inspection | null>(null)
  const known = useRef<{ event: number; changes: Map<string, ReadonlySet<string>> }>({
    event: -1,
    changes: new Map(),
  })
  return useMemo(() => {
    if (!inspection) return new Map()
    const last = before.current
    before.current = inspection
    if (last && last.subject === inspection.subject && last.event !== inspection.event) {
      known.current = { event: inspection.event, changes: changesBetween(last, inspection) }
    } else if (known.current.event !== inspection.event)
      known.current = { event: inspection.event, changes: new Map() }
    return known.current.changes
  }, [inspection])
}

/** Names a row: its reference, else its text. */
export function rowKey(row: TableView['rows'][number]): string {
  return row.ref || row.cells.join('\t')
}

/** A row's cells without those that change by themselves as time passes. */
export function stillCells(table: TableView, row: TableView['rows'][number]): string[] {
  return row.cells.filter((_, i) => !counts(table, i))
}

/** New, or other than before; a timeout that counts down (or up, as time runs back) is no change. */
function differs(
  table: TableView,
  before: TableView['rows'][number] | undefined,
  row: TableView['rows'][number],
): boolean {
  if (before === undefined) return true
  return stillCells(table, before).join('\t') !== stillCells(table, row).join('\t')
}

function counts(table: TableView, column: number): boolean {
  return table.id === 'conntrack' && table.columns[column] === 'seconds'
}

export function changesBetween(before: Inspection, after: Inspection): Map<string, ReadonlySet<string>> {
  const changes = new Map<string, ReadonlySet<string>>()
  for (const table of after.tables) {
    const old = before.tables.find((one) => one.id === table.id)
    if (!old) continue
    const rows = new Map(old.rows.map((row) => [rowKey(row), row]))
    const changed = table.rows.filter((row) => differs(table, rows.get(rowKey(row)), row)).map(rowKey)
    if (changed.length > 0) changes.set(table.id, new Set(changed))
  }
  return changes
}
