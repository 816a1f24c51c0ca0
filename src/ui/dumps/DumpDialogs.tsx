/** Paste a dump of a real machine; ask what happens to a packet. Beside the picture, which stays in use. */
import { X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { useTranslation } from 'react-i18next'
import { openDialog } from '../client/store.ts'
import { useDumps } from './dumpsStore.ts'
import { ExplainPage } from './ExplainPage.tsx'
import { PastePage } from './PastePage.tsx'
import './dumps.css'

export function DumpDialogs() {
  const { t } = useTranslation(['dumps', 'frame'])
  const page = useDumps((state) => state.page)
  const title = page === 'paste' ? t('pasteTitle') : t('explainTitle')
  return (
    <Dialog.Root open modal={false} onOpenChange={(open) => !open && openDialog(null)}>
      <Dialog.Portal>
        <Dialog.Content
          className={`dialog dumps ${page}`}
          aria-describedby={undefined}
          onInteractOutside={(event) => event.preventDefault()}
        >
          <div className="dialog-head">
            <Dialog.Title className="dialog-title">{title}</Dialog.Title>
            <Dialog.Close className="btn icon" aria-label={t('frame:close')}>
              <X aria-hidden="true" />
            </Dialog.Close>
          </div>
          {page === 'paste' ? <PastePage /> : <ExplainPage />}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
