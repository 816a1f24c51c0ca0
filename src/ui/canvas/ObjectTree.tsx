/** The picture in words: a tree of machines, rooms, ports and their links, for the keyboard and for screen readers. */
import { ChevronDown, ChevronRight } from 'lucide-react'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ScenePort } from '../../view/types.ts'
import { type SceneState, select, useStore } from '../client/store.ts'
import { choose } from './choosing.ts'
import { ROLE_ICONS, ROLE_KEYS } from './MachineNode.tsx'
import { peersIn } from './place.ts'
import { PortGlyph } from './PortGlyph.tsx'

/** With more machines than this they are closed until opened. */
const MANY = 30

interface Row {
  id: string
  level: number
  /** null for a leaf. */
  open: boolean | null
  text: string
  /** The whole of it in words. */
  spoken: string
  detail: string
  port: ScenePort | null
  parent: string
  position: number
  count: number
}

export function ObjectTree() {
  const { t } = useTranslation('canvas')
  const scene = useStore((state) => state.scene)
  const selection = useStore((state) => state.selection)
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set())
  const [focus, setFocus] = useState('')
  const rows = useMemo(() => rowsOf(scene, toggled, t), [scene, toggled, t])
  const current = rows.some((row) => row.id === focus) ? focus : rows[0]?.id
  const toggle = (id: string) => {
    const next = new Set(toggled)
    if (!next.delete(id)) next.add(id)
    setToggled(next)
  }
  const go = (row: Row | undefined) => {
    if (!row) return
    setFocus(row.id)
    document.getElementById(`tree-${row.id}`)?.focus()
  }
  return (
    <div
      className="tree"
      role="tree"
      aria-label={t('networkTree')}
      aria-multiselectable="true"
      onKeyDown={(event) => {
        const at = rows.findIndex((row) => row.id === current)
        if (at >= 0 && handleKey(event, rows, at, go, toggle)) event.preventDefault()
      }}
    >
      {rows.map((row) => (
        <TreeRow
          key={row.id}
          row={row}
          selected={selection.includes(row.id)}
          current={row.id === current}
          toggle={toggle}
          focus={setFocus}
        />
      ))}
    </div>
  )
}

/** The keys of a tree; answers whether the key was one. */
function handleKey(
  event: React.KeyboardEvent,
  rows: Row[],
  at: number,
  go: (row: Row | undefined) => void,
  toggle: (id: string) => void,
): boolean {
  const row = rows[at]!
  if (event.key === 'ArrowDown') go(rows[at + 1])
  else if (event.key === 'ArrowUp') go(rows[at - 1])
  else if (event.key === 'Home') go(rows[0])
  else if (event.key === 'End') go(rows.at(-1))
  else if (event.key === 'ArrowRight') {
    if (row.open === false) toggle(row.id)
    else if (row.open) go(rows[at + 1])
  } else if (event.key === 'ArrowLeft') {
    if (row.open) toggle(row.id)
    else go(rows.find((one) => one.id === row.parent))
  } else if (event.key === 'Enter' || event.key === ' ') choose(event, row.id)
  else if (event.key === 'F2') {
    select([row.id])
    useStore.setState({ renaming: row.id })
  } else return false
  return true
}

function TreeRow(props: {
  row: Row
  selected: boolean
  current: boolean
  toggle: (id: string) => void
  focus: (id: string) => void
}) {
  const { row, selected, current, toggle, focus } = props
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree listens for keys
    <div
      id={`tree-${row.id}`}
      role="treeitem"
      aria-level={row.level}
      aria-posinset={row.position}
      aria-setsize={row.count}
      aria-expanded={row.open ?? undefined}
      aria-selected={selected}
      aria-label={row.spoken}
      tabIndex={current ? 0 : -1}
      className={`tree-row ${row.port ? 'leaf' : ''}`}
      style={{ paddingLeft: row.port ? row.level * 12 : 8 + (row.level - 1) * 14 }}
      onFocus={() => focus(row.id)}
      onClick={(event) => choose(event, row.id)}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the object tree is the way of the keyboard */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the object tree is the way of the keyboard */}
      <span
        className="tree-mark"
        onClick={(event) => {
          if (row.open === null) return
          event.stopPropagation()
          toggle(row.id)
        }}
      >
        {row.open === true && <ChevronDown aria-hidden="true" />}
        {row.open === false && <ChevronRight aria-hidden="true" />}
      </span>
      {row.port ? <PortGlyph port={row.port} /> : row.level === 1 && <MachineIcon id={row.id} />}
      <span className="tree-text" title={row.text}>
        {row.text}
      </span>
      <span className="tree-detail" title={row.detail}>
        {row.detail}
      </span>
    </div>
  )
}

function MachineIcon({ id }: { id: string }) {
  const role = useStore((state) => state.scene.machines[id]?.role)
  const Icon = role && ROLE_ICONS[role]
  return Icon ? <Icon aria-hidden="true" /> : null
}

type Translate = (key: string, values?: Record<string, string>) => string

function rowsOf(scene: SceneState, toggled: ReadonlySet<string>, t: Translate): Row[] {
  const small = scene.order.length <= MANY
  const isOpen = (id: string) => toggled.has(id) !== small
  const peers = peersIn(scene)
  const rows: Row[] = []
  const addPorts = (ports: ScenePort[], level: number, parent: string, before: number, count: number) =>
    ports.forEach((port, i) => {
      rows.push(portRow(port, level, parent, before + i + 1, count, peers, t))
    })
  scene.order.forEach((id, i) => {
    const machine = scene.machines[id]
    if (!machine) return
    const role = t(ROLE_KEYS[machine.role])
    const open = isOpen(id)
    const place = { position: i + 1, count: scene.order.length, parent: '', port: null }
    rows.push({ id, level: 1, open, text: id, detail: role, spoken: `${id}, ${role}`, ...place })
    if (!open) return
    const rootPorts = machine.rooms.find((room) => room.name === '')?.ports.filter(shown) ?? []
    const rooms = machine.rooms.filter((room) => room.name !== '')
    const count = rooms.length + rootPorts.length
    rooms.forEach((room, k) => {
      const roomOpen = isOpen(room.id)
      const ports = room.ports.filter(shown)
      const roomPlace = { position: k + 1, count, parent: id, port: null }
      rows.push({
        id: room.id,
        level: 2,
        open: roomOpen,
        text: room.name,
        detail: '',
        spoken: room.name,
        ...roomPlace,
      })
      if (roomOpen) addPorts(ports, 3, room.id, 0, ports.length)
    })
    addPorts(rootPorts, 2, id, rooms.length, count)
  })
  return rows
}

function portRow(
  port: ScenePort,
  level: number,
  parent: string,
  position: number,
  count: number,
  peers: Map<string, string>,
  t: Translate,
): Row {
  const states = { up: 'stateUp', down: 'stateDown', 'no-carrier': 'stateNoCarrier' }
  const addrs = port.addrs.join(', ') || t('noAddress')
  const peer = peers.get(port.id)
  const values = { name: port.name, state: t(states[port.state]), addrs, peer: peer ?? '' }
  const spoken = t(peer ? 'portTwinLinked' : 'portTwin', values)
  const detail = port.addrs.find((addr) => !addr.startsWith('fe80:')) ?? ''
  return { id: port.id, level, open: null, text: port.name, detail, spoken, port, parent, position, count }
}

function shown(port: ScenePort): boolean {
  return port.kind !== 'loopback'
}
