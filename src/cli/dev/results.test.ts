// The totals of `npm test` are only worth something if a runner that broke cannot look like one that passed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { kernelResult, lintResult, playwrightResult, typesResult, vitestResult } from './results.mjs'

const folder = mkdtempSync(join(tmpdir(), 'kubehop-results-'))
const absent = join(folder, 'absent.json')
afterAll(() => rmSync(folder, { recursive: true }))

function report(value: unknown): string {
  const path = join(folder, 'report.json')
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return path
}

const ended = (code: number, output = '') => ({ code, output, timedOut: false })

describe('a runner that wrote no report has failed', () => {
  it.each([
    ['vitest', vitestResult(ended(0), absent, folder)],
    ['playwright', playwrightResult(ended(0), absent, folder)],
    ['kernel', kernelResult(ended(0), absent)],
    ['kernel, half a report', kernelResult(ended(0), report('{ "passed": 3'))],
  ])('%s', (_, result) => expect(result).toMatchObject({ passed: 0, failed: 1, skipped: 0 }))

  it('says why: the error, else the last line, else the exit code', () => {
    const crash = "at x\n\u001b[31mError: Cannot find module 'a'\u001b[39m\n  at y\nNode.js v20"
    expect(kernelResult(ended(1, crash), absent).line).toBe("Error: Cannot find module 'a'")
    expect(kernelResult(ended(1, 'one\ntwo\n'), absent).line).toBe('two')
    expect(kernelResult(ended(3), absent).line).toBe('exit code 3')
    expect(kernelResult({ ...ended(1), timedOut: true }, absent).line).toBe('took too long and was stopped')
  })
})

describe('vitest', () => {
  const test = (status: string, message = '') => ({
    status,
    fullName: `a ${status}`,
    failureMessages: [message],
  })
  const file = (status: string, assertionResults: unknown[], message = '') => {
    return { name: join(folder, 'src/a.test.ts'), status, assertionResults, message }
  }

  it('counts tests, and names the first that failed', () => {
    const tests = [test('passed'), test('failed', 'Error: 1 is not 2\n at x'), test('skipped'), test('todo')]
    const path = report({ testResults: [file('failed', tests)] })
    const line = 'src/a.test.ts > a failed: Error: 1 is not 2'
    expect(vitestResult(ended(1), path, folder)).toEqual({ passed: 1, failed: 1, skipped: 2, line })
  })

  it('counts a file that could not be loaded, and an error outside of tests', () => {
    const broken = report({ testResults: [file('failed', [], 'SyntaxError: x')] })
    const line = 'src/a.test.ts: SyntaxError: x'
    expect(vitestResult(ended(1), broken, folder)).toEqual({ passed: 0, failed: 1, skipped: 0, line })
    const unhandled = report({ testResults: [file('passed', [test('passed')])] })
    const result = vitestResult(ended(1, 'Vitest caught 1 error\nTypeError: late\n'), unhandled, folder)
    expect(result).toEqual({ passed: 1, failed: 1, skipped: 0, line: 'TypeError: late' })
  })
})

describe('the others', () => {
  it('playwright: the counts, and the failed journey in a nested suite', () => {
    const spec = { file: 'a.spec.ts', line: 3, title: 'walks', ok: false }
    const results = [{ errors: [{ message: '\u001b[31mError: gone\u001b[39m\n at' }] }]
    const suites = [{ suites: [{ specs: [{ ...spec, tests: [{ results }] }] }] }]
    const stats = { expected: 4, unexpected: 1, flaky: 0, skipped: 2 }
    const line = 'a.spec.ts:3 > walks: Error: gone'
    const result = playwrightResult(ended(1), report({ stats, suites }), folder)
    expect(result).toEqual({ passed: 4, failed: 1, skipped: 2, line })
  })

  it('kernel: an exit code against the summary is a failure', () => {
    const path = report({ passed: 5, failed: 0, skipped: 0 })
    expect(kernelResult(ended(0), path)).toEqual({ passed: 5, failed: 0, skipped: 0, line: undefined })
    expect(kernelResult(ended(1, 'x'), path)).toEqual({ passed: 5, failed: 1, skipped: 0, line: 'x' })
  })

  it('types and lint: the first complaint', () => {
    const tsc = "src/a.ts(1,2): error TS2304: Cannot find name 'b'.\n"
    expect(typesResult(ended(1, tsc)).line).toBe("src/a.ts(1,2): error TS2304: Cannot find name 'b'.")
    const biome = 'src/a.ts:2:7 lint/correctness/noUnusedVariables ━━━━\n\n  × This variable a is unused.\n'
    const line = 'src/a.ts:2:7 lint/correctness/noUnusedVariables This variable a is unused.'
    expect(lintResult(ended(1, biome)).line).toBe(line)
    expect(lintResult(ended(0, biome))).toEqual({ passed: 1, failed: 0, skipped: 0 })
  })
})
