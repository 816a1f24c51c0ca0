/** The library: labs by chapter, the person's own files, and what was replaced before. */
import { FileDown, FilePlus2, FolderOpen, X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { openFromLibrary } from '../client/begin.ts'
import { FIRST_LAB } from '../client/first.ts'
import { openNew, saveFile } from '../client/files.ts'
import { openDialog, useStore } from '../client/store.ts'
import { Kept } from './Kept.tsx'
import { inLanguage, type LabEntry, listLabs } from './labs.ts'
import { Refused } from './Refused.tsx'
import { pickFile, useRefusal } from './userFile.ts'
import './library.css'

export function LibraryDialog() {
  const { t } = useTranslation(['library', 'frame'])
  const refusal = useRefusal((state) => state.refusal)
  const close = () => {
    useRefusal.setState({ refusal: null })
    openDialog(null)
  }
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="veil" />
        <Dialog.Content className="dialog library" aria-describedby={undefined}>
          <header className="dialog-head">
            <Dialog.Title className="dialog-title">{t('title')}</Dialog.Title>
            <Dialog.Close className="btn icon" aria-label={t('frame:close')}>
              <X aria-hidden="true" />
            </Dialog.Close>
          </header>
          <div className="library-acts">
            <button type="button" className="btn outlined" onClick={() => void openNew().then(close)}>
              <FilePlus2 aria-hidden="true" />
              {t('new')}
            </button>
            <button type="button" className="btn outlined" onClick={pickFile}>
              <FolderOpen aria-hidden="true" />
              {t('open')}
            </button>
            <button type="button" className="btn outlined" onClick={saveFile}>
              <FileDown aria-hidden="true" />
              {t('save')}
            </button>
            <span className="quiet">{t('dropHint')}</span>
          </div>
          {refusal && <Refused refusal={refusal} />}
          <div className="library-body">
            <Labs close={close} />
            <Kept close={close} />
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function Labs({ close }: { close: () => void }) {
  const { t } = useTranslation('library')
  const [answer, setAnswer] = useState<{ labs: LabEntry[]; error: string } | null>(null)
  useEffect(() => {
    let wanted = true
    void listLabs().then((list) => wanted && setAnswer(list))
    return () => {
      wanted = false
    }
  }, [])
  if (!answer) return <p className="quiet pad">{t('loading')}</p>
  if (answer.error !== '') {
    return (
      <p className="problem pad" role="alert">
        {t('noList', { reason: answer.error })}
      </p>
    )
  }
  const chapters = [...new Set(answer.labs.map((lab) => lab.chapter))]
  const first = answer.labs.find((lab) => lab.file === FIRST_LAB.file)
  return (
    <>
      {first && (
        <section className="start-here">
          <h3 className="menu-label">{t('startHere')}</h3>
          <LabButton lab={first} close={close} />
        </section>
      )}
      {chapters.map((chapter) => (
        <Chapter key={chapter} chapter={chapter} all={answer.labs} close={close} />
      ))}
    </>
  )
}

function Chapter({ chapter, all, close }: { chapter: string; all: LabEntry[]; close: () => void }) {
  const { t } = useTranslation('library')
  return (
    <section>
      <h3 className="menu-label">
        {t('chapterName', { number: chapter, name: t(`chapter${chapter}`, { defaultValue: '' }) })}
      </h3>
      <ul className="labs">
        {all
          .filter((lab) => lab.chapter === chapter)
          .map((lab) => (
            <li key={lab.id}>
              <LabButton lab={lab} close={close} />
            </li>
          ))}
      </ul>
    </section>
  )
}

function LabButton({ lab, close }: { lab: LabEntry; close: () => void }) {
  const { t, i18n } = useTranslation('library')
  const open = useStore((state) => state.doc.origin === lab.file)
  const text = inLanguage(lab.text, i18n.language)
  return (
    <button
      type="button"
      className="lab"
      aria-current={open || undefined}
      onClick={() => void openFromLibrary(lab.file).then((ok) => ok && close())}
    >
      <span className="lab-id mono">{lab.id}</span>
      <span className="lab-words">
        <span className="lab-name">{inLanguage(lab.title, i18n.language)}</span>
        {text !== '' && <span className="quiet">{text}</span>}
      </span>
      {open && <span className="quiet">{t('isOpen')}</span>}
    </button>
  )
}
