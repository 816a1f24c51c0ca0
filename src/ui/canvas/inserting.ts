/** Palette items: dropped on the canvas, or put by Enter in the middle of the view. */
import i18next from 'i18next'
import type { EditOp } from '../../session/types.ts'
import { edit } from '../client/document.ts'
import { notify, select, useStore } from '../client/store.ts'
import { hasCluster } from '../cluster/hasCluster.ts'
import { useCanvas } from './canvasStore.ts'
import { join } from './choosing.ts'
import { machineOf, type Place } from './place.ts'

export const PALETTE_MIME = 'application/x-kubehop-item'
export type PaletteItem =
  | 'host'
  | 'router'
  | 'switch'
  | 'internet'
  | 'netns'
  | 'bridge'
  | 'cable'
  | 'clusterNode'
  | 'pod'

/** `onto`: the room, port or bridge under the pointer, '' for the bare canvas. */
export async function insertAt(item: string, place: Place, onto: string): Promise<void> {
  switch (item) {
    case 'host':
    case 'router':
    case 'switch':
    case 'internet':
      await insertMachine({ op: 'addMachine', role: item, ...corner(place) })
      break
    case 'clusterNode':
      if (hasCluster(useStore.getState())) await insertMachine({ op: 'addNode', ...corner(place) })
      else notify('info', i18next.t('noCluster', { ns: 'canvas' }))
      break
    case 'netns':
    case 'bridge':
      await insertInto(item, onto)
      break
    case 'pod':
      await edit({ op: 'addPod' })
      // Nothing is seen of it before its controllers have had time.
      if (!useStore.getState().clock?.running) notify('info', i18next.t('podComes', { ns: 'canvas' }))
      break
    case 'cable':
      beginCable(onto)
      break
  }
}

async function insertMachine(op: EditOp): Promise<void> {
  useCanvas.setState({ drawn: true })
  await edit(op)
  useCanvas.setState({ drawn: false })
  useCanvas.getState().reveal(useStore.getState().selection[0] ?? '')
}

function corner({ x, y }: Place): Place {
  return { x: Math.round(x - 80), y: Math.round(y - 40) }
}

/** By keyboard: machines in the middle of the view, the rest into what is selected. */
export async function insertHere(item: PaletteItem): Promise<void> {
  const { selection } = useStore.getState()
  if (item === 'cable' && selection.length === 2) await join(selection[0]!, selection[1]!)
  else await insertAt(item, freePlace(useCanvas.getState().centre()), selection.at(-1) ?? '')
}

async function insertInto(item: 'netns' | 'bridge', onto: string): Promise<void> {
  const { scene } = useStore.getState()
  const target = onto || (scene.order.length === 1 ? scene.order[0]! : '')
  const machine = machineOf(target)
  if (!scene.machines[machine]) {
    const what = i18next.t(item === 'netns' ? 'addNetns' : 'addBridge', { ns: 'canvas' })
    notify('info', i18next.t('intoMachine', { ns: 'canvas', what }))
    return
  }
  if (item === 'netns') await edit({ op: 'addNetns', machine })
  else await edit({ op: 'addBridge', room: roomOf(target) })
}

function beginCable(onto: string): void {
  const { selection } = useStore.getState()
  const from = onto || selection.at(-1) || ''
  if (from === '') {
    notify('info', i18next.t('cableHint', { ns: 'canvas' }))
    return
  }
  select([from])
  useCanvas.setState({ connectFrom: from })
  notify('info', i18next.t('connectPick', { ns: 'canvas' }))
}

/** The place nearest to the middle that is not on another machine. */
function freePlace(middle: Place): Place {
  const { drawing } = useCanvas.getState()
  const place = { x: middle.x, y: middle.y }
  // A spiral around the middle.
  for (let tries = 0; tries < 80; tries++) {
    const hit = Object.values(drawing.boxes).some((box) => {
      const at = drawing.places[box.id]!
      return (
        place.x > at.x - 100 &&
        place.x < at.x + box.w + 100 &&
        place.y > at.y - 60 &&
        place.y < at.y + box.h + 60
      )
    })
    if (!hit) break
    const angle = tries * 0.9
    place.x = middle.x + Math.cos(angle) * tries * 16
    place.y = middle.y + Math.sin(angle) * tries * 12
  }
  return place
}

function roomOf(id: string): string {
  const slash = id.indexOf('/')
  return slash < 0 ? id : id.slice(0, slash)
}
