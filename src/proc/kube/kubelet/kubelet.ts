/**
 * kubelet: a node's agent. It registers its node, runs the pods that are bound to it and reports on them.
 * Models pkg/kubelet (Kubernetes 1.32). Killed, what runs goes on; started again, it takes over what it finds.
 * Not here: static pods, cgroups and eviction, ephemeral containers, resizing, volumes but those of `volumes.ts`.
 */
import type { AgentRules } from '../../../kube/agent/agent.ts'
import { agentTimer, asAgent, enqueue } from '../../../kube/agent/agent.ts'
import { cachePodsOnNode } from '../../../kube/agent/cache.ts'
import type { AgentCtx, AgentProgram } from '../../../kube/agent/types.ts'
import { clusterOf } from '../../../kube/cluster.ts'
import type { Pod } from '../../../kube/objects-pod.ts'
import { recordEvent } from '../../../kube/controller/common.ts'
import { jsonEqual } from '../../../kube/types.ts'
import type { ApiObject } from '../../../kube/types.ts'
import type { World } from '../../../net/types.ts'
import type { Program, Programs } from '../../../run/types.ts'
import { crictl } from '../../cmd/crictl.ts'
import { adoptPod } from './adopt.ts'
import { specsOf } from './box.ts'
import { daemonPid, startDaemon } from '../../cmd/docker/daemon.ts'
import { BOX_NAME, dropContainer, PAUSE_NAME, POD_UID } from './labels.ts'
import { nodeAnswer, registerNode, renewLease, syncNode } from './node.ts'
import { probeDone } from './probes.ts'
import { writeKubeletRules } from './rules.ts'
import type { Task, TaskResult } from './runner.ts'
import { runnerProgram } from './runner.ts'
import { dropHalfMade } from './sandbox.ts'
import type { Kubelet, PodRun } from './state.ts'
import { boxOf, containerOf, createState, kubeletOf, SECOND } from './state.ts'
import { hookEnded } from './stop.ts'
import { mountsConfig, refreshVolumes } from './volumes.ts'
import { lookAgain, restartBox, syncPod } from './worker.ts'

const FILES = 'files '
/** From a change of a ConfigMap to the files of pods: at most syncFrequency, a minute. */
const REFRESH_NS = 60 * SECOND

/** The agent program. `programs` are those that containers may run; they may be filled in later. */
export function kubeletProgram(programs: Programs): AgentProgram {
  return {
    name: 'kubelet',
    wants: (agent) => [
      { resource: 'pods', node: agent.node },
      { resource: 'configmaps' },
      { resource: 'secrets' },
    ],
    delayNs: 10_000_000,
    workNs: 1_000_000,
    start(ctx) {
      ctx.agent.state = createState()
      const kubelet = kubeletOf(ctx, programs)
      const { runtime, makeIptablesUtilChains } = clusterOf(ctx.world).options.kubelet
      if (makeIptablesUtilChains) writeKubeletRules(ctx.world, ctx.agent.ns)
      if (runtime === 'docker' && daemonPid(ctx.world, kubelet.machine) === 0) startDaemon(kubelet)
      dropHalfMade(kubelet)
      registerNode(kubelet)
      renewLease(kubelet)
      seePods(kubelet)
    },
    observe(ctx, { resource, type, object, previous, manager }) {
      if (resource !== 'pods') {
        configChanged(kubeletOf(ctx, programs), resource, object)
        return
      }
      const pod = object as Pod
      if (pod.spec.nodeName !== ctx.agent.node) return
      const kubelet = kubeletOf(ctx, programs)
      const known = kubelet.state.pods.get(pod.metadata.uid)
      const run = known ?? (type === 'DELETED' ? undefined : adoptPod(kubelet, pod))
      if (run === undefined) return
      run.pod = pod
      if (type === 'DELETED') run.gone = true
      const own = manager === 'kubelet' && known !== undefined && type === 'MODIFIED'
      if (own) sayOnce(run)
      // As the status manager's needsReconcile: what somebody else wrote of its status is put right.
      if (!own && !jsonEqual((previous as Pod | undefined)?.status, pod.status)) run.sent = undefined
      const marked =
        (previous as Pod | undefined)?.metadata.deletionTimestamp !== pod.metadata.deletionTimestamp
      if (!own || marked) enqueue(ctx, run.uid)
    },
    relist: (ctx) => seePods(kubeletOf(ctx, programs)),
    reconcile(ctx, key) {
      const kubelet = kubeletOf(ctx, programs)
      const run = kubelet.state.pods.get(key)
      if (run !== undefined) lookAgain(kubelet, run, syncPod(kubelet, run))
      return {}
    },
    timer(ctx, name) {
      const kubelet = kubeletOf(ctx, programs)
      if (name === 'lease') renewLease(kubelet)
      else if (name === 'node') syncNode(kubelet)
      else if (name === 'register') registerNode(kubelet)
      else if (name.startsWith(FILES)) refresh(kubelet, name.slice(FILES.length))
    },
    response(ctx, tag, result) {
      const kubelet = kubeletOf(ctx, programs)
      const [what, uid = ''] = tag.split(' ')
      const run = kubelet.state.pods.get(uid)
      if (run === undefined) nodeAnswer(kubelet, tag, result)
      else if (!result.ok && result.status.reason !== 'NotFound' && result.status.reason !== 'Conflict') {
        if (what === 'status') run.sent = undefined
        else run.confirmed = false
        agentTimer(ctx, `again ${uid}`, 1_000_000_000)
        enqueue(ctx, uid)
      }
    },
  }
}

