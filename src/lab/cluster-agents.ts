/** The agents of a cluster, put together: which programs there are and how they reach the API server. */
import type { AgentRules } from '../kube/agent/agent.ts'
import type { AgentProgram } from '../kube/agent/types.ts'
import { deploymentController } from '../kube/controller/deployment.ts'
import { endpointSliceController } from '../kube/controller/endpointslice.ts'
import { replicaSetController } from '../kube/controller/replicaset.ts'
import { kubeScheduler } from '../kube/scheduler/scheduler.ts'
import { kubeProxy } from '../proc/kube/kube-proxy.ts'

const PROGRAMS: readonly AgentProgram[] = [
  deploymentController,
  replicaSetController,
  endpointSliceController,
  kubeScheduler,
  kubeProxy,
]

/** One value serves any number of worlds. */
export function clusterAgents(): AgentRules {
  return {
    programs: new Map(PROGRAMS.map((program) => [program.name, program])),
    // Every agent is linked directly: none asks for a connection.
    transport: { notify: () => {}, send: () => false },
  }
}
