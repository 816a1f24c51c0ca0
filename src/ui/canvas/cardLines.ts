/** The lines of a station's card: rules with their counters as they are in the tables at the shown moment. */
import type { Inspection, StationId, StepView, TableView } from '../../view/types.ts'

export interface RuleLine {
  key: string
  ref: string
  /** `CHAIN 3`; the policy has no number. */
  place: string
  packets: string
  text: string
  /** The first match that failed. */
  why: string
  state: 'decides' | 'matched' | 'failed' | 'idle'
  /** Has a counter. */
  counted: boolean
}

const MAX_LINES = 40

/** What was asked at a step: every rule of the chains it went through, the deciding one marked. */
export function linesOf(inspection: Inspection, step: StepView): { lines: RuleLine[]; more: number } {
  if (step.rule === null) return routesOf(inspection, step)
  const { rule } = step
  const rows = inspection.tables.find((table) => table.id === rule.table)?.rows ?? []
  const asked = new Map(rule.asked.map((one) => [one.ref, one]))
  const chains = new Set([rule.hook, ...rule.asked.map((one) => one.chain)])
  const order = [...asked.keys()]
  const lines = rows
    .filter((row) => chains.has(row.cells[0] ?? ''))
    .map((row): RuleLine => {
      const seen = asked.get(row.ref)
      const decides = row.ref === rule.ref
      const state = decides ? 'decides' : !seen ? 'idle' : seen.why === '' ? 'matched' : 'failed'
      return lineOf(row, state, decides ? '' : (seen?.why ?? ''))
    })
  // In the order in which they were asked: a chain stands behind the rule that jumps there. The rest comes after.
  const place = ({ ref, state }: RuleLine) =>
    order.includes(ref) ? order.indexOf(ref) : state === 'decides' ? order.length : order.length + 1
  return around(
    lines
      .map((line) => [place(line), line] as const)
      .sort(([a], [b]) => a - b)
      .map(([, line]) => line),
  )
}

/** The tables that look at a station, chain by chain. */
export function chainsAt(inspection: Inspection, station: StationId): { lines: RuleLine[]; more: number } {
  const hook = station.replace('bridge-', '')
  if (hook === 'ROUTE' || hook === 'ROUTE_OUT') {
    const table = inspection.tables.find(({ id }) => id === 'route')
    return around((table?.rows ?? []).map((row) => routeLine(row, 'idle')))
  }
  const lines = inspection.tables.flatMap((table) =>
    table.columns[0] !== 'chain'
      ? []
      : table.rows
          .filter((row) => row.cells[0] === hook)
          .map((row) => ({ ...lineOf(row, 'idle', ''), place: `${table.id} ${row.cells[1] || '–'}` })),
  )
  return around(lines)
}

function routesOf(inspection: Inspection, step: StepView): { lines: RuleLine[]; more: number } {
  if (step.kind !== 'Route') return { lines: [], more: 0 }
  const won = inspection.tables
    .filter(({ id }) => id === 'route' || id === 'route6')
    .find((table) => table.rows.some((row) => row.ref === step.ref))
  if (!won) return { lines: [], more: 0 }
  return around(won.rows.map((row) => routeLine(row, row.ref === step.ref ? 'decides' : 'idle')))
}

function routeLine(row: TableView['rows'][number], state: RuleLine['state']): RuleLine {
  const [to = '', via = '', dev = ''] = row.cells
  const text = `${to}${via === '' ? '' : ` via ${via}`} dev ${dev}`
  return { key: row.ref, ref: row.ref, place: '', packets: '', text, why: '', state, counted: false }
}

function lineOf(row: TableView['rows'][number], state: RuleLine['state'], why: string): RuleLine {
  const [chain = '', number = '', packets = '', , text = ''] = row.cells
  return {
    key: row.ref,
    ref: row.ref,
    place: number === '' ? chain : `${chain} ${number}`,
    packets,
    text,
    why,
    state,
    counted: true,
  }
}

/** Long lists: the lines about the deciding one. */
function around(lines: RuleLine[]): { lines: RuleLine[]; more: number } {
  if (lines.length <= MAX_LINES) return { lines, more: 0 }
  const at = Math.max(
    0,
    lines.findIndex((line) => line.state === 'decides'),
  )
  const from = Math.max(0, Math.min(at - MAX_LINES / 2, lines.length - MAX_LINES))
  return { lines: lines.slice(from, from + MAX_LINES), more: lines.length - MAX_LINES }
}
