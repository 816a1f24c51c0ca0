/**
 * Leader election of the controller manager and the scheduler: a Lease in kube-system, renewed over the process'
 * connection; who cannot renew it in time ends. Models client-go tools/leaderelection with LeaseLock and kubeadm's times
 * (1.32): lease 15 s, renewal within 10 s, a try every 2 s. Not here: the log, coordinated leader election.
 */
import { nextBelow } from '../../base/rng.ts'
import type { Lease } from '../../kube/objects.ts'
import { storeOf, wallMs } from '../../kube/store/store.ts'
import { formatTime } from '../../kube/time.ts'
import type { ApiResponse } from '../../kube/types.ts'
import { cancelTimer, setTimer } from '../../run/process.ts'
import type { ProcCtx } from '../program.ts'
import type { ApiLink } from './apilink.ts'
import type { ToServer } from './apiwire.ts'
import { channelSend } from './channel.ts'

/** Plain data of a process that may lead. */
export interface Election {
  /** Name of the Lease, and of the events' source. */
  readonly lock: string
  readonly component: string
  readonly identity: string
  leader: boolean
  /** It led, and could not renew in time. */
  lost: boolean
  /** The Lease as it was last seen, and when it was first seen so (ns). */
  lease: Lease | null
  leaseAt: number
  /** Number of the request under way, 0 for none; what it does, and when it was sent (ns). */
  asked: number
  step: 'get' | 'create' | 'update'
  askedAt: number
  /** Since when it tries to renew, -1 while that is not due. */
  since: number
}

