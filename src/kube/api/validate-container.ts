/** Containers of a pod. Models validateContainerCommon and what it calls of pkg/apis/core/validation (1.32). */
import type { Container, Handler, Probe, Quantities } from '../objects.ts'
import type { StatusCause } from '../types.ts'
import {
  duplicate,
  invalidAll,
  invalidValue,
  nonNegative,
  notAllowed,
  notSupported,
  oneOf,
  required,
  requiredOneOf,
  quote,
} from './fields.ts'
import {
  dns1123Label,
  dns1123Subdomain,
  envName,
  headerName,
  qualifiedName,
  validPortName,
  validPortNumber,
} from './names.ts'
import { canonicalQuantity, compareQuantity, parseQuantity } from './quantity.ts'
import { containerSecurity } from './validate-security.ts'
import { portOrName, PROTOCOLS } from './validate-service.ts'
import type { VolumeSource } from './validate-volume.ts'
import {
  fieldSelector,
  keySelector,
  resourceSelector,
  validateDevices,
  validateMounts,
} from './validate-volume.ts'

const PULL = ['Always', 'IfNotPresent', 'Never']
const SCHEMES = ['HTTP', 'HTTPS']

/** What the checks of containers need of their pod. */
export interface PodContext {
  readonly volumes: ReadonlyMap<string, VolumeSource>
  readonly gracePeriod: number | undefined
  readonly hostUsers: boolean
  readonly restartPolicy: string | undefined
}

/** `spec.containers`. */
export function validateContainers(list: readonly Container[], path: string, pod: PodContext): StatusCause[] {
  if (list.length === 0) return [required(path)]
  const causes: StatusCause[] = []
  const names = new Set<string>()
  for (const [i, one] of list.entries()) {
    const at = `${path}[${i}]`
    causes.push(...validateCommon(one, at, pod))
    if (names.has(one.name ?? '')) causes.push(duplicate(`${at}.name`, one.name ?? ''))
    names.add(one.name ?? '')
    causes.push(...lifecycleAndProbes(one, at, pod))
    if (one.restartPolicy !== undefined) {
      causes.push(notAllowed(`${at}.restartPolicy`, 'may not be set for non-init containers'))
    }
  }
  return [...causes, ...hostPorts(list, path)]
}

/** `spec.initContainers`; those that restart always are sidecars and may be probed. */
export function validateInitContainers(
  list: readonly Container[],
  regular: readonly Container[],
  path: string,
  pod: PodContext,
): StatusCause[] {
  const causes: StatusCause[] = []
  const names = new Set(regular.map(({ name }) => name ?? ''))
  for (const [i, one] of list.entries()) {
    const at = `${path}[${i}]`
    causes.push(
      ...validateCommon(one, at, pod),
      ...oneOf(`${at}.restartPolicy`, one.restartPolicy, ['Always']),
    )
    if (names.has(one.name ?? '')) causes.push(duplicate(`${at}.name`, one.name ?? ''))
    else if (one.name) names.add(one.name)
    causes.push(...hostPorts([one], path))
    if (one.restartPolicy === 'Always') {
      causes.push(...lifecycleAndProbes(one, at, pod))
      continue
    }
    const words = 'may not be set for init containers without restartPolicy=Always'
    for (const key of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (one[key] !== undefined) causes.push(notAllowed(`${at}.${key}`, words))
    }
  }
  return causes
}

/** What holds of containers in a pod but not in a template: an image without spaces around it. */
export function validateImages(
  list: readonly Container[] | undefined,
  path: string,
  first = 0,
): StatusCause[] {
  return (list ?? []).flatMap(({ image = '' }, i) =>
    image === image.trim()
      ? []
      : [invalidValue(`${path}[${first + i}].image`, image, 'must not have leading or trailing whitespace')],
  )
}

