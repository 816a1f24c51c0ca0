/**
 * The drawing of one machine: where its rooms, bridges and ports are, in pixels from the node's upper left corner.
 * Pure arithmetic: the same machine always gets the same drawing, and the packets' paths use the same numbers.
 */
import type { SceneMachine, ScenePort, SceneRoom, StationId } from '../../view/types.ts'
import { headHeight, headWidth } from './roomNames.ts'

export type Side = 'left' | 'right' | 'top' | 'bottom'

export interface PortBox {
  id: string
  port: ScenePort
  room: string
  /** Centre of the glyph. */
  x: number
  y: number
  side: Side
  /** Where the text stands, relative to the glyph. */
  label: 'right' | 'left' | 'above' | 'below' | 'none'
  /** Bridge port outside the bar: where its stub meets the bar. */
  stub: { x: number; y: number } | null
  /** Outline of the row of rooms that a wire has to leave by the gutter, null where the way is free. */
  gutter: { x: number; rowBottom: number; gridBottom: number } | null
}

export interface BarBox {
  id: string
  port: ScenePort
  room: string
  x: number
  y: number
  w: number
  h: number
}

export interface RoomBox {
  room: SceneRoom
  x: number
  y: number
  w: number
  h: number
}

export interface MachineBox {
  id: string
  w: number
  h: number
  /** The frame's top edge; above it is the title tab. */
  top: number
  rooms: RoomBox[]
  bars: BarBox[]
  ports: PortBox[]
  /** Netfilter's hooks, while the machine is looked into (railBoxes.ts). */
  rails?: RailBox[]
}

export interface RailBox {
  room: string
  x: number
  y: number
  w: number
  h: number
  stations: StationBox[]
}

export interface StationBox {
  id: StationId
  x: number
  y: number
  w: number
  h: number
  tables: string[]
}

/** What a machine's drawing needs to know of the rest. */
export interface Surroundings {
  /** Port id at the other end, '' for none. */
  peerOf(port: string): string
  /** Side of this machine that faces the machine of `peer`, and the peer's place along that side. */
  towards(peer: string): { side: Side; order: number }
}

export const PORT_SIZE = 11
export const TAB = 26
const BAR = 26
const CHAR = 6.9
const FAR_CHAR = 10.6
const PAD = 16
const LINE = 15
const GAP_X = 44
/** Between columns whose rooms face each other over a wire: packets need a way that can be watched. */
const FACING_GAP = 176
const GAP_Y = 40

export function layoutMachine(machine: SceneMachine, around: Surroundings): MachineBox {
  // The name of the last bridge port stands to the right of its wire: the frame grows to hold it. In a wider frame the
  // ports may find their places under their rooms, and need a little more again.
  let more = 0
  for (let i = 0; ; i++) {
    const box = drawMachine(machine, around, more)
    const over = Math.max(0, ...box.ports.map((port) => memberEnd(port) + 8 - box.w))
    if (over === 0 || i === 3) return box
    more += over * 2
  }
}

/** Where the name beside a bridge port under its wire ends. */
function memberEnd({ port, side, label, x }: PortBox): number {
  return port.master !== '' && side === 'top' && label === 'right' ? x + 14 + textWidth(port.name) : 0
}

