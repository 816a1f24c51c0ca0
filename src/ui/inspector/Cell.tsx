/** A cell of a table: addresses, interfaces and chains in it are found on the canvas by a click, and marked from there. */
import { useTranslation } from 'react-i18next'
import type { StationId } from '../../view/types.ts'
import { findPort, findStation, portWith, useFound } from '../canvas/found.ts'
import { type SceneState, useStore } from '../client/store.ts'

const DEVICES = new Set(['dev', 'name', 'port', 'bridge', 'master'])
const HOOKS = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'])
/** Addresses of both families, and the device behind -i or -o. */
const WORDS = /(\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:]*:[0-9a-f]+|(?<=-[io] )[^\s!]+)/

export function Cell(props: { text: string; column: string; room: string }) {
  const { text, column, room } = props
  const scene = useStore((state) => state.scene)
  if (column === 'chain' && HOOKS.has(text)) {
    return <Link text={text} port="" act={() => void findStation(room, text as StationId)} />
  }
  if (DEVICES.has(column)) {
    const port = deviceOf(scene, room, text)
    return port ? <Link text={text} port={port} act={() => findPort(port)} /> : text
  }
  const parts = text.split(WORDS)
  if (parts.length === 1) return text
  return parts.map((part, i) => {
    const port = i % 2 === 0 ? undefined : (portWith(scene, room, part) ?? deviceOf(scene, room, part))
    // biome-ignore lint/suspicious/noArrayIndexKey: a part is its place in the text
    return port ? <Link key={i} text={part} port={port} act={() => findPort(port)} /> : part
  })
}

function Link({ text, port, act }: { text: string; port: string; act: () => void }) {
  const { t } = useTranslation('inspector')
  const named = useFound((state) => port !== '' && (state.under === port || state.id === port))
  const what = port === '' || port.endsWith(`/${text}`) ? text : `${text}, ${port}`
  return (
    <button
      type="button"
      className={`cell-link ${named ? 'named' : ''}`}
      title={t('find', { what })}
      aria-label={t('find', { what })}
      onClick={act}
    >
      {text}
    </button>
  )
}

function deviceOf(scene: SceneState, room: string, text: string): string | undefined {
  const name = text.split('@')[0]
  const machine = scene.machines[room.split('.')[0]!]
  const ports = machine?.rooms.find((one) => one.id === room)?.ports
  return ports?.find((port) => port.name === name && port.kind !== 'loopback')?.id
}
