// Expected behaviour is that of Kubernetes' documentation on owners and dependents, and of its namespace deletion conditions.
import { expect, it } from 'vitest'
import { apiBind, apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { ConfigMap, Deployment, Namespace, Pod, ServiceAccount } from '../objects.ts'
import type { Json, JsonObject, OwnerReference } from '../types.ts'
import { all, checkCluster, eventsOf, make, makeNode, pass, startKubelets, USER } from './check.ts'
import { deploymentController } from './deployment.ts'
import { garbageCollector } from './garbage-collector.ts'
import { namespaceController } from './namespace.ts'
import { replicaSetController } from './replicaset.ts'
import { rootCaPublisher, serviceAccountController } from './serviceaccount.ts'

type Cluster = ReturnType<typeof checkCluster>

function cluster(kubelets = true): Cluster {
  const c = checkCluster([garbageCollector, deploymentController, replicaSetController])
  if (kubelets) startKubelets(c)
  return c
}

function web(c: Cluster): void {
  make<Deployment>(c, 'deployments.apps', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'n:1' }] } },
    },
  })
}

function map(c: Cluster, name: string, owners: readonly OwnerReference[] = []): ConfigMap {
  return make<ConfigMap>(c, 'configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', ownerReferences: owners },
  })
}

const ref = ({ metadata }: ConfigMap, blockOwnerDeletion = true): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: metadata.name,
  uid: metadata.uid,
  blockOwnerDeletion,
})
const remove = (c: Cluster, name: string, propagationPolicy?: 'Background' | 'Foreground' | 'Orphan') =>
  apiDelete(
    c.world,
    USER,
    'configmaps',
    'default',
    name,
    propagationPolicy === undefined ? {} : { propagationPolicy },
  )
const maps = (c: Cluster) => all<ConfigMap>(c, 'configmaps').map(({ metadata }) => metadata.name)

it('takes a Deployment with all below it, in the background', () => {
  const c = cluster()
  web(c)
  pass(c, 3)
  expect(all(c, 'pods')).toHaveLength(2)
  apiDelete(c.world, USER, 'deployments.apps', 'default', 'web')
  expect(all(c, 'replicasets.apps')).toHaveLength(1)
  pass(c, 2)
  expect([...all(c, 'replicasets.apps'), ...all(c, 'pods')]).toEqual([])
})

it('deletes dependents first in the foreground, and only waits for those that block', () => {
  const c = cluster(false)
  const owner = map(c, 'owner')
  map(c, 'blocks', [ref(owner)])
  map(c, 'free', [ref(owner, false)])
  const hold = (finalizers: string[]) => (name: string) =>
    apiPatch(c.world, USER, 'configmaps', 'default', name, {
      type: 'merge',
      body: { metadata: { finalizers } },
    })
  for (const name of ['blocks', 'free']) hold(['example.com/hold'])(name)
  remove(c, 'owner', 'Foreground')
  pass(c, 2)
  expect(maps(c)).toEqual(['blocks', 'free', 'owner'])
  const going = all<ConfigMap>(c, 'configmaps').map(
    ({ metadata }) => metadata.deletionTimestamp !== undefined,
  )
  expect(going).toEqual([true, true, true])
  hold([])('blocks')
  pass(c, 2)
  expect(maps(c)).toEqual(['free'])
})

it('lets orphans live, and keeps what has another owner', () => {
  const c = cluster(false)
  const [a, b] = [map(c, 'a'), map(c, 'b')]
  map(c, 'both', [ref(a), ref(b)])
  const d = map(c, 'd')
  map(c, 'orphan', [ref(d)])
  pass(c, 1)
  remove(c, 'd', 'Orphan')
  remove(c, 'a')
  pass(c, 2)
  expect(maps(c)).toEqual(['b', 'both', 'orphan'])
  const owners = all<ConfigMap>(c, 'configmaps').map(({ metadata }) => metadata.ownerReferences?.length ?? 0)
  expect(owners).toEqual([0, 1, 0])
  remove(c, 'b')
  pass(c, 2)
  expect(maps(c)).toEqual(['orphan'])
})

it('deletes what names an owner that is not there, or another of that name', () => {
  const c = cluster(false)
  const a = map(c, 'a')
  map(c, 'stranger', [{ ...ref(a), uid: '00000000-0000-4000-8000-000000000000' }])
  map(c, 'unknown', [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 'x', uid: 'x' }])
  pass(c, 2)
  expect(maps(c)).toEqual(['a', 'unknown'])
})

