/** One machine: frame with a title tab, rooms, bridges as bars, ports on the edges. Geometry comes from boxes.ts. */
import { Handle, type Node, type NodeProps, Position, useUpdateNodeInternals } from '@xyflow/react'
import { Cloud, EthernetPort, type LucideIcon, Router, Server, Waypoints } from 'lucide-react'
import { memo, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import type { MachineRole, SceneMachine } from '../../view/types.ts'
import { useStore } from '../client/store.ts'
import type { BarBox, MachineBox, PortBox, RoomBox } from './boxes.ts'
import { portLines } from './boxes.ts'
import { SIDES } from './flowParts.ts'
import { useFound } from './found.ts'
import { hasStations, lookInside, useInside } from './insideStore.ts'
import { PortGlyph } from './PortGlyph.tsx'
import { RenameField } from './RenameField.tsx'
import { choose } from './choosing.ts'
import { nameLines } from './roomNames.ts'

export type MachineFlowNode = Node<{ machine: SceneMachine; box: MachineBox; tile: boolean }, 'machine'>

export const ROLE_ICONS: Record<MachineRole, LucideIcon> = {
  host: Server,
  router: Router,
  switch: EthernetPort,
  internet: Cloud,
}
export const ROLE_KEYS: Record<MachineRole, string> = {
  host: 'roleHost',
  router: 'roleRouter',
  switch: 'roleSwitch',
  internet: 'roleInternet',
}

export const MachineNode = memo(function MachineNode({ id, data, selected }: NodeProps<MachineFlowNode>) {
  const { t } = useTranslation('canvas')
  const { machine, box, tile } = data
  const update = useUpdateNodeInternals()
  // biome-ignore lint/correctness/useExhaustiveDependencies: handles moved when the box changed
  useEffect(() => update(id), [box, id, update])
  const faded = useStore((state) => state.chosenTraceView !== null && !onTrail(state.chosenTraceView, id))
  const Rails = useInside((state) => state.parts?.Rails ?? null)
  const Icon = ROLE_ICONS[machine.role]
  const role = t(ROLE_KEYS[machine.role])
  const space = tabSpace(box)
  const root = machine.rooms[0]
  return (
    <div
      className={`machine ${machine.role} ${selected ? 'selected' : ''} ${faded ? 'faded' : ''}`}
      style={{ width: box.w, height: box.h }}
      data-machine={id}
    >
      <div className="frame" style={{ top: box.top }} data-connect={root?.id} />
      <div className="title-tab" style={{ height: box.top, maxWidth: space }} data-connect={root?.id}>
        <Icon aria-hidden="true" />
        <Name id={id} name={machine.id} className="machine-name" />
        {tabWidth(machine, role) <= space && <span className="role">{role}</span>}
        {hasStations(machine) && <LookInside id={machine.id} open={box.rails !== undefined} />}
        {root && <Grip id={root.id} />}
      </div>
      {tile ? (
        <Tile machine={machine} box={box} />
      ) : (
        <>
          {box.rooms.map((room) => (
            <Room key={room.room.id} box={room} />
          ))}
          <Stubs box={box} />
          {box.bars.map((bar) => (
            <Bar key={bar.id} box={bar} />
          ))}
          {box.ports.map((port) => (
            <Port key={port.id} box={port} />
          ))}
          {Rails && box.rails && <Rails box={box} />}
          <Tile machine={machine} box={box} />
        </>
      )}
    </div>
  )
})

/** The tab ends before the first port on the upper edge; else it may be somewhat wider than its machine. */
function tabSpace({ ports, top, w }: MachineBox): number {
  const above = ports.filter((port) => port.side === 'top' && port.y === top)
  return above.length > 0 ? Math.min(...above.map((port) => port.x)) - 9 : w + 60
}

/** With the role's name, which languages make long or short. */
function tabWidth(machine: SceneMachine, role: string): number {
  return 38 + machine.id.length * 8.5 + role.length * 7.4 + (hasStations(machine) ? 34 : 0)
}

/** Shows a machine's hooks, or leaves them. */
function LookInside({ id, open }: { id: string; open: boolean }) {
  const { t } = useTranslation('canvas')
  const name = t(open ? 'leaveInside' : 'lookInside', { machine: id })
  return (
    <button
      type="button"
      className="look-inside nodrag"
      aria-label={name}
      aria-pressed={open}
      title={name}
      onClick={(event) => {
        event.stopPropagation()
        void lookInside(open ? null : id)
      }}
    >
      <Waypoints aria-hidden="true" />
    </button>
  )
}

function onTrail(view: { hops: { room: string }[] }, machine: string): boolean {
  return view.hops.some((hop) => hop.room === machine || hop.room.startsWith(`${machine}.`))
}

/** What a machine shows from afar: its name and counts. */
function Tile({ machine, box }: { machine: SceneMachine; box: MachineBox }) {
  const { t } = useTranslation('canvas')
  const rooms = machine.rooms.length - 1
  const size = Math.min(40, Math.max(20, (box.w - 24) / (machine.id.length * 0.62)))
  return (
    <div className="tile" style={{ top: box.top }} aria-hidden="true">
      <strong style={{ fontSize: size }}>{machine.id}</strong>
      {rooms > 0 && <span style={{ fontSize: size * 0.6 }}>{t('rooms', { count: rooms })}</span>}
    </div>
  )
}

function Room({ box }: { box: RoomBox }) {
  const { room } = box
  const selected = useStore((state) => state.selection.includes(room.id))
  const off = useStore(
    (state) =>
      state.chosenTraceView !== null && !state.chosenTraceView.hops.some((hop) => hop.room === room.id),
  )
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the object tree is the way of the keyboard
    // biome-ignore lint/a11y/useKeyWithClickEvents: the object tree is the way of the keyboard
    <div
      className={`room ${selected ? 'selected' : ''} ${off ? 'faded' : ''}`}
      style={{ left: box.x, top: box.y, width: box.w, height: box.h }}
      data-connect={room.id}
      onClick={(event) => choose(event, room.id)}
    >
      <div className="room-head">
        <Name id={room.id} name={room.name} className="room-name" lines={nameLines(room.name)} />
        <Grip id={room.id} />
      </div>
    </div>
  )
}

