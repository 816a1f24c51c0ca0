// Labs as worlds: boot, change while running, check on a branch, go back.
import { describe, expect, it } from 'vitest'
import { netnsList } from '../net/netns.ts'
import { machineList } from '../run/machine.ts'
import { seek, seekInput, stateHash } from '../sim/timeline.ts'
import { editLab } from './edit.ts'
import { exportShell } from './export-sh.ts'
import { startRun, typeAll } from './headless.ts'
import { submitApply } from './rules.ts'
import { openScenario } from './scenario.fixture.ts'
import type { EditOp } from './types.ts'

const LAB = `name: demo
topology:
  nodes:
    host:
      exec:
        - ip netns add red
        - ip link add veth-red type veth peer name veth-br
        - ip link set veth-red netns red
        - ip link add br0 type bridge
        - ip link set br0 up
        - ip link set veth-br master br0
        - ip link set veth-br up
        - ip -n red addr add 10.0.0.1/24 dev veth-red
        - ip -n red link set veth-red up
        - ip addr add 10.0.0.5/24 dev br0
        - ip addr add 192.168.1.2/24 dev eth0
    pc:
      exec:
        - ip addr add 192.168.1.3/24 dev eth0
    lan: { kind: bridge }
  links:
    - endpoints: ["host:eth0", "lan:lan-host"]
    - endpoints: ["pc:eth0", "lan:lan-pc"]
`

type Scenario = ReturnType<typeof openScenario>

/** Edits the running lab as a drawing does. Answers the new text. */
function edit(lab: Scenario, text: string, op: EditOp): string {
  const edited = editLab(text, op)
  expect(edited.diagnostics).toEqual([])
  submitApply(lab.run.world, lab.run.rules, edited.text)
  lab.wait(0.5)
  return edited.text
}

/** What a fresh boot of a text exports: the state that the lab should have come to. */
function booted(text: string): string[] {
  const run = startRun(text).run
  if (run === undefined) throw new Error('the lab has errors')
  return comparable(exportShell(run.world))
}

/** MAC addresses and indexes count up; a lab that grew has others than one that booted. */
function comparable(script: string): string[] {
  const lines = script.split('\n').map((line) => {
    const bare = line.replaceAll(/[0-9a-f]{2}(:[0-9a-f]{2}){5}|index \d+/g, '')
    // The order of namespaces, and which end of a pair is named first, follow the order of making.
    return /^NAMESPACES|type veth/.test(bare)
      ? bare
          .replace('=', ' ')
          .split(/[\s()]+|netns|-n/)
          .sort()
          .join(' ')
          .trim()
      : bare
  })
  return lines.sort()
}

