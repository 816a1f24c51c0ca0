/** For tests of nodes' lives: a cluster of nodes that report, with what judges and evicts, and pods bound to them. */
import { assert } from '../../../base/assert.ts'
import { apiBind } from '../../api/local.ts'
import type { Pod } from '../../objects.ts'
import type { CheckCluster } from '../check.ts'
import { checkCluster, make, makeNode, startKubelets, USER } from '../check.ts'
import { nodeLifecycleController } from '../node-lifecycle.ts'
import { podGarbageCollector } from '../pod-gc.ts'
import { taintEvictionController } from '../taint-eviction.ts'

export function lifeCluster(names: readonly string[]): CheckCluster {
  const c = checkCluster([nodeLifecycleController, taintEvictionController, podGarbageCollector])
  startKubelets(c)
  for (const name of names) makeNode(c, name)
  return c
}

/** A pod of one container on a node. */
export function boundPod(c: CheckCluster, name: string, node: string, spec: object = {}): void {
  make<Pod>(c, 'pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'nginx:1' }], ...spec },
  })
  assert(apiBind(c.world, USER, 'default', name, node).ok, 'the pod is bound')
}
