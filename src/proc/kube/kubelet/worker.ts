/**
 * What a kubelet does for one pod, step by step: each call brings it nearer to its specification and says when to look
 * again. Models pkg/kubelet/pod_workers.go and kuberuntime_manager.go SyncPod (1.32).
 */
import { agentSend, enqueueAfter } from '../../../kube/agent/agent.ts'
import { recordEvent } from '../../../kube/controller/common.ts'
import type { Container as Spec } from '../../../kube/objects-pod.ts'
import { stopContainer } from '../../../run/container.ts'
import { crashBackOff, noteEnd, specsOf, startBox } from './box.ts'
import { backOffPull, pullAgainAt } from './images.ts'
import { containersOfPod, dropContainer } from './labels.ts'
import { isStarted, sendProbes } from './probes.ts'
import { dropSandbox, sandboxLives, startSandbox, stepNetwork } from './sandbox.ts'
import type { BoxRun, Kubelet, PodRun } from './state.ts'
import { boxOf, boxRun, containerOf, isRunning, isSidecar, SECOND } from './state.ts'
import { isFinished, reportStatus, restarts } from './status.ts'
import { advanceStop, beginStop, shortenStop } from './stop.ts'
import { dropVolumes, volumeProblem } from './volumes.ts'

/** From a sandbox to its first containers: what a runtime takes for both. */
const START_NS = 300_000_000
/** An end is noticed and told before the next start. Models the lifecycle events' relist. */
const RELIST_NS = SECOND / 2
const VOLUME_RETRY_NS = 5 * SECOND
const DEFAULT_GRACE = 30

/** Brings a pod forward. Answers when to look again (ns), 0 for not before something happens. */
export function syncPod(kubelet: Kubelet, run: PodRun): number {
  for (const box of run.boxes) noteEnd(kubelet, box)
  if (run.network !== null) {
    const at = stepNetwork(kubelet, run)
    if (at > 0) return at
    if (run.ended) reportStatus(kubelet, run)
  }
  const { metadata, spec } = run.pod
  if (run.gone || metadata.deletionTimestamp !== undefined) return terminate(kubelet, run)
  if (run.ended) return 0
  const limit = spec.activeDeadlineSeconds
  const since = limit === undefined ? 0 : run.startedAt + limit * SECOND
  if (since !== 0 && kubelet.world.now >= since && run.reason === '') {
    run.reason = 'DeadlineExceeded'
    run.message = 'Pod was active on the node longer than the specified deadline'
  }
  if (run.reason !== '' || isFinished(kubelet, run)) return finish(kubelet, run)
  const next = advance(kubelet, run)
  if (run.network !== null) return run.network.nextAt
  reportStatus(kubelet, run)
  return earliest(next, since)
}

/** Takes a container down because of a probe: its pod's grace, then it starts again. */
export function restartBox(kubelet: Kubelet, run: PodRun, spec: Spec, box: BoxRun, message: string): void {
  const probes = [spec.livenessProbe, spec.startupProbe]
  const own = probes.find((one) => one?.terminationGracePeriodSeconds !== undefined)
  const seconds =
    own?.terminationGracePeriodSeconds ?? run.pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE
  beginStop(kubelet, run, spec, box, message, kubelet.world.now + seconds * SECOND)
}

/** Nothing of a pod is left on the machine. */
export function forgetPod(kubelet: Kubelet, run: PodRun): void {
  const { machine, state } = kubelet
  for (const box of containersOfPod(machine, run.uid)) {
    if (box.status !== 'running') dropContainer(kubelet, box.id)
  }
  dropVolumes(kubelet, run)
  state.pods.delete(run.uid)
}

function advance(kubelet: Kubelet, run: PodRun): number {
  const { world, ctx } = kubelet
  if (run.sandbox !== '' && !sandboxLives(kubelet, run)) return remake(kubelet, run)
  if (world.now < run.notBefore) return run.notBefore
  if (run.sandbox === '') {
    const problem = volumeProblem(kubelet, run)
    if (problem !== '') {
      recordEvent(ctx, run.pod, 'Warning', 'FailedMount', problem)
      run.notBefore = world.now + VOLUME_RETRY_NS
      return run.notBefore
    }
    if (startSandbox(kubelet, run)) run.notBefore = world.now + START_NS
    return run.notBefore
  }
  const { initContainers = [], containers } = run.pod.spec
  let next = 0
  for (const spec of initContainers) {
    const box = boxRun(run, spec)
    // Once all have passed, only sidecars are kept running.
    if (!isSidecar(spec) && (run.initialized || box.ended?.exitCode === 0)) continue
    next = earliest(next, keepRunning(kubelet, run, spec, box))
    const passed = isSidecar(spec) && isRunning(kubelet, box) && isStarted(box) && !box.hook
    if (!passed && !run.initialized) return next
  }
  run.initialized = true
  // One starts after the other: what is not up waits while an image before it is fetched or a postStart is under way.
  let busy = false
  for (const spec of containers) {
    const box = boxRun(run, spec)
    if (busy && !isRunning(kubelet, box)) continue
    next = earliest(next, keepRunning(kubelet, run, spec, box))
    busy ||= box.wait.pullingSince >= 0 || (isRunning(kubelet, box) && box.hook)
  }
  return next
}

