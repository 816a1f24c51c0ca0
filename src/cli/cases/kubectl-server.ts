/** What the recording's server answered otherwise than the API does: failures by name, discovery, a small OpenAPI. */
import type { ApiRequest, ApiResponse } from '../../kube/types.ts'
import { isRecord } from '../../kube/types.ts'

/** The answer of the recording's server, where `real` is what the API answers. */
export function fixedAnswer(request: ApiRequest, real: ApiResponse): ApiResponse {
  const { method, path } = request
  const name = method === 'POST' ? nameIn(request.body) : ''
  if (name === 'badport') return status(422, BAD_PORT)
  if (name === 'unknownfield') return status(400, UNKNOWN_FIELD)
  if (method === 'DELETE' && path === '/api/v1/namespaces/kube-system') {
    return { code: 200, contentType: 'application/json', body: { kind: 'Status', status: 'Success' } }
  }
  // The recording's pods lack what an API server fills in, which a patch may not change.
  if (method === 'PATCH' && path.endsWith('/pods/pending')) return { ...real, code: 200, body: PENDING }
  if (method !== 'GET') return real
  if (path === '/apis') return { ...real, body: groupsOf(real.body) }
  if (path === '/openapi/v3/api/v1') return { ...real, body: { components: { schemas: SCHEMAS } } }
  return real
}

function status(code: number, rest: object): ApiResponse {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, ...rest }
  return { code, contentType: 'application/json', body }
}

const PENDING = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pending', namespace: 'default' } }

const PORT_RANGE =
  'Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767'
const BAD_PORT = {
  reason: 'Invalid',
  message: `Service "badport" is invalid: spec.ports[0].nodePort: ${PORT_RANGE}`,
  details: {
    name: 'badport',
    kind: 'Service',
    causes: [{ reason: 'FieldValueInvalid', message: PORT_RANGE, field: 'spec.ports[0].nodePort' }],
  },
}
const UNKNOWN_FIELD = {
  reason: 'BadRequest',
  message:
    'Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.foo"',
}

function nameIn(body: string): string {
  const value: unknown = body === '' ? {} : JSON.parse(body)
  const metadata = isRecord(value) ? value.metadata : undefined
  return isRecord(metadata) ? String(metadata.name) : ''
}

/** Without what that server had not, and with a group that did not answer. */
function groupsOf(body: unknown): object {
  const list = body as { items?: Group[]; groups?: { name: string }[] }
  if (list.groups !== undefined) {
    const version = { groupVersion: 'events.k8s.io/v1', version: 'v1' }
    const silent = { name: 'events.k8s.io', versions: [version], preferredVersion: version }
    return { ...list, groups: [...list.groups.filter(({ name }) => name !== 'coordination.k8s.io'), silent] }
  }
  const silent: Group = {
    metadata: { name: 'events.k8s.io' },
    versions: [{ version: 'v1', resources: [], freshness: 'Stale' }],
  }
  const kept = (list.items ?? [])
    .filter(({ metadata }) => metadata.name !== 'coordination.k8s.io')
    .map((group) => ({
      ...group,
      versions: group.versions.map((one) => ({
        ...one,
        resources: one.resources.filter(({ resource }) => resource !== 'controllerrevisions'),
      })),
    }))
  return { ...list, items: [...kept, silent] }
}

interface Group {
  metadata: { name?: string }
  versions: { version: string; resources: { resource: string }[]; freshness: string }[]
}

const text = (description: string, more: object = {}) => ({ type: 'string', description, ...more })
const reference = (name: string) => [{ $ref: `#/components/schemas/io.k8s.api.core.v1.${name}` }]

const SCHEMAS = {
  'io.k8s.api.core.v1.Service': {
    type: 'object',
    'x-kubernetes-group-version-kind': [{ group: '', kind: 'Service', version: 'v1' }],
    properties: { spec: { description: 'Wanted state.', allOf: reference('ServiceSpec') } },
  },
  'io.k8s.api.core.v1.ServiceSpec': {
    type: 'object',
    description: 'What the service should look like.',
    properties: {
      clusterIP: text('Virtual address of the service.'),
      externalIPs: { type: 'array', description: 'Extra addresses.', items: { type: 'string' } },
      ports: {
        type: 'array',
        description: 'Ports exposed by the service.',
        items: { allOf: reference('ServicePort') },
      },
      selector: {
        type: 'object',
        description: 'Labels of the pods.',
        additionalProperties: { type: 'string' },
      },
      type: text(
        'How the service is exposed.\n\nPossible enum values:\n - `"ClusterIP"` inside only\n - `"NodePort"` on every node',
        { enum: ['ClusterIP', 'NodePort'] },
      ),
    },
  },
  'io.k8s.api.core.v1.IntOrString': text('Number or name.'),
  'io.k8s.api.core.v1.ServicePort': {
    type: 'object',
    description: 'One port.',
    required: ['port'],
    properties: {
      name: text('Name of the port.'),
      nodePort: { type: 'integer', description: 'Port on every node.' },
      port: { type: 'integer', description: 'Number of the port.' },
      targetPort: { description: 'Port on the pod.', allOf: reference('IntOrString') },
    },
  },
}
