/** Tests only: somebody at a random lab, typing, drawing, playing, going back and typing again. */
import type { Rng } from '../base/rng.ts'
import { createRng, nextBelow } from '../base/rng.ts'
import { buildWorld } from '../lab/build.ts'
import { parseLab } from '../lab/parse.ts'
import { randomLine } from '../lab/random-commands.ts'
import type { RandomLab } from '../lab/random-lab.ts'
import { chance, pick, randomLab } from '../lab/random-lab.ts'
import { standardRules } from '../lab/standard.ts'
import type { World } from '../net/types.ts'
import { runUntil } from '../sim/dispatch.ts'
import { stateHash } from '../sim/timeline.ts'
import { testHost } from './clock.ts'
import type { TestHost } from './clock.ts'
import { createLabSession } from './standard.ts'
import type { LocalSession } from './local.ts'
import type { Reproduction } from './reproduction.ts'
import { parseReproduction } from './reproduction.ts'

/** Looks at the clock cost so much real time that a slice flat out is some 2,000 events. */
const LOOK_MS = 0.5
const FLAT_OUT = 6
const MOST_EVENTS = 6000

interface Player {
  rng: Rng
  lab: RandomLab
  host: TestHost
  session: LocalSession
  ttys: number[]
}

/** A session in which somebody did `actions` random things. It is paused at the head of its last branch. */
export function playRandomly(seed: number, actions: number): LocalSession {
  const lab = randomLab(seed)
  const host = testHost(LOOK_MS)
  const session = createLabSession(host)
  const opened = session.open(lab.text, seed)
  if (!opened.ok) throw new Error(`the lab was refused: ${opened.diagnostics[0]?.message}`)
  const player: Player = { rng: createRng(seed, 5), lab, host, session, ttys: [] }
  for (const room of lab.rooms.slice(0, 3)) {
    const tty = session.openTerminal(room.name)
    session.type(tty, `ping -i 0.2 ${pick(player.rng, lab.addresses)}\r`)
  }
  for (let i = 0; i < actions; i++) act(player)
  session.pause()
  session.seek(session.state().headEvent)
  return session
}

/** The same run from its reproduction, forwards only and without a checkpoint: hashes after the given events, in order. */
export function straightHashes(reproduction: string, events: readonly number[]): string[] {
  const read = parseReproduction(reproduction)
  if (typeof read === 'string') throw new Error(read)
  const { world, rules } = straightWorld(read)
  return events.map((event) => {
    runUntil(world, rules, { untilEvent: event, maxEvents: Number.POSITIVE_INFINITY })
    if (world.nEvents !== event)
      throw new Error(`the straight run ends at event ${world.nEvents}, not ${event}`)
    return stateHash(world)
  })
}

/** The world that the same run comes to at an event, forwards only. */
export function straightRun(reproduction: string, event: number): World {
  const read = parseReproduction(reproduction)
  if (typeof read === 'string') throw new Error(read)
  const { world, rules } = straightWorld(read)
  runUntil(world, rules, { untilEvent: event, maxEvents: Number.POSITIVE_INFINITY })
  return world
}

/** What went wrong with this seed, or '': `seeks` random seeks in a random run against the straight run. */
export function rewindMistake(seed: number, seeks: number): string {
  const session = playRandomly(seed, 120)
  const { frozen, headEvent } = session.state()
  if (frozen !== null) return `frozen at event ${frozen.event}: ${frozen.message}\n${frozen.reproduction}`
  const rng = createRng(seed, 6)
  const first = session.seek(0).event
  const events = [
    ...new Set(Array.from({ length: seeks }, () => first + nextBelow(rng, headEvent - first + 1))),
  ]
  const sorted = [...events].sort((a, b) => a - b)
  session.seek(headEvent)
  const reproduction = session.reproduction()
  const hashes = straightHashes(reproduction, sorted)
  const again = straightHashes(reproduction, [headEvent])
  if (again[0] !== session.stateHash()) return 'the same seed and inputs end in another state'
  const wanted = new Map(sorted.map((event, i) => [event, hashes[i]]))
  let from = headEvent
  for (let i = 0; i < seeks; i++) {
    const event = pick(rng, events)
    session.seek(event)
    if (session.stateHash() !== wanted.get(event)) return `seek from event ${from} to ${event}: another state`
    from = event
  }
  return ''
}

function straightWorld({ lab: text, seed, inputs }: Reproduction): {
  world: World
  rules: ReturnType<typeof standardRules>
} {
  const { lab } = parseLab(text)
  if (lab === undefined) throw new Error('the reproduction holds no lab')
  const rules = standardRules()
  const { world } = buildWorld(lab, text, seed, rules)
  world.checkpoints.length = 0
  world.inputs.push(...inputs)
  return { world, rules }
}

function act(player: Player): void {
  const { rng, session } = player
  if (session.state().event > MOST_EVENTS && !chance(rng, 4)) return
  const kind = nextBelow(rng, 12)
  if (kind < 5) typeSomething(player)
  else if (kind < 7) for (let i = nextBelow(rng, 40); i > 0; i--) session.step('event', 1)
  else if (kind === 7) playFor(player, 3 + nextBelow(rng, 3), 2000)
  else if (kind === 8) playFor(player, FLAT_OUT, 30)
  else if (kind === 9) draw(player)
  // What is typed after going back begins a new branch.
  else if (kind === 10 && chance(rng, 3)) session.seek(session.state().headEvent - nextBelow(rng, 400))
  else session.step(pick(rng, ['hop', 'packet'] as const), chance(rng, 8) ? -1 : 1)
}

function typeSomething({ rng, lab, session, ttys }: Player): void {
  if (ttys.length === 0 || chance(rng, 5)) {
    const tty = session.openTerminal(pick(rng, lab.rooms).name)
    if (tty > 0) ttys.push(tty)
  }
  const tty = pick(rng, ttys)
  if (tty === undefined) return
  if (chance(rng, 12)) session.closeTerminal(tty)
  else if (chance(rng, 6)) session.type(tty, '\x03')
  else session.type(tty, `${randomLine(rng, lab).line}\r`)
}

function playFor({ host, session }: Player, speed: number, ms: number): void {
  session.setSpeed(speed)
  session.play()
  host.advance(ms)
  session.pause()
  host.clear()
}

function draw({ rng, session }: Player): void {
  const machines = session.scene().machines.map((machine) => machine.id)
  switch (nextBelow(rng, 5)) {
    case 0:
      session.edit({ op: 'addMachine', role: pick(rng, ['host', 'router', 'switch'] as const), x: 0, y: 0 })
      break
    case 1:
      session.edit({ op: 'connect', a: pick(rng, machines), b: pick(rng, machines) })
      break
    case 2:
      session.edit({ op: 'addNetns', machine: pick(rng, machines) })
      break
    case 3:
      if (machines.length > 2) session.edit({ op: 'remove', ids: [pick(rng, machines)] })
      break
    default:
      session.apply(session.text().replace(/10\.1\.0\.2\/24/, '10.1.0.66/24'))
  }
}
