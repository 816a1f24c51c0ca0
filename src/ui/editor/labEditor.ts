/** One Monaco editor on the lab's text. */
import type { Diagnostic } from '../../session/types.ts'
import { redo, undo } from '../client/document.ts'
import { useStore } from '../client/store.ts'
import { allActions, runAction } from '../commands/actions.ts'
import { chord } from '../commands/keys.ts'
import { lineDiff, spliceOf } from './diff.ts'
import { draftText, setDraft, useDraft } from './draft.ts'
import { dressMonaco, labModel, monaco } from './monaco.ts'
import { wordsOf } from './Problems.tsx'

export interface LabEditor {
  /** Shows `text` (the cursor keeps its place) and marks the lines that `applied` does not have. */
  show: (text: string, applied: string) => void
  mark: (diagnostics: readonly Diagnostic[]) => void
  goTo: (place: Pick<Diagnostic, 'line' | 'column'>) => void
  focus: () => void
  /** Marks lines for a moment. */
  flash: (lines: readonly number[]) => void
  dispose: () => void
}

const FLASH_MS = 1500
export const OPTIONS: monaco.editor.IStandaloneEditorConstructionOptions = {
  automaticLayout: true,
  minimap: { enabled: false },
  scrollBeyondLastLine: false,
  fixedOverflowWidgets: true,
  renderLineHighlight: 'line',
  overviewRulerLanes: 2,
  lineNumbersMinChars: 3,
  folding: true,
  glyphMargin: false,
  lineDecorationsWidth: 14,
  wordBasedSuggestions: 'off',
  quickSuggestions: { other: true, strings: true, comments: false },
  unicodeHighlight: { ambiguousCharacters: false },
  padding: { top: 6, bottom: 6 },
  smoothScrolling: false,
  cursorBlinking: 'solid',
  stickyScroll: { enabled: false },
}

export function createLabEditor(holder: HTMLElement, label: string, apply: () => void): LabEditor {
  const model = labModel(draftText() ?? useStore.getState().doc.text)
  dressMonaco()
  const editor = monaco.editor.create(holder, { ...OPTIONS, ...faceOf(), model, ariaLabel: label })
  let showing = false
  const changedLines = editor.createDecorationsCollection()
  const flashed = editor.createDecorationsCollection()
  const markChanged = (applied: string) => {
    const { added } = lineDiff(applied, model.getValue())
    changedLines.set(added.map((line) => lineMark(line, 'line-changed')))
  }
  const parts = [
    model.onDidChangeContent(() => {
      if (showing) return
      setDraft(model.getValue())
    }),
    ...addKeys(editor, apply),
    // The list of problems takes room from below: the line that is being typed stays in sight.
    editor.onDidLayoutChange(() => {
      const place = editor.getPosition()
      if (place && editor.hasTextFocus()) editor.revealPosition(place)
    }),
  ]
  const stopLook = onLook(editor)
  const stopFocus = useDraft.subscribe(({ focusWanted }) => focusWanted && takeFocus(editor))
  if (useDraft.getState().focusWanted) takeFocus(editor)
  const stopPlace = useDraft.subscribe(({ goTo }) => goTo && takePlace(editor, goTo))
  const { goTo } = useDraft.getState()
  if (goTo) takePlace(editor, goTo)
  const stopKeys = listenForPageKeys(holder)
  return {
    show(text, applied) {
      showing = true
      replaceText(editor, model, text)
      showing = false
      markChanged(applied)
    },
    mark(diagnostics) {
      monaco.editor.setModelMarkers(model, 'lab', diagnostics.map(markerOf))
    },
    goTo: (place) => showPlace(editor, place),
    focus: () => editor.focus(),
    flash(lines) {
      flashed.set(lines.map((line) => lineMark(line, 'line-applied')))
      setTimeout(() => flashed.clear(), FLASH_MS)
    },
    dispose() {
      for (const part of parts) part.dispose()
      stopLook()
      stopFocus()
      stopPlace()
      stopKeys()
      editor.dispose()
    },
  }
}

