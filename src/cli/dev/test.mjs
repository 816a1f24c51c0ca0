// `npm test`: every check there is, and one line of totals at the end. `npm run check` is the quick part (--quick).
// A stage that fails does not stop the later ones.
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { watch } from './child.mjs'
import { cache, ensureInstalled, root } from './install.mjs'
import {
  firstLine,
  kernelResult,
  lintResult,
  playwrightResult,
  typesResult,
  vitestResult,
} from './results.mjs'
import { chromiumFlags, findChromium, installChromium, kernelObstacle } from './system.mjs'

const quick = process.argv.includes('--quick')
const bin = (...path) => join(root, 'node_modules', ...path)

/** Each stage gives `{ passed, failed, skipped, line }`; `line` is the one that matters when it failed or was skipped. */
const stages = [
  { name: 'types', about: 'TypeScript, one project per environment', run: types },
  { name: 'lint', about: 'Biome: lint and format', run: lint },
  { name: 'unit', about: 'tidy, units, labs run headless', run: unit },
  { name: 'journeys', about: 'the page in a real Chromium', run: journeys, slow: true },
  { name: 'kernel', about: 'every lab against the real Linux kernel', run: kernel, slow: true },
]

async function types() {
  return typesResult(await watch(process.execPath, [bin('typescript', 'bin', 'tsc'), '-b'], limits(3)))
}

async function lint() {
  const args = [
    bin('@biomejs', 'biome', 'bin', 'biome'),
    'check',
    '--colors=off',
    '--max-diagnostics=20',
    '.',
  ]
  return lintResult(await watch(process.execPath, args, limits(2)))
}

async function unit() {
  const report = freshReport('vitest.json')
  const args = [
    bin('vitest', 'vitest.mjs'),
    'run',
    '--reporter=dot',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]
  // Quick: the modules are loaded once for all files, so those that replace a module are named slow.
  if (quick) args.push('--no-isolate', '--exclude=**/*.slow.test.ts', '--exclude=**/*.kernel.test.ts')
  return vitestResult(await watch(process.execPath, args, limits(10)), report, root)
}

async function journeys() {
  const chromium = (await findChromium()) ?? (await installChromium())
  if (!chromium) {
    return failure(
      'no Chromium found: run `npx playwright install chromium` or set CHROME_PATH to a Chrome or Chromium',
    )
  }
  console.log(`${chromium} ${chromiumFlags[0]} …`)
  const report = freshReport('playwright.json')
  const args = [
    bin('@playwright', 'test', 'cli.js'),
    'test',
    '--config',
    join(root, 'e2e', 'playwright.config.ts'),
  ]
  // Playwright sets FORCE_COLOR for its workers, and Node warns when it meets both.
  const env = { NO_COLOR: undefined, KUBEHOP_CHROMIUM: chromium, KUBEHOP_PLAYWRIGHT_REPORT: report }
  return playwrightResult(await watch(process.execPath, args, limits(12, env)), report, root)
}

async function kernel() {
  const obstacle = kernelObstacle()
  if (obstacle) return { passed: 0, failed: 0, skipped: 1, line: obstacle }
  const summary = freshReport('kernel.json')
  const args = [join(root, 'e2e', 'kernel', 'run.mjs'), '--quick', '--summary', summary]
  return kernelResult(await watch(process.execPath, args, limits(8)), summary)
}

function limits(minutes, env = {}) {
  return { cwd: root, minutes, env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...env } }
}

function freshReport(name) {
  const path = join(cache, name)
  mkdirSync(cache, { recursive: true })
  if (existsSync(path)) rmSync(path)
  return path
}

function failure(line) {
  return { passed: 0, failed: 1, skipped: 0, line }
}

async function runStage(stage, place) {
  console.log(`\n[${place}] ${stage.name}: ${stage.about}`)
  const begun = Date.now()
  let result
  try {
    result = await stage.run()
  } catch (error) {
    result = failure(firstLine(error.stack ?? String(error)))
  }
  const seconds = ((Date.now() - begun) / 1000).toFixed(1)
  const { passed, failed, skipped } = result
  console.log(
    `[${place}] ${stage.name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds} s`,
  )
  if (result.line) console.log(`${failed > 0 ? 'FAILED' : 'SKIPPED'} ${stage.name}: ${result.line}`)
  return { name: stage.name, ...result }
}

ensureInstalled()
const chosen = stages.filter((stage) => !(quick && stage.slow))
const results = []
for (const [index, stage] of chosen.entries()) {
  results.push(await runStage(stage, `${index + 1}/${chosen.length}`))
}
console.log('')
for (const { name, failed, line } of results) {
  if (line) console.log(`${failed > 0 ? 'FAILED' : 'SKIPPED'} ${name}: ${line}`)
}
const sum = (field) => results.reduce((total, result) => total + result[field], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
process.exitCode = sum('failed') > 0 ? 1 : 0
