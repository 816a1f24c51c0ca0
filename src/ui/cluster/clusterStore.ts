/** What is shown of the cluster: the chosen kind and object, and the picture's own parts. */
import { create } from 'zustand'
import type { ClusterPicture, ObjectRef, TextPlace } from '../../view/kube-types.ts'
import { session } from '../client/client.ts'
import { openDock, useStore } from '../client/store.ts'
import { useDraft } from '../editor/draft.ts'

export type ObjectPart = 'yaml' | 'events' | 'chain' | 'network'

interface ClusterState {
  /** A resource (`pods`), or 'events' for what happened. */
  kind: string
  /** All columns, as kubectl's `-o wide` shows them. */
  wide: boolean
  chosen: ObjectRef | null
  part: ObjectPart
  /** The line of the port that a rule was written for, where a rule led to the object. */
  portPlace: TextPlace | null
  /** Services and lines to their endpoints are drawn over the network. */
  services: boolean
  /** A Service that is pointed at: the others fade. */
  under: string
  picture: ClusterPicture | null
}

export const useCluster = create<ClusterState>(() => ({
  kind: 'pods',
  wide: false,
  chosen: null,
  part: 'yaml',
  portPlace: null,
  services: remembered(),
  under: '',
  picture: null,
}))

/** Shows an object in the dock. */
export function showObject(chosen: ObjectRef, part: ObjectPart = 'yaml'): void {
  useCluster.setState({ kind: chosen.resource, chosen, part, portPlace: null })
  openDock('cluster')
}

/** Shows a place of the lab's text in the editor. */
export function showPlace({ line, column }: TextPlace): void {
  useDraft.setState({ goTo: { line, column } })
  openDock('yaml')
}

/** To a moment of virtual time, ns. */
export async function seekTime(at: number): Promise<void> {
  if (useStore.getState().clock?.running) await session().pause()
  useStore.setState({ clock: await session().seekTime(at) })
}

export function switchServices(): void {
  const services = !useCluster.getState().services
  useCluster.setState({ services })
  try {
    localStorage.setItem(KEY, services ? '1' : '0')
  } catch {
    // Not remembered where storage is refused.
  }
}

export function refKey({ resource, namespace, name }: ObjectRef): string {
  return `${resource} ${namespace}/${name}`
}

export function refText({ kind, namespace, name }: ObjectRef): string {
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`
}

const KEY = 'kubehop.services'

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) !== '0'
  } catch {
    return true
  }
}