// TestConflictingData of garbagecollector_test.go (Kubernetes 1.32)
it('knows no owner in another namespace and says so, and none in a namespace for what is in none', () => {
  const c = cluster(false)
  make<Namespace>(c, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns2' } })
  const owner = make<ConfigMap>(c, 'configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'owner', namespace: 'ns2' },
  })
  map(c, 'bad', [ref(owner)])
  const { uid } = owner.metadata
  make(c, 'nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n', ownerReferences: [ref(owner)] },
  })
  pass(c, 2)
  expect(maps(c)).toEqual([])
  expect(eventsOf(c, 'bad')).toEqual([
    `OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: ${uid}] does not exist in namespace "default"`,
  ])
  expect(apiGet(c.world, 'nodes', '', 'n').ok).toBe(true)
})

it('lets what is in no namespace own what is in one', () => {
  const c = cluster(false)
  const { metadata } = makeNode(c, 'n1')
  map(c, 'good', [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: metadata.uid }])
  // Of another kind, and the name is not there: not the same owner, whatever its uid.
  map(c, 'wrong', [{ apiVersion: 'v1', kind: 'Secret', name: 'n1', uid: metadata.uid }])
  pass(c, 2)
  expect(maps(c)).toEqual(['good'])
  apiDelete(c.world, USER, 'nodes', '', 'n1')
  pass(c, 2)
  expect(maps(c)).toEqual([])
})

it('touches nothing of what names an owner that it cannot ask for', () => {
  const c = cluster(false)
  const gone = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' }
  map(c, 'child', [{ apiVersion: 'extensions/v1beta1', kind: 'Deployment', name: 'd', uid: 'd' }, gone])
  pass(c, 2)
  expect(all<ConfigMap>(c, 'configmaps')[0]!.metadata.ownerReferences).toHaveLength(2)
})

// attemptToDeleteItem: a circle of owners that wait for each other is cut; addUnblockedOwnersToDeleteQueue
it('cuts a circle, and goes on when nothing blocks an owner any more', () => {
  const c = cluster(false)
  const [a, b] = [map(c, 'a'), map(c, 'b', [])]
  const own = (name: string, owners: readonly OwnerReference[]) =>
    apiPatch(c.world, USER, 'configmaps', 'default', name, {
      type: 'merge',
      body: { metadata: { ownerReferences: owners as unknown as Json } },
    })
  own('a', [ref(b)])
  own('b', [ref(a)])
  pass(c, 1)
  remove(c, 'a', 'Foreground')
  pass(c, 2)
  expect(maps(c)).toEqual([])
  const owner = map(c, 'owner')
  map(c, 'held', [ref(owner)])
  const hold = { metadata: { finalizers: ['example.com/hold'] } }
  apiPatch(c.world, USER, 'configmaps', 'default', 'held', { type: 'merge', body: hold })
  remove(c, 'owner', 'Foreground')
  pass(c, 2)
  expect(maps(c)).toEqual(['held', 'owner'])
  own('held', [ref(owner, false)])
  pass(c, 2)
  expect(maps(c)).toEqual(['held'])
})

it('empties a namespace before it goes, and says what it waits for', () => {
  const c = checkCluster([namespaceController, garbageCollector, serviceAccountController, rootCaPublisher])
  makeNode(c, 'n1')
  make<Namespace>(c, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } })
  pass(c, 1)
  const accounts = apiGet<ServiceAccount>(c.world, 'serviceaccounts', 'apps', 'default')
  expect(accounts.ok).toBe(true)
  const ca = apiGet<ConfigMap>(c.world, 'configmaps', 'apps', 'kube-root-ca.crt')
  expect(ca.ok && ca.object.data?.['ca.crt']).toMatch(/^-----BEGIN CERTIFICATE-----\n/)
  apiDelete(c.world, USER, 'configmaps', 'apps', 'kube-root-ca.crt')
  apiDelete(c.world, USER, 'serviceaccounts', 'apps', 'default')
  pass(c, 1)
  expect(apiGet(c.world, 'configmaps', 'apps', 'kube-root-ca.crt').ok).toBe(true)
  expect(apiGet(c.world, 'serviceaccounts', 'apps', 'default').ok).toBe(true)
  make<Pod>(c, 'pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'apps' },
    spec: { containers: [{ name: 'c', image: 'n:1' }] },
  })
  apiBind(c.world, USER, 'apps', 'p', 'n1')
  apiDelete(c.world, USER, 'namespaces', '', 'apps')
  pass(c, 10)
  const namespace = apiGet<Namespace>(c.world, 'namespaces', '', 'apps')
  expect(namespace.ok && namespace.object.status).toMatchObject({
    phase: 'Terminating',
    conditions: [
      { type: 'NamespaceDeletionDiscoveryFailure', status: 'False' },
      { type: 'NamespaceDeletionGroupVersionParsingFailure', status: 'False' },
      { type: 'NamespaceDeletionContentFailure', status: 'False' },
      {
        type: 'NamespaceContentRemaining',
        status: 'True',
        reason: 'SomeResourcesRemain',
        message: 'Some resources are remaining: pods. has 1 resource instances',
      },
      { type: 'NamespaceFinalizersRemaining', status: 'False', reason: 'ContentHasNoFinalizers' },
    ],
  })
  expect(apiGet(c.world, 'configmaps', 'apps', 'kube-root-ca.crt').ok).toBe(false)
  apiDelete(c.world, USER, 'pods', 'apps', 'p', { gracePeriodSeconds: 0 })
  pass(c, 40)
  expect(apiGet(c.world, 'namespaces', '', 'apps').ok).toBe(false)
})

