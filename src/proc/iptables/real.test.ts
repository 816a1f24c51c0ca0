/**
 * Transcripts of iptables 1.8.9 (nf_tables, Debian 12, Linux 6.18), recorded in throw-away namespaces as `cat -A` shows
 * them; dates are the word DATE, and `##` begins a new namespace. The same commands here have to print the same bytes.
 * Left out of the recordings: help texts, and what Kubehop refuses by name.
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Bench } from '../check.ts'
import { runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { createNetBench, replay } from '../cmd/transcript.ts'
import { nfPrograms } from '../cmd/nf.ts'

function bench(): Bench {
  const made = createNetBench([...corePrograms, ...nfPrograms])
  runLine(made, "echo '127.0.0.1 localhost' > /etc/hosts")
  return made
}

function undated(text: string): string {
  return text.replace(/^(# (?:Generated|Completed).* on ).*$/gm, '$1DATE$')
}

for (const name of ['iptables', 'iptops', 'iptrestore']) {
  it(`the real tools print the same: ${name}`, () => {
    const real = readFileSync(new URL(`./${name}.real.txt`, import.meta.url), 'utf8')
    for (const part of real.split(/^##\n/m)) {
      const ours = blocks(undated(replay(bench(), part)))
      expect(ours).toEqual(blocks(undated(part)))
    }
  })
}

function blocks(text: string): string[] {
  return text.split(/^(?=\$ )/m).filter((block) => block.trim() !== '')
}

it('10,000 random lines and 2,000 broken dumps: text or nothing, and an end', () => {
  const made = bench()
  const words =
    '-A -I -D -R -C -L -S -F -Z -N -X -P -E -t nat filter mangle raw INPUT OUTPUT FORWARD PREROUTING POSTROUTING FOO -s -d -i ' +
    '-o -p -j -g -m -f -n -v -x -c -w ! 1 2 0 tcp udp icmp all 10.0.0.1 10.0.0.0/8 1.1.1.1,2.2.2.2 fd00::1 eth0 eth+ --dport ' +
    '--sport 80 80:90 http --syn --tcp-flags SYN,ACK ALL NONE --icmp-type echo-request conntrack --ctstate NEW,ESTABLISHED ' +
    'state --state mark --mark 0x1/0xff comment --comment "a.b" addrtype --dst-type LOCAL statistic --mode nth random --every ' +
    '--packet --probability 0.5 recent --set --rcheck --name X --seconds limit --limit 5/min --limit-burst mac --mac-source ' +
    '02:00:00:00:00:01 physdev --physdev-in --physdev-is-bridged iprange --src-range 1.1.1.1-1.1.1.9 length --length ttl ' +
    '--ttl-eq multiport --dports 1,2,3:9 ACCEPT DROP RETURN REJECT --reject-with tcp-reset LOG --log-prefix DNAT ' +
    '--to-destination 10.0.0.5:80 SNAT --to-source MASQUERADE --random REDIRECT --to-ports MARK --set-mark CONNMARK --save-mark ' +
    'CT --zone NOTRACK TCPMSS --clamp-mss-to-pmtu TTL --ttl-set NETMAP --to -- --set-counters __proto__ constructor'
  const word = fc.oneof(
    { weight: 14, arbitrary: fc.constantFrom(...words.split(' ')) },
    { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  )
  const line = fc.tuple(
    fc.constantFrom('iptables', 'iptables', 'ip6tables'),
    fc.array(word, { maxLength: 12 }),
  )
  for (const [name, args] of fc.sample(line, { numRuns: 10_000, seed: 11 })) {
    const quoted = args.map((arg) => `'${arg.replaceAll("'", "'\\''").replaceAll('\0', '')}'`).join(' ')
    const ran = runLine(made, `${name} ${quoted}`, 3000)
    expect(ran.code, `${name} ${quoted}`).toBeGreaterThanOrEqual(0)
    expect(ran.out + ran.err, `${name} ${quoted}`).not.toMatch(/undefined|\[object|NaN/)
  }
  const dump = [
    '*filter',
    ':INPUT ACCEPT [1:2]',
    ':FOO - [0:0]',
    '[3:4] -A INPUT -j FOO',
    '-A FOO -p tcp --dport 80',
    'COMMIT',
  ]
  const piece = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(...dump, '*nat', ':', '*', '[', '-A', '# x', '-X', '-P INPUT DROP', '"'),
    },
    { weight: 2, arbitrary: fc.array(word, { maxLength: 6 }).map((list) => `-A INPUT ${list.join(' ')}`) },
    { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
  )
  for (const lines of fc.sample(fc.array(piece, { maxLength: 10 }), { numRuns: 2000, seed: 12 })) {
    const text = lines.join('\n').replaceAll('\0', '').replaceAll('EOF', '')
    const ran = runLine(made, `iptables-restore -c <<'EOF'\n*filter\n${text}\nEOF\n`, 3000)
    expect(ran.code, text).toBeGreaterThanOrEqual(0)
    expect(ran.out + ran.err, text).not.toMatch(/undefined|\[object|NaN/)
  }
}, 120_000)

it('what is printed is read back as it was, and kept by random rules', () => {
  const made = bench()
  const real = readFileSync(new URL('./iptables.real.txt', import.meta.url), 'utf8')
  const lines = [...real.matchAll(/^\$ (ip6?tables) (.*-A .*)$/gm)]
  let kept = 0
  for (const [, tool, args] of lines) {
    const table = /-t (nat|mangle|raw)/.exec(args!)?.[1] ?? 'filter'
    const family = tool === 'iptables' ? 'iptables' : 'ip6tables'
    runLine(made, `${tool} -t ${table} -F; ${tool} -t ${table} -N FOO`)
    if (runLine(made, `${tool} ${args}`).code !== 0) continue
    const before = runLine(made, `${family}-save -t ${table}`).out
    // A device with a space in its name is no word of a dump, here or in the real tools.
    if (/-i a b/.test(before)) continue
    expect(runLine(made, `${family}-save -t ${table} | ${family}-restore`).code).toBe(0)
    expect(undated(runLine(made, `${family}-save -t ${table}`).out)).toBe(undated(before))
    kept++
  }
  expect(kept).toBeGreaterThan(250)
}, 60_000)
