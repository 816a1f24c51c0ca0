/** JSONPath templates as kubectl runs them. Models client-go util/jsonpath jsonpath.go (1.32). */
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord } from '../../../kube/types.ts'
import { goText, goType } from './gotext.ts'
import type { Bound, Node, Template } from './jsonpath-parse.ts'
import { compactJson } from './yaml.ts'

/** What a template finds: the values of each of its expressions, or why there are none. */
export interface FoundValues {
  readonly groups: readonly (readonly Json[])[]
  readonly error: string
}

interface Run {
  readonly loose: boolean
  /** How deep in ranges it is. */
  depth: number
}

interface Wrong {
  readonly wrong: string
}

function wrong(words: string): never {
  throw { wrong: words } satisfies Wrong
}

/** Looks through a value. `loose`: keys that are not there find nothing; else they are an error. */
export function findGroups(template: Template, value: Json, loose = true): FoundValues {
  if (template.error !== '') return { groups: [], error: template.error }
  try {
    return { groups: block({ loose, depth: 0 }, template.nodes, 0, value).groups, error: '' }
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null && 'wrong' in thrown) {
      return { groups: [], error: (thrown as Wrong).wrong }
    }
    throw thrown
  }
}

/** The values that an expression finds; nothing where it fails. */
export function findAll(template: Template, value: Json): readonly Json[] {
  return findGroups(template, value).groups.flat()
}

/** The text of a template for a value, or why there is none. */
export function runTemplate(template: Template, value: Json, loose = true): { text: string; error: string } {
  const { groups, error } = findGroups(template, value, loose)
  return { text: groups.map((found) => found.map(valueText).join(' ')).join(''), error }
}

/** A value as a template prints it. */
export function valueText(value: Json): string {
  return typeof value === 'object' ? compactJson(value) : goText(value)
}

/** Nodes from `from` on, to their end or to that of the range around them: where that was. */
function block(
  run: Run,
  nodes: readonly Node[],
  from: number,
  value: Json,
): { groups: Json[][]; at: number } {
  const groups: Json[][] = []
  for (let i = from; i < nodes.length; i++) {
    const node = nodes[i]!
    const word = node.k === 'list' ? node.nodes.find((one) => one.k === 'word') : undefined
    if (word?.name === 'end' && run.depth > 0) return { groups, at: i }
    const found = walk(run, [value], node)
    if (word?.name !== 'range') {
      groups.push(found)
      continue
    }
    run.depth++
    let end = nodes.length
    // Without anything to go through its end is looked for all the same.
    for (const one of found.length > 0 ? found : [null]) {
      const inner = block(run, nodes, i + 1, one)
      if (found.length > 0) groups.push(...inner.groups)
      end = inner.at
    }
    run.depth--
    i = end
  }
  return { groups, at: nodes.length }
}

function walkAll(run: Run, values: Json[], nodes: readonly Node[]): Json[] {
  let now = values
  for (const node of nodes) now = walk(run, now, node)
  return now
}

function walk(run: Run, values: Json[], node: Node): Json[] {
  switch (node.k) {
    case 'text':
      return [node.text]
    case 'value':
      return [node.value]
    case 'list':
      return walkAll(run, values, node.nodes)
    case 'field':
      return fieldsOf(run, values, node.name)
    case 'array':
      return values.flatMap((value) => elements(value, node.bounds))
    case 'wildcard':
      return values.flatMap(childrenOf)
    case 'recursive':
      return values.flatMap(descendants)
    case 'union':
      return node.parts.flatMap((part) => walkAll(run, values, part))
    case 'filter':
      return values.flatMap((value) => filtered(run, value, node))
    default:
      if (node.name === 'range') return values
      return wrong(
        node.name === 'end' ? 'not in range, nothing to end' : `unrecognized identifier ${node.name}`,
      )
  }
}

function fieldsOf(run: Run, values: readonly Json[], name: string): Json[] {
  const found = values.map((value) => field(value, name)).filter((one) => one !== undefined)
  if (found.length === 0 && values.length > 0 && !run.loose) wrong(`${name} is not found`)
  return found
}

function childrenOf(value: Json): Json[] {
  if (Array.isArray(value)) return [...(value as Json[])]
  if (!isRecord(value)) return []
  return Object.keys(value)
    .sort()
    .map((key) => (value as JsonObject)[key] ?? null)
}

/** Maps and lists that hold something, each before what is in it. */
function descendants(value: Json): Json[] {
  const inner = childrenOf(value)
  return inner.length === 0 ? [] : [value, ...inner.flatMap(descendants)]
}

function elements(value: Json, [first, last, by]: readonly [Bound, Bound, Bound]): Json[] {
  if (value === null) return []
  if (!Array.isArray(value)) return wrong(`${goType({ value, type: '' })} is not array or slice`)
  const list = value as readonly Json[]
  const size = list.length
  let from = first.known ? first.value : 0
  if (from < 0) from += size
  let to = last.known ? last.value : size
  if (to < 0 || (to === 0 && last.derived)) to += size
  if (from === to) return []
  if (from >= size || from < 0) wrong(`array index out of bounds: index ${from}, length ${size}`)
  if (to > size || to < 0) wrong(`array index out of bounds: index ${to - 1}, length ${size}`)
  if (from > to) wrong(`starting index ${from} is greater than ending index ${to}`)
  if (by.known && by.value <= 0) wrong('step must be > 0')
  const step = by.known ? by.value : 1
  return list.slice(from, to).filter((_, i) => i % step === 0)
}

function filtered(run: Run, value: Json, { left, op, right }: Extract<Node, { k: 'filter' }>): Json[] {
  if (!Array.isArray(value)) {
    const shown = value === null ? '<invalid reflect.Value>' : goText(value)
    return wrong(`${shown} is not array or slice and cannot be filtered`)
  }
  return (value as Json[]).filter((one) => {
    if (op === 'exists') return walkAll({ ...run, loose: true }, [one], left).length > 0
    const [a, more] = walkAll(run, [one], left)
    if (a === undefined) return false
    if (more !== undefined) wrong('can only compare one element at a time')
    const [b, other] = walkAll(run, [one], right)
    if (b === undefined) return false
    if (other !== undefined) wrong('can only compare one element at a time')
    return compared(a, op, b)
  })
}

function compared(a: Json, op: string, b: Json): boolean {
  const kind = (value: Json) =>
    typeof value === 'object'
      ? undefined
      : typeof value === 'number' && !Number.isInteger(value)
        ? 'float'
        : typeof value
  if (!['<', '>', '==', '!=', '<=', '>='].includes(op)) return wrong(`unrecognized filter operator ${op}`)
  if (kind(a) === undefined || kind(b) === undefined) return wrong('invalid type for comparison')
  if (kind(a) !== kind(b)) return wrong('incompatible types for comparison')
  if (op === '==') return a === b
  if (op === '!=') return a !== b
  if (typeof a === 'boolean') return wrong('invalid type for comparison')
  const [x, y] = [a as string | number, b as string | number]
  return op === '<' ? x < y : op === '>' ? x > y : op === '<=' ? x <= y : x >= y
}
