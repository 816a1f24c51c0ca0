// Scenario 7.3: NotReady after 50 s, endpoints go, pods are evicted after 300 s more. Texts are nodelifecycle's and tainteviction's.
import { expect, it } from 'vitest'
import { apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { Node, Pod } from '../objects.ts'
import type { CheckCluster } from './check.ts'
import { all, beat, eventsOf, pass, USER } from './check.ts'
import { isPodReady } from './common.ts'
import { boundPod, lifeCluster } from './node/life.fixture.ts'

type Cluster = CheckCluster

/** Seconds pass while these nodes' kubelets report every ten. */
function live(c: Cluster, seconds: number, names: readonly string[]): void {
  for (let at = 0; at < seconds; at += 10) {
    for (const name of names) beat(c, name)
    pass(c, Math.min(10, seconds - at))
  }
}

function node(c: Cluster, name: string): Node {
  const got = apiGet<Node>(c.world, 'nodes', '', name)
  if (!got.ok) throw new Error(got.status.message)
  return got.object
}

const ready = (c: Cluster, name: string) =>
  node(c, name).status?.conditions?.find(({ type }) => type === 'Ready')
const taints = (c: Cluster, name: string) =>
  (node(c, name).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`)

it('calls a silent node unknown after 50 s, its pods not ready, and takes them away 300 s later', () => {
  const c = lifeCluster(['n1', 'n2'])
  boundPod(c, 'a', 'n1')
  boundPod(c, 'b', 'n2')
  live(c, 20, ['n1', 'n2'])
  live(c, 40, ['n1'])
  expect(ready(c, 'n2')?.status).toBe('True')
  live(c, 20, ['n1'])
  expect(ready(c, 'n2')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
  })
  expect(taints(c, 'n2')).toEqual([
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ])
  expect(taints(c, 'n1')).toEqual([])
  expect(eventsOf(c, 'n2')).toEqual([
    'RegisteredNode Node n2 event: Registered Node n2 in Controller',
    'NodeNotReady Node n2 status is now: NodeNotReady',
  ])
  const byName = () => new Map(all<Pod>(c, 'pods').map((one) => [one.metadata.name, one]))
  expect(isPodReady(byName().get('a')!)).toBe(true)
  expect(isPodReady(byName().get('b')!)).toBe(false)
  live(c, 280, ['n1'])
  expect([...byName().keys()]).toEqual(['a', 'b'])
  live(c, 30, ['n1'])
  expect([...byName().keys()]).toEqual(['a'])
  expect(eventsOf(c, 'b')).toEqual([
    'NodeNotReady Node is not ready',
    'TaintManagerEviction Marking for deletion Pod default/b',
  ])
})

it('forgives a node that comes back in time', () => {
  const c = lifeCluster(['n1', 'n2'])
  boundPod(c, 'b', 'n2')
  live(c, 80, ['n1'])
  expect(taints(c, 'n2')).toHaveLength(2)
  live(c, 20, ['n1', 'n2'])
  expect(taints(c, 'n2')).toEqual([])
  expect(eventsOf(c, 'b')).toContain('TaintManagerEviction Cancelling deletion of Pod default/b')
  live(c, 400, ['n1', 'n2'])
  expect(all<Pod>(c, 'pods')).toHaveLength(1)
})

it('evicts nobody while all nodes are silent: it may be itself that is cut off', () => {
  const c = lifeCluster(['n1', 'n2'])
  boundPod(c, 'a', 'n1')
  pass(c, 600)
  expect(taints(c, 'n1')).toEqual(['node.kubernetes.io/unreachable:NoSchedule'])
  expect(all<Pod>(c, 'pods')).toHaveLength(1)
})

it('follows conditions and cordons with NoSchedule taints at once', () => {
  const c = lifeCluster(['n1', 'n2'])
  beat(c, 'n1', 'False')
  pass(c, 0.1)
  expect(taints(c, 'n1')).toEqual(['node.kubernetes.io/not-ready:NoSchedule'])
  beat(c, 'n1')
  apiPatch(c.world, USER, 'nodes', '', 'n1', { type: 'merge', body: { spec: { unschedulable: true } } })
  pass(c, 0.1)
  expect(taints(c, 'n1')).toEqual(['node.kubernetes.io/unschedulable:NoSchedule'])
})

it('takes a pod without the toleration away from a NoExecute taint at once', () => {
  const c = lifeCluster(['n1', 'n2'])
  boundPod(c, 'a', 'n1')
  boundPod(c, 'stays', 'n1', { tolerations: [{ operator: 'Exists' }] })
  const taint = { key: 'maintenance', effect: 'NoExecute' }
  apiPatch(c.world, USER, 'nodes', '', 'n1', { type: 'merge', body: { spec: { taints: [taint] } } })
  pass(c, 1)
  expect(all<Pod>(c, 'pods').map(({ metadata }) => metadata.name)).toEqual(['stays'])
})

it('removes the pods of a node that is gone, after 40 s', () => {
  const c = lifeCluster(['n1', 'n2'])
  boundPod(c, 'a', 'n1')
  pass(c, 6)
  apiDelete(c.world, USER, 'nodes', '', 'n1')
  pass(c, 35)
  expect(all<Pod>(c, 'pods')).toHaveLength(1)
  pass(c, 30)
  expect(all<Pod>(c, 'pods')).toHaveLength(0)
  expect(eventsOf(c, 'n1')).toContain('RemovingNode Node n1 event: Removing Node n1 from Controller')
})
