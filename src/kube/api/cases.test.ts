// The cases handed over with the issue (../shared/cases/05 and 06), as far as the API server answers them. Skipped,
// with a word, where those files are absent.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { World } from '../../net/types.ts'
import { createRng } from '../../base/rng.ts'
import { createWorld } from '../../net/world.ts'
import type { Pod, Service } from '../objects.ts'
import { createStore } from '../store/store.ts'
import { formatTime } from '../time.ts'
import type { ApiObject, ApiRequest, ApiResponse, Json, JsonObject, Status } from '../types.ts'
import { resourceKey } from '../types.ts'
import { ipBand, ipInRange, ipRange, pickIp, pickPort, portBand } from './alloc.ts'
import { bootstrapApi } from './bootstrap.ts'
import { podCells } from './cells.ts'
import type { Mutable } from './draft.ts'
import { humanDuration, shortHumanDuration } from './duration.ts'
import { dns1035Label, dns1123Label, validPortName, validPortNumber, wildcardSubdomain } from './names.ts'
import { printCells, printColumns } from './printers.ts'
import { findKind, resources } from './resources.ts'
import { apiRequest } from './rest.ts'
import { container, draftOf, template } from './drafts.fixture.ts'
import { dropTypeDependent, initFamilies } from './service.ts'

const folder = join(import.meta.dirname, '../../../../shared/cases')
const has = existsSync(folder)
const whenThere = describe.skipIf(!has) // skips: no ../shared/cases
const read = (name: string) => (has ? JSON.parse(readFileSync(join(folder, name), 'utf8')) : {})

interface Case {
  id: string
  verb: 'create' | 'update'
  kind: string
  name?: string
  set: Record<string, Json>
  old?: Record<string, Json>
  expect: {
    code: number
    reason: string
    message: string
    causes: { field: string; type: string; message: string }[]
  }
}

function start(): World {
  const world = createWorld(1)
  createStore(world)
  bootstrapApi(world, [])
  return world
}

function send(
  world: World,
  method: string,
  url: string,
  body: unknown = '',
  more: Partial<ApiRequest> = {},
): ApiResponse {
  const [at, search = ''] = url.split('?')
  const query = search
    .split('&')
    .filter((one) => one !== '')
    .map((one) => one.split('=') as [string, string])
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const head = {
    accept: 'application/json',
    contentType: 'application/json',
    user: 'admin',
    userAgent: 'kubectl/v1.32.4',
  }
  return apiRequest(world, { method, path: at, query, body: text, ...head, ...more })
}

function collection(kind: string): string {
  const info = resources.find((one) => one.kind === kind)
  if (info === undefined) throw new Error(kind)
  const base = info.group === '' ? '/api/v1' : `/apis/${info.group}/v1`
  return info.namespaced ? `${base}/namespaces/default/${info.resource}` : `${base}/${info.resource}`
}

describe('05 validation', () => {
  const cases: Case[] = read('05-controllers-and-validation.json').validation ?? []
  it.skipIf(!has)('finds the cases', () => expect(cases.length).toBeGreaterThan(50)) // skips: no ../shared/cases
  it.each(cases)('$id', ({ id, verb, kind, name = '', set, old, expect: wanted }) => {
    const world = start()
    const url = collection(kind)
    if (/allocated/.test(wanted.message)) {
      const spec = { clusterIP: '10.96.0.10', type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }
      send(world, 'POST', url, { ...draftOf(kind, 'other'), spec })
    }
    if (old !== undefined) expect(send(world, 'POST', url, draftOf(kind, name, old)).code, id).toBe(201)
    const draft = draftOf(kind, name, old, set)
    const given =
      verb === 'create' ? send(world, 'POST', url, draft) : send(world, 'PUT', `${url}/${name}`, draft)
    const status = given.body as Status
    const causes = status.details?.causes?.map(({ field, reason, message }) => ({
      field,
      type: reason,
      message,
    }))
    expect({ code: given.code, reason: status.reason, message: status.message, causes }).toEqual({
      code: wanted.code,
      reason: wanted.reason,
      message: wanted.message,
      causes: wanted.causes,
    })
  })
})

