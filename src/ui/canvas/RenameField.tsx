import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { edit } from '../client/document.ts'
import { useStore } from '../client/store.ts'

/** Enter or leaving keeps the new name, Escape the old one. */
export function RenameField({ id, name }: { id: string; name: string }) {
  const { t } = useTranslation('canvas')
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.select(), [])
  const finish = (keep: boolean) => {
    if (useStore.getState().renaming !== id) return
    const wanted = field.current?.value.trim() ?? ''
    useStore.setState({ renaming: null })
    if (keep && wanted !== '' && wanted !== name) void edit({ op: 'rename', id, name: wanted })
  }
  return (
    <input
      ref={field}
      className="rename nodrag nopan"
      defaultValue={name}
      size={Math.max(6, name.length + 1)}
      aria-label={t('nameOf', { id })}
      spellCheck={false}
      onBlur={() => finish(true)}
      onKeyDown={(event) => {
        event.stopPropagation()
        if (event.key === 'Enter') finish(true)
        if (event.key === 'Escape') finish(false)
      }}
    />
  )
}
