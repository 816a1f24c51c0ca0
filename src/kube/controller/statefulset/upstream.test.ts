// Expected: the tables of stateful_set_control_test.go, stateful_set_test.go and stateful_pod_control_test.go (Kubernetes 1.32).
import { expect, it } from 'vitest'
import { apiDelete, apiGet, apiPatch, apiUpdateStatus } from '../../api/local.ts'
import type { ControllerRevision, Pod, StatefulSet } from '../../objects.ts'
import { formatTime } from '../../time.ts'
import type { Json, JsonObject } from '../../types.ts'
import { all, checkCluster, eventsOf, make, pass, startKubelets, USER } from '../check.ts'
import { garbageCollector } from '../garbage-collector.ts'
import { statefulSetController } from '../statefulset.ts'

type Cluster = ReturnType<typeof checkCluster>
const SETS = 'statefulsets.apps'
const foo = { template: { spec: { containers: [{ name: 'nginx', image: 'foo' }] } } }

function set(c: Cluster, replicas: number, spec: object = {}, metadata: object = {}): void {
  make<StatefulSet>(c, SETS, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'foo', namespace: 'default', ...metadata },
    spec: {
      serviceName: 'governingsvc',
      replicas,
      selector: { matchLabels: { foo: 'bar' } },
      template: {
        metadata: { labels: { foo: 'bar' } },
        spec: { nodeName: 'n', containers: [{ name: 'nginx', image: 'nginx' }] },
      },
      ...spec,
    },
  })
}

const get = (c: Cluster) => {
  const got = apiGet<StatefulSet>(c.world, SETS, 'default', 'foo')
  if (!got.ok) throw new Error(got.status.message)
  return got.object
}
const change = (c: Cluster, spec: JsonObject) =>
  apiPatch(c.world, USER, SETS, 'default', 'foo', { type: 'merge', body: { spec } })
const pods = (c: Cluster) => all<Pod>(c, 'pods')
const names = (c: Cluster) => pods(c).map(({ metadata }) => metadata.name)
const images = (c: Cluster) =>
  pods(c)
    .map(({ spec }) => spec.containers[0]!.image)
    .join(' ')

/** What a kubelet would say of a pod: phase, and ready for so many minutes. */
function put(c: Cluster, name: string, phase: string, ready?: number): void {
  const pod = pods(c).find(({ metadata }) => metadata.name === name)!
  const lastTransitionTime = formatTime(Date.parse('2026-01-01T00:00:00Z') - (ready ?? 0) * 60_000)
  const status = ready === undefined ? 'False' : 'True'
  const conditions = [{ type: 'Ready', status, lastTransitionTime } as const]
  const done = apiUpdateStatus<Pod>(c.world, USER, 'pods', {
    ...pod,
    status: { ...pod.status, phase: phase as 'Running', conditions },
  })
  if (!done.ok) throw new Error(done.status.message)
}

/** All pods run and are ready, and those that are asked to go are gone, until nothing happens any more. */
function settle(c: Cluster): void {
  for (let i = 0; i < 60; i++) {
    pass(c, 0.05)
    const busy = pods(c).filter(({ metadata, status }) => {
      if (metadata.deletionTimestamp !== undefined) gone(c, metadata.name)
      else if (status?.phase === 'Pending') put(c, metadata.name, 'Running', 600)
      else return false
      return true
    })
    if (busy.length === 0) return
  }
}

const gone = (c: Cluster, name: string) =>
  apiDelete(c.world, USER, 'pods', 'default', name, { gracePeriodSeconds: 0 })

const burst = { podManagementPolicy: 'Parallel' }
const onDelete = { updateStrategy: { type: 'OnDelete' } }
const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } }
const N = 'nginx'

