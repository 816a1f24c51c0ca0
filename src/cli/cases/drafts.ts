/** The objects that the cases of validation begin with, and a small API server for them. */
import { bootstrapApi } from '../../kube/api/bootstrap.ts'
import { resources } from '../../kube/api/resources.ts'
import { sendTo } from '../../kube/api/rest.fixture.ts'
import { createStore } from '../../kube/store/store.ts'
import type { StoreOptions } from '../../kube/store/types.ts'
import type { ApiResponse, Json, JsonObject, Status } from '../../kube/types.ts'
import type { World } from '../../net/types.ts'
import { createWorld } from '../../net/world.ts'

const container = { name: 'c', image: 'x' }
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } }
const path = { path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }
const workload: JsonObject = {
  apiVersion: 'apps/v1',
  spec: { selector: { matchLabels: { app: 'web' } }, template },
}
const networking = 'networking.k8s.io/v1'
const smallest: Record<string, JsonObject> = {
  Service: { apiVersion: 'v1', spec: { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP' }] } },
  Pod: { apiVersion: 'v1', spec: { containers: [container] } },
  Namespace: { apiVersion: 'v1' },
  Node: { apiVersion: 'v1' },
  ConfigMap: { apiVersion: 'v1' },
  Secret: { apiVersion: 'v1' },
  Endpoints: { apiVersion: 'v1' },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', addressType: 'IPv4', endpoints: [], ports: [] },
  Deployment: workload,
  ReplicaSet: workload,
  StatefulSet: workload,
  DaemonSet: workload,
  Ingress: { apiVersion: networking, spec: { rules: [{ host: 'foo.com', http: { paths: [path] } }] } },
  IngressClass: { apiVersion: networking, spec: { controller: 'a.b/c' } },
  NetworkPolicy: { apiVersion: networking, spec: { podSelector: {} } },
}

/** The smallest object of a kind, with what is set at paths such as `spec.ports[0].port`. */
export function draftOf(
  kind: string,
  name: string,
  ...sets: (Record<string, Json> | undefined)[]
): JsonObject {
  const object = structuredClone({ ...smallest[kind], kind, metadata: { name } }) as JsonObject
  for (const set of sets) for (const [where, value] of Object.entries(set ?? {})) put(object, where, value)
  return object
}

function put(object: JsonObject, where: string, value: Json): void {
  const keys = where.split(/[.[\]]+/).filter((key) => key !== '')
  let at = object as Record<string, unknown>
  for (const [i, key] of keys.slice(0, -1).entries()) {
    at[key] ??= /^\d+$/.test(keys[i + 1]!) ? [] : {}
    at = at[key] as Record<string, unknown>
  }
  at[keys[keys.length - 1]!] = structuredClone(value)
}

/** A world with an API server and nothing else. */
export function start(options: Partial<StoreOptions> = {}): World {
  const world = createWorld(1)
  createStore(world, options)
  bootstrapApi(world, [])
  return world
}

/** Where a kind's objects of the namespace `default`, or of none, are served. */
export function collection(kind: string): string {
  const info = resources.find((one) => one.kind === kind)
  if (info === undefined) throw new Error(kind)
  const base = info.group === '' ? '/api/v1' : `/apis/${info.group}/v1`
  return info.namespaced ? `${base}/namespaces/default/${info.resource}` : `${base}/${info.resource}`
}

/**
 * What the server says of an object that is created, or of one that `old` becomes. A pod is changed as it came back:
 * admission has put tolerations and a volume into it, which no update may take out.
 */
export function write(
  world: World,
  kind: string,
  name: string,
  set: Record<string, Json>,
  old?: Record<string, Json>,
): ApiResponse {
  const url = collection(kind)
  if (old === undefined) return sendTo(world, 'POST', url, draftOf(kind, name, set))
  const made = sendTo(world, 'POST', url, draftOf(kind, name, old))
  if (made.code !== 201) throw new Error(`the old object is refused: ${(made.body as Status).message}`)
  const next = kind === 'Pod' ? structuredClone(made.body as unknown as JsonObject) : draftOf(kind, name, old)
  for (const [where, value] of Object.entries(set)) put(next, where, value)
  return sendTo(world, 'PUT', `${url}/${name}`, next)
}
