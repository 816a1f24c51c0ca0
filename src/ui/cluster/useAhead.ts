/** What a list held at a later moment that this timeline has been to: stepping back does not take it away. */
import { useRef } from 'react'
import { useStore } from '../client/store.ts'

/**
 * The longest list known, of which the first `now` stand at the shown moment. Lists only ever grow with time; `event` is
 * the moment that `list` is of.
 */
export function useAhead<T>(
  subject: string,
  event: number,
  list: readonly T[] | null,
  keyOf: (one: T) => string,
): { all: readonly T[]; now: number } {
  const head = useStore((state) => state.clock?.headEvent ?? 0)
  const kept = useRef<{ subject: string; event: number; list: readonly T[] } | null>(null)
  const known = kept.current?.subject === subject ? kept.current : null
  if (list === null) return { all: [], now: 0 }
  const same =
    known !== null && list.every((one, i) => i < known.list.length && keyOf(one) === keyOf(known.list[i]!))
  if (known !== null && event < known.event && known.event <= head && same) {
    return { all: known.list, now: list.length }
  }
  kept.current = { subject, event, list }
  return { all: list, now: list.length }
}
