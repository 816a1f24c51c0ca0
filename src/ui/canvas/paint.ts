/** One frame of the overlay: flights on their wires, marks of drops, the chosen packet's trail, rates as flow lines. */
import type { DropMark, Flight } from '../../session/types.ts'
import type { TraceView } from '../../view/types.ts'
import { type Board, type Flow, isAnswer } from '../client/flights.ts'
import type { Drawing } from './drawing.ts'
import { around, covered, LATER, type Rect, type Text, textsOf } from './labels.ts'
import { pointAt, SAMPLES, type WirePath } from './paths.ts'
import { machineOf } from './place.ts'
import type { Sprites } from './sprites.ts'

export interface View {
  /** React Flow's transform: x, y, zoom. */
  x: number
  y: number
  zoom: number
  width: number
  height: number
  /** What stands on the lower edge hides this much of it: no text goes there. */
  foot: number
  ratio: number
}

export interface Frame {
  c: CanvasRenderingContext2D
  view: View
  drawing: Drawing
  board: Board
  sprites: Sprites
  /** Shown virtual time. */
  now: number
  realNow: number
  labels: boolean
  /** Texts of a layer over the network, in the drawing's coordinates. */
  texts: readonly Text[]
  still: boolean
  trace: TraceView | null
  /** What would have come after a drop: the hops from `from` on are drawn dashed. */
  branch: { trace: TraceView; from: number } | null
  /** An event that is walked through and whose loss has not been told yet, -1 for none. */
  untold: number
  font: number
  /** For how long each drop has been shown while the clock ran, ms. */
  dropAge: WeakMap<DropMark, number>
  /** Real milliseconds since the last frame. */
  elapsed: number
  rates: Flow[]
  running: boolean
  flowText: (n: number, perSecond: boolean) => string
}

/** More than this many at once are shown as flow lines with rates. */
export const FLOW_LIMIT = 1500
const LABEL_LIMIT = 14
const DROP_SHOWN_MS = 4000
const DROP_SHOWN_EVENTS = 40

interface Spot {
  x: number
  y: number
}

/** Answers whether something moves by itself, so that another frame is wanted. */
export function paint(f: Frame): boolean {
  const { c, view } = f
  c.setTransform(view.ratio, 0, 0, view.ratio, 0, 0)
  c.clearRect(0, 0, view.width, view.height)
  const numbers = f.trace ? paintTrail(f, f.trace, 0) : []
  if (f.branch) {
    c.setLineDash([7, 6])
    numbers.push(...paintTrail(f, f.branch.trace, f.branch.from))
    c.setLineDash([])
  }
  const inAir = f.board.flights.filter((flight) => flight.departAt <= f.now && flight.arriveAt >= f.now)
  if (f.rates.length > 0) paintFlows(f, f.rates, true)
  else if (inAir.length > FLOW_LIMIT) paintFlows(f, gathered(inAir), false)
  const plates = f.rates.length === 0 && inAir.length <= FLOW_LIMIT ? paintFlights(f, inAir) : []
  paintNumbers(f, numbers, plates)
  return paintDrops(f) || inAir.length > 0 || f.rates.length > 0
}

const spot: Spot = { x: 0, y: 0 }
const ahead: Spot = { x: 0, y: 0 }

