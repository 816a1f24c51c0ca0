/** Actions of clusters, and their layer over the picture: both only while the lab has a cluster. */
import { useCanvas } from '../canvas/canvasStore.ts'
import { NO_TEXTS, useLayerSlot } from '../canvas/layerSlot.ts'
import { openDock, useStore } from '../client/store.ts'
import { registerActions } from '../commands/actions.ts'
import { switchServices, useCluster } from './clusterStore.ts'
import { hasCluster } from './hasCluster.ts'

export function startCluster(): void {
  registerActions([
    {
      id: 'dock.cluster',
      title: 'cluster:dock',
      group: 'view',
      keys: ['5'],
      enabled: hasCluster,
      run: () => openDock('cluster'),
    },
    {
      id: 'layer.services',
      title: 'cluster:layerServices',
      group: 'view',
      keys: ['V'],
      enabled: hasCluster,
      checked: () => useCluster.getState().services,
      run: switchServices,
    },
  ])
  follow()
  useStore.subscribe((state, before) => {
    if (state.doc.text !== before.doc.text) follow()
  })
}

function follow(): void {
  if (!hasCluster(useStore.getState())) {
    if (useLayerSlot.getState().Layer === null) return
    useLayerSlot.setState({ Layer: null, heads: {}, texts: NO_TEXTS })
    useCluster.setState({ picture: null, chosen: null })
    useCanvas.getState().refit()
    return
  }
  if (useLayerSlot.getState().Layer !== null) return
  void import('./ClusterLayer.tsx').then(({ ClusterLayer }) => {
    if (!hasCluster(useStore.getState())) return
    useLayerSlot.setState({ Layer: ClusterLayer })
    // It stands above the network, which makes room for it.
    useCanvas.getState().refit()
  })
}
