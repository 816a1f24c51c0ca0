/** Where a pod may run: affinity, spread constraints, tolerations. Models pkg/apis/core/validation (1.32). */
import type {
  Affinity,
  LabelSelector,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  SelectorRequirement,
  Toleration,
  TopologySpreadConstraint,
} from '../objects.ts'
import type { StatusCause } from '../types.ts'
import {
  duplicate,
  invalidAll,
  invalidValue,
  notAllowed,
  notSupported,
  oneOf,
  required,
  requiredOneOf,
} from './fields.ts'
import { dns1123Label, dns1123Subdomain, qualifiedName, validLabelValue } from './names.ts'
import { validateSelector } from './validate-meta.ts'

/** In the order in which the server prints them. */
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

/** A taint's effect, which must be given, or a toleration's. */
export function taintEffect(effect: string | undefined, path: string): StatusCause[] {
  return requiredOneOf(path, effect, EFFECTS)
}

export function validateTolerations(list: readonly Toleration[] | undefined, path: string): StatusCause[] {
  return (list ?? []).flatMap((one, i) => toleration(one, `${path}[${i}]`))
}

function toleration(one: Toleration, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const { key = '', operator = '', value = '', effect = '' } = one
  if (key !== '') causes.push(...invalidAll(`${path}.key`, key, qualifiedName(key)))
  else if (operator !== 'Exists') {
    const words = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
    causes.push(invalidValue(`${path}.operator`, operator, words))
  }
  if (one.tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const words = "effect must be 'NoExecute' when `tolerationSeconds` is set"
    causes.push(invalidValue(`${path}.effect`, effect, words))
  }
  if (operator === 'Equal' || operator === '') {
    const words = validLabelValue(value)
    if (words.length > 0) causes.push(invalidValue(`${path}.operator`, value, words.join(';')))
  } else if (operator === 'Exists') {
    const words = "value must be empty when `operator` is 'Exists'"
    if (value !== '') causes.push(invalidValue(`${path}.operator`, value, words))
  } else causes.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']))
  if (effect !== '') causes.push(...taintEffect(effect, `${path}.effect`))
  return causes
}

type Spread = TopologySpreadConstraint & {
  readonly nodeAffinityPolicy?: string
  readonly nodeTaintsPolicy?: string
  readonly matchLabelKeys?: readonly string[]
}

export function validateSpread(list: readonly Spread[] | undefined, path: string): StatusCause[] {
  return (list ?? []).flatMap((one, i) => spread(one, (list ?? []).slice(i + 1), `${path}[${i}]`))
}

