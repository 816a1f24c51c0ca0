/** Subresources over REST: status, ephemeralcontainers, scale, finalize, binding, eviction, log, exec. */
import type { World } from '../../net/types.ts'
import type { Pod } from '../objects.ts'
import { storeGet, storeOf } from '../store/store.ts'
import type { ApiObject, ApiResponse, Json, ResourceInfo, Status, StreamSpec } from '../types.ts'
import { field, resourceKey } from '../types.ts'
import { trackUpdate } from './apply.ts'
import { mergePatch, patchObject } from './patch.ts'
import { updateObject } from './registry.ts'
import type { ApiHooks, ResourceRequest } from './respond.ts'
import { bodyRecord, jsonResponse, queryOf, statusResponse } from './respond.ts'
import { objectResponse } from './rest-read.ts'
import {
  actorOf,
  deleteOptions,
  isDryRun,
  placeProblem,
  readDraft,
  readPatch,
  resultResponse,
} from './rest-write.ts'
import { badRequest, failure, methodNotAllowed, notFound } from './status.ts'
import { bindPod, evictPod, isScalable, putScale, scaleOf } from './subresources.ts'

export function serveSubresource(world: World, target: ResourceRequest, hooks: ApiHooks): ApiResponse {
  const { info, namespace, name, subresource } = target
  if (subresource === 'binding') return serveBinding(world, target)
  const object = storeGet(storeOf(world), resourceKey(info), namespace, name)
  if (object === undefined) return statusResponse(notFound(info, name))
  switch (subresource) {
    case 'status':
    case 'finalize':
      return serveStatus(world, target, object)
    case 'ephemeralcontainers':
      return resourceKey(info) === 'pods' ? serveStatus(world, target, object) : unknownPart(target)
    case 'scale':
      return serveScale(world, target, object)
    case 'eviction': {
      const body = bodyRecord(target.request) as { readonly deleteOptions?: object }
      const request = { ...target.request, body: JSON.stringify(body.deleteOptions ?? {}) }
      const result = evictPod(world, actorOf(request), namespace, name, deleteOptions(request))
      if (!result.ok) return statusResponse(result.status)
      return jsonResponse(201, {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        code: 201,
      })
    }
    case 'log':
    case 'exec':
    case 'attach':
    case 'portforward':
      return serveContainer(world, target, object as Pod, subresource, hooks)
    default:
      return unknownPart(target)
  }
}

function unknownPart({ info, subresource }: ResourceRequest): ApiResponse {
  const message = `the ${info.resource}/${subresource} subresource is not modelled`
  const causes = [{ reason: 'UnexpectedServerResponse', message, field: '' }]
  return statusResponse(
    failure(404, 'NotFound', 'the server could not find the requested resource', { causes }),
  )
}

function serveStatus(world: World, target: ResourceRequest, object: ApiObject): ApiResponse {
  const { request, info, namespace, name, subresource } = target
  if (request.method === 'GET') return objectResponse(world, target, object)
  const actor = actorOf(request)
  const options = {
    dryRun: isDryRun(request),
    subresource,
    track: trackUpdate(world, info, actor, subresource),
  }
  if (request.method === 'PATCH') {
    const read = readPatch(target)
    if ('status' in read) return statusResponse(read.status)
    const force = queryOf(request, 'force') === 'true'
    const how = read.type === 'apply' ? { dryRun: options.dryRun, subresource, force } : options
    return resultResponse(
      world,
      target,
      patchObject(world, actor, info, namespace, name, read.type, read.body, how),
      200,
    )
  }
  if (request.method !== 'PUT') return statusResponse(methodNotAllowed(info, request.method.toLowerCase()))
  const read = readDraft(target)
  if ('status' in read) return statusResponse(read.status)
  const wrong = placeProblem(read.draft, namespace, name)
  if (wrong !== undefined) return statusResponse(wrong)
  return resultResponse(
    world,
    target,
    updateObject(world, actor, info, object, read.draft, options),
    200,
    read.warnings,
  )
}

