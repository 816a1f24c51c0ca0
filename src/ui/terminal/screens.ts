/** One xterm per terminal of the session, kept while the tab exists so that changing tabs loses nothing. */
import { FitAddon } from '@xterm/addon-fit'
import { type IDisposable, Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import { onTty, session } from '../client/client.ts'
import { notify } from '../client/store.ts'
import { allActions } from '../commands/actions.ts'
import { chord } from '../commands/keys.ts'
import { i18n } from './texts.ts'
import { joinStream } from './stream.ts'
import { isReport, refuseQueries } from './safe.ts'
import { terminalLook } from './look.ts'

export interface Screen {
  terminal: Terminal
  fit: FitAddon
  /** The element that xterm lives in; moved into the page when the tab is shown. */
  element: HTMLElement
  dispose: () => void
}

const SCROLLBACK = 5000
/** Characters waiting to be drawn above which output is skipped and fetched whole when the flood is over. */
const FLOOD = 1_000_000

const screens = new Map<number, Screen>()

/** The screen of a terminal; made at the first use. */
export function screenOf(tty: number, room: string): Screen {
  const known = screens.get(tty)
  if (known) return known
  const made = createScreen(tty, room)
  screens.set(tty, made)
  return made
}

/** Drops the screens of terminals that are no more. */
export function keepScreens(ttys: readonly number[]): void {
  for (const [tty, screen] of screens) {
    if (ttys.includes(tty)) continue
    screens.delete(tty)
    screen.dispose()
  }
}

/** Colours and sizes anew (theme, presenter mode); screen-reader mode. */
export function dressScreens(screenReaderMode: boolean): void {
  const look = terminalLook()
  for (const { terminal, fit, element } of screens.values()) {
    Object.assign(terminal.options, look, { screenReaderMode })
    if (element.isConnected) fit.fit()
  }
}

function createScreen(tty: number, room: string): Screen {
  const terminal = new Terminal({
    ...terminalLook(),
    convertEol: true,
    cursorBlink: false,
    scrollback: SCROLLBACK,
    minimumContrastRatio: 4.5,
    macOptionIsMeta: true,
    allowProposedApi: false,
    linkHandler: { activate: () => {} },
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  const element = document.createElement('div')
  element.className = 'screen'
  terminal.open(element)
  terminal.textarea?.setAttribute('aria-label', i18n('screen', { room }))
  element.dataset.hint = i18n('blank')
  const stop = follow(terminal, tty, element)
  const parts: IDisposable[] = refuseQueries(terminal.parser)
  terminal.onData((data) => {
    if (!isReport(data)) void session().type(tty, data)
  })
  terminal.attachCustomKeyEventHandler((event) => isForTerminal(event, terminal))
  const dispose = () => {
    stop()
    for (const part of parts) part.dispose()
    terminal.dispose()
    element.remove()
  }
  return { terminal, fit, element, dispose }
}

/** Output from the beginning and from now on. Answers how to stop. */
function follow(terminal: Terminal, tty: number, element: HTMLElement): () => void {
  let waiting = 0
  let skipped = false
  let gone = false
  const stream = joinStream((text, reset) => {
    if (reset) terminal.reset()
    // A terminal that is not open at the shown moment has no prompt: say so.
    if (reset || text !== '') element.classList.toggle('blank', text === '')
    if (waiting > FLOOD) {
      skipped = true
      return
    }
    waiting += text.length
    terminal.write(text, () => {
      waiting -= text.length
      if (waiting > 0 || !skipped || gone) return
      skipped = false
      void session().terminalText(tty).then(stream.replace)
    })
  })
  const stop = onTty(tty, stream.take)
  void session().terminalText(tty).then(stream.begin)
  return () => {
    gone = true
    stop()
  }
}

/** Keys that the page wants (F6, Ctrl-K ...), copying and pasting do not reach the shell. */
function isForTerminal(event: KeyboardEvent, terminal: Terminal): boolean {
  if (event.type !== 'keydown') return true
  const keys = chord(event)
  const copies = keys === 'Mod+Shift+C' || keys === 'Mod+Insert'
  if (copies || (keys === 'Mod+C' && (event.metaKey || terminal.hasSelection()))) {
    event.preventDefault()
    void copySelection(terminal)
    return false
  }
  // The browser pastes: xterm takes the text from its own paste event.
  if (keys === 'Mod+V' || keys === 'Mod+Shift+V' || keys === 'Shift+Insert') return false
  return !allActions().some((one) => one.everywhere && one.keys?.includes(keys))
}

async function copySelection(terminal: Terminal): Promise<void> {
  const text = terminal.getSelection()
  if (text === '') return
  try {
    await navigator.clipboard.writeText(text)
    terminal.clearSelection()
  } catch (error) {
    notify('error', String(error))
  }
}
