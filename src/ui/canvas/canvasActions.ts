/** Actions of drawing: insert, rename, delete, select, fit. */
import { chooseTrace } from '../client/client.ts'
import { edit } from '../client/document.ts'
import { select, type UiState, useStore } from '../client/store.ts'
import { type Action, registerActions } from '../commands/actions.ts'
import { hasCluster } from '../cluster/hasCluster.ts'
import { useCanvas } from './canvasStore.ts'
import { insertHere, type PaletteItem } from './inserting.ts'
import { useFound } from './found.ts'
import { hasStations, lookInside, useInside } from './insideStore.ts'

export const PALETTE: [PaletteItem, string, string][] = [
  ['host', 'canvas:addHost', 'H'],
  ['router', 'canvas:addRouter', 'R'],
  ['switch', 'canvas:addSwitch', 'S'],
  ['internet', 'canvas:addInternet', ''],
  ['netns', 'canvas:addNetns', 'N'],
  ['bridge', 'canvas:addBridge', 'B'],
  ['cable', 'canvas:addCable', 'C'],
  ['clusterNode', 'canvas:addClusterNode', ''],
  ['pod', 'canvas:addPod', ''],
]

const INSIDE: Action = {
  id: 'view.inside',
  title: 'canvas:insideAction',
  group: 'view',
  keys: ['I'],
  enabled: (s) => machineToLookInto(s) !== undefined,
  checked: () => useInside.getState().machine !== null,
  run: () => {
    const machine = machineToLookInto(useStore.getState())
    void lookInside(useInside.getState().machine === machine ? null : (machine ?? null))
  },
}

export function registerCanvasActions(): () => void {
  const some: Action['enabled'] = (s) => s.selection.length > 0
  const inserts = PALETTE.map(
    ([item, title, key]): Action => ({
      id: `draw.${item}`,
      title,
      group: 'draw',
      keys: key === '' ? undefined : [key],
      enabled: (s) => item !== 'pod' || hasCluster(s),
      run: () => insertHere(item),
    }),
  )
  return registerActions([
    ...inserts,
    {
      id: 'draw.rename',
      title: 'canvas:rename',
      group: 'draw',
      keys: ['F2'],
      enabled: (s) => s.selection.length === 1 && !s.selection[0]!.includes('--'),
      run: () => useStore.setState({ renaming: useStore.getState().selection[0]! }),
    },
    {
      id: 'draw.delete',
      title: 'canvas:delete',
      group: 'draw',
      keys: ['Delete', 'Backspace'],
      enabled: some,
      run: remove,
    },
    {
      id: 'draw.selectAll',
      title: 'canvas:selectAll',
      group: 'draw',
      keys: ['Mod+A'],
      run: () => select([...useStore.getState().scene.order]),
    },
    { id: 'draw.selectNone', title: 'canvas:selectNone', group: 'draw', keys: ['Escape'], run: letGo },
    {
      id: 'view.fit',
      title: 'canvas:fit',
      group: 'view',
      keys: ['F', '0'],
      run: () => useCanvas.getState().fit(),
    },
    INSIDE,
    {
      id: 'view.zoomIn',
      title: 'canvas:zoomIn',
      group: 'view',
      keys: ['Mod+=', 'Mod++'],
      run: () => useCanvas.getState().zoomBy(1.25),
    },
    {
      id: 'view.zoomOut',
      title: 'canvas:zoomOut',
      group: 'view',
      keys: ['Mod+-'],
      run: () => useCanvas.getState().zoomBy(0.8),
    },
  ])
}

/** The selected one's machine; without a selection the only one with hooks, or the first. */
function machineToLookInto({ scene, selection }: UiState): string | undefined {
  const chosen = selection.at(-1)?.split(/[./]/)[0]
  if (chosen !== undefined && hasStations(scene.machines[chosen])) return chosen
  return scene.order.find((id) => hasStations(scene.machines[id]))
}

async function remove(): Promise<void> {
  const { selection } = useStore.getState()
  const result = await edit({ op: 'remove', ids: selection })
  if (result.ok) select([])
}

/** Escape: first the cable that was begun, then the chosen packet, then the selection. */
function letGo(): void {
  const inside = useInside.getState()
  if (useCanvas.getState().connectFrom !== null) useCanvas.setState({ connectFrom: null })
  else if (useFound.getState().id !== '') useFound.setState({ id: '' })
  else if (inside.pinned !== null) useInside.setState({ pinned: null })
  else if (inside.machine !== null) void lookInside(null)
  else if (useStore.getState().chosenTrace !== null) void chooseTrace(null)
  else select([])
}
