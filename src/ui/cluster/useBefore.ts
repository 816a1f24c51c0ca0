/** The last value of an earlier moment, to mark what changed since. */
import { useRef } from 'react'

interface Kept<T> {
  event: number
  value: T
  before: T | null
}

/** What `value` was at the moment shown before this one; null where there was none (or another subject). */
export function useBefore<T>(subject: string, event: number, value: T | null): T | null {
  const kept = useRef<{ subject: string; kept: Kept<T> } | null>(null)
  if (value === null) return null
  const known = kept.current?.subject === subject ? kept.current.kept : null
  if (known === null) kept.current = { subject, kept: { event, value, before: null } }
  else if (known.event !== event) kept.current = { subject, kept: { event, value, before: known.value } }
  else known.value = value
  return kept.current!.kept.before
}