/** Answers where the labels stand. */
function paintFlights(f: Frame, flights: Flight[]): Rect[] {
  const { c, view, sprites } = f
  const labelled = f.labels && flights.length <= LABEL_LIMIT
  const labels: Label[] = []
  const margin = 24
  for (const flight of flights) {
    const way = wayOf(f.drawing, flight.fromNs, flight.fromIfindex)
    if (!way || outside(way.path, view)) continue
    const part = partOf(f, flight)
    pointAt(way.path, way.back ? 1 - part : part, spot)
    toScreen(view, spot)
    if (spot.x < -margin || spot.y < -margin || spot.x > view.width + margin || spot.y > view.height + margin)
      continue
    const faded = f.trace !== null && f.trace.id !== flight.trace
    c.globalAlpha = faded ? 0.35 : 1
    if (!f.still) paintTail(f, way, part, flight)
    const lostAt = flight.lost && part > 0.55 ? (part - 0.55) / 0.45 : 0
    if (lostAt > 0) {
      c.globalAlpha *= 1 - lostAt
      spot.y += lostAt * 18
    }
    const sprite = sprites.of(flight.proto, isAnswer(flight.label), flight.encapsulated)
    c.drawImage(sprite, spot.x - sprites.half, spot.y - sprites.half, sprites.half * 2, sprites.half * 2)
    if (f.still) paintHop(f, f.board.hopOf.get(flight) ?? 1)
    if (labelled && !faded && !labels.some((label) => label.text === flight.label))
      labels.push({
        flight,
        path: way.path,
        text: flight.label,
        x: spot.x,
        y: spot.y,
        colour: sprites.palette.proto[flight.proto],
      })
  }
  c.globalAlpha = 1
  return paintLabels(f, labels)
}

/** The number of the wire that the packet is on, beside its glyph. */
function paintHop(f: Frame, n: number): void {
  const { c, sprites } = f
  c.font = `600 ${f.font}px ${MONO}`
  c.textBaseline = 'middle'
  c.lineWidth = 4
  c.strokeStyle = sprites.palette.paper
  c.fillStyle = sprites.palette.ink
  c.strokeText(String(n), spot.x + sprites.size, spot.y)
  c.fillText(String(n), spot.x + sprites.size, spot.y)
}

/** Under reduced motion a packet jumps from end to end. */
function partOf(f: Frame, flight: Flight): number {
  const span = flight.arriveAt - flight.departAt
  const part = span > 0 ? (f.now - flight.departAt) / span : 1
  return f.still ? (part < 0.5 ? 0.12 : 0.88) : part
}

/** A short line behind the glyph: where it comes from. */
function paintTail(f: Frame, way: Way, part: number, flight: Flight): void {
  const { c, view, sprites } = f
  const behind = Math.max(0, part - 16 / Math.max(30, way.path.length * view.zoom))
  pointAt(way.path, way.back ? 1 - behind : behind, ahead)
  toScreen(view, ahead)
  c.beginPath()
  c.moveTo(ahead.x, ahead.y)
  c.lineTo(spot.x, spot.y)
  c.strokeStyle = sprites.palette.proto[flight.proto]
  c.lineWidth = 3
  c.stroke()
}

interface Label {
  flight: Flight
  path: WirePath
  text: string
  x: number
  y: number
  colour: string
}

/** Chosen once for a flight, so that a label does not jump about while its packet moves. */
const chosenPlaces = new WeakMap<Flight, { view: string; index: number }>()
const MOMENTS = [0.1, 0.5, 0.9]

/** Texts on small plates beside their glyphs, where they cover no names and not each other. */
function paintLabels(f: Frame, labels: Label[]): Rect[] {
  const { c, sprites, view } = f
  c.font = `${f.font}px ${MONO}`
  c.textBaseline = 'middle'
  const taken: Rect[] = []
  const h = f.font + 8
  for (const label of labels) {
    const w = c.measureText(label.text).width + 12
    const places = around(label.x, label.y, w, h, sprites.size).map((rect, i) => kept(f, label, rect, i))
    let index = usualPlace(f, label, w, h)
    if (taken.length > 0 && covered(places[index]!, [], view, taken) > 0) {
      const texts = textsOf(f.drawing, f.texts)
      index = least(places.map((rect) => covered(rect, texts, view, taken)))
    }
    const rect = places[index]!
    taken.push(rect)
    if (index > 3) {
      c.beginPath()
      c.moveTo(label.x, label.y + Math.sign(rect.y - label.y) * (sprites.size / 2 + 2))
      c.lineTo(Math.min(rect.x + w, Math.max(rect.x, label.x)), rect.y < label.y ? rect.y + h : rect.y)
      c.strokeStyle = label.colour
      c.lineWidth = 1
      c.stroke()
    }
    plate(c, rect.x, rect.y, w, h, sprites.palette.raised, label.colour)
    c.fillStyle = sprites.palette.ink
    c.fillText(label.text, rect.x + 6, rect.y + h / 2 + 0.5)
  }
  return taken
}

