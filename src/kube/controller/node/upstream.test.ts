// Expected: node_lifecycle_controller_test.go, rate_limited_queue_test.go and taint_eviction_test.go (Kubernetes 1.32).
import { describe, expect, it } from 'vitest'
import { agentList, startAgent, stopAgent } from '../../agent/agent.ts'
import { apiCreate, apiDelete, apiGet, apiPatch, apiUpdateStatus } from '../../api/local.ts'
import type { Condition, KubeEvent, Node, Pod, Taint, Toleration } from '../../objects.ts'
import { nowText } from '../../store/store.ts'
import { formatTime } from '../../time.ts'
import type { Json } from '../../types.ts'
import { all, beat, type checkCluster, eventsOf, make, pass, USER } from '../check.ts'
import { isPodReady } from '../common.ts'
import { nodeLifecycleController } from '../node-lifecycle.ts'
import { firstToGo } from '../pod-gc.ts'
import { toleratedFor } from '../taint-eviction.ts'
import { boundPod, lifeCluster } from './life.fixture.ts'
import type { Zone } from './zones.ts'
import { judge, takeDue, zoneState } from './zones.ts'

type Cluster = ReturnType<typeof checkCluster>
const SECOND = 1_000_000_000
const key = (name: string) => `node.kubernetes.io/${name}`

// ComputeZoneState: three that are away at least, and 55 % of them
it.each([
  [0, 0, 'normal'],
  [1, 0, 'normal'],
  [0, 1, 'full'],
  [1, 1, 'normal'],
  [1, 2, 'normal'],
  [2, 3, 'partial'],
  [3, 3, 'normal'],
  [9, 11, 'partial'],
  [46, 54, 'normal'],
  [45, 55, 'partial'],
  [0, 9, 'full'],
])('with %i nodes up and %i away a zone is %s', (up, down, state) => {
  expect(zoneState([...Array(up).fill('True'), ...Array(down).fill('Unknown')])).toBe(state)
})

// TestMonitorNodeHealth: nodes that nobody has spoken for yet are away
it('takes a zone of nodes without conditions for one that is away', () => {
  expect(zoneState([undefined, undefined, undefined])).toBe('full')
  expect(zoneState(['Unknown', 'Unknown', 'Unknown', 'True', 'True'])).toBe('partial')
})

describe('zones', () => {
  const node = (name: string, zone: string, labels: object = {}) =>
    ({ metadata: { name, labels: { 'topology.kubernetes.io/zone': zone, ...labels } } }) as unknown as Node
  const zoneMap = (...names: string[]) =>
    new Map(
      names.map((name): [string, Zone] => [
        `/${name}`,
        { state: 'initial', period: 10 * SECOND, next: 0, queue: new Map() },
      ]),
    )
  const run = (zones: Map<string, Zone>, text: string, now: number) => {
    const nodes: Node[] = []
    const ready = new Map<string, Condition['status']>()
    for (const [i, one] of text.split(' ').entries()) {
      nodes.push(node(`n${i}`, one[0]!, one.includes('x') ? { [key('exclude-disruption')]: '' } : {}))
      ready.set(`n${i}`, one.includes('+') ? 'True' : 'Unknown')
    }
    return judge(zones, nodes, ready, now * SECOND)
  }
  const periods = (zones: Map<string, Zone>) => [...zones.values()].map(({ period }) => period / SECOND)

  it('stop all evictions while all are away as a whole, and go on slowly after that', () => {
    const zones = zoneMap('a', 'b')
    expect(run(zones, 'a- b+', 0)).toBeUndefined()
    expect(periods(zones)).toEqual([10, 10])
    expect(run(zones, 'a- b-', 5)).toBe('entered')
    expect(periods(zones)).toEqual([0, 0])
    expect(run(zones, 'a- b-', 10)).toBeUndefined()
    expect(run(zones, 'a- b+', 15)).toBe('left')
    expect([...zones.values()].map(({ period, next }) => [period / SECOND, next / SECOND])).toEqual([
      [10, 25],
      [10, 25],
    ])
  })

  it('slow down where most are away, and stop where the zone is small', () => {
    const zones = zoneMap('a', 'b')
    run(zones, `a+ a- a- a- b+${' b+ b- b- b-'.repeat(20)}`, 0)
    expect(periods(zones)).toEqual([0, 100])
    run(zones, 'a+ a+ a- a- b+', 5)
    expect(periods(zones)).toEqual([10, 10])
  })

  it('do not count nodes that are left out of it', () => {
    const zones = zoneMap('a')
    expect(run(zones, 'a- a+x', 0)).toBe('entered')
    expect(run(zones, 'a-x a+', 5)).toBe('left')
  })

  // TestTry, TestSwapLimiter
  it('give up one node and then one in ten seconds, in the order in which they came', () => {
    const zone: Zone = { state: 'normal', period: 10 * SECOND, next: 0, queue: new Map() }
    for (const name of ['first', 'second', 'third']) zone.queue.set(name, true)
    const due = (seconds: number) => takeDue(zone, seconds * SECOND).join(' ')
    expect([0, 5, 10, 15, 60].map(due)).toEqual(['first', '', 'second', '', 'third'])
    zone.queue.set('fourth', true)
    expect(due(65)).toBe('')
    zone.period = 0
    expect(due(100)).toBe('')
  })
})

