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

describe.each(LABS)('%s', (file) => {
  it('1,000 random seeks find the hashes of the straight run; the scene by differences is the scene from scratch', () => {
    const host = testHost()
    const session = createLabSession(host)
    const opened = session.open(readFileSync(file, 'utf8'))
    expect([opened.ok, opened.diagnostics]).toEqual([true, []])
    let scene: Scene = session.scene()
    host.clear()
    session.type(session.openTerminal(scene.machines[0]?.id ?? ''), TYPED)
    const hashes = new Map<number, string>()
    for (let i = 0; i < 250; i++) {
      const { event } = session.step('event', 1)
      hashes.set(event, session.stateHash())
    }
    for (const message of host.of('scene')) scene = applyScene(scene, message.diff)
    expect(scene.machines).toEqual(session.scene().machines)
    const rng = createRng(9, 0)
    const events = [...hashes.keys()]
    expect(events.length).toBeGreaterThan(50)
    for (let i = 0; i < 1000; i++) {
      const event = events[nextBelow(rng, events.length)] as number
      session.seek(event)
      expect(session.stateHash()).toBe(hashes.get(event))
    }
    expect(session.state().frozen).toBe(null)
  }, 60_000)
})
