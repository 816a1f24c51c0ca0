/** Asks in which machine or namespace: a list with a filter. */
import { Command } from 'cmdk'
import { Popover } from 'radix-ui'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useStore } from '../client/store.ts'

export function RoomChooser(props: { onChoose: (room: string) => void; children: ReactNode }) {
  const { t } = useTranslation('terminal')
  const [open, setOpen] = useState(false)
  const scene = useStore((state) => state.scene)
  const choose = (room: string) => {
    setOpen(false)
    props.onChoose(room)
  }
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>{props.children}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="menu room-chooser"
          side="top"
          align="start"
          sideOffset={4}
          aria-label={t('where')}
          onCloseAutoFocus={(event) => event.preventDefault()}
        >
          <Command label={t('where')} loop>
            <Command.Input className="room-filter" placeholder={t('where')} aria-label={t('where')} />
            <Command.List className="room-list" aria-label={t('where')}>
              <Command.Empty className="quiet pad">{t('noRoom')}</Command.Empty>
              {scene.order.flatMap((id) =>
                (scene.machines[id]?.rooms ?? []).map((room) => (
                  <Command.Item
                    key={room.id}
                    value={room.id}
                    className="menu-item mono"
                    style={{ paddingLeft: room.name === '' ? 8 : 24 }}
                    onSelect={() => choose(room.id)}
                  >
                    {room.name === '' ? room.id : room.name}
                  </Command.Item>
                )),
              )}
            </Command.List>
          </Command>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}
