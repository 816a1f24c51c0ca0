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
import { cniListAdd, cniListDel, loadCniList } from '../../cni/list.ts'
import type { CniPod } from '../../cni/list.ts'
import type { CniPortMapping } from '../../cni/types.ts'
import { findImage } from '../../cmd/docker/images.ts'
import { hostIps } from './env.ts'
import { podNames } from './files.ts'
import { noteBox } from '../../cmd/docker/state.ts'
import { dropContainer, labelsOf, PAUSE_NAME, runtimeName } from './labels.ts'
import { networkWords } from './node.ts'
import type { Kubelet, PodRun } from './state.ts'
import { SECOND } from './state.ts'

const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10'
const NO_ENV: ReadonlyMap<string, string> = Object.freeze(new Map())
const ETH = 'eth0'
/** Until the next try after a failure, and where the node has no network yet. */
const RETRY_NS = 10 * SECOND
const NETWORK_RETRY_NS = 5 * SECOND

/** Makes the sandbox. False: it failed, an event says why, `run.notBefore` says when to try again. */
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
  if (!host && list !== undefined) {
    const added = cniListAdd(world, machine.id, list, cniPod(pod, id, box.key))
    if (!added.ok) {
      cniListDel(world, machine.id, list, cniPod(pod, id, box.key), undefined)
      removeSandbox(world, machine.id, id)
      return failed(kubelet, run, `failed to setup network for sandbox "${id}": ${added.error}`)
    }
    run.ips = Object.freeze((added.result.ips ?? []).map(({ address }) => address.split('/')[0]!))
  }
  if (!startPause(kubelet, run, id)) {
    run.sandbox = id
    dropSandbox(kubelet, run)
    return failed(kubelet, run, 'failed to start sandbox container: Resource temporarily unavailable')
  }
  run.sandbox = id
  if (host) run.ips = hostIps(kubelet)
  return true
}

/** The pod's network and sandbox go, with its pause container. Its own containers have ended. */
export function dropSandbox(kubelet: Kubelet, run: PodRun): void {
  const { world, machine } = kubelet
  const { sandbox: id, pod } = run
  run.sandbox = ''
  if (id === '') return
  const box = machine.sandboxes.get(id)
  const { list } = loadCniList(world, machine.id)
  // A runtime may have taken the namespace away before: what stands on the node goes all the same.
  if (pod.spec.hostNetwork !== true && list !== undefined) {
    cniListDel(world, machine.id, list, cniPod(pod, id, box?.key ?? ''), undefined)
  }
  const pause = machine.containers.get(id)
  if (pause?.status === 'running') signalProcess(world, machine, pause.pid, 'SIGKILL')
  else if (pause !== undefined) dropContainer(kubelet, id)
  if (box !== undefined) removeSandbox(world, machine.id, id)
}

/** The sandbox stands and its pause container runs. */
export function sandboxLives({ machine }: Kubelet, run: PodRun): boolean {
  return (
    run.sandbox !== '' &&
    machine.sandboxes.has(run.sandbox) &&
    machine.containers.get(run.sandbox)?.status === 'running'
  )
}

function startPause({ world, machine }: Kubelet, { pod, attempt }: PodRun, id: string): boolean {
  const image = findImage(PAUSE_IMAGE)!.image
  const runtime = clusterOf(world).options.kubelet.runtime
  const box = createContainer(world, machine.id, {
    id,
    name: runtimeName(pod, PAUSE_NAME, attempt - 1),
    runtime,
    image: PAUSE_IMAGE,
    imageId: interned(`sha256:${image.id}`),
    program: 'pause',
    argv: ['/pause'],
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
