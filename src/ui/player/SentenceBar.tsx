/** What the event just handled did, in words. Screen readers hear it while stepping. */
import { useTranslation } from 'react-i18next'
import { chooseTrace } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { say } from '../i18n/i18n.ts'

export function SentenceBar() {
  const { t } = useTranslation(['player', 'words'])
  const now = useStore((state) => state.now)
  const status = useStore((state) => state.status)
  const idle = useStore((state) => state.clock?.idle ?? false)
  const running = useStore((state) => state.clock?.running ?? false)
  const parts = now ? now.steps.map((step) => say(step.sentence)) : []
  const trace = now?.steps.find((step) => step.trace > 0)?.trace
  const dropped = now?.steps.some((step) => step.reason !== '') ?? false
  const quiet = status === 'starting' ? t('starting') : idle ? t('idle') : ''
  return (
    <div className={`sentence ${dropped ? 'dropped' : ''} ${running ? '' : 'standing'}`}>
      <div aria-live={running ? 'off' : 'polite'} title={parts.join('; ')}>
        {now && parts.length > 0 ? (
          <SentenceText room={now.room} parts={parts} trace={trace} />
        ) : (
          <p className="quiet">{quiet}</p>
        )}
      </div>
    </div>
  )
}

/** A click on the sentence chooses its packet: the whole path is drawn. */
function SentenceText(props: { room: string; parts: string[]; trace: number | undefined }) {
  const { room, parts, trace } = props
  const text = (
    <>
      <span className="where mono">{room}</span>
      {parts.join('; ')}
    </>
  )
  if (trace === undefined) return <p className="sentence-text">{text}</p>
  return (
    <button type="button" className="sentence-text" onClick={() => void chooseTrace(trace)}>
      {text}
    </button>
  )
}
