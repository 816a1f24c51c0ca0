/** Controllers: EndpointSlices, Endpoints, Deployments. */
import { endpointSubsets } from '../../kube/controller/endpoints.ts'
import { repackSubsets } from '../../kube/controller/endpoints/repack.ts'
import { selectorOf } from '../../kube/controller/endpoints/selection.ts'
import {
  cleanupUnhealthy,
  historyToDelete,
  isComplete,
  maxScaledDown,
  maxUnavailable,
  newSetReplicas,
  reconciledSize,
  resolveFenceposts,
  type RollingSpec,
  scaleDownOld,
  scaleProportionally,
} from '../../kube/controller/deployment/rolling.ts'
import { hasTimedOut } from '../../kube/controller/deployment/progress.ts'
import type { EndpointSubset, IntOrString, Pod, Service } from '../../kube/objects.ts'
import type { CaseResult } from './report.ts'
import { differs, runCase } from './report.ts'
import { endpointSliceCases } from './endpointslice.ts'

type Group = readonly Record<string, unknown>[]

/** 05-controllers-and-validation.json: `endpointslice`, `endpoints` and `deployment`. */
export function controllerCases(data: unknown): CaseResult[] {
  const { endpointslice, endpoints, deployment } = data as Record<string, Record<string, Group>>
  return [
    ...endpointSliceCases(endpointslice!),
    ...(endpoints!.sync ?? []).map((one) => runCase('endpoints sync', String(one.id), () => sync(one))),
    ...(endpoints!.repack ?? []).map((one) => runCase('endpoints repack', String(one.id), () => repack(one))),
    ...deploymentCases(deployment!),
  ]
}

/** Pods of one Service; the Endpoints of one without a selector are left to others. */
function sync(one: Record<string, unknown>): string {
  const bare = { metadata: { name: 'foo' }, spec: {} } as unknown as Service
  if (one.selector === null) return differs(one.expect, selectorOf(bare) ?? 'untouched')
  const pods = (one.pods as [ip: string, ready: boolean][]).map(([ip, ready], i) => ({
    metadata: { name: `pod${i}`, namespace: 'test', uid: `${i}` },
    spec: { containers: [{ name: 'c', ports: [{ containerPort: 8080 }] }] },
    status: {
      phase: 'Running',
      podIP: ip,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }))
  const service = {
    metadata: { name: 'foo', namespace: 'test' },
    spec: { ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }] },
  }
  return differs(one.expect, shown(endpointSubsets(service as unknown as Service, pods as unknown as Pod[])))
}

interface Subset {
  addresses: string[]
  notReadyAddresses: string[]
  ports: number[]
}

function repack(one: Record<string, unknown>): string {
  const given = (one.given as Subset[]).map(
    ({ addresses, notReadyAddresses, ports }): EndpointSubset => ({
      addresses: addresses.map((ip) => ({ ip })),
      notReadyAddresses: notReadyAddresses.map((ip) => ({ ip })),
      ports: ports.map((port) => ({ port, protocol: 'TCP' })),
    }),
  )
  return differs(one.expect, shown(repackSubsets(given)))
}

function shown(subsets: readonly EndpointSubset[]): unknown {
  return subsets.map(({ addresses = [], notReadyAddresses = [], ports = [] }) => ({
    addresses: addresses.map(({ ip }) => ip),
    notReadyAddresses: notReadyAddresses.map(({ ip }) => ip),
    ports: ports.map(({ port }) => port),
  }))
}

function spec(one: Record<string, unknown>): RollingSpec {
  return {
    type: one.strategy === 'Recreate' ? 'Recreate' : 'RollingUpdate',
    replicas: (one.replicas as number | undefined) ?? 0,
    maxSurge: (one.maxSurge as IntOrString | undefined) ?? 0,
    maxUnavailable: (one.maxUnavailable as IntOrString | undefined) ?? 0,
  }
}

