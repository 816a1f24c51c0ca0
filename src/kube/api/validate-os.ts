/** What pods of either operating system must leave out. Models validateLinux and validateWindows (1.32) and the like. */
import type { Container, PodSpec } from '../objects.ts'
import type { StatusCause } from '../types.ts'
import { invalidAll, invalidValue, notAllowed, notSupported, required } from './fields.ts'
import { byteLength, dns1123Subdomain } from './names.ts'

type Fields = Readonly<Record<string, unknown>>
type Spec = PodSpec & { readonly os?: { readonly name?: string } }
type Lists = Readonly<
  Record<'initContainers' | 'containers' | 'ephemeralContainers', readonly Container[] | undefined>
>

export function validateOs(spec: Spec, path: string): StatusCause[] {
  const { os } = spec
  if (os === undefined) return []
  if (!os.name) return [required(`${path}.os.name`, 'cannot be empty')]
  if (os.name === 'linux') return linux(spec, path)
  if (os.name === 'windows') return windows(spec, path)
  return [notSupported(`${path}.os`, os.name, ['linux', 'windows'])]
}

/** Every container's security context with its path, as the server visits them: init containers first. */
function contexts(spec: Spec, path: string): (readonly [context: Fields | undefined, at: string])[] {
  const kinds = ['initContainers', 'containers', 'ephemeralContainers'] as const
  return kinds.flatMap((kind) =>
    ((spec as Partial<Lists>)[kind] ?? []).map(
      (one, i) =>
        [one.securityContext as Fields | undefined, `${path}.${kind}[${i}].securityContext`] as const,
    ),
  )
}

function linux(spec: Spec, path: string): StatusCause[] {
  const all = [[spec.securityContext as Fields | undefined, `${path}.securityContext`] as const]
  const words = 'windows options cannot be set for a linux pod'
  return [...all, ...contexts(spec, path)].flatMap(([context, at]) =>
    context?.windowsOptions === undefined ? [] : [notAllowed(`${at}.windowsOptions`, words)],
  )
}

const POD_FIELDS = [
  ...['securityContext.appArmorProfile', 'securityContext.seLinuxOptions', 'hostUsers', 'hostPID', 'hostIPC'],
  ...['securityContext.seccompProfile', 'securityContext.fsGroup', 'securityContext.fsGroupChangePolicy'],
  ...['securityContext.sysctls', 'shareProcessNamespace', 'securityContext.runAsUser'],
  ...['securityContext.runAsGroup', 'securityContext.supplementalGroups'],
  'securityContext.supplementalGroupsPolicy',
]
const CONTAINER_FIELDS = [
  ...['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem'],
  ...['privileged', 'allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup'],
]

function windows(spec: Spec, path: string): StatusCause[] {
  const words = 'cannot be set for a windows pod'
  const causes: StatusCause[] = []
  const own = spec as unknown as Fields
  for (const name of POD_FIELDS) {
    const [first, second] = name.split('.')
    const value = second === undefined ? own[first!] : ((own[first!] ?? {}) as Fields)[second]
    const flag = name === 'hostPID' || name === 'hostIPC'
    const absent =
      value === undefined || (flag && value === false) || (Array.isArray(value) && value.length === 0)
    if (!absent) causes.push(notAllowed(`${path}.${name}`, words))
  }
  for (const [context, at] of contexts(spec, path)) {
    for (const name of CONTAINER_FIELDS) {
      if (context?.[name] !== undefined) causes.push(notAllowed(`${at}.${name}`, words))
    }
  }
  return causes
}

/** Containers that run as processes of a Windows host: all of a pod's or none. */
export function hostProcesses(spec: Spec, path: string): StatusCause[] {
  const flag = (context: Fields | undefined) =>
    (context?.windowsOptions as Fields | undefined)?.hostProcess as boolean | undefined
  const pod = flag(spec.securityContext as Fields | undefined)
  const causes: StatusCause[] = []
  const all = contexts(spec, path)
  let hosted = 0
  for (const [context, at] of all) {
    const own = flag(context)
    if (pod !== undefined && own !== undefined && pod !== own) {
      const words = `pod hostProcess value must be identical if both are specified, was ${pod}`
      causes.push(invalidValue(`${at}.windowsOptions.hostProcess`, own, words))
    }
    if (own ?? pod ?? false) hosted++
  }
  if (hosted === 0) return causes
  if (hosted !== all.length) {
    const words =
      'If pod contains any hostProcess containers then all containers must be HostProcess containers'
    causes.push(invalidValue(path, '', words))
  }
  const words = 'hostNetwork must be true if pod contains any hostProcess containers'
  if (spec.hostNetwork !== true) causes.push(invalidValue(`${path}.hostNetwork`, false, words))
  return causes
}

const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const DOMAIN = /^[a-zA-Z0-9][-a-zA-Z0-9]{0,61}[a-zA-Z0-9](?:\.[a-zA-Z0-9][-a-zA-Z0-9]{0,61}[a-zA-Z0-9])*$/

/** `windowsOptions` of a pod or a container. */
export function windowsOptions(given: Fields | undefined, path: string): StatusCause[] {
  if (given === undefined) return []
  const causes: StatusCause[] = []
  const {
    gmsaCredentialSpecName: name,
    gmsaCredentialSpec: spec,
    runAsUserName: user,
  } = given as Readonly<Record<string, string | undefined>>
  if (name !== undefined) {
    causes.push(...invalidAll(`${path}.gmsaCredentialSpecName`, name, dns1123Subdomain(name)))
  }
  const at = `${path}.gmsaCredentialSpec`
  if (spec === '') causes.push(invalidValue(at, spec, 'gmsaCredentialSpec cannot be an empty string'))
  else if (spec !== undefined && byteLength(spec) > 65536) {
    causes.push(invalidValue(at, spec, 'gmsaCredentialSpec size must be under 64 KiB'))
  }
  if (user === undefined) return causes
  return [...causes, ...invalidAll(`${path}.runAsUserName`, user, userName(user))]
}

function userName(text: string): string[] {
  const name = 'runAsUserName'
  const parts = text.split('\\')
  if (text === '') return [`${name} cannot be an empty string`]
  if (/\p{Cc}/u.test(text)) return [`${name} cannot contain control characters`]
  if (parts.length > 2) return [`${name} cannot contain more than one backslash`]
  const [user, domain] = parts.length === 1 ? [parts[0]!] : [parts[1]!, parts[0]!]
  const words: string[] = []
  if (domain !== undefined && domain.length >= 256) {
    words.push(`${name}'s Domain length must be under 256 characters`)
  }
  if (domain !== undefined && !NETBIOS.test(domain) && !DOMAIN.test(domain)) {
    words.push(`${name}'s Domain doesn't match the NetBios nor the DNS format`)
  }
  if (user === '') words.push(`${name}'s User cannot be empty`)
  else if (user.length > 104) words.push(`${name}'s User length must not be longer than 104 characters`)
  if (/^[. ]+$/.test(user)) words.push(`${name}'s User cannot contain only periods or spaces`)
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    words.push(`${name}'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]`)
  }
  return words
}
