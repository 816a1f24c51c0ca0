/** A file that an editor of a terminal has open (vi, kubectl edit): saving writes it and ends that editor. */
import { Check, X } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { OpenFile } from '../client/store.ts'
import { keyText } from '../commands/keys.ts'
import { createFileEditor } from './fileModel.ts'
import './editor.css'

export function FileEditor({ file, done }: { file: OpenFile; done: (text: string | null) => void }) {
  const { t } = useTranslation('editor')
  const holder = useRef<HTMLDivElement>(null)
  const text = useRef(() => file.text)
  const latest = useRef(done)
  latest.current = done
  useEffect(() => {
    const save = () => latest.current(text.current())
    const made = createFileEditor(holder.current!, file, t('fileHint', { path: file.path }), save)
    text.current = made.text
    return made.dispose
  }, [file, t])
  return (
    <section className="file-editor" aria-label={t('fileOf', { path: file.path })}>
      <div className="yaml-bar">
        <span className="mono">{file.path}</span>
        <span className="grow" />
        <button type="button" className="btn" onClick={() => done(null)}>
          <X aria-hidden="true" />
          {t('fileLeave')}
        </button>
        <button
          type="button"
          className="btn strong"
          title={`${t('fileSave')} (${keyText('Mod+Enter')})`}
          onClick={() => done(text.current())}
        >
          <Check aria-hidden="true" />
          {t('fileSave')}
        </button>
      </div>
      <div ref={holder} className="yaml-editor nokey" />
    </section>
  )
}
