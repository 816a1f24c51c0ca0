/**
 * Dumps that real machines printed (Linux 6.18, iproute2 6.1, iptables 1.8.9): a docker host, a node of kube-proxy and
 * flannel, ufw on the legacy back end, weave's rules. The machine that comes of each prints the same again.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../../base/rng.ts'
import type { Run } from '../headless.ts'
import { startRun, typeAll } from '../headless.ts'
import { parseLab } from '../parse.ts'
import { commandsOf } from './commands.ts'
import type { DumpResult } from './onto.ts'
import { dumpOnto } from './onto.ts'
import { readDump } from './read.ts'

const NAMES = ['docker', 'node', 'ufw', 'weave'] as const

function real(name: string): string {
  return readFileSync(new URL(`./${name}.real.txt`, import.meta.url), 'utf8')
}

/** What the dump has between a command's prompt and the next. */
function output(dump: string, command: string): string {
  const at = dump.indexOf(`# ${command}\n`)
  expect(at).toBeGreaterThan(-1)
  return dump.slice(at + command.length + 3).split(/^root@/m)[0] ?? ''
}

function boot(result: DumpResult): Run {
  expect(result.ok).toBe(true)
  const { run, diagnostics } = startRun(result.text)
  expect(diagnostics).toEqual([])
  return run as Run
}

function type(run: Run, machine: string, command: string): string {
  const ran = typeAll(run, [{ text: command, machine, netns: '', command, background: false }])
  return typeof ran === 'string' ? ran : `${ran[0]?.stdout}${ran[0]?.stderr}`
}

/** Without dates, and with the tables in one order: nf_tables and legacy print them in different ones. */
function tables(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/(?<=^COMMIT\n)/m)
    .map((table) => table.trim())
    .filter((table) => table !== '')
    .sort()
}

describe('the machine prints what its dump says', () => {
  it('docker: rules with counters, both families, routes, neighbours, switches', () => {
    const dump = real('docker')
    const result = dumpOnto('', { machine: '', dump })
    expect(result.machine).toBe('dockerhost')
    expect(result.diagnostics.filter((d) => d.severity !== 'info')).toEqual([])
    const run = boot(result)
    expect(tables(type(run, 'dockerhost', 'iptables-save -c'))).toEqual(
      tables(output(dump, 'iptables-save -c')),
    )
    expect(tables(type(run, 'dockerhost', 'ip6tables-save'))).toEqual(tables(output(dump, 'ip6tables-save')))
    expect(type(run, 'dockerhost', 'ip route')).toBe(output(dump, 'ip route'))
    const named = 'sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter'
    expect(type(run, 'dockerhost', named)).toBe(output(dump, named))
    expect(type(run, 'dockerhost', 'ping -c 1 172.17.0.2')).toContain(' 0% packet loss')
  })

  it('node: kube-proxy and flannel, every table of routes, policy rules', () => {
    const dump = real('node')
    const result = dumpOnto('', { machine: '', dump })
    const run = boot(result)
    expect(tables(type(run, 'node1', 'iptables-save'))).toEqual(tables(output(dump, 'iptables-save')))
    const unicast = (text: string) =>
      text
        .split('\n')
        // Our stand-in for a device without carrier has one.
        .map((line) => line.replace(' linkdown', '').trim())
        .filter((line) => line !== '' && !/table local|^fe80::|^multicast/.test(line))
    expect(unicast(type(run, 'node1', 'ip route show table all'))).toEqual(
      unicast(output(dump, 'ip route show table all')),
    )
    expect(type(run, 'node1', 'ip rule')).toBe(output(dump, 'ip rule'))
    expect(result.diagnostics.filter((d) => d.severity === 'warning').map((d) => d.message)).toEqual([
      'flannel.1: vxlan is not modelled: stands as an open end, what it sends leaves the lab',
    ])
  })

  it('ufw: the legacy back end; hashlimit is named with its line', () => {
    const dump = real('ufw')
    const result = dumpOnto('', { machine: '', dump })
    const line = dump.split('\n').findIndex((text) => text.includes('hashlimit')) + 1
    const warnings = result.diagnostics.filter((d) => d.severity === 'warning')
    expect(warnings.map((d) => d.line)).toEqual([line])
    expect(warnings[0]?.message).toContain("the match 'hashlimit' is not modelled")
    // In its place stands a rule that does nothing, so that the others keep their numbers.
    const held = output(dump, 'iptables-legacy-save -c').replace(
      /(-A ufw-user-input) (-p tcp .*hashlimit.*)$/m,
      '$1 -m comment --comment "not modelled: $2"',
    )
    expect(tables(type(boot(result), 'ufwhost', 'iptables-save -c'))).toEqual(tables(held))
  })
})

