// Expected: replica_set_test.go, replica_set_utils_test.go and controller_utils_test.go (Kubernetes 1.32).
import { expect, it } from 'vitest'
import { apiCreate, apiDelete, apiGet, apiList, apiPatch, apiUpdateStatus } from '../../api/local.ts'
import type { Pod, ReplicaSet } from '../../objects.ts'
import { formatTime } from '../../time.ts'
import type { Json, JsonObject } from '../../types.ts'
import { all, checkCluster, eventsOf, make, pass, startKubelets, USER } from '../check.ts'
import { slowStart } from '../pod-control.ts'
import { replicaSetController } from '../replicaset.ts'
import { podsToDelete } from './ranks.ts'

const NOW = 1_800_000_000_000
const MONTH = 30 * 24 * 60

// TestSlowStartBatch
it.each([
  [10, 0, 1, 'fake'],
  [10, 10, 10, undefined],
  [10, 5, 7, 'fake'],
])('of %i calls, where %i may succeed, makes %i', (count, limit, calls, failure) => {
  let n = 0
  expect(slowStart(count, () => (++n > limit ? 'fake' : undefined))).toBe(failure)
  expect(n).toBe(calls)
})

interface Given {
  node?: string
  phase?: string
  /** minutes since it is ready; 'never' for a condition without a time */
  ready?: number | 'never'
  age?: number
  restarts?: number
  side?: number
  cost?: string
}

function podOf(name: string, one: Given): Pod {
  const { node = 'node', phase = 'Running', ready, age = MONTH, restarts = 0, side = 0, cost } = one
  const since = (minutes: number) => formatTime(NOW - minutes * 60_000)
  const at = ready === 'never' ? {} : { lastTransitionTime: since(ready ?? 0) }
  const annotations = { 'controller.kubernetes.io/pod-deletion-cost': cost }
  return {
    metadata: { name, uid: name, creationTimestamp: since(age), ...(cost && { annotations }) },
    spec: {
      nodeName: node,
      initContainers: [{ name: 'sidecar', restartPolicy: 'Always' }, { name: 'once' }],
    },
    status: {
      phase,
      conditions: ready === undefined ? [] : [{ type: 'Ready', status: 'True', ...at }],
      containerStatuses: [{ restartCount: restarts }],
      initContainerStatuses: [
        { name: 'sidecar', restartCount: side },
        { name: 'once', restartCount: 7 },
      ],
    },
  } as unknown as Pod
}

const unscheduled = { node: '', phase: 'Pending' }
const pending = { phase: 'Pending' }
const unknown = { phase: 'Unknown' }
const now: Given = { ready: 0, age: 0 }
const nowThen: Given = { ready: 0 }

// TestSortingActivePodsWithRanks: the first goes, whatever their order; the ranks are pods on their nodes
it.each<[string, Given, number, Given, number]>([
  ['unscheduled before pending', unscheduled, 1, pending, 2],
  ['also where more are together', unscheduled, 2, pending, 1],
  ['pending before unknown', pending, 1, unknown, 2],
  ['unknown before running', unknown, 1, {}, 2],
  ['not ready before ready', {}, 1, { ready: 'never' }, 1],
  ['ready since nobody knows', { ready: 'never' }, 1, now, 1],
  ['more of one node', now, 2, { ready: 'never' }, 1],
  ['ready for less', now, 1, { ready: MONTH }, 1],
  ['restarted more', { ...now, restarts: 9001 }, 1, now, 1],
  ['sidecar restarted more', { ...now, restarts: 9001, side: 9001 }, 1, { ...now, restarts: 9001 }, 1],
  ['more of one node before restarts', now, 2, { ...now, restarts: 9001 }, 1],
  ['younger', now, 1, nowThen, 1],
  ['more of one node before age', nowThen, 2, now, 1],
  ['cheaper', { ...nowThen, cost: '10' }, 2, { ...nowThen, cost: '100' }, 1],
  ['what is no number costs nothing', { ...nowThen, cost: '-1' }, 1, { ...nowThen, cost: '+5' }, 1],
  ['ready for 2 hours before 5', { ready: 120 }, 1, { ready: 300 }, 1],
])('goes first: %s', (_, first, rank, second, other) => {
  const [a, b] = [podOf('a', { ...first }), podOf('b', { ...second })]
  const onNode = (pod: Pod, node: string) =>
    pod.spec.nodeName === '' ? pod : { ...pod, spec: { ...pod.spec, nodeName: node } }
  const pods = [onNode(a, 'm'), onNode(b, 'n')]
  const related = [...Array(rank).fill(pods[0]), ...Array(other).fill(pods[1])] as Pod[]
  for (const given of [pods, [...pods].reverse()]) {
    expect(podsToDelete(given, related, 1, NOW).map(({ metadata }) => metadata.name)).toEqual(['a'])
  }
})

