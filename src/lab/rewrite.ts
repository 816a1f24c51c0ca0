/**
 * A manifest of an API version that is gone, rewritten for the one that serves it today: cuts and insertions, so
 * that comments, order and quoting stay. Models the deprecated API migration guide (Kubernetes 1.16, 1.22, 1.25, 1.26).
 * Not here: CustomResourceDefinitions, admission webhooks, autoscaling/v2beta1, PodSecurityPolicy (nothing serves it).
 */
import type { Document, ParsedNode, Scalar, YAMLMap } from 'yaml'
import { isMap, isScalar, isSeq } from 'yaml'
import { movedTo } from '../kube/api/check.ts'
import { unifiedDiff } from '../proc/cmd/kubectl/diff.ts'
import { pairOf } from './draft.ts'
import type { Splice } from './splice.ts'
import { appendPair, applySplices, columnOf, removePairs } from './splice.ts'
import { isString, readYaml, spanOf } from './yaml.ts'

/** What was done, or what now behaves otherwise; the page has the words under `rewrite.KEY`. */
export interface RewriteNote {
  readonly key: string
  readonly args: Readonly<Record<string, string>>
}

export interface Rewritten {
  /** The whole text with the one document rewritten. */
  readonly text: string
  readonly from: string
  readonly to: string
  /** Lines of the difference, each behind ' ', '-' or '+'; `@@` lines part its pieces. */
  readonly diff: readonly string[]
  readonly notes: readonly RewriteNote[]
}

interface Work {
  readonly text: string
  readonly splices: Splice[]
  readonly notes: RewriteNote[]
  readonly from: string
}

type Pair = YAMLMap['items'][number]

