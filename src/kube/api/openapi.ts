/** OpenAPI v3 as far as kubectl needs it: the index, the kinds' schemas with their merge keys, and the PATCH paths. */
import { hashPlain } from '../../base/hash.ts'
import type { ResourceInfo } from '../types.ts'
import { apiVersionOf } from '../types.ts'
import { groupNames, SERVER_VERSION } from './discovery.ts'
import { resources } from './resources.ts'
import { definition, definitionName, fieldType, listKind, mergeKey } from './schema.ts'
import docs from './schema-docs.gen.json' with { type: 'json' }

type Docs = Readonly<Record<string, Readonly<Record<string, string>>>>

/** The official description of a definition ('' as field) or of one of its fields. */
export function description(name: string, field = ''): string {
  const all = docs as Docs
  const own = Object.hasOwn(all, name) ? all[name] : undefined
  return own !== undefined && Object.hasOwn(own, field) ? own[field] : ''
}

/** /openapi/v3 */
export function openapiIndex(): object {
  const paths = ['api/v1', ...groupNames().map((group) => `apis/${group}/v1`)]
  const entry = (path: string) => ({
    serverRelativeURL: `/openapi/v3/${path}?hash=${hashPlain([SERVER_VERSION, path]).toUpperCase()}`,
  })
  return { paths: Object.fromEntries(paths.map((path) => [path, entry(path)])) }
}

/** /openapi/v3/api/v1 (group '') or /openapi/v3/apis/GROUP/VERSION */
export function openapiDocument(group: string, version: string): object | undefined {
  const own = resources.filter((info) => info.group === group && info.version === version)
  if (own.length === 0) return undefined
  const schemas = new Map<string, object>()
  for (const info of own) addSchema(schemas, definitionName(info), info)
  const paths = own.flatMap((info) => resourcePaths(info))
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: SERVER_VERSION },
    paths: Object.fromEntries(paths),
    components: {
      schemas: Object.fromEntries([...schemas.keys()].sort().map((key) => [key, schemas.get(key)])),
    },
  }
}

const PATCHES = ['json-patch+json', 'merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml']

function resourcePaths(info: ResourceInfo): [string, object][] {
  const base = info.group === '' ? '/api/v1' : `/apis/${info.group}/${info.version}`
  const where = info.namespaced
    ? `${base}/namespaces/{namespace}/${info.resource}`
    : `${base}/${info.resource}`
  const gvk = { group: info.group, version: info.version, kind: info.kind }
  const query = (...names: string[]) =>
    names.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } }))
  const operation = (action: string, ...names: string[]) => ({
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
    parameters: query(...names),
    responses: {},
  })
  const write = ['dryRun', 'fieldManager', 'fieldValidation']
  const content = Object.fromEntries(PATCHES.map((type) => [`application/${type}`, {}]))
  return [
    [
      where,
      {
        get: operation('list', 'labelSelector', 'fieldSelector', 'limit', 'continue'),
        post: operation('post', ...write),
      },
    ],
    [
      `${where}/{name}`,
      {
        get: operation('get'),
        put: operation('put', ...write),
        patch: { ...operation('patch', ...write, 'force'), requestBody: { content } },
        delete: operation('delete', 'dryRun', 'gracePeriodSeconds', 'propagationPolicy'),
      },
    ],
  ]
}

function addSchema(schemas: Map<string, object>, name: string, info?: ResourceInfo): void {
  if (schemas.has(name)) return
  const fields = definition(name)
  if (fields === undefined) return
  schemas.set(name, {})
  const properties = Object.keys(fields).map((key): [string, object] => {
    const type = fieldType(name, key) ?? 'a'
    return [key, { ...described(name, key), ...typeSchema(type, name, key, schemas) }]
  })
  const required = Object.keys(fields).filter((key) => fields[key].endsWith('!'))
  schemas.set(name, {
    ...described(name, ''),
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(properties),
    ...(info === undefined
      ? {}
      : {
          'x-kubernetes-group-version-kind': [{ group: info.group, kind: info.kind, version: info.version }],
        }),
  })
}

function described(name: string, key: string): object {
  const text = description(name, key)
  return text === '' ? {} : { description: text }
}

function typeSchema(type: string, name: string, key: string, schemas: Map<string, object>): object {
  if (type.startsWith('.')) {
    addSchema(schemas, type.slice(1))
    return { allOf: [{ $ref: `#/components/schemas/${type.slice(1)}` }], default: {} }
  }
  if (type.startsWith('[')) {
    const merge = mergeKey(name, key)
    const kind = listKind(name, key)
    const marks = {
      ...(merge === undefined ? {} : { 'x-kubernetes-patch-strategy': 'merge' }),
      ...(merge === undefined || merge === '' ? {} : { 'x-kubernetes-patch-merge-key': merge }),
      ...(typeof kind === 'string' ? {} : { 'x-kubernetes-list-map-keys': kind }),
      'x-kubernetes-list-type': typeof kind === 'string' ? kind : 'map',
    }
    return { type: 'array', items: typeSchema(type.slice(1), name, '', schemas), ...marks }
  }
  if (type.startsWith('{')) {
    return { type: 'object', additionalProperties: typeSchema(type.slice(1), name, '', schemas) }
  }
  const own = Object.hasOwn(named, type) ? named[type] : undefined
  if (own === undefined) return scalars[type] ?? { type: 'object' }
  schemas.set(own, scalars[type])
  return { allOf: [{ $ref: `#/components/schemas/${own}` }] }
}

/** Scalars that have a definition of their own. */
const named: Readonly<Record<string, string>> = {
  t: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
  u: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
  q: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  x: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
}

const scalars: Readonly<Record<string, object>> = {
  s: { type: 'string' },
  i: { type: 'integer', format: 'int32' },
  l: { type: 'integer', format: 'int64' },
  d: { type: 'number', format: 'double' },
  b: { type: 'boolean' },
  t: { type: 'string', format: 'date-time' },
  u: { type: 'string', format: 'date-time' },
  q: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  x: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  y: { type: 'string', format: 'byte' },
}

/** The served kinds, for completion and `explain`: apiVersion and definition by kind. */
export function servedKinds(): { apiVersion: string; kind: string; definition: string }[] {
  return resources.map((info) => ({
    apiVersion: apiVersionOf(info),
    kind: info.kind,
    definition: definitionName(info),
  }))
}
