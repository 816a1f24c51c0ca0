// Looking into a machine: its box grows, its neighbours stand aside and come back, and what is asked is listed in order.
import { expect, it } from 'vitest'
import type { Inspection, SceneMachine, StepView } from '../../view/types.ts'
import type { SceneState } from '../client/store.ts'
import { linesOf } from './cardLines.ts'
import { draw, emptyDrawing, ownPlaces } from './drawing.ts'
import { growBox } from './railBoxes.ts'

const machine = (id: string, x: number, y: number): SceneMachine => ({
  id,
  role: 'host',
  x,
  y,
  rooms: [
    {
      id,
      name: '',
      ns: 1,
      forwarding: true,
      ports: [],
      stations: [
        { id: 'PREROUTING', tables: ['conntrack', 'nat'] },
        { id: 'FORWARD', tables: ['filter'] },
      ],
    },
  ],
})
const scene: SceneState = {
  machines: { a: machine('a', 0, 0), right: machine('right', 400, 0), below: machine('below', 0, 300) },
  order: ['a', 'right', 'below'],
  edges: {},
  version: 1,
}
const places = { a: { x: 0, y: 0 }, right: { x: 400, y: 0 }, below: { x: 0, y: 300 } }

it('nothing overlaps while a machine is open, and everybody has the own place still', () => {
  const drawing = draw(scene, places, emptyDrawing, { machine: 'a', grow: growBox })
  const { a } = drawing.boxes
  expect(a?.rails?.map((rail) => rail.room)).toEqual(['a'])
  expect(drawing.places.right?.x).toBeGreaterThan(a!.w)
  expect(drawing.places.below?.y).toBeGreaterThan(a!.h)
  for (const station of a!.rails![0]!.stations) {
    expect(station.x).toBeGreaterThanOrEqual(0)
    expect(station.x + station.w).toBeLessThanOrEqual(a!.w)
    expect(station.y + station.h).toBeLessThanOrEqual(a!.h)
  }
  expect(ownPlaces(drawing)).toEqual(places)
  expect(draw(scene, ownPlaces(drawing), drawing).places).toEqual(places)
})

it('a chain stands behind the rule that jumps to it, what was not asked comes last', () => {
  const row = (ref: string, chain: string, num: string, text: string) => ({
    ref,
    cells: [chain, num, '1', '60', text],
  })
  const rows = [
    row('nf/1', 'PREROUTING', '1', '-j WEB'),
    row('nf/2', 'PREROUTING', '2', '-j ACCEPT'),
    row('nf/3', 'PREROUTING', '', 'policy ACCEPT'),
    row('nf/4', 'WEB', '1', '-p udp'),
    row('nf/5', 'WEB', '2', '-j DNAT'),
  ]
  const inspection = { tables: [{ id: 'nat', command: '', columns: [], rows, text: '' }] }
  const asked = (ref: string, why: string) => ({ chain: ref === 'nf/1' ? 'PREROUTING' : 'WEB', ref, why })
  const rule = {
    table: 'nat',
    hook: 'PREROUTING',
    ref: 'nf/5',
    asked: [asked('nf/1', ''), asked('nf/4', 'protocol'), asked('nf/5', '')],
  }
  const { lines } = linesOf(inspection as unknown as Inspection, { rule } as unknown as StepView)
  expect(lines.map(({ ref, state, why }) => `${ref} ${state} ${why}`.trim())).toEqual([
    'nf/1 matched',
    'nf/4 failed protocol',
    'nf/5 decides',
    'nf/2 idle',
    'nf/3 idle',
  ])
})