/** What every container is judged by, whichever list it stands in. */
export function validateCommon(one: Container, path: string, pod: PodContext): StatusCause[] {
  const { name = '', image = '' } = one
  return [
    ...(name === '' ? [required(`${path}.name`)] : invalidAll(`${path}.name`, name, dns1123Label(name))),
    ...(image === '' ? [required(`${path}.image`)] : []),
    ...requiredOneOf(`${path}.terminationMessagePolicy`, one.terminationMessagePolicy, [
      'File',
      'FallbackToLogsOnError',
    ]),
    ...containerPorts(one, `${path}.ports`),
    ...environment(one, `${path}.env`),
    ...environmentFrom(one, `${path}.envFrom`),
    ...validateMounts(one, `${path}.volumeMounts`, pod.volumes),
    ...validateDevices(one, `${path}.volumeDevices`, pod.volumes),
    ...requiredOneOf(`${path}.imagePullPolicy`, one.imagePullPolicy, PULL),
    ...validateResources(one.resources, `${path}.resources`),
    ...containerSecurity(one.securityContext, `${path}.securityContext`, pod.hostUsers),
  ]
}

function containerPorts({ ports = [] }: Container, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const names = new Set<string>()
  for (const [i, { name = '', containerPort = 0, hostPort = 0, protocol = '' }] of ports.entries()) {
    const at = `${path}[${i}]`
    if (name !== '') {
      const words = validPortName(name)
      causes.push(...invalidAll(`${at}.name`, name, words))
      if (words.length === 0 && names.has(name)) causes.push(duplicate(`${at}.name`, name))
      if (words.length === 0) names.add(name)
    }
    if (containerPort === 0) causes.push(required(`${at}.containerPort`))
    else causes.push(...invalidAll(`${at}.containerPort`, containerPort, validPortNumber(containerPort)))
    if (hostPort !== 0) causes.push(...invalidAll(`${at}.hostPort`, hostPort, validPortNumber(hostPort)))
    causes.push(...requiredOneOf(`${at}.protocol`, protocol, PROTOCOLS))
  }
  return causes
}

/** Two containers cannot have the same port of the host. */
function hostPorts(list: readonly Container[], path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const used = new Set<string>()
  for (const [i, { ports = [] }] of list.entries()) {
    for (const [k, { hostPort = 0, hostIP = '', protocol = '' }] of ports.entries()) {
      if (hostPort === 0) continue
      const key = `${protocol}/${hostIP}/${hostPort}`
      if (used.has(key)) causes.push(duplicate(`${path}[${i}].ports[${k}].hostPort`, key))
      used.add(key)
    }
  }
  return causes
}

const ENV_FIELDS = [
  ...['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName'],
  ...['status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs'],
]
const ONE_ONLY = 'may not have more than one field specified at a time'

function environment({ env = [] }: Container, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  for (const [i, { name = '', value = '', valueFrom }] of env.entries()) {
    const at = `${path}[${i}]`
    if (name === '') causes.push(required(`${at}.name`))
    else causes.push(...invalidAll(`${at}.name`, name, envName(name)))
    if (valueFrom === undefined) continue
    const from = `${at}.valueFrom`
    const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom
    if (fieldRef !== undefined) causes.push(...fieldSelector(fieldRef, ENV_FIELDS, `${from}.fieldRef`))
    if (resourceFieldRef !== undefined) {
      causes.push(...resourceSelector(resourceFieldRef, `${from}.resourceFieldRef`, false))
    }
    if (configMapKeyRef !== undefined) causes.push(...keySelector(configMapKeyRef, `${from}.configMapKeyRef`))
    if (secretKeyRef !== undefined) causes.push(...keySelector(secretKeyRef, `${from}.secretKeyRef`))
    const given = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef]
    const sources = given.filter((one) => one !== undefined).length
    const words = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'
    if (sources === 0) causes.push(invalidValue(from, '', words))
    else if (value !== '')
      causes.push(invalidValue(from, '', 'may not be specified when `value` is not empty'))
    else if (sources > 1) causes.push(invalidValue(from, '', ONE_ONLY))
  }
  return causes
}

function environmentFrom({ envFrom = [] }: Container, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  for (const [i, { prefix = '', configMapRef, secretRef }] of envFrom.entries()) {
    const at = `${path}[${i}]`
    causes.push(...invalidAll(`${at}.prefix`, prefix, envName(prefix)))
    for (const [key, ref] of [
      ['configMapRef', configMapRef],
      ['secretRef', secretRef],
    ] as const) {
      if (ref === undefined) continue
      const { name = '' } = ref
      // A trailing dash is let through: upstream asks as if it were a prefix.
      const words = dns1123Subdomain(name.replace(/-$/, 'a'))
      causes.push(
        ...(name === '' ? [required(`${at}.${key}.name`)] : invalidAll(`${at}.${key}.name`, name, words)),
      )
    }
    if (configMapRef === undefined && secretRef === undefined) {
      causes.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'))
    } else if (configMapRef !== undefined && secretRef !== undefined)
      causes.push(invalidValue(path, '', ONE_ONLY))
  }
  return causes
}

