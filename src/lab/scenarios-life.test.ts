// Labs 7.2 to 7.4, run headless: lines under *shows*. Times are those of Kubernetes 1.32's defaults: node-monitor-grace-period
// 50 s, tolerationSeconds 300 of the taints not-ready and unreachable.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatIp } from '../base/addr.ts'
import type { EndpointSlice, Node, Pod, Service } from '../kube/objects.ts'
import { storeGet, storeList, storeOf } from '../kube/store/store.ts'
import { StepKind } from '../net/trace.ts'
import type { StepDetail } from '../net/trace.ts'
import { serviceChain } from '../view/kube-chain.ts'
import { checkResults, mendAll, said, savedRules } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

function openLab(file: string, edit: (text: string) => string = (text) => text): Scenario {
  const path = join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`)
  return openScenario(edit(readFileSync(path, 'utf8')))
}

const NODES = ['controlplane', 'node01', 'node02']
const WELCOME = 'Welcome to nginx!'
const APPLY = 'kubectl apply -f /tmp/web.yaml'
const UNKNOWN = '000 Could not resolve host: web'
const NO_RULES = "000 Failed to connect to web port 80 after 0 ms: Couldn't connect to server"

/** When the first packet with some payload came in or went out of a device, as far as it is after `from`. */
function firstAt(steps: readonly StepDetail[], from: number, is: (step: StepDetail) => boolean): number {
  return steps.find((step) => step.at >= from && step.headers.tcp !== null && is(step))?.at ?? -1
}

describe('7.2 a service is born', () => {
  it('comes about as events in order', () => {
    const lab = openLab('7.2-a-service-is-born')
    const { world } = lab.run
    expect(said(lab, 'pc: kubectl get services --no-headers')).toMatch(/^kubernetes [^\n]*\n$/)
    lab.steps()
    const from = world.now
    said(lab, `pc: ${APPLY}`)
    lab.wait(1)
    const steps = lab.steps()
    const events = serviceChain(world, 'default', 'web').filter(({ at }) => at >= from)
    expect(events.map(({ stage, who }) => `${stage} ${who}`)).toEqual([
      'service kubectl-client-side-apply',
      'slice kube-controller-manager',
      'dns CoreDNS',
      ...NODES.map((node) => `rules ${node}`),
    ])
    // The API server takes an address and a port that nobody named in the manifest.
    const { spec } = storeGet<Service>(storeOf(world), 'services', 'default', 'web')!
    expect(spec.clusterIP).toMatch(/^10\.(9[6-9]|10[0-9]|11[01])\./)
    expect(spec.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30_086)
    expect(spec.ports?.[0]?.nodePort).toBeLessThanOrEqual(32_767)
    expect(said(lab, 'pc: kubectl get service web')).toContain(` ${spec.clusterIP} `)
    const [service, slice, dns, , node01] = events.map(({ at }) => at)
    // The request on 6443 before, each node's watch on 6443 between the slice and the rules.
    const posted = firstAt(
      steps,
      from,
      ({ nsName, kind, headers }) =>
        nsName === 'controlplane' && kind === StepKind.Rx && headers.dport === 6443,
    )
    const watched = firstAt(
      steps,
      slice!,
      ({ nsName, kind, headers }) =>
        nsName === 'node01' &&
        kind === StepKind.Rx &&
        headers.sport === 6443 &&
        formatIp(headers.dst) === '192.168.1.12',
    )
    const order = [from, posted, service!, slice!, dns!, watched, node01!]
    expect(order).toEqual([...order].sort((a, b) => a - b))
    for (const node of NODES) {
      expect(savedRules(lab, node, 'nat', 'KUBE-SERVICES').join('\n')).toContain(`-d ${spec.clusterIP}/32 `)
    }
    expect(said(lab, 'pc: kubectl get endpointslices -l kubernetes.io/service-name=web')).toMatch(
      / 10\.244\.[12]\.\d+,10\.244\.[12]\.\d+ /,
    )
  })

  it('too early by name: there is no record, then there are no rules, then the page', () => {
    const lab = openLab('7.2-a-service-is-born')
    expect(checkResults(lab)).toEqual([false])
    lab.steps()
    const asked = said(lab, `pc: ${APPLY}; sh /tmp/ask.sh http://web/`).trim().split('\n')
    expect(asked).toEqual(['service/web created', UNKNOWN, NO_RULES, '200'])
    const ip = said(lab, "pc: kubectl get service web -o jsonpath='{.spec.clusterIP}'")
    const mine = lab.steps().filter((step) => formatIp(step.headers.dst) === ip)
    // The packet that came before the rules was led as any other: to the router, which has no such network.
    const lost = mine.filter((step) => step.kind === StepKind.Drop)
    expect(lost.map(({ nsName, reason }) => `${nsName} ${reason}`)).toEqual(['router IP_INNOROUTES'])
    expect(checkResults(lab)).toEqual([true])
  })

  it('too early by its address, and nothing but time mends it', () => {
    const lab = openLab('7.2-a-service-is-born')
    const address = '$(kubectl get service web -o jsonpath={.spec.clusterIP})'
    const asked = said(lab, `pc: ${APPLY}; sh /tmp/ask.sh ${address}`).trim().split('\n')
    expect(asked.slice(1, -1).length).toBeGreaterThan(0)
    for (const line of asked.slice(1, -1))
      expect(line).toMatch(/^000 Failed to connect to 10\.\d+\.\d+\.\d+ port 80 /)
    expect(asked.at(-1)).toBe('200')
    expect(said(lab, 'pc: kubectl exec client -- curl -s http://web/')).toContain(WELCOME)
    const again = openLab('7.2-a-service-is-born')
    mendAll(again)
    expect(checkResults(again)).toEqual([true])
  })
})

