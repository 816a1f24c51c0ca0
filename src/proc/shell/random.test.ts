import { expect, it } from 'vitest'
import type { Rng } from '../../base/rng.ts'
import { createRng, nextBelow } from '../../base/rng.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { createBench } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { parseShell } from './parse.ts'
import { execLine } from './session.ts'

const SEED = 20261120
const D = '$'
const PIECES =
  `if then else elif fi for while until do done case esac in { } ( ) ; ;; & && || | |& < > >> << <<- <<< >& <& &> ! $ ${D}{ } $( )
  \` $(( )) ' " \\ # = x= x+=1 $x ${D}{x:-y} ${D}{x##*/} ${D}{#x} ${D}{x:?e} $((x+1)) $((1/0)) $((x++)) * ? [a-z] [[ ]] [ ] -eq -f ==
  =~ {1..3} {a,b} ~ echo cat grep sed sort uniq cut tr head tail wc tee xargs seq sleep kill ls rm mkdir touch printf test read set
  -e -x -u shift break continue return exit eval exec trap export unset local wait jobs cd . source f() f $@ "$@" $* $? $$ $! $#
  2>&1 1 2 0 a b c /tmp /etc/hosts /dev/null - -- -n -c \n \t EOF timeout env watch nohup ps bash sh date hostname \u00e9
  \u{1f600} \u0000 99999999999999999999`
    .split(/\s+/)
    .concat('\n')

function randomLine(rng: Rng): string {
  let line = ''
  const n = 1 + nextBelow(rng, 24)
  for (let i = 0; i < n; i++) {
    line += PIECES[nextBelow(rng, PIECES.length)]
    if (nextBelow(rng, 3) > 0) line += ' '
    if (nextBelow(rng, 40) === 0) line += String.fromCharCode(nextBelow(rng, 0x180))
  }
  return line
}

// A failure is replayed by the number that it prints: randomLine(createRng(SEED, number)).
it('10,000 random lines end or wait, none throws, none holds the world', () => {
  let ended = 0
  for (let first = 0; first < 10_000; first += 100) {
    const { world, rules, machine, ns } = createBench(corePrograms)
    for (let n = first; n < first + 100; n++) {
      const line = randomLine(createRng(SEED, n))
      const shell = n % 2 === 0 ? line : `bash -c '${line.replaceAll("'", "'\\''")}'`
      const { capture } = execLine(world, { machine, ns, line: shell })
      const limits = { untilAt: world.now + 100_000_000, maxEvents: 3000 }
      const ran = runUntil(world, rules, limits)
      if (world.frozen !== undefined)
        throw new Error(`line ${n}: ${world.frozen.message}: ${JSON.stringify(line)}`)
      if (ran === limits.maxEvents)
        throw new Error(`line ${n} makes events without end: ${JSON.stringify(line)}`)
      const { code } = world.targets[capture] as unknown as { code: number }
      if (code >= 0) ended++
    }
  }
  expect(ended).toBeGreaterThan(9000)
}, 120_000)

it('100,000 random inputs go through the parser', () => {
  const faults = new Set<string>()
  for (let n = 0; n < 50_000; n++) {
    const line = randomLine(createRng(SEED + 1, n))
    for (const dialect of ['dash', 'bash'] as const) {
      const { fault } = parseShell(line, dialect)
      if (fault !== undefined) faults.add(fault.message.replace(/["`].*/, ''))
    }
  }
  expect(faults.size).toBeGreaterThan(10)
}, 120_000)
