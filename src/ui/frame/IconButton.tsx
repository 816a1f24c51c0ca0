import type { LucideIcon } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { isEnabled, runAction, useActions } from '../commands/actions.ts'
import { keyText } from '../commands/keys.ts'
import { useStore } from '../client/store.ts'

/** A button of a declared action: its name, key and state come from the action. */
export function IconButton(props: { id: string; icon: LucideIcon; label?: boolean; className?: string }) {
  const { t } = useTranslation()
  const one = useActions().find((action) => action.id === props.id)
  const enabled = useStore(() => (one ? isEnabled(one) : false))
  const on = useStore((state) => one?.checked?.(state))
  if (!one) return null
  const Icon = props.icon
  const name = t(one.title)
  const title = one.keys ? `${name} (${keyText(one.keys[0]!)})` : name
  return (
    <button
      type="button"
      className={`btn ${props.label ? '' : 'icon'} ${on ? 'on' : ''} ${props.className ?? ''}`}
      title={title}
      aria-label={name}
      aria-pressed={on}
      disabled={!enabled}
      onClick={() => runAction(one.id)}
    >
      <Icon aria-hidden="true" />
      {props.label && <span>{name}</span>}
    </button>
  )
}