// TestStatefulSetControlRollingUpdate, ...WithPartition, ...OnDeleteUpdate, ScalesUp, ScalesDown, ...WithStartOrdinal
it.each<[string, number, object, JsonObject, string]>([
  ['image', 3, {}, foo, 'foo foo foo'],
  ['image, up', 3, {}, { ...foo, replicas: 5 }, 'foo foo foo foo foo'],
  ['image, down', 5, {}, { ...foo, replicas: 3 }, 'foo foo foo'],
  ['burst image', 3, burst, foo, 'foo foo foo'],
  ['burst image, up', 3, burst, { ...foo, replicas: 5 }, 'foo foo foo foo foo'],
  ['burst image, down', 5, burst, { ...foo, replicas: 3 }, 'foo foo foo'],
  ['partition', 3, partition, foo, `${N} ${N} foo`],
  ['partition, up', 3, partition, { ...foo, replicas: 5 }, `${N} ${N} foo foo foo`],
  ['burst partition', 3, { ...burst, ...partition }, foo, `${N} ${N} foo`],
  ['burst partition, up', 3, { ...burst, ...partition }, { ...foo, replicas: 5 }, `${N} ${N} foo foo foo`],
  ['OnDelete', 3, onDelete, foo, `${N} ${N} ${N}`],
  ['OnDelete, up', 3, onDelete, { ...foo, replicas: 5 }, `${N} ${N} ${N} foo foo`],
  ['OnDelete, down', 5, onDelete, { ...foo, replicas: 3 }, `${N} ${N} ${N}`],
  ['burst OnDelete, up', 3, { ...burst, ...onDelete }, { ...foo, replicas: 5 }, `${N} ${N} ${N} foo foo`],
  ['up', 3, {}, { replicas: 4 }, `${N} ${N} ${N} ${N}`],
  ['down to nothing', 3, {}, { replicas: 0 }, ''],
])('ends with: %s', (_, replicas, spec, to, images2) => {
  const c = checkCluster([statefulSetController])
  set(c, replicas, spec)
  settle(c)
  expect(pods(c)).toHaveLength(replicas)
  change(c, to)
  settle(c)
  expect(images(c)).toBe(images2)
  expect(get(c).status!.replicas).toBe(pods(c).length)
})

it('numbers its pods from where it is told to', () => {
  const c = checkCluster([statefulSetController])
  set(c, 3, { ordinals: { start: 2 } })
  settle(c)
  expect(names(c)).toEqual(['foo-2', 'foo-3', 'foo-4'])
  change(c, { ordinals: { start: 1 } })
  settle(c)
  expect(names(c)).toEqual(['foo-1', 'foo-2', 'foo-3'])
})

// RecreatesFailedPod, RecreatesSucceededPod, ...WithDeleteFailure (here: it takes its time to go)
it.each(['Failed', 'Succeeded'])('removes a pod that is %s and makes it again when it is gone', (phase) => {
  for (const spec of [{}, burst]) {
    const c = checkCluster([statefulSetController])
    set(c, 3, spec)
    settle(c)
    const { uid } = pods(c)[0]!.metadata
    const held = { metadata: { finalizers: ['a.b/c'] } }
    apiPatch(c.world, USER, 'pods', 'default', 'foo-0', { type: 'merge', body: held })
    put(c, 'foo-0', phase)
    pass(c, 1)
    expect(pods(c)[0]!.metadata).toMatchObject({ uid, deletionGracePeriodSeconds: 0 })
    apiPatch(c.world, USER, 'pods', 'default', 'foo-0', {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    })
    settle(c)
    expect(pods(c)[0]!.metadata.uid).not.toBe(uid)
    const told = eventsOf(c, 'foo').filter((text) => text.includes('Pod foo-0 '))
    expect(told.sort()).toEqual([
      'SuccessfulCreate create Pod foo-0 in StatefulSet foo successful',
      'SuccessfulDelete delete Pod foo-0 in StatefulSet foo successful',
    ])
  }
})

