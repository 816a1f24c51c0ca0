/**
 * A request's body as an object of its kind: Go's type errors, unknown fields, limits of size and depth.
 * Models apimachinery pkg/runtime/serializer/json and sigs.k8s.io/json (1.32). Not here: protobuf, YAML.
 */
import type { Json, JsonObject, ResourceInfo, Status } from '../types.ts'
import { isRecord } from '../types.ts'
import { parseTime } from '../time.ts'
import { badBase64 } from './base64.ts'
import { canonicalQuantity, parseQuantity } from './quantity.ts'
import type { FieldOrder } from './repeated.ts'
import { definitionName, fieldType, goName } from './schema.ts'
import { badRequest, failure } from './status.ts'

/** What the API server takes in one request. */
export const MAX_BODY = 3 * 1024 * 1024

// Go's decoder stops at 10,000; an object of any real kind is below 40.
const MAX_DEPTH = 500

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore'

export interface Decoded {
  readonly object: JsonObject
  readonly warnings: readonly string[]
}

/** Parses a patch that should be a JSON object: its words are those of apiserver's patch handler (1.32). */
export function parsePatch(text: string, merge: boolean): { value: JsonObject } | { status: Status } {
  const words = merge ? 'error decoding patch: ' : ''
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    return { status: badRequest(`${words}${parseWords(text)}`) }
  }
  if (isRecord(value)) return { value }
  const into = 'Go value of type map[string]interface {}'
  return { status: badRequest(`${words}json: cannot unmarshal ${goKind(value)} into ${into}`) }
}

