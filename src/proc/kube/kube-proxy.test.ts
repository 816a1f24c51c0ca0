// kube-proxy writes what changed; what stands then must be what iptables-restore makes of the whole rule set.
import { expect, it } from 'vitest'
import { trieGet } from '../../base/trie.ts'
import { createRng, nextBelow } from '../../base/rng.ts'
import { agentHandlers, asAgent, startAgent } from '../../kube/agent/agent.ts'
import type { AgentRules } from '../../kube/agent/agent.ts'
import { createCluster, DEFAULT_CLUSTER } from '../../kube/cluster.ts'
import { buildRuleset, proxyState } from '../../kube/node/proxy/ruleset.ts'
import { rulesetText } from '../../kube/node/proxy/text.ts'
import type { EndpointSlice, Service } from '../../kube/objects.ts'
import { createStore, storeList, storeOf, storePut, storeRemove } from '../../kube/store/store.ts'
import { createNetns } from '../../net/netns.ts'
import type { World } from '../../net/types.ts'
import { createWorld, netnsOf } from '../../net/world.ts'
import { findMachine, machineAdd } from '../../run/machine.ts'
import { nfChain, nfChains } from '../../net/nf/chains.ts'
import { nfCounters, nfSetCounters, nfTable } from '../../net/nf/tables.ts'
import { runUntil } from '../../sim/dispatch.ts'
import type { Rules } from '../../sim/world.ts'
import { saveText } from '../iptables/listing.ts'
import { iptablesCommand, restoreRules } from './iptables.ts'
import { kubeProxy, proxyNodeOf, stateOf } from './kube-proxy.ts'

const SLICES = 'endpointslices.discovery.k8s.io'

interface Bench {
  world: World
  ns: number
  agent: number
  rules: AgentRules
  pass: (seconds: number) => void
}

function bench(): Bench {
  const world = createWorld(1)
  createStore(world)
  createCluster(world, { ...DEFAULT_CLUSTER, podCidrs: ['10.244.0.0/16'] })
  const ns = findMachine(world, machineAdd(world, 'n1', 'host'))!.rootNs
  storePut(
    world,
    'nodes',
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', uid: 'n1', resourceVersion: '', creationTimestamp: '' },
      status: { addresses: [{ type: 'InternalIP', address: '192.168.0.1' }] },
    } as never,
    'test',
  )
  const rules: AgentRules = {
    programs: new Map([['kube-proxy', kubeProxy]]),
    transport: { notify: () => {}, send: () => false, act: () => false },
  }
  const handlers: Rules<World>['handlers'][number][] = []
  for (const [kind, handler] of Object.entries(agentHandlers(rules))) handlers[Number(kind)] = handler
  const agent = startAgent(world, rules, { program: 'kube-proxy', node: 'n1', ns })
  const pass = (seconds: number) => {
    runUntil(
      world,
      { handlers, applyInput: () => {} },
      { untilAt: world.now + seconds * 1e9, maxEvents: 10_000 },
    )
    expect(world.frozen).toBeUndefined()
  }
  return { world, ns, agent, rules, pass }
}

function metadata(name: string, labels: Record<string, string> = {}) {
  return { name, namespace: 'default', uid: name, labels, resourceVersion: '', creationTimestamp: '' }
}

function putService(world: World, i: number, type: string, affinity: boolean): void {
  const clusterIP = `10.96.0.${i + 1}`
  storePut(
    world,
    'services',
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(`s${i}`),
      spec: {
        type,
        clusterIP,
        clusterIPs: [clusterIP],
        sessionAffinity: affinity ? 'ClientIP' : 'None',
        externalTrafficPolicy: i % 3 === 0 ? 'Local' : 'Cluster',
        ports: [
          {
            port: 80,
            protocol: i % 4 === 0 ? 'UDP' : 'TCP',
            ...(type === 'NodePort' ? { nodePort: 30000 + i } : {}),
          },
        ],
      },
    } as never,
    'test',
  )
}

function putSlice(world: World, i: number, count: number, from: number): void {
  storePut(
    world,
    SLICES,
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: metadata(`s${i}-x`, { 'kubernetes.io/service-name': `s${i}` }),
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: i % 4 === 0 ? 'UDP' : 'TCP' }],
      endpoints: Array.from({ length: count }, (_, j) => ({
        addresses: [`10.244.${i}.${from + j}`],
        nodeName: j % 2 === 0 ? 'n1' : 'n2',
        conditions: { ready: true },
      })),
    } as never,
    'test',
  )
}

/** `-A` lines of kube-proxy's own chains, and the names of the chains. */
function saved(world: World, ns: number): string[] {
  const text = saveText(netnsOf(world, ns), {
    family: 4,
    counters: false,
    table: undefined,
    program: 'iptables-save',
    date: '',
  })
  return text.split('\n').filter((line) => /^(-A|:)\s?KUBE-/.test(line) && !line.includes('CANARY'))
}

function wholeAnew({ world, agent, rules }: Bench): string[] {
  const other = createNetns(world, `fresh${world.targets.length}`, 0).id
  const services = storeList<Service>(storeOf(world), 'services')
  const slices = storeList<EndpointSlice>(storeOf(world), SLICES)
  asAgent(world, rules, agent, (ctx) => {
    const node = proxyNodeOf(ctx, 4)!
    const text = rulesetText(buildRuleset(node, proxyState(node, services, slices)))
    expect(restoreRules({ world, ns: other, family: 4 }, text)).toBe('')
  })
  return saved(world, other)
}

