// Reviews, and lists of what has no objects, as `kubectl auth`, `describe ns` and `apply` ask for them (1.32).
import { beforeEach, expect, it } from 'vitest'
import type { World } from '../../net/types.ts'
import { at, openApi, sendTo, status } from './rest.fixture.ts'

let world: World

beforeEach(() => {
  world = openApi()
})

it('allows everything to whoever is there', () => {
  const spec = { resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } }
  const kind = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' }
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const answer = sendTo(world, 'POST', path, { ...kind, spec })
  expect(answer.code).toBe(201)
  expect(answer.body).toEqual({ ...kind, metadata: {}, spec, status: { allowed: true } })
  const who = sendTo(world, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
  expect(at(who, 'status', 'userInfo', 'username')).toBe('admin')
  const rules = sendTo(world, 'POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {})
  expect(at(rules, 'status', 'resourceRules', 0)).toEqual({
    verbs: ['*'],
    apiGroups: ['*'],
    resources: ['*'],
  })
  expect(status(sendTo(world, 'GET', path))).toContain('404 NotFound')
})

it('has no quotas, but makes none either', () => {
  const quotas = '/api/v1/namespaces/default/resourcequotas'
  const list = sendTo(world, 'GET', quotas)
  expect([list.code, at(list, 'kind'), at(list, 'items'), list.warnings]).toEqual([
    200,
    'ResourceQuotaList',
    [],
    undefined,
  ])
  expect(sendTo(world, 'POST', quotas, {})).toMatchObject({
    code: 404,
    warnings: ['v1 ResourceQuota is not modelled'],
  })
  expect(sendTo(world, 'GET', `${quotas}/one`).code).toBe(404)
})

it('has a second OpenAPI document that names no kinds', () => {
  const { body, contentType } = sendTo(world, 'GET', '/openapi/v2')
  expect(contentType).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
  // Document: swagger = 1, info = 2; Info: title = 1, version = 2.
  expect(body).toBe('\n\x032.0\x12\x15\n\nKubernetes\x12\x07v1.32.4')
})
