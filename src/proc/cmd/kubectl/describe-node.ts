/** Nodes described. Models kubectl pkg/describe/describe.go: describeNode (1.32). */
import { humanDuration } from '../../../kube/api/duration.ts'
import { parseTime } from '../../../kube/time.ts'
import type { JsonObject } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { call, metaOf } from './rest.ts'
import type { Sheet } from './describe-text.ts'
import {
  annotationLines,
  arr,
  eventLines,
  labelLines,
  line,
  listAt,
  longTime,
  obj,
  str,
} from './describe-text.ts'

export function describeNode(sheet: Sheet, node: JsonObject): void {
  const meta = metaOf(node)
  const spec = obj(node, 'spec')
  const status = obj(node, 'status')
  line(sheet, 0, `Name:\t${meta.name}`)
  line(sheet, 0, `Roles:\t${rolesOf(meta.labels)}`)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  line(sheet, 0, `CreationTimestamp:\t${longTime(str(field(node, 'metadata'), 'creationTimestamp'))}`)
  const taints = arr(spec, 'taints').map((one) => {
    const value = str(one, 'value')
    return `${str(one, 'key')}${value === '' ? '' : `=${value}`}:${str(one, 'effect')}`
  })
  ;(taints.length === 0 ? ['<none>'] : taints.sort()).forEach((text, i) => {
    line(sheet, 0, `${i === 0 ? 'Taints:' : ''}\t${text}`)
  })
  line(sheet, 0, `Unschedulable:\t${spec.unschedulable === true}`)
  leaseLines(sheet, meta.name)
  conditionLines(sheet, arr(status, 'conditions'))
  line(sheet, 0, 'Addresses:')
  for (const one of arr(status, 'addresses')) line(sheet, 1, `${str(one, 'type')}:\t${str(one, 'address')}`)
  amountLines(sheet, 'Capacity', obj(status, 'capacity'))
  amountLines(sheet, 'Allocatable', obj(status, 'allocatable'))
  const info = obj(status, 'nodeInfo')
  line(sheet, 0, 'System Info:')
  for (const [title, key] of [
    ['Machine ID', 'machineID'],
    ['System UUID', 'systemUUID'],
    ['Boot ID', 'bootID'],
    ['Kernel Version', 'kernelVersion'],
    ['OS Image', 'osImage'],
    ['Operating System', 'operatingSystem'],
    ['Architecture', 'architecture'],
    ['Container Runtime Version', 'containerRuntimeVersion'],
    ['Kubelet Version', 'kubeletVersion'],
    ['Kube-Proxy Version', 'kubeProxyVersion'],
  ] as const) {
    // biome-ignore format: one list
    line(sheet, 1, `${title}:\t${str(info, key)}`)
  }
  if (str(spec, 'podCIDR') !== '') line(sheet, 0, `PodCIDR:\t${str(spec, 'podCIDR')}`)
  const ranges = field(spec, 'podCIDRs')
  if (Array.isArray(ranges) && ranges.length > 0) line(sheet, 0, `PodCIDRs:\t${ranges.join(',')}`)
  if (str(spec, 'providerID') !== '') line(sheet, 0, `ProviderID:\t${str(spec, 'providerID')}`)
  const query = `spec.nodeName=${meta.name},status.phase!=Failed,status.phase!=Succeeded`
  const reply = call(sheet.client, 'GET', '/api/v1/pods', {
    query: [
      ['fieldSelector', query],
      ['limit', '500'],
    ],
  })
  const pods = reply.ok ? arr(reply.body as JsonObject, 'items') : listAt(sheet, '/api/v1/pods')
  podLines(sheet, pods, obj(status, 'allocatable'))
  eventLines(sheet, node)
}

function rolesOf(labels: Readonly<Record<string, string>>): string {
  const roles = Object.entries(labels).flatMap(([key, value]) => {
    if (key.startsWith('node-role.kubernetes.io/')) return [key.slice('node-role.kubernetes.io/'.length)]
    return key === 'kubernetes.io/role' ? [value] : []
  })
  return (
    roles
      .filter((one) => one !== '')
      .sort()
      .join(',') || '<none>'
  )
}

