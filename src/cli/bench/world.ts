/** What labs cost: memory, boot, checkpoints, seeks, and the session flat out. */
import { createRng, nextBelow } from '../../base/rng.ts'
import { startRun } from '../../lab/headless.ts'
import { submitExec } from '../../lab/rules.ts'
import { linkAdd, linkSet } from '../../net/link/netlink.ts'
import { linkByName } from '../../net/link/device.ts'
import { createNetns } from '../../net/netns.ts'
import { createWorld } from '../../net/world.ts'
import { createLabSession } from '../../session/standard.ts'
import type { SessionHost } from '../../session/local.ts'
import { checkpointStride } from '../../session/pace.ts'
import { SPEEDS } from '../../session/types.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { maybeCheckpoint } from '../../sim/timeline.ts'
import { blockLab } from './labs.ts'
import { median, type Row } from './report.ts'

const SPACES = 10_000
const FLAT_OUT = SPEEDS.length - 1
const seconds = (from: number): number => (performance.now() - from) / 1000

/** Bytes of heap that `make` leaves behind for each of `n`. */
function bytesEach(n: number, make: () => unknown): number {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) return Number.NaN
  gc()
  const before = process.memoryUsage().heapUsed
  const kept = make()
  gc()
  const after = process.memoryUsage().heapUsed
  return kept === undefined ? Number.NaN : (after - before) / n
}

function spacesWorld(pairs: boolean) {
  const world = createWorld(1, 1024)
  world.scalars.ipv6Off = 1
  const host = createNetns(world, 'host', 0)
  for (let i = 0; i < SPACES; i++) {
    const ns = createNetns(world, `host.n${i}`, 0)
    if (!pairs) continue
    linkAdd(world, host, { kind: 'veth', name: `v${i}`, peer: { name: 'eth0', ns: ns.id } })
    for (const [at, name] of [
      [host, `v${i}`],
      [ns, 'eth0'],
    ] as const) {
      const link = linkByName(at, name)
      if (link === undefined) throw new Error('bench: the veth is missing')
      linkSet(world, at, link, { up: true })
    }
  }
  return world
}

export function benchMemory(): Row[] {
  const plain = { unit: 'bytes', reference: 0, against: '' }
  return [
    { name: 'a namespace with lo', value: bytesEach(SPACES, () => spacesWorld(false)), ...plain, aim: '' },
    {
      name: 'a namespace with a veth pair, both ends up',
      value: bytesEach(SPACES, () => spacesWorld(true)),
      ...plain,
      aim: 'a few hundred',
    },
  ]
}

export function benchBoot(): Row[] {
  const { text } = blockLab(200)
  const times: number[] = []
  let events = 0
  for (let i = 0; i < 5; i++) {
    const from = performance.now()
    const { run } = startRun(text)
    times.push(seconds(from) * 1000)
    if (run === undefined || run.boot.some((line) => line.code !== 0))
      throw new Error('bench: the lab does not boot')
    events = run.world.nEvents
  }
  return [
    {
      name: `boot of 201 machines, ${events} events`,
      value: median(times),
      unit: 'ms',
      reference: 0,
      against: '',
      aim: '',
    },
  ]
}

/** Events a second of a busy lab; `stride` 0 takes no checkpoints. */
function busyPerSecond(stride: number, events: number): number {
  const lab = blockLab(50)
  const { run } = startRun(lab.text)
  if (run === undefined) throw new Error('bench: the lab was refused')
  const { world, rules } = run
  for (const { host, to } of lab.pairs) submitExec(world, rules, host, `ping -i 0.001 ${to} > /dev/null`)
  runUntil(world, rules, { maxEvents: 20_000 })
  const from = performance.now()
  for (let n = 0; n < events; n += 128) {
    runUntil(world, rules, { maxEvents: 128 })
    if (stride > 0) maybeCheckpoint(world, stride)
  }
  if (world.frozen !== undefined) throw new Error(world.frozen.message)
  return events / seconds(from)
}

export function benchCheckpoints(): Row[] {
  const kinds = [
    { name: 'flat out', stride: checkpointStride(0), aim: '0.8' },
    { name: 'at a pace to watch', stride: checkpointStride(SPEEDS[0]), aim: '' },
  ]
  const rates = kinds.map(() => [] as number[])
  const without: number[] = []
  for (let i = 0; i < 5; i++) {
    without.push(busyPerSecond(0, 200_000))
    for (const [k, { stride }] of kinds.entries()) rates[k]?.push(busyPerSecond(stride, 200_000))
  }
  return kinds.map(({ name, stride, aim }, k) => ({
    name: `checkpoints as ${name} (every ${stride} events or more)`,
    value: median(rates[k] ?? []),
    unit: 'events/s',
    reference: median(without),
    against: 'without checkpoints',
    aim,
  }))
}

/** A host that runs what is due as fast as it can, and a page that acknowledges at once. */
function quickHost(acknowledge: (seq: number) => void): { host: SessionHost; runFor(ms: number): void } {
  const due: { id: number; fn: () => void }[] = []
  let next = 1
  const host: SessionHost = {
    post: (message) => {
      if ('seq' in message) acknowledge(message.seq)
    },
    now: () => performance.now(),
    later: (_ms, fn) => {
      due.push({ id: next, fn })
      return next++
    },
    cancel: (id) => {
      const at = due.findIndex((one) => one.id === id)
      if (at >= 0) due.splice(at, 1)
    },
  }
  const runFor = (ms: number) => {
    const until = performance.now() + ms
    while (performance.now() < until) {
      const task = due.shift()
      if (task === undefined) return
      task.fn()
    }
  }
  return { host, runFor }
}

function busySession() {
  const acknowledge = (seq: number) => session.ack(seq)
  const { host, runFor } = quickHost(acknowledge)
  const session = createLabSession(host)
  const opened = session.open(blockLab(50, 32, 0.001).text, 1)
  if (!opened.ok || opened.diagnostics.length > 0) throw new Error('bench: the lab was refused')
  session.setSpeed(FLAT_OUT)
  return { session, runFor }
}

export function benchSession(): Row[] {
  const { session, runFor } = busySession()
  session.play()
  runFor(500)
  const rates: number[] = []
  for (let i = 0; i < 5; i++) {
    const before = session.state().event
    const from = performance.now()
    runFor(600)
    rates.push((session.state().event - before) / seconds(from))
  }
  session.pause()
  const direct = busyPerSecond(0, 200_000)
  const { headEvent, frozen } = session.state()
  if (frozen !== null) throw new Error(frozen.message)
  const rng = createRng(1, 0)
  const seeks: number[] = []
  for (let i = 0; i < 200; i++) {
    const event = 1 + nextBelow(rng, headEvent)
    const from = performance.now()
    session.seek(event)
    seeks.push(performance.now() - from)
  }
  const backs: number[] = []
  for (let i = 0; i < 50; i++) {
    const from = performance.now()
    session.step('event', -1)
    backs.push(performance.now() - from)
  }
  const plain = { unit: 'ms', reference: 0, against: '' }
  return [
    {
      name: 'session as fast as possible, 50 machines, 32 pings every ms',
      value: median(rates),
      unit: 'events/s',
      reference: direct,
      against: 'the bare loop without session and checkpoints',
      aim: '',
    },
    { name: `seek, median of 200 in a run of ${headEvent} events`, value: median(seeks), ...plain, aim: '' },
    { name: 'seek, the worst of them', value: Math.max(...seeks), ...plain, aim: '' },
    { name: 'one event back, median of 50', value: median(backs), ...plain, aim: '' },
  ]
}
