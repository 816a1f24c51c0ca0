import { describe, expect, it } from 'vitest'
import type { SceneEdge, SceneMachine, ScenePort } from '../../view/types.ts'
import type { SceneState } from '../client/store.ts'
import { textWidth } from './boxes.ts'
import { draw, emptyDrawing } from './drawing.ts'
import { layOut } from './layOut.ts'
import { pointAt } from './paths.ts'
import { placeMachines, stepAside } from './place.ts'

function port(
  room: string,
  ns: number,
  ifindex: number,
  name: string,
  rest: Partial<ScenePort> = {},
): ScenePort {
  const id = `${room}/${name}`
  const common = {
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    addrs: [],
    state: 'up',
    master: '',
    lower: '',
  } as const
  return { ...common, id, ns, ifindex, name, kind: 'veth', blocked: false, ...rest } as ScenePort
}

/** Three namespaces on one bridge, and a router behind a cable. */
function scene(positions: Record<string, { x: number; y: number }> = {}): SceneState {
  const rooms = ['red', 'blue', 'green'].map((name, i) => {
    const id = `n1.${name}`
    return {
      id,
      name,
      ns: i + 2,
      forwarding: false,
      ports: [port(id, i + 2, 2, 'eth0', { addrs: [`10.0.0.${i + 1}/24`] })],
    }
  })
  const root = {
    id: 'n1',
    name: '',
    ns: 1,
    forwarding: true,
    ports: [
      port('n1', 1, 2, 'eth0', { kind: 'phys' }),
      port('n1', 1, 3, 'br0', { kind: 'bridge' }),
      ...['red', 'blue', 'green'].map((name, i) => port('n1', 1, 4 + i, `v-${name}`, { master: 'n1/br0' })),
    ],
  }
  const router = {
    id: 'r1',
    name: '',
    ns: 9,
    forwarding: true,
    ports: [port('r1', 9, 2, 'eth0', { kind: 'phys' })],
  }
  const at = (id: string) => positions[id] ?? { x: null, y: null }
  const machines: SceneMachine[] = [
    { id: 'n1', role: 'host', ...at('n1'), rooms: [root, ...rooms] },
    { id: 'r1', role: 'router', ...at('r1'), rooms: [router] },
  ]
  const edge = (kind: SceneEdge['kind'], a: string, b: string): SceneEdge => ({
    id: `${a}--${b}`,
    kind,
    a,
    b,
    up: true,
    note: '',
  })
  const edges = [
    ...['red', 'blue', 'green'].map((name) => edge('veth', `n1.${name}/eth0`, `n1/v-${name}`)),
    edge('cable', 'n1/eth0', 'r1/eth0'),
  ]
  return {
    machines: Object.fromEntries(machines.map((machine) => [machine.id, machine])),
    order: machines.map((machine) => machine.id),
    edges: Object.fromEntries(edges.map((one) => [one.id, one])),
    version: 1,
  }
}

const drawn = (state: SceneState, before = emptyDrawing) =>
  draw(state, placeMachines(state, before.places, layOut), before)

