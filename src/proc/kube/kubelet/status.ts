/** A pod's status as its kubelet reports it. Models pkg/kubelet/kubelet_pods.go and status/generate.go (1.32). */
import { interned } from '../../../base/intern.ts'
import { agentSend } from '../../../kube/agent/agent.ts'
import type { Condition } from '../../../kube/objects.ts'
import type {
  Container as Spec,
  ContainerState,
  ContainerStatus,
  Pod,
  PodPhase,
  PodStatus,
} from '../../../kube/objects-pod.ts'
import { shareParts } from '../../../kube/store/share.ts'
import { nowText } from '../../../kube/store/store.ts'
import { deepFreeze, jsonEqual } from '../../../kube/types.ts'
import { clusterOf } from '../../../kube/cluster.ts'
import { fullName } from '../../cmd/docker/images.ts'
import { containerId } from './box.ts'
import { hostIps } from './env.ts'
import { wholeReference } from './images.ts'
import { isReady, isStarted } from './probes.ts'
import { sandboxLives } from './sandbox.ts'
import type { BoxRun, Kubelet, PodRun } from './state.ts'
import { boxOf, isRunning, isSidecar } from './state.ts'

const OWN = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']

/** Reports the status where it differs from what was reported last. */
export function reportStatus(kubelet: Kubelet, run: PodRun): void {
  const status = statusOf(kubelet, run)
  if (run.gone || (run.sent !== undefined && jsonEqual(run.sent, status))) return
  // Pods that came together have the same conditions and hosts: they stand once.
  shareParts(status, kubelet.state.told)
  run.sent = deepFreeze(status)
  kubelet.state.told = run.sent
  const { namespace = '', name, uid } = run.pod.metadata
  agentSend(kubelet.ctx, {
    tag: `status ${uid}`,
    op: 'updateStatus',
    resource: 'pods',
    namespace,
    name,
    object: { ...run.pod, metadata: { namespace, name, uid }, status },
  })
}

/** Its work is done for good, one way or the other. */
export function isFinished(kubelet: Kubelet, run: PodRun): boolean {
  const phase = phaseOf(kubelet, run)
  return phase === 'Succeeded' || phase === 'Failed'
}

/** Whether a container that ended is to run again. */
export function restarts({ spec }: Pod, own: Spec, box: BoxRun): boolean {
  if (isSidecar(own) || (spec.restartPolicy ?? 'Always') === 'Always') return true
  return spec.restartPolicy === 'OnFailure' && box.ended?.exitCode !== 0
}

function statusOf(kubelet: Kubelet, run: PodRun): PodStatus {
  const { pod } = run
  const { spec, status: known } = pod
  const phase = phaseOf(kubelet, run)
  const inits = (spec.initContainers ?? []).map((one) => containerStatus(kubelet, run, one, true))
  const containers = spec.containers.map((one) => containerStatus(kubelet, run, one, false))
  const ips = run.ips.map((ip) => ({ ip }))
  const hosts = hostIps(kubelet)
  const others = (known?.conditions ?? []).filter(({ type }) => !OWN.includes(type))
  return {
    phase,
    conditions: [...conditionsOf(kubelet, run, phase, inits, containers), ...others],
    ...(run.reason === '' ? {} : { reason: run.reason, message: run.message }),
    ...(hosts[0] === undefined ? {} : { hostIP: hosts[0], hostIPs: hosts.map((ip) => ({ ip })) }),
    ...(ips.length === 0 ? {} : { podIP: ips[0]!.ip, podIPs: ips }),
    startTime: run.startTime,
    ...(inits.length === 0 ? {} : { initContainerStatuses: inits }),
    containerStatuses: containers,
    ...(known?.qosClass === undefined ? {} : { qosClass: known.qosClass }),
  }
}

/** Models getPhase. */
export function phaseOf(kubelet: Kubelet, run: PodRun): PodPhase {
  const { spec } = run.pod
  if (run.reason !== '') return 'Failed'
  const policy = spec.restartPolicy ?? 'Always'
  const stopping = run.stop !== null
  for (const one of spec.initContainers ?? []) {
    const box = boxOf(run, one.name)
    if (isSidecar(one) || box?.ended?.exitCode === 0) continue
    if (box?.ended !== undefined && (policy === 'Never' || stopping)) return 'Failed'
    return 'Pending'
  }
  let [waiting, running, stopped, succeeded] = [0, 0, 0, 0]
  for (const one of spec.containers) {
    const box = boxOf(run, one.name)
    if (box === undefined || box.id === '') waiting++
    else if (box.ended !== undefined) {
      stopped++
      if (box.ended.exitCode === 0) succeeded++
    } else if (isRunning(kubelet, box)) running++
    else waiting++
  }
  if (waiting > 0) return 'Pending'
  if (running > 0) return 'Running'
  if (policy === 'Always' && !stopping) return 'Running'
  if (stopped === succeeded) return 'Succeeded'
  return policy === 'Never' || stopping ? 'Failed' : 'Running'
}