const get = (c: Cluster, name: string) => {
  const got = apiGet<Node>(c.world, 'nodes', '', name)
  if (!got.ok) throw new Error(got.status.message)
  return got.object
}
const taints = (c: Cluster, name: string) =>
  (get(c, name).spec?.taints ?? []).map(
    (one) => `${one.key.replace('node.kubernetes.io/', '')}:${one.effect}`,
  )
const patch = (c: Cluster, name: string, spec: object) =>
  apiPatch(c.world, USER, 'nodes', '', name, { type: 'merge', body: { spec: spec as Json } })

function conditions(c: Cluster, name: string, given: Record<string, Condition['status']>): void {
  const [old, now] = [get(c, name), nowText(c.world)]
  const list = Object.entries(given).map(([type, status]) => ({ type, status, lastHeartbeatTime: now }))
  apiUpdateStatus<Node>(c.world, USER, 'nodes', { ...old, status: { ...old.status, conditions: list } })
}

// TestTaintsNodeByCondition
it.each<[string, Record<string, Condition['status']>, object, string[]]>([
  ['network unavailable', { NetworkUnavailable: 'True', Ready: 'True' }, {}, ['network-unavailable']],
  [
    'network and disk',
    { NetworkUnavailable: 'True', DiskPressure: 'True', Ready: 'True' },
    {},
    ['network-unavailable', 'disk-pressure'],
  ],
  [
    'memory and processes',
    { MemoryPressure: 'True', PIDPressure: 'True', Ready: 'True' },
    {},
    ['memory-pressure', 'pid-pressure'],
  ],
  ['not ready', { Ready: 'False' }, {}, ['not-ready']],
  ['unknown', { Ready: 'Unknown' }, {}, ['unreachable']],
  ['unknown pressure', { DiskPressure: 'Unknown', Ready: 'True' }, {}, []],
  ['cordoned', { Ready: 'True' }, { unschedulable: true }, ['unschedulable']],
])('taints a node that is %s', (_, given, spec, wanted) => {
  const c = lifeCluster(['n1'])
  conditions(c, 'n1', given)
  patch(c, 'n1', spec)
  pass(c, 0.5)
  expect(taints(c, 'n1')).toEqual(wanted.map((name) => `${name}:NoSchedule`))
})

// TestSwapUnreachableNotReadyTaints; observed conditions count, so NoExecute comes one look after Unknown
it('gives a node up one look after it is unknown, and swaps the taints at once', () => {
  const c = lifeCluster(['n1', 'n2'])
  const seen: string[] = []
  pass(c, 0.5)
  for (let at = 0; at < 70; at++) {
    if (at % 10 === 0) beat(c, 'n1')
    pass(c, 1)
    const text = taints(c, 'n2').join(' ')
    if (text !== (seen.at(-1)?.split('| ')[1] ?? '')) seen.push(`${at}| ${text}`)
  }
  const [first, second] = seen.map((one) => Number(one.split('|')[0]))
  expect(seen.map((one) => one.split('| ')[1])).toEqual([
    'unreachable:NoSchedule',
    'unreachable:NoSchedule unreachable:NoExecute',
  ])
  expect(second! - first!).toBe(5)
  beat(c, 'n2', 'False')
  beat(c, 'n1')
  pass(c, 6)
  expect(taints(c, 'n2').sort()).toEqual(['not-ready:NoExecute', 'not-ready:NoSchedule'])
})

