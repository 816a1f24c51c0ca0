// What each plug-in says of nodes: the rows of the tables in pkg/scheduler/framework/plugins/*/*_test.go (Kubernetes 1.32;
// `from` is the file), one to a line of upstream.cases.jsonl. Left out are rows with other settings than the default
// profile's (weights, ignored resources, added affinity, gates that are off) and those whose pods the API refuses.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { matchMap } from '../api/selectors.ts'
import type { Labels, Node, Pod } from '../objects.ts'
import { affinityScores, checkPodAffinity } from './affinity.ts'
import type { FilterPod, NodeUse, Refusal } from './filters.ts'
import { allocatableOf, filterNode, hostPortsOf, nonZeroRequestsOf, requestsOf } from './filters.ts'
import { balancedAllocation, imageScores, leastAllocated, nodeAffinityScores, taintScores } from './score.ts'
import { checkSpread, defaultSpreadScores, spreadScores } from './spread.ts'

interface Row {
  from: string
  name: string
  plugin: string
  pod: object
  nodes: object[]
  /** Nodes that are no candidates. */
  others?: object[]
  /** What runs; `times` of the same. */
  pods?: { times?: number }[]
  /** What a Service selects. */
  service?: Labels
  /** By node: a score, or why it is refused. */
  want: (number | { final: boolean; reasons?: string[] } | null)[]
}

/** The namespaces of interpodaffinity/scoring_test.go. */
const NAMESPACES: Readonly<Record<string, Labels>> = {
  'subteam1.team1': { team: 'team1' },
  'subteam2.team1': { team: 'team1' },
  'subteam1.team2': { team: 'team2' },
  'subteam2.team2': { team: 'team2' },
}
const namespaceLabels = (name: string) => NAMESPACES[name]

const podOf = (draft: object): Pod => {
  const { metadata, spec } = draft as Partial<Pod>
  return { metadata: { name: 'p', namespace: '', ...metadata }, spec: { containers: [], ...spec } } as Pod
}
const nodeOf = (draft: object) => ({ spec: {}, status: {}, ...draft }) as Node

function useOf(pods: readonly Pod[]): NodeUse {
  const use = { cpu: 0, memory: 0, nonZeroCpu: 0, nonZeroMemory: 0, pods: 0 }
  const more = new Map<string, number>()
  for (const pod of pods) {
    const [wanted, open] = [requestsOf(pod), nonZeroRequestsOf(pod)]
    use.cpu += wanted.cpu
    use.memory += wanted.memory
    use.nonZeroCpu += open.cpu
    use.nonZeroMemory += open.memory
    use.pods++
    for (const [name, amount] of wanted.more ?? []) more.set(name, (more.get(name) ?? 0) + amount)
  }
  return { ...use, more, ports: new Map(pods.flatMap(hostPortsOf).map((port) => [port, 1])) }
}

/** Where the row is about something else than what there is. */
const ROOM = { cpu: 1e9, memory: 1e15, pods: 1e9 }

function check({ plugin, pod: draft, service, ...row }: Row): (number | Refusal | null)[] {
  const pod = podOf(draft)
  const nodes = row.nodes.map(nodeOf)
  const all = [...nodes, ...(row.others ?? []).map(nodeOf)]
  const runs = (row.pods ?? []).flatMap(({ times = 1, ...one }) => Array<Pod>(times).fill(podOf(one)))
  const placed = runs.map((one) => ({ pod: one, node: one.spec.nodeName ?? '' }))
  const about: FilterPod = {
    ...{ pod, wanted: requestsOf(pod), ports: hostPortsOf(pod) },
    ...{ nodes: all, placed, namespaceLabels },
  }
  const use = (node: Node) => useOf(runs.filter(({ spec }) => (spec.nodeName ?? '') === node.metadata.name))
  if (typeof row.want[0] !== 'number') {
    return nodes.map((node) => {
      const input = { ...about, node, use: use(node), room: ROOM }
      if (plugin === 'spread') return checkSpread(input)
      if (plugin === 'affinity') return checkPodAffinity(input)
      return filterNode(about, node, input.use, plugin === 'fit' ? allocatableOf(node) : ROOM)
    })
  }
  if (service !== undefined) {
    const there = new Map<string, number>()
    for (const { pod: one, node } of placed)
      if (matchMap(service, one.metadata.labels)) there.set(node, (there.get(node) ?? 0) + 1)
    return defaultSpreadScores(nodes, all, there)
  }
  const scores: Readonly<Record<string, () => number[] | undefined>> = {
    spread: () => spreadScores(pod, nodes, all, placed),
    affinity: () => affinityScores(pod, nodes, about),
    images: () => imageScores(pod, nodes, all),
    taints: () => taintScores(pod, nodes),
    'node affinity': () => nodeAffinityScores(pod, nodes),
    least: () => nodes.map((node) => leastAllocated(allocatableOf(node), use(node), nonZeroRequestsOf(pod))),
    balanced: () => nodes.map((node) => balancedAllocation(allocatableOf(node), use(node), requestsOf(pod))),
  }
  return scores[plugin]!() ?? []
}

const rows = readFileSync(join(import.meta.dirname, 'upstream.cases.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

describe.each([...new Set(rows.map(({ from }) => from))])('%s', (from) => {
  it.each(rows.filter((row) => row.from === from))('$name', (row) => {
    const got = check(row)
    expect(got).toHaveLength(row.want.length)
    for (const [at, want] of row.want.entries()) {
      if (want === null || typeof want === 'number') expect([at, got[at]]).toEqual([at, want])
      else expect(got[at]).toMatchObject(want)
    }
  })
})
