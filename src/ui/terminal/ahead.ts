/** Keys that are typed between the wish for a terminal and its screen: they are the new terminal's, in order. */
import { session } from '../client/client.ts'
import { allActions } from '../commands/actions.ts'
import { chord } from '../commands/keys.ts'

/** A wish that is not answered by then has failed: the keys are the page's again. */
const PATIENCE_MS = 15_000

/** Ends the listening of the newest wish. */
let stopListening = (): void => {}

/** The page's keys are its own again: the screen has the focus, or there will be none. */
export function endAhead(): void {
  stopListening()
}

/** What is typed from now on waits for a terminal that is being opened. Answers how to say which one it is. */
export function typeAhead(): (tty: number) => void {
  stopListening()
  const listening = new AbortController()
  const options = { capture: true, signal: listening.signal }
  const timer = setTimeout(endAhead, PATIENCE_MS)
  stopListening = () => {
    clearTimeout(timer)
    listening.abort()
  }
  let to = 0
  let waiting = ''
  const send = (event: Event, text: string) => {
    event.preventDefault()
    event.stopImmediatePropagation()
    if (to === 0) waiting += text
    else void session().type(to, text)
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.isComposing || !isAhead(event.target) || isPages(event)) return
    const text = keyBytes(event)
    // The key that opened the terminal may still be held: that types nothing.
    if (text !== '') send(event, event.repeat && waiting === '' ? '' : text)
  }
  const onPaste = (event: ClipboardEvent) => {
    const text = event.clipboardData?.getData('text/plain') ?? ''
    if (text !== '' && isAhead(event.target)) send(event, text.replaceAll(/\r?\n/g, '\r'))
  }
  addEventListener('keydown', onKey, options)
  addEventListener('paste', onPaste, options)
  // Who points elsewhere types there.
  addEventListener('pointerdown', endAhead, options)
  return (tty) => {
    to = tty
    if (tty !== 0 && waiting !== '') void session().type(tty, waiting)
  }
}

function isPages(event: KeyboardEvent): boolean {
  const keys = chord(event)
  return allActions().some((one) => one.everywhere && one.keys?.includes(keys))
}

/** Another terminal's screen gives its keys up; a field that somebody went to meanwhile does not. */
function isAhead(target: EventTarget | null): boolean {
  if (!(target instanceof Element) || target.closest('.xterm')) return true
  return !target.closest('[role="dialog"], input, textarea, select, [contenteditable="true"], .monaco-editor')
}

const NAMED: Readonly<Record<string, string>> = {
  Enter: '\r',
  Backspace: '\x7f',
  Tab: '\t',
  Escape: '\x1b',
  ArrowUp: '\x1b[A',
  ArrowDown: '\x1b[B',
  ArrowRight: '\x1b[C',
  ArrowLeft: '\x1b[D',
  Home: '\x1b[H',
  End: '\x1b[F',
  Delete: '\x1b[3~',
}

type Key = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'getModifierState'>

/** What a terminal sends for a key; '' for one that it leaves to the page. */
export function keyBytes(event: Key): string {
  const { key, ctrlKey, altKey, metaKey } = event
  if (metaKey) return ''
  const named = NAMED[key]
  if (named !== undefined) return ctrlKey || altKey ? '' : named
  if (key.length !== 1) return ''
  if (event.getModifierState('AltGraph')) return key
  // Ctrl-V and Ctrl-Shift-V paste: the text comes with its own event.
  if (ctrlKey) return !altKey && /^[a-uw-z]$/.test(key) ? String.fromCharCode(key.charCodeAt(0) & 31) : ''
  return altKey ? `\x1b${key}` : key
}