const NAMESPACE = 'kube-system'
const PATH = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`
const EVENTS = `/api/v1/namespaces/${NAMESPACE}/events`
const SECOND = 1_000_000_000
const LEASE_S = 15
const DEADLINE_NS = 10 * SECOND
const RETRY_NS = 2 * SECOND
/** A request's own limit: half the deadline. */
const REQUEST_NS = 5 * SECOND
const JITTER = 1.2
const TIMER = 'lease'

/** A candidate of this machine: its name and a uid of its own. */
export function createElection(ctx: ProcCtx, lock: string, component: string): Election {
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => nextBelow(ctx.ns.rng, 16).toString(16)).join('')
  const variant = '89ab'[nextBelow(ctx.ns.rng, 4)]!
  const uuid = `${hex(8)}-${hex(4)}-4${hex(3)}-${variant}${hex(3)}-${hex(12)}`
  const request = { asked: 0, step: 'get', askedAt: 0 } as const
  const seen = { lease: null, leaseAt: 0, since: -1, leader: false, lost: false }
  return { lock, component, identity: `${ctx.machine.hostname}_${uuid}`, ...seen, ...request }
}

/** The connection stands: a candidate tries at once. */
export function electionConnected(ctx: ProcCtx, link: ApiLink, election: Election): void {
  election.asked = 0
  if (!election.leader) ask(ctx, link, election, 'get')
}

/** Its timer: to try, or to renew. Afterwards `lost` says whether the process is to end. */
export function electionTimer(ctx: ProcCtx, link: ApiLink, election: Election): void {
  const { now } = ctx.world
  if (election.asked !== 0 && now - election.askedAt >= REQUEST_NS) election.asked = 0
  if (!election.leader) {
    ask(ctx, link, election, 'get')
    return
  }
  if (election.since < 0) election.since = now
  if (now - election.since >= DEADLINE_NS) {
    election.lost = true
    return
  }
  ask(ctx, link, election, 'update')
  const next = Math.min(now + RETRY_NS, election.since + DEADLINE_NS)
  setTimer(ctx, next, TIMER)
}

/** An answer from the server; `elected`: it leads from now on. Undefined: the answer is to another request. */
export function electionAnswer(
  ctx: ProcCtx,
  link: ApiLink,
  election: Election,
  n: number,
  { code, body }: ApiResponse,
): { elected: boolean } | undefined {
  if (n !== election.asked) return undefined
  const { step, leader } = election
  election.asked = 0
  const lease = code === 200 || code === 201 ? (body as Lease) : null
  if (lease !== null && step !== 'get') {
    see(ctx, election, lease)
    election.leader = true
    election.since = -1
    setTimer(ctx, ctx.world.now + RETRY_NS, TIMER)
    if (!leader) tell(ctx, link, election, lease)
    return { elected: !leader }
  }
  if (step === 'get' && code === 404) ask(ctx, link, election, 'create')
  else if (step === 'get' && lease !== null) {
    see(ctx, election, lease)
    if (mayTake(ctx, election)) ask(ctx, link, election, 'update')
    else tryLater(ctx, election)
  } else {
    // Somebody else was quicker, or the server failed: it reads anew.
    if (leader && (code === 409 || code === 404)) ask(ctx, link, election, 'get')
    else if (!leader) tryLater(ctx, election)
  }
  return { elected: false }
}

/** It gives the connection, and with it its lease, up. */
export function electionEnd(ctx: ProcCtx): void {
  cancelTimer(ctx, TIMER)
}

function see({ world }: ProcCtx, election: Election, lease: Lease): void {
  const same = JSON.stringify(lease.spec) === JSON.stringify(election.lease?.spec)
  if (!same) election.leaseAt = world.now
  election.lease = lease
}

/** Nobody holds it, it is its own, or it has not changed for its duration. */
function mayTake({ world }: ProcCtx, { lease, leaseAt, identity }: Election): boolean {
  const holder = lease?.spec?.holderIdentity ?? ''
  return holder === '' || holder === identity || world.now >= leaseAt + LEASE_S * SECOND
}

function tryLater(ctx: ProcCtx, election: Election): void {
  const jitter = Math.round((nextBelow(ctx.ns.rng, 1000) / 1000) * JITTER * RETRY_NS)
  if (!election.leader) setTimer(ctx, ctx.world.now + RETRY_NS + jitter, TIMER)
}

function ask(ctx: ProcCtx, link: ApiLink, election: Election, step: Election['step']): void {
  if (election.asked !== 0) return
  const { channel, phase } = link
  if (channel === null || phase === 'waiting' || phase === 'dialing') {
    // A candidate tries again when the connection stands.
    return
  }
  election.asked = link.next++
  election.step = step
  election.askedAt = ctx.world.now
  if (!election.leader) setTimer(ctx, ctx.world.now + REQUEST_NS, TIMER)
  const path = step === 'create' ? PATH : `${PATH}/${election.lock}`
  const method = step === 'get' ? 'GET' : step === 'create' ? 'POST' : 'PUT'
  const body = step === 'get' ? '' : JSON.stringify(record(ctx, election))
  channelSend(ctx, channel, request(election, election.asked, method, path, body))
}

/** The Lease as it is to be: renewed, or taken. */
function record({ world }: ProcCtx, { lease, lock, identity, leader }: Election): object {
  const now = formatTime(wallMs(world), true)
  const old = lease?.spec
  const mine = leader || old?.holderIdentity === identity
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: lease === null ? { name: lock, namespace: NAMESPACE } : lease.metadata,
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_S,
      acquireTime: mine ? old?.acquireTime : now,
      renewTime: now,
      leaseTransitions: lease === null ? 0 : (old?.leaseTransitions ?? 0) + (mine ? 0 : 1),
    },
  }
}

function tell(ctx: ProcCtx, link: ApiLink, election: Election, lease: Lease): void {
  const { world } = ctx
  const { lock, component, identity } = election
  const nanos = BigInt(storeOf(world).options.epochMs) * 1_000_000n + BigInt(world.now)
  const now = formatTime(wallMs(world))
  const { name, namespace, uid, resourceVersion } = lease.metadata
  const about = { kind: 'Lease', namespace, name, uid, apiVersion: 'coordination.k8s.io/v1', resourceVersion }
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${lock}.${nanos.toString(16)}`, namespace: NAMESPACE },
    involvedObject: about,
    reason: 'LeaderElection',
    message: `${identity} became leader`,
    source: { component },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
    type: 'Normal',
    eventTime: null,
    reportingComponent: component,
    reportingInstance: '',
  }
  channelSend(ctx, link.channel!, request(election, link.next++, 'POST', EVENTS, JSON.stringify(event)))
}

function request({ lock }: Election, n: number, method: string, path: string, body: string): ToServer {
  const json = 'application/json'
  const agent = `${lock}/v1.32.4 (linux/amd64) kubernetes/59526cd/leader-election`
  const who = { user: `system:${lock}`, userAgent: agent }
  return {
    k: 'call',
    n,
    request: { method, path, query: [], accept: json, contentType: json, body, ...who },
  }
}
