/** create, update, patch, delete and deletecollection. Models apiserver pkg/endpoints/handlers (1.32). */
import type { World } from '../../net/types.ts'
import { storeGet, storeList, storeOf } from '../store/store.ts'
import type { Actor, ApiRequest, ApiResponse, ApiResult, Draft, Json, JsonObject, Status } from '../types.ts'
import { apiVersionOf, field, isRecord, resourceKey } from '../types.ts'
import { trackUpdate } from './apply.ts'
import { decodeObject, type FieldValidation, MAX_BODY, parseBody, parsePatch } from './decode.ts'
import { fieldOrder } from './repeated.ts'
import { patchObject, type PatchType } from './patch.ts'
import { decodeProtobuf } from './protobuf.ts'
import type { DeleteOptions } from './registry.ts'
import { createObject, deleteObject, updateObject } from './registry.ts'
import {
  anyJson,
  bodyRecord,
  jsonResponse,
  queryOf,
  type ResourceRequest,
  statusResponse,
} from './respond.ts'
import { objectResponse } from './rest-read.ts'
import { badRequest, failure, methodNotAllowed, notFound, unsupportedMedia } from './status.ts'
import { parseSelectors } from './selectors.ts'

/** POST, PUT, PATCH and DELETE of a resource itself. */
export function writeResource(world: World, target: ResourceRequest): ApiResponse {
  const { request, name, info, namespace } = target
  if (namespace === '' && info.namespaced)
    return statusResponse(methodNotAllowed(info, request.method.toLowerCase()))
  switch (request.method) {
    case 'POST':
      return name === '' ? create(world, target) : statusResponse(methodNotAllowed(info, 'post'))
    case 'PUT':
      return name === '' ? statusResponse(methodNotAllowed(info, 'put')) : update(world, target)
    case 'PATCH':
      return name === '' ? statusResponse(methodNotAllowed(info, 'patch')) : patch(world, target)
    default:
      return name === '' ? removeAll(world, target) : remove(world, target)
  }
}

/** Who writes: the query's fieldManager, else the client's program name. */
export function actorOf(request: ApiRequest): Actor {
  const manager = queryOf(request, 'fieldManager') || request.userAgent.split('/')[0] || 'unknown'
  return { user: request.user, manager }
}

export function isDryRun(request: ApiRequest): boolean {
  return queryOf(request, 'dryRun') === 'All'
}

function validationOf(request: ApiRequest): FieldValidation {
  const text = queryOf(request, 'fieldValidation')
  return text === 'Strict' || text === 'Ignore' ? text : 'Warn'
}

/** The body as a checked draft of the target's kind. */
export function readDraft(
  target: ResourceRequest,
): { draft: Draft; warnings: readonly string[] } | { status: Status } {
  const { request, info } = target
  const media = request.contentType.split(';')[0].trim()
  if (media === 'application/vnd.kubernetes.protobuf' && request.body.length <= MAX_BODY) {
    const value = decodeProtobuf(request.body)
    if (value !== undefined) return { draft: value as unknown as Draft, warnings: [] }
  }
  if (media !== '' && media !== 'application/json') {
    const words = `the body of the request was in an unknown format - accepted media types include: application/json`
    return { status: unsupportedMedia(words) }
  }
  const body = parseBody(request.body)
  if ('status' in body) return body
  const apiVersion = field(body.value, 'apiVersion') ?? apiVersionOf(info)
  const kind = field(body.value, 'kind') ?? info.kind
  if (kind !== info.kind) {
    const words = `${String(kind)} in version "${String(apiVersion).split('/').at(-1)}" cannot be handled as a ${info.kind}: no kind "${String(kind)}" is registered for version "${String(apiVersion)}" of this resource`
    return { status: badRequest(words) }
  }
  if (apiVersion !== apiVersionOf(info)) {
    const words = `the API version in the data (${String(apiVersion)}) does not match the expected API version (${apiVersionOf(info)})`
    return { status: badRequest(words) }
  }
  const validation = validationOf(request)
  const order = validation === 'Ignore' ? undefined : fieldOrder(request.body)
  const decoded = decodeObject(info, body.value, validation, order)
  if ('status' in decoded) return decoded
  const metadata = isRecord(field(decoded.object, 'metadata')) ? field(decoded.object, 'metadata') : {}
  return { draft: { ...decoded.object, metadata } as unknown as Draft, warnings: decoded.warnings }
}

export function resultResponse(
  world: World,
  target: ResourceRequest,
  result: ApiResult,
  code: number,
  warnings?: readonly string[],
): ApiResponse {
  if (!result.ok) return statusResponse(result.status)
  return objectResponse(world, target, result.object, code, warnings)
}

function create(world: World, target: ResourceRequest): ApiResponse {
  const { request, info, namespace } = target
  const read = readDraft(target)
  if ('status' in read) return statusResponse(read.status)
  const actor = actorOf(request)
  const options = { dryRun: isDryRun(request), track: trackUpdate(world, info, actor) }
  const result = createObject(world, actor, info, namespace, read.draft, options)
  return resultResponse(world, target, result, 201, read.warnings)
}

function update(world: World, target: ResourceRequest): ApiResponse {
  const { request, info, namespace, name } = target
  const read = readDraft(target)
  if ('status' in read) return statusResponse(read.status)
  const { draft, warnings } = read
  const wrong = placeProblem(draft, namespace, name)
  if (wrong !== undefined) return statusResponse(wrong)
  const old = storeGet(storeOf(world), resourceKey(info), namespace, name)
  if (old === undefined) return statusResponse(notFound(info, name))
  const actor = actorOf(request)
  const options = { dryRun: isDryRun(request), track: trackUpdate(world, info, actor) }
  return resultResponse(world, target, updateObject(world, actor, info, old, draft, options), 200, warnings)
}

