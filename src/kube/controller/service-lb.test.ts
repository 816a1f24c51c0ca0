// Scenario 4.8: EXTERNAL-IP <pending>, then 35.184.97.156; without a controller it stays <pending>. Events are the service controller's.
import { expect, it } from 'vitest'
import { apiDelete, apiGet, apiList, apiPatch } from '../api/local.ts'
import type { KubeEvent, Service } from '../objects.ts'
import type { JsonObject } from '../types.ts'
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

// needsUpdate of cloud-provider's controllers/service/controller.go: the events of changes that a balancer is about
it.each<[string, JsonObject, JsonObject, string[]]>([
  ['type', { type: 'NodePort' }, { type: 'LoadBalancer' }, ['Type NodePort -> LoadBalancer']],
  [
    'source ranges',
    {},
    { loadBalancerSourceRanges: ['1.2.3.4/32', '5.6.7.8/32'] },
    ['LoadBalancerSourceRanges [] -> [1.2.3.4/32 5.6.7.8/32]'],
  ],
  ['ports', {}, { ports: [{ port: 81 }] }, []],
  ['affinity', {}, { sessionAffinity: 'ClientIP' }, []],
  ['address', {}, { loadBalancerIP: '35.184.97.157' }, ['LoadbalancerIP  -> 35.184.97.157']],
  ['external addresses', {}, { externalIPs: ['1.1.1.1'] }, ['ExternalIP Count: 0 -> 1']],
  [
    'another external address',
    { externalIPs: ['1.1.1.1'] },
    { externalIPs: ['1.1.1.2'] },
    ['ExternalIP Added: 1.1.1.2'],
  ],
  ['traffic', {}, { externalTrafficPolicy: 'Local' }, ['ExternalTrafficPolicy Cluster -> Local']],
])('ensures the balancer anew and tells of a change of: %s', (_, before, after, told) => {
  const c = cluster(['35.184.97.156', '35.184.97.157'])
  service(c, 'a', before)
  pass(c, 1)
  const had = eventsOf(c, 'a').length
  apiPatch(c.world, USER, 'services', 'default', 'a', { type: 'merge', body: { spec: after } })
  pass(c, 1)
  const ensured = ['EnsuringLoadBalancer Ensuring load balancer', 'EnsuredLoadBalancer Ensured load balancer']
  // The same event again counts up, and is the last written.
  expect(eventsOf(c, 'a').slice(had === 0 ? 0 : had - 2)).toEqual([...told, ...ensured])
  expect(ips(c, 'a')).toEqual([(after.loadBalancerIP as string | undefined) ?? '35.184.97.156'])
})

it('asks for an address ever more seldom', () => {
  const c = cluster(['35.184.97.156'])
  service(c, 'a')
  pass(c, 1)
  service(c, 'b')
  pass(c, 36)
  const [event] = apiList<KubeEvent>(c.world, 'events').filter(
    ({ reason, involvedObject }) => reason === 'SyncLoadBalancerFailed' && involvedObject.name === 'b',
  )
  // At once, and 5, 15 and 35 s later.
  expect(event!.count).toBe(4)
})
