// Strict decoding and quantities. Expected: sigs.k8s.io/json (kjson_test.go), apimachinery pkg/api/resource
// (quantity_test.go) and runtime/error.go of Kubernetes 1.32.
import { expect, it } from 'vitest'
import { decodeObject } from './decode.ts'
import { canonicalQuantity } from './quantity.ts'
import { fieldOrder } from './repeated.ts'

const service = { group: '', version: 'v1', kind: 'Service' }
const pod = { ...service, kind: 'Pod' }

function refused(info: typeof service, text: string): string | undefined {
  const result = decodeObject(info, JSON.parse(text), 'Strict', fieldOrder(text))
  return 'status' in result
    ? result.status.message?.replace(/^.* cannot be handled as a \w+: /, '')
    : undefined
}

it('tells fields that are unknown or given twice in the order of the text', () => {
  const text =
    '{"metadata":{"name":"a","name":"b","labels":{"x":"1","x":"2"}},"spec":{"foo":1,"ports":[{"port":80,"port":81},{"port":1}],"type":"{\\"a\\":[","ports":[]}}'
  expect(refused(service, text)).toBe(
    'strict decoding error: duplicate field "metadata.name", duplicate field "metadata.labels.x", unknown field "spec.foo", duplicate field "spec.ports[0].port", duplicate field "spec.ports"',
  )
})

it.each([
  [
    '{"spec":{"containers":[{"resources":{"limits":"x"}}]}}',
    'string',
    'ResourceRequirements.spec.containers.resources.limits',
    'v1.ResourceList',
  ],
  ['{"spec":{"restartPolicy":1}}', 'number', 'PodSpec.spec.restartPolicy', 'v1.RestartPolicy'],
  [
    '{"spec":{"tolerations":[{"operator":1}]}}',
    'number',
    'Toleration.spec.tolerations.operator',
    'v1.TolerationOperator',
  ],
  ['{"spec":{"priority":1.5}}', 'number 1.5', 'PodSpec.spec.priority', 'int32'],
  ['{"metadata":{"labels":{"a":true}}}', 'bool', 'ObjectMeta.metadata.labels', 'string'],
])('names the type of %s', (text, kind, field, type) => {
  expect(refused(pod, text)).toBe(
    `json: cannot unmarshal ${kind} into Go struct field ${field} of type ${type}`,
  )
})

it('refuses what is no quantity', () => {
  const limit = (text: string) =>
    refused(pod, `{"spec":{"containers":[{"resources":{"limits":{"cpu":"${text}"}}}]}}`)
  const words = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
  expect(['1x', '', '1 Gi', '1Mm', '1.5Gi'].map(limit)).toEqual([
    words,
    words,
    words,
    "unable to parse quantity's suffix",
    undefined,
  ])
})

it.each([
  ['1000m', '1'],
  ['0.5', '500m'],
  ['1000', '1k'],
  ['1024Mi', '1Gi'],
  ['1.5Gi', '1536Mi'],
  ['1000Ki', '1000Ki'],
  ['0.5Ki', '512'],
  ['1000e3', '1e6'],
  ['0.1m', '100u'],
  ['1.1Ki', '1126400m'],
  ['-1500m', '-1500m'],
  ['0Mi', '0'],
])('%s is kept as %s', (text, canonical) => {
  expect(canonicalQuantity(text)).toBe(canonical)
})