/** Waits until something holds, half a second at a time; the virtual seconds that it took. */
function until(lab: Scenario, most: number, holds: () => boolean): number {
  const { world } = lab.run
  const from = world.now
  let passed = 0
  while (!holds() && passed < most) {
    passed += 0.5
    // Where nothing happens in between, the clock stays at what happened last.
    lab.wait(passed - (world.now - from) / 1e9)
  }
  expect(holds()).toBe(true)
  return passed
}

function readyNode(lab: Scenario, name: string): string | undefined {
  const node = storeGet<Node>(storeOf(lab.run.world), 'nodes', '', name)
  return node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status
}

/** Pods as `NODE ADDRESS`, and `going` where they are being deleted. */
function pods(lab: Scenario): string[] {
  return storeList<Pod>(storeOf(lab.run.world), 'pods', 'default')
    .map(({ metadata, spec, status }) => {
      const going = metadata.deletionTimestamp === undefined ? '' : ' going'
      return `${spec.nodeName} ${status?.podIP}${going}`
    })
    .sort()
}

/** The service's endpoints that are ready. */
function readyEndpoints(lab: Scenario): string[] {
  return storeList<EndpointSlice>(storeOf(lab.run.world), 'endpointslices.discovery.k8s.io', 'default')
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 'web')
    .flatMap(({ endpoints }) => endpoints)
    .flatMap(({ addresses, conditions }) => (conditions?.ready === true ? addresses : []))
    .sort()
}

