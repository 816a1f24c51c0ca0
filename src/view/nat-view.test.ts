// What the page shows of a packet that meets rules: labs 1.5, 1.7 and 1.8 of the library. Counters and connections are
// those that the real iptables and conntrack print for the same commands (shared/kernel.md, 1.5 to 1.8).
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openScenario } from '../lab/scenario.fixture.ts'
import type { Scenario } from '../lab/scenario.fixture.ts'
import { dropsOf, flightsOf } from './flights.ts'
import { namesOf } from './names.ts'
import { inspect } from './tables.ts'
import { traceText } from './trace-text.ts'
import { groupTraces, traceView } from './trace-view.ts'
import type { TraceView } from './types.ts'
import { sentenceText } from './words.ts'

const NAT = [
  'host: ip netns exec blue ip route add 192.168.1.0/24 via 192.168.15.5',
  'host: sysctl -w net.ipv4.ip_forward=1',
  'host: iptables -t nat -A POSTROUTING -s 192.168.15.0/24 -j MASQUERADE',
]
const PING = 'host: ip netns exec blue ping -c 1 -W 1 192.168.1.3'
const DNAT = 'host: iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 192.168.15.2:80'

function open(file: string, ...lines: string[]): Scenario {
  const lab = openScenario(readFileSync(`public/labs/${file}.yaml`, 'utf8'))
  for (const line of lines) expect([line, lab.type(line).code]).toEqual([line, 0])
  lab.steps()
  return lab
}

/** What crossed since the last call: traces, and every frame's label by `FROM>`. */
function look(lab: Scenario) {
  const { world } = lab.run
  const steps = lab.steps()
  const names = namesOf(world)
  const room = (ns: number) => steps.find((step) => step.ns === ns)?.nsName ?? ''
  return {
    traces: [...groupTraces(steps).values()].map((one) => traceView(one, names)),
    flights: flightsOf(world, steps).map((flight) => `${room(flight.fromNs)}> ${flight.label}`),
    drops: dropsOf(steps).map((drop) => `${room(drop.ns)} ${drop.reason}`),
  }
}

function hopIn(trace: TraceView | undefined, room: string) {
  const hop = trace?.hops.find((one) => one.room === room)
  const hooks = (hop?.steps ?? []).filter((step) => step.kind === 'Hook' || step.kind === 'Drop')
  const moved = (hop?.changes ?? []).filter((one) => /^(source|destination)( port)?$/.test(one.field))
  return {
    said: hooks.map((step) => sentenceText(step.sentence)),
    changes: moved.map(({ field, before, after }) => `${field} ${before} > ${after}`),
  }
}

function table(lab: Scenario, id: string) {
  const found = inspect(lab.run.world, 'host').tables.find((one) => one.id === id)
  return { command: found?.command, text: found?.text ?? '', rows: found?.rows ?? [] }
}

