/** The cluster in the dock: kinds, the objects of one as kubectl's table, and the chosen object. */
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import type { EventRow, KindCount, ObjectsView, ObjectTable } from '../../view/kube-types.ts'
import { session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { Boundary } from '../inspector/Boundary.tsx'
import { useAtClock } from '../inspector/useAtClock.ts'
import './cluster.css'
import { refKey, seekTime, showObject, useCluster } from './clusterStore.ts'
import { ObjectPage } from './ObjectPage.tsx'
import { useBefore } from './useBefore.ts'

/** Kinds that everybody looks at first; the others follow where there are any. */
const FIRST = ['nodes', 'pods', 'services', 'endpointslices.discovery.k8s.io', 'deployments.apps']
const EVENTS = 'events'

export function ClusterPanel() {
  return (
    <Boundary>
      <Panel />
    </Boundary>
  )
}

interface Answer {
  event: number
  view: ObjectsView | null
  events: EventRow[]
}

function Panel() {
  const { t } = useTranslation('cluster')
  const kind = useCluster((state) => state.kind)
  const chosen = useCluster((state) => state.chosen)
  const wide = useCluster((state) => state.wide)
  const answer = useAtClock<Answer>(`${kind} ${wide}`, () => ask(kind, wide))
  if (answer !== null && answer.view === null) return <p className="quiet pad">{t('none')}</p>
  return (
    <div className={`cluster ${chosen === null ? '' : 'beside'}`}>
      <Kinds kinds={answer?.view?.kinds ?? []} chosen={kind} />
      {kind === EVENTS ? (
        <EventTable rows={answer?.events ?? []} />
      ) : (
        <Objects
          kind={kind}
          stored={answer?.view?.kinds.find((one) => one.resource === kind && one.storedOnly)?.kind ?? ''}
          table={answer?.view?.table ?? null}
          event={answer?.event ?? 0}
        />
      )}
      {chosen !== null && <ObjectPage key={refKey(chosen)} chosen={chosen} />}
    </div>
  )
}

async function ask(kind: string, wide: boolean): Promise<Answer> {
  const event = useStore.getState().clock?.event ?? 0
  const [view, events] = await Promise.all([
    session().clusterObjects(kind === EVENTS ? '' : kind, wide),
    kind === EVENTS ? session().clusterEvents() : [],
  ])
  return { event, view, events }
}

function Kinds({ kinds, chosen }: { kinds: KindCount[]; chosen: string }) {
  const { t } = useTranslation('cluster')
  const rank = ({ resource }: KindCount) => {
    const at = FIRST.indexOf(resource)
    return at < 0 ? FIRST.length : at
  }
  const shown = kinds
    .filter((one) => one.resource !== EVENTS && (one.count > 0 || FIRST.includes(one.resource)))
    .sort((a, b) => rank(a) - rank(b))
  const events = kinds.find((one) => one.resource === EVENTS)
  const item = (resource: string, name: string, count: number) => (
    <li key={resource}>
      <button
        type="button"
        className="kind"
        aria-current={chosen === resource || undefined}
        onClick={() => useCluster.setState({ kind: resource })}
      >
        <span className="grow">{name}</span>
        <span className="quiet mono">{count}</span>
      </button>
    </li>
  )
  return (
    <nav className="cluster-kinds" aria-label={t('kinds')}>
      <ul onKeyDown={moveFocus}>
        {events && item(EVENTS, t('events'), events.count)}
        {shown.map(({ resource, kind, count }) => item(resource, kind, count))}
      </ul>
    </nav>
  )
}

/** Arrow keys go from button to button. */
function moveFocus(event: React.KeyboardEvent<HTMLElement>): void {
  const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  if (by === 0) return
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>('button')]
  const next = all[all.indexOf(event.target as HTMLElement) + by]
  if (next === undefined) return
  event.preventDefault()
  next.focus()
}

