/** One container of a pod: made, started, looked at after its end. Models pkg/kubelet/kuberuntime/kuberuntime_container.go (1.32). */
import { interned } from '../../../base/intern.ts'
import { clusterOf } from '../../../kube/cluster.ts'
import { recordEvent } from '../../../kube/controller/common.ts'
import type { Container as Spec, ContainerState, Pod } from '../../../kube/objects-pod.ts'
import { nowText, storeOf } from '../../../kube/store/store.ts'
import { formatTime } from '../../../kube/time.ts'
import type { World } from '../../../net/types.ts'
import { createContainer, machineRng, randomHex, startContainer } from '../../../run/container.ts'
import { OWN_HOSTNAME } from '../../../run/env.ts'
import type { Container } from '../../../run/types.ts'
import { commandOf } from '../../cmd/docker/images.ts'
import { processArgv } from '../../cmd/docker/engine.ts'
import { entryOf } from './entry.ts'
import { environmentOf, expand, sharedEnviron, sharedWords } from './env.ts'
import { hostsText, podNames, resolvText } from './files.ts'
import type { Pulled } from './images.ts'
import { ensureImage } from './images.ts'
import { noteBox } from '../../cmd/docker/state.ts'
import { BOX_NAME, containersOfPod, dropContainer, labelsOf, runtimeName } from './labels.ts'
import { startProbes } from './probes.ts'
import { runHook } from './runner.ts'
import type { BoxRun, Kubelet, PodRun } from './state.ts'
import { boxRun, boxWaits, containerOf, NO_PROBES, podText, SECOND } from './state.ts'
import { mountVolumes, shareFiles } from './volumes.ts'

const FIRST_BACKOFF = 10 * SECOND
const LONGEST_BACKOFF = 300 * SECOND
const CREATE = 'failed to create containerd task: failed to create shim task: OCI runtime create failed: '
const INIT = 'runc create failed: unable to start container process: error during container init: '

/** Starts a container for the first time or again. What stands in the way is in `box.waiting`. */
export function startBox(kubelet: Kubelet, run: PodRun, spec: Spec): void {
  const { ctx, world, machine } = kubelet
  const { pod } = run
  const box = boxRun(run, spec)
  const pulled = ensureImage(kubelet, pod, spec, box)
  if (pulled?.image === undefined) return
  const made = environmentOf(kubelet, run, spec)
  if (made.error !== '') {
    box.waiting = Object.freeze({ reason: 'CreateContainerConfigError', message: made.error })
    recordEvent(ctx, pod, 'Warning', 'Failed', `Error: ${made.error}`)
    boxWaits(box, { pullAt: world.now, pullNs: FIRST_BACKOFF })
    return
  }
  // Another pod may have fetched the image meanwhile.
  boxWaits(box, { pullAt: -1, pullError: '', pullingSince: -1 })
  const again = box.id !== ''
  if (again) {
    box.last = box.ended ?? box.last
    box.restarts++
  }
  const container = create(
    kubelet,
    run,
    spec,
    box,
    pulled as { image: NonNullable<Pulled['image']>; tag: string },
    made,
  )
  forgetOlder(kubelet, run, box)
  box.id = container.id
  box.ended = undefined
  box.stop = null
  recordEvent(ctx, pod, 'Normal', 'Created', interned(`Created container: ${spec.name}`))
  const entry = entryOf(kubelet, container, container.argv)
  const why = entry.error !== '' ? CREATE + INIT + entry.error : ''
  container.program = entry.program
  container.argv = entry.argv
  if (why !== '' || startContainer(world, machine.id, container.id, run.sandbox) === 0) {
    notStarted(
      kubelet,
      run,
      box,
      why === '' ? `${CREATE}runc create failed: Resource temporarily unavailable` : why,
    )
    return
  }
  box.waiting = undefined
  box.startedAt = nowText(world)
  recordEvent(ctx, pod, 'Normal', 'Started', interned(`Started container ${spec.name}`))
  startProbes(kubelet, run, spec, box)
  const hook = spec.lifecycle?.postStart
  if (hook !== undefined) box.hook = runHook(kubelet, run, spec, box, 'postStart', hook) < 0
}

