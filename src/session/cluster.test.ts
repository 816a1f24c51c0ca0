// A cluster as a front end sees it, at moments that were sought: the whole engine, the kubelet too.
import { expect, it } from 'vitest'
import { testHost } from './clock.ts'
import { createLabSession } from './standard.ts'

const LAB = `name: c
topology:
  nodes:
    node1:
      kind: linux
      labels: {kubehop.dev/node: worker}
---
cniVersion: 1.0.0
name: cbr0
plugins:
  - {type: bridge, bridge: cbr0, isDefaultGateway: true, ipam: {type: host-local, subnet: "{{.PodCIDR}}"}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: nginx}]}
`
const SERVICE = `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.7.7, selector: {app: web}, ports: [{port: 80}]}
`

function open() {
  const session = createLabSession(testHost(0))
  expect(session.open(LAB, 1)).toMatchObject({ ok: true, diagnostics: [] })
  return session
}

it('shows objects, endpoints and the chain as they were at the moment that is shown', () => {
  const session = open()
  const before = session.state()
  const pod = session.clusterPicture()!.pods.find(({ ref }) => ref.name === 'web')!
  expect(pod).toMatchObject({ node: 'node1', status: 'Running', ready: true, room: 'node1.web' })
  // What is applied belongs to the event before it.
  session.step('event', 1)
  expect(session.apply(LAB + SERVICE).ok).toBe(true)
  for (let i = 0; i < 400 && session.clusterChain('default', 'web').at(-1)?.stage !== 'rules'; i++) {
    session.step('event', 1)
  }
  const chain = session.clusterChain('default', 'web').map(({ stage }) => stage)
  expect(chain.slice(-4)).toEqual(['service', 'slice', 'dns', 'rules'])
  const web = session.clusterPicture()!.services.find(({ ref }) => ref.name === 'web')!
  expect(web.endpoints).toMatchObject([{ ip: pod.ip, ready: true, room: 'node1.web' }])
  expect(session.clusterObject('services', 'default', 'web')).toMatchObject({
    place: { line: LAB.split('\n').length + 3 },
  })
  const rules = session.inspect('node1').tables.find(({ id }) => id === 'nat')!.rows
  const own = rules.filter(({ cells }) => cells[4]?.includes('default/web'))
  expect(own.length).toBeGreaterThanOrEqual(3)
  for (const { cells } of own) {
    expect(session.ruleOrigin(cells[0]!, cells[4]!)).toMatchObject({ service: { name: 'web' } })
  }
  session.seek(before.event)
  expect(session.clusterObject('services', 'default', 'web')).toBeNull()
  expect(session.clusterChain('default', 'web')).toEqual([])
  expect(session.clusterPicture()!.services.map(({ ref }) => ref.name)).not.toContain('web')
})

it('has nothing to tell where there is no cluster', () => {
  const session = createLabSession(testHost(0))
  session.open('name: l\ntopology:\n  nodes:\n    a: {kind: linux}\n', 1)
  expect(session.clusterPicture()).toBeNull()
  expect(session.clusterObjects('pods')).toBeNull()
  expect(session.clusterEvents()).toEqual([])
  expect(session.ruleOrigin('KUBE-SVC-AAAAAAAAAAAAAAAA', '')).toBeNull()
})
