/** A packet's bytes with their characters. Arrow keys walk over them and tell the field. */
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { FrameView } from '../../view/types.ts'
import { fieldId } from './FieldTree.tsx'

/** Characters that a line of sixteen bytes needs. */
const LINE_CHARS = 16 * 4 + 12
/** Longer packets show their first bytes. */
const MAX_BYTES = 2048

export function HexPane(props: {
  frame: FrameView
  range: { at: number; length: number } | null
  choose: (id: string) => void
  hover: (id: string) => void
}) {
  const { t } = useTranslation('inspector')
  const { frame, range, choose, hover } = props
  const [at, setAt] = useState(-1)
  const [wide, box] = useLine()
  const size = Math.min(frame.bytes.length, MAX_BYTES)
  const changed = changedBytes(frame)
  const go = (to: number) => {
    const next = Math.max(0, Math.min(size - 1, to))
    setAt(next)
    hover('')
    choose(fieldAt(frame, next))
  }
  const onKey = (event: React.KeyboardEvent) => {
    const to = placeAfter(event.key, at, wide, size)
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    go(to)
  }
  const classOf = (i: number) => {
    const inside = range !== null && i >= range.at && i < range.at + range.length
    return `${inside ? 'marked' : ''} ${changed.has(i) ? 'changed' : ''} ${i === at ? 'cursor' : ''}`
  }
  const told = at >= 0 && at < size ? spoken(frame, at) : null
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: one thing to the keyboard, like a text field */}
      <div
        ref={box}
        className="hex mono"
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys walk over the bytes
        tabIndex={0}
        aria-label={t('hexPane')}
        onKeyDown={onKey}
        onPointerOver={(event) => {
          const byte = byteUnder(event)
          hover(byte < 0 ? '' : fieldAt(frame, byte))
        }}
        onPointerLeave={() => hover('')}
        onClick={(event) => {
          const byte = byteUnder(event)
          if (byte >= 0) go(byte)
        }}
      >
        {Array.from({ length: Math.ceil(size / wide) }, (_, line) => (
          <HexLine
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
            key={line}
            bytes={frame.bytes}
            at={line * wide}
            places={lineOf(wide, line, size)}
            classOf={classOf}
          />
        ))}
      </div>
      <p className="sr-only" aria-live="polite">
        {told && t('byteTold', told)}
      </p>
    </>
  )
}

/** The byte under the pointer, -1 for none. */
function byteUnder(event: React.MouseEvent): number {
  const found = (event.target as HTMLElement).closest<HTMLElement>('[data-byte]')
  return found ? Number(found.dataset.byte) : -1
}

/** Where a key leads to. */
function placeAfter(key: string, at: number, wide: number, size: number): number | undefined {
  const moves: Record<string, number> = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + wide,
    ArrowUp: at - wide,
    Home: 0,
    End: size - 1,
  }
  return moves[key]
}

function HexLine(props: { bytes: number[]; at: number; places: number[]; classOf: (i: number) => string }) {
  const { bytes, at, places, classOf } = props
  return (
    <div className="hex-line" aria-hidden="true">
      <span className="quiet hex-at">{at.toString(16).padStart(4, '0')}</span>
      <span className="hex-bytes">
        {places.map((i) => (
          <span key={i} data-byte={i} className={classOf(i)}>
            {bytes[i]!.toString(16).padStart(2, '0')}
          </span>
        ))}
      </span>
      <span className="hex-text">
        {places.map((i) => (
          <span key={i} data-byte={i} className={classOf(i)}>
            {charOf(bytes[i]!)}
          </span>
        ))}
      </span>
    </div>
  )
}

function lineOf(wide: number, line: number, size: number): number[] {
  const from = line * wide
  return Array.from({ length: Math.min(wide, size - from) }, (_, i) => from + i)
}

/** Sixteen bytes to a line, eight where the panel is narrow. */
function useLine(): [number, React.RefObject<HTMLDivElement | null>] {
  const box = useRef<HTMLDivElement>(null)
  const [wide, setWide] = useState(16)
  useEffect(() => {
    const element = box.current!
    const observer = new ResizeObserver(() => {
      const letter = Number.parseFloat(getComputedStyle(element).fontSize) * 0.62
      setWide(element.clientWidth >= LINE_CHARS * letter ? 16 : 8)
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return [wide, box]
}

function charOf(byte: number): string {
  return byte > 32 && byte < 127 ? String.fromCharCode(byte) : byte === 32 ? '\u00a0' : '·'
}

/** The smallest field that holds a byte; its layer where none does. */
function fieldAt(frame: FrameView, at: number): string {
  let best = ''
  let size = Number.POSITIVE_INFINITY
  frame.layers.forEach((layer, i) => {
    if (at < layer.at || at >= layer.at + layer.length) return
    if (best === '') best = fieldId(i, -1)
    layer.fields.forEach((field, k) => {
      if (at < field.at || at >= field.at + field.length || field.length >= size) return
      size = field.length
      best = fieldId(i, k)
    })
  })
  return best
}

function changedBytes(frame: FrameView): Set<number> {
  const changed = new Set<number>()
  for (const { fields } of frame.layers) {
    for (const { at, length, before } of fields) {
      if (before !== undefined) for (let i = at; i < at + length; i++) changed.add(i)
    }
  }
  return changed
}

function spoken(frame: FrameView, at: number): { at: number; value: string; field: string } {
  const [i = -1, k = -1] = fieldAt(frame, at).split('.').map(Number)
  const layer = frame.layers[i]
  const field = layer?.fields[k]
  const text = field ? `${layer!.title}, ${field.title}: ${field.value}` : (layer?.title ?? '')
  return { at, value: `0x${frame.bytes[at]!.toString(16).padStart(2, '0')}`, field: text }
}
