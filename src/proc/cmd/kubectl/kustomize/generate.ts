/** ConfigMaps and Secrets that kustomize makes, and the hash in their names. Models kustomize api/hasher, kv (5.5). */
import { sha256 } from '../../../../base/sha256.ts'
import { encodeBase64 } from '../../../../kube/api/base64.ts'
import type { Json, JsonObject } from '../../../../kube/types.ts'
import { isRecord } from '../../../../kube/types.ts'
import { compactJson } from '../yaml.ts'
import { obj, str } from '../describe-text.ts'
import type { Res } from './resource.ts'
import { changed, kindOf, listOf, wrong } from './resource.ts'

/** Gives the text of a file beside the kustomization. */
export type ReadBeside = (path: string) => string

/** Digits that could be taken for words get a letter. */
const LETTERS: Readonly<Record<string, string>> = { 0: 'g', 1: 'h', 3: 'k', a: 'm', e: 't' }

/** What a generator's entry makes. `common` are the generatorOptions. */
export function generated(
  kind: 'ConfigMap' | 'Secret',
  args: JsonObject,
  common: JsonObject,
  read: ReadBeside,
): Res {
  const pairs = pairsOf(args, read)
  const data: Record<string, Json> = {}
  for (const [key, value] of pairs) {
    if (Object.hasOwn(data, key)) {
      wrong(`cannot add key ${key}, another key by that name already exists`)
    }
    data[key] = kind === 'Secret' ? encodeBase64(value) : value
  }
  const own = obj(args, 'options')
  const both = (key: string): JsonObject => ({ ...obj(common, key), ...obj(own, key) })
  const on = (key: string) => own[key] === true || common[key] === true
  const some = (key: string): JsonObject => {
    const value = both(key)
    return Object.keys(value).length === 0 ? {} : { [key]: value }
  }
  const namespace = str(args, 'namespace')
  const metadata: JsonObject = {
    name: str(args, 'name'),
    ...(namespace === '' ? {} : { namespace }),
    ...some('labels'),
    ...some('annotations'),
  }
  const object: JsonObject = {
    apiVersion: 'v1',
    kind,
    metadata,
    ...(pairs.length === 0 ? {} : { data }),
    ...(kind === 'Secret' ? { type: str(args, 'type') || 'Opaque' } : {}),
    ...(on('immutable') ? { immutable: true } : {}),
  }
  return { object, before: [], hashed: !on('disableNameSuffixHash') }
}

function pairsOf(args: JsonObject, read: ReadBeside): [string, string][] {
  const envs = [...listOf(args, 'envs').map(String), ...(str(args, 'env') === '' ? [] : [str(args, 'env')])]
  return [
    ...envs.flatMap((path) => envPairs(read(path))),
    ...listOf(args, 'files').map((one): [string, string] => {
      const [key, path] = cut(String(one))
      return path === undefined ? [key.slice(key.lastIndexOf('/') + 1), read(key)] : [key, read(path)]
    }),
    ...listOf(args, 'literals').map((one): [string, string] => {
      const [key, value] = cut(String(one))
      if (key === '' || value === undefined)
        wrong(
          `loading KV pairs: literal sources [${listOf(args, 'literals').map(String).join(' ')}]: invalid literal source ${String(one)}, expected key=value`,
        )
      return [key, unquoted(value!)]
    }),
  ]
}

function cut(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function unquoted(text: string): string {
  const quote = text[0]
  const inside = text.length > 1 && (quote === '"' || quote === "'") && text.at(-1) === quote
  return inside ? text.slice(1, -1) : text
}

function envPairs(text: string): [string, string][] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [key, value] = cut(line)
      return [key, value ?? '']
    })
}

/** What behaviours merge and replace make of an object that is there. */
export function combined(old: Res, fresh: Res, behavior: string): Res {
  const join = (key: string): JsonObject => ({
    ...(behavior === 'merge' ? obj(old.object, key) : {}),
    ...obj(fresh.object, key),
  })
  const meta = (one: Res) => obj(one.object, 'metadata')
  const marks = ['labels', 'annotations'].flatMap((key): [string, Json][] => {
    const value = { ...obj(meta(old), key), ...obj(meta(fresh), key) }
    return Object.keys(value).length === 0 ? [] : [[key, value]]
  })
  const metadata = { ...meta(old), ...Object.fromEntries(marks) }
  const object: JsonObject = { ...old.object, metadata, data: join('data') }
  return { ...changed(old, object), hashed: old.hashed && fresh.hashed }
}

/** With the hash of what it holds in its name. */
export function withHash(one: Res): Res {
  if (!one.hashed) return one
  const { object } = one
  const secret = kindOf(one) === 'Secret'
  const held: JsonObject = {
    kind: kindOf(one),
    name: '',
    data: isRecord(object.data ?? null) ? object.data! : secret ? {} : '',
    ...(secret ? { type: str(object, 'type') } : {}),
    ...(secret && isRecord(object.stringData ?? null) ? { stringData: object.stringData! } : {}),
    ...(isRecord(object.binaryData ?? null) ? { binaryData: object.binaryData! } : {}),
  }
  const digest = [...sha256(compactJson(held))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const hash = [...digest.slice(0, 10)].map((letter) => LETTERS[letter] ?? letter).join('')
  const metadata = obj(object, 'metadata')
  return changed(one, { ...object, metadata: { ...metadata, name: `${str(metadata, 'name')}-${hash}` } })
}