/** The place beside the glyph that covers the fewest names along the whole wire. */
function usualPlace(f: Frame, label: Label, w: number, h: number): number {
  const { view, sprites } = f
  const key = `${view.zoom} ${view.width} ${view.height - view.foot} ${view.x} ${view.y} ${f.drawing.version} ${f.texts.length}`
  const before = chosenPlaces.get(label.flight)
  if (before?.view === key) return before.index
  const texts = textsOf(f.drawing, f.texts)
  const sums: number[] = []
  for (const part of MOMENTS) {
    pointAt(label.path, part, ahead)
    toScreen(view, ahead)
    around(ahead.x, ahead.y, w, h, sprites.size).forEach((rect, i) => {
      sums[i] = (sums[i] ?? 0) + covered(kept(f, label, rect, i), texts, view, [])
    })
  }
  const index = least(sums)
  chosenPlaces.set(label.flight, { view: key, index })
  return index
}

/** Inside the view; above or below a wire that is long enough, between its ends. */
function kept(f: Frame, { path }: Label, rect: Rect, index: number): Rect {
  const { view } = f
  const left = path.bounds[0] * view.zoom + view.x
  const right = path.bounds[2] * view.zoom + view.x
  const between = index % 4 < 2 && right - left > rect.w
  const low = Math.max(6, between ? left : 0)
  const high = Math.min(view.width - 6, between ? right : view.width)
  const x = Math.min(high - rect.w, Math.max(low, rect.x))
  return { ...rect, x }
}

function least(sums: number[]): number {
  let best = 0
  sums.forEach((sum, i) => {
    if (sum + i * LATER < sums[best]! + best * LATER) best = i
  })
  return best
}

const MONO = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'

function plate(
  c: CanvasRenderingContext2D,
  x: number,
  y: number,
  w: number,
  h: number,
  fill: string,
  stroke: string,
): void {
  c.beginPath()
  c.roundRect(x + 0.5, y + 0.5, w - 1, h - 1, 3)
  c.fillStyle = fill
  c.fill()
  c.strokeStyle = stroke
  c.lineWidth = 1
  c.stroke()
}

function paintDrops(f: Frame): boolean {
  const { c, view, sprites } = f
  let moving = false
  c.font = `${f.font}px ${MONO}`
  c.textBaseline = 'middle'
  const taken: { x: number; y: number }[] = []
  for (const { drop, age, n } of dropsShown(f)) {
    if (f.running) moving = true
    if (!portSpot(f.drawing, drop.ns, drop.ifindex, spot)) continue
    toScreen(view, spot)
    const fall = f.still || !f.running ? 1 : Math.min(1, age / 350)
    if (fall < 1) moving = true
    const x = spot.x
    let y = spot.y + 6 + fall * 14
    while (taken.some((one) => Math.abs(one.y - y) < f.font + 8 && Math.abs(one.x - x) < 120))
      y += f.font + 10
    taken.push({ x, y })
    paintDrop(c, x, y, n > 1 ? `${drop.reason} ×${n}` : drop.reason, f.font, sprites)
  }
  return moving
}

/** The marks that have not faded yet, the newest first; those of one port for one reason are one mark with their number. */
function dropsShown(f: Frame): Iterable<{ drop: DropMark; age: number; n: number }> {
  const { board } = f
  const shown = new Map<string, { drop: DropMark; age: number; n: number }>()
  for (let i = board.drops.length - 1; i >= Math.max(0, board.drops.length - 40); i--) {
    const drop = board.drops[i]!
    if (drop.at > f.now || drop.event === f.untold) continue
    const age = (f.dropAge.get(drop) ?? 0) + (f.running || !f.dropAge.has(drop) ? f.elapsed : 0)
    f.dropAge.set(drop, age)
    if (age > DROP_SHOWN_MS || drop.event < (board.clock?.event ?? 0) - DROP_SHOWN_EVENTS) continue
    const key = `${drop.ns}:${drop.ifindex}:${drop.reason}`
    const first = shown.get(key)
    if (first) first.n++
    else shown.set(key, { drop, age, n: 1 })
  }
  return shown.values()
}

