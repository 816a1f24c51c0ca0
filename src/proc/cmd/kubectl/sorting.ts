/** The order of --sort-by. Models kubectl pkg/cmd/get/sorter.go (1.32). */
import type { Json } from '../../../kube/types.ts'
import { wallNow } from './clock.ts'
import { fault, once } from './flow.ts'
import { goSort, naturalLess } from './gosort.ts'
import { goType } from './gotext.ts'
import { findAll } from './jsonpath.ts'
import { parseRelaxed } from './jsonpath-parse.ts'
import type { Client } from './rest.ts'
import { klogStamp } from './stream.ts'

/** The words for a field that no object has. */
export function unfound(key: string): string {
  const shown = key.startsWith('{') ? key : `{${key.startsWith('.') ? '' : '.'}${key}}`
  return `error: couldn't find any field with path "${shown}" in the list of objects`
}

/** Sorts by an expression, as `--sort-by`: numbers by value, everything else as text. Answers what is wrong, or ''. */
export function sortBy<T>(
  client: Client,
  list: T[],
  key: string,
  objectOf: (one: T) => Json,
  rows = false,
): string {
  const path = parseRelaxed(key)
  if (path.error !== '') return `error: error parsing jsonpath ${key}, ${path.error}`
  const values = new Map(list.map((one) => [one, findAll(path, objectOf(one))[0]]))
  if (list.length > 0 && [...values.values()].every((value) => value === undefined)) return unfound(key)
  goSort(list, (one, other) => {
    const [a, b] = [values.get(one), values.get(other)]
    // What has none comes first, and before another one without, too.
    if (a === undefined || a === null) return true
    if (b === undefined || b === null) return false
    if (typeof a === 'object' || typeof a === 'boolean') unsortable(client, key, a, rows)
    if (typeof a === 'number' && typeof b === 'number') return a < b
    return naturalLess(String(a), String(b))
  })
  return ''
}

function unsortable({ flow }: Client, key: string, value: Json, rows: boolean): never {
  const stamp = once(flow, () => klogStamp(wallNow(flow), flow.ctx.proc.pid, 'F'))
  const among = rows ? '[][][]reflect.Value' : '[]runtime.Object'
  const type = goType({ value, type: '' })
  const shown = key.startsWith('{') ? key : `{${key.startsWith('.') ? '' : '.'}${key}}`
  return fault(
    `${stamp} sorter.go:375] Field ${shown} in ${among} is an unsortable type: interface, err: unsortable type: ${type}`,
  )
}
