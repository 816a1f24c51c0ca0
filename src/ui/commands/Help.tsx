/** Every action with its keys, made from the declarations. */
import { X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { useTranslation } from 'react-i18next'
import { openDialog } from '../client/store.ts'
import { type ActionGroup, useActions } from './actions.ts'
import { keyText } from './keys.ts'

const GROUPS: [ActionGroup, string][] = [
  ['time', 'groupTime'],
  ['draw', 'groupDraw'],
  ['document', 'groupDocument'],
  ['view', 'groupView'],
  ['terminal', 'groupTerminal'],
]

export function Help() {
  const { t } = useTranslation()
  const actions = useActions().filter((one) => one.keys)
  return (
    <Dialog.Root open onOpenChange={(open) => !open && openDialog(null)}>
      <Dialog.Portal>
        <Dialog.Overlay className="veil" />
        <Dialog.Content className="dialog">
          <header className="dialog-head">
            <Dialog.Title className="dialog-title">{t('help')}</Dialog.Title>
            <Dialog.Close className="btn icon" aria-label={t('close')}>
              <X aria-hidden="true" />
            </Dialog.Close>
          </header>
          <Dialog.Description className="quiet pad">{t('helpText')}</Dialog.Description>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled list must be reachable by keyboard */}
          <section className="help-columns" tabIndex={0} aria-label={t('help')}>
            {GROUPS.map(([group, title]) => {
              const own = actions.filter((one) => one.group === group)
              if (own.length === 0) return null
              return (
                <section key={group}>
                  <h3 className="menu-label">{t(title)}</h3>
                  <dl className="keys">
                    {own.map((one) => (
                      <div key={one.id}>
                        <dt>{t(one.title)}</dt>
                        <dd>
                          {one.keys!.map((key) => (
                            <kbd key={key} className="kbd">
                              {keyText(key)}
                            </kbd>
                          ))}
                        </dd>
                      </div>
                    ))}
                  </dl>
                </section>
              )
            })}
          </section>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
