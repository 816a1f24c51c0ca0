/**
 * `npm run cases [-- FOLDER] [--only TEXT]`: expected results kept as data (kube-proxy, DNS, controllers, validation,
 * kubectl ...) against the engine: per file how many passed, failed and were skipped, each failure, and why each that
 * was skipped.
 * Exit code 0: none failed, or the folder is absent, which is said; 1: some failed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CASE_RUNNERS } from './cases/runners.ts'
import type { CaseResult } from './cases/report.ts'

const args = process.argv.slice(2)
const onlyAt = args.indexOf('--only')
const only = onlyAt < 0 ? '' : (args[onlyAt + 1] ?? '')
const folder =
  args.find((arg, at) => !arg.startsWith('-') && at !== onlyAt + 1) ?? join('..', 'shared', 'cases')

process.exitCode = main()

function main(): number {
  if (!existsSync(folder)) {
    console.log(`cases: skipped, there is no folder ${folder}`)
    return 0
  }
  const sum = { passed: 0, failed: 0, skipped: 0 }
  for (const [file, run] of CASE_RUNNERS) {
    if (!existsSync(join(folder, file))) continue
    const results = run(read(file), read).filter(
      ({ group, id }) => only === '' || `${file} ${group} ${id}`.includes(only),
    )
    if (results.length === 0) continue
    printFile(file, results)
    for (const { outcome } of results) sum[outcome]++
  }
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.json') || CASE_RUNNERS.some(([known]) => known === file)) continue
    if (only === '')
      console.log(`${file}: not run: what it is about is not modelled, or a unit test reads it`)
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
  return sum.failed > 0 ? 1 : 0
}

function read(file: string): unknown {
  const path = join(folder, file)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

function printFile(file: string, results: readonly CaseResult[]): void {
  const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length
  console.log(`${file}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`)
  for (const { group, id, outcome, detail } of results) {
    if (outcome === 'failed') console.log(`  ${group}: ${id}\n     ${detail.replaceAll('\n', '\n     ')}`)
    else if (outcome === 'skipped') console.log(`  skipped ${group}: ${id}: ${detail}`)
  }
}
