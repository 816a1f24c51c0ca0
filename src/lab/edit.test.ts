import { describe, expect, it } from 'vitest'
import { editLab } from './edit.ts'
import { parseLab } from './parse.ts'
import type { EditOp } from './types.ts'

const LAB = `# My lab
name: demo   # the name

topology:
  nodes:
    # the host
    host:
      kind: linux
      exec:
        - ip netns add red   # first
        - 'ip netns add blue'
        - ip link add veth-red type veth peer name veth-red-br
        - ip link set veth-red netns red
        - "ip -n red addr add 10.0.0.1/24 dev veth-red; ip -n red link set veth-red up"
        - ip link add v-net-0 type bridge
        - ip link set veth-red-br master v-net-0
      labels:
        graph-posX: "10"   # left
        graph-posY: "20"
    r1: { kind: linux, exec: ["sysctl -w net.ipv4.ip_forward=1"] }
    sw: {kind: bridge}
  links:
    # the uplink
    - endpoints: ["host:eth0", "r1:eth1"]
    - endpoints: [r1:eth2, sw:p1]
      labels: {kubehop.dev/latency: 5ms}
---
apiVersion: kubehop.dev/v1
kind: Lesson
metadata: { name: demo }
spec:
  start:
    - "host/red: ping 10.0.0.2"
    - "r1: ip link show eth1"
  checks:
    - id: one
      run: "host: ip netns exec red ip addr show dev veth-red"
      expect: { exit: 0 }
`

/** Edits, and answers the lines that went (-) and came (+). */
function check(op: EditOp, text = LAB): string[] {
  const edited = editLab(text, op)
  if (edited.text === text) return edited.diagnostics.map((d) => `! ${d.message}`)
  expect(parseLab(edited.text).lab).toBeDefined()
  return lineDiff(text, edited.text)
}

function lineDiff(a: string, b: string): string[] {
  const x = a.split('\n')
  const y = b.split('\n')
  const table = Array.from({ length: x.length + 1 }, () => new Array<number>(y.length + 1).fill(0))
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = y.length - 1; j >= 0; j--) {
      table[i]![j] =
        x[i] === y[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!)
    }
  }
  const out: string[] = []
  let [i, j] = [0, 0]
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) [i, j] = [i + 1, j + 1]
    else if (j >= y.length || (i < x.length && table[i + 1]![j]! >= table[i]![j + 1]!)) out.push(`-${x[i++]}`)
    else out.push(`+${y[j++]}`)
  }
  return out
}

