import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runUntil } from '../../sim/dispatch.ts'
import { checkpoint, seek, stateHash } from '../../sim/timeline.ts'
import { createBench, runBash, runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { parseShell } from './parse.ts'
import { captureOf, execLine } from './session.ts'

type Outcome = [string, string, number]

// Recorded by running every line in real shells: dash 0.5.12, bash 5.2.15, coreutils 9.1, grep 3.8, sed 4.9 (Debian 12),
// LC_ALL=C, in /root, with /tmp/khq/a.txt and b.txt holding "A" and "B", standard input empty.
const recorded = JSON.parse(readFileSync(new URL('./real-shells.json', import.meta.url), 'utf8')) as [
  string,
  Outcome,
  Outcome | null,
][]

function bench() {
  const made = createBench(corePrograms)
  runLine(made, 'mkdir /tmp/khq; echo A > /tmp/khq/a.txt; echo B > /tmp/khq/b.txt')
  return made
}

describe('what real shells answered', () => {
  it('is a table of some size', () => expect(recorded.length).toBeGreaterThan(250))

  it.each(recorded)('dash: %s', (line, dash) => {
    const { out, err, code } = runLine(bench(), line)
    expect([out, err, code]).toEqual(dash)
  })

  it.each(recorded.filter(([, , bash]) => bash !== null))('bash: %s', (line, _, bash) => {
    const { out, err, code } = runBash(bench(), line)
    expect([out, err, code]).toEqual(bash)
  })
})

describe('a script in the middle', () => {
  it('rewinds and goes on to the same end', () => {
    const made = bench()
    const { world, rules } = made
    checkpoint(world)
    const line =
      'i=0; while [ $i -lt 3 ]; do sleep 1; echo a$i | tr a b; i=$((i+1)); done; echo $(sleep 1; echo end)'
    const at = { machine: made.machine, ns: made.ns, line }
    const { capture } = execLine(world, at)
    const start = world.nEvents
    checkpoint(world)
    const hashes: string[] = []
    for (;;) {
      hashes.push(stateHash(world))
      if (runUntil(world, rules, { maxEvents: 1 }) === 0) break
    }
    expect(captureOf(world, capture)).toMatchObject({ out: 'b0\nb1\nb2\nend\n', err: '', code: 0 })
    expect(world.now).toBeGreaterThanOrEqual(4e9)
    for (let n = hashes.length - 1; n >= 0; n -= 7) {
      seek(world, rules, start + n)
      expect(stateHash(world)).toBe(hashes[n])
    }
    seek(world, rules, start + hashes.length - 1)
    expect(captureOf(world, capture)).toMatchObject({ out: 'b0\nb1\nb2\nend\n', code: 0 })
  })

  it('cannot hold the world still: time goes on and a signal ends it', () => {
    const made = bench()
    const { world, rules, machine, ns } = made
    const spin = execLine(world, { machine, ns, line: 'while true; do :; done' })
    const forks = execLine(world, { machine, ns, line: 'while true; do true | cat; done' })
    const other = execLine(world, { machine, ns, line: 'sleep 0.2; echo alive' })
    runUntil(world, rules, { untilAt: 500_000_000, maxEvents: 50_000 })
    expect(captureOf(world, other.capture)).toMatchObject({ out: 'alive\n', code: 0 })
    expect(captureOf(world, spin.capture)?.code).toBe(-1)
    runLine(made, `kill ${spin.pid} ${forks.pid}`)
    runUntil(world, rules, { untilAt: world.now + 100_000_000, maxEvents: 50_000 })
    expect(captureOf(world, spin.capture)?.code).toBe(143)
    expect(captureOf(world, forks.capture)?.code).toBe(143)
  })
})

describe('limits', () => {
  it('end a recursion, a fork bomb and an endless output', () => {
    expect(runLine(bench(), 'f() { f; }; f').code).toBe(2)
    const bomb = bench()
    execLine(bomb.world, { machine: bomb.machine, ns: bomb.ns, line: 'f() { f | f & }; f' })
    runUntil(bomb.world, bomb.rules, { maxEvents: 20_000 })
    expect(bomb.world.frozen).toBeUndefined()
    expect(runLine(bomb, 'echo still').code).not.toBe(undefined)
    const flood = runLine(
      bench(),
      'x=0123456789; for i in 1 2 3 4 5; do x=$x$x$x$x$x$x$x$x; done; echo $x',
      20_000,
    )
    expect(flood.out.length).toBe(10 * 8 ** 5 + 1)
    const noisy = runLine(
      bench(),
      'while true; do echo 0123456789012345678901234567890123456789; done | head -n 2',
    )
    expect(noisy.out).toBe('0123456789012345678901234567890123456789\n'.repeat(2))
  })

  it('end what is nested too deep with a message', () => {
    const deep = parseShell(`${'$('.repeat(500)}echo${')'.repeat(500)}`, 'dash')
    expect(deep.fault?.message).toContain('nested too deep')
    const sums = `echo $((${'('.repeat(5000)}1${')'.repeat(5000)}))`
    expect(runLine(bench(), sums).code).toBe(2)
  })
})

describe('commands that are not here', () => {
  it('are refused by name when they are real', () => {
    expect(runLine(bench(), 'vim x')).toMatchObject({ err: 'vim: not modelled in Kubehop\n', code: 127 })
    expect(runLine(bench(), 'sh -c "awk 1"').err).toBe('awk: not modelled in Kubehop\n')
  })

  it('are listed by help when they are', () => {
    const { out } = runLine(bench(), 'help')
    for (const program of corePrograms)
      expect(out).toMatch(new RegExp(`^${program.name.replace('[', '\\[')} +\\S`, 'm'))
  })
})
