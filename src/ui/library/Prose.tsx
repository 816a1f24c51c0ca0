/** A lesson's text. A command in it is a button: it is typed into the terminal it is meant for, and Enter runs it. */
import { useTranslation } from 'react-i18next'
import { useStore } from '../client/store.ts'
import { typeInto } from '../terminal/open.ts'
import { hasRun, isCommand, roomFor } from './commands.ts'
import { blocks, type Part, partsOf } from './prose.ts'

export function Prose({ text }: { text: string }) {
  return blocks(text).map((block, i) =>
    block.kind === 'paragraph' ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: paragraphs of a fixed text
      <p key={i}>
        <Parts parts={block.parts} />
      </p>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: paragraphs of a fixed text
      <ol key={i}>
        {block.items.map((parts, k) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: items of a fixed text
          <li key={k}>
            <Parts parts={parts} />
          </li>
        ))}
      </ol>
    ),
  )
}

/** One line with `code` in it, nothing to be typed. */
export function Line({ text }: { text: string }) {
  return partsOf(text).map((part, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of a fixed text
    <Plain key={i} part={part} />
  ))
}

function Plain({ part }: { part: Part }) {
  if (part.code) return <code className="inline-code">{part.text}</code>
  return part.stressed ? <em>{part.text}</em> : part.text
}

function Parts({ parts }: { parts: Part[] }) {
  return parts.map((part, i) =>
    part.code && isCommand(part.text) ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts of a fixed text
      <Command key={i} parts={parts} at={i} />
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts of a fixed text
      <Plain key={i} part={part} />
    ),
  )
}

function Command({ parts, at }: { parts: Part[]; at: number }) {
  const { t } = useTranslation('library')
  const room = useStore((state) => roomFor(parts, at, state.scene))
  const { text } = parts[at]!
  const done = useStore((state) => hasRun(text, state.doc.text))
  if (room === '' || done) return <code className="inline-code">{text}</code>
  const act = () => void typeInto(room, text)
  return (
    // A button would not break over lines as words do.
    // biome-ignore lint/a11y/useSemanticElements: see above
    <span
      role="button"
      tabIndex={0}
      className="inline-code typed mono"
      title={t('typeIn', { room })}
      aria-description={t('typeIn', { room })}
      onClick={act}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        act()
      }}
    >
      {text}
    </span>
  )
}
