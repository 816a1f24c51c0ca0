import { useTranslation } from 'react-i18next'
import { Palette } from '../canvas/Palette.tsx'
import { ObjectTree } from '../canvas/ObjectTree.tsx'

export function LeftPanel() {
  const { t } = useTranslation()
  return (
    <nav className="slot" aria-label={t('collapseLeft')}>
      <h2 className="slot-title">{t('palette')}</h2>
      <Palette />
      <h2 className="slot-title">{t('objects')}</h2>
      <ObjectTree />
    </nav>
  )
}
