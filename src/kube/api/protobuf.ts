/**
 * Protobuf bodies, as `kubectl create namespace`, `create deployment` and their like post them: the envelope
 * runtime.Unknown and the fields of the kinds that those commands make. Models k8s.io/api generated.proto (1.32).
 * Not here: other kinds (415, as for any unknown format), protobuf answers (clients take JSON too).
 */
import type { Json, JsonObject } from '../types.ts'
import { encodeBytes } from './base64.ts'

/** What a field holds: s string, y bytes, i number, p number that may be 0, b boolean, x int or string, NAME message. */
type Shape = Readonly<Record<number, readonly [name: string, type: string, repeated?: 'list' | 'map']>>

const shapes: Readonly<Record<string, Shape>> = {
  ObjectMeta: {
    1: ['name', 's'],
    2: ['generateName', 's'],
    3: ['namespace', 's'],
    11: ['labels', 's', 'map'],
    12: ['annotations', 's', 'map'],
    14: ['finalizers', 's', 'list'],
  },
  Namespace: { 1: ['metadata', 'ObjectMeta'] },
  ServiceAccount: { 1: ['metadata', 'ObjectMeta'] },
  ConfigMap: {
    1: ['metadata', 'ObjectMeta'],
    2: ['data', 's', 'map'],
    3: ['binaryData', 'y', 'map'],
    4: ['immutable', 'b'],
  },
  Secret: {
    1: ['metadata', 'ObjectMeta'],
    2: ['data', 'y', 'map'],
    3: ['type', 's'],
    4: ['stringData', 's', 'map'],
    5: ['immutable', 'b'],
  },
  Deployment: { 1: ['metadata', 'ObjectMeta'], 2: ['spec', 'DeploymentSpec'] },
  DeploymentSpec: {
    1: ['replicas', 'p'],
    2: ['selector', 'LabelSelector'],
    3: ['template', 'PodTemplateSpec'],
    4: ['strategy', 'DeploymentStrategy'],
    5: ['minReadySeconds', 'i'],
    6: ['revisionHistoryLimit', 'p'],
    7: ['paused', 'b'],
    9: ['progressDeadlineSeconds', 'p'],
  },
  DeploymentStrategy: { 1: ['type', 's'] },
  LabelSelector: { 1: ['matchLabels', 's', 'map'] },
  PodTemplateSpec: { 1: ['metadata', 'ObjectMeta'], 2: ['spec', 'PodSpec'] },
  PodSpec: { 2: ['containers', 'Container', 'list'], 3: ['restartPolicy', 's'] },
  Container: {
    1: ['name', 's'],
    2: ['image', 's'],
    3: ['command', 's', 'list'],
    4: ['args', 's', 'list'],
    6: ['ports', 'ContainerPort', 'list'],
  },
  ContainerPort: {
    1: ['name', 's'],
    2: ['hostPort', 'i'],
    3: ['containerPort', 'i'],
    4: ['protocol', 's'],
    5: ['hostIP', 's'],
  },
  Service: { 1: ['metadata', 'ObjectMeta'], 2: ['spec', 'ServiceSpec'] },
  ServiceSpec: {
    1: ['ports', 'ServicePort', 'list'],
    2: ['selector', 's', 'map'],
    3: ['clusterIP', 's'],
    4: ['type', 's'],
    10: ['externalName', 's'],
  },
  ServicePort: {
    1: ['name', 's'],
    2: ['protocol', 's'],
    3: ['port', 'i'],
    4: ['targetPort', 'x'],
    5: ['nodePort', 'i'],
  },
}

const MAGIC = 'k8s\0'
const kinds = ['Namespace', 'ServiceAccount', 'ConfigMap', 'Secret', 'Deployment', 'Service']

/** The object in a protobuf body (one character a byte); undefined where it is none, or of a kind not read here. */
export function decodeProtobuf(body: string): JsonObject | undefined {
  if (!body.startsWith(MAGIC)) return undefined
  const envelope = readFields(body.slice(MAGIC.length))
  const type = readFields(String(envelope?.get(1)?.[0] ?? ''))
  const raw = envelope?.get(2)?.[0]
  const apiVersion = String(type?.get(1)?.[0] ?? '')
  const kind = String(type?.get(2)?.[0] ?? '')
  if (typeof raw !== 'string' || !kinds.includes(kind)) return undefined
  const object = readMessage(raw, shapes[kind])
  if (object === undefined) return undefined
  return { apiVersion, kind, metadata: {}, ...object }
}

/** Values by field number: numbers for varints, strings of bytes for everything with a length. */
function readFields(bytes: string): Map<number, (number | string)[]> | undefined {
  const fields = new Map<number, (number | string)[]>()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes.charCodeAt(at++)
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    return Number.NaN
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag & 7
    let value: number | string
    if (wire === 0) value = varint()
    else if (wire === 2) {
      const length = varint()
      if (!(at + length <= bytes.length)) return undefined
      value = bytes.slice(at, at + length)
      at += length
    } else return undefined
    if (Number.isNaN(tag) || (typeof value === 'number' && Number.isNaN(value))) return undefined
    const list = fields.get(tag >>> 3) ?? []
    list.push(value)
    fields.set(tag >>> 3, list)
  }
  return fields
}

/** Fields that hold nothing are left out: Go writes its zero values too. */
function readMessage(bytes: string, shape: Shape): JsonObject | undefined {
  const fields = readFields(bytes)
  if (fields === undefined) return undefined
  const pairs: [string, Json][] = []
  for (const [number, values] of fields) {
    const known = shape[number]
    if (known === undefined) continue
    const [name, type, repeated] = known
    if (repeated === 'map') {
      const entries = values.map((one) => readFields(String(one)))
      const map = entries.map((entry): [string, Json] => [
        text(entry?.get(1)?.[0] ?? ''),
        readValue(entry?.get(2)?.[0] ?? '', type) ?? '',
      ])
      pairs.push([name, Object.fromEntries(map)])
    } else if (repeated === 'list') {
      pairs.push([name, values.map((one) => readValue(one, type) ?? (type === 's' ? '' : {}))])
    } else {
      const value = readValue(values[values.length - 1], type)
      if (value !== undefined) pairs.push([name, value])
    }
  }
  return Object.fromEntries(pairs)
}

function readValue(value: number | string, type: string): Json | undefined {
  switch (type) {
    case 's':
      return text(value) === '' ? undefined : text(value)
    case 'y':
      return encodeBytes(Array.from(String(value), (char) => char.charCodeAt(0)))
    case 'p':
      return Number(value)
    case 'i':
      return Number(value) === 0 ? undefined : Number(value)
    case 'b':
      return value === 1 ? true : undefined
    case 'x': {
      const fields = readFields(String(value))
      return fields?.get(1)?.[0] === 1 ? text(fields.get(3)?.[0] ?? '') : Number(fields?.get(2)?.[0] ?? 0)
    }
    default: {
      const message = readMessage(String(value), shapes[type])
      return message === undefined || Object.keys(message).length === 0 ? undefined : message
    }
  }
}

/** UTF-8 bytes as text. */
function text(bytes: number | string): string {
  let out = ''
  const all = String(bytes)
  for (let i = 0; i < all.length; ) {
    const c = all.charCodeAt(i)
    const length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4
    let code = length === 1 ? c : c & (0xff >> (length + 1))
    for (let k = 1; k < length; k++) code = (code << 6) | (all.charCodeAt(i + k) & 63)
    out += code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
    i += length
  }
  return out
}
