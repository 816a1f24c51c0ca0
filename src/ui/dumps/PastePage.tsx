/** A dump, what would be made of it, and what would not. */
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { DumpResult } from '../../lab/dump/onto.ts'
import type { Diagnostic } from '../../lab/types.ts'
import { session } from '../client/client.ts'
import { applyText } from '../client/document.ts'
import { select, useStore } from '../client/store.ts'
import { showMade } from './beside.ts'
import { openExplain, useDumps } from './dumpsStore.ts'

/** A paste is read when the typing has rested so long. */
const REST_MS = 250

type Mode = 'replace' | 'add' | undefined

export function PastePage() {
  const { t } = useTranslation('dumps')
  const { machine, newName, dump } = useDumps()
  const [mode, setMode] = useState<Mode>(undefined)
  const { preview, problem } = usePreview(machine || newName, dump, mode)
  const [refused, setRefused] = useState('')
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => field.current?.focus(), [])
  const put = async () => {
    if (!preview?.ok) return
    const result = await applyText(preview.text)
    if (!result.ok) {
      setRefused(result.diagnostics.find((one) => one.severity === 'error')?.message ?? '')
      return
    }
    select([preview.machine])
    useDumps.setState({ dump: '', newName: '' })
    openExplain(preview.machine)
    showMade(preview.machine)
  }
  return (
    <form
      className="dumps-body"
      onSubmit={(event) => {
        event.preventDefault()
        void put()
      }}
    >
      <p className="quiet">{t('pasteText')}</p>
      <Target preview={preview} mode={mode} setMode={setMode} />
      <label className="dumps-paste">
        <span>{t('dump')}</span>
        <textarea
          ref={field}
          className="text-input mono"
          value={dump}
          rows={9}
          spellCheck={false}
          placeholder={PLACEHOLDER}
          onChange={(event) => useDumps.setState({ dump: event.target.value })}
        />
      </label>
      {preview && dump !== '' && <Preview preview={preview} goTo={(line) => goToLine(field.current, line)} />}
      {(problem || refused) && (
        <p className="problem" role="alert">
          {problem || refused}
        </p>
      )}
      <div className="dumps-acts">
        <button type="submit" className="btn strong" disabled={!preview?.ok || dump === ''}>
          {t('put', { machine: preview?.machine ?? machine })}
        </button>
        <button type="button" className="btn outlined" onClick={() => openExplain(machine)}>
          {t('toExplain')}
        </button>
      </div>
    </form>
  )
}

/** The machine that it goes to. */
function Target(props: { preview: DumpResult | null; mode: Mode; setMode: (mode: Mode) => void }) {
  const { t } = useTranslation('dumps')
  const { preview, mode, setMode } = props
  const { machine, newName } = useDumps()
  const order = useStore((state) => state.scene.order)
  const machines = useStore((state) => state.scene.machines)
  return (
    <div className="dumps-row">
      <label>
        <span>{t('onto')}</span>
        <select
          className="text-input"
          value={machine}
          onChange={(event) => useDumps.setState({ machine: event.target.value })}
        >
          <option value="">{t('newMachine')}</option>
          {order
            .filter((id) => machines[id]?.role !== 'switch')
            .map((id) => (
              <option key={id}>{id}</option>
            ))}
        </select>
      </label>
      {machine === '' && (
        <label>
          <span>{t('name')}</span>
          <input
            className="text-input mono"
            value={newName}
            placeholder={preview?.machine}
            spellCheck={false}
            onChange={(event) => useDumps.setState({ newName: event.target.value.trim() })}
          />
        </label>
      )}
      {machine !== '' && preview && <ModeChoice mode={mode ?? preview.mode} choose={setMode} />}
    </div>
  )
}

const PLACEHOLDER = 'root@web:~# ip addr\n…\nroot@web:~# ip route\n…\nroot@web:~# iptables-save\n…'

function usePreview(
  machine: string,
  dump: string,
  mode: Mode,
): { preview: DumpResult | null; problem: string } {
  const text = useStore((state) => state.doc.text)
  const [read, setRead] = useState<{ preview: DumpResult | null; problem: string }>({
    preview: null,
    problem: '',
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text of the lab gives another preview
  useEffect(() => {
    let wanted = true
    const timer = setTimeout(() => {
      session()
        .readDump({ machine, dump, ...(mode ? { mode } : {}) })
        .then(
          (preview) => wanted && setRead({ preview, problem: '' }),
          (error: unknown) => wanted && setRead({ preview: null, problem: String(error) }),
        )
    }, REST_MS)
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [machine, dump, mode, text])
  return read
}

function ModeChoice({ mode, choose }: { mode: 'replace' | 'add'; choose: (mode: Mode) => void }) {
  const { t } = useTranslation('dumps')
  return (
    <fieldset className="dumps-mode">
      <legend className="sr-only">{t('mode')}</legend>
      {(['replace', 'add'] as const).map((one) => (
        <label key={one}>
          <input type="radio" name="mode" checked={mode === one} onChange={() => choose(one)} />
          <span>{t(one)}</span>
        </label>
      ))}
    </fieldset>
  )
}

const COUNTS = ['links', 'addrs', 'routes', 'rules', 'neighs', 'fdb', 'sysctls', 'chains', 'filters'] as const

function Preview({ preview, goTo }: { preview: DumpResult; goTo: (line: number) => void }) {
  const { t } = useTranslation('dumps')
  const refused = preview.diagnostics.filter((one) => one.severity !== 'info')
  const notes = preview.diagnostics.filter((one) => one.severity === 'info')
  const counts = COUNTS.filter((name) => preview.counts[name] > 0)
  return (
    <section className="dumps-preview" aria-label={t('preview')} aria-live="polite">
      {counts.length > 0 && (
        <p>
          {t('found')} {counts.map((name) => t(`count_${name}`, { count: preview.counts[name] })).join(', ')}
        </p>
      )}
      {refused.length > 0 && (
        <Notes title={t('refused', { count: refused.length })} list={refused} goTo={goTo} open />
      )}
      {notes.length > 0 && <Notes title={t('notes', { count: notes.length })} list={notes} goTo={goTo} />}
      {preview.exec.length > 0 && (
        <details>
          <summary>{t('commands', { count: preview.exec.length })}</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled list must be reachable by keyboard */}
          <pre className="mono" tabIndex={0}>
            {preview.exec.join('\n')}
          </pre>
        </details>
      )}
    </section>
  )
}

function Notes(props: { title: string; list: Diagnostic[]; goTo: (line: number) => void; open?: boolean }) {
  const { t } = useTranslation('dumps')
  return (
    <details open={props.open}>
      <summary className={props.open ? 'problem' : ''}>{props.title}</summary>
      <ul className="dumps-notes">
        {props.list.map((one, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line may be named twice
          <li key={i}>
            <button type="button" className="jump mono" onClick={() => props.goTo(one.line)}>
              {t('line', { line: one.line })}
            </button>{' '}
            <span>{one.message}</span>
          </li>
        ))}
      </ul>
    </details>
  )
}

/** Selects a line of the paste and scrolls to it. */
function goToLine(field: HTMLTextAreaElement | null, line: number): void {
  if (!field) return
  const lines = field.value.split('\n')
  const start = lines.slice(0, line - 1).reduce((n, text) => n + text.length + 1, 0)
  field.focus()
  field.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0))
  field.scrollTop = (field.scrollHeight / Math.max(1, lines.length)) * Math.max(0, line - 4)
}
