/** How containers are ended: preStop, SIGTERM, and SIGKILL at the end of the grace. Models kuberuntime killContainer (1.32). */
import { recordEvent } from '../../../kube/controller/common.ts'
import type { Container as Spec } from '../../../kube/objects-pod.ts'
import { stopContainer } from '../../../run/container.ts'
import { signalProcess } from '../../../run/process.ts'
import { findImage } from '../../cmd/docker/images.ts'
import { runHook } from './runner.ts'
import type { BoxRun, Kubelet, PodRun } from './state.ts'
import { containerOf, isRunning, SECOND } from './state.ts'

/** What is left for SIGTERM after a preStop hook that took all of the grace. */
const LEAST_NS = 2 * SECOND

/** Begins to end a running container. `deadline`: ns. */
export function beginStop(
  kubelet: Kubelet,
  run: PodRun,
  spec: Spec,
  box: BoxRun,
  message: string,
  deadline: number,
): void {
  const { ctx, world } = kubelet
  if (!isRunning(kubelet, box) || box.stop !== null) return
  recordEvent(ctx, run.pod, 'Normal', 'Killing', message)
  const hook = spec.lifecycle?.preStop
  const ends =
    hook === undefined || deadline <= world.now ? 0 : runHook(kubelet, run, spec, box, 'preStop', hook)
  if (ends === 0) {
    sendTerm(kubelet, box, deadline)
    return
  }
  box.stop = { step: 'preStop', deadline, hookEnds: ends }
}

/** Goes on with it. Answers when to look again (ns), 0 where the container has ended. */
export function advanceStop(kubelet: Kubelet, box: BoxRun): number {
  const { world, machine } = kubelet
  if (!isRunning(kubelet, box) || box.stop === null) return 0
  const { step, deadline, hookEnds } = box.stop
  if (step === 'preStop') {
    const until = hookEnds < 0 ? deadline : Math.min(hookEnds, deadline)
    if (world.now < until) return until
    sendTerm(kubelet, box, Math.max(deadline, world.now + LEAST_NS))
  } else if (world.now >= deadline && step === 'term') {
    stopContainer(world, machine.id, box.id, true)
    box.stop = { step: 'kill', deadline, hookEnds: 0 }
  }
  return box.stop.step === 'kill' ? world.now + SECOND : box.stop.deadline
}

/** The preStop hook of a container has come to its end. */
export function hookEnded(kubelet: Kubelet, box: BoxRun): void {
  if (box.stop?.step !== 'preStop') return
  sendTerm(kubelet, box, Math.max(box.stop.deadline, kubelet.world.now + LEAST_NS))
}

/** The grace may only become shorter. */
export function shortenStop(box: BoxRun, deadline: number): void {
  if (box.stop !== null && deadline < box.stop.deadline) box.stop = { ...box.stop, deadline }
}

/** SIGTERM, or the signal that the image wants. */
function sendTerm(kubelet: Kubelet, box: BoxRun, deadline: number): void {
  const { world, machine } = kubelet
  const container = containerOf(kubelet, box)
  const signal = findImage(box.image)?.image.stopSignal ?? 'SIGTERM'
  if (container !== undefined && container.pid !== 0) signalProcess(world, machine, container.pid, signal)
  box.stop = { step: 'term', deadline, hookEnds: 0 }
}
