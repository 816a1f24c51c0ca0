/** Ctrl-K: every action by name. */
import { Command } from 'cmdk'
import { Check } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { openDialog, useStore } from '../client/store.ts'
import { type ActionGroup, isEnabled, runAction, useActions } from './actions.ts'
import { keyText } from './keys.ts'

const GROUPS: [ActionGroup, string][] = [
  ['document', 'groupDocument'],
  ['draw', 'groupDraw'],
  ['time', 'groupTime'],
  ['terminal', 'groupTerminal'],
  ['view', 'groupView'],
  ['help', 'groupHelp'],
]

export function Palette() {
  const { t } = useTranslation()
  const state = useStore()
  const actions = useActions().filter((one) => !one.hidden && isEnabled(one))
  const choose = (id: string) => {
    openDialog(null)
    // After the dialog has given the focus back.
    setTimeout(() => runAction(id), 0)
  }
  return (
    <Command.Dialog
      open
      onOpenChange={(open) => !open && openDialog(null)}
      label={t('search')}
      overlayClassName="veil"
      contentClassName="dialog palette"
    >
      <Command.Input className="palette-input" placeholder={t('search')} />
      <Command.List className="palette-list">
        <Command.Empty className="quiet pad">{t('noAction')}</Command.Empty>
        {GROUPS.map(([group, title]) => (
          <Command.Group key={group} heading={t(title)}>
            {actions
              .filter((one) => one.group === group)
              .map((one) => (
                <Command.Item
                  key={one.id}
                  value={`${t(one.title)} ${one.id}`}
                  className="menu-item"
                  onSelect={() => choose(one.id)}
                >
                  <span className="grow">{t(one.title)}</span>
                  {one.checked?.(state) && <Check aria-hidden="true" />}
                  {one.keys && <span className="kbd">{keyText(one.keys[0]!)}</span>}
                </Command.Item>
              ))}
          </Command.Group>
        ))}
      </Command.List>
    </Command.Dialog>
  )
}