function drawMachine(machine: SceneMachine, around: Surroundings, more: number): MachineBox {
  const root = machine.rooms.find((room) => room.name === '')
  const named = machine.rooms.filter((room) => room.name !== '')
  const edgePorts = root ? framePorts(root, around) : emptySides()
  const inset = insets(edgePorts)
  const grid = roomGrid(named, around)
  const band = root ? bandOf(root, edgePorts) : { bars: [], free: [] as ScenePort[], need: 0 }
  const minimum = Math.max(96, titleWidth(machine.id) - inset.left - inset.right)
  const across = horizontalNeed(edgePorts, titleWidth(machine.id)) - inset.left - inset.right
  const innerW = Math.max(grid.w, band.need, minimum, across) + more
  const bandH = band.bars.length > 0 || band.free.length > 0 ? BAR + (grid.h > 0 ? 46 : 20) : 0
  const innerH = Math.max(grid.h + bandH, verticalNeed(edgePorts), 34)
  const w = Math.round(inset.left + innerW + inset.right)
  const h = Math.round(TAB + inset.top + innerH + inset.bottom)
  const box: MachineBox = { id: machine.id, w, h, top: TAB, rooms: [], bars: [], ports: [] }
  const ox = inset.left + (innerW - grid.w) / 2
  const oy = TAB + inset.top
  placeRooms(box, grid, around, ox, oy)
  if (root) {
    const bandY = oy + Math.max(innerH - BAR, grid.h > 0 ? grid.h + 46 : (innerH - BAR) / 2)
    placeBand(box, root, band, around, inset.left, bandH > 0 ? bandY : oy, innerW)
    placeFramePorts(box, root, edgePorts, inset)
  }
  return box
}

/** Width of a text of the canvas' small monospace. */
export function textWidth(text: string): number {
  return text.length * CHAR
}

/** The lines beside a port: its name, then up to two addresses (link-local ones only where nothing else is). */
export function portLines(port: ScenePort): string[] {
  const global = port.addrs.filter((addr) => !addr.startsWith('fe80:'))
  return [port.name, ...(global.length > 0 ? global : port.addrs).slice(0, 2)]
}

export function labelWidth(port: ScenePort): number {
  return Math.max(...portLines(port).map(textWidth))
}

/** From half size on a side port's first address stands alone, without its prefix, in larger letters (canvas.css). */
function farWidth(port: ScenePort): number {
  const [, addr = ''] = portLines(port)
  return addr.replace(/\/.*/, '').length * FAR_CHAR + 16
}

function titleWidth(name: string): number {
  return name.length * 8 + 110
}

type Sides = Record<Side, ScenePort[]>

function emptySides(): Sides {
  return { left: [], right: [], top: [], bottom: [] }
}

/** The root namespace's physical ports (and their vlans) by the side of the frame they face. */
function framePorts(root: SceneRoom, around: Surroundings): Sides {
  const sides = emptySides()
  const orders = new Map<string, number>()
  for (const port of root.ports.filter((one) => one.kind === 'phys')) {
    const peer = around.peerOf(port.id)
    const { side, order } =
      peer === '' ? { side: 'bottom' as Side, order: port.ifindex } : around.towards(peer)
    orders.set(port.id, order)
    sides[side].push(port)
  }
  for (const side of Object.keys(sides) as Side[]) {
    sides[side].sort((a, b) => orders.get(a.id)! - orders.get(b.id)! || a.ifindex - b.ifindex)
    sides[side] = sides[side].flatMap((port) => [port, ...root.ports.filter((one) => one.lower === port.id)])
  }
  return sides
}

function insets(sides: Sides) {
  const wide = (ports: ScenePort[]) =>
    ports.length > 0 ? Math.max(...ports.map((port) => Math.max(labelWidth(port) + 20, farWidth(port)))) : PAD
  const tall = (ports: ScenePort[]) =>
    ports.length > 0 ? Math.max(...ports.map((port) => portLines(port).length)) * LINE + 16 : PAD
  return {
    left: wide(sides.left),
    right: wide(sides.right),
    top: tall(sides.top),
    bottom: tall(sides.bottom),
  }
}

const SLOT = 40

function verticalNeed(sides: Sides): number {
  return Math.max(sides.left.length, sides.right.length) * SLOT
}

function horizontalNeed(sides: Sides, tab: number): number {
  const need = (ports: ScenePort[]) => ports.reduce((sum, port) => sum + labelWidth(port) + 16, 0)
  return Math.max(sides.top.length > 0 ? need(sides.top) + tab : 0, need(sides.bottom))
}

interface Grid {
  /** Ids of the rooms: a wire between two of them needs no gutter. */
  ids: Set<string>
  w: number
  h: number
  cellW: number
  cellH: number
  cols: number
  gap: number
  rooms: { room: SceneRoom; sides: Sides; bridges: ScenePort[]; row: number; col: number }[]
}

