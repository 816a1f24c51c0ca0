/** A machine's hooks as stations on rails; the packet that is stepped stands at the station where it is. */
import './rail.css'
import { memo } from 'react'
import { useTranslation } from 'react-i18next'
import type { StationId, StepView } from '../../view/types.ts'
import { stepAt, useCursor } from '../client/cursor.ts'
import { useStore } from '../client/store.ts'
import { ProtoGlyph } from '../inspector/ProtoGlyph.tsx'
import type { MachineBox, RailBox, StationBox } from './boxes.ts'
import { useInside } from './insideStore.ts'

export function Rails({ box }: { box: MachineBox }) {
  return box.rails?.map((rail) => <Rail key={rail.room} rail={rail} />)
}

const PLACES: Partial<Record<StationId, string>> = {
  ROUTE: 'stationRoute',
  ROUTE_OUT: 'stationRoute',
  LOCAL: 'stationLocal',
}

/** A station's name as it is drawn: the hook's own, words for the places between. */
export function stationName(id: StationId, t: (key: string) => string): string {
  const key = PLACES[id]
  return key === undefined ? id.replace('bridge-', '') : t(key)
}

const Rail = memo(function Rail({ rail }: { rail: RailBox }) {
  const { t } = useTranslation('canvas')
  const cursor = useCursor((state) => (state.cursor?.room === rail.room ? state.cursor : null))
  const trace = useStore((state) => state.chosenTraceView)
  const pinned = useInside((state) => (state.pinned?.room === rail.room ? state.pinned.station : null))
  const step = stepAt(cursor)
  const here = step && lastStation(cursor!.steps, cursor!.index)
  const passed = cursor
    ? cursor.steps.slice(0, cursor.index).filter((one) => one.trace === step?.trace)
    : (trace?.hops.find((hop) => hop.room === rail.room)?.steps ?? [])
  const before = new Set(passed.map((one) => one.station))
  const bridge = rail.stations.find(({ id }) => id === 'bridge-PREROUTING')
  return (
    <fieldset
      className="rail nodrag"
      style={{ left: rail.x, top: rail.y, width: rail.w, height: rail.h }}
      aria-label={t('railOf', { room: rail.room })}
    >
      <div className="rail-title">{t('railOf', { room: rail.room })}</div>
      <Track rail={rail} />
      {bridge && (
        <div className="rail-note" style={{ left: bridge.x - rail.x, top: bridge.y - rail.y - 15 }}>
          {t('railBridge')}
        </div>
      )}
      {rail.stations.map((station) => (
        <Station
          key={station.id}
          station={station}
          rail={rail}
          state={station.id === here ? 'here' : before.has(station.id) ? 'passed' : ''}
          pinned={station.id === pinned}
          table={station.id === here ? tableOf(step) : ''}
        />
      ))}
      {step && here && <Glyph rail={rail} here={here} step={step} />}
    </fieldset>
  )
})

/** A step at a device or a neighbour stands where the packet was last. */
function lastStation(steps: StepView[], index: number): StationId | undefined {
  const { trace } = steps[index]!
  for (let i = index; i >= 0; i--) {
    const { station, trace: other } = steps[i]!
    if (other === trace && station !== '') return station
  }
  return undefined
}

/** The table, or part of conntrack, that a step is a decision of; '' for none. */
export function tableOf(step: StepView | undefined): string {
  if (step?.rule) return step.rule.table
  if (step?.kind !== 'Hook') return ''
  return step.action === 'Translate' ? 'nat' : 'conntrack'
}

function Station(props: {
  station: StationBox
  rail: RailBox
  state: string
  pinned: boolean
  table: string
}) {
  const { t } = useTranslation('canvas')
  const { station, rail, state, pinned, table } = props
  const hook = PLACES[station.id] === undefined
  const name = stationName(station.id, t)
  const spoken = hook
    ? t('stationTables', { name, tables: station.tables.join(', ') || t('noTables') })
    : name
  const where =
    state === 'here' ? `, ${t('stationHere')}` : state === 'passed' ? `, ${t('stationPassed')}` : ''
  return (
    <button
      type="button"
      className={`station ${hook ? (station.tables.length > 0 ? 'hook' : 'hook bare') : 'place'} ${state} ${pinned ? 'pinned' : ''}`}
      style={{ left: station.x - rail.x, top: station.y - rail.y, width: station.w, height: station.h }}
      data-station={station.id}
      aria-pressed={pinned}
      aria-label={spoken + where}
      onClick={(event) => {
        event.stopPropagation()
        useInside.setState({ pinned: pinned ? null : { room: rail.room, station: station.id } })
      }}
    >
      <span className="station-name">{name}</span>
      {station.tables.map((one) => (
        <span key={one} className={`station-table ${one === table ? 'deciding' : ''}`}>
          {one}
        </span>
      ))}
    </button>
  )
}

const WAYS: readonly (readonly [StationId, StationId])[] = [
  ['PREROUTING', 'ROUTE'],
  ['ROUTE', 'FORWARD'],
  ['FORWARD', 'POSTROUTING'],
  ['ROUTE', 'INPUT'],
  ['INPUT', 'LOCAL'],
  ['LOCAL', 'ROUTE_OUT'],
  ['ROUTE_OUT', 'OUTPUT'],
  ['OUTPUT', 'POSTROUTING'],
  ['bridge-PREROUTING', 'bridge-FORWARD'],
  ['bridge-FORWARD', 'bridge-POSTROUTING'],
]
/** The height at which a station's line meets it: the middle of its name. */
const LEVEL = 12

function Track({ rail }: { rail: RailBox }) {
  const at = (id: StationId) => rail.stations.find((station) => station.id === id)
  return (
    <svg className="track" width={rail.w} height={rail.h} aria-hidden="true">
      {WAYS.map(([from, to]) => {
        const [a, b] = [at(from), at(to)]
        return a && b && <path key={`${from} ${to}`} d={way(rail, a, b)} />
      })}
    </svg>
  )
}

function way(rail: RailBox, a: StationBox, b: StationBox): string {
  if (a.x === b.x) {
    const x = a.x - rail.x + a.w / 2
    const down = b.y > a.y
    const y1 = (down ? a.y + a.h : a.y) - rail.y
    const y2 = (down ? b.y : b.y + b.h) - rail.y
    const tip = down ? -4 : 4
    return `M${x} ${y1}V${y2}m-3 ${tip}l3 ${-tip}l3 ${tip}`
  }
  const y = a.y - rail.y + LEVEL
  return `M${a.x - rail.x + a.w} ${y}H${b.x - rail.x}m-4 -3l4 3l-4 3`
}

/** The packet at its station: it glides from one to the next, under reduced motion it jumps. */
function Glyph({ rail, here, step }: { rail: RailBox; here: StationId; step: StepView }) {
  const station = rail.stations.find(({ id }) => id === here)
  if (!station) return null
  const x = station.x - rail.x + station.w / 2
  const y = station.y - rail.y
  const lost = step.kind === 'Drop' && step.reason !== 'CONSUMED'
  return (
    <div
      className={`rail-packet ${lost ? 'lost' : ''}`}
      style={{ transform: `translate(${x}px, ${y}px)` }}
      aria-hidden="true"
    >
      <ProtoGlyph proto={step.proto} label={step.glyph} />
    </div>
  )
}
