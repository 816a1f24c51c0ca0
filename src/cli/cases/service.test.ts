// What an update keeps and gives. Expected: what alloc.go and storage.go of pkg/registry/core/service/storage answered
// when they were run with these objects (patchAllocatedValues, normalizeClusterIPs, updateNodePorts, initIPFamilyFields).
import { expect, it } from 'vitest'
import { start } from './drafts.ts'
import { ipRange } from '../../kube/api/alloc.ts'
import type { Service } from '../../kube/objects.ts'
import type { Status } from '../../kube/types.ts'
import { sendTo } from '../../kube/api/rest.fixture.ts'

const url = '/api/v1/namespaces/default/services'
const object = (spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec })

/** What is stored after a service is made and then replaced, or merged into where `merge` says so. */
function change(from: object, to: object, merge = false): { was: Service['spec']; now: Service['spec'] } {
  const world = start({ serviceCidrs: ['10.96.0.0/12', 'fd00::/112'] })
  const made = sendTo(world, 'POST', url, object(from))
  expect(made.code).toBe(201)
  const got = merge
    ? sendTo(world, 'PATCH', `${url}/s`, { spec: to }, { contentType: 'application/merge-patch+json' })
    : sendTo(world, 'PUT', `${url}/s`, object(to))
  if (got.code !== 200) throw new Error((got.body as Status).message)
  const spec = (body: unknown) => (body as Service).spec
  return { was: spec(made.body), now: spec(got.body) }
}

it('finds the node ports of an update by the names of its ports', () => {
  const { was, now } = change(
    { type: 'NodePort', ports: [{ name: 'a', port: 80 }] },
    {
      type: 'LoadBalancer',
      ports: [
        { name: 'a', port: 81 },
        { name: 'b', port: 80 },
      ],
    },
  )
  expect(now.ports?.[0]?.nodePort).toBe(was.ports?.[0]?.nodePort)
  expect(now.ports?.[1]?.nodePort).not.toBe(was.ports?.[0]?.nodePort)
})

it('shares a node port between protocols when it is made, not when it is changed', () => {
  const ports = [
    { name: 'a', port: 53, protocol: 'UDP' },
    { name: 'b', port: 53, protocol: 'TCP', nodePort: 30053 },
  ]
  const { now } = change({ ports: [{ port: 80 }] }, { type: 'NodePort', ports })
  expect(now.ports?.map(({ nodePort }) => nodePort === 30053)).toEqual([false, true])
  const made = change({ type: 'NodePort', ports }, { type: 'NodePort', ports })
  expect(made.was.ports?.map(({ nodePort }) => nodePort)).toEqual([30053, 30053])
})

it('keeps both addresses where a patch takes the list away', () => {
  const from = { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] }
  const { was, now } = change(from, { clusterIPs: null }, true)
  expect(now.clusterIPs).toEqual(was.clusterIPs)
  const gone = change(from, { clusterIPs: null, type: 'ExternalName', externalName: 'a.b' }, true)
  expect([gone.now.clusterIP, gone.now.clusterIPs]).toEqual([undefined, undefined])
})

it('says that the second address is released by the policy only', () => {
  const from = { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] }
  const words =
    'Service "s" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be \'SingleStack\' to release the secondary cluster IP'
  const other = { ...from, clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }
  expect(() => change(from, other)).toThrow(words)
})

it('uses the first 65,535 addresses of a larger IPv6 range', () => {
  // Expected: Free() of ipallocator.NewInMemory for the same ranges.
  const free = ['fd00::/64', 'fd00::/108', 'fd00::/112', 'fd00::/116', '10.0.0.0/8', '10.0.0.0/31']
  expect(free.map((cidr) => ipRange(cidr)?.free)).toEqual([65535, 65535, 65535, 4095, 16777214, 0])
})
