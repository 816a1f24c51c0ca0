// Expected order, names and texts are those of Kubernetes' StatefulSet basics tutorial and of stateful_set_control_test.go.
import { expect, it } from 'vitest'
import { apiDelete, apiGet, apiPatch, apiUpdateStatus } from '../api/local.ts'
import type { ControllerRevision, Pod, StatefulSet } from '../objects.ts'
import type { JsonObject } from '../types.ts'
import { all, checkCluster, eventsOf, make, pass, startKubelets, USER } from './check.ts'
import { isPodReady } from './common.ts'
import { statefulSetController } from './statefulset.ts'

type Cluster = ReturnType<typeof checkCluster>

function cluster(): Cluster {
  const c = checkCluster([statefulSetController])
  startKubelets(c)
  return c
}

function web(c: Cluster, spec: object = {}): void {
  make<StatefulSet>(c, 'statefulsets.apps', {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      serviceName: 'nginx',
      replicas: 3,
      selector: { matchLabels: { app: 'nginx' } },
      template: {
        metadata: { labels: { app: 'nginx' } },
        spec: { containers: [{ name: 'c', image: 'nginx:1' }] },
      },
      ...spec,
    },
  })
}

const change = (c: Cluster, spec: JsonObject) =>
  apiPatch(c.world, USER, 'statefulsets.apps', 'default', 'web', { type: 'merge', body: { spec } })
const image = (name: string) => ({ template: { spec: { containers: [{ name: 'c', image: name }] } } })
const names = (c: Cluster) => all<Pod>(c, 'pods').map(({ metadata }) => metadata.name)
const images = (c: Cluster) => all<Pod>(c, 'pods').map(({ spec }) => spec.containers[0]!.image)

function get(c: Cluster): StatefulSet {
  const got = apiGet<StatefulSet>(c.world, 'statefulsets.apps', 'default', 'web')
  if (!got.ok) throw new Error(got.status.message)
  return got.object
}

/** Runs in small steps and hands each moment's pods to `look`. */
function watch(c: Cluster, seconds: number, look: (pods: readonly Pod[]) => void, step = 0.005): void {
  for (let i = 0; i < seconds / step; i++) {
    pass(c, step)
    look(all<Pod>(c, 'pods'))
  }
}

it('starts one pod after another, each with its own name, host name and number', () => {
  const c = cluster()
  web(c)
  let most = 0
  watch(c, 1, (pods) => {
    most = Math.max(most, pods.filter((pod) => !isPodReady(pod)).length)
  })
  expect(most).toBe(1)
  expect(names(c)).toEqual(['web-0', 'web-1', 'web-2'])
  const { status } = get(c)
  const revision = status!.currentRevision!
  expect(revision).toMatch(/^web-[a-z0-9]+$/)
  const [, second] = all<Pod>(c, 'pods')
  expect(second!.spec).toMatchObject({ hostname: 'web-1', subdomain: 'nginx' })
  expect(second!.metadata.labels).toEqual({
    app: 'nginx',
    'apps.kubernetes.io/pod-index': '1',
    'controller-revision-hash': revision,
    'statefulset.kubernetes.io/pod-name': 'web-1',
  })
  expect(status).toEqual({
    observedGeneration: 1,
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    currentRevision: revision,
    updateRevision: revision,
    collisionCount: 0,
  })
  expect(eventsOf(c, 'web')).toEqual(
    [0, 1, 2].map((n) => `SuccessfulCreate create Pod web-${n} in StatefulSet web successful`),
  )
})

it('stops the last first, and gives a deleted pod its name back', () => {
  const c = cluster()
  web(c)
  pass(c, 2)
  const [first] = all<Pod>(c, 'pods')
  apiDelete(c.world, USER, 'pods', 'default', 'web-0')
  pass(c, 2)
  expect(names(c)).toEqual(['web-0', 'web-1', 'web-2'])
  expect(all<Pod>(c, 'pods')[0]!.metadata.uid).not.toBe(first!.metadata.uid)
  const order: string[] = []
  change(c, { replicas: 1 })
  const look = (pods: readonly Pod[]) => {
    const now = pods.map(({ metadata }) => metadata.name).join(' ')
    if (order.at(-1) !== now) order.push(now)
  }
  watch(c, 0.1, look, 0.0002)
  expect(order).toEqual(['web-0 web-1 web-2', 'web-0 web-1', 'web-0'])
})

