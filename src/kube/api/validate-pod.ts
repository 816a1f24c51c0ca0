/**
 * Pods and pod templates. Models ValidatePodSpec and ValidatePodUpdate of pkg/apis/core/validation (1.32), in their
 * order. Not here: resources of the pod as a whole; resource claims, which a server without their gate leaves out.
 */
import type { Pod, PodSpec, PodTemplate, Toleration } from '../objects.ts'
import type { ApiObject, StatusCause } from '../types.ts'
import { jsonEqual } from '../types.ts'
import {
  duplicate,
  goStrings,
  invalidAll,
  invalidValue,
  notAllowed,
  required,
  requiredOneOf,
} from './fields.ts'
import { dns1123Label, dns1123Subdomain, qualifiedName, validIp } from './names.ts'
import {
  validateContainers,
  validateImages,
  validateInitContainers,
  validateResources,
} from './validate-container.ts'
import type { EphemeralContainer } from './validate-ephemeral.ts'
import { ephemeralUpdate, validateEphemeral } from './validate-ephemeral.ts'
import { validateAnnotations, validateLabels } from './validate-meta.ts'
import { gatedChanges, podsOnly, withoutZeros } from './validate-gated.ts'
import { hostProcesses, validateOs } from './validate-os.ts'
import { validateAffinity, validateSpread, validateTolerations } from './validate-placement.ts'
import { hostUsersDeps, podSecurity } from './validate-security.ts'
import type { VolumeSource } from './validate-volume.ts'
import { validateVolumes } from './validate-volume.ts'

/** In the order in which the server prints them. */
const RESTART = ['Always', 'OnFailure', 'Never']
const DNS = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const MIRROR = 'kubernetes.io/config.mirror'
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'
const MAX_SECONDS = 2_147_483_647

export function validatePod(pod: Pod, old: ApiObject | undefined, subresource: string): StatusCause[] {
  if (old === undefined) return [...whole(pod), ...createOnly(pod.spec as Spec | undefined)]
  if (subresource === 'binding') return []
  if (subresource === 'ephemeralcontainers') {
    const causes = [...whole(pod), ...annotationChanges(pod, old as Pod)]
    return ephemeralUpdate(pod, old as Pod, causes)
  }
  return update(pod, old as Pod)
}

function whole(pod: Pod): StatusCause[] {
  return [
    ...podAnnotations(pod.metadata.annotations, pod.spec, 'metadata.annotations'),
    ...podSpec(pod.spec, 'spec', true, pod.metadata.name),
    ...validateImages(pod.spec?.containers, 'spec.containers'),
    ...validateImages(pod.spec?.initContainers, 'spec.initContainers'),
  ]
}

function createOnly(spec: Spec | undefined): StatusCause[] {
  const causes: StatusCause[] = []
  if ((spec?.ephemeralContainers ?? []).length > 0) {
    causes.push(notAllowed('spec.ephemeralContainers', 'cannot be set on create'))
  }
  if (spec?.nodeName && (spec.schedulingGates ?? []).length > 0) {
    causes.push(notAllowed('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'))
  }
  return causes
}

/** The template of a workload. Its labels' path is without `metadata`, as upstream has it. */
export function validateTemplate(template: PodTemplate | undefined, path: string): StatusCause[] {
  if (template === undefined) return [required(path)]
  return [...validateTemplateMeta(template, path), ...podSpec(template.spec, `${path}.spec`, false)]
}

/** Labels and annotations of a template: all that is looked at of a StatefulSet's. */
export function validateTemplateMeta(template: PodTemplate, path: string): StatusCause[] {
  const { labels, annotations } = template.metadata ?? {}
  return [
    ...validateLabels(labels, `${path}.labels`),
    ...validateAnnotations(annotations, `${path}.annotations`),
    ...podAnnotations(annotations, template.spec, `${path}.annotations`),
  ]
}

function podAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  spec: PodSpec | undefined,
  path: string,
): StatusCause[] {
  const causes: StatusCause[] = []
  const { [MIRROR]: mirror, [DELETION_COST]: cost } = annotations ?? {}
  if (mirror !== undefined && !spec?.nodeName) {
    const words = 'must set spec.nodeName if mirror pod annotation is set'
    causes.push(invalidValue(`${path}[${MIRROR}]`, mirror, words))
  }
  if (cost !== undefined && !isInt32(cost)) {
    causes.push(invalidValue(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer'))
  }
  return causes
}

/** No leading zero, no plus: what a number of 32 bits prints as. */
function isInt32(text: string): boolean {
  return /^(0|[1-9]\d*|-\d+)$/.test(text) && Number(text) <= MAX_SECONDS && Number(text) >= -MAX_SECONDS - 1
}

type Spec = PodSpec & {
  readonly hostUsers?: boolean
  readonly hostIPC?: boolean
  readonly runtimeClassName?: string
  readonly schedulingGates?: readonly { readonly name?: string }[]
  readonly os?: { readonly name?: string }
  readonly overhead?: Readonly<Record<string, string>>
  readonly ephemeralContainers?: readonly EphemeralContainer[]
}

function podSpec(given: PodSpec | undefined, path: string, isPod: boolean, name?: string): StatusCause[] {
  if (given === undefined) return [required(`${path}.containers`)]
  const spec = given as Spec
  const volumes = new Map<string, VolumeSource>()
  const causes = validateVolumes(
    spec.volumes as readonly VolumeSource[] | undefined,
    `${path}.volumes`,
    volumes,
    name,
  )
  const { containers = [], initContainers = [], terminationGracePeriodSeconds: gracePeriod } = spec
  const hostUsers = spec.hostUsers !== false
  const pod = { volumes, gracePeriod, hostUsers, restartPolicy: spec.restartPolicy }
  causes.push(
    ...validateContainers(containers, `${path}.containers`, pod),
    ...validateInitContainers(initContainers, containers, `${path}.initContainers`, pod),
    ...validateEphemeral(spec, `${path}.ephemeralContainers`, pod),
    ...hostNetworkDeps(spec, path, isPod),
    ...requiredOneOf(`${path}.restartPolicy`, spec.restartPolicy, RESTART),
    ...requiredOneOf(`${path}.dnsPolicy`, spec.dnsPolicy, DNS),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...podSecurity(spec.securityContext, spec, path),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...dnsConfig(spec, `${path}.dnsConfig`),
    ...gates(spec, path),
    ...validateSpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`),
    ...hostProcesses(spec, path),
    ...hostUsersDeps(spec, path),
    ...names(spec, path),
  )
  return causes
}

/** On the host's network a container's port is the host's. A template may leave the host's out. */
function hostNetworkDeps(spec: Spec, path: string, isPod: boolean): StatusCause[] {
  if (spec.hostNetwork !== true) return []
  return (spec.containers ?? []).flatMap(({ ports = [] }, i) =>
    ports.flatMap(({ hostPort = 0, containerPort = 0 }, k) => {
      if ((!isPod && hostPort === 0) || hostPort === containerPort) return []
      const words = 'must match `containerPort` when `hostNetwork` is true'
      return [invalidValue(`${path}.containers[${i}].ports[${k}].hostPort`, hostPort, words)]
    }),
  )
}

function gates(spec: Spec, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  for (const [i, { conditionType = '' }] of (spec.readinessGates ?? []).entries()) {
    const at = `${path}.readinessGates[${i}].conditionType`
    causes.push(...invalidAll(at, conditionType, qualifiedName(conditionType)))
  }
  const seen = new Set<string>()
  for (const [i, { name = '' }] of (spec.schedulingGates ?? []).entries()) {
    const at = `${path}.schedulingGates[${i}]`
    causes.push(...invalidAll(at, name, qualifiedName(name)))
    if (seen.has(name)) causes.push(duplicate(at, name))
    seen.add(name)
  }
  return causes
}

function names(spec: Spec, path: string): StatusCause[] {
  const named = (field: keyof Spec, check: (text: string) => string[]): StatusCause[] => {
    const text = (spec[field] as string | undefined) ?? ''
    return text === '' ? [] : invalidAll(`${path}.${field}`, text, check(text))
  }
  const causes = [...named('serviceAccountName', dns1123Subdomain), ...named('nodeName', dns1123Subdomain)]
  const deadline = spec.activeDeadlineSeconds
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_SECONDS)) {
    const words = 'must be between 1 and 2147483647, inclusive'
    causes.push(invalidValue(`${path}.activeDeadlineSeconds`, deadline, words))
  }
  causes.push(...named('hostname', dns1123Label), ...named('subdomain', dns1123Label))
  causes.push(...validateTolerations(spec.tolerations, `${path}.tolerations`))
  for (const [i, { ip = '', hostnames = [] }] of (spec.hostAliases ?? []).entries()) {
    const at = `${path}.hostAliases[${i}]`
    causes.push(...invalidAll(`${at}.ip`, ip, validIp(ip)))
    causes.push(
      ...hostnames.flatMap((one, k) => invalidAll(`${at}.hostnames[${k}]`, one, dns1123Subdomain(one))),
    )
  }
  causes.push(...named('priorityClassName', dns1123Subdomain))
  const { runtimeClassName: runtime, overhead } = spec
  if (runtime !== undefined)
    causes.push(...invalidAll(`${path}.runtimeClassName`, runtime, dns1123Subdomain(runtime)))
  const preemption = spec.preemptionPolicy
  if (preemption !== undefined)
    causes.push(...requiredOneOf(`${path}.preemptionPolicy`, preemption, ['PreemptLowerPriority', 'Never']))
  if (overhead !== undefined) causes.push(...validateResources({ limits: overhead }, `${path}.overhead`))
  return [...causes, ...validateOs(spec, path)]
}

function dnsConfig({ dnsPolicy, dnsConfig: config }: Spec, at: string): StatusCause[] {
  const { nameservers = [], searches = [], options = [] } = config ?? {}
  if (dnsPolicy === 'None') {
    const words = 'must provide `dnsConfig` when `dnsPolicy` is None'
    if (config === undefined) return [required(at, words)]
    const one = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
    if (nameservers.length === 0) return [required(`${at}.nameservers`, one)]
  }
  const causes: StatusCause[] = []
  if (nameservers.length > 3) {
    const all = goStrings(nameservers)
    causes.push(invalidValue(`${at}.nameservers`, all, 'must not have more than 3 nameservers'))
  }
  for (const [i, ip] of nameservers.entries())
    causes.push(...invalidAll(`${at}.nameservers[${i}]`, ip, validIp(ip)))
  const all = goStrings(searches)
  if (searches.length > 32) {
    causes.push(invalidValue(`${at}.searches`, all, 'must not have more than 32 search paths'))
  }
  if (searches.join(' ').length > 2048) {
    const words = 'must not have more than 2048 characters (including spaces) in the search list'
    causes.push(invalidValue(`${at}.searches`, all, words))
  }
  for (const [i, text] of searches.entries()) {
    const name = text.replace(/\.$/, '')
    causes.push(...invalidAll(`${at}.searches[${i}]`, name, dns1123Subdomain(name)))
  }
  for (const [i, { name = '' }] of options.entries()) {
    if (name === '') causes.push(required(`${at}.options[${i}]`, 'must not be empty'))
  }
  return causes
}

/**
 * A pod's spec is fixed, but for images, deadlines, more tolerations and fewer gates. The server's diff of what else
 * was changed is not printed.
 */
function update(pod: Pod, old: Pod): StatusCause[] {
  const causes = [...whole(pod), ...annotationChanges(pod, old)]
  for (const name of ['containers', 'initContainers'] as const) {
    const { length } = old.spec[name] ?? []
    if ((pod.spec[name]?.length ?? 0) !== length) {
      return [...causes, notAllowed(`spec.${name}`, 'pod updates may not add or remove containers')]
    }
    for (const [i, { image = '' }] of (pod.spec[name] ?? []).entries()) {
      if (image === '') causes.push(required(`spec.${name}[${i}].image`))
    }
    causes.push(...validateImages(pod.spec[name], `spec.${name}`))
  }
  const deadline = deadlineChange(pod.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds)
  if (deadline !== undefined) causes.push(deadline)
  if (deadline !== undefined && pod.spec.activeDeadlineSeconds !== undefined) return causes
  causes.push(...tolerationChanges(pod, old), ...gateChanges(pod.spec, old.spec))
  const gated = ((old.spec as Spec).schedulingGates ?? []).length > 0
  if (gated) causes.push(...gatedChanges(pod.spec, old.spec))
  const munged = ({ spec }: Pod) => ({
    ...spec,
    ...(gated ? { nodeSelector: undefined, affinity: podsOnly(spec.affinity) } : {}),
    containers: spec.containers.map((one) => ({ ...one, image: '' })),
    initContainers: (spec.initContainers ?? []).map((one) => ({ ...one, image: '' })),
    activeDeadlineSeconds: undefined,
    tolerations: undefined,
    schedulingGates: undefined,
    // A negative grace, which old servers took, may become 1.
    terminationGracePeriodSeconds: endsAtOnce(pod, old) ? undefined : spec.terminationGracePeriodSeconds,
  })
  if (jsonEqual(withoutZeros(munged(pod)), withoutZeros(munged(old)))) return causes
  const words =
    'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'
  return [...causes, notAllowed('spec', words)]
}

function endsAtOnce(pod: Pod, old: Pod): boolean {
  return (old.spec.terminationGracePeriodSeconds ?? 0) < 0 && pod.spec.terminationGracePeriodSeconds === 1
}

function annotationChanges(pod: Pod, old: Pod): StatusCause[] {
  const now = pod.metadata.annotations?.[MIRROR]
  const was = old.metadata.annotations?.[MIRROR]
  if (now === was) return []
  const verb = was === undefined ? 'add' : 'remove or update'
  return [notAllowed(`metadata.annotations[${MIRROR}]`, `may not ${verb} mirror pod annotation`)]
}

function deadlineChange(now: number | undefined, was: number | undefined): StatusCause | undefined {
  const at = 'spec.activeDeadlineSeconds'
  if (now === undefined) {
    if (was === undefined) return undefined
    return invalidValue(at, undefined, 'must not update from a positive integer to nil value')
  }
  if (now < 0 || now > MAX_SECONDS) {
    return invalidValue(at, now, 'must be between 0 and 2147483647, inclusive')
  }
  if (was === undefined || was >= now) return undefined
  return invalidValue(at, now, 'must be less than or equal to previous value')
}

function tolerationChanges({ spec }: Pod, old: Pod): StatusCause[] {
  const now = spec.tolerations ?? []
  const kept = (old.spec.tolerations ?? []).every((one) => now.some((other) => sameToleration(one, other)))
  const words = 'existing toleration can not be modified except its tolerationSeconds'
  if (!kept) return [notAllowed('spec.tolerations', words)]
  return validateTolerations(now, 'spec.tolerations')
}

function gateChanges(now: Spec, was: Spec): StatusCause[] {
  const before = new Set((was.schedulingGates ?? []).map(({ name = '' }) => name))
  return (now.schedulingGates ?? []).flatMap(({ name = '' }, i) =>
    before.has(name)
      ? []
      : [
          notAllowed(
            `spec.schedulingGates[${i}].name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  )
}

function sameToleration(a: Toleration, b: Toleration): boolean {
  return jsonEqual({ ...a, tolerationSeconds: 0 }, { ...b, tolerationSeconds: 0 })
}
