import { describe, expect, it } from 'vitest'
import { testHost } from './clock.ts'
import { createSession } from './local.ts'
import { SPEEDS } from './types.ts'
import { toyEngine } from './toy.ts'

/** A run of some thousand events, on a machine so slow that each look at the clock takes 40 ms. */
function far() {
  const host = testHost(40)
  const session = createSession(host, toyEngine())
  expect(session.open('beat 1', 7).ok).toBe(true)
  session.setSpeed(SPEEDS.length - 1)
  session.play()
  while (session.state().event < 6000) host.advance(50)
  session.pause()
  return { host, session, head: session.state().event }
}

/** Seeks to events behind the present until one is too far to be reached at once. */
function setOut({ session, head }: ReturnType<typeof far>): number {
  for (let to = head - 700; to > 0; to -= 97) {
    if (session.seek(to).travelling) return to
    session.seek(head)
    session.stateHash()
  }
  throw new Error('no seek took long')
}

describe('a long seek', () => {
  it('is answered before it is there, goes on by itself and arrives where a short one does', () => {
    const run = far()
    const { host, session } = run
    const to = setOut(run)
    expect(session.state()).toMatchObject({ travelling: true, running: false })
    expect(session.state().event).toBeLessThan(to)
    host.clear()
    host.advance(10_000)
    expect(session.state()).toMatchObject({ travelling: false, event: to, headEvent: run.head })
    expect(host.of('reset').map(({ state }) => state.event)).toEqual([to])
    expect(host.of('clock').some(({ state }) => state.travelling && state.event < to)).toBe(true)
    const hash = session.stateHash()
    session.seek(to - 1)
    session.step('event', 1)
    expect(session.stateHash()).toBe(hash)
  })

  it('is replaced by a newer one', () => {
    const run = far()
    const { host, session } = run
    const to = setOut(run)
    session.seek(to - 1500)
    host.clear()
    host.advance(10_000)
    expect(session.state()).toMatchObject({ travelling: false, event: to - 1500 })
    expect(host.of('reset').every(({ state }) => state.event !== to)).toBe(true)
  })

  it('stands still where pause finds it, and goes on to the head from there', () => {
    const run = far()
    const { host, session } = run
    const to = setOut(run)
    const { event } = session.state()
    session.pause()
    expect(session.state()).toMatchObject({ travelling: false, event })
    host.advance(10_000)
    expect(session.state().event).toBe(event)
    const here = session.stateHash()
    session.seek(to)
    session.seek(event)
    expect(session.stateHash()).toBe(here)
  })

  it('ends at once for whatever needs the place that was sought', () => {
    const run = far()
    const to = setOut(run)
    run.session.step('event', 1)
    expect(run.session.state()).toMatchObject({ travelling: false, event: to + 1 })
  })
})
