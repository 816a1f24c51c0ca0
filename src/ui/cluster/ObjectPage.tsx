/** One object at the shown moment: its YAML, its events, and for a Service what led to its rules. */
import { FileText, X } from 'lucide-react'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { ObjectRef, ObjectView } from '../../view/kube-types.ts'
import { session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { lineDiff } from '../editor/diff.ts'
import { useAtClock } from '../inspector/useAtClock.ts'
import { ChainPage } from './ChainPage.tsx'
import { EventRows } from './ClusterPanel.tsx'
import { NetworkPage } from './NetworkPage.tsx'
import { type ObjectPart, refKey, refText, showObject, showPlace, useCluster } from './clusterStore.ts'
import { useBefore } from './useBefore.ts'

const PLAIN: ObjectPart[] = ['yaml', 'events']
const PARTS: Record<string, ObjectPart[] | undefined> = {
  Service: [...PLAIN, 'chain'],
  Pod: [...PLAIN, 'network'],
}

export function ObjectPage({ chosen }: { chosen: ObjectRef }) {
  const { t } = useTranslation('cluster')
  const wanted = useCluster((state) => state.part)
  const answer = useAtClock<{ event: number; view: ObjectView | null }>(refKey(chosen), async () => ({
    event: useStore.getState().clock?.event ?? 0,
    view: await session().clusterObject(chosen.resource, chosen.namespace, chosen.name),
  }))
  const view = answer?.view ?? null
  const parts = PARTS[chosen.kind] ?? PLAIN
  const part = parts.includes(wanted) ? wanted : 'yaml'
  return (
    <section className="cluster-object" aria-label={refText(chosen)}>
      <header className="object-head">
        <h2 className="mono">{refText(chosen)}</h2>
        <Place view={view} chosen={chosen} />
        <span className="grow" />
        <span className="object-parts">
          <span role="tablist" aria-label={t('parts')}>
            {parts.map((one) => (
              <button
                type="button"
                role="tab"
                key={one}
                id={`object-tab-${one}`}
                aria-selected={part === one}
                aria-controls="object-part"
                tabIndex={part === one ? 0 : -1}
                className="tab"
                onKeyDown={(event) => moveTab(event, parts, part)}
                onClick={() => useCluster.setState({ part: one })}
              >
                {one === 'events' ? t('eventsOf', { count: view?.events.length ?? 0 }) : t(`part_${one}`)}
              </button>
            ))}
          </span>
          <button
            type="button"
            className="btn icon"
            aria-label={t('close')}
            title={t('close')}
            onClick={() => useCluster.setState({ chosen: null })}
          >
            <X aria-hidden="true" />
          </button>
        </span>
      </header>
      {view && part !== 'network' && <Family view={view} />}
      <div
        className="object-part"
        id="object-part"
        role="tabpanel"
        aria-labelledby={`object-tab-${part}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled text must be reachable by keyboard
        tabIndex={0}
      >
        {answer !== null && view === null && PLAIN.includes(part) && <p className="quiet pad">{t('gone')}</p>}
        {part === 'chain' && <ChainPage chosen={chosen} />}
        {part === 'network' && <NetworkPage chosen={chosen} />}
        {view && part === 'yaml' && <Yaml view={view} event={answer!.event} />}
        {view && part === 'events' && <Events view={view} />}
      </div>
    </section>
  )
}

function moveTab(event: React.KeyboardEvent, parts: ObjectPart[], part: ObjectPart): void {
  const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
  if (by === 0) return
  event.preventDefault()
  event.stopPropagation()
  const next = parts[(parts.indexOf(part) + by + parts.length) % parts.length]!
  useCluster.setState({ part: next })
  document.getElementById(`object-tab-${next}`)?.focus()
}

/** The line of the lab's text that it, or its owner, was written in. */
function Place({ view, chosen }: { view: ObjectView | null; chosen: ObjectRef }) {
  const { t } = useTranslation('cluster')
  const port = useCluster((state) => state.portPlace)
  if (!view?.place) return null
  const place = { ...view.place, ...port }
  const own = refKey(place.from) === refKey(chosen)
  return (
    <button type="button" className="btn outlined place" onClick={() => showPlace(place)}>
      <FileText aria-hidden="true" />
      {own ? t('line', { line: place.line }) : t('lineOf', { line: place.line, kind: place.from.kind })}
    </button>
  )
}

const MAX_OWNED = 12

/** Owners and what it owns, and who wrote it. */
function Family({ view }: { view: ObjectView }) {
  const { t } = useTranslation('cluster')
  const { owners, owned, managers } = view
  return (
    <p className="family">
      {owners.length > 0 && <span className="quiet">{t('owners')}</span>}
      {owners.map((ref) => (
        <Ref key={refKey(ref)} refOf={ref} />
      ))}
      {owned.length > 0 && <span className="quiet">{t('owned')}</span>}
      {owned.slice(0, MAX_OWNED).map((ref) => (
        <Ref key={refKey(ref)} refOf={ref} />
      ))}
      {owned.length > MAX_OWNED && <span className="quiet">+{owned.length - MAX_OWNED}</span>}
      {managers.length > 0 && <span className="quiet">{t('writers')}</span>}
      {managers.map((manager) => (
        <span key={manager} className="mono">
          {manager}
        </span>
      ))}
    </p>
  )
}

function Ref({ refOf }: { refOf: ObjectRef }) {
  return (
    <button type="button" className="jump mono" onClick={() => showObject(refOf)}>
      {`${refOf.kind} ${refOf.name}`}
    </button>
  )
}

/** Lines that the moment before did not have are marked. */
function Yaml({ view, event }: { view: ObjectView; event: number }) {
  const { t } = useTranslation('cluster')
  const before = useBefore('yaml', event, view.yaml)
  const changed = useMemo(
    () => new Set(before === null ? [] : lineDiff(before, view.yaml).added),
    [before, view.yaml],
  )
  const lines = view.yaml.replace(/\n$/, '').split('\n')
  return (
    <pre className="object-yaml">
      {lines.map((line, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place in the text
        <code key={i} className={changed.has(i + 1) ? 'changed' : ''}>
          {changed.has(i + 1) && <span className="sr-only">{t('changed')} </span>}
          {`${line}\n`}
        </code>
      ))}
    </pre>
  )
}

function Events({ view }: { view: ObjectView }) {
  const { t } = useTranslation('cluster')
  if (view.events.length === 0) return <p className="quiet pad">{t('noEvents')}</p>
  return <EventRows rows={view.events} caption={`kubectl events --for ${view.ref.kind}/${view.ref.name}`} />
}
