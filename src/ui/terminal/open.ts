/** Opening terminals from anywhere, without loading xterm first. */
import { create } from 'zustand'
import { openTerminal, session } from '../client/client.ts'
import { notify, openDock, type UiState, useStore } from '../client/store.ts'
import { endAhead, typeAhead } from './ahead.ts'
import { i18n } from './texts.ts'

const KEY = 'kubehop.terminal.screenReader'

interface TerminalPrefs {
  /** xterm keeps a copy of its rows for screen readers: costs speed, so only where wanted. */
  screenReader: boolean
  /** Terminal that is to have the focus as soon as it is shown, 0 for none. */
  focusWanted: number
}

export const useTerminalPrefs = create<TerminalPrefs>(() => ({ screenReader: remembered(), focusWanted: 0 }))

export function toggleScreenReader(): void {
  const screenReader = !useTerminalPrefs.getState().screenReader
  useTerminalPrefs.setState({ screenReader })
  try {
    localStorage.setItem(KEY, screenReader ? '1' : '0')
  } catch {
    // Not remembered where storage is refused.
  }
}

/** Opens a terminal in a room, shows it and puts the cursor there. What is typed meanwhile is typed there. */
export async function openTerminalIn(room: string): Promise<void> {
  const typedTo = typeAhead()
  const tty = await openTerminal(room).catch(() => 0)
  if (tty === 0) {
    endAhead()
    const terminals = useStore.getState().terminals.filter((terminal) => terminal.tty !== 0)
    useStore.setState({ terminals, activeTty: terminals.at(-1)?.tty ?? null })
    notify('error', i18n('refused', { room }))
    return
  }
  typedTo(tty)
  showTerminal(tty)
}

/** Types a line into a terminal of a room that waits for one, or into a new one; running it is left to the person. */
export async function typeInto(room: string, line: string): Promise<void> {
  const tty = await waiting(room)
  if (tty === 0) return
  showTerminal(tty)
  // Ctrl-U takes away what was typed before.
  await session().type(tty, `\x15${line}`)
}

/** A terminal of the room with a prompt at its end; 0 where there is no such room. */
async function waiting(room: string): Promise<number> {
  for (const terminal of useStore.getState().terminals) {
    if (terminal.room !== room) continue
    const text = await session().terminalText(terminal.tty)
    if (/[#$] [^\n]*$/.test(text)) return terminal.tty
  }
  await openTerminalIn(room)
  const { activeTty, terminals } = useStore.getState()
  return terminals.some(({ tty, room: one }) => tty === activeTty && one === room) ? (activeTty ?? 0) : 0
}

export function showTerminal(tty: number): void {
  openDock('terminal')
  useStore.setState({ activeTty: tty })
  useTerminalPrefs.setState({ focusWanted: tty })
}

/** Room of a machine, room or port id; '' where it is neither. */
export function roomOf(state: UiState, id: string): string {
  if (id.includes('--')) return ''
  const room = id.split('/')[0]!
  const machine = state.scene.machines[room.split('.')[0]!]
  return machine?.rooms.some((one) => one.id === room) ? room : ''
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) === '1'
  } catch {
    return false
  }
}
