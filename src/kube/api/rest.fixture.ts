/** Tests only: an API server without a cluster around it, and requests to it as kubectl sends them. */
import type { World } from '../../net/types.ts'
import { createWorld } from '../../net/world.ts'
import { createStore } from '../store/store.ts'
import type { ApiRequest, ApiResponse, JsonObject, Status } from '../types.ts'
import { bootstrapApi } from './bootstrap.ts'
import { apiRequest } from './rest.ts'

export const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
export const MAPS = '/api/v1/namespaces/default/configmaps'

/** A world with a fresh store. */
export function openApi(): World {
  const world = createWorld(1)
  createStore(world)
  bootstrapApi(world, ['192.168.50.11'])
  return world
}

/** One request; `url` with its query. */
export function sendTo(
  world: World,
  method: string,
  url: string,
  body: unknown = '',
  more: Partial<ApiRequest> = {},
): ApiResponse {
  const [path, search = ''] = url.split('?')
  const query = search
    .split('&')
    .filter((one) => one !== '')
    .map((one) => one.split(/=(.*)/).slice(0, 2).map(decodeURIComponent) as [string, string])
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const head = {
    accept: 'application/json',
    contentType: 'application/json',
    user: 'admin',
    userAgent: 'kubectl/v1.32.4',
  }
  return apiRequest(world, { method, path, query, body: text, ...head, ...more })
}

/** `409 Conflict: MESSAGE` */
export function status(response: ApiResponse): string {
  const { reason, message } = response.body as Status
  return `${response.code} ${reason}: ${message}`
}

/** What stands in an answer's body under these keys. */
export function at(response: ApiResponse, ...keys: (string | number)[]): unknown {
  let value: unknown = response.body
  for (const key of keys) value = (value as Record<string | number, unknown> | undefined)?.[key]
  return value
}

/** Deployment `web`. */
export function deployment(image = 'nginx:1', replicas?: number): JsonObject {
  const selector = { matchLabels: { app: 'web' } }
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } }
  const scale = replicas === undefined ? {} : { replicas }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { ...scale, selector, template },
  }
}

/** A ConfigMap without its kind, which the path says. */
export function map(name: string, data: JsonObject = {}, labels: JsonObject = {}): JsonObject {
  return { metadata: { name, labels }, data }
}
