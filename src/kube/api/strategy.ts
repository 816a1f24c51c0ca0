/**
 * What the server does to an object beside defaulting and validating: the fields it owns, when the generation grows,
 * and the admission plug-ins that a kubeadm cluster has on: NamespaceLifecycle, ServiceAccount, Priority,
 * DefaultTolerationSeconds, NodeTaint. Models the strategies in pkg/registry and plugin/pkg/admission (1.32).
 */
import type { Container, Node, Pod, Quantities } from '../objects.ts'
import type { ApiObject, Draft, ResourceInfo, Status } from '../types.ts'
import { jsonEqual, resourceKey } from '../types.ts'
import type { Mutable } from './draft.ts'
import { thaw } from './draft.ts'
import { forbidden } from './status.ts'

type M<T> = Mutable<T>
type Fields = Record<string, unknown>

/** Kinds whose generation counts changes of anything but metadata and status. */
const counted = new Set([
  'deployments.apps',
  'replicasets.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'ingresses.networking.k8s.io',
  'ingressclasses.networking.k8s.io',
  'networkpolicies.networking.k8s.io',
  'endpointslices.discovery.k8s.io',
])

export function hasStatus(info: ResourceInfo): boolean {
  return info.subresources.includes('status')
}

/** Fields that a create or update through the main resource may not set. */
export function prepareCreate(info: ResourceInfo, draft: M<Draft>): void {
  const key = resourceKey(info)
  const fields = draft as unknown as Fields
  if (hasStatus(info)) delete fields.status
  if (counted.has(key)) draft.metadata.generation = 1
  else delete draft.metadata.generation
  if (key === 'pods') {
    const pod = draft as unknown as M<Pod>
    pod.status = { phase: 'Pending', qosClass: qosClass(pod) }
    holdBack(pod)
    labelKeys(pod)
  } else if (key === 'services') fields.status = { loadBalancer: {} }
  else if (key === 'ingresses.networking.k8s.io') fields.status = { loadBalancer: {} }
  else if (key === 'namespaces') {
    fields.status = { phase: 'Active' }
    fields.spec = { finalizers: ['kubernetes'] }
  } else if (key === 'nodes') {
    const given = (draft as unknown as M<Node>).status
    // The kubelet registers its node with addresses and capacity in one write; the strategy lets a create carry status.
    if (given !== undefined) fields.status = given
  } else if (key === 'deployments.apps') fields.status = {}
  else if (key === 'replicasets.apps') fields.status = { replicas: 0 }
  else if (key === 'statefulsets.apps') fields.status = { replicas: 0, availableReplicas: 0 }
  else if (key === 'daemonsets.apps') {
    fields.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    }
    putTemplateGeneration(draft, Math.max(1, templateGeneration(draft)))
  }
}

/** Takes from the stored object what an update through the main resource may not change; counts generations. */
export function prepareUpdate(info: ResourceInfo, draft: M<Draft>, old: ApiObject): void {
  const key = resourceKey(info)
  const fields = draft as unknown as Fields
  const before = old as unknown as Fields
  if (hasStatus(info)) keep(fields, before, 'status')
  if (key === 'namespaces') keep(fields, before, 'spec')
  const { generation } = old.metadata
  if (!counted.has(key)) {
    if (generation === undefined) delete draft.metadata.generation
    else draft.metadata.generation = generation
    return
  }
  if (key === 'daemonsets.apps') {
    const template = (spec: unknown) => (spec as Fields | undefined)?.template
    const more = jsonEqual(template(fields.spec), template(before.spec)) ? 0 : 1
    putTemplateGeneration(draft, templateGeneration(old) + more)
  }
  const same = sameContent(fields, before) && !(key === 'deployments.apps' && annotationsDiffer(draft, old))
  draft.metadata.generation = (generation ?? 0) + (same ? 0 : 1)
}

const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

/** How many templates a DaemonSet has had: a field once, an annotation that only the server writes now. */
function templateGeneration({ metadata }: { readonly metadata: Draft['metadata'] }): number {
  const text = metadata.annotations?.[TEMPLATE_GENERATION] ?? ''
  return /^-?[0-9]+$/.test(text) ? Number(text) : 0
}