describe('the drawing', () => {
  it('puts every room, bridge and port inside its machine and no room on another', () => {
    const { boxes } = drawn(scene())
    for (const box of Object.values(boxes)) {
      for (const one of [...box.rooms, ...box.bars]) {
        expect(one.x).toBeGreaterThanOrEqual(0)
        expect(one.y).toBeGreaterThanOrEqual(box.top)
        expect(one.x + one.w).toBeLessThanOrEqual(box.w)
        expect(one.y + one.h).toBeLessThanOrEqual(box.h)
      }
      for (const one of box.ports) {
        expect(one.x).toBeGreaterThanOrEqual(0)
        expect(one.x).toBeLessThanOrEqual(box.w)
      }
    }
    const [a, b] = boxes.n1!.rooms
    expect(a!.x + a!.w).toBeLessThan(b!.x)
  })

  it('gives every wire a way from the rim of one port to the rim of the other', () => {
    const drawing = drawn(scene())
    expect(Object.keys(drawing.wires)).toHaveLength(4)
    for (const { edge, path } of Object.values(drawing.wires)) {
      const out = { x: 0, y: 0 }
      for (const [id, part] of [
        [edge.a, 0],
        [edge.b, 1],
      ] as const) {
        pointAt(path, part, out)
        const box = drawing.ports[id]!
        const place = drawing.places[id.split(/[./]/)[0]!]!
        const gap = Math.hypot(out.x - box.x - place.x, out.y - box.y - place.y)
        expect(gap).toBeCloseTo(5, 1)
      }
    }
  })

  it('samples a way at equal steps, so that packets keep their pace', () => {
    const { path } = Object.values(drawn(scene()).wires).find((wire) => wire.edge.kind === 'cable')!
    const points = Array.from({ length: 21 }, (_, i) => {
      const out = { x: 0, y: 0 }
      pointAt(path, i / 20, out)
      return out
    })
    const steps = points.slice(1).map((p, i) => Math.hypot(p.x - points[i]!.x, p.y - points[i]!.y))
    expect(Math.max(...steps) / Math.min(...steps)).toBeLessThan(1.1)
  })

  it('is the same twice, and keeps what did not change', () => {
    const first = drawn(scene())
    expect(drawn(scene())).toEqual(first)
    const again = drawn(scene(), first)
    expect(again.boxes.n1).toBe(first.boxes.n1)
    expect(again.places).toEqual(first.places)
  })

  it('takes the places that the lab gives, and turns ports towards their neighbours', () => {
    const right = drawn(scene({ n1: { x: 0, y: 0 }, r1: { x: 900, y: 40 } }))
    expect(right.places.r1).toEqual({ x: 900, y: 40 })
    expect(right.ports['n1/eth0']!.side).toBe('right')
    expect(right.ports['r1/eth0']!.side).toBe('left')
    const below = drawn(scene({ n1: { x: 0, y: 0 }, r1: { x: 40, y: 900 } }))
    expect(below.ports['n1/eth0']!.side).toBe('bottom')
    expect(below.ports['r1/eth0']!.side).toBe('top')
  })

  it('holds the names of all ports of a bridge, whatever rows its rooms stand in', () => {
    const state = scene()
    const [root] = state.machines.n1!.rooms
    const names = ['search-0', 'search-1', 'search-2', 'kibana-795755b86-q9ljc', 'kibana-774b56bb4d-b9chm']
    const rooms = names.map((name, i) => {
      const id = `n1.elder-marsupial-${name}`
      const ports = [port(id, i + 2, 2, 'eth0', { addrs: [`10.32.0.${i + 4}/12`] })]
      return { id, name: `elder-marsupial-${name}`, ns: i + 2, forwarding: false, ports }
    })
    const members = rooms.map((_, i) => port('n1', 1, 4 + i, `veth88d73a5${i}`, { master: 'n1/br0' }))
    const ports = [...root!.ports.filter((one) => one.master === ''), ...members]
    const machines = { n1: { ...state.machines.n1!, rooms: [{ ...root!, ports }, ...rooms] } }
    const edges = Object.fromEntries(
      rooms.map(({ id }, i) => {
        const a = `${id}/eth0`
        return [`${a}--`, { id: `${a}--`, kind: 'veth', a, b: members[i]!.id } as SceneEdge]
      }),
    )
    const box = drawn({ ...state, machines, edges, order: ['n1'] }).boxes.n1!
    const ends = box.ports
      .filter((one) => one.port.master !== '')
      .map((one) => one.x + 14 + textWidth(one.port.name))
    expect(ends).toHaveLength(5)
    expect(Math.max(...ends)).toBeLessThanOrEqual(box.w)
  })

  it('leaves room beside its rooms for an address on the side, in the letters of half size too', () => {
    const state = scene({ n1: { x: 0, y: 0 }, r1: { x: 900, y: 40 } })
    const n1 = state.machines.n1!
    const [root, ...rooms] = n1.rooms
    const ports = root!.ports.map((one) =>
      one.name === 'eth0' ? { ...one, addrs: ['192.168.111.112/24'] } : one,
    )
    const machines = { ...state.machines, n1: { ...n1, rooms: [{ ...root!, ports }, ...rooms] } }
    const box = drawn({ ...state, machines }).boxes.n1!
    const ends = Math.max(...box.rooms.map(({ x, w }) => x + w))
    // 17.5 px of a monospace font, whose letters are 0.6 em wide, 10 px from the port.
    expect(box.w - ends).toBeGreaterThan('192.168.111.112'.length * 17.5 * 0.6 + 10)
  })

  it('keeps machines where they were when a new one comes', () => {
    const state = scene()
    const first = drawn(state)
    const h2 = { id: 'h2', role: 'host', x: null, y: null, rooms: [] } as SceneMachine
    const more = { ...state, machines: { ...state.machines, h2 }, order: [...state.order, 'h2'] }
    const second = drawn(more, first)
    expect(second.places.n1).toEqual(first.places.n1)
    expect(second.places.r1).toEqual(first.places.r1)
    const ends = Object.values(first.boxes).map((box) => first.places[box.id]!.x + box.w)
    expect(second.places.h2!.x).toBeGreaterThan(Math.max(...ends))
  })

  it('names ports by namespace and index, as packets do', () => {
    const drawing = drawn(scene())
    expect(drawing.byIndex.get('1:4')).toBe('n1/v-red')
    expect(drawing.wireOfPort.get('n1/v-red')).toBe('n1.red/eth0--n1/v-red')
  })
})

describe('machines that are larger than the lab foresaw', () => {
  const size = { w: 200, h: 100 }

  it('make room: right or down, whichever is less, and each only as far as it must', () => {
    const own = { a: { x: 0, y: 0 }, b: { x: 150, y: 20 }, c: { x: 20, y: 90 }, d: { x: 900, y: 0 } }
    const aside = stepAside(own, { a: size, b: size, c: size, d: size }, new Set())
    expect(aside.a).toBeUndefined()
    expect(aside.d).toBeUndefined()
    expect(aside.b).toEqual({ x: 78, y: 0 })
    expect(aside.c).toEqual({ x: 0, y: 38 })
  })

  it('stay where somebody holds them, or laid them upon each other', () => {
    const own = { a: { x: 0, y: 0 }, b: { x: 150, y: 20 } }
    expect(stepAside(own, { a: size, b: size }, new Set(['b']))).toEqual({})
    expect(stepAside({ a: { x: 0, y: 0 }, b: { x: 10, y: 10 } }, { a: size, b: size }, new Set())).toEqual({})
  })
})
