/** An agent's write as data, carried out at the API server. */
import { assert } from '../../base/assert.ts'
import type { World } from '../../net/types.ts'
import type { PatchOptions } from '../api/local.ts'
import { apiCreate, apiDelete, apiPatch, apiUpdate, apiUpdateStatus } from '../api/local.ts'
import type { Actor, ApiObject, ApiResult, Draft } from '../types.ts'
import type { Recorded } from './recorded.ts'
import { putEvent } from './recorded.ts'
import type { Agent, AgentRequest } from './types.ts'

/** Who an agent is to the API server: the user of its certificate, and the name that its writes are kept under. */
export function actorOf(agent: Agent): Actor {
  const { program, node } = agent
  if (program === 'kubelet') return { user: `system:node:${node}`, manager: 'kubelet' }
  if (program === 'kube-proxy') return { user: 'system:kube-proxy', manager: 'kube-proxy' }
  if (program === 'kube-scheduler') return { user: 'system:kube-scheduler', manager: 'kube-scheduler' }
  return { user: `system:serviceaccount:kube-system:${program}`, manager: 'kube-controller-manager' }
}

/** Carries a request out. Its failures are results, never thrown. */
export function agentExecute(world: World, agent: Agent, request: AgentRequest): ApiResult {
  const actor = actorOf(agent)
  const { op, resource, namespace, name } = request
  switch (op) {
    case 'create':
      return apiCreate(world, actor, resource, request.object as Draft)
    case 'update':
      return apiUpdate(world, actor, resource, request.object as Draft)
    case 'updateStatus':
      return apiUpdateStatus(world, actor, resource, request.object as Draft)
    case 'mergePatch':
    case 'mergePatchStatus': {
      const merge = { type: 'merge', body: request.object as Record<string, never> } as const
      const patch: PatchOptions = op === 'mergePatch' ? merge : { ...merge, subresource: 'status' }
      return apiPatch<ApiObject>(world, actor, resource, namespace, name, patch)
    }
    case 'event':
      return putEvent(world, actor, request.object as Recorded)
    case 'delete': {
      const grace = request.gracePeriodSeconds
      return apiDelete(
        world,
        actor,
        resource,
        namespace,
        name,
        grace === undefined ? {} : { gracePeriodSeconds: grace },
      )
    }
    default:
      return assert(false, `kube: no request ${op}`) as never
  }
}
