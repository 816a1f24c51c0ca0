/** The messages between the API server and those that are connected to its port. Plain data, sent as JSON. */
import type { AgentAct, AgentRequest } from '../../kube/agent/types.ts'
import type { ApiRequest, ApiResponse, ApiResult } from '../../kube/types.ts'
import type { KeepaliveOptions } from '../../net/sock/tcpkeep.ts'

/** What client-go's dialer asks for (KeepAlive 30 s; the rest is Go 1.23's own). */
export const GO_KEEPALIVE: KeepaliveOptions = Object.freeze({ idle: 30, interval: 15, probes: 9 })

/** What Go's listeners give their connections, and what the API server makes of it (its listener's 3 minutes). */
export const GO_ACCEPTED: KeepaliveOptions = Object.freeze({ idle: 15, interval: 15, probes: 9 })
export const SERVER_ACCEPTED: KeepaliveOptions = Object.freeze({ idle: 180, interval: 15, probes: 9 })

/** To the server. `n` comes back with the answer. */
export type ToServer =
  /** An informer's list, before it watches. */
  | { k: 'list'; programs: readonly string[]; node: string }
  /** Changes after revision `from` are to be sent, from now on. `agents` are the ids of the process' agents. */
  | { k: 'watch'; agents: readonly number[]; from: number }
  | { k: 'write'; n: number; agent: number; request: AgentRequest }
  /** What a control plane's agent does, to be carried out where its requests arrive. */
  | ({ k: 'act'; n: number; agent: number } & AgentAct)
  /** A request of kubectl's. What follows an answer that goes on (a watch, a log, a command) comes with the same `n`. */
  | { k: 'call'; n: number; request: ApiRequest }
  /** Input for the command that `n` started. */
  | { k: 'input'; n: number; text: string; eof: boolean }
  | { k: 'ping'; n: number }

/** From the server. Objects in `items` and `events` are what a real one sends; receivers go by the revision. */
export type FromServer =
  | { k: 'listed'; revision: number; items: readonly object[] }
  | { k: 'events'; revision: number; events: readonly object[] }
  | { k: 'wrote'; n: number; result: ApiResult }
  /** `failed`: nothing came of it, it is to be tried again. */
  | { k: 'acted'; n: number; failed: boolean }
  | { k: 'called'; n: number; response: ApiResponse }
  | StreamMessage
  | { k: 'pong'; n: number }

/** An answer that goes on: lines of a watch or a log in `out`, a command's output, and the end of it. */
export type StreamMessage =
  /** `lines`: whole lines of a watch, without the newline behind the last. */
  | { k: 'data'; n: number; out: string; err: string; lines?: true }
  /** `code` is a command's, else 0. `broken`: what went wrong on the way, '' for nothing. */
  | { k: 'end'; n: number; code: number; broken: string }

/** HOST:PORT of an endpoint in parts; undefined for what is none. Endpoints are IPv4 addresses. */
export function endpointParts(endpoint: string): { host: string; port: number } | undefined {
  const found = /^(\d+\.\d+\.\d+\.\d+):(\d{1,5})$/.exec(endpoint)
  return found === null ? undefined : { host: found[1]!, port: Number(found[2]) }
}
