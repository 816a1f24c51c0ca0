// A cluster with nodes and pods whose kubelet is this test: what the page is told of it. The chains' names are
// kube-proxy's own for these ports (see src/kube/node/proxy), asked by iptables on the node.
import { describe, expect, it } from 'vitest'
import { apiCreate, apiList, apiUpdateStatus } from '../kube/api/local.ts'
import type { Node, Pod } from '../kube/objects.ts'
import { storeOf } from '../kube/store/store.ts'
import type { Draft } from '../kube/types.ts'
import { buildWorld } from '../lab/build.ts'
import { clusterAgents } from '../lab/cluster-agents.ts'
import { clusterPart, clusterPrograms } from '../lab/cluster.ts'
import { parseLab } from '../lab/parse.ts'
import { labPrograms } from '../lab/programs.ts'
import { labRules } from '../lab/rules.ts'
import { nfChains } from '../net/nf/chains.ts'
import { nfTable } from '../net/nf/tables.ts'
import { netnsNamed } from '../net/world.ts'
import { ruleText } from '../proc/iptables/print.ts'
import { runUntil } from '../sim/dispatch.ts'
import { serviceChain } from './kube-chain.ts'
import { eventRows, kindCounts, objectTable, objectView } from './kube-objects.ts'
import { clusterPicture } from './kube-picture.ts'
import { ruleOrigin } from './kube-rules.ts'
import { manifestSchema } from './kube-schema.ts'

const TEXT = `name: c
topology:
  nodes:
    node1:
      kind: linux
      labels: {kubehop.dev/node: worker}
      exec:
        - ip link add cbr0 type bridge
        - ip addr add 10.0.1.1/24 dev cbr0
        - ip netns add a
        - ip link add v0 type veth peer name eth0 netns a
        - ip -n a addr add 10.0.1.2/24 dev eth0
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  clusterIP: 10.96.7.7
  selector: {app: web}
  ports:
    - name: http
      port: 80
      targetPort: 8080
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: c
          image: nginx
`

const KUBELET = { user: 'system:node:node1', manager: 'kubelet' }

function build() {
  const programs = new Map(labPrograms())
  const found = clusterAgents(programs)
  const agents = { ...found, programs: new Map([...found.programs].filter(([name]) => name !== 'kubelet')) }
  for (const program of clusterPrograms(agents)) programs.set(program.name, program)
  const rules = labRules(programs, { part: clusterPart(agents) })
  const { lab } = parseLab(TEXT)
  const { world } = buildWorld(lab!, TEXT, 1, rules)
  const pass = (seconds: number) =>
    runUntil(world, rules, { untilAt: world.now + seconds * 1e9, maxEvents: 1e6 })
  return { lab: lab!, world, pass }
}

/** The Node joins, its pod gets an address, and is ready or not. */
function join({ world, pass }: ReturnType<typeof build>, ready: boolean): Pod {
  const node = apiCreate<Node>(world, KUBELET, 'nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node1' },
  } as Draft<Node>)
  const room = { pods: '110', cpu: '4', memory: '8Gi' }
  const status = {
    conditions: [{ type: 'Ready', status: 'True' }],
    addresses: [{ type: 'InternalIP', address: '10.0.1.1' }],
    capacity: room,
    allocatable: room,
  }
  if (node.ok) apiUpdateStatus(world, KUBELET, 'nodes', { ...node.object, status } as unknown as Draft<Node>)
  pass(15)
  return setReady({ world, pass }, ready)
}

function setReady({ world, pass }: Pick<ReturnType<typeof build>, 'world' | 'pass'>, ready: boolean): Pod {
  const web = () => apiList<Pod>(world, 'pods', { namespace: 'default' })[0]!
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }]
  const status = { phase: 'Running', podIP: '10.0.1.2', podIPs: [{ ip: '10.0.1.2' }], conditions }
  apiUpdateStatus(world, KUBELET, 'pods', { ...web(), status } as unknown as Draft<Pod>)
  pass(5)
  return web()
}

describe('objects', () => {
  it('are listed as kubectl lists them, with their number by kind', () => {
    const made = build()
    join(made, true)
    const table = objectTable(made.world, 'services')!
    expect(table.columns).toEqual([
      ...['NAMESPACE', 'NAME', 'TYPE', 'CLUSTER-IP', 'EXTERNAL-IP', 'PORT(S)', 'AGE'],
    ])
    expect(table.rows.map(({ cells }) => cells.slice(0, 6))).toContainEqual([
      ...['default', 'web', 'ClusterIP', '10.96.7.7', '<none>', '80/TCP'],
    ])
    expect(kindCounts(made.world).find((one) => one.resource === 'nodes')?.count).toBe(1)
    const wide = objectTable(made.world, 'services', true)!
    expect([wide.command, wide.columns.at(-1), wide.rows[0]?.cells.length]).toEqual([
      'kubectl get services -A -o wide',
      'SELECTOR',
      table.columns.length + 1,
    ])
    expect(objectTable(made.world, 'events')!.widens).toBe(true)
    expect(objectTable(made.world, 'configmaps')!.widens).toBe(false)
    expect(objectTable(made.world, 'none')).toBeNull()
  })

  it('know their owners, and the line of the text that they came from', () => {
    const made = build()
    const pod = join(made, true)
    const view = objectView(made.world, made.lab, 'pods', 'default', pod.metadata.name)!
    expect(view.owners.map(({ kind }) => kind)).toEqual(['ReplicaSet', 'Deployment'])
    expect(view.place).toMatchObject({ line: 29, from: { kind: 'Deployment', name: 'web' } })
    expect(TEXT.split('\n')[28]).toBe('  name: web')
    expect(view.yaml).toMatch(/^apiVersion: v1\nkind: Pod\nmetadata:\n/)
    expect(view.yaml).not.toContain('managedFields')
    expect(view.managers).toContain('kubelet')
    expect(view.events.map(({ reason }) => reason)).toContain('Scheduled')
    expect(objectView(made.world, made.lab, 'pods', 'default', 'nobody')).toBeNull()
  })

  it('have events in order of time', () => {
    const made = build()
    join(made, true)
    const rows = eventRows(made.world)
    expect(rows.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['ScalingReplicaSet', 'SuccessfulCreate', 'Scheduled']),
    )
    expect(rows.map(({ at }) => at)).toEqual(rows.map(({ at }) => at).sort((a, b) => a - b))
  })
})

