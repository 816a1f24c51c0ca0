/**
 * What is asked of a server that keeps no object: who am I, may I; and lists of kinds that clients ask for in passing.
 * Models registry/authorization and registry/authentication (1.32). Whoever reaches the API is the cluster's
 * administrator: RBAC is not modelled, everything is allowed.
 */
import type { ApiRequest, ApiResponse, Json } from '../types.ts'
import { field } from '../types.ts'
import { anyJson, jsonResponse } from './respond.ts'

const REVIEWS: Readonly<Record<string, (request: ApiRequest) => object>> = {
  'authorization.k8s.io/v1/selfsubjectaccessreviews': (request) => ({
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: specOf(request),
    status: { allowed: true },
  }),
  'authorization.k8s.io/v1/selfsubjectrulesreviews': (request) => ({
    kind: 'SelfSubjectRulesReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: specOf(request),
    status: {
      resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      incomplete: false,
    },
  }),
  'authentication.k8s.io/v1/selfsubjectreviews': ({ user }) => ({
    kind: 'SelfSubjectReview',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { creationTimestamp: null },
    status: { userInfo: { username: user, groups: ['kubeadm:cluster-admins', 'system:authenticated'] } },
  }),
}

/** Kinds without objects here, that `describe` and `apply` look for: an empty list is what most clusters answer. */
const EMPTY: Readonly<Record<string, string>> = {
  'v1 resourcequotas': 'ResourceQuotaList',
  'v1 limitranges': 'LimitRangeList',
  'apiextensions.k8s.io/v1 customresourcedefinitions': 'CustomResourceDefinitionList',
}

/** The answer to a review, or to a list that is empty; undefined where `parts` of a path are neither. */
export function serveReview(request: ApiRequest, parts: readonly string[]): ApiResponse | undefined {
  if (request.method === 'POST' && parts[0] === 'apis' && parts.length === 4) {
    const review = parts.slice(1).join('/')
    return Object.hasOwn(REVIEWS, review) ? jsonResponse(201, REVIEWS[review]!(request)) : undefined
  }
  if (request.method !== 'GET') return undefined
  const core = parts[0] === 'api'
  const apiVersion = core ? (parts[1] ?? '') : `${parts[1]}/${parts[2]}`
  const rest = parts.slice(core ? 2 : 3)
  const key = `${apiVersion} ${rest[0] === 'namespaces' ? rest[2] : rest[0]}`
  const isList = rest.length === 1 || (rest.length === 3 && rest[0] === 'namespaces')
  if (!isList || !Object.hasOwn(EMPTY, key)) return undefined
  return jsonResponse(200, { kind: EMPTY[key], apiVersion, metadata: { resourceVersion: '1' }, items: [] })
}

function specOf({ body }: ApiRequest): Json {
  return field(anyJson(body) ?? null, 'spec') ?? {}
}

/**
 * /openapi/v2 without its definitions, as gnostic's Document in protobuf (swagger, info): clients look there only for
 * kinds that /openapi/v3 does not have, and then say so themselves.
 */
export function openapiV2(): ApiResponse {
  const text = (tag: number, words: string) => `${String.fromCharCode((tag << 3) | 2, words.length)}${words}`
  const info = text(1, 'Kubernetes') + text(2, 'v1.32.4')
  return {
    code: 200,
    contentType: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    body: text(1, '2.0') + text(2, info),
  }
}
