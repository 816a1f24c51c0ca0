import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import type { Lab } from '../lab/types.ts'
import { seek } from '../sim/timeline.ts'
import { testHost } from './clock.ts'
import { createSession } from './local.ts'
import { parseReproduction } from './reproduction.ts'
import { toyEngine } from './toy.ts'

function open(text: string, tick = 0) {
  const host = testHost(tick)
  const session = createSession(host, toyEngine())
  expect(session.open(text, 7).ok).toBe(true)
  return { host, session }
}

/** Plays for `ms` of real time. */
function playFor({ host, session }: ReturnType<typeof open>, ms: number): void {
  session.play()
  host.advance(ms)
  session.pause()
}

describe('stepping', () => {
  it('back and forth gives the same hash at every event', () => {
    const { session } = open('beat 1')
    const hashes: string[] = []
    for (let i = 0; i < 60; i++) {
      hashes.push(session.stateHash())
      session.step('event', 1)
    }
    for (let i = 59; i >= 0; i--) {
      session.step('event', -1)
      expect(session.state().event).toBe(i)
      expect(session.stateHash()).toBe(hashes[i])
    }
    expect(session.state().headEvent).toBe(60)
  })

  it('by packet stops where one is born, taken or lost, in both directions at the same places', () => {
    const { session } = open('beat 1')
    const places: number[] = []
    for (let i = 0; i < 30; i++) places.push(session.step('packet', 1).event)
    expect(new Set(places).size).toBe(30)
    for (let i = 28; i >= 0; i--) expect(session.step('packet', -1).event).toBe(places[i])
  })

  it('a hop step goes to the next event that touches a packet', () => {
    const { session } = open('quiet')
    const tty = session.openTerminal('a')
    session.type(tty, 'xyz')
    const before = session.state().event
    session.type(tty, '\r')
    // Enter is handled while paused: no time passes for it.
    expect(session.state().event).toBe(before + 1)
    expect(session.step('hop', 1).event).toBe(before + 2)
    expect(session.step('hop', -1).event).toBe(before + 1)
  })
})

describe('seeking', () => {
  it('1,000 random seeks find the hashes of the straight run', () => {
    const { session } = open('beat 1')
    const tty = session.openTerminal('a')
    const hashes = new Map<number, string>()
    for (let i = 0; i < 400; i++) {
      if (i % 50 === 25) {
        // An input belongs to the event before it: a seek there has it applied.
        hashes.delete(session.state().event)
        session.type(tty, 'k\r')
      }
      session.step('event', 1)
      hashes.set(session.state().event, session.stateHash())
    }
    const rng = createRng(3, 0)
    const events = [...hashes.keys()]
    for (let i = 0; i < 1000; i++) {
      const event = events[nextBelow(rng, events.length)] as number
      expect(session.seek(event).event).toBe(event)
      expect(session.stateHash()).toBe(hashes.get(event))
    }
  })

  it('sends a reset with the frames that are on a wire then', () => {
    const { session, host } = open('beat 1')
    session.step('event', 1)
    session.step('event', 1)
    session.step('event', 1)
    host.clear()
    session.seek(1)
    const [reset] = host.of('reset')
    expect(reset?.flights).toMatchObject([
      { fromNs: 2, toNs: 3, departAt: 1_000_000, arriveAt: 1_010_000, proto: 'icmp' },
    ])
    expect(reset?.state.headEvent).toBe(3)
  })

  it('looking at the past changes nothing', () => {
    const { session } = open('beat 1')
    for (let i = 0; i < 40; i++) session.step('event', 1)
    const hash = session.stateHash()
    expect(session.eventSteps(5).steps.length).toBeGreaterThan(0)
    expect(session.traces(10)).toHaveLength(10)
    expect(session.stateHash()).toBe(hash)
    expect(session.state().event).toBe(40)
  })
})

