/** Workloads. Models pkg/apis/apps/validation (1.32). Not here: volumeClaimTemplates. */
import type {
  DaemonSet,
  Deployment,
  IntOrString,
  LabelSelector,
  PodTemplate,
  ReplicaSet,
  RollingUpdate,
  StatefulSet,
} from '../objects.ts'
import type { ApiObject, StatusCause } from '../types.ts'
import { jsonEqual } from '../types.ts'
import {
  goMap,
  type GoValue,
  immutable,
  invalidAll,
  invalidValue,
  nonNegative,
  notAllowed,
  notSupported,
  quote,
  required,
} from './fields.ts'
import { validPercent } from './names.ts'
import { matchLabels } from './selectors.ts'
import { validateSelector } from './validate-meta.ts'
import { validateTemplate, validateTemplateMeta } from './validate-pod.ts'

export function validateDeployment({ spec }: Deployment, old: ApiObject | undefined): StatusCause[] {
  const was = (old as Deployment | undefined)?.spec
  const causes = nonNegative('spec.replicas', spec?.replicas)
  causes.push(...selectorAndTemplate(spec, 'deployment', 'ReplicaSet'))
  causes.push(...strategy(spec ?? {}))
  causes.push(...nonNegative('spec.minReadySeconds', spec?.minReadySeconds))
  causes.push(...nonNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit))
  const deadline = spec?.progressDeadlineSeconds
  causes.push(...nonNegative('spec.progressDeadlineSeconds', deadline))
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    causes.push(
      invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'),
    )
  }
  return [...causes, ...fixedSelector(spec?.selector, was?.selector)]
}

export function validateReplicaSet({ spec }: ReplicaSet, old: ApiObject | undefined): StatusCause[] {
  return [
    ...nonNegative('spec.replicas', spec?.replicas),
    ...nonNegative('spec.minReadySeconds', spec?.minReadySeconds),
    // Upstream's word for a ReplicaSet too.
    ...selectorAndTemplate(spec, 'deployment', 'ReplicaSet'),
    ...fixedSelector(spec?.selector, (old as ReplicaSet | undefined)?.spec.selector),
  ]
}

const STATEFUL_CHANGES = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]

export function validateStatefulSet({ spec }: StatefulSet, old: ApiObject | undefined): StatusCause[] {
  const causes: StatusCause[] = []
  const policies = ['OrderedReady', 'Parallel']
  const policy: string = spec?.podManagementPolicy ?? ''
  if (policy === '') causes.push(required('spec.podManagementPolicy'))
  else if (!policies.includes(policy)) {
    const words = `must be '${policies[0]}' or '${policies[1]}'`
    causes.push(invalidValue('spec.podManagementPolicy', policy, words))
  }
  causes.push(...statefulStrategy(spec?.updateStrategy))
  causes.push(...nonNegative('spec.replicas', spec?.replicas))
  causes.push(...nonNegative('spec.minReadySeconds', spec?.minReadySeconds))
  const { ordinals } = (spec ?? {}) as { ordinals?: { start?: number } }
  causes.push(...nonNegative('spec.ordinals.start', ordinals?.start))
  causes.push(...selectorAndTemplate(spec, 'statefulset', 'StatefulSet', validateTemplateMeta))
  if (old === undefined) return causes
  const rest = (fields: object) =>
    Object.fromEntries(Object.entries(fields).filter(([key]) => !STATEFUL_CHANGES.includes(key)))
  if (!jsonEqual(rest(spec), rest((old as StatefulSet).spec))) {
    const words =
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    causes.push(notAllowed('spec', words))
  }
  return causes
}

function statefulStrategy(
  given: { type?: string; rollingUpdate?: { readonly partition?: number } } | undefined,
): StatusCause[] {
  const { type = '', rollingUpdate } = given ?? {}
  const path = 'spec.updateStrategy'
  if (type === '') return [required(path)]
  const { partition = 0 } = rollingUpdate ?? {}
  if (type === 'RollingUpdate')
    return nonNegative(`${path}.rollingUpdate.partition`, rollingUpdate?.partition)
  if (type === 'OnDelete') {
    const words = "only allowed for updateStrategy 'RollingUpdate'"
    const value = {
      go: `apps.RollingUpdateStatefulSetStrategy{Partition:${partition}, MaxUnavailable:(*intstr.IntOrString)(nil)}`,
    }
    return rollingUpdate === undefined ? [] : [invalidValue(`${path}.rollingUpdate`, value, words)]
  }
  const value = goStrategy('StatefulSetUpdateStrategy', type, 'RollingUpdateStatefulSetStrategy')
  return [invalidValue(path, value, "must be 'RollingUpdate' or 'OnDelete'")]
}