describe('05 api errors', () => {
  const cases: { id: string; expect: { code: number | null; reason: string; message: string } }[] =
    read('05-controllers-and-validation.json').api_errors ?? []
  const pod = (spec: JsonObject) => ({
    ...draftOf('Deployment', 'web'),
    spec: { selector: { matchLabels: { app: 'web' } }, template: { metadata: template.metadata, spec } },
  })
  const service = (set: Record<string, Json>) => draftOf('Service', 'web', set)
  const services = '/api/v1/namespaces/default/services'
  const deployments = '/apis/apps/v1/namespaces/default/deployments'
  const strict = '?fieldValidation=Strict'
  const requests: Record<string, (world: World) => ApiResponse> = {
    'get missing deployment': (w) => send(w, 'GET', `${deployments}/nope`),
    'create twice': (w) => {
      send(w, 'POST', services, service({}))
      return send(w, 'POST', services, service({}))
    },
    'stale resourceVersion': (w) => {
      const made = send(w, 'POST', deployments, draftOf('Deployment', 'web')).body as JsonObject
      send(w, 'PUT', `${deployments}/web`, { ...made, spec: { ...(made.spec as JsonObject), replicas: 4 } })
      return send(w, 'PUT', `${deployments}/web`, {
        ...made,
        spec: { ...(made.spec as JsonObject), replicas: 5 },
      })
    },
    'unknown field': (w) => send(w, 'POST', services + strict, service({ 'spec.foo': 1 })),
    'unknown field in a list': (w) =>
      send(w, 'POST', services + strict, service({ 'spec.ports[0].nodeport': 1 })),
    'string for a number': (w) => send(w, 'POST', services, service({ 'spec.ports[0].port': '80' })),
    'string for replicas': (w) =>
      send(w, 'POST', deployments, draftOf('Deployment', 'web', { 'spec.replicas': '3' })),
    'object for a list': (w) => send(w, 'POST', deployments, pod({ containers: {} })),
    'bool for nodeSelector value': (w) =>
      send(w, 'POST', deployments, pod({ containers: [container], nodeSelector: { ssd: true } })),
    'internal error': (w) => fill(w, ['10.0.0.0/30'], [30000, 32767], {}),
    'node port range full': (w) => fill(w, ['10.96.0.0/12'], [30000, 30001], { 'spec.type': 'NodePort' }),
  }
  const fill = (_: World, serviceCidrs: string[], nodePorts: [number, number], set: Record<string, Json>) => {
    const world = createWorld(1)
    createStore(world, { serviceCidrs, nodePorts })
    bootstrapApi(world, [])
    for (const name of ['a', 'b']) send(world, 'POST', services, draftOf('Service', name, set))
    return send(world, 'POST', services, draftOf('Service', 'c', set))
  }
  // An unknown kind is found by kubectl itself; componentstatuses are not served.
  const elsewhere = ['unknown kind', 'unsupported method']
  it.each(cases.filter((one) => !elsewhere.includes(one.id)))('$id', ({ id, expect: wanted }) => {
    const status = requests[id](start()).body as Status
    expect({ code: status.code, reason: status.reason, message: status.message }).toEqual({
      code: wanted.code,
      reason: wanted.reason,
      message: wanted.message,
    })
  })
})

describe('05 names', () => {
  const names: Record<string, { good: (string | number)[]; bad: (string | number)[] }> =
    read('05-controllers-and-validation.json').names ?? {}
  const checks: Record<string, (value: never) => string[]> = {
    dns1123Label,
    dns1035Label,
    portName: validPortName,
    wildcardHost: wildcardSubdomain,
    portNumber: validPortNumber,
  }
  it.each(Object.keys(names))('%s', (kind) => {
    for (const one of names[kind].good) expect([one, checks[kind](one as never)]).toEqual([one, []])
    for (const one of names[kind].bad)
      expect([one, checks[kind](one as never).length > 0]).toEqual([one, true])
  })
})