describe('terminals', () => {
  it('keys typed while paused are seen at once, Enter sends a packet, and seeking back takes them away', () => {
    const { session, host } = open('quiet')
    const tty = session.openTerminal('a')
    host.clear()
    session.type(tty, 'hi')
    expect(host.of('tty').at(-1)).toMatchObject({ tty, text: 'hi', reset: false })
    const before = session.state()
    host.clear()
    session.type(tty, '\r')
    expect(host.of('flights')[0]?.flights).toHaveLength(1)
    expect(
      host
        .of('marks')
        .at(-1)
        ?.marks.map((mark) => mark.kind) ?? [],
    ).toEqual([])
    host.clear()
    session.seek(before.event)
    expect(host.of('tty').at(-1)).toMatchObject({ tty, text: '$ hi', reset: true })
    expect(session.terminalText(tty)).toBe('$ hi')
  })

  it('typing after going back before a terminal was opened opens it there', () => {
    const { session } = open('beat 1')
    for (let i = 0; i < 10; i++) session.step('event', 1)
    const tty = session.openTerminal('b')
    session.type(tty, 'one')
    session.seek(4)
    expect(session.terminalText(tty)).toBe('')
    session.type(tty, 'two')
    expect(session.terminalText(tty)).toBe('$ two')
    expect(session.state().headEvent).toBe(session.state().event)
  })
})

describe('traces', () => {
  it('of what nobody watched are collected by running it again', () => {
    const lab = open('beat 1')
    lab.session.setSpeed(6)
    playFor(lab, 2000)
    const { event } = lab.session.state()
    expect(event).toBeGreaterThan(100)
    const hash = lab.session.stateHash()
    const list = lab.session.traces(20)
    expect(list).toHaveLength(20)
    const answered = list.find((one) => one.disposition === 'ANSWERED')
    const view = lab.session.trace(answered?.id ?? 0)
    expect(view?.hops.map((hop) => [hop.room, hop.devIn, hop.devOut])).toEqual([
      ['a', '', 'to-b'],
      ['b', 'to-a', ''],
    ])
    expect(lab.session.stateHash()).toBe(hash)
  })
})

describe('stepping back after a run that nobody watched', () => {
  it('goes to the last packet event, not to the last one that was watched', () => {
    const lab = open('beat 1')
    for (let i = 0; i < 6; i++) lab.session.step('packet', 1)
    lab.session.setSpeed(6)
    playFor(lab, 300)
    const { event } = lab.session.state()
    expect(lab.session.step('packet', -1).event).toBeGreaterThan(event - 3)
  })
})

describe('running', () => {
  it('shows a crossing for as long as the speed says, flights before their segment', () => {
    const { session, host } = open('beat 1000')
    session.setSpeed(2)
    session.play()
    host.clear()
    host.advance(1300)
    const flights = host.of('flights')
    expect(flights[0]?.flights[0]).toMatchObject({ departAt: 1_000_000, arriveAt: 1_010_000 })
    const after = host.posted.slice(host.posted.indexOf(flights[0] as never))
    const clock = after.find((message) => message.type === 'clock')
    expect(clock).toMatchObject({ segment: { from: 1_000_000, to: 1_010_000, realMs: 700 } })
  })

  it('pause keeps the shown moment, half way over the cable, and play goes on from it', () => {
    const { session, host } = open('beat 1000')
    session.setSpeed(2)
    session.play()
    host.advance(1)
    const began = host.of('clock').at(-1)?.segment?.realMs ?? 0
    host.advance(began + 350)
    session.pause()
    const { now } = session.state()
    expect(now).toBeGreaterThan(1_004_000)
    expect(now).toBeLessThan(1_006_000)
    host.advance(5000)
    expect(session.state().now).toBe(now)
    session.play()
    host.advance(1)
    expect(host.of('clock').at(-1)?.segment).toMatchObject({ from: now, to: 1_010_000 })
  })

  it('flat out runs in slices of 8 ms and pause is felt between them', () => {
    const { session, host } = open('beat 1', 0.02)
    session.setSpeed(6)
    session.play()
    host.clear()
    let longest = 0
    for (let i = 0; i < 50; i++) {
      const before = host.now()
      host.advance(0.5)
      longest = Math.max(longest, host.now() - before)
    }
    expect(longest).toBeLessThan(50)
    session.pause()
    const { event } = session.state()
    host.advance(100)
    expect(session.state().event).toBe(event)
    expect(session.state().running).toBe(false)
  })

  it('nothing pending is idle, and a typed key wakes it', () => {
    const { session, host } = open('quiet')
    const tty = session.openTerminal('a')
    session.play()
    host.advance(100)
    expect(session.state()).toMatchObject({ running: true, idle: true })
    session.type(tty, '\r')
    host.advance(5)
    expect(host.of('flights').at(-1)?.flights).toHaveLength(1)
    expect(session.state().idle).toBe(false)
  })

  it('holds back what the page does not acknowledge', () => {
    const lab = open('beat 1')
    lab.session.setSpeed(6)
    lab.host.clear()
    playFor(lab, 3000)
    expect(lab.host.of('records').length).toBeLessThanOrEqual(2)
    expect(lab.host.of('flights').length).toBeLessThanOrEqual(30)
    const seq = lab.host.of('records').at(-1)?.seq ?? 0
    lab.session.ack(seq + 100)
    playFor(lab, 100)
    expect(lab.host.of('records').length).toBeGreaterThan(2)
  })
})

