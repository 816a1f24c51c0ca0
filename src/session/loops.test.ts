// Loops: bounded, alive, and told by name.
import { describe, expect, it } from 'vitest'
import { openScenario } from '../lab/scenario.fixture.ts'
import { bridgeLoop, routingLoop } from '../lab/loops.fixture.ts'
import { StepKind } from '../net/trace.ts'
import { testHost } from './clock.ts'
import { createLabSession } from './standard.ts'

/** Looks at the clock cost so much real time: a slice flat out is some 2,500 events. */
const LOOK_MS = 0.4

/** Plays flat out for `ms` of real time. */
function play(bridges: number, ms: number) {
  const host = testHost(LOOK_MS)
  const session = createLabSession(host)
  expect(session.open(bridgeLoop(bridges, false)).diagnostics).toEqual([])
  session.setSpeed(6)
  session.play()
  host.advance(ms)
  session.pause()
  return { host, session }
}

describe('bridges in a circle without spanning tree', () => {
  it('three: a broadcast goes round for ever in both directions', () => {
    const { host, session } = play(3, 200)
    const { event } = session.state()
    session.play()
    host.advance(200)
    session.pause()
    const { frozen, event: later, pending } = session.state()
    expect([frozen, later > event + 20_000]).toEqual([null, true])
    expect(pending).toBeLessThan(12 * 256)
    const lab = openScenario(bridgeLoop(3, false))
    lab.run.world.recorder.detailMax = 3000
    lab.type('h1: timeout 0.01 ping -c 1 10.0.0.2')
    const round = lab.steps().filter((step) => step.headers.arp?.op === 1 && step.kind === StepKind.Rx)
    const s2 = round.filter((step) => step.nsName === 's2' && step.dev !== 'br0').map((step) => step.dev)
    // Out of s1 to both sides: by p1 and, over s3, by p3; each comes by again and again.
    expect(s2.slice(0, 6).sort()).toEqual(['p1', 'p1', 'p1', 'p3', 'p3', 'p3'])
  })

  it('four: every round doubles until the wires are full, which is said by name', () => {
    const { host, session } = play(4, 700)
    const { frozen, event, pending } = session.state()
    expect(frozen).toBe(null)
    expect(event).toBeGreaterThan(100_000)
    // Two directions of six cables between bridges and four to hosts; 256 frames a latency, so twice that in flight.
    expect(pending).toBeLessThan(20 * 2 * 256 + 100)
    const marks = host.of('marks').at(-1)?.marks ?? []
    expect(marks.map((mark) => mark.label)).toContain('BRIDGE_STORM')
    expect(marks.length).toBeLessThanOrEqual(300)
    const last = host.of('flights').at(-1)
    expect(last?.flights.length).toBeLessThanOrEqual(400)
    expect(last?.omitted).toBeGreaterThan(0)
    const drops = host.of('flights').flatMap((message) => message.drops)
    const storm = drops.filter((drop) => drop.reason === 'BRIDGE_STORM').at(-1)
    const words = session.eventSteps(storm?.event ?? 0).steps.map((step) => step.sentence.key)
    expect(words).toContain('drop.BRIDGE_STORM')
  })

  it('answers while it storms: looks, steps, goes back; and ends when two bridges are unplugged', () => {
    const { host, session } = play(4, 100)
    const { event } = session.state()
    expect(session.inspect('s1').tables.length).toBeGreaterThan(3)
    expect(session.traces(10).length).toBeGreaterThan(0)
    const hash = session.stateHash()
    expect(session.step('event', -1).event).toBe(event - 1)
    session.step('event', 1)
    expect(session.stateHash()).toBe(hash)
    for (const room of ['s3', 's4']) {
      const tty = session.openTerminal(room)
      session.type(tty, 'ip link set br0 down; for p in p1 p2 p3 p4; do ip link set $p down; done\r')
    }
    session.play()
    host.advance(1000)
    session.pause()
    expect(session.terminalText(1)).toContain('64 bytes from 10.0.0.2')
    expect(session.state().pending).toBeLessThan(100)
    expect(session.state().frozen).toBe(null)
  })
})

describe('bridges in a circle with spanning tree', () => {
  it('blocks one port after two forward delays, and packets find their way', () => {
    const lab = openScenario(bridgeLoop(3, true))
    lab.wait(40)
    const states = ['s1', 's2', 's3'].flatMap((name) =>
      [...lab.type(`${name}: bridge link`).stdout.matchAll(/state (\w+)/g)].map((match) => match[1]),
    )
    expect(states.sort()).toEqual(['blocking', ...Array.from({ length: 8 }, () => 'forwarding')])
    lab.steps()
    const ping = lab.type('h1: ping -c 3 10.0.0.2')
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
