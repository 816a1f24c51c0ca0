// Texts were printed by kubectl 1.32.4 itself. The recorded commands are src/cli/cases/kubectl.ts's.
import { expect, it } from 'vitest'
import { unifiedDiff } from './diff.ts'
import { runTemplate } from './jsonpath.ts'
import { parseTemplate } from './jsonpath-parse.ts'
import { alignTabs, getColumns } from './tabs.ts'
import { toYaml } from './yaml.ts'

it('writes YAML as kubectl does: folded at 80, quoted only where needed, blocks for lines, tabs escaped', () => {
  const data = {
    a: '1',
    colon: 'a: b',
    long: 'this is a very long line that goes on and on and on until it is more than eighty characters wide, for sure',
    multi: 'x\ny\n',
    tab: 'a\tb',
  }
  expect(toYaml({ kind: 'ConfigMap', data, list: ['80', 80, 'n'], none: {} })).toBe(`data:
  a: "1"
  colon: 'a: b'
  long: this is a very long line that goes on and on and on until it is more than
    eighty characters wide, for sure
  multi: |
    x
    y
  tab: "a\\tb"
kind: ConfigMap
list:
- "80"
- 80
- "n"
none: {}
`)
})

it('runs jsonpath templates with ranges, filters and missing keys', () => {
  const pods = {
    items: [
      { name: 'a', up: true, ip: '10.0.0.1' },
      { name: 'b', up: false },
    ],
  }
  const run = (text: string) => runTemplate(parseTemplate(text), pods).text
  expect(run('{range .items[*]}{.name}{"\\t"}{.ip}{"\\n"}{end}')).toBe('a\t10.0.0.1\nb\t\n')
  expect(run('{.items[?(@.up==true)].name} {.items[-1:].name} {..ip}')).toBe('a b 10.0.0.1')
  expect(parseTemplate('{.items').error).toBe('unclosed action')
})

it('aligns columns: six wide at least in tables, blocks apart in descriptions', () => {
  expect(
    getColumns([
      ['A', 'B'],
      ['x', 'y'],
    ]),
  ).toBe('A     B\nx     y\n')
  expect(alignTabs('Name:\ta\nPorts: <unset>\nEvents:\tb\n', 0, 2)).toBe(
    'Name:  a\nPorts: <unset>\nEvents:  b\n',
  )
})

it('joins changes that six lines or fewer part, as diff -u does', () => {
  const text = (n: string, m: string) => `${n}\n1\n2\n3\n4\n5\n6\n${m}\n`
  const shown = unifiedDiff('a', 'b', text('x', 'y'), text('p', 'q')).split('\n').slice(3)
  expect(shown.filter((line) => line.startsWith('@@'))).toEqual(['@@ -1,8 +1,8 @@'])
})
