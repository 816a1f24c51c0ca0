// The in-process API: what a write adds, refuses and keeps. Expected values: Kubernetes 1.32's documented behaviour
// and the cases handed over with the issue.
import { beforeEach, describe, expect, it } from 'vitest'
import type { World } from '../../net/types.ts'
import { createWorld } from '../../net/world.ts'
import type { Deployment, Namespace, Pod, Service } from '../objects.ts'
import { createStore, storeGet, storeOf } from '../store/store.ts'
import type { Actor, ApiResult, Draft, Json } from '../types.ts'
import { bootstrapApi } from './bootstrap.ts'
import {
  apiBind,
  apiCreate,
  apiDelete,
  apiFinalize,
  apiGet,
  apiList,
  apiPatch,
  apiUpdate,
  apiUpdateStatus,
} from './local.ts'

const me: Actor = { user: 'admin', manager: 'test' }
let world: World

beforeEach(() => {
  world = createWorld(1)
  createStore(world)
  bootstrapApi(world, ['192.168.50.11'])
})

function ok<T>(result: ApiResult<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.status))
  return result.object
}

const why = (result: ApiResult<unknown>) =>
  result.ok ? 'ok' : `${result.status.code} ${result.status.reason}: ${result.status.message}`

const podDraft = (name: string): Draft<Pod> => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image: 'nginx:1.27', ports: [{ containerPort: 80 }] }] },
})

const deploymentDraft = (): Draft<Deployment> => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
  },
})

const serviceDraft = (spec: Draft<Service>['spec']): Draft<Service> => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { app: 'web' }, ...spec },
})

