// Deployments and ReplicaSets as they act together: the texts are those of kubectl's documentation and of cases 06.
import { expect, it } from 'vitest'
import { apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { Deployment, KubeEvent, Pod, ReplicaSet } from '../objects.ts'
import { all, checkCluster, make, pass, startKubelets, USER } from './check.ts'
import { scaleProportionally } from './deployment/rolling.ts'
import { deploymentController } from './deployment.ts'
import { replicaSetController } from './replicaset.ts'

function cluster() {
  const made = checkCluster([deploymentController, replicaSetController])
  startKubelets(made)
  return made
}

function web(replicas: number, image = 'nginx:1') {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
    },
  } as never
}

it('makes a ReplicaSet and pods, and says that it is available', () => {
  const c = cluster()
  make<Deployment>(c, 'deployments.apps', web(3))
  pass(c, 5)
  const [set] = all<ReplicaSet>(c, 'replicasets.apps')
  expect(set!.metadata.annotations).toMatchObject({
    'deployment.kubernetes.io/desired-replicas': '3',
    'deployment.kubernetes.io/max-replicas': '4',
    'deployment.kubernetes.io/revision': '1',
  })
  const pods = all<Pod>(c, 'pods')
  expect(pods).toHaveLength(3)
  for (const pod of pods) expect(pod.metadata.name).toMatch(new RegExp(`^${set!.metadata.name}-[a-z0-9]{5}$`))
  const [deployment] = all<Deployment>(c, 'deployments.apps')
  expect(deployment!.status).toMatchObject({
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
  })
  expect(deployment!.status!.conditions!.map(({ type, status, reason }) => [type, status, reason])).toEqual([
    ['Available', 'True', 'MinimumReplicasAvailable'],
    ['Progressing', 'True', 'NewReplicaSetAvailable'],
  ])
  const messages = all<KubeEvent>(c, 'events').map(({ message }) => message)
  expect(messages).toContain(`Scaled up replica set ${set!.metadata.name} from 0 to 3`)
})

it('never has fewer than allowed available, nor more than surge allows, while it rolls', () => {
  const c = cluster()
  make<Deployment>(c, 'deployments.apps', web(4))
  pass(c, 5)
  const body = { spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } } } }
  apiPatch(c.world, USER, 'deployments.apps', 'default', 'web', { type: 'merge', body })
  for (let i = 0; i < 400; i++) {
    pass(c, 0.01)
    const pods = all<Pod>(c, 'pods').filter((pod) => pod.metadata.deletionTimestamp === undefined)
    const ready = pods.filter((pod) => pod.status?.podIP !== undefined)
    // 25 % of 4: one more, one less.
    expect(pods.length).toBeLessThanOrEqual(5)
    expect(ready.length).toBeGreaterThanOrEqual(3)
  }
  const sets = all<ReplicaSet>(c, 'replicasets.apps')
  expect(sets.map((set) => set.spec.replicas).sort()).toEqual([0, 4])
  const images = new Set(all<Pod>(c, 'pods').map((pod) => pod.spec.containers[0]!.image))
  expect([...images]).toEqual(['nginx:2'])
  const deployment = apiGet<Deployment>(c.world, 'deployments.apps', 'default', 'web')
  expect(deployment.ok && deployment.object.metadata.annotations).toMatchObject({
    'deployment.kubernetes.io/revision': '2',
  })
  // One of its making, one of the new image: the revision comes with the status and counts for none.
  expect(deployment.ok && deployment.object.metadata.generation).toBe(2)
})

it("goes back to an old template with that template's own set and a new revision", () => {
  const c = cluster()
  make<Deployment>(c, 'deployments.apps', web(2))
  pass(c, 3)
  const [first] = all<ReplicaSet>(c, 'replicasets.apps')
  const image = (name: string) => ({
    spec: { template: { spec: { containers: [{ name: 'c', image: name }] } } },
  })
  apiPatch(c.world, USER, 'deployments.apps', 'default', 'web', { type: 'merge', body: image('nginx:2') })
  pass(c, 5)
  apiPatch(c.world, USER, 'deployments.apps', 'default', 'web', { type: 'merge', body: image('nginx:1') })
  pass(c, 5)
  const sets = all<ReplicaSet>(c, 'replicasets.apps')
  expect(sets).toHaveLength(2)
  const back = sets.find((set) => set.metadata.uid === first!.metadata.uid)!
  expect(back.spec.replicas).toBe(2)
  expect(back.metadata.annotations).toMatchObject({
    'deployment.kubernetes.io/revision': '3',
    'deployment.kubernetes.io/revision-history': '1',
  })
})

