// Expected: TestDesiredTTL of pkg/controller/ttl/ttl_controller_test.go (Kubernetes 1.32).
import { expect, it } from 'vitest'
import { apiGet, apiPatch } from '../api/local.ts'
import type { Node } from '../objects.ts'
import { checkCluster, makeNode, pass, USER } from './check.ts'
import { counted, ttlAt, ttlController } from './ttl.ts'

it.each([
  [1, 0, 0, 0],
  [1, 99, 0, 0],
  [1, 100, 0, 15],
  [-1, 101, 1, 15],
  [-1, 91, 1, 15],
  [1, 91, 1, 15],
  [-1, 90, 1, 0],
  [-1, 1800, 4, 60],
  [-1, 10000, 4, 300],
] as const)('%i node to %i at step %i: %i s', (more, nodes, step, seconds) => {
  expect(ttlAt(counted({ nodes, step }, more))).toBe(seconds)
})

it('writes it on every node, and again where it is changed', () => {
  const c = checkCluster([ttlController])
  makeNode(c, 'n1')
  const seconds = () => {
    pass(c, 0.1)
    const got = apiGet<Node>(c.world, 'nodes', '', 'n1')
    return got.ok ? got.object.metadata.annotations?.['node.alpha.kubernetes.io/ttl'] : undefined
  }
  expect(seconds()).toBe('0')
  const annotations = { 'node.alpha.kubernetes.io/ttl': '7' }
  apiPatch(c.world, USER, 'nodes', '', 'n1', { type: 'merge', body: { metadata: { annotations } } })
  expect(seconds()).toBe('0')
})
