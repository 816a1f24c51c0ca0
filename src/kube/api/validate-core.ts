/** ConfigMap, Secret, Node, Event, ControllerRevision. Models pkg/apis/core/validation (1.32). */
import type { ConfigMap, KubeEvent, Node, Secret } from '../objects.ts'
import type { ApiObject, StatusCause } from '../types.ts'
import { jsonEqual } from '../types.ts'
import { duplicate, immutable, invalidValue, notAllowed, notSupported, required, tooLong } from './fields.ts'
import { byteLength, qualifiedName, validCidr, validLabelValue } from './names.ts'

const MAX_DATA = 1024 * 1024

export function validateConfigMap(map: ConfigMap, old: ApiObject | undefined): StatusCause[] {
  const causes = [...keys(map.data, 'data'), ...keys(map.binaryData, 'binaryData')]
  for (const key of Object.keys(map.binaryData ?? {})) {
    if (Object.hasOwn(map.data ?? {}, key))
      causes.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'))
  }
  if (size(map.data) + size(map.binaryData) > MAX_DATA) causes.push(tooLong('', MAX_DATA))
  return [...causes, ...sealed(map, old as ConfigMap | undefined, ['data', 'binaryData'])]
}

export function validateSecret(secret: Secret, old: ApiObject | undefined): StatusCause[] {
  const causes = keys(secret.data, 'data')
  if (size(secret.data) > MAX_DATA * 1.34) causes.push(tooLong('data', MAX_DATA))
  const was = old as Secret | undefined
  if (secret.type === 'kubernetes.io/tls') {
    for (const key of ['tls.crt', 'tls.key']) {
      if (!Object.hasOwn(secret.data ?? {}, key)) causes.push(required(`data[${key}]`))
    }
  }
  if (was !== undefined && was.type !== secret.type) causes.push(immutable('type', secret.type ?? ''))
  return [...causes, ...sealed(secret, was, ['data'])]
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

function keys(map: Readonly<Record<string, string>> | undefined, path: string): StatusCause[] {
  return Object.keys(map ?? {}).flatMap((key) => {
    const at = `${path}[${key}]`
    if (byteLength(key) > 253) return [invalidValue(at, key, 'must be no more than 253 characters')]
    if (key === '.' || key === '..') return [invalidValue(at, key, `must not be '${key}'`)]
    if (key.startsWith('..')) return [invalidValue(at, key, "must not start with '..'")]
    if (/^[-._a-zA-Z0-9]+$/.test(key)) return []
    const words =
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
    return [invalidValue(at, key, words)]
  })
}

function size(map: Readonly<Record<string, string>> | undefined): number {
  return Object.values(map ?? {}).reduce((sum, text) => sum + byteLength(text), 0)
}

const EFFECTS = ['NoExecute', 'NoSchedule', 'PreferNoSchedule']

export function validateNode({ spec }: Node, old: ApiObject | undefined): StatusCause[] {
  const causes: StatusCause[] = []
  const seen = new Set<string>()
  for (const [i, { key = '', value = '', effect }] of (spec?.taints ?? []).entries()) {
    const path = `spec.taints[${i}]`
    causes.push(...qualifiedName(key).map((one) => invalidValue(`${path}.key`, key, one)))
    causes.push(...validLabelValue(value).map((one) => invalidValue(`${path}.value`, value, one)))
    if (!EFFECTS.includes(effect)) causes.push(notSupported(`${path}.effect`, effect ?? '', EFFECTS))
    if (seen.has(`${key}:${effect}`))
      causes.push(
        duplicate(path, {
          go: `core.Taint{Key:"${key}", Value:"${value}", Effect:"${effect}", TimeAdded:<nil>}`,
        }),
      )
    seen.add(`${key}:${effect}`)
  }
  const cidrs = spec?.podCIDRs ?? []
  for (const [i, cidr] of cidrs.entries()) {
    causes.push(...validCidr(cidr).map((one) => invalidValue(`spec.podCIDRs[${i}]`, cidr, one)))
  }
  const was = (old as Node | undefined)?.spec?.podCIDRs ?? []
  if (was.length > 0 && !jsonEqual(was, cidrs)) {
    causes.push(notAllowed('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'))
  }
  return causes
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
