import {
  BookOpen,
  FileText,
  Keyboard,
  Languages,
  Layers,
  PanelBottom,
  PanelLeft,
  PanelRight,
  Presentation,
  Redo2,
  Search,
  SunMoon,
  Undo2,
} from 'lucide-react'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { useStore } from '../client/store.ts'
import { runAction } from '../commands/actions.ts'
import { keyText } from '../commands/keys.ts'
import { IconButton } from './IconButton.tsx'
import { Menu } from './Menu.tsx'

export function TopBar() {
  const { t, i18n } = useTranslation()
  const title = useStore((state) => state.doc.titles[i18n.language] ?? state.doc.title)
  useEffect(() => {
    document.title = title === '' ? 'Kubehop' : `${title} – Kubehop`
  }, [title])
  return (
    <header className="topbar">
      <div className="topbar-side">
        <Menu
          title={t('groupDocument')}
          icon={FileText}
          actions={[
            'document.new',
            'document.open',
            'document.save',
            'document.library',
            'document.dump',
            'document.explain',
          ]}
        />
        <h1 className="lab-title" title={t('labName', { title })}>
          {title || t('nothingNew')}
        </h1>
        <IconButton id="document.library" icon={BookOpen} label className="wide-only" />
        <span className="rule" />
        <IconButton id="document.undo" icon={Undo2} />
        <IconButton id="document.redo" icon={Redo2} />
      </div>
      <button
        type="button"
        className="btn outlined search wide-only"
        onClick={() => runAction('view.search')}
      >
        <Search aria-hidden="true" />
        <span className="grow">{t('searchHint')}</span>
        <span className="kbd">{keyText('Mod+K')}</span>
      </button>
      <div className="topbar-side end">
        <Menu
          title={t('layers')}
          icon={Layers}
          actions={['layer.addresses', 'layer.packets', 'layer.labels', 'layer.services']}
        />
        <Menu
          title={t('language')}
          icon={Languages}
          actions={['language.en', 'language.ru', 'language.zh']}
        />
        <Menu title={t('theme')} icon={SunMoon} actions={['theme.system', 'theme.light', 'theme.dark']} />
        <IconButton id="view.present" icon={Presentation} className="wide-only" />
        <IconButton id="help.keys" icon={Keyboard} className="wide-only" />
        <span className="rule wide-only" />
        <IconButton id="view.left" icon={PanelLeft} className="wide-only" />
        <IconButton id="view.dock" icon={PanelBottom} />
        <IconButton id="view.right" icon={PanelRight} className="wide-only" />
      </div>
    </header>
  )
}
