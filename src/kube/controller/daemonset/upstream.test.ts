// Expected: the numbers of pods made and removed in update_test.go and daemon_controller_test.go (Kubernetes 1.32).
import { describe, expect, it } from 'vitest'
import type { DaemonSet, Node, Pod, Taint, Toleration } from '../../objects.ts'
import { formatTime } from '../../time.ts'
import { planNode } from './manage.ts'
import { daemonPod, standsOn } from './pods.ts'
import type { NodePods } from './rolling.ts'
import { byAge, planRoll } from './rolling.ts'

interface Fake {
  set: DaemonSet
  nodes: Node[]
  pods: Pod[]
  hash: string
  /** seconds */
  now: number
  made: number
}

const surge = (most: number | string) => ({
  type: 'RollingUpdate',
  rollingUpdate: { maxUnavailable: 0, maxSurge: most },
})
const unavailable = (most: number | string) => ({
  type: 'RollingUpdate',
  rollingUpdate: { maxUnavailable: most, maxSurge: 0 },
})

function fake(count: number, updateStrategy: object, spec: object = {}): Fake {
  const nodes = Array.from({ length: count }, (_, i) => ({ metadata: { name: `node-${i}` } }) as Node)
  const set = {
    metadata: { name: 'foo', namespace: 'default', uid: 'u' },
    spec: { updateStrategy, template: { metadata: {}, spec: {} }, ...spec },
  } as unknown as DaemonSet
  return { set, nodes, pods: [], hash: 'a', now: 1000, made: 0 }
}

function add(f: Fake, node: string, labels: object = {}, status: object = {}, made?: number): Pod {
  const n = ++f.made
  const pod = {
    metadata: { name: `p${n}`, labels, creationTimestamp: formatTime((made ?? n) * 1000) },
    spec: { nodeName: node },
    status,
  } as unknown as Pod
  f.pods.push(pod)
  return pod
}

const readyAt = (seconds: number, status = 'True') => ({
  phase: 'Running',
  conditions: [{ type: 'Ready', status, lastTransitionTime: formatTime(seconds * 1000) }],
})

function nodesOf(f: Fake): NodePods[] {
  return f.nodes.map((node) => {
    const { name } = node.metadata
    const pods = f.pods.filter(({ spec }) => spec.nodeName === name).sort(byAge)
    return { node: name, exists: true, ...standsOn(f.set, node), pods }
  })
}

/** One turn of the controller, whose writes are seen at once. Answers how many it made and removed. */
function sync(f: Fake): [number, number] {
  const [make, remove]: [string[], Pod[]] = [[], []]
  for (const at of nodesOf(f)) {
    const plan = planNode(f.set, at, f.hash, f.now * 1000, () => false)
    if (plan.make) make.push(at.node)
    remove.push(...plan.remove)
  }
  apply(f, make, remove)
  const roll = planRoll(f.set, nodesOf(f), f.hash, f.now * 1000)
  apply(f, roll.make, roll.remove)
  return [make.length + roll.make.length, remove.length + roll.remove.length]
}

function apply(f: Fake, make: readonly string[], remove: readonly Pod[]): void {
  f.pods = f.pods.filter((pod) => !remove.includes(pod))
  for (const node of make) add(f, node, { 'controller-revision-hash': f.hash })
}

/** Pods that `which` names become ready, or not, at the present second. */
function ready(f: Fake, which: (pod: Pod) => boolean = () => true, most = 1000, status = 'True'): void {
  let left = most
  f.pods = f.pods.map((pod) =>
    which(pod) && pod.status?.conditions?.[0]?.status !== status && left-- > 0
      ? { ...pod, status: readyAt(f.now, status) as Pod['status'] & object }
      : pod,
  )
}

const isNew = (f: Fake) => (pod: Pod) => pod.metadata.labels?.['controller-revision-hash'] === f.hash

