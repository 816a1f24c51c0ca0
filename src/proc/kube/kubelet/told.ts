/** What a node's runtime remembers of the making and unmaking of its sandboxes: the newest steps, for whoever asks why. */
import type { SandboxStep } from '../../../run/types.ts'
import { clusterOf } from '../../../kube/cluster.ts'
import type { CniTell } from '../../cni/types.ts'
import type { Kubelet, PodRun } from './state.ts'

const MOST = 96
const FEWEST = 72

/** Who writes the steps of a pod's sandbox down. */
export function sandboxTold(
  { world, machine }: Kubelet,
  { pod }: PodRun,
  sandbox: string,
  command: SandboxStep['command'],
): CniTell {
  const { namespace = '', name } = pod.metadata
  const owner = `${namespace}/${name}`
  return (what, args, io) => {
    machine.sandboxLog ??= []
    const log = machine.sandboxLog
    const { plugin = '', stdin = '', stdout = '' } = io ?? {}
    const { runtime } = clusterOf(world).options.kubelet
    const step: SandboxStep = {
      at: world.now,
      event: world.nEvents,
      sandbox,
      owner,
      command,
      plugin,
      what,
      args: Object.freeze(plugin === '' ? { runtime, ...args } : { ...args }),
      stdin,
      stdout,
    }
    log.push(Object.freeze(step))
    if (log.length > MOST) log.splice(0, MOST - FEWEST)
  }
}