describe('iptables -S, which names no table', () => {
  const weave = real('weave')
  const listed = weave.slice(0, weave.indexOf('root@weavehost:~# iptables-save'))
  // The one target of weave's that is not modelled: a rule that does nothing holds its place.
  const held = (text: string) => text.replace(/^-A (\S+) .*NFLOG.*$/gm, '-A $1 NFLOG')

  it('the prompts name the tables; weave is printed as it was', () => {
    const result = dumpOnto('', { machine: '', dump: listed })
    const refused = result.diagnostics.filter((d) => d.severity !== 'info')
    expect(refused.map((d) => d.line)).toEqual([53, 69])
    for (const { message } of refused) expect(message).toContain("the target 'NFLOG' is not modelled")
    const run = boot(result)
    for (const command of ['iptables -S', 'iptables -t nat -S']) {
      expect(held(type(run, 'weavehost', command))).toBe(held(output(weave, command)))
    }
    const saved = tables(held(type(run, 'weavehost', 'iptables-save')))
    expect(saved).toEqual(tables(held(output(weave, 'iptables-save'))))
  })

  it('without prompts a table is known by its chains and targets, and that is said', () => {
    const dump = listed.replace(/^root@.*\n/gm, '').replace(/^(?!-[PNA] ).*\n/gm, '')
    const { value, diagnostics } = readDump(dump)
    expect(value.tables.map((table) => table.name)).toEqual(['filter', 'nat'])
    expect(diagnostics.map((d) => [d.severity, d.line])).toEqual([
      ['info', 1],
      ['info', 35],
    ])
    expect(diagnostics[1]?.message).toContain('taken as table nat')
  })

  it('-v has counters; a part of a listing is enough', () => {
    const text = '-P INPUT DROP -c 3 180\n-A WEB -p tcp -m tcp --dport 80 -c 12 720 -j ACCEPT\n'
    const run = boot(dumpOnto('', { machine: 'm', dump: `$ sudo iptables -t filter -v -S\n${text}` }))
    expect(type(run, 'm', 'iptables -vS')).toContain(
      '-P INPUT DROP -c 3 180\n-P FORWARD ACCEPT -c 0 0\n-P OUTPUT ACCEPT -c 0 0\n-N WEB\n' +
        '-A WEB -p tcp -m tcp --dport 80 -c 12 720 -j ACCEPT\n',
    )
  })
})

describe('what is refused has its name and line', () => {
  const warned = (dump: string) =>
    dumpOnto('', { machine: 'm', dump })
      .diagnostics.filter((d) => d.severity !== 'info')
      .map((d) => `${d.line}: ${d.message}`)

  it.each([
    [
      '*filter\n-A INPUT -m set --match-set bad src -j DROP\nCOMMIT',
      "2: iptables-restore: the match 'set' is not modelled",
    ],
    ['*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m no_such -j DROP\nCOMMIT', '3: iptables-restore: '],
    ['table ip nat {\n chain x {\n }\n}\n*filter\nCOMMIT', '1: nftables text is not modelled: table ip nat'],
    ['create bad hash:ip family inet\n*filter\nCOMMIT', '1: ipset is not modelled: create bad hash:ip'],
    [
      'Chain INPUT (policy ACCEPT)\n\n*filter\nCOMMIT',
      '1: Chain INPUT (policy ACCEPT): a listing is not enough',
    ],
    ['*filter\nCOMMIT\nhello world', '3: not understood: hello world'],
    ['*filter\n:INPUT ACCEPT [0:0]', '2: table filter has no COMMIT: cut off?'],
    ['*filter\n-A NOPE -j ACCEPT\nCOMMIT', '2: '],
    ['*broute\nCOMMIT\n*filter\nCOMMIT', '1: table broute is not modelled'],
    ['1: wg0: <POINTOPOINT,NOARP,UP> mtu 1420\n    link/none', '1: wg0: wireguard is not modelled'],
    ['10.9.0.0/16 via 10.0.0.1 dev eth9', '1: ip route replace 10.9.0.0/16 via 10.0.0.1 dev eth9: '],
    ['aa:bb:cc:dd:ee:ff dev flannel.1 dst 10.0.0.12 self permanent\n10.0.0.0/8 dev lo', ''],
  ])('%s', (dump, start) => {
    expect(warned(dump)[0] ?? '').toMatch(new RegExp(`^${start.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`))
  })

  it('a text that is none of these changes nothing', () => {
    const result = dumpOnto('name: a\ntopology:\n  nodes:\n    m: {}\n', { machine: 'm', dump: 'hello\n' })
    expect(result.ok).toBe(false)
    expect(result.text).toBe('name: a\ntopology:\n  nodes:\n    m: {}\n')
  })
})