function set(
  c: ReturnType<typeof checkCluster>,
  replicas: number,
  spec: object = {},
  metadata: object = {},
): void {
  const made = apiCreate<ReplicaSet>(c.world, USER, 'replicasets.apps', {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'foo', namespace: 'default', ...metadata },
    spec: {
      replicas,
      selector: { matchLabels: { name: 'foo' } },
      template: {
        metadata: { labels: { name: 'foo', type: 'production' } },
        spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
      },
      ...spec,
    },
  } as unknown as ReplicaSet)
  if (!made.ok) throw new Error(made.status.message)
}

const get = (c: ReturnType<typeof checkCluster>, name = 'foo') => {
  const got = apiGet<ReplicaSet>(c.world, 'replicasets.apps', 'default', name)
  if (!got.ok) throw new Error(got.status.message)
  return got.object
}
const patch = (c: ReturnType<typeof checkCluster>, resource: string, name: string, body: JsonObject) =>
  apiPatch(c.world, USER, resource, 'default', name, { type: 'merge', body })

// TestCalculateStatus: labels beyond the selector's decide on fullyLabeledReplicas
it('counts pods that have all labels of its template', () => {
  const c = checkCluster([replicaSetController])
  startKubelets(c)
  set(c, 2)
  pass(c, 2)
  expect(get(c).status).toEqual({
    replicas: 2,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 2,
    observedGeneration: 1,
  })
  const [pod] = all<Pod>(c, 'pods')
  patch(c, 'pods', pod!.metadata.name, { metadata: { labels: { type: null } } })
  pass(c, 1)
  expect(get(c).status).toMatchObject({ replicas: 2, fullyLabeledReplicas: 1, readyReplicas: 2 })
})