function putTemplateGeneration({ metadata }: M<Draft>, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: `${generation}` }
}

/** Through its subresource a pod gets ephemeral containers and nothing else. */
export function prepareEphemeral(draft: M<Draft>, old: ApiObject): M<Draft> {
  const { ephemeralContainers } = ((draft as unknown as Fields).spec ?? {}) as Fields
  const { spec, ...rest } = old as unknown as { spec: Fields }
  const { ephemeralContainers: _, ...kept } = spec
  const more = ephemeralContainers === undefined ? {} : { ephemeralContainers }
  return { ...rest, spec: { ...kept, ...more } } as unknown as M<Draft>
}

/** An update of the status leaves everything else as it is stored. */
export function prepareStatus(draft: M<Draft>, old: ApiObject): M<Draft> {
  const { status } = draft as unknown as Fields
  const { metadata } = draft
  const merged = { ...old, metadata: { ...old.metadata }, ...(status === undefined ? {} : { status }) }
  const fields = merged as unknown as { metadata: Fields }
  for (const name of ['labels', 'annotations', 'finalizers', 'managedFields'] as const) {
    if (metadata[name] === undefined) delete fields.metadata[name]
    else fields.metadata[name] = metadata[name]
  }
  return merged as unknown as M<Draft>
}

function keep(fields: Fields, before: Fields, name: string): void {
  if (Object.hasOwn(before, name)) fields[name] = before[name]
  else delete fields[name]
}

function sameContent(a: Fields, b: Fields): boolean {
  const outside = new Set(['metadata', 'status', 'apiVersion', 'kind'])
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  for (const name of names) if (!outside.has(name) && !jsonEqual(a[name], b[name])) return false
  return true
}

function annotationsDiffer(draft: M<Draft>, old: ApiObject): boolean {
  return !jsonEqual(draft.metadata.annotations ?? {}, old.metadata.annotations ?? {})
}

/** A pod with gates says so from its first moment. */
function holdBack(pod: M<Pod>): void {
  const { schedulingGates = [] } = (pod.spec ?? {}) as { readonly schedulingGates?: readonly object[] }
  if (schedulingGates.length === 0 || pod.status === undefined) return
  const message = 'Scheduling is blocked due to non-empty scheduling gates'
  const reason = 'SchedulingGated'
  pod.status.conditions = [{ type: 'PodScheduled', status: 'False', reason, message }]
}

/** What matchLabelKeys and mismatchLabelKeys mean for a pod is written into the selectors of its affinity. */
function labelKeys(pod: M<Pod>): void {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {}
  const labels = pod.metadata.labels ?? {}
  for (const kind of [podAffinity, podAntiAffinity]) {
    const wishes = kind?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    const terms = kind?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    for (const term of [...terms, ...wishes.map((one) => one.podAffinityTerm)]) {
      const { matchLabelKeys = [], mismatchLabelKeys = [] } = term ?? {}
      if (term?.labelSelector === undefined) continue
      for (const [operator, keys] of [
        ['In', matchLabelKeys],
        ['NotIn', mismatchLabelKeys],
      ] as const) {
        for (const key of keys) {
          if (!Object.hasOwn(labels, key)) continue
          term.labelSelector.matchExpressions ??= []
          term.labelSelector.matchExpressions.push({ key, operator, values: [labels[key]!] })
        }
      }
    }
  }
}

