// Random labs, random commands: every packet that was born ends somewhere or is somewhere, and every trace is a path.
// One seed alone: RANDOM_SEED=N npx vitest run src/lab/traces.slow.test.ts
import { expect, it } from 'vitest'
import { createRng } from '../base/rng.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepAction, StepKind } from '../net/trace.ts'
import { Ev } from '../net/events.ts'
import type { Netns, Packet, World } from '../net/types.ts'
import { findNetns } from '../net/world.ts'
import { runUntil } from '../sim/dispatch.ts'
import { forEachEvent } from '../sim/queue.ts'
import { dispositionOf, groupHops, groupTraces } from '../view/trace-view.ts'
import { recordSteps, startRun, takeSteps } from './headless.ts'
import { randomLine } from './random-commands.ts'
import { randomLab } from './random-lab.ts'
import { submitExec } from './rules.ts'

const SEEDS =
  process.env.RANDOM_SEED === undefined
    ? Array.from({ length: 120 }, (_, i) => i)
    : [Number(process.env.RANDOM_SEED)]
const MOST_STEPS = 400_000
const DISPOSITIONS = ['ACCEPTED', 'ANSWERED', 'DELIVERED', 'IN_FLIGHT', 'DROPPED', 'FLOODED']

function runRandomly(seed: number): { world: World; steps: StepDetail[] } {
  const lab = randomLab(seed)
  const { run } = startRun(lab.text)
  if (run === undefined) throw new Error('the lab was refused')
  const { world, rules } = run
  recordSteps(run, MOST_STEPS)
  const rng = createRng(seed, 9)
  for (let i = 0; i < 25; i++) {
    const { room, line } = randomLine(rng, lab)
    submitExec(world, rules, room, line)
    runUntil(world, rules, { untilAt: world.now + 1e9, maxEvents: 3000 })
  }
  if (world.frozen !== undefined) throw new Error(`frozen at event ${world.nEvents}: ${world.frozen.message}`)
  const { steps, lost } = takeSteps(run)
  if (lost > 0) throw new Error(`${lost} steps were left out`)
  return { world, steps }
}

/** Ids of the packets that are on a wire, wait for a neighbour, or lie among the fragments of one that is not whole. */
function packetsAbout(world: World): Set<number> {
  const about = new Set<number>()
  forEachEvent(world.queue, (event) => {
    if (event.kind === Ev.LinkRx && findNetns(world, event.target) !== undefined) {
      about.add((event.ref as Packet).id)
    }
  })
  for (const target of world.targets) {
    const ns = target as Netns | undefined
    if (ns?.type !== 'netns') continue
    for (const byIp of ns.neigh?.values() ?? []) {
      for (const neigh of byIp.values()) for (const packet of neigh.queue) about.add(packet.id)
    }
  }
  return about
}

function groupBy<K>(steps: readonly StepDetail[], key: (step: StepDetail) => K): Map<K, StepDetail[]> {
  const groups = new Map<K, StepDetail[]>()
  for (const step of steps) groups.set(key(step), [...(groups.get(key(step)) ?? []), step])
  return groups
}

const isEnd = (step: StepDetail) => step.kind === StepKind.Deliver || step.kind === StepKind.Drop

/** Why the life of one copy cannot be, or ''. */
function lifeMistake(life: StepDetail[], trace: StepDetail[], about: ReadonlySet<number>): string {
  const first = life[0]
  const last = life[life.length - 1]
  const born =
    first.kind === StepKind.Originate ||
    trace.some((step) => step.event === first.event && step.packet !== first.packet)
  if (!born) return 'a copy out of nowhere'
  const end = life.findIndex(isEnd)
  // Several may take the same packet, in one breath: a raw socket and the protocol; an ARP answer is then consumed.
  if (end >= 0 && life.slice(end).some((step) => !isEnd(step) || step.event !== life[end].event)) {
    return 'goes on after its end'
  }
  if (end >= 0) {
    if (about.has(first.packet)) return 'ended, and still under way'
    return last.kind === StepKind.Drop && last.reason === '' ? 'dropped without a reason' : ''
  }
  // Its pieces go on, or it went into the whole.
  if (last.kind === StepKind.Fragment) return ''
  if (last.kind === StepKind.Reassemble && last.action === StepAction.Parked) return ''
  return about.has(first.packet) ? '' : 'vanished'
}

/** Why the way of one copy cannot be, or ''. */
function wayMistake(life: StepDetail[]): string {
  const hops = [...groupBy(life, (step) => step.event).values()]
  for (let i = 1; i < hops.length; i++) {
    const before = hops[i - 1]
    const left = before[before.length - 1]
    const came = hops[i][0]
    if (came.kind === StepKind.Rx) {
      if (left.kind !== StepKind.Tx) return 'arrives without having been sent'
      if (left.headers.ttl !== came.headers.ttl) return 'its TTL changes on the wire'
    } else if (came.kind === StepKind.Drop && left.kind === StepKind.Tx) continue
    else if (left.kind === StepKind.Tx || left.ns !== came.ns) return 'is elsewhere without arriving'
    const forwarded = hops[i].some((step) => step.kind === StepKind.Forward)
    const leaves = hops[i][hops[i].length - 1].headers.ttl
    if (leaves !== came.headers.ttl - (forwarded ? 1 : 0))
      return 'its TTL falls otherwise than by one a router'
  }
  return ''
}

function traceMistake(steps: StepDetail[], about: ReadonlySet<number>): string {
  const { disposition, reason } = dispositionOf(steps)
  if (!DISPOSITIONS.includes(disposition)) return `ends as ${disposition}`
  if (disposition === 'DROPPED' && reason === '') return 'dropped without a reason'
  const hops = groupHops(steps)
  const stray = hops.findIndex((hop, i) => i > 0 && hop[0].kind !== StepKind.Rx && !isEnd(hop[0]))
  if (stray > 0) return `hop ${stray} does not begin with an arrival`
  const rooms = hops.filter((hop) => !hop.some((step) => step.kind === StepKind.Tx))
  if (rooms.length === hops.length && hops.length > 1) return 'several hops and nothing sent'
  for (const life of groupBy(steps, (step) => step.packet).values()) {
    const mistake = lifeMistake(life, steps, about) || wayMistake(life)
    if (mistake !== '') return `copy ${life[0].packet} ${mistake}: ${lifeText(life)}`
  }
  return ''
}

function lifeText(life: StepDetail[]): string {
  return life
    .map((s) => `${s.event} ${s.nsName}/${s.dev} ${s.kind}.${s.action}${s.reason} ttl ${s.headers.ttl}`)
    .join('; ')
}

it.each(SEEDS)('random lab %i: no packet is lost without a word', (seed) => {
  const { world, steps } = runRandomly(seed)
  const about = packetsAbout(world)
  const mistakes: string[] = []
  for (const [id, trace] of groupTraces(steps)) {
    const mistake = traceMistake(trace, about)
    if (mistake !== '') mistakes.push(`trace ${id}: ${mistake}`)
  }
  expect(mistakes, `RANDOM_SEED=${seed} npx vitest run src/lab/traces.slow.test.ts`).toEqual([])
})
