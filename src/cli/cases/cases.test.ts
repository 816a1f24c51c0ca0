// The expected results beside the project (../shared/cases): none may fail. Without them there is nothing to hold.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CASE_RUNNERS } from './runners.ts'

const folder = join(import.meta.dirname, '../../../../shared/cases')

function read(file: string): unknown {
  const path = join(folder, file)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

const beside = describe.skipIf(!existsSync(folder)) // skips: without ../shared
beside('expected results of ../shared/cases', () => {
  for (const [file, run] of CASE_RUNNERS) {
    const present = it.skipIf(!existsSync(join(folder, file))) // skips: a folder may hold a part of the files
    present(`${file}`, () => {
      const results = run(read(file), read)
      expect(results.length).toBeGreaterThan(0)
      const failed = results.filter(({ outcome }) => outcome === 'failed')
      expect(failed.map(({ group, id, detail }) => `${group}: ${id}\n${detail}`)).toEqual([])
    })
  }
})
