/** What controllers share: owners, readiness, events, names by hash. */
import { nowText, storeOf, wallMs } from '../store/store.ts'
import { apiPatch, apiUpdateStatus } from '../api/local.ts'
import { agentSend } from '../agent/agent.ts'
import type { Recorded } from '../agent/recorded.ts'
import { putEvent } from '../agent/recorded.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx } from '../agent/types.ts'
import type { Condition, Pod } from '../objects.ts'
import { parseTime } from '../time.ts'
import { correlate } from './correlator.ts'
import type { ApiObject, Json, OwnerReference } from '../types.ts'
import { controllerOf } from '../types.ts'

/** rand.SafeEncodeString's alphabet: no vowels, nothing that looks alike. */
const SAFE = 'bcdfghjklmnpqrstvwxz2456789'

/** The reference that makes `owner` the controller of what carries it. */
export function controllerRef(owner: ApiObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  }
}

export function isControlledBy(object: ApiObject, owner: ApiObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid
}

/** Not at its end and not asked to go. */
export function isPodActive(pod: Pod): boolean {
  const phase = pod.status?.phase
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined
}

export function isPodReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === 'True'
}

/** Wall time in ms since which it is ready, undefined while it is not. */
export function readySince(pod: Pod): number | undefined {
  const ready = readyCondition(pod)
  return ready?.status === 'True' ? (parseTime(ready.lastTransitionTime ?? '') ?? 0) : undefined
}

function readyCondition(pod: Pod): Condition | undefined {
  return pod.status?.conditions?.find(({ type }) => type === 'Ready')
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  if (minReadySeconds === 0) return isPodReady(pod)
  const since = readySince(pod)
  return since !== undefined && since + minReadySeconds * 1000 <= nowMs
}

/** ns until the first of the ready pods becomes available, undefined where none waits. */
export function untilAvailable(
  pods: readonly Pod[],
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  if (minReadySeconds === 0) return undefined
  let least: number | undefined
  for (const pod of pods) {
    const since = readySince(pod)
    if (since === undefined || isPodAvailable(pod, minReadySeconds, nowMs)) continue
    const left = since + minReadySeconds * 1000 - nowMs
    if (least === undefined || left < least) least = left
  }
  return least === undefined ? undefined : least * 1_000_000
}

/** Ten letters and digits for a value; the real one hashes Go's own dump of it, so the letters differ, the form does not. */
export function templateHash(value: unknown, collisions = 0): string {
  let hash = 0x811c9dc5
  for (const char of `${JSON.stringify(sorted(value))}${collisions === 0 ? '' : collisions}`) {
    hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193)
  }
  return safeEncode(String(hash >>> 0))
}

/** rand.SafeEncodeString. */
export function safeEncode(text: string): string {
  let out = ''
  for (const char of text) out += SAFE[char.codePointAt(0)! % SAFE.length]
  return out
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.keys(value)
    .sort()
    .map((key) => [key, sorted((value as Record<string, unknown>)[key])])
}

/**
 * Records an event about an object; the same one again counts up, and too many are not written. A node's agent sends it
 * to the server. Models client-go tools/record with its correlator.
 */
export function recordEvent(
  ctx: AgentCtx,
  about: ApiObject,
  type: 'Normal' | 'Warning',
  reason: string,
  text: string,
): void {
  const { world, agent } = ctx
  // A broadcaster without a server tries for two minutes and gives up; here the event is lost at once.
  if (agent.link.kind === 'tcp' && agent.link.sock === 0) return
  agent.events ??= new Map()
  const { apiVersion, kind } = about
  const { name, namespace, uid, resourceVersion } = about.metadata
  const told = correlate(agent.events, memoryKey(about), `${type} ${reason}`, text, world.now)
  if (told === undefined) return
  const recorded: Recorded = {
    about: { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } },
    ...{ type, reason, message: told.message, since: told.since, isNew: told.isNew, at: world.now },
    component: componentOf(ctx),
    host: agent.node,
  }
  if (agent.link.kind !== 'tcp' || agent.node === '') {
    putEvent(world, actorOf(agent), recorded)
    return
  }
  const where = { resource: 'events', namespace: namespace ?? 'default', name: '' }
  agentSend(ctx, { tag: '', op: 'event', ...where, object: recorded })
}

