/** What is selected: its head from the picture, its tables at the shown moment from the session. */
import { Lightbulb, SquareTerminal } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Inspection, SceneEdge, ScenePort, SceneRoom } from '../../view/types.ts'
import { session } from '../client/client.ts'
import { type SceneState, select, useStore } from '../client/store.ts'
import { Line } from '../library/Prose.tsx'
import { openTerminalIn } from '../terminal/open.ts'
import { useInspector } from './inspectorStore.ts'
import { PortForm, WireForm } from './Forms.tsx'
import { TableCard } from './TableCard.tsx'
import { useAtClock } from './useAtClock.ts'
import { useChanges } from './useChanges.ts'

export function InspectPage() {
  const { t } = useTranslation('inspector')
  const subject = useStore((state) => state.selection.at(-1) ?? '')
  const scene = useStore((state) => state.scene)
  if (subject === '') return <p className="quiet pad">{t('nothing')}</p>
  const edge = scene.edges[subject]
  if (edge) return <EdgePage edge={edge} />
  return <Subject key={subject} subject={subject} scene={scene} />
}

function Subject(props: { subject: string; scene: SceneState }) {
  const { t } = useTranslation('inspector')
  const { t: words } = useTranslation('words')
  const { subject, scene } = props
  const inspection = useAtClock<Inspection>(subject, () => session().inspect(subject))
  const changed = useChanges(inspection)
  const { room, port } = findIn(scene, subject)
  return (
    <>
      <header className="inspect-head">
        <div className="grow">
          <h2 className="mono inspect-title">{subject}</h2>
          <p className="quiet">{kindText(scene, subject, room, port, t)}</p>
        </div>
        {room && (
          <button
            type="button"
            className="btn icon"
            aria-label={t('terminalHere')}
            title={t('terminalHere')}
            onClick={() => void openTerminalIn(room.id)}
          >
            <SquareTerminal aria-hidden="true" />
          </button>
        )}
      </header>
      {port && <PortHead port={port} scene={scene} />}
      {!room && inspection?.kind === 'gone' && <p className="quiet pad">{t('gone')}</p>}
      {inspection?.notes.map((note) => (
        <p key={`${note.key} ${Object.values(note.args).join(' ')}`} className="inspect-note" role="note">
          <Lightbulb aria-hidden="true" />
          <span>
            <Line text={words(note.key, note.args)} />
          </span>
        </p>
      ))}
      {inspection && <Elsewhere inspection={inspection} />}
      {inspection?.tables.map((table) => (
        <TableCard key={table.id} table={table} subject={subject} changed={changed.get(table.id)} />
      ))}
    </>
  )
}

/** The deciding record where none of the tables shown holds it (a table that `ip route` leaves out, another moment). */
function Elsewhere({ inspection }: { inspection: Inspection }) {
  const { t } = useTranslation('inspector')
  const marked = useStore((state) => state.markedRow)
  const evidence = useInspector((state) => state.evidence)
  if (marked?.subject !== inspection.subject || evidence === '') return null
  if (inspection.tables.some((table) => table.rows.some((row) => row.ref === marked.ref))) return null
  return (
    <div className="elsewhere">
      <p className="quiet">{t('elsewhere')}</p>
      <code className="evidence">{evidence}</code>
    </div>
  )
}

function PortHead(props: { port: ScenePort; scene: SceneState }) {
  const { t } = useTranslation('inspector')
  const { port, scene } = props
  const edge = Object.values(scene.edges).find((one) => one.a === port.id || one.b === port.id)
  const peer = edge && (edge.a === port.id ? edge.b : edge.a)
  const facts: [string, React.ReactNode][] = [
    [t('state'), t(port.state === 'no-carrier' ? 'noCarrier' : port.state)],
    ['MAC', port.mac],
    ['MTU', String(port.mtu)],
  ]
  if (peer) facts.push([t('peer'), <Jump key="peer" id={peer} />])
  if (port.master) facts.push([t('master'), <Jump key="master" id={port.master} />])
  if (port.lower) facts.push([t('lower'), <Jump key="lower" id={port.lower} />])
  return (
    <>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="mono">{value}</dd>
          </div>
        ))}
      </dl>
      <PortForm key={port.id} port={port} />
      {edge && edge.note !== '' && <p className="quiet pad">{edge.note}</p>}
    </>
  )
}

function EdgePage({ edge }: { edge: SceneEdge }) {
  const { t } = useTranslation('inspector')
  return (
    <>
      <header className="inspect-head">
        <div className="grow">
          <h2 className="inspect-title">{t(edge.kind)}</h2>
          <p className="quiet">{t(edge.up ? 'up' : 'down')}</p>
        </div>
      </header>
      <dl className="facts">
        <div>
          <dt>{t('ends')}</dt>
          <dd className="mono ends">
            <Jump id={edge.a} />
            <Jump id={edge.b} />
          </dd>
        </div>
      </dl>
      {edge.kind === 'cable' && <WireForm key={edge.id} edge={edge} />}
    </>
  )
}

/** A name that selects its thing. */
function Jump({ id }: { id: string }) {
  return (
    <button type="button" className="jump mono" onClick={() => select([id])}>
      {id}
    </button>
  )
}

function findIn(scene: SceneState, subject: string): { room?: SceneRoom; port?: ScenePort } {
  const roomId = subject.split('/')[0]!
  const room = scene.machines[roomId.split('.')[0]!]?.rooms.find((one) => one.id === roomId)
  const port = subject.includes('/') ? room?.ports.find((one) => one.id === subject) : undefined
  return { room, port }
}

function kindText(
  scene: SceneState,
  subject: string,
  room: SceneRoom | undefined,
  port: ScenePort | undefined,
  t: (key: string) => string,
): string {
  if (port) return t(`kind_${port.kind}`)
  if (!room) return ''
  const kind = room.name === '' ? t(`role_${scene.machines[subject]?.role ?? 'host'}`) : t('netns')
  return room.forwarding ? `${kind}, ${t('forwarding')}` : kind
}
