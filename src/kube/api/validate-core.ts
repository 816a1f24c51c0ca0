/** ConfigMap, Secret, Node, Event, ControllerRevision. Models pkg/apis/core/validation (1.32). */
import type { ConfigMap, KubeEvent, Namespace, Node, Secret, Taint } from '../objects.ts'
import type { ApiObject, StatusCause } from '../types.ts'
import { jsonEqual } from '../types.ts'
import {
  duplicate,
  goStrings,
  immutable,
  invalidAll,
  invalidValue,
  notAllowed,
  quote,
  required,
  tooLong,
} from './fields.ts'
import { byteLength, configKey, qualifiedName, validCidr, validLabelValue } from './names.ts'
import { taintEffect } from './validate-placement.ts'

const MAX_DATA = 1024 * 1024

export function validateConfigMap(map: ConfigMap, old: ApiObject | undefined): StatusCause[] {
  const { data = {}, binaryData = {} } = map
  const causes = [...keys(data, 'data', binaryData), ...keys(binaryData, 'binaryData')]
  if (size(data) + size(binaryData, true) > MAX_DATA) causes.push(tooLong('', MAX_DATA))
  return [...sealed(map, old as ConfigMap | undefined, ['data', 'binaryData']), ...causes]
}

/** Keys that a Secret of a type must have; of the lists, all. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
}

export function validateSecret(secret: Secret, old: ApiObject | undefined): StatusCause[] {
  const { data = {}, type = '' } = secret
  const was = old as Secret | undefined
  const causes: StatusCause[] = []
  if (was !== undefined && was.type !== type) causes.push(immutable('type', type))
  causes.push(...sealed(secret, was, ['data']), ...keys(data, 'data'))
  if (size(data, true) > MAX_DATA) causes.push(tooLong('data', MAX_DATA))
  const has = (key: string) => Object.hasOwn(data, key)
  for (const key of (Object.hasOwn(NEEDED, type) ? NEEDED[type] : undefined) ?? []) {
    const empty = type === 'kubernetes.io/ssh-auth' && data[key] === ''
    if (!has(key) || empty) causes.push(required(`data[${key}]`))
  }
  if (type === 'kubernetes.io/basic-auth' && !has('username') && !has('password')) {
    causes.push(required('data[username]'), required('data[password]'))
  }
  const account = 'kubernetes.io/service-account.name'
  if (type === 'kubernetes.io/service-account-token' && !secret.metadata.annotations?.[account]) {
    causes.push(required(`metadata.annotations[${account}]`))
  }
  return causes
}

/** `immutable: true` cannot be taken back, and the data stays as it is. */
function sealed<T extends ConfigMap | Secret>(
  now: T,
  was: T | undefined,
  names: readonly string[],
): StatusCause[] {
  if (was?.immutable !== true) return []
  const words = 'field is immutable when `immutable` is set'
  const causes = now.immutable === true ? [] : [notAllowed('immutable', words)]
  const fields = (object: T) => object as unknown as Record<string, unknown>
  for (const name of names) {
    if (!jsonEqual(fields(now)[name] ?? {}, fields(was)[name] ?? {})) causes.push(notAllowed(name, words))
  }
  return causes
}

/** Keys that are none, and those that stand in the `other` map too. */
function keys(
  map: Readonly<Record<string, string>>,
  path: string,
  other?: Readonly<Record<string, string>>,
): StatusCause[] {
  return Object.keys(map).flatMap((key) => {
    const at = `${path}[${key}]`
    const causes = invalidAll(at, key, configKey(key))
    if (other === undefined || !Object.hasOwn(other, key)) return causes
    return [...causes, invalidValue(at, key, 'duplicate of key present in binaryData')]
  })
}

/** Bytes of all values; of those in base64, as they are without it. */
function size(map: Readonly<Record<string, string>>, base64 = false): number {
  return Object.values(map).reduce((sum, text) => {
    if (!base64) return sum + byteLength(text)
    return sum + Math.floor((text.replace(/[\s=]/g, '').length * 3) / 4)
  }, 0)
}

export function validateNode({ spec }: Node, old: ApiObject | undefined): StatusCause[] {
  const was = (old as Node | undefined)?.spec
  const taints = nodeTaints(spec?.taints ?? [])
  return was === undefined
    ? [...taints, ...podCidrs(spec?.podCIDRs ?? [])]
    : [...fixedOnceSet(spec ?? {}, was), ...taints]
}