function Objects(props: { kind: string; stored: string; table: ObjectTable | null; event: number }) {
  const { t } = useTranslation('cluster')
  const { kind, stored, table, event } = props
  const before = useBefore(table?.command ?? kind, event, table)
  const chosen = useCluster((state) => (state.chosen === null ? '' : refKey(state.chosen)))
  if (table === null) return <div className="cluster-table" />
  const old = before && new Map(before.rows.map((row) => [row.uid, stillText(before, row)]))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled table must be reachable by keyboard
    <section className="cluster-table" aria-label={table.command} tabIndex={0}>
      <table className="rows-table mono" onKeyDown={moveFocus}>
        <caption>
          {table.command.replace(/ -o wide$/, '')} {table.widens && <WideButton />}
        </caption>
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row) => {
            const changed = old !== null && old.get(row.uid) !== stillText(table, row)
            const isChosen = chosen === refKey(row.ref)
            return (
              <tr
                key={changed ? `${row.uid} ${row.revision}` : row.uid}
                className={`${isChosen ? 'decides' : ''} ${changed ? 'changed' : ''}`}
                title={changed ? t('changed') : undefined}
              >
                {row.cells.map((cell, i) => (
                  <td key={table.columns[i]}>
                    {i === nameColumn(table) ? (
                      <button
                        type="button"
                        className="jump mono"
                        aria-current={isChosen || undefined}
                        onClick={() => useCluster.setState({ chosen: row.ref, portPlace: null })}
                      >
                        {cell}
                      </button>
                    ) : (
                      cell
                    )}
                    {i === 0 && changed && <span className="sr-only">{t('changed')}</span>}
                  </td>
                ))}
              </tr>
            )
          })}
        </tbody>
      </table>
      {stored !== '' && <p className="pad">{t('storedOnly', { kind: stored })}</p>}
      {table.rows.length === 0 && <p className="quiet pad">{t('noObjects')}</p>}
      {table.total > table.rows.length && (
        <p className="quiet pad">{t('more', { count: table.total - table.rows.length })}</p>
      )}
    </section>
  )
}

/** All columns, or those that fit most terminals: the end of the command above the table. */
function WideButton() {
  const { t } = useTranslation('cluster')
  const wide = useCluster((state) => state.wide)
  return (
    <button
      type="button"
      className="wide-button mono"
      aria-pressed={wide}
      aria-label={t('wide')}
      title={t('wide')}
      onClick={() => useCluster.setState({ wide: !wide })}
    >
      -o wide
    </button>
  )
}

function nameColumn({ columns }: ObjectTable): number {
  return columns.indexOf('NAME')
}

/** A row without what changes by itself as time passes. */
function stillText({ ages }: ObjectTable, { cells, revision }: ObjectTable['rows'][number]): string {
  return `${revision} ${cells.filter((_, i) => !ages.includes(i)).join('\t')}`
}

function EventTable({ rows }: { rows: EventRow[] }) {
  const { t } = useTranslation('cluster')
  const last = rows.length
  useEffect(() => {
    if (last === 0) return
    const list = document.querySelector('.cluster-table')
    if (list) list.scrollTop = list.scrollHeight
  }, [last])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled table must be reachable by keyboard
    <section className="cluster-table" aria-label={t('events')} tabIndex={0}>
      <EventRows rows={rows} caption="kubectl get events -A" namespaces />
      {rows.length === 0 && <p className="quiet pad">{t('noEvents')}</p>}
    </section>
  )
}

/** Events as kubectl prints them; the time goes to its moment, the object to its page. */
export function EventRows(props: { rows: EventRow[]; caption: string; namespaces?: boolean }) {
  const { t } = useTranslation('cluster')
  const { rows, caption, namespaces = false } = props
  const heads = ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE']
  return (
    <table className="rows-table mono events-table">
      <caption>{caption}</caption>
      <thead>
        <tr>
          {(namespaces ? ['NAMESPACE', ...heads] : heads).map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: events only ever follow
          <tr key={i} className={row.type === 'Warning' ? 'warning' : ''}>
            {namespaces && <td>{row.namespace}</td>}
            <td>
              <button
                type="button"
                className="jump mono"
                title={t('goTo')}
                aria-label={t('goToMoment', { what: row.reason })}
                onClick={() => void seekTime(row.at)}
              >
                {row.lastSeen}
              </button>
            </td>
            <td>{row.type}</td>
            <td>{row.reason}</td>
            <td>
              {row.about === null ? (
                row.object
              ) : (
                <button type="button" className="jump mono" onClick={() => showObject(row.about!)}>
                  {row.object}
                </button>
              )}
            </td>
            <td className="message">{row.message}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