describe('create', () => {
  it('makes what the API server makes itself', () => {
    expect(apiList(world, 'namespaces').map((one) => one.metadata.name)).toEqual([
      'default',
      'kube-node-lease',
      'kube-public',
      'kube-system',
    ])
    const service = ok(apiGet<Service>(world, 'services', 'default', 'kubernetes'))
    expect(service.spec.clusterIPs).toEqual(['10.96.0.1'])
    expect(service.spec.internalTrafficPolicy).toBe('Cluster')
  })

  it('fills a pod in', () => {
    const pod = ok(apiCreate(world, me, 'pods', podDraft('a')))
    expect(pod.metadata).toMatchObject({
      name: 'a',
      namespace: 'default',
      creationTimestamp: '2026-01-01T00:00:00Z',
    })
    expect(pod.metadata.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(pod.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' })
    expect(pod.spec).toMatchObject({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      priority: 0,
      terminationGracePeriodSeconds: 30,
    })
    expect(pod.spec.containers[0]).toMatchObject({
      imagePullPolicy: 'IfNotPresent',
      ports: [{ protocol: 'TCP' }],
    })
    expect(pod.spec.tolerations).toHaveLength(2)
  })

  it('takes a priority from its class alone', () => {
    const create = (spec: object) =>
      apiCreate<Pod>(world, me, 'pods', {
        ...podDraft('a'),
        spec: { ...podDraft('a').spec, ...spec },
      } as never)
    const says = (what: string, due: string) =>
      `403 Forbidden: pods "a" is forbidden: ${what} must not be provided in pod spec; priority admission ` +
      `controller computed ${due} from the given PriorityClass name`
    expect(why(create({ priority: 5 }))).toBe(says('the integer value of priority (5)', '0'))
    expect(why(create({ preemptionPolicy: 'Never' }))).toBe(
      says('the string value of PreemptionPolicy (Never)', 'PreemptLowerPriority'),
    )
    const priorityClassName = 'system-cluster-critical'
    expect(ok(create({ priority: 2_000_000_000, priorityClassName })).spec.priority).toBe(2_000_000_000)
  })

  it('generates names and refuses a second of the same', () => {
    const one = ok(
      apiCreate(world, me, 'pods', {
        ...podDraft(''),
        metadata: { generateName: 'web-', namespace: 'default' },
      }),
    )
    expect(one.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
    ok(apiCreate(world, me, 'pods', podDraft('a')))
    expect(why(apiCreate(world, me, 'pods', podDraft('a')))).toBe(
      '409 AlreadyExists: pods "a" already exists',
    )
    const nowhere = { ...podDraft('a'), metadata: { name: 'a', namespace: 'nope' } }
    expect(why(apiCreate(world, me, 'pods', nowhere))).toBe('404 NotFound: namespaces "nope" not found')
  })

  it('keeps hostile keys as data', () => {
    const text =
      '{"metadata":{"name":"h","namespace":"default"},"data":{"__proto__":"a","constructor":"b","x":"c"}}'
    const made = ok(
      apiCreate(world, me, 'configmaps', { apiVersion: 'v1', kind: 'ConfigMap', ...JSON.parse(text) }),
    )
    expect(JSON.stringify((made as unknown as { data: Json }).data)).toBe(
      '{"__proto__":"a","constructor":"b","x":"c"}',
    )
    const body = JSON.parse('{"data":{"__proto__":"z","constructor":null}}') as Json
    const next = ok(apiPatch(world, me, 'configmaps', 'default', 'h', { type: 'merge', body }))
    expect(JSON.stringify((next as unknown as { data: Json }).data)).toBe('{"__proto__":"z","x":"c"}')
    expect(Object.getPrototypeOf((next as unknown as { data: object }).data)).toBe(Object.prototype)
  })
})

describe('update', () => {
  it('counts generations by spec, not by status or labels', () => {
    const made = ok(apiCreate<Deployment>(world, me, 'deployments.apps', deploymentDraft()))
    expect(made.metadata.generation).toBe(1)
    const labelled = ok(
      apiUpdate<Deployment>(world, me, 'deployments.apps', {
        ...made,
        metadata: { ...made.metadata, labels: { a: 'b' } },
      }),
    )
    expect(labelled.metadata.generation).toBe(1)
    const reported = ok(
      apiUpdateStatus<Deployment>(world, me, 'deployments.apps', { ...labelled, status: { replicas: 2 } }),
    )
    expect([reported.metadata.generation, reported.status?.replicas]).toEqual([1, 2])
    const scaled = ok(
      apiUpdate<Deployment>(world, me, 'deployments.apps', {
        ...reported,
        spec: { ...reported.spec, replicas: 5 },
      }),
    )
    expect([scaled.metadata.generation, scaled.status?.replicas]).toEqual([2, 2])
  })

  it('refuses a write on an old version, and writes nothing where nothing changes', () => {
    const made = ok(apiCreate(world, me, 'deployments.apps', deploymentDraft()))
    const same = ok(apiUpdate(world, me, 'deployments.apps', made))
    expect(same.metadata.resourceVersion).toBe(made.metadata.resourceVersion)
    ok(apiUpdate<Deployment>(world, me, 'deployments.apps', { ...made, spec: { ...made.spec, replicas: 5 } }))
    expect(why(apiUpdate(world, me, 'deployments.apps', made))).toBe(
      '409 Conflict: Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again',
    )
  })
})

describe('delete', () => {
  it('lets a bound pod finish, and takes one at once that runs nowhere', () => {
    ok(apiCreate(world, me, 'pods', podDraft('a')))
    expect(apiDelete(world, me, 'pods', 'default', 'a').gone).toBe(true)
    ok(apiCreate(world, me, 'pods', podDraft('a')))
    const bound = ok(apiBind(world, me, 'default', 'a', 'n1'))
    expect(bound.spec.nodeName).toBe('n1')
    expect(why(apiBind(world, me, 'default', 'a', 'n2'))).toBe(
      '409 Conflict: Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "n1"',
    )
    const going = apiDelete<Pod>(world, me, 'pods', 'default', 'a')
    expect(going.gone).toBe(false)
    expect(ok(going).metadata).toMatchObject({
      deletionGracePeriodSeconds: 30,
      deletionTimestamp: '2026-01-01T00:00:30Z',
    })
    expect(apiDelete(world, me, 'pods', 'default', 'a', { gracePeriodSeconds: 0 }).gone).toBe(true)
    expect(why(apiGet(world, 'pods', 'default', 'a'))).toBe('404 NotFound: pods "a" not found')
  })

  it('waits for finalizers, as propagation asks', () => {
    const made = ok(apiCreate(world, me, 'deployments.apps', deploymentDraft()))
    const marked = ok(
      apiDelete(world, me, 'deployments.apps', 'default', 'web', { propagationPolicy: 'Foreground' }),
    )
    expect(marked.metadata.finalizers).toEqual(['foregroundDeletion'])
    ok(
      apiUpdate(world, me, 'deployments.apps', {
        ...marked,
        metadata: { ...marked.metadata, finalizers: [] },
      }),
    )
    expect(why(apiGet(world, 'deployments.apps', 'default', 'web'))).toBe(
      '404 NotFound: deployments.apps "web" not found',
    )
    expect(why(apiDelete(world, me, 'deployments.apps', 'default', 'web', { uid: made.metadata.uid }))).toBe(
      '404 NotFound: deployments.apps "web" not found',
    )
  })

  it('closes a namespace before it goes', () => {
    ok(
      apiCreate(world, me, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }),
    )
    const closing = ok(apiDelete<Namespace>(world, me, 'namespaces', '', 'shop'))
    expect(closing.status?.phase).toBe('Terminating')
    const late = { ...podDraft('a'), metadata: { name: 'a', namespace: 'shop' } }
    expect(why(apiCreate(world, me, 'pods', late))).toBe(
      '403 Forbidden: pods "a" is forbidden: unable to create new content in namespace shop because it is being terminated',
    )
    ok(apiFinalize<Namespace>(world, me, { ...closing, spec: { finalizers: [] } }))
    expect(storeGet(storeOf(world), 'namespaces', '', 'shop')).toBe(undefined)
  })
})

describe('services', () => {
  it('gets addresses and ports from the right bands, and gives them back', () => {
    const made = ok(
      apiCreate(world, me, 'services', serviceDraft({ type: 'NodePort', ports: [{ port: 80 }] })),
    )
    expect(made.spec.ports?.[0].nodePort).toBeGreaterThanOrEqual(30086)
    expect(made.spec.ipFamilies).toEqual(['IPv4'])
    const port = made.spec.ports?.[0].nodePort
    expect(apiDelete(world, me, 'services', 'default', 'web').gone).toBe(true)
    const again = serviceDraft({
      type: 'NodePort',
      clusterIP: made.spec.clusterIP,
      ports: [{ port: 80, nodePort: port }],
    })
    expect(ok(apiCreate(world, me, 'services', again)).spec.clusterIP).toBe(made.spec.clusterIP)
  })

  it('a refused service holds nothing', () => {
    const bad = serviceDraft({
      type: 'NodePort',
      clusterIP: '10.96.0.77',
      ports: [{ port: 80, nodePort: 80 }],
    })
    expect(why(apiCreate(world, me, 'services', bad))).toContain('The range of valid ports is 30000-32767')
    const good = serviceDraft({ clusterIP: '10.96.0.77', ports: [{ port: 80 }] })
    expect(ok(apiCreate(world, me, 'services', good)).spec.clusterIP).toBe('10.96.0.77')
  })
})

it('events go after an hour, whoever brings new ones', () => {
  const event = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: 'default' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
  })
  for (let i = 0; i < 100; i++) ok(apiCreate(world, me, 'events', event(`old${i}`)))
  world.now += 3_599_000_000_000
  for (let i = 0; i < 100; i++) ok(apiCreate(world, me, 'events', event(`mid${i}`)))
  expect(apiList(world, 'events')).toHaveLength(200)
  world.now += 1_000_000_000
  for (let i = 0; i < 64; i++) ok(apiCreate(world, me, 'events', event(`new${i}`)))
  const names = apiList(world, 'events').map((one) => one.metadata.name)
  expect(names.filter((name) => name.startsWith('old'))).toEqual([])
  expect(names).toHaveLength(164)
})
