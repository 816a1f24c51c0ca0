// The REST surface: paths, patches, field owners, watches, tables, paging, hostile bodies. Expected answers are those
// of Kubernetes 1.32's API reference and RFC 6902 / 7386.
import { beforeEach, describe, expect, it } from 'vitest'
import type { World } from '../../net/types.ts'
import { createWorld } from '../../net/world.ts'
import { createStore } from '../store/store.ts'
import type { ApiRequest, ApiResponse, Json, JsonObject, Status } from '../types.ts'
import { bootstrapApi } from './bootstrap.ts'
import { jsonPatch, mergePatch, strategicMerge } from './patch.ts'
import { resources } from './resources.ts'
import { apiRequest } from './rest.ts'
import { definitionName, definitionNames, fieldType } from './schema.ts'
import { watchPoll } from './watch.ts'

let world: World

beforeEach(() => {
  world = createWorld(1)
  createStore(world)
  bootstrapApi(world, ['192.168.50.11'])
})

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

function send(method: string, url: string, body: unknown = '', more: Partial<ApiRequest> = {}): ApiResponse {
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

const patch = (url: string, type: string, body: unknown) =>
  send('PATCH', url, body, { contentType: `application/${type}` })
const status = (response: ApiResponse) =>
  `${response.code} ${(response.body as Status).reason}: ${(response.body as Status).message}`
const at = (response: ApiResponse, ...keys: (string | number)[]): unknown => {
  let value: unknown = response.body
  for (const key of keys) value = (value as Record<string | number, unknown> | undefined)?.[key]
  return value
}

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const MAPS = '/api/v1/namespaces/default/configmaps'
const deployment = (image = 'nginx:1', replicas?: number): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
  },
})
const map = (name: string, data: JsonObject = {}, labels: JsonObject = {}) => ({
  metadata: { name, labels },
  data,
})

describe('documents', () => {
  it('answers what kubectl asks first', () => {
    expect(at(send('GET', '/version'), 'gitVersion')).toBe('v1.32.4')
    expect(send('GET', '/readyz').body).toBe('ok')
    const groups = send('GET', '/apis', '', {
      accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    })
    expect(groups.contentType).toContain('as=APIGroupDiscoveryList')
    expect(at(groups, 'items', 0, 'metadata', 'name')).toBe('apps')
    expect(at(send('GET', '/api/v1'), 'kind')).toBe('APIResourceList')
    const index = send('GET', '/openapi/v3')
    const url = at(index, 'paths', 'apis/apps/v1', 'serverRelativeURL') as string
    const schema = at(send('GET', url), 'components', 'schemas') as Record<string, JsonObject>
    expect(schema['io.k8s.api.apps.v1.Deployment']['x-kubernetes-group-version-kind']).toEqual([
      { group: 'apps', version: 'v1', kind: 'Deployment' },
    ])
    const containers = (schema['io.k8s.api.core.v1.PodSpec'].properties as JsonObject).containers
    expect(containers).toMatchObject({ type: 'array', 'x-kubernetes-patch-merge-key': 'name' })
  })

  it('refuses what is not there, and says what is not modelled', () => {
    expect(status(send('GET', '/apis/foo.io/v1/bars'))).toBe(
      '404 NotFound: the server could not find the requested resource',
    )
    expect(send('GET', '/apis/batch/v1/namespaces/default/jobs').warnings).toEqual([
      'batch/v1 Job is not modelled',
    ])
    expect(send('GET', '/apis/networking.k8s.io/v1/networkpolicies').code).toBe(200)
    expect(status(send('PATCH', DEPLOYMENTS))).toBe(
      '405 MethodNotAllowed: patch is not supported on resources of kind "deployments.apps"',
    )
  })

  it('names only definitions that exist, for every served kind', () => {
    const known = new Set(definitionNames())
    for (const info of resources) expect(known.has(definitionName(info))).toBe(true)
    expect(fieldType('io.k8s.api.core.v1.PodSpec', 'containers')).toBe('[.io.k8s.api.core.v1.Container')
    expect(fieldType('io.k8s.api.core.v1.PodSpec', 'constructor')).toBe(undefined)
  })
})

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