function leaseLines(sheet: Sheet, name: string): void {
  const path = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`
  const reply = call(sheet.client, 'GET', path)
  if (!reply.ok) {
    line(sheet, 0, `Lease:\tFailed to get lease: ${reply.status.message}`)
    return
  }
  const spec = obj(reply.body as JsonObject, 'spec')
  line(sheet, 0, 'Lease:')
  line(sheet, 1, `HolderIdentity:\t${str(spec, 'holderIdentity') || '<unset>'}`)
  line(sheet, 1, `AcquireTime:\t${timeOr(str(spec, 'acquireTime'))}`)
  line(sheet, 1, `RenewTime:\t${timeOr(str(spec, 'renewTime'))}`)
}

function timeOr(text: string): string {
  return text === '' ? '<unset>' : longTime(text)
}

function conditionLines(sheet: Sheet, conditions: readonly JsonObject[]): void {
  if (conditions.length === 0) return
  line(sheet, 0, 'Conditions:')
  line(sheet, 1, 'Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage')
  line(sheet, 1, '----\t------\t-----------------\t------------------\t------\t-------')
  for (const one of conditions) {
    const times = `${longTime(str(one, 'lastHeartbeatTime'))} \t${longTime(str(one, 'lastTransitionTime'))}`
    line(
      sheet,
      1,
      `${str(one, 'type')} \t${str(one, 'status')} \t${times} \t${str(one, 'reason')} \t${str(one, 'message')}`,
    )
  }
}

function amountLines(sheet: Sheet, title: string, amounts: JsonObject): void {
  const names = Object.keys(amounts).sort()
  if (names.length === 0) return
  line(sheet, 0, `${title}:`)
  for (const name of names) line(sheet, 1, `${name}:\t${String(amounts[name])}`)
}

/** A quantity in its smallest unit: thousandths of a processor, bytes, pieces. */
function amountOf(text: string, milli: boolean): number {
  const match = /^([0-9.]+)(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/.exec(text)
  if (match === null) return 0
  const scale: Readonly<Record<string, number>> = {
    m: 0.001, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 1024, Mi: 1_048_576, Gi: 1_073_741_824, Ti: 1_099_511_627_776,
  } // biome-ignore format: one list
  return Number(match[1]) * (scale[match[2] ?? ''] ?? 1) * (milli ? 1000 : 1)
}

function shown(amount: number, name: string): string {
  if (name === 'cpu') return amount % 1000 === 0 ? String(amount / 1000) : `${amount}m`
  for (const [unit, size] of [
    ['Gi', 1_073_741_824],
    ['Mi', 1_048_576],
    ['Ki', 1024],
  ] as const) {
    if (amount !== 0 && amount % size === 0) return `${amount / size}${unit}`
  }
  return String(amount)
}

function podLines(sheet: Sheet, pods: readonly JsonObject[], allocatable: JsonObject): void {
  line(sheet, 0, `Non-terminated Pods:\t(${pods.length} in total)`)
  line(sheet, 1, 'Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge')
  line(sheet, 1, '---------\t----\t\t------------\t----------\t---------------\t-------------\t---')
  const whole = (name: string) => amountOf(str(allocatable, name), name === 'cpu')
  const percent = (amount: number, name: string) => {
    const all = whole(name)
    return `${shown(amount, name)} (${all === 0 ? 0 : Math.trunc((amount / all) * 100)}%)`
  }
  const sum = (pod: JsonObject, key: string, name: string) =>
    arr(obj(pod, 'spec'), 'containers').reduce(
      (total, one) => total + amountOf(str(obj(obj(one, 'resources'), key), name), name === 'cpu'),
      0,
    )
  for (const pod of pods) {
    const meta = metaOf(pod)
    const cells = (['cpu', 'memory'] as const).flatMap((name) =>
      (['requests', 'limits'] as const).map((key) => percent(sum(pod, key, name), name)),
    )
    const age = parseTime(str(field(pod, 'metadata'), 'creationTimestamp'))
    const ago = age === undefined ? '<unknown>' : humanDuration((sheet.nowMs - age) * 1_000_000)
    line(sheet, 1, `${meta.namespace}\t${meta.name}\t\t${cells.join('\t')}\t${ago}`)
  }
  line(sheet, 0, 'Allocated resources:')
  line(sheet, 1, '(Total limits may be over 100 percent, i.e., overcommitted.)')
  line(sheet, 1, 'Resource\tRequests\tLimits')
  line(sheet, 1, '--------\t--------\t------')
  const huge = Object.keys(allocatable).filter((name) => name.startsWith('hugepages-'))
  for (const name of ['cpu', 'memory', 'ephemeral-storage', ...huge.sort()]) {
    const cells = ['requests', 'limits'].map((key) =>
      percent(
        pods.reduce((total, pod) => total + sum(pod, key, name), 0),
        name,
      ),
    )
    line(sheet, 1, `${name}\t${cells.join('\t')}`)
  }
}