/** A strategy whose type means nothing, as Go prints it. */
function goStrategy(name: string, type: string, rolling: string): GoValue {
  return { go: `apps.${name}{Type:${quote(type)}, RollingUpdate:(*apps.${rolling})(nil)}` }
}

export function validateDaemonSet({ spec }: DaemonSet, old: ApiObject | undefined): StatusCause[] {
  const causes = daemonSelector(spec?.selector, spec?.template)
  causes.push(
    ...validateTemplate(spec?.template, 'spec.template'),
    ...runsForever(spec?.template, 'DaemonSet'),
  )
  causes.push(...nonNegative('spec.minReadySeconds', spec?.minReadySeconds))
  const { type = '', rollingUpdate } = (spec?.updateStrategy ?? {}) as {
    type?: string
    rollingUpdate?: RollingUpdate
  }
  const path = 'spec.updateStrategy'
  if (type === 'RollingUpdate') causes.push(...daemonRolling(rollingUpdate ?? {}, `${path}.rollingUpdate`))
  else if (type !== 'OnDelete') {
    const value = goStrategy('DaemonSetUpdateStrategy', type, 'RollingUpdateDaemonSet')
    causes.push(notSupported(path, value, ['RollingUpdate', 'OnDelete']))
  }
  causes.push(...nonNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit))
  return [...causes, ...fixedSelector(spec?.selector, (old as DaemonSet | undefined)?.spec.selector)]
}

/** Without a selector nothing matches; that it is missing is not said. */
function daemonSelector(
  selector: LabelSelector | undefined,
  template: PodTemplate | undefined,
): StatusCause[] {
  const causes = validateSelector(selector, 'spec.selector')
  const labels = template?.metadata?.labels
  if (causes.length === 0 && !(selector !== undefined && matchLabels(selector, labels))) {
    const words = '`selector` does not match template `labels`'
    causes.push(invalidValue('spec.template.metadata.labels', goMap(labels), words))
  }
  if (selector !== undefined && isEmpty(selector)) {
    causes.push(
      invalidValue('spec.selector', goSelector(selector), 'empty selector is invalid for daemonset'),
    )
  }
  return causes
}

function daemonRolling({ maxUnavailable = 0, maxSurge = 0 }: RollingUpdate, path: string): StatusCause[] {
  const causes = [
    ...amount(maxUnavailable, `${path}.maxUnavailable`),
    ...amount(maxSurge, `${path}.maxSurge`),
    ...atMostAll(maxUnavailable, `${path}.maxUnavailable`),
    ...atMostAll(maxSurge, `${path}.maxSurge`),
  ]
  const some = number(maxUnavailable) !== 0
  const more = number(maxSurge) !== 0
  if (some && more) {
    const words = 'may not be set when maxUnavailable is non-zero'
    causes.push(invalidValue(`${path}.maxSurge`, goInt(maxSurge), words))
  }
  if (!some && !more) causes.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  return causes
}

/** `v1.LabelSelector{...}` as Go prints it. */
export function goSelector(selector: LabelSelector | undefined): GoValue {
  const { matchLabels: labels, matchExpressions } = selector ?? {}
  const items = (matchExpressions ?? []).map(({ key, operator, values }) => {
    const list =
      values === undefined ? '[]string(nil)' : `[]string{${values.map((v) => JSON.stringify(v)).join(', ')}}`
    return `v1.LabelSelectorRequirement{Key:"${key ?? ''}", Operator:"${operator ?? ''}", Values:${list}}`
  })
  const list = matchExpressions === undefined ? '(nil)' : `{${items.join(', ')}}`
  return {
    go: `v1.LabelSelector{MatchLabels:${goMap(labels).go}, MatchExpressions:[]v1.LabelSelectorRequirement${list}}`,
  }
}

function goInt(value: IntOrString): GoValue {
  const text = typeof value === 'string'
  return {
    go: `intstr.IntOrString{Type:${text ? 1 : 0}, IntVal:${text ? 0 : value}, StrVal:${JSON.stringify(text ? value : '')}}`,
  }
}

