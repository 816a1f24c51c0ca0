// 100,000 frames that nobody should trust arrive at devices of running labs: real frames with bytes changed, cut off or
// added, addresses of the lab put in. Nothing throws, nothing hangs, and a packet is never handed to two owners.
// One lab alone: RANDOM_SEED=N npx vitest run src/lab/frames.slow.test.ts
import { expect, it } from 'vitest'
import { parseIp4 } from '../base/addr.ts'
import type { Rng } from '../base/rng.ts'
import { createRng, nextBelow } from '../base/rng.ts'
import { Ev } from '../net/events.ts'
import { createPacket } from '../net/packet.ts'
import { DROP_REASONS, RECORD_WORDS } from '../net/trace.ts'
import type { Link, Netns, Packet, World } from '../net/types.ts'
import { runUntil, schedule } from '../sim/dispatch.ts'
import { queueSize } from '../sim/queue.ts'
import { checkpoint, seek, stateHash } from '../sim/timeline.ts'
import { decodeFrame } from '../wire/decode.ts'
import { REAL_FRAMES } from '../wire/frames.fixture.ts'
import { startRun } from './headless.ts'
import { randomCommand } from './random-commands.ts'
import type { RandomLab } from './random-lab.ts'
import { chance, pick, randomLab } from './random-lab.ts'
import { submitExec } from './rules.ts'

const LABS = 20
const FRAMES = 5000
const SEEDS =
  process.env.RANDOM_SEED === undefined
    ? Array.from({ length: LABS }, (_, i) => 300 + i)
    : [Number(process.env.RANDOM_SEED)]
const BATCH = 50

const frames = REAL_FRAMES.map(({ hex }) =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)),
)

function write(bytes: Uint8Array, at: number, value: number, size: number): void {
  for (let i = 0; i < size && at + i < bytes.length; i++) {
    bytes[at + i] = Math.floor(value / 256 ** (size - 1 - i)) % 256
  }
}

/** A real frame with some of it changed; most are still frames, for somebody who is there. */
function randomFrame(rng: Rng, lab: RandomLab, link: Link): Uint8Array {
  const from = pick(rng, frames)
  const bytes = new Uint8Array(chance(rng, 12) ? nextBelow(rng, 200) : from.length)
  bytes.set(from.subarray(0, bytes.length))
  if (!chance(rng, 4)) write(bytes, 0, chance(rng, 3) ? 0xffffffffffff : link.mac, 6)
  if (chance(rng, 2)) write(bytes, 6, 0x020000000000 + nextBelow(rng, 50), 6)
  const address = () => (parseIp4(pick(rng, lab.addresses)) ?? 0) >>> 0
  const isArp = bytes[12] === 8 && bytes[13] === 6
  const isIp = bytes[12] === 8 && bytes[13] === 0
  if (isIp || isArp) {
    if (!chance(rng, 4)) write(bytes, isArp ? 28 : 26, address(), 4)
    if (!chance(rng, 4)) write(bytes, isArp ? 38 : 30, address(), 4)
  }
  if (isIp && chance(rng, 3)) write(bytes, 20, nextBelow(rng, 65536), 2)
  if (isIp && chance(rng, 4)) bytes[22] = nextBelow(rng, 4)
  for (let n = pick(rng, [0, 0, 1, 1, 2, 5]); n > 0; n--) {
    const at = 12 + nextBelow(rng, Math.max(1, bytes.length - 12))
    if (at < bytes.length) bytes[at] = nextBelow(rng, 256)
  }
  return bytes
}

function netnsWithLinks(world: World): Netns[] {
  return world.targets.filter((one) => (one as Netns | undefined)?.type === 'netns') as Netns[]
}

/** Schedules a frame as the wire would; false where no network card would take it for a frame. */
function inject(rng: Rng, world: World, lab: RandomLab): boolean {
  const ns = pick(rng, netnsWithLinks(world))
  const link = pick(rng, ns.links)
  if (link === undefined) return false
  const decoded = decodeFrame(randomFrame(rng, lab, link))
  if (decoded === undefined) return false
  const fresh = createPacket(world, decoded.packet.etherType, 0)
  const packet: Packet = { ...fresh, ...decoded.packet, id: fresh.id, trace: fresh.trace, cause: 0 }
  schedule(world, world.now + 1 + nextBelow(rng, 100_000), Ev.LinkRx, ns.id, link.ifindex, packet)
  return true
}

function dropReasons(world: World): Set<string> {
  const { ring } = world.recorder
  const seen = new Set<string>()
  for (let i = 6; i < ring.length; i += RECORD_WORDS)
    if ((ring[i] & 255) === 15) seen.add(DROP_REASONS[ring[i] >>> 16])
  return seen
}

it.each(SEEDS)(
  `random lab %i takes ${FRAMES} random frames`,
  (seed) => {
    const rng = createRng(seed, 3)
    const lab = randomLab(seed, { loops: false })
    const { run } = startRun(lab.text)
    if (run === undefined) throw new Error('the lab was refused')
    const { world, rules } = run
    const again = `RANDOM_SEED=${seed} npx vitest run src/lab/frames.slow.test.ts`
    let injected = 0
    while (injected < FRAMES) {
      const { room, line } = randomCommand(rng, lab)
      submitExec(world, rules, room, line)
      for (let n = 0; n < BATCH; ) {
        if (!inject(rng, world, lab)) continue
        n++
        injected++
      }
      // What was scheduled from outside is no input: only a checkpoint after it can come back to it.
      checkpoint(world)
      world.checkpoints.splice(0, world.checkpoints.length - 1)
      const from = world.nEvents
      const ran = runUntil(world, rules, { untilAt: world.now + 20_000_000, maxEvents: 50_000 })
      expect(world.frozen, again).toBeUndefined()
      expect(ran, `${again}: events without end`).toBeLessThan(50_000)
      if (injected % 1000 !== 0) continue
      const hash = stateHash(world)
      seek(world, rules, from + (ran >> 1))
      seek(world, rules, from + ran)
      expect(stateHash(world), `${again}: another state after going back`).toBe(hash)
    }
    expect(queueSize(world.queue), again).toBeLessThan(20_000)
    expect(dropReasons(world).size).toBeGreaterThan(4)
  },
  60_000,
)