whenThere('05 defaults', () => {
  const make = (kind: string, set: Record<string, Json>) =>
    send(start(), 'POST', collection(kind), draftOf(kind, 'web', set)).body
  const spec = (set: Record<string, Json>) => (make('Service', set) as Service).spec
  it('services', () => {
    expect(spec({ 'spec.ports': [{ port: 8080 }] })).toMatchObject({
      type: 'ClusterIP',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ipFamilyPolicy: 'SingleStack',
      ports: [{ protocol: 'TCP', targetPort: 8080 }],
    })
    expect(spec({ 'spec.sessionAffinity': 'ClientIP' }).sessionAffinityConfig).toEqual({
      clientIP: { timeoutSeconds: 10800 },
    })
    expect(
      spec({ 'spec.sessionAffinityConfig': { clientIP: { timeoutSeconds: 5 } } }).sessionAffinityConfig,
    ).toBe(undefined)
    expect(spec({ 'spec.type': 'NodePort' }).externalTrafficPolicy).toBe('Cluster')
    expect(spec({ 'spec.externalIPs': ['1.2.3.4'] }).externalTrafficPolicy).toBe('Cluster')
    expect(spec({ 'spec.type': 'LoadBalancer' }).allocateLoadBalancerNodePorts).toBe(true)
    expect(spec({ 'spec.type': 'ExternalName', 'spec.externalName': 'a.b' }).internalTrafficPolicy).toBe(
      undefined,
    )
    const local = spec({ 'spec.type': 'LoadBalancer', 'spec.externalTrafficPolicy': 'Local' })
    expect(local.healthCheckNodePort).toBeGreaterThanOrEqual(30086)
  })
  it('an update that leaves the cluster IP out keeps it', () => {
    const world = start()
    const made = send(world, 'POST', collection('Service'), draftOf('Service', 'web')).body as Service
    const next = send(
      world,
      'PUT',
      `${collection('Service')}/web`,
      draftOf('Service', 'web', { 'spec.selector': { a: 'b' } }),
    ).body as Service
    expect([next.spec.clusterIP, next.spec.clusterIPs]).toEqual([made.spec.clusterIP, made.spec.clusterIPs])
  })
  it('deployments', () => {
    expect(make('Deployment', {})).toMatchObject({
      spec: {
        replicas: 1,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
      },
    })
  })
})

