/** Security contexts. Models ValidateSecurityContext and its like of pkg/apis/core/validation (1.32). Not here: Windows. */
import type { JsonObject, StatusCause } from '../types.ts'
import { duplicate, invalidAll, invalidValue, notAllowed, oneOf, required, requiredOneOf } from './fields.ts'
import { validId } from './names.ts'
import { descendingPath } from './validate-volume.ts'

interface Profile {
  readonly type?: string
  readonly localhostProfile?: string
}

interface Common {
  readonly runAsUser?: number
  readonly runAsGroup?: number
  readonly seccompProfile?: Profile
  readonly appArmorProfile?: Profile
}

interface ContainerSecurity extends Common {
  readonly procMount?: string
}

interface PodSecurity extends Common {
  readonly fsGroup?: number
  readonly supplementalGroups?: readonly number[]
  readonly supplementalGroupsPolicy?: string
  readonly fsGroupChangePolicy?: string
  readonly sysctls?: readonly { readonly name?: string }[]
}

const PROFILES = ['Localhost', 'RuntimeDefault', 'Unconfined']

export function containerSecurity(
  given: JsonObject | undefined,
  path: string,
  hostUsers: boolean,
): StatusCause[] {
  if (given === undefined) return []
  const context = given as ContainerSecurity
  const causes = ids(context, path)
  const { procMount } = context
  causes.push(...oneOf(`${path}.procMount`, procMount, ['Default', 'Unmasked']))
  if (hostUsers && procMount === 'Unmasked') {
    causes.push(invalidValue(`${path}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'))
  }
  return [...causes, ...profiles(context, path)]
}

/** What the pod's own context says; `spec` for the fields that stand beside it. */
export function podSecurity(
  given: JsonObject | undefined,
  spec: { readonly shareProcessNamespace?: boolean; readonly hostPID?: boolean },
  path: string,
): StatusCause[] {
  const context = (given ?? {}) as PodSecurity
  const at = `${path}.securityContext`
  const causes: StatusCause[] = []
  if (context.fsGroup !== undefined) {
    causes.push(...invalidAll(`${at}.fsGroup`, context.fsGroup, validId(context.fsGroup)))
  }
  causes.push(...ids(context, at))
  for (const group of context.supplementalGroups ?? []) {
    causes.push(...invalidAll(`${at}.supplementalGroups`, group, validId(group)))
  }
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const words = 'ShareProcessNamespace and HostPID cannot both be enabled'
    causes.push(invalidValue(`${path}.shareProcessNamespace`, true, words))
  }
  const names = new Set<string>()
  for (const [i, { name = '' }] of (context.sysctls ?? []).entries()) {
    const where = `${at}.sysctls[${i}].name`
    if (name === '') causes.push(required(where))
    else if (names.has(name)) causes.push(duplicate(where, name))
    names.add(name)
  }
  causes.push(
    ...oneOf(`${at}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
  )
  return [...causes, ...profiles(context, at)]
}

function ids(context: Common, path: string): StatusCause[] {
  return (['runAsUser', 'runAsGroup'] as const).flatMap((name) => {
    const id = context[name]
    return id === undefined ? [] : invalidAll(`${path}.${name}`, id, validId(id))
  })
}

function profiles({ seccompProfile, appArmorProfile }: Common, path: string): StatusCause[] {
  return [
    ...profile(seccompProfile, `${path}.seccompProfile`, 'seccomp'),
    ...profile(appArmorProfile, `${path}.appArmorProfile`, 'AppArmor'),
  ]
}

function profile(one: Profile | undefined, path: string, what: string): StatusCause[] {
  if (one === undefined) return []
  const { type = '', localhostProfile: file } = one
  const at = `${path}.localhostProfile`
  const causes =
    type === ''
      ? [
          required(
            `${path}.type`,
            `type is required when ${what === 'seccomp' ? 'seccompProfile' : 'appArmorProfile'} is set`,
          ),
        ]
      : requiredOneOf(`${path}.type`, type, PROFILES)
  const only = `${what === 'seccomp' ? 'can only be set when seccomp' : 'can only be set when AppArmor'} type is Localhost`
  if (type !== 'Localhost') {
    if (file !== undefined) causes.push(invalidValue(at, file, only))
  } else if (file === undefined) causes.push(required(at, `must be set when ${what} type is Localhost`))
  else causes.push(...descendingPath(file, at))
  return causes
}

/** `hostUsers: false` goes with none of the host's other namespaces. */
export function hostUsersDeps(
  spec: {
    readonly hostUsers?: boolean
    readonly hostNetwork?: boolean
    readonly hostPID?: boolean
    readonly hostIPC?: boolean
  },
  path: string,
): StatusCause[] {
  if (spec.hostUsers !== false) return []
  const words = 'when `pod.Spec.HostUsers` is false'
  return [
    ...(spec.hostNetwork === true ? [notAllowed(`${path}.hostNetwork`, words)] : []),
    ...(spec.hostPID === true ? [notAllowed(`${path}.HostPID`, words)] : []),
    ...(spec.hostIPC === true ? [notAllowed(`${path}.HostIPC`, words)] : []),
  ]
}