/** A container runs, or will at the time answered. */
function keepRunning(kubelet: Kubelet, run: PodRun, spec: Spec, box: BoxRun): number {
  const { world } = kubelet
  if (isRunning(kubelet, box)) {
    if (box.stop !== null) return advanceStop(kubelet, box)
    return sendProbes(kubelet, run, spec, box)
  }
  const pull = pullAgainAt(box)
  if (pull !== undefined && world.now < pull) {
    backOffPull(kubelet, run.pod, spec, box)
    return pull
  }
  if (box.ended !== undefined) {
    if (!restarts(run.pod, spec, box)) return 0
    const seen = (containerOf(kubelet, box)?.finishedAt ?? 0) + RELIST_NS
    if (world.now < seen) return seen
    if (pull === undefined) {
      const until = crashBackOff(kubelet, run, spec, box)
      if (until > 0) return until
    }
  }
  startBox(kubelet, run, spec)
  if (isRunning(kubelet, box)) return sendProbes(kubelet, run, spec, box)
  // What failed to start is shown with its reason, then with its back-off.
  return box.wait.pullingSince < 0 ? world.now + RELIST_NS : (pullAgainAt(box) ?? 0)
}

/** The pause container is gone: everything in the sandbox goes with it, and a new one is made. */
function remake(kubelet: Kubelet, run: PodRun): number {
  const { ctx, world, machine } = kubelet
  const alive = run.boxes.filter((box) => isRunning(kubelet, box))
  if (alive.length > 0) {
    for (const box of alive) stopContainer(world, machine.id, box.id, true)
    return 0
  }
  const message = 'Pod sandbox changed, it will be killed and re-created.'
  recordEvent(ctx, run.pod, 'Normal', 'SandboxChanged', message)
  dropSandbox(kubelet, run, true)
  // Init containers run again in the new one.
  run.initialized = false
  for (const { name } of (run.pod.spec.initContainers ?? []).filter((one) => !isSidecar(one))) {
    const box = boxOf(run, name)
    if (box?.ended === undefined) continue
    Object.assign(box, { last: box.ended, ended: undefined, id: '', restarts: box.restarts + 1 })
  }
  return world.now + RELIST_NS
}

/** The pod has done its work: sidecars end, then the sandbox goes. */
function finish(kubelet: Kubelet, run: PodRun): number {
  const next = stopAll(kubelet, run, run.pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE)
  if (next > 0) {
    reportStatus(kubelet, run)
    return next
  }
  run.ended = true
  run.stop = null
  if (dropSandbox(kubelet, run)) {
    reportStatus(kubelet, run)
    return 0
  }
  return run.network!.nextAt
}

/** The pod was deleted: its containers end within its grace, then it is forgotten everywhere. */
function terminate(kubelet: Kubelet, run: PodRun): number {
  const { metadata, spec } = run.pod
  const own = metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE
  // What the API server has forgotten by force gets a moment, no more.
  const seconds = run.gone ? Math.max(1, metadata.deletionGracePeriodSeconds ?? 1) : own
  const next = stopAll(kubelet, run, seconds)
  if (next > 0) {
    reportStatus(kubelet, run)
    return next
  }
  if (!dropSandbox(kubelet, run)) return run.network!.nextAt
  if (run.gone) {
    forgetPod(kubelet, run)
    return 0
  }
  reportStatus(kubelet, run)
  if (!run.confirmed) {
    const { namespace = '', name } = metadata
    const request = { resource: 'pods', namespace, name, gracePeriodSeconds: 0 }
    agentSend(kubelet.ctx, { tag: `delete ${run.uid}`, op: 'delete', ...request })
    run.confirmed = true
  }
  return 0
}

/** Ends all containers, sidecars after the others. Answers when to look again, 0 once none runs. */
function stopAll(kubelet: Kubelet, run: PodRun, seconds: number): number {
  const { world } = kubelet
  const deadline = world.now + seconds * SECOND
  if (run.stop === null) run.stop = { deadline, phase: 'containers' }
  else if (deadline < run.stop.deadline) run.stop = { ...run.stop, deadline }
  const limit = run.stop.deadline
  const sidecars = new Set((run.pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name))
  const specs = specsOf(run.pod)
  const alive = (wanted: boolean) =>
    specs.filter((spec) => {
      const box = boxOf(run, spec.name)
      return box !== undefined && sidecars.has(spec.name) === wanted && isRunning(kubelet, box)
    })
  let batch = alive(false)
  if (batch.length === 0) {
    batch = alive(true)
    if (run.stop.phase === 'containers') run.stop = { ...run.stop, phase: 'sidecars' }
  }
  let next = 0
  for (const spec of batch) {
    const box = boxOf(run, spec.name)!
    beginStop(kubelet, run, spec, box, `Stopping container ${spec.name}`, limit)
    shortenStop(box, limit)
    next = earliest(next, advanceStop(kubelet, box) || world.now + SECOND)
    next = earliest(next, sendProbes(kubelet, run, spec, box))
  }
  return next
}

function earliest(a: number, b: number): number {
  return a === 0 || (b !== 0 && b < a) ? b : a
}

/** Looks at a pod again after a while. */
export function lookAgain(kubelet: Kubelet, run: PodRun, at: number): void {
  if (at > 0) enqueueAfter(kubelet.ctx, run.uid, Math.max(1_000_000, at - kubelet.world.now))
}
