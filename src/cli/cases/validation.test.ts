// What the server says of objects that are wrong in one place, cause by cause. The cases were read off the checks of
// Kubernetes 1.32: pkg/apis/{core,apps,networking}/validation/validation.go, apimachinery pkg/{api,util}/validation;
// the last ones are what those functions themselves answered (of 1.26, where their words are those of 1.32).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Json, Status } from '../../kube/types.ts'
import { start, write } from './drafts.ts'

/** A line of validation.cases.jsonl. */
interface Case {
  kind: string
  /** what is set on the smallest object of the kind; `old` first, where it is an update */
  set: Record<string, Json>
  old?: Record<string, Json>
  /** none: the object is accepted */
  causes: string[]
}

const lines = readFileSync(join(import.meta.dirname, 'validation.cases.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')

it.each(lines.map((line) => JSON.parse(line) as Case))('$kind $set', ({ kind, set, old, causes }) => {
  const { code, body } = write(start(), kind, 'web', set, old)
  const said = (body as Status).details?.causes ?? []
  expect(said.map(({ field, message }) => `${field}: ${message}`)).toEqual(causes)
  expect(code).toBe(causes.length > 0 ? 422 : old === undefined ? 201 : 200)
})

it('takes no object that says its version, as the storage does not', () => {
  const made = (resourceVersion: string) =>
    write(start(), 'ConfigMap', 'a', { 'metadata.resourceVersion': resourceVersion })
  const { code, body } = made('5')
  const message = 'resourceVersion should not be set on objects to be created'
  expect([code, body]).toMatchObject([500, { message, code: 500 }])
  expect(body).not.toHaveProperty('reason')
  expect(made('-1').code).toBe(201)
})
