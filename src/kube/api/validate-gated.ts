/** What may be changed of a pod while gates hold it back. Models the gated part of ValidatePodUpdate (1.32). */
import type { NodeSelectorTerm, PodSpec, SelectorRequirement } from '../objects.ts'
import type { StatusCause } from '../types.ts'
import { jsonEqual } from '../types.ts'
import type { GoValue } from './fields.ts'
import { goMap, goStrings, invalidValue, quote } from './fields.ts'

/** While it is gated a pod may be narrowed to fewer nodes. */
export function gatedChanges(now: PodSpec, was: PodSpec): StatusCause[] {
  const causes: StatusCause[] = []
  const { nodeSelector: before = {} } = was
  const selector = now.nodeSelector ?? {}
  if (Object.entries(before).some(([key, value]) => selector[key] !== value)) {
    const words = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'
    causes.push(invalidValue('spec.nodeSelector', goMap(now.nodeSelector), words))
  }
  const terms = ({ affinity }: PodSpec) =>
    affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  const [old, next] = [terms(was), terms(now)]
  if (old.length === 0) return causes
  const at = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
  if (old.length !== next.length) {
    const words = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'
    return [...causes, invalidValue(at, goTerms(next), words)]
  }
  for (const [i, term] of old.entries()) {
    if (onlyAdds(next[i]!, term)) continue
    const words = 'only additions are allowed (no mutations or deletions)'
    causes.push(invalidValue(`${at}[${i}]`, goTerm(next[i]!), words))
  }
  return causes
}

function onlyAdds(now: NodeSelectorTerm, was: NodeSelectorTerm): boolean {
  const lists = [
    [now.matchExpressions ?? [], was.matchExpressions ?? []],
    [now.matchFields ?? [], was.matchFields ?? []],
  ] as const
  if (lists.every(([, old]) => old.length === 0)) return lists.every(([next]) => next.length === 0)
  return lists.every(([next, old]) => jsonEqual(next.slice(0, old.length), old))
}

/** What of an affinity a gated pod keeps as it is. */
export function podsOnly(affinity: PodSpec['affinity']): object | undefined {
  if (affinity?.podAffinity === undefined && affinity?.podAntiAffinity === undefined) return undefined
  return { ...affinity, nodeAffinity: undefined }
}

function goTerms(terms: readonly NodeSelectorTerm[]): GoValue {
  if (terms.length === 0) return { go: '[]core.NodeSelectorTerm(nil)' }
  return { go: `[]core.NodeSelectorTerm{${terms.map((one) => goTerm(one).go).join(', ')}}` }
}

function goTerm({ matchExpressions, matchFields }: NodeSelectorTerm): GoValue {
  const list = (all: readonly SelectorRequirement[] | undefined) => {
    const type = '[]core.NodeSelectorRequirement'
    if (all === undefined) return `${type}(nil)`
    const each = all.map(({ key, operator, values }) => {
      const shown = values === undefined ? '[]string(nil)' : goStrings(values).go
      const op = quote(operator ?? '')
      return `core.NodeSelectorRequirement{Key:${quote(key ?? '')}, Operator:${op}, Values:${shown}}`
    })
    return `${type}{${each.join(', ')}}`
  }
  const [labels, fields] = [list(matchExpressions), list(matchFields)]
  return { go: `core.NodeSelectorTerm{MatchExpressions:${labels}, MatchFields:${fields}}` }
}

/** Fields that are pointers in Go: their zero is not the same as nothing. */
const POINTERS = new Set([
  ...['automountServiceAccountToken', 'shareProcessNamespace', 'enableServiceLinks', 'setHostnameAsFQDN'],
  ...['hostUsers', 'privileged', 'runAsNonRoot', 'readOnlyRootFilesystem', 'allowPrivilegeEscalation'],
  ...['optional', 'hostProcess', 'runAsUser', 'runAsGroup', 'fsGroup', 'tolerationSeconds', 'priority'],
  ...['activeDeadlineSeconds', 'terminationGracePeriodSeconds', 'mode', 'defaultMode', 'minDomains', 'lun'],
  ...['runtimeClassName', 'value', 'targetPort', 'port'],
])

/** A pod's spec without what Go's comparison takes for nothing: zeros of fields that are no pointers, empty lists. */
export function withoutZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeros)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([key, item]) => {
    if (item === undefined || (Array.isArray(item) && item.length === 0)) return false
    if (key === 'resources') return Object.keys(item as object).length > 0
    return POINTERS.has(key) || (item !== '' && item !== 0 && item !== false)
  })
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutZeros(item)]))
}
