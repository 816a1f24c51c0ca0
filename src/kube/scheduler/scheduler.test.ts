// What the scheduler says and does; the texts are those of kube-scheduler 1.32 (FitError, plug-ins' ErrReason).
import { expect, it } from 'vitest'
import { apiDelete, apiUpdate, apiUpdateStatus } from '../api/local.ts'
import type { CheckCluster } from '../controller/check.ts'
import { all, checkCluster, eventsOf, make, pass, startKubelets, USER } from '../controller/check.ts'
import { deploymentController } from '../controller/deployment.ts'
import { replicaSetController } from '../controller/replicaset.ts'
import type { Deployment, KubeEvent, Node, Pod, Service } from '../objects.ts'
import { failureText } from './scheduler.ts'
import { kubeScheduler } from './scheduler.ts'

function node(name: string, more: { cpu?: string; taints?: object[]; labels?: Record<string, string> } = {}) {
  const allocatable = { cpu: more.cpu ?? '2', memory: '4Gi', pods: '110' }
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...more.labels } },
    spec: { taints: more.taints ?? [] },
    status: { capacity: allocatable, allocatable },
  } as never
}

/** A node that is ready: a new one is tainted until the node lifecycle controller has seen it ready. */
function join(c: CheckCluster, draft: never): void {
  const { spec } = draft as { spec: { taints: object[] } }
  const made = make<Node>(c, 'nodes', draft)
  const done = apiUpdate<Node>(c.world, USER, 'nodes', {
    ...made,
    spec: { ...made.spec, taints: spec.taints },
  } as never)
  if (!done.ok) throw new Error(done.status.message)
  const { status } = draft as { status: object }
  apiUpdateStatus<Node>(c.world, USER, 'nodes', { ...done.object, status } as never)
}

function podOf(name: string, spec: object) {
  const metadata = { name, namespace: 'default' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
  } as never
}

const started = () => checkCluster([kubeScheduler])
const nodesOf = (pods: readonly Pod[]) => pods.map((pod) => pod.spec.nodeName ?? '')

it('spreads the pods of a Deployment over equal nodes', () => {
  const c = checkCluster([deploymentController, replicaSetController, kubeScheduler])
  startKubelets(c)
  for (const name of ['n1', 'n2', 'n3']) join(c, node(name))
  make<Deployment>(c, 'deployments.apps', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 6,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  } as never)
  pass(c, 5)
  expect(nodesOf(all<Pod>(c, 'pods')).sort()).toEqual(['n1', 'n1', 'n2', 'n2', 'n3', 'n3'])
})

it('says why no node will do, and binds as soon as one does', () => {
  const c = started()
  join(c, node('n1', { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] }))
  join(c, node('n2', { cpu: '500m' }))
  make<Pod>(
    c,
    'pods',
    podOf('big', { containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: '1' } } }] }),
  )
  pass(c, 2)
  const [event] = all<KubeEvent>(c, 'events')
  expect(event).toMatchObject({
    reason: 'FailedScheduling',
    source: { component: 'default-scheduler' },
    message:
      '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint ' +
      '{node-role.kubernetes.io/control-plane: }. preemption: 0/2 nodes are available: 1 No preemption victims found ' +
      'for incoming pod, 1 Preemption is not helpful for scheduling.',
  })
  join(c, node('n3'))
  pass(c, 3)
  expect(nodesOf(all<Pod>(c, 'pods'))).toEqual(['n3'])
})

it('keeps a host port to one pod of a node', () => {
  const c = started()
  join(c, node('n1'))
  const spec = {
    hostNetwork: true,
    containers: [{ name: 'c', image: 'nginx', ports: [{ containerPort: 80 }] }],
  }
  make<Pod>(c, 'pods', podOf('a', spec))
  make<Pod>(c, 'pods', podOf('b', spec))
  pass(c, 2)
  expect(nodesOf(all<Pod>(c, 'pods'))).toEqual(['n1', ''])
  const failed = all<KubeEvent>(c, 'events').find(({ reason }) => reason === 'FailedScheduling')
  expect(failed?.message).toContain("1 node(s) didn't have free ports for the requested pod ports")
})

it('follows selectors, affinity and spreading', () => {
  const c = started()
  join(c, node('n1', { labels: { disk: 'ssd', zone: 'a' } }))
  join(c, node('n2', { labels: { zone: 'b' } }))
  make<Pod>(c, 'pods', podOf('ssd', { nodeSelector: { disk: 'ssd' } }))
  make<Pod>(c, 'pods', podOf('none', { nodeSelector: { disk: 'tape' } }))
  const away = {
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: { matchLabels: { app: 'db' } }, topologyKey: 'kubernetes.io/hostname' },
        ],
      },
    },
  }
  for (const name of ['db-1', 'db-2', 'db-3']) {
    const draft = podOf(name, away) as { metadata: object }
    make<Pod>(c, 'pods', { ...draft, metadata: { ...draft.metadata, labels: { app: 'db' } } } as never)
  }
  pass(c, 3)
  const at = new Map(all<Pod>(c, 'pods').map((pod) => [pod.metadata.name, pod.spec.nodeName ?? '']))
  expect(at.get('ssd')).toBe('n1')
  expect(at.get('none')).toBe('')
  expect([at.get('db-1'), at.get('db-2')].sort()).toEqual(['n1', 'n2'])
  expect(at.get('db-3')).toBe('')
})

