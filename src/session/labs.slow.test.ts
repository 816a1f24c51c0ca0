// Rewind over every lab of public/labs: any moment again is the same world.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import { applyScene } from '../view/scene.ts'
import type { Scene } from '../view/types.ts'
import { testHost } from './clock.ts'
import { createLabSession } from './standard.ts'

const LABS = readdirSync('public/labs')
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => `public/labs/${name}`)

/** What somebody types besides the lab's own start: packets, processes and changed tables in every lab. */
const TYPED =
  'for i in 1 2 3 4; do ping -c 1 -W 1 127.0.0.1; sleep 0.3; ip link set lo down; ip link set lo up; done\r'

/** A cluster's world is large: fewer moments of it, unless LAB_SEEKS says how many. */
function seeksOf(text: string): number {
  if (process.env.LAB_SEEKS !== undefined) return Number(process.env.LAB_SEEKS)
  return text.includes('kubehop.dev/node') ? 40 : 1000
}

describe.each(LABS)('%s', (file) => {
  it('random seeks find the hashes of the straight run; the scene by differences is the scene from scratch', () => {
    const text = readFileSync(file, 'utf8')
    const seeks = seeksOf(text)
    const host = testHost()
    const session = createLabSession(host)
    const opened = session.open(text)
    expect([opened.ok, opened.diagnostics]).toEqual([true, []])
    let scene: Scene = session.scene()
    host.clear()
    session.type(session.openTerminal(scene.machines[0]?.id ?? ''), TYPED)
    const hashes = new Map<number, string>()
    for (let i = 0; i < Math.min(250, seeks * 3); i++) {
      const { event } = session.step('event', 1)
      hashes.set(event, session.stateHash())
    }
    for (const message of host.of('scene')) scene = applyScene(scene, message.diff)
    expect(scene.machines).toEqual(session.scene().machines)
    const rng = createRng(9, 0)
    const events = [...hashes.keys()]
    expect(events.length).toBeGreaterThan(50)
    for (let i = 0; i < seeks; i++) {
      const event = events[nextBelow(rng, events.length)] as number
      session.seek(event)
      expect(session.stateHash()).toBe(hashes.get(event))
    }
    expect(session.state().frozen).toBe(null)
  }, 60_000)
})
