import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const here = dirname(fileURLToPath(import.meta.url))
const areas = readdirSync(join(here, 'en')).sort()

const read = (language: string, file: string): Record<string, string> =>
  JSON.parse(readFileSync(join(here, language, file), 'utf8'))
const placeholders = (text: string): string[] => (text.match(/\{\{[^}]+\}\}/g) ?? []).sort()
/** Plural forms differ by language: `files_few` and `files_one` are one key. */
const stem = (key: string): string => key.replace(/_(zero|one|two|few|many|other)$/, '')
const stems = (texts: Record<string, string>): string[] => [...new Set(Object.keys(texts).map(stem))].sort()

describe.each(['ru', 'zh'])('texts in %s', (language) => {
  it('has the same areas as English', () => {
    expect(readdirSync(join(here, language)).sort()).toEqual(areas)
  })

  it.each(areas)('%s: every key, none besides, the same values inside', (file) => {
    const english = read('en', file)
    const other = read(language, file)
    expect(stems(other)).toEqual(stems(english))
    for (const [key, text] of Object.entries(other)) {
      const source = english[key] ?? english[`${stem(key)}_other`]!
      expect([key, ...new Set(placeholders(text))]).toEqual([key, ...new Set(placeholders(source))])
      expect(text.trim(), key).not.toBe('')
    }
  })
})

describe('the sentences', () => {
  it('are those of the engine, word for word', async () => {
    // A path in a variable: the page itself must not load anything of the engine.
    const catalogue = join(here, '..', '..', 'view', 'words.ts')
    const { SENTENCES } = (await import(/* @vite-ignore */ catalogue)) as {
      SENTENCES: Record<string, string>
    }
    expect(read('en', 'words.json')).toEqual(SENTENCES)
  })
})

describe('the tables', () => {
  it('each has a name', () => {
    const types = readFileSync(join(here, '..', '..', 'view', 'types.ts'), 'utf8')
    const ids = /interface TableView \{\s+id:([\s\S]*?)\n {2}\/\*\*/.exec(types)?.[1]?.match(/'[\w]+'/g) ?? []
    expect(ids).toContain("'conntrack'")
    const names = read('en', 'inspector.json')
    for (const id of ids) expect(names[`table_${id.slice(1, -1)}`], id).toBeTruthy()
  })
})
