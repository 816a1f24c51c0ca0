// Expected objects are those of the endpoint, endpointslice and endpointslicemirroring controllers' own tests.
import { expect, it } from 'vitest'
import { apiBind, apiDelete, apiGet, apiPatch, apiUpdateStatus } from '../api/local.ts'
import type { Endpoints, EndpointSlice, Pod, Service } from '../objects.ts'
import { storeChanges } from '../store/history.ts'
import { storeOf } from '../store/store.ts'
import type { StoreChange } from '../types.ts'
import { all, checkCluster, make, makeNode, pass, startKubelets, USER } from './check.ts'
import { endpointsController } from './endpoints.ts'
import { truncateSubsets } from './endpoints/truncate.ts'
import { endpointSliceMirroringController } from './endpointslice-mirroring.ts'
import { endpointSliceController } from './endpointslice.ts'

type Cluster = ReturnType<typeof checkCluster>
const SLICES = 'endpointslices.discovery.k8s.io'

function cluster(): Cluster {
  const c = checkCluster([endpointsController, endpointSliceController, endpointSliceMirroringController])
  startKubelets(c)
  makeNode(c, 'n1')
  return c
}

function pod(c: Cluster, name: string, labels: Record<string, string>, spec: object = {}): void {
  const ports = [{ name: 'http', containerPort: 8080 }]
  make<Pod>(c, 'pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: { containers: [{ name: 'c', image: 'nginx:1', ports }], ...spec },
  })
  apiBind(c.world, USER, 'default', name, 'n1')
}

function service(c: Cluster, name: string, spec: Service['spec']): void {
  make<Service>(c, 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', labels: { team: 'a' } },
    spec,
  })
}

function endpoints(c: Cluster, name: string): Endpoints | undefined {
  const got = apiGet<Endpoints>(c.world, 'endpoints', 'default', name)
  return got.ok ? got.object : undefined
}

const addresses = (one: Endpoints | undefined) =>
  (one?.subsets ?? []).map((subset) => ({
    ready: subset.addresses?.map(({ targetRef }) => targetRef?.name) ?? [],
    not: subset.notReadyAddresses?.map(({ targetRef }) => targetRef?.name) ?? [],
    ports: subset.ports,
  }))

function setReady(c: Cluster, name: string, status: 'True' | 'False'): void {
  const got = apiGet<Pod>(c.world, 'pods', 'default', name)
  if (!got.ok) throw new Error(got.status.message)
  const conditions = [{ type: 'Ready', status } as const]
  apiUpdateStatus<Pod>(c.world, USER, 'pods', { ...got.object, status: { ...got.object.status, conditions } })
}

it('lists ready pods and those that are not, with the named port as each has it', () => {
  const c = cluster()
  for (const name of ['a', 'b']) pod(c, name, { app: 'web' })
  pod(c, 'other', { app: 'db' })
  service(c, 'web', { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] })
  pass(c, 1)
  const ports = [{ name: 'http', port: 8080, protocol: 'TCP' }]
  expect(addresses(endpoints(c, 'web'))).toEqual([{ ready: ['a', 'b'], not: [], ports }])
  setReady(c, 'a', 'False')
  pass(c, 1)
  expect(addresses(endpoints(c, 'web'))).toEqual([{ ready: ['b'], not: ['a'], ports }])
  const { labels, annotations } = endpoints(c, 'web')!.metadata
  expect(labels).toEqual({ team: 'a' })
  expect(Object.keys(annotations!)).toEqual(['endpoints.kubernetes.io/last-change-trigger-time'])
  apiPatch(c.world, USER, 'services', 'default', 'web', {
    type: 'merge',
    body: { spec: { publishNotReadyAddresses: true } },
  })
  pass(c, 1)
  expect(addresses(endpoints(c, 'web'))).toEqual([{ ready: ['a', 'b'], not: [], ports }])
  apiDelete(c.world, USER, 'pods', 'default', 'b')
  pass(c, 1)
  expect(addresses(endpoints(c, 'web'))).toEqual([{ ready: ['a'], not: [], ports }])
})

it('follows labels and selectors as they change, in Endpoints and in slices', () => {
  const c = cluster()
  pod(c, 'a', { app: 'web', tier: 'front' })
  pod(c, 'b', { app: 'web' })
  service(c, 'web', { selector: { app: 'web', tier: 'front' }, ports: [{ port: 80 }] })
  const seen = () => {
    pass(c, 1)
    const slices = all<EndpointSlice>(c, SLICES, 'kubernetes.io/service-name=web')
    const inSlices = slices.flatMap((slice) => slice.endpoints.map(({ targetRef }) => targetRef?.name)).sort()
    const [subset] = addresses(endpoints(c, 'web'))
    expect(inSlices).toEqual(subset?.ready ?? [])
    return inSlices
  }
  expect(seen()).toEqual(['a'])
  const label = (name: string, labels: Record<string, string | null>) =>
    apiPatch(c.world, USER, 'pods', 'default', name, { type: 'merge', body: { metadata: { labels } } })
  label('b', { tier: 'front' })
  expect(seen()).toEqual(['a', 'b'])
  label('a', { tier: null })
  expect(seen()).toEqual(['b'])
  apiPatch(c.world, USER, 'services', 'default', 'web', {
    type: 'merge',
    body: { spec: { selector: { tier: null } } },
  })
  expect(seen()).toEqual(['a', 'b'])
})