describe('05 allocation', () => {
  const all = read('05-controllers-and-validation.json').allocation ?? {}
  const none = () => false

  it.each((all.cluster_ip_band?.cases ?? []) as { cidr: string; staticBand: number }[])(
    'band of $cidr',
    ({ cidr, staticBand }) => {
      expect(ipRange(cidr)?.band).toBe(staticBand)
      const len = Number(cidr.split('/')[1])
      if (!cidr.includes(':')) expect(ipBand(2 ** (32 - len))).toBe(staticBand)
    },
  )

  it.each((all.node_port_band?.cases ?? []) as { base: number; size: number; staticBand: number }[])(
    'band of $size ports',
    ({ base, size, staticBand }) => {
      expect(portBand(size)).toBe(staticBand)
      const rng = createRng(1, 1)
      for (let i = 0; i < 200; i++)
        expect(pickPort([base, base + size - 1], rng, none)).toBeGreaterThanOrEqual(base + staticBand)
    },
  )

  it.each(
    (all.ip_ranges ?? []) as { cidr: string; free: number; reserved?: string[]; outOfRange?: string[] }[],
  )('range $cidr', ({ cidr, free, reserved = [], outOfRange = [] }) => {
    const range = ipRange(cidr)
    if (range === undefined) throw new Error(cidr)
    expect(range.free).toBe(free)
    for (const ip of [...reserved, ...outOfRange]) expect([ip, ipInRange(range, ip)]).toEqual([ip, false])
    const used = new Set<string>()
    const rng = createRng(1, 1)
    for (let i = 0; i < Math.min(free, 300); i++) {
      const ip = pickIp(range, rng, (one) => used.has(one))
      if (ip === undefined) throw new Error(`full after ${i}`)
      expect([ip, ipInRange(range, ip), used.has(ip)]).toEqual([ip, true, false])
      used.add(ip)
    }
    if (free <= 300) expect(pickIp(range, rng, (one) => used.has(one))).toBe(undefined)
  })

  it.each(
    (all.port_ranges ?? []) as {
      range: string
      free?: number
      allocate?: number
      allocateTwice?: number
      full?: boolean
      release?: number
      nextIs?: number
    }[],
  )('ports %o', (one) => {
    const [low, high] = one.range.split('-').map(Number)
    if (one.free !== undefined) expect(high - low + 1).toBe(one.free)
    if (one.full === true) {
      expect(pickPort([low, high], createRng(1, 1), (port) => port !== one.release)).toBe(one.nextIs)
      expect(pickPort([low, high], createRng(1, 1), () => true)).toBe(undefined)
    }
    const world = createWorld(1)
    createStore(world, { nodePorts: [low, high] })
    bootstrapApi(world, [])
    const port = one.allocate ?? one.allocateTwice
    if (port === undefined) return
    const set = { 'spec.type': 'NodePort', 'spec.ports[0].nodePort': port }
    const first = send(world, 'POST', collection('Service'), draftOf('Service', 'a', set))
    const second = send(world, 'POST', collection('Service'), draftOf('Service', 'b', set))
    expect([first.code, (second.body as Status).message]).toEqual(
      one.allocate === undefined
        ? [201, expect.stringContaining('already allocated')]
        : [422, expect.stringContaining('not in the valid range')],
    )
  })

  it.each((all.node_ports ?? []) as { id: string; ports: Json[]; expect: number[] }[])(
    '$id',
    ({ ports, expect: wanted }) => {
      const named = ports.map((port, i) => ({ ...(port as JsonObject), name: `p${i}` }))
      const set = { 'spec.type': 'NodePort', 'spec.ports': named }
      const made = send(start(), 'POST', collection('Service'), draftOf('Service', 'a', set)).body as Service
      expect(made.spec.ports?.map((port) => port.nodePort)).toEqual(wanted)
    },
  )

  it.each(
    (all.families ?? []) as {
      in: Record<string, unknown>
      cluster: string[]
      expect: Record<string, unknown>
    }[],
  )('families %o', (one) => {
    const { clusterIPs, ...given } = one.in
    const spec = {
      selector: { app: 'web' },
      type: 'ClusterIP',
      ports: [{ port: 80 }],
      ...given,
    } as Mutable<Service>['spec']
    for (const key of ['ipFamilyPolicy', 'selector'] as const) if (spec[key] === null) delete spec[key]
    if (spec.clusterIP === 'None') spec.clusterIPs = ['None']
    if (clusterIPs === 2) spec.clusterIPs = ['10.96.0.7', 'fd00::7']
    const serviceCidrs = one.cluster.map((family) => (family === 'IPv4' ? '10.96.0.0/12' : 'fd00::/112'))
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a' },
      spec,
    } as unknown as Mutable<Service>
    const causes = initFamilies(service, undefined, {
      options: { serviceCidrs, epochMs: 0, nodePorts: [1, 2], logLimit: 1 },
    })
    if (Array.isArray(one.expect.error)) {
      const [where, words] = one.expect.error as string[]
      expect(causes.map((cause) => [cause.field, cause.message.includes(words)])).toEqual([[where, true]])
    } else expect([causes, service.spec]).toMatchObject([[], one.expect])
  })

  const changes = (all.type_change ?? []) as {
    id: string
    from: Record<string, unknown>
    patch: Record<string, unknown>
    expect: Record<string, unknown>
  }[]
  it.each(changes)('$id', ({ from, patch, expect: wanted }) => {
    const port = { name: 'a', port: 80, ...(from.nodePorts === true ? { nodePort: 30100 } : {}) }
    const ips = {
      clusterIP: '10.96.0.9',
      clusterIPs: ['10.96.0.9'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    }
    const { nodePorts: _ports, ...plain } = from
    const local =
      from.healthCheckNodePort === true ? { healthCheckNodePort: 30200, externalTrafficPolicy: 'Local' } : {}
    const old = {
      ...ips,
      externalTrafficPolicy: from.type === 'ClusterIP' ? undefined : 'Cluster',
      ports: [port],
      ...plain,
      ...local,
    }
    const next = structuredClone(old) as unknown as Mutable<Service>['spec'] & Record<string, unknown>
    const { nodePorts, addPort, nodePortOnNewPort, changePort, healthCheckNodePort, ...set } = patch
    for (const [key, value] of Object.entries(set)) next[key as 'type'] = (value ?? undefined) as never
    if (nodePorts === 'changed' && next.ports) next.ports[0].nodePort = 30999
    if (addPort === true)
      next.ports?.push({ name: 'b', port: 81, ...(nodePortOnNewPort === true ? { nodePort: 30111 } : {}) })
    if (changePort === true && next.ports) next.ports[0].port = 90
    if (healthCheckNodePort === 'changed') next.healthCheckNodePort = 30201
    const wrap = (spec: unknown) =>
      ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec }) as unknown as Service
    const service = wrap(next) as Mutable<Service>
    dropTypeDependent(service, wrap(old))
    for (const [key, value] of Object.entries(wanted)) {
      const got = key === 'nodePorts' ? service.spec.ports?.[0].nodePort : service.spec[key as 'type']
      if (value === null) expect([key, got]).toEqual([key, undefined])
      else if (value === 'changed') expect([key, got]).toEqual([key, key === 'nodePorts' ? 30999 : 30201])
      else expect([key, got]).toEqual([key, 30100])
    }
  })
})