/** Makes the model this text by the smallest edit, so that the cursor keeps its place. */
function replaceText(editor: CodeEditor, model: monaco.editor.ITextModel, text: string): void {
  const splice = spliceOf(model.getValue(), text)
  if (!splice) return
  const range = monaco.Range.fromPositions(model.getPositionAt(splice.from), model.getPositionAt(splice.to))
  model.pushStackElement()
  model.pushEditOperations(editor.getSelections(), [{ range, text: splice.text }], () => null)
  model.pushStackElement()
}

type CodeEditor = monaco.editor.IStandaloneCodeEditor

/** Ctrl-Enter applies. Undo takes back typing first; with nothing typed it takes back edits of the lab. */
function addKeys(editor: CodeEditor, apply: () => void): { dispose: () => void }[] {
  const { KeyCode, KeyMod } = monaco
  const inEditor = (command: 'undo' | 'redo') => editor.trigger('keyboard', command, null)
  const add = (id: string, keybindings: number[], run: () => void) =>
    editor.addAction({ id: `kubehop.${id}`, label: id, keybindings, run })
  return [
    add('apply', [KeyMod.CtrlCmd | KeyCode.Enter], apply),
    add('undo', [KeyMod.CtrlCmd | KeyCode.KeyZ], () => {
      if (draftText() !== null) inEditor('undo')
      else void undo()
    }),
    add('redo', [KeyMod.CtrlCmd | KeyCode.KeyY, KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ], () => {
      if (draftText() !== null || useStore.getState().doc.future.length === 0) inEditor('redo')
      else void redo()
    }),
  ]
}

/** Keys that the page wants everywhere (F6, Ctrl-K, Ctrl-S) come before Monaco's own. */
export function listenForPageKeys(holder: HTMLElement, own: readonly string[] = []): () => void {
  const onKey = (event: KeyboardEvent) => {
    const keys = chord(event)
    if (own.includes(keys)) return
    const one = allActions().find((action) => action.everywhere && action.keys?.includes(keys))
    if (!one || !runAction(one.id)) return
    event.preventDefault()
    event.stopPropagation()
  }
  holder.addEventListener('keydown', onKey, { capture: true })
  return () => holder.removeEventListener('keydown', onKey, { capture: true })
}

function takeFocus(editor: CodeEditor): void {
  useDraft.setState({ focusWanted: false })
  setTimeout(() => editor.focus(), 0)
}

function takePlace(editor: CodeEditor, place: { line: number; column: number }): void {
  useDraft.setState({ goTo: null })
  // A tab that was hidden has no size yet.
  setTimeout(() => showPlace(editor, place), 50)
}

function showPlace(editor: CodeEditor, { line, column }: { line: number; column: number }): void {
  editor.setPosition({ lineNumber: line, column })
  editor.revealLineInCenterIfOutsideViewport(line)
  editor.focus()
}

export function onLook(editor: CodeEditor): () => void {
  const observer = new MutationObserver(() => {
    dressMonaco()
    editor.updateOptions(faceOf())
  })
  observer.observe(document.documentElement, { attributeFilter: ['data-theme', 'data-present'] })
  return () => observer.disconnect()
}

export function faceOf(): monaco.editor.IEditorOptions {
  const style = getComputedStyle(document.documentElement)
  const scale = Number(style.getPropertyValue('--scale')) || 1
  return {
    fontFamily: style.getPropertyValue('--mono').trim(),
    fontSize: Math.round(13 * scale),
    lineHeight: Math.round(19 * scale),
  }
}

function lineMark(line: number, className: string): monaco.editor.IModelDeltaDecoration {
  return {
    range: new monaco.Range(line, 1, line, 1),
    options: { isWholeLine: true, linesDecorationsClassName: className, className: `${className}-text` },
  }
}

function markerOf(one: Diagnostic): monaco.editor.IMarkerData {
  const { Error: error, Warning, Info } = monaco.MarkerSeverity
  return {
    severity: one.severity === 'error' ? error : one.severity === 'warning' ? Warning : Info,
    message: wordsOf(one),
    startLineNumber: one.line,
    startColumn: one.column,
    endLineNumber: one.endLine,
    endColumn: Math.max(one.endColumn, one.endLine === one.line ? one.column + 1 : 1),
  }
}
