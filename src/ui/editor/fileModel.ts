/** A Monaco editor on a text of its own, apart from the lab's. */
import type { OpenFile } from '../client/store.ts'
import { faceOf, listenForPageKeys, onLook, OPTIONS } from './labEditor.ts'
import { dressMonaco, fileModel, monaco } from './monaco.ts'

export interface FileText {
  text: () => string
  dispose: () => void
}

/** Takes the keyboard; Ctrl-Enter and Ctrl-S save. */
export function createFileEditor(
  holder: HTMLElement,
  file: OpenFile,
  label: string,
  save: () => void,
): FileText {
  const model = fileModel(file.path, file.text)
  dressMonaco()
  const editor = monaco.editor.create(holder, { ...OPTIONS, ...faceOf(), model, ariaLabel: label })
  const { KeyCode, KeyMod } = monaco
  const keybindings = [KeyMod.CtrlCmd | KeyCode.Enter, KeyMod.CtrlCmd | KeyCode.KeyS]
  editor.addAction({ id: 'kubehop.saveFile', label: 'save', keybindings, run: save })
  const stopLook = onLook(editor)
  const stopKeys = listenForPageKeys(holder, ['Mod+S'])
  // Why kubectl opens it again.
  const reason = file.text.split('\n').findIndex((line) => line.startsWith('# * '))
  if (reason >= 0) editor.revealLineInCenter(reason + 1)
  editor.focus()
  return {
    text: () => model.getValue(),
    dispose() {
      stopLook()
      stopKeys()
      editor.dispose()
      model.dispose()
    },
  }
}
