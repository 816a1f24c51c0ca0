/** A family's routing tables by id. Nearly every namespace has but two: a map would take more room than their routes. */
import type { Route } from '../types.ts'

/** Undefined: it was never made. Tables of other ids hang below `others`. */
export interface FibTables {
  local: readonly Route[] | undefined
  main: readonly Route[] | undefined
  others: Map<number, readonly Route[]> | null
}

export const RT_TABLE_MAIN = 254
export const RT_TABLE_LOCAL = 255

export function createFibTables(): FibTables {
  return { local: undefined, main: undefined, others: null }
}

/** The table's routes, undefined where it was never made. */
export function fibTable(tables: FibTables | null, id: number): readonly Route[] | undefined {
  if (tables === null) return undefined
  if (id === RT_TABLE_LOCAL) return tables.local
  if (id === RT_TABLE_MAIN) return tables.main
  return tables.others?.get(id)
}

export function fibTablePut(tables: FibTables, id: number, routes: readonly Route[]): void {
  if (id === RT_TABLE_LOCAL) tables.local = routes
  else if (id === RT_TABLE_MAIN) tables.main = routes
  else {
    tables.others ??= new Map()
    tables.others.set(id, routes)
  }
}

/** Ids of the tables that were made. */
export function fibIds(tables: FibTables | null): number[] {
  if (tables === null) return []
  const ids = [...(tables.others?.keys() ?? [])]
  if (tables.main !== undefined) ids.unshift(RT_TABLE_MAIN)
  if (tables.local !== undefined) ids.unshift(RT_TABLE_LOCAL)
  return ids
}
