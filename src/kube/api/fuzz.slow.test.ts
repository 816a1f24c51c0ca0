// 1,000 fuzzed objects of every kind, hostile keys and strings included: what is accepted comes back byte for byte,
// and writing it back changes nothing.
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { createWorld } from '../../net/world.ts'
import { createStore } from '../store/store.ts'
import type { JsonObject } from '../types.ts'
import { apiVersionOf, resourceKey } from '../types.ts'
import { bootstrapApi } from './bootstrap.ts'
import { resources } from './resources.ts'
import { apiRequest } from './rest.ts'
import { definition, definitionName, fieldType } from './schema.ts'

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

/** A value that fits a field's type, hostile strings and keys included. */
function arbitrary(type: string, depth: number): fc.Arbitrary<unknown> {
  if (type.startsWith('[')) return fc.array(arbitrary(type.slice(1), depth), { maxLength: 2 })
  const key = fc.constantFrom('a', '__proto__', 'constructor', 'toString', 'é', '')
  if (type.startsWith('{'))
    return fc.array(fc.tuple(key, arbitrary(type.slice(1), depth)), { maxLength: 2 }).map(Object.fromEntries)
  if (type.startsWith('.')) return depth > 3 ? fc.constant({}) : structure(type.slice(1), depth)
  const text = fc.constantFrom('a', '', '__proto__', '10.0.0.1', 'TCP', '80', '🙂', '\u0000', 'x'.repeat(70))
  if (type === 's' || type === 'y') return text
  if (type === 'b') return fc.boolean()
  if (type === 'i' || type === 'l') return fc.constantFrom(0, 1, 80, -1, 65536, 2_147_483_647)
  if (type === 'd') return fc.constantFrom(0, 1.5)
  if (type === 'x') return fc.oneof(text, fc.constantFrom(0, 80, -1))
  if (type === 'q') return fc.constantFrom('1', '100m', '64Mi')
  return type === 'a' ? fc.jsonValue({ maxDepth: 2 }) : fc.constantFrom('2026-01-01T00:00:00Z', null)
}

function structure(name: string, depth: number): fc.Arbitrary<unknown> {
  const fields = Object.keys(definition(name) ?? {})
  const one = (key: string) => arbitrary(fieldType(name, key) ?? 'a', depth + 1)
  return fc
    .subarray(fields, { maxLength: Math.min(5, fields.length) })
    .chain((some) =>
      fc.tuple(...some.map(one)).map((values) => Object.fromEntries(some.map((key, i) => [key, values[i]]))),
    )
}

const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } }
const workload = { spec: { selector: { matchLabels: { a: 'b' } }, template } }
/** What a kind cannot be without: fuzzed objects get it, so that some are accepted. */
const needed: Record<string, JsonObject> = {
  Pod: { spec: template.spec },
  Service: { spec: { ports: [{ port: 80 }], type: 'ClusterIP' } },
  Deployment: workload,
  ReplicaSet: workload,
  StatefulSet: workload,
  DaemonSet: workload,
  Ingress: { spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } }, rules: [] } },
  IngressClass: { spec: { controller: 'a.b/c' } },
  NetworkPolicy: { spec: { podSelector: {}, policyTypes: ['Ingress'] } },
  EndpointSlice: { addressType: 'IPv4', endpoints: [], ports: [] },
  Event: { involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' } },
  Secret: { type: 'Opaque' },
  ControllerRevision: { revision: 1 },
}

it.each(resources.map((info) => [resourceKey(info), info] as const))(
  '1,000 fuzzed %s: accepted ones come back as stored',
  (_key, info) => {
    const base = info.group === '' ? '/api/v1' : `/apis/${info.group}/v1`
    const url = info.namespaced ? `${base}/namespaces/default/${info.resource}` : `${base}/${info.resource}`
    const world = createWorld(1)
    createStore(world)
    bootstrapApi(world, [])
    const send = (method: string, path: string, value: unknown = '', accept = 'application/json') => {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      const head = { accept, contentType: 'application/json', user: 'admin', userAgent: 'fuzz' }
      return apiRequest(world, { method, path, query: [], body: text, ...head })
    }
    const version = (object: unknown) =>
      (object as { metadata?: { resourceVersion?: string } }).metadata?.resourceVersion
    let n = 0
    let accepted = 0
    const { spec, ...top } = needed[info.kind] ?? {}
    const bodies = fc.sample(structure(definitionName(info), 0), { numRuns: 1000, seed: 7 }) as JsonObject[]
    for (const body of bodies) {
      const metadata = { name: `f${n++}` }
      const whole =
        spec === undefined
          ? body
          : { ...body, spec: { ...(body.spec as JsonObject), ...(spec as JsonObject) } }
      const head = { apiVersion: apiVersionOf(info), kind: info.kind, metadata }
      const made = send('POST', url, { ...whole, ...top, ...head })
      if (made.code !== 201) {
        expect([400, 403, 404, 409, 422, 500]).toContain(made.code)
        continue
      }
      accepted++
      const text = JSON.stringify(made.body)
      expect(JSON.stringify(send('GET', `${url}/f${n - 1}`).body)).toBe(text)
      const again = send('PUT', `${url}/f${n - 1}`, text)
      expect([again.code, version(again.body)]).toEqual([200, version(made.body)])
      expect(send('GET', `${base}/${info.resource}`, '', TABLE).code).toBe(200)
      send('DELETE', `${url}/f${n - 1}`)
    }
    expect(accepted).toBeGreaterThan(20)
  },
)