// status_condition_utils.go and namespaced_resources_deleter.go: what is told of content that does not go
it('tells what is held, and what should have been gone by now', () => {
  const c = checkCluster([namespaceController, garbageCollector])
  makeNode(c, 'n1')
  make<Namespace>(c, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } })
  const metadata = { namespace: 'apps', finalizers: ['example.com/hold'] }
  const spec = { containers: [{ name: 'c', image: 'n:1' }] }
  make<Deployment>(c, 'deployments.apps', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata, name: 'd' },
    spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec } },
  })
  for (const name of ['m', 'n'])
    make<ConfigMap>(c, 'configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, name } })
  make<Pod>(c, 'pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'apps' },
    spec: { ...spec, nodeName: 'n1' },
  })
  apiDelete(c.world, USER, 'namespaces', '', 'apps')
  const told = (type: string) => {
    const got = apiGet<Namespace>(c.world, 'namespaces', '', 'apps')
    const one = got.ok
      ? got.object.status?.conditions?.find((condition) => condition.type === type)
      : undefined
    return `${one?.status} ${one?.reason} ${one?.message}`
  }
  pass(c, 6)
  expect(told('NamespaceContentRemaining')).toBe(
    'True SomeResourcesRemain Some resources are remaining: configmaps. has 2 resource instances, ' +
      'deployments.apps has 1 resource instances, pods. has 1 resource instances',
  )
  expect(told('NamespaceFinalizersRemaining')).toBe(
    'True SomeFinalizersRemain Some content in the namespace has finalizers remaining: ' +
      'example.com/hold in 3 resource instances',
  )
  expect(told('NamespaceDeletionContentFailure')).toMatch(/^False ContentDeleted /)
  // The pod's 30 s are over, and nobody stops it.
  pass(c, 60)
  expect(told('NamespaceDeletionContentFailure')).toBe(
    'True ContentDeletionFailed Failed to delete all resource types, 1 remaining: ' +
      'unexpected items still remain in namespace: apps for gvr: /v1, Resource=pods',
  )
})

// publisher_test.go, serviceaccounts_controller_test.go: what is changed or deleted comes back, in active namespaces
it('keeps the account and the authority of each namespace', () => {
  const c = checkCluster([serviceAccountController, rootCaPublisher])
  pass(c, 1)
  const ca = () => {
    const got = apiGet<ConfigMap>(c.world, 'configmaps', 'default', 'kube-root-ca.crt')
    return got.ok ? got.object : undefined
  }
  const first = ca()!
  const change = (body: JsonObject) => {
    apiPatch(c.world, USER, 'configmaps', 'default', 'kube-root-ca.crt', { type: 'merge', body })
    pass(c, 1)
  }
  change({ data: { test: 'test' } })
  expect(ca()!.data).toEqual(first.data)
  change({ data: { 'ca.crt': 'abc' } })
  expect(ca()!.data).toEqual(first.data)
  change({ metadata: { annotations: { 'kubernetes.io/description': null } } })
  expect(ca()!.metadata.annotations).toEqual(first.metadata.annotations)
  change({ metadata: { annotations: { 'kubernetes.io/description': 'mine', more: 'x' } } })
  expect(ca()!.metadata.annotations).toEqual({ 'kubernetes.io/description': 'mine', more: 'x' })
  make<ServiceAccount>(c, 'serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'other', namespace: 'default' },
  })
  for (const name of ['default', 'other']) apiDelete(c.world, USER, 'serviceaccounts', 'default', name)
  pass(c, 1)
  const accounts = all<ServiceAccount>(c, 'serviceaccounts').map(({ metadata }) => metadata.name)
  expect(accounts).toEqual(['default'])
})
