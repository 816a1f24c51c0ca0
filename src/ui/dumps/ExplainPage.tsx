/** The question: which packet, from where. The answer is below it. */
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ExplainQuery } from '../../session/explain-types.ts'
import type { ScenePort, SceneRoom } from '../../view/types.ts'
import { session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { Answer } from './Answer.tsx'
import { openPaste, useDumps } from './dumpsStore.ts'

export function ExplainPage() {
  const { t } = useTranslation('dumps')
  const query = useDumps((state) => state.query)
  const explained = useDumps((state) => state.explained)
  const rooms = useRooms()
  const [busy, setBusy] = useState(false)
  const room = rooms.find((one) => one.id === query.from) ?? rooms[0]
  const ask = async () => {
    setBusy(true)
    const full = { ...query, from: room?.id ?? query.from }
    const answer = await session()
      .explain({ ...full, ...(query.proto === 'icmp' ? { dport: 0 } : {}) })
      .catch((error: unknown) => ({ traces: [], answer: null, error: String(error) }))
    useDumps.setState({ explained: answer, query: full })
    setBusy(false)
  }
  return (
    <div className="dumps-body">
      <form
        className="dumps-question"
        onSubmit={(event) => {
          event.preventDefault()
          void ask()
        }}
      >
        <Whence rooms={rooms} room={room} />
        <Whither rooms={rooms} />
        <div className="dumps-acts">
          <button type="submit" className="btn strong" disabled={busy || !room}>
            {t('explain')}
          </button>
          <button
            type="button"
            className="btn outlined"
            onClick={() => openPaste(room?.id.split('.')[0] ?? '')}
          >
            {t('toPaste')}
          </button>
          <span className="quiet">{t('stateNew')}</span>
        </div>
      </form>
      {explained && explained.error !== '' && (
        <p className="problem" role="alert">
          {explained.error}
        </p>
      )}
      {explained?.answer && <Answer answer={explained.answer} traces={explained.traces} />}
    </div>
  )
}

function useRooms(): SceneRoom[] {
  const machines = useStore((state) => state.scene.machines)
  const order = useStore((state) => state.scene.order)
  return order.flatMap((id) => machines[id]?.rooms ?? [])
}

function change(part: Partial<ExplainQuery>): void {
  useDumps.setState({ query: { ...useDumps.getState().query, ...part } })
}

/** Who sends it, or by which device it arrives, and its source. */
function Whence({ rooms, room }: { rooms: SceneRoom[]; room: SceneRoom | undefined }) {
  const { t } = useTranslation('dumps')
  const query = useDumps((state) => state.query)
  const ports = room?.ports.filter((port) => port.kind !== 'loopback' && port.state !== 'down') ?? []
  return (
    <>
      <label>
        <span>{t('from')}</span>
        <select
          className="text-input mono"
          value={room?.id ?? ''}
          onChange={(event) => change({ from: event.target.value, in: '' })}
        >
          {rooms.map(({ id }) => (
            <option key={id} value={id}>
              {id.replace('.', '/')}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t('in')}</span>
        <select
          className="text-input"
          value={query.in}
          onChange={(event) => change({ in: event.target.value })}
        >
          <option value="">{t('ownPacket')}</option>
          {ports.map((port) => (
            <option key={port.id} value={port.name}>
              {t('arrives', { dev: port.name })}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t('src')}</span>
        <input
          className="text-input mono"
          value={query.src}
          placeholder={query.in === '' ? t('chosen') : '198.51.100.7'}
          required={query.in !== ''}
          spellCheck={false}
          onChange={(event) => change({ src: event.target.value.trim() })}
        />
      </label>
    </>
  )
}

/** Where it is meant to go. */
function Whither({ rooms }: { rooms: SceneRoom[] }) {
  const { t } = useTranslation('dumps')
  const query = useDumps((state) => state.query)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  const known = new Set(rooms.flatMap((one) => one.ports.flatMap(addresses)))
  return (
    <>
      <label>
        <span>{t('dst')}</span>
        <input
          ref={field}
          className="text-input mono"
          value={query.dst}
          list="explain-known"
          required
          spellCheck={false}
          placeholder="10.0.0.1"
          onChange={(event) => change({ dst: event.target.value.trim() })}
        />
        <datalist id="explain-known">
          {[...known].map((address) => (
            <option key={address} value={address} />
          ))}
        </datalist>
      </label>
      <label>
        <span>{t('proto')}</span>
        <select
          className="text-input"
          value={query.proto}
          onChange={(event) => change({ proto: event.target.value as ExplainQuery['proto'] })}
        >
          <option value="tcp">TCP</option>
          <option value="udp">UDP</option>
          <option value="icmp">ICMP</option>
        </select>
      </label>
      <label>
        <span>{t('port')}</span>
        <input
          className="text-input mono"
          type="number"
          min={1}
          max={65535}
          disabled={query.proto === 'icmp'}
          value={query.dport ?? ''}
          onChange={(event) => change({ dport: Number(event.target.value) })}
        />
      </label>
    </>
  )
}

function addresses(port: ScenePort): string[] {
  return port.kind === 'loopback' ? [] : port.addrs.map((cidr) => cidr.split('/')[0] ?? '').filter(isGlobal)
}

function isGlobal(address: string): boolean {
  return address !== '' && !address.startsWith('fe80:')
}
