/** A lab's cluster, put together. */
import type { AgentRules } from '../kube/agent/agent.ts'
import { agentHandlers } from '../kube/agent/agent.ts'
import { kubectlProgram } from '../proc/cmd/kubectl/kubectl.ts'
import { corednsProgram } from '../proc/dns/coredns.ts'
import { apiServerProgram } from '../proc/kube/apiserver.ts'
import { daemonPrograms } from '../proc/kube/daemons.ts'
import { kubeWatch } from '../proc/kube/dns-link.ts'
import { kubeletLogs } from '../proc/kube/kubelet/hooks.ts'
import { kubeletPrograms } from '../proc/kube/kubelet/kubelet.ts'
import type { Program } from '../run/types.ts'
import { applyManifest, clusterSettled, deleteManifest, startCluster } from './cluster-build.ts'
import { kubeadmProgram } from './cluster-join.ts'
import type { ClusterPart } from './cluster-part.ts'
import { readManifestText } from './manifest-text.ts'

/** What labs need of a cluster. `rules` are those of `clusterAgents`. */
export function clusterPart(rules: AgentRules): ClusterPart {
  return {
    handlers: agentHandlers(rules),
    start: (world, lab) => startCluster(world, lab, rules),
    settled: clusterSettled,
    apply: (world, doc) => void applyManifest(world, doc),
    remove: deleteManifest,
  }
}

/** The programs that only clusters have. */
export function clusterPrograms(rules: AgentRules): readonly Program[] {
  // CoreDNS with a cluster to look into takes the place of the one without.
  return [
    apiServerProgram(rules),
    ...daemonPrograms(rules),
    ...kubeletPrograms(rules),
    kubeadmProgram,
    kubectlProgram({ readText: readManifestText, hooks: { log: kubeletLogs } }),
    corednsProgram(kubeWatch(rules)),
  ]
}
