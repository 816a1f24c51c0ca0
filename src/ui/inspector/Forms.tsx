/** Small changes of the document from the inspector: an interface's address, what a cable does to frames. */
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Diagnostic } from '../../session/types.ts'
import type { SceneEdge, ScenePort } from '../../view/types.ts'
import { edit } from '../client/document.ts'

export function PortForm({ port }: { port: ScenePort }) {
  const { t } = useTranslation('inspector')
  const current = port.addrs.find((addr) => !addr.includes(':')) ?? ''
  const [typed, setTyped] = useState<string | null>(null)
  const [problem, setProblem] = useState('')
  const value = typed ?? current
  const submit = async (event: React.FormEvent) => {
    event.preventDefault()
    const result = await edit({ op: 'setAddress', port: port.id, cidr: value.trim() })
    setProblem(result.ok ? '' : firstError(result.diagnostics))
    if (result.ok) setTyped(null)
  }
  return (
    <form className="small-form" onSubmit={(event) => void submit(event)}>
      <label>
        <span>{t('address')}</span>
        <input
          className="text-input mono"
          value={value}
          placeholder="10.0.0.1/24"
          spellCheck={false}
          aria-invalid={problem !== ''}
          aria-describedby={problem ? 'port-problem' : undefined}
          onChange={(event) => setTyped(event.target.value)}
        />
      </label>
      <button type="submit" className="btn outlined" disabled={typed === null || typed.trim() === current}>
        {t('set')}
      </button>
      {problem && (
        <p id="port-problem" className="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  )
}

const WIRE = [
  ['latencyMs', 'latency', 'ms', 60_000],
  ['lossPercent', 'loss', '%', 100],
  ['rateMbit', 'rate', 'Mbit/s', 100_000],
] as const

export function WireForm({ edge }: { edge: SceneEdge }) {
  const { t } = useTranslation('inspector')
  const written = readNote(edge.note)
  const [typed, setTyped] = useState<Partial<Record<(typeof WIRE)[number][0], string>>>({})
  const [problem, setProblem] = useState('')
  const submit = async (event: React.FormEvent) => {
    event.preventDefault()
    const values = Object.fromEntries(Object.entries(typed).map(([key, text]) => [key, Number(text || '0')]))
    const result = await edit({ op: 'setWire', edge: edge.id, ...values })
    setProblem(result.ok ? '' : firstError(result.diagnostics))
    if (result.ok) setTyped({})
  }
  return (
    <form className="small-form" onSubmit={(event) => void submit(event)}>
      {WIRE.map(([key, title, unit, max]) => (
        <label key={key}>
          <span>
            {t(title)}, {unit}
          </span>
          <input
            className="text-input mono"
            type="number"
            min={0}
            max={max}
            step="any"
            placeholder="0"
            value={typed[key] ?? written[key] ?? ''}
            onChange={(event) => setTyped({ ...typed, [key]: event.target.value })}
          />
        </label>
      ))}
      <button type="submit" className="btn outlined" disabled={Object.keys(typed).length === 0}>
        {t('set')}
      </button>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  )
}

/** Numbers of an edge's note: 'loss 10 %, latency 20 ms, 10 Mbit/s'. */
export function readNote(note: string): Partial<Record<(typeof WIRE)[number][0], string>> {
  const number = (pattern: RegExp) => pattern.exec(note)?.[1]
  const latency = number(/([\d.]+) ms/)
  const rate = number(/([\d.]+) Mbit/)
  const loss = number(/([\d.]+) %/)
  return {
    ...(latency === undefined ? {} : { latencyMs: latency }),
    ...(loss === undefined ? {} : { lossPercent: loss }),
    ...(rate === undefined ? {} : { rateMbit: rate }),
  }
}

function firstError(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.find((one) => one.severity === 'error')?.message ?? ''
}
