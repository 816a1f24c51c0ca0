// Expected behaviour is that of Kubernetes' DaemonSet documentation and of daemon_controller_test.go and update_test.go.
import { expect, it } from 'vitest'
import { apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { ControllerRevision, DaemonSet, Pod } from '../objects.ts'
import { kubeScheduler } from '../scheduler/scheduler.ts'
import type { JsonObject } from '../types.ts'
import { all, checkCluster, eventsOf, make, makeNode, pass, startKubelets, USER } from './check.ts'
import { isPodReady } from './common.ts'
import { daemonSetController } from './daemonset.ts'

type Cluster = ReturnType<typeof checkCluster>
const ALL = ['n1', 'n2', 'n3']

function cluster(nodes: readonly string[] = ALL): Cluster {
  const c = checkCluster([daemonSetController, kubeScheduler])
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
  for (let i = 0; i < 1000; i++) {
    pass(c, 0.005)
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
