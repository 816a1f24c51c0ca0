/** The terminals: one tab per machine or namespace. The screens themselves are xterm's (screens.ts). */
import { Accessibility, Plus, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Boundary } from '../inspector/Boundary.tsx'
import { closeTerminal, session } from '../client/client.ts'
import { type OpenFile, useStore } from '../client/store.ts'
import type { FileEditor } from '../editor/FileEditor.tsx'
import { endAhead } from './ahead.ts'
import { onLook } from './look.ts'
import { openTerminalIn, toggleScreenReader, useTerminalPrefs } from './open.ts'
import { RoomChooser } from './RoomChooser.tsx'
import { dressScreens, keepScreens, screenOf } from './screens.ts'
import './terminal.css'

export function TerminalPanel() {
  return (
    <Boundary>
      <Terminals />
    </Boundary>
  )
}

function Terminals() {
  const terminals = useStore((state) => state.terminals)
  const active = useStore((state) => state.activeTty)
  const shown = terminals.find((terminal) => terminal.tty === active) ?? terminals.at(-1)
  const screenReader = useTerminalPrefs((state) => state.screenReader)
  useEffect(() => keepScreens(terminals.map((terminal) => terminal.tty)), [terminals])
  useEffect(() => {
    dressScreens(screenReader)
    return onLook(() => dressScreens(screenReader))
  }, [screenReader])
  const file = useStore((state) => (shown ? state.openFiles[shown.tty] : null))
  if (!shown) return <NoTerminal />
  return (
    <div className="terminals">
      <TerminalTabs terminals={terminals} shown={shown.tty} />
      {file && <File key={`${shown.tty} ${file.path}`} tty={shown.tty} file={file} />}
      <ScreenHolder key={shown.tty} tty={shown.tty} room={shown.room} />
    </div>
  )
}

/** The file that vi, or kubectl edit, has open: Monaco's script comes with the first one. */
function File({ tty, file }: { tty: number; file: OpenFile }) {
  const [part, setPart] = useState<{ Part: typeof FileEditor } | null>(null)
  useEffect(() => {
    void import('../editor/FileEditor.tsx').then((module) => setPart({ Part: module.FileEditor }))
  }, [])
  return part && <part.Part file={file} done={(text) => void session().endEdit(tty, text)} />
}

function TerminalTabs(props: { terminals: { tty: number; room: string }[]; shown: number }) {
  const { t } = useTranslation('terminal')
  const { terminals, shown } = props
  const screenReader = useTerminalPrefs((state) => state.screenReader)
  const go = (tty: number) => useStore.setState({ activeTty: tty })
  const onKey = (event: React.KeyboardEvent) => {
    const at = terminals.findIndex((terminal) => terminal.tty === shown)
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (by !== 0) {
      const next = terminals[(at + by + terminals.length) % terminals.length]!
      go(next.tty)
      document.getElementById(`tty-tab-${next.tty}`)?.focus()
    } else if (event.key === 'Delete') void closeTerminal(shown)
    else if (event.key === 'Enter' || event.key === ' ' || event.key === 'ArrowDown') focusScreen(shown)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div className="tty-bar">
      <div className="tty-tabs" role="tablist" aria-label={t('tabs')} onKeyDown={onKey}>
        {terminals.map(({ tty, room }) => (
          <button
            type="button"
            role="tab"
            key={tty}
            id={`tty-tab-${tty}`}
            className="tab mono tty-tab"
            aria-selected={tty === shown}
            aria-controls={tty === shown ? `tty-${tty}` : undefined}
            aria-keyshortcuts="Delete"
            title={t('tabHint', { room })}
            tabIndex={tty === shown ? 0 : -1}
            onClick={() => go(tty)}
            onAuxClick={(event) => event.button === 1 && void closeTerminal(tty)}
          >
            {labelOf(tty, room, terminals)}
            <span
              className="tty-close"
              aria-hidden="true"
              title={t('close')}
              onClick={(event) => {
                event.stopPropagation()
                void closeTerminal(tty)
              }}
            >
              <X />
            </span>
          </button>
        ))}
      </div>
      <RoomChooser onChoose={(room) => void openTerminalIn(room)}>
        <button type="button" className="btn icon" aria-label={t('new')} title={t('new')}>
          <Plus aria-hidden="true" />
        </button>
      </RoomChooser>
      <span className="grow" />
      <button
        type="button"
        className={`btn icon ${screenReader ? 'on' : ''}`}
        aria-pressed={screenReader}
        aria-label={t('screenReader')}
        title={t('screenReader')}
        onClick={toggleScreenReader}
      >
        <Accessibility aria-hidden="true" />
      </button>
    </div>
  )
}

/** The second terminal of a room is told from the first by a number. */
function labelOf(tty: number, room: string, terminals: { tty: number; room: string }[]): string {
  const same = terminals.filter((terminal) => terminal.room === room)
  const at = same.findIndex((terminal) => terminal.tty === tty)
  return at > 0 ? `${room} ${at + 1}` : room
}

function ScreenHolder(props: { tty: number; room: string }) {
  const holder = useRef<HTMLDivElement>(null)
  const { tty, room } = props
  const screenReader = useTerminalPrefs((state) => state.screenReader)
  useEffect(() => {
    const box = holder.current!
    const { element, fit, terminal } = screenOf(tty, room)
    terminal.options.screenReaderMode = screenReader
    box.append(element)
    const resize = new ResizeObserver(() => {
      if (box.clientHeight > 0 && box.clientWidth > 0) fit.fit()
    })
    resize.observe(box)
    if (useTerminalPrefs.getState().focusWanted === tty) {
      useTerminalPrefs.setState({ focusWanted: 0 })
      terminal.focus()
      endAhead()
    }
    return () => {
      resize.disconnect()
      element.remove()
    }
  }, [tty, room, screenReader])
  const wanted = useTerminalPrefs((state) => state.focusWanted)
  useEffect(() => {
    if (wanted === tty) focusScreen(tty)
  }, [wanted, tty])
  return (
    <div
      ref={holder}
      id={`tty-${tty}`}
      className="screen-holder"
      role="tabpanel"
      aria-labelledby={`tty-tab-${tty}`}
    />
  )
}

function focusScreen(tty: number): void {
  useTerminalPrefs.setState({ focusWanted: 0 })
  document.querySelector<HTMLElement>(`#tty-${tty} textarea`)?.focus()
  endAhead()
}

function NoTerminal() {
  const { t } = useTranslation('terminal')
  const any = useStore((state) => state.scene.order.length > 0)
  return (
    <div className="pad tty-none">
      <p className="quiet">{any ? t('none') : t('noMachine')}</p>
      {any && (
        <RoomChooser onChoose={(room) => void openTerminalIn(room)}>
          <button type="button" className="btn outlined">
            <Plus aria-hidden="true" />
            {t('new')}
          </button>
        </RoomChooser>
      )}
    </div>
  )
}