it('gives a headless Service its label, host names and addresses without ports', () => {
  const c = cluster()
  pod(c, 'a', { app: 'web' }, { hostname: 'nginx-host', subdomain: 'sub' })
  service(c, 'sub', { selector: { app: 'web' }, clusterIP: 'None' })
  pass(c, 1)
  const one = endpoints(c, 'sub')!
  expect(one.metadata.labels).toEqual({ team: 'a', 'service.kubernetes.io/headless': '' })
  expect(one.subsets).toMatchObject([{ addresses: [{ hostname: 'nginx-host', nodeName: 'n1' }] }])
  expect(one.subsets![0]!.ports).toBeUndefined()
})

it('leaves Endpoints of a Service without a selector alone, and mirrors them', () => {
  const c = cluster()
  service(c, 'db', { ports: [{ port: 5432 }] })
  make<Endpoints>(c, 'endpoints', {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'db', namespace: 'default', labels: { own: 'x' } },
    subsets: [
      { addresses: [{ ip: '192.0.2.1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ port: 5432 }] },
    ],
  })
  pass(c, 1)
  const mirrors = () => all<EndpointSlice>(c, SLICES, 'kubernetes.io/service-name=db')
  expect(mirrors()).toMatchObject([
    {
      metadata: {
        labels: {
          own: 'x',
          'kubernetes.io/service-name': 'db',
          'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
        },
        ownerReferences: [{ kind: 'Endpoints', name: 'db', controller: true }],
      },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['192.0.2.1'], conditions: { ready: true } },
        { addresses: ['192.0.2.2'], conditions: { ready: false } },
      ],
      ports: [{ name: '', port: 5432, protocol: 'TCP' }],
    },
  ])
  apiPatch(c.world, USER, 'endpoints', 'default', 'db', {
    type: 'merge',
    body: { subsets: [{ addresses: [{ ip: '192.0.2.9' }], ports: [{ port: 5432 }] }] },
  })
  pass(c, 1)
  expect(mirrors().map((slice) => slice.endpoints)).toMatchObject([[{ addresses: ['192.0.2.9'] }]])
  expect(all<EndpointSlice>(c, SLICES, 'kubernetes.io/service-name=kubernetes')).toHaveLength(1)
  apiDelete(c.world, USER, 'services', 'default', 'db')
  pass(c, 1)
  expect(mirrors()).toEqual([])
})

it('cuts what is more than 1,000 addresses, each subset by its part', () => {
  const list = (n: number, net: number) =>
    Array.from({ length: n }, (_, i) => ({ ip: `10.${net}.${i >> 8}.${i & 255}` }))
  const cut = truncateSubsets([
    { addresses: list(900, 1), notReadyAddresses: list(300, 2) },
    { addresses: list(300, 3) },
  ])
  expect(cut.truncated).toBe(true)
  expect(
    cut.subsets.map(({ addresses, notReadyAddresses }) => [addresses?.length, notReadyAddresses?.length]),
  ).toEqual([
    [750, undefined],
    [250, undefined],
  ])
  expect(truncateSubsets([{ addresses: list(1000, 1) }]).truncated).toBe(false)
})

it('takes its time for a large Service: changes that arrive meanwhile are one write', () => {
  const c = cluster()
  service(c, 'web', { selector: { app: 'web' }, ports: [{ port: 80 }] })
  for (let i = 0; i < 300; i++) pod(c, `p${i}`, { app: 'web' })
  pass(c, 30)
  const { revision } = storeOf(c.world)
  const body = { metadata: { labels: { app: 'other' } } }
  for (let i = 0; i < 24; i++) {
    apiPatch(c.world, USER, 'pods', 'default', `p${i}`, { type: 'merge', body })
    pass(c, 0.001)
  }
  pass(c, 1)
  const writes = storeChanges(storeOf(c.world), revision, new Set(['endpoints'])) as StoreChange[]
  const left = (writes.at(-1)!.object as Endpoints).subsets?.[0]?.addresses?.length
  expect(left).toBe(276)
  // 300 pods of 20 us each are 6 ms: in 24 ms there is time for four or five.
  expect(writes.length).toBeGreaterThan(2)
  expect(writes.length).toBeLessThan(7)
})
