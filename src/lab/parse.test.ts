import { describe, expect, it } from 'vitest'
import { MAX_TEXT } from './limits.ts'
import { parseLab } from './parse.ts'

/** Diagnostics as `LINE:COLUMN message`. */
function check(text: string): string[] {
  return parseLab(text).diagnostics.map((d) => `${d.line}:${d.column} ${d.message}`)
}

/** A topology with the given lines below `nodes:`. */
function nodes(...lines: string[]): string {
  return `name: x\ntopology:\n  nodes:\n${lines.map((line) => `    ${line}\n`).join('')}`
}

describe('what containerlab has', () => {
  it('reads nodes, links, labels and merged exec lists', () => {
    const { lab, diagnostics } = parseLab(`name: demo
topology:
  defaults:
    exec: [echo default]
    labels: { color: red, graph-posY: 7 }
  kinds:
    linux:
      exec: [echo kind]
      labels: { color: green }
  nodes:
    b: { kind: bridge, exec: [] }
    a:
      image: alpine
      exec: [echo own]
      labels: { graph-posX: 25, kubehop.dev/role: router, 'on': yes }
  links:
    - endpoints: ["a:eth1", "b:eth2"]
      mtu: 9000
      labels: { kubehop.dev/latency: 20ms, kubehop.dev/loss: 1.5%, kubehop.dev/rate: 10mbit }
`)
    // A bridge runs no commands: containerlab's defaults would give it some.
    expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([
      'a node of kind bridge runs no "exec": node "b"',
    ])
    expect(lab).toBeUndefined()
    const good = parseLab(`name: demo
topology:
  kinds:
    linux: { exec: [echo kind], labels: { color: green, graph-posY: 7 } }
  nodes:
    b: { kind: bridge }
    a: { image: alpine, exec: [echo own], labels: { graph-posX: 25, kubehop.dev/role: router, 'on': yes } }
  links:
    - endpoints: ["a:eth1", "b:eth2"]
      mtu: 9000
      labels: { kubehop.dev/latency: 20ms, kubehop.dev/loss: 1.5%, kubehop.dev/rate: 10mbit }
`).lab
    expect(good?.machines.map((m) => [m.name, m.kind, m.role, m.x, m.y])).toEqual([
      ['b', 'bridge', 'switch', null, null],
      ['a', 'linux', 'router', 25, 7],
    ])
    expect(good?.machines[1]?.exec.map((e) => e.line)).toEqual(['echo kind', 'echo own'])
    expect(good?.machines[1]?.labels.get('on')).toBe('yes')
    expect(good?.notModelled).toEqual(['image'])
    expect(good?.links[0]).toMatchObject({
      mtu: 9000,
      latencyNs: 20_000_000,
      lossPpm: 15_000,
      rateBps: 10_000_000,
    })
    expect(good?.machines[1]?.exec[1]?.span).toEqual({ line: 7, column: 32, endLine: 7, endColumn: 40 })
  })

  it('names what it does not model', () => {
    const used = parseLab(nodes('a: {image: alpine}'))
    expect(used.lab).toBeDefined()
    expect(used.diagnostics).toMatchObject([
      {
        severity: 'info',
        line: 4,
        column: 16,
        message: '"image" of node "a" is not used: every machine has the same commands',
      },
    ])
    expect(check('name: x\nprefix: y\nmgmt: {}\ntopology: {nodes: {}}\n')).toEqual([
      '2:1 field "prefix" in the topology document: container names are not modelled',
      '3:1 field "mgmt" in the topology document: the management network is not modelled; ' +
        'machines have only the links that the file gives them',
    ])
    expect(check(nodes('a: {kind: srl}', 'b: {binds: [x], colour: red}'))).toEqual([
      '4:15 kind "srl" of node "a" is not modelled: linux and bridge are',
      '5:9 field "binds" in node "b": a containerlab field that is not modelled',
      '5:21 unknown field "colour" in node "b"',
    ])
    expect(check('apiVersion: batch/v1\nkind: Job\n---\nname: x\ntopology: {nodes: {}}\n')).toEqual([
      '2:7 Job (batch/v1) is not modelled yet',
      '2:7 no machine is a node of the cluster: give one the label kubehop.dev/node: worker',
    ])
    const special = check(`${nodes('a: {}')}  links:\n    - {type: macvlan, endpoint: {}}\n`)
    expect(special[1]).toBe(
      '6:8 field "type" in a link: only links between two nodes are modelled, written with "endpoints"',
    )
  })
})

