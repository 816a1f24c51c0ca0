/** The actions of the frame: document, time and view. Canvas, terminal and library add theirs when loaded. */
import { redo, undo } from '../client/document.ts'
import { openFile, openNew, saveFile } from '../client/files.ts'
import { LANGUAGES, type Language, type ThemeChoice } from '../client/prefs.ts'
import { openDialog, openDock, setPrefs, useStore } from '../client/store.ts'
import { playOrPause, seek, setSpeed, step } from '../client/time.ts'
import { changeLanguage } from '../i18n/i18n.ts'
import { applyTheme } from '../theme/theme.ts'
import { type Action, registerActions } from './actions.ts'

/** Below this height letters of 1.6 times their size leave no room for canvas and dock together. */
const LOW = 960

const get = useStore.getState
const prefs = () => get().prefs

export function registerFrameActions(): void {
  registerActions([...documentActions(), ...timeActions(), ...viewActions(), ...choiceActions()])
}

export function chooseTheme(theme: ThemeChoice): void {
  setPrefs({ theme })
  applyTheme(prefs())
}

export async function chooseLanguage(language: Language): Promise<void> {
  setPrefs({ language })
  await changeLanguage(language)
}

function documentActions(): Action[] {
  const group = 'document'
  return [
    {
      id: 'document.undo',
      title: 'frame:undo',
      group,
      keys: ['Mod+Z'],
      enabled: (s) => s.doc.past.length > 0,
      run: undo,
    },
    {
      id: 'document.redo',
      title: 'frame:redo',
      group,
      keys: ['Mod+Shift+Z', 'Mod+Y'],
      enabled: (s) => s.doc.future.length > 0,
      run: redo,
    },
    { id: 'document.new', title: 'frame:newLab', group, run: openNew },
    { id: 'document.open', title: 'frame:openFile', group, keys: ['Mod+O'], run: openFile },
    { id: 'document.save', title: 'frame:saveFile', group, keys: ['Mod+S'], everywhere: true, run: saveFile },
    { id: 'document.library', title: 'frame:library', group, keys: ['L'], run: () => openDialog('library') },
  ]
}

function timeActions(): Action[] {
  const group = 'time'
  const ready: Action['enabled'] = (s) => s.clock !== null && !s.clock.frozen
  const notFirst: Action['enabled'] = (s) => (s.clock?.event ?? 0) > (s.floor ?? 0)
  return [
    { id: 'time.play', title: 'player:play', group, keys: ['Space'], enabled: ready, run: playOrPause },
    {
      id: 'time.back',
      title: 'player:back',
      group,
      keys: ['ArrowLeft'],
      enabled: notFirst,
      run: () => step(-1),
    },
    {
      id: 'time.forward',
      title: 'player:forward',
      group,
      keys: ['ArrowRight'],
      enabled: ready,
      run: () => step(1),
    },
    {
      id: 'time.packetBack',
      title: 'player:packetBack',
      group,
      keys: ['Shift+ArrowLeft'],
      enabled: notFirst,
      run: () => step(-1, 'packet'),
    },
    {
      id: 'time.packetForward',
      title: 'player:packetForward',
      group,
      keys: ['Shift+ArrowRight'],
      enabled: ready,
      run: () => step(1, 'packet'),
    },
    {
      id: 'time.home',
      title: 'player:home',
      group,
      keys: ['Home'],
      enabled: notFirst,
      run: () => seek(get().floor ?? 0),
    },
    {
      id: 'time.end',
      title: 'player:end',
      group,
      keys: ['End'],
      enabled: ready,
      run: () => seek(get().clock?.headEvent ?? 0),
    },
    {
      id: 'time.slower',
      title: 'player:speedDown',
      group,
      keys: ['-'],
      run: () => setSpeed(prefs().speed - 1),
    },
    {
      id: 'time.faster',
      title: 'player:speedUp',
      group,
      keys: ['+', '='],
      run: () => setSpeed(prefs().speed + 1),
    },
  ]
}

