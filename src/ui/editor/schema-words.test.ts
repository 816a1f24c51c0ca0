import { expect, it } from 'vitest'
import english from '../i18n/en/schema.json'
import { labSchema } from './lab-schema.ts'
import { inWords, schemaIn } from './schema-words.ts'

/** Every explanation of the schema; a field may itself be called so. */
function explanations(thing: unknown): string[] {
  if (thing === null || typeof thing !== 'object') return []
  return Object.entries(thing).flatMap(([key, value]) =>
    key === 'description' && typeof value === 'string' ? [value] : explanations(value),
  )
}

it('has words for every explanation, and no others', () => {
  expect([...new Set(explanations(labSchema))].sort()).toEqual(Object.keys(english).sort())
})

it.each(['ru', 'zh'])('says each of them in %s', async (language) => {
  const told = explanations(await schemaIn(language))
  expect(told.length).toBe(explanations(labSchema).length)
  expect(told.filter((text) => text in english)).toEqual([])
})

it('leaves everything else as it is', () => {
  expect(inWords({ type: 'string', enum: ['Name.'], description: 'Name.' }, { 'Name.': 'Имя.' })).toEqual({
    type: 'string',
    enum: ['Name.'],
    description: 'Имя.',
  })
})
