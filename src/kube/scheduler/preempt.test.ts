// Who must go so that a pod of higher priority fits: the rows of plugins/defaultpreemption/default_preemption_test.go
// (Kubernetes 1.32), one to a line of preempt.cases.jsonl. Left out are rows with disruption budgets, extenders, plug-ins
// that only tests have, and other numbers of candidates than the default ones.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Node, Pod } from '../objects.ts'
import type { FilterPod, Refusal } from './filters.ts'
import { hostPortsOf, requestsOf } from './filters.ts'
import type { Preemption } from './preempt.ts'
import { findRoom, notEligible, pickPreemption, preemptOn } from './preempt.ts'

interface Row {
  name: string
  /** victims: by node; pick: any of these nodes; eligible; room: the node, and what is said where there is none */
  plugin: 'victims' | 'pick' | 'eligible' | 'room'
  pod: object
  nodes: object[]
  pods: object[]
  /** Nodes that pods which go would not help. */
  final?: string[]
  want: (string | boolean | [node: string, victims: string[]])[]
}

const podOf = (draft: object): Pod => {
  const { metadata, spec, status } = draft as Partial<Pod>
  return { status, metadata: { namespace: '', ...metadata }, spec: { containers: [], ...spec } } as Pod
}
const byName = (a: string, b: string) => (a < b ? -1 : 1)

function check(row: Row): unknown {
  const pod = podOf(row.pod)
  const pods = row.pods.map(podOf)
  const nodes = row.nodes.map((draft) => ({ spec: {}, status: {}, ...draft }) as Node)
  const placed = pods.map((one) => ({ pod: one, node: one.spec.nodeName ?? '' }))
  const about: FilterPod = { pod, wanted: requestsOf(pod), ports: hostPortsOf(pod), nodes, placed }
  const on = (name: string) => pods.filter(({ spec }) => spec.nodeName === name)
  const isRoom = (one: Preemption | Refusal): one is Preemption => 'victims' in one
  const found = nodes.map((node) => preemptOn(about, node, on(node.metadata.name))).filter(isRoom)
  switch (row.plugin) {
    case 'victims':
      return found.map(({ node, victims }) => [
        node,
        victims.map(({ metadata: { name } }) => name).sort(byName),
      ])
    case 'pick':
      return row.want.filter((name) => pickPreemption(found)?.node === name)
    case 'eligible':
      return [notEligible(pod, on(pod.status?.nominatedNodeName ?? '')) === undefined]
    case 'room': {
      const refused = nodes.map((node) => {
        const final = row.final?.includes(node.metadata.name) ?? false
        return { reasons: [], final, node }
      })
      const { best, why } = findRoom(about, refused, on)
      return [best?.node ?? '', why]
    }
  }
}

const rows = readFileSync(join(import.meta.dirname, 'preempt.cases.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

it.each(rows)('$plugin: $name', (row) => {
  if (row.plugin === 'pick') expect(check(row)).toHaveLength(1)
  else expect(check(row)).toEqual(row.want)
})
