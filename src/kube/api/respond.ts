/** What all of the REST surface shares: the request as understood, and how an answer is made. */
import type { World } from '../../net/types.ts'
import type { ApiRequest, ApiResponse, Json, ResourceInfo, Status } from '../types.ts'
import { isRecord } from '../types.ts'

/** What the kubelet answers for its containers; the composition root hands it in. */
export interface ApiHooks {
  /** GET .../log without follow: the text, or a failure */
  readonly log?: (world: World, target: ContainerTarget) => { text: string } | { status: Status }
}

export interface ContainerTarget {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly query: ApiRequest['query']
}

/** A request that was found to be about a resource. */
export interface ResourceRequest {
  readonly request: ApiRequest
  readonly info: ResourceInfo
  /** '' for all namespaces and for cluster-scoped resources */
  readonly namespace: string
  readonly name: string
  readonly subresource: string
}

export function jsonResponse(code: number, body: object, warnings?: readonly string[]): ApiResponse {
  const more = warnings === undefined || warnings.length === 0 ? {} : { warnings }
  return { code, contentType: 'application/json', body, ...more }
}

export function statusResponse(status: Status): ApiResponse {
  return jsonResponse(status.code ?? 500, status)
}

/** The last value of a query parameter, or ''. */
export function queryOf(request: ApiRequest, name: string): string {
  return request.query.findLast(([key]) => key === name)?.[1] ?? ''
}

export function isTrue(text: string): boolean {
  return text === 'true' || text === '1'
}

/** A body as JSON of any form; undefined where it is none. */
export function anyJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** DeleteOptions and the like: an object, or nothing. */
export function bodyRecord(request: ApiRequest): Readonly<Record<string, unknown>> {
  const value = request.body === '' ? {} : anyJson(request.body)
  return isRecord(value) ? value : {}
}
