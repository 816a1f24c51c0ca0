/** A pod's sandbox: its namespace, the pause container that holds it, its network. Models CRI RunPodSandbox and StopPodSandbox. */
import { interned } from '../../../base/intern.ts'
import { clusterOf } from '../../../kube/cluster.ts'
import { recordEvent } from '../../../kube/controller/common.ts'
import type { Pod } from '../../../kube/objects-pod.ts'
import {
  createContainer,
  createSandbox,
  machineRng,
  randomHex,
  removeSandbox,
  startContainer,
} from '../../../run/container.ts'
import { signalProcess } from '../../../run/process.ts'
import { cniListAdd, cniListDel, cniListStep, createCniRun, loadCniList } from '../../cni/list.ts'
import type { CniList, CniListResult, CniPod } from '../../cni/list.ts'
import type { CniPortMapping } from '../../cni/types.ts'
import { findImage } from '../../cmd/docker/images.ts'
import { hostIps } from './env.ts'
import { podNames } from './files.ts'
import { noteBox } from '../../cmd/docker/state.ts'
import { dropContainer, labelsOf, PAUSE_NAME, runtimeName } from './labels.ts'
import { networkWords } from './node.ts'
import { sandboxTold } from './told.ts'
import type { Kubelet, PodRun } from './state.ts'
import { SECOND } from './state.ts'

const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10'
const PAUSE_ARGV: string[] = Object.freeze(['/pause']) as string[]
const NO_ENV: ReadonlyMap<string, string> = Object.freeze(new Map())
const ETH = 'eth0'
/** Until the next try after a failure, and where the node has no network yet. */
const RETRY_NS = 10 * SECOND
const NETWORK_RETRY_NS = 5 * SECOND
/** Between two steps of a plugin: what an exec or the kernel's answer takes, roughly. */
const STEP_NS = 4_000_000
/** With more pods that wait for this kubelet, or more nodes, a plugin's steps are not told apart: they happen at one moment. */
const CROWD = 12
const MANY_NODES = 20

/**
 * Makes the sandbox, or begins to: then `run.network` goes on, step by step. False: it failed, an event says why,
 * `run.notBefore` says when to try again.
 */
export function startSandbox(kubelet: Kubelet, run: PodRun): boolean {
  const { ctx, world, machine } = kubelet
  const { pod } = run
  const host = pod.spec.hostNetwork === true
  const { list } = loadCniList(world, machine.id)
  if (!host && list === undefined) {
    const words = networkWords('cni plugin not initialized')
    recordEvent(ctx, pod, 'Warning', 'NetworkNotReady', `network is not ready: ${words}`)
    run.notBefore = world.now + NETWORK_RETRY_NS
    return false
  }
  const id = randomHex(machineRng(world, machine), 64)
  const box = createSandbox(world, machine.id, {
    id,
    name: pod.metadata.name,
    key: host ? '' : namespacePath(kubelet, id),
    hostname: podNames(kubelet, pod).hostname,
    host,
  })
  run.attempt++
  if (host || list === undefined) return finishSandbox(kubelet, run, id, hostIps(kubelet))
  const about = cniPod(pod, id, box.key)
  if (!isCrowded(kubelet)) {
    sandboxTold(kubelet, run, id, 'ADD')('netns', { path: box.key })
    run.network = {
      sandbox: id,
      nextAt: world.now + STEP_NS,
      run: createCniRun('ADD', list, about),
      undone: false,
    }
    return true
  }
  return added(kubelet, run, id, list, about, cniListAdd(world, machine.id, list, about))
}

/**
 * The next step of the plugins that are at work on a pod's network. Answers when the one after it is due, 0 where they
 * have ended.
 */
export function stepNetwork(kubelet: Kubelet, run: PodRun): number {
  const { world, machine } = kubelet
  const at = run.network!
  if (world.now < at.nextAt) return at.nextAt
  const { command, list, pod } = at.run
  const tell = sandboxTold(kubelet, run, at.sandbox, command)
  if (at.undone) {
    run.network = null
    removeAll(kubelet, run, at.sandbox)
    tell('netnsGone', { path: pod.netns })
    return 0
  }
  const ended = cniListStep(world, machine.id, at.run, tell)
  if (ended === undefined || command === 'DEL') {
    at.undone = ended !== undefined
    at.nextAt = world.now + STEP_NS
    return at.nextAt
  }
  run.network = null
  if (added(kubelet, run, at.sandbox, list, pod, ended)) tell('pause', {})
  return 0
}

/**
 * The pod's network and sandbox go, with its pause container. Its own containers have ended. True: they have gone.
 * False: `run.network` takes the network away first, step by step.
 */
export function dropSandbox(kubelet: Kubelet, run: PodRun, atOnce = false): boolean {
  const { world, machine } = kubelet
  const { sandbox: id, pod } = run
  if (id === '') return true
  const box = machine.sandboxes.get(id)
  const { list } = loadCniList(world, machine.id)
  // A runtime may have taken the namespace away before: what stands on the node goes all the same.
  if (pod.spec.hostNetwork !== true && list !== undefined) {
    const about = cniPod(pod, id, box?.key ?? '')
    if (!atOnce && !isCrowded(kubelet)) {
      run.network = {
        sandbox: id,
        nextAt: world.now + STEP_NS,
        run: createCniRun('DEL', list, about),
        undone: false,
      }
      return false
    }
    cniListDel(world, machine.id, list, about, undefined)
  }
  removeAll(kubelet, run, id)
  return true
}