describe('mistakes', () => {
  it('of names', () => {
    expect(check(nodes('a.b: {}', 'a/b: {}', '"": {}', '-a: {}', 'a: {}', 'a: {}'))).toEqual([
      '4:5 machine name "a.b" may hold only letters, digits, "-" and "_"',
      '5:5 machine name "a/b" may hold only letters, digits, "-" and "_"',
      '6:5 machine name "" must have 1 to 63 characters',
      '7:5 machine name "-a" may not begin with "-"',
      '9:5 duplicate key "a" in "nodes"',
    ])
    expect(check(nodes('averylongbridgename: {kind: bridge}'))).toEqual([
      '4:5 a bridge is named like its device: "averylongbridgename" not a valid ifname',
    ])
  })

  it('of links', () => {
    const links = (...items: string[]) =>
      `${nodes('a: {}', 'b: {}')}  links:\n${items.map((i) => `    - endpoints: ${i}\n`).join('')}`
    expect(
      check(links('[a:eth1, c:eth1]', '[a:eth1, b:abcdefghijklmnop]', '[a:eth1, "b:e/1"]', '[a:lo, b]')),
    ).toEqual([
      '7:27 no node is named "c"',
      '8:19 interface "eth1" of node "a" is used by two links (line 7)',
      '8:27 "abcdefghijklmnop" not a valid ifname',
      '9:19 interface "eth1" of node "a" is used by two links (line 7)',
      '9:27 "e/1" not a valid ifname',
      '10:19 interface "lo" of node "a" is there already and takes no link',
      '10:25 endpoint "b" is not NODE:INTERFACE',
    ])
    expect(check(links('[a:eth1]'))).toEqual(['7:7 a link needs two "endpoints", each "NODE:INTERFACE"'])
  })

  it('of values', () => {
    expect(
      check(nodes('a: {exec: [12, [x], "ok"], labels: {graph-posX: left, kubehop.dev/role: boss}}')),
    ).toEqual([
      '4:16 a command of "exec" of node "a" must be a string',
      '4:20 a command of "exec" of node "a" must be a string',
      '4:53 label "graph-posX" must be a number',
      '4:77 label "kubehop.dev/role" must be host, router, switch or internet',
    ])
    expect(check('name: [x]\ntopology: 4\n')).toEqual([
      '1:7 "name" must be a string',
      '2:11 "topology" must be a mapping',
    ])
  })

  it('quotes and brackets that are never closed are shown where they open, each once', () => {
    expect(check('name: "x\ntopology:\n  nodes: {}\n')).toEqual(['1:7 " opens here and is never closed'])
    expect(check(nodes('a:', '  exec: [ip link', 'b: {}'))).toContain('5:13 [ opens here and is never closed')
    expect(check('a: {b: [1, {c: 2]}\nz: 1\n').slice(0, 2)).toEqual([
      '1:4 { opens here and is never closed',
      '1:12 { opens here and is never closed',
    ])
  })

  it('of the lesson', () => {
    const lesson = (spec: string) =>
      `${nodes('a: {}')}---\napiVersion: kubehop.dev/v1\nkind: Lesson\nspec: ${spec}\n`
    expect(check(lesson('{seed: -1, title: {ru: x}, colour: 1}'))).toEqual([
      '8:14 "seed" must be a whole number from 0 to 4294967295',
      '8:25 "title" has no "en"',
      '8:34 unknown field "colour" in "spec"',
    ])
    expect(check(lesson('{start: ["b: ls", "a ls", "a:", "a/x y: ls"]}'))).toEqual([
      '8:16 a command of "start": no node is named "b"',
      '8:25 a command of "start": "a ls" is not MACHINE[/NETNS]: COMMAND',
      '8:33 a command of "start": "a:" has no command',
      '8:39 a command of "start": Invalid netns name "x y"',
    ])
    expect(
      check(lesson('{checks: [{id: a, run: "a: ls"}, {id: a, run: "a: ls", expect: {exit: 300}}]}')),
    ).toEqual([
      '8:40 two checks have the id "a"',
      '8:77 "exit" of check "a" must be a whole number from 0 to 255',
    ])
  })
})

