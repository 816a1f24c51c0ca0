// 7.1: a control plane's ports, agents that hold connections to 6443, and what is left when these are cut.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { apiPatch } from '../kube/api/local.ts'
import type { Node, Pod } from '../kube/objects.ts'
import { storeGet, storeList, storeOf } from '../kube/store/store.ts'
import type { World } from '../net/types.ts'
import { hashOf } from './headless.ts'
import { seek, seekInput } from '../sim/timeline.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

const LAB = readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', '7.1-ports.yaml'), 'utf8')

const CUT = 'controlplane: iptables -A INPUT -i eth0 -p tcp --dport 6443 -j DROP'
const HEAL = 'controlplane: iptables -F INPUT'
/** The control plane's own connections too. */
const CUT_ALL = 'controlplane: iptables -A INPUT -p tcp --dport 6443 -j DROP'

function readiness(world: World): string[] {
  return storeList<Node>(storeOf(world), 'nodes').map((node) => {
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
    return `${node.metadata.name} ${ready?.status}`
  })
}

const NODES = ['controlplane', 'node01', 'node02']
/** The control plane's own kubelet does not pass eth0. */
const all = (status: string) => NODES.map((name) => `${name} ${name === 'controlplane' ? 'True' : status}`)

/** Waits until the nodes are so; the virtual seconds that it took. */
function until(lab: Scenario, status: string, most: number): number {
  const { world } = lab.run
  const from = world.now
  let passed = 0
  while (readiness(world).join() !== all(status).join() && passed < most) {
    passed += 0.5
    // Where nothing happens in between, the clock stays at what happened last.
    lab.wait(passed - (world.now - from) / 1e9)
  }
  expect(readiness(world)).toEqual(all(status))
  return passed
}

function page(lab: Scenario): string {
  return lab.type('pc: curl -s -m 2 -o /dev/null -w "%{http_code}" http://192.168.1.12:30080/').stdout
}

function fromKubelet(event: object): boolean {
  return (event as { readonly source?: { readonly component?: string } }).source?.component === 'kubelet'
}

/** DNAT targets of the service's chains on a node. */
function targets(lab: Scenario, node: string): string[] {
  const { stdout } = lab.type(`${node}: iptables-save -t nat`)
  return [...stdout.matchAll(/-A KUBE-SEP-\S+ .*default\/web.* --to-destination (\S+)/g)].map(
    (one) => one[1]!,
  )
}

function scale(lab: Scenario, replicas: number): void {
  const actor = { user: 'kubernetes-admin', manager: 'kubectl' }
  const { world } = lab.run
  apiPatch(world, actor, 'deployments.apps', 'default', 'web', {
    type: 'merge',
    body: { spec: { replicas } },
  })
}