/** Parses a body that should be a JSON object. */
export function parseBody(text: string): { value: JsonObject } | { status: Status } {
  if (text.length > MAX_BODY) {
    return { status: failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY}`) }
  }
  if (tooDeep(text)) return { status: parseError('exceeded max depth') }
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    return { status: parseError(parseWords(text)) }
  }
  if (isRecord(value)) return { value }
  const words = `json: cannot unmarshal ${goKind(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`
  return { status: badRequest(`couldn't get version/kind; json parse error: ${words}`) }
}

function parseError(words: string): Status {
  return badRequest(`couldn't get version/kind; json parse error: ${words}`)
}

function parseWords(text: string): string {
  const clean = text.trim()
  if (clean === '' || '{['.includes(clean[0])) return 'unexpected end of JSON input'
  return `invalid character '${clean[0]}' looking for beginning of value`
}

function tooDeep(text: string): boolean {
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (quoted) {
      if (c === '\\') i++
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '{' || c === '[') {
      if (++depth > MAX_DEPTH) return true
    } else if (c === '}' || c === ']') depth--
  }
  return false
}

/**
 * Checks types against the kind's schema and takes unknown fields out, or refuses them where that is asked for.
 * `order`: what the text was like, so that fields given twice are told too.
 */
export function decodeObject(
  info: Pick<ResourceInfo, 'group' | 'version' | 'kind'>,
  value: JsonObject,
  validation: FieldValidation,
  order?: FieldOrder,
): Decoded | { status: Status } {
  const state: State = { unknown: [], error: undefined }
  const object = decodeStruct(value, definitionName(info), [], '', state) as JsonObject
  const head = `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}`
  if (state.error !== undefined) return { status: badRequest(`${head}: ${state.error}`) }
  const words = strictWords(state.unknown, order)
  if (words.length > 0 && validation === 'Strict') {
    return { status: badRequest(`${head}: strict decoding error: ${words.join(', ')}`) }
  }
  return { object, warnings: validation === 'Warn' ? words : [] }
}

/** What a strict reader minds, in the order of the text. */
function strictWords(unknown: readonly string[], order: FieldOrder | undefined): string[] {
  const told = [
    ...unknown.map((path) => ({ place: order?.places.get(path) ?? 0, words: `unknown field "${path}"` })),
    ...(order?.repeated ?? []).map(({ path, place }) => ({ place, words: `duplicate field "${path}"` })),
  ]
  return told.sort((a, b) => a.place - b.place).map(({ words }) => words)
}

interface State {
  readonly unknown: string[]
  error: string | undefined
}

/** `names` are the fields from the top, as Go's errors print them; `path` has indexes. */
function decodeStruct(
  value: JsonObject,
  name: string,
  names: readonly string[],
  path: string,
  state: State,
): Json {
  let clean: Record<string, Json> | undefined
  for (const key of Object.keys(value)) {
    const type = fieldType(name, key)
    const at = path === '' ? key : `${path}.${key}`
    const item = value[key]
    if (type === undefined) {
      state.unknown.push(at)
      clean ??= { ...value } as Record<string, Json>
      delete clean[key]
      continue
    }
    if (item === null || item === undefined) continue
    const next = decodeValue(item, type, name, key, [...names, key], at, state)
    if (next === item) continue
    clean ??= { ...value } as Record<string, Json>
    clean[key] = next
  }
  return clean ?? value
}

function decodeValue(
  value: Json,
  type: string,
  struct: string,
  key: string,
  names: readonly string[],
  path: string,
  state: State,
): Json {
  const first = type[0]
  if (first === '[') {
    if (!Array.isArray(value)) return wrong(value, type, struct, key, names, state)
    const items = value.map((item, i) =>
      item === null ? item : decodeValue(item, type.slice(1), struct, key, names, `${path}[${i}]`, state),
    )
    return items.some((item, i) => item !== value[i]) ? items : value
  }
  if (first === '{') {
    if (!isRecord(value)) return wrong(value, type, struct, key, names, state)
    let clean: Record<string, Json> | undefined
    for (const one of Object.keys(value)) {
      const item = value[one]
      if (item === null || item === undefined) continue
      const next = decodeValue(item, type.slice(1), struct, key, names, `${path}.${one}`, state)
      if (next === item) continue
      clean ??= { ...value } as Record<string, Json>
      clean[one] = next
    }
    return clean ?? value
  }
  if (first === '.') {
    if (!isRecord(value)) return wrong(value, type, struct, key, names, state)
    return decodeStruct(value, type.slice(1), names, path, state)
  }
  return decodeScalar(value, type, struct, key, names, state)
}

const QUANTITY = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/
const QUANTITY_WORDS =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

function decodeScalar(
  value: Json,
  type: string,
  struct: string,
  key: string,
  names: readonly string[],
  state: State,
): Json {
  switch (type) {
    case 'a':
      return value
    case 's':
      return typeof value === 'string' ? value : wrong(value, type, struct, key, names, state)
    case 'y': {
      if (typeof value !== 'string') return wrong(value, type, struct, key, names, state)
      const bad = badBase64(value)
      if (bad >= 0) state.error ??= `illegal base64 data at input byte ${bad}`
      return value
    }
    case 'b':
      return typeof value === 'boolean' ? value : wrong(value, type, struct, key, names, state)
    case 'i':
    case 'l':
    case 'd': {
      const max = type === 'i' ? 2_147_483_647 : Number.MAX_SAFE_INTEGER
      const fits =
        typeof value === 'number' &&
        (type === 'd' || (Number.isInteger(value) && value <= max && value >= -max - 1))
      return fits ? value : wrong(value, type, struct, key, names, state)
    }
    case 'x':
      if (typeof value === 'string' || Number.isInteger(value)) return value
      state.error ??= `json: cannot unmarshal ${goKind(value)} into Go value of type int32`
      return value
    case 'q': {
      const text = typeof value === 'number' ? String(value) : value
      if (typeof text === 'string' && parseQuantity(text) !== undefined) return canonicalQuantity(text)
      const read = typeof text === 'string' && QUANTITY.test(text)
      state.error ??= read ? "unable to parse quantity's suffix" : QUANTITY_WORDS
      return value
    }
    default:
      if (typeof value !== 'string') return wrong(value, type, struct, key, names, state)
      if (parseTime(value) === undefined) {
        const layout = type === 'u' ? '2006-01-02T15:04:05.000000Z07:00' : '2006-01-02T15:04:05Z07:00'
        const year = /^\d{4}/.test(value) ? '' : `: cannot parse "${value}" as "2006"`
        state.error ??= `parsing time "${value}" as "${layout}"${year}`
      }
      return value
  }
}

function wrong(
  value: Json,
  type: string,
  struct: string,
  key: string,
  names: readonly string[],
  state: State,
): Json {
  const number = typeof value === 'number' && 'il'.includes(type) ? `number ${value}` : goKind(value)
  const where = `${goName(struct)}.${names.join('.')}`
  state.error ??= `json: cannot unmarshal ${number} into Go struct field ${where} of type ${goType(type, struct, key)}`
  return value
}

function goKind(value: Json): string {
  if (Array.isArray(value)) return 'array'
  if (value === null) return 'null'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** Strings that Go has a type of its own for, by field, or by struct and field where the name alone is not enough. */
const named: Readonly<Record<string, string>> = {
  protocol: 'v1.Protocol',
  dnsPolicy: 'v1.DNSPolicy',
  restartPolicy: 'v1.RestartPolicy',
  'Container.restartPolicy': 'v1.ContainerRestartPolicy',
  imagePullPolicy: 'v1.PullPolicy',
  terminationMessagePolicy: 'v1.TerminationMessagePolicy',
  preemptionPolicy: 'v1.PreemptionPolicy',
  scheme: 'v1.URIScheme',
  mountPropagation: 'v1.MountPropagationMode',
  whenUnsatisfiable: 'v1.UnsatisfiableConstraintAction',
  effect: 'v1.TaintEffect',
  'Toleration.operator': 'v1.TolerationOperator',
  'NodeSelectorRequirement.operator': 'v1.NodeSelectorOperator',
  'LabelSelectorRequirement.operator': 'v1.LabelSelectorOperator',
  pathType: 'v1.PathType',
  policyTypes: 'v1.PolicyType',
  ipFamilies: 'v1.IPFamily',
  ipFamilyPolicy: 'v1.IPFamilyPolicy',
  sessionAffinity: 'v1.ServiceAffinity',
  externalTrafficPolicy: 'v1.ServiceExternalTrafficPolicy',
  internalTrafficPolicy: 'v1.ServiceInternalTrafficPolicy',
  addressType: 'v1.AddressType',
  podManagementPolicy: 'v1.PodManagementPolicyType',
  uid: 'types.UID',
  'ServiceSpec.type': 'v1.ServiceType',
  'Secret.type': 'v1.SecretType',
  'HostPathVolumeSource.type': 'v1.HostPathType',
  'SeccompProfile.type': 'v1.SeccompProfileType',
  'DeploymentStrategy.type': 'v1.DeploymentStrategyType',
  'StatefulSetUpdateStrategy.type': 'v1.StatefulSetUpdateStrategyType',
  'DaemonSetUpdateStrategy.type': 'v1.DaemonSetUpdateStrategyType',
}

function namedType(struct: string, key: string): string {
  const full = `${goName(struct)}.${key}`
  if (Object.hasOwn(named, full)) return named[full]!
  return Object.hasOwn(named, key) ? named[key]! : 'string'
}

function goType(type: string, struct: string, key: string): string {
  if (type.startsWith('[')) return `[]${goType(type.slice(1), struct, key)}`
  if (type === '{q') return 'v1.ResourceList'
  if (type.startsWith('{')) return `map[string]${goType(type.slice(1), struct, key)}`
  if (type.startsWith('.')) return `v1.${goName(type)}`
  switch (type) {
    case 's':
      return namedType(struct, key)
    case 'i':
      return 'int32'
    case 'l':
      return 'int64'
    case 'd':
      return 'float64'
    case 'b':
      return 'bool'
    case 'y':
      return '[]uint8'
    default:
      return type === 'u' ? 'v1.MicroTime' : 'v1.Time'
  }
}
