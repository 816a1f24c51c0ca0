/**
 * Round trip with the real tools (iptables 1.8.9): what iptables-save prints here for a machine that was made from a dump
 * is taken by the real iptables-restore, tested and for good, and the real iptables-save gives the same text.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startRun, typeAll } from '../headless.ts'
import { dumpOnto } from './onto.ts'

const NETNS = `kh-dump-${process.pid}`

function able(): boolean {
  try {
    const version = execFileSync('iptables', ['-V'], { encoding: 'utf8' })
    return process.getuid?.() === 0 && version === 'iptables v1.8.9 (nf_tables)\n'
  } catch {
    return false
  }
}

const kernel = it.skipIf(!able()) // skips: needs root and iptables 1.8.9 (nf_tables)

kernel.each(['docker', 'node', 'ufw', 'weave'])('%s', (name) => {
  const dump = readFileSync(new URL(`./${name}.real.txt`, import.meta.url), 'utf8')
  const { run } = startRun(dumpOnto('', { machine: 'm', dump }).text)
  execFileSync('ip', ['netns', 'add', NETNS])
  try {
    const inside = (command: string[], input = '') =>
      execFileSync('ip', ['netns', 'exec', NETNS, ...command], { input, encoding: 'utf8' })
    for (const tool of ['iptables', 'ip6tables']) {
      const command = `${tool}-save`
      const ran = typeAll(run!, [{ text: command, machine: 'm', netns: '', command, background: false }])
      const ours = typeof ran === 'string' ? ran : (ran[0]?.stdout ?? '')
      inside([`${tool}-restore`, '--test'], ours)
      inside([`${tool}-restore`], ours)
      const undated = (text: string) => text.replace(/^(# (?:Generated|Completed).* on ).*$/gm, '$1DATE')
      // Policies count what the namespace itself sent meanwhile.
      const still = (text: string) => undated(text).replace(/\[\d+:\d+\]/g, '[0:0]')
      expect(still(inside([`${tool}-save`]))).toBe(still(ours))
    }
  } finally {
    execFileSync('ip', ['netns', 'del', NETNS])
  }
})
