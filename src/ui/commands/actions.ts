/**
 * Every command of the page is declared once: palette, menus, shortcuts and help are made from this list.
 * An area adds its own with `registerActions` when it is loaded.
 */
import { useSyncExternalStore } from 'react'
import { type UiState, useStore } from '../client/store.ts'

export type ActionGroup = 'document' | 'time' | 'draw' | 'view' | 'terminal' | 'help'

export interface Action {
  /** 'time.play', 'view.dock' */
  id: string
  /** Key with its area: 'player:play'. */
  title: string
  group: ActionGroup
  /** 'Mod+K' (Ctrl, or Command on a Mac), 'Shift+ArrowLeft', 'Space', '.', 'F2'. The first one is shown. */
  keys?: string[]
  /** Works while a text field, an editor or a terminal has the focus too. */
  everywhere?: boolean
  /** Not listed in the palette (it needs an argument or is only a key). */
  hidden?: boolean
  enabled?: (state: UiState) => boolean
  /** Whether a switch is on, for menus. */
  checked?: (state: UiState) => boolean
  run: () => void | Promise<void>
}

const registry = new Map<string, Action>()
const listeners = new Set<() => void>()
let list: Action[] = []

/** Adds actions (one with the same id is replaced); answers a function that takes them out again. */
export function registerActions(actions: readonly Action[]): () => void {
  for (const action of actions) registry.set(action.id, action)
  changed()
  return () => {
    for (const action of actions) if (registry.get(action.id) === action) registry.delete(action.id)
    changed()
  }
}

export function allActions(): readonly Action[] {
  return list
}

export function action(id: string): Action | undefined {
  return registry.get(id)
}

export function isEnabled(one: Action): boolean {
  return one.enabled?.(useStore.getState()) ?? true
}

/** Runs an action where it is enabled; answers whether it ran. */
export function runAction(id: string): boolean {
  const one = registry.get(id)
  if (!one || !isEnabled(one)) return false
  void one.run()
  return true
}

export function useActions(): readonly Action[] {
  return useSyncExternalStore(subscribe, allActions)
}

function changed(): void {
  list = [...registry.values()]
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
