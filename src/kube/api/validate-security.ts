/** Security contexts. Models ValidateSecurityContext and its like of pkg/apis/core/validation (1.32). */
import type { JsonObject, StatusCause } from '../types.ts'
import { duplicate, invalidAll, invalidValue, notAllowed, oneOf, required, requiredOneOf } from './fields.ts'
import { validId } from './names.ts'
import { windowsOptions } from './validate-os.ts'
import { descendingPath } from './validate-path.ts'

interface Profile {
  readonly type?: string
  readonly localhostProfile?: string
}

interface Common {
  readonly runAsUser?: number
  readonly runAsGroup?: number
  readonly seccompProfile?: Profile
  readonly appArmorProfile?: Profile
  readonly windowsOptions?: JsonObject
}

interface ContainerSecurity extends Common {
  readonly procMount?: string
  readonly privileged?: boolean
  readonly allowPrivilegeEscalation?: boolean
  readonly capabilities?: { readonly add?: readonly string[] }
}

interface PodSecurity extends Common {
  readonly fsGroup?: number
  readonly supplementalGroups?: readonly number[]
  readonly supplementalGroupsPolicy?: string
  readonly fsGroupChangePolicy?: string
  readonly sysctls?: readonly { readonly name?: string }[]
}

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/
/** As the server prints it. */
const SYSCTL_TEXT = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$'
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
  causes.push(...profile(context.seccompProfile, `${path}.seccompProfile`, 'seccomp'))
  causes.push(
    ...escalation(context, path),
    ...windowsOptions(context.windowsOptions, `${path}.windowsOptions`),
  )
  return [...causes, ...profile(context.appArmorProfile, `${path}.appArmorProfile`, 'AppArmor')]
}

/** In the order of Go's struct; pointers print as addresses, which differ from one time to the next. */
const CONTEXT_FIELDS: readonly (readonly [name: string, key: string, type: string])[] = [
  ['Capabilities', 'capabilities', 'core.Capabilities'],
  ['Privileged', 'privileged', 'bool'],
  ['SELinuxOptions', 'seLinuxOptions', 'core.SELinuxOptions'],
  ['WindowsOptions', 'windowsOptions', 'core.WindowsSecurityContextOptions'],
  ['RunAsUser', 'runAsUser', 'int64'],
  ['RunAsGroup', 'runAsGroup', 'int64'],
  ['RunAsNonRoot', 'runAsNonRoot', 'bool'],
  ['ReadOnlyRootFilesystem', 'readOnlyRootFilesystem', 'bool'],
  ['AllowPrivilegeEscalation', 'allowPrivilegeEscalation', 'bool'],
  ['ProcMount', 'procMount', 'core.ProcMountType'],
  ['SeccompProfile', 'seccompProfile', 'core.SeccompProfile'],
  ['AppArmorProfile', 'appArmorProfile', 'core.AppArmorProfile'],
]

function escalation(context: ContainerSecurity, path: string): StatusCause[] {
  if (context.allowPrivilegeEscalation !== false) return []
  const fields = CONTEXT_FIELDS.map(([name, key, type], i) => {
    const set = (context as Readonly<Record<string, unknown>>)[key] !== undefined
    return `${name}:(*${type})(${set ? `0xc000${(0x5a8000 + 8 * i).toString(16)}` : 'nil'})`
  })
  const go = `core.SecurityContext{${fields.join(', ')}}`
  const start = 'cannot set `allowPrivilegeEscalation` to false and'
  const added = (context.capabilities?.add ?? []).filter((one) => one === 'CAP_SYS_ADMIN')
  return [
    ...(context.privileged === true ? [`${start} \`privileged\` to true`] : []),
    ...added.map((one) => `${start} \`capabilities.Add\` ${one}`),
  ].map((words) => invalidValue(path, { go }, words))
}

/** What the pod's own context says; `spec` for the fields that stand beside it. */
export function podSecurity(
  given: JsonObject | undefined,
  spec: {
    readonly shareProcessNamespace?: boolean
    readonly hostPID?: boolean
    readonly hostNetwork?: boolean
    readonly hostIPC?: boolean
  },
  path: string,
): StatusCause[] {
  const context = (given ?? {}) as PodSecurity
  const at = `${path}.securityContext`
  const causes: StatusCause[] = []
  if (context.fsGroup !== undefined) {
    causes.push(...invalidAll(`${at}.fsGroup`, context.fsGroup, validId(context.fsGroup)))
  }
  causes.push(...ids(context, at))
  for (const [i, group] of (context.supplementalGroups ?? []).entries()) {
    causes.push(...invalidAll(`${at}.supplementalGroups[${i}]`, group, validId(group)))
  }
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const words = 'ShareProcessNamespace and HostPID cannot both be enabled'
    causes.push(invalidValue(`${at}.shareProcessNamespace`, true, words))
  }
  const names = new Set<string>()
  for (const [i, { name = '' }] of (context.sysctls ?? []).entries()) {
    const where = `${at}.sysctls[${i}].name`
    if (name === '') causes.push(required(where))
    else if (name.length > 253 || !SYSCTL.test(name)) {
      const words = `must have at most 253 characters and match regex ${SYSCTL_TEXT}`
      causes.push(invalidValue(where, name, words))
    } else if (names.has(name)) causes.push(duplicate(where, name))
    names.add(name)
    const shared = sysctlNamespace(name)
    if (shared !== undefined && spec[shared] === true) {
      causes.push(invalidValue(where, name, `may not be specified when '${shared}' is true`))
    }
  }
  causes.push(
    ...oneOf(`${at}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
  )
  causes.push(...profile(context.seccompProfile, `${at}.seccompProfile`, 'seccomp'))
  causes.push(...windowsOptions(context.windowsOptions, `${at}.windowsOptions`))
  causes.push(...profile(context.appArmorProfile, `${at}.appArmorProfile`, 'AppArmor'))
  const policies = ['Merge', 'Strict']
  causes.push(...oneOf(`${at}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, policies))
  return causes
}

/** The field that shares the namespace of the kernel in which a sysctl stands; undefined: of none. */
function sysctlNamespace(given: string): 'hostNetwork' | 'hostIPC' | undefined {
  const name = dotted(given)
  if (name.startsWith('net.')) return 'hostNetwork'
  const own = /^kernel\.(sem|shm(all|max|mni|_rmid_forced)?|msg(max|mnb|mni)?)$/.test(name)
  return own || name.startsWith('fs.mqueue.') ? 'hostIPC' : undefined
}

/** Where the first separator is a slash, dots and slashes have changed places. */
function dotted(name: string): string {
  const first = /[./]/.exec(name)?.[0]
  if (first !== '/') return name
  return name.replace(/[./]/g, (one) => (one === '/' ? '.' : '/'))
}

function ids(context: Common, path: string): StatusCause[] {
  return (['runAsUser', 'runAsGroup'] as const).flatMap((name) => {
    const id = context[name]
    return id === undefined ? [] : invalidAll(`${path}.${name}`, id, validId(id))
  })
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
