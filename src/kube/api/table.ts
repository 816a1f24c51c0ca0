/** meta.k8s.io/v1 Table and PartialObjectMetadata, as a client asks for them with Accept. */
import type { ApiObject } from '../types.ts'
import { printCells, printColumns, type Cell, type TableColumn } from './printers.ts'

export interface Table {
  readonly kind: 'Table'
  readonly apiVersion: 'meta.k8s.io/v1'
  readonly metadata: object
  readonly columnDefinitions: readonly TableColumn[] | null
  readonly rows: readonly TableRow[]
}

export interface TableRow {
  readonly cells: readonly Cell[]
  readonly object?: object
}

/** `include` is the query's includeObject: Metadata (default), Object, None. */
export function makeTable(
  resource: string,
  objects: readonly ApiObject[],
  nowMs: number,
  metadata: object,
  include = 'Metadata',
  headers = true,
): Table {
  const rows = objects.map((object) => {
    const cells = printCells(resource, object, nowMs)
    if (include === 'None') return { cells, object: null as unknown as object }
    return { cells, object: include === 'Object' ? object : partial(object) }
  })
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: headers ? printColumns(resource) : null,
    rows,
  }
}

export function partial({ metadata }: ApiObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
}
