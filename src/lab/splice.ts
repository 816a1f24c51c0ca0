/**
 * Changes a YAML text by cutting and inserting, never by printing it anew: what an edit does not touch stays byte for
 * byte, comments, order and quoting included.
 */
import type { ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { isMap, isScalar, isSeq } from 'yaml'

export interface Splice {
  from: number
  to: number
  text: string
}

/** Applies splices made against one text. Those at one place keep their order; none may overlap another. */
export function applySplices(text: string, splices: Splice[]): string {
  const sorted = splices.map((splice, order) => ({ ...splice, order }))
  sorted.sort((a, b) => a.from - b.from || a.to - b.to || a.order - b.order)
  let out = ''
  let at = 0
  for (const { from, to, text: inserted } of sorted) {
    if (to <= at && to > from) continue
    out += text.slice(at, Math.max(at, from)) + inserted
    at = Math.max(at, to)
  }
  return out + text.slice(at)
}

/** Puts items behind the last one of a list. `items` are YAML texts of one line. The list must not be empty. */
export function appendItems(text: string, seq: YAMLSeq, items: string[]): Splice {
  const last = seq.items.at(-1) as ParsedNode | undefined
  if (seq.flow === true) {
    const at = last === undefined ? rangeOf(seq)[1] - 1 : last.range[1]
    return insertion(at, (last === undefined ? '' : ', ') + items.join(', '))
  }
  const indent = columnOf(text, rangeOf(seq)[0])
  return insertLines(
    text,
    endOfLines(text, seq),
    items.map((item) => `${' '.repeat(indent)}- ${item}`),
  )
}

/** A block of lines as the value of a key, relative to the key's indent; `inline` stands on the key's line. */
export type Block = { inline: string } | { lines: string[] }

/** Puts a key behind the last one of a mapping that is not empty. */
export function appendPair(text: string, map: YAMLMap, key: string, value: Block, flowValue: string): Splice {
  const last = map.items.at(-1)
  if (map.flow === true || last === undefined) {
    const end = last === undefined ? rangeOf(map)[0] + 1 : lastOffset(last)
    const gap = last === undefined ? ' ' : ', '
    return insertion(end, `${gap}${key}: ${flowValue}${last === undefined ? ' ' : ''}`)
  }
  const indent = ' '.repeat(columnOf(text, rangeOf(map.items[0]!.key)[0]))
  const lines = 'inline' in value ? [`${key}: ${value.inline}`] : [`${key}:`, ...value.lines]
  return insertLines(
    text,
    endOfLines(text, map),
    lines.map((line) => indent + line),
  )
}

/**
 * Gives a key that has no value yet (`exec:`, `nodes: {}`) a block of lines below it; with `flowValue` that value
 * instead, for a key that stands in a flow mapping.
 */
export function fillPair(
  text: string,
  pair: YAMLMap['items'][number],
  lines: string[],
  flowValue = '',
): Splice {
  const indent = ' '.repeat(columnOf(text, rangeOf(pair.key)[0]))
  const value = pair.value as ParsedNode | null
  if (flowValue !== '') {
    const end = lastOffset(pair)
    const empty = end <= rangeOf(pair.key)[1] + 1
    const from = empty ? end : (value?.range[0] ?? end)
    return { from, to: end, text: `${empty ? ' ' : ''}${flowValue}` }
  }
  const body = lines.map((line) => `\n${indent}${line}`).join('')
  const colon = text.indexOf(':', rangeOf(pair.key)[1])
  if (value !== null && (isMap(value) || isSeq(value))) {
    return { from: colon + 1, to: value.range[1], text: body }
  }
  // A null that is written (`~`, `null`) goes; a comment on the line stays.
  const written = value !== null && isScalar(value) && value.source !== undefined && value.source !== ''
  if (written) return { from: colon + 1, to: value.range[1], text: body }
  let end = text.indexOf('\n', colon)
  if (end < 0) end = text.length
  if (text[end - 1] === '\r') end--
  return insertion(end, body)
}

/** Another key and value in the place of a pair, in its line. */
export function replacePair(pair: YAMLMap['items'][number], text: string): Splice {
  return { from: rangeOf(pair.key)[0], to: lastOffset(pair), text }
}

/** Takes a key with its lines out of a mapping. */
export function removePairs(text: string, map: YAMLMap, doomed: readonly unknown[]): Splice[] {
  const kept = map.items.filter((pair) => !doomed.includes(pair))
  if (map.flow === true) {
    const source = kept.map((pair) => text.slice(rangeOf(pair.key)[0], lastOffset(pair)))
    const [from, to] = rangeOf(map)
    return [{ from, to, text: kept.length === 0 ? '{}' : `{ ${source.join(', ')} }` }]
  }
  if (kept.length === 0) {
    const [from] = rangeOf(map)
    return [{ from, to: lastOffset(map.items.at(-1)!), text: '{}' }]
  }
  return map.items
    .filter((pair) => doomed.includes(pair))
    .map((pair) => {
      const start = rangeOf(pair.key)[0]
      const first = pair === map.items[0]
      // The first key may stand behind `- `: what follows moves up to it.
      const next = map.items[1]
      if (first && next !== undefined && !onlySpace(text, lineStart(text, start), start)) {
        return { from: start, to: rangeOf(next.key)[0], text: '' }
      }
      return { from: lineStart(text, start), to: nextLine(text, lastOffset(pair)), text: '' }
    })
}

/** Takes items out of a list. Where none is left, `[]` stands there, unless others follow (`refilled`, of a block only). */
export function removeItems(
  text: string,
  seq: YAMLSeq,
  doomed: readonly unknown[],
  refilled = false,
): Splice[] {
  const items = seq.items as ParsedNode[]
  const kept = items.filter((item) => !doomed.includes(item))
  if (seq.flow === true || (kept.length === 0 && !refilled)) {
    const [from, to] = [rangeOf(seq)[0], seq.flow === true ? rangeOf(seq)[1] : lastOffset(seq)]
    const source = kept.map((item) => text.slice(item.range[0], item.range[1]))
    return [{ from, to, text: `[${source.join(', ')}]` }]
  }
  return items.flatMap((item, i) => {
    if (!doomed.includes(item)) return []
    const dash = dashOffset(seq, i)
    return [{ from: lineStart(text, dash), to: nextLine(text, lastOffset(item)), text: '' }]
  })
}

/** Another value in place of a scalar, in its own quotes where they can hold it. */
export function replaceScalar(node: Scalar, value: string, inFlow: boolean): Splice {
  const [from, to] = rangeOf(node)
  const block = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED'
  const text = block ? `${JSON.stringify(value)}\n` : scalarText(value, inFlow, node.type)
  return { from, to, text }
}

/** A string as YAML: plain where it is safe, else as `style` has it, else in double quotes. */
export function scalarText(value: string, inFlow: boolean, style: string | undefined = 'PLAIN'): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these need an escape
  const printable = !/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/.test(value)
  if (style === 'QUOTE_SINGLE' && printable) return `'${value.replaceAll("'", "''")}'`
  if (style === 'QUOTE_DOUBLE') return JSON.stringify(value)
  if (isPlainSafe(value, inFlow)) return value
  return printable && value.includes('"') ? `'${value.replaceAll("'", "''")}'` : JSON.stringify(value)
}

