// Expected ranges: scenario 3.4 (kubeadm's --allocate-node-cidrs) and nodeipam's cidrset tests.
import { expect, it } from 'vitest'
import { apiDelete, apiGet } from '../api/local.ts'
import type { Node } from '../objects.ts'
import { checkCluster, eventsOf, makeNode, pass, USER } from './check.ts'
import { nodeIpamController, subRange } from './node-ipam.ts'

function cidrs(c: ReturnType<typeof checkCluster>, name: string): readonly string[] | undefined {
  const node = apiGet<Node>(c.world, 'nodes', '', name)
  return node.ok ? node.object.spec?.podCIDRs : undefined
}

it('gives ranges in order, one of each family, and leaves those alone that nodes have', () => {
  const c = checkCluster([nodeIpamController], { podCidrs: ['10.244.0.0/16', 'fd00:10:244::/48'] })
  for (const name of ['a', 'b']) makeNode(c, name)
  pass(c, 1)
  expect(cidrs(c, 'a')).toEqual(['10.244.0.0/24', 'fd00:10:244::/64'])
  expect(cidrs(c, 'b')).toEqual(['10.244.1.0/24', 'fd00:10:244:1::/64'])
  const node = apiGet<Node>(c.world, 'nodes', '', 'b')
  expect(node.ok && node.object.spec?.podCIDR).toBe('10.244.1.0/24')
})

it('never gives out what meets the service range inside the pod range', () => {
  // 10.0.0.0/24, 10.0.1.0/24, then the /20 of services covers 2 to 17.
  const c = checkCluster([nodeIpamController], {
    podCidrs: ['10.0.0.0/14'],
    serviceCidrs: ['10.0.16.0/20'],
  })
  for (let i = 0; i < 20; i++) makeNode(c, `n${`${i}`.padStart(2, '0')}`)
  pass(c, 1)
  expect(cidrs(c, 'n15')).toEqual(['10.0.15.0/24'])
  expect(cidrs(c, 'n16')).toEqual(['10.0.32.0/24'])
  expect(cidrs(c, 'n19')).toEqual(['10.0.35.0/24'])
})

it('says so when ranges run out, and uses one that is given back', () => {
  const c = checkCluster([nodeIpamController], { podCidrs: ['10.244.0.0/23'] })
  for (const name of ['a', 'b', 'c']) makeNode(c, name)
  pass(c, 2)
  expect(cidrs(c, 'c')).toBeUndefined()
  expect(eventsOf(c, 'c')).toContain('CIDRNotAvailable Node c status is now: CIDRNotAvailable')
  apiDelete(c.world, USER, 'nodes', '', 'a')
  pass(c, 60)
  expect(cidrs(c, 'c')).toEqual(['10.244.0.0/24'])
})

it('gives nothing where the controller manager is not told to', () => {
  const c = checkCluster([nodeIpamController], { podCidrs: ['10.244.0.0/16'], allocateNodeCidrs: false })
  makeNode(c, 'a')
  pass(c, 1)
  expect(cidrs(c, 'a')).toBeUndefined()
})

it('cuts ranges of both families', () => {
  expect(subRange(0x0a000000, 24, 259)).toBe('10.1.3.0/24')
  expect(subRange('fd000000000000000000000000000000', 64, 65535)).toBe('fd00:0:0:ffff::/64')
})