function roomGrid(named: SceneRoom[], around: Surroundings): Grid {
  const n = named.length
  const cols = columnsFor(named, around)
  const at = new Map(named.map((room, i) => [room.id, { row: Math.floor(i / cols), col: i % cols }]))
  const rooms = named.map((room) => {
    const { row, col } = at.get(room.id)!
    const sides = emptySides()
    for (const port of ownPorts(room)) sides[roomSide(at, row, col, around.peerOf(port.id))].push(port)
    return { room, sides, bridges: room.ports.filter((port) => port.kind === 'bridge'), row, col }
  })
  const cellW = Math.max(112, ...rooms.map(roomWidth))
  const cellH = Math.max(60, ...rooms.map(roomHeight))
  const rows = Math.ceil(n / Math.max(1, cols))
  const facing = rooms.some(({ sides }) => sides.right.length > 0)
  const gap = !facing ? GAP_X : rows === 1 && cols <= 3 ? FACING_GAP : FACING_GAP / 2
  // With more than one row the last column has its gutter too, where wires leave the grid.
  const leaves = (port: ScenePort) => !at.has(roomOfPort(around.peerOf(port.id)))
  const leaving = rooms.some(({ sides }) => sides.bottom.some(leaves))
  const w = n === 0 ? 0 : cols * cellW + (cols - 1) * gap + (rows > 1 && leaving ? gap / 2 + 6 : 0)
  const h = n === 0 ? 0 : rows * cellH + (rows - 1) * GAP_Y
  return { ids: new Set(at.keys()), w, h, cellW, cellH, cols, gap, rooms }
}

/** One row up to four rooms; a square where rooms beyond their neighbours are joined. */
function columnsFor(named: SceneRoom[], around: Surroundings): number {
  const n = named.length
  const index = new Map(named.map((room, i) => [room.id, i]))
  const far = named.some((room, i) =>
    room.ports.some((port) => {
      const peer = around.peerOf(port.id)
      const other = index.get(roomOfPort(peer))
      return other !== undefined && Math.abs(other - i) > 1
    }),
  )
  if (far) return Math.ceil(Math.sqrt(n))
  return n <= 4 ? n : Math.ceil(Math.sqrt(n * 1.8))
}

/** Ports that stand on the room's edge. */
function ownPorts(room: SceneRoom): ScenePort[] {
  return room.ports.filter((port) => port.kind !== 'loopback' && port.kind !== 'bridge')
}

function roomSide(
  at: Map<string, { row: number; col: number }>,
  row: number,
  col: number,
  peer: string,
): Side {
  const other = at.get(roomOfPort(peer))
  if (!other) return 'bottom'
  if (other.row > row) return 'bottom'
  if (other.row < row) return 'top'
  if (other.col === col + 1) return 'right'
  if (other.col === col - 1) return 'left'
  return 'bottom'
}

function roomWidth(one: Grid['rooms'][number]): number {
  const { sides, room, bridges } = one
  const sum = (ports: ScenePort[]) => ports.reduce((total, port) => total + labelWidth(port) + 18, 0)
  const most = (ports: ScenePort[]) => Math.max(0, ...ports.map(labelWidth))
  const across = most(sides.left) + most(sides.right) + 40
  const bars = Math.max(0, ...bridges.map((port) => barWidth(port, [])))
  const head = headWidth(room.name)
  return Math.max(head + 24, sum(sides.bottom), head + sum(sides.top), across, bars + 24)
}

function roomHeight(one: Grid['rooms'][number]): number {
  const { sides, bridges } = one
  const rows = Math.max(sides.left.length, sides.right.length) * SLOT
  const above = Math.max(headHeight(one.room.name), linesOf(sides.top) + 8)
  return above + Math.max(rows, 4) + bridges.length * (BAR + 10) + belowOf(sides)
}

function belowOf(sides: Sides): number {
  return sides.bottom.length > 0 ? linesOf(sides.bottom) + 12 : 0
}

/** Height of the tallest label. */
function linesOf(ports: ScenePort[]): number {
  return Math.max(0, ...ports.map((port) => portLines(port).length)) * LINE
}

