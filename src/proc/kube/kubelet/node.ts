/**
 * The Node object and its Lease. Models pkg/kubelet/kubelet_node_status.go, nodestatus and component-helpers
 * apimachinery/lease (1.32), and containerd's CNI conf_template. Not here: images in the status, volumes, cloud providers.
 */
import { agentSend, agentTimer } from '../../../kube/agent/agent.ts'
import type { AgentCtx } from '../../../kube/agent/types.ts'
import { cacheGet } from '../../../kube/agent/cache.ts'
import { clusterOf } from '../../../kube/cluster.ts'
import { recordEvent } from '../../../kube/controller/common.ts'
import type { Condition, Node } from '../../../kube/objects.ts'
import { nowText, storeGet, storeOf, wallMs } from '../../../kube/store/store.ts'
import { formatTime } from '../../../kube/time.ts'
import type { ApiObject, ApiResult, Draft } from '../../../kube/types.ts'
import { writeFile } from '../../../run/files.ts'
import { cniHost, makeDirs } from '../../cni/host.ts'
import { CONF_DIR, loadCniList } from '../../cni/list.ts'
import { hostIps } from './env.ts'
import type { Kubelet } from './state.ts'
import { SECOND } from './state.ts'

const LEASES = 'leases.coordination.k8s.io'
const LEASE_NAMESPACE = 'kube-node-lease'
/** A status that did not change is sent after this. */
const REPORT_NS = 300 * SECOND
/** How often a node that is not ready looks again. */
const WAIT_NS = SECOND / 2
const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane'

/** Why the runtime has no network, as node conditions and pods' events say it. */
export function networkWords(error: string): string {
  return `container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: ${error}`
}

/** Says that the node exists. Its answer comes under the tag `register`. */
export function registerNode({ ctx, world }: Kubelet): void {
  const { agent } = ctx
  const node = clusterOf(world).nodes.get(agent.node)
  const control = node?.role === 'control-plane'
  const labels = {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': agent.node,
    'kubernetes.io/os': 'linux',
    ...(control
      ? { [CONTROL_PLANE]: '', 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
      : {}),
  }
  const object: Draft<Node> = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: agent.node, labels },
    spec: control ? { taints: [{ key: CONTROL_PLANE, effect: 'NoSchedule' }] } : {},
  }
  agentSend(ctx, {
    tag: 'register',
    op: 'create',
    resource: 'nodes',
    namespace: '',
    name: agent.node,
    object,
  })
}

/** The answers to what this file sends. */
export function nodeAnswer(kubelet: Kubelet, tag: string, result: ApiResult): void {
  const { ctx, state } = kubelet
  if (tag === 'register') {
    if (!result.ok && result.status.reason !== 'AlreadyExists') {
      agentTimer(ctx, 'register', 7 * SECOND)
      return
    }
    state.registered = true
    if (!result.ok) addLabels(kubelet)
    else learnRanges(kubelet, result.object as Node)
    say(kubelet, 'Starting', 'Starting kubelet.')
    syncNode(kubelet)
  } else if (tag === 'node' || tag === 'labels') {
    if (result.ok) learnRanges(kubelet, result.object as Node)
    else if (result.status.reason === 'NotFound') {
      state.registered = false
      agentTimer(ctx, 'register', 7 * SECOND)
    }
  } else if (tag === 'lease') {
    if (result.ok || result.status.reason === 'AlreadyExists') state.leased = true
    else if (result.status.reason === 'NotFound') state.leased = false
  }
}

/** A Node that a manifest made keeps what it says; the kubelet adds its own labels. */
function addLabels({ ctx }: Kubelet): void {
  const name = ctx.agent.node
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
  }
  const object = { metadata: { labels } }
  agentSend(ctx, { tag: 'labels', op: 'mergePatch', resource: 'nodes', namespace: '', name, object })
}

/** Renews the lease, every quarter of its duration. */
export function renewLease({ ctx, world, state }: Kubelet): void {
  const { agent } = ctx
  const seconds = clusterOf(world).options.kubelet.nodeLeaseDurationSeconds
  const renewTime = formatTime(wallMs(world), true)
  const place = { resource: LEASES, namespace: LEASE_NAMESPACE, name: agent.node, tag: 'lease' }
  if (state.leased) {
    agentSend(ctx, { ...place, op: 'mergePatch', object: { spec: { renewTime } } })
  } else {
    const object = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: agent.node, namespace: LEASE_NAMESPACE },
      spec: { holderIdentity: agent.node, leaseDurationSeconds: seconds, renewTime },
    }
    agentSend(ctx, { ...place, op: 'create', object })
  }
  agentTimer(ctx, 'lease', (seconds * SECOND) / 4)
}

/** Looks at the node's network and reports its status where it changed or is due. */
export function syncNode(kubelet: Kubelet): void {
  const { ctx, world, state, machine } = kubelet
  if (!state.registered) return
  const { cniConf, kubelet: options } = clusterOf(world).options
  const { list } = loadCniList(world, machine.id)
  state.networkError = list === undefined ? 'cni plugin not initialized' : ''
  const ready = list === undefined ? 'False' : 'True'
  // As tryUpdateNodeStatus reads the node first: what the lifecycle controller wrote there is to be put right.
  if (state.ready !== '' && isConnected(ctx) && saidOf(kubelet) === 'Unknown') state.ready = 'False'
  const waits = state.podCidrs.length === 0 && cniConf.some(({ text }) => text.includes('{{.PodCIDR'))
  const changed = ready !== state.ready
  if (changed || waits || world.now - state.statusAt >= REPORT_NS) sendStatus(kubelet, ready)
  agentTimer(ctx, 'node', waits || ready === 'False' ? WAIT_NS : options.nodeStatusUpdateFrequency)
}

