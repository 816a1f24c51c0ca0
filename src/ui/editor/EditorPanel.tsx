/** The lab's text: what is typed is judged at once and made real by Apply. */
import { Check, RotateCcw } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Boundary } from '../inspector/Boundary.tsx'
import type { Rewritten } from '../../lab/rewrite.ts'
import type { Diagnostic } from '../../session/types.ts'
import { session } from '../client/client.ts'
import { applyText, openAnew } from '../client/document.ts'
import { useStore } from '../client/store.ts'
import { keyText } from '../commands/keys.ts'
import { createLabEditor, type LabEditor } from './labEditor.ts'
import { lineDiff } from './diff.ts'
import { setDraft, useDraft } from './draft.ts'
import { Problems } from './Problems.tsx'
import { Rewrite } from './Rewrite.tsx'
import './editor.css'

const LINT_MS = 250

export function EditorPanel() {
  return (
    <Boundary>
      <Editor />
    </Boundary>
  )
}

function Editor() {
  const { t } = useTranslation('editor')
  const holder = useRef<HTMLDivElement>(null)
  const editor = useRef<LabEditor | null>(null)
  const text = useStore((state) => state.doc.text)
  const draft = useDraft((state) => (state.text === text ? null : state.text))
  const shown = draft ?? text
  const diagnostics = useLint(shown)
  const [applied, setApplied] = useState('')
  const apply = async () => {
    const { doc } = useStore.getState()
    const wanted = useDraft.getState().text
    if (wanted === null || wanted === doc.text) return
    const mistake = (await session().lint(wanted)).find((one) => one.severity === 'error')
    if (mistake) {
      editor.current?.goTo(mistake)
      return
    }
    const { added, removed } = lineDiff(doc.text, wanted)
    const result = await applyText(wanted)
    if (!result.ok) return
    setDraft(null)
    const said = [
      added.length > 0 ? t('added', { count: added.length }) : '',
      removed > 0 ? t('removed', { count: removed }) : '',
    ]
    setApplied([t('applied'), ...said].filter(Boolean).join(', '))
    editor.current?.flash(added)
  }
  const latest = useRef(apply)
  latest.current = apply
  useEffect(() => {
    const made = createLabEditor(holder.current!, t('editorHint'), () => void latest.current())
    editor.current = made
    return () => {
      editor.current = null
      made.dispose()
    }
  }, [t])
  useEffect(() => editor.current?.show(draft ?? text, text), [draft, text])
  useEffect(() => editor.current?.mark(diagnostics), [diagnostics])
  // A new change takes the last answer away.
  useEffect(() => {
    if (draft !== null) setApplied('')
  }, [draft])
  return (
    <div className="yaml">
      <Bar
        draft={draft !== null}
        errors={diagnostics.some((one) => one.severity === 'error')}
        applied={applied}
        revert={() => {
          setDraft(null)
          editor.current?.focus()
        }}
        apply={() => void apply()}
      />
      {/* nokey: React Flow takes the space bar from whatever is no input; Monaco's is none. */}
      <div ref={holder} className="yaml-editor nokey" />
      <Below
        text={shown}
        diagnostics={diagnostics}
        editor={editor}
        reopen={() => void apply().then(openAnew)}
      />
    </div>
  )
}

interface BelowProps {
  text: string
  diagnostics: Diagnostic[]
  editor: React.RefObject<LabEditor | null>
  reopen: () => void
}

/** The problems of a text; where one of them is asked to be rewritten, that in the place of everything. */
function Below({ text, diagnostics, editor, reopen }: BelowProps) {
  const [rewritten, setRewritten] = useState<Rewritten | null>(null)
  // What was offered is of the text as it was.
  // biome-ignore lint/correctness/useExhaustiveDependencies: every other text
  useEffect(() => setRewritten(null), [text])
  const take = ({ text: made }: Rewritten) => {
    setRewritten(null)
    setDraft(made)
    setTimeout(() => editor.current?.focus(), 0)
  }
  return (
    <>
      {rewritten !== null && (
        <Rewrite rewritten={rewritten} leave={() => setRewritten(null)} take={() => take(rewritten)} />
      )}
      <Problems
        diagnostics={diagnostics}
        onReopen={reopen}
        onChoose={(one) => editor.current?.goTo(one)}
        onRewrite={(one) => {
          editor.current?.goTo(one)
          void session().rewriteManifest(text, one.line).then(setRewritten)
        }}
      />
    </>
  )
}

interface BarProps {
  draft: boolean
  errors: boolean
  applied: string
  revert: () => void
  apply: () => void
}

function Bar({ draft, errors, applied, revert, apply }: BarProps) {
  const { t } = useTranslation('editor')
  return (
    <div className="yaml-bar">
      <DraftState draft={draft} applied={applied} />
      <span className="grow" />
      <button type="button" className="btn" title={t('revertHint')} disabled={!draft} onClick={revert}>
        <RotateCcw aria-hidden="true" />
        {t('revert')}
      </button>
      <button
        type="button"
        className="btn strong"
        title={`${t('apply')} (${keyText('Mod+Enter')})`}
        disabled={!draft || errors}
        onClick={apply}
      >
        <Check aria-hidden="true" />
        {t('apply')}
      </button>
    </div>
  )
}

function DraftState({ draft, applied }: { draft: boolean; applied: string }) {
  const { t } = useTranslation('editor')
  const stale = useDraft((state) => state.text !== null && state.base !== '')
  const base = useDraft((state) => state.base)
  const text = useStore((state) => state.doc.text)
  const conflict = draft && stale && base !== text
  return (
    <p role="status" className={draft ? 'unapplied' : 'quiet'}>
      {draft ? t('unapplied') : applied || t('same')}
      {conflict && `. ${t('conflict')}`}
    </p>
  )
}

/** The session's judgement of a text, a moment after the last key. */
function useLint(text: string): Diagnostic[] {
  const own = useStore((state) => state.doc.text)
  const known = useStore((state) => state.doc.diagnostics)
  const [answer, setAnswer] = useState<{ text: string; diagnostics: Diagnostic[] } | null>(null)
  useEffect(() => {
    if (text === own) {
      setAnswer(null)
      return
    }
    let wanted = true
    const timer = setTimeout(() => {
      void session()
        .lint(text)
        .then((diagnostics) => wanted && setAnswer({ text, diagnostics }))
    }, LINT_MS)
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [text, own])
  useEffect(() => {
    // The dock's tab counts the mistakes of what the editor shows.
    if (!answer) return
    const { doc } = useStore.getState()
    useStore.setState({ doc: { ...doc, diagnostics: answer.diagnostics } })
  }, [answer])
  useEffect(() => {
    if (text !== own) return
    let wanted = true
    // Warnings of the boot stay; mistakes of a text that was dropped go.
    void session()
      .lint(own)
      .then((diagnostics) => {
        const { doc } = useStore.getState()
        if (!wanted || doc.text !== own || !doc.diagnostics.some((one) => one.severity === 'error')) return
        useStore.setState({ doc: { ...doc, diagnostics } })
      })
    return () => {
      wanted = false
    }
  }, [text, own])
  if (text === own) return known
  return answer?.diagnostics ?? known
}
