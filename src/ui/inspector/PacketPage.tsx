/** The chosen packet: its hops and steps in words, what changed at each hop, what decided, and its layers. */
import { X } from 'lucide-react'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import type { TraceSummary, TraceView } from '../../view/types.ts'
import { chooseTrace, session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { timeText } from '../client/time.ts'
import { BytesPane } from './BytesPane.tsx'
import { endBranch, useBranch } from './bytesStore.ts'
import { HopCard } from './HopCard.tsx'
import { Outcome } from './Outcome.tsx'
import { ProtoGlyph } from './ProtoGlyph.tsx'
import { useAtClock } from './useAtClock.ts'

/** Traces that are looked through for cause and consequences. */
const NEAR = 400

export function PacketPage() {
  const { t } = useTranslation('inspector')
  const id = useStore((state) => state.chosenTrace)
  if (id === null) return <p className="quiet pad">{t('noPacket')}</p>
  return <Packet key={id} id={id} />
}

interface Answer {
  view: TraceView | null
  near: TraceSummary[]
}

function Packet({ id }: { id: number }) {
  const { t } = useTranslation('inspector')
  const answer = useAtClock<Answer>(`trace ${id}`, () => ask(id))
  const chosen = useStore((state) => state.chosenTraceView)
  const view = answer?.view ?? (chosen?.id === id ? chosen : null)
  useEffect(() => {
    // The path on the canvas grows while the packet travels.
    const fresh = answer?.view
    const { chosenTrace, chosenTraceView } = useStore.getState()
    if (!fresh || chosenTrace !== id || sameWay(fresh, chosenTraceView)) return
    useStore.setState({ chosenTraceView: fresh })
  }, [answer, id])
  if (!view) return <p className="quiet pad">{answer ? t('packetGone') : ''}</p>
  const cause = view.cause === 0 ? undefined : answer?.near.find((trace) => trace.id === view.cause)
  const children = answer?.near.filter((trace) => trace.cause === id) ?? []
  return (
    <>
      <header className="inspect-head">
        <div className="grow">
          <h2 className="inspect-title packet-title">
            <ProtoGlyph proto={view.proto} label={view.label} />
            <span>{view.label}</span>
          </h2>
          <p className="quiet packet-end">
            <span className="mono">{timeText(view.at)}</span>
            <Outcome trace={view} />
          </p>
        </div>
        <button
          type="button"
          className="btn icon"
          aria-label={t('letGo')}
          title={t('letGo')}
          onClick={() => void chooseTrace(null)}
        >
          <X aria-hidden="true" />
        </button>
      </header>
      {view.cause !== 0 && <Related title={t('cause')} traces={cause ? [cause] : []} fallback={view.cause} />}
      {view.truncated && <p className="quiet pad">{t('truncated')}</p>}
      <ol className="hops" aria-label={t('hops')}>
        {view.hops.map((hop, i) => (
          <HopCard key={`${hop.event} ${hop.ns}`} hop={hop} number={i + 1} />
        ))}
      </ol>
      <Branch id={id} />
      <BytesPane view={view} />
      {children.length > 0 && <Related title={t('children')} traces={children} />}
    </>
  )
}

/** What would have come after the drop, and what that would have given rise to. */
function Branch({ id }: { id: number }) {
  const { t } = useTranslation('inspector')
  const branch = useBranch((state) => (state.of === id ? state.branch : null))
  if (!branch) return null
  const { trace, more, event, error } = branch
  const dropped = trace?.hops.findIndex((hop) => hop.steps.some((step) => step.event === event)) ?? 0
  return (
    <section className="branch" aria-label={t('permitted')}>
      <header>
        <h3 className="grow">{t('permitted')}</h3>
        {trace && <Outcome trace={trace} />}
        <button type="button" className="btn outlined" onClick={endBranch}>
          {t('permitEnd')}
        </button>
      </header>
      <p className="quiet">{error === '' ? t('permitNote') : error}</p>
      <ol className="hops" aria-label={t('permitted')}>
        {trace?.hops.slice(Math.max(0, dropped)).map((hop, i) => (
          <HopCard key={`${hop.event} ${hop.ns}`} hop={hop} number={dropped + i + 1} branch />
        ))}
      </ol>
      {more.map((one) => (
        <p key={one.id} className="packet-end">
          <ProtoGlyph proto={one.proto} label={one.label} /> {one.label} <Outcome trace={one} />
        </p>
      ))}
    </section>
  )
}

function Related(props: { title: string; traces: TraceSummary[]; fallback?: number }) {
  const links = props.traces.map(({ id, label, proto }) => ({ id, label, proto }))
  if (links.length === 0 && props.fallback)
    links.push({ id: props.fallback, label: `#${props.fallback}`, proto: 'other' })
  return (
    <section className="related" aria-label={props.title}>
      <h3 className="menu-label">{props.title}</h3>
      {links.map(({ id, label, proto }) => (
        <button key={id} type="button" className="related-link" onClick={() => void chooseTrace(id)}>
          <ProtoGlyph proto={proto} label={label} />
          <span>{label}</span>
        </button>
      ))}
    </section>
  )
}

async function ask(id: number): Promise<Answer> {
  const [view, near] = await Promise.all([session().trace(id), session().traces(NEAR)])
  return { view, near }
}

function sameWay(a: TraceView, b: TraceView | null): boolean {
  return (
    b !== null &&
    a.id === b.id &&
    a.nHops === b.nHops &&
    a.lastEvent === b.lastEvent &&
    a.disposition === b.disposition
  )
}