/** A uid says it all, and is at hand; what has none (a node under its name) is called in full. */
function memoryKey({ kind, metadata: { name, uid } }: ApiObject): string {
  return uid !== '' && uid !== name ? uid : `${kind} ${name} ${uid}`
}

/** Programs whose events carry another name as their source. */
const COMPONENTS: Readonly<Record<string, string>> = {
  'kube-scheduler': 'default-scheduler',
  'endpoints-controller': 'endpoint-controller',
  'endpointslice-controller': 'endpoint-slice-controller',
  'endpointslice-mirroring-controller': 'endpoint-slice-mirroring-controller',
  'node-ipam-controller': 'cidrAllocator',
  'node-lifecycle-controller': 'node-controller',
  'service-lb-controller': 'service-controller',
}

/** The name that events carry as their source. */
function componentOf({ agent }: AgentCtx): string {
  return Object.hasOwn(COMPONENTS, agent.program) ? COMPONENTS[agent.program]! : agent.program
}

/** Records an event about a node, in the node controllers' form. */
export function recordNodeEvent(
  ctx: AgentCtx,
  { name, uid }: { readonly name: string; readonly uid: string },
  reason: string,
  text: string,
): void {
  const metadata = { name, uid, resourceVersion: '', creationTimestamp: '' }
  const node: ApiObject = { apiVersion: 'v1', kind: 'Node', metadata }
  recordEvent(ctx, node, 'Normal', reason, `Node ${name} event: ${text}`)
}

/** A pod whose node is away is not ready: its endpoints go. False where the write failed. Models MarkPodsNotReady. */
export function markPodNotReady(ctx: AgentCtx, pod: Pod): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready === undefined || ready.status === 'False') return true
  const lastTransitionTime = nowText(ctx.world)
  const conditions = pod.status!.conditions!.map((one) =>
    one === ready ? { ...one, status: 'False' as const, lastTransitionTime } : one,
  )
  recordEvent(ctx, pod, 'Warning', 'NodeNotReady', 'Node is not ready')
  const status = { ...pod.status, conditions }
  return apiUpdateStatus<Pod>(ctx.world, actorOf(ctx.agent), 'pods', { ...pod, status }).ok
}

/** Says in a pod's status why it is taken away, as the DisruptionTarget condition does. */
export function putDisruption(
  ctx: AgentCtx,
  pod: Pod,
  reason: string,
  message: string,
  phase = pod.status?.phase,
): boolean {
  const now = nowText(ctx.world)
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget')
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: now,
    reason,
    message,
  } as const
  const status = {
    ...pod.status,
    conditions: [...others, condition],
    ...(phase === undefined ? {} : { phase }),
  }
  return apiUpdateStatus<Pod>(ctx.world, actorOf(ctx.agent), 'pods', { ...pod, status }).ok
}

/** Adds an owner reference, or takes one away: how orphans are adopted and strangers released. */
export function setOwners(
  ctx: AgentCtx,
  resource: string,
  object: ApiObject,
  owners: readonly OwnerReference[],
): boolean {
  const { namespace = '', name, uid } = object.metadata
  const body = { metadata: { uid, ownerReferences: owners as unknown as Json } }
  return apiPatch(ctx.world, actorOf(ctx.agent), resource, namespace, name, { type: 'merge', body }).ok
}

/** The store's revision now, and wall time in ms. */
export function presentOf({ world }: AgentCtx): { revision: number; nowMs: number } {
  return { revision: storeOf(world).revision, nowMs: wallMs(world) }
}