it('scales, and replaces a pod that was deleted', () => {
  const c = cluster()
  make<Deployment>(c, 'deployments.apps', web(2))
  pass(c, 3)
  apiPatch(c.world, USER, 'deployments.apps', 'default', 'web', {
    type: 'merge',
    body: { spec: { replicas: 5 } },
  })
  pass(c, 3)
  expect(all<Pod>(c, 'pods')).toHaveLength(5)
  const [victim] = all<Pod>(c, 'pods')
  apiDelete(c.world, USER, 'pods', 'default', victim!.metadata.name)
  pass(c, 3)
  const names = all<Pod>(c, 'pods').map((pod) => pod.metadata.name)
  expect(names).toHaveLength(5)
  expect(names).not.toContain(victim!.metadata.name)
  apiPatch(c.world, USER, 'deployments.apps', 'default', 'web', {
    type: 'merge',
    body: { spec: { replicas: 0 } },
  })
  pass(c, 3)
  expect(all<Pod>(c, 'pods')).toHaveLength(0)
})

it('takes all old pods away before a new one with strategy Recreate', () => {
  const c = cluster()
  const draft = web(2) as unknown as { spec: object }
  make<Deployment>(c, 'deployments.apps', {
    ...draft,
    spec: { ...draft.spec, strategy: { type: 'Recreate' } },
  } as never)
  pass(c, 3)
  const body = { spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } } } }
  apiPatch(c.world, USER, 'deployments.apps', 'default', 'web', { type: 'merge', body })
  let both = false
  for (let i = 0; i < 300; i++) {
    pass(c, 0.01)
    const images = new Set(all<Pod>(c, 'pods').map((pod) => pod.spec.containers[0]!.image))
    if (images.size > 1) both = true
  }
  expect(both).toBe(false)
  expect(all<Pod>(c, 'pods').map((pod) => pod.spec.containers[0]!.image)).toEqual(['nginx:2', 'nginx:2'])
})

it('adopts a ReplicaSet without an owner that it selects, and lets one go that it selects no more', () => {
  const c = cluster()
  const { metadata: _, ...draft } = web(2) as unknown as { metadata: object; kind: string; spec: object }
  make<ReplicaSet>(c, 'replicasets.apps', {
    ...draft,
    kind: 'ReplicaSet',
    metadata: { name: 'lost', namespace: 'default', labels: { app: 'web' } },
  } as never)
  pass(c, 3)
  make<Deployment>(c, 'deployments.apps', web(2))
  pass(c, 3)
  const lost = () => all<ReplicaSet>(c, 'replicasets.apps').find(({ metadata }) => metadata.name === 'lost')!
  expect(lost().metadata.ownerReferences).toMatchObject([{ kind: 'Deployment', name: 'web' }])
  expect(all<Pod>(c, 'pods')).toHaveLength(2)
  const body = { metadata: { labels: { app: 'other' } } }
  apiPatch(c.world, USER, 'replicasets.apps', 'default', 'lost', { type: 'merge', body })
  pass(c, 3)
  expect(lost().metadata.ownerReferences ?? []).toEqual([])
})

// The recorder names them `NAME.` and the hexadecimal UnixNano: the order of names, which lists have, is that of time.
it('names events by the nanosecond, so that they list in order', () => {
  const c = cluster()
  make<Deployment>(c, 'deployments.apps', web(3))
  pass(c, 5)
  apiPatch(c.world, USER, 'deployments.apps', 'default', 'web', {
    type: 'merge',
    body: { spec: { replicas: 1 } },
  })
  pass(c, 5)
  const names = all<KubeEvent>(c, 'events').filter(
    ({ involvedObject }) => involvedObject.kind === 'ReplicaSet',
  )
  expect(names.map(({ reason }) => reason)).toEqual([
    ...Array.from({ length: 3 }, () => 'SuccessfulCreate'),
    ...Array.from({ length: 2 }, () => 'SuccessfulDelete'),
  ])
  // 2026-01-01 is 0x18867251edfa0000 ns after 1970.
  for (const { metadata } of names) expect(metadata.name).toMatch(/^web-[a-z0-9]+\.18[0-9a-f]{14}$/)
  expect(new Set(names.map(({ metadata }) => metadata.name)).size).toBe(5)
})

it('tells sets of one size and one age apart by their names when it scales in proportion', () => {
  // Expected: ReplicaSetsBySizeNewer, ReplicaSetsBySizeOlder and GetProportion, run with these sets.
  const set = (name: string) => ({ name, replicas: 2, maxReplicas: 15, createdAt: 0 })
  const scaled = (replicas: number) => {
    const spec = { type: 'RollingUpdate' as const, replicas, maxSurge: 0, maxUnavailable: 0 }
    return [...scaleProportionally([set('a'), set('b')], spec, 12)].sort()
  }
  expect(scaled(14)).toEqual([
    ['a', 2],
    ['b', 12],
  ])
  expect(scaled(3)).toEqual([
    ['a', 1],
    ['b', 2],
  ])
})