describe('change', () => {
  it('apply keeps what runs and shows what is new; a text with errors changes nothing', () => {
    const lab = open('beat 1')
    playFor(lab, 3000)
    const { event } = lab.session.state()
    const hash = lab.session.stateHash()
    expect(lab.session.apply('bad text')).toMatchObject({ ok: false, diagnostics: [{ message: 'bad' }] })
    expect(lab.session.stateHash()).toBe(hash)
    lab.host.clear()
    expect(lab.session.apply('beat 1 third').ok).toBe(true)
    expect(lab.session.state().event).toBe(event)
    expect(lab.host.of('scene')[0]?.diff).toMatchObject({ machines: [{ id: 'c' }], order: ['a', 'b', 'c'] })
    playFor(lab, 3000)
    expect(lab.session.state().event).toBeGreaterThan(event)
  })
})

describe('failure', () => {
  it('a handler that throws freezes the world and offers a reproduction that reproduces', () => {
    const lab = open('beat 1 bomb')
    const tty = lab.session.openTerminal('a')
    lab.session.setSpeed(6)
    playFor(lab, 20)
    lab.session.type(tty, 'x\r')
    playFor(lab, 4000)
    const { frozen, running } = lab.session.state()
    expect(running).toBe(false)
    expect(frozen).toMatchObject({ message: 'Error: boom' })
    const reproduction = parseReproduction(frozen?.reproduction ?? '')
    if (typeof reproduction === 'string') throw new Error(reproduction)
    expect(reproduction).toMatchObject({ version: 1, seed: 7, lab: 'beat 1 bomb', event: frozen?.event })
    const engine = toyEngine()
    const lab2 = engine.parse(reproduction.lab).lab as Lab
    const again = engine.build(lab2, reproduction.lab, reproduction.seed).world
    again.inputs.push(...reproduction.inputs)
    seek(again, engine.rules({} as Lab), reproduction.event)
    expect(again.frozen).toMatchObject({ message: 'Error: boom', nEvents: frozen?.event, at: frozen?.at })
    // The frozen world can still be looked at, and left by stepping back.
    expect(lab.session.step('event', -1)).toMatchObject({ frozen: null, event: (frozen?.event ?? 0) - 1 })
    lab.session.step('event', 1)
    expect(lab.session.state().frozen?.event).toBe(frozen?.event)
  })

  it('a run in which time cannot go on stops and says so; stepping back leaves it', () => {
    const { session, host } = open('beat 0', 0.02)
    session.setSpeed(6)
    session.play()
    for (let i = 0; i < 4000 && session.state().frozen === null; i++) host.advance(20)
    expect(session.state().frozen?.message).toMatch(
      /^AssertionError: \d+ events at 1000000 ns and time does not go on$/,
    )
    expect(session.seek(0)).toMatchObject({ frozen: null, running: false, event: 0 })
  })

  it('an input that throws freezes too, and nothing reaches the caller', () => {
    const { session } = open('beat 1')
    expect(session.apply('throw').ok).toBe(true)
    expect(session.state().frozen?.message).toContain('apply failed')
    session.play()
    expect(session.state().event).toBe(0)
    // Nothing can be changed until somebody leaves the frozen moment.
    expect(session.apply('beat 1 third')).toMatchObject({ ok: false })
    expect(session.text()).toBe('throw')
  })
})
