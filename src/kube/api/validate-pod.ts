/**
 * Pods and pod templates. Models ValidatePodSpec of pkg/apis/core/validation (1.32) for what is modelled of pods.
 * Not here: volumes other than by name, security contexts, resource claims, ephemeral containers, Windows.
 */
import { parseIp } from '../../base/addr.ts'
import type {
  Container,
  Handler,
  Pod,
  PodSpec,
  PodTemplate,
  Probe,
  Quantities,
  Toleration,
} from '../objects.ts'
import type { ApiObject, StatusCause } from '../types.ts'
import { jsonEqual } from '../types.ts'
import { duplicate, invalidValue, notAllowed, notSupported, required } from './fields.ts'
import {
  dns1123Label,
  dns1123Subdomain,
  qualifiedName,
  validIp,
  validPortName,
  validPortNumber,
} from './names.ts'
import { compareQuantity } from './quantity.ts'
import { validateAnnotations, validateLabels } from './validate-meta.ts'
import { portOrName, PROTOCOLS } from './validate-service.ts'

const RESTART = ['Always', 'Never', 'OnFailure']
const DNS = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']
const PULL = ['Always', 'IfNotPresent', 'Never']
const EFFECTS = ['NoExecute', 'NoSchedule', 'PreferNoSchedule']

export function validatePod(pod: Pod, old: ApiObject | undefined, subresource: string): StatusCause[] {
  if (old !== undefined) return subresource === 'binding' ? [] : changes(pod, old as Pod)
  return podSpec(pod.spec, 'spec')
}

/** The template of a workload. */
export function validateTemplate(template: PodTemplate | undefined, path: string): StatusCause[] {
  if (template === undefined) return [required(path)]
  return [
    ...validateLabels(template.metadata?.labels, `${path}.metadata.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${path}.metadata.annotations`),
    ...podSpec(template.spec, `${path}.spec`),
  ]
}

function podSpec(spec: PodSpec | undefined, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const volumes = new Set<string>()
  for (const [i, { name = '' }] of (spec?.volumes ?? []).entries()) {
    const at = `${path}.volumes[${i}].name`
    if (name === '') causes.push(required(at))
    else causes.push(...dns1123Label(name).map((one) => invalidValue(at, name, one)))
    if (name !== '' && volumes.has(name)) causes.push(duplicate(at, name))
    volumes.add(name)
  }
  if ((spec?.containers?.length ?? 0) === 0) causes.push(required(`${path}.containers`))
  if (spec === undefined) return causes
  const names = new Set<string>()
  for (const [i, one] of (spec.containers ?? []).entries()) {
    causes.push(...container(one, `${path}.containers[${i}]`, volumes, names))
  }
  for (const [i, one] of (spec.initContainers ?? []).entries()) {
    causes.push(...container(one, `${path}.initContainers[${i}]`, volumes, names))
    const at = `${path}.initContainers[${i}]`
    if (one.restartPolicy === 'Always') continue
    for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      const words = 'may not be set for init containers without restartPolicy=Always'
      if (one[probe] !== undefined) causes.push(notAllowed(`${at}.${probe}`, words))
    }
  }
  causes.push(...hostPorts(spec, path), ...policies(spec, path), ...placement(spec, path))
  return causes
}

function policies(spec: PodSpec, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (!RESTART.includes(spec.restartPolicy ?? '')) {
    causes.push(notSupported(`${path}.restartPolicy`, spec.restartPolicy ?? '', RESTART))
  }
  if (!DNS.includes(spec.dnsPolicy ?? ''))
    causes.push(notSupported(`${path}.dnsPolicy`, spec.dnsPolicy ?? '', DNS))
  causes.push(...dnsConfig(spec, path))
  const grace = spec.terminationGracePeriodSeconds ?? 0
  if (grace < 0) {
    causes.push(
      invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than or equal to 0'),
    )
  }
  const deadline = spec.activeDeadlineSeconds
  if (deadline !== undefined && (deadline < 1 || deadline > 2_147_483_647)) {
    const words = 'must be between 1 and 2147483647, inclusive'
    causes.push(invalidValue(`${path}.activeDeadlineSeconds`, deadline, words))
  }
  for (const name of ['hostname', 'subdomain'] as const) {
    const text = spec[name]
    if (text) causes.push(...dns1123Label(text).map((one) => invalidValue(`${path}.${name}`, text, one)))
  }
  for (const [i, alias] of (spec.hostAliases ?? []).entries()) {
    const at = `${path}.hostAliases[${i}]`
    causes.push(...validIp(alias.ip ?? '').map((one) => invalidValue(`${at}.ip`, alias.ip ?? '', one)))
    for (const [k, name] of (alias.hostnames ?? []).entries()) {
      causes.push(...dns1123Subdomain(name).map((one) => invalidValue(`${at}.hostnames[${k}]`, name, one)))
    }
  }
  return causes
}