function containerStatus(kubelet: Kubelet, run: PodRun, spec: Spec, init: boolean): ContainerStatus {
  const box = boxOf(run, spec.name)
  const running = box !== undefined && isRunning(kubelet, box)
  const state = stateOf(run, box, running)
  const started = running && isStarted(box) && !box.hook
  const done = init && !isSidecar(spec) && box?.ended?.exitCode === 0
  const last = state.waiting !== undefined && box?.ended !== undefined ? box.ended : box?.last
  const docker = clusterOf(kubelet.world).options.kubelet.runtime === 'docker'
  const image =
    box?.image === undefined || box.id === ''
      ? (spec.image ?? '')
      : interned(docker ? fullName(box.image) : wholeReference(box.image))
  return {
    name: spec.name,
    state,
    lastState: last === undefined ? {} : { terminated: last },
    ready: init && !isSidecar(spec) ? done : started && isReady(box),
    restartCount: box?.restarts ?? 0,
    image,
    imageID: box?.imageId === undefined ? '' : imageIdText(image, box.imageId, docker),
    ...(box === undefined || box.id === '' ? {} : { containerID: containerId(kubelet.world, box.id) }),
    started,
  }
}

/** As containerd names it, or cri-dockerd: what it could be pulled by. */
function imageIdText(image: string, id: string, docker: boolean): string {
  const name = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '')
  return id === '' ? '' : interned(`${docker ? 'docker-pullable://' : ''}${name}@${id}`)
}

function stateOf(run: PodRun, box: BoxRun | undefined, running: boolean): ContainerState {
  if (running) return { running: { startedAt: box!.startedAt } }
  if (box?.waiting !== undefined && run.stop === null && !run.ended) return { waiting: box.waiting }
  if (box?.ended !== undefined) return { terminated: box.ended }
  const initializing = (run.pod.spec.initContainers ?? []).length > 0
  return { waiting: { reason: initializing ? 'PodInitializing' : 'ContainerCreating' } }
}

function conditionsOf(
  kubelet: Kubelet,
  run: PodRun,
  phase: PodPhase,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
): Condition[] {
  const { pod } = run
  const since = nowText(kubelet.world)
  const before = run.sent?.conditions ?? pod.status?.conditions ?? []
  const make = (type: string, ok: boolean, reason = '', message = ''): Condition => {
    const status = ok ? 'True' : 'False'
    const old = before.find((one) => one.type === type)
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? since) : since
    return {
      type,
      status,
      lastProbeTime: null,
      lastTransitionTime,
      ...(reason === '' ? {} : { reason }),
      ...(message === '' ? {} : { message }),
    }
  }
  const specs = pod.spec.initContainers ?? []
  const incomplete = inits
    .filter((one, i) => !(isSidecar(specs[i]!) ? one.started : one.ready))
    .map(({ name }) => name)
  const sidecars = inits.filter((_, i) => isSidecar(specs[i]!))
  const unready = [...sidecars, ...containers].filter((one) => !one.ready).map(({ name }) => name)
  const done = phase === 'Succeeded'
  const failed = phase === 'Failed'
  const words = `containers with unready status: [${unready.join(' ')}]`
  const why: [string, string] = done
    ? ['PodCompleted', '']
    : failed
      ? ['PodFailed', '']
      : ['ContainersNotReady', words]
  const allReady = unready.length === 0 && phase === 'Running'
  const gate = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => before.find((one) => one.type === conditionType)?.status !== 'True',
  )
  const ready = allReady && gate.length === 0
  const gates = gate.map(({ conditionType: type }) => {
    const value = before.find((one) => one.type === type)?.status
    return value === undefined
      ? `corresponding condition of pod readiness gate "${type}" does not exist.`
      : `the status of pod readiness gate "${type}" is not "True", but ${value}`
  })
  const readyWhy: [string, string] = allReady ? ['ReadinessGatesNotReady', gates.join(', ')] : why
  const initialized = incomplete.length === 0 || done
  return [
    make('PodReadyToStartContainers', sandboxLives(kubelet, run)),
    initialized
      ? make('Initialized', true, done ? 'PodCompleted' : '')
      : make(
          'Initialized',
          false,
          'ContainersNotInitialized',
          `containers with incomplete status: [${incomplete.join(' ')}]`,
        ),
    ready ? make('Ready', true) : make('Ready', false, ...readyWhy),
    allReady ? make('ContainersReady', true) : make('ContainersReady', false, ...why),
    make('PodScheduled', true),
  ]
}