describe('editLab changes only the lines concerned', () => {
  it('adds a machine', () => {
    expect(check({ op: 'addMachine', role: 'router', x: 1.4, y: 2 })).toEqual([
      '+    router1:',
      '+      kind: linux',
      '+      exec:',
      '+        - sysctl -w net.ipv4.ip_forward=1',
      '+      labels:',
      '+        graph-posX: "1"',
      '+        graph-posY: "2"',
      '+        kubehop.dev/role: router',
    ])
  })

  it('adds the first machine to an empty text, to empty nodes and to flow nodes', () => {
    const first = editLab('', { op: 'addMachine', role: 'host', x: 0, y: 0 })
    expect(first.created).toEqual(['host1'])
    expect(parseLab(first.text).lab?.machines.map((m) => m.name)).toEqual(['host1'])
    for (const text of [
      'name: x\ntopology:\n  nodes:\n',
      'name: x\ntopology: {nodes: {}}\n',
      'name: x\ntopology: {nodes: }\n',
      'name: x\ntopology: {}\n',
    ]) {
      const { lab } = parseLab(editLab(text, { op: 'addMachine', role: 'switch', x: 0, y: 0 }).text)
      expect(lab?.machines.map((m) => [m.name, m.kind])).toEqual([['switch1', 'bridge']])
    }
    const flow = editLab('name: x\ntopology: {nodes: {a: {kind: linux}}}\n', {
      op: 'addMachine',
      role: 'internet',
      x: 3,
      y: 4,
    })
    expect(parseLab(flow.text).lab?.machines[1]?.exec.map((e) => e.line)).toEqual([
      'sysctl -w net.ipv4.ip_forward=1',
      'ip addr add 8.8.8.8/32 dev lo',
    ])
  })

  it('refuses a name that is taken or bad', () => {
    expect(check({ op: 'addMachine', role: 'host', x: 0, y: 0, name: 'host' })).toEqual([
      '! a machine named "host" is there already',
    ])
    expect(check({ op: 'addMachine', role: 'host', x: 0, y: 0, name: 'a.b' })).toEqual([
      '! machine name "a.b" may hold only letters, digits, "-" and "_"',
    ])
  })

  it('adds a namespace', () => {
    expect(check({ op: 'addNetns', machine: 'host' })).toEqual([
      '+        - ip netns add orange',
      '+        - ip -n orange link set lo up',
    ])
    expect(check({ op: 'addNetns', machine: 'r1', name: 'x' })).toEqual([
      '-    r1: { kind: linux, exec: ["sysctl -w net.ipv4.ip_forward=1"] }',
      '+    r1: { kind: linux, exec: ["sysctl -w net.ipv4.ip_forward=1", ip netns add x, ip -n x link set lo up] }',
    ])
    expect(check({ op: 'addNetns', machine: 'sw' })).toEqual([
      '! "sw" is a switch: it holds no namespaces and runs no commands',
    ])
  })

  it('adds a bridge in a namespace', () => {
    expect(check({ op: 'addBridge', room: 'host.red' })).toEqual([
      '+        - ip -n red link add br0 type bridge',
      '+        - ip -n red link set br0 up',
    ])
  })

  it('connects two machines with a cable', () => {
    expect(check({ op: 'connect', a: 'host', b: 'sw' })).toEqual([
      '+    - endpoints: ["host:eth1", "sw:sw-eth1"]',
    ])
    expect(check({ op: 'connect', a: 'host.blue', b: 'r1/eth1' })).toEqual([
      '+        - ip link set eth1 netns blue',
      '+        - ip -n blue link set eth1 up',
      '+    - endpoints: ["host:eth1", "r1:eth3"]',
    ])
  })

  it('connects inside a machine with a veth pair', () => {
    expect(check({ op: 'connect', a: 'host/v-net-0', b: 'host.blue' })).toEqual([
      '+        - ip link add veth-blue-br type veth peer name veth-blue',
      '+        - ip link set veth-blue-br master v-net-0',
      '+        - ip link set veth-blue-br up',
      '+        - ip link set veth-blue netns blue',
      '+        - ip -n blue link set veth-blue up',
    ])
    expect(editLab(LAB, { op: 'connect', a: 'host.red', b: 'host.blue' }).created).toEqual([
      'host.blue/veth2--host.red/veth1',
    ])
    expect(check({ op: 'connect', a: 'host/eth0', b: 'host/v-net-0' })).toEqual([
      '+        - ip link set eth0 master v-net-0',
    ])
    expect(check({ op: 'connect', a: 'host/veth-red-br', b: 'host/v-net-0' })).toEqual([
      '! "veth-red-br" is a port of "v-net-0" already',
    ])
  })

  it('moves', () => {
    expect(check({ op: 'move', machine: 'host', x: 11, y: 20 })).toEqual([
      '-        graph-posX: "10"   # left',
      '+        graph-posX: "11"   # left',
    ])
    expect(check({ op: 'move', machine: 'sw', x: 1, y: 2 })).toEqual([
      '-    sw: {kind: bridge}',
      '+    sw: {kind: bridge, labels: { graph-posX: "1", graph-posY: "2" }}',
    ])
  })

  it('renames a machine everywhere', () => {
    expect(check({ op: 'rename', id: 'r1', name: 'gate' })).toEqual([
      '-    r1: { kind: linux, exec: ["sysctl -w net.ipv4.ip_forward=1"] }',
      '+    gate: { kind: linux, exec: ["sysctl -w net.ipv4.ip_forward=1"] }',
      '-    - endpoints: ["host:eth0", "r1:eth1"]',
      '-    - endpoints: [r1:eth2, sw:p1]',
      '+    - endpoints: ["host:eth0", "gate:eth1"]',
      '+    - endpoints: [gate:eth2, sw:p1]',
      '-    - "r1: ip link show eth1"',
      '+    - "gate: ip link show eth1"',
    ])
  })

  it('renames a namespace in every command that means it', () => {
    expect(check({ op: 'rename', id: 'host.red', name: 'crimson' })).toEqual([
      '-        - ip netns add red   # first',
      '+        - ip netns add crimson   # first',
      '-        - ip link set veth-red netns red',
      '-        - "ip -n red addr add 10.0.0.1/24 dev veth-red; ip -n red link set veth-red up"',
      '+        - ip link set veth-red netns crimson',
      '+        - "ip -n crimson addr add 10.0.0.1/24 dev veth-red; ip -n crimson link set veth-red up"',
      '-    - "host/red: ping 10.0.0.2"',
      '+    - "host/crimson: ping 10.0.0.2"',
      '-      run: "host: ip netns exec red ip addr show dev veth-red"',
      '+      run: "host: ip netns exec crimson ip addr show dev veth-red"',
    ])
  })

  it('renames an interface, not its like-named peer', () => {
    expect(check({ op: 'rename', id: 'host.red/veth-red', name: 'eth0' })).toEqual([
      '-        - ip link add veth-red type veth peer name veth-red-br',
      '-        - ip link set veth-red netns red',
      '-        - "ip -n red addr add 10.0.0.1/24 dev veth-red; ip -n red link set veth-red up"',
      '+        - ip link add eth0 type veth peer name veth-red-br',
      '+        - ip link set eth0 netns red',
      '+        - "ip -n red addr add 10.0.0.1/24 dev eth0; ip -n red link set eth0 up"',
      '-      run: "host: ip netns exec red ip addr show dev veth-red"',
      '+      run: "host: ip netns exec red ip addr show dev eth0"',
    ])
    expect(check({ op: 'rename', id: 'r1/eth1', name: 'lan' })).toEqual([
      '-    - endpoints: ["host:eth0", "r1:eth1"]',
      '+    - endpoints: ["host:eth0", "r1:lan"]',
      '-    - "r1: ip link show eth1"',
      '+    - "r1: ip link show lan"',
    ])
  })

  it('removes a machine with its links and lesson commands', () => {
    expect(check({ op: 'remove', ids: ['r1'] })).toEqual([
      '-    r1: { kind: linux, exec: ["sysctl -w net.ipv4.ip_forward=1"] }',
      '-  links:',
      '-    # the uplink',
      '-    - endpoints: ["host:eth0", "r1:eth1"]',
      '-    - endpoints: [r1:eth2, sw:p1]',
      '-      labels: {kubehop.dev/latency: 5ms}',
      '-    - "r1: ip link show eth1"',
    ])
  })

  it('finds the lesson behind the documents of a cluster (fuzz seed 1, run 10)', () => {
    const text =
      'name: k\ntopology:\n  nodes:\n    n: {labels: {kubehop.dev/node: worker}}\n    pc: {}\n' +
      '---\napiVersion: v1\nkind: Namespace\nmetadata: {name: apps}\n' +
      '---\napiVersion: kubehop.dev/v1\nkind: Lesson\nmetadata: {name: k}\nspec:\n  start:\n    - "pc: ip addr"\n    - "n: ip addr"\n'
    const edited = editLab(text, { op: 'remove', ids: ['pc'] })
    expect(edited.diagnostics).toEqual([])
    expect(edited.text).toBe(text.replace('    pc: {}\n', '').replace('    - "pc: ip addr"\n', ''))
  })

  it('removes a namespace with what was in it', () => {
    expect(check({ op: 'remove', ids: ['host.red'] })).toEqual([
      '-        - ip netns add red   # first',
      '-        - ip link add veth-red type veth peer name veth-red-br',
      '-        - ip link set veth-red netns red',
      '-        - "ip -n red addr add 10.0.0.1/24 dev veth-red; ip -n red link set veth-red up"',
      '-        - ip link set veth-red-br master v-net-0',
    ])
  })

  it('removes a cable by its edge and a veth pair by its edge', () => {
    expect(check({ op: 'remove', ids: ['host/eth0--r1/eth1'] })).toEqual([
      '-    - endpoints: ["host:eth0", "r1:eth1"]',
    ])
    expect(check({ op: 'remove', ids: ['host.red/veth-red--host/veth-red-br'] })).toEqual([
      '-        - ip link add veth-red type veth peer name veth-red-br',
      '-        - ip link set veth-red netns red',
      '-        - "ip -n red addr add 10.0.0.1/24 dev veth-red; ip -n red link set veth-red up"',
      '-        - ip link set veth-red-br master v-net-0',
    ])
  })

  it('sets, changes and takes away an address', () => {
    expect(check({ op: 'setAddress', port: 'host/v-net-0', cidr: '10.0.0.5/24' })).toEqual([
      '+        - ip addr add 10.0.0.5/24 dev v-net-0',
    ])
    expect(check({ op: 'setAddress', port: 'host.red/veth-red', cidr: '10.0.0.7/24' })).toEqual([
      '-        - "ip -n red addr add 10.0.0.1/24 dev veth-red; ip -n red link set veth-red up"',
      '+        - "ip -n red addr add 10.0.0.7/24 dev veth-red; ip -n red link set veth-red up"',
    ])
    expect(check({ op: 'setAddress', port: 'host.red/veth-red', cidr: '' })).toEqual([
      '-        - "ip -n red addr add 10.0.0.1/24 dev veth-red; ip -n red link set veth-red up"',
      '+        - "ip -n red link set veth-red up"',
    ])
  })

  it('sets a cable', () => {
    expect(check({ op: 'setWire', edge: 'host/eth0--r1/eth1', lossPercent: 10 })).toEqual([
      '+      labels:',
      '+        kubehop.dev/loss: "10%"',
    ])
    expect(check({ op: 'setWire', edge: 'r1/eth2--sw/p1', latencyMs: 0, rateMbit: 10 })).toEqual([
      '-      labels: {kubehop.dev/latency: 5ms}',
      '+      labels: {kubehop.dev/rate: "10mbit"}',
    ])
  })

  it('leaves a text with errors alone', () => {
    const bad = 'name: x\ntopology:\n  nodes: [\n'
    const edited = editLab(bad, { op: 'move', machine: 'a', x: 0, y: 0 })
    expect(edited.text).toBe(bad)
    expect(edited.diagnostics.length).toBeGreaterThan(0)
  })
})

describe('a pod', () => {
  const NODE = 'name: l\ntopology:\n  nodes:\n    a:\n      labels: {kubehop.dev/node: worker}\n'
  const FIRST =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: pod1}\nspec: {containers: [{name: c, image: nginx}]}\n'

  it('is one more manifest, with a name of its own', () => {
    const text = `${NODE}---\n${FIRST}`
    const made = editLab(text, { op: 'addPod' })
    expect(made.diagnostics).toEqual([])
    expect(made.text.startsWith(text)).toBe(true)
    const { lab } = parseLab(made.text)
    expect(lab?.cluster?.manifests.map(({ value }) => value.metadata)).toEqual([
      { name: 'pod1' },
      { name: 'pod2', labels: { app: 'pod2' } },
    ])
  })

  it('needs a cluster', () => {
    const made = editLab('name: l\ntopology: {nodes: {a: {}}}\n', { op: 'addPod' })
    expect(made.text).toBe('name: l\ntopology: {nodes: {a: {}}}\n')
    expect(made.diagnostics[0]?.message).toBe('the lab has no cluster to run a pod')
  })
})