function dnsConfig(spec: PodSpec, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const { nameservers = [], searches = [] } = spec.dnsConfig ?? {}
  const at = `${path}.dnsConfig`
  if (spec.dnsPolicy === 'None') {
    const words = 'must provide `dnsConfig` when `dnsPolicy` is None'
    if (spec.dnsConfig === undefined) causes.push(required(at, words))
    else if (nameservers.length === 0) {
      causes.push(
        required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
      )
    }
  }
  if (nameservers.length > 3) {
    const go = `[]string{${nameservers.map((one) => JSON.stringify(one)).join(', ')}}`
    causes.push(invalidValue(`${at}.nameservers`, { go }, 'must not have more than 3 nameservers'))
  }
  for (const [i, ip] of nameservers.entries()) {
    causes.push(...validIp(ip).map((one) => invalidValue(`${at}.nameservers[${i}]`, ip, one)))
  }
  for (const [i, text] of searches.entries()) {
    const name = text.replace(/\.$/, '')
    causes.push(...dns1123Subdomain(name).map((one) => invalidValue(`${at}.searches[${i}]`, text, one)))
  }
  return causes
}

function placement(spec: PodSpec, path: string): StatusCause[] {
  const causes = validateLabels(spec.nodeSelector, `${path}.nodeSelector`)
  for (const [i, one] of (spec.tolerations ?? []).entries())
    causes.push(...toleration(one, `${path}.tolerations[${i}]`))
  for (const [i, one] of (spec.topologySpreadConstraints ?? []).entries()) {
    const at = `${path}.topologySpreadConstraints[${i}]`
    if (one.maxSkew <= 0) causes.push(invalidValue(`${at}.maxSkew`, one.maxSkew, 'must be greater than zero'))
    if (!one.topologyKey) causes.push(required(`${at}.topologyKey`, 'can not be empty'))
    const kinds = ['DoNotSchedule', 'ScheduleAnyway']
    if (!kinds.includes(one.whenUnsatisfiable)) {
      causes.push(notSupported(`${at}.whenUnsatisfiable`, one.whenUnsatisfiable ?? '', kinds))
    }
  }
  return causes
}

