// Labs 7.2 to 7.4, run headless: lines under *shows*. Times are those of Kubernetes 1.32's defaults: node-monitor-grace-period
// 50 s, tolerationSeconds 300 of the taints not-ready and unreachable.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatIp } from '../base/addr.ts'
import type { Service } from '../kube/objects.ts'
import { storeGet, storeOf } from '../kube/store/store.ts'
import { StepKind } from '../net/trace.ts'
import type { StepDetail } from '../net/trace.ts'
import { serviceChain } from '../view/kube-chain.ts'
import { checkResults, mendAll, said, savedRules } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

function openLab(file: string): Scenario {
  const path = join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`)
  return openScenario(readFileSync(path, 'utf8'))
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