function viewActions(): Action[] {
  const group = 'view'
  const toggle = (key: 'left' | 'right' | 'dock' | 'allHidden') => () => {
    setPrefs({ [key]: !prefs()[key], ...(key === 'allHidden' ? {} : { allHidden: false }) })
    applyTheme(prefs())
  }
  return [
    {
      id: 'view.search',
      title: 'frame:search',
      group,
      keys: ['Mod+K'],
      everywhere: true,
      hidden: true,
      run: () => openDialog('palette'),
    },
    { id: 'help.keys', title: 'frame:help', group: 'help', keys: ['?', 'F1'], run: () => openDialog('help') },
    {
      id: 'view.hideAll',
      title: 'frame:hidePanels',
      group,
      keys: ['.'],
      checked: (s) => s.prefs.allHidden,
      run: toggle('allHidden'),
    },
    {
      id: 'view.left',
      title: 'frame:collapseLeft',
      group,
      keys: ['Mod+B'],
      checked: (s) => s.prefs.left,
      run: toggle('left'),
    },
    {
      id: 'view.right',
      title: 'frame:collapseRight',
      group,
      keys: ['Mod+I'],
      checked: (s) => s.prefs.right,
      run: toggle('right'),
    },
    {
      id: 'view.dock',
      title: 'frame:dock',
      group,
      keys: ['Mod+J'],
      everywhere: true,
      checked: (s) => s.prefs.dock,
      run: toggle('dock'),
    },
    {
      id: 'view.present',
      title: 'frame:present',
      group,
      keys: ['P'],
      checked: (s) => s.prefs.present,
      run: present,
    },
    { id: 'dock.terminal', title: 'frame:dockTerminal', group, keys: ['1'], run: () => openDock('terminal') },
    { id: 'dock.yaml', title: 'frame:dockYaml', group, keys: ['2'], run: () => openDock('yaml') },
    { id: 'dock.events', title: 'frame:dockEvents', group, keys: ['3'], run: () => openDock('events') },
    { id: 'dock.traces', title: 'frame:dockTraces', group, keys: ['4'], run: () => openDock('traces') },
  ]
}

/** The palette and the tree give their room to the network while somebody presents it; where it is low, the dock too. */
function present(): void {
  const ends = prefs().present
  const dock = innerHeight < LOW ? ends : prefs().dock
  setPrefs({ present: !ends, left: ends && innerWidth >= 900, dock })
  applyTheme(prefs())
}

function choiceActions(): Action[] {
  const themes = [
    ['system', 'frame:themeSystem'],
    ['light', 'frame:themeLight'],
    ['dark', 'frame:themeDark'],
  ] as const
  const names: Record<Language, string> = {
    en: 'frame:languageEn',
    ru: 'frame:languageRu',
    zh: 'frame:languageZh',
  }
  const layers = [
    ['addresses', 'frame:layerAddresses'],
    ['packets', 'frame:layerPackets'],
    ['labels', 'frame:layerLabels'],
  ] as const
  return [
    ...themes.map(
      ([theme, title]): Action => ({
        id: `theme.${theme}`,
        title,
        group: 'view',
        checked: (s) => s.prefs.theme === theme,
        run: () => chooseTheme(theme),
      }),
    ),
    ...LANGUAGES.map(
      (language): Action => ({
        id: `language.${language}`,
        title: names[language],
        group: 'view',
        checked: (s) => s.prefs.language === language,
        run: () => chooseLanguage(language),
      }),
    ),
    ...layers.map(
      ([layer, title]): Action => ({
        id: `layer.${layer}`,
        title,
        group: 'view',
        checked: (s) => s.prefs.layers[layer],
        run: () => setPrefs({ layers: { ...prefs().layers, [layer]: !prefs().layers[layer] } }),
      }),
    ),
  ]
}
