// What kube-proxies of different nodes have in common exists once; what somebody does on one node stays on that node.
import { expect, it } from 'vitest'
import { trieGet } from '../../base/trie.ts'
import { agentHandlers, startAgent } from '../../kube/agent/agent.ts'
import type { AgentRules } from '../../kube/agent/agent.ts'
import type { Agent } from '../../kube/agent/types.ts'
import { createCluster, DEFAULT_CLUSTER } from '../../kube/cluster.ts'
import { createStore, storePut, storeRemove } from '../../kube/store/store.ts'
import { nfChain } from '../../net/nf/chains.ts'
import { countShared } from '../../net/nf/ids.ts'
import { nfCounters, nfTable } from '../../net/nf/tables.ts'
import type { World } from '../../net/types.ts'
import { createWorld, netnsOf } from '../../net/world.ts'
import { findMachine, machineAdd } from '../../run/machine.ts'
import { runUntil, touch } from '../../sim/dispatch.ts'
import { checkpoint, seek, stateHash, submitInput } from '../../sim/timeline.ts'
import type { Input, Rules } from '../../sim/world.ts'
import { saveText } from '../iptables/listing.ts'
import { iptablesCommand } from './iptables.ts'
import { kubeProxy, stateOf } from './kube-proxy.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const AGENTS: AgentRules = {
  programs: new Map([['kube-proxy', kubeProxy]]),
  transport: { notify: () => {}, send: () => false, act: () => false },
}

type Doing =
  | { do: 'service'; i: number; local?: boolean }
  | { do: 'slice'; i: number; count: number }
  | { do: 'gone'; i: number }
  | { do: 'command'; ns: number; args: string[] }
  | { do: 'packet'; ns: number; chain: string }

interface Bench {
  world: World
  rules: Rules<World>
  nss: number[]
  agents: number[]
  tell: (what: Doing) => void
  pass: (seconds: number) => void
  now: () => number
}

function metadata(name: string, namespace: string, labels: Record<string, string> = {}) {
  return { name, namespace, uid: name, labels, resourceVersion: '', creationTimestamp: '' }
}

function putService(world: World, i: number, local: boolean): void {
  const clusterIP = `10.96.0.${i + 1}`
  const spec = {
    type: 'NodePort',
    clusterIP,
    clusterIPs: [clusterIP],
    externalTrafficPolicy: local ? 'Local' : 'Cluster',
    ports: [{ port: 80, protocol: 'TCP', nodePort: 30000 + i }],
  }
  const service = { apiVersion: 'v1', kind: 'Service', metadata: metadata(`s${i}`, 'default'), spec }
  storePut(world, 'services', service as never, 'test')
}

/** All endpoints are on the second node. */
function putSlice(world: World, i: number, count: number): void {
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(`s${i}-x`, 'default', { 'kubernetes.io/service-name': `s${i}` }),
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: count }, (_, j) => ({
      addresses: [`10.244.${i}.${j + 1}`],
      nodeName: 'n1',
      conditions: { ready: true },
    })),
  }
  storePut(world, SLICES, slice as never, 'test')
}

function applyInput(world: World, { body }: Input): void {
  const what = body as Doing
  if (what.do === 'service') putService(world, what.i, what.local === true)
  else if (what.do === 'slice') putSlice(world, what.i, what.count)
  else if (what.do === 'gone') storeRemove(world, 'services', 'default', `s${what.i}`, 'test')
  else if (what.do === 'command') {
    expect(iptablesCommand({ world, ns: what.ns, family: 4 }, what.args)).toBe('')
  } else {
    touch(world, what.ns)
    const netns = netnsOf(world, what.ns)
    countShared(netns.nf!, nfChain(nfTable(netns, 4, 'nat'), what.chain)!.rules[0]!.id, 60)
  }
}

