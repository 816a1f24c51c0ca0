/**
 * A lab's text opened for editing: where its nodes, links, exec lines and lesson commands stand, and the changes
 * gathered so far. `finishDraft` turns them into a new text.
 */
import type { Document, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { isMap, isSeq } from 'yaml'
import type { ExecModel } from './exec-model.ts'
import { createExecModel, readLine } from './exec-model.ts'
import { parsePlaced, roomId } from './names.ts'
import { parseLab } from './parse.ts'
import type { Splice } from './splice.ts'
import {
  appendItems,
  appendPair,
  applySplices,
  columnOf,
  fillPair,
  itemLines,
  removeItems,
  removePairs,
  replaceScalar,
  scalarText,
} from './splice.ts'
import type { Diagnostic, Edited, Lab, LabLink } from './types.ts'
import { isString, keyText, readYaml } from './yaml.ts'

type PairOf = YAMLMap['items'][number]

/** One exec line or lesson command and the scalar that holds it. */
export interface Slot {
  node: Scalar<string>
  seq: YAMLSeq
  /** Its command: an exec line is the command; a lesson's stands behind `MACHINE[/NETNS]:`. */
  prefix: string
  nowPrefix: string
  /** Part of the lesson, not of the boot. */
  lesson: boolean
  machine: string
  netns: string
  line: string
  /** Set by an edit; null takes the line away. */
  now: string | null
}

export interface Draft {
  text: string
  lab: Lab
  top: YAMLMap
  topology: PairOf
  nodes: PairOf | undefined
  links: PairOf | undefined
  lesson: Document.Parsed | undefined
  /** By machine, in the order of execution: boot first, then the lesson's commands. */
  slots: Map<string, Slot[]>
  /** exec lines to add, by machine. */
  added: Map<string, string[]>
  newLinks: string[]
  doomedNodes: PairOf[]
  doomedLinks: unknown[]
  newNodes: { name: string; lines: string[] }[]
  splices: Splice[]
  created: string[]
  error: string
}

/** Opens a text; diagnostics where it holds errors (or no topology). */
export function openDraft(text: string): Draft | Diagnostic[] {
  const { lab, diagnostics } = parseLab(text)
  if (lab === undefined) return diagnostics
  const source = readYaml(text)
  const topologyDoc = source.docs.find((doc) => isMap(doc.contents) && doc.contents.has('topology'))
  const top = topologyDoc?.contents
  if (!isMap(top)) return diagnostics
  const topology = pairOf(top, 'topology')
  const inner = topology?.value
  if (topology === undefined) return diagnostics
  const draft: Draft = {
    text,
    lab,
    top,
    topology,
    nodes: isMap(inner) ? pairOf(inner, 'nodes') : undefined,
    links: isMap(inner) ? pairOf(inner, 'links') : undefined,
    lesson: undefined,
    slots: new Map(),
    added: new Map(),
    newLinks: [],
    doomedNodes: [],
    doomedLinks: [],
    newNodes: [],
    splices: [],
    created: [],
    error: '',
  }
  findExecSlots(draft)
  const lesson = source.docs.find((doc) => doc !== topologyDoc && isLesson(doc))
  draft.lesson = lesson
  if (lesson !== undefined) findLessonSlots(draft, lesson)
  return draft
}

function isLesson(doc: Document.Parsed): boolean {
  const kind = pairOf(doc.contents, 'kind')?.value
  return isString(kind) && kind.value === 'Lesson'
}

export function pairOf(map: unknown, name: string): PairOf | undefined {
  return isMap(map) ? map.items.find((pair) => keyText(pair.key) === name) : undefined
}

/** The node `NAME:` of the topology. */
export function nodePair(draft: Draft, machine: string): PairOf | undefined {
  return pairOf(draft.nodes?.value, machine)
}

export function linkItems(draft: Draft): unknown[] {
  return isSeq(draft.links?.value) ? draft.links.value.items : []
}

/** What the machine's lines make, boot first, and the slot of each line read. */
export function modelOf(draft: Draft, machine: string): { model: ExecModel; slots: Slot[] } {
  const ifnames: string[] = []
  for (const link of draft.lab.links) {
    for (const end of [link.a, link.b]) if (end.machine === machine) ifnames.push(end.ifname)
  }
  const kind = draft.lab.machines.find((m) => m.name === machine)?.kind
  const model = createExecModel(ifnames, kind === 'bridge' ? machine : '')
  const slots = (draft.slots.get(machine) ?? []).filter((slot) => slot.now !== null)
  for (const slot of slots) readLine(model, slot.now ?? '', slot.netns)
  for (const line of draft.added.get(machine) ?? []) readLine(model, line, '')
  return { model, slots }
}

/** Index of the link that an edge id (or a port id at one end of it) stands for, -1 for none. */
export function linkOfEdge(draft: Draft, edge: string): number {
  return draft.lab.links.findIndex((link) => {
    const [a, b] = endIds(draft, link)
    return edge === `${a}--${b}` || edge === `${b}--${a}` || edge === a || edge === b
  })
}

/** Port ids of a link's ends as they are after boot: an interface may have been moved and renamed. */
function endIds(draft: Draft, link: LabLink): [string, string] {
  const ids = [link.a, link.b].map((end) => {
    const ends = draft.lab.links.flatMap((l) => [l.a, l.b]).filter((e) => e.machine === end.machine)
    const { model } = modelOf(draft, end.machine)
    const phys = model.devices.filter((d) => d.kind === 'phys')
    const device = phys[ends.findIndex((e) => e.ifname === end.ifname)]
    if (device === undefined) return `${end.machine}/${end.ifname}`
    return `${roomId(end.machine, device.netns)}/${device.name}`
  })
  return [ids[0]!, ids[1]!]
}

export function addExec(draft: Draft, machine: string, lines: string[]): void {
  draft.added.set(machine, [...(draft.added.get(machine) ?? []), ...lines])
}

/** The new text, or the old one with the reason why not. */
export function finishDraft(draft: Draft): Edited {
  if (draft.error !== '') return refuse(draft.text, draft.error)
  const splices = [...draft.splices]
  spliceNodes(draft, splices)
  spliceLinks(draft, splices)
  spliceSlots(draft, splices)
  for (const [machine, lines] of draft.added) spliceExec(draft, machine, lines, splices)
  const text = applySplices(draft.text, splices)
  const { lab, diagnostics } = parseLab(text)
  if (lab === undefined) {
    const first = diagnostics.find((d) => d.severity === 'error')
    return refuse(draft.text, `the edit would leave a text that cannot be read: ${first?.message ?? ''}`)
  }
  return { text, created: draft.created, diagnostics }
}

export function refuse(text: string, message: string): Edited {
  const place = { line: 1, column: 1, endLine: 1, endColumn: 1 }
  return { text, created: [], diagnostics: [{ severity: 'error', message, ...place }] }
}

function findExecSlots(draft: Draft): void {
  const inner = draft.topology.value
  const byOffset = new Map<string, { node: Scalar<string>; seq: YAMLSeq }>()
  const collect = (map: unknown): void => {
    const seq = pairOf(map, 'exec')?.value
    if (!isSeq(seq)) return
    for (const node of seq.items) {
      if (isString(node)) byOffset.set(offsetKey(draft.text, node.range?.[0] ?? 0), { node, seq })
    }
  }
  if (isMap(inner)) collect(pairOf(inner, 'defaults')?.value)
  for (const part of ['kinds', 'nodes']) {
    const map = isMap(inner) ? pairOf(inner, part)?.value : undefined
    if (isMap(map)) for (const pair of map.items) collect(pair.value)
  }
  for (const machine of draft.lab.machines) {
    const slots: Slot[] = []
    for (const exec of machine.exec) {
      const found = byOffset.get(`${exec.span.line}:${exec.span.column}`)
      if (found === undefined) continue
      const place = { machine: machine.name, netns: '', prefix: '', nowPrefix: '', lesson: false }
      slots.push({ ...found, ...place, line: exec.line, now: exec.line })
    }
    draft.slots.set(machine.name, slots)
  }
}

function offsetKey(text: string, offset: number): string {
  let line = 1
  for (let i = text.indexOf('\n'); i >= 0 && i < offset; i = text.indexOf('\n', i + 1)) line++
  return `${line}:${offset - text.lastIndexOf('\n', offset - 1)}`
}

/** Commands of the lesson's `start` and of its checks. */
function findLessonSlots(draft: Draft, doc: Document.Parsed): void {
  const spec = pairOf(doc.contents, 'spec')?.value
  const add = (node: unknown, seq: YAMLSeq): void => {
    if (!isString(node)) return
    const placed = parsePlaced(node.value)
    if (typeof placed === 'string') return
    const prefix = node.value.slice(0, node.value.lastIndexOf(placed.command))
    const { machine, netns, command } = placed
    const text = { prefix, nowPrefix: prefix, line: command, now: command }
    draft.slots.get(machine)?.push({ node, seq, lesson: true, machine, netns, ...text })
  }
  const start = pairOf(spec, 'start')?.value
  if (isSeq(start)) for (const node of start.items) add(node, start)
  const checks = pairOf(spec, 'checks')?.value
  if (!isSeq(checks)) return
  for (const check of checks.items) {
    add(pairOf(check, 'run')?.value, checks)
    add(pairOf(check, 'mends')?.value, checks)
  }
}

function spliceNodes(draft: Draft, splices: Splice[]): void {
  const map = draft.nodes?.value
  if (draft.doomedNodes.length > 0 && isMap(map))
    splices.push(...removePairs(draft.text, map, draft.doomedNodes))
  if (draft.newNodes.length === 0) return
  if (isMap(map) && map.items.length > 0) {
    for (const node of draft.newNodes) {
      const flow = node.lines.length === 0 ? '{}' : flowOf(node.lines)
      splices.push(appendPair(draft.text, map, node.name, { lines: node.lines.map((l) => `  ${l}`) }, flow))
    }
    return
  }
  const lines = draft.newNodes.flatMap((node) => [`${node.name}:`, ...node.lines.map((l) => `  ${l}`)])
  const flow = draft.newNodes.map((node) => `${node.name}: ${flowOf(node.lines)}`)
  const flowValue = inFlow(draft) ? `{ ${flow.join(', ')} }` : ''
  if (draft.nodes !== undefined) splices.push(fillPair(draft.text, draft.nodes, indented(lines), flowValue))
  else spliceTopology(draft, splices, 'nodes', lines)
}

/** A key below `topology` that is not there yet. */
function spliceTopology(draft: Draft, splices: Splice[], key: string, lines: string[]): void {
  const inner = draft.topology.value
  if (isMap(inner) && inner.items.length > 0) {
    splices.push(appendPair(draft.text, inner, key, { lines: indented(lines) }, flowOf(lines)))
  } else splices.push(fillPair(draft.text, draft.topology, [`  ${key}:`, ...lines.map((l) => `    ${l}`)]))
}

function inFlow(draft: Draft): boolean {
  return (
    isMap(draft.topology.value) && draft.topology.value.flow === true && draft.topology.value.items.length > 0
  )
}

function indented(lines: string[]): string[] {
  return lines.map((line) => `  ${line}`)
}

/** Lines of a small block (`key: value`, or a list under a key) as one flow value. */
function flowOf(lines: string[]): string {
  const parts: string[] = []
  let list: string[] | undefined
  let nested: string[] | undefined
  for (const line of lines) {
    const body = line.trim()
    if (body.startsWith('- ')) {
      list ??= []
      list.push(body.slice(2))
    } else if (body.endsWith(':')) {
      flush()
      parts.push(body)
      nested = []
    } else if (line.startsWith(' ') && nested !== undefined) nested.push(body)
    else {
      flush()
      parts.push(body)
    }
  }
  flush()
  return lines[0]?.startsWith('- ') === true ? (parts[0] ?? '[]') : `{ ${parts.join(', ')} }`

  function flush(): void {
    const value =
      list !== undefined ? `[${list.join(', ')}]` : nested !== undefined ? `{ ${nested.join(', ')} }` : ''
    if (value !== '') parts.push(`${parts.pop() ?? ''} ${value}`.trim())
    list = undefined
    nested = undefined
  }
}

function spliceLinks(draft: Draft, splices: Splice[]): void {
  const seq = draft.links?.value
  const doomed = draft.doomedLinks
  if (isSeq(seq) && doomed.length > 0) {
    const inner = draft.topology.value
    // containerlab wants at least one link where the key stands.
    if (doomed.length === seq.items.length && isMap(inner) && draft.newLinks.length === 0) {
      splices.push(...removePairs(draft.text, inner, [draft.links]))
    } else splices.push(...removeItems(draft.text, seq, doomed))
  }
  if (draft.newLinks.length === 0) return
  if (isSeq(seq) && seq.items.length > 0) {
    const items = seq.flow === true ? draft.newLinks.map((l) => `{ ${l} }`) : draft.newLinks
    splices.push(appendItems(draft.text, seq, items))
  } else {
    const lines = draft.newLinks.map((link) => `- ${link}`)
    const flowValue = inFlow(draft) ? `[{ ${draft.newLinks.join(' }, { ')} }]` : ''
    if (draft.links !== undefined) splices.push(fillPair(draft.text, draft.links, indented(lines), flowValue))
    else spliceTopology(draft, splices, 'links', lines)
  }
}

/** Changed and removed lines. A slot that several machines share (kinds, defaults) is written once. */
function spliceSlots(draft: Draft, splices: Splice[]): void {
  const removed = new Map<YAMLSeq, unknown[]>()
  const seen = new Set<unknown>()
  for (const slot of [...draft.slots.values()].flat()) {
    if (seen.has(slot.node)) continue
    const changed = slot.now !== slot.line || slot.nowPrefix !== slot.prefix
    if (!changed) continue
    seen.add(slot.node)
    if (slot.now === null) removed.set(slot.seq, [...(removed.get(slot.seq) ?? []), slot.node])
    else splices.push(replaceScalar(slot.node, slot.nowPrefix + slot.now, slot.seq.flow === true))
  }
  for (const [seq, doomed] of removed) {
    const owner = ownerOf(draft, seq)
    const refilled = owner !== undefined && draft.added.has(owner.machine)
    const goes = doomed.length === seq.items.length && !refilled
    if (goes && owner !== undefined) splices.push(...removePairs(draft.text, owner.map, [owner.pair]))
    else if (isSeq(seq)) splices.push(...removeItems(draft.text, seq, doomed, refilled))
  }
}

function ownerOf(draft: Draft, seq: YAMLSeq): { machine: string; map: YAMLMap; pair: PairOf } | undefined {
  for (const machine of draft.lab.machines) {
    const map = nodePair(draft, machine.name)?.value
    const pair = pairOf(map, 'exec')
    if (isMap(map) && pair?.value === seq) return { machine: machine.name, map, pair }
  }
  return undefined
}

function spliceExec(draft: Draft, machine: string, lines: string[], splices: Splice[]): void {
  if (lines.length === 0) return
  const node = nodePair(draft, machine)
  if (node === undefined) return
  const map = node.value
  const pair = pairOf(map, 'exec')
  const seq = pair?.value
  const flow = isMap(map) && map.flow === true
  if (isSeq(seq) && seq.items.length > 0) {
    const below = `\n${' '.repeat(columnOf(draft.text, seq.range?.[0] ?? 0))}`
    const block = (line: string) => itemLines(line).join(below).slice(2)
    const items = lines.map((line) => (seq.flow === true ? scalarText(line, true) : block(line)))
    splices.push(appendItems(draft.text, seq, items))
  } else if (pair !== undefined && !flow) {
    splices.push(fillPair(draft.text, pair, indented(lines.flatMap(itemLines))))
  } else if (isMap(map) && map.items.length > 0) {
    const flowValue = `[${lines.map((line) => scalarText(line, true)).join(', ')}]`
    const block = { lines: indented(lines.flatMap(itemLines)) }
    splices.push(appendPair(draft.text, map, 'exec', block, flowValue))
  } else {
    const body = ['  exec:', ...indented(indented(lines.flatMap(itemLines)))]
    splices.push(fillPair(draft.text, node, body))
  }
}
