import { expect, it } from 'vitest'
import { dev, doLine, netOf, nsOf } from '../net/ip/checkip.ts'
import { wireSet } from '../net/link/cable.ts'
import { linkAdd, linkSet } from '../net/link/netlink.ts'
import { createRng, nextBelow } from '../base/rng.ts'
import { applyScene, diffScene, sceneOf } from './scene.ts'
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

it('shows what a world has: rooms, ports with their state, and what joins them', () => {
  const world = netOf(
    'link h.red/veth0 h/br-red\nlink h/eth0 r/eth0\naddr h.red/veth0 10.0.0.1/24\naddr h.red/veth0 10.0.9.1/32',
  )
  linkAdd(world, nsOf(world, 'h'), { kind: 'bridge', name: 'br0' })
  linkSet(world, nsOf(world, 'h'), dev(world, 'h/br-red'), { master: dev(world, 'h/br0').ifindex })
  doLine(world, 'sysctl r net.ipv4.ip_forward=1')
  doLine(world, 'down r/eth0')
  wireSet(world, nsOf(world, 'h'), dev(world, 'h/eth0'), { latencyNs: 20_000_000, lossPpm: 100_000 }, true)
  const places = new Map([['r', { role: 'router' as const, x: 7, y: 8 }]])
  const { machines, edges } = sceneOf(world, places)
  expect(machines.map(({ id, role, x, y }) => [id, role, x, y])).toEqual([
    ['h', 'host', null, null],
    ['r', 'router', 7, 8],
  ])
  // The root namespace comes first although the other one is older.
  expect(machines[0]?.rooms.map((room) => [room.id, room.name, room.forwarding])).toEqual([
    ['h', '', false],
    ['h.red', 'red', false],
  ])
  expect(machines[1]?.rooms[0]?.forwarding).toBe(true)
  const ports = machines.flatMap((one) => one.rooms).flatMap((room) => room.ports)
  const port = (id: string) => ports.find((one) => one.id === id)
  expect(port('h.red/veth0')).toMatchObject({
    addrs: ['10.0.0.1/24', '10.0.9.1/32'],
    state: 'up',
    master: '',
  })
  expect(port('h/br-red')).toMatchObject({ kind: 'veth', master: 'h/br0' })
  expect([port('h/eth0')?.state, port('r/eth0')?.state, port('h/br0')?.state]).toEqual([
    'no-carrier',
    'down',
    'down',
  ])
  expect(edges.map(({ id, kind, up, note }) => [id, kind, up, note])).toEqual([
    ['h.red/veth0--h/br-red', 'veth', true, ''],
    ['h/eth0--r/eth0', 'veth', false, 'latency 20 ms, loss 10 %'],
  ])
})
