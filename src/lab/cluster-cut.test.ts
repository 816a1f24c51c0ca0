// What the agents of a cluster do over their connections to 6443, and what becomes of it when these are cut: nothing is
// read or written that the network has not carried. Times: client-go's HTTP/2 transport (ping after 30 s, lost 15 s
// later), TCP's own retransmissions, Go's keepalive (the server's 180 s, then 9 probes 15 s apart), leader election (a
// renewal every 2 s, 10 s for it, 15 s of lease).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { apiPatch } from '../kube/api/local.ts'
import type { KubeEvent, Pod } from '../kube/objects.ts'
import type { ApiObject } from '../kube/types.ts'
import { storeList, storeOf } from '../kube/store/store.ts'
import { seek } from '../sim/timeline.ts'
import { hashOf } from './headless.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

const LAB = readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', '7.1-ports.yaml'), 'utf8')
const HEAL = 'controlplane: iptables -F INPUT'

/** Nothing that a process of the control plane sends to 6443 arrives. */
function cutProgram(lab: Scenario, program: string): void {
  const { stdout } = lab.type('controlplane: ss -tnp')
  const port = new RegExp(
    `192\\.168\\.1\\.11:(\\d+) +192\\.168\\.1\\.11:6443 +users:\\(\\("${program}"`,
  ).exec(stdout)?.[1]
  lab.type(`controlplane: iptables -A INPUT -p tcp --sport ${port} --dport 6443 -j DROP`)
}

function scale(lab: Scenario, replicas: number): void {
  const actor = { user: 'kubernetes-admin', manager: 'kubectl' }
  apiPatch(lab.run.world, actor, 'deployments.apps', 'default', 'web', {
    type: 'merge',
    body: { spec: { replicas } },
  })
}

/** Pods, those that have a node, and what the ReplicaSet is to have. */
function counts({ run }: Scenario): number[] {
  const store = storeOf(run.world)
  const pods = storeList<Pod>(store, 'pods', 'default')
  const [set] = storeList<ApiObject & { spec: { replicas: number } }>(store, 'replicasets.apps', 'default')
  return [pods.length, pods.filter(({ spec }) => spec.nodeName !== undefined).length, set!.spec.replicas]
}

describe('the controller manager', () => {
  it('writes by its connection: nothing happens from the moment of a cut, and goes on where TCP finds its way', () => {
    const lab = openScenario(LAB)
    expect(counts(lab)).toEqual([1, 1, 1])
    lab.steps()
    scale(lab, 2)
    lab.wait(1)
    expect(counts(lab)).toEqual([2, 2, 2])
    expect(
      lab.frames().filter((one) => one.startsWith('controlplane/lo> 192.168.1.11 >')).length,
    ).toBeGreaterThan(10)
    cutProgram(lab, 'kube-controller')
    scale(lab, 3)
    lab.wait(5)
    expect(counts(lab)).toEqual([2, 2, 2])
    lab.type(HEAL)
    // What was sent is sent again: after 0.2 s, doubled each time.
    lab.wait(8)
    expect(counts(lab)).toEqual([3, 3, 3])
  })

  it('leads by a lease: it ends when it cannot renew it, and its successor waits until it is over', () => {
    const lab = openScenario(LAB)
    const lease = () => {
      const path = '{.spec.holderIdentity} {.spec.leaseTransitions} {.spec.leaseDurationSeconds}'
      const line = `pc: kubectl -n kube-system get lease kube-controller-manager -o jsonpath='${path}'`
      return lab.type(line).stdout
    }
    const pid = () => lab.type('controlplane: pgrep kube-controller').stdout
    const [first, firstPid] = [lease(), pid()]
    expect(first).toMatch(/^controlplane_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} 0 15$/)
    expect(lab.type('pc: kubectl -n kube-system get leases --no-headers -o name').stdout).toBe(
      'lease.coordination.k8s.io/kube-controller-manager\nlease.coordination.k8s.io/kube-scheduler\n',
    )
    cutProgram(lab, 'kube-controller')
    scale(lab, 3)
    lab.wait(9)
    expect([lease(), pid()]).toEqual([first, firstPid])
    lab.wait(5)
    // The rule is about the old connection's port: the new process gets through, and waits.
    expect([lease(), pid() === firstPid]).toEqual([first, false])
    lab.wait(10)
    expect(counts(lab)).toEqual([1, 1, 1])
    lab.wait(10)
    expect(counts(lab)).toEqual([3, 3, 3])
    expect(lease()).toMatch(/^controlplane_\S+ 1 15$/)
    const events = lab.type('pc: kubectl -n kube-system get events --no-headers').stdout
    const [before, after] = [first, lease()].map((text) => text.split(' ')[0]!)
    const said = (who: string) => `LeaderElection   lease/kube-controller-manager   ${who} became leader`
    expect(events).toContain(said(before!))
    expect(events).toContain(said(after!))
  })

  it('killed, nobody takes its place; started by hand it waits for the lease too', () => {
    const lab = openScenario(LAB)
    lab.type('controlplane: pkill kube-controller')
    scale(lab, 2)
    lab.wait(5)
    lab.type("controlplane: sh -c 'kube-controller-manager &'")
    lab.wait(14)
    expect(counts(lab)).toEqual([1, 1, 1])
    lab.wait(8)
    expect(counts(lab)).toEqual([2, 2, 2])
  })
})

