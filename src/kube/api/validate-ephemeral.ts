/** Ephemeral containers. Models validateEphemeralContainers and ValidatePodEphemeralContainersUpdate (1.32). */
import type { Container, Pod, PodSpec } from '../objects.ts'
import type { StatusCause } from '../types.ts'
import { jsonEqual } from '../types.ts'
import { duplicate, notAllowed, notFoundValue, quote } from './fields.ts'
import type { PodContext } from './validate-container.ts'
import { validateCommon, validateImages } from './validate-container.ts'

export type EphemeralContainer = Container & { readonly targetContainerName?: string }
type Spec = PodSpec & { readonly ephemeralContainers?: readonly EphemeralContainer[] }

/** Fields that only containers of the pod's own work have, by the server's order of fields. */
const REFUSED: readonly (readonly [key: keyof Container, name: string])[] = [
  ['ports', 'ports'],
  ['resources', 'resources'],
  ['resizePolicy' as keyof Container, 'resizePolicy'],
  ['restartPolicy', 'restartPolicy'],
  ['livenessProbe', 'livenessProbe'],
  ['readinessProbe', 'readinessProbe'],
  ['startupProbe', 'startupProbe'],
  ['lifecycle', 'lifecycle'],
]

export function validateEphemeral(spec: Spec, path: string, pod: PodContext): StatusCause[] {
  const regular = new Set(
    [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name = '' }) => name),
  )
  const names = new Set(regular)
  const causes: StatusCause[] = []
  const words = 'cannot be set for an Ephemeral Container'
  for (const [i, one] of (spec.ephemeralContainers ?? []).entries()) {
    const at = `${path}[${i}]`
    const { name = '', targetContainerName: target = '' } = one
    causes.push(...validateCommon(one, at, pod), ...validateImages([one], path, i))
    if (names.has(name)) causes.push(duplicate(`${at}.name`, name))
    names.add(name)
    if (target !== '' && !regular.has(target)) {
      causes.push(notFoundValue(`${at}.targetContainerName`, target))
    }
    for (const [key, field] of REFUSED) {
      const value = one[key] as object | string | undefined
      const empty =
        value === undefined ||
        (typeof value === 'object' && Object.keys(value).length === 0 && key !== 'lifecycle')
      if (!empty) causes.push(notAllowed(`${at}.${field}`, words))
    }
    for (const [k, mount] of (one.volumeMounts ?? []).entries()) {
      for (const key of ['subPath', 'subPathExpr'] as const) {
        const value = (mount as { readonly subPath?: string; readonly subPathExpr?: string })[key]
        if (value) causes.push(notAllowed(`${at}.volumeMounts[${k}].${key}`, words))
      }
    }
  }
  return causes
}

/** What an update through the subresource may do: add some, change and remove none. */
export function ephemeralUpdate(pod: Pod, old: Pod, causes: readonly StatusCause[]): StatusCause[] {
  if (old.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) {
    return [notAllowed('', 'static pods do not support ephemeral containers')]
  }
  const all = [...causes]
  const path = 'spec.ephemeralContainers'
  const now = new Map(((pod.spec as Spec).ephemeralContainers ?? []).map((one) => [one.name, one]))
  for (const one of (old.spec as Spec).ephemeralContainers ?? []) {
    const next = now.get(one.name)
    const start = `existing ephemeral containers ${quote(one.name)} may not be`
    if (next === undefined) all.push(notAllowed(path, `${start} removed\n`))
    else if (!jsonEqual(one, next)) all.push(notAllowed(path, `${start} changed\n`))
  }
  return all
}
