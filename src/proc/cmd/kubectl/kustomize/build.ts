/**
 * A folder's kustomization, built: its resources, what it generates, patches and changes, in kustomize's order. Models
 * kustomize api/internal/target (5.5). Not here: components, replacements, vars, helm charts, plugins, URLs.
 */
import { quote } from '../../../../kube/api/fields.ts'
import type { Json, JsonObject } from '../../../../kube/types.ts'
import { field, isRecord } from '../../../../kube/types.ts'
import { combined, generated, withHash } from './generate.ts'
import { isNamed, isTarget, mergedRes, operated, unmatched } from './merge.ts'
import { withReferences } from './refs.ts'
import { obj, str } from '../describe-text.ts'
import type { Res } from './resource.ts'
import { groupVersion, idOf, idsOf, kindOf, listOf, shownId, wrong } from './resource.ts'
import {
  annotatedWith, inNamespace, labelled, pairsOf, renamed, withImages, withReplicas } from './transform.ts' // biome-ignore format: one list

/** What building needs of the machine. Paths are absolute. */
export interface Folder {
  /** The text of a file; undefined where there is none. */
  readonly read: (path: string) => string | undefined
  readonly isDir: (path: string) => boolean
  readonly parse: (text: string) => { readonly docs: readonly Json[]; readonly error: string }
  readonly warn: (text: string) => void
}

const FILES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization']
const KNOWN = [
  'apiVersion', 'kind', 'metadata', 'resources', 'bases', 'namespace', 'namePrefix', 'nameSuffix', 'commonLabels', 'labels',
  'commonAnnotations', 'images', 'replicas', 'configMapGenerator', 'secretGenerator', 'generatorOptions', 'patches',
  'patchesStrategicMerge', 'patchesJson6902', 'sortOptions',
] // biome-ignore format: one list
const REFUSED = [
  'buildMetadata', 'components', 'configurations', 'crds', 'generators', 'helmCharts', 'helmChartInflationGenerator', 'helmGlobals',
  'openapi', 'replacements', 'transformers', 'validators', 'vars',
] // biome-ignore format: one list
const FIRST = [
  'Namespace', 'ResourceQuota', 'StorageClass', 'CustomResourceDefinition', 'ServiceAccount', 'PodSecurityPolicy', 'Role',
  'ClusterRole', 'RoleBinding', 'ClusterRoleBinding', 'ConfigMap', 'Secret', 'Endpoints', 'Service', 'LimitRange',
  'PriorityClass', 'PersistentVolume', 'PersistentVolumeClaim', 'Deployment', 'StatefulSet', 'CronJob', 'PodDisruptionBudget',
] // biome-ignore format: one list
const LAST = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']
const DEPTH = 16

/** All objects of a folder's kustomization, in the order in which they are printed. */
export function buildFolder(folder: Folder, path: string): JsonObject[] {
  const { all, order } = accumulate(folder, path, 0)
  const whole = withReferences(all.map(withHash))
  const sorted = order === 'fifo' ? whole : [...whole].sort(compare)
  return sorted.map(({ object }) => object)
}

function accumulate(folder: Folder, path: string, depth: number): { all: Res[]; order: string } {
  if (depth > DEPTH) wrong(`too many folders within folders at '${path}'`)
  const k = readKustomization(folder, path)
  let all: Res[] = []
  for (const entry of [...listOf(k, 'resources'), ...listOf(k, 'bases')]) {
    for (const one of loaded(folder, path, String(entry), depth)) all = added(all, one, String(entry), path)
  }
  const read = (name: string) => beside(folder, path, name)
  const options = obj(k, 'generatorOptions')
  for (const kind of ['ConfigMap', 'Secret'] as const) {
    const key = kind === 'ConfigMap' ? 'configMapGenerator' : 'secretGenerator'
    for (const args of listOf(k, key).filter(isRecord)) {
      all = withGenerated(all, generated(kind, args, options, read), str(args, 'behavior') || 'create')
    }
  }
  all = patched(folder, path, k, all)
  return { all: withReferences(transformed(k, all)), order: str(obj(k, 'sortOptions'), 'order') }
}

