// The REST surface: paths, patches, field owners, watches, tables, paging, hostile bodies. Expected answers are those
// of Kubernetes 1.32's API reference and RFC 6902 / 7386.
import { beforeEach, describe, expect, it } from 'vitest'
import type { World } from '../../net/types.ts'
import { createWorld } from '../../net/world.ts'
import { createStore } from '../store/store.ts'
import type { ApiRequest, ApiResponse, JsonObject } from '../types.ts'
import { bootstrapApi } from './bootstrap.ts'
import { resources } from './resources.ts'
import { at, DEPLOYMENTS, deployment, MAPS, map, openApi, sendTo, status } from './rest.fixture.ts'
import { definitionName, definitionNames, fieldType } from './schema.ts'
import { watchPoll } from './watch.ts'

let world: World

beforeEach(() => {
  world = openApi()
})

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

const send = (method: string, url: string, body: unknown = '', more: Partial<ApiRequest> = {}) =>
  sendTo(world, method, url, body, more)
const patch = (url: string, type: string, body: unknown) =>
  send('PATCH', url, body, { contentType: `application/${type}` })

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
