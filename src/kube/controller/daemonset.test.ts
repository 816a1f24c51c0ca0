// Expected behaviour is that of Kubernetes' DaemonSet documentation and of daemon_controller_test.go and update_test.go.
import { expect, it } from 'vitest'
import { apiDelete, apiGet, apiPatch, apiUpdateStatus } from '../api/local.ts'
import type { ControllerRevision, DaemonSet, Pod } from '../objects.ts'
import { kubeScheduler } from '../scheduler/scheduler.ts'
import type { JsonObject } from '../types.ts'
import { all, checkCluster, eventsOf, make, makeNode, pass, startKubelets, USER } from './check.ts'
import { isPodReady } from './common.ts'
import { daemonSetController } from './daemonset.ts'
import { garbageCollector } from './garbage-collector.ts'

type Cluster = ReturnType<typeof checkCluster>
const ALL = ['n1', 'n2', 'n3']

function cluster(nodes: readonly string[] = ALL): Cluster {
  const c = checkCluster([daemonSetController, kubeScheduler, garbageCollector])
  startKubelets(c)
  for (const name of nodes) makeNode(c, name)
  return c
}

function agent(c: Cluster, spec: object = {}, podSpec: object = {}): void {
  make<DaemonSet>(c, 'daemonsets.apps', {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: { containers: [{ name: 'c', image: 'agent:1' }], ...podSpec },
      },
      ...spec,
    },
  })
}

const change = (c: Cluster, spec: JsonObject) =>
  apiPatch(c.world, USER, 'daemonsets.apps', 'default', 'agent', { type: 'merge', body: { spec } })
const image = (name: string) => ({ template: { spec: { containers: [{ name: 'c', image: name }] } } })
const where = (c: Cluster) =>
  all<Pod>(c, 'pods')
    .map(({ spec }) => spec.nodeName ?? '')
    .sort()
const node = (c: Cluster, name: string, body: JsonObject) =>
  apiPatch(c.world, USER, 'nodes', '', name, { type: 'merge', body })

function get(c: Cluster): DaemonSet {
  const got = apiGet<DaemonSet>(c.world, 'daemonsets.apps', 'default', 'agent')
  if (!got.ok) throw new Error(got.status.message)
  return got.object
}

it('puts a pod on every node, and on those that come later', () => {
  const c = cluster()
  agent(c)
  pass(c, 2)
  expect(where(c)).toEqual(ALL)
  expect(get(c).status).toEqual({
    currentNumberScheduled: 3,
    numberMisscheduled: 0,
    desiredNumberScheduled: 3,
    numberReady: 3,
    observedGeneration: 1,
    updatedNumberScheduled: 3,
    numberAvailable: 3,
  })
  const [pod] = all<Pod>(c, 'pods')
  expect(pod!.metadata.name).toMatch(/^agent-[a-z0-9]{5}$/)
  expect(pod!.spec.tolerations!.map(({ key, effect }) => `${key?.slice(19)}:${effect}`)).toEqual([
    'not-ready:NoExecute',
    'unreachable:NoExecute',
    'disk-pressure:NoSchedule',
    'memory-pressure:NoSchedule',
    'pid-pressure:NoSchedule',
    'unschedulable:NoSchedule',
  ])
  makeNode(c, 'n4')
  pass(c, 2)
  expect(where(c)).toEqual([...ALL, 'n4'])
  apiDelete(c.world, USER, 'pods', 'default', pod!.metadata.name)
  pass(c, 2)
  expect(where(c)).toEqual([...ALL, 'n4'])
  expect(eventsOf(c, 'agent')).toContain(`SuccessfulCreate Created pod: ${pod!.metadata.name}`)
})