/** What was sent has come back: the two are equal mostly, and one of them is enough. */
function sayOnce(run: PodRun): void {
  if (run.sent !== undefined && jsonEqual(run.sent, run.pod.status)) run.sent = run.pod.status
}

/** A ConfigMap or Secret has changed: pods that mount it see that at their next sync. */
function configChanged({ ctx, state }: Kubelet, resource: string, { metadata }: ApiObject): void {
  for (const run of state.pods.values()) {
    if (run.pod.metadata.namespace !== metadata.namespace) continue
    const name = `${FILES}${run.uid}`
    if (ctx.agent.timers.has(name) || !mountsConfig(run, resource, metadata.name)) continue
    agentTimer(ctx, name, REFRESH_NS)
  }
}

function refresh(kubelet: Kubelet, uid: string): void {
  const run = kubelet.state.pods.get(uid)
  for (const spec of run === undefined ? [] : specsOf(run.pod)) {
    const box = boxOf(run!, spec.name)
    const container = box === undefined ? undefined : containerOf(kubelet, box)
    if (container?.status === 'running') refreshVolumes(kubelet, run!, spec, container)
  }
}

/** The processes that belong to kubelets. `rules` are those that agents run by. */
export function kubeletPrograms(rules: AgentRules): Program[] {
  return [runnerProgram(rules, taskDone), crictl]
}

/** A container on the kubelet's machine has ended. */
export function kubeletContainerEnded(world: World, rules: AgentRules, agent: number, id: string): void {
  asAgent(world, rules, agent, (ctx: AgentCtx) => {
    if (ctx.agent.program !== 'kubelet') return
    const kubelet = kubeletOf(ctx, new Map())
    const box = kubelet.machine.containers.get(id)
    const uid = box?.labels[POD_UID]
    if (box === undefined || uid === undefined) return
    const run = kubelet.state.pods.get(uid)
    // A pause container whose sandbox was given up leaves no trace.
    if (box.labels[BOX_NAME] === PAUSE_NAME && run?.sandbox !== id) dropContainer(kubelet, id)
    else if (run === undefined || run.gone) dropContainer(kubelet, id)
    if (run !== undefined) enqueue(ctx, uid)
  })
}

/** Looks at all pods of the node; those that are no longer there are to go. */
function seePods(kubelet: Kubelet): void {
  const { ctx, state } = kubelet
  const seen = new Set<string>()
  for (const pod of cachePodsOnNode(ctx, ctx.agent.node)) {
    const run = state.pods.get(pod.metadata.uid) ?? adoptPod(kubelet, pod)
    run.pod = pod
    seen.add(run.uid)
    enqueue(ctx, run.uid)
  }
  for (const run of state.pods.values()) {
    if (seen.has(run.uid)) continue
    run.gone = true
    enqueue(ctx, run.uid)
  }
}

function taskDone(kubelet: Kubelet, task: Task, result: TaskResult): void {
  const { ctx, state } = kubelet
  const { purpose } = task
  if (purpose !== 'postStart' && purpose !== 'preStop') {
    probeDone(kubelet, task, result, (...about) => restartBox(kubelet, ...about))
    return
  }
  const run = state.pods.get(task.uid)
  const box = run === undefined ? undefined : boxOf(run, task.box)
  if (run === undefined || box === undefined || box.id !== task.container) return
  if (result.outcome !== 'success') {
    const reason = purpose === 'postStart' ? 'FailedPostStartHook' : 'FailedPreStopHook'
    recordEvent(
      ctx,
      run.pod,
      'Warning',
      reason,
      `${purpose === 'postStart' ? 'PostStartHook' : 'PreStopHook'} failed`,
    )
  }
  if (purpose === 'preStop') hookEnded(kubelet, box)
  else {
    box.hook = false
    const spec = run.pod.spec.containers.find((one) => one.name === box.name)
    if (result.outcome !== 'success' && spec !== undefined) {
      restartBox(kubelet, run, spec, box, `FailedPostStartHook`)
    }
  }
  enqueue(ctx, run.uid)
}