function isEmpty({ matchLabels: labels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(labels ?? {}).length + (matchExpressions?.length ?? 0) === 0
}

function selectorAndTemplate(
  spec: { readonly selector?: LabelSelector; readonly template?: PodTemplate } | undefined,
  kind: string,
  pods: string,
  check = validateTemplate as (template: PodTemplate, path: string) => StatusCause[],
): StatusCause[] {
  const causes: StatusCause[] = []
  const { selector, template } = spec ?? {}
  if (selector === undefined) causes.push(required('spec.selector'))
  else {
    causes.push(...validateSelector(selector, 'spec.selector'))
    const words = `empty selector is invalid for ${kind}`
    if (isEmpty(selector)) causes.push(invalidValue('spec.selector', goSelector(selector), words))
  }
  if (selector !== undefined && unreadable(selector)) {
    const words = pods === 'StatefulSet' ? '' : 'invalid label selector'
    return [...causes, invalidValue('spec.selector', goSelector(selector), words)]
  }
  const given = template ?? ({} as PodTemplate)
  const labels = given.metadata?.labels
  // No selector means nothing, an empty one everything.
  if (selector === undefined ? true : !isEmpty(selector) && !matchLabels(selector, labels)) {
    const words = '`selector` does not match template `labels`'
    causes.push(invalidValue('spec.template.metadata.labels', goMap(labels), words))
  }
  return [...causes, ...check(given, 'spec.template'), ...runsForever(given, pods)]
}

/** What cannot be made a selector of: an operator that is none, values where none or some must be, a key that is none. */
function unreadable(selector: LabelSelector): boolean {
  return validateSelector(selector, '').length > 0
}

/** Pods of a workload are started again for ever. */
function runsForever(template: PodTemplate | undefined, kind: string): StatusCause[] {
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {}
  const causes: StatusCause[] = []
  if (restartPolicy !== 'Always') {
    causes.push(notSupported('spec.template.spec.restartPolicy', restartPolicy ?? '', ['Always']))
  }
  if (activeDeadlineSeconds !== undefined) {
    const words = `activeDeadlineSeconds in ${kind} is not Supported`
    causes.push(notAllowed('spec.template.spec.activeDeadlineSeconds', words))
  }
  return causes
}

function fixedSelector(now: LabelSelector | undefined, was: LabelSelector | undefined): StatusCause[] {
  if (was === undefined || jsonEqual(now, was)) return []
  return [immutable('spec.selector', goSelector(now))]
}

function strategy(spec: Partial<Deployment['spec']>): StatusCause[] {
  const path = 'spec.strategy'
  const { type = '', rollingUpdate } = (spec.strategy ?? {}) as {
    type?: string
    rollingUpdate?: RollingUpdate
  }
  if (type === 'Recreate') {
    const words = "may not be specified when strategy `type` is 'Recreate'"
    return rollingUpdate === undefined ? [] : [notAllowed(`${path}.rollingUpdate`, words)]
  }
  if (type !== 'RollingUpdate') {
    const value = goStrategy('DeploymentStrategy', type, 'RollingUpdateDeployment')
    return [notSupported(path, value, ['Recreate', 'RollingUpdate'])]
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {}
  const at = `${path}.rollingUpdate.maxUnavailable`
  const causes = [...amount(maxUnavailable, at), ...amount(maxSurge, `${path}.rollingUpdate.maxSurge`)]
  if (number(maxUnavailable) === 0 && number(maxSurge) === 0) {
    causes.push(invalidValue(at, goInt(maxUnavailable), 'may not be 0 when `maxSurge` is 0'))
  }
  return [...causes, ...atMostAll(maxUnavailable, at)]
}

/** A number of pods or a percentage. */
function amount(value: IntOrString, path: string): StatusCause[] {
  if (typeof value === 'number') return nonNegative(path, value)
  return invalidAll(path, goInt(value), validPercent(value))
}

/** The number of pods or of percents; what is neither counts as its leading digits do to Go: as 0. */
function number(value: IntOrString): number {
  if (typeof value === 'number') return value
  return /^[+-]?\d+%?$/.test(value) ? Number.parseInt(value, 10) : 0
}

function atMostAll(value: IntOrString, path: string): StatusCause[] {
  const over = typeof value === 'string' && validPercent(value).length === 0 && number(value) > 100
  return over ? [invalidValue(path, goInt(value), 'must not be greater than 100%')] : []
}
