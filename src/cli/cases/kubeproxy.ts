/** kube-proxy in iptables mode: flows, rule sets, names, categories of endpoints. */
import { categorizeEndpoints } from '../../kube/node/proxy/categorize.ts'
import { hintsEnabled } from '../../kube/controller/endpointslice/topology.ts'
import { chainName } from '../../kube/node/proxy/names.ts'
import type { ChainKind } from '../../kube/node/proxy/names.ts'
import { endpointsByPort, servicePorts } from '../../kube/node/proxy/ports.ts'
import { buildRuleset, JUMP_RULES, proxyState } from '../../kube/node/proxy/ruleset.ts'
import { probabilityText } from '../../kube/node/proxy/rules.ts'
import type { EndpointSliceLike, ProxyNode, ProxyRule, ServiceLike } from '../../kube/node/proxy/types.ts'
import type { CasePacket } from './proxy-walk.ts'
import { walkRuleset } from './proxy-walk.ts'
import type { CaseResult } from './report.ts'
import { differs, differsAsSet, runCase } from './report.ts'

interface CaseNode {
  nodeName?: string
  localIPs?: string[]
  podCIDR?: string
  masqueradeAll?: boolean
  localDetector?: string
  nodePortAddresses?: string[] | null
  localhostNodePorts?: boolean
  masqueradeBit?: number
  ipFamily?: string
  zone?: string
}

interface Flow {
  name: string
  packet: CasePacket
  expect: { verdict: string; destinations: string[]; masquerade: boolean }
}

interface Scenario {
  id: string
  node: CaseNode
  services: ServiceLike[]
  endpointSlices: EndpointSliceLike[]
  flows: Flow[]
  then?: { action: string; flows: Flow[] }[]
}

/** 01-kubeproxy-flows.json. */
export function kubeProxyFlows(data: unknown): CaseResult[] {
  const { scenarios } = data as { scenarios: Scenario[] }
  return scenarios.flatMap((scenario) => {
    const results = runFlows(scenario.id, scenario, scenario.flows)
    let now = scenario
    for (const step of scenario.then ?? []) {
      now = afterAction(now, step.action)
      results.push(...runFlows(`${scenario.id}, ${step.action}`, now, step.flows))
    }
    return results
  })
}

function runFlows(id: string, scenario: Scenario, flows: readonly Flow[]): CaseResult[] {
  return flows.map((flow) =>
    runCase('flows', `${id}: ${flow.name}`, () => {
      const node = nodeOf(scenario.node, flow.packet.destIP)
      const rules = buildRuleset(node, proxyState(node, scenario.services, scenario.endpointSlices))
      const got = walkRuleset(rules, flow.packet, node.localIPs)
      const { verdict, destinations, masquerade } = flow.expect
      return (
        differs({ verdict, masquerade }, { verdict: got.verdict, masquerade: got.masquerade }) ||
        differsAsSet(destinations, got.destinations)
      )
    }),
  )
}

function afterAction(scenario: Scenario, action: string): Scenario {
  const [verb, kind, key = ''] = action.split(' ')
  if (verb !== 'delete') throw new Error(`no such action: ${action}`)
  const keep = (object: { metadata: { namespace?: string; name: string } }) =>
    `${object.metadata.namespace}/${object.metadata.name}` !== key
  return kind === 'service'
    ? { ...scenario, services: scenario.services.filter(keep) }
    : { ...scenario, endpointSlices: scenario.endpointSlices.filter(keep) }
}

function nodeOf(node: CaseNode, hint = ''): ProxyNode {
  const family = node.ipFamily === 'IPv6' || (node.ipFamily === undefined && hint.includes(':')) ? 6 : 4
  return {
    name: node.nodeName ?? 'test-hostname',
    family,
    nodeIP: family === 4 ? '192.168.0.2' : '2001:db8::1',
    localIPs: node.localIPs ?? [],
    zone: node.zone ?? '',
    detectLocal:
      node.localDetector === 'none' ? { mode: 'none' } : { mode: 'cidr', cidr: node.podCIDR ?? '10.0.0.0/8' },
    masqueradeAll: node.masqueradeAll ?? false,
    masqueradeBit: node.masqueradeBit ?? 14,
    localhostNodePorts: node.localhostNodePorts ?? true,
    nodePortAddresses: node.nodePortAddresses ?? [],
    // What the cases were taken from stands on an iptables without it.
    randomFully: false,
  }
}

interface CaseRule {
  chain?: string
  matches?: Record<string, unknown>
  ctstate?: string | null
  comment?: string | null
  target?: string
  targetArgs?: Record<string, unknown>
}

