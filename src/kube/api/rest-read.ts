/** get, list and watch. Models apiserver pkg/endpoints/handlers/{get,watch}.go (1.32). */
import type { World } from '../../net/types.ts'
import { compactedRevision, storeListAt } from '../store/history.ts'
import { storeGet, storeKey, storeList, storeOf, wallMs } from '../store/store.ts'
import type { ApiObject, ApiResponse, WatchSpec } from '../types.ts'
import { apiVersionOf, resourceKey } from '../types.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { isTrue, jsonResponse, queryOf, type ResourceRequest, statusResponse } from './respond.ts'
import { parseSelectors } from './selectors.ts'
import { badRequest, gone, notFound } from './status.ts'
import { makeTable, partial } from './table.ts'
import { watchStart } from './watch.ts'

/** GET of a name, of a collection, or of a collection with watch=1. */
export function readResource(world: World, target: ResourceRequest): ApiResponse {
  if (target.name !== '' && !isTrue(queryOf(target.request, 'watch'))) return getOne(world, target)
  if (isTrue(queryOf(target.request, 'watch'))) return startWatch(world, target)
  return list(world, target)
}

/** An object as the client asked for it: a Table, metadata only, or the whole. */
export function objectResponse(
  world: World,
  target: ResourceRequest,
  object: ApiObject,
  code = 200,
  warnings?: readonly string[],
): ApiResponse {
  const { accept } = target.request
  if (accept.includes('as=Table')) {
    const metadata = { resourceVersion: object.metadata.resourceVersion }
    const include = queryOf(target.request, 'includeObject') || 'Metadata'
    const table = makeTable(resourceKey(target.info), [object], wallMs(world), metadata, include)
    return jsonResponse(code, table, warnings)
  }
  if (accept.includes('as=PartialObjectMetadata')) return jsonResponse(code, partial(object), warnings)
  return jsonResponse(code, object, warnings)
}

function getOne(world: World, target: ResourceRequest): ApiResponse {
  const { info, namespace, name } = target
  const object = storeGet(storeOf(world), resourceKey(info), namespace, name)
  return object === undefined ? statusResponse(notFound(info, name)) : objectResponse(world, target, object)
}

function list(world: World, target: ResourceRequest): ApiResponse {
  const { info, namespace, request } = target
  const key = resourceKey(info)
  const store = storeOf(world)
  const parsed = parseSelectors(key, queryOf(request, 'labelSelector'), queryOf(request, 'fieldSelector'))
  if ('error' in parsed) return statusResponse(badRequest(parsed.error))
  let revision = store.revision
  let after = ''
  const token = queryOf(request, 'continue')
  if (token !== '') {
    const place = readToken(token)
    if (place === undefined) return statusResponse(badRequest('continue key is not valid: malformed value'))
    if (place.revision < compactedRevision(store)) {
      const words =
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'
      return statusResponse(gone(words))
    }
    revision = place.revision
    after = place.key
  } else if (queryOf(request, 'resourceVersionMatch') === 'Exact')
    revision = Number(queryOf(request, 'resourceVersion'))
  if (revision < compactedRevision(store))
    return statusResponse(gone('The resourceVersion for the provided list is too old.'))
  const all =
    revision >= store.revision
      ? storeList(store, key, namespace)
      : storeListAt(store, key, revision, { namespace })
  const matched = all.filter((one) => parsed.matches(one) && (after === '' || keyOf(one) > after))
  const limit = Number(queryOf(request, 'limit')) || 0
  const page = limit > 0 && matched.length > limit ? matched.slice(0, limit) : matched
  const last = page.at(-1)
  const more =
    page.length < matched.length && last !== undefined
      ? { continue: makeToken(revision, keyOf(last)), remainingItemCount: matched.length - page.length }
      : {}
  return listResponse(world, target, page, { resourceVersion: String(revision), ...more })
}

function listResponse(
  world: World,
  target: ResourceRequest,
  page: readonly ApiObject[],
  metadata: object,
): ApiResponse {
  const { info, request } = target
  if (request.accept.includes('as=Table')) {
    const include = queryOf(request, 'includeObject') || 'Metadata'
    return jsonResponse(200, makeTable(resourceKey(info), page, wallMs(world), metadata, include))
  }
  if (request.accept.includes('as=PartialObjectMetadataList')) {
    const head = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' }
    return jsonResponse(200, { ...head, metadata, items: page.map(partial) })
  }
  const items = page.map(({ apiVersion: _version, kind: _kind, ...rest }) => rest)
  return jsonResponse(200, { kind: `${info.kind}List`, apiVersion: apiVersionOf(info), metadata, items })
}

function keyOf({ metadata: { namespace = '', name } }: ApiObject): string {
  return storeKey(namespace, name)
}

function makeToken(revision: number, key: string): string {
  return encodeBase64(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: key })).replace(/=+$/, '')
}

function readToken(token: string): { revision: number; key: string } | undefined {
  const bytes = decodeBase64(token.padEnd(Math.ceil(token.length / 4) * 4, '='))
  if (bytes === undefined) return undefined
  try {
    const { rv, start } = JSON.parse(String.fromCharCode(...bytes)) as { rv: unknown; start: unknown }
    return typeof rv === 'number' && typeof start === 'string' ? { revision: rv, key: start } : undefined
  } catch {
    return undefined
  }
}

/** The beginning of a watch; `watchPoll` with the response's `watch` goes on from `watch.revision`. */
function startWatch(world: World, target: ResourceRequest): ApiResponse {
  const { info, namespace, name, request } = target
  const key = resourceKey(info)
  const labelSelector = queryOf(request, 'labelSelector')
  const named = name === '' ? '' : `metadata.name=${name}`
  const fieldSelector = [queryOf(request, 'fieldSelector'), named].filter((text) => text !== '').join(',')
  const parsed = parseSelectors(key, labelSelector, fieldSelector)
  if ('error' in parsed) return statusResponse(badRequest(parsed.error))
  const text = queryOf(request, 'resourceVersion')
  if (text !== '' && !/^\d+$/.test(text)) {
    return statusResponse(
      badRequest(`Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`),
    )
  }
  const endMark = isTrue(queryOf(request, 'sendInitialEvents'))
  const initial = text === '' || text === '0' || endMark
  const seconds = Number(queryOf(request, 'timeoutSeconds')) || 0
  const table = request.accept.includes('as=Table')
  const spec: WatchSpec = {
    resource: key,
    namespace: namespace === '' ? undefined : namespace,
    labelSelector,
    fieldSelector,
    bookmarks: isTrue(queryOf(request, 'allowWatchBookmarks')),
    table,
    partial: !table && request.accept.includes('as=PartialObjectMetadata'),
    includeObject: queryOf(request, 'includeObject') || 'Metadata',
    headers: true,
    revision: initial ? storeOf(world).revision : Number(text),
    endsAt: seconds === 0 ? 0 : world.now + seconds * 1_000_000_000,
  }
  const lines = watchStart(world, spec, initial, endMark)
  const body = lines.map((line) => `${line}\n`).join('')
  const watch = lines.length > 0 ? { ...spec, headers: false } : spec
  return { code: 200, contentType: 'application/json;stream=watch', body, watch }
}
