/**
 * A panel at an edge of its row or column, with a seam to drag or to move by arrow keys; its size is remembered.
 *
 * Why no library: react-resizable-panels 4.24 is 15.8 kB of script, gzipped, and its groups must stand around canvas,
 * terminal and inspector. Before the first picture it would leave less than 1 kB of the 200 that may be loaded there;
 * after it, those three would be mounted anew within other parents, and a terminal would lose what it shows.
 */
import { type CSSProperties, type ReactNode, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'

type Edge = 'left' | 'right' | 'bottom'
/** Pixels, each of them. */
export interface Sizes {
  least: number
  usual: number
  most: number
}

const STEP = 16

export function SidePanel(props: { edge: Edge; name: string; sizes: Sizes; children: ReactNode }) {
  const { edge, name, sizes, children } = props
  const [size, setSize] = useState(() => remembered(name) ?? sizes.usual)
  const resize = (wanted: number) => {
    const next = Math.round(Math.min(sizes.most, Math.max(sizes.least, wanted)))
    setSize(next)
    remember(name, next)
  }
  const least = edge === 'bottom' ? { minHeight: sizes.least } : { minWidth: sizes.least }
  const style: CSSProperties = { flex: `0 1 ${size}px`, ...least }
  const seam = <Seam edge={edge} size={size} sizes={sizes} resize={resize} panel={`panel-${name}`} />
  return (
    <>
      {edge !== 'left' && seam}
      <div id={`panel-${name}`} className="panel" style={style}>
        {children}
      </div>
      {edge === 'left' && seam}
    </>
  )
}

interface SeamProps {
  edge: Edge
  size: number
  sizes: Sizes
  resize: (size: number) => void
  panel: string
}

function Seam({ edge, size, sizes, resize, panel }: SeamProps) {
  const { t } = useTranslation()
  const from = useRef<{ at: number; size: number } | null>(null)
  const flat = edge === 'bottom'
  // Away from the edge the panel grows.
  const sign = edge === 'left' ? 1 : -1
  const at = (event: React.PointerEvent) => (flat ? event.clientY : event.clientX)
  const onKey = (event: React.KeyboardEvent) => {
    const [less, more] = flat ? ['ArrowUp', 'ArrowDown'] : ['ArrowLeft', 'ArrowRight']
    const moves: Record<string, number> = {
      [less!]: size - STEP * sign,
      [more!]: size + STEP * sign,
      Home: sizes.least,
      End: sizes.most,
      Enter: sizes.usual,
    }
    const next = moves[event.key]
    if (next === undefined) return
    event.preventDefault()
    resize(next)
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a separator that moves is no rule between paragraphs
    <div
      role="separator"
      className={`seam ${flat ? 'flat' : ''}`}
      aria-label={t('resize')}
      aria-orientation={flat ? 'horizontal' : 'vertical'}
      aria-controls={panel}
      aria-valuemin={sizes.least}
      aria-valuemax={sizes.most}
      aria-valuenow={size}
      tabIndex={0}
      onKeyDown={onKey}
      onDoubleClick={() => resize(sizes.usual)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        // What is shown may be less than what was wanted, where the window is small.
        const box = document.getElementById(panel)!.getBoundingClientRect()
        from.current = { at: at(event), size: flat ? box.height : box.width }
      }}
      onPointerMove={(event) => {
        if (from.current) resize(from.current.size + (at(event) - from.current.at) * sign)
      }}
      onLostPointerCapture={() => {
        from.current = null
      }}
    />
  )
}

const key = (name: string) => `kubehop.size.${name}`

function remembered(name: string): number | null {
  try {
    const size = Number(localStorage.getItem(key(name)))
    return size > 0 ? size : null
  } catch {
    return null
  }
}

function remember(name: string, size: number): void {
  try {
    localStorage.setItem(key(name), String(size))
  } catch {
    // Not remembered where storage is refused.
  }
}
