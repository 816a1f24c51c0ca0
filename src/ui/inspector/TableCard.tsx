/** A table as the learner sees it in a terminal: its command above, rows that changed or decided marked. */
import { Check, ChevronDown, ChevronRight, Copy } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { TableView } from '../../view/types.ts'
import { notify, useStore } from '../client/store.ts'
import { RuleOrigin } from '../cluster/RuleOrigin.tsx'
import { Cell } from './Cell.tsx'
import { isFolded, setFolded } from './folded.ts'
import { rowKey, stillCells } from './useChanges.ts'

/** Longer tables show their first rows and say how many more there are. */
const MAX_ROWS = 500

export function TableCard(props: {
  table: TableView
  subject: string
  changed: ReadonlySet<string> | undefined
}) {
  const { t } = useTranslation('inspector')
  const { table } = props
  const [folded, fold] = useState(() => isFolded(table.id))
  const marked = useStore((state) => state.markedRow?.ref ?? '')
  const decides = marked !== '' && table.rows.some((row) => row.ref === marked)
  const open = decides || !folded
  const Mark = open ? ChevronDown : ChevronRight
  return (
    <section className="table-card" aria-label={t(`table_${table.id}`)}>
      <header className="table-head">
        <button
          type="button"
          className="table-title"
          aria-expanded={open}
          onClick={() => {
            setFolded(table.id, open)
            fold(open)
          }}
        >
          <Mark aria-hidden="true" />
          <span>{t(`table_${table.id}`)}</span>
          <code className="command">{table.command}</code>
        </button>
        <CopyButton text={table.text} />
      </header>
      {open && <Rows {...props} marked={marked} />}
    </section>
  )
}

function Rows(props: {
  table: TableView
  subject: string
  changed: ReadonlySet<string> | undefined
  marked: string
}) {
  const { t } = useTranslation('inspector')
  const { table, subject, changed, marked } = props
  const room = subject.split('/')[0]!
  const markedRow = useRef<HTMLTableRowElement>(null)
  useEffect(() => {
    if (marked !== '') markedRow.current?.scrollIntoView({ block: 'nearest' })
  }, [marked])
  if (table.rows.length === 0) {
    return table.text.trim() === '' ? <p className="quiet empty">{t('empty')}</p> : <Plain table={table} />
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled table must be reachable by keyboard
    <section className="rows" tabIndex={0} aria-label={table.command}>
      <table className="rows-table mono">
        <caption className="sr-only">{table.command}</caption>
        {table.columns.length > 1 && (
          <thead>
            <tr>
              {table.columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
        )}
        <tbody>
          {table.rows.slice(0, MAX_ROWS).map((row, i) => {
            const isMarked = marked !== '' && row.ref === marked
            const isChanged = changed?.has(rowKey(row)) ?? false
            const key = `${rowKey(row)} ${i}`
            return (
              <tr
                key={isChanged ? `${key} ${stillCells(table, row).join()}` : key}
                ref={isMarked ? markedRow : undefined}
                className={`${isMarked ? 'decides' : ''} ${isChanged ? 'changed' : ''}`}
                aria-current={isMarked || undefined}
                title={isMarked ? t('decided') : isChanged ? t('changed') : undefined}
              >
                {row.cells.map((cell, k) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its column
                  <td key={k}>
                    {k === 0 && isMarked && <span className="sr-only">{t('decided')}: </span>}
                    {k === 0 && isChanged && <span className="sr-only">{t('changed')}: </span>}
                    <Cell text={cell} column={table.columns[k] ?? ''} room={room} />
                    {table.columns[k] === 'rule' && <RuleOrigin chain={row.cells[0] ?? ''} text={cell} />}
                  </td>
                ))}
              </tr>
            )
          })}
        </tbody>
      </table>
      {table.rows.length > MAX_ROWS && (
        <p className="quiet empty">{t('more', { count: table.rows.length - MAX_ROWS })}</p>
      )}
    </section>
  )
}

function Plain({ table }: { table: TableView }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled text must be reachable by keyboard
    <section className="rows plain" tabIndex={0} aria-label={table.command}>
      <pre>{table.text}</pre>
    </section>
  )
}

function CopyButton({ text }: { text: string }) {
  const { t } = useTranslation('inspector')
  const [done, setDone] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setDone(true)
      setTimeout(() => setDone(false), 1500)
    } catch (error) {
      notify('error', String(error))
    }
  }
  const Icon = done ? Check : Copy
  return (
    <button
      type="button"
      className="btn icon"
      aria-label={t(done ? 'copied' : 'copy')}
      title={t('copy')}
      disabled={text === ''}
      onClick={() => void copy()}
    >
      <Icon aria-hidden="true" />
    </button>
  )
}