function toleration(one: Toleration, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const { key = '', operator = 'Equal', value = '', effect = '' } = one
  if (key !== '') causes.push(...qualifiedName(key).map((words) => invalidValue(`${path}.key`, key, words)))
  else if (operator !== 'Exists') {
    causes.push(
      invalidValue(
        `${path}.operator`,
        one.operator ?? '',
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    )
  }
  if (operator !== 'Exists' && operator !== 'Equal') {
    causes.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']))
  } else if (operator === 'Exists' && value !== '') {
    causes.push(invalidValue(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"))
  }
  if (effect !== '' && !EFFECTS.includes(effect)) causes.push(notSupported(`${path}.effect`, effect, EFFECTS))
  if (one.tolerationSeconds !== undefined && effect !== 'NoExecute') {
    causes.push(
      invalidValue(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    )
  }
  return causes
}

function container(
  one: Container,
  path: string,
  volumes: ReadonlySet<string>,
  names: Set<string>,
): StatusCause[] {
  const causes: StatusCause[] = []
  const { name = '' } = one
  if (name === '') causes.push(required(`${path}.name`))
  else causes.push(...dns1123Label(name).map((words) => invalidValue(`${path}.name`, name, words)))
  if (!one.image) causes.push(required(`${path}.image`))
  else if (one.image !== one.image.trim()) {
    causes.push(invalidValue(`${path}.image`, one.image, 'must not have leading or trailing whitespace'))
  }
  causes.push(...handler(one.lifecycle?.postStart, `${path}.lifecycle.postStart`))
  causes.push(...handler(one.lifecycle?.preStop, `${path}.lifecycle.preStop`))
  for (const kind of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    causes.push(...probe(one[kind], `${path}.${kind}`, kind))
  }
  if (one.imagePullPolicy !== undefined && !PULL.includes(one.imagePullPolicy)) {
    causes.push(notSupported(`${path}.imagePullPolicy`, one.imagePullPolicy, PULL))
  }
  causes.push(...containerPorts(one, path), ...environment(one, path), ...mounts(one, path, volumes))
  causes.push(...resources(one, path))
  if (name !== '' && names.has(name)) causes.push(duplicate(`${path}.name`, name))
  names.add(name)
  return causes
}

function containerPorts({ ports = [] }: Container, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const names = new Set<string>()
  for (const [i, { name = '', containerPort = 0, hostPort = 0, protocol = '' }] of ports.entries()) {
    const at = `${path}.ports[${i}]`
    if (name !== '') {
      const words = validPortName(name)
      causes.push(...words.map((one) => invalidValue(`${at}.name`, name, one)))
      if (words.length === 0 && names.has(name)) causes.push(duplicate(`${at}.name`, name))
      names.add(name)
    }
    if (containerPort === 0) causes.push(required(`${at}.containerPort`))
    else
      causes.push(
        ...validPortNumber(containerPort).map((one) =>
          invalidValue(`${at}.containerPort`, containerPort, one),
        ),
      )
    if (hostPort !== 0)
      causes.push(...validPortNumber(hostPort).map((one) => invalidValue(`${at}.hostPort`, hostPort, one)))
    if (protocol === '') causes.push(required(`${at}.protocol`))
    else if (!PROTOCOLS.includes(protocol)) causes.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS))
  }
  return causes
}

function environment({ env = [] }: Container, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  for (const [i, { name = '', value = '', valueFrom }] of env.entries()) {
    const at = `${path}.env[${i}]`
    if (name === '') causes.push(required(`${at}.name`))
    else if (!/^[ -<>-~]+$/.test(name)) {
      const words =
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
      causes.push(invalidValue(`${at}.name`, name, words))
    }
    if (valueFrom === undefined) continue
    const sources = Object.keys(valueFrom).length
    const words = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'
    if (sources === 0) causes.push(invalidValue(`${at}.valueFrom`, '', words))
    else if (value !== '')
      causes.push(invalidValue(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'))
    else if (sources > 1)
      causes.push(invalidValue(`${at}.valueFrom`, '', 'may not have more than one field specified at a time'))
  }
  return causes
}

function mounts({ volumeMounts = [] }: Container, path: string, volumes: ReadonlySet<string>): StatusCause[] {
  const causes: StatusCause[] = []
  const places = new Set<string>()
  for (const [i, { name = '', mountPath = '' }] of volumeMounts.entries()) {
    const at = `${path}.volumeMounts[${i}]`
    if (name === '') causes.push(required(`${at}.name`))
    else if (!volumes.has(name)) {
      const message = `Not found: ${JSON.stringify(name)}`
      causes.push({ reason: 'FieldValueNotFound', message, field: `${at}.name` })
    }
    if (mountPath === '') causes.push(required(`${at}.mountPath`))
    else if (places.has(mountPath)) causes.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'))
    places.add(mountPath)
  }
  return causes
}

function resources({ resources: r }: Container, path: string): StatusCause[] {
  const limits: Quantities = r?.limits ?? {}
  return Object.entries(r?.requests ?? {}).flatMap(([name, amount]) => {
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined
    if (limit === undefined || compareQuantity(amount, limit) <= 0) return []
    const words = `must be less than or equal to ${name} limit of ${limit}`
    return [invalidValue(`${path}.resources.requests`, String(amount), words)]
  })
}

function handler(one: Handler | undefined, path: string): StatusCause[] {
  if (one === undefined) return []
  const causes: StatusCause[] = []
  let n = 0
  const add = (given: unknown, at: string, more: () => StatusCause[]) => {
    if (given === undefined) return
    if (++n > 1) causes.push(notAllowed(at, 'may not specify more than 1 handler type'))
    else causes.push(...more())
  }
  add(one.exec, `${path}.exec`, () =>
    (one.exec?.command?.length ?? 0) === 0 ? [required(`${path}.exec.command`)] : [],
  )
  add(one.httpGet, `${path}.httpGet`, () => {
    const { path: url = '', port = 0, scheme = '' } = one.httpGet ?? {}
    const schemes = ['HTTP', 'HTTPS']
    return [
      ...(url === '' ? [required(`${path}.httpGet.path`)] : []),
      ...portOrName(port, `${path}.httpGet.port`),
      ...(schemes.includes(scheme) ? [] : [notSupported(`${path}.httpGet.scheme`, scheme, schemes)]),
    ]
  })
  add(one.tcpSocket, `${path}.tcpSocket`, () =>
    portOrName(one.tcpSocket?.port ?? 0, `${path}.tcpSocket.port`),
  )
  const { grpc } = one as Probe
  add(grpc, `${path}.grpc`, () => portOrName(grpc?.port ?? 0, `${path}.grpc.port`))
  add(one.sleep, `${path}.sleep`, () => [])
  if (n === 0) causes.push(required(path, 'must specify a handler type'))
  return causes
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
  for (const name of numbers) {
    const n = one[name] ?? 0
    if (n < 0) causes.push(invalidValue(`${path}.${name}`, n, 'must be greater than or equal to 0'))
  }
  if (kind !== 'readinessProbe' && (one.successThreshold ?? 1) !== 1) {
    causes.push(invalidValue(`${path}.successThreshold`, one.successThreshold ?? 1, 'must be 1'))
  }
  return causes
}

function hostPorts(spec: PodSpec, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const used = new Set<string>()
  for (const [i, { ports = [] }] of (spec.containers ?? []).entries()) {
    for (const [k, { containerPort, hostPort = 0, hostIP = '', protocol }] of ports.entries()) {
      const at = `${path}.containers[${i}].ports[${k}]`
      if (hostPort === 0) continue
      const key = `${protocol}/${hostIP}/${hostPort}`
      if (used.has(key)) causes.push(duplicate(`${at}.hostPort`, key))
      used.add(key)
      if (hostIP !== '' && parseIp(hostIP) === undefined)
        causes.push(...validIp(hostIP).map((one) => invalidValue(`${at}.hostIP`, hostIP, one)))
      if (spec.hostNetwork === true && hostPort !== containerPort) {
        causes.push(
          invalidValue(
            `${at}.containerPort`,
            containerPort,
            'must match `hostPort` when `hostNetwork` is true',
          ),
        )
      }
    }
  }
  return causes
}

/** A pod's spec is fixed, but for images, deadlines and more tolerations. The server's diff is not printed. */
function changes(pod: Pod, old: Pod): StatusCause[] {
  const neutral = ({ spec }: Pod) => ({
    ...spec,
    containers: spec.containers.map((one) => ({ ...one, image: '' })),
    initContainers: (spec.initContainers ?? []).map((one) => ({ ...one, image: '' })),
    activeDeadlineSeconds: undefined,
    terminationGracePeriodSeconds: undefined,
    tolerations: undefined,
  })
  const kept = (old.spec.tolerations ?? []).every((one) =>
    pod.spec.tolerations?.some((other) => sameToleration(one, other)),
  )
  if (kept && jsonEqual(neutral(pod), neutral(old))) return []
  const words =
    'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'
  return [notAllowed('spec', words)]
}

function sameToleration(a: Toleration, b: Toleration): boolean {
  return jsonEqual({ ...a, tolerationSeconds: 0 }, { ...b, tolerationSeconds: 0 })
}
