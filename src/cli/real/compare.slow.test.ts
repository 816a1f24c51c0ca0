// Real kubectl 1.32 against `lab api`, and the lab's own kubectl, line by line: the same text. `KUBECTL_LINES=all` asks
// all lines, which takes two minutes; otherwise those that make a whole from apply to delete, and a third of the rest.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Compared } from './compare.ts'
import { compareAll, difference } from './compare.ts'
import type { Line } from './lines.ts'
import { KUSTOMIZED } from './kustomized.ts'
import { FILES, LAB } from './lab.ts'
import { LAB_LINES, SECTIONS } from './lines.ts'

function hasKubectl(): boolean {
  try {
    const text = execFileSync('kubectl', ['version', '--client'], { encoding: 'utf8', stdio: 'pipe' })
    return /Client Version: v1\.32\./.test(text)
  } catch {
    return false
  }
}

const third = (_: Line, i: number) => i % 3 === 0
const { get, describe: described, know, apply, tour, create, change, run, end, look } = SECTIONS
const { watched, typed, config, over, pruned, built, odd } = SECTIONS
const BRIEF: Readonly<Record<string, readonly Line[]>> = {
  'get, describe and what the server is': [get!, described!, know!].flatMap((lines) => lines.filter(third)),
  'apply to delete': [...tour!, ...apply!],
  'types, configurations, copies and editors': [typed!.filter(third), config!, over!, pruned!].flat(),
  kustomizations: built!,
}
const ALL = {
  get,
  describe: described,
  know,
  create,
  apply,
  change,
  run,
  end,
  tour,
  look,
  watched,
  typed,
  config,
  over,
  pruned,
  built,
  odd,
}

const real = describe.skipIf(!hasKubectl()) // skips: no kubectl 1.32 on this machine

const everything = process.env.KUBECTL_LINES === 'all'

/** Tells how many were equal; answers those that were not. */
function counted(name: string, all: readonly Compared[]): string[] {
  const count = (verdict: string) => all.filter((one) => one.verdict === verdict).length
  console.log(
    `${name}: ${all.length} lines: ${count('exact')} equal, ${count('ages')} but for ages and moments, ${count('refused')} refused by name`,
  )
  return all.filter(({ verdict }) => verdict === 'differs').map(difference)
}

real('real kubectl 1.32 and our own print the same', () => {
  for (const [name, lines] of Object.entries(everything ? ALL : BRIEF)) {
    it(name, { timeout: 180_000 }, async () => {
      expect(
        counted(name, await compareAll(lines!, () => {}, LAB, lines === built ? KUSTOMIZED : FILES)),
      ).toEqual([])
    })
  }
})

const LABS = join(import.meta.dirname, '..', '..', '..', 'public', 'labs')

/** A lab's objects, as they stand in its file. */
function manifestsOf(text: string): string {
  const own = /^apiVersion: (v1|apps\/v1|networking\.k8s\.io\/v1)$/m
  const docs = text.split(/^---$/m).filter((doc) => own.test(doc) && !/^kind: Node$/m.test(doc))
  return docs.join('---')
}

real('of the labs, with the objects of their files', () => {
  const files = readdirSync(LABS).filter((file) => file.endsWith('.yaml'))
  for (const file of files) {
    const text = readFileSync(join(LABS, file), 'utf8')
    const manifests = manifestsOf(text)
    if (manifests === '' || (!everything && !/^4\.8-/.test(file))) continue
    it(file, { timeout: 60_000 }, async () => {
      const all = await compareAll(LAB_LINES, () => {}, text, { 'lab.yaml': manifests })
      expect(counted(file, all)).toEqual([])
    })
  }
})
