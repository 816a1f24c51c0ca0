/** A small menu of declared actions (the page's first script has no room for a menu library). */
import { Check, type LucideIcon } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useStore } from '../client/store.ts'
import { isEnabled, runAction, useActions } from '../commands/actions.ts'
import { keyText } from '../commands/keys.ts'

export function Menu(props: { title: string; icon: LucideIcon; label?: string; actions: string[] }) {
  const [open, setOpen] = useState(false)
  const root = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const Icon = props.icon
  useEffect(() => {
    if (!open) return
    list.current?.querySelector<HTMLElement>('[role^="menuitem"]')?.focus()
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false)
    }
    addEventListener('pointerdown', outside)
    return () => removeEventListener('pointerdown', outside)
  }, [open])
  const close = () => {
    setOpen(false)
    button.current?.focus()
  }
  const onKey = (event: React.KeyboardEvent) => {
    const items = [...(list.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])]
    const at = items.indexOf(document.activeElement as HTMLElement)
    if (event.key === 'Escape') close()
    else if (event.key === 'ArrowDown') items[(at + 1) % items.length]?.focus()
    else if (event.key === 'ArrowUp') items[(at - 1 + items.length) % items.length]?.focus()
    else if (event.key === 'Home') items[0]?.focus()
    else if (event.key === 'End') items.at(-1)?.focus()
    else if (event.key === 'Tab') return setOpen(false)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div className="menu-root" ref={root}>
      <button
        type="button"
        ref={button}
        className={`btn ${props.label ? '' : 'icon'}`}
        title={props.title}
        aria-label={props.label ? undefined : props.title}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon aria-hidden="true" />
        {props.label && <span>{props.label}</span>}
      </button>
      {open && (
        <div className="menu" role="menu" aria-label={props.title} ref={list} onKeyDown={onKey} tabIndex={-1}>
          {props.actions.map((id) => (
            <MenuItem key={id} id={id} close={close} />
          ))}
        </div>
      )}
    </div>
  )
}

function MenuItem(props: { id: string; close: () => void }) {
  const { t } = useTranslation()
  const one = useActions().find((action) => action.id === props.id)
  const enabled = useStore(() => (one ? isEnabled(one) : false))
  const on = useStore((state) => one?.checked?.(state))
  if (!one) return null
  return (
    <button
      type="button"
      {...(one.checked
        ? ({ role: 'menuitemcheckbox', 'aria-checked': on } as const)
        : ({ role: 'menuitem' } as const))}
      aria-disabled={!enabled}
      data-disabled={enabled ? undefined : ''}
      tabIndex={-1}
      className="menu-item"
      onClick={() => {
        props.close()
        runAction(one.id)
      }}
    >
      <span className="tick">{on && <Check aria-hidden="true" />}</span>
      <span className="grow">{t(one.title)}</span>
      {one.keys && <span className="kbd">{keyText(one.keys[0]!)}</span>}
    </button>
  )
}