function placeRooms(box: MachineBox, grid: Grid, around: Surroundings, ox: number, oy: number): void {
  for (const one of grid.rooms) {
    const x = ox + one.col * (grid.cellW + grid.gap)
    const y = oy + one.row * (grid.cellH + GAP_Y)
    const { cellW: w, cellH: h } = grid
    box.rooms.push({ room: one.room, x, y, w, h })
    const lastRow = y + h >= oy + grid.h - 1
    const gutter = lastRow ? null : { x: x + w + grid.gap / 2, rowBottom: y + h, gridBottom: oy + grid.h }
    const add = (port: ScenePort, px: number, py: number, side: Side, label: PortBox['label']) => {
      const peer = around.peerOf(port.id)
      const leaves = side === 'bottom' && !grid.ids.has(roomOfPort(peer))
      const made = edgePort(port, one.room.id, px, py, side, label)
      box.ports.push({ ...made, gutter: leaves ? gutter : null })
    }
    const head = headWidth(one.room.name)
    spread(one.sides.bottom, x, w, (port, px) => add(port, px, y + h, 'bottom', 'above'))
    spread(one.sides.top, x + head, w - head, (port, px) => add(port, px, y, 'top', 'below'))
    const above = Math.max(headHeight(one.room.name), linesOf(one.sides.top) + 8)
    const free = h - above - belowOf(one.sides)
    for (const side of ['left', 'right'] as const) {
      const ports = one.sides[side]
      ports.forEach((port, i) => {
        const py = y + above + (free * (i + 0.5)) / ports.length
        add(port, side === 'left' ? x : x + w, py, side, side === 'left' ? 'right' : 'left')
      })
    }
    placeRoomBars(box, one, x, y + above, w)
  }
}

function placeRoomBars(box: MachineBox, one: Grid['rooms'][number], x: number, y: number, w: number): void {
  one.bridges.forEach((port, i) => {
    const bar = { id: port.id, port, room: one.room.id, x: x + 12, y: y + i * (BAR + 10), w: w - 24, h: BAR }
    box.bars.push(bar)
    for (const member of box.ports.filter((other) => other.port.master === port.id)) {
      const stubY = member.y > bar.y ? bar.y + BAR : bar.y
      member.stub = { x: clamp(member.x, bar.x, bar.x + bar.w), y: stubY }
    }
  })
}

/** Places ports along a horizontal line of width `w`, each with room for its text. */
function spread(ports: ScenePort[], x: number, w: number, put: (port: ScenePort, x: number) => void): void {
  const widths = ports.map((port) => labelWidth(port) + 16)
  const total = widths.reduce((sum, width) => sum + width, 0)
  const extra = Math.max(0, w - total) / (ports.length + 1)
  let at = x + extra
  ports.forEach((port, i) => {
    put(port, at + widths[i]! / 2)
    at += widths[i]! + extra
  })
}

interface Band {
  bars: { port: ScenePort; members: ScenePort[]; need: number }[]
  free: ScenePort[]
  need: number
}

/** The root namespace's bridges, and its ports that are neither on the frame nor on a bridge. */
function bandOf(root: SceneRoom, sides: Sides): Band {
  const onFrame = new Set(Object.values(sides).flatMap((ports) => ports.map((port) => port.id)))
  const bars = root.ports
    .filter((port) => port.kind === 'bridge')
    .map((port) => {
      const members = root.ports.filter((one) => one.master === port.id && !onFrame.has(one.id))
      return { port, members, need: barWidth(port, members) }
    })
  const free = root.ports.filter(
    (port) =>
      port.kind !== 'loopback' && port.kind !== 'bridge' && port.master === '' && !onFrame.has(port.id),
  )
  const need =
    bars.reduce((sum, bar) => sum + bar.need + 24, 0) +
    free.reduce((sum, port) => sum + labelWidth(port) + 44, 0)
  return { bars, free, need: need > 0 ? need - 24 : 0 }
}

