// Expected: the tables of plugins/{noderesources,interpodaffinity,podtopologyspread,nodeaffinity} of kube-scheduler 1.32
// (fit_test.go, filtering_test.go, scoring_test.go), and its texts.
import { expect, it } from 'vitest'
import type { Node, Pod } from '../objects.ts'
import type { FilterPod } from './filters.ts'
import { allocatableOf, filterNode, nonZeroRequestsOf, requestsOf } from './filters.ts'
import { affinityScores } from './affinity.ts'
import { balancedAllocation, leastAllocated } from './score.ts'
import { defaultSpreadScores, spreadScores } from './spread.ts'

const nodeOf = (name: string, labels: Record<string, string> = {}, more: object = {}) =>
  ({
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    status: {},
    ...more,
  }) as unknown as Node
const podOf = (spec: object, labels: Record<string, string> = {}, namespace = 'default') =>
  ({ metadata: { name: 'p', namespace, labels }, spec: { containers: [], ...spec } }) as unknown as Pod
const use = (more: Record<string, number> = {}) => ({
  ...{ cpu: 0, memory: 0, nonZeroCpu: 0, nonZeroMemory: 0, pods: 0, ports: new Map() },
  more: new Map(Object.entries(more)),
})
const none = { wanted: { cpu: 0, memory: 0 }, ports: [], nodes: [], placed: [] }
const about = (more: Partial<FilterPod>): FilterPod => ({ ...none, pod: podOf({}), ...more })

it('counts ephemeral storage and extended resources', () => {
  const node = nodeOf(
    'n',
    {},
    {
      status: { allocatable: { cpu: '1', 'ephemeral-storage': '10', 'example.com/aaa': '5', pods: '9' } },
    },
  )
  expect(allocatableOf(node).more).toEqual([
    ['ephemeral-storage', 10],
    ['example.com/aaa', 5],
  ])
  const asks = (requests: object, initContainers: object[] = []) => {
    const pod = podOf({ containers: [{ name: 'c', resources: { requests } }], initContainers })
    const wanted = requestsOf(pod)
    return filterNode(about({ pod, wanted }), node, use({ 'example.com/aaa': 2 }))?.reasons
  }
  expect(asks({ 'example.com/aaa': '3' })).toBe(undefined)
  expect(asks({ 'example.com/aaa': '4' })).toEqual(['Insufficient example.com/aaa'])
  expect(asks({ 'example.com/bbb': '1' })).toEqual(['Insufficient example.com/bbb'])
  expect(asks({ 'ephemeral-storage': '11' })).toEqual(['Insufficient ephemeral-storage'])
  const init = { name: 'i', resources: { requests: { 'example.com/aaa': '4' } } }
  expect(asks({ 'example.com/aaa': '1' }, [init])).toEqual(['Insufficient example.com/aaa'])
})

const zoned = (name: string, zone: string, more: object = {}) => nodeOf(name, { zone }, more)
const term = (labels: object, topologyKey: string, more: object = {}) => ({
  ...{ labelSelector: { matchLabels: labels }, topologyKey },
  ...more,
})
const near = (...terms: object[]) => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
})

it('goes near a pod that all terms select, not near two that select one each', () => {
  const nodes = [zoned('a', 'z1')]
  const pod = podOf(near(term({ s: '1' }, 'zone'), term({ t: '2' }, 'zone')))
  const other = (labels: Record<string, string>) => ({ pod: podOf({}, labels), node: 'a' })
  const go = (placed: FilterPod['placed']) =>
    filterNode(about({ pod, nodes, placed }), nodes[0]!, use())?.reasons[0]
  const refused = "node(s) didn't match pod affinity rules"
  expect(go([other({ s: '1' }), other({ t: '2' })])).toBe(refused)
  expect(go([other({ s: '1', t: '2' })])).toBe(undefined)
})

it('chooses namespaces by their labels', () => {
  const nodes = [zoned('a', 'z1')]
  const pod = podOf(near(term({ s: '1' }, 'zone', { namespaceSelector: { matchLabels: { team: 'x' } } })))
  const placed = [{ pod: podOf({}, { s: '1' }, 'there'), node: 'a' }]
  const go = (team: string) =>
    filterNode(about({ pod, nodes, placed, namespaceLabels: () => ({ team }) }), nodes[0]!, use())
  expect([go('x'), go('y')?.final]).toEqual([null, true])
})