describe('reading', () => {
  it('pages at one revision', () => {
    for (let i = 0; i < 5; i++) send('POST', MAPS, map(`m${i}`))
    const first = send('GET', `${MAPS}?limit=2`)
    expect(at(first, 'metadata', 'remainingItemCount')).toBe(3)
    send('DELETE', `${MAPS}/m3`)
    const token = at(first, 'metadata', 'continue') as string
    const rest = send('GET', `${MAPS}?limit=9&continue=${token}`)
    const names = (rest.body as { items: { metadata: { name: string } }[] }).items.map(
      (one) => one.metadata.name,
    )
    expect(names).toEqual(['m2', 'm3', 'm4'])
    expect(at(rest, 'metadata', 'resourceVersion')).toBe(at(first, 'metadata', 'resourceVersion'))
  })

  it('selects by labels and fields', () => {
    send('POST', MAPS, map('a', {}, { tier: 'x', app: 'web' }))
    send('POST', MAPS, map('b', {}, { tier: 'y' }))
    send('POST', MAPS, map('c'))
    const names = (query: string) =>
      (send('GET', `${MAPS}?${query}`).body as { items: { metadata: { name: string } }[] }).items.map(
        (one) => one.metadata.name,
      )
    expect(names('labelSelector=tier in (x,y)')).toEqual(['a', 'b'])
    expect(names('labelSelector=tier notin (x),tier')).toEqual(['b'])
    expect(names('labelSelector=!tier')).toEqual(['c'])
    expect(names('labelSelector=tier!=x,app==web')).toEqual([])
    expect(names('fieldSelector=metadata.name!=a')).toEqual(['b', 'c'])
    expect(status(send('GET', '/api/v1/pods?fieldSelector=spec.foo=1'))).toBe(
      '400 BadRequest: field label not supported: spec.foo',
    )
  })

  it('prints tables', () => {
    send('POST', MAPS, map('a', { x: '1' }))
    const table = send('GET', MAPS, '', { accept: TABLE })
    expect(at(table, 'kind')).toBe('Table')
    expect(at(table, 'rows', 0, 'cells')).toEqual(['a', 1, '0s'])
    expect(at(table, 'rows', 0, 'object', 'kind')).toBe('PartialObjectMetadata')
  })
})