it('follows labels, taints and cordons', () => {
  const c = cluster()
  agent(c, {}, { nodeSelector: { disk: 'ssd' } })
  pass(c, 1)
  expect(where(c)).toEqual([])
  for (const name of ['n1', 'n2']) node(c, name, { metadata: { labels: { disk: 'ssd' } } })
  node(c, 'n2', { spec: { unschedulable: true } })
  pass(c, 1)
  expect(where(c)).toEqual(['n1', 'n2'])
  node(c, 'n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } })
  pass(c, 1)
  // It may stay, though it would not be put there now.
  expect(where(c)).toEqual(['n1', 'n2'])
  expect(get(c).status).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1 })
  node(c, 'n1', { spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } })
  node(c, 'n2', { metadata: { labels: { disk: null } } })
  pass(c, 1)
  expect(where(c)).toEqual([])
})

it('replaces one node after another, or as many as maxUnavailable says', () => {
  for (const most of [1, 2]) {
    const c = cluster()
    agent(c, { updateStrategy: { rollingUpdate: { maxUnavailable: most } } })
    pass(c, 2)
    change(c, image('agent:2'))
    let least = 3
    for (let i = 0; i < 1000; i++) {
      pass(c, 0.005)
      least = Math.min(least, all<Pod>(c, 'pods').filter(isPodReady).length)
    }
    expect(least).toBe(3 - most)
    expect(all<Pod>(c, 'pods').map(({ spec }) => spec.containers[0]!.image)).toEqual(Array(3).fill('agent:2'))
    expect(where(c)).toEqual(ALL)
    const revisions = all<ControllerRevision>(c, 'controllerrevisions.apps')
    expect(revisions.map(({ revision }) => revision).sort()).toEqual([1, 2])
  }
})

it('starts the new one first with maxSurge', () => {
  const c = cluster()
  agent(c, { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } })
  pass(c, 2)
  change(c, image('agent:2'))
  let [least, most] = [3, 3]
  for (let i = 0; i < 2000; i++) {
    pass(c, 0.001)
    const pods = all<Pod>(c, 'pods').filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    least = Math.min(least, pods.filter(isPodReady).length)
    most = Math.max(most, pods.length)
  }
  expect([least, most]).toEqual([3, 4])
  expect(all<Pod>(c, 'pods').map(({ spec }) => spec.containers[0]!.image)).toEqual(Array(3).fill('agent:2'))
})

it('changes nothing on its own with OnDelete', () => {
  const c = cluster()
  agent(c, { updateStrategy: { type: 'OnDelete' } })
  pass(c, 2)
  change(c, image('agent:2'))
  pass(c, 2)
  const [pod] = all<Pod>(c, 'pods')
  expect(pod!.spec.containers[0]!.image).toBe('agent:1')
  apiDelete(c.world, USER, 'pods', 'default', pod!.metadata.name)
  pass(c, 2)
  const images = all<Pod>(c, 'pods').map(({ spec }) => spec.containers[0]!.image)
  expect(images.sort()).toEqual(['agent:1', 'agent:1', 'agent:2'])
})

// daemon/util CreatePodTemplate, registry/apps/daemonset strategy: each template has a number, and so have its pods.
it('numbers its templates, and takes over what a set of its name left', () => {
  const c = cluster()
  agent(c)
  pass(c, 2)
  change(c, image('agent:2'))
  pass(c, 5)
  expect(get(c).metadata.annotations).toEqual({ 'deprecated.daemonset.template.generation': '2' })
  const before = all<Pod>(c, 'pods')
  expect(new Set(before.map(({ metadata }) => metadata.labels!['pod-template-generation']))).toEqual(
    new Set(['2']),
  )
  apiDelete(c.world, USER, 'daemonsets.apps', 'default', 'agent', { propagationPolicy: 'Orphan' })
  pass(c, 1)
  // Of another template, but of the same number: its pods are as good as new (IsPodUpdated).
  agent(c, {}, { hostNetwork: true })
  change(c, image('agent:3'))
  pass(c, 3)
  expect(all<Pod>(c, 'pods').map(({ metadata }) => metadata.uid)).toEqual(
    before.map(({ metadata }) => metadata.uid),
  )
  expect(get(c).status!.updatedNumberScheduled).toBe(3)
  const revisions = all<ControllerRevision>(c, 'controllerrevisions.apps')
  for (const { metadata } of revisions) expect(metadata.ownerReferences![0]!.uid).toBe(get(c).metadata.uid)
  expect(get(c).status!.collisionCount).toBeUndefined()
})

