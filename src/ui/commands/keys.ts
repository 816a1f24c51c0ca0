/** From key presses to actions. */
import { type Action, allActions, isEnabled } from './actions.ts'

/** 'Mod+Shift+Z' for an event; letters are upper case, the space bar is 'Space'. */
export function chord(event: KeyboardEvent): string {
  const key = event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toUpperCase() : event.key
  const parts = []
  if (event.ctrlKey || event.metaKey) parts.push('Mod')
  if (event.altKey) parts.push('Alt')
  // '?' already says that Shift is held; letters and named keys do not.
  if (event.shiftKey && (key.length > 1 || /[A-Z]/.test(key))) parts.push('Shift')
  parts.push(key)
  return parts.join('+')
}

/** Listens on the window; answers a function that stops. */
export function listenForKeys(): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return
    const one = actionFor(chord(event), event.target)
    if (!one) return
    event.preventDefault()
    void one.run()
  }
  addEventListener('keydown', onKey)
  return () => removeEventListener('keydown', onKey)
}

/** How a key is shown to the person. */
export function keyText(key: string): string {
  const mac = /Mac|iPhone|iPad/.test(navigator.platform)
  return key
    .split('+')
    .map((part) => SHOWN[part] ?? (part === 'Mod' ? (mac ? '⌘' : 'Ctrl') : part))
    .join(mac ? '' : '+')
}

const SHOWN: Record<string, string> = {
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  Delete: 'Del',
  Escape: 'Esc',
}

function actionFor(keys: string, target: EventTarget | null): Action | undefined {
  const found = allActions().filter((one) => one.keys?.includes(keys))
  return found.find((one) => (one.everywhere || !takesKey(target, keys)) && isEnabled(one))
}

const TYPED_IN = 'input, textarea, select, [contenteditable="true"], .xterm, .monaco-editor'
const MOVED_IN =
  '[role="tree"], [role="slider"], [role="tablist"], [role="separator"], [role="menu"], [role="listbox"], [role="grid"], [role="radiogroup"]'
const PRESSED =
  'button, a[href], summary, [role="button"], [role="menuitem"], [role="treeitem"], [role="tab"]'

/** The focused element has its own use for this key. */
function takesKey(target: EventTarget | null, keys: string): boolean {
  if (!(target instanceof Element)) return false
  if (target.closest('[role="dialog"]')) return true
  if (target.closest('input[type="range"]')) return /^(Shift\+)?(Arrow|Home|End|Page)/.test(keys)
  if (target.closest(TYPED_IN)) return true
  if (/^(Shift\+)?(Arrow|Home|End)/.test(keys)) return target.closest(MOVED_IN) !== null
  if (keys === 'Space' || keys === 'Enter') return target.closest(PRESSED) !== null
  return false
}
