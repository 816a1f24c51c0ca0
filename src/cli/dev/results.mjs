// What each runner said, as counts and the one line that matters.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'

const good = { passed: 1, failed: 0, skipped: 0 }

/** The first line with something in it, without colours. */
export function firstLine(text) {
  return (
    plain(text)
      .split('\n')
      .find((line) => line.trim() !== '') ?? ''
  ).trim()
}

export function typesResult(done) {
  if (done.code === 0) return good
  return bad(
    done,
    plain(done.output)
      .split('\n')
      .find((line) => line.includes('error TS')),
  )
}

export function lintResult(done) {
  if (done.code === 0) return good
  const lines = plain(done.output).split('\n')
  const at = lines.findIndex((line) => /^\S+(:\d+:\d+)? (lint|format|assist|parse|suppressions)\b/.test(line))
  const reason = lines.slice(at + 1).find((line) => /^\s*×/.test(line)) ?? ''
  return bad(
    done,
    at < 0 ? undefined : `${lines[at].replace(/ ━+$/, '')} ${reason.replace(/^\s*×\s*/, '')}`.trim(),
  )
}

export function vitestResult(done, path, root) {
  const report = read(path)
  if (!report)
    return bad(
      done,
      done.output.split('\n').find((line) => /error/i.test(line)),
    )
  const tests = report.testResults.flatMap((file) => file.assertionResults)
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  )
  const count = (...states) => tests.filter((test) => states.includes(test.status)).length
  const counts = {
    passed: count('passed'),
    failed: count('failed') + broken.length,
    skipped: count('pending', 'skipped', 'todo', 'disabled'),
  }
  const file = report.testResults.find((one) => one.status === 'failed')
  if (!file) return done.code === 0 ? counts : addFailure(counts, done, firstUnhandled(plain(done.output)))
  const test = file.assertionResults.find((one) => one.status === 'failed')
  const message = firstLine(test ? (test.failureMessages[0] ?? '') : file.message)
  return { ...counts, line: `${relative(root, file.name)}${test ? ` > ${test.fullName}` : ''}: ${message}` }
}

export function playwrightResult(done, path, root) {
  const report = read(path)
  if (!report) return bad(done)
  const { expected, unexpected, flaky, skipped } = report.stats
  const counts = { passed: expected + flaky, failed: unexpected, skipped }
  const spec = report.suites.flatMap(specsOf).find((one) => !one.ok)
  if (spec) {
    const errors = spec.tests.flatMap((test) => test.results).flatMap((result) => result.errors ?? [])
    return {
      ...counts,
      line: `${spec.file}:${spec.line} > ${spec.title}: ${firstLine(errors[0]?.message ?? '')}`,
    }
  }
  if (done.code === 0) return counts
  return addFailure(counts, done, firstLine((report.errors?.[0]?.message ?? '').replaceAll(`${root}/`, '')))
}

export function kernelResult(done, path) {
  const summary = read(path)
  if (!summary) return bad(done)
  const { passed, failed, skipped, line } = summary
  if (done.code !== 0 && failed === 0) return addFailure({ passed, failed, skipped }, done, line)
  return { passed, failed, skipped, line: failed > 0 || skipped > 0 ? line : undefined }
}

function specsOf(suite) {
  return [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specsOf)]
}

function bad(done, line) {
  return addFailure({ passed: 0, failed: 0, skipped: 0 }, done, line)
}

function addFailure(counts, done, line) {
  const lines = plain(done.output).trim().split('\n')
  const telling = lines.find((one) => /^\s*\w*Error: |^No test files/.test(one)) ?? lines.at(-1)
  const reason = line?.trim() || telling?.trim() || `exit code ${done.code}`
  return {
    ...counts,
    failed: counts.failed + 1,
    line: done.timedOut ? 'took too long and was stopped' : reason,
  }
}

function firstUnhandled(output) {
  return output.split('\n').find((line) => /^\s*\w*Error: /.test(line))
}

function plain(text) {
  const esc = String.fromCharCode(27)
  return text.replaceAll(new RegExp(`${esc}\\[[0-9;]*m`, 'g'), '')
}

function read(path) {
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