const asking = (cpu: string, more: object = {}) => ({
  containers: [{ name: 'c', image: 'x', resources: { requests: { cpu } } }],
  ...more,
})
const critical = { priorityClassName: 'system-cluster-critical' }

it('drives pods of lower priority away, and keeps what they leave for the one it was made for', () => {
  const c = started()
  join(c, node('n1', { cpu: '1' }))
  make<Pod>(c, 'pods', podOf('small', asking('200m')))
  make<Pod>(c, 'pods', podOf('large', asking('800m', { terminationGracePeriodSeconds: 30 })))
  pass(c, 2)
  const first = make<Pod>(c, 'pods', podOf('vip', asking('800m', critical)))
  pass(c, 1)
  const [large, small, vip] = all<Pod>(c, 'pods')
  expect(small).toMatchObject({ spec: { nodeName: 'n1' } })
  expect(small!.metadata.deletionTimestamp).toBe(undefined)
  expect(large).toMatchObject({
    metadata: { deletionGracePeriodSeconds: 30 },
    status: {
      conditions: expect.arrayContaining([
        expect.objectContaining({
          ...{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' },
          message: 'default-scheduler: preempting to accommodate a higher priority pod',
        }),
      ]),
    },
  })
  expect(vip).toMatchObject({ status: { nominatedNodeName: 'n1' } })
  expect(vip!.spec.nodeName).toBe(undefined)
  expect(eventsOf(c, 'large').at(-1)).toBe(`Preempted Preempted by pod ${first.metadata.uid} on node n1`)
  expect(eventsOf(c, 'vip')).toEqual(['FailedScheduling 0/1 nodes are available: 1 Insufficient cpu.'])
  // Another of low priority does not take the place, nor does the pod itself drive away more.
  make<Pod>(c, 'pods', podOf('late', asking('800m')))
  apiDelete(c.world, USER, 'pods', 'default', 'large', { gracePeriodSeconds: 0 })
  pass(c, 15)
  const at = new Map(all<Pod>(c, 'pods').map((pod) => [pod.metadata.name, pod.spec.nodeName ?? '']))
  expect([...at]).toEqual([
    ['late', ''],
    ['small', 'n1'],
    ['vip', 'n1'],
  ])
  expect(eventsOf(c, 'late')[0]).toBe(
    'FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: ' +
      '1 No preemption victims found for incoming pod.',
  )
})

it('tries a pod again when one comes that it wants to be near, and when it is changed itself', () => {
  const c = started()
  join(c, node('n1', { taints: [{ key: 'k', effect: 'NoSchedule' }] }))
  const term = { labelSelector: { matchLabels: { app: 'db' } }, topologyKey: 'kubernetes.io/hostname' }
  const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] }
  const tolerations = [{ key: 'k', operator: 'Exists' }]
  make<Pod>(c, 'pods', podOf('web', { affinity: { podAffinity }, tolerations }))
  make<Pod>(c, 'pods', podOf('late', {}))
  pass(c, 20)
  expect(nodesOf(all<Pod>(c, 'pods'))).toEqual(['', ''])
  const db = podOf('db', { tolerations }) as { metadata: object }
  make<Pod>(c, 'pods', { ...db, metadata: { ...db.metadata, labels: { app: 'db' } } } as never)
  // The back-off of its one try is long over.
  pass(c, 0.1)
  expect(nodesOf(all<Pod>(c, 'pods'))).toEqual(['n1', '', 'n1'])
  const late = all<Pod>(c, 'pods').find(({ metadata }) => metadata.name === 'late')!
  const tolerated = [...(late.spec.tolerations ?? []), { key: 'k', operator: 'Exists' }]
  const changed = apiUpdate<Pod>(c.world, USER, 'pods', {
    ...late,
    spec: { ...late.spec, tolerations: tolerated },
  } as never)
  expect(changed.ok).toBe(true)
  pass(c, 0.1)
  expect(nodesOf(all<Pod>(c, 'pods'))).toEqual(['n1', 'n1', 'n1'])
})

it('spreads pods that one Service selects, and does not count those that end', () => {
  const c = started()
  join(c, node('n1'))
  join(c, node('n2'))
  make<Service>(c, 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  } as never)
  const web = (name: string, more: object = {}) => {
    const draft = podOf(name, more) as { metadata: object }
    make<Pod>(c, 'pods', { ...draft, metadata: { ...draft.metadata, labels: { app: 'web' } } } as never)
    pass(c, 1)
    return all<Pod>(c, 'pods').find(({ metadata }) => metadata.name === name)?.spec.nodeName
  }
  const on = (nodeName: string) => ({ nodeSelector: { 'kubernetes.io/hostname': nodeName } })
  expect(web('a', on('n1'))).toBe('n1')
  // n2 is fuller, but has none of them.
  for (const name of ['x', 'y']) make<Pod>(c, 'pods', podOf(name, on('n2')))
  pass(c, 1)
  expect(web('b')).toBe('n2')
  apiDelete(c.world, USER, 'pods', 'default', 'a')
  pass(c, 1)
  expect(all<Pod>(c, 'pods')[0]!.metadata.deletionTimestamp).toBeDefined()
  // The one that ends on n1 counts no more, though n1 is the fuller one now.
  for (const name of ['u', 'v', 'w']) make<Pod>(c, 'pods', podOf(name, on('n1')))
  pass(c, 1)
  expect(web('c')).toBe('n1')
})

it('has words for a cluster without nodes', () => {
  expect(failureText(0, [], '')).toBe('no nodes available to schedule pods')
})