it('rolls from the last to the first, and not below the partition', () => {
  const c = cluster()
  web(c, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })
  pass(c, 2)
  const old = get(c).status!.currentRevision!
  change(c, image('nginx:2'))
  pass(c, 2)
  expect(images(c)).toEqual(['nginx:1', 'nginx:1', 'nginx:2'])
  expect(get(c).status).toMatchObject({ currentRevision: old, currentReplicas: 2, updatedReplicas: 1 })
  // What goes below the partition comes back as it was.
  apiDelete(c.world, USER, 'pods', 'default', 'web-0')
  pass(c, 2)
  expect(images(c)).toEqual(['nginx:1', 'nginx:1', 'nginx:2'])
  let least = 3
  change(c, { updateStrategy: { rollingUpdate: { partition: 0 } } })
  watch(c, 2, (pods) => {
    least = Math.min(least, pods.filter(isPodReady).length)
  })
  expect(least).toBe(2)
  expect(images(c)).toEqual(['nginx:2', 'nginx:2', 'nginx:2'])
  const { currentRevision, updateRevision } = get(c).status!
  expect(currentRevision).toBe(updateRevision)
  expect(currentRevision).not.toBe(old)
  const revisions = all<ControllerRevision>(c, 'controllerrevisions.apps')
  expect(revisions.map(({ revision }) => revision).sort()).toEqual([1, 2])
  // Back to the first template: its revision becomes the third.
  change(c, image('nginx:1'))
  pass(c, 3)
  expect(get(c).status!.currentRevision).toBe(old)
  const back = all<ControllerRevision>(c, 'controllerrevisions.apps')
  expect(back.map(({ metadata, revision }) => [metadata.name === old, revision]).sort()).toEqual([
    [false, 2],
    [true, 3],
  ])
})

it('waits for a pod that is not ready, unless pods start in parallel', () => {
  const c = checkCluster([statefulSetController])
  web(c)
  pass(c, 5)
  expect(names(c)).toEqual(['web-0'])
  const all3 = checkCluster([statefulSetController])
  web(all3, { podManagementPolicy: 'Parallel', ordinals: { start: 5 } })
  pass(all3, 1)
  expect(names(all3)).toEqual(['web-5', 'web-6', 'web-7'])
})

it('changes nothing on its own with OnDelete, and makes a failed pod again', () => {
  const c = cluster()
  web(c, { updateStrategy: { type: 'OnDelete' } })
  pass(c, 2)
  change(c, image('nginx:2'))
  pass(c, 2)
  expect(images(c)).toEqual(['nginx:1', 'nginx:1', 'nginx:1'])
  apiDelete(c.world, USER, 'pods', 'default', 'web-1')
  pass(c, 2)
  expect(images(c)).toEqual(['nginx:1', 'nginx:2', 'nginx:1'])
  const [pod] = all<Pod>(c, 'pods')
  apiUpdateStatus<Pod>(c.world, USER, 'pods', { ...pod!, status: { ...pod!.status, phase: 'Failed' } })
  pass(c, 2)
  expect(images(c)).toEqual(['nginx:2', 'nginx:2', 'nginx:1'])
  expect(eventsOf(c, 'web').at(-2)).toBe('SuccessfulDelete delete Pod web-0 in StatefulSet web successful')
})

it('keeps no more old revisions than its limit, and names what it cannot do', () => {
  const c = cluster()
  web(c, { revisionHistoryLimit: 1 })
  pass(c, 2)
  for (const n of [2, 3, 4]) {
    change(c, image(`nginx:${n}`))
    pass(c, 3)
  }
  expect(all(c, 'controllerrevisions.apps')).toHaveLength(2)
  const claims = cluster()
  web(claims, {
    volumeClaimTemplates: [{ metadata: { name: 'www' }, spec: { accessModes: ['ReadWriteOnce'] } }],
  })
  pass(claims, 1)
  expect(names(claims)).toEqual([])
  expect(eventsOf(claims, 'web')).toEqual([
    'FailedCreate create Claim www-web-0 for Pod web-0 in StatefulSet web failed error: PersistentVolumeClaims are not modelled',
  ])
})