function fixedOnceSet(now: NonNullable<Node['spec']>, was: NonNullable<Node['spec']>): StatusCause[] {
  const causes: StatusCause[] = []
  const before = was.podCIDRs ?? []
  const after = now.podCIDRs ?? []
  const words = 'node updates may not change podCIDR except from "" to valid'
  if (before.length > 0 && before.length !== after.length) causes.push(notAllowed('spec.podCIDRs', words))
  else
    for (const [i, one] of before.entries())
      if (one !== after[i]) causes.push(notAllowed('spec.podCIDRs', words))
  const ids = [was, now].map((one) => (one as { providerID?: string }).providerID ?? '')
  if (ids[0] !== '' && ids[0] !== ids[1]) {
    const why = 'node updates may not change providerID except from "" to valid'
    causes.push(notAllowed('spec.providerID', why))
  }
  return causes
}

/** As upstream has it, the path is of metadata. */
function nodeTaints(taints: readonly Taint[]): StatusCause[] {
  const causes: StatusCause[] = []
  const seen = new Set<string>()
  for (const [i, { key = '', value = '', effect = '', timeAdded }] of taints.entries()) {
    const path = `metadata.taints[${i}]`
    causes.push(...invalidAll(`${path}.key`, key, qualifiedName(key)))
    const words = validLabelValue(value)
    if (words.length > 0) causes.push(invalidValue(`${path}.value`, value, words.join(';')))
    causes.push(...taintEffect(effect, `${path}.effect`))
    if (seen.has(`${key}:${effect}`)) {
      const added = timeAdded === undefined ? '<nil>' : timeAdded
      const go = `core.Taint{Key:${quote(key)}, Value:${quote(value)}, Effect:${quote(effect)}, TimeAdded:${added}}`
      const { message, ...rest } = duplicate(path, { go })
      causes.push({ ...rest, message: `${message}: taints must be unique by key and effect pair` })
    }
    seen.add(`${key}:${effect}`)
  }
  return causes
}

function podCidrs(cidrs: readonly string[]): StatusCause[] {
  const path = 'spec.podCIDRs'
  const causes = cidrs.flatMap((cidr, i) => invalidAll(`${path}[${i}]`, cidr, validCidr(cidr)))
  if (cidrs.length < 2) return causes
  const wrong = cidrs.find((cidr) => validCidr(cidr).length > 0)
  if (wrong !== undefined) {
    const words = `invalid PodCIDRs. failed to check with dual stack with error:failed to parse cidr value:${quote(wrong)} with error:invalid CIDR address: ${wrong}`
    causes.push({ reason: 'InternalError', message: `Internal error: ${words}`, field: path })
  }
  const families = new Set(cidrs.map((cidr) => cidr.includes(':')))
  if (wrong !== undefined || families.size < 2 || cidrs.length > 2) {
    const words = 'may specify no more than one CIDR for each IP family'
    causes.push(invalidValue(path, goStrings(cidrs), words))
  }
  for (const [i, cidr] of cidrs.entries()) {
    if (cidrs.indexOf(cidr) < i) causes.push(duplicate(`${path}[${i}]`, cidr))
  }
  return causes
}

export function validateNamespace({ spec }: Namespace): StatusCause[] {
  const standard = ['kubernetes', 'orphan', 'foregroundDeletion']
  const words = 'name is neither a standard finalizer name nor is it fully qualified'
  return (spec?.finalizers ?? []).flatMap((one) => [
    ...invalidAll('spec.finalizers', one, qualifiedName(one)),
    ...(one.includes('/') || standard.includes(one) ? [] : [invalidValue('spec.finalizers', one, words)]),
  ])
}

export function validateEvent({ involvedObject, metadata }: KubeEvent): StatusCause[] {
  const namespace = involvedObject?.namespace ?? ''
  // Events about cluster-scoped objects stand in default or kube-system.
  const fits =
    namespace === ''
      ? ['default', 'kube-system', ''].includes(metadata.namespace ?? '')
      : namespace === metadata.namespace
  return fits ? [] : [invalidValue('involvedObject.namespace', namespace, 'does not match event.namespace')]
}
