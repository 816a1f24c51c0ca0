// Scenario 4.8: EXTERNAL-IP <pending>, then 35.184.97.156; without a controller it stays <pending>. Events are the service controller's.
import { expect, it } from 'vitest'
import { apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { Service } from '../objects.ts'
import { checkCluster, eventsOf, make, pass, USER } from './check.ts'
import { serviceLbController } from './service-lb.ts'

type Cluster = ReturnType<typeof checkCluster>

const cluster = (loadBalancerAddresses: string[]) =>
  checkCluster([serviceLbController], { loadBalancerAddresses })

function service(c: Cluster, name: string, spec: object = {}): void {
  make<Service>(c, 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', selector: { app: 'x' }, ports: [{ port: 80 }], ...spec },
  })
}

function get(c: Cluster, name: string): Service {
  const got = apiGet<Service>(c.world, 'services', 'default', name)
  if (!got.ok) throw new Error(got.status.message)
  return got.object
}

const ips = (c: Cluster, name: string) => get(c, name).status?.loadBalancer?.ingress?.map(({ ip }) => ip)

it('gives each Service an address of its own and keeps it', () => {
  const c = cluster(['35.184.97.156', '35.184.97.157'])
  service(c, 'a')
  expect(ips(c, 'a')).toBeUndefined()
  pass(c, 1)
  service(c, 'b')
  service(c, 'late')
  pass(c, 1)
  expect([ips(c, 'a'), ips(c, 'b'), ips(c, 'late')]).toEqual([
    ['35.184.97.156'],
    ['35.184.97.157'],
    undefined,
  ])
  expect(get(c, 'a').metadata.finalizers).toEqual(['service.kubernetes.io/load-balancer-cleanup'])
  expect(eventsOf(c, 'a')).toEqual([
    'EnsuringLoadBalancer Ensuring load balancer',
    'EnsuredLoadBalancer Ensured load balancer',
  ])
  apiDelete(c.world, USER, 'services', 'default', 'a')
  pass(c, 10)
  expect(apiGet(c.world, 'services', 'default', 'a').ok).toBe(false)
  expect(ips(c, 'late')).toEqual(['35.184.97.156'])
  expect(ips(c, 'b')).toEqual(['35.184.97.157'])
  expect(eventsOf(c, 'a').slice(2)).toEqual([
    'DeletingLoadBalancer Deleting load balancer',
    'DeletedLoadBalancer Deleted load balancer',
  ])
})

it('takes the address back when the type changes', () => {
  const c = cluster(['35.184.97.156'])
  service(c, 'a')
  pass(c, 1)
  apiPatch(c.world, USER, 'services', 'default', 'a', { type: 'merge', body: { spec: { type: 'NodePort' } } })
  pass(c, 1)
  expect(get(c, 'a').metadata.finalizers ?? []).toEqual([])
  expect(get(c, 'a').status).toEqual({ loadBalancer: {} })
  service(c, 'b')
  pass(c, 1)
  expect(ips(c, 'b')).toEqual(['35.184.97.156'])
})

it('leaves Services waiting where there is no provider, or another class serves them', () => {
  const none = cluster([])
  service(none, 'a')
  pass(none, 60)
  expect(get(none, 'a').status).toEqual({ loadBalancer: {} })
  expect(get(none, 'a').metadata.finalizers).toBeUndefined()
  const c = cluster(['35.184.97.156'])
  service(c, 'a', { loadBalancerClass: 'example.com/other' })
  service(c, 'b', { loadBalancerIP: '35.184.97.156' })
  pass(c, 1)
  expect([ips(c, 'a'), ips(c, 'b')]).toEqual([undefined, ['35.184.97.156']])
})
