// Corefiles and what CoreDNS 1.11.3, built and started with each, said of them; '' where it served. The texts are those of
// the plugins' setup_test.go and others that are wrong in one place.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { configure } from '../../proc/dns/coreconf.ts'
import { parseCorefile } from '../../proc/dns/corefile.ts'

const cases = readFileSync(join(import.meta.dirname, 'corefile.cases.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as [text: string, said: string])

/** The only file that was there. */
const read = (path: string) => (path === 'resolv.conf' ? 'nameserver 10.9.9.9\n' : undefined)

it.each(cases)('%j', (text, said) => {
  const parsed = parseCorefile(text, 'Corefile', new Map())
  expect(parsed.blocks === undefined ? parsed.error : configure(parsed.blocks, read).error).toBe(said)
})
