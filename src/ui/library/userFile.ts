/** A file of the person: judged before it replaces what is open. */
import { create } from 'zustand'
import type { Diagnostic } from '../../session/types.ts'
import { session } from '../client/client.ts'
import { openText } from '../client/document.ts'
import { notify, openDialog, openDock } from '../client/store.ts'
import { looksLikeLab, machineOfPaste, openPaste } from '../dumps/dumpsStore.ts'
import { setDraft } from '../editor/draft.ts'
import i18next from 'i18next'

/** Lab files are text of some kilobytes; the parser refuses more than this too. */
const MAX_BYTES = 4 * 1024 * 1024

/** A file that could not be opened, to be shown in the library. */
export interface Refusal {
  name: string
  text: string
  diagnostics: Diagnostic[]
}

export const useRefusal = create<{ refusal: Refusal | null }>(() => ({ refusal: null }))

/** Opens a file; where it holds mistakes the library shows them and nothing else changes. */
export async function openUserFile(file: File): Promise<boolean> {
  if (file.size > MAX_BYTES) return refuse(file.name, '', `${file.size} bytes > ${MAX_BYTES}`)
  return openUserText(file.name, await file.text())
}

export async function openUserText(name: string, text: string): Promise<boolean> {
  const diagnostics = await session().lint(text)
  if (diagnostics.some((one) => one.severity === 'error')) {
    useRefusal.setState({ refusal: { name, text, diagnostics } })
    openDialog('library')
    return false
  }
  const ok = await openText(text)
  if (ok) {
    useRefusal.setState({ refusal: null })
    openDialog(null)
  }
  return ok
}

/** Puts a refused text into the editor, where its mistakes are marked. The running lab stays. */
export function mendRefused(refusal: Refusal): void {
  setDraft(refusal.text)
  useRefusal.setState({ refusal: null })
  openDialog(null)
  openDock('yaml')
}

/** Asks for a file and opens it. */
export function pickFile(): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = '.yaml,.yml'
  input.onchange = () => {
    const file = input.files?.[0]
    if (file) void openUserFile(file)
  }
  input.click()
}

/** A lab is opened; any other text may be a dump, for the machine that it was dropped on. */
async function takeFile(file: File, machine: string): Promise<unknown> {
  if (file.size > MAX_BYTES) return openUserFile(file)
  const text = await file.text()
  return looksLikeLab(file.name, text) ? openUserFile(file) : openPaste(machine, text)
}

/** A lab file may be dropped anywhere on the page. Answers how to stop. */
export function acceptDrops(): () => void {
  const veil = document.createElement('div')
  veil.style.cssText = VEIL
  const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
  const over = (event: DragEvent) => {
    if (!carriesFile(event)) return
    event.preventDefault()
    veil.textContent = i18next.t('library:dropHere')
    if (!veil.isConnected) document.body.append(veil)
  }
  const leave = (event: DragEvent) => {
    if (event.relatedTarget === null) veil.remove()
  }
  const drop = (event: DragEvent) => {
    veil.remove()
    if (!carriesFile(event)) return
    event.preventDefault()
    const file = event.dataTransfer?.files[0]
    const machine = (event.target as Element | null)?.closest('[data-machine]')
    const onto = machine?.getAttribute('data-machine') ?? machineOfPaste()
    if (file) void takeFile(file, onto).catch((error: unknown) => notify('error', String(error)))
  }
  addEventListener('dragover', over)
  addEventListener('dragleave', leave)
  addEventListener('drop', drop)
  return () => {
    veil.remove()
    removeEventListener('dragover', over)
    removeEventListener('dragleave', leave)
    removeEventListener('drop', drop)
  }
}

/** Seldom seen and outside of React: no style sheet is loaded for it. */
const VEIL =
  'position:fixed;inset:8px;z-index:80;display:grid;place-items:center;border:2px dashed var(--accent);' +
  'border-radius:8px;background:color-mix(in srgb,var(--paper) 85%,transparent);font-size:var(--fs-xl);' +
  'pointer-events:none'

function refuse(name: string, text: string, message: string): false {
  const place = { line: 1, column: 1, endLine: 1, endColumn: 1 }
  useRefusal.setState({ refusal: { name, text, diagnostics: [{ severity: 'error', message, ...place }] } })
  openDialog('library')
  return false
}