describe('rolling updates', () => {
  it('TestDaemonSetUpdatesPods', () => {
    const f = fake(5, unavailable(2))
    expect(sync(f)).toEqual([5, 0])
    ready(f)
    f.hash = 'b'
    for (const turn of [[0, 2], [2, 0], 'ready', [0, 2], [2, 0], 'ready', [0, 1], [1, 0], 'ready', [0, 0]]) {
      if (turn === 'ready') ready(f)
      else expect(sync(f)).toEqual(turn)
    }
  })

  it('TestDaemonSetUpdatesPodsWithMaxSurge', () => {
    const f = fake(5, surge(2))
    expect(sync(f)).toEqual([5, 0])
    ready(f)
    f.hash = 'b'
    for (const turn of [
      [2, 0],
      [2, 2],
      [1, 2],
      [0, 1],
    ]) {
      expect(sync(f)).toEqual(turn)
      expect(sync(f)).toEqual([0, 0])
      ready(f)
    }
    expect(sync(f)).toEqual([0, 0])
  })

  it('TestDaemonSetUpdatesPodsNotMatchTainstWithMaxSurge', () => {
    const key = 'node-role.kubernetes.io/control-plane'
    const template = (tolerations: Toleration[]) => ({ metadata: {}, spec: { tolerations, containers: [] } })
    const f = fake(5, surge(1), { template: template([{ key, operator: 'Exists' }]) })
    f.nodes[0] = { ...f.nodes[0]!, spec: { taints: [{ key, effect: 'NoSchedule' }] } }
    expect(sync(f)).toEqual([5, 0])
    ready(f)
    f.hash = 'b'
    f.set = { ...f.set, spec: { ...f.set.spec, template: template([]) } }
    for (const turn of [
      [1, 1],
      [1, 1],
      [1, 1],
      [1, 1],
      [0, 1],
    ]) {
      expect(sync(f)).toEqual(turn)
      expect(sync(f)).toEqual([0, 0])
      ready(f)
    }
  })

  it('TestDaemonSetUpdatesWhenNewPodIsNotReady, ...SomeOldPodsNotReady', () => {
    const f = fake(5, unavailable(2))
    sync(f)
    ready(f)
    for (const hash of ['b', 'c']) {
      f.hash = hash
      for (const turn of [
        [0, 2],
        [2, 0],
        [0, 0],
      ])
        expect(sync(f)).toEqual(turn)
    }
    expect(f.pods.filter(({ status }) => status?.phase === 'Running')).toHaveLength(3)
  })

  it('TestDaemonSetUpdatesSaveOldHealthyPods', () => {
    const f = fake(20, unavailable(10))
    sync(f)
    ready(f)
    f.hash = 'b'
    for (const turn of [
      [0, 10],
      [2 * 5, 0],
      [0, 0],
    ])
      expect(sync(f)).toEqual(turn)
    for (const most of [0, 1, 5, 9]) {
      f.hash = `c${most}`
      f.set = { ...f.set, spec: { ...f.set.spec, updateStrategy: unavailable(most) } } as DaemonSet
      for (const turn of [
        [0, 10],
        [10, 0],
        [0, 0],
      ])
        expect(sync(f)).toEqual(turn)
    }
    f.hash = 'd'
    f.set = { ...f.set, spec: { ...f.set.spec, updateStrategy: unavailable(11) } } as DaemonSet
    for (const turn of [
      [0, 11],
      [11, 0],
      [0, 0],
    ])
      expect(sync(f)).toEqual(turn)
    expect(f.pods.filter(({ status }) => status?.phase === 'Running')).toHaveLength(9)
  })

  it('TestDaemonSetUpdatesAllOldPodsNotReady', () => {
    const f = fake(5, unavailable(3))
    sync(f)
    f.hash = 'b'
    for (const turn of [
      [0, 5],
      [5, 0],
      [0, 0],
    ])
      expect(sync(f)).toEqual(turn)
  })

  it('TestDaemonSetUpdatesAllOldPodsNotReadyMaxSurge', () => {
    const f = fake(5, surge(3))
    sync(f)
    f.hash = 'b'
    expect(sync(f)).toEqual([5, 0])
    expect(sync(f)).toEqual([0, 5])
    ready(f)
    f.set = { ...f.set, spec: { ...f.set.spec, minReadySeconds: 15 } }
    f.hash = 'c'
    f.now = 1300
    expect(sync(f)).toEqual([3, 0])
    ready(f, isNew(f), 2)
    const taken = new Set(f.pods.filter(isNew(f)).map(({ spec }) => spec.nodeName))
    ready(f, (pod) => !isNew(f)(pod) && !taken.has(pod.spec.nodeName), 1, 'False')
    f.now = 1310
    expect(sync(f)).toEqual([1, 0])
    f.now = 1320
    expect(sync(f)).toEqual([1, 3])
    ready(f, isNew(f), 3)
    f.now = 1340
    expect(sync(f)).toEqual([0, 2])
    expect(sync(f)).toEqual([0, 0])
  })

  it('TestDaemonSetUpdatesNoTemplateChanged', () => {
    const f = fake(5, unavailable(3))
    sync(f)
    ready(f)
    f.set = { ...f.set, spec: { ...f.set.spec, updateStrategy: unavailable(2) } } as DaemonSet
    expect(sync(f)).toEqual([0, 0])
  })

  // TestGetUnavailableNumbers: how many of the ready old pods go at once
  it.each([
    [unavailable(1), 2, 1],
    [unavailable(0), 2, 1],
    [surge(0), 2, 1],
    [unavailable('50%'), 2, 1],
    [unavailable('50%'), 3, 2],
  ])('removes at once %o of %i: %i', (strategy, nodes, removed) => {
    const f = fake(nodes, strategy)
    sync(f)
    ready(f)
    f.hash = 'b'
    expect(sync(f)).toEqual([0, removed])
  })

  it.each([
    ['50%', 1],
    ['100%', 2],
  ])('makes at once, of two: %s', (most, made) => {
    const f = fake(2, surge(most))
    sync(f)
    ready(f)
    f.hash = 'b'
    expect(sync(f)).toEqual([made, 0])
  })
})

