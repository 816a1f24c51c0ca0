/** Packet glyphs, drawn once per size and theme: shape and colour by protocol, hollow for answers, ringed in tunnels. */
import type { Flight } from '../../session/types.ts'

export type Proto = Flight['proto']

export interface Palette {
  proto: Record<Proto, string>
  drop: string
  tunnel: string
  ink: string
  ink2: string
  paper: string
  raised: string
  line: string
  accent: string
}

export interface Sprites {
  palette: Palette
  /** Half of a sprite's width in CSS pixels. */
  half: number
  size: number
  of(proto: Proto, answer: boolean, ringed: boolean): HTMLCanvasElement
}

/** Reads the theme's colours from the root element. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement)
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim()
  return {
    proto: {
      arp: token('arp'),
      icmp: token('icmp'),
      icmp6: token('icmp'),
      tcp: token('tcp'),
      udp: token('udp'),
      dns: token('dns'),
      stp: token('stp'),
      other: token('other'),
    },
    drop: token('drop'),
    tunnel: token('tunnel'),
    ink: token('ink'),
    ink2: token('ink-2'),
    paper: token('paper'),
    raised: token('raised'),
    line: token('line'),
    accent: token('accent'),
  }
}

/** Glyphs of `size` CSS pixels at a device pixel ratio; made when first asked for. */
export function makeSprites(size: number, ratio: number): Sprites {
  const palette = readPalette()
  const made = new Map<string, HTMLCanvasElement>()
  const half = size
  return {
    palette,
    half,
    size,
    of(proto, answer, ringed) {
      const key = `${proto} ${answer} ${ringed}`
      let sprite = made.get(key)
      if (!sprite) {
        sprite = document.createElement('canvas')
        sprite.width = sprite.height = Math.ceil(half * 2 * ratio)
        const context = sprite.getContext('2d')!
        context.scale(ratio, ratio)
        context.translate(half, half)
        drawGlyph(context, proto, size, answer, ringed, palette)
        made.set(key, sprite)
      }
      return sprite
    },
  }
}

function drawGlyph(
  c: CanvasRenderingContext2D,
  proto: Proto,
  size: number,
  answer: boolean,
  ringed: boolean,
  palette: Palette,
): void {
  const colour = palette.proto[proto]
  const r = size / 2
  c.lineJoin = 'round'
  c.beginPath()
  shape(c, proto, r)
  // A rim of paper keeps the glyph apart from the wire and from its neighbours.
  c.strokeStyle = palette.paper
  c.lineWidth = 4
  c.stroke()
  c.fillStyle = answer || proto === 'stp' ? palette.paper : colour
  c.fill()
  c.strokeStyle = colour
  c.lineWidth = 2
  c.stroke()
  if (proto === 'dns') {
    c.beginPath()
    c.arc(0, r * 0.2, r * 0.26, 0, Math.PI * 2)
    c.fillStyle = answer ? colour : palette.paper
    c.fill()
  }
  if (ringed) {
    c.beginPath()
    c.arc(0, 0, r + 3.5, 0, Math.PI * 2)
    c.strokeStyle = palette.tunnel
    c.lineWidth = 1.6
    c.stroke()
  }
}

function shape(c: CanvasRenderingContext2D, proto: Proto, r: number): void {
  switch (proto) {
    case 'arp':
      polygon(c, [0, -r * 1.15, r * 1.15, 0, 0, r * 1.15, -r * 1.15, 0])
      break
    case 'tcp':
      c.rect(-r * 0.88, -r * 0.88, r * 1.76, r * 1.76)
      break
    case 'udp':
    case 'dns':
      polygon(c, [0, -r * 1.05, r * 1.08, r * 0.85, -r * 1.08, r * 0.85])
      break
    case 'stp':
      c.rect(-r * 0.6, -r * 0.6, r * 1.2, r * 1.2)
      break
    case 'other':
      polygon(c, [
        -r,
        0,
        -r * 0.5,
        -r * 0.87,
        r * 0.5,
        -r * 0.87,
        r,
        0,
        r * 0.5,
        r * 0.87,
        -r * 0.5,
        r * 0.87,
      ])
      break
    default:
      c.arc(0, 0, r, 0, Math.PI * 2)
  }
}

function polygon(c: CanvasRenderingContext2D, points: number[]): void {
  c.moveTo(points[0]!, points[1]!)
  for (let i = 2; i < points.length; i += 2) c.lineTo(points[i]!, points[i + 1]!)
  c.closePath()
}
