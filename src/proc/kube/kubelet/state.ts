/** What a kubelet remembers: plain data in `agent.state`, and how it is found. */
import { assert } from '../../../base/assert.ts'
import type { AgentCtx } from '../../../kube/agent/types.ts'
import type { ContainerState, PodStatus } from '../../../kube/objects-pod.ts'
import type { Container as ContainerSpec, Pod } from '../../../kube/objects-pod.ts'
import type { World } from '../../../net/types.ts'
import { findMachine, machineOf } from '../../../run/machine.ts'
import type { Container, Machine, Programs } from '../../../run/types.ts'
import { touch } from '../../../sim/dispatch.ts'
import type { CniRun } from '../../cni/list.ts'

export interface KubeletState {
  /** Pods of the node by uid. */
  pods: Map<string, PodRun>
  /** Images that were pulled, as they were asked for. */
  images: Map<string, true>
  /** The Node object exists as the API server answered. */
  registered: boolean
  leased: boolean
  podCidrs: readonly string[]
  /** '' where the runtime has a network configuration, else why it has none. */
  networkError: string
  /** What was last said of the node, and when. */
  ready: '' | 'True' | 'False'
  readySince: string
  statusAt: number
  /** The status that was told last, of whichever pod; undefined before the first. */
  told: PodStatus | undefined
}

/** A pod on its node. */
export interface PodRun {
  uid: string
  /** As last seen, frozen. */
  pod: Pod
  /** It has left the API server. */
  gone: boolean
  startTime: string
  /** ns */
  startedAt: number
  /** Id of its sandbox, '' while it has none, and how many it had. */
  sandbox: string
  attempt: number
  /** Plugins are at work on its network: nothing else is done for it until they end. */
  network: NetworkRun | null
  /** Not before this moment are containers started, or is the sandbox tried again. ns */
  notBefore: number
  ips: readonly string[]
  /** Its containers, in the order in which they were first started. */
  boxes: readonly BoxRun[]
  /** Its init containers have done their work in this sandbox. */
  initialized: boolean
  stop: PodStop | null
  /** Its work is done for good. */
  ended: boolean
  /** Deletion was asked of the API server. */
  confirmed: boolean
  sent: PodStatus | undefined
  /** Why the pod as a whole failed, '' for no reason. */
  reason: string
  message: string
}

/** A sandbox whose network is being made or unmade. */
export interface NetworkRun {
  sandbox: string
  /** ns of the next step. */
  nextAt: number
  run: CniRun
  /** DEL has ended: the namespace is the last to go. */
  undone: boolean
}

export interface PodStop {
  /** ns */
  deadline: number
  /** Phase `sidecars` begins when all others have ended. */
  phase: 'containers' | 'sidecars'
}

/** One container of a pod over all its lives. */
export interface BoxRun {
  name: string
  /** Id of its present or last container, '' while there was none. */
  id: string
  restarts: number
  /** Why it waits; undefined once it runs or has ended. */
  waiting: ContainerState['waiting']
  ended: ContainerState['terminated']
  last: ContainerState['terminated']
  /** When it was started, as text. */
  startedAt: string
  image: string
  imageId: string
  /** Frozen: what it waits for; most wait for nothing. Written by `boxWaits`. */
  wait: BoxWait
  /** It was being stopped for this reason; null where it is not. */
  stop: BoxStop | null
  /** postStart is still under way. */
  hook: boolean
  probes: Map<ProbeKind, ProbeRun>
}

/** Crash loops and failed pulls: how long to wait, ns, and since when. */
export interface BoxWait {
  readonly backoffNs: number
  readonly backoffAt: number
  readonly pullNs: number
  readonly pullAt: number
  readonly pullError: string
  /** When its image began to be fetched, -1 while it is not. */
  readonly pullingSince: number
}

export interface BoxStop {
  step: 'preStop' | 'term' | 'kill'
  /** ns */
  deadline: number
  /** When a sleeping hook ends; -1 where another is under way. */
  hookEnds: number
}

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

