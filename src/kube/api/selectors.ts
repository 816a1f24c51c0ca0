/** Label and field selectors. Models apimachinery pkg/labels and pkg/fields, and each kind's selectable fields. */
import type { KubeEvent, LabelSelector, Labels, Node, Pod, Secret, Service } from '../objects.ts'
import type { ApiObject } from '../types.ts'

export interface Requirement {
  readonly key: string
  readonly operator: '=' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt'
  readonly values: readonly string[]
}

const none: Labels = Object.freeze({})

/** metav1.LabelSelector: undefined matches nothing, an empty one everything. */
export function matchLabels(selector: LabelSelector | undefined, labels: Labels = none): boolean {
  if (selector === undefined || selector === null) return false
  const { matchLabels: wanted, matchExpressions } = selector
  if (wanted !== undefined && !matchMap(wanted, labels)) return false
  return (matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const has = Object.hasOwn(labels, key)
    switch (operator) {
      case 'In':
        return has && values.includes(labels[key])
      case 'NotIn':
        return !has || !values.includes(labels[key])
      case 'Exists':
        return has
      case 'DoesNotExist':
        return !has
      default:
        return matchRequirement({ key, operator: operator === 'Gt' ? 'gt' : 'lt', values }, labels)
    }
  })
}

/** Every pair of `wanted` stands in `labels`: what a Service's or a ReplicationController's selector is. */
export function matchMap(wanted: Labels, labels: Labels = none): boolean {
  for (const key of Object.keys(wanted)) {
    if (!Object.hasOwn(labels, key) || labels[key] !== wanted[key]) return false
  }
  return true
}

/** `app=web,tier in (a,b),!old`; the error text is the server's. */
export function parseLabelSelector(text: string): { requirements: Requirement[] } | { error: string } {
  const requirements: Requirement[] = []
  let rest = text.trim()
  while (rest !== '') {
    const match =
      /^(!)?\s*([^\s,=!()<>]+)\s*(?:(==|=|!=)\s*([^\s,()=!]*)|\s(in|notin)\s*\(([^)]*)\)|(>|<)\s*([^\s,]+))?\s*(?:,\s*(?=\S)|$)/.exec(
        rest,
      )
    if (match === null) return { error: `unable to parse requirement: found '${rest}', expected: identifier` }
    const [all, not, key, op, value, set, list, than, number] = match
    if (not !== undefined && (op ?? set ?? than) !== undefined) {
      return {
        error: `unable to parse requirement: found '${op ?? set ?? than}', expected: ',' or 'end of string'`,
      }
    }
    if (not !== undefined) requirements.push({ key, operator: '!', values: [] })
    else if (op !== undefined) requirements.push({ key, operator: op === '!=' ? '!=' : '=', values: [value] })
    else if (set !== undefined) {
      const values = list.split(',').map((one) => one.trim())
      requirements.push({ key, operator: set as 'in' | 'notin', values })
    } else if (than !== undefined) {
      requirements.push({ key, operator: than === '>' ? 'gt' : 'lt', values: [number] })
    } else requirements.push({ key, operator: 'exists', values: [] })
    rest = rest.slice(all.length)
  }
  return { requirements }
}

export function matchRequirements(requirements: readonly Requirement[], labels: Labels = none): boolean {
  return requirements.every((one) => matchRequirement(one, labels))
}

function matchRequirement({ key, operator, values }: Requirement, labels: Labels): boolean {
  const has = Object.hasOwn(labels, key)
  switch (operator) {
    case 'exists':
      return has
    case '!':
      return !has
    case '=':
    case 'in':
      return has && values.includes(labels[key])
    case '!=':
    case 'notin':
      return !has || !values.includes(labels[key])
    default: {
      if (!has || !/^-?\d+$/.test(labels[key])) return false
      return operator === 'gt'
        ? Number(labels[key]) > Number(values[0])
        : Number(labels[key]) < Number(values[0])
    }
  }
}