// TestCalculateStatusConditions, and CreatePods' events
it('tells of a failure as long as it lasts, in its first words', () => {
  const c = checkCluster([replicaSetController])
  const spec = { serviceAccountName: 'none', containers: [{ name: 'c', image: 'i' }] }
  const template = { metadata: { labels: { name: 'foo' } }, spec }
  set(c, 3, { template })
  pass(c, 0.003)
  const why = 'error looking up service account default/none: serviceaccount "none" not found'
  const first = get(c).status!.conditions![0]!
  expect(first).toMatchObject({ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' })
  const message = first.message!
  expect(message.replace(/foo-\w{5}/, 'foo-*')).toBe(`pods "foo-*" is forbidden: ${why}`)
  expect(first.lastTransitionTime).toBe('2026-01-01T00:00:00Z')
  expect(eventsOf(c, 'foo')[0]).toBe(`FailedCreate Error creating: ${message}`)
  patch(c, 'replicasets.apps', 'foo', {
    spec: { template: { spec: { serviceAccountName: 'other' } } },
  })
  pass(c, 3)
  expect(get(c).status!.conditions).toEqual([first])
  patch(c, 'replicasets.apps', 'foo', {
    spec: { template: { spec: { serviceAccountName: null, serviceAccount: null } } },
  })
  pass(c, 30)
  expect(all<Pod>(c, 'pods')).toHaveLength(3)
  expect(get(c).status!.conditions).toBeUndefined()
})

// createPods: in a namespace that goes nothing is told and nothing is tried again.
it('is silent in a namespace that goes', () => {
  const c = checkCluster([replicaSetController])
  make(c, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  set(c, 1, {}, { namespace: 'shop' })
  pass(c, 1)
  apiDelete(c.world, USER, 'namespaces', '', 'shop')
  const before = eventsOf(c, 'foo')
  const pods = () => apiList<Pod>(c.world, 'pods')
  for (const { metadata } of pods())
    apiDelete(c.world, USER, 'pods', 'shop', metadata.name, { gracePeriodSeconds: 0 })
  pass(c, 2)
  expect([pods().length, before.length]).toEqual([0, 1])
  expect(eventsOf(c, 'foo')).toEqual(before)
  const [set1] = apiList<ReplicaSet>(c.world, 'replicasets.apps')
  expect(set1!.status).toEqual({ replicas: 0, observedGeneration: 1 })
})

// syncReplicaSet: pods at their end are neither adopted nor let go (FilterActivePods before ClaimPods)
it('leaves pods at their end as they are', () => {
  const c = checkCluster([replicaSetController])
  const pod = (name: string, phase: string) => {
    make<Pod>(c, 'pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels: { name: 'foo' } },
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
    })
    const [made] = apiList<Pod>(c.world, 'pods').filter(({ metadata }) => metadata.name === name)
    apiUpdateStatus<Pod>(c.world, USER, 'pods', {
      ...made!,
      status: { ...made!.status, phase: phase as 'Failed' },
    })
  }
  pod('live', 'Running')
  pod('dead', 'Failed')
  set(c, 2)
  pass(c, 1)
  const owner = (name: string) =>
    apiList<Pod>(c.world, 'pods').find(({ metadata }) => metadata.name === name)!.metadata.ownerReferences
      ?.length ?? 0
  expect([owner('live'), owner('dead'), all<Pod>(c, 'pods').length]).toEqual([1, 0, 3])
  const [live] = all<Pod>(c, 'pods').filter(({ metadata }) => metadata.name === 'live')
  apiUpdateStatus<Pod>(c.world, USER, 'pods', { ...live!, status: { ...live!.status, phase: 'Succeeded' } })
  patch(c, 'pods', 'live', { metadata: { labels: { name: 'bar' } } })
  pass(c, 1)
  expect(owner('live')).toBe(1)
})

// getIndirectlyRelatedPods: pods of other sets of the same Deployment make a node full; a set of its own knows no fullness
it('looks at the pods of its sister sets when it chooses whom to remove', () => {
  for (const [owned, left] of [
    [true, 'n2'],
    [false, 'n1'],
  ] as const) {
    const c = checkCluster([replicaSetController])
    const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'u', controller: true }
    const metadata = owned ? { ownerReferences: [ref as unknown as Json] } : {}
    const on = (node: string, label: string, replicas: number) => ({
      replicas,
      selector: { matchLabels: { name: label } },
      template: {
        metadata: { labels: { name: label } },
        spec: { nodeName: node, containers: [{ name: 'c', image: 'i' }] },
      },
    })
    set(c, 2, on('n1', 'bar', 2), { ...metadata, name: 'bar' })
    set(c, 1, on('n1', 'foo', 1), metadata)
    pass(c, 1)
    // A second one, on another node and a good while younger.
    patch(c, 'replicasets.apps', 'foo', { spec: { template: { spec: { nodeName: 'n2' } } } })
    pass(c, 100)
    patch(c, 'replicasets.apps', 'foo', { spec: { replicas: 2 } })
    pass(c, 1)
    patch(c, 'replicasets.apps', 'foo', { spec: { replicas: 1 } })
    pass(c, 1)
    const stays = all<Pod>(c, 'pods', 'name=foo').filter(
      ({ metadata: { deletionTimestamp } }) => !deletionTimestamp,
    )
    expect(stays.map(({ spec }) => spec.nodeName)).toEqual([left])
  }
})
