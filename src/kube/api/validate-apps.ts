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
import { goMap, type GoValue, immutable, invalidValue, notAllowed, notSupported, required } from './fields.ts'
import { isPercent, qualifiedName, validLabelValue } from './names.ts'
import { matchLabels } from './selectors.ts'
import { validateLabels } from './validate-meta.ts'
import { validateTemplate } from './validate-pod.ts'

export function validateDeployment({ spec }: Deployment, old: ApiObject | undefined): StatusCause[] {
  const was = (old as Deployment | undefined)?.spec
  const causes = nonNegative(spec?.replicas, 'spec.replicas')
  causes.push(...selectorAndTemplate(spec?.selector, spec?.template, 'deployment'))
  causes.push(...strategy(spec ?? {}))
  causes.push(...nonNegative(spec?.minReadySeconds, 'spec.minReadySeconds'))
  causes.push(...nonNegative(spec?.revisionHistoryLimit, 'spec.revisionHistoryLimit'))
  const deadline = spec?.progressDeadlineSeconds
  causes.push(...nonNegative(deadline, 'spec.progressDeadlineSeconds'))
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    causes.push(
      invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'),
    )
  }
  return [...causes, ...fixedSelector(spec?.selector, was?.selector)]
}

export function validateReplicaSet({ spec }: ReplicaSet, old: ApiObject | undefined): StatusCause[] {
  return [
    ...nonNegative(spec?.replicas, 'spec.replicas'),
    ...nonNegative(spec?.minReadySeconds, 'spec.minReadySeconds'),
    ...selectorAndTemplate(spec?.selector, spec?.template, 'replicaset'),
    ...fixedSelector(spec?.selector, (old as ReplicaSet | undefined)?.spec.selector),
  ]
}

const STATEFUL_CHANGES = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]

export function validateStatefulSet({ spec }: StatefulSet, old: ApiObject | undefined): StatusCause[] {
  const causes: StatusCause[] = []
  const policies = ['OrderedReady', 'Parallel']
  if (!policies.includes(spec?.podManagementPolicy ?? '')) {
    const words = `must be '${policies[0]}' or '${policies[1]}'`
    causes.push(invalidValue('spec.podManagementPolicy', spec?.podManagementPolicy ?? '', words))
  }
  const type: string = spec?.updateStrategy?.type ?? ''
  if (type !== 'RollingUpdate' && type !== 'OnDelete') {
    causes.push(invalidValue('spec.updateStrategy', type, "must be 'RollingUpdate' or 'OnDelete'"))
  }
  const partition = spec?.updateStrategy?.rollingUpdate?.partition
  causes.push(...nonNegative(partition, 'spec.updateStrategy.rollingUpdate.partition'))
  causes.push(...nonNegative(spec?.replicas, 'spec.replicas'))
  causes.push(...nonNegative(spec?.minReadySeconds, 'spec.minReadySeconds'))
  causes.push(...selectorAndTemplate(spec?.selector, spec?.template, 'statefulset'))
  if (old === undefined) return causes
  const rest = (fields: object) =>
    Object.fromEntries(Object.entries(fields).filter(([key]) => !STATEFUL_CHANGES.includes(key)))
  if (!jsonEqual(rest(spec), rest((old as StatefulSet).spec))) {
    const words =
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    causes.push(notAllowed('spec', words))
  }
  return causes
}