/** The body must be about what the path names. */
export function placeProblem(draft: Draft, namespace: string, name: string): Status | undefined {
  const { name: given = '', namespace: where } = draft.metadata
  if (given !== name) {
    return badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
  }
  if (where !== undefined && where !== '' && namespace !== '' && where !== namespace) {
    return badRequest(
      `the namespace of the object (${where}) does not match the namespace on the URL (${namespace})`,
    )
  }
  return undefined
}

const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
}

function patch(world: World, target: ResourceRequest): ApiResponse {
  const { request, info, namespace, name } = target
  const read = readPatch(target)
  if ('status' in read) return statusResponse(read.status)
  const { type, body } = read
  const existed = storeGet(storeOf(world), resourceKey(info), namespace, name) !== undefined
  const actor = actorOf(request)
  const warnings: string[] = []
  const force = queryOf(request, 'force') === 'true'
  const check = (object: Json) => checkPatched(target, object, warnings)
  const common = { dryRun: isDryRun(request), force, check }
  const options = type === 'apply' ? common : { ...common, track: trackUpdate(world, info, actor) }
  const result = patchObject(world, actor, info, namespace, name, type, body, options)
  return resultResponse(world, target, result, existed ? 200 : 201, warnings)
}

/** The patch and its kind, by content type. */
export function readPatch({
  request,
}: ResourceRequest): { type: PatchType; body: Json } | { status: Status } {
  const media = request.contentType.split(';')[0].trim()
  const type = Object.hasOwn(PATCH_TYPES, media) ? PATCH_TYPES[media] : undefined
  if (type === undefined) {
    const list = Object.keys(PATCH_TYPES).join(', ')
    const words = `the body of the request was in an unknown format - accepted media types include: ${list}`
    return { status: unsupportedMedia(words) }
  }
  if (type === 'apply' && queryOf(request, 'fieldManager') === '') {
    const words =
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    return { status: failure(422, 'Invalid', words) }
  }
  if (request.body.length > MAX_BODY) {
    return { status: failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY}`) }
  }
  if (type !== 'json') {
    const merges = type === 'merge'
    const body = type === 'apply' ? parseBody(request.body) : parsePatch(request.body, merges)
    return 'status' in body ? body : { type, body: body.value }
  }
  const body = anyJson(request.body)
  return body === undefined ? { status: badRequest('error decoding patch: invalid JSON') } : { type, body }
}

function checkPatched(target: ResourceRequest, object: Json, warnings: string[]): Status | undefined {
  if (!isRecord(object)) return badRequest('the patched object is not an object')
  const decoded = decodeObject(target.info, object, validationOf(target.request))
  if ('status' in decoded) return decoded.status
  warnings.push(...decoded.warnings)
  return undefined
}

/** DeleteOptions from the body and the query. */
export function deleteOptions(request: ApiRequest): DeleteOptions {
  const body = bodyRecord(request) as JsonObject
  const grace = queryOf(request, 'gracePeriodSeconds') || field(body, 'gracePeriodSeconds')
  const policy = queryOf(request, 'propagationPolicy') || field(body, 'propagationPolicy')
  const preconditions = field(body, 'preconditions')
  const uid = field(preconditions, 'uid')
  const resourceVersion = field(preconditions, 'resourceVersion')
  const dry = field(body, 'dryRun')
  return {
    dryRun: isDryRun(request) || (Array.isArray(dry) && dry.includes('All')),
    ...(grace === undefined || grace === '' ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === 'Background' || policy === 'Foreground' || policy === 'Orphan'
      ? { propagationPolicy: policy }
      : {}),
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  }
}

function remove(world: World, target: ResourceRequest): ApiResponse {
  const { request, info, namespace, name } = target
  const key = resourceKey(info)
  const old = storeGet(storeOf(world), key, namespace, name)
  if (old === undefined) return statusResponse(notFound(info, name))
  const result = deleteObject(world, actorOf(request), info, old, deleteOptions(request))
  if (!result.ok) return statusResponse(result.status)
  // Pods, services and service accounts come back as they were; of others only a word remains.
  const returned = ['pods', 'services', 'serviceaccounts', 'nodes'].includes(key)
  if (returned || result.gone !== true) return objectResponse(world, target, result.object)
  const details = {
    name,
    ...(info.group === '' ? {} : { group: info.group }),
    kind: info.resource,
    uid: old.metadata.uid,
  }
  return jsonResponse(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details })
}

function removeAll(world: World, target: ResourceRequest): ApiResponse {
  const { request, info, namespace } = target
  if (!info.verbs.includes('deletecollection')) return statusResponse(methodNotAllowed(info, 'delete'))
  const key = resourceKey(info)
  const parsed = parseSelectors(key, queryOf(request, 'labelSelector'), queryOf(request, 'fieldSelector'))
  if ('error' in parsed) return statusResponse(badRequest(parsed.error))
  const actor = actorOf(request)
  const options = deleteOptions(request)
  const items = storeList(storeOf(world), key, namespace).filter(parsed.matches)
  for (const one of items) {
    const result = deleteObject(world, actor, info, one, options)
    if (!result.ok) return statusResponse(result.status)
  }
  const metadata = { resourceVersion: String(storeOf(world).revision) }
  return jsonResponse(200, { kind: `${info.kind}List`, apiVersion: apiVersionOf(info), metadata, items })
}
