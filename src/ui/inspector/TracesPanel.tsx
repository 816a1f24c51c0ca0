/** All packets so far, newest first. Choosing one draws its way on the canvas and tells it in the right panel. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Boundary } from './Boundary.tsx'
import type { TraceSummary } from '../../view/types.ts'
import { chooseTrace, session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { timeText } from '../client/time.ts'
import { useNarrow } from '../frame/useNarrow.ts'
import './inspector.css'
import { Outcome } from './Outcome.tsx'
import { PacketPage } from './PacketPage.tsx'
import { ProtoGlyph } from './ProtoGlyph.tsx'
import { useAtClock } from './useAtClock.ts'

const LIMIT = 1000
/** Rows drawn above and below what is seen. */
const SPARE = 10
const PROTOS: TraceSummary['proto'][] = ['arp', 'icmp', 'icmp6', 'tcp', 'udp', 'dns', 'stp', 'other']

export function TracesPanel() {
  return (
    <Boundary>
      <Traces />
    </Boundary>
  )
}

function Traces() {
  const { t } = useTranslation('inspector')
  const [proto, setProto] = useState('')
  const [text, setText] = useState('')
  const all = useAtClock<TraceSummary[]>('traces', () => session().traces(LIMIT)) ?? []
  const shown = useMemo(() => filterTraces(all, proto, text), [all, proto, text])
  const narrow = useNarrow()
  const alone = useStore((state) => narrow || !state.prefs.right || state.prefs.allHidden)
  const chosen = useStore((state) => state.chosenTrace)
  return (
    <div className="traces">
      <div className="traces-main">
        <div className="traces-bar">
          <select
            className="select"
            aria-label={t('protocol')}
            value={proto}
            onChange={(event) => setProto(event.target.value)}
          >
            <option value="">{t('allProtocols')}</option>
            {PROTOS.map((one) => (
              <option key={one} value={one}>
                {one === 'other' ? t('otherProtocol') : one.toUpperCase()}
              </option>
            ))}
          </select>
          <input
            className="text-input"
            type="search"
            placeholder={t('filter')}
            aria-label={t('filter')}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <span className="quiet" role="status">
            {t('shownOf', { shown: shown.length, count: all.length })}
          </span>
        </div>
        <TraceList traces={shown} empty={all.length === 0 ? t('noTraces') : t('noneMatches')} />
      </div>
      {alone && chosen !== null && (
        <div className="traces-side">
          <PacketPage />
        </div>
      )}
    </div>
  )
}

function TraceList({ traces, empty }: { traces: TraceSummary[]; empty: string }) {
  const { t } = useTranslation('inspector')
  const chosen = useStore((state) => state.chosenTrace)
  const box = useRef<HTMLDivElement>(null)
  const later = useRef<ReturnType<typeof setTimeout>>(undefined)
  const [active, setActive] = useState<number | null>(null)
  const [view, look] = useView(box, traces.length > 0)
  const rowHeight = useRowHeight()
  const current = active ?? chosen
  const at = traces.findIndex((trace) => trace.id === current)
  useEffect(() => {
    // Chosen elsewhere, on the canvas: the list goes along.
    if (chosen !== null && later.current === undefined) setActive(null)
  }, [chosen])
  const go = (index: number) => {
    const trace = traces[Math.max(0, Math.min(traces.length - 1, index))]
    if (!trace) return
    setActive(trace.id)
    reveal(box.current!, traces.indexOf(trace) * rowHeight, rowHeight)
    clearTimeout(later.current)
    later.current = setTimeout(() => {
      later.current = undefined
      void chooseTrace(trace.id)
    }, 80)
  }
  const onKey = (event: React.KeyboardEvent) => {
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1)
    const target = targetOf(event.key, at, page, traces.length)
    if (target !== undefined) go(target)
    else if ((event.key === 'Enter' || event.key === ' ') && at >= 0) go(at)
    else return
    event.preventDefault()
  }
  if (traces.length === 0) return <p className="quiet pad">{empty}</p>
  const first = Math.max(0, Math.floor(view.top / rowHeight) - SPARE)
  const last = Math.min(traces.length, Math.ceil((view.top + view.height) / rowHeight) + SPARE)
  const inView = at >= first && at < last
  return (
    <div
      ref={box}
      className="trace-list"
      role="listbox"
      aria-label={t('traces')}
      aria-activedescendant={inView ? `trace-${current}` : undefined}
      tabIndex={0}
      onKeyDown={onKey}
      onScroll={look}
    >
      <div role="presentation" style={{ height: traces.length * rowHeight, position: 'relative' }}>
        {traces.slice(first, last).map((trace, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list listens for keys
          // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus (aria-activedescendant)
          <div
            key={trace.id}
            id={`trace-${trace.id}`}
            role="option"
            aria-selected={trace.id === chosen}
            aria-setsize={traces.length}
            aria-posinset={first + i + 1}
            className={`trace-row ${trace.id === current ? 'active' : ''}`}
            style={{ top: (first + i) * rowHeight, height: rowHeight }}
            onClick={() => go(first + i)}
          >
            <TraceWords trace={trace} />
          </div>
        ))}
      </div>
    </div>
  )
}

/** Row that a key leads to. */
function targetOf(key: string, at: number, page: number, count: number): number | undefined {
  const moves: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at < 0 ? 0 : at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: count - 1,
  }
  return moves[key]
}

function TraceWords({ trace }: { trace: TraceSummary }) {
  const { t } = useTranslation('inspector')
  return (
    <>
      <span className="mono quiet trace-at">{timeText(trace.at)}</span>
      <ProtoGlyph proto={trace.proto} label={trace.label} />
      <span className="trace-label" title={trace.label}>
        {trace.label}
      </span>
      <span className="quiet trace-hops">{t('hopCount', { count: trace.nHops })}</span>
      <Outcome trace={trace} />
    </>
  )
}

/** What part of a scrolled box is seen, and how to look again. */
function useView(box: React.RefObject<HTMLElement | null>, shown: boolean) {
  const [view, setView] = useState({ top: 0, height: 400 })
  const look = useCallback(() => {
    const element = box.current
    if (element) setView({ top: element.scrollTop, height: element.clientHeight })
  }, [box])
  useEffect(() => {
    if (!shown || !box.current) return
    const resize = new ResizeObserver(look)
    resize.observe(box.current)
    return () => resize.disconnect()
  }, [shown, box, look])
  return [view, look] as const
}

/** Newest first; `text` matches label, addresses and reason. */
export function filterTraces(traces: readonly TraceSummary[], proto: string, text: string): TraceSummary[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return traces
    .filter((trace) => {
      if (proto !== '' && trace.proto !== proto) return false
      const all =
        `${trace.label} ${trace.src} ${trace.dst} ${trace.reason} ${trace.disposition}`.toLowerCase()
      return words.every((word) => all.includes(word))
    })
    .reverse()
}

function useRowHeight(): number {
  const present = useStore((state) => state.prefs.present)
  return present ? 40 : 26
}

function reveal(box: HTMLElement, top: number, height: number): void {
  if (top < box.scrollTop) box.scrollTop = top
  else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight
}
