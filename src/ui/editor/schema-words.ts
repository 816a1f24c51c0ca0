/** The lab file's schema with its explanations in the person's language; each text's key is its English. */
import { labSchema, type Schema } from './lab-schema.ts'

type Words = Record<string, string>

const LANGUAGES: Record<string, () => Promise<{ default: Words }>> = {
  ru: () => import('../i18n/ru/schema.json'),
  zh: () => import('../i18n/zh/schema.json'),
}

export async function schemaIn(language: string): Promise<Schema> {
  const load = LANGUAGES[language.slice(0, 2)]
  return load ? inWords(labSchema, (await load()).default) : labSchema
}

/** Every description replaced by its translation; one without stays as it is. */
export function inWords<T>(schema: T, words: Words): T {
  if (Array.isArray(schema)) return schema.map((one) => inWords(one, words)) as T
  if (schema === null || typeof schema !== 'object') return schema
  const entries = Object.entries(schema).map(([key, value]) => {
    const told = key === 'description' && typeof value === 'string'
    return [key, told ? (words[value] ?? value) : inWords(value, words)]
  })
  return Object.fromEntries(entries) as T
}
