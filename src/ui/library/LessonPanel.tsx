/** The lesson: what it teaches, and checks that tell whether the lab does what it should. */
import { Check, CircleDashed, Play, X } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { CheckResult, LessonView } from '../../session/types.ts'
import { session } from '../client/client.ts'
import { lessonAtHand } from '../client/first.ts'
import { openDialog, type UiState, useStore } from '../client/store.ts'
import { inLanguage } from './labs.ts'
import { Line, Prose } from './Prose.tsx'
import './library.css'

export function LessonPanel() {
  const { t, i18n } = useTranslation('library')
  const text = useStore((state) => state.doc.text)
  const [lesson, setLesson] = useState<LessonView | null>(() => lessonAtHand(text) ?? null)
  useEffect(() => {
    const known = lessonAtHand(text)
    if (known !== undefined) {
      setLesson(known)
      return
    }
    let wanted = text !== ''
    if (wanted)
      void session()
        .lesson()
        .then((view) => wanted && setLesson(view))
    return () => {
      wanted = false
    }
  }, [text])
  if (!lesson) {
    return (
      <div className="lesson">
        <p className="quiet">{t('noLesson')}</p>
        <button type="button" className="btn outlined" onClick={() => openDialog('library')}>
          {t('title')}
        </button>
      </div>
    )
  }
  return (
    <article className="lesson">
      <h2 className="lesson-title">{titleOf(lesson, i18n.language)}</h2>
      <Prose text={inLanguage(lesson.text, i18n.language)} />
      {lesson.questions.length > 0 && <Questions questions={lesson.questions} />}
      {lesson.checks.length > 0 && <Checks checks={lesson.checks} />}
    </article>
  )
}

function Questions({ questions }: { questions: LessonView['questions'] }) {
  const { t, i18n } = useTranslation('library')
  return (
    <section className="questions" aria-label={t('questions')}>
      <h3>{t('questions')}</h3>
      {questions.map(({ text, answer }, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: questions of a fixed lesson
        <details key={i}>
          <summary>
            <Line text={inLanguage(text, i18n.language)} />
          </summary>
          <Prose text={inLanguage(answer, i18n.language)} />
        </details>
      ))}
    </section>
  )
}

function Checks({ checks }: { checks: LessonView['checks'] }) {
  const { t, i18n } = useTranslation('library')
  const [results, setResults] = useState<CheckResult[] | null>(null)
  const [running, setRunning] = useState(false)
  const state = useStore(workDone)
  const [ranAt, setRanAt] = useState('')
  const run = async () => {
    setRunning(true)
    setResults(await session().runChecks())
    setRanAt(workDone(useStore.getState()))
    setRunning(false)
  }
  const passed = results?.filter((result) => result.ok).length ?? 0
  return (
    <section className="checks" aria-label={t('checks')}>
      <header className="checks-head">
        <h3>{t('checks')}</h3>
        <button type="button" className="btn outlined" disabled={running} onClick={() => void run()}>
          <Play aria-hidden="true" />
          {t(running ? 'running' : 'run')}
        </button>
      </header>
      <ul aria-busy={running}>
        {checks.map((check) => {
          const result = results?.find((one) => one.id === check.id)
          return (
            <li key={check.id} className={result ? (result.ok ? 'ok' : 'failed') : ''}>
              <CheckMark result={result} />
              <div>
                <span lang={i18n.language}>{titleOf(check, i18n.language)}</span>
                {result && !result.ok && <pre className="check-detail">{result.detail}</pre>}
              </div>
            </li>
          )
        })}
      </ul>
      <p className="quiet" role="status">
        {results && t('passed', { passed, count: results.length })}
        {results && state !== ranAt && ` ${t('stale')}`}
      </p>
    </section>
  )
}

/** Changes with what the person does, not with time. */
function workDone(state: UiState): string {
  const inputs = state.marks.filter((mark) => mark.kind === 'input')
  return `${inputs.length} ${inputs.at(-1)?.event ?? 0} ${state.doc.text.length} ${state.doc.past.length}`
}

function CheckMark({ result }: { result: CheckResult | undefined }) {
  const { t } = useTranslation('library')
  const Icon = result ? (result.ok ? Check : X) : CircleDashed
  const name = t(result ? (result.ok ? 'ok' : 'failed') : 'notRun')
  return <Icon className="check-mark" role="img" aria-label={name} />
}

/** Titles may come in one language or by language. */
function titleOf(thing: { title: string; titles?: Record<string, string> }, language: string): string {
  return inLanguage(thing.titles, language) || thing.title
}
