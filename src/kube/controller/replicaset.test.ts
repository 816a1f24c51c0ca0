// Expected: TestSortingActivePodsWithRanks of pkg/controller/controller_utils_test.go (Kubernetes 1.32).
import { expect, it } from 'vitest'
import type { Pod } from '../objects.ts'
import { formatTime } from '../time.ts'
import { podsToDelete } from './replicaset/ranks.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000

interface Given {
  node?: string
  phase?: string
  /** minutes since it is ready */
  ready?: number
  restarts?: number
  /** minutes since it was made */
  age?: number
  cost?: string
}

function podOf(
  name: string,
  { node = 'n', phase = 'Running', ready, restarts = 0, age = 60, cost }: Given,
): Pod {
  const since = (minutes: number) => formatTime(NOW - minutes * MINUTE)
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: since(ready ?? 0) }
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: since(age),
      ...(cost && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: { nodeName: node, containers: [] },
    status: {
      phase,
      conditions: ready === undefined ? [] : [condition],
      containerStatuses: [{ restartCount: restarts }],
    },
  } as unknown as Pod
}

/** Pods named by their places, the first to go first. */
function order(...given: Given[]): string {
  const pods = given.map((one, i) => podOf(String.fromCharCode(97 + i), one))
  return pods.map((_, i) => podsToDelete(pods, pods, i + 1, NOW).at(-1)!.metadata.name).join('')
}

it.each([
  [
    'without a node, pending, unknown, running',
    [{}, { phase: 'Unknown' }, { phase: 'Pending' }, { node: '' }],
    'dcb',
  ],
  ['not ready, ready', [{ ready: 5 }, {}], 'b'],
  ['the cheaper', [{ ready: 5, cost: '2' }, { ready: 5, cost: '-1' }, { ready: 5 }], 'bc'],
  ['two of a node', [{ node: 'm', ready: 5 }, { ready: 60 }, { ready: 60 }], 'bc'],
  ['the one that is ready for less, by powers of two', [{ ready: 64 }, { ready: 1 }, { ready: 8 }], 'bc'],
  ['the smaller uid among those of one power', [{ ready: 33 }, { ready: 34 }], 'a'],
  [
    'more restarts',
    [
      { ready: 5, restarts: 1 },
      { ready: 5, restarts: 3 },
    ],
    'b',
  ],
  ['the younger', [{ age: 64 }, { age: 1 }], 'b'],
])('goes first: %s', (_, given, first) => {
  expect(order(...given).slice(0, first.length)).toBe(first)
})
