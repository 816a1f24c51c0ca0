// What the scheduler says and does; the texts are those of kube-scheduler 1.32 (FitError, plug-ins' ErrReason).
import { expect, it } from 'vitest'
import { apiUpdate, apiUpdateStatus } from '../api/local.ts'
import type { CheckCluster } from '../controller/check.ts'
import { all, checkCluster, make, pass, startKubelets, USER } from '../controller/check.ts'
import { deploymentController } from '../controller/deployment.ts'
import { replicaSetController } from '../controller/replicaset.ts'
import type { Deployment, KubeEvent, Node, Pod } from '../objects.ts'
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

it('has words for a cluster without nodes', () => {
  expect(failureText(0, [])).toBe('no nodes available to schedule pods')
})
