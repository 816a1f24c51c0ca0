/** How containers of pods are known to the runtime. Models pkg/kubelet/kuberuntime/labels.go (1.32). */
import type { World } from '../../../net/types.ts'
import { findCluster } from '../../../kube/cluster.ts'
import type { Pod } from '../../../kube/objects-pod.ts'
import { findMachine } from '../../../run/machine.ts'
import { removeContainer } from '../../../run/container.ts'
import type { Container, Machine } from '../../../run/types.ts'
import { dockerOf } from '../../cmd/docker/state.ts'

export const POD_NAME = 'io.kubernetes.pod.name'
export const POD_NAMESPACE = 'io.kubernetes.pod.namespace'
export const POD_UID = 'io.kubernetes.pod.uid'
export const BOX_NAME = 'io.kubernetes.container.name'
export const RESTARTS = 'annotation.io.kubernetes.container.restartCount'
/** The container that holds a pod's namespaces has this in the place of a name. */
export const PAUSE_NAME = 'POD'

export function labelsOf(
  { metadata }: Pod,
  container: string,
  restarts: number,
): Readonly<Record<string, string>> {
  // By their names as they stand: engines lay out a record with computed ones in two pieces.
  return Object.freeze({
    'io.kubernetes.container.name': container,
    'io.kubernetes.pod.name': metadata.name,
    'io.kubernetes.pod.namespace': metadata.namespace ?? '',
    'io.kubernetes.pod.uid': metadata.uid,
    'annotation.io.kubernetes.container.restartCount': String(restarts),
  })
}

/** Docker's name of it, `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`; containerd knows its containers by their ids only. */
export function runtimeName(
  runtime: string,
  id: string,
  { metadata }: Pod,
  container: string,
  attempt: number,
): string {
  if (runtime !== 'docker') return id
  return ['k8s', container, metadata.name, metadata.namespace, metadata.uid, attempt].join('_')
}

/** Forgets a container that does not run, in docker's books too where it has some. */
export function dropContainer({ world, machine }: { world: World; machine: Machine }, id: string): void {
  removeContainer(world, machine.id, id)
  dockerOf(machine)?.boxes.delete(id)
}

/** All containers of a pod on its machine in the order of creation, the pause container included. */
export function containersOfPod(machine: Machine, uid: string): Container[] {
  return [...machine.containers.values()].filter((box) => box.labels[POD_UID] === uid)
}

/** The machine of the node that a pod is bound to. */
export function machineOfPod(world: World, pod: Pod): Machine | undefined {
  const node = findCluster(world)?.nodes.get(pod.spec.nodeName ?? '')
  return node === undefined ? undefined : findMachine(world, node.machine)
}

/** The lives of a container of a pod, the latest last. */
export function livesOf(
  world: World,
  pod: Pod,
  container: string,
): { machine: Machine; lives: Container[] } | undefined {
  const machine = machineOfPod(world, pod)
  if (machine === undefined) return undefined
  const lives = containersOfPod(machine, pod.metadata.uid).filter((box) => box.labels[BOX_NAME] === container)
  return { machine, lives }
}