function bench(nodes: number): Bench {
  const world = createWorld(1)
  createStore(world)
  createCluster(world, { ...DEFAULT_CLUSTER, podCidrs: ['10.244.0.0/16'] })
  const handlers: Rules<World>['handlers'][number][] = []
  for (const [kind, handler] of Object.entries(agentHandlers(AGENTS))) handlers[Number(kind)] = handler
  const rules = { handlers, applyInput }
  const names = Array.from({ length: nodes }, (_, i) => `n${i}`)
  const nss = names.map((name, i) => {
    const status = { addresses: [{ type: 'InternalIP', address: `192.168.0.${i + 1}` }] }
    storePut(world, 'nodes', { kind: 'Node', metadata: metadata(name, ''), status } as never, 'test')
    return findMachine(world, machineAdd(world, name, 'host'))!.rootNs
  })
  for (const i of [0, 1, 2, 3]) {
    putService(world, i, i === 3)
    putSlice(world, i, 2)
  }
  const agents = names.map((node, i) =>
    startAgent(world, AGENTS, { program: 'kube-proxy', node, ns: nss[i]! }),
  )
  checkpoint(world)
  let clock = 0
  const pass = (seconds: number) => {
    const untilAt = Math.max(clock, world.now) + seconds * 1e9
    runUntil(world, rules, { untilAt, maxEvents: 10_000 })
    expect(world.frozen).toBeUndefined()
    clock = untilAt
  }
  // Time passes also where nothing happens.
  const tell = (what: Doing) => submitInput(world, rules, 'test', what, Math.max(clock, world.now))
  return { world, rules, nss, agents, tell, pass, now: () => Math.max(clock, world.now) }
}

function nat({ world, nss }: Bench, node: number) {
  return nfTable(netnsOf(world, nss[node]!), 4, 'nat')
}

function text({ world, nss }: Bench, node: number, counters = false): string {
  const options = { family: 4 as const, counters, table: undefined, program: 'iptables-save', date: '' }
  return saveText(netnsOf(world, nss[node]!), options)
}

function states({ world, agents }: Bench) {
  return agents.map((id) => stateOf(world.targets[id] as Agent))
}

function chainOf(made: Bench, node: number, name: string) {
  return nfChain(nat(made, node), name)
}

it('has one set of chains for nodes with the same Services, after any changes', () => {
  const made = bench(3)
  const { tell, pass } = made
  pass(2)
  const check = () => {
    // The second node has the endpoints of a Service with policy Local: chains of its own, and the rest in common.
    expect(nat(made, 0).common).not.toBe(null)
    expect(nat(made, 2).common).toBe(nat(made, 0).common)
    expect(nat(made, 1).common).not.toBe(nat(made, 0).common)
    const [one, two, three] = states(made)
    expect(three!.written.get(4)).toBe(one!.written.get(4))
    expect(three!.services).toBe(one!.services)
    expect(two!.services).toBe(one!.services)
    const svc = trieGet(one!.written.get(4)!.parts, 'default/s0')!.own[0]!.name
    expect(chainOf(made, 1, svc)).toBe(chainOf(made, 0, svc))
    expect(nat(made, 0).whole.size + nat(made, 0).patched.size).toBeLessThan(8)
    expect(text(made, 2)).toBe(text(made, 0))
  }
  check()
  for (const what of [
    { do: 'slice', i: 1, count: 3 },
    { do: 'slice', i: 1, count: 0 },
    { do: 'slice', i: 1, count: 1 },
    { do: 'gone', i: 2 },
    { do: 'service', i: 5 },
    { do: 'service', i: 2 },
  ] as const) {
    tell(what)
    pass(1.5)
    check()
  }
  // One is behind: it writes two changes at once, where the others write one after the other.
  const late = states(made)[2]!
  late.quota = -1
  late.syncedAt = made.now()
  tell({ do: 'slice', i: 0, count: 4 })
  pass(0.3)
  expect(nat(made, 2).common).not.toBe(nat(made, 0).common)
  tell({ do: 'slice', i: 1, count: 4 })
  pass(4)
  check()
})