describe('a running lab takes over what its text says', () => {
  it('grows while a ping runs, and the ping goes on', () => {
    const lab = openScenario(LAB)
    typeAll(lab.run, [
      { text: '', machine: 'host', netns: 'red', command: 'ping 10.0.0.5 > /tmp/out', background: true },
    ])
    let text = edit(lab, LAB, { op: 'addMachine', role: 'host', x: 0, y: 0, name: 'new' })
    text = edit(lab, text, { op: 'connect', a: 'new', b: 'lan' })
    text = edit(lab, text, { op: 'setAddress', port: 'new/eth1', cidr: '192.168.1.9/24' })
    text = edit(lab, text, { op: 'addNetns', machine: 'host', name: 'blue' })
    text = edit(lab, text, { op: 'connect', a: 'host.blue', b: 'host/br0' })
    text = edit(lab, text, { op: 'setAddress', port: 'host.blue/veth-blue', cidr: '10.0.0.2/24' })
    expect(lab.type('new: ping -c 1 192.168.1.3').code).toBe(0)
    expect(lab.type('host/blue: ping -c 1 10.0.0.1').code).toBe(0)
    expect(comparable(exportShell(lab.run.world))).toEqual(booted(text))
    lab.wait(6)
    expect(lab.type('host/red: cat /tmp/out').stdout).toContain('icmp_seq=5')
  })

  it('shrinks: an address, a namespace, a cable, a machine', () => {
    const lab = openScenario(LAB)
    let text = edit(lab, LAB, { op: 'setAddress', port: 'host.red/veth-red', cidr: '10.0.0.7/24' })
    expect(lab.type('host: ping -c 1 10.0.0.7').code).toBe(0)
    expect(lab.type('host: ping -c 1 -W 1 10.0.0.1').code).toBe(1)
    text = edit(lab, text, { op: 'remove', ids: ['host.red'] })
    expect(comparable(exportShell(lab.run.world))).toEqual(booted(text))
    text = edit(lab, text, { op: 'remove', ids: ['pc/eth0--lan/lan-pc'] })
    expect(lab.type('pc: ip link show eth0').stderr).toBe('Device "eth0" does not exist.\n')
    text = edit(lab, text, { op: 'remove', ids: ['pc'] })
    expect(machineList(lab.run.world).map((m) => m.name)).toEqual(['host', 'lan'])
    expect(comparable(exportShell(lab.run.world))).toEqual(booted(text))
  })

  it('changes a cable, and a second apply of one text changes nothing', () => {
    const lab = openScenario(LAB)
    const text = edit(lab, LAB, { op: 'setWire', edge: 'pc/eth0--lan/lan-pc', latencyMs: 50 })
    const { stdout } = lab.type('pc: ping -c 2 192.168.1.2')
    expect(stdout).toMatch(/icmp_seq=2 ttl=64 time=100 ms/)
    const before = netnsList(lab.run.world).map((ns) => [ns.id, ns.links.map((l) => l?.mac)])
    const targets = lab.run.world.targets.length
    submitApply(lab.run.world, lab.run.rules, `${text}# a comment\n`)
    expect(netnsList(lab.run.world).map((ns) => [ns.id, ns.links.map((l) => l?.mac)])).toEqual(before)
    expect(lab.run.world.targets.length).toBe(targets)
  })

  it('builds a machine anew where nothing else will do, with its cables', () => {
    const lab = openScenario(LAB)
    const text = LAB.replace('ip link set br0 up', 'ip link set br0 up mtu 1400')
    submitApply(lab.run.world, lab.run.rules, text)
    lab.wait(1)
    expect(comparable(exportShell(lab.run.world))).toEqual(booted(text))
    expect(lab.type('host: ping -c 1 192.168.1.3').code).toBe(0)
  })

  it('an edit is an input: it rewinds', () => {
    const lab = openScenario(LAB)
    const { world, rules } = lab.run
    lab.type('host: ping -c 1 192.168.1.3')
    const hash = stateHash(world)
    const inputs = world.inputs.length
    edit(lab, LAB, { op: 'remove', ids: ['pc'] })
    const [after, events] = [stateHash(world), world.nEvents]
    expect(machineList(world)).toHaveLength(2)
    seekInput(world, rules, inputs)
    expect(stateHash(world)).toBe(hash)
    expect(machineList(world)).toHaveLength(3)
    seek(world, rules, events)
    expect(stateHash(world)).toBe(after)
  })
})

describe('boot', () => {
  it('is the same for one seed and other for another', () => {
    const hash = (seed: number) => {
      const run = startRun(LAB, seed).run
      if (run === undefined) throw new Error('the lab has errors')
      typeAll(run, [
        { text: '', machine: 'host', netns: '', command: 'ping -c 2 192.168.1.3', background: false },
      ])
      return stateHash(run.world)
    }
    expect(hash(1)).toBe(hash(1))
    expect(hash(1)).not.toBe(hash(2))
  })

  it('goes on after a line that fails, and names it at its place', () => {
    const { run, diagnostics } = startRun(
      'name: x\ntopology:\n  nodes:\n    a:\n      exec:\n        - ip link set nope up\n        - echo on\n',
    )
    expect(diagnostics).toMatchObject([
      {
        severity: 'warning',
        line: 6,
        column: 11,
        message: 'a: ip link set nope up: exit 1: Cannot find device "nope"',
      },
    ])
    expect(run?.boot.map((line) => [line.code, line.out])).toEqual([
      [1, ''],
      [0, 'on\n'],
    ])
  })

  it('does not wait for ever', () => {
    const text =
      'name: x\ntopology:\n  nodes:\n    a:\n      exec:\n        - ping 127.0.0.1 > /dev/null\n        - echo on\n'
    const { run, diagnostics } = startRun(text)
    expect(diagnostics.map((d) => d.message)).toEqual(['a: ping 127.0.0.1 > /dev/null: runs on after 60 s'])
    expect(run?.boot[1]?.out).toBe('on\n')
  })

  it('leaves IPv6 out unless the lesson wants it', () => {
    const off = openScenario('name: x\ntopology: { nodes: { a: { exec: [ip netns add n] } } }\n')
    const on = openScenario(
      'name: x\ntopology: { nodes: { a: { exec: [ip netns add n] } } }\n---\napiVersion: kubehop.dev/v1\nkind: Lesson\nspec: { ipv6: true }\n',
    )
    expect(netnsList(off.run.world).map((ns) => ns.confDefault.disableIpv6)).toEqual([1, 1])
    expect(netnsList(on.run.world).map((ns) => ns.confDefault.disableIpv6)).toEqual([0, 0])
    expect(exportShell(off.run.world)).toContain('net/ipv6/conf/all/disable_ipv6=1')
    expect(exportShell(on.run.world)).not.toContain('disable_ipv6')
  })
})
