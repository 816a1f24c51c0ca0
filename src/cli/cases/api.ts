/** The API server: validation, names, allocation. */
import { createRng } from '../../base/rng.ts'
import { ipBand, ipInRange, ipRange, pickIp, pickPort, portBand } from '../../kube/api/alloc.ts'
import {
  dns1035Label,
  dns1123Label,
  validPortName,
  validPortNumber,
  wildcardSubdomain,
} from '../../kube/api/names.ts'
import { sendTo } from '../../kube/api/rest.fixture.ts'
import type { Service } from '../../kube/objects.ts'
import type { Json, JsonObject, Status } from '../../kube/types.ts'
import { collection, draftOf, start, write } from './drafts.ts'
import { changeCase, defaultCases, errorCases, familyCase } from './registry.ts'
import type { CaseResult } from './report.ts'
import { canonical, differs, runCase } from './report.ts'

interface Validation {
  id: string
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

/** 05-controllers-and-validation.json: `validation`, `names`, `allocation`, `defaults` and `api_errors`. */
export function apiCases(data: unknown): CaseResult[] {
  const {
    validation = [],
    names = {},
    allocation = {},
    defaults = {},
    api_errors: errors = [],
  } = data as {
    validation?: Validation[]
    names?: Record<string, { good: (string | number)[]; bad: (string | number)[] }>
    allocation?: Record<string, unknown>
    defaults?: Record<string, Record<string, Json>>
    api_errors?: JsonObject[]
  }
  return [
    ...validation.map((one) => runCase('validation', one.id, () => checkValidation(one))),
    ...Object.entries(names).flatMap(([kind, lists]) => nameCases(kind, lists)),
    ...allocationCases(allocation),
    ...defaultCases(defaults),
    ...errorCases(errors),
  ]
}

function checkValidation({ kind, name = '', set, old, expect: wanted }: Validation): string {
  const world = start()
  // Somebody has the address or port already.
  const [, ip, port] =
    /allocate IP (\S+): provided IP is already|(\d+): provided port is already/.exec(wanted.message) ?? []
  const taken = ip === undefined ? { nodePort: Number(port) } : {}
  if (ip !== undefined || port !== undefined) {
    const spec = { type: 'NodePort', ports: [{ port: 80, ...taken }], ...(ip && { clusterIP: ip }) }
    sendTo(world, 'POST', collection(kind), { ...draftOf(kind, 'other'), spec })
  }
  const got = write(world, kind, name, set, old)
  const status = got.body as Status
  const causes = status.details?.causes?.map(({ field, reason, message }) => ({
    field,
    type: reason,
    message,
  }))
  const { code, reason, message } = wanted
  return differs(
    { code, reason, message, causes: wanted.causes },
    { code: got.code, reason: status.reason, message: status.message, causes },
  )
}

function nameCases(
  kind: string,
  lists: { good: (string | number)[]; bad: (string | number)[] },
): CaseResult[] {
  const checks: Record<string, (value: never) => string[]> = {
    dns1123Label,
    dns1035Label,
    portName: validPortName,
    wildcardHost: wildcardSubdomain,
    portNumber: validPortNumber,
  }
  const check = checks[kind]
  const one = (value: string | number, good: boolean) =>
    runCase(`names ${kind}`, `${good ? 'good' : 'bad'} ${JSON.stringify(value).slice(0, 80)}`, () =>
      check === undefined ? undefined : differs(good, check(value as never).length === 0),
    )
  return [...lists.good.map((value) => one(value, true)), ...lists.bad.map((value) => one(value, false))]
}

function allocationCases(all: Record<string, unknown>): CaseResult[] {
  const group = (name: string, check: (one: Record<string, never>) => string | undefined) => {
    const given = all[name] as { cases?: unknown[] } | unknown[] | undefined
    const list = Array.isArray(given) ? given : (given?.cases ?? [])
    return (list as Record<string, never>[]).map((one) =>
      runCase(`allocation ${name}`, String(one.id ?? canonical(one)), () => check(one)),
    )
  }
  return [
    ...group('cluster_ip_band', ({ cidr, staticBand }) => {
      const len = Number(String(cidr).split('/')[1])
      const byIpv4 = String(cidr).includes(':') ? staticBand : ipBand(2 ** (32 - len))
      return differs([staticBand, staticBand], [ipRange(cidr)?.band, byIpv4])
    }),
    ...group('node_port_band', ({ base, size, staticBand }) => {
      const rng = createRng(1, 1)
      for (let i = 0; i < 200; i++) {
        const port = pickPort([base, base + size - 1], rng, () => false) ?? 0
        if (port < base + staticBand) return `${port} is from the lower band`
      }
      return differs(staticBand, portBand(size))
    }),
    ...group('ip_ranges', checkRange),
    ...group('node_ports', ({ ports, expect }) => {
      const named = (ports as JsonObject[]).map((port, i) => ({ ...port, name: `p${i}` }))
      const set = { 'spec.type': 'NodePort', 'spec.ports': named }
      const made = sendTo(start(), 'POST', collection('Service'), draftOf('Service', 'a', set))
        .body as Service
      return differs(
        expect,
        made.spec.ports?.map((port) => port.nodePort),
      )
    }),
    ...group('port_ranges', checkPorts),
    ...group('families', familyCase),
    ...group('type_change', changeCase),
  ]
}

interface RangeCase {
  cidr: string
  free: number
  reserved?: string[]
  outOfRange?: string[]
}

function checkRange(given: unknown): string {
  const { cidr, free, reserved = [], outOfRange = [] } = given as RangeCase
  const range = ipRange(cidr)
  if (range === undefined) return `${cidr} is no range`
  if (range.free !== free) return differs(free, range.free)
  for (const ip of [...reserved, ...outOfRange]) if (ipInRange(range, ip)) return `${ip} is in the range`
  const used = new Set<string>()
  const rng = createRng(1, 1)
  for (let i = 0; i < Math.min(free, 300); i++) {
    const ip = pickIp(range, rng, (one) => used.has(one))
    if (ip === undefined || used.has(ip) || !ipInRange(range, ip)) return `pick ${i + 1} gave ${ip}`
    used.add(ip)
  }
  const after = free <= 300 ? pickIp(range, rng, (one) => used.has(one)) : undefined
  return differs(undefined, after)
}

interface PortCase {
  range: string
  free?: number
  allocate?: number
  allocateTwice?: number
  full?: boolean
  release?: number
  nextIs?: number
}

function checkPorts(given: unknown): string {
  const one = given as PortCase
  const [low = 0, high = 0] = one.range.split('-').map(Number)
  if (one.free !== undefined && high - low + 1 !== one.free) return differs(one.free, high - low + 1)
  if (one.full === true) {
    const next = pickPort([low, high], createRng(1, 1), (port) => port !== one.release)
    const none = pickPort([low, high], createRng(1, 1), () => true)
    return differs([one.nextIs, undefined], [next, none])
  }
  const port = one.allocate ?? one.allocateTwice
  if (port === undefined) return ''
  const world = start({ nodePorts: [low, high] })
  const set = { 'spec.type': 'NodePort', 'spec.ports[0].nodePort': port }
  const first = sendTo(world, 'POST', collection('Service'), draftOf('Service', 'a', set))
  if (one.allocate !== undefined) {
    return differs(
      [422, true],
      [first.code, /not in the valid range/.test((first.body as Status).message ?? '')],
    )
  }
  const second = sendTo(world, 'POST', collection('Service'), draftOf('Service', 'b', set))
  return differs([201, true], [first.code, /already allocated/.test((second.body as Status).message ?? '')])
}
