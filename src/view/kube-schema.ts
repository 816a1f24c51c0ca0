/** The served kinds as JSON Schema with the official descriptions, for an editor's completion and hover. */
import { openapiDocument } from '../kube/api/openapi.ts'
import { groupVersions, resources } from '../kube/api/resources.ts'
import { definitionName } from '../kube/api/schema.ts'
import { apiVersionOf } from '../kube/types.ts'

/** `kinds` refer to `definitions` by `#/definitions/NAME`. Fields that only the server writes are left out. */
export function manifestSchema(): { definitions: Record<string, unknown>; kinds: unknown[] } {
  const definitions: Record<string, unknown> = {}
  for (const groupVersion of groupVersions()) {
    const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion]
    const document = openapiDocument(group ?? '', version ?? '') as
      | { components: { schemas: Record<string, unknown> } }
      | undefined
    for (const [name, schema] of Object.entries(document?.components.schemas ?? {})) {
      definitions[name] ??= forEditor(schema)
    }
  }
  const kinds = resources.map((info) => {
    const name = definitionName(info)
    const own = definitions[name] as { description?: string; properties?: Record<string, unknown> }
    const { status, ...properties } = own.properties ?? {}
    const only = (key: string, value: string) => ({
      ...(properties[key] as object),
      enum: [value],
      default: value,
    })
    return {
      ...own,
      properties: {
        ...properties,
        apiVersion: only('apiVersion', apiVersionOf(info)),
        kind: only('kind', info.kind),
      },
      required: ['apiVersion', 'kind', 'metadata'],
      additionalProperties: false,
    }
  })
  return { definitions, kinds }
}

/** Without the marks of the server, and with references as JSON Schema has them. */
function forEditor(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forEditor)
  if (typeof value !== 'object' || value === null) return value
  const { allOf, default: standard, ...rest } = value as Record<string, unknown>
  const [only] = Array.isArray(allOf) ? (allOf as { $ref?: string }[]) : []
  const entries = Object.entries(rest)
    .filter(([key]) => !key.startsWith('x-kubernetes') && key !== 'format')
    .map(([key, one]) => [key, forEditor(one)])
  const copy: Record<string, unknown> = Object.fromEntries(entries)
  if (only?.$ref !== undefined) copy.$ref = only.$ref.replace('#/components/schemas/', '#/definitions/')
  else if (standard !== undefined) copy.default = standard
  return copy
}
