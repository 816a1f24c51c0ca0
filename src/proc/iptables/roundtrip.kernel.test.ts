/**
 * What iptables-save prints here is taken by the real iptables-restore (1.8.9) and comes back the same from the real
 * iptables-save. Needs root and the tools: skips without them.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { createNetBench } from '../cmd/transcript.ts'
import { nfPrograms } from '../cmd/nf.ts'

const NETNS = `kh-ipt-${process.pid}`

function able(): boolean {
  try {
    const version = execFileSync('iptables', ['-V'], { encoding: 'utf8' })
    return process.getuid?.() === 0 && version === 'iptables v1.8.9 (nf_tables)\n'
  } catch {
    return false
  }
}

const kernel = it.skipIf(!able()) // skips: needs root and iptables 1.8.9 (nf_tables)

kernel(
  'the real tools take it and give it back',
  () => {
    const made = createNetBench([...corePrograms, ...nfPrograms])
    const real = readFileSync(new URL('./iptables.real.txt', import.meta.url), 'utf8')
    const chains = ['filter', 'nat', 'mangle', 'raw']
    for (const tool of ['iptables', 'ip6tables']) {
      for (const table of chains) runLine(made, `${tool} -t ${table} -N FOO`)
    }
    let rules = 0
    for (const [, tool, args] of real.matchAll(/^\$ (ip6?tables) (.*(?:-A|-I) .*)$/gm)) {
      // A device with a space in its name is no word of a dump, in the real tools neither.
      if (/'a b' -j ACCEPT|-c /.test(args!)) continue
      if (runLine(made, `${tool} ${args} -m comment --comment "n ${rules}"`).code === 0) rules++
    }
    expect(rules).toBeGreaterThan(300)
    execFileSync('ip', ['netns', 'add', NETNS])
    try {
      const inside = (command: string[], input = '') =>
        execFileSync('ip', ['netns', 'exec', NETNS, ...command], {
          input,
          encoding: 'utf8',
          stdio: ['pipe', 'pipe', 'ignore'],
        })
      for (const tool of ['iptables', 'ip6tables']) {
        const ours = runLine(made, `${tool}-save`).out
        inside([`${tool}-restore`, '--test'], ours)
        inside([`${tool}-restore`], ours)
        expect(undated(inside([`${tool}-save`]))).toEqual(undated(ours))
      }
    } finally {
      execFileSync('ip', ['netns', 'del', NETNS])
    }
    process.stdout.write(`${rules} rules to the real tools and back\n`)
  },
  60_000,
)

function undated(text: string): string[] {
  return text.split('\n').filter((line) => !line.startsWith('#'))
}