function paintDrop(
  c: CanvasRenderingContext2D,
  x: number,
  y: number,
  reason: string,
  font: number,
  sprites: Sprites,
): void {
  const w = c.measureText(reason).width + 26
  const h = font + 8
  plate(c, x - 10, y - h / 2, w, h, sprites.palette.raised, sprites.palette.drop)
  c.beginPath()
  for (const [dx, dy] of [
    [-4, -4],
    [-4, 4],
  ] as const) {
    c.moveTo(x + dx, y + dy)
    c.lineTo(x - dx, y - dy)
  }
  c.strokeStyle = sprites.palette.drop
  c.lineWidth = 2.4
  c.stroke()
  c.fillStyle = sprites.palette.ink
  c.fillText(reason, x + 10, y + 0.5)
}

/** A packet's way: a thin line over its wires and through its rooms, hops numbered; those before `from` are left out. */
function paintTrail(f: Frame, trace: TraceView, from: number): HopNumber[] {
  const { c, view, drawing, sprites } = f
  c.strokeStyle = sprites.palette.accent
  c.lineWidth = 2
  const numbers: HopNumber[] = []
  trace.hops.forEach((hop, i) => {
    if (i < from) return
    const inPort = drawing.ports[`${hop.room}/${hop.devIn}`]
    const outId = `${hop.room}/${hop.devOut}`
    const outPort = drawing.ports[outId]
    const a = inPort && at(view, drawing, inPort.id, { x: 0, y: 0 })
    const b = outPort && at(view, drawing, outPort.id, { x: 0, y: 0 })
    c.beginPath()
    if (a && b) {
      c.moveTo(a.x, a.y)
      c.lineTo(b.x, b.y)
    }
    const wire = outPort && drawing.wires[drawing.wireOfPort.get(outId) ?? '']
    if (wire) {
      for (let k = 0; k < SAMPLES; k++) {
        const x = wire.path.samples[k * 2]! * view.zoom + view.x
        const y = wire.path.samples[k * 2 + 1]! * view.zoom + view.y
        if (k === 0) c.moveTo(x, y)
        else c.lineTo(x, y)
      }
    }
    c.stroke()
    const mark = a ?? b
    // The hop of the drop has its number already.
    if (mark && (from === 0 || i > from)) numbers.push({ x: mark.x, y: mark.y, n: i + 1 })
  })
  return numbers
}

interface HopNumber {
  x: number
  y: number
  n: number
}

function paintNumbers(f: Frame, numbers: HopNumber[], plates: Rect[]): void {
  const { c, sprites } = f
  const r = f.font * 0.8
  c.font = `600 ${f.font - 1}px ${MONO}`
  c.textAlign = 'center'
  c.textBaseline = 'middle'
  const taken = [...plates]
  const texts = textsOf(f.drawing, f.texts)
  for (const one of numbers) {
    const places = around(one.x, one.y, r * 2, r * 2, 8).slice(0, 4)
    const rect = places[least(places.map((place) => covered(place, texts, f.view, taken)))]!
    taken.push(rect)
    const { n } = one
    const [x, y] = [rect.x + r, rect.y + r]
    c.beginPath()
    c.arc(x, y, r, 0, Math.PI * 2)
    c.fillStyle = sprites.palette.accent
    c.fill()
    c.fillStyle = sprites.palette.raised
    c.fillText(String(n), x, y + 0.5)
  }
  c.textAlign = 'start'
}

/** Flights by the port they leave from. */
function gathered(flights: Flight[]): Flow[] {
  const flows = new Map<string, Flow>()
  for (const { fromNs: ns, fromIfindex: ifindex, proto } of flights) {
    const key = `${ns}:${ifindex}`
    const flow = flows.get(key)
    if (flow) flow.n++
    else flows.set(key, { ns, ifindex, n: 1, proto })
  }
  return [...flows.values()]
}