// TestDaemonKillFailedPodsBackoff: at once, then 1 s, 2 s, 4 s after the last
it('removes failed pods ever more slowly', () => {
  const c = cluster(['n1'])
  agent(c)
  pass(c, 1)
  const removed: number[] = []
  for (let ms = 0; ms < 9000; ms += 20) {
    for (const pod of all<Pod>(c, 'pods')) {
      if (pod.status?.phase !== 'Running' || pod.metadata.deletionTimestamp !== undefined) continue
      apiUpdateStatus<Pod>(c.world, USER, 'pods', { ...pod, status: { ...pod.status, phase: 'Failed' } })
    }
    const [uid] = all<Pod>(c, 'pods').map(({ metadata }) => metadata.uid)
    pass(c, 0.02)
    const [now] = all<Pod>(c, 'pods').map(({ metadata }) => metadata.uid)
    if (uid !== undefined && now !== uid) removed.push(Math.floor(ms / 1000))
  }
  expect(removed).toEqual([0, 1, 3, 7])
  const [told] = eventsOf(c, 'agent').filter((text) => text.startsWith('FailedDaemonPod'))
  expect(told).toMatch(
    /^FailedDaemonPod Found failed daemon pod default\/agent-\w{5} on node n1, will try to kill it$/,
  )
})

// TestGetNodesToDaemonPods: one that failed, is going and is held back does not count any more.
it('makes a pod where the old one is at its end and only held', () => {
  const c = cluster(['n1'])
  agent(c)
  pass(c, 1)
  const [pod] = all<Pod>(c, 'pods')
  const { name } = pod!.metadata
  apiPatch(c.world, USER, 'pods', 'default', name, {
    type: 'merge',
    body: { metadata: { finalizers: ['a.b/c'] } },
  })
  const [held] = all<Pod>(c, 'pods')
  apiUpdateStatus<Pod>(c.world, USER, 'pods', { ...held!, status: { ...held!.status, phase: 'Failed' } })
  pass(c, 1)
  expect(all<Pod>(c, 'pods')).toHaveLength(2)
})

// TestDeleteUnscheduledPodForNotExistingNode; nodes that are deleted wake no set.
it('leaves a deleted node to others, and removes what was never bound to it', () => {
  const c = checkCluster([daemonSetController])
  for (const name of ALL) makeNode(c, name)
  agent(c)
  pass(c, 1)
  expect(all<Pod>(c, 'pods')).toHaveLength(3)
  apiDelete(c.world, USER, 'nodes', '', 'n2')
  pass(c, 5)
  expect(get(c).status!.desiredNumberScheduled).toBe(3)
  node(c, 'n1', { metadata: { labels: { a: 'b' } }, spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } })
  pass(c, 1)
  expect(all<Pod>(c, 'pods')).toHaveLength(2)
  expect(get(c).status).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1 })
})

// TestDontDoAnythingIfBeingDeleted
it('does nothing while it is being deleted', () => {
  const c = cluster([])
  agent(c)
  pass(c, 1)
  apiPatch(c.world, USER, 'daemonsets.apps', 'default', 'agent', {
    type: 'merge',
    body: { metadata: { finalizers: ['a.b/c'] } },
  })
  apiDelete(c.world, USER, 'daemonsets.apps', 'default', 'agent')
  makeNode(c, 'n1')
  pass(c, 1)
  expect(all<Pod>(c, 'pods')).toEqual([])
  expect(get(c).status!.desiredNumberScheduled).toBe(0)
})
