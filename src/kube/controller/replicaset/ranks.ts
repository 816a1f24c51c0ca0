/** Which pods go first when there are too many. Models ActivePodsWithRanks of controller_utils.go (Kubernetes 1.32). */
import type { Pod } from '../../objects.ts'
import { parseTime } from '../../time.ts'
import { isPodActive, isPodReady, readySince } from '../common.ts'

const COST = 'controller.kubernetes.io/pod-deletion-cost'
const PHASES = ['Pending', 'Unknown', 'Running']

/**
 * `n` of the active pods: without a node, not yet running, not ready, cheap, on a node with more of the `related` ones
 * (those of all sets of one Deployment), ready for less, restarted more, young.
 */
export function podsToDelete(
  active: readonly Pod[],
  related: readonly Pod[],
  n: number,
  nowMs: number,
): readonly Pod[] {
  if (n >= active.length) return active
  const perNode = new Map<string, number>()
  for (const pod of related) {
    const node = pod.spec.nodeName ?? ''
    if (isPodActive(pod)) perNode.set(node, (perNode.get(node) ?? 0) + 1)
  }
  const rank = (pod: Pod): number[] => [
    (pod.spec.nodeName ?? '') === '' ? 0 : 1,
    PHASES.indexOf(pod.status?.phase ?? 'Pending'),
    isPodReady(pod) ? 1 : 0,
    costOf(pod),
    -(perNode.get(pod.spec.nodeName ?? '') ?? 0),
  ]
  const madeAt = (pod: Pod) => parseTime(pod.metadata.creationTimestamp) ?? 0
  return [...active]
    .sort(
      (a, b) =>
        compareRanks(rank(a), rank(b)) ||
        byAge(a, b, readySince(a) ?? 0, readySince(b) ?? 0, nowMs) ||
        compareRanks(restartsOf(b), restartsOf(a)) ||
        byAge(a, b, madeAt(a), madeAt(b), nowMs),
    )
    .slice(0, n)
}

/** What is not a number of 32 bits costs nothing. */
function costOf({ metadata }: Pod): number {
  const text = metadata.annotations?.[COST] ?? ''
  if (!/^(0|-?[1-9][0-9]*|-0[0-9]*)$/.test(text)) return 0
  const cost = Number(text)
  return cost >= -(2 ** 31) && cost < 2 ** 31 ? cost : 0
}

/** The most restarts of a container, and of a sidecar. */
function restartsOf({ spec, status }: Pod): [number, number] {
  const sidecars = new Set(
    (spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always').map(({ name }) => name),
  )
  const most = (counts: readonly { readonly restartCount: number }[]) =>
    Math.max(0, ...counts.map(({ restartCount }) => restartCount))
  const sides = (status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name))
  return [most(status?.containerStatuses ?? []), most(sides)]
}

/** The younger first, as far as one is of another power of two of nanoseconds; else by uid (LogarithmicScaleDown). */
function byAge(a: Pod, b: Pod, since: number, other: number, nowMs: number): number {
  if (since === other) return 0
  // Nobody knows since when: that is young.
  if (since === 0 || other === 0) return since === 0 ? -1 : 1
  const power = (ms: number) => (nowMs > ms ? Math.trunc(Math.log2((nowMs - ms) * 1e6)) : -1)
  return power(since) - power(other) || compareText(a.metadata.uid, b.metadata.uid)
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
