/** A trace as text for the command line, and as JSON. */
import { sentenceText } from './words.ts'
import type { HopView, StepView, TraceSummary, TraceView } from './types.ts'

/** Raised when a field of the JSON form changes its meaning or goes away. */
export const TRACE_JSON_VERSION = 1

/**
 * A trace as lines of text: one per hop, its steps below. `verbose` adds the evidence as its tool prints it and the
 * headers at each step. `notes` adds lines below a step (by the indices of hop and step), `end` replaces the last line.
 * Ends with a newline.
 */
export function traceText(
  view: TraceView,
  verbose = false,
  notes: (hop: number, step: number) => readonly string[] = () => [],
  end = endText(view),
): string {
  const lines = [headline(view)]
  if (view.truncated) lines.push('  (the beginning is not recorded any more)')
  for (const [index, hop] of view.hops.entries()) {
    lines.push(hopLine(hop, index))
    for (const [at, step] of hop.steps.entries()) {
      lines.push(...stepLines(step, verbose), ...notes(index, at).map((note) => `               ${note}`))
    }
    const changes = hop.changes.map((c) => `${c.field} ${c.before} -> ${c.after}`)
    if (changes.length > 0) lines.push(`      changed: ${changes.join(', ')}`)
  }
  lines.push(`  ${end}`)
  return `${lines.join('\n')}\n`
}

/** One line of a trace list. */
export function summaryText(summary: TraceSummary): string {
  return `${headline(summary)}: ${endText(summary)}`
}

/** Traces as a plain value for JSON.stringify: the same fields as TraceView, each step's sentence also in English. */
export function traceJson(views: readonly TraceView[]): unknown {
  return {
    version: TRACE_JSON_VERSION,
    traces: views.map((view) => ({
      ...view,
      hops: view.hops.map((hop) => ({
        ...hop,
        steps: hop.steps.map((step) => ({ ...step, text: sentenceText(step.sentence) })),
      })),
    })),
  }
}

/** Virtual time as seconds with nine digits. */
export function timeText(at: number): string {
  return `${Math.floor(at / 1e9)}.${String(at % 1e9).padStart(9, '0')}`
}

function headline(view: TraceSummary): string {
  const cause = view.cause === 0 ? '' : `, caused by trace ${view.cause}`
  return `trace ${view.id} at ${timeText(view.at)}${cause}: ${view.label}`
}

function hopLine(hop: HopView, index: number): string {
  const from = hop.devIn === '' ? '' : ` ${hop.devIn}<`
  const to = hop.devOut === '' ? '' : ` ${hop.devOut}>`
  return `  hop ${index + 1} ${timeText(hop.at)} [${hop.event}] ${hop.room}${from}${to}`
}

function stepLines(step: StepView, verbose: boolean): string[] {
  const reason = step.reason === '' ? '' : ` (${step.reason})`
  const lines = [`    ${step.kind.toLowerCase().padEnd(10)} ${sentenceText(step.sentence)}${reason}`]
  if (!verbose) return lines
  if (step.evidence !== '') lines.push(`               by: ${step.evidence}`)
  for (const layer of step.layers) {
    const fields = layer.fields.map((field) => `${field.name} ${field.value}`)
    lines.push(`               ${layer.name}: ${fields.join(', ')}`)
  }
  return lines
}

function endText(view: TraceSummary): string {
  switch (view.disposition) {
    case 'ACCEPTED':
      return 'ACCEPTED: a socket took it'
    case 'ANSWERED':
      return 'ANSWERED: the kernel replies'
    case 'DELIVERED':
      return 'DELIVERED'
    case 'DROPPED':
      return `DROPPED: ${view.reason}`
    case 'FLOODED':
      return 'FLOODED: nobody was meant'
    default:
      return 'IN_FLIGHT: still under way'
  }
}