/** One more node with a kube-proxy. */
function another(made: Bench, name: string, address: string): Bench {
  const { world, rules } = made
  const status = { addresses: [{ type: 'InternalIP', address }] }
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { ...metadata(name), namespace: '' }, status }
  storePut(world, 'nodes', node as never, 'test')
  const ns = findMachine(world, machineAdd(world, name, 'host'))!.rootNs
  return { ...made, ns, agent: startAgent(world, rules, { program: 'kube-proxy', node: name, ns }) }
}

it('leaves after any changes what a restore of everything makes, on every node', () => {
  const made = bench()
  const nodes = [made, another(made, 'n2', '192.168.0.2'), another(made, 'n3', '192.168.0.3')]
  const { world, pass } = made
  const rng = createRng(7, 1)
  const below = (n: number) => nextBelow(rng, n)
  pass(2)
  for (let round = 0; round < 60; round++) {
    const i = below(12)
    const what = below(6)
    const exists = storeList(storeOf(world), 'services').some(({ metadata }) => metadata.name === `s${i}`)
    const sliced = storeList(storeOf(world), SLICES).some(({ metadata }) => metadata.name === `s${i}-x`)
    if (what < 2) putService(world, i, below(2) === 0 ? 'NodePort' : 'ClusterIP', below(3) === 0)
    else if (what < 5) putSlice(world, i, below(4), 1 + below(5))
    else if (exists && below(2) === 0) storeRemove(world, 'services', 'default', `s${i}`, 'test')
    else if (sliced) storeRemove(world, SLICES, 'default', `s${i}-x`, 'test')
    if (below(3) !== 0) continue
    pass(2)
    for (const one of nodes) expect(saved(world, one.ns)).toEqual(wholeAnew(one))
  }
})

it('writes everything anew within half a minute after the tables were flushed', () => {
  const made = bench()
  const { world, ns, pass } = made
  putService(world, 1, 'ClusterIP', false)
  putSlice(world, 1, 2, 1)
  pass(2)
  const before = saved(world, ns)
  expect(before.length).toBeGreaterThan(20)
  for (const table of ['nat', 'filter', 'mangle']) {
    iptablesCommand({ world, ns, family: 4 }, ['-t', table, '-F'])
    iptablesCommand({ world, ns, family: 4 }, ['-t', table, '-X'])
  }
  expect(saved(world, ns)).toEqual([])
  pass(65)
  expect(saved(world, ns)).toEqual(before)
})

it('writes the chains that all Services share at each sync: they count anew, and what others did to them is gone', () => {
  const made = bench()
  const { world, ns, pass } = made
  for (const i of [1, 2, 3]) {
    putService(world, i, 'ClusterIP', false)
    putSlice(world, i, i === 3 ? 0 : 2, 1)
  }
  pass(2)
  const rule = (name: string) => nfChain(nfTable(netnsOf(world, ns), 4, 'nat'), name)!.rules[0]!
  const svc = nfChains(nfTable(netnsOf(world, ns), 4, 'nat')).find(
    ({ name, rules }) => name.startsWith('KUBE-SVC-') && rules[0]!.origin === 'Service default/s1',
  )!
  nfSetCounters(world, netnsOf(world, ns), rule('KUBE-SERVICES').id, 5, 500)
  nfSetCounters(world, netnsOf(world, ns), rule(svc.name).id, 7, 700)
  putSlice(world, 2, 3, 1)
  pass(2)
  expect(nfCounters(netnsOf(world, ns), rule('KUBE-SERVICES').id)).toEqual({ packets: 0, bytes: 0 })
  expect(nfCounters(netnsOf(world, ns), rule(svc.name).id)).toEqual({ packets: 7, bytes: 700 })
  const before = saved(world, ns)
  const flush = ['-t', 'nat', '-F', 'KUBE-SERVICES']
  expect(iptablesCommand({ world, ns, family: 4 }, flush)).toBe('')
  putSlice(world, 2, 3, 1)
  pass(2)
  expect(saved(world, ns)).toEqual(before)
  // The last endpoint goes, and comes back.
  for (const count of [0, 1]) {
    putSlice(world, 2, count, 1)
    pass(2)
    expect(saved(world, ns)).toEqual(wholeAnew(made))
  }
})

it('leaves the counters of Services alone that did not change', () => {
  const { world, pass, agent } = bench()
  for (const i of [1, 2]) {
    putService(world, i, 'ClusterIP', false)
    putSlice(world, i, 2, 1)
  }
  pass(2)
  const state = () => stateOf(world.targets[agent] as never)
  const chain = (service: string) => trieGet(state().written.get(4)!.parts, service)!.own[0]!
  const [one, two] = [chain('default/s1'), chain('default/s2')]
  putSlice(world, 1, 3, 1)
  pass(2)
  expect(state().syncs.at(-1)!.services).toEqual(['default/s1'])
  expect(chain('default/s2')).toBe(two)
  expect(chain('default/s1')).not.toBe(one)
})

// proxier.go: minSyncPeriod 1 s, burstSyncs 2.
it('writes two changes at once after a quiet time, what follows a second later', () => {
  const made = bench()
  const { world, pass } = made
  const wait = (seconds: number) => {
    const end = world.now + seconds * 1e9
    pass(seconds)
    world.now = end
  }
  putService(world, 1, 'ClusterIP', false)
  putSlice(world, 1, 2, 1)
  wait(10)
  const times = () => {
    let all: number[] = []
    asAgent(world, made.rules, made.agent, (ctx) => {
      all = stateOf(ctx.agent).syncs.map(({ at }) => at)
    })
    return all
  }
  const before = times().length
  const start = world.now
  for (let i = 2; i <= 5; i++) {
    putSlice(world, 1, i, 1)
    wait(0.1)
  }
  wait(3)
  const after = times()
    .slice(before)
    .map((at) => Math.round((at - start) / 1e8) / 10)
  expect(after).toEqual([0, 0.1, 1.1])
})
