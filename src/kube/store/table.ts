/** All objects of one resource by NAMESPACE/NAME (NAME where there is no namespace). Never changed in place. */
import type { ApiObject } from '../types.ts'
import type { EventTable } from './event-table.ts'
import { createEventTable, eventDelete, eventGet, eventSet, eventValues } from './event-table.ts'
import type { Tree } from './tree.ts'
import {
  createTree,
  treeAll,
  treeDelete,
  treeGet,
  treeGetAll,
  treeKey,
  treeNeighbour,
  treeSet,
  treeValues,
} from './tree.ts'

export type Table = Tree<ApiObject> | EventTable

export function createTable(resource: string): Table {
  return resource === 'events' ? createEventTable() : createTree<ApiObject>()
}

export function tableGet(table: Table, key: string): ApiObject | undefined {
  return isPacked(table) ? eventGet(table, key) : treeGet(table, key)
}

/** The key as the table holds it, to be kept elsewhere too. */
export function tableKey(table: Table, key: string): string {
  return isPacked(table) ? key : treeKey(table, key)
}

/** The objects with sorted keys, without those that there are not. */
export function tableGetAll(table: Table, sorted: readonly string[]): ApiObject[] {
  if (!isPacked(table)) return treeGetAll(table, sorted)
  return sorted.map((key) => eventGet(table, key)).filter((event) => event !== undefined)
}

/** The table with the frozen object under its key. */
export function tableSet(table: Table, key: string, object: ApiObject): Table {
  return isPacked(table) ? eventSet(table, key, object) : treeSet(table, key, object)
}

export function tableDelete(table: Table, key: string): Table {
  return isPacked(table) ? eventDelete(table, key) : treeDelete(table, key)
}

/** The objects whose keys begin with `prefix` ('' for all), in the order of keys. */
export function tableValues(table: Table, prefix: string): readonly ApiObject[] {
  if (isPacked(table)) return eventValues(table, prefix)
  return prefix === '' ? treeAll(table) : treeValues(table, prefix)
}

/** What a new object under this key is most like, to share its parts. Packed ones share none. */
export function tableModel(table: Table, key: string): ApiObject | undefined {
  return isPacked(table) ? undefined : treeNeighbour(table, key)
}

function isPacked(table: Table): table is EventTable {
  return 'blocks' in table
}
