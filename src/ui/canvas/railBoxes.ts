/**
 * Where the stations of a machine's hooks stand: one rail for each of its namespaces that has rules, at the bottom of
 * its frame. The upper line is the way of forwarded packets, the lower one that of the namespace's own.
 */
import type { SceneMachine, SceneRoom, SceneStation, StationId } from '../../view/types.ts'
import type { MachineBox, RailBox, StationBox } from './boxes.ts'
import { portLines } from './boxes.ts'

export const RAIL_W = 104
const GAP = 16
const HEAD = 27
const NAME = 17
const LINE = 13
const RIM = 10
const ROW_GAP = 17
const PAD = 14
const LABEL_LINE = 15

/** Column of each station; the two rows. */
const TOP: readonly [StationId, number][] = [
  ['PREROUTING', 0],
  ['ROUTE', 1],
  ['FORWARD', 2],
  ['POSTROUTING', 4],
]
const BOTTOM: readonly [StationId, number][] = [
  ['INPUT', 1],
  ['LOCAL', 2],
  ['ROUTE_OUT', 3],
  ['OUTPUT', 4],
]
const BRIDGE: readonly [StationId, number][] = [
  ['bridge-PREROUTING', 0],
  ['bridge-FORWARD', 2],
  ['bridge-POSTROUTING', 4],
]

/** The box with its rails: it grows downwards, and to the right where the rail is wider. Places inside it stay. */
export function growBox(box: MachineBox, machine: SceneMachine): MachineBox {
  const rooms = machine.rooms.filter((room) => room.stations !== undefined)
  if (rooms.length === 0) return box
  const below = box.ports.filter((port) => port.side === 'bottom' && port.y >= box.h - 1)
  const labels = Math.max(0, ...below.map(({ port }) => portLines(port).length)) * LABEL_LINE
  const rails: RailBox[] = []
  const w = RAIL_W * 5 + GAP * 4
  const left = Math.max(PAD, (box.w - w) / 2)
  let y = box.h - (labels > 0 ? labels + 12 : 0)
  const from = y
  for (const room of rooms) {
    const rail = railOf(room, left, y, w)
    rails.push(rail)
    y += rail.h + 10
  }
  const dh = Math.round(y - from + 4)
  const dw = Math.max(0, Math.round(left + w + PAD - box.w))
  return {
    ...box,
    w: box.w + dw,
    h: box.h + dh,
    rails,
    ports: box.ports.map((port) => {
      if (below.includes(port)) return { ...port, y: port.y + dh }
      return port.side === 'right' && port.x >= box.w - 20 ? { ...port, x: port.x + dw } : port
    }),
  }
}

function railOf(room: SceneRoom, x: number, y: number, w: number): RailBox {
  const known = new Map((room.stations ?? []).map((station) => [station.id, station]))
  const stations: StationBox[] = []
  let top = y + HEAD
  for (const row of [TOP, BOTTOM, BRIDGE]) {
    if (row === BRIDGE && !known.has('bridge-FORWARD')) continue
    const lines = Math.max(1, ...row.map(([id]) => known.get(id)?.tables.length ?? 1))
    const h = NAME + lines * LINE + RIM
    for (const [id, column] of row) {
      stations.push(stationOf(known.get(id), id, x + column * (RAIL_W + GAP), top, h))
    }
    top += h + ROW_GAP
  }
  return { room: room.id, x, y, w, h: top - ROW_GAP - y, stations }
}

function stationOf(
  known: SceneStation | undefined,
  id: StationId,
  x: number,
  y: number,
  h: number,
): StationBox {
  const hook = known !== undefined
  // Routing and the local process are places, not hooks: no tables hang there.
  return { id, x, y, w: RAIL_W, h: hook ? h : NAME + RIM + 4, tables: known?.tables ?? [] }
}