// TestMonitorNodeHealthMarkPodsNotReady: only where the controller itself finds a node silent, not where its kubelet speaks
it('marks no pod not ready on a node whose kubelet says that it is not', () => {
  const c = lifeCluster(['n1', 'n2'])
  boundPod(c, 'a', 'n1')
  pass(c, 2)
  for (let at = 0; at < 30; at += 10) {
    beat(c, 'n1', 'False')
    beat(c, 'n2')
    pass(c, 10)
  }
  expect(taints(c, 'n1').sort()).toEqual(['not-ready:NoExecute', 'not-ready:NoSchedule'])
  expect(isPodReady(all<Pod>(c, 'pods')[0]!)).toBe(true)
  expect(eventsOf(c, 'n1')).toEqual(['RegisteredNode Node n1 event: Registered Node n1 in Controller'])
})

// TestMonitorNodeHealthUpdateStatus: a node that never spoke
it('calls a node that nobody ever spoke for unknown after a minute', () => {
  const c = lifeCluster(['n1'])
  make<Node>(c, 'nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n2' } })
  for (let at = 0; at < 55; at += 5) {
    beat(c, 'n1')
    pass(c, 5)
  }
  expect(get(c, 'n2').status?.conditions).toBeUndefined()
  beat(c, 'n1')
  pass(c, 15)
  expect(
    get(c, 'n2').status!.conditions!.map(
      ({ type, status, reason, message }) => `${type} ${status} ${reason} ${message}`,
    ),
  ).toEqual(
    ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map(
      (type) => `${type} Unknown NodeStatusNeverUpdated Kubelet never posted node status.`,
    ),
  )
})

// monitorNodeHealth calls markNodeAsReachable for nodes that are new to it: a restart gives their pods their time again
it('begins anew with the nodes that it finds', () => {
  const c = lifeCluster(['n1', 'n2'])
  const live = (seconds: number) => {
    for (let at = 0; at < seconds; at += 5) {
      beat(c, 'n1')
      pass(c, 5)
    }
  }
  live(70)
  const added = () => get(c, 'n2').spec!.taints!.find(({ effect }) => effect === 'NoExecute')!.timeAdded
  const before = added()
  live(60)
  expect(added()).toBe(before)
  const [old] = agentList(c.world, nodeLifecycleController.name)
  stopAgent(c.world, c.agents, old!.id)
  startAgent(c.world, c.agents, { program: nodeLifecycleController.name })
  live(10)
  expect(taints(c, 'n2').sort()).toEqual(['unreachable:NoExecute', 'unreachable:NoSchedule'])
  expect(added()! > before!).toBe(true)
})

// TestReconcileNodeLabels
it('keeps the labels of old versions as the new ones are', () => {
  const c = lifeCluster(['n1'])
  const labels = (given: Record<string, string | null>) => {
    apiPatch(c.world, USER, 'nodes', '', 'n1', { type: 'merge', body: { metadata: { labels: given } } })
    pass(c, 0.1)
    const { 'kubernetes.io/hostname': _, ...rest } = get(c, 'n1').metadata.labels!
    return rest
  }
  const both = { 'kubernetes.io/os': 'linux', 'beta.kubernetes.io/os': 'linux' }
  expect(labels({ 'kubernetes.io/os': 'linux' })).toEqual(both)
  expect(labels({ 'beta.kubernetes.io/os': 'windows' })).toEqual(both)
  expect(labels({ 'beta.kubernetes.io/os': null })).toEqual(both)
  expect(labels({ 'kubernetes.io/os': null, 'beta.kubernetes.io/os': 'x' })).toEqual({
    'beta.kubernetes.io/os': 'x',
  })
})

const taint = (name: string): Taint => ({ key: name, value: 'v', effect: 'NoExecute' })
const tolerate = (name: string, seconds?: number): Toleration => ({
  key: name,
  value: 'v',
  effect: 'NoExecute',
  ...(seconds === undefined ? {} : { tolerationSeconds: seconds }),
})

// TestGetMinTolerationTime, TestCreatePod, TestUpdatePod
it.each<[string, Toleration[], Taint[], number | 'never']>([
  ['nothing is tolerated', [], [taint('a')], 'never'],
  ['one of two', [tolerate('a')], [taint('a'), taint('b')], 'never'],
  ['for ever', [tolerate('a')], [taint('a')], Number.POSITIVE_INFINITY],
  ['the least', [tolerate('a', 5), tolerate('b', 3)], [taint('a'), taint('b')], 3],
  ['for ever and for a time', [tolerate('a'), tolerate('b', 3)], [taint('a'), taint('b')], 3],
  ['less than nothing', [tolerate('a', -1), tolerate('b', 3)], [taint('a'), taint('b')], 0],
  ['the first of two', [tolerate('a', 60), tolerate('a', 1)], [taint('a')], 60],
])('tolerates: %s', (_, tolerations, list, seconds) => {
  expect(toleratedFor(tolerations, list)).toBe(seconds)
})