it('spreads among the nodes that count', () => {
  const tainted = { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }
  const nodes = [zoned('a', 'z1'), zoned('b', 'z2'), zoned('c', 'z3', tainted)]
  const placed = [
    { pod: podOf({}, { app: 'x' }), node: 'a' },
    { pod: podOf({}, { app: 'x' }), node: 'b' },
  ]
  const go = (more: object, labels: Record<string, string> = { app: 'x' }) => {
    const one = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', ...more }
    const labelSelector = { matchLabels: { app: 'x' } }
    const pod = podOf({ topologySpreadConstraints: [{ labelSelector, ...one }] }, labels)
    return filterNode(about({ pod, nodes, placed }), nodes[0]!, use()) === null
  }
  // The tainted zone is empty and counts, unless taints are honoured.
  expect(go({})).toBe(false)
  expect(go({ nodeTaintsPolicy: 'Honor' })).toBe(true)
  expect(go({ nodeTaintsPolicy: 'Honor', minDomains: 3 })).toBe(false)
  // Only pods of the same version count.
  expect(go({ matchLabelKeys: ['version'] }, { app: 'x', version: '2' })).toBe(true)
})

it('scores what pods wish of each other and of their domains', () => {
  const nodes = [zoned('a', 'z1'), zoned('b', 'z2')]
  const placed = [{ pod: podOf({}, { app: 'x' }), node: 'a' }]
  const wish = (kind: string) =>
    podOf({
      affinity: {
        [kind]: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 5, podAffinityTerm: term({ app: 'x' }, 'zone') },
          ],
        },
      },
    })
  expect(affinityScores(wish('podAffinity'), nodes, { nodes, placed })).toEqual([100, 0])
  expect(affinityScores(wish('podAntiAffinity'), nodes, { nodes, placed })).toEqual([0, 100])
  const constraint = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
  }
  // "one constraint on node, all 4 nodes are candidates": 2, 1, 0 and 3 pods there score 20, 60, 100 and 0.
  const four = ['a', 'b', 'c', 'd'].map((name) => nodeOf(name))
  const like = { labelSelector: { matchLabels: { foo: '' } } }
  const pod = podOf({ topologySpreadConstraints: [{ ...constraint, ...like }] }, { foo: '' })
  const there = ['a', 'a', 'b', 'd', 'd', 'd'].map((name) => ({ pod: podOf({}, { foo: '' }), node: name }))
  expect(spreadScores(pod, four, four, there)).toEqual([20, 60, 100, 0])
  // "system defaulting, nodes don't have zone, pods match service": 4, 3, 2 and 1.
  const counts = new Map(Object.entries({ a: 4, b: 3, c: 2, d: 1 }))
  expect(defaultSpreadScores(four, four, counts)).toEqual([44, 66, 77, 100])
})

it('scores what stays free, and how even it is', () => {
  const room = (cpu: number, memory: number) => ({ cpu, memory, pods: 110 })
  const taken = (cpu: number, memory: number) => ({
    ...use(),
    ...{ cpu, memory, nonZeroCpu: cpu, nonZeroMemory: memory },
  })
  const wanted = { cpu: 3000, memory: 5000 }
  // least_allocated_test.go: "nothing scheduled, resources requested, differently sized nodes" and the rows after it.
  expect(leastAllocated(room(4000, 10_000), use(), wanted)).toBe(37)
  expect(leastAllocated(room(6000, 10_000), use(), wanted)).toBe(50)
  expect(leastAllocated(room(10_000, 20_000), taken(3000, 0), wanted)).toBe(57)
  expect(leastAllocated(room(10_000, 20_000), taken(3000, 5000), wanted)).toBe(45)
  expect(leastAllocated(room(10_000, 50_000), taken(3000, 5000), wanted)).toBe(60)
  expect(leastAllocated(room(4000, 10_000), taken(3000, 0), { cpu: 3000, memory: 0 })).toBe(50)
  // balanced_allocation_test.go: shares of 3/4 and 1/2 are an eighth from their mean.
  expect(balancedAllocation(room(4000, 10_000), use(), wanted)).toBe(87)
  expect(balancedAllocation(room(6000, 10_000), use(), wanted)).toBe(100)
  // pod_resources.go: a container that asks for nothing counts as 100m and 200Mi.
  const open = podOf({ containers: [{ name: 'a' }, { name: 'b', resources: { requests: { cpu: '1' } } }] })
  expect(nonZeroRequestsOf(open)).toEqual({ cpu: 1100, memory: 400 * 1024 * 1024 })
})
