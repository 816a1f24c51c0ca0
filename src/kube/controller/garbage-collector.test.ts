// Expected behaviour is that of Kubernetes' documentation on owners and dependents, and of its namespace deletion conditions.
import { expect, it } from 'vitest'
import { apiBind, apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { ConfigMap, Deployment, Namespace, Pod, ServiceAccount } from '../objects.ts'
import type { OwnerReference } from '../types.ts'
import { all, checkCluster, make, makeNode, pass, startKubelets, USER } from './check.ts'
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