describe('the picture', () => {
  it('has the pod in its room, and a line from the Service that is solid once it is ready', () => {
    const made = build()
    expect(clusterPicture(made.world).nodes).toEqual([
      { machine: 'node1', role: 'worker', state: '', schedulable: true, pods: 0, readyPods: 0, many: false },
    ])
    join(made, false)
    const before = clusterPicture(made.world)
    expect(before.nodes[0]).toMatchObject({ state: 'Ready' })
    expect(before.pods.find(({ ref }) => ref.namespace === 'default')).toMatchObject({
      node: 'node1',
      room: 'node1.a',
      ready: false,
      ip: '10.0.1.2',
    })
    const web = (picture: typeof before) => picture.services.find(({ ref }) => ref.name === 'web')!
    expect(web(before).endpoints).toMatchObject([{ ip: '10.0.1.2', ready: false, room: 'node1.a' }])
    setReady(made, true)
    expect(web(clusterPicture(made.world)).endpoints).toMatchObject([{ port: '8080', ready: true }])
  })

  it("tells a pod in its node's own namespace, and a crowd as numbers", () => {
    const made = build()
    join(made, true)
    const add = (name: string, more: object) =>
      apiCreate(made.world, KUBELET, 'pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: { nodeName: 'node1', containers: [{ name: 'c', image: 'nginx' }], ...more },
      } as unknown as Draft<Pod>)
    add('host', { hostNetwork: true })
    const few = clusterPicture(made.world)
    expect(few.pods.find(({ ref }) => ref.name === 'host')).toMatchObject({ hostNetwork: true, room: '' })
    expect(few.nodes[0]).toMatchObject({ many: false, readyPods: 1 })
    for (let n = 0; n < 600; n++) add(`p${n}`, {})
    const { nodes, pods } = clusterPicture(made.world)
    expect(nodes[0]).toMatchObject({ many: true, readyPods: 1 })
    expect(nodes[0]!.pods).toBeGreaterThan(600)
    expect(pods.filter(({ node }) => node === 'node1')).toEqual([])
    const table = objectTable(made.world, 'pods')!
    expect([table.rows.length, table.total > 600]).toEqual([500, true])
  })
})

describe('the chain', () => {
  it('goes from the pod over the slice to the rules, in order', () => {
    const made = build()
    join(made, false)
    const from = storeOf(made.world).revision
    setReady(made, true)
    const events = serviceChain(made.world, 'default', 'web').filter(({ revision }) => revision > from)
    expect(events.map(({ stage, who }) => [stage, who])).toEqual([
      ['pod', 'kubelet'],
      ['slice', 'kube-controller-manager'],
      ['rules', 'node1'],
    ])
    expect(events.map(({ what }) => what.map(({ key }) => key))).toEqual([
      ['chain.pod.ready'],
      ['chain.slice.ready'],
      ['chain.rules.partial'],
    ])
    expect(serviceChain(made.world, 'default', 'nobody')).toEqual([])
  })
})

describe('rules', () => {
  it('of kube-proxy lead to the Service and the line of its port, with a comment and without', () => {
    const made = build()
    join(made, true)
    const chains = nfChains(nfTable(netnsNamed(made.world, 'node1')!, 4, 'nat'))
    const own = chains.filter(({ name }) => /^KUBE-(SVC|SEP)-/.test(name))
    // kube-dns and kubernetes have chains too where they have endpoints; web has one of each.
    const web = own.flatMap(({ name: chain, rules }) =>
      rules.flatMap((rule) =>
        ruleText(rule, 4).includes('default/web:http') ? [[chain, ruleText(rule, 4)]] : [],
      ),
    )
    expect(web.length).toBeGreaterThanOrEqual(3)
    const origin = {
      service: { kind: 'Service', namespace: 'default', name: 'web' },
      portName: 'default/web:http',
      place: { line: 22 },
    }
    expect(TEXT.split('\n')[21]).toBe('    - name: http')
    for (const [chain, text] of web) {
      expect(ruleOrigin(made.world, made.lab, chain!, text!)).toMatchObject(origin)
      expect(ruleOrigin(made.world, made.lab, chain!, '-j RETURN')).toMatchObject(origin)
    }
    expect(ruleOrigin(made.world, made.lab, 'KUBE-MARK-MASQ', '-j MARK --or-mark 0x4000')).toBeNull()
    const first = '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES'
    expect(ruleOrigin(made.world, made.lab, 'PREROUTING', first)).toBeNull()
  })
})

describe('the schema', () => {
  it('has every kind with its descriptions, and no reference that leads nowhere', () => {
    const { definitions, kinds } = manifestSchema()
    expect(kinds.length).toBeGreaterThanOrEqual(19)
    const text = JSON.stringify({ definitions, kinds })
    const targets = new Set([...text.matchAll(/"#\/definitions\/([^"]+)"/g)].map(([, name]) => name!))
    expect(targets.size).toBeGreaterThan(50)
    expect([...targets].filter((name) => definitions[name] === undefined)).toEqual([])
    expect(text).toContain('Number of desired pods')
  })
})