function barWidth(port: ScenePort, members: ScenePort[]): number {
  const own = textWidth(portLines(port).join(' ')) + 44
  return Math.max(
    own,
    members.reduce((sum, member) => sum + textWidth(member.name) + 26, 12),
    120,
  )
}

function placeBand(
  box: MachineBox,
  root: SceneRoom,
  band: Band,
  around: Surroundings,
  x: number,
  y: number,
  w: number,
): void {
  const slots = band.bars.length + band.free.length
  const extra = slots > 0 ? Math.max(0, w - band.need) / Math.max(1, band.bars.length || slots) : 0
  let at = x
  for (const { port, members, need } of band.bars) {
    const width = need + extra
    box.bars.push({ id: port.id, port, room: root.id, x: at, y, w: width, h: BAR })
    const peerX = (member: ScenePort) => {
      const peer = box.ports.find((one) => one.id === around.peerOf(member.id))
      return peer?.gutter?.x ?? peer?.x ?? at + width
    }
    members.sort((a, b) => peerX(a) - peerX(b) || a.ifindex - b.ifindex)
    const wanted = members.map(peerX)
    members.forEach((member, i) => {
      const px = memberX(wanted, i, at, width, members)
      box.ports.push(edgePort(member, root.id, px, y, 'top', 'right'))
    })
    at += width + 24
  }
  for (const port of band.free) {
    const width = labelWidth(port) + 20
    box.ports.push(edgePort(port, root.id, at + 8, y + BAR / 2, 'top', 'right'))
    at += width + 24 + (band.bars.length === 0 ? extra : 0)
  }
}

/** Under its peer where there is room for the texts, else spread evenly. */
function memberX(wanted: number[], i: number, x: number, w: number, members: ScenePort[]): number {
  const fits = wanted.every((px, k) => {
    if (px < x + 8 || px > x + w - 8) return false
    return k === 0 || px - wanted[k - 1]! >= textWidth(members[k - 1]!.name) + 16
  })
  return fits ? wanted[i]! : x + (w * (i + 0.5)) / members.length
}

function placeFramePorts(box: MachineBox, root: SceneRoom, sides: Sides, inset: Record<Side, number>): void {
  const bar = (port: ScenePort) => box.bars.find((one) => one.id === port.master)
  // Side ports keep clear of the labels above and below.
  const from = TAB + (sides.top.length > 0 ? inset.top : 0)
  const height = box.h - from - (sides.bottom.length > 0 ? inset.bottom : 0)
  for (const side of ['left', 'right'] as const) {
    sides[side].forEach((port, i) => {
      const py = from + (height * (i + 0.5)) / sides[side].length
      const inner = port.lower === '' ? 0 : 16
      const px = side === 'left' ? inner : box.w - inner
      const one = edgePort(port, root.id, px, py, side, side === 'left' ? 'right' : 'left')
      const target = bar(port)
      if (target) one.stub = { x: side === 'left' ? target.x : target.x + target.w, y: target.y + BAR / 2 }
      box.ports.push(one)
    })
  }
  for (const side of ['top', 'bottom'] as const) {
    const left = side === 'top' ? Math.min(titleWidth(box.id), box.w / 2) : 0
    spread(sides[side], left, box.w - left, (port, middle) => {
      const target = bar(port)
      // The label of a port with a stub stands to the right of it.
      const px = target ? middle - labelWidth(port) / 2 : middle
      const py = side === 'top' ? TAB : box.h
      const one = edgePort(port, root.id, px, py, side, side === 'top' ? 'below' : 'above')
      if (target) {
        const x = clamp(px, target.x, target.x + target.w)
        one.stub = { x, y: side === 'top' ? target.y : target.y + BAR }
      }
      box.ports.push(one)
    })
  }
}

function edgePort(
  port: ScenePort,
  room: string,
  x: number,
  y: number,
  side: Side,
  label: PortBox['label'],
): PortBox {
  return { id: port.id, port, room, x, y, side, label, stub: null, gutter: null }
}

/** `ROOM` of a port's id, '' for none. */
function roomOfPort(id: string): string {
  return id.slice(0, Math.max(0, id.indexOf('/')))
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
