/**
 * Dumps as docker 28, kube-proxy with flannel, and ufw make them, given to iptables-restore 1.8.9 on Linux 6.18: what
 * iptables-save and `iptables -nL` said afterwards is what they say here.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nfChains } from '../../net/nf/chains.ts'
import { nfRuleset } from '../../net/nf/tables.ts'
import type { Netns } from '../../net/types.ts'
import { writeFile } from '../../run/files.ts'
import { findMachine } from '../../run/machine.ts'
import type { Bench } from '../check.ts'
import { runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { nfPrograms } from '../cmd/nf.ts'
import { createNetBench } from '../cmd/transcript.ts'

function read(name: string): string {
  return readFileSync(new URL(`./${name}.txt`, import.meta.url), 'utf8')
}

function load(text: string): Bench {
  const made = createNetBench([...corePrograms, ...nfPrograms])
  expect(runLine(made, `iptables-restore <<'EOF'\n${text}EOF\n`)).toMatchObject({ out: '', err: '', code: 0 })
  return made
}

describe.each(['docker', 'kubeproxy', 'ufw'])('%s', (name) => {
  it('is saved and listed as by the real tools', () => {
    const made = load(read(`${name}.dump`))
    const saved = runLine(made, 'iptables-save').out.replace(
      /^(# (?:Generated|Completed).* on ).*$/gm,
      '$1DATE',
    )
    expect(saved).toBe(read(`${name}.saved.real`))
    const list = 'for t in filter nat mangle raw; do iptables -t $t -nL; done'
    expect(runLine(made, list).out).toBe(read(`${name}.listed.real`))
  })
})

it('10,000 services load at once and come back the same', () => {
  const chains: string[] = []
  const rules: string[] = []
  for (let i = 0; i < 10_000; i++) {
    const ip = `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`
    const comment = `-m comment --comment "default/s${i}:http cluster IP"`
    chains.push(`:KUBE-SVC-${String(i).padStart(5, '0')} - [0:0]`)
    rules.push(
      `-A KUBE-SERVICES -d ${ip} -p tcp ${comment} -m tcp --dport 80 -j KUBE-SVC-${String(i).padStart(5, '0')}`,
    )
  }
  const head = [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':INPUT ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
  ]
  const text = `${[...head, ':KUBE-SERVICES - [0:0]', ...chains, '-A PREROUTING -j KUBE-SERVICES', ...rules, 'COMMIT'].join('\n')}\n`
  const made = createNetBench([...corePrograms, ...nfPrograms])
  const ns = made.world.targets[made.ns] as Netns
  const machine = findMachine(made.world, made.machine)!
  expect(writeFile({ world: made.world, ns, machine, proc: { cwd: '/' } }, '/tmp/rules', text)).toBe('')
  expect(runLine(made, 'iptables-restore /tmp/rules')).toMatchObject({ out: '', err: '', code: 0 })
  expect(nfChains(nfRuleset(ns, 4).tables.get('nat')!).length).toBe(10_004 + 1)
  const saved = runLine(made, 'iptables-save').out.replace(/^#.*\n/gm, '')
  expect(saved).toBe(text)
})

it('what is not modelled is refused by name with its line, and that table stays as it was', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['-A INPUT -m set --match-set x src -j ACCEPT', "the match 'set'"],
    ['-A INPUT -m hashlimit --hashlimit-upto 5/s --hashlimit-name x -j ACCEPT', "the match 'hashlimit'"],
    ['-A INPUT -j NFLOG --nflog-group 86', "the target 'NFLOG'"],
    ['-A INPUT -j NFQUEUE --queue-num 3', "the target 'NFQUEUE'"],
  ]
  for (const [rule, what] of cases) {
    const made = createNetBench([...corePrograms, ...nfPrograms])
    runLine(made, 'iptables -A OUTPUT -j ACCEPT')
    const text = `*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n-A INPUT -i lo -j ACCEPT\n${rule}\nCOMMIT\n`
    expect(runLine(made, `iptables-restore <<'EOF'\n${text}EOF\n`)).toMatchObject({
      err: `kubehop: iptables: ${what} is not modelled (line 6)\n`,
      code: 1,
    })
    expect(runLine(made, 'iptables -S').out).toBe(
      '-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-A OUTPUT -j ACCEPT\n',
    )
    expect(runLine(made, 'iptables-save -t nat').out).toContain(':PREROUTING ACCEPT [0:0]\n')
  }
})
