// Expected: helpers_test.go of component-helpers/resource (PodRequests) and interpodaffinity/filtering_test.go (1.32).
import { expect, it } from 'vitest'
import type { Node, Pod } from '../objects.ts'
import { filterNode, requestsOf } from './filters.ts'

const asking = (cpu: string, restartPolicy?: string) => ({
  name: 'c',
  resources: { requests: { cpu } },
  ...(restartPolicy && { restartPolicy }),
})
const cpuOf = (containers: object[], initContainers: object[]) =>
  requestsOf({ spec: { containers, initContainers } } as unknown as Pod).cpu

it.each([
  ['containers together', ['1', '2'], [], 3000],
  ['an init container that asks for more', ['1'], [['5']], 5000],
  ['a sidecar beside the containers', ['1'], [['2', 'Always']], 3000],
  ['an init container beside the sidecar before it', ['1'], [['2', 'Always'], ['5']], 7000],
  ['an init container before the sidecar', ['1'], [['5'], ['2', 'Always']], 5000],
])('asks for what %s take', (_, containers, init, cpu) => {
  const inits = init as [string, string?][]
  expect(
    cpuOf(
      containers.map((one) => asking(one)),
      inits.map(([one, policy]) => asking(one, policy)),
    ),
  ).toBe(cpu)
})

const label = { labelSelector: { matchLabels: { app: 'a' } }, topologyKey: 'kubernetes.io/hostname' }
const podOf = (name: string, namespace: string, podAntiAffinity?: object) =>
  ({
    metadata: { name, namespace, labels: { app: 'a' } },
    spec: { containers: [], ...(podAntiAffinity && { affinity: { podAntiAffinity } }) },
  }) as unknown as Pod
const must = (term: object) => ({ requiredDuringSchedulingIgnoredDuringExecution: [term] })
const node = {
  metadata: { name: 'n', labels: { 'kubernetes.io/hostname': 'n' } },
  status: {},
} as unknown as Node

function refusal(pod: Pod, other: Pod): string | undefined {
  const about = {
    pod,
    wanted: { cpu: 0, memory: 0 },
    ports: [],
    nodes: [node],
    placed: [{ pod: other, node: 'n' }],
  }
  return filterNode(about, node, {
    cpu: 0,
    memory: 0,
    nonZeroCpu: 0,
    nonZeroMemory: 0,
    pods: 1,
    ports: new Map(),
  })?.reasons[0]
}

it('looks at what the pod wants before what those that are there want', () => {
  const both = podOf('p', 'default', must(label))
  const own = "node(s) didn't match pod anti-affinity rules"
  expect(refusal(both, podOf('q', 'default', must(label)))).toBe(own)
  const plain = podOf('p', 'default')
  const theirs = "node(s) didn't satisfy existing pods anti-affinity rules"
  expect(refusal(plain, podOf('q', 'default', must(label)))).toBe(theirs)
  expect(refusal(both, podOf('q', 'other'))).toBe(undefined)
  const everywhere = podOf('p', 'default', must({ ...label, namespaceSelector: {} }))
  expect(refusal(everywhere, podOf('q', 'other'))).toBe(own)
})
