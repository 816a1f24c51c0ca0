/** What the two dialogs hold, kept while they are closed. */
import { create } from 'zustand'
import type { Explained, ExplainQuery } from '../../session/explain-types.ts'
import { openDialog, useStore } from '../client/store.ts'

export interface DumpsState {
  page: 'paste' | 'explain'
  /** Machine that the dump goes to; '' makes a new one. */
  machine: string
  newName: string
  dump: string
  query: ExplainQuery
  explained: Explained | null
}

export const useDumps = create<DumpsState>(() => ({
  page: 'paste',
  machine: '',
  newName: '',
  dump: '',
  query: { from: '', proto: 'tcp', dst: '', src: '', in: '', dport: 80 },
  explained: null,
}))

/** Opens the paste dialog, with a dropped text where there is one. */
export function openPaste(machine: string, dump?: string): void {
  useDumps.setState({ page: 'paste', machine, ...(dump === undefined ? {} : { dump }) })
  openDialog('explain')
}

/** The machine that is chosen in the open dialog: a file dropped beside it does not change that. */
export function machineOfPaste(): string {
  return useStore.getState().dialog === 'explain' ? useDumps.getState().machine : ''
}

export function openExplain(from: string): void {
  const { query, explained } = useDumps.getState()
  const same = from === '' || query.from === from
  const room = from || query.from
  useDumps.setState({
    page: 'explain',
    query: { ...query, from: room, in: same ? query.in : '' },
    explained: same ? explained : null,
  })
  openDialog('explain')
}

/** Whether a text is a lab; any other text may be a dump. */
export function looksLikeLab(name: string, text: string): boolean {
  return /\.ya?ml$/i.test(name) || /^(name|topology|apiVersion):/m.test(text.slice(0, 4000))
}
