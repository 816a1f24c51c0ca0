// The session over the labs of public/labs: the whole engine below it.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { testHost } from './clock.ts'
import { createLabSession } from './standard.ts'
import { parseReproduction } from './reproduction.ts'

const FIRST = 'public/labs/1.1-two-namespaces.yaml'

function open(file: string) {
  const host = testHost()
  const session = createLabSession(host)
  const result = session.open(readFileSync(file, 'utf8'))
  expect(result.diagnostics).toEqual([])
  expect(result.ok).toBe(true)
  return { host, session }
}

function playFor({ host, session }: ReturnType<typeof open>, ms: number): void {
  session.play()
  host.advance(ms)
  session.pause()
}

describe('the first lab', () => {
  it('opens with its ping typed, and playing makes packets fly between the two ends', () => {
    const lab = open(FIRST)
    expect(lab.session.terminals()).toEqual([{ tty: 1, room: 'host.net1' }])
    expect(lab.session.terminalText(1)).toContain('ping 20.1.1.2')
    expect(lab.session.state()).toMatchObject({ running: false, frozen: null })
    lab.session.setSpeed(2)
    playFor(lab, 20_000)
    const flights = lab.host.of('flights').flatMap((message) => message.flights)
    expect(
      flights.slice(0, 4).map(({ proto, label }) => [proto, label.split(' ').slice(0, 2).join(' ')]),
    ).toEqual([
      ['arp', 'who-has 20.1.1.2'],
      ['arp', 'reply 20.1.1.2'],
      ['icmp', 'echo request'],
      ['icmp', 'echo reply'],
    ])
    for (const one of flights) expect(one.arriveAt - one.departAt).toBe(10_000)
    expect(lab.session.terminalText(1)).toContain('64 bytes from 20.1.1.2: icmp_seq=1 ttl=64')
    const [echo] = lab.session.traces(50).filter((one) => one.label.includes('echo request'))
    const view = lab.session.trace(echo?.id ?? 0)
    expect(view?.hops.map((hop) => [hop.room, hop.devIn, hop.devOut])).toEqual([
      ['host.net1', '', 'veth1'],
      ['host.net2', 'veth2', ''],
    ])
  })

  it('lists the last traces after a run flat out, watched now and then', () => {
    const lab = open(FIRST)
    lab.session.setSpeed(6)
    playFor(lab, 1000)
    expect(lab.session.traces(30)).toHaveLength(30)
    lab.session.step('packet', -1)
    expect(lab.session.traces(30)).toHaveLength(30)
  })

  it('every step back is the same world again', () => {
    const { session } = open(FIRST)
    const hashes: [number, string][] = []
    for (let i = 0; i < 40; i++) {
      const { event } = session.step('hop', 1)
      hashes.push([event, session.stateHash()])
    }
    for (const [event, hash] of hashes.reverse().slice(1)) {
      expect(session.step('hop', -1).event).toBe(event)
      expect(session.stateHash()).toBe(hash)
    }
  })

  it('apply while it runs keeps the ping running', () => {
    const lab = open(FIRST)
    lab.session.setSpeed(5)
    playFor(lab, 5000)
    const text = lab.session
      .text()
      .replace('topology:\n  nodes:\n', 'topology:\n  nodes:\n    extra:\n      kind: linux\n')
    const before = lab.session.terminalText(1)
    lab.host.clear()
    expect(lab.session.apply(text)).toMatchObject({ ok: true, diagnostics: [] })
    expect(lab.host.of('scene').flatMap((message) => message.diff.machines.map((one) => one.id))).toContain(
      'extra',
    )
    playFor(lab, 5000)
    const after = lab.session.terminalText(1)
    expect(after.startsWith(before)).toBe(true)
    expect(after.length).toBeGreaterThan(before.length)
    expect(lab.session.state().frozen).toBe(null)
  })

  it('terminals of a machine that is taken away close; one whose shell ended opens anew on the next key', () => {
    const lab = open(FIRST)
    expect(lab.session.edit({ op: 'addMachine', role: 'host', x: 0, y: 300, name: 'pc' })).toMatchObject({
      ok: true,
    })
    const tty = lab.session.openTerminal('pc')
    lab.session.type(tty, 'exit\r')
    playFor(lab, 100)
    lab.session.type(tty, 'echo again\r')
    playFor(lab, 100)
    expect(lab.session.terminalText(tty)).toContain('\r\nagain\r\n')
    lab.host.clear()
    expect(lab.session.edit({ op: 'remove', ids: ['pc'] })).toMatchObject({ ok: true })
    expect(lab.host.of('ttyClosed')).toEqual([{ type: 'ttyClosed', tty }])
    expect(lab.session.openTerminal('pc')).toBe(0)
  })

  it('moving a machine in the picture is no event', () => {
    const lab = open(FIRST)
    lab.session.step('hop', 1)
    const { event } = lab.session.step('hop', 1)
    lab.session.step('hop', -1)
    const hash = lab.session.stateHash()
    expect(lab.session.edit({ op: 'move', machine: 'host', x: 500, y: 40 }).ok).toBe(true)
    expect(lab.session.stateHash()).toBe(hash)
    expect(lab.session.state().headEvent).toBe(event)
    expect(lab.host.of('scene').at(-1)?.diff.machines[0]).toMatchObject({ id: 'host', x: 500, y: 40 })
  })

  it('a text with errors changes nothing and says where', () => {
    const { session } = open(FIRST)
    const hash = session.stateHash()
    const result = session.apply('name: x\ntopology:\n  nodes: [\n')
    expect(result.ok).toBe(false)
    expect(result.diagnostics[0]?.line).toBeGreaterThan(0)
    expect(session.stateHash()).toBe(hash)
  })

  it('checks and probes leave the world as it was', () => {
    const lab = open(FIRST)
    lab.session.setSpeed(5)
    playFor(lab, 2000)
    const hash = lab.session.stateHash()
    expect(lab.session.runChecks().map((one) => [one.id, one.ok])).toEqual([
      ['ping', true],
      ['host-has-no-end', true],
    ])
    const { traces, error } = lab.session.explain({ from: 'host/net1', proto: 'icmp', dst: '20.1.1.2' })
    expect([error, traces[0]?.disposition]).toEqual(['', 'ANSWERED'])
    expect(lab.session.explain({ from: 'host', proto: 'icmp', dst: '20.1.1.2' }).traces[0]?.reason).toBe(
      'IP_OUTNOROUTES',
    )
    expect(lab.session.stateHash()).toBe(hash)
    const before = lab.session.terminalText(1)
    playFor(lab, 2000)
    expect(lab.session.terminalText(1).length).toBeGreaterThan(before.length)
  })

  it('its reproduction holds the lab, the seed and what was typed', () => {
    const lab = open(FIRST)
    playFor(lab, 1000)
    const text = lab.session.reproduction()
    const reproduction = parseReproduction(text)
    expect(reproduction).toMatchObject({
      version: 1,
      lab: lab.session.text(),
      event: lab.session.state().event,
    })
    expect(text).toContain('ping 20.1.1.2')
  })
})