function deploymentCases(groups: Record<string, unknown>): CaseResult[] {
  const all = (name: string, check: (one: Record<string, unknown>) => string | undefined) =>
    listOf(groups[name]).map((one, at) =>
      runCase(`deployment ${name}`, String(one.id ?? `${at + 1}: ${JSON.stringify(one)}`), () => check(one)),
    )
  return [
    ...all('fenceposts', fenceposts),
    ...all('fenceposts_derived', (one) => fenceposts(one) || derived(one)),
    ...all('new_rs_replicas', (one) =>
      differs(
        one.expect,
        newSetReplicas(spec(one), one.newRS as number, (one.newRS as number) + (one.others as number)),
      ),
    ),
    ...all('reconcile_new', (one) => {
      const total = (one.old as number) + (one.new as number)
      return differs(one.expectNew, reconciledSize(spec(one), one.new as number, total))
    }),
    ...all('scale_down_old', (one) => {
      const old = one.old as number
      const [gone = 0] = scaleDownOld(spec(one), [{ replicas: old }], one.available as number)
      return differs(one.expectOld, old - gone)
    }),
    ...all('reconcile_old', reconcileOld),
    ...all('cleanup_unhealthy', (one) => {
      const sets = [{ replicas: one.old as number, available: one.available as number }]
      return differs(one.cleaned, cleanupUnhealthy(sets, one.maxCleanup as number)[0])
    }),
    // One pod of surge, as the test's deployments have it: nothing may be unavailable where that rounds to none.
    ...all('max_unavailable', (one) => differs(one.expect, maxUnavailable(spec({ maxSurge: 1, ...one })))),
    ...all('complete', (one) =>
      differs(one.complete, isComplete(one.replicas as number, one.status as object)),
    ),
    ...all('timed_out', (one) =>
      differs(
        one.timedOut,
        hasTimedOut(
          (one.progressDeadlineSeconds as number | null) ?? undefined,
          { reason: one.progressingReason as string, updatedAt: 0 },
          (one.secondsSinceUpdate as number) * 1000,
        ),
      ),
    ),
    ...all('proportional_scaling', proportional),
    ...all('history_cleanup', (one) => {
      const sets = (one.oldReplicaSets as [number, number][]).map(([replicas, statusReplicas]) => ({
        replicas,
        statusReplicas,
      }))
      return differs(one.deleted, historyToDelete(sets, one.revisionHistoryLimit as number).length)
    }),
  ]
}

function listOf(group: unknown): Record<string, unknown>[] {
  if (Array.isArray(group)) return group
  return (group as { cases?: Record<string, unknown>[] } | undefined)?.cases ?? []
}

function fenceposts(one: Record<string, unknown>): string {
  const { replicas, maxSurge, maxUnavailable: most } = spec(one)
  const got = resolveFenceposts(maxSurge, most, replicas)
  if (one.error === true) return got === undefined ? '' : `no error but ${JSON.stringify(got)}`
  return differs({ surge: one.surge, unavailable: one.unavailable }, got)
}

function derived(one: Record<string, unknown>): string {
  const { replicas, maxSurge, maxUnavailable: most } = spec(one)
  const { surge, unavailable } = resolveFenceposts(maxSurge, most, replicas)!
  return differs(
    { maxPods: one.maxPods, minAvailable: one.minAvailable },
    { maxPods: replicas + surge, minAvailable: replicas - unavailable },
  )
}

function reconcileOld(one: Record<string, unknown>): string {
  const [old, fresh] = [one.old as number, one.new as number]
  const [available, freshAvailable] = [one.oldAvailable as number, one.newAvailable as number]
  const most = maxScaledDown(spec(one), old + fresh, fresh, freshAvailable)
  if (most <= 0) return differs(one.scales, false)
  const [cleaned = 0] = cleanupUnhealthy([{ replicas: old, available }], most)
  const [gone = 0] = scaleDownOld(spec(one), [{ replicas: old - cleaned }], available + freshAvailable)
  return differs(
    { scales: one.scales, old: one.expectOld },
    { scales: cleaned + gone > 0, old: old - cleaned - gone },
  )
}

function proportional(one: Record<string, unknown>): string {
  const sets = one.replicaSets as Record<string, number>
  const [before, after] = one.maxSurge as [number, number]
  const age: Record<string, number> = { new: 3, old: 2, older: 1 }
  const got = scaleProportionally(
    Object.entries(sets).map(([name, replicas]) => ({
      name,
      replicas,
      maxReplicas: (one.fromReplicas as number) + before,
      createdAt: age[name] ?? 0,
    })),
    { type: 'RollingUpdate', replicas: one.toReplicas as number, maxSurge: after, maxUnavailable: 0 },
    one.fromReplicas as number,
  )
  return differs(one.expect, Object.fromEntries(got))
}