/** Where the service's rules lead on a node. */
function targets(lab: Scenario, node: string): string[] {
  const rules = savedRules(lab, node, 'nat').join('\n')
  return [...rules.matchAll(/default\/web" .*--to-destination (\S+):80$/gm)].map(([, to]) => to!).sort()
}

/** Of some requests to the node port of node01, how many are not answered. */
function lostOf(lab: Scenario, count: number): number {
  const ask = 'curl -sf -m 1 -o /dev/null http://192.168.1.12:30080/ || echo lost'
  return said(lab, `pc: for i in $(seq 1 ${count}); do ${ask}; done`).match(/lost/g)?.length ?? 0
}

/** From the death of node02 to the replacement of its pod: what is true of every kind of death. */
function dies(lab: Scenario, how: string): void {
  expect(pods(lab)).toEqual(['node01 10.244.1.2', 'node02 10.244.2.2'])
  expect(targets(lab, 'node01')).toEqual(['10.244.1.2', '10.244.2.2'])
  lab.wait(20)
  said(lab, how)
  // The last lease was up to 10 s before; it is looked for every 5 s.
  const silent = until(lab, 70, () => readyNode(lab, 'node02') === 'Unknown')
  expect(silent).toBeGreaterThan(40)
  expect(silent).toBeLessThanOrEqual(60)
  lab.wait(1)
  expect(said(lab, 'pc: kubectl get nodes')).toMatch(/^node01 +Ready .*\nnode02 +NotReady /m)
  expect(said(lab, 'pc: kubectl describe node node02')).toContain('Kubelet stopped posting node status.')
  expect(readyEndpoints(lab)).toEqual(['10.244.1.2'])
  expect(targets(lab, 'node01')).toEqual(['10.244.1.2'])
  expect(lostOf(lab, 8)).toBe(0)
  expect(pods(lab)).toEqual(['node01 10.244.1.2', 'node02 10.244.2.2'])
  until(lab, 320, () => pods(lab).some((pod) => pod.endsWith(' going')))
  const at = (key: string) =>
    serviceChain(lab.run.world, 'default', 'web').find(({ what }) => what.some((one) => one.key === key))
      ?.at ?? 0
  // Its tolerations' 300 s run from the NoExecute taint, which comes one look (5 s) after the node is found silent.
  expect((at('chain.pod.terminating') - at('chain.pod.notReady')) / 1e9).toBeCloseTo(305, 1)
  lab.wait(5)
  expect(pods(lab)).toEqual(['node01 10.244.1.2', 'node01 10.244.1.3', 'node02 10.244.2.2 going'])
  expect(readyEndpoints(lab)).toEqual(['10.244.1.2', '10.244.1.3'])
  expect(targets(lab, 'node01')).toEqual(['10.244.1.2', '10.244.1.3'])
  expect(said(lab, 'pc: kubectl get events')).toMatch(
    / TaintManagerEviction +pod\/web-\S+ +Marking for deletion Pod /,
  )
}

describe('7.3 a node dies', () => {
  it('cut off: NotReady after 50 s, endpoints go, its pod is replaced elsewhere 300 s later', () => {
    const lab = openLab('7.3-a-node-dies')
    expect(checkResults(lab)).toEqual([true, false])
    const cut = openLab('7.3-a-node-dies')
    said(cut, 'lan: ip link set node02 down')
    // Nobody has noticed yet.
    const lost = lostOf(cut, 20)
    expect(lost).toBeGreaterThan(0)
    expect(lost).toBeLessThan(20)
    dies(lab, 'lan: ip link set node02 down')
    expect(checkResults(lab)).toEqual([true, true])
    said(lab, 'lan: ip link set node02 up')
    until(lab, 95, () => readyNode(lab, 'node02') === 'True')
    lab.wait(15)
    expect(pods(lab)).toEqual(['node01 10.244.1.2', 'node01 10.244.1.3'])
    expect(targets(lab, 'node02')).toEqual(['10.244.1.2', '10.244.1.3'])
  })

  it('without its kubelet: the same, though its pod goes on to answer', () => {
    const lab = openLab('7.3-a-node-dies')
    dies(lab, 'node02: pkill kubelet')
    expect(said(lab, 'pc: curl -s 10.244.2.2')).toContain(WELCOME)
    said(lab, 'node02: kubelet > /dev/null 2>&1 &')
    until(lab, 95, () => readyNode(lab, 'node02') === 'True')
    lab.wait(15)
    expect(pods(lab)).toEqual(['node01 10.244.1.2', 'node01 10.244.1.3'])
    expect(lab.type('pc: curl -s -m 3 10.244.2.2').code).not.toBe(0)
  })
})

/** Rolls a Deployment out under steady requests; how many of the 160 were lost. */
function lostWhile(lab: Scenario, name: string, port: number): number {
  const text = said(lab, `pc: sh /tmp/steady.sh ${name} ${port}`)
  expect(text).toContain(`deployment "${name}" successfully rolled out\n`)
  expect(said(lab, `pc: kubectl get deployment ${name} -o wide`)).toContain(' nginx:1.27 ')
  return Number(/^(\d+) of 160 requests lost$/m.exec(text)?.[1])
}

interface Conditions {
  ready?: boolean
  serving?: boolean
  terminating?: boolean
}

/** The endpoints of a service as its slices have them. */
function conditions(lab: Scenario, service: string): Map<string, Conditions> {
  const slices = storeList<EndpointSlice>(
    storeOf(lab.run.world),
    'endpointslices.discovery.k8s.io',
    'default',
  )
  const mine = slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service)
  return new Map(
    mine.flatMap(({ endpoints }) => endpoints.map((one) => [one.addresses[0]!, one.conditions ?? {}])),
  )
}

describe('7.4 rolling update', () => {
  it('loses requests without readiness and preStop: sent to pods that do not listen yet', () => {
    const lab = openLab('7.4-rolling-update')
    const before = [...conditions(lab, 'careless').keys()]
    lab.steps()
    expect(lostWhile(lab, 'careless', 30_081)).toBeGreaterThan(5)
    const after = [...conditions(lab, 'careless').keys()]
    // A reset comes from a pod that is there and has no listener.
    const resets = lab.steps().filter(({ kind, headers, nsName }) => {
      const reset = kind === StepKind.Tx && ((headers.tcp?.flags ?? 0) & 4) !== 0
      return reset && nsName.includes('.careless-')
    })
    const from = new Set(resets.map(({ headers }) => formatIp(headers.src)))
    expect(after.some((ip) => from.has(ip))).toBe(true)
    expect(before.some((ip) => after.includes(ip))).toBe(false)
  })

  it('loses none with them', () => {
    const lab = openLab('7.4-rolling-update')
    expect(checkResults(lab)).toEqual([true, false])
    const before = [...conditions(lab, 'careful').keys()]
    expect(lostWhile(lab, 'careful', 30_082)).toBe(0)
    expect([...conditions(lab, 'careful').keys()].some((ip) => before.includes(ip))).toBe(false)
    expect(checkResults(lab)).toEqual([true, true])
  })

  it.each([
    [
      'without preStop, to a pod that no longer listens or is gone',
      / {10}lifecycle:\n(?: {12}.*\n){3}(?=[\s\S]*name: alone)/,
      true,
    ],
    ['with it', /nothing to cut out/, false],
  ])('readiness alone is not enough where requests are dense: %s', (_, cut, loses) => {
    const lab = openLab('7.4-rolling-update', (text) => text.replace(new RegExp(cut, 'g'), ''))
    const before = [...conditions(lab, 'careful').keys()]
    lab.steps()
    const ask = 'curl -sf -m 1 -o /dev/null http://192.168.1.12:30082/ || echo lost'
    // The first new pod is ready after some 5.75 s, and an old one is told to end in the same moment.
    const asked = said(
      lab,
      `pc: kubectl set image deployment/careful web=nginx:1.27; sleep 5.7; for i in $(seq 1 60); do ${ask}; done`,
    )
    expect(asked.includes('lost')).toBe(loses)
    // It no longer listens, or is gone: then its bridge floods what is for it.
    const refused = lab.steps().filter(({ reason }) => reason === 'NO_SOCKET' || reason === 'OTHERHOST')
    expect(refused.some(({ headers }) => before.includes(formatIp(headers.dst)))).toBe(loses)
  })

  it('loses none while a node is drained', () => {
    const lab = openLab('7.4-rolling-update')
    const ask = 'curl -sf -m 1 -o /dev/null http://192.168.1.12:30082/ || echo lost; sleep 0.1'
    const asked = said(
      lab,
      `pc: kubectl drain node02 > /tmp/drain.log 2>&1 & for i in $(seq 1 120); do ${ask}; done`,
    )
    expect(asked).not.toContain('lost')
    expect(said(lab, 'pc: cat /tmp/drain.log')).toContain('node/node02 drained\n')
    const places = pods(lab)
    expect(places).toHaveLength(5)
    expect(places.filter((place) => !place.startsWith('node01 '))).toEqual([])
  })

  it('loses none of a single pod either: its endpoint serves while it terminates and no other is ready', () => {
    const lab = openLab('7.4-rolling-update')
    const [old = ''] = conditions(lab, 'alone').keys()
    said(lab, 'pc: kubectl set image deployment/alone web=nginx:1.27')
    lab.wait(2)
    const now = conditions(lab, 'alone')
    expect(now.get(old)).toEqual({ ready: false, serving: true, terminating: true })
    expect([...now.values()].some(({ ready }) => ready === true)).toBe(false)
    expect(savedRules(lab, 'node01', 'nat').join('\n')).toContain(`default/alone -> ${old}:80`)
    expect(said(lab, 'pc: curl -s -m 1 http://192.168.1.12:30083/')).toContain(WELCOME)
    expect(lostWhile(openLab('7.4-rolling-update'), 'alone', 30_083)).toBe(0)
  })
})
