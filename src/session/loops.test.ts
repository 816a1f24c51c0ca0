// Loops: bounded, alive, and told by name.
import { describe, expect, it } from 'vitest'
import { openScenario } from '../lab/scenario.fixture.ts'
import { bridgeLoop, routingLoop } from '../lab/loops.fixture.ts'
import { StepKind } from '../net/trace.ts'
import { testHost } from './clock.ts'
import { createSession } from './local.ts'

/** Looks at the clock cost so much real time: a slice flat out is some 5,000 events. */
const LOOK_MS = 0.2

describe('a ring of bridges without spanning tree', () => {
  function storm() {
    const host = testHost(LOOK_MS)
    const session = createSession(host)
    expect(session.open(bridgeLoop(false)).diagnostics).toEqual([])
    session.setSpeed(6)
    session.play()
    host.advance(600)
    session.pause()
    return { host, session }
  }

  it('storms, is cut short at the wires, and says so', () => {
    const { host, session } = storm()
    const { frozen, event, pending } = session.state()
    expect(frozen).toBe(null)
    expect(event).toBeGreaterThan(100_000)
    // Two directions of three cables of the ring, at most 256 frames each, and the way to three hosts.
    expect(pending).toBeLessThan(9 * 256 + 100)
    const marks = host.of('marks').at(-1)?.marks ?? []
    expect(marks.map((mark) => mark.label)).toContain('BRIDGE_STORM')
    const flights = host.of('flights').at(-1)
    expect(flights?.flights.length).toBeLessThanOrEqual(400)
    expect(flights?.omitted).toBeGreaterThan(0)
    const drops = host.of('flights').flatMap((message) => message.drops)
    const storms = drops.filter((drop) => drop.reason === 'BRIDGE_STORM')
    const words = session.eventSteps(storms.at(-1)?.event ?? 0).steps.map((step) => step.sentence.key)
    expect(words).toContain('drop.BRIDGE_STORM')
  })

  it('answers while it storms: looks, steps, goes back; and ends when a port goes down', () => {
    const { host, session } = storm()
    const { event } = session.state()
    expect(session.inspect('s1').tables.length).toBeGreaterThan(3)
    expect(session.traces(10).length).toBeGreaterThan(0)
    const hash = session.stateHash()
    expect(session.step('event', -1).event).toBe(event - 1)
    session.step('event', 1)
    expect(session.stateHash()).toBe(hash)
    const tty = session.openTerminal('s1')
    session.type(tty, 'ip link set eth0 down\r')
    session.setSpeed(6)
    session.play()
    host.advance(400)
    session.pause()
    expect(session.terminalText(1)).toContain('64 bytes from 10.0.0.2')
    expect(session.state().pending).toBeLessThan(100)
    expect(session.state().frozen).toBe(null)
  })
})

describe('a ring of bridges with spanning tree', () => {
  it('blocks one port after two forward delays, and packets find their way', () => {
    const lab = openScenario(bridgeLoop(true))
    lab.wait(40)
    const states = ['s1', 's2', 's3'].flatMap((name) =>
      [...lab.type(`${name}: bridge link`).stdout.matchAll(/state (\w+)/g)].map((match) => match[1]),
    )
    expect(states.sort()).toEqual(['blocking', ...Array.from({ length: 8 }, () => 'forwarding')])
    lab.steps()
    const ping = lab.type('a: ping -c 3 10.0.0.2')
    expect(ping.stdout).toContain('3 packets transmitted, 3 received, 0% packet loss')
    const steps = lab.steps()
    expect(steps.filter((step) => step.reason === 'BRIDGE_STORM')).toEqual([])
    expect(steps.length).toBeLessThan(500)
  })
})

describe('two routers that point at each other', () => {
  it('the TTL ends it, the sender is told, traceroute shows the two in turn', () => {
    const lab = openScenario(routingLoop())
    const ping = lab.type('h: ping -c 2 -W 1 10.99.0.1')
    expect(ping.code).toBe(1)
    expect(ping.stdout).toMatch(/^From 10\.0\.[01]\.[12] icmp_seq=1 Time to live exceeded$/m)
    expect(ping.stdout).toContain('2 packets transmitted, 0 received, +2 errors, 100% packet loss')
    const steps = lab.steps()
    const ended = steps.filter((step) => step.reason === 'TTL_EXPIRED')
    expect(ended.map((step) => step.headers.ttl)).toEqual([1, 1])
    // A packet of TTL 64 is forwarded 63 times, each time with one less.
    const forwards = steps.filter((step) => step.kind === StepKind.Forward && step.trace === ended[0]?.trace)
    const falling = Array.from({ length: 63 }, (_, i) => 63 - i)
    expect(forwards.map((step) => step.headers.ttl)).toEqual(falling)
    const route = lab.type('h: traceroute -n -q 1 -m 5 10.99.0.1').stdout.split('\n')
    expect(route.slice(1, 6).map((line) => line.trim().split(/\s+/)[1])).toEqual([
      '10.0.0.1',
      '10.0.1.2',
      '10.0.0.1',
      '10.0.1.2',
      '10.0.0.1',
    ])
  })
})
