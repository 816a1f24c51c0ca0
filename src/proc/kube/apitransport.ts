/** How agents whose processes hold a connection to port 6443 reach the API server. */
import type { AgentRules } from '../../kube/agent/agent.ts'
import type { AgentTransport } from '../../kube/agent/types.ts'
import { apiLinkAct, apiLinkSend, linkOfAgent } from './apilink.ts'
import { serverNotify } from './apiserver.ts'

/** `rules` answers the rules that the transport is part of. */
export function tcpTransport(rules: () => AgentRules): AgentTransport {
  return {
    notify: (world, agent) => serverNotify(world, rules(), agent),
    act: (world, agent, act) => apiLinkAct(world, agent, linkOfAgent(world, agent), act),
    send: (world, agent, request) => apiLinkSend(world, agent, linkOfAgent(world, agent), request),
  }
}
