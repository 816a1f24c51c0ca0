/** Expected results kept as data: what a runner answers of each, and how two values are compared. */

/** What became of one case. `skipped`: this part is not built. */
export interface CaseResult {
  readonly group: string
  readonly id: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** What was expected and what came, one line each; of a skipped one why; '' for passed. */
  readonly detail: string
}

/**
 * Runs one file's cases; `read` answers another file of the folder, undefined where it is absent. Throws nothing: a
 * case that breaks has failed.
 */
export type CaseRunner = (data: unknown, read: (file: string) => unknown) => CaseResult[]

/** A part that is not built, and what it would need. */
export interface NotBuilt {
  readonly notBuilt: string
}

/** Runs `check` and answers what became of it: text is a failure, '' a pass, undefined no check for it. */
export function runCase(group: string, id: string, check: () => string | NotBuilt | undefined): CaseResult {
  let detail: string | NotBuilt | undefined
  try {
    detail = check()
  } catch (error) {
    detail = `threw ${error instanceof Error ? error.message : String(error)}`
  }
  if (typeof detail !== 'string') {
    return { group, id, outcome: 'skipped', detail: detail?.notBuilt ?? 'there is no check for it here' }
  }
  return { group, id, outcome: detail === '' ? 'passed' : 'failed', detail }
}

/** '' where both are the same JSON whatever the order of keys, else both as text. */
export function differs(expected: unknown, got: unknown): string {
  const a = canonical(expected)
  const b = canonical(got)
  return a === b ? '' : `expected ${a}\n     got ${b}`
}

/** As `differs`, for lists whose order does not matter. */
export function differsAsSet(expected: readonly unknown[], got: readonly unknown[]): string {
  const sorted = (list: readonly unknown[]) => list.map(canonical).sort()
  return differs(sorted(expected), sorted(got))
}

/** JSON with sorted keys; absent and undefined are the same. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'undefined'
}