describe('hostile text', () => {
  it('keys that mean something else in an object are refused, those that only look so are names', () => {
    expect(
      check(nodes('__proto__: {}', '10: {}', '"2": {}', 'a: {labels: {__proto__: x, 1: y}}', '007: {}')),
    ).toEqual([
      '4:5 "__proto__" cannot be a key, in "nodes"',
      '5:5 a whole number ("10") cannot be a key, in "nodes"',
      '6:5 a whole number ("2") cannot be a key, in "nodes"',
      '7:18 "__proto__" cannot be a key, in "labels" of node "a"',
      '7:32 a whole number ("1") cannot be a key, in "labels" of node "a"',
      '8:5 machine name "007" cannot be a key of the lab file',
    ])
    const { lab } = parseLab(nodes('constructor: {labels: {toString: x}}', 'hasOwnProperty: {}', 'n1: {}'))
    expect(lab?.machines.map((m) => m.name)).toEqual(['constructor', 'hasOwnProperty', 'n1'])
    expect([...(lab?.machines[0]?.labels ?? [])]).toEqual([['toString', 'x']])
  })

  it('tags, directives, aliases, cycles and depth are refused by name', () => {
    expect(check(nodes('a: !!js/function {}'))).toEqual(['4:8 tag "!!js/function" is not supported'])
    expect(check('%YAML 1.1\n---\nname: x\n')).toEqual(['1:1 directive "%YAML 1.1" is not supported'])
    expect(check(nodes('a: &a {labels: *a}'))).toEqual(['4:11 label "labels" of node "a" must be a string'])
    expect(check(nodes('a: &a {exec: *a}'))).toEqual(['4:11 "exec" of node "a" must be a list'])
    expect(check(nodes(`a: {exec: [${'*x,'.repeat(33)}]}`))).toEqual(['4:112 more than 32 aliases'])
    expect(check(nodes('a: {exec: *none}'))[0]).toBe('4:15 alias "*none" names no anchor')
    expect(check('['.repeat(65))).toEqual(['1:65 nested deeper than 64 levels'])
    expect(check('- '.repeat(200))[0]).toContain('nested deeper than 64 levels')
    expect(check(Array.from({ length: 70 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'))[0]).toContain(
      'nested deeper',
    )
    expect(check(`a: |\n${' '.repeat(300)}x`)[0]).toContain('the limit is 256')
    expect(check('x'.repeat(MAX_TEXT + 1))[0]).toContain('the limit is 1 MiB')
    expect(check('\ta: b\n')[0]).toContain('tab')
  })

  it('aliases that are few are understood', () => {
    const { lab } = parseLab(nodes('a: &h {exec: [ls]}', 'b: *h'))
    expect(lab?.machines.map((m) => m.exec.map((e) => e.line))).toEqual([['ls'], ['ls']])
  })

  it('a megabyte of anything is answered within seconds', () => {
    const units = [
      '[',
      '- ',
      '? ',
      'a: ',
      '&a ',
      '{a: ',
      '"',
      "' ",
      'a\n',
      'a: 1\n',
      '- |\n',
      '---\n',
      ']',
      ', ',
      '[{a: b},',
    ]
    for (const unit of units) {
      const text = unit.repeat(Math.floor(1_000_000 / unit.length))
      const begin = performance.now()
      expect(parseLab(text).lab).toBeUndefined()
      expect(performance.now() - begin, unit).toBeLessThan(5000)
    }
  })
})
