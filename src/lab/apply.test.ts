import { describe, expect, it } from 'vitest'
import { diffLab } from './apply.ts'
import { editLab } from './edit.ts'
import { parseLab } from './parse.ts'
import type { EditOp, Lab } from './types.ts'
import { undoCommands } from './undo.ts'

const LAB = `name: demo
topology:
  nodes:
    host:
      exec:
        - ip netns add red
        - ip netns add blue
        - ip link add veth-red type veth peer name veth-blue
        - ip link set veth-red netns red
        - ip link set veth-blue netns blue
        - ip -n red addr add 10.0.0.1/24 dev veth-red; ip -n red link set veth-red up
        - ip -n blue link set veth-blue up
        - ip route add default via 192.168.1.1
    r1: {}
  links:
    - endpoints: ["host:eth0", "r1:eth0"]
`

function lab(text: string): Lab {
  const parsed = parseLab(text).lab
  if (parsed === undefined) throw new Error('the lab has errors')
  return parsed
}

/** What an edit changes in a running lab, in short. */
function check(op: EditOp): string[] {
  return short(LAB, editLab(LAB, op).text)
}

function short(before: string, after: string): string[] {
  return diffLab(lab(before), lab(after)).flatMap((c) => {
    if (c.change === 'exec') return c.lines.map((line) => `${c.name}: ${line}`)
    if ('machine' in c) return [`${c.change} ${c.machine.name}`]
    if ('link' in c) return [`${c.change} ${c.link.a.machine}:${c.link.a.ifname}`]
    if ('doc' in c) return [`${c.change} ${c.doc.kind}`]
    return [`${c.change} ${c.name}`]
  })
}

const POD = (image: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: ${image}}]}\n`
const NODE = 'name: k\ntopology: {nodes: {n: {labels: {kubehop.dev/node: worker}}}}\n'

describe('manifests', () => {
  it('are applied where they are new or read differently, and taken away with their text', () => {
    const [a, b] = [`${NODE}---\n${POD('x')}`, `${NODE}---\n${POD('z')}`]
    expect(short(NODE, a)).toEqual(['manifest Pod'])
    expect(short(a, b)).toEqual(['manifest Pod'])
    expect(short(b, NODE)).toEqual(['removeManifest Pod'])
    expect(short(a, `${a}# a comment\n`)).toEqual([])
  })
})

describe('diffLab', () => {
  it('finds nothing where nothing changed but the picture and comments', () => {
    expect(short(LAB, `# hello\n${LAB}`)).toEqual([])
    expect(check({ op: 'move', machine: 'host', x: 1, y: 2 })).toEqual([])
  })

  it('runs what was added and leaves the rest alone', () => {
    expect(check({ op: 'addNetns', machine: 'host', name: 'ash' })).toEqual([
      'host: ip netns add ash',
      'host: ip -n ash link set lo up',
    ])
    expect(check({ op: 'addMachine', role: 'router', x: 0, y: 0 })).toEqual([
      'addMachine router1',
      'router1: sysctl -w net.ipv4.ip_forward=1',
    ])
    expect(check({ op: 'connect', a: 'host', b: 'r1' })).toEqual(['addLink host:eth1'])
  })

  it('takes away by a command what commands had made', () => {
    expect(check({ op: 'remove', ids: ['host.red'] })).toEqual(['host: ip netns del red'])
    expect(check({ op: 'remove', ids: ['host.red/veth-red--host.blue/veth-blue'] })).toEqual([
      'host: ip -n red link del veth-red',
    ])
    expect(check({ op: 'setAddress', port: 'host.red/veth-red', cidr: '10.0.0.9/24' })).toEqual([
      'host: ip -n red addr del 10.0.0.1/24 dev veth-red',
      'host: ip -n red addr add 10.0.0.9/24 dev veth-red',
    ])
  })

  it('builds anew where a change is more than that', () => {
    expect(short(LAB, LAB.replace('via 192.168.1.1', 'via 192.168.1.9'))).toEqual([
      'rebuildMachine host',
      'addLink host:eth0',
      ...lab(LAB)
        .machines[0]!.exec.map((e) => e.line)
        .map((line) => `host: ${line.replace('192.168.1.1', '192.168.1.9')}`),
    ])
    expect(short(LAB, LAB.replace('r1: {}', 'r1: {kind: bridge}'))).toEqual([
      'rebuildMachine r1',
      'addLink host:eth0',
    ])
  })

  it('changes, removes and adds cables', () => {
    expect(check({ op: 'setWire', edge: 'host/eth0--r1/eth0', latencyMs: 5 })).toEqual([
      'changeLink host:eth0',
    ])
    expect(check({ op: 'remove', ids: ['host/eth0--r1/eth0'] })).toEqual(['removeLink host:eth0'])
    expect(check({ op: 'remove', ids: ['r1'] })).toEqual(['removeMachine r1', 'removeLink host:eth0'])
    expect(check({ op: 'rename', id: 'r1', name: 'r9' })).toEqual([
      'removeMachine r1',
      'removeLink host:eth0',
      'addMachine r9',
      'addLink host:eth0',
    ])
  })
})

describe('undoCommands', () => {
  it('gives up on lines whose effect it does not know, on new lines in between, and on another order', () => {
    const base = ['ip netns add a', 'sysctl -w net.ipv4.ip_forward=1', 'ip netns add b']
    expect(undoCommands(base, ['ip netns add a', 'ip netns add b'], [])).toBeUndefined()
    expect(
      undoCommands(base, ['ip netns add b', 'sysctl -w net.ipv4.ip_forward=1', 'ip netns add a'], []),
    ).toBeUndefined()
    expect(undoCommands(base, ['ip netns add a', 'sysctl -w net.ipv4.ip_forward=1', 'echo'], [])).toEqual([
      'ip netns del b',
      'echo',
    ])
  })

  it('frees a port whose bridge stays', () => {
    const lines = ['ip link add br0 type bridge', 'ip link set eth0 master br0']
    expect(undoCommands(lines, lines.slice(0, 1), ['eth0'])).toEqual(['ip link set eth0 nomaster'])
    expect(undoCommands(lines, [], ['eth0'])).toEqual(['ip link del br0'])
  })
})