describe('what stands on nodes', () => {
  const now = { 'controller-revision-hash': 'a' }

  it('TestDealsWithExistingPods, TestSurgeDealsWithExistingPods', () => {
    for (const strategy of [unavailable(1), { type: 'OnDelete' }, surge(1)]) {
      const f = fake(5, strategy)
      for (const [node, n] of [
        ['node-1', 1],
        ['node-2', 2],
        ['node-3', 5],
      ] as const)
        for (let i = 0; i < n; i++) add(f, node, now)
      expect(sync(f)).toEqual([2, 5])
    }
  })

  // TestSurgePreservesReadyOldPods, ...DeletesUnreadyOldPods, ...PreservesOldReady..., ...DeletesOldReadyWithUnsatisfiedMinReady
  it.each<[string, object, object, number, number, string]>([
    ['old is ready, new is not', {}, readyAt(0), 0, 900, 'p3'],
    ['old is not ready', {}, readyAt(0, 'False'), 0, 900, 'p2 p3'],
    ['new for 10 s of 15', readyAt(50), readyAt(0), 15, 60, 'p3'],
    ['new for 20 s of 15', readyAt(50), readyAt(0), 15, 70, 'p2 p3'],
  ])('surging: %s', (_, fresh, old, minReadySeconds, seconds, removed) => {
    const f = fake(5, surge(1), { minReadySeconds })
    f.now = seconds
    add(f, 'node-1', now, fresh, 100)
    add(f, 'node-1', {}, old, 50)
    add(f, 'node-1', {}, readyAt(0), 60)
    add(f, 'node-2', now)
    const before = f.pods
    expect(sync(f)[0]).toBe(3)
    const gone = before.filter((pod) => !f.pods.includes(pod)).map(({ metadata }) => metadata.name)
    expect(gone.sort().join(' ')).toBe(removed)
  })

  it('TestSurgeCreatesNewPodWhenAtMaxSurgeAndOldPodDeleted', () => {
    const f = fake(5, surge(1))
    add(f, 'node-0', now, readyAt(0, 'False'), 100)
    for (let i = 0; i < 5; i++) add(f, `node-${i}`, {}, readyAt(0), 1)
    const last = f.pods.at(-1)!
    f.pods[f.pods.length - 1] = {
      ...last,
      metadata: { ...last.metadata, deletionTimestamp: formatTime(31_000) },
    }
    expect(sync(f)).toEqual([1, 0])
  })

  it('TestDaemonKillFailedPods', () => {
    for (const [failed, normal, removed] of [
      [0, 1, 0],
      [1, 0, 1],
      [1, 3, 3],
      [2, 1, 2],
    ] as const) {
      const f = fake(1, { type: 'OnDelete' })
      for (let i = 0; i < failed; i++) add(f, 'node-0', now, { phase: 'Failed' })
      for (let i = 0; i < normal; i++) add(f, 'node-0', now)
      const [node] = nodesOf(f)
      expect(planNode(f.set, node!, 'a', 0, () => false).remove).toHaveLength(removed)
      expect(planNode(f.set, node!, 'a', 0, () => true).remove).toHaveLength(Math.max(0, normal - 1))
    }
  })
})