it('keeps on one node what somebody does there, also after going back and forth', () => {
  const made = bench(3)
  const { world, rules, nss, tell, pass } = made
  pass(2)
  const first = text(made, 2)
  const svc = chainOf(made, 2, 'KUBE-SERVICES')!.rules.map(
    ({ target }) => 'chain' in target && target.chain,
  )[0]
  tell({ do: 'packet', ns: nss[0]!, chain: 'KUBE-SERVICES' })
  tell({ do: 'packet', ns: nss[0]!, chain: svc as string })
  tell({ do: 'packet', ns: nss[0]!, chain: svc as string })
  const counted = (node: number, chain: string, rule = 0) =>
    nfCounters(netnsOf(world, nss[node]!), chainOf(made, node, chain)!.rules[rule]!.id).packets
  expect([counted(0, svc as string), counted(2, svc as string)]).toEqual([2, 0])
  const start = world.nEvents
  const here = stateHash(world)
  const said = text(made, 0, true)
  checkpoint(world)
  // Their timers ring.
  pass(31)
  tell({ do: 'slice', i: 2, count: 3 })
  pass(1.5)
  const [common, before] = [nat(made, 2).common, text(made, 2)]
  tell({ do: 'command', ns: nss[0]!, args: ['-t', 'nat', '-I', svc as string, '1', '-j', 'RETURN'] })
  tell({ do: 'command', ns: nss[0]!, args: ['-t', 'nat', '-F', 'KUBE-SERVICES'] })
  // The rule that was there has its packets still, behind the new one.
  expect([counted(0, svc as string), counted(0, svc as string, 1)]).toEqual([0, 2])
  expect(chainOf(made, 0, 'KUBE-SERVICES')!.rules).toEqual([])
  expect(nat(made, 0).common).toBe(common)
  expect(nat(made, 2).common).toBe(common)
  expect(text(made, 2)).toBe(before)
  const forked = stateHash(world)
  const saidThen = text(made, 0, true)
  const end = world.nEvents
  seek(world, rules, start)
  expect(stateHash(world)).toBe(here)
  expect(text(made, 0, true)).toBe(said)
  expect(text(made, 2)).toBe(first)
  seek(world, rules, end)
  expect(stateHash(world)).toBe(forked)
  expect(text(made, 0, true)).toBe(saidThen)
  // A sync writes the chains of all Services, and those of Services that changed; the user's rule is in none of them.
  tell({ do: 'slice', i: 1, count: 3 })
  pass(1.5)
  expect(chainOf(made, 0, 'KUBE-SERVICES')).toBe(chainOf(made, 2, 'KUBE-SERVICES'))
  expect(chainOf(made, 0, svc as string)!.rules).toHaveLength(
    chainOf(made, 2, svc as string)!.rules.length + 1,
  )
  expect([counted(0, svc as string, 1), counted(2, svc as string)]).toEqual([2, 0])
})

it('reaches the same state whether another node has worked it out before or nobody has', () => {
  const run = (jump: boolean): string[] => {
    const made = bench(2)
    const { world, rules, nss, tell, pass } = made
    pass(2)
    const hashes = [stateHash(world)]
    for (let i = 0; i < 6; i++) {
      tell({ do: 'slice', i: i % 3, count: i })
      if (i === 3) tell({ do: 'command', ns: nss[1]!, args: ['-t', 'nat', '-F', 'KUBE-NODEPORTS'] })
      pass(0.7)
      hashes.push(stateHash(world))
    }
    // Everything is made again, now with what is remembered from the first time.
    const end = world.nEvents
    if (jump) {
      seek(world, rules, 0)
      seek(world, rules, end)
    }
    return [...hashes, stateHash(world), text(made, 0, true), text(made, 1, true)]
  }
  const once = run(false)
  expect(run(true)).toEqual(once)
  expect(once.at(-3)).toBe(once.at(-4))
})

it('gives up sharing where a user has emptied the table, and shares again after the next full sync', () => {
  const made = bench(3)
  const { nss, tell, pass } = made
  pass(2)
  const before = text(made, 0)
  for (const flag of ['-F', '-X']) {
    for (const table of ['nat', 'filter', 'mangle']) {
      tell({ do: 'command', ns: nss[0]!, args: ['-t', table, flag] })
    }
  }
  expect(nat(made, 0).common).toBe(null)
  // A partial sync fails there: its rules would lead to chains that are gone.
  tell({ do: 'slice', i: 1, count: 3 })
  pass(1.5)
  expect(states(made)[0]!.log.at(-1)).toContain('No such file or directory')
  expect(text(made, 0)).not.toContain('KUBE-SVC')
  tell({ do: 'slice', i: 1, count: 2 })
  pass(65)
  expect(text(made, 0)).toBe(before)
  expect(nat(made, 0).common).toBe(nat(made, 2).common)
})
