/** The environment of a container. Models pkg/kubelet/envvars, kubelet_pods.go and third_party/forked/golang/expansion (1.32). */
import { interned } from '../../../base/intern.ts'
import { cacheGet, cacheList, cacheVersion } from '../../../kube/agent/cache.ts'
import type { AgentCtx } from '../../../kube/agent/types.ts'
import type { ConfigMap, Secret, Service } from '../../../kube/objects.ts'
import type { Container, EnvVar, Pod } from '../../../kube/objects-pod.ts'
import { decodeBase64 } from '../../../kube/api/base64.ts'
import { findCluster } from '../../../kube/cluster.ts'
import { decodeUtf8 } from '../../../base/utf8.ts'
import type { Kubelet, PodRun } from './state.ts'

/**
 * The variables of the container's specification and, in `links`, those of Services and HOME, which give way to them;
 * or why they cannot be made (CreateContainerConfigError).
 */
export function environmentOf(
  kubelet: Kubelet,
  run: PodRun,
  spec: Container,
): { env: Map<string, string>; links: ReadonlyMap<string, string>; error: string } {
  const env = new Map<string, string>()
  const links = serviceVariables(kubelet, run.pod)
  const service = (name: string) => (name === 'HOME' ? undefined : links.get(name))
  const fail = (error: string) => ({ env, links, error })
  for (const { prefix = '', configMapRef, secretRef } of spec.envFrom ?? []) {
    const ref = configMapRef ?? secretRef
    const resource = configMapRef === undefined ? 'secret' : 'configmap'
    const values = keysOf(kubelet, run.pod, resource, ref?.name ?? '')
    if (values === undefined && ref?.optional !== true)
      return fail(`${resource} "${ref?.name ?? ''}" not found`)
    for (const [key, value] of values ?? []) env.set(prefix + key, value)
  }
  for (const one of spec.env ?? []) {
    const found = variableOf(kubelet, run, spec, one, (name) => env.get(name) ?? service(name))
    if (found.error !== '') return fail(found.error)
    if (found.value !== undefined) env.set(one.name, found.value)
  }
  return { env, links, error: '' }
}

/** The variables as a frozen map: one for all containers of an image that have the same. */
export function sharedEnviron(
  image: readonly string[],
  env: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const known = environs.get(image) ?? new Map<string, ReadonlyMap<string, string>>()
  const key = JSON.stringify([...env])
  const shared = known.get(key) ?? Object.freeze(env)
  if (known.size >= ENVIRONS_MAX) known.clear()
  environs.set(image, known.set(key, shared))
  return shared
}

/** A command line as a frozen list: one for all containers of an image that have the same. */
export function sharedWords(image: readonly string[], words: readonly string[]): string[] {
  const known = commands.get(image) ?? new Map<string, string[]>()
  const key = JSON.stringify(words)
  const shared = known.get(key) ?? (Object.freeze([...words]) as string[])
  if (known.size >= ENVIRONS_MAX) known.clear()
  commands.set(image, known.set(key, shared))
  return shared
}

/** Derived, and no part of the world's state. */
const commands = new WeakMap<readonly string[], Map<string, string[]>>()
const environs = new WeakMap<readonly string[], Map<string, ReadonlyMap<string, string>>>()
const ENVIRONS_MAX = 64

/** `$(NAME)` for its value, `$$` for `$`; an unknown name stays as it is. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, rest: string, name: string | undefined) => {
    if (rest === '$') return '$'
    return name === undefined ? whole : (lookup(name) ?? whole)
  })
}

/** A container's field as the downward API gives it, undefined where there is no such field. */
export function podField(kubelet: Kubelet, { pod, ips }: PodRun, path: string): string | undefined {
  const { metadata, spec } = pod
  const node = hostIps(kubelet)
  const quoted = (map: Readonly<Record<string, string>> = {}) =>
    Object.keys(map)
      .sort()
      .map((key) => `${key}=${JSON.stringify(map[key])}`)
      .join('\n')
  const key = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (key !== null) return metadata[key[1] as 'labels' | 'annotations']?.[key[2]!] ?? ''
  const addresses = spec.hostNetwork === true ? node : ips
  switch (path) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid
    case 'metadata.labels':
      return quoted(metadata.labels)
    case 'metadata.annotations':
      return quoted(metadata.annotations)
    case 'spec.nodeName':
      return spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default'
    case 'status.hostIP':
      return node[0] ?? ''
    case 'status.hostIPs':
      return node.join(',')
    case 'status.podIP':
      return addresses[0] ?? ''
    case 'status.podIPs':
      return addresses.join(',')
    default:
      return undefined
  }
}

/** The node's addresses: the first of each family that the cluster knows it by. */
export function hostIps({ ctx, world }: Kubelet): readonly string[] {
  const all = findCluster(world)?.nodes.get(ctx.agent.node)?.addresses ?? []
  if (all.length < 2) return all
  return all.filter((one, at) => all.findIndex((other) => other.includes(':') === one.includes(':')) === at)
}

/** A ConfigMap's or a Secret's keys as text, undefined where it does not exist. */
export function keysOf(
  { ctx }: Kubelet,
  { metadata }: Pod,
  resource: 'configmap' | 'secret',
  name: string,
): [string, string][] | undefined {
  const namespace = metadata.namespace ?? ''
  const found = cacheGet<ConfigMap | Secret>(ctx, `${resource}s`, namespace, name)
  if (found === undefined) return undefined
  const data = Object.entries(found.data ?? {})
  if (resource === 'secret') return data.map(([key, value]) => [key, decoded(value)])
  const binary = Object.entries((found as ConfigMap).binaryData ?? {})
  return [...data, ...binary.map(([key, value]): [string, string] => [key, decoded(value)])]
}

