/** The API server's defaults, refusals, and what a change of a Service's families or type does. */
import { dropTypeDependent, initFamilies } from '../../kube/api/service.ts'
import { methodNotAllowed } from '../../kube/api/status.ts'
import type { Mutable } from '../../kube/api/draft.ts'
import { resources } from '../../kube/api/resources.ts'
import { sendTo } from '../../kube/api/rest.fixture.ts'
import type { Service } from '../../kube/objects.ts'
import type { ApiResponse, Json, JsonObject, Status } from '../../kube/types.ts'
import type { World } from '../../net/types.ts'
import { collection, draftOf, start } from './drafts.ts'
import type { CaseResult } from './report.ts'
import { differs, runCase } from './report.ts'

type Set = Record<string, Json>
type Draft = Mutable<Service>

const made = (kind: string, set: Set) =>
  sendTo(start(), 'POST', collection(kind), draftOf(kind, 'web', set)).body as unknown as { spec: JsonObject }

/** What is sent, and the fields of `spec` that come back; the file says them in words. */
const SERVICE: Readonly<Record<string, readonly (readonly [set: Set, spec: JsonObject])[]>> = {
  type: [[{}, { type: 'ClusterIP' }]],
  sessionAffinity: [[{}, { sessionAffinity: 'None' }]],
  'sessionAffinityConfig.clientIP.timeoutSeconds': [
    [
      { 'spec.sessionAffinity': 'ClientIP' },
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } },
    ],
  ],
  sessionAffinityConfig: [
    [{ 'spec.sessionAffinityConfig': { clientIP: { timeoutSeconds: 5 } } }, { sessionAffinityConfig: null }],
  ],
  'ports[].protocol': [
    [{ 'spec.ports': [{ port: 8080 }] }, { ports: [{ port: 8080, protocol: 'TCP', targetPort: 8080 }] }],
  ],
  'ports[].targetPort': [
    [{ 'spec.ports[0].port': 81 }, { ports: [{ port: 81, protocol: 'TCP', targetPort: 81 }] }],
  ],
  internalTrafficPolicy: [
    [{}, { internalTrafficPolicy: 'Cluster' }],
    [{ 'spec.type': 'ExternalName', 'spec.externalName': 'a.b' }, { internalTrafficPolicy: null }],
  ],
  externalTrafficPolicy: [
    [{ 'spec.type': 'NodePort' }, { externalTrafficPolicy: 'Cluster' }],
    [{ 'spec.type': 'LoadBalancer' }, { externalTrafficPolicy: 'Cluster' }],
    [{ 'spec.externalIPs': ['1.2.3.4'] }, { externalTrafficPolicy: 'Cluster' }],
    [{}, { externalTrafficPolicy: null }],
  ],
  allocateLoadBalancerNodePorts: [[{ 'spec.type': 'LoadBalancer' }, { allocateLoadBalancerNodePorts: true }]],
  ipFamilyPolicy: [[{}, { ipFamilyPolicy: 'SingleStack' }]],
}

const DEPLOYMENT: Readonly<Record<string, JsonObject>> = {
  replicas: { replicas: 1 },
  strategy: {
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
  },
  revisionHistoryLimit: { revisionHistoryLimit: 10 },
  progressDeadlineSeconds: { progressDeadlineSeconds: 600 },
  minReadySeconds: { minReadySeconds: null },
}

/** `defaults` */
export function defaultCases({ service = {}, deployment = {} }: Record<string, Set>): CaseResult[] {
  return [
    ...Object.keys(service).map((key) => runCase('defaults service', key, () => serviceDefault(key))),
    ...Object.keys(deployment).map((key) =>
      runCase('defaults deployment', key, () =>
        DEPLOYMENT[key] === undefined ? undefined : within(DEPLOYMENT[key], made('Deployment', {}).spec),
      ),
    ),
  ]
}

function within(expected: JsonObject, got: JsonObject): string {
  const keys = Object.keys(expected)
  return differs(expected, Object.fromEntries(keys.map((key) => [key, got[key] ?? null])))
}