function isConnected({ agent: { link } }: AgentCtx): boolean {
  return link.kind === 'direct' || link.sock !== 0
}

/** The Ready condition as the API server has it. */
function saidOf({ ctx, world }: Kubelet): string | undefined {
  const node = storeGet<Node>(storeOf(world), 'nodes', '', ctx.agent.node)
  return node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status
}

function sendStatus(kubelet: Kubelet, ready: 'True' | 'False'): void {
  const { ctx, world, state, machine } = kubelet
  const { agent } = ctx
  const changed = ready !== state.ready
  if (changed) state.readySince = nowText(world)
  const first = state.ready === ''
  state.ready = ready
  // What only waits for its range says the same again: then nothing is written.
  if (changed || world.now - state.statusAt >= REPORT_NS) state.statusAt = world.now
  const { kubelet: options, version } = clusterOf(world).options
  const quantities = {
    cpu: '4',
    'ephemeral-storage': '61202244Ki',
    'hugepages-2Mi': '0',
    memory: '8128960Ki',
    pods: String(options.maxPods),
  }
  const identity = idOf(machine.name)
  const object: Draft<Node> = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: agent.node },
    status: {
      capacity: quantities,
      allocatable: { ...quantities, 'ephemeral-storage': '56403987978', memory: '8026560Ki' },
      conditions: conditionsOf(kubelet),
      addresses: [
        ...hostIps(kubelet).map((address) => ({ type: 'InternalIP' as const, address })),
        { type: 'Hostname', address: agent.node },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: options.port } },
      nodeInfo: {
        machineID: identity,
        systemUUID: identity,
        bootID: identity,
        kernelVersion: '6.18.0',
        osImage: 'Debian GNU/Linux 12 (bookworm)',
        containerRuntimeVersion: options.runtime === 'docker' ? 'docker://28.0.4' : 'containerd://2.0.4',
        kubeletVersion: version,
        kubeProxyVersion: version,
        operatingSystem: 'linux',
        architecture: 'amd64',
      },
    },
  }
  const request = { resource: 'nodes', namespace: '', name: agent.node, object }
  agentSend(ctx, { tag: 'node', op: 'updateStatus', ...request })
  if (!changed) return
  const status = `Node ${agent.node} status is now: `
  const reasons = ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID']
  if (first) for (const reason of reasons) say(kubelet, reason, status + reason)
  const reason = ready === 'True' ? 'NodeReady' : 'NodeNotReady'
  if (!first || ready === 'True') say(kubelet, reason, status + reason)
}

function conditionsOf({ world, state }: Kubelet): Condition[] {
  const { readySince, statusAt } = state
  const heartbeat = formatTime(wallMs(world) - Math.floor((world.now - statusAt) / 1_000_000))
  const fine = (type: string, reason: string, message: string): Condition => ({
    type,
    status: 'False',
    lastHeartbeatTime: heartbeat,
    lastTransitionTime: readySince,
    reason,
    message,
  })
  const ready = state.ready === 'True'
  return [
    fine('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    fine('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    fine('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    {
      type: 'Ready',
      status: ready ? 'True' : 'False',
      lastHeartbeatTime: heartbeat,
      lastTransitionTime: readySince,
      reason: ready ? 'KubeletReady' : 'KubeletNotReady',
      message: ready ? 'kubelet is posting ready status' : networkWords(state.networkError),
    },
  ]
}

/** As soon as the node has its range, the runtime's network configuration is written from its template. */
function learnRanges(kubelet: Kubelet, node: Node): void {
  const { state, world, machine } = kubelet
  const ranges = node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])
  if (ranges.length === 0 || state.podCidrs.join() === ranges.join()) return
  state.podCidrs = ranges
  const { files } = cniHost(world, machine.id)
  makeDirs(files, CONF_DIR)
  for (const { file, text } of clusterOf(world).options.cniConf) {
    if (!text.includes('{{.PodCIDR')) continue
    writeFile(files, `${CONF_DIR}/${file}`, text.replaceAll('{{.PodCIDR}}', ranges[0]!))
  }
  syncNode(kubelet)
}

function say({ ctx }: Kubelet, reason: string, message: string): void {
  recordEvent(ctx, nodeObject(ctx), 'Normal', reason, message)
}

/** Events about nodes carry the name in the place of the uid. */
function nodeObject(ctx: AgentCtx): ApiObject {
  const name = ctx.agent.node
  const known = cacheGet<Node>(ctx, 'nodes', '', name)
  const metadata = { creationTimestamp: '', resourceVersion: '', ...known?.metadata, name, uid: name }
  return { apiVersion: 'v1', kind: 'Node', metadata }
}

/** 32 hex digits that depend on the name only. */
function idOf(name: string): string {
  let text = ''
  for (let i = 0; i < 4; i++) {
    let h = 0x811c9dc5 + i
    for (const char of name) h = Math.imul(h ^ char.codePointAt(0)!, 0x01000193)
    text += (h >>> 0).toString(16).padStart(8, '0')
  }
  return text
}