function spread(one: Spread, rest: readonly Spread[], path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '', minDomains } = one
  if (maxSkew <= 0) causes.push(invalidValue(`${path}.maxSkew`, maxSkew, 'must be greater than zero'))
  if (topologyKey === '') causes.push(required(`${path}.topologyKey`, 'can not be empty'))
  const kinds = ['DoNotSchedule', 'ScheduleAnyway']
  causes.push(...oneOf(`${path}.whenUnsatisfiable`, whenUnsatisfiable, kinds))
  if (rest.some((two) => two.topologyKey === topologyKey && two.whenUnsatisfiable === whenUnsatisfiable)) {
    const pair = `{${topologyKey}, ${whenUnsatisfiable}}`
    causes.push(duplicate(`${path}.{topologyKey, whenUnsatisfiable}`, pair))
  }
  if (minDomains !== undefined) {
    const at = `${path}.minDomains`
    if (minDomains <= 0) causes.push(invalidValue(at, minDomains, 'must be greater than zero'))
    const words = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`
    if (whenUnsatisfiable !== 'DoNotSchedule') causes.push(invalidValue(at, minDomains, words))
  }
  const policies = ['Honor', 'Ignore']
  causes.push(...oneOf(`${path}.nodeAffinityPolicy`, one.nodeAffinityPolicy, policies))
  causes.push(...oneOf(`${path}.nodeTaintsPolicy`, one.nodeTaintsPolicy, policies))
  causes.push(...matchLabelKeys(one, `${path}.matchLabelKeys`))
  return [...causes, ...validateSelector(one.labelSelector, `${path}.labelSelector`)]
}

function selectorKeys(selector: LabelSelector | undefined): Set<string> {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {}
  return new Set([...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)])
}

function matchLabelKeys({ matchLabelKeys: keys = [], labelSelector }: Spread, path: string): StatusCause[] {
  if (keys.length === 0) return []
  const used = selectorKeys(labelSelector)
  const words = 'must not be specified when labelSelector is not set'
  const causes = labelSelector === undefined ? [notAllowed(path, words)] : []
  for (const [i, key] of keys.entries()) {
    causes.push(...invalidAll(`${path}[${i}]`, key, qualifiedName(key)))
    if (used.has(key)) {
      causes.push(invalidValue(`${path}[${i}]`, key, 'exists in both matchLabelKeys and labelSelector'))
    }
  }
  return causes
}

export function validateAffinity(affinity: Affinity | undefined, path: string): StatusCause[] {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {}
  const causes: StatusCause[] = []
  const must = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  if (must !== undefined) {
    const at = `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`
    const terms = must.nodeSelectorTerms ?? []
    if (terms.length === 0) causes.push(required(at, 'must have at least one node selector term'))
    causes.push(...terms.flatMap((one, i) => nodeTerm(one, `${at}[${i}]`, true)))
  }
  const wished = nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  for (const [i, { weight = 0, preference }] of wished.entries()) {
    const at = `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}]`
    causes.push(
      ...inHundred(weight, `${at}.weight`),
      ...nodeTerm(preference ?? {}, `${at}.preference`, false),
    )
  }
  causes.push(...podAffinityTerms(podAffinity, `${path}.podAffinity`))
  return [...causes, ...podAffinityTerms(podAntiAffinity, `${path}.podAntiAffinity`)]
}

function inHundred(weight: number, path: string): StatusCause[] {
  return weight > 0 && weight <= 100 ? [] : [invalidValue(path, weight, 'must be in the range 1-100')]
}

function nodeTerm(term: NodeSelectorTerm, path: string, strict: boolean): StatusCause[] {
  const { matchExpressions = [], matchFields = [] } = term
  return [
    ...matchExpressions.flatMap((one, i) => nodeRequirement(one, `${path}.matchExpressions[${i}]`, strict)),
    ...matchFields.flatMap((one, i) => fieldRequirement(one, `${path}.matchFields[${i}]`)),
  ]
}

function nodeRequirement(one: SelectorRequirement, path: string, strict: boolean): StatusCause[] {
  const causes: StatusCause[] = []
  const { key = '', values = [] } = one
  const operator: string = one.operator ?? ''
  const at = `${path}.values`
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        causes.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"))
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        causes.push(notAllowed(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      }
      break
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        causes.push(required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
      }
      break
    default:
      causes.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'))
  }
  causes.push(...invalidAll(`${path}.key`, key, qualifiedName(key)))
  if (!strict) return causes
  return [...causes, ...values.flatMap((one, i) => invalidAll(`${at}[${i}]`, one, validLabelValue(one)))]
}

function fieldRequirement(one: SelectorRequirement, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const { key = '', operator = '', values = [] } = one
  if (operator === 'In' || operator === 'NotIn') {
    const words = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
    if (values.length !== 1) causes.push(required(`${path}.values`, words))
  } else causes.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'))
  if (key !== 'metadata.name') {
    return [...causes, invalidValue(`${path}.key`, key, 'not a valid field selector key')]
  }
  const names = values.flatMap((name, i) => invalidAll(`${path}.values[${i}]`, name, dns1123Subdomain(name)))
  return [...causes, ...names]
}

type Term = PodAffinityTerm & {
  readonly matchLabelKeys?: readonly string[]
  readonly mismatchLabelKeys?: readonly string[]
}

function podAffinityTerms(affinity: PodAffinity | undefined, path: string): StatusCause[] {
  const must = affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const wished = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  const first = `${path}.requiredDuringSchedulingIgnoredDuringExecution`
  const second = `${path}.preferredDuringSchedulingIgnoredDuringExecution`
  return [
    ...must.flatMap((one, i) => podTerm(one, `${first}[${i}]`)),
    ...wished.flatMap(({ weight = 0, podAffinityTerm }, i) => [
      ...inHundred(weight, `${second}[${i}].weight`),
      ...podTerm(podAffinityTerm ?? {}, `${second}[${i}].podAffinityTerm`),
    ]),
  ]
}

function podTerm(term: Term, path: string): StatusCause[] {
  const { topologyKey = '', labelSelector, namespaceSelector, namespaces = [] } = term
  const causes = validateSelector(labelSelector, `${path}.labelSelector`)
  causes.push(...validateSelector(namespaceSelector, `${path}.namespaceSelector`))
  // The server's path is in the singular.
  for (const name of namespaces) causes.push(...invalidAll(`${path}.namespace`, name, dns1123Label(name)))
  const { matchLabelKeys: keys = [], mismatchLabelKeys: others = [] } = term
  for (const [name, list] of [
    ['matchLabelKeys', keys],
    ['mismatchLabelKeys', others],
  ] as const) {
    const at = `${path}.${name}`
    if (list.length > 0 && labelSelector === undefined) {
      causes.push(notAllowed(at, 'must not be specified when labelSelector is not set'))
    } else causes.push(...list.flatMap((key, i) => invalidAll(`${at}[${i}]`, key, qualifiedName(key))))
  }
  for (const [i, key] of keys.entries()) {
    const words = 'exists in both matchLabelKeys and mismatchLabelKeys'
    if (others.includes(key)) causes.push(invalidValue(`${path}.matchLabelKeys[${i}]`, key, words))
  }
  if (topologyKey === '') causes.push(required(`${path}.topologyKey`, 'can not be empty'))
  return [...causes, ...invalidAll(`${path}.topologyKey`, topologyKey, qualifiedName(topologyKey))]
}
