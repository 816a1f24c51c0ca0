/** The way of a wire between two ports: as SVG text to draw it, and sampled evenly so that packets can follow it. */
import type { PortBox, Side } from './boxes.ts'

export interface End {
  x: number
  y: number
  side: Side
  gutter: PortBox['gutter']
}

export interface WirePath {
  d: string
  /** Evenly spaced x, y pairs from the first end to the second. */
  samples: Float32Array
  length: number
  /** The middle, where the note stands. */
  mid: { x: number; y: number }
  /** Bounds: left, top, right, bottom. */
  bounds: [number, number, number, number]
}

export const SAMPLES = 48
const RIM = 5

type Point = [number, number]

const NORMAL: Record<Side, Point> = { left: [-1, 0], right: [1, 0], top: [0, -1], bottom: [0, 1] }

export function wirePath(from: End, to: End): WirePath {
  const a = outside(from)
  const b = outside(to)
  if (a.gutter && b.side === 'top' && b.y > a.y) return throughGutter(a, b, false)
  if (b.gutter && a.side === 'top' && a.y > b.y) return throughGutter(b, a, true)
  const reach = Math.min(110, Math.max(16, Math.hypot(b.x - a.x, b.y - a.y) * 0.38))
  const p1: Point = [a.x + NORMAL[a.side][0] * reach, a.y + NORMAL[a.side][1] * reach]
  const p2: Point = [b.x + NORMAL[b.side][0] * reach, b.y + NORMAL[b.side][1] * reach]
  const d = `M${r(a.x)} ${r(a.y)}C${r(p1[0])} ${r(p1[1])} ${r(p2[0])} ${r(p2[1])} ${r(b.x)} ${r(b.y)}`
  const points: Point[] = []
  for (let i = 0; i <= 64; i++) points.push(cubic([a.x, a.y], p1, p2, [b.x, b.y], i / 64))
  return finish(d, points)
}

/** A wire begins at the rim of its port's glyph. */
function outside(end: End): End {
  const [dx, dy] = NORMAL[end.side]
  return { ...end, x: end.x + dx * RIM, y: end.y + dy * RIM }
}

/** The point at `part` (0 to 1) of a path, into `out`. */
export function pointAt(path: WirePath, part: number, out: { x: number; y: number }): void {
  const f = Math.min(1, Math.max(0, part)) * (SAMPLES - 1)
  const i = Math.min(SAMPLES - 2, Math.floor(f))
  const rest = f - i
  const s = path.samples
  out.x = s[i * 2]! + (s[i * 2 + 2]! - s[i * 2]!) * rest
  out.y = s[i * 2 + 1]! + (s[i * 2 + 3]! - s[i * 2 + 1]!) * rest
}

/** Down beside the lower rows of rooms, with round corners. */
function throughGutter(from: End, to: End, reverse: boolean): WirePath {
  const g = from.gutter!
  const y1 = g.rowBottom + 14
  const y2 = g.gridBottom + 16
  const corners: Point[] = [
    [from.x, from.y],
    [from.x, y1],
    [g.x, y1],
    [g.x, y2],
    [to.x, y2],
    [to.x, to.y],
  ]
  if (reverse) corners.reverse()
  const points: Point[] = [corners[0]!]
  let d = `M${r(corners[0]![0])} ${r(corners[0]![1])}`
  for (let i = 1; i < corners.length - 1; i++) {
    const [p, c, n] = [corners[i - 1]!, corners[i]!, corners[i + 1]!]
    const a = toward(c, p, 8)
    const b = toward(c, n, 8)
    d += `L${r(a[0])} ${r(a[1])}Q${r(c[0])} ${r(c[1])} ${r(b[0])} ${r(b[1])}`
    for (let k = 0; k <= 4; k++) points.push(quadratic(a, c, b, k / 4))
  }
  const last = corners.at(-1)!
  d += `L${r(last[0])} ${r(last[1])}`
  points.push(last)
  return finish(d, points)
}

/** Samples a polyline at equal distances. */
function finish(d: string, points: Point[]): WirePath {
  const along = [0]
  for (let i = 1; i < points.length; i++) {
    const [p, q] = [points[i - 1]!, points[i]!]
    along.push(along[i - 1]! + Math.hypot(q[0] - p[0], q[1] - p[1]))
  }
  const length = along.at(-1)!
  const samples = new Float32Array(SAMPLES * 2)
  const bounds: WirePath['bounds'] = [Infinity, Infinity, -Infinity, -Infinity]
  let at = 1
  for (let i = 0; i < SAMPLES; i++) {
    const want = (length * i) / (SAMPLES - 1)
    while (at < points.length - 1 && along[at]! < want) at++
    const span = along[at]! - along[at - 1]! || 1
    const rest = Math.min(1, Math.max(0, (want - along[at - 1]!) / span))
    const [p, q] = [points[at - 1]!, points[at]!]
    const x = p[0] + (q[0] - p[0]) * rest
    const y = p[1] + (q[1] - p[1]) * rest
    samples[i * 2] = x
    samples[i * 2 + 1] = y
    bounds[0] = Math.min(bounds[0], x)
    bounds[1] = Math.min(bounds[1], y)
    bounds[2] = Math.max(bounds[2], x)
    bounds[3] = Math.max(bounds[3], y)
  }
  const middle = SAMPLES >> 1
  return { d, samples, length, mid: { x: samples[middle * 2]!, y: samples[middle * 2 + 1]! }, bounds }
}

function cubic(a: Point, b: Point, c: Point, d: Point, t: number): Point {
  const u = 1 - t
  const [w0, w1, w2, w3] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t]
  return [w0 * a[0] + w1 * b[0] + w2 * c[0] + w3 * d[0], w0 * a[1] + w1 * b[1] + w2 * c[1] + w3 * d[1]]
}

function quadratic(a: Point, b: Point, c: Point, t: number): Point {
  const u = 1 - t
  return [u * u * a[0] + 2 * u * t * b[0] + t * t * c[0], u * u * a[1] + 2 * u * t * b[1] + t * t * c[1]]
}

/** `by` pixels from `from` on the way to `to`, at most half of it. */
function toward(from: Point, to: Point, by: number): Point {
  const distance = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1
  const part = Math.min(0.5, by / distance)
  return [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part]
}

function r(value: number): number {
  return Math.round(value * 10) / 10
}