const STANDARD = [
  ...['cpu', 'memory', 'ephemeral-storage', 'storage', 'requests.cpu', 'requests.memory', 'limits.cpu'],
  ...['limits.memory', 'requests.storage', 'requests.ephemeral-storage', 'limits.ephemeral-storage', 'pods'],
  ...['resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps'],
  ...['persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers'],
]
const CONTAINER_RESOURCES = ['cpu', 'memory', 'ephemeral-storage']

/** Requests and limits of a container. */
export function validateResources(
  resources: { readonly requests?: Quantities; readonly limits?: Quantities } | undefined,
  path: string,
): StatusCause[] {
  const { limits = {}, requests = {} } = resources ?? {}
  const causes: StatusCause[] = []
  for (const [name, amount] of Object.entries(limits)) {
    causes.push(...quantity(name, amount, `${path}.limits[${name}]`))
  }
  for (const [name, amount] of Object.entries(requests)) {
    causes.push(...quantity(name, amount, `${path}.requests[${name}]`))
    const limit = Object.hasOwn(limits, name) ? limits[name]! : undefined
    const shown = canonicalQuantity(amount)
    if (limit === undefined) {
      const words = 'Limit must be set for non overcommitable resources'
      if (!overcommits(name)) causes.push(required(`${path}.limits`, words))
      continue
    }
    const most = canonicalQuantity(limit)
    const over = compareQuantity(amount, limit)
    if (over !== 0 && !overcommits(name)) {
      causes.push(invalidValue(`${path}.requests`, shown, `must be equal to ${name} limit of ${most}`))
    } else if (over > 0) {
      const words = `must be less than or equal to ${name} limit of ${most}`
      causes.push(invalidValue(`${path}.requests`, shown, words))
    }
  }
  const all = [...Object.keys(limits), ...Object.keys(requests)]
  if (all.some((name) => name.startsWith('hugepages-')) && !all.includes('cpu') && !all.includes('memory')) {
    causes.push(notAllowed(path, 'HugePages require cpu or memory'))
  }
  return causes
}

const PAGES = 'hugepages-'
/** Counted in whole ones. */
const WHOLE = ['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps']

function isExtended(name: string): boolean {
  return !isNative(name) && !name.startsWith('requests.') && qualifiedName(`requests.${name}`).length === 0
}

/** A quantity in Go's syntax, as it was read: 1.5 is 15 and scale -1. */
function goQuantity(amount: number | string): string {
  const match = /^([+-]?)0*(\d*)\.?(\d*)([numkMGTPE]?)$/.exec(String(amount))
  const [, sign, whole = '', part = '', unit = ''] = match ?? ['', '', String(amount)]
  const power = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }[unit] ?? 0
  const value = `${sign === '-' ? '-' : ''}${`${whole}${part}`.replace(/^0+(?=\d)/, '')}`
  return `resource.Quantity{i:resource.int64Amount{value:${value}, scale:${power - part.length}}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:${quote(String(amount))}, Format:"DecimalSI"}`
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/')
}

function overcommits(name: string): boolean {
  return isNative(name) && !name.startsWith('hugepages-')
}

function quantity(name: string, amount: number | string, at: string): StatusCause[] {
  const causes = resourceName(name, at)
  const value = parseQuantity(amount) ?? 0
  const shown = canonicalQuantity(amount)
  if (value < 0) causes.push(invalidValue(at, shown, 'must be greater than or equal to 0'))
  const whole = WHOLE.includes(name) || isExtended(name)
  if (whole && !Number.isInteger(value)) {
    causes.push(invalidValue(at, { go: goQuantity(amount) }, 'must be an integer'))
  }
  if (!name.startsWith(PAGES)) return causes
  const page = parseQuantity(name.slice(PAGES.length)) ?? 0
  if (page <= 0 || !Number.isInteger(page) || value % page !== 0) {
    causes.push(invalidValue(at, shown, `${shown} is not positive integer multiple of ${name}`))
  }
  return causes
}

