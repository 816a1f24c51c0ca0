/** Fields layer by layer: a tree for the arrow keys. What the step changed stands behind its old value. */
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { FrameLayer } from '../../view/types.ts'

/** Names a field in the tree; -1 for the layer itself. */
export function fieldId(layer: number, field: number): string {
  return field < 0 ? `${layer}` : `${layer}.${field}`
}

interface Row {
  id: string
  layer: number
  field: number
}

export function FieldTree(props: {
  layers: FrameLayer[]
  chosen: string
  marked: string
  choose: (id: string) => void
  hover: (id: string) => void
}) {
  const { t } = useTranslation('inspector')
  const { layers, chosen, marked, choose, hover } = props
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set())
  const rows = layers.flatMap((layer, i): Row[] => [
    { id: fieldId(i, -1), layer: i, field: -1 },
    ...(closed.has(i) ? [] : layer.fields.map((_, k) => ({ id: fieldId(i, k), layer: i, field: k }))),
  ])
  const current = rows.some((row) => row.id === chosen) ? chosen : (rows[0]?.id ?? '')
  const fold = (layer: number, shut: boolean) => {
    const next = new Set(closed)
    if (shut) next.add(layer)
    else next.delete(layer)
    setClosed(next)
  }
  const go = (row: Row | undefined) => {
    if (!row) return
    hover('')
    choose(row.id)
    document.getElementById(`field-${row.id}`)?.focus()
  }
  const onKey = (event: React.KeyboardEvent) => {
    const at = rows.findIndex((row) => row.id === current)
    const row = rows[at]
    if (!row) return
    if (event.key === 'ArrowDown') go(rows[at + 1])
    else if (event.key === 'ArrowUp') go(rows[at - 1])
    else if (event.key === 'Home') go(rows[0])
    else if (event.key === 'End') go(rows.at(-1))
    else if (event.key === 'ArrowLeft') {
      if (row.field >= 0) go(rows.find((one) => one.layer === row.layer))
      else fold(row.layer, true)
    } else if (event.key === 'ArrowRight' && row.field < 0) fold(row.layer, false)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div className="field-tree" role="tree" aria-label={t('fieldTree')} onKeyDown={onKey}>
      {rows.map((row) => (
        <FieldRow
          key={row.id}
          row={row}
          layer={layers[row.layer]!}
          open={row.field < 0 ? !closed.has(row.layer) : undefined}
          chosen={row.id === chosen}
          marked={row.id === marked}
          current={row.id === current}
          choose={choose}
          hover={hover}
          fold={fold}
        />
      ))}
    </div>
  )
}

function FieldRow(props: {
  row: Row
  layer: FrameLayer
  open: boolean | undefined
  chosen: boolean
  marked: boolean
  current: boolean
  choose: (id: string) => void
  hover: (id: string) => void
  fold: (layer: number, shut: boolean) => void
}) {
  const { row, layer, open, chosen, marked, current, choose, hover, fold } = props
  const field = layer.fields[row.field]
  const changed = field?.before !== undefined
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree listens for keys
    <div
      id={`field-${row.id}`}
      role="treeitem"
      aria-level={field ? 2 : 1}
      aria-expanded={open}
      aria-selected={chosen}
      tabIndex={current ? 0 : -1}
      className={`field-row ${field ? '' : 'layer-row'} ${marked ? 'marked' : ''} ${changed ? 'changed' : ''}`}
      title={field?.name ?? layer.name}
      data-field={field?.name ?? layer.name}
      onClick={() => {
        choose(row.id)
        if (!field && chosen) fold(row.layer, open === true)
      }}
      onPointerEnter={() => hover(row.id)}
      onPointerLeave={() => hover('')}
    >
      {field ? <FieldText field={field} /> : <span>{`${open ? '▾' : '▸'} ${layer.title}`}</span>}
    </div>
  )
}

function FieldText({ field }: { field: FrameLayer['fields'][number] }) {
  const { t } = useTranslation('inspector')
  return (
    <>
      <span className="field-title">{field.title}</span>
      {field.before !== undefined && (
        <>
          <span className="sr-only">{t('wasBefore', { before: field.before })}. </span>
          <del className="mono" aria-hidden="true">
            {field.before}
          </del>
        </>
      )}
      <span className={`mono field-value ${field.before === undefined ? '' : 'new'}`}>{field.value}</span>
    </>
  )
}
