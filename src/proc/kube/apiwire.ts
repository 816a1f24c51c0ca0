/** The messages between the API server and those that are connected to its port. Plain data, sent as JSON. */
import type { AgentRequest } from '../../kube/agent/types.ts'
import type { ApiRequest, ApiResponse, ApiResult } from '../../kube/types.ts'

/** To the server. `n` comes back with the answer. */
export type ToServer =
  /** An informer's list, before it watches. */
  | { k: 'list'; program: string; node: string }
  /** Changes after revision `from` are to be sent, from now on. `agent` is the id of the agent. */
  | { k: 'watch'; agent: number; from: number }
  | { k: 'write'; n: number; request: AgentRequest }
  | { k: 'call'; n: number; request: ApiRequest }
  | { k: 'ping'; n: number }

/** From the server. Objects in `items` and `events` are what a real one sends; receivers go by the revision. */
export type FromServer =
  | { k: 'listed'; revision: number; items: readonly object[] }
  | { k: 'events'; revision: number; events: readonly object[] }
  | { k: 'wrote'; n: number; result: ApiResult }
  | { k: 'called'; n: number; response: ApiResponse }
  | { k: 'pong'; n: number }

/** HOST:PORT of an endpoint in parts; undefined for what is none. Endpoints are IPv4 addresses. */
export function endpointParts(endpoint: string): { host: string; port: number } | undefined {
  const found = /^(\d+\.\d+\.\d+\.\d+):(\d{1,5})$/.exec(endpoint)
  return found === null ? undefined : { host: found[1]!, port: Number(found[2]) }
}