function resourceName(name: string, at: string): StatusCause[] {
  const causes = invalidAll(at, name, qualifiedName(name))
  const pages = name.startsWith('hugepages-')
  const plain = !name.includes('/')
  if (plain && causes.length === 0 && !STANDARD.includes(name) && !pages) {
    causes.push(invalidValue(at, name, 'must be a standard resource type or fully qualified'))
  }
  if (plain && !CONTAINER_RESOURCES.includes(name) && !pages) {
    causes.push(invalidValue(at, name, 'must be a standard resource for containers'))
  } else if (!plain && !isNative(name)) {
    if (!isExtended(name))
      causes.push(invalidValue(at, name, "doesn't follow extended resource name standard"))
  }
  return causes
}

function lifecycleAndProbes(one: Container, path: string, pod: PodContext): StatusCause[] {
  const { gracePeriod } = pod
  const causes: StatusCause[] = []
  for (const key of ['postStart', 'preStop'] as const) {
    causes.push(...handler(one.lifecycle?.[key], `${path}.lifecycle.${key}`, gracePeriod))
  }
  for (const kind of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    causes.push(...probe(one[kind], `${path}.${kind}`, kind))
  }
  return causes
}

function handler(one: Handler | undefined, path: string, gracePeriod?: number): StatusCause[] {
  if (one === undefined) return []
  const causes: StatusCause[] = []
  const { grpc } = one as Probe
  const kinds: readonly (readonly [given: unknown, name: string, more: () => StatusCause[]])[] = [
    [
      one.exec,
      'exec',
      () => ((one.exec?.command?.length ?? 0) === 0 ? [required(`${path}.exec.command`)] : []),
    ],
    [one.httpGet, 'httpGet', () => httpGet(one, `${path}.httpGet`)],
    [one.tcpSocket, 'tcpSocket', () => portOrName(one.tcpSocket?.port ?? 0, `${path}.tcpSocket.port`)],
    [grpc, 'grpc', () => portOrName(grpc?.port ?? 0, `${path}.grpc.port`)],
    [one.sleep, 'sleep', () => sleep(one.sleep?.seconds ?? 0, `${path}.sleep`, gracePeriod)],
  ]
  const given = kinds.filter(([value]) => value !== undefined)
  if (given.length === 0) return [required(path, 'must specify a handler type')]
  for (const [i, [, name, more]] of given.entries()) {
    if (i === 0) causes.push(...more())
    else causes.push(notAllowed(`${path}.${name}`, 'may not specify more than 1 handler type'))
  }
  return causes
}

function sleep(seconds: number, path: string, gracePeriod: number | undefined): StatusCause[] {
  if (gracePeriod === undefined || (seconds > 0 && seconds <= gracePeriod)) return []
  const words = `must be greater than 0 and less than terminationGracePeriodSeconds (${gracePeriod}). Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.`
  return [invalidValue(path, seconds, words)]
}

function httpGet({ httpGet: action }: Handler, path: string): StatusCause[] {
  const { path: url = '', port = 0, scheme = '', httpHeaders = [] } = action ?? {}
  return [
    ...(url === '' ? [required(`${path}.path`)] : []),
    ...portOrName(port, `${path}.port`),
    ...(SCHEMES.includes(scheme) ? [] : [notSupported(`${path}.scheme`, scheme, SCHEMES)]),
    ...httpHeaders.flatMap(({ name = '' }) => invalidAll(`${path}.httpHeaders`, name, headerName(name))),
  ]
}

function probe(one: Probe | undefined, path: string, kind: string): StatusCause[] {
  if (one === undefined) return []
  const causes = handler(one, path)
  const numbers = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const
  for (const name of numbers) causes.push(...nonNegative(`${path}.${name}`, one[name]))
  const grace = one.terminationGracePeriodSeconds
  const at = `${path}.terminationGracePeriodSeconds`
  if (grace !== undefined && grace <= 0) causes.push(invalidValue(at, grace, 'must be greater than 0'))
  if (kind === 'readinessProbe') {
    if (grace !== undefined) causes.push(invalidValue(at, grace, 'must not be set for readinessProbes'))
  } else if ((one.successThreshold ?? 1) !== 1) {
    causes.push(invalidValue(`${path}.successThreshold`, one.successThreshold, 'must be 1'))
  }
  return causes
}
