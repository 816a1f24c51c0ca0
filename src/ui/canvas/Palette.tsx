/** What can be drawn: dragged to the canvas, or inserted by Enter or a click. */
import {
  Box,
  Cable,
  Cloud,
  EthernetPort,
  type LucideIcon,
  Package,
  RectangleHorizontal,
  Router,
  Server,
  ShipWheel,
} from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { useStore } from '../client/store.ts'
import { hasCluster } from '../cluster/hasCluster.ts'
import { keyText } from '../commands/keys.ts'
import { PALETTE } from './canvasActions.ts'
import { insertHere, PALETTE_MIME, type PaletteItem } from './inserting.ts'

const ICONS: Record<PaletteItem, LucideIcon> = {
  host: Server,
  router: Router,
  switch: EthernetPort,
  internet: Cloud,
  netns: Box,
  bridge: RectangleHorizontal,
  cable: Cable,
  clusterNode: ShipWheel,
  pod: Package,
}

export function Palette() {
  const { t } = useTranslation()
  const inCluster = useStore(hasCluster)
  return (
    <ul className="palette-grid" aria-label={t('palette')}>
      {PALETTE.filter(([item]) => item !== 'pod' || inCluster).map(([item, title, key]) => {
        const Icon = ICONS[item]
        return (
          <li key={item}>
            <button
              type="button"
              className="palette-item"
              draggable
              title={
                item === 'clusterNode' && !inCluster
                  ? t('canvas:noCluster')
                  : `${t('canvas:paletteHint')}${key === '' ? '' : ` (${keyText(key)})`}`
              }
              onDragStart={(event) => {
                event.dataTransfer.setData(PALETTE_MIME, item)
                event.dataTransfer.effectAllowed = 'copy'
              }}
              onClick={() => void insertHere(item)}
            >
              <Icon aria-hidden="true" />
              <span>{t(title)}</span>
            </button>
          </li>
        )
      })}
    </ul>
  )
}
