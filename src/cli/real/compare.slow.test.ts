// Real kubectl 1.32 against `lab api`, and the lab's own kubectl, line by line: the same text. `KUBECTL_LINES=all` asks
// all lines, which takes two minutes; otherwise those that make a whole from apply to delete, and a third of the rest.
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { compareAll, difference } from './compare.ts'
import type { Line } from './lines.ts'
import { SECTIONS } from './lines.ts'

function hasKubectl(): boolean {
  try {
    const text = execFileSync('kubectl', ['version', '--client'], { encoding: 'utf8', stdio: 'pipe' })
    return /Client Version: v1\.32\./.test(text)
  } catch {
    return false
  }
}

const third = (_: Line, i: number) => i % 3 === 0
const { get, describe: described, know, apply, tour, create, change, run, end } = SECTIONS
const BRIEF: Readonly<Record<string, readonly Line[]>> = {
  'get, describe and what the server is': [get!, described!, know!].flatMap((lines) => lines.filter(third)),
  'apply to delete': [...tour!, ...apply!],
}
const ALL = { get, describe: described, know, create, apply, change, run, end, tour }

const real = describe.skipIf(!hasKubectl()) // skips: no kubectl 1.32 on this machine

real('real kubectl 1.32 and our own print the same', () => {
  const chosen = process.env.KUBECTL_LINES === 'all' ? ALL : BRIEF
  for (const [name, lines] of Object.entries(chosen)) {
    it(name, { timeout: 180_000 }, async () => {
      const all = await compareAll(lines!)
      const count = (verdict: string) => all.filter((one) => one.verdict === verdict).length
      console.log(
        `${name}: ${all.length} lines: ${count('exact')} equal, ${count('ages')} but for ages and moments, ${count('refused')} refused by name`,
      )
      expect(all.filter(({ verdict }) => verdict === 'differs').map(difference)).toEqual([])
    })
  }
})