// TestUpdateNode, TestUpdatePod, TestDeleteNode, TestPodDeletionEvent
it('lets what runs run on, cancels aloud, and forgets a node without a word', () => {
  const c = lifeCluster(['n1', 'n2'])
  const events = (name: string) => eventsOf(c, name).map((text) => text.replace('TaintManagerEviction ', ''))
  boundPod(c, 'p', 'n1', { tolerations: [tolerate('a', 20), tolerate('b', 3)] })
  patch(c, 'n1', { taints: [taint('a')] })
  pass(c, 5)
  patch(c, 'n1', { taints: [taint('b')] })
  pass(c, 10)
  expect(all<Pod>(c, 'pods')).toHaveLength(1)
  pass(c, 6)
  expect(all<Pod>(c, 'pods')).toHaveLength(0)
  expect(events('p')).toEqual(['Marking for deletion Pod default/p'])
  for (const name of ['gone', 'freed', 'untolerated'])
    boundPod(c, name, 'n2', { tolerations: [tolerate('c', 20)] })
  patch(c, 'n2', { taints: [taint('c')] })
  pass(c, 1)
  apiDelete(c.world, USER, 'pods', 'default', 'gone')
  pass(c, 1)
  expect(events('gone')).toEqual(['Cancelling deletion of Pod default/gone'])
  patch(c, 'n2', { taints: [taint('c'), taint('d')] })
  pass(c, 1)
  expect(events('untolerated')).toEqual([
    'Cancelling deletion of Pod default/untolerated',
    'Marking for deletion Pod default/untolerated',
  ])
  patch(c, 'n1', { taints: [taint('c')] })
  boundPod(c, 'last', 'n1', { tolerations: [tolerate('c', 20)] })
  pass(c, 1)
  apiDelete(c.world, USER, 'nodes', '', 'n1')
  pass(c, 20)
  expect(events('last')).toEqual(['Marking for deletion Pod default/last'])
  const [told] = all<KubeEvent>(c, 'events').filter(({ involvedObject }) => involvedObject.name === 'last')
  expect(told!.involvedObject.uid ?? '').toBe('')
})

describe('pods that are collected', () => {
  // TestGCTerminated: evicted ones first, then the oldest
  it('in order', () => {
    const one = (name: string, made: number, phase: string, reason = '') =>
      ({
        metadata: { name, creationTimestamp: formatTime(made * 1000) },
        status: { phase, reason },
      }) as unknown as Pod
    const list = [
      one('c', 3, 'Failed', 'Evicted'),
      one('b', 2, 'Succeeded'),
      one('a', 1, 'Failed'),
      one('d', 4, 'Failed', 'Evicted'),
      one('e', 1, 'Failed'),
    ]
    expect(firstToGo(list).map(({ metadata }) => metadata.name)).toEqual(['c', 'd', 'a', 'e', 'b'])
  })

  // TestGCUnscheduledTerminating, TestGCTerminating, TestGCOrphaned: the phases and conditions they are left with
  it('are marked as failed before they go', () => {
    const c = lifeCluster(['n1', 'n2'])
    const held = (name: string, node: string) => {
      const made = apiCreate<Pod>(c.world, USER, 'pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', finalizers: ['a.b/c'] },
        spec: { containers: [{ name: 'c', image: 'i' }], ...(node === '' ? {} : { nodeName: node }) },
      })
      expect(made.ok).toBe(true)
    }
    for (const [name, node] of [
      ['loose', ''],
      ['out', 'n1'],
      ['orphan', 'n2'],
    ] as const)
      held(name, node)
    pass(c, 1)
    for (const name of ['loose', 'out']) apiDelete(c.world, USER, 'pods', 'default', name)
    conditions(c, 'n1', { Ready: 'False' })
    patch(c, 'n1', { taints: [{ key: key('out-of-service'), effect: 'NoExecute' }] })
    apiDelete(c.world, USER, 'nodes', '', 'n2')
    pass(c, 90)
    const left = all<Pod>(c, 'pods').map(({ metadata, status }) => {
      const why = status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
      return `${metadata.name} ${status?.phase} ${why?.reason ?? '-'} ${why?.message ?? ''}`.trim()
    })
    expect(left).toEqual([
      'loose Failed -',
      'orphan Failed DeletionByPodGC PodGC: node no longer exists',
      'out Failed -',
    ])
  })
})