// TestGetPodsForStatefulSetAdopt, TestGetPodsForStatefulSetRelease, TestStatefulPodControlUpdatesIdentity
it('adopts pods of its own names alone, says who they are, and lets go of others', () => {
  const c = checkCluster([statefulSetController])
  const orphan = (name: string, labels: Record<string, string>) =>
    make<Pod>(c, 'pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels },
      spec: { nodeName: 'n', containers: [{ name: 'nginx', image: 'nginx' }] },
    })
  orphan('foo-0', { foo: 'bar' })
  orphan('foo-3', {})
  orphan('xfoo-4', { foo: 'bar' })
  orphan('foo-x', { foo: 'bar' })
  put(c, 'foo-0', 'Running', 5)
  set(c, 1, onDelete)
  pass(c, 1)
  const owned = () =>
    pods(c).filter(
      ({ metadata }) => metadata.ownerReferences !== undefined && metadata.ownerReferences.length > 0,
    )
  expect(owned().map(({ metadata }) => metadata.name)).toEqual(['foo-0'])
  expect(owned()[0]!.metadata.labels).toEqual({
    foo: 'bar',
    'statefulset.kubernetes.io/pod-name': 'foo-0',
    'apps.kubernetes.io/pod-index': '0',
  })
  expect(eventsOf(c, 'foo')).toEqual(['SuccessfulUpdate update Pod foo-0 in StatefulSet foo successful'])
  apiPatch(c.world, USER, 'pods', 'default', 'foo-0', {
    type: 'merge',
    body: { metadata: { labels: { foo: 'no' } } },
  })
  pass(c, 1)
  expect(owned()).toEqual([])
})

// TestStatefulSetControllerRespectsTermination, TestStatefulSetControllerBlocksScaling
it('waits for pods that are going', () => {
  const c = checkCluster([statefulSetController])
  set(c, 5)
  settle(c)
  for (const name of ['foo-3', 'foo-4']) apiDelete(c.world, USER, 'pods', 'default', name)
  change(c, { replicas: 3 })
  pass(c, 1)
  expect(pods(c)).toHaveLength(5)
  gone(c, 'foo-3')
  gone(c, 'foo-4')
  change(c, { replicas: 5 })
  apiDelete(c.world, USER, 'pods', 'default', 'foo-0')
  pass(c, 1)
  expect(pods(c)).toHaveLength(3)
  gone(c, 'foo-0')
  pass(c, 1)
  expect(names(c)).toEqual(['foo-0', 'foo-1', 'foo-2'])
})

// processCondemned: TestStatefulSetControlScaleDownDeleteError and the monotonic invariants
it('stops an ill pod only if it is the lowest that is ill', () => {
  const c = checkCluster([statefulSetController])
  set(c, 4)
  settle(c)
  put(c, 'foo-3', 'Running')
  put(c, 'foo-2', 'Running')
  change(c, { replicas: 1 })
  pass(c, 1)
  const going = () => pods(c).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
  expect(going()).toEqual([])
  put(c, 'foo-2', 'Running', 600)
  pass(c, 1)
  expect(going().map(({ metadata }) => metadata.name)).toEqual(['foo-3'])
})

// TestStatefulSetAvailability; minReadySeconds holds back what comes after, and in parallel no update
it.each([
  ['an hour and more', 120, 1],
  ['half an hour', 30, 0],
])('counts a pod as available after minReadySeconds: ready for %s', (_, minutes, available) => {
  const c = checkCluster([statefulSetController])
  set(c, 2, { minReadySeconds: 3600 })
  pass(c, 1)
  put(c, 'foo-0', 'Running', minutes)
  pass(c, 1)
  expect(get(c).status).toMatchObject({
    replicas: 1 + available,
    readyReplicas: 1,
    availableReplicas: available,
  })
})

it('updates in parallel whatever minReadySeconds says', () => {
  const c = checkCluster([statefulSetController])
  set(c, 3, { ...burst, minReadySeconds: 3600 })
  pass(c, 1)
  for (const name of names(c)) put(c, name, 'Running', 1)
  change(c, foo)
  for (const name of ['foo-2', 'foo-1', 'foo-0']) {
    pass(c, 1)
    const going = pods(c).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    expect(going.map(({ metadata }) => metadata.name)).toEqual([name])
    gone(c, name)
    pass(c, 1)
    put(c, name, 'Running', 1)
  }
  expect(images(c)).toBe('foo foo foo')
})