/** The admission plug-ins on a create: changes the draft, or refuses it. `suffix` names the token volume. */
export function admitCreate(
  info: ResourceInfo,
  draft: M<Draft>,
  context: { readonly serviceAccountExists: (name: string) => boolean; readonly suffix: () => string },
): Status | undefined {
  const key = resourceKey(info)
  if (key === 'nodes') {
    const node = draft as unknown as M<Node>
    node.spec ??= {}
    const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' as const }
    if (!node.spec.taints?.some((one) => one.key === taint.key && one.effect === taint.effect)) {
      node.spec.taints = [...(node.spec.taints ?? []), taint]
    }
    return undefined
  }
  if (key !== 'pods') return undefined
  const pod = draft as unknown as M<Pod>
  if (pod.spec === undefined) return undefined
  const { spec } = pod
  const mirror = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined
  if (!mirror) {
    spec.serviceAccountName = spec.serviceAccountName || 'default'
    spec.serviceAccount = spec.serviceAccountName
    const account = spec.serviceAccountName
    if (account !== 'default' && !context.serviceAccountExists(account)) {
      const where = `${pod.metadata.namespace}/${account}`
      const why = `error looking up service account ${where}: serviceaccount "${account}" not found`
      return forbidden(info, pod.metadata.name ?? '', why)
    }
    mountToken(pod, context.suffix)
  }
  return admitPriority(info, pod) ?? tolerate(pod)
}

const priorities: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
}

function admitPriority(info: ResourceInfo, pod: M<Pod>): Status | undefined {
  const { spec } = pod
  const name = spec.priorityClassName ?? ''
  if (name !== '' && !Object.hasOwn(priorities, name)) {
    return forbidden(info, pod.metadata.name ?? '', `no PriorityClass with name ${name} was found`)
  }
  const computed = { priority: priorities[name] ?? 0, preemptionPolicy: 'PreemptLowerPriority' }
  for (const [field, what] of [
    ['priority', 'the integer value of priority'],
    ['preemptionPolicy', 'the string value of PreemptionPolicy'],
  ] as const) {
    const [given, due] = [spec[field], computed[field]]
    // An empty policy is refused by validation.
    if (given === undefined || given === '' || given === due) continue
    const why = `must not be provided in pod spec; priority admission controller computed ${due}`
    const message = `${what} (${given}) ${why} from the given PriorityClass name`
    return forbidden(info, pod.metadata.name ?? '', message)
  }
  spec.priority ??= computed.priority
  spec.preemptionPolicy ??= computed.preemptionPolicy
  return undefined
}

function tolerate(pod: M<Pod>): undefined {
  const { spec } = pod
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const has = spec.tolerations?.some(
      (one) => (one.key === key || !one.key) && (one.effect === 'NoExecute' || !one.effect),
    )
    if (has) continue
    const one = { key, operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds: 300 }
    spec.tolerations = [...(spec.tolerations ?? []), one]
  }
}

const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

function mountToken(pod: M<Pod>, suffix: () => string): void {
  const { spec } = pod
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])]
  const lacks = (c: M<Container>) => !c.volumeMounts?.some((mount) => mount.mountPath === TOKEN_PATH)
  const automount = (spec as { automountServiceAccountToken?: boolean }).automountServiceAccountToken
  if (automount === false || !containers.some(lacks)) return
  // Joined, and appended by `concat`, so that each takes no more room than it needs: every pod has them.
  const name = ['kube-api-access-', suffix()].join('')
  for (const c of containers) {
    const mount = { name, readOnly: true, mountPath: TOKEN_PATH }
    if (lacks(c)) c.volumeMounts = (c.volumeMounts ?? []).concat([mount])
  }
  const volume = {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 420,
    },
  }
  spec.volumes = (spec.volumes ?? []).concat([thaw(volume)])
}

/** Guaranteed: every container limits cpu and memory and requests just that. BestEffort: nobody says anything. */
export function qosClass(
  pod: { readonly spec?: Pick<Pod, 'spec'>['spec'] } | M<Pod>,
): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [
    ...(pod.spec?.initContainers ?? []),
    ...(pod.spec?.containers ?? []),
  ] as readonly Container[]
  const amounts = (list: Quantities | undefined) =>
    Object.entries(list ?? {}).filter(([name, n]) => (name === 'cpu' || name === 'memory') && `${n}` !== '0')
  let any = false
  let all = containers.length > 0
  for (const { resources } of containers) {
    const limits = amounts(resources?.limits)
    const requests = amounts(resources?.requests)
    if (limits.length + requests.length > 0) any = true
    const same = requests.every(([name, n]) => `${resources?.limits?.[name]}` === `${n}`)
    if (limits.length < 2 || !same) all = false
  }
  return any ? (all ? 'Guaranteed' : 'Burstable') : 'BestEffort'
}
