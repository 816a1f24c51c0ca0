/** Actions of terminals and of moving the focus by keyboard. */
import { closeTerminal } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { registerActions } from '../commands/actions.ts'
import { openTerminalIn, roomOf, showTerminal, toggleScreenReader, useTerminalPrefs } from './open.ts'

const get = useStore.getState

export function registerTerminalActions(): () => void {
  const group = 'terminal'
  return registerActions([
    {
      id: 'terminal.here',
      title: 'terminal:here',
      group,
      keys: ['T'],
      enabled: (s) => roomOf(s, s.selection.at(-1) ?? '') !== '',
      run: () => openTerminalIn(roomOf(get(), get().selection.at(-1) ?? '')),
    },
    {
      id: 'terminal.focus',
      title: 'terminal:focus',
      group,
      keys: ['Mod+Shift+E'],
      enabled: (s) => s.terminals.length > 0,
      run: () => showTerminal(get().activeTty ?? get().terminals.at(-1)!.tty),
    },
    {
      id: 'terminal.close',
      title: 'terminal:close',
      group,
      enabled: (s) => s.activeTty !== null,
      run: () => closeTerminal(get().activeTty!),
    },
    {
      id: 'terminal.screenReader',
      title: 'terminal:screenReader',
      group,
      checked: () => useTerminalPrefs.getState().screenReader,
      run: toggleScreenReader,
    },
    {
      id: 'view.nextRegion',
      title: 'terminal:nextRegion',
      group: 'view',
      keys: ['F6'],
      everywhere: true,
      run: () => goRegion(1),
    },
    {
      id: 'view.previousRegion',
      title: 'terminal:previousRegion',
      group: 'view',
      keys: ['Shift+F6'],
      everywhere: true,
      run: () => goRegion(-1),
    },
  ])
}

/** Regions of the page in the order of F6. */
const REGIONS = ['.topbar', 'nav.slot', '#canvas .react-flow', '.player', '.dock', '#panel-right']
const FOCUSABLE =
  'button:not(:disabled):not([tabindex="-1"]), [href], input:not(:disabled), select, textarea, [tabindex="0"]'

function goRegion(by: 1 | -1): void {
  const regions = REGIONS.map((region) => document.querySelector<HTMLElement>(region)).filter(
    (region): region is HTMLElement => region !== null && region.offsetParent !== null,
  )
  const here = regions.findIndex((region) => region.contains(document.activeElement))
  for (let i = 1; i <= regions.length; i++) {
    const region = regions[(here + by * i + regions.length * 2) % regions.length]!
    const first = [...region.querySelectorAll<HTMLElement>(FOCUSABLE)].find(
      (one) => one.offsetParent !== null,
    )
    if (!first) continue
    first.focus()
    return
  }
}
