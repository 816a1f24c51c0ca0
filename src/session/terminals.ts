/** The page's terminals: each is a terminal of the world, opened again where time travel has taken it away. */
import { netnsNamed } from '../net/world.ts'
import type { Core, Terminal } from './core.ts'
import { withInput } from './inputs.ts'
import { postTerminals } from './stream.ts'

const MAX_TERMINALS = 32

/** A new terminal in a room; 0 where there is no such room or there are too many. */
export function openTerminal(core: Core, room: string): number {
  if (core.terminals.size >= MAX_TERMINALS) return 0
  const target = openTarget(core, room)
  if (target === 0) return 0
  const tty = core.nextTty++
  core.terminals.set(tty, { tty, room, target, sent: 0, shown: 0, editing: 0 })
  postTerminals(core, false)
  return tty
}

export function closeTerminal(core: Core, tty: number): void {
  const terminal = core.terminals.get(tty)
  if (terminal === undefined) return
  core.terminals.delete(tty)
  if (isOpen(core, terminal))
    withInput(core, '', (at) => core.engine.closeTerminal(core, terminal.target, at))
  core.host.post({ type: 'ttyClosed', tty })
}

/** After a change of the lab: terminals of rooms that are gone close. */
export function closeOrphans(core: Core): void {
  for (const { tty, room } of core.terminals.values()) {
    if (netnsNamed(core.world, room) !== undefined) continue
    core.terminals.delete(tty)
    core.host.post({ type: 'ttyClosed', tty })
  }
}

/** Types keys. A line that is sent gets a mark on the scrubber. */
export function typeKeys(core: Core, tty: number, keys: string): void {
  const terminal = core.terminals.get(tty)
  if (terminal === undefined || keys === '') return
  const { engine, world } = core
  const screen = engine.screen(world, terminal.target)
  if (screen === undefined || screen.ended) {
    if (screen !== undefined) withInput(core, '', (at) => engine.closeTerminal(core, terminal.target, at))
    terminal.target = openTarget(core, terminal.room)
    if (terminal.target === 0) return
  }
  const end = keys.search(/[\r\n]/)
  const line = end < 0 ? '' : (engine.screen(world, terminal.target)?.line ?? '') + keys.slice(0, end)
  const label = line === '' ? '' : `${terminal.room}: ${line}`
  withInput(core, label, (at) => engine.type(core, terminal.target, keys, at))
}

/** The person is done with the file that a terminal's editor has open; null: it stays as it was. */
export function endEdit(core: Core, tty: number, text: string | null): void {
  const terminal = core.terminals.get(tty)
  const file = terminal === undefined ? null : core.engine.screen(core.world, terminal.target)?.editing
  if (terminal === undefined || file === undefined || file === null) return
  const label = text === null ? '' : `${terminal.room}: ${file.path}`
  withInput(core, label, (at) => core.engine.endEdit(core, terminal.target, text, at))
}

function isOpen(core: Core, terminal: Terminal): boolean {
  return core.engine.screen(core.world, terminal.target) !== undefined
}

function openTarget(core: Core, room: string): number {
  let target = 0
  withInput(core, '', (at) => {
    target = core.engine.openTerminal(core, room, at)
  })
  return target
}