interface RuleCase {
  id: string
  node?: CaseNode
  input?: { services: ServiceLike[]; endpointSlices: EndpointSliceLike[] }
  tables?: Record<string, { chain: string; rules?: CaseRule[] }[]>
  tables_partial?: Record<string, CaseRule[]>
}

/** 01-kubeproxy-iptables-rules.json. `flows` is the flows' file, from which a case may take its input. */
export function kubeProxyRules(data: unknown): CaseResult[] {
  const { hashing, probability, cases } = data as {
    hashing: { pairs: { prefix: string; input: string; chain: string }[] }
    probability: { compute: { n: number; text: string }[] }
    cases: RuleCase[]
  }
  return [
    ...hashing.pairs.map(({ prefix, input, chain }) =>
      runCase('hashing', `${prefix} ${input}`, () =>
        differs(chain, chainName(prefix as ChainKind, input, '')),
      ),
    ),
    ...probability.compute.map(({ n, text }) =>
      runCase('probability', `1/${n}`, () => differs(text, probabilityText(n))),
    ),
    ...cases.map((one, at) => runCase('cases', one.id, () => checkRules(one, cases.slice(0, at)))),
  ]
}

function checkRules(one: RuleCase, before: readonly RuleCase[]): string | undefined {
  if (one.id === 'hook-rules') return checkHooks(one)
  // A case without an input is about the one before it, with no endpoint on this node.
  const input =
    one.input ?? withoutLocal([...before].reverse().find((other) => other.input !== undefined)?.input)
  if (input === undefined) return undefined
  const node = nodeOf(one.node ?? {})
  const rules = buildRuleset(node, proxyState(node, input.services, input.endpointSlices))
  const tables = (one.tables ?? one.tables_partial ?? {}) as unknown as Record<string, CaseRule[]>
  for (const [table, expected] of Object.entries(tables)) {
    const got = (table === 'nat' ? rules.nat : rules.filter).rules
    const wrong = one.tables === undefined ? partly(expected, got) : wholly(expected, got)
    if (wrong !== '') return `${table}: ${wrong}`
  }
  return ''
}

function withoutLocal(input: RuleCase['input']): RuleCase['input'] {
  if (input === undefined) return undefined
  const away = (slice: EndpointSliceLike): EndpointSliceLike => ({
    ...slice,
    endpoints: (slice.endpoints ?? []).map((endpoint) =>
      endpoint.nodeName === 'test-hostname' ? { ...endpoint, nodeName: 'host0' } : endpoint,
    ),
  })
  return { ...input, endpointSlices: input.endpointSlices.map(away) }
}

/** Every chain of either side is the same, in order. */
function wholly(expected: readonly CaseRule[], got: readonly ProxyRule[]): string {
  return differs(byChain(expected.map(ofCase)), byChain(got.map(ofRule)))
}

/** Every chain that is expected is there and the same; other chains are not looked at. */
function partly(expected: readonly CaseRule[], got: readonly ProxyRule[]): string {
  const chains = new Set(expected.map((rule) => rule.chain))
  return wholly(
    expected,
    got.filter((rule) => chains.has(rule.chain)),
  )
}

function byChain(rules: readonly { chain: string }[]): Record<string, unknown[]> {
  const chains: Record<string, unknown[]> = {}
  for (const { chain, ...rest } of rules) {
    const list = chains[chain] ?? []
    list.push(rest)
    chains[chain] = list
  }
  return chains
}

function ofCase(rule: CaseRule): { chain: string } {
  const { chain = '', matches = {}, comment, target, targetArgs = {} } = rule
  return { chain, matches, comment: comment ?? '', target, targetArgs } as { chain: string }
}

/** A rule's words as the cases write them. */
function ofRule(rule: ProxyRule): { chain: string } {
  const matches: Record<string, unknown> = {}
  const targetArgs: Record<string, unknown> = {}
  let comment = ''
  let target: string | undefined
  const { args } = rule
  const names: Record<string, string> = {
    '-p': 'protocol',
    '-d': 'destination',
    '-s': 'source',
    '--dst-type': 'dstType',
    '--src-type': 'srcType',
    '--mark': 'mark',
    '--mode': 'statisticMode',
    '--probability': 'probability',
  }
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    const value = args[i + 1]!
    const put = (name: string, is: unknown) => {
      matches[name] = args[i - 1] === '!' ? { not: is } : is
    }
    if (word === '--comment') comment = value
    else if (word === '-j') target = value
    else if (word === '--dport') put('dport', Number(value))
    else if (word === '--ctstate') put('ctstate', value.split(','))
    else if (names[word] !== undefined) put(names[word], value)
    else if (/^--(or-mark|xor-mark|to-destination)$/.test(word)) targetArgs[word.slice(2)] = value
    else if (word.startsWith('--')) put(word.slice(2), value)
  }
  return { chain: rule.chain, matches, comment, target, targetArgs } as { chain: string }
}