function Bar({ box }: { box: BarBox }) {
  const selected = useStore((state) => state.selection.includes(box.id))
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the object tree is the way of the keyboard
    // biome-ignore lint/a11y/useKeyWithClickEvents: the object tree is the way of the keyboard
    <div
      className={`bar ${box.port.state} ${selected ? 'selected' : ''}`}
      style={{ left: box.x, top: box.y, width: box.w, height: box.h }}
      data-connect={box.id}
      title={`${box.id}  ${box.port.mac}  mtu ${box.port.mtu}`}
      onClick={(event) => choose(event, box.id)}
    >
      <PortGlyph port={box.port} />
      <Name id={box.id} name={box.port.name} className="bar-name" />
      {box.port.addrs
        .filter((addr) => !addr.startsWith('fe80:'))
        .map((addr) => (
          <Address key={addr} cidr={addr} />
        ))}
      <Grip id={box.id} />
    </div>
  )
}

function Port({ box }: { box: PortBox }) {
  const selected = useStore((state) => state.selection.includes(box.id))
  const found = useFound((state) => state.id === box.id)
  const { port } = box
  const lines = portLines(port)
  return (
    <div
      className={`port ${port.kind} ${box.label} ${box.stub ? 'stubbed' : port.master === '' ? '' : 'member'} ${selected ? 'selected' : ''} ${found ? 'found' : ''}`}
      style={{ left: box.x, top: box.y }}
      onPointerEnter={() => useFound.setState({ under: box.id })}
      onPointerLeave={() => useFound.setState({ under: '' })}
    >
      <Handle
        type="source"
        id={box.id}
        position={SIDES[box.side]}
        className="port-handle"
        data-connect={box.id}
        title={[box.id, ...port.addrs, port.mac, `mtu ${port.mtu}`].join('\n')}
        onClick={(event) => choose(event, box.id)}
      >
        <PortGlyph port={port} />
      </Handle>
      {box.label !== 'none' && (
        <div className="port-text" aria-hidden="true">
          <span className="port-name">{lines[0]}</span>
          {port.master === '' && lines.slice(1).map((line) => <Address key={line} cidr={line} />)}
        </div>
      )}
    </div>
  )
}

/** From half size on only the address itself is shown. */
function Address({ cidr }: { cidr: string }) {
  const at = cidr.indexOf('/')
  const slash = at < 0 ? cidr.length : at
  return (
    <span className="addr">
      {cidr.slice(0, slash)}
      <span className="prefix">{cidr.slice(slash)}</span>
    </span>
  )
}

/** Where a drag begins a cable from a room as a whole. */
function Grip({ id }: { id: string }) {
  return (
    <Handle type="source" id={`room:${id}`} position={Position.Right} className="grip" data-connect={id} />
  )
}

/** Short lines from bridge ports on the frame to their bar. */
function Stubs({ box }: { box: MachineBox }) {
  const stubs = box.ports.filter((port) => port.stub)
  if (stubs.length === 0) return null
  return (
    <svg className="stubs" width={box.w} height={box.h} aria-hidden="true">
      {stubs.map(({ id, x, y, side, stub }) => {
        const bend = side === 'left' ? x + 18 : side === 'right' ? x - 18 : x
        const d =
          side === 'left' || side === 'right'
            ? `M${x} ${y}H${bend}L${bend} ${stub!.y}H${stub!.x}`
            : `M${x} ${y}L${stub!.x} ${stub!.y}`
        return <path key={id} d={d} />
      })}
    </svg>
  )
}

/** A name that can be changed in place: double-click or F2. */
function Name(props: { id: string; name: string; className: string; lines?: string[] }) {
  const { id, name, className, lines } = props
  const renaming = useStore((state) => state.renaming === id)
  if (renaming) return <RenameField id={id} name={name} />
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the object tree is the way of the keyboard
    <span
      className={className}
      onDoubleClick={(event) => {
        event.stopPropagation()
        useStore.setState({ renaming: id })
      }}
    >
      {lines?.map((line) => <span key={line}>{line}</span>) ?? name}
    </span>
  )
}