describe('1.5: masquerade', () => {
  const lab = open('1.5-nat-to-the-lan', ...NAT)
  lab.type(PING)
  const { traces, flights } = look(lab)
  const byLabel = (text: string) => traces.find((trace) => trace.label.startsWith(text))

  it('the hop in the host says which rule changed the source, and shows it before and after', () => {
    const { said, changes } = hopIn(byLabel('ICMP echo request'), 'host')
    expect(said).toContain('nat POSTROUTING, rule 1, says MASQUERADE: -s 192.168.15.0/24 -j MASQUERADE')
    expect(said.at(-1)).toBe('NAT changes the source from 192.168.15.2 to 192.168.1.2')
    expect(changes).toEqual(['source 192.168.15.2 > 192.168.1.2'])
  })

  it('the reply is changed back by the connection, without a rule', () => {
    const { said, changes } = hopIn(byLabel('ICMP echo reply'), 'host')
    expect(said.filter((text) => / rule \d/.test(text))).toEqual([])
    expect(said).toContain('NAT changes the destination from 192.168.1.2 to 192.168.15.2')
    expect(changes).toEqual(['destination 192.168.1.2 > 192.168.15.2'])
  })

  it('the packet’s label has the address that it carries on that wire', () => {
    const shown = flights.filter((text) => text.includes('echo'))
    expect(shown.filter((text) => text.startsWith('host.blue>'))).toEqual([
      'host.blue> echo request 192.168.15.2 > 192.168.1.3',
    ])
    expect(shown.filter((text) => text.startsWith('lan>'))).toEqual([
      'lan> echo request 192.168.1.2 > 192.168.1.3',
      'lan> echo reply 192.168.1.3 > 192.168.1.2',
    ])
    expect(shown.at(-1)).toBe('host> echo reply 192.168.1.3 > 192.168.15.2')
  })

  it('the inspector counts the rule and lists the connection', () => {
    const nat = table(lab, 'nat')
    expect(nat.command).toBe('iptables -t nat -nvL')
    expect(nat.text).toContain(
      '    1    84 MASQUERADE  0    --  *      *       192.168.15.0/24      0.0.0.0/0',
    )
    expect(nat.rows.map((row) => row.cells)).toContainEqual([
      'POSTROUTING',
      '1',
      '1',
      '84',
      '-s 192.168.15.0/24 -j MASQUERADE',
    ])
    const { command, rows, text } = table(lab, 'conntrack')
    expect(command).toBe('conntrack -L')
    expect(text).toMatch(/^icmp {5}1 \d+ src=192\.168\.15\.2 dst=192\.168\.1\.3 type=8 code=0 id=\d+ src=192/)
    expect(rows).toHaveLength(1)
  })

  it('a step points at the row of the rule that decided', () => {
    const hop = byLabel('ICMP echo request')?.hops.find((one) => one.room === 'host')
    const ref = hop?.steps.find((step) => sentenceText(step.sentence).startsWith('nat POSTROUTING'))?.ref
    expect(table(lab, 'nat').rows.map((row) => row.ref)).toContain(ref)
  })
})

describe('1.7 and 1.8: a forwarded port', () => {
  it('the destination changes at PREROUTING, before the route is chosen', () => {
    const lab = open('1.7-port-forward', DNAT)
    lab.type('pc: curl -s 192.168.1.2')
    const { traces } = look(lab)
    const syn = traces.find((trace) => trace.label.startsWith('TCP SYN 192.168.1.3'))
    const hop = syn?.hops.find((one) => one.room === 'host')
    const said = hop?.steps.map((step) => sentenceText(step.sentence)) ?? []
    const rule = said.findIndex((text) => text.startsWith('nat PREROUTING, rule 1, says DNAT: -p tcp'))
    const change = said.indexOf('NAT changes the destination from 192.168.1.2:80 to 192.168.15.2:80')
    const route = said.findIndex((text) => text.startsWith('route to 192.168.15.2'))
    expect([rule >= 0, rule < change, change < route]).toEqual([true, true, true])
    expect(hopIn(syn, 'host').changes).toEqual(['destination 192.168.1.2 > 192.168.15.2'])
    const answer = traces.find((trace) => trace.label.startsWith('TCP SYN,ACK'))
    expect(hopIn(answer, 'host').changes).toEqual(['source 192.168.15.2 > 192.168.1.2'])
    expect(traceText(syn as TraceView)).toMatch(/changed: .*destination 192\.168\.1\.2 -> 192\.168\.15\.2/)
  })

  it('a drop says by whose word: the policy of filter FORWARD', () => {
    const lab = open('1.8-forward-drop')
    lab.type('pc: curl -s -m 2.5 192.168.1.2')
    const { traces, drops } = look(lab)
    const syn = traces.find((trace) => trace.label.startsWith('TCP SYN 192.168.1.3'))
    expect([syn?.disposition, syn?.reason]).toEqual(['DROPPED', 'NETFILTER_DROP'])
    expect(hopIn(syn, 'host').said.at(-1)).toBe('dropped by the policy of filter FORWARD')
    expect(syn?.hops.at(-1)?.steps.at(-1)?.kind).toBe('Drop')
    expect(drops).toEqual(Array.from({ length: 3 }, () => 'host NETFILTER_DROP'))
    expect(table(lab, 'filter').text).toContain('Chain FORWARD (policy DROP 3 packets, 180 bytes)\n')
  })
})
