/** The agents of a cluster, put together: which programs there are and how they reach the API server. */
import type { AgentRules } from '../kube/agent/agent.ts'
import type { AgentProgram } from '../kube/agent/types.ts'
import { daemonSetController } from '../kube/controller/daemonset.ts'
import { deploymentController } from '../kube/controller/deployment.ts'
import { endpointSliceController } from '../kube/controller/endpointslice.ts'
import { endpointsController } from '../kube/controller/endpoints.ts'
import { endpointSliceMirroringController } from '../kube/controller/endpointslice-mirroring.ts'
import { garbageCollector } from '../kube/controller/garbage-collector.ts'
import { namespaceController } from '../kube/controller/namespace.ts'
import { nodeIpamController } from '../kube/controller/node-ipam.ts'
import { nodeLifecycleController } from '../kube/controller/node-lifecycle.ts'
import { podGarbageCollector } from '../kube/controller/pod-gc.ts'
import { replicaSetController } from '../kube/controller/replicaset.ts'
import { serviceLbController } from '../kube/controller/service-lb.ts'
import { rootCaPublisher, serviceAccountController } from '../kube/controller/serviceaccount.ts'
import { statefulSetController } from '../kube/controller/statefulset.ts'
import { taintEvictionController } from '../kube/controller/taint-eviction.ts'
import { ttlController } from '../kube/controller/ttl.ts'
import { kubeScheduler } from '../kube/scheduler/scheduler.ts'
import { tcpTransport } from '../proc/kube/apitransport.ts'
import { dnsWatchers } from '../proc/kube/dns-link.ts'
import { kubeProxy } from '../proc/kube/kube-proxy.ts'
import { kubeletProgram } from '../proc/kube/kubelet/kubelet.ts'
import type { Programs } from '../run/types.ts'

const PROGRAMS: readonly AgentProgram[] = [
  deploymentController,
  replicaSetController,
  endpointSliceController,
  nodeIpamController,
  nodeLifecycleController,
  taintEvictionController,
  podGarbageCollector,
  endpointsController,
  endpointSliceMirroringController,
  serviceLbController,
  statefulSetController,
  daemonSetController,
  namespaceController,
  garbageCollector,
  serviceAccountController,
  rootCaPublisher,
  ttlController,
  kubeScheduler,
  kubeProxy,
  ...dnsWatchers,
]

/** One value serves any number of worlds. `programs` are those that containers may run; more may be added later. */
export function clusterAgents(programs: Programs): AgentRules {
  const rules: AgentRules = {
    programs: new Map([...PROGRAMS, kubeletProgram(programs)].map((program) => [program.name, program])),
    transport: tcpTransport(() => rules),
  }
  return rules
}