function serviceDefault(key: string): string | undefined {
  if (key === 'clusterIP on update') return keptAddress()
  if (key === 'healthCheckNodePort') {
    const set = { 'spec.type': 'LoadBalancer', 'spec.externalTrafficPolicy': 'Local' }
    return differs(true, Number(made('Service', set).spec.healthCheckNodePort) >= 30000)
  }
  if (SERVICE[key] === undefined) return undefined
  return (
    SERVICE[key].map(([set, spec]) => within(spec, made('Service', set).spec)).find((one) => one !== '') ?? ''
  )
}

function keptAddress(): string {
  const world = start()
  const url = collection('Service')
  const was = sendTo(world, 'POST', url, draftOf('Service', 'web')).body as Service
  const set = { 'spec.selector': { a: 'b' } }
  const now = sendTo(world, 'PUT', `${url}/web`, draftOf('Service', 'web', set)).body as Service
  return differs([was.spec.clusterIP, was.spec.clusterIPs], [now.spec.clusterIP, now.spec.clusterIPs])
}

const SERVICES = '/api/v1/namespaces/default/services'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const STRICT = '?fieldValidation=Strict'
const service = (set: Set = {}) => draftOf('Service', 'web', set)
const deployment = (set: Set = {}) => draftOf('Deployment', 'web', set)

const REQUESTS: Readonly<Record<string, (world: World) => ApiResponse>> = {
  'get missing deployment': (w) => sendTo(w, 'GET', `${DEPLOYMENTS}/nope`),
  'create twice': (w) => {
    sendTo(w, 'POST', SERVICES, service())
    return sendTo(w, 'POST', SERVICES, service())
  },
  'stale resourceVersion': (w) => {
    const first = sendTo(w, 'POST', DEPLOYMENTS, deployment()).body as unknown as JsonObject & {
      spec: JsonObject
    }
    const scaled = (replicas: number) => ({ ...first, spec: { ...first.spec, replicas } })
    sendTo(w, 'PUT', `${DEPLOYMENTS}/web`, scaled(4))
    return sendTo(w, 'PUT', `${DEPLOYMENTS}/web`, scaled(5))
  },
  'unknown field': (w) => sendTo(w, 'POST', SERVICES + STRICT, service({ 'spec.foo': 1 })),
  'unknown field in a list': (w) =>
    sendTo(w, 'POST', SERVICES + STRICT, service({ 'spec.ports[0].nodeport': 1 })),
  'string for a number': (w) => sendTo(w, 'POST', SERVICES, service({ 'spec.ports[0].port': '80' })),
  'string for replicas': (w) => sendTo(w, 'POST', DEPLOYMENTS, deployment({ 'spec.replicas': '3' })),
  'object for a list': (w) =>
    sendTo(w, 'POST', DEPLOYMENTS, deployment({ 'spec.template.spec.containers': {} })),
  'bool for nodeSelector value': (w) =>
    sendTo(w, 'POST', DEPLOYMENTS, deployment({ 'spec.template.spec.nodeSelector': { ssd: true } })),
  'internal error': () => full(start({ serviceCidrs: ['10.0.0.0/30'] }), {}),
  'node port range full': () => full(start({ nodePorts: [30000, 30001] }), { 'spec.type': 'NodePort' }),
}

function full(world: World, set: Set): ApiResponse {
  for (const name of ['a', 'b']) sendTo(world, 'POST', SERVICES, draftOf('Service', name, set))
  return sendTo(world, 'POST', SERVICES, draftOf('Service', 'c', set))
}

/** `get deployment nope`, `delete pod p`: of kinds that are served. */
function plainRequest(request: string): ((world: World) => ApiResponse) | undefined {
  const [, verb, word = '', name = ''] = /^(get|delete) (\w+) (\S+)$/.exec(request) ?? []
  const info = resources.find((one) => one.kind.toLowerCase() === word || one.resource === word)
  if (verb === undefined || info === undefined) return undefined
  return (world) => sendTo(world, verb === 'get' ? 'GET' : 'DELETE', `${collection(info.kind)}/${name}`)
}

/** The refusal of a verb that a kind lacks which is not served here at all. */
function notServed(message: string): Status | undefined {
  const [, verb, resource] = /^(\w+) is not supported on resources of kind "(\w+)"$/.exec(message) ?? []
  return verb === undefined ? undefined : methodNotAllowed({ group: '', resource: resource! }, verb)
}