function checkHooks(one: RuleCase): string {
  for (const [table, chains] of Object.entries(one.tables ?? {})) {
    for (const { chain, rules = [] } of chains) {
      const ours = JUMP_RULES.filter((rule) => rule.table === table && rule.from === chain)
      const got = ours.reverse().map(({ args }) => ({
        ctstate: args.includes('--ctstate') ? 'NEW' : null,
        comment: args[args.indexOf('--comment') + 1],
        target: args.at(-1),
      }))
      // KUBE-FIREWALL's jump is the kubelet's.
      const expected = rules.filter((rule) => rule.target !== 'KUBE-FIREWALL')
      const wrong = differs(expected, got)
      if (wrong !== '') return `${table} ${chain}: ${wrong}`
    }
  }
  return ''
}

interface CategoryCase {
  id: string
  nodeZone?: string | null
  service: {
    topologyMode?: string
    internalTrafficPolicy?: string
    externalTrafficPolicy?: string
    nodePort?: number
  }
  endpoints: {
    endpoint: string
    ready?: boolean
    serving?: boolean
    terminating?: boolean
    local?: boolean
    zoneHints?: string[] | null
  }[]
  expect: {
    cluster: string[] | null
    local: string[] | null
    allReachable: string[]
    hasAnyEndpoints: boolean
  }
}

/** 01-kubeproxy-endpoint-categories.json. */
export function kubeProxyCategories(data: unknown): CaseResult[] {
  return (data as { cases: CategoryCase[] }).cases.map((one) =>
    runCase('categories', one.id, () => categorize(one)),
  )
}

function categorize({ service, endpoints, nodeZone, expect }: CategoryCase): string {
  const nodePort = service.nodePort ?? 0
  const [port] = servicePorts(
    [
      {
        metadata: { namespace: 'ns', name: 'svc' },
        spec: {
          type: nodePort === 0 ? 'ClusterIP' : 'NodePort',
          clusterIP: '172.30.0.1',
          ports: [{ port: 80, protocol: 'TCP', nodePort }],
          internalTrafficPolicy: service.internalTrafficPolicy ?? 'Cluster',
          externalTrafficPolicy: service.externalTrafficPolicy ?? 'Cluster',
        },
      },
    ],
    4,
  )
  const listed = endpointsByPort(
    [
      {
        metadata: { namespace: 'ns', name: 'svc-1', labels: { 'kubernetes.io/service-name': 'svc' } },
        addressType: 'IPv4',
        ports: [{ name: '', port: 80, protocol: 'TCP' }],
        endpoints: endpoints.map((endpoint) => ({
          addresses: [endpoint.endpoint.split(':')[0]!],
          nodeName: endpoint.local === true ? 'here' : 'there',
          conditions: {
            ready: endpoint.ready ?? false,
            serving: endpoint.serving ?? endpoint.ready ?? false,
            terminating: endpoint.terminating ?? false,
          },
          hints: { forZones: (endpoint.zoneHints ?? []).map((name) => ({ name })) },
        })),
      },
    ],
    4,
    'here',
  )
  // The cases are of 1.26, where kube-proxy itself read the annotation.
  const follows = hintsEnabled({ 'service.kubernetes.io/topology-mode': service.topologyMode ?? '' })
  const zone = follows ? (nodeZone ?? '') : ''
  const got = categorizeEndpoints(listed.get('ns/svc/tcp') ?? [], port!, zone)
  const texts = (list: typeof got.cluster) =>
    list === null ? null : list.map((endpoint) => endpoint.text).sort()
  return differs(
    {
      cluster: expect.cluster === null ? null : [...expect.cluster].sort(),
      local: expect.local === null ? null : [...expect.local].sort(),
      allReachable: [...expect.allReachable].sort(),
      hasAnyEndpoints: expect.hasAnyEndpoints,
    },
    {
      cluster: texts(got.cluster),
      local: texts(got.local),
      allReachable: texts(got.allReachable),
      hasAnyEndpoints: got.hasAnyEndpoints,
    },
  )
}
