import { expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import { applyScene, diffScene } from './scene.ts'
import type { Scene, SceneMachine } from './types.ts'

function machine(id: string, mtu: number): SceneMachine {
  const port = {
    id: `${id}/eth0`,
    ns: 1,
    ifindex: 2,
    name: 'eth0',
    kind: 'veth',
    mac: '',
    mtu,
    addrs: [`10.0.0.${mtu}/24`],
  }
  const rest = { state: 'up', master: '', lower: '', blocked: false }
  const room = { id, name: '', ns: 1, forwarding: false, ports: [{ ...port, ...rest }] }
  return { id, role: 'host', x: null, y: null, rooms: [room] } as unknown as SceneMachine
}

/** A picture of some of ten machines in some order, some of them changed, chained by edges. */
function randomScene(rng: ReturnType<typeof createRng>): Scene {
  const ids = 'abcdefghij'.split('').filter(() => nextBelow(rng, 3) > 0)
  for (let i = ids.length - 1; i > 0; i--) {
    const k = nextBelow(rng, 8) === 0 ? nextBelow(rng, i + 1) : i
    ;[ids[i], ids[k]] = [ids[k] as string, ids[i] as string]
  }
  const machines = ids.map((id) => machine(id, nextBelow(rng, 2)))
  const edges = ids.slice(1).map((id, i) => ({
    id: `${ids[i]}--${id}`,
    kind: 'veth' as const,
    a: `${ids[i]}/eth0`,
    b: `${id}/eth0`,
    up: nextBelow(rng, 2) === 0,
    note: '',
  }))
  return { machines, edges }
}

function byId(scene: Scene): unknown {
  return { machines: scene.machines, edges: [...scene.edges].sort((a, b) => (a.id < b.id ? -1 : 1)) }
}

it('a difference applied to the old picture gives the new one, over 2,000 random pairs', () => {
  const rng = createRng(5, 0)
  let shown: Scene = { machines: [], edges: [] }
  for (let i = 0; i < 2000; i++) {
    const next = randomScene(rng)
    const diff = diffScene(shown, next)
    if (diff === null) expect(byId(shown)).toEqual(byId(next))
    else {
      shown = applyScene(shown, structuredClone(diff))
      expect(byId(shown)).toEqual(byId(next))
    }
  }
})

it('a difference holds only what changed', () => {
  const before = { machines: [machine('a', 1), machine('b', 1)], edges: [] }
  const after = { machines: [machine('a', 1), machine('b', 2)], edges: [] }
  expect(diffScene(before, after)?.machines.map((one) => one.id)).toEqual(['b'])
  expect(diffScene(before, structuredClone(before))).toBe(null)
})