/** A string as the lines of a list item: one of several lines as a literal block, where its signs allow that. */
export function itemLines(value: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a block has no escapes
  const unfit = /[\u0000-\u0009\u000b-\u001f\u007f-\uffff]|^\s|\n$|\n\n/
  const literal = value.includes('\n') && !unfit.test(value)
  if (!literal) return [`- ${scalarText(value, false)}`]
  return ['- |-', ...value.split('\n').map((line) => `  ${line}`)]
}

export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1
}

function isPlainSafe(value: string, inFlow: boolean): boolean {
  if (!/^[A-Za-z/_.][^\n\r\t]*$/.test(value) || value.endsWith(' ')) return false
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these need an escape
  if (/: |:$| #|[\u0000-\u001f\u007f-\uffff]/.test(value)) return false
  if (inFlow && /[[\]{},]/.test(value)) return false
  if (/^[.]?\d/.test(value) || /^[.](inf|nan)$/i.test(value)) return false
  return !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
}

function insertion(at: number, text: string): Splice {
  return { from: at, to: at, text }
}

function insertLines(text: string, at: number, lines: string[]): Splice {
  const body = lines.map((line) => `${line}\n`).join('')
  return insertion(at, at > 0 && text[at - 1] !== '\n' ? `\n${body.slice(0, -1)}` : body)
}

/** Behind the last line of a block collection. */
function endOfLines(text: string, node: YAMLMap | YAMLSeq): number {
  return nextLine(text, lastOffset(node))
}

function nextLine(text: string, offset: number): number {
  if (offset > 0 && text[offset - 1] === '\n') return offset
  const end = text.indexOf('\n', offset)
  return end < 0 ? text.length : end + 1
}

function onlySpace(text: string, from: number, to: number): boolean {
  return text.slice(from, to).trim() === ''
}

export function columnOf(text: string, offset: number): number {
  return offset - lineStart(text, offset)
}

/** Behind the last character that belongs to a node or pair, without trailing comments. */
function lastOffset(node: unknown): number {
  if (isMap(node) || isSeq(node)) {
    const last = node.items.at(-1)
    if (node.flow === true || last === undefined) return rangeOf(node)[1]
    return lastOffset(last)
  }
  const pair = node as { key?: unknown; value?: unknown }
  if (pair.key !== undefined && !isScalar(node)) {
    const value = pair.value
    const empty = value === null || (isScalar(value) && value.value === null && (value.source ?? '') === '')
    return empty ? rangeOf(pair.key)[1] + 1 : lastOffset(value)
  }
  return rangeOf(node)[1]
}

function dashOffset(seq: YAMLSeq, index: number): number {
  const token = seq.srcToken
  const item = token?.type === 'block-seq' ? token.items[index] : undefined
  const dash = item?.start.find((t) => t.type === 'seq-item-ind')
  return dash?.offset ?? rangeOf(seq.items[index])[0]
}

function rangeOf(node: unknown): [number, number, number] {
  return (node as ParsedNode).range
}