export interface ProbeRun {
  /** ns */
  nextAt: number
  busy: boolean
  good: number
  bad: number
  ok: boolean
}

/** A kubelet at work: passed on, never kept. */
export interface Kubelet {
  readonly ctx: AgentCtx
  readonly world: World
  readonly state: KubeletState
  readonly machine: Machine
  readonly programs: Programs
}

/** Frozen: of all containers without probes. */
export const NO_PROBES: Map<ProbeKind, ProbeRun> = Object.freeze(new Map())

/** Frozen: of all containers that wait for nothing. */
const NO_WAIT: BoxWait = Object.freeze({
  backoffNs: 0,
  backoffAt: -1,
  pullNs: 0,
  pullAt: -1,
  pullError: '',
  pullingSince: -1,
})

const NO_BOXES: readonly BoxRun[] = Object.freeze([])
const NO_IPS: readonly string[] = Object.freeze([])

export const SECOND = 1_000_000_000

export function createState(): KubeletState {
  return {
    pods: new Map(),
    images: new Map(),
    registered: false,
    leased: false,
    podCidrs: [],
    networkError: 'cni plugin not initialized',
    ready: '',
    readySince: '',
    statusAt: -1,
    told: undefined,
  }
}

/** The kubelet that an agent is; its machine is touched. */
export function kubeletOf(ctx: AgentCtx, programs: Programs): Kubelet {
  const { world, agent } = ctx
  const found = machineOf(world, agent.ns)
  assert(found !== undefined, 'kube: a kubelet runs on a machine')
  touch(world, found.id)
  const machine = findMachine(world, found.id)!
  return { ctx, world, state: agent.state as KubeletState, machine, programs }
}

export function createRun(pod: Pod, startTime: string, startedAt: number): PodRun {
  return {
    uid: pod.metadata.uid,
    pod,
    gone: false,
    startTime,
    startedAt,
    sandbox: '',
    attempt: 0,
    network: null,
    notBefore: 0,
    ips: NO_IPS,
    boxes: NO_BOXES,
    initialized: false,
    stop: null,
    ended: false,
    confirmed: false,
    sent: undefined,
    reason: '',
    message: '',
  }
}

/** The record of a container of the pod, undefined where there is none yet. */
export function boxOf(run: PodRun, name: string): BoxRun | undefined {
  for (const box of run.boxes) if (box.name === name) return box
  return undefined
}

/** The record of a container of the pod, made where there is none. */
export function boxRun(run: PodRun, spec: ContainerSpec): BoxRun {
  const known = boxOf(run, spec.name)
  if (known !== undefined) return known
  const box: BoxRun = {
    name: spec.name,
    id: '',
    restarts: 0,
    waiting: undefined,
    ended: undefined,
    last: undefined,
    startedAt: '',
    image: spec.image ?? '',
    imageId: '',
    wait: NO_WAIT,
    stop: null,
    hook: false,
    probes: NO_PROBES,
  }
  run.boxes = run.boxes.concat(box)
  return box
}

/** Changes what a container waits for. */
export function boxWaits(box: BoxRun, change: Partial<BoxWait>): void {
  const wait: BoxWait = { ...box.wait, ...change }
  const none = wait.backoffAt < 0 && wait.pullAt < 0 && wait.pullingSince < 0 && wait.pullError === ''
  box.wait = none ? NO_WAIT : Object.freeze(wait)
}

/** The runtime's container, undefined where there is none. */
export function containerOf(kubelet: Kubelet, box: BoxRun): Container | undefined {
  return box.id === '' ? undefined : kubelet.machine.containers.get(box.id)
}

export function isRunning(kubelet: Kubelet, box: BoxRun): boolean {
  return containerOf(kubelet, box)?.status === 'running'
}

/** A container of `initContainers` that goes on beside the others. */
export function isSidecar(spec: ContainerSpec): boolean {
  return spec.restartPolicy === 'Always'
}

/** `NAME_NAMESPACE(UID)`, as kubelet names pods in messages. */
export function podText({ metadata }: Pod): string {
  return `${metadata.name}_${metadata.namespace}(${metadata.uid})`
}
