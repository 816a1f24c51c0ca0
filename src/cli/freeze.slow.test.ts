// A bug in a handler: the real engine freezes, the session lives, and what it offers brings `lab replay` to the same place.
import { readFileSync } from 'node:fs'
import { beforeAll, expect, it, vi } from 'vitest'
import { testHost } from '../session/clock.ts'
import { createLabSession } from '../session/standard.ts'
import { cli } from './cli.ts'

// The bug: the receive handler throws at the third echo request that it sees in one namespace.
vi.mock('../lab/rules.ts', async (original) => {
  const real = await original<typeof import('../lab/rules.ts')>()
  const labRules: typeof real.labRules = (programs) => {
    const rules = real.labRules(programs)
    const handlers = rules.handlers.map((handler, kind) => {
      if (handler === undefined || kind !== 1) return handler
      const broken: typeof handler = (world, target, event) => {
        const { icmp } = event.ref as { icmp: { type: number; seq: number } | null }
        if (icmp?.type === 8 && icmp.seq === 3) throw new Error('a bug of ours')
        handler(world, target, event)
      }
      return broken
    })
    return { ...rules, handlers }
  }
  return { ...real, labRules }
})

const LAB = 'public/labs/1.1-two-namespaces.yaml'
let reproduction = ''
let event = 0
let hash = ''

beforeAll(() => {
  const host = testHost()
  const session = createLabSession(host)
  session.open(readFileSync(LAB, 'utf8'), 7)
  session.setSpeed(5)
  session.play()
  host.advance(60_000)
  const { frozen, running } = session.state()
  expect(running).toBe(false)
  expect(frozen).toMatchObject({ message: 'Error: a bug of ours' })
  reproduction = frozen?.reproduction ?? ''
  event = frozen?.event ?? 0
  hash = session.stateHash()
  // The frozen world is still looked at; going back leaves it, and it freezes at the same place again.
  expect(session.inspect('host.net1').kind).not.toBe('gone')
  expect(session.terminalText(1)).toContain('icmp_seq=2 ttl=64')
  expect(session.step('event', -1)).toMatchObject({ frozen: null, event: event - 1 })
  expect(session.step('event', 1).frozen?.event).toBe(event)
  expect(session.stateHash()).toBe(hash)
})

function run(...words: string[]) {
  let out = ''
  let err = ''
  const code = cli(words, {
    readText: (path) => (path === 'bug.json' ? reproduction : readFileSync(path, 'utf8')),
    writeText: () => undefined,
    writeBytes: () => undefined,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

it('the page’s reproduction freezes `lab replay` at the same event, and says so', () => {
  const { code, err } = run('replay', 'bug.json')
  expect(code).toBe(3)
  expect(err).toContain(`the engine froze at event ${event}: Error: a bug of ours`)
})

it('up to the event before, it replays to the same state every time', () => {
  const before = String(event - 1)
  const first = run('replay', 'bug.json', '--event', before, '--json')
  expect(first.code).toBe(0)
  const state = JSON.parse(first.out)
  expect(state).toMatchObject({ event: event - 1, seed: 7, frozen: null })
  expect(state.hash).not.toBe(hash)
  expect(JSON.parse(run('replay', 'bug.json', '--event', before, '--json').out)).toEqual(state)
})

it('a run of the command line that freezes prints the command that freezes it again', () => {
  const typed = run('run', LAB, '--seed', '7', '--exec', 'host/net1: ping -c 4 20.1.1.2')
  expect(typed.code).toBe(3)
  const again = /npm run -s lab -- (replay .*)/.exec(typed.err)?.[1] ?? ''
  const words = [...again.matchAll(/"([^"]*)"|(\S+)/g)].map((word) => word[1] ?? word[2] ?? '')
  const replayed = run(...words)
  expect(replayed.code).toBe(3)
  expect(/froze at event \d+: .*/.exec(replayed.err)?.[0]).toBe(/froze at event \d+: .*/.exec(typed.err)?.[0])
})