export function validateDaemonSet({ spec }: DaemonSet, old: ApiObject | undefined): StatusCause[] {
  const causes = selectorAndTemplate(spec?.selector, spec?.template, 'daemonset')
  causes.push(...nonNegative(spec?.minReadySeconds, 'spec.minReadySeconds'))
  const { type = '', rollingUpdate } = (spec?.updateStrategy ?? {}) as {
    type?: string
    rollingUpdate?: RollingUpdate
  }
  const path = 'spec.updateStrategy'
  if (type === 'RollingUpdate') {
    const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {}
    causes.push(...amount(maxUnavailable, `${path}.rollingUpdate.maxUnavailable`))
    causes.push(...amount(maxSurge, `${path}.rollingUpdate.maxSurge`))
    const some = Number.parseInt(String(maxUnavailable), 10) > 0
    const more = Number.parseInt(String(maxSurge), 10) > 0
    if (some && more) {
      const words = 'may not be set when maxUnavailable is non-zero'
      causes.push(invalidValue(`${path}.rollingUpdate.maxSurge`, goInt(maxSurge), words))
    }
    if (!some && !more)
      causes.push(required(`${path}.rollingUpdate.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  } else if (type !== 'OnDelete')
    causes.push(notSupported(`${path}.type`, type, ['OnDelete', 'RollingUpdate']))
  causes.push(...nonNegative(spec?.revisionHistoryLimit, 'spec.revisionHistoryLimit'))
  return [...causes, ...fixedSelector(spec?.selector, (old as DaemonSet | undefined)?.spec.selector)]
}

/** `v1.LabelSelector{...}` as Go prints it. */
export function goSelector(selector: LabelSelector | undefined): GoValue {
  const { matchLabels: labels, matchExpressions } = selector ?? {}
  const items = (matchExpressions ?? []).map(({ key, operator, values }) => {
    const list =
      values === undefined ? '[]string(nil)' : `[]string{${values.map((v) => JSON.stringify(v)).join(', ')}}`
    return `v1.LabelSelectorRequirement{Key:"${key}", Operator:"${operator}", Values:${list}}`
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

function nonNegative(n: number | undefined, path: string): StatusCause[] {
  return n !== undefined && n < 0 ? [invalidValue(path, n, 'must be greater than or equal to 0')] : []
}

function selectorAndTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplate | undefined,
  kind: string,
): StatusCause[] {
  const causes: StatusCause[] = []
  const terms = Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions?.length ?? 0)
  if (selector === undefined) causes.push(required('spec.selector'))
  else {
    causes.push(...validateSelector(selector, 'spec.selector'))
    const words = `empty selector is invalid for ${kind}`
    if (terms === 0) causes.push(invalidValue('spec.selector', goSelector(selector), words))
  }
  if (template !== undefined && (selector === undefined || terms > 0)) {
    const labels = template.metadata?.labels
    if (!matchLabels(selector, labels)) {
      const words = '`selector` does not match template `labels`'
      causes.push(invalidValue('spec.template.metadata.labels', goMap(labels), words))
    }
  }
  causes.push(...validateTemplate(template, 'spec.template'))
  const policy = template?.spec?.restartPolicy
  if (policy !== undefined && policy !== 'Always') {
    causes.push(notSupported('spec.template.spec.restartPolicy', policy, ['Always']))
  }
  return causes
}

/** metav1 validation of a LabelSelector. */
export function validateSelector(selector: LabelSelector | undefined, path: string): StatusCause[] {
  const causes = validateLabels(selector?.matchLabels, `${path}.matchLabels`)
  for (const [i, { key, operator, values = [] }] of (selector?.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${i}]`
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        causes.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      const words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
      if (values.length > 0) causes.push(notAllowed(`${at}.values`, words))
    } else causes.push(invalidValue(`${at}.operator`, operator ?? '', 'not a valid selector operator'))
    causes.push(...qualifiedName(key ?? '').map((one) => invalidValue(`${at}.key`, key ?? '', one)))
    for (const [k, value] of values.entries()) {
      causes.push(...validLabelValue(value).map((one) => invalidValue(`${at}.values[${k}]`, value, one)))
    }
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
  if (type !== 'RollingUpdate') return [notSupported(`${path}.type`, type, ['Recreate', 'RollingUpdate'])]
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {}
  const at = `${path}.rollingUpdate.maxUnavailable`
  const causes = [...amount(maxUnavailable, at), ...amount(maxSurge, `${path}.rollingUpdate.maxSurge`)]
  const none = (value: IntOrString) => Number.parseInt(String(value), 10) === 0
  if (none(maxUnavailable) && none(maxSurge)) {
    causes.push(invalidValue(at, goInt(maxUnavailable), 'may not be 0 when `maxSurge` is 0'))
  }
  if (
    typeof maxUnavailable === 'string' &&
    isPercent(maxUnavailable) &&
    Number.parseInt(maxUnavailable, 10) > 100
  ) {
    causes.push(invalidValue(at, goInt(maxUnavailable), 'must not be greater than 100%'))
  }
  return causes
}

/** A number of pods or a percentage. */
function amount(value: IntOrString, path: string): StatusCause[] {
  if (typeof value === 'number') return nonNegative(value, path)
  if (isPercent(value)) return []
  const words =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
  return [invalidValue(path, goInt(value), words)]
}