describe('06 printers', () => {
  const data = read('06-kubectl.json')
  it.each((data.human_duration ?? []) as { nanoseconds: number; text: string }[])(
    '$nanoseconds ns is $text',
    ({ nanoseconds, text }) => {
      expect(humanDuration(nanoseconds)).toBe(text)
    },
  )
  it.each((data.short_human_duration ?? []) as { nanoseconds: number; text: string }[])(
    '$nanoseconds ns is $text for short',
    ({ nanoseconds, text }) => {
      expect(shortHumanDuration(nanoseconds)).toBe(text)
    },
  )

  const columns = Object.entries(
    (data.columns ?? {}) as Record<string, { default: string[]; wide: string[] }>,
  )
  const served = columns.filter(([key]) => resources.some((info) => resourceKey(info) === key))
  it.each(served)('columns of %s', (key, wanted) => {
    const all = printColumns(key)
    const upper = (list: typeof all) => list.map(({ name }) => name.toUpperCase())
    expect(upper(all.filter(({ priority }) => priority === 0))).toEqual(wanted.default)
    expect(upper(all)).toEqual(wanted.wide)
  })

  type PodCase = {
    id: string
    phase: string
    containers: number
    initContainers: number
    expect: Record<string, string>
    deletionTimestamp?: boolean
  } & Record<string, Json>
  it.each((data.pod_status ?? []) as PodCase[])('pod: $id', (one) => {
    const now = 1_800_000_000_000
    const statuses = (list: Json) =>
      (list as JsonObject[]).map(({ lastTerminatedSecondsAgo: ago, ...rest }, i) => ({
        ...rest,
        name: `c${i}`,
        ...(typeof ago === 'number'
          ? { lastState: { terminated: { finishedAt: formatTime(now - ago * 1000) } } }
          : {}),
      }))
    const some = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `c${i}` }))
    const pod = {
      metadata: one.deletionTimestamp === true ? { deletionTimestamp: formatTime(now) } : {},
      spec: { containers: some(one.containers), initContainers: some(one.initContainers) },
      status: {
        phase: one.phase,
        initContainerStatuses: statuses(one.initContainerStatuses),
        containerStatuses: statuses(one.containerStatuses),
      },
    } as unknown as Pod
    const { ready, status, restarts } = podCells(pod, now)
    expect({ READY: ready, STATUS: status, RESTARTS: restarts }).toEqual(one.expect)
  })

  const recorded = (data.recorded ?? {}) as { objects?: ApiObject[]; table_cells?: Record<string, string[]> }
  it.each(Object.entries(recorded.table_cells ?? {}))('cells of %s', (key, wanted) => {
    const [kind, name] = key.split('/')
    const object = recorded.objects?.find(
      (one) => one.metadata.name === name && findKind(one.apiVersion, one.kind)?.resource === kind,
    )
    const info = object === undefined ? undefined : findKind(object.apiVersion, object.kind)
    if (object === undefined || info === undefined) throw new Error(`${key} is not among the objects`)
    const got = printCells(resourceKey(info), object, fiveMinutesOn(object), true).map(String)
    expect(withoutAges(info.resource, got)).toEqual(withoutAges(info.resource, wanted))
  })
})

/** Ages in the recorded cells were fixed by hand: five minutes after creation. */
function fiveMinutesOn(object: ApiObject): number {
  return Date.parse(object.metadata.creationTimestamp) + 300_000
}

function withoutAges(resource: string, cells: readonly string[]): string[] {
  const blank = (text: string) => text.replace(/\(\w+ ago\)/, '(AGE ago)')
  return cells.map((text, i) => (resource === 'events' && (i === 0 || i === 7) ? 'AGE' : blank(text)))
}