function transformed(k: JsonObject, given: readonly Res[]): Res[] {
  const namespace = str(k, 'namespace')
  const [prefix, suffix] = [str(k, 'namePrefix'), str(k, 'nameSuffix')]
  const common = pairsOf(k, 'commonLabels')
  const annotations = pairsOf(k, 'commonAnnotations')
  let all = given.map((one) => renamed(inNamespace(one, namespace), prefix, suffix))
  for (const entry of listOf(k, 'labels')) {
    const [selectors, templates] = [
      field(entry, 'includeSelectors') === true,
      field(entry, 'includeTemplates') === true,
    ]
    if (field(entry, 'fields') !== undefined) wrong('labels with fields: not modelled in Kubehop')
    all = all.map((one) => labelled(one, pairsOf(entry, 'pairs'), selectors, templates))
  }
  all = all.map((one) => annotatedWith(labelled(one, common, true, true), annotations))
  for (const entry of listOf(k, 'replicas')) {
    all = withReplicas(all, str(entry, 'name'), field(entry, 'count') ?? 0)
  }
  return all.map((one) => withImages(one, listOf(k, 'images')))
}

function readKustomization(folder: Folder, path: string): JsonObject {
  const name = FILES.find((one) => folder.read(`${path}/${one}`) !== undefined)
  if (name === undefined) {
    return wrong(
      `unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '${path}'`,
    )
  }
  const text = folder.read(`${path}/${name}`)!
  const { docs, error } = folder.parse(text)
  if (error !== '') wrong(`invalid Kustomization: ${error}`)
  const [k = null] = docs
  if (!isRecord(k)) return wrong('kustomization.yaml is empty')
  for (const key of Object.keys(k)) {
    if (REFUSED.includes(key)) wrong(`kustomize ${key}: not modelled in Kubehop`)
    if (!KNOWN.includes(key)) wrong(`invalid Kustomization: json: unknown field "${key}"`)
  }
  for (const [old, now] of [
    ['bases', 'resources'],
    ['commonLabels', 'labels'],
    ['patchesJson6902', 'patches'],
    ['patchesStrategicMerge', 'patches'],
  ] as const) {
    if (k[old] === undefined) continue
    const hint = "Run 'kustomize edit fix' to update your Kustomization automatically."
    folder.warn(`# Warning: '${old}' is deprecated. Please use '${now}' instead. ${hint}\n`)
  }
  return k
}

/** What an entry of `resources` stands for: a file's objects, or another folder's. */
function loaded(folder: Folder, path: string, entry: string, depth: number): Res[] {
  const full = resolved(path, entry)
  if (/^https?:\/\/|^git@/.test(entry)) wrong(`resources: ${entry}: URLs are not modelled in Kubehop`)
  if (folder.isDir(full)) return accumulate(folder, full, depth + 1).all
  const text = folder.read(full)
  if (text === undefined) {
    const why = `evalsymlink failure on '${full}' : lstat ${full}: no such file or directory`
    const inner = `accumulation err='accumulating resources from '${entry}': ${why}'`
    wrong(`accumulating resources: ${inner}: must build at directory: not a valid directory: ${why}`)
  }
  const from = `accumulating resources: accumulation err='accumulating resources from '${entry}': `
  within(path, full, from, `': must build at directory: '${full}': file is not directory`)
  const { docs, error } = folder.parse(text!)
  if (error !== '') wrong(`accumulating resources: accumulating resources from '${entry}': ${error}`)
  return docs
    .filter(isRecord)
    .flatMap((doc) => {
      const items = field(doc, 'items')
      const list = str(doc, 'kind').endsWith('List') && Array.isArray(items)
      return list ? (items as Json[]).filter(isRecord) : [doc]
    })
    .map((object) => ({ object, before: [], hashed: false }))
}

function added(all: readonly Res[], one: Res, entry: string, path: string): Res[] {
  const id = shownId(one)
  if (all.some((other) => shownId(other) === id)) {
    const full = resolved(path, entry)
    const inner = `accumulation err='accumulating resources from '${entry}': '${full}' must resolve to a file'`
    const why = `may not add resource with an already registered id: ${id}`
    wrong(`accumulating resources: ${inner}: recursed merging from path '${full}': ${why}`)
  }
  return [...all, one]
}