function variableOf(
  kubelet: Kubelet,
  run: PodRun,
  spec: Container,
  { value, valueFrom }: EnvVar,
  lookup: (name: string) => string | undefined,
): { value: string | undefined; error: string } {
  if (valueFrom === undefined) return { value: expand(value ?? '', lookup), error: '' }
  const { fieldRef, configMapKeyRef, secretKeyRef, resourceFieldRef } = valueFrom
  if (fieldRef !== undefined) {
    const found = podField(kubelet, run, fieldRef.fieldPath)
    const error = found === undefined ? `unsupported fieldPath: ${fieldRef.fieldPath}` : ''
    return { value: found, error }
  }
  if (resourceFieldRef !== undefined) return { value: resourceOf(spec, resourceFieldRef), error: '' }
  const ref = configMapKeyRef ?? secretKeyRef
  const resource = configMapKeyRef === undefined ? 'secret' : 'configmap'
  const { name = '', key = '', optional = false } = ref ?? {}
  const keys = keysOf(kubelet, run.pod, resource, name)
  const found = keys?.find(([one]) => one === key)?.[1]
  if (found !== undefined || optional) return { value: found, error: '' }
  if (keys === undefined) return { value: undefined, error: `${resource} "${name}" not found` }
  const named = resource === 'configmap' ? 'ConfigMap' : 'Secret'
  const where = `${run.pod.metadata.namespace}/${name}`
  return { value: undefined, error: `couldn't find key ${key} in ${named} ${where}` }
}

function decoded(text: string): string {
  return decodeUtf8([], Uint8Array.from(decodeBase64(text) ?? [])).text
}

/** Requests and limits in whole units; what is not limited is the node's. */
function resourceOf({ resources }: Container, ref: Readonly<Record<string, unknown>>): string {
  const [kind, name = ''] = String(ref.resource ?? '').split('.')
  const value = String((kind === 'limits' ? resources?.limits : resources?.requests)?.[name] ?? '')
  const parsed = /^([0-9.]+)(m|Ki|Mi|Gi|k|M|G)?$/.exec(value)
  if (parsed === null) return name === 'cpu' && kind === 'limits' ? '4' : '0'
  const factors: Record<string, number> = {
    m: 0.001,
    Ki: 1024,
    Mi: 1024 ** 2,
    Gi: 1024 ** 3,
    k: 1e3,
    M: 1e6,
    G: 1e9,
  }
  return String(Math.ceil(Number(parsed[1]) * (factors[parsed[2] ?? ''] ?? 1)))
}

/**
 * {SVC}_SERVICE_HOST and its kin: of the API server's service always, of the namespace's unless that is switched off;
 * HOME behind them. One frozen map for all pods that see the same Services.
 */
function serviceVariables({ ctx }: Kubelet, { metadata, spec }: Pod): ReadonlyMap<string, string> {
  const namespace = spec.enableServiceLinks === false ? '' : (metadata.namespace ?? '')
  const version = cacheVersion(ctx, 'services')
  if (version === undefined) return linksOf(ctx, namespace)
  const known = ofNamespaces.get(version) ?? new Map<string, ReadonlyMap<string, string>>()
  ofNamespaces.set(version, known)
  const links = known.get(namespace) ?? linksOf(ctx, namespace)
  known.set(namespace, links)
  return links
}

/** Derived from what a store holds, which never changes, and no part of the world's state. */
const ofNamespaces = new WeakMap<object, Map<string, ReadonlyMap<string, string>>>()

function linksOf(ctx: AgentCtx, namespace: string): ReadonlyMap<string, string> {
  const env = new Map<string, string>()
  const master = cacheGet<Service>(ctx, 'services', 'default', 'kubernetes')
  const links = namespace === '' ? [] : cacheList<Service>(ctx, 'services', namespace)
  const others = links.filter((one) => one.metadata.uid !== master?.metadata.uid)
  for (const service of [...(master === undefined ? [] : [master]), ...others]) {
    for (const [name, value] of variablesOf(service)) env.set(name, value)
  }
  env.set('HOME', '/root')
  return Object.freeze(env)
}

/** A Service's variables. Derived from its frozen record, once for all pods, and no part of the world's state. */
function variablesOf(service: Service): ReadonlyMap<string, string> {
  const known = ofServices.get(service)
  if (known !== undefined) return known
  const env = new Map<string, string>()
  addService({ set: (name, value) => env.set(interned(name), interned(value)) }, service)
  ofServices.set(service, env)
  return env
}

const ofServices = new WeakMap<Service, ReadonlyMap<string, string>>()

function addService(env: { set(name: string, value: string): void }, { metadata, spec }: Service): void {
  const ip = spec?.clusterIP ?? ''
  if (ip === '' || ip === 'None') return
  const upper = (text: string) => text.toUpperCase().replaceAll('-', '_')
  const name = upper(metadata.name)
  const ports = spec?.ports ?? []
  const host = ip.includes(':') ? `[${ip}]` : ip
  env.set(`${name}_SERVICE_HOST`, ip)
  if (ports[0] === undefined) return
  env.set(`${name}_SERVICE_PORT`, String(ports[0].port))
  for (const port of ports)
    if (port.name) env.set(`${name}_SERVICE_PORT_${upper(port.name)}`, String(port.port))
  ports.forEach(({ port, protocol = 'TCP' }, i) => {
    const url = `${protocol.toLowerCase()}://${host}:${port}`
    const prefix = `${name}_PORT_${port}_${protocol}`
    if (i === 0) env.set(`${name}_PORT`, url)
    env.set(prefix, url)
    env.set(`${prefix}_PROTO`, protocol.toLowerCase())
    env.set(`${prefix}_PORT`, String(port))
    env.set(`${prefix}_ADDR`, ip)
  })
}