describe('the scheduler', () => {
  it('binds by its connection', () => {
    const lab = openScenario(LAB)
    cutProgram(lab, 'kube-scheduler')
    scale(lab, 2)
    lab.wait(5)
    expect(counts(lab)).toEqual([2, 1, 2])
    expect(lab.type('pc: kubectl get pods').stdout).toMatch(/ 0\/1 +Pending +0 /)
    expect(lab.type('pc: kubectl get events').stdout.match(/Successfully assigned/g)).toHaveLength(1)
    lab.type(HEAL)
    lab.wait(8)
    expect(counts(lab)).toEqual([2, 2, 2])
  })
})

describe('a kubelet', () => {
  it('says what happened by its connection: late, with the time when it was', () => {
    const lab = openScenario(LAB)
    const { world } = lab.run
    const started = () =>
      storeList<KubeEvent>(storeOf(world), 'events', 'default').filter(({ reason }) => reason === 'Started')
    expect(started()).toHaveLength(1)
    lab.type('controlplane: iptables -A INPUT -i eth0 -p tcp --dport 6443 -j DROP')
    lab.type('node01: pkill nginx')
    lab.wait(15)
    // Its second container runs, and nobody has heard of it.
    expect(lab.type('node01: crictl ps -q').stdout.trim().split('\n')).toHaveLength(1)
    expect(started().map(({ count }) => count)).toEqual([1])
    expect(lab.type('controlplane: kubectl get pods').stdout).toMatch(/1\/1 +Running +0 /)
    lab.type(HEAL)
    lab.wait(20)
    const [event] = started()
    const heard =
      (storeOf(world).options.epochMs + world.now / 1e6 - Date.parse(event!.lastTimestamp!)) / 1000
    expect(event!.count).toBe(2)
    expect(heard).toBeGreaterThan(30)
    expect(lab.type('pc: kubectl get pods').stdout).toMatch(/1\/1 +Running +1 /)
  })
})

describe('the API server', () => {
  it('lets a silent client go after 180 s and nine questions', () => {
    const lab = openScenario(LAB)
    const { world } = lab.run
    lab.type("pc: sh -c 'kubectl -n kube-public get deployments -w >/dev/null 2>&1 &'")
    lab.wait(2)
    lab.type('pc: iptables -A OUTPUT -p tcp --dport 6443 -j DROP')
    const from = world.now
    const open = () => lab.type('controlplane: ss -tn').stdout.includes(':6443  192.168.1.100:')
    const at = (seconds: number) => lab.wait(seconds - (world.now - from) / 1e9)
    at(60)
    expect([lab.type('pc: ss -tn').stdout.includes('ESTAB'), open()]).toEqual([false, true])
    at(305)
    expect(open()).toBe(true)
    at(320)
    expect(open()).toBe(false)
  })
})

describe('etcd', () => {
  const ETCD = 'rpc error: code = Unavailable desc'
  const refused = `${ETCD} = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused"`

  it('is asked by the API server over a connection; killed, nothing is read or written until it is back', () => {
    const lab = openScenario(LAB)
    const held = () =>
      lab.type('controlplane: ss -tnp').stdout.match(/127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +users:.*/g) ?? []
    expect(
      held()
        .map((line) => /\("([^"]+)"/.exec(line)![1])
        .sort(),
    ).toEqual(['etcd', 'kube-apiserver'])
    lab.type('controlplane: pkill etcd')
    expect(lab.type('pc: kubectl get pods').stderr).toBe(`Error from server: ${refused}\n`)
    expect(lab.type('pc: kubectl scale deployment web --replicas=3').code).toBe(1)
    scale(lab, 2)
    lab.wait(60)
    expect(counts(lab)).toEqual([1, 1, 1])
    lab.type("controlplane: sh -c 'etcd &'")
    lab.wait(60)
    expect(counts(lab)).toEqual([2, 2, 2])
    expect(held()).toHaveLength(2)
    expect(lab.type('pc: kubectl get nodes --no-headers').stdout.match(/ Ready /g)).toHaveLength(3)
  })

  it('cut off from the API server: a request waits for the keepalive, 30 s and 10 s', () => {
    const lab = openScenario(LAB)
    const { world } = lab.run
    lab.type('controlplane: iptables -A INPUT -p tcp --dport 2379 -j DROP')
    const from = world.now
    // As kubectl printed it of a server whose etcd was gone.
    const words = `Error from server: ${ETCD} = keepalive ping failed to receive ACK within timeout\n`
    expect(lab.type('pc: kubectl get pods').stderr).toBe(words)
    expect((world.now - from) / 1e9).toBeGreaterThan(25)
    expect((world.now - from) / 1e9).toBeLessThan(41)
  })
})

describe('a cluster cut apart', () => {
  it('rewinds to the same states', () => {
    const lab = openScenario(LAB)
    const { world, rules } = lab.run
    const marks: [number, string][] = []
    cutProgram(lab, 'kube-controller')
    lab.type('pc: kubectl scale deployment web --replicas=3')
    for (let n = 0; n < 6; n++) {
      lab.wait(9)
      marks.push([world.nEvents, hashOf(lab.run)])
    }
    for (const [events, hash] of [...marks].reverse()) {
      seek(world, rules, events)
      expect(hashOf(lab.run)).toBe(hash)
    }
  })
})
