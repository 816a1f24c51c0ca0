/** Tests only: small objects to be judged. */
import type { Json, JsonObject } from '../types.ts'

export const container = { name: 'c', image: 'x' }
export const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } }
const path = { path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }
const smallest: Record<string, JsonObject> = {
  Service: { apiVersion: 'v1', spec: { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP' }] } },
  Pod: { apiVersion: 'v1', spec: { containers: [container] } },
  Namespace: { apiVersion: 'v1' },
  Deployment: { apiVersion: 'apps/v1', spec: { selector: { matchLabels: { app: 'web' } }, template } },
  Ingress: {
    apiVersion: 'networking.k8s.io/v1',
    spec: { rules: [{ host: 'foo.com', http: { paths: [path] } }] },
  },
  NetworkPolicy: { apiVersion: 'networking.k8s.io/v1', spec: { podSelector: {} } },
}

/** The smallest object of a kind, with what is set at paths such as `spec.ports[0].port`. */
export function draftOf(
  kind: string,
  name: string,
  ...sets: (Record<string, Json> | undefined)[]
): JsonObject {
  const object = JSON.parse(JSON.stringify({ ...smallest[kind], kind, metadata: { name } })) as JsonObject
  for (const set of sets) for (const [where, value] of Object.entries(set ?? {})) put(object, where, value)
  return object
}

function put(object: JsonObject, where: string, value: Json): void {
  const keys = where.split(/[.[\]]+/).filter((key) => key !== '')
  let at = object as Record<string, unknown>
  for (const key of keys.slice(0, -1)) {
    at[key] ??= {}
    at = at[key] as Record<string, unknown>
  }
  at[keys[keys.length - 1]] = value
}
