// Expected ranges: scenario 3.4 (kubeadm's --allocate-node-cidrs) and nodeipam's cidrset tests.
import { expect, it } from 'vitest'
import { agentList, startAgent, stopAgent } from '../agent/agent.ts'
import { apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { Node } from '../objects.ts'
import { checkCluster, eventsOf, makeNode, pass, USER } from './check.ts'
import { nodeIpamController } from './node-ipam.ts'

/** The controller, started when there are nodes already. */
function checkAgain(c: ReturnType<typeof checkCluster>): ReturnType<typeof checkCluster> {
  startAgent(c.world, c.agents, { program: nodeIpamController.name })
  return c
}

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

// Occupying the first range is not occupying all, and giving it back gives no other back.
it('knows what each node has when it starts anew, and gives back no more than was had', () => {
  const c = checkCluster([nodeIpamController], { podCidrs: ['10.244.0.0/22'] })
  const [first] = agentList(c.world, nodeIpamController.name)
  stopAgent(c.world, c.agents, first!.id)
  for (const [name, cidr] of [
    ['a', '10.244.0.0/24'],
    ['b', '10.244.1.0/24'],
  ] as const) {
    makeNode(c, name)
    const spec = { podCIDR: cidr, podCIDRs: [cidr] }
    apiPatch(c.world, USER, 'nodes', '', name, { type: 'merge', body: { spec } })
  }
  const late = checkAgain(c)
  makeNode(late, 'c')
  pass(late, 1)
  expect(cidrs(late, 'c')).toEqual(['10.244.2.0/24'])
  apiDelete(late.world, USER, 'nodes', '', 'a')
  pass(late, 1)
  for (const name of ['d', 'e', 'f']) makeNode(late, name)
  pass(late, 1)
  expect(['d', 'e', 'f'].map((name) => cidrs(late, name)?.[0])).toEqual([
    '10.244.3.0/24',
    '10.244.0.0/24',
    undefined,
  ])
})
