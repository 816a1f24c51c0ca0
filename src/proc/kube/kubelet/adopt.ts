/** A kubelet that starts finds what an earlier one left running. Models the first sync of kubelet's runtime cache (1.32). */
import type { Pod } from '../../../kube/objects-pod.ts'
import { nowText } from '../../../kube/store/store.ts'
import { BOX_NAME, containersOfPod, PAUSE_NAME, RESTARTS } from './labels.ts'
import { probeOf, startProbes } from './probes.ts'
import type { Kubelet, PodRun } from './state.ts'
import { boxRun, createRun } from './state.ts'
import { specsOf } from './box.ts'

/** The record of a pod that the kubelet hears of first: what runs on the machine is taken over with it. */
export function adoptPod(kubelet: Kubelet, pod: Pod): PodRun {
  const { machine, world, state } = kubelet
  const { status } = pod
  const run = createRun(pod, status?.startTime ?? nowText(world), world.now)
  state.pods.set(run.uid, run)
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') run.ended = true
  const found = status?.startTime === undefined ? [] : containersOfPod(machine, run.uid)
  if (status?.startTime !== undefined) {
    run.sent = status
    run.ips = (status.podIPs ?? []).map(({ ip }) => ip)
  }
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  for (const container of found) {
    const name = container.labels[BOX_NAME] ?? ''
    if (name === PAUSE_NAME) {
      if (container.status !== 'running') continue
      run.sandbox = container.id
      run.attempt = Number(container.labels[RESTARTS] ?? 0) + 1
      continue
    }
    const spec = specsOf(pod).find((one) => one.name === name)
    if (spec === undefined) continue
    const box = boxRun(run, spec)
    const known = statuses.find((one) => one.name === name)
    box.id = container.id
    if (pod.spec.containers.includes(spec)) run.initialized = true
    box.restarts = Number(container.labels[RESTARTS] ?? 0)
    box.image = container.image
    box.imageId = container.imageId
    box.startedAt = known?.state?.running?.startedAt ?? nowText(world)
    box.last = known?.lastState?.terminated
    state.images.set(container.image, true)
    if (container.status !== 'running') continue
    startProbes(kubelet, run, spec, box)
    // What was ready stays so until a probe says otherwise.
    for (const [kind, probe] of box.probes) {
      if (probeOf(spec, kind) === undefined) continue
      probe.nextAt = world.now
      probe.ok = kind === 'startup' ? known?.started === true : kind === 'liveness' || known?.ready === true
    }
  }
  return run
}
