/** When probes are due and what their results mean. Models pkg/kubelet/prober/{worker,prober}.go (1.32). */
import { enqueue } from '../../../kube/agent/agent.ts'
import { recordEvent } from '../../../kube/controller/common.ts'
import type { Container as Spec, Probe } from '../../../kube/objects-pod.ts'
import type { Task, TaskResult } from './runner.ts'
import { launch, taskOf } from './runner.ts'
import type { BoxRun, Kubelet, PodRun, ProbeKind } from './state.ts'
import { boxOf, isRunning, NO_PROBES, SECOND } from './state.ts'

const KINDS: readonly ProbeKind[] = ['startup', 'liveness', 'readiness']
/** A probe without a delay comes so soon after the container's start. */
const FIRST_NS = SECOND / 2

export function probeOf(spec: Spec, kind: ProbeKind): Probe | undefined {
  if (kind === 'startup') return spec.startupProbe
  return kind === 'liveness' ? spec.livenessProbe : spec.readinessProbe
}

/** Arms the probes of a container that has just started. */
export function startProbes({ world }: Kubelet, _run: PodRun, spec: Spec, box: BoxRun): void {
  box.probes = NO_PROBES
  for (const kind of KINDS) {
    const probe = probeOf(spec, kind)
    if (probe === undefined) continue
    if (box.probes === NO_PROBES) box.probes = new Map()
    const nextAt = world.now + Math.max(FIRST_NS, (probe.initialDelaySeconds ?? 0) * SECOND)
    box.probes.set(kind, { nextAt, busy: false, good: 0, bad: 0, ok: kind === 'liveness' })
  }
}

/** Has passed its startup probe, or has none. */
export function isStarted(box: BoxRun): boolean {
  return box.probes.get('startup')?.ok !== false
}

export function isReady(box: BoxRun): boolean {
  return isStarted(box) && box.probes.get('readiness')?.ok !== false
}

/** Sends the probes that are due. Answers when the next is, 0 for never. */
export function sendProbes(kubelet: Kubelet, run: PodRun, spec: Spec, box: BoxRun): number {
  const { world } = kubelet
  let next = 0
  for (const [kind, probe] of box.probes) {
    const wanted = probeOf(spec, kind)
    if (wanted === undefined || (kind === 'startup') === isStarted(box)) continue
    // While a container ends, only its readiness is of interest.
    if (box.stop !== null && kind !== 'readiness') continue
    const period = (wanted.periodSeconds ?? 10) * SECOND
    // Others wait for the startup probe, then keep their own beat.
    while (probe.nextAt < world.now - period) probe.nextAt += period
    if (probe.nextAt <= world.now) {
      if (!probe.busy) send(kubelet, run, spec, box, kind, wanted)
      probe.nextAt += period
      if (probe.nextAt <= world.now) probe.nextAt = world.now + period
    }
    if (next === 0 || probe.nextAt < next) next = probe.nextAt
  }
  return next
}

/** What a probe found. `restart` is called where the container has to go. */
export function probeDone(
  kubelet: Kubelet,
  task: Task,
  result: TaskResult,
  restart: (run: PodRun, spec: Spec, box: BoxRun, message: string) => void,
): void {
  const { ctx, state } = kubelet
  const run = state.pods.get(task.uid)
  const box = run === undefined ? undefined : boxOf(run, task.box)
  const kind = task.purpose as ProbeKind
  const probe = box?.probes.get(kind)
  if (run === undefined || box === undefined || probe === undefined || box.id !== task.container) return
  probe.busy = false
  if (!isRunning(kubelet, box) || (box.stop !== null && kind !== 'readiness')) return
  const { spec } = run.pod
  const own = [...(spec.initContainers ?? []), ...spec.containers].find((one) => one.name === box.name)
  const wanted = own === undefined ? undefined : probeOf(own, kind)
  if (own === undefined || wanted === undefined) return
  const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} probe`
  if (result.outcome !== 'success') {
    const verb = result.outcome === 'error' ? 'errored' : 'failed'
    recordEvent(ctx, run.pod, 'Warning', 'Unhealthy', `${title} ${verb}: ${result.text}`)
  }
  if (result.outcome === 'error') return
  const success = result.outcome === 'success'
  probe.good = success ? probe.good + 1 : 0
  probe.bad = success ? 0 : probe.bad + 1
  if (success ? probe.good < (wanted.successThreshold ?? 1) : probe.bad < (wanted.failureThreshold ?? 3))
    return
  const before = probe.ok
  probe.ok = success
  if (!success && kind !== 'readiness') {
    restart(run, own, box, `Container ${box.name} failed ${kind} probe, will be restarted`)
    enqueue(ctx, run.uid)
  } else if (before !== success) enqueue(ctx, run.uid)
}

function send(kubelet: Kubelet, run: PodRun, spec: Spec, box: BoxRun, kind: ProbeKind, wanted: Probe): void {
  const probe = box.probes.get(kind)!
  const task = taskOf(kubelet, run, spec, box, kind, wanted, wanted.timeoutSeconds ?? 1)
  if (wanted.grpc !== undefined || task === undefined) {
    const why =
      wanted.grpc === undefined
        ? `couldn't find port: ${portText(wanted)}`
        : 'gRPC is not modelled in Kubehop'
    const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} probe`
    recordEvent(kubelet.ctx, run.pod, 'Warning', 'Unhealthy', `${title} errored: ${why}`)
    return
  }
  probe.busy = launch(kubelet, task)
}

function portText({ httpGet, tcpSocket }: Probe): string {
  return String((httpGet ?? tcpSocket)?.port ?? '')
}