function beside(folder: Folder, path: string, name: string): string {
  const full = resolved(path, name)
  const text = folder.read(full)
  within(path, full, `loading KV pairs: file sources: [${name}]: `)
  return (
    text ??
    wrong(
      `loading KV pairs: file sources: [${name}]: evalsymlink failure on '${full}' : lstat ${full}: no such file or directory`,
    )
  )
}

/** Files of other folders are these folders' business. */
function within(path: string, full: string, head: string, tail = ''): void {
  if (!full.startsWith(`${path}/`)) {
    wrong(`${head}security; file '${full}' is not in or below '${path}'${tail}`)
  }
}

function resolved(path: string, name: string): string {
  const parts: string[] = []
  for (const part of (name.startsWith('/') ? name : `${path}/${name}`).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

function withGenerated(all: readonly Res[], fresh: Res, behavior: string): Res[] {
  const { name, namespace } = idOf(fresh)
  const same = (one: Res) =>
    kindOf(one) === kindOf(fresh) &&
    idsOf(one).some((id) => id.name === name && (namespace === '' || id.namespace === namespace))
  const found = all.find(same)
  if (behavior === 'create') {
    if (found !== undefined) wrong(`id ${shownId(fresh)} exists; behavior must be merge or replace`)
    return [...all, fresh]
  }
  if (found === undefined) return wrong(`id ${shownId(fresh)} does not exist; cannot merge or replace`)
  return all.map((one) => (one === found ? combined(one, fresh, behavior) : one))
}

function patched(folder: Folder, path: string, k: JsonObject, given: readonly Res[]): Res[] {
  let all = [...given]
  for (const entry of listOf(k, 'patchesStrategicMerge')) {
    const text = folder.read(resolved(path, String(entry))) ?? String(entry)
    for (const doc of documents(folder, text)) all = mergedInto(all, doc as JsonObject)
  }
  for (const entry of [...listOf(k, 'patches'), ...listOf(k, 'patchesJson6902')]) {
    const file = str(entry, 'path')
    const text = file === '' ? str(entry, 'patch') : folder.read(resolved(path, file))
    if (text === undefined) {
      const full = resolved(path, file)
      const why = `evalsymlink failure on '${full}' : lstat ${full}: no such file or directory`
      const config = `trouble configuring builtin PatchTransformer with config: \`\npath: ${file}\n\``
      return wrong(`${config}: failed to get the patch file from path(${file}): ${why}`)
    }
    all = onePatch(all, documents(folder, text), field(entry, 'target'), text)
  }
  return all
}

function documents(folder: Folder, text: string): readonly Json[] {
  const { docs, error } = folder.parse(text)
  if (error !== '') wrong(`unable to parse SM or JSON patch from [patch: "${text}"]`)
  return docs.filter((doc) => doc !== null)
}

function onePatch(all: Res[], docs: readonly Json[], target: Json | undefined, text: string): Res[] {
  const [first] = docs
  if (Array.isArray(first)) {
    if (!isRecord(target)) return wrong(`must specify a target for JSON patch [patch: ${quote(text)}]`)
    return all.map((one) => (isTarget(one, target) ? operated(one, first as Json[]) : one))
  }
  let out = all
  for (const doc of docs.filter(isRecord)) {
    out = isRecord(target)
      ? out.flatMap((one) => (isTarget(one, target) ? (mergedRes(one, doc) ?? []) : one))
      : mergedInto(out, doc)
  }
  return out
}

function mergedInto(all: readonly Res[], patch: JsonObject): Res[] {
  if (!all.some((one) => isNamed(one, patch))) wrong(unmatched(patch))
  return all.flatMap((one) => (isNamed(one, patch) ? (mergedRes(one, patch) ?? []) : one))
}

/** Kinds that others need come first; of one kind by group, version, namespace and name. */
function compare(a: Res, b: Res): number {
  const rank = (one: Res) => {
    const first = FIRST.indexOf(kindOf(one))
    if (first >= 0) return first - FIRST.length
    return LAST.indexOf(kindOf(one)) + 1
  }
  const key = (one: Res) => {
    const [group, version] = groupVersion(one)
    const { name, namespace } = idOf(one)
    return `${group || '~G'}_${version || '~V'}_${kindOf(one)}|${namespace || '~X'}|${name || '~N'}`
  }
  if (rank(a) !== rank(b)) return rank(a) - rank(b)
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0
}