function create(
  kubelet: Kubelet,
  run: PodRun,
  spec: Spec,
  box: BoxRun,
  { image, tag }: { image: NonNullable<Pulled['image']>; tag: string },
  { env: own, links }: ReturnType<typeof environmentOf>,
): Container {
  const { world, machine } = kubelet
  const { pod } = run
  const { hostname } = podNames(kubelet, pod)
  const env = new Map<string, string>()
  for (const text of image.env) {
    const at = text.indexOf('=')
    env.set(interned(text.slice(0, at)), interned(text.slice(at + 1)))
  }
  env.set('HOSTNAME', OWN_HOSTNAME)
  if (spec.tty === true) env.set('TERM', 'xterm')
  for (const name of env.keys()) if (name !== 'HOME' && links.has(name)) env.set(name, links.get(name)!)
  for (const [name, value] of own) env.set(name, value)
  const service = (name: string) => (name === 'HOME' ? undefined : links.get(name))
  const words = (list: readonly string[] = []) =>
    list.map((text) => expand(text, (name) => own.get(name) ?? service(name)))
  const entrypoint = (spec.command?.length ?? 0) > 0 ? words(spec.command) : [...image.entrypoint]
  const standard = (spec.command?.length ?? 0) > 0 ? [] : [...commandOf(image, tag)]
  const cmd = (spec.args?.length ?? 0) > 0 ? words(spec.args) : standard
  const id = randomHex(machineRng(world, machine), 64)
  const { runtime } = clusterOf(world).options.kubelet
  const container = createContainer(world, machine.id, {
    id,
    name: runtimeName(runtime, id, pod, spec.name, box.restarts),
    runtime,
    image: spec.image ?? '',
    imageId: interned(`sha256:${image.id}`),
    program: '',
    argv: sharedWords(image.env, processArgv(image, entrypoint, cmd)),
    env: sharedEnviron(image.env, env),
    links,
    cwd: spec.workingDir ?? image.cwd,
    hostname,
    tty: spec.tty ?? false,
    labels: labelsOf(pod, spec.name, box.restarts),
    base: image.files,
  })
  box.image = spec.image ?? ''
  box.imageId = container.imageId
  container.sandbox = run.sandbox
  if (runtime === 'docker') {
    noteBox(world, machine, container, `container:${run.sandbox}`, entrypoint, cmd)
  }
  container.hosts = hostsText(kubelet, pod, run.ips)
  mountVolumes(kubelet, run, spec, container)
  // No volume hides it.
  shareFiles(container, '/etc', new Map([['resolv.conf', resolvText(kubelet, pod)]]))
  return container
}

/** A container whose program does not exist never ran: its end is said at once. */
function notStarted({ ctx, world }: Kubelet, run: PodRun, box: BoxRun, message: string): void {
  recordEvent(ctx, run.pod, 'Warning', 'Failed', `Error: ${message}: unknown`)
  box.waiting = Object.freeze({ reason: 'RunContainerError', message: `${message}: unknown` })
  box.ended = Object.freeze({
    exitCode: 128,
    reason: 'StartError',
    message: `${message}: unknown`,
    startedAt: '1970-01-01T00:00:00Z',
    finishedAt: nowText(world),
    containerID: containerId(world, box.id),
  })
}

/** Takes note of a container's end. True the first time. */
export function noteEnd(kubelet: Kubelet, box: BoxRun): boolean {
  const { world } = kubelet
  const container = containerOf(kubelet, box)
  if (container?.status !== 'exited' || box.ended !== undefined) return false
  const text = (at: number) => formatTime(storeOf(world).options.epochMs + Math.floor(at / 1_000_000))
  const ended: ContainerState['terminated'] = {
    exitCode: container.exitCode,
    reason: container.exitCode === 0 ? 'Completed' : 'Error',
    startedAt: text(container.startedAt),
    finishedAt: text(container.finishedAt),
    containerID: containerId(world, container.id),
  }
  box.ended = Object.freeze(ended)
  box.probes = NO_PROBES
  box.hook = false
  box.stop = null
  return true
}

/** ns until when a container that ended is kept from starting, or 0 to start now. Models flowcontrol.Backoff. */
export function crashBackOff(kubelet: Kubelet, run: PodRun, spec: Spec, box: BoxRun): number {
  const { ctx, world } = kubelet
  const container = containerOf(kubelet, box)
  const ended =
    container === undefined || container.finishedAt < 0
      ? (container?.createdAt ?? world.now)
      : container.finishedAt
  const { backoffAt, backoffNs } = box.wait
  const forgotten = backoffAt < 0 || ended - backoffAt > 2 * LONGEST_BACKOFF
  if (!forgotten && world.now - ended < backoffNs) {
    const message = `back-off ${goSeconds(backoffNs)} restarting failed container=${spec.name} pod=${podText(run.pod)}`
    if (box.waiting?.reason !== 'CrashLoopBackOff') {
      const words = `Back-off restarting failed container ${spec.name} in pod ${podText(run.pod)}`
      recordEvent(ctx, run.pod, 'Warning', 'BackOff', words)
      box.waiting = Object.freeze({ reason: 'CrashLoopBackOff', message })
    }
    return ended + backoffNs
  }
  const next = forgotten ? FIRST_BACKOFF : Math.min(backoffNs * 2, LONGEST_BACKOFF)
  boxWaits(box, { backoffNs: next, backoffAt: world.now })
  return 0
}

/** `containerd://ID` */
export function containerId(world: World, id: string): string {
  const scheme = clusterOf(world).options.kubelet.runtime === 'docker' ? 'docker' : 'containerd'
  return [scheme, '://', id].join('')
}

/** Go's way of writing a duration of whole seconds: 10s, 1m20s, 5m0s. */
export function goSeconds(ns: number): string {
  const seconds = Math.round(ns / SECOND)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}

/** Of dead containers only the last is kept, for `logs --previous`. */
function forgetOlder(kubelet: Kubelet, { pod }: PodRun, box: BoxRun): void {
  if (box.restarts < 2) return
  const mine = containersOfPod(kubelet.machine, pod.metadata.uid).filter(
    (one) => one.labels[BOX_NAME] === box.name,
  )
  for (const old of mine.slice(0, -2)) {
    if (old.status !== 'running') dropContainer(kubelet, old.id)
  }
}

/** All specifications of a pod's containers, init containers first. */
export function specsOf({ spec }: Pod): readonly Spec[] {
  return [...(spec.initContainers ?? []), ...spec.containers]
}