/** Sandboxes that a kubelet before this one left half made: without a pause container. */
export function dropHalfMade({ world, machine }: Kubelet): void {
  const { list } = loadCniList(world, machine.id)
  const lived = new Set([...machine.containers.values()].map((box) => box.sandbox))
  for (const { id, key, borrowed } of [...machine.sandboxes.values()]) {
    if (lived.has(id) || machine.containers.has(id) || borrowed || key === '') continue
    if (list !== undefined) {
      cniListDel(world, machine.id, list, { containerId: id, netns: key, ifname: ETH }, undefined)
    }
    removeSandbox(world, machine.id, id)
  }
}

/** The sandbox stands and its pause container runs. */
export function sandboxLives({ machine }: Kubelet, run: PodRun): boolean {
  return (
    run.sandbox !== '' &&
    machine.sandboxes.has(run.sandbox) &&
    machine.containers.get(run.sandbox)?.status === 'running'
  )
}

/** What comes of ADD. */
function added(
  kubelet: Kubelet,
  run: PodRun,
  id: string,
  list: CniList,
  pod: CniPod,
  result: CniListResult,
): boolean {
  const { world, machine } = kubelet
  if (result.ok) {
    const ips = (result.result.ips ?? []).map(({ address }) => address.split('/')[0]!)
    return finishSandbox(kubelet, run, id, ips)
  }
  cniListDel(world, machine.id, list, pod, undefined)
  removeSandbox(world, machine.id, id)
  return failed(kubelet, run, `failed to setup network for sandbox "${id}": ${result.error}`)
}

function finishSandbox(kubelet: Kubelet, run: PodRun, id: string, ips: readonly string[]): boolean {
  run.sandbox = id
  if (!startPause(kubelet, run, id)) {
    dropSandbox(kubelet, run, true)
    return failed(kubelet, run, 'failed to start sandbox container: Resource temporarily unavailable')
  }
  run.ips = Object.freeze([...ips])
  return true
}

function removeAll(kubelet: Kubelet, run: PodRun, id: string): void {
  const { world, machine } = kubelet
  run.sandbox = ''
  const pause = machine.containers.get(id)
  if (pause?.status === 'running') signalProcess(world, machine, pause.pid, 'SIGKILL')
  else if (pause !== undefined) dropContainer(kubelet, id)
  if (machine.sandboxes.has(id)) removeSandbox(world, machine.id, id)
}

function isCrowded({ ctx, world }: Kubelet): boolean {
  return ctx.agent.queue.size > CROWD || clusterOf(world).nodes.size > MANY_NODES
}

function startPause({ world, machine }: Kubelet, { pod, attempt }: PodRun, id: string): boolean {
  const image = findImage(PAUSE_IMAGE)!.image
  const runtime = clusterOf(world).options.kubelet.runtime
  const box = createContainer(world, machine.id, {
    id,
    name: runtimeName(runtime, id, pod, PAUSE_NAME, attempt - 1),
    runtime,
    image: PAUSE_IMAGE,
    imageId: interned(`sha256:${image.id}`),
    program: 'pause',
    argv: PAUSE_ARGV,
    env: NO_ENV,
    cwd: '/',
    hostname: machine.sandboxes.get(id)!.hostname,
    labels: labelsOf(pod, PAUSE_NAME, attempt - 1),
    base: image.files,
  })
  if (runtime === 'docker') noteBox(world, machine, box, 'none')
  return startContainer(world, machine.id, id, id) !== 0
}

function failed({ ctx, world }: Kubelet, run: PodRun, why: string): false {
  const message = `Failed to create pod sandbox: rpc error: code = Unknown desc = ${why}`
  recordEvent(ctx, run.pod, 'Warning', 'FailedCreatePodSandBox', message)
  run.notBefore = world.now + RETRY_NS
  return false
}

/** Where the namespace is bound: the file's name is drawn, as a runtime's is. */
function namespacePath({ world, machine }: Kubelet, id: string): string {
  if (clusterOf(world).options.kubelet.runtime === 'docker') return `/var/run/docker/netns/${id.slice(0, 12)}`
  const hex = randomHex(machineRng(world, machine), 32)
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    '-',
  )
  return `/var/run/netns/cni-${uuid}`
}

function cniPod({ metadata, spec }: Pod, id: string, netns: string): CniPod {
  const portMappings: CniPortMapping[] = []
  for (const { ports = [] } of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const { hostPort = 0, containerPort, protocol = 'TCP', hostIP = '' } of ports) {
      if (hostPort === 0) continue
      const mapping = { hostPort, containerPort, protocol: protocol.toLowerCase() }
      portMappings.push(hostIP === '' ? mapping : { ...mapping, hostIP })
    }
  }
  const { name, namespace, uid } = metadata
  const names = `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_INFRA_CONTAINER_ID=${id};K8S_POD_UID=${uid}`
  return { containerId: id, netns, ifname: ETH, portMappings, args: `IgnoreUnknown=1;${names}` }
}