function serveScale(world: World, target: ResourceRequest, object: ApiObject): ApiResponse {
  const { request, info } = target
  if (!isScalable(info)) return statusResponse(notFound(info, target.name))
  const scale = scaleOf(object)
  if (request.method === 'GET') return jsonResponse(200, scale)
  let next: Json
  if (request.method === 'PUT') next = bodyRecord(request) as Json
  else if (request.method === 'PATCH') {
    const read = readPatch(target)
    if ('status' in read) return statusResponse(read.status)
    const body = field(read.body, 'metadata') === undefined ? read.body : withoutVersion(read.body)
    next = mergePatch(scale as unknown as Json, body)
  } else return statusResponse(methodNotAllowed(info, request.method.toLowerCase()))
  const replicas = field(field(next, 'spec'), 'replicas') ?? 0
  if (typeof replicas !== 'number' || !Number.isInteger(replicas)) {
    const words = `Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal ${typeof replicas} into Go struct field ScaleSpec.spec.replicas of type int32`
    return statusResponse(badRequest(words))
  }
  const result = putScale(world, actorOf(request), info, object, next, isDryRun(request))
  return result.ok ? jsonResponse(200, result.object) : statusResponse(result.status)
}

function withoutVersion(patch: Json): Json {
  const version = field(field(patch, 'metadata'), 'resourceVersion')
  return version === undefined || version === '' ? mergePatch(patch, { metadata: null }) : patch
}

function serveBinding(world: World, target: ResourceRequest): ApiResponse {
  const { request, info, namespace, name } = target
  if (request.method !== 'POST') return statusResponse(methodNotAllowed(info, request.method.toLowerCase()))
  const body = bodyRecord(request) as Json
  const node = field(field(body, 'target'), 'name')
  const uid = field(field(body, 'metadata'), 'uid')
  if (typeof node !== 'string' || node === '') {
    const words = `Binding "${name}" is invalid: target.name: Required value`
    return statusResponse(failure(422, 'Invalid', words))
  }
  const result = bindPod(world, actorOf(request), namespace, name, {
    node,
    uid: typeof uid === 'string' ? uid : '',
  })
  if (!result.ok) return statusResponse(result.status)
  return jsonResponse(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}

/** Finds the container that a request is for, as the server does before it asks the kubelet. */
function serveContainer(
  world: World,
  { request, info, namespace, name }: ResourceRequest,
  pod: Pod,
  what: StreamSpec['what'],
  hooks: ApiHooks,
): ApiResponse {
  const asked = queryOf(request, 'container')
  const found = what === 'portforward' ? { container: '' } : pickContainer(info, pod, asked)
  if ('status' in found) return statusResponse(found.status)
  const { container } = found
  if (!pod.spec.nodeName) {
    if (what === 'log') return { code: 200, contentType: 'text/plain', body: '' }
    return statusResponse(badRequest(`pod ${name} does not have a host assigned`))
  }
  const stream = { what, namespace, pod: name, container, query: request.query }
  const follow = queryOf(request, 'follow') === 'true'
  if (what === 'log' && !follow && hooks.log !== undefined) {
    const text = hooks.log(world, { namespace, pod: name, container, query: request.query })
    if ('status' in text) return statusResponse(text.status)
    return { code: 200, contentType: 'text/plain', body: text.text }
  }
  return { code: what === 'log' ? 200 : 101, contentType: 'text/plain', body: '', stream }
}

function pickContainer(
  info: ResourceInfo,
  pod: Pod,
  asked: string,
): { container: string } | { status: Status } {
  const { name } = pod.metadata
  const containers = pod.spec.containers.map((one) => one.name)
  const inits = (pod.spec.initContainers ?? []).map((one) => one.name)
  if (asked === '') {
    if (containers.length === 1) return { container: containers[0] }
    const init = inits.length === 0 ? '' : ` or one of the init containers: [${inits.join(' ')}]`
    const words = `a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}]${init}`
    return { status: badRequest(words) }
  }
  if (containers.includes(asked) || inits.includes(asked)) return { container: asked }
  const words = `container ${asked} is not valid for ${info.singular} ${name}`
  return { status: badRequest(words) }
}