// updateStatefulSet: a pod of the old revision that was asked to go is not counted in the very same turn
it('counts the pods of each revision', () => {
  const c = checkCluster([statefulSetController])
  set(c, 3)
  settle(c)
  const old = get(c).status!.currentRevision
  change(c, foo)
  pass(c, 1)
  expect(get(c).status).toMatchObject({
    replicas: 3,
    readyReplicas: 3,
    currentReplicas: 2,
    currentRevision: old,
  })
  expect(get(c).status!.updatedReplicas).toBeUndefined()
  settle(c)
  expect(get(c).status).toMatchObject({ currentReplicas: 3, updatedReplicas: 3 })
  expect(get(c).status!.currentRevision).toBe(get(c).status!.updateRevision)
})

// TestStatefulSetControl_getSetRevisions, TestStatefulSetControlRollback, TestStatefulSetHonorRevisionHistoryLimit
it('keeps revisions, and gives one that comes back the next number', () => {
  const c = checkCluster([statefulSetController])
  set(c, 3, { revisionHistoryLimit: 1 }, { annotations: { 'kubernetes.io/change-cause': 'first' } })
  const revisions = () =>
    [...all<ControllerRevision>(c, 'controllerrevisions.apps')].sort((a, b) => a.revision - b.revision)
  const numbers = () => revisions().map(({ revision }) => revision)
  settle(c)
  expect(numbers()).toEqual([1])
  expect(revisions()[0]!.metadata.annotations).toEqual({ 'kubernetes.io/change-cause': 'first' })
  const [first] = revisions()
  const image = (name: string) => ({
    template: { spec: { containers: [{ name: 'nginx', image: name } as Json] } },
  })
  change(c, image('foo'))
  settle(c)
  expect(numbers()).toEqual([1, 2])
  change(c, image('nginx'))
  settle(c)
  expect(numbers()).toEqual([2, 3])
  expect(get(c).status!.currentRevision).toBe(first!.metadata.name)
  for (const name of ['bar', 'baz']) {
    change(c, image(name))
    settle(c)
  }
  // The present one, and one of those that nothing uses.
  expect(numbers()).toEqual([4, 5])
})

// TestAdoptOrphanRevisions
it('takes over pods and revisions that a set of its name left', () => {
  const c = checkCluster([statefulSetController, garbageCollector])
  set(c, 2)
  settle(c)
  const before = pods(c).map(({ metadata }) => metadata.uid)
  apiDelete(c.world, USER, SETS, 'default', 'foo', { propagationPolicy: 'Orphan' })
  pass(c, 1)
  set(c, 2)
  settle(c)
  expect(pods(c).map(({ metadata }) => metadata.uid)).toEqual(before)
  const [revision, ...more] = all<ControllerRevision>(c, 'controllerrevisions.apps')
  expect(more).toEqual([])
  expect(revision!.metadata.ownerReferences![0]!.uid).toBe(get(c).metadata.uid)
  expect(get(c).status).toMatchObject({ collisionCount: 0, updatedReplicas: 2 })
})

// CreatePodFailure; TestStatefulSetControllerDeletionTimestamp
it('tells what the server refused, once a batch in parallel, and tries again', () => {
  for (const [spec, told] of [
    [{}, ['foo-0']],
    [burst, ['foo-0']],
  ] as const) {
    const c = checkCluster([statefulSetController])
    set(c, 3, {
      ...spec,
      template: {
        metadata: { labels: { foo: 'bar' } },
        spec: { serviceAccountName: 'none', containers: [{ name: 'c', image: 'i' }] },
      },
    })
    pass(c, 0.003)
    const why = `error looking up service account default/none: serviceaccount "none" not found`
    expect([...new Set(eventsOf(c, 'foo'))]).toEqual(
      told.map(
        (name) =>
          `FailedCreate create Pod ${name} in StatefulSet foo failed error: pods "${name}" is forbidden: ${why}`,
      ),
    )
    expect(get(c).status).toMatchObject({ replicas: 0, observedGeneration: 1 })
  }
})

it('gives a pod its name back in parallel too (TestParallelScale)', () => {
  const c = checkCluster([statefulSetController])
  startKubelets(c)
  set(c, 5, burst)
  pass(c, 1)
  change(c, { replicas: 2 })
  pass(c, 1)
  expect(names(c)).toEqual(['foo-0', 'foo-1'])
  change(c, { replicas: 7 })
  pass(c, 1)
  expect(pods(c)).toHaveLength(7)
})