describe('7.1 ports', () => {
  it('shows them by ss, with the connections of kubelet and kube-proxy', () => {
    const lab = openScenario(LAB)
    const listening = (node: string) =>
      [...lab.type(`${node}: ss -ltnp`).stdout.matchAll(/(\S+):(\d+) .*\(\("([^"]+)"/g)]
        .map(([, , port, name]) => `${port} ${name}`)
        .sort()
    const node = ['10248 kubelet', '10249 kube-proxy', '10250 kubelet', '10256 kube-proxy']
    expect(listening('node01')).toEqual(node)
    const control = [
      '10257 kube-controller',
      '10259 kube-scheduler',
      '2379 etcd',
      '2380 etcd',
      '6443 kube-apiserver',
    ]
    expect(listening('controlplane')).toEqual([...control, ...node].sort())
    const { stdout } = lab.type('node01: ss -tnp')
    expect(stdout).toMatch(/ESTAB .*192\.168\.1\.11:6443 +users:\(\("kubelet"/)
    expect(stdout).toMatch(/ESTAB .*192\.168\.1\.11:6443 +users:\(\("kube-proxy"/)
    expect(readiness(lab.run.world)).toEqual(all('True'))
  })

  it('cut: NotReady after 50 s, what is forwarded stays, new endpoints do not arrive; healed: they do', () => {
    const lab = openScenario(LAB)
    const { world } = lab.run
    expect(page(lab)).toBe('200')
    const before = targets(lab, 'node01')
    expect(before).toHaveLength(1)
    lab.wait(20)
    lab.type(CUT)
    scale(lab, 2)
    // 50 s without a lease that is looked for every 5 s; the last one was up to 10 s before the cut.
    const took = until(lab, 'Unknown', 60)
    expect(took).toBeGreaterThan(40)
    expect(took).toBeLessThanOrEqual(60)
    expect(page(lab)).toBe('200')
    const pods = storeList<Pod>(storeOf(world), 'pods', 'default')
    expect(pods.map(({ spec, status }) => `${spec.nodeName} ${status?.phase}`).sort()).toEqual([
      'node01 Pending',
      'node01 Running',
    ])
    expect(targets(lab, 'node01')).toEqual(before)
    expect(targets(lab, 'node02')).toEqual(before)
    // A kubelet without a server says nothing, whatever happens to its pods.
    const events = () => storeList(storeOf(world), 'events').filter((one) => fromKubelet(one)).length
    lab.wait(20)
    const said = events()
    lab.type('node01: pkill nginx')
    lab.wait(5)
    expect(events()).toBe(said)
    lab.type(HEAL)
    // The longest back-off is 60 s; an attempt that is under way dials for 30 s.
    until(lab, 'True', 95)
    lab.wait(10)
    for (const name of ['node01', 'node02']) {
      expect(targets(lab, name)).toHaveLength(2)
      expect(targets(lab, name)).toEqual(expect.arrayContaining(before))
    }
    expect(page(lab)).toBe('200')
  })

  it('notices a cut within 45 s without traffic, and a killed server at once', () => {
    const lab = openScenario(LAB)
    const open = (node: string) => lab.type(`${node}: ss -tn`).stdout.match(/ESTAB.*:6443/g)?.length ?? 0
    lab.wait(10)
    lab.type(CUT)
    lab.wait(46)
    expect(open('node01')).toBe(0)
    lab.type(HEAL)
    lab.wait(60)
    expect(open('node01')).toBe(2)
    lab.type('controlplane: pkill kube-apiserver')
    lab.wait(1)
    expect(open('node01')).toBe(0)
    expect(page(lab)).toBe('200')
    expect(lab.type('controlplane: ss -ltn').stdout).not.toContain(':6443')
  })

  it('without the port nobody watches over the nodes: the control plane goes through it too', () => {
    const lab = openScenario(LAB)
    const { world } = lab.run
    const held = () =>
      [
        ...lab
          .type('controlplane: ss -tnp')
          .stdout.matchAll(/ESTAB.*192\.168\.1\.11:6443 +users:\(\("([^"]+)"/g),
      ]
        .map(([, name]) => name)
        .sort()
    expect(held()).toEqual(['kube-controller', 'kube-proxy', 'kube-scheduler', 'kubelet'])
    lab.wait(20)
    lab.type(CUT_ALL)
    scale(lab, 3)
    lab.wait(120)
    expect(readiness(world)).toEqual(all('True'))
    expect(held()).toEqual([])
    const pods = () => storeList<Pod>(storeOf(world), 'pods', 'default').length
    expect(pods()).toBe(1)
    lab.type(HEAL)
    lab.wait(100)
    expect(readiness(world)).toEqual(all('True'))
    expect(held()).toHaveLength(4)
    expect(pods()).toBe(3)
  })

  it('kubectl needs the port too', () => {
    const lab = openScenario(LAB)
    const { world } = lab.run
    lab.wait(1)
    lab.steps()
    expect(lab.type('pc: kubectl get nodes --no-headers').stdout.match(/ Ready /g)).toHaveLength(3)
    expect(lab.frames().some((one) => one.startsWith('pc/eth0> 192.168.1.100 > 192.168.1.11'))).toBe(true)
    lab.type(CUT)
    const from = world.now
    const cut = lab.type('pc: kubectl get nodes')
    const words = 'Unable to connect to the server: dial tcp 192.168.1.11:6443: i/o timeout\n'
    expect([cut.code, cut.stdout, cut.stderr]).toEqual([1, '', words])
    expect(Math.round((world.now - from) / 1e9)).toBe(30)
    lab.type(HEAL)
    lab.type('controlplane: iptables -A INPUT -p tcp --dport 6443 -j REJECT --reject-with tcp-reset')
    const refused =
      'The connection to the server 192.168.1.11:6443 was refused - did you specify the right host or port?\n'
    expect(lab.type('pc: kubectl get nodes').stderr).toBe(refused)
    lab.type('controlplane: iptables -F INPUT')
    lab.type('controlplane: pkill kube-apiserver')
    expect(lab.type('controlplane: kubectl get pods').stderr).toBe(refused)
    lab.type('pc: ip addr flush dev eth0')
    expect(lab.type('pc: kubectl get nodes').stderr).toBe(
      'Unable to connect to the server: dial tcp 192.168.1.11:6443: connect: network is unreachable\n',
    )
  })

  it('rewinds to the same states', () => {
    const lab = openScenario(LAB)
    const { world, rules } = lab.run
    const marks: [number, string][] = []
    const mark = () => marks.push([world.nEvents, hashOf(lab.run)])
    lab.type(CUT)
    for (let n = 0; n < 8; n++) {
      lab.wait(9)
      mark()
    }
    // An input belongs to the event before it: no mark there.
    lab.wait(12)
    lab.type(HEAL)
    lab.wait(40)
    mark()
    for (const [events, hash] of [...marks].reverse()) {
      seek(world, rules, events)
      expect(hashOf(lab.run)).toBe(hash)
    }
    expect(storeGet(storeOf(world), 'nodes', '', 'node01')).toBeDefined()
  })
})

/** The lab, these nodes being control planes too. */
function controlPlanes(...more: string[]): Scenario {
  let text = LAB
  for (const name of more) {
    const at = text.indexOf(`    ${name}:`)
    text = text.slice(0, at) + text.slice(at).replace('node: worker', 'node: control-plane')
  }
  return openScenario(text)
}

/** Who is connected to etcd's port for peers, on a machine: `FROM > TO`. */
function peers(lab: Scenario, machine: string): string[] {
  const { stdout } = lab.type(`${machine}: ss -tnp`)
  const found = stdout.matchAll(/ESTAB +\d+ +\d+ +(\S+):(\d+) +(\S+):(\d+) .*"etcd"/g)
  return [...found]
    .filter(([, , own, , other]) => own === '2380' || other === '2380')
    .map(([, from, , to, other]) => (other === '2380' ? `${from} > ${to}` : `${to} > ${from}`))
    .sort()
}

function nodesSeen(lab: Scenario): string {
  const { code, stdout, stderr } = lab.type('pc: kubectl get nodes --no-headers')
  return code === 0 ? `${stdout.match(/ Ready /g)?.length} ready` : stderr
}

const NO_MAJORITY = 'Error from server: etcdserver: request timed out\n'

describe('7.1 with more control planes', () => {
  it("two: etcd's peers are connected on 2380, each to the other, and each API server asks its own", () => {
    const lab = controlPlanes('node02')
    const both = ['192.168.1.11 > 192.168.1.13', '192.168.1.13 > 192.168.1.11']
    expect(peers(lab, 'controlplane')).toEqual(both)
    expect(peers(lab, 'node02')).toEqual(both)
    const { stdout } = lab.type('node02: ss -ltnp')
    for (const port of [6443, 2379, 2380, 10257, 10259, 10250])
      expect(stdout).toMatch(new RegExp(`:${port} `))
    expect(lab.type('node02: ss -tnp').stdout).toMatch(/ 127\.0\.0\.1:2379 +users:\(\("kube-apiserver"/)
    expect(nodesSeen(lab)).toBe('3 ready')
    expect(lab.type('pc: kubectl get endpoints kubernetes').stdout).toContain(
      ' 192.168.1.11:6443,192.168.1.13:6443 ',
    )
  })

  it('two: without one of them no majority is left; what is forwarded stays', () => {
    const lab = controlPlanes('node02')
    const { world } = lab.run
    lab.type('node02: pkill etcd')
    lab.wait(2)
    expect(peers(lab, 'controlplane')).toEqual([])
    const from = world.now
    expect(nodesSeen(lab)).toBe(NO_MAJORITY)
    // etcd gives a request 5 s and two election timeouts.
    expect((world.now - from) / 1e9).toBeCloseTo(7, 0)
    expect(page(lab)).toBe('200')
    lab.type('node02: etcd > /dev/null 2>&1 &')
    lab.wait(3)
    expect(peers(lab, 'controlplane')).toHaveLength(2)
    expect(nodesSeen(lab)).toBe('3 ready')
  })

  it('two: a cut between them is noticed by silence, and mended when it is', () => {
    const lab = controlPlanes('node02')
    lab.type('lan: ip link set node02 down')
    lab.wait(2)
    expect(nodesSeen(lab)).toBe(NO_MAJORITY)
    lab.type('lan: ip link set node02 up')
    lab.wait(8)
    expect(peers(lab, 'controlplane')).toHaveLength(2)
    expect(nodesSeen(lab)).toBe('3 ready')
  })

  it('two: the work of one that ends is taken over within its lease', () => {
    const lab = controlPlanes('node02')
    const holder = (lease: string) =>
      lab
        .type(`pc: kubectl -n kube-system get lease ${lease} -o jsonpath='{.spec.holderIdentity}'`)
        .stdout.split('_')[0]!
    const leases = ['kube-scheduler', 'kube-controller-manager']
    const first = leases.map(holder)
    for (const [i, name] of leases.entries()) lab.type(`${first[i]}: pkill ${name.slice(0, 15)}`)
    lab.type('pc: kubectl scale deployment web --replicas=2')
    const running = () => lab.type('pc: kubectl get pods --no-headers').stdout.match(/ Running /g)?.length
    lab.wait(8)
    expect([leases.map(holder), running()]).toEqual([first, 1])
    // 15 s after its last renewal the lease is anybody's; a candidate looks every 2 to 4.4 s.
    lab.wait(15)
    expect(leases.map(holder)).toEqual(first.map((one) => (one === 'node02' ? 'controlplane' : 'node02')))
    lab.wait(5)
    expect(running()).toBe(2)
  })

  it('two: an API server that ends takes itself off the endpoints; one that is cut off is taken off in 15 s', () => {
    const lab = controlPlanes('node02')
    const ask = 'pc: kubectl --server https://192.168.1.13:6443'
    const listed = () => [
      lab.type(`${ask} get endpoints kubernetes --no-headers`).stdout.split(/ +/)[1],
      lab.type(`${ask} get endpointslice kubernetes --no-headers`).stdout.split(/ +/)[3],
    ]
    const both = ['192.168.1.11:6443,192.168.1.13:6443', '192.168.1.11,192.168.1.13']
    expect(listed()).toEqual(both)
    lab.type('controlplane: pkill kube-apiserver')
    lab.wait(1)
    expect(listed()).toEqual(['192.168.1.13:6443', '192.168.1.13'])
    // What it left behind: kubelets ask the first one, as kubeadm has it.
    expect(nodesSeen(lab)).toContain('The connection to the server 192.168.1.11:6443 was refused')
    lab.type('controlplane: kube-apiserver > /dev/null 2>&1 &')
    lab.wait(2)
    expect(listed()).toEqual(both)
    lab.type('controlplane: pkill -9 kube-apiserver')
    lab.wait(1)
    expect(listed()).toEqual(both)
    lab.wait(26)
    expect(listed()).toEqual(['192.168.1.13:6443', '192.168.1.13'])
  })

  it('three: one may go, and not two', () => {
    const lab = controlPlanes('node01', 'node02')
    expect(peers(lab, 'controlplane')).toHaveLength(4)
    lab.type('lan: ip link set node02 down')
    lab.wait(3)
    expect(nodesSeen(lab)).toBe('3 ready')
    lab.type('node01: pkill etcd')
    lab.wait(2)
    expect(nodesSeen(lab)).toBe(NO_MAJORITY)
  })

  it('rewinds to before an etcd ended, and on', () => {
    const lab = controlPlanes('node02')
    const { world, rules } = lab.run
    const [before, booted] = [world.inputs.length, hashOf(lab.run)]
    lab.type('node02: pkill etcd')
    lab.wait(3)
    const [end, hash] = [world.nEvents, hashOf(lab.run)]
    seekInput(world, rules, before)
    expect(hashOf(lab.run)).toBe(booted)
    seek(world, rules, end)
    expect(hashOf(lab.run)).toBe(hash)
  })
})
