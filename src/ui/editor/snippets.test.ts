import { expect, it } from 'vitest'
import { machinesIn, snippetsFor } from './snippets.ts'

const LAB = `name: lab
topology:
  # nodes: of old
  nodes:
    host:
      kind: linux
      exec:
        - ip l
        - ip netns exec
    "sw1":
      kind: bridge

    r-2: {}
  links:
    - endpoints: ["host:eth1", "s
    - endpoints:
        - h
---
spec:
  start:
    - ho
  checks:
    - id: one
      run: "r`

const lines = LAB.split('\n')
/** Labels offered at the end of the line that holds `text`. */
function offered(text: string): string[] {
  const line = lines.findIndex((one) => one.includes(text)) + 1
  return snippetsFor(lines, line, lines[line - 1]!.length + 1).snippets.map((snippet) => snippet.label)
}

it('names the machines of the topology and nothing else', () => {
  expect(machinesIn(lines)).toEqual(['host', 'sw1', 'r-2'])
})

it('offers commands in exec, machines at the ends of cables and in lessons', () => {
  expect(offered('- ip l')).toContain('ip link add veth')
  expect(offered('- ip netns exec')).toContain('ip netns exec')
  expect(offered('["host:eth1", "s')).toEqual(['host', 'sw1', 'r-2'])
  expect(offered('        - h')).toEqual(['host', 'sw1', 'r-2'])
  expect(offered('- ho')).toEqual(['host', 'sw1', 'r-2'])
  expect(offered('run: "r')).toEqual(['host', 'sw1', 'r-2'])
})

it('offers nothing elsewhere', () => {
  expect(offered('kind: linux')).toEqual([])
  expect(offered('name: lab')).toEqual([])
  expect(offered('- id: one')).toEqual([])
})

it('replaces what was typed of a command, and numbers what is to be filled in', () => {
  const found = snippetsFor(['exec:', '  - ip l'], 2, 9)
  expect(found.from).toBe(5)
  const veth = found.snippets.find((snippet) => snippet.label === 'ip link add veth')!
  expect(veth.insert).toBe('ip link add name $' + '{1:veth1} type veth peer name $' + '{2:veth2}')
})