/** `api_errors`. What kubectl finds out by itself and kinds that are not served are skipped. */
export function errorCases(cases: readonly JsonObject[]): CaseResult[] {
  return cases.map(({ id, request, expect }) =>
    runCase('api_errors', String(id), () => {
      const ask = REQUESTS[String(id)] ?? plainRequest(String(request))
      const { code, reason, message } = expect as JsonObject
      const got = ask === undefined ? notServed(String(message)) : (ask(start()).body as Status)
      if (got === undefined) return { notBuilt: 'kubectl finds it by itself, no request leaves it' }
      return differs({ code, reason, message }, { code: got.code, reason: got.reason, message: got.message })
    }),
  )
}

function wrap(spec: unknown): Draft {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec } as unknown as Draft
}

/** `allocation.families` */
export function familyCase(given: unknown): string {
  const { cluster, expect, ...one } = given as { in: Set; cluster: string[]; expect: Set }
  const { clusterIPs, ...rest } = one.in
  const spec: Set = { selector: { app: 'web' }, type: 'ClusterIP', ports: [{ port: 80 }], ...rest }
  for (const [key, value] of Object.entries(spec)) if (value === null) delete spec[key]
  if (spec.clusterIP === 'None') spec.clusterIPs = ['None']
  if (clusterIPs === 2) spec.clusterIPs = ['10.96.0.7', 'fd00::7']
  const serviceCidrs = cluster.map((family) => (family === 'IPv4' ? '10.96.0.0/12' : 'fd00::/112'))
  const service = wrap(spec)
  const options = { serviceCidrs, epochMs: 0, nodePorts: [1, 2] as [number, number], logLimit: 1 }
  const causes = initFamilies(service, undefined, { options })
  if (!Array.isArray(expect.error)) {
    return differs([], causes) || within(expect, service.spec as unknown as JsonObject)
  }
  const [field, words] = expect.error as string[]
  const found = causes.map((cause) => [cause.field, cause.message.includes(words!)])
  return differs([[field, true]], found)
}

/** `allocation.type_change` */
export function changeCase(given: unknown): string {
  const { from, patch, expect } = given as { from: Set; patch: Set; expect: Set }
  const { nodePorts: ports, healthCheckNodePort: check, ...plain } = from
  const old: JsonObject = {
    clusterIP: '10.96.0.9',
    clusterIPs: ['10.96.0.9'],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ...(from.type === 'ClusterIP' ? {} : { externalTrafficPolicy: 'Cluster' }),
    ports: [{ name: 'a', port: 80, ...(ports === true ? { nodePort: 30100 } : {}) }],
    ...plain,
    ...(check === true ? { healthCheckNodePort: 30200, externalTrafficPolicy: 'Local' } : {}),
  }
  const next = structuredClone(old) as unknown as Draft['spec'] & Record<string, unknown>
  const { nodePorts, addPort, nodePortOnNewPort, changePort, healthCheckNodePort, ...set } = patch
  for (const [key, value] of Object.entries(set)) {
    if (value === null) delete next[key]
    else (next as Record<string, unknown>)[key] = value
  }
  const list = next.ports ?? []
  if (nodePorts === 'changed') list[0]!.nodePort = 30999
  if (addPort === true)
    list.push({ name: 'b', port: 81, ...(nodePortOnNewPort === true ? { nodePort: 30111 } : {}) })
  if (changePort === true) list[0]!.port = 90
  if (healthCheckNodePort === 'changed') next.healthCheckNodePort = 30201
  const service = wrap(next)
  dropTypeDependent(service, wrap(old) as unknown as Service)
  const after = service.spec as Record<string, unknown>
  const got = { ...after, nodePorts: service.spec.ports?.[0]?.nodePort }
  const values: Record<string, unknown> = { nodePorts: 30100, healthCheckNodePort: 30200 }
  const changed: Record<string, unknown> = { nodePorts: 30999, healthCheckNodePort: 30201 }
  const wanted = Object.entries(expect).map(([key, value]) => {
    if (value === 'changed') return [key, changed[key]]
    return [key, value === 'kept' ? (values[key] ?? (old as Set)[key]) : value]
  })
  return differs(
    wanted,
    Object.keys(expect).map((key) => [key, (got as Record<string, unknown>)[key] ?? null]),
  )
}
