/** What a front end asks of a cluster, answered from the world at the shown moment. */
import { serviceChain } from '../view/kube-chain.ts'
import { podNetwork } from '../view/kube-network.ts'
import { eventRows, kindCounts, objectTable, objectView } from '../view/kube-objects.ts'
import { clusterPicture } from '../view/kube-picture.ts'
import { ruleOrigin } from '../view/kube-rules.ts'
import { manifestSchema } from '../view/kube-schema.ts'
import { findCluster } from '../kube/cluster.ts'
import { rewriteManifest } from '../lab/rewrite.ts'
import type { ClusterCalls } from './cluster-slot.ts'
import type { Core } from './core.ts'

export function clusterCalls(core: Core): ClusterCalls {
  const there = () => findCluster(core.world) !== undefined
  return {
    clusterObjects: (resource = '', wide = false) => {
      if (!there()) return null
      return {
        kinds: kindCounts(core.world),
        table: resource === '' ? null : objectTable(core.world, resource, wide),
      }
    },
    clusterObject: (resource, namespace, name) =>
      there() ? objectView(core.world, core.lab, resource, namespace, name) : null,
    clusterEvents: () => (there() ? eventRows(core.world) : []),
    clusterPicture: () => (there() ? clusterPicture(core.world) : null),
    clusterChain: (namespace, name) => (there() ? serviceChain(core.world, namespace, name) : []),
    podNetwork: (namespace, name) => (there() ? podNetwork(core.world, namespace, name) : []),
    ruleOrigin: (chain, text) => (there() ? ruleOrigin(core.world, core.lab, chain, text) : null),
    rewriteManifest: (text, line) => rewriteManifest(text, line) ?? null,
    manifestSchema,
  }
}
