// Patches and server-side apply over REST. Expected answers are those of Kubernetes 1.32's API reference and RFC 6902 /
// 7386.
import { beforeEach, describe, expect, it } from 'vitest'
import type { World } from '../../net/types.ts'
import type { ApiRequest, Json, JsonObject } from '../types.ts'
import { jsonPatch, mergePatch, strategicMerge } from './patch.ts'
import { at, DEPLOYMENTS, deployment, openApi, sendTo, status } from './rest.fixture.ts'

let world: World

beforeEach(() => {
  world = openApi()
})

const send = (method: string, url: string, body: unknown = '', more: Partial<ApiRequest> = {}) =>
  sendTo(world, method, url, body, more)
const patch = (url: string, type: string, body: unknown) =>
  send('PATCH', url, body, { contentType: `application/${type}` })

describe('patches', () => {
  // RFC 7386, appendix A
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ] as [Json, Json, Json][])('merge %j with %j', (target, body, wanted) => {
    expect(mergePatch(target, body)).toEqual(wanted)
  })

  // RFC 6902, appendix A
  it.each([
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ foo: ['a', 'b', 'c'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['a', 'c'] }],
    [
      { foo: { bar: 'baz' }, q: {} },
      [{ op: 'move', from: '/foo/bar', path: '/q/t' }],
      { foo: {}, q: { t: 'baz' } },
    ],
    [
      { foo: ['all', 'grass', 'cows', 'eat'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['all', 'cows', 'eat', 'grass'] },
    ],
    [{ '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc'] }], { foo: ['bar', ['abc']] }],
  ] as [Json, Json, Json][])('JSON patch of %j by %j', (target, body, wanted) => {
    expect(jsonPatch(target, body)).toEqual({ value: wanted })
  })

  it('a JSON patch that fails leaves all as it was', () => {
    send('POST', DEPLOYMENTS, deployment())
    const made = send('GET', `${DEPLOYMENTS}/web`).body
    const body = [
      { op: 'replace', path: '/spec/replicas', value: 9 },
      { op: 'test', path: '/kind', value: 'Pod' },
    ]
    expect(patch(`${DEPLOYMENTS}/web`, 'json-patch+json', body).code).toBe(422)
    expect(send('GET', `${DEPLOYMENTS}/web`).body).toEqual(made)
  })

  it('strategic merge joins lists by their keys and obeys directives', () => {
    const spec = 'io.k8s.api.core.v1.PodSpec'
    const before = {
      containers: [
        { name: 'a', image: '1' },
        { name: 'b', image: '1' },
      ],
      nodeSelector: { x: '1' },
    }
    const one = strategicMerge(
      before,
      {
        containers: [
          { name: 'b', image: '2' },
          { name: 'c', image: '1' },
        ],
      },
      spec,
    )
    expect((one as JsonObject).containers).toEqual([
      { name: 'a', image: '1' },
      { name: 'b', image: '2' },
      { name: 'c', image: '1' },
    ])
    const gone = strategicMerge(
      before,
      { containers: [{ name: 'a', $patch: 'delete' }], nodeSelector: null },
      spec,
    )
    expect(gone).toEqual({ containers: [{ name: 'b', image: '1' }] })
    const order = strategicMerge(
      before,
      {
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
        containers: [{ name: 'a', image: '3' }],
      },
      spec,
    )
    expect((order as JsonObject).containers).toEqual([
      { name: 'b', image: '1' },
      { name: 'a', image: '3' },
    ])
    const whole = strategicMerge(
      before,
      { containers: [{ $patch: 'replace' }, { name: 'z', image: '9' }] },
      spec,
    )
    expect((whole as JsonObject).containers).toEqual([{ name: 'z', image: '9' }])
  })
})

describe('server-side apply', () => {
  const apply = (manager: string, body: JsonObject, more = '') =>
    patch(`${DEPLOYMENTS}/web?fieldManager=${manager}${more}`, 'apply-patch+yaml', body)

  it('creates, is idempotent, and lets a manager give fields up', () => {
    expect(apply('a', deployment('nginx:1', 3)).code).toBe(201)
    const version = at(send('GET', `${DEPLOYMENTS}/web`), 'metadata', 'resourceVersion')
    expect(apply('a', deployment('nginx:1', 3)).code).toBe(200)
    expect(at(send('GET', `${DEPLOYMENTS}/web`), 'metadata', 'resourceVersion')).toBe(version)
    const less = apply('a', deployment('nginx:1'))
    // What nobody sets any more falls back to its default.
    expect(at(less, 'spec', 'replicas')).toBe(1)
  })

  it('refuses to take what another manager set, unless forced', () => {
    apply('a', deployment('nginx:1', 3))
    const refused = apply('b', deployment('nginx:1', 5))
    expect(status(refused)).toBe(
      '409 Conflict: Apply failed with 1 conflict: conflict with "a": .spec.replicas',
    )
    expect(at(refused, 'details', 'causes', 0)).toEqual({
      reason: 'FieldManagerConflict',
      message: 'conflict with "a"',
      field: '.spec.replicas',
    })
    expect(at(apply('b', deployment('nginx:1', 5), '&force=true'), 'spec', 'replicas')).toBe(5)
    // a no longer owns replicas: leaving it out changes nothing.
    expect(at(apply('a', deployment('nginx:1')), 'spec', 'replicas')).toBe(5)
  })

  it('names the container whose image is contested', () => {
    send('POST', `${DEPLOYMENTS}?fieldManager=kubectl-create`, deployment('nginx:1'))
    const words = status(apply('b', deployment('nginx:2')))
    expect(words).toContain('conflict with "kubectl-create" using apps/v1')
    expect(words).toContain('.spec.template.spec.containers[name="c"].image')
  })
})