describe('put onto a machine of a lab', () => {
  const LAB = `# my lab
name: a
topology:
  nodes:
    m:
      kind: linux
      exec:
        # its address
        - ip addr add 10.0.0.1/24 dev eth0
    pc:
      kind: linux
  links:
    - endpoints: ["m:eth0", "pc:eth0"]
`
  const RULES = '*filter\n:INPUT DROP [0:0]\n-A INPUT -s 10.0.0.2/32 -j ACCEPT\nCOMMIT\n'

  it('rules alone follow what the machine does already; the rest of the text stays', () => {
    const { text, mode } = dumpOnto(LAB, { machine: 'm', dump: RULES })
    expect(mode).toBe('add')
    const [before, after] = LAB.split('    pc:')
    expect(text.startsWith(before as string)).toBe(true)
    expect(text.endsWith(`    pc:${after}`)).toBe(true)
    expect(text).toContain("        - |-\n          iptables-restore <<'EOF'\n          *filter\n")
  })

  it('devices replace it; a card with a cable keeps the cable', () => {
    const dump = `2: eth0: <BROADCAST,MULTICAST,UP> mtu 1400\n    link/ether 52:54:00:00:00:09 brd ff:ff:ff:ff:ff:ff\n    inet 10.9.0.1/24 scope global eth0\n${RULES}`
    const result = dumpOnto(LAB, { machine: 'm', dump })
    expect(result.mode).toBe('replace')
    expect(result.text).not.toContain('10.0.0.1/24')
    expect(result.exec.slice(0, 3)).toEqual([
      'ip link set eth0 address 52:54:00:00:00:09 mtu 1400',
      'ip link set eth0 up',
      'ip addr add 10.9.0.1/24 dev eth0',
    ])
    expect(boot(result)).toBeDefined()
  })

  it('commands in brackets are replaced too', () => {
    const flow =
      "name: a\ntopology:\n  nodes:\n    m: { exec: ['ip link set lo down', 'ip link set lo up'] }\n"
    const result = dumpOnto(flow, { machine: 'm', dump: RULES, mode: 'replace' })
    expect(result.text).not.toContain('lo down')
    expect(type(boot(result), 'm', 'iptables -S INPUT')).toContain('-P INPUT DROP')
  })

  it('a lab in braces takes it too', () => {
    const result = dumpOnto('name: a\ntopology: { nodes: { pc: { kind: linux } } }\n', {
      machine: 'm',
      dump: RULES,
    })
    expect(type(boot(result), 'm', 'iptables -S INPUT')).toBe(
      '-P INPUT DROP\n-A INPUT -s 10.0.0.2/32 -j ACCEPT\n',
    )
  })
})

describe('hostile text', () => {
  it('10,000 mutations of real dumps are read without a throw', () => {
    const texts = NAMES.map(real)
    const rng = createRng(20261121, 1)
    let refused = 0
    for (let i = 0; i < 10_000; i++) {
      const dump = mutate(rng, texts[i % texts.length] as string)
      const { value, diagnostics } = readDump(dump)
      const notes = { list: diagnostics, more: 0 }
      commandsOf(value, { cabled: [], ipv6: false }, notes)
      expect(notes.list.length).toBeLessThan(400)
      refused += notes.list.length
    }
    expect(refused).toBeGreaterThan(10_000)
  }, 120_000)

  it('what comes of some of them is a lab that can be read', () => {
    const texts = NAMES.map(real)
    const rng = createRng(7, 1)
    for (let i = 0; i < 24; i++) {
      const result = dumpOnto('', { machine: 'm', dump: mutate(rng, texts[i % texts.length] as string) })
      expect(
        parseLab(result.text === '' ? 'name: a\ntopology:\n  nodes: {}\n' : result.text).lab,
      ).toBeDefined()
    }
  }, 60_000)

  it('sizes are bounded', () => {
    expect(readDump('x'.repeat(4_000_001)).diagnostics[0]?.severity).toBe('error')
    expect(readDump('\n'.repeat(60_001)).diagnostics[0]?.severity).toBe('error')
    const many = readDump(`${'hello\n'.repeat(50_000)}`).diagnostics
    expect(many.length).toBe(301)
    expect(many.at(-1)?.message).toBe('and 49700 more lines')
  })
})

/** A stretch cut out, doubled, moved, or a few characters changed; the whole kept short to be quick. */
function mutate(rng: ReturnType<typeof createRng>, text: string): string {
  const lines = text.split('\n')
  const start = nextBelow(rng, lines.length)
  let out = lines.slice(start, start + 40 + nextBelow(rng, 40)).join('\n')
  for (let n = 1 + nextBelow(rng, 6); n > 0; n--) {
    const a = nextBelow(rng, out.length + 1)
    const b = a + nextBelow(rng, 30)
    const signs = '\u0000\t \n"\'\\*:-[]|#@%<>{}0189afzé\u2028=,!/'
    switch (nextBelow(rng, 4)) {
      case 0:
        out = out.slice(0, a) + out.slice(b)
        break
      case 1:
        out = out.slice(0, b) + out.slice(a)
        break
      case 2:
        out = out.slice(0, a) + signs[nextBelow(rng, signs.length)] + out.slice(a + 1)
        break
      default:
        out = `${out.slice(b)}${out.slice(0, a)}`
    }
  }
  return out
}
