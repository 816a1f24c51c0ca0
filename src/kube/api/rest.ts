/** The REST surface: a request in, a response out. Models apiserver pkg/endpoints (1.32). */
import type { World } from '../../net/types.ts'
import type { ApiRequest, ApiResponse } from '../types.ts'
import {
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  discoveryList,
  versionDocument,
} from './discovery.ts'
import { openapiDocument, openapiIndex } from './openapi.ts'
import { notModelled, resources } from './resources.ts'
import { type ApiHooks, jsonResponse, type ResourceRequest, statusResponse } from './respond.ts'
import { methodNotAllowed, noSuchPath } from './status.ts'
import { readResource } from './rest-read.ts'
import { openapiV2, serveReview } from './rest-review.ts'
import { writeResource } from './rest-write.ts'
import { serveSubresource } from './rest-sub.ts'

/** Answers any request. Nothing is thrown for what a client may send. */
export function apiRequest(world: World, request: ApiRequest, hooks: ApiHooks = {}): ApiResponse {
  const parts = request.path.split('/').filter((part) => part !== '')
  const fixed = request.method === 'GET' ? serveDocument(request, parts) : undefined
  if (fixed !== undefined) return fixed
  const target = findTarget(request, parts)
  if (target === undefined) {
    return serveReview(request, parts) ?? withNote(statusResponse(noSuchPath()), parts)
  }
  if (target.subresource !== '') return serveSubresource(world, target, hooks)
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return readResource(world, target)
    case 'POST':
    case 'PUT':
    case 'PATCH':
    case 'DELETE':
      return writeResource(world, target)
    default:
      return statusResponse(methodNotAllowed(target.info, request.method.toLowerCase()))
  }
}

function serveDocument(request: ApiRequest, parts: readonly string[]): ApiResponse | undefined {
  const [first, second, third] = parts
  const grouped = request.accept.includes('as=APIGroupDiscoveryList')
  switch (first) {
    case undefined: {
      const paths = ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/openapi/v3', '/readyz', '/version']
      return jsonResponse(200, { paths })
    }
    case 'version':
      return jsonResponse(200, versionDocument())
    case 'healthz':
    case 'livez':
    case 'readyz':
      return { code: 200, contentType: 'text/plain; charset=utf-8', body: 'ok' }
    case 'openapi':
      if (second === 'v2') return openapiV2()
      return second === 'v3' ? serveOpenapi(parts) : undefined
    case 'api':
      if (second === undefined) return grouped ? discovery(true) : jsonResponse(200, apiVersions())
      return parts.length === 2 ? found(apiResourceList('', second)) : undefined
    case 'apis':
      if (second === undefined) return grouped ? discovery(false) : jsonResponse(200, apiGroupList())
      if (third === undefined) {
        const group = apiGroup(second)
        return found(group === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...group })
      }
      return parts.length === 3 ? found(apiResourceList(second, third)) : undefined
    default:
      return undefined
  }
}

function discovery(core: boolean): ApiResponse {
  const contentType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
  return { code: 200, contentType, body: discoveryList(core) }
}

function serveOpenapi([, , root, group, version]: readonly string[]): ApiResponse | undefined {
  if (root === undefined) return jsonResponse(200, openapiIndex())
  if (root === 'api') return found(openapiDocument('', group ?? ''))
  return found(openapiDocument(group ?? '-', version ?? ''))
}

function found(document: object | undefined): ApiResponse | undefined {
  return document === undefined ? undefined : jsonResponse(200, document)
}

/** /api/v1/... and /apis/GROUP/VERSION/..., with or without namespaces/NAME. */
function findTarget(request: ApiRequest, parts: readonly string[]): ResourceRequest | undefined {
  const core = parts[0] === 'api'
  if (!core && parts[0] !== 'apis') return undefined
  const group = core ? '' : parts[1]
  const version = parts[core ? 1 : 2]
  const rest = parts.slice(core ? 2 : 3)
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2 && !isNamespaceSubresource(rest)
  const namespace = inNamespace ? rest[1] : ''
  const [resource, name = '', subresource = '', ...more] = inNamespace ? rest.slice(2) : rest
  if (resource === undefined || more.length > 0) return undefined
  const info = resources.find(
    (one) => one.group === group && one.version === version && one.resource === resource,
  )
  if (info === undefined || info.namespaced !== (namespace !== '')) {
    // Lists over all namespaces name none; everything else does.
    if (info === undefined || !info.namespaced || name !== '') return undefined
  }
  if (subresource !== '' && !info.subresources.includes(subresource)) return undefined
  return { request, info, namespace, name, subresource }
}

function isNamespaceSubresource(rest: readonly string[]): boolean {
  return rest.length === 3 && (rest[2] === 'finalize' || rest[2] === 'status')
}

/** Kinds of a real server that are not modelled are refused like unknown ones; a warning names them. */
function withNote(response: ApiResponse, parts: readonly string[]): ApiResponse {
  const version = parts[0] === 'api' ? parts[1] : `${parts[1]}/${parts[2]}`
  const kinds = Object.hasOwn(notModelled, version) ? notModelled[version] : undefined
  const plural = parts.findLast((part) => kinds?.some((kind) => pluralOf(kind) === part))
  const kind = kinds?.find((one) => pluralOf(one) === plural)
  if (kind === undefined) return response
  return { ...response, warnings: [`${version} ${kind} is not modelled`] }
}

function pluralOf(kind: string): string {
  const low = kind.toLowerCase()
  if (low.endsWith('s')) return `${low}es`
  return low.endsWith('y') ? `${low.slice(0, -1)}ies` : `${low}s`
}