// TestNodeShouldRunDaemonPod and the tests of taints, names, selectors and affinities
const affinity = (value: string) => {
  const term = { matchExpressions: [{ key: 'type', operator: 'In', values: [value] }] }
  return {
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
    },
  }
}
const taint = (key: string, effect: Taint['effect']): Taint => ({ key, value: 'v', effect })
const known = (name: string) => `node.kubernetes.io/${name}`
it.each<[string, object, readonly Taint[], boolean, boolean]>([
  ['plain', {}, [], true, true],
  ['the name of another node', { nodeName: 'other-node' }, [], false, false],
  ['its name', { nodeName: 'test-node' }, [], true, true],
  ['its name, another selector', { nodeName: 'test-node', nodeSelector: { type: 'x' } }, [], false, false],
  ['another selector', { nodeSelector: { type: 'x' } }, [], false, false],
  ['its selector', { nodeSelector: { type: 'production' } }, [], true, true],
  ['another affinity', affinity('test'), [], false, false],
  ['its affinity', affinity('production'), [], true, true],
  ['NoSchedule', {}, [taint('dedicated', 'NoSchedule')], false, true],
  ['NoExecute', {}, [taint('dedicated', 'NoExecute')], false, false],
  ['both', {}, [taint('dedicated', 'NoSchedule'), taint('b', 'NoExecute')], false, false],
  ['PreferNoSchedule', {}, [taint('dedicated', 'PreferNoSchedule')], true, true],
  [
    'tolerated',
    { tolerations: [{ key: 'dedicated', value: 'v', effect: 'NoSchedule' }] },
    [taint('dedicated', 'NoSchedule')],
    true,
    true,
  ],
  ['all tolerated', { tolerations: [{ operator: 'Exists' }] }, [taint('x', 'NoExecute')], true, true],
  ['not ready', {}, [taint(known('not-ready'), 'NoExecute')], true, true],
  ['not ready, NoSchedule', {}, [taint(known('not-ready'), 'NoSchedule')], false, true],
  ['unreachable', {}, [taint(known('unreachable'), 'NoExecute')], true, true],
  ['unschedulable', {}, [taint(known('unschedulable'), 'NoSchedule')], true, true],
  [
    'pressures',
    {},
    ['disk', 'memory', 'pid'].map((one) => taint(known(`${one}-pressure`), 'NoSchedule')),
    true,
    true,
  ],
  ['no network', {}, [taint(known('network-unavailable'), 'NoSchedule')], false, true],
  [
    'no network, on the host',
    { hostNetwork: true },
    [taint(known('network-unavailable'), 'NoSchedule')],
    true,
    true,
  ],
])('runs and stays on a node: %s', (_, spec, taints, shouldRun, mayStay) => {
  const labels = { type: 'production' }
  const node = {
    metadata: { name: 'test-node', labels },
    spec: { taints, unschedulable: true },
  } as unknown as Node
  const set = { spec: { template: { spec } } } as unknown as DaemonSet
  expect(standsOn(set, node)).toEqual({ shouldRun, mayStay })
})

it('puts its tolerations after those of the template, and over the same ones in their place', () => {
  const f = fake(1, unavailable(1))
  const tolerations = [
    { key: known('disk-pressure'), operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 },
    { key: 'a', operator: 'Exists' },
  ]
  f.set = {
    ...f.set,
    spec: { ...f.set.spec, template: { spec: { tolerations, containers: [] } } },
  } as unknown as DaemonSet
  const made = daemonPod(f.set, 'n', 'h').spec.tolerations!
  expect(made.map(({ key }) => key?.replace('node.kubernetes.io/', ''))).toEqual([
    'disk-pressure',
    'a',
    'not-ready',
    'unreachable',
    'memory-pressure',
    'pid-pressure',
    'unschedulable',
  ])
  expect(made[0]).toEqual({ key: known('disk-pressure'), operator: 'Exists', effect: 'NoSchedule' })
})