/** Rewrites the document at a line of the text (from 1); undefined where there is nothing to rewrite, or no safe way. */
export function rewriteManifest(text: string, line: number): Rewritten | undefined {
  const source = readYaml(text)
  const doc = source.docs.find(({ contents }) => {
    if (contents === null) return false
    const span = spanOf(source, contents.range[0], contents.range[1])
    return span.line <= line && line <= span.endLine
  })
  const [version, kind] = [nodeOf(doc, 'apiVersion'), nodeOf(doc, 'kind')]
  if (!isString(version) || !isString(kind)) return undefined
  const to = movedTo(version.value, kind.value)
  if (to === undefined) return undefined
  const work: Work = { text, splices: [], notes: [], from: version.value }
  const [start, end] = (version as Scalar & ParsedNode).range
  const quote = /^['"]/.exec(text.slice(start, end))?.[0] ?? ''
  work.splices.push({ from: start, to: end, text: `${quote}${to}${quote}` })
  const spec = nodeOf(doc, 'spec')
  const done = KINDS[kind.value]?.(work, spec) ?? true
  if (!done) return undefined
  const after = applySplices(text, work.splices)
  const diff = unifiedDiff('a', 'b', text, after).split('\n').slice(3, -1)
  return { text: after, from: version.value, to, diff, notes: work.notes }
}

/** What each kind needs beside its version. False: it cannot be done by itself. */
const KINDS: Readonly<Record<string, (work: Work, spec: unknown) => boolean>> = {
  Deployment: (work, spec) => {
    drop(work, spec, 'rollbackTo')
    if (work.from !== 'apps/v1beta2') {
      defaults(work, spec, 'progressDeadlineSeconds', work.from === 'apps/v1beta1' ? '' : '600')
      defaults(work, spec, 'revisionHistoryLimit', '10')
      if (work.from !== 'apps/v1beta1') defaults(work, spec, 'strategy', '25%')
    }
    return select(work, spec)
  },
  ReplicaSet: select,
  DaemonSet: (work, spec) => {
    drop(work, spec, 'templateGeneration')
    if (work.from === 'extensions/v1beta1') defaults(work, spec, 'updateStrategy', 'RollingUpdate')
    return select(work, spec)
  },
  StatefulSet: (work, spec) => {
    if (work.from === 'apps/v1beta1') defaults(work, spec, 'updateStrategy', 'RollingUpdate')
    return select(work, spec)
  },
  Ingress: (work, spec) => {
    const backend = pairOf(spec, 'backend')
    if (backend !== undefined) {
      rename(work, backend, 'defaultBackend')
      note(work, 'defaultBackend')
      if (!rewriteBackend(work, backend.value)) return false
    }
    return pathsOf(spec).every((path) => rewritePath(work, path))
  },
  PodDisruptionBudget: (work, spec) => {
    const selector = pairOf(spec, 'selector')?.value
    if (isMap(selector) && selector.items.length === 0) note(work, 'emptySelector')
    return true
  },
  EndpointSlice: (work) => !/^\s*(- )?topology:/m.test(work.text),
}

/** The template's labels select its pods, as the old versions had it where nobody said. */
function select(work: Work, spec: unknown): boolean {
  const { text } = work
  if (!isMap(spec) || pairOf(spec, 'selector') !== undefined) return isMap(spec)
  const template = pairOf(spec, 'template')
  const labels = pairOf(pairOf(template?.value, 'metadata')?.value, 'labels')?.value
  if (template === undefined || !isMap(labels) || labels.items.length === 0) {
    note(work, 'noLabels')
    return true
  }
  const own = labels.items.map((pair) => text.slice(rangeOf(pair.key)[0], rangeOf(pair.value)[1]).trimEnd())
  const at = rangeOf(template.key)[0]
  const indent = ' '.repeat(columnOf(text, at))
  if (spec.flow === true) {
    const value = `{ matchLabels: { ${own.join(', ')} } }`
    work.splices.push(appendPair(text, spec, 'selector', { inline: value }, value))
  } else {
    const lines = ['selector:', '  matchLabels:', ...own.map((pair) => `    ${pair}`)]
    work.splices.push({ from: at, to: at, text: lines.map((line) => `${line}\n${indent}`).join('') })
  }
  note(work, 'selector')
  return true
}

function pathsOf(spec: unknown): unknown[] {
  const rules = pairOf(spec, 'rules')?.value
  if (!isSeq(rules)) return []
  return rules.items.flatMap((rule) => {
    const paths = pairOf(pairOf(rule, 'http')?.value, 'paths')?.value
    return isSeq(paths) ? paths.items : []
  })
}

function rewritePath(work: Work, path: unknown): boolean {
  if (!isMap(path)) return false
  const first = path.items[0]
  if (first !== undefined && pairOf(path, 'pathType') === undefined) {
    // Behind the path, where that is not the last key.
    const place = pairOf(path, 'path')
    const behind = path.items[place === undefined ? 0 : path.items.indexOf(place) + 1] ?? first
    const at = rangeOf(behind.key)[0]
    const words = 'pathType: ImplementationSpecific'
    const gap = path.flow === true ? ', ' : `\n${' '.repeat(columnOf(work.text, rangeOf(first.key)[0]))}`
    work.splices.push({ from: at, to: at, text: `${words}${gap}` })
    note(work, 'pathType')
  }
  return rewriteBackend(work, pairOf(path, 'backend')?.value)
}

/** serviceName and servicePort become service.name and service.port.number, or .name for a word. */
function rewriteBackend(work: Work, backend: unknown): boolean {
  if (!isMap(backend)) return backend === undefined
  const [name, port] = [pairOf(backend, 'serviceName'), pairOf(backend, 'servicePort')]
  const own = [name, port].filter((pair) => pair !== undefined)
  if (own.length === 0) return true
  const firstAt = Math.min(...own.map((pair) => backend.items.indexOf(pair)))
  if (!own.every((pair) => backend.items.indexOf(pair) < firstAt + own.length)) return false
  const first = backend.items[firstAt]!
  const flow = backend.flow === true
  const indent = `\n${' '.repeat(columnOf(work.text, rangeOf(first.key)[0]))}`
  const key = (pair: Pair) =>
    isScalar(port?.value) && typeof port.value.value === 'number' && pair === port ? 'number' : 'name'
  for (const pair of own) {
    const isFirst = pair === first
    const block = pair === port ? `port:${indent}    ${key(pair)}` : 'name'
    const inFlow = pair === port ? `port: {${key(pair)}` : 'name'
    const open = flow ? (isFirst ? 'service: {' : '') : isFirst ? `service:${indent}  ` : '  '
    rename(work, pair, `${open}${flow ? inFlow : block}`)
    if (!flow) continue
    const [, end] = rangeOf(pair.value)
    const close = `${pair === port ? '}' : ''}${pair === backend.items[firstAt + own.length - 1] ? '}' : ''}`
    work.splices.push({ from: end, to: end, text: close })
  }
  note(work, 'backend')
  return true
}

function drop(work: Work, spec: unknown, field: string): void {
  const pair = pairOf(spec, field)
  if (pair === undefined || !isMap(spec)) return
  work.splices.push(...removePairs(work.text, spec, [pair]))
  note(work, 'dropped', { field: `spec.${field}` })
}

/** Says that a field nobody set has another default now. */
function defaults(work: Work, spec: unknown, field: string, value: string): void {
  if (value !== '' && pairOf(spec, field) === undefined)
    note(work, 'default', { field: `spec.${field}`, value })
}

function rename(work: Work, pair: Pair, name: string): void {
  const [from, to] = rangeOf(pair.key)
  work.splices.push({ from, to, text: name })
}

function note({ notes }: Work, key: string, args: Record<string, string> = {}): void {
  const same = (one: RewriteNote) => one.key === key && one.args.field === args.field
  if (!notes.some(same)) notes.push({ key, args })
}

function nodeOf(doc: Document.Parsed | undefined, field: string): unknown {
  return pairOf(doc?.contents, field)?.value
}

function rangeOf(node: unknown): [number, number, number] {
  return (node as ParsedNode).range
}