describe('a bridge of four', () => {
  it('what decided each step is a row of the table in the inspector, with the same text', () => {
    const lab = open('public/labs/1.4-bridge-of-four.yaml')
    lab.session.setSpeed(5)
    playFor(lab, 6000)
    const views = lab.session.traces(40).map((one) => lab.session.trace(one.id))
    const seen = new Set<string>()
    for (const hop of views.flatMap((view) => view?.hops ?? [])) {
      const tables = lab.session.inspect(hop.room).tables
      for (const { ref, evidence } of hop.steps) {
        // `ip route` shows the main table.
        if (ref === '' || ref.startsWith('route/255')) continue
        const table = tables.find((one) => one.rows.some((row) => row.ref === ref))
        expect(table, `${hop.room} ${ref}`).toBeDefined()
        const lines = (table?.text ?? '').split('\n').map((line) => line.trimEnd())
        // A neighbour's state goes on changing after the step.
        if (table?.id !== 'neigh') expect(lines).toContain(evidence)
        seen.add(table?.id ?? '')
      }
    }
    expect([...seen].sort()).toEqual(['fdb', 'neigh', 'route'])
  })
})

describe('a lab that runs with nothing to do', () => {
  it('shows at once what is drawn into it, and what is undone', () => {
    const host = testHost()
    const session = createLabSession(host)
    const text = 'name: lab\ntopology:\n  nodes:\n    a:\n      kind: linux\n'
    expect(session.open(text).ok).toBe(true)
    session.setSpeed(1)
    session.play()
    host.advance(5000)
    host.clear()
    expect(session.edit({ op: 'addNetns', machine: 'a', name: 'red' }).ok).toBe(true)
    host.advance(50)
    const rooms = () =>
      host.of('scene').flatMap(({ diff }) => diff.machines.map((one) => one.rooms.map((room) => room.id)))
    expect(rooms().at(-1)).toEqual(['a', 'a.red'])
    host.clear()
    expect(session.apply(text).ok).toBe(true)
    host.advance(50)
    expect(rooms().at(-1)).toEqual(['a'])
  })

  it('a paused lab waits for the commands of an edit: a machine is never shown half made', () => {
    const { session } = open(FIRST)
    const addrs = Array.from({ length: 60 }, (_, i) => `        - ip addr add 10.9.${i}.1/32 dev lo\n`).join(
      '',
    )
    const more = session.text().replace(/^topology:\n {2}nodes:\n/m, (head) => {
      return `${head}    many:\n      kind: linux\n      exec:\n${addrs}        - sleep 100\n`
    })
    expect(session.apply(more)).toMatchObject({ ok: true })
    expect(session.inspect('many').tables.find((table) => table.id === 'addr')?.text).toContain(
      '10.9.59.1/32',
    )
    expect(session.state().running).toBe(false)
    // `sleep` is left to time.
    expect(session.state().now).toBeLessThanOrEqual(1_000_000_000)
    const before = session.stateHash()
    session.step('event', 1)
    session.step('event', -1)
    expect(session.stateHash()).toBe(before)
  })
})
