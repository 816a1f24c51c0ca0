/**
 * The shared cases of iptables 1.8.9 (nf_tables): canonical forms, errors, listings, restores. They lie beside a working
 * copy, not in it: without them these tests skip.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Bench } from '../check.ts'
import { runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { createNetBench } from '../cmd/transcript.ts'
import { nfPrograms } from '../cmd/nf.ts'

interface Shared {
  canonicalisation: { table: string; args: string; exit: number; saved: string[] }[]
  errors: { setup?: string[]; args: string; exit: number; stderr: string; stdout?: string }[]
  listing: { setup: string[]; outputs: { args?: string; cmd?: string; exit: number; stdout: string }[] }
  restore: {
    id: string
    options: string
    input: string
    exit: number
    stderr: string
    before?: string[]
    afterwards: string[]
    saveWithCounters?: string[]
  }[]
}

const FILE = new URL('../../../../shared/cases/07-iptables-cni.json', import.meta.url)
const cases = existsSync(FILE)
  ? (JSON.parse(readFileSync(FILE, 'utf8')) as { iptables: Shared }).iptables
  : undefined
const shared = it.skipIf(cases === undefined) // skips: the cases lie beside a working copy, not in it

function bench(): Bench {
  return createNetBench([...corePrograms, ...nfPrograms])
}

/** Matches of the cases that are not modelled. */
const REFUSED = /-m set /

function savedRules(made: Bench, table: string): string[] {
  const lines = runLine(made, `iptables-save -t ${table}`).out.split('\n')
  return lines.filter((line) => line.startsWith('-A'))
}

describe('the shared cases', () => {
  shared('canonical forms', () => {
    let passed = 0
    for (const { table, args, saved } of cases!.canonicalisation) {
      const made = bench()
      for (const line of ['-N FOO', '-t nat -N FOO']) expect(runLine(made, `iptables ${line}`).code).toBe(0)
      const ran = runLine(made, `iptables -t ${table} ${args}`)
      if (REFUSED.test(args)) {
        expect(ran.err).toMatch(/^kubehop: iptables: the match 'set' is not modelled$/m)
        continue
      }
      expect({ args, ...ran, saved: savedRules(made, table) }).toMatchObject({
        args,
        err: '',
        code: 0,
        saved,
      })
      passed++
    }
    process.stdout.write(
      `canonical forms: ${passed} of ${cases!.canonicalisation.length}, the others refused\n`,
    )
  })

  shared('errors', () => {
    for (const { setup = [], args, exit, stderr, stdout } of cases!.errors) {
      const made = bench()
      // Cases that count rules were made in a table that had its chains.
      if (/^-[DIR] INPUT [0-9]/.test(args)) runLine(made, 'iptables -P INPUT ACCEPT')
      for (const line of setup) runLine(made, `iptables ${line.replace(/ \(.*$/, '')}`)
      const { out, err, code } = runLine(made, `iptables ${args}`)
      expect({ args, code, err }).toEqual({ args, code: exit, err: stderr })
      if (stdout !== undefined) expect(out).toBe(stdout)
    }
  })

  shared('listings', () => {
    const made = bench()
    for (const line of cases!.listing.setup) {
      expect(runLine(made, `iptables ${line}`)).toMatchObject({ err: '', code: 0 })
    }
    for (const table of ['mangle', 'raw']) {
      runLine(made, `iptables -t ${table} -P OUTPUT ACCEPT`)
    }
    for (const { args, cmd, stdout } of cases!.listing.outputs) {
      const { out } = runLine(made, cmd ?? `iptables ${args}`)
      expect(undated(out)).toBe(undated(stdout))
    }
  })

  shared('restores', () => {
    for (const one of cases!.restore) {
      const made = bench()
      for (const line of one.before ?? []) runLine(made, `iptables ${line}`)
      const ran = runLine(made, `iptables-restore ${one.options} <<'EOF'\n${one.input}EOF\n`)
      // The cases were recorded under the tool's other name.
      const err = one.stderr.replaceAll('iptables-nft-restore', 'iptables-restore')
      expect({ id: one.id, code: ran.code, err: ran.err }).toEqual({ id: one.id, code: one.exit, err })
      const save = (options: string) =>
        runLine(made, `iptables-save ${options}`)
          .out.split('\n')
          .filter((line) => line !== '' && !line.startsWith('#'))
      const plain = save('').map((line) => line.replace(/\[[0-9:]+\]/, '[0:0]'))
      expect(plain).toEqual(one.afterwards.map((line) => line.replace(/\[[0-9:]+\]/, '[0:0]')))
      if (one.saveWithCounters !== undefined) expect(save('-c')).toEqual(one.saveWithCounters)
    }
  })
})

function undated(text: string): string {
  return text.replace(/ on .*$/gm, '').replaceAll('iptables-nft-save', 'iptables-save')
}