/** Fields that a selector may name, by resource key; beside metadata.name and metadata.namespace. */
const selectable: Readonly<Record<string, Readonly<Record<string, (object: ApiObject) => string>>>> = {
  pods: {
    'spec.nodeName': (o) => (o as Pod).spec.nodeName ?? '',
    'spec.restartPolicy': (o) => (o as Pod).spec.restartPolicy ?? '',
    'spec.schedulerName': (o) => (o as Pod).spec.schedulerName ?? '',
    'spec.serviceAccountName': (o) => (o as Pod).spec.serviceAccountName ?? '',
    'spec.hostNetwork': (o) => String((o as Pod).spec.hostNetwork ?? false),
    'status.phase': (o) => (o as Pod).status?.phase ?? '',
    'status.podIP': (o) => (o as Pod).status?.podIP ?? '',
    'status.podIPs': (o) => (o as Pod).status?.podIP ?? '',
    'status.nominatedNodeName': (o) => (o as Pod).status?.nominatedNodeName ?? '',
  },
  nodes: { 'spec.unschedulable': (o) => String((o as Node).spec?.unschedulable ?? false) },
  namespaces: {
    'status.phase': (o) => (o as { status?: { phase?: string } } & ApiObject).status?.phase ?? '',
  },
  secrets: { type: (o) => (o as Secret).type ?? '' },
  services: {
    'spec.clusterIP': (o) => (o as Service).spec.clusterIP ?? '',
    'spec.type': (o) => (o as Service).spec.type ?? '',
  },
  'replicasets.apps': {
    'status.replicas': (o) =>
      String((o as { status?: { replicas?: number } } & ApiObject).status?.replicas ?? 0),
  },
  events: {
    'involvedObject.kind': (o) => (o as KubeEvent).involvedObject.kind ?? '',
    'involvedObject.namespace': (o) => (o as KubeEvent).involvedObject.namespace ?? '',
    'involvedObject.name': (o) => (o as KubeEvent).involvedObject.name ?? '',
    'involvedObject.uid': (o) => (o as KubeEvent).involvedObject.uid ?? '',
    'involvedObject.apiVersion': (o) => (o as KubeEvent).involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': (o) => (o as KubeEvent).involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': (o) => (o as KubeEvent).involvedObject.fieldPath ?? '',
    reason: (o) => (o as KubeEvent).reason ?? '',
    reportingComponent: (o) => (o as KubeEvent).reportingComponent ?? '',
    source: (o) => (o as KubeEvent).source?.component ?? (o as KubeEvent).reportingComponent ?? '',
    type: (o) => (o as KubeEvent).type ?? '',
  },
}

const metadataFields: Readonly<Record<string, (object: ApiObject) => string>> = {
  'metadata.name': (o) => o.metadata.name,
  'metadata.namespace': (o) => o.metadata.namespace ?? '',
}

/** A test over both selectors, or the server's words about a bad one. */
export function parseSelectors(
  resource: string,
  labelSelector: string,
  fieldSelector: string,
): { matches: (object: ApiObject) => boolean } | { error: string } {
  const labels = parseLabelSelector(labelSelector)
  if ('error' in labels) return labels
  const tests: { get: (object: ApiObject) => string; value: string; equal: boolean }[] = []
  for (const term of fieldSelector.split(',').filter((part) => part !== '')) {
    const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(term)
    if (match === null) return { error: `invalid selector: '${fieldSelector}'; can't understand '${term}'` }
    const [, name, op, value] = match
    const own = Object.hasOwn(selectable, resource) ? selectable[resource] : {}
    const get = Object.hasOwn(own, name) ? own[name] : metadataFields[name]
    if (get === undefined) return { error: `field label not supported: ${name}` }
    tests.push({ get, value, equal: op !== '!=' })
  }
  const { requirements } = labels
  const matches = (object: ApiObject) =>
    matchRequirements(requirements, object.metadata.labels) &&
    tests.every(({ get, value, equal }) => (get(object) === value) === equal)
  return { matches }
}