/** Too many to follow: each wire as a line whose width grows with what is on it, and the number beside it. */
function paintFlows(f: Frame, all: Flow[], perSecond: boolean): void {
  const { c, view, sprites } = f
  const flows = new Map<WirePath, { n: number; proto: Flight['proto'] }>()
  const texts = textsOf(f.drawing, f.texts)
  for (const one of all) {
    const way = wayOf(f.drawing, one.ns, one.ifindex)
    if (!way || outside(way.path, view)) continue
    const flow = flows.get(way.path)
    if (flow) flow.n += one.n
    else flows.set(way.path, { n: one.n, proto: one.proto })
  }
  c.font = `${f.font}px ${MONO}`
  c.textBaseline = 'middle'
  for (const [path, { n, proto }] of flows) {
    c.beginPath()
    for (let k = 0; k < SAMPLES; k += 2) {
      c.lineTo(path.samples[k * 2]! * view.zoom + view.x, path.samples[k * 2 + 1]! * view.zoom + view.y)
    }
    c.strokeStyle = sprites.palette.proto[proto]
    c.lineWidth = Math.min(10, 2 + Math.log2(1 + n))
    c.stroke()
    const text = f.flowText(n, perSecond)
    const w = c.measureText(text).width + 10
    const h = f.font + 6
    const x = path.mid.x * view.zoom + view.x
    const y = path.mid.y * view.zoom + view.y
    const places = [{ x: x - w / 2, y: y - h / 2, w, h }, ...around(x, y, w, h, 8)]
    const rect = places[least(places.map((place) => covered(place, texts, view, [])))]!
    plate(c, rect.x, rect.y, w, h, sprites.palette.raised, sprites.palette.proto[proto])
    c.fillStyle = sprites.palette.ink
    c.fillText(text, rect.x + 5, rect.y + h / 2 + 0.5)
  }
}

interface Way {
  path: WirePath
  /** From the path's second end to its first. */
  back: boolean
}

/** A wire that no longer exists has no way: the flight is not drawn. */
function wayOf(drawing: Drawing, ns: number, ifindex: number): Way | null {
  const from = drawing.byIndex.get(`${ns}:${ifindex}`)
  if (from === undefined) return null
  const wire = drawing.wires[drawing.wireOfPort.get(from) ?? '']
  if (!wire) return null
  return { path: wire.path, back: wire.edge.a !== from }
}

/** A port's place in drawing coordinates; a port that is not drawn (lo) stands for its room or machine. */
export function portSpot(drawing: Drawing, ns: number, ifindex: number, out: Spot): boolean {
  const id = drawing.byIndex.get(`${ns}:${ifindex}`) ?? drawing.byIndex.get(`${ns}:1`)
  if (id === undefined) return false
  const machine = machineOf(id)
  const place = drawing.places[machine]
  const box = drawing.boxes[machine]
  if (!place || !box) return false
  const port = drawing.ports[id]
  const room = box.rooms.find((one) => id.startsWith(`${one.room.id}/`))
  const bar = box.bars.find((one) => one.id === id)
  if (port) set(out, place.x + port.x, place.y + port.y)
  else if (bar) set(out, place.x + bar.x + bar.w / 2, place.y + bar.y + bar.h / 2)
  else if (room) set(out, place.x + room.x + room.w / 2, place.y + room.y + room.h / 2)
  else set(out, place.x + box.w / 2, place.y + (box.top + box.h) / 2)
  return true
}

function at(view: View, drawing: Drawing, port: string, out: Spot): Spot {
  const box = drawing.ports[port]!
  const place = drawing.places[machineOf(port)]!
  set(out, place.x + box.x, place.y + box.y)
  toScreen(view, out)
  return out
}

function set(out: Spot, x: number, y: number): void {
  out.x = x
  out.y = y
}

function toScreen(view: View, point: Spot): void {
  point.x = point.x * view.zoom + view.x
  point.y = point.y * view.zoom + view.y
}

function outside(path: WirePath, view: View): boolean {
  const [left, top, right, bottom] = path.bounds
  return (
    right * view.zoom + view.x < -20 ||
    left * view.zoom + view.x > view.width + 20 ||
    bottom * view.zoom + view.y < -20 ||
    top * view.zoom + view.y > view.height + 20
  )
}
