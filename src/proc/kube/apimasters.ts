/**
 * Several API servers and the endpoints of the Service `kubernetes`: each renews a lease in etcd, and whose lease has run
 * out is taken off the list. Models pkg/controlplane/reconcilers/lease.go (1.32): every 10 s, for 15 s; one that ends
 * takes itself off, and the last one stays listed. Not here: the leases as keys of etcd.
 */
import { apiGet, apiUpdate } from '../../kube/api/local.ts'
import { clusterOf } from '../../kube/cluster.ts'
import type { ClusterNode } from '../../kube/cluster.ts'
import type { Endpoints, EndpointSlice } from '../../kube/objects.ts'
import type { Actor } from '../../kube/types.ts'
import { jsonEqual } from '../../kube/types.ts'
import type { World } from '../../net/types.ts'
import type { ProcCtx } from '../program.ts'

export const RENEW_NS = 10_000_000_000
const LEASE_NS = 15_000_000_000
const ACTOR: Actor = Object.freeze({ user: 'system:apiserver', manager: 'kube-apiserver' })
const SLICES = 'endpointslices.discovery.k8s.io'

/** Whether this machine's API server is one of several. */
export function hasOthers(world: World): boolean {
  return controlPlanes(world).length > 1
}

/** etcd has taken the lease. */
export function renewLease({ world, machine }: ProcCtx): void {
  world.scalars[leaseOf(machine.id)] = world.now
  reconcile(world)
}

/** The server ends in order. */
export function giveUpLease({ world, machine }: ProcCtx): void {
  delete world.scalars[leaseOf(machine.id)]
  reconcile(world)
}

function leaseOf(machine: number): string {
  return `kubeApiLease${machine}`
}

function controlPlanes(world: World): ClusterNode[] {
  return [...clusterOf(world).nodes.values()].filter(({ role }) => role === 'control-plane')
}

function reconcile(world: World): void {
  const ips = controlPlanes(world)
    .filter(({ machine }) => world.now - (world.scalars[leaseOf(machine)] ?? -LEASE_NS) < LEASE_NS)
    .flatMap(({ addresses }) => addresses.slice(0, 1))
  const endpoints = apiGet<Endpoints>(world, 'endpoints', 'default', 'kubernetes')
  const slice = apiGet<EndpointSlice>(world, SLICES, 'default', 'kubernetes')
  // All endpoints are never erased.
  if (ips.length === 0 || !endpoints.ok || !slice.ok) return
  const listed = slice.object.endpoints.flatMap(({ addresses }) => addresses)
  if (jsonEqual([...listed].sort(), [...ips].sort())) return
  const [subset] = endpoints.object.subsets ?? []
  apiUpdate<Endpoints>(world, ACTOR, 'endpoints', {
    ...endpoints.object,
    subsets: [{ ...subset, addresses: ips.map((ip) => ({ ip })) }],
  })
  apiUpdate<EndpointSlice>(world, ACTOR, SLICES, {
    ...slice.object,
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
  })
}
