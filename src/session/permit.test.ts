// A packet that a rule drops is let through in a branch: lab 1.8, where FORWARD's policy drops what DNAT sent on.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { testHost } from './clock.ts'
import { createLabSession } from './standard.ts'

function dropped() {
  const host = testHost()
  const session = createLabSession(host)
  session.open(readFileSync('public/labs/1.8-forward-drop.yaml', 'utf8'))
  const tty = session.openTerminal('pc')
  session.type(tty, 'curl -m 5 192.168.1.2\r')
  session.setSpeed(2)
  session.play()
  host.advance(9000)
  session.pause()
  const trace = session.traces(200).find((one) => one.reason === 'NETFILTER_DROP')
  expect(trace?.label).toMatch(/^TCP SYN 192\.168\.1\.3:\d+ > 192\.168\.1\.2:80$/)
  return { session, id: trace?.id ?? 0 }
}

describe('what if it were let through', () => {
  const { session, id } = dropped()

  it('the packet reaches blue and blue answers; the run itself stays as it was', () => {
    const before = session.trace(id)
    expect(before?.hops.map((hop) => hop.room)).toEqual(['pc', 'lan', 'host'])
    const hash = session.stateHash()
    const state = session.state()
    const { trace, more, error, event } = session.permit(id)
    expect(error).toBe('')
    expect(trace?.hops.map((hop) => hop.room)).toEqual(['pc', 'lan', 'host', 'host.blue'])
    expect(trace?.disposition).toBe('ACCEPTED')
    expect(event).toBe(before?.lastEvent)
    const permitted = trace?.hops[2]?.steps.find((step) => step.rule?.permitted)
    expect([permitted?.station, permitted?.rule?.table, permitted?.rule?.verdict]).toEqual([
      'FORWARD',
      'filter',
      'DROP',
    ])
    // Only this packet: the answer meets the same policy, and is dropped by it.
    const answer = more.find((one) => one.label.startsWith('TCP SYN,ACK'))
    expect([answer?.disposition, answer?.reason]).toEqual(['DROPPED', 'NETFILTER_DROP'])
    expect(session.stateHash()).toBe(hash)
    expect(session.state()).toEqual(state)
    expect(session.trace(id)).toEqual(before)
  })

  it('the future goes on as it would have', () => {
    const other = dropped().session
    session.permit(id)
    for (let i = 0; i < 30; i++) {
      session.step('event', 1)
      other.step('event', 1)
    }
    expect(session.stateHash()).toBe(other.stateHash())
  })

  it('a packet that no rule dropped has nothing to let through', () => {
    const arp = session.traces(200).find((one) => one.proto === 'arp')
    expect(session.permit(arp?.id ?? 0).error).toBe('no rule dropped this packet')
  })
})

describe('the bytes at a step', () => {
  const { session, id } = dropped()
  const steps = session.trace(id)?.hops.find((hop) => hop.room === 'host')?.steps ?? []
  const frame = (station: string, kind: string) => {
    const step = steps.find((one) => one.station === station && one.kind === kind)
    return step === undefined ? null : session.frame(id, step.event, step.nth)
  }

  it('hold the old value beside the field that the step changed', () => {
    const translate = steps.find((step) => step.action === 'Translate')
    expect(translate?.station).toBe('PREROUTING')
    const changed = translate && session.frame(id, translate.event, translate.nth)
    const fields = changed?.layers.flatMap((layer) => layer.fields) ?? []
    const moved = fields.filter((field) => field.before !== undefined)
    expect(moved.map(({ name }) => name)).toEqual(['ip.checksum', 'ip.dst', 'tcp.checksum'])
    const dst = moved.find(({ name }) => name === 'ip.dst')
    expect([dst?.before, dst?.value]).toEqual(['192.168.1.2', '192.168.15.2'])
    expect(changed?.bytes.slice(dst?.at, (dst?.at ?? 0) + 4)).toEqual([192, 168, 15, 2])
  })

  it('TTL falls at FORWARD', () => {
    const ttl = frame('FORWARD', 'Forward')
      ?.layers.flatMap((layer) => layer.fields)
      .find((field) => field.name === 'ip.ttl')
    expect([ttl?.before, ttl?.value]).toEqual(['64', '63'])
  })

  it('the steps of the event are the steps of the trace', () => {
    const { steps: told } = session.eventSteps(steps[0]?.event ?? 0)
    const own = told.filter((step) => step.trace === id)
    expect(own.map(({ nth, station }) => [nth, station])).toEqual(
      steps.map(({ nth, station }) => [nth, station]),
    )
  })
})