describe('watching', () => {
  const lines = (response: ApiResponse, from: number) =>
    response.watch === undefined
      ? []
      : watchPoll(world, response.watch, from).lines.map((line) => JSON.parse(line))

  it('tells what comes, and what falls into and out of a selection', () => {
    const watch = send('GET', `${MAPS}?watch=1&labelSelector=app=web`)
    const from = watch.watch?.revision ?? 0
    send('POST', MAPS, map('a'))
    patch(`${MAPS}/a`, 'merge-patch+json', { metadata: { labels: { app: 'web' } } })
    patch(`${MAPS}/a`, 'merge-patch+json', { data: { x: '1' } })
    patch(`${MAPS}/a`, 'merge-patch+json', { metadata: { labels: { app: 'db' } } })
    expect(lines(watch, from).map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED'])
  })

  it('begins with what is there, up to a bookmark', () => {
    send('POST', MAPS, map('a'))
    const watch = send(
      'GET',
      `${MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    )
    const events = String(watch.body)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'BOOKMARK'])
    expect(events[1].object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
  })

  it('answers Expired to who asks for too old a version', () => {
    world = createWorld(1)
    createStore(world, { logLimit: 128 })
    bootstrapApi(world, [])
    for (let i = 0; i < 600; i++) send('POST', MAPS, map(`m${i}`))
    const watch = send('GET', `${MAPS}?watch=1&resourceVersion=3`)
    const [event] = lines(watch, 3)
    expect([event.type, event.object.code, event.object.reason]).toEqual(['ERROR', 410, 'Expired'])
  })

  it('sends column definitions with the first row only', () => {
    const watch = send('GET', `${MAPS}?watch=1&resourceVersion=5`, '', { accept: TABLE })
    send('POST', MAPS, map('a'))
    send('POST', MAPS, map('b'))
    const events = lines(watch, 5)
    expect(events.map((event) => event.object.columnDefinitions?.length ?? 0)).toEqual([3, 0])
  })
})

describe('subresources', () => {
  it('scale', () => {
    send('POST', DEPLOYMENTS, deployment())
    const scale = send('GET', `${DEPLOYMENTS}/web/scale`)
    expect(scale.body).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 1 },
      status: { replicas: 0, selector: 'app=web' },
    })
    expect(
      at(
        patch(`${DEPLOYMENTS}/web/scale`, 'merge-patch+json', { spec: { replicas: 4 } }),
        'spec',
        'replicas',
      ),
    ).toBe(4)
    expect(at(send('GET', `${DEPLOYMENTS}/web`), 'spec', 'replicas')).toBe(4)
    const bad = patch(`${DEPLOYMENTS}/web/scale`, 'merge-patch+json', { spec: { replicas: -1 } })
    expect(status(bad)).toBe(
      '422 Invalid: Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    )
  })

  it('status takes the status only', () => {
    send('POST', DEPLOYMENTS, deployment())
    const body = { spec: { replicas: 9 }, status: { replicas: 2 } }
    const next = patch(`${DEPLOYMENTS}/web/status`, 'merge-patch+json', body)
    expect([at(next, 'spec', 'replicas'), at(next, 'status', 'replicas')]).toEqual([1, 2])
  })

  it('log asks for the container', () => {
    const containers = [
      { name: 'a', image: 'x' },
      { name: 'b', image: 'x' },
    ]
    send('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec: { containers } })
    const log = (query: string) => send('GET', `/api/v1/namespaces/default/pods/p/log${query}`)
    expect(status(log(''))).toBe(
      '400 BadRequest: a container name must be specified for pod p, choose one of: [a b]',
    )
    expect(status(log('?container=c'))).toBe('400 BadRequest: container c is not valid for pod p')
    send('POST', '/api/v1/namespaces/default/pods/p/binding', { target: { name: 'n1' } })
    expect(log('?container=a&follow=true').stream).toMatchObject({ what: 'log', pod: 'p', container: 'a' })
  })

  it('a dry run changes nothing', () => {
    const before = at(send('GET', MAPS), 'metadata', 'resourceVersion')
    expect(send('POST', `${MAPS}?dryRun=All`, map('a')).code).toBe(201)
    const service = { metadata: { name: 's' }, spec: { clusterIP: '10.96.0.50', ports: [{ port: 80 }] } }
    const services = '/api/v1/namespaces/default/services'
    expect(send('POST', `${services}?dryRun=All`, service).code).toBe(201)
    expect(send('POST', `${services}?dryRun=All`, service).code).toBe(201)
    expect(at(send('GET', MAPS), 'metadata', 'resourceVersion')).toBe(before)
  })

  it('deletes a collection, and answers a deletion with its uid', () => {
    send('POST', MAPS, map('a', {}, { app: 'web' }))
    send('POST', MAPS, map('b', {}, { app: 'web' }))
    const uid = at(send('POST', MAPS, map('c')), 'metadata', 'uid')
    expect((send('DELETE', `${MAPS}?labelSelector=app=web`).body as { items: unknown[] }).items).toHaveLength(
      2,
    )
    expect(at(send('DELETE', `${MAPS}/c`), 'details')).toEqual({ name: 'c', kind: 'configmaps', uid })
  })
})

describe('hostile bodies', () => {
  it('a Secret holds base64', () => {
    const secret = (data: string) =>
      send('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 's' }, data: { a: data } })
    const words =
      '400 BadRequest: Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte'
    expect(status(secret('pass!'))).toBe(`${words} 4`)
    expect(status(secret('abc'))).toBe(`${words} 0`)
    expect(secret('cGFzcw==').code).toBe(201)
  })

  it('are answered, never thrown', () => {
    expect(status(send('POST', MAPS, '{'))).toContain('400 BadRequest')
    expect(status(send('POST', MAPS, 'x'.repeat(4_000_000)))).toBe(
      '413 RequestEntityTooLarge: Request entity too large: limit is 3145728',
    )
    expect(status(send('POST', MAPS, '['.repeat(100_000)))).toContain('exceeded max depth')
    expect(send('POST', MAPS, '{}', { contentType: 'application/vnd.kubernetes.protobuf' }).code).toBe(415)
    for (const body of [
      'null',
      '[]',
      '"a"',
      '1',
      '{"metadata":null}',
      '{"metadata":{"name":5}}',
      '{"metadata":[]}',
    ]) {
      expect(send('POST', MAPS, body).code).toBeGreaterThanOrEqual(400)
    }
    for (const path of [
      '/',
      '//',
      '/api',
      '/api/v1/namespaces/__proto__/pods/constructor',
      '/apis/__proto__/v1',
      '/api/v1/constructor',
    ]) {
      expect([200, 404]).toContain(send('GET', path).code)
    }
  })

  it('__proto__ and constructor survive create, apply, patch and get', () => {
    const data = '{"__proto__":"a","constructor":"b","hasOwnProperty":"c"}'
    send('POST', MAPS, `{"metadata":{"name":"h","labels":{"__proto__":"x"}},"data":${data}}`)
    expect(send('GET', `${MAPS}/h`).code).toBe(404)
    // A label's key may not begin with an underscore; a ConfigMap's may.
    send('POST', MAPS, `{"metadata":{"name":"h","labels":{"constructor":"x"}},"data":${data}}`)
    const got = () => JSON.stringify(at(send('GET', `${MAPS}/h`), 'data'))
    expect(got()).toBe(data)
    patch(`${MAPS}/h`, 'merge-patch+json', '{"data":{"__proto__":"z"}}')
    expect(got()).toBe('{"__proto__":"z","constructor":"b","hasOwnProperty":"c"}')
    patch(
      `${MAPS}/h`,
      'json-patch+json',
      '[{"op":"remove","path":"/data/__proto__"},{"op":"add","path":"/data/valueOf","value":"v"}]',
    )
    expect(got()).toBe('{"constructor":"b","hasOwnProperty":"c","valueOf":"v"}')
    const body =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"h"},"data":{"__proto__":"applied"}}'
    expect(patch(`${MAPS}/h?fieldManager=m`, 'apply-patch+yaml', body).code).toBe(200)
    expect(JSON.parse(got())).toHaveProperty(['valueOf'], 'v')
    expect(Object.hasOwn(at(send('GET', `${MAPS}/h`), 'data') as object, '__proto__')).toBe(true)
    expect(({} as Record<string, unknown>).applied).toBe(undefined)
  })
})

// Bodies that kubectl 1.32.4 posted, recorded: create ns shop; create deployment d --image=nginx:1.27 --replicas=0
// --port=80 -n shop -- sh -c 'echo é'; create cm c --from-literal=a=b --from-literal=__proto__=é
describe('protobuf', () => {
  const recorded: [string, string][] = [
    ['/api/v1/namespaces', 'azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhwKFAoEc2hvcBIAGgAiACoAMgA4AEIAEgAaAgoAGgAiAA=='],
    [
      '/apis/apps/v1/namespaces/shop/deployments',
      'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EssBCh8KAWQSABoEc2hvcCIAKgAyADgAQgBaCAoDYXBwEgFkEpkBCAASCgoICgNhcHASAWQagAEKGgoAEgAaACIAKgAyADgAQgBaCAoDYXBwEgFkEmISRAoFbmdpbngSCm5naW54OjEuMjcaAnNoGgItYxoHZWNobyDDqSoAMgoKABAAGFAiACoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwIABAAGAAgACgAOAAaACIA',
    ],
    [
      '/api/v1/namespaces/default/configmaps',
      'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiwKEQoBYxIAGgAiACoAMgA4AEIAEg8KCV9fcHJvdG9fXxICw6kSBgoBYRIBYhoAIgA=',
    ],
  ]
  const post = (url: string, body: string) =>
    send('POST', url, body, { contentType: 'application/vnd.kubernetes.protobuf' })

  it('makes what was meant', () => {
    const [ns, deploy, cm] = recorded.map(([url, text]) => post(url, atob(text)))
    expect([ns.code, at(ns, 'metadata', 'name')]).toEqual([201, 'shop'])
    expect([deploy.code, at(deploy, 'spec', 'replicas')]).toEqual([201, 0])
    expect(at(deploy, 'spec', 'template', 'spec', 'containers', 0)).toMatchObject({
      name: 'nginx',
      image: 'nginx:1.27',
      command: ['sh', '-c', 'echo é'],
      ports: [{ containerPort: 80, protocol: 'TCP' }],
    })
    expect(JSON.stringify(at(cm, 'data'))).toBe('{"__proto__":"é","a":"b"}')
  })

  it('answers cut and garbled bodies', () => {
    for (const [url, text] of recorded) {
      const whole = atob(text)
      for (let i = 0; i < whole.length; i++) {
        expect([201, 400, 404, 409, 415, 422]).toContain(post(url, whole.slice(0, i)).code)
        const garbled =
          whole.slice(0, i) + String.fromCharCode(whole.charCodeAt(i) ^ 0xff) + whole.slice(i + 1)
        expect([201, 400, 403, 404, 409, 415, 422]).toContain(post(url, garbled).code)
      }
    }
  })
})
