/**
 * A lab's API server as others outside the world reach it: requests between two events, watches that go on, and
 * virtual time that follows somebody's clock.
 */
import { apiRequest } from '../kube/api/rest.ts'
import { failure } from '../kube/api/status.ts'
import { bookmark, bookmarkDue, watchPoll } from '../kube/api/watch.ts'
import { findStore, storeOf } from '../kube/store/store.ts'
import type { ApiRequest, ApiResponse, WatchSpec } from '../kube/types.ts'
import type { World } from '../net/types.ts'
import { kubeletLogs } from '../proc/kube/kubelet/hooks.ts'
import { runUntil, touch } from '../sim/dispatch.ts'
import { peekAt } from '../sim/queue.ts'
import type { Rules } from '../sim/world.ts'

export type { ApiRequest, ApiResponse }

/** A watch that somebody follows, as far as it has been told. Plain data. */
export interface WatchFollow {
  spec: WatchSpec
  revision: number
  /** ns of virtual time */
  lastLineAt: number
}

/** Answers a request as of now. Where no server can answer, 503 says why. */
export function serveApi(world: World, request: ApiRequest): ApiResponse {
  if (world.frozen !== undefined) return unavailable(`the lab stands still: ${world.frozen.message}`)
  if (findStore(world) === undefined) return unavailable('the lab has no cluster')
  return apiRequest(world, request, { log: kubeletLogs })
}

/** The failure of a server that is not there. */
export function unavailable(message: string): ApiResponse {
  const body = failure(503, 'ServiceUnavailable', message)
  return { code: 503, contentType: 'application/json', body }
}

/** Goes on with the watch of an answer that has one. */
export function followWatch(world: World, spec: WatchSpec): WatchFollow {
  return { spec, revision: spec.revision, lastLineAt: world.now }
}

/** The lines that a watch has to send now, each without its newline; `ended`: the server closes it. */
export function watchMore(world: World, follow: WatchFollow): { lines: string[]; ended: boolean } {
  const { lines, revision, ended } = watchPoll(world, follow.spec, follow.revision)
  follow.revision = revision
  // The first event of tables says what their columns are.
  if (lines.length > 0) follow.spec = { ...follow.spec, headers: false }
  const all = [...lines]
  if (all.length === 0 && bookmarkDue(world, follow.spec, follow.lastLineAt)) {
    all.push(bookmark(follow.spec, revision))
  }
  if (all.length > 0) follow.lastLineAt = world.now
  return { lines: all, ended }
}

/** The cluster's clock shows `wallMs` (ms since 1970) now; what was stamped before keeps its stamp. */
export function setWallClock(world: World, wallMs: number): void {
  const store = storeOf(world)
  touch(world, store.id)
  const epochMs = wallMs - Math.floor(world.now / 1_000_000)
  const firstEpochMs = store.options.firstEpochMs ?? store.options.epochMs
  store.options = Object.freeze({ ...store.options, epochMs, firstEpochMs })
}

/**
 * Runs the world to `until` (virtual ns), at most `maxEvents` events. True: it is there, and its clock shows `until`.
 * What is asked of it next is asked at that time.
 */
export function advanceTo(world: World, rules: Rules<World>, until: number, maxEvents: number): boolean {
  runUntil(world, rules, { untilAt: until, maxEvents })
  if (world.frozen !== undefined || peekAt(world.queue) <= until) return false
  if (world.now < until) world.now = until
  return true
}
