/** kube-proxy's rules in a kernel: the recorded flows, sent through ours. */
import { buildRuleset, JUMP_RULES, proxyState } from '../../kube/node/proxy/ruleset.ts'
import { rulesetText } from '../../kube/node/proxy/text.ts'
import type { EndpointSliceLike, ProxyNode, ServiceLike } from '../../kube/node/proxy/types.ts'
import type { Run } from '../../lab/headless.ts'
import { readyLab, runLine } from './lab.ts'
import type { CaseResult } from './report.ts'
import { differs, runCase } from './report.ts'

interface Recorded {
  flows: {
    from: 'pod' | 'node' | 'external' | 'localhost'
    sourceIP: string
    destIP: string
    destPort: number
    description: string
    iptables: { verdict: string; destinations: string[]; sourceSeenByEndpoint: string[] }
  }[]
  iptables_save: string[]
}

interface Overall {
  id: string
  node: { nodeName: string; localIPs: string[]; podCIDR: string }
  services: ServiceLike[]
  endpointSlices: EndpointSliceLike[]
}

const PODS = ['10.180.0.1', '10.180.0.2', '10.180.0.3', '10.180.0.4', '10.180.0.5', '10.0.0.2']

/** The node with a veth to each pod, and a machine outside that forwards nothing. */
function labText(): string {
  const pods = PODS.flatMap((ip, at) => [
    `ip netns add p${at}`,
    `ip link add h${at} type veth peer name eth0 netns p${at}`,
    `ip addr add 10.255.255.1/32 dev h${at}`,
    `ip link set h${at} up`,
    `ip -n p${at} link set lo up`,
    `ip -n p${at} addr add ${ip}/32 dev eth0`,
    `ip -n p${at} link set eth0 up`,
    `ip -n p${at} route add 10.255.255.1 dev eth0`,
    `ip -n p${at} route add default via 10.255.255.1`,
    `ip route add ${ip}/32 dev h${at}`,
    ...(ip.startsWith('10.180')
      ? [`ip netns exec p${at} sh -c 'python3 -m http.server 80 >/dev/null 2>&1 &'`]
      : []),
  ])
  const node = [
    'ip addr add 192.168.0.2/24 dev eth0',
    'ip addr add 192.168.1.2/24 dev eth0',
    'ip addr add 192.168.99.11/24 dev eth0',
    'ip route add default via 192.168.0.9',
    'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1',
    ...pods,
    'python3 -m http.server 30000 >/dev/null 2>&1 &',
  ]
  const external = [
    'ip addr add 192.168.0.9/24 dev eth0',
    'ip addr add 203.0.113.2/32 dev lo',
    'ip addr add 203.0.113.200/32 dev lo',
    ...['172.30.0.0/16', '192.168.99.0/24', '1.2.3.4', '5.6.7.8', '192.168.1.0/24'].map(
      (net) => `ip route add ${net} via 192.168.0.2`,
    ),
  ]
  const list = (lines: string[]) => lines.map((line) => `        - ${JSON.stringify(line)}\n`).join('')
  return (
    'name: flows\ntopology:\n  nodes:\n' +
    `    node:\n      exec:\n${list(node)}    external:\n      exec:\n${list(external)}` +
    '  links:\n    - endpoints: ["node:eth0", "external:eth0"]\n'
  )
}

/** 01-kubeproxy-kernel-flows.json; the Services stand in 01-kubeproxy-flows.json. */
export function kernelFlowCases(data: unknown, read: (file: string) => unknown): CaseResult[] {
  const flows = read('01-kubeproxy-flows.json')
  const recorded = data as Recorded
  const overall = (flows as { scenarios: Overall[] } | undefined)?.scenarios.find(
    ({ id }) => id === 'overall',
  )
  if (overall === undefined) return []
  const run = readyLab(labText())
  load(run, overall)
  return [
    runCase('kernel', 'iptables-save', () => checkSaved(run, recorded.iptables_save)),
    ...recorded.flows.map((flow) => runCase('kernel', flow.description, () => checkFlow(run, flow))),
  ]
}

function load(run: Run, { node, services, endpointSlices }: Overall): void {
  const proxy: ProxyNode = {
    name: node.nodeName,
    family: 4,
    nodeIP: '192.168.0.2',
    localIPs: node.localIPs,
    zone: '',
    detectLocal: { mode: 'cidr', cidr: node.podCIDR },
    masqueradeAll: false,
    masqueradeBit: 14,
    localhostNodePorts: true,
    nodePortAddresses: [],
    randomFully: false,
  }
  const type = (line: string) => {
    const { code, stderr } = runLine(run, 'node', '', line)
    if (code !== 0) throw new Error(`${line}: ${stderr}`)
  }
  const quoted = (args: readonly string[]) => args.map((word) => `'${word}'`).join(' ')
  // The kubelet comes first.
  type('iptables -N KUBE-FIREWALL')
  for (const chain of ['INPUT', 'OUTPUT']) type(`iptables -A ${chain} -j KUBE-FIREWALL`)
  for (const { table, from, args } of JUMP_RULES) {
    runLine(run, 'node', '', `iptables -t ${table} -N ${args.at(-1)!}`)
    type(`iptables -t ${table} -I ${from} ${quoted(args)}`)
  }
  const text = rulesetText(buildRuleset(proxy, proxyState(proxy, services, endpointSlices)))
  type(`iptables-restore --noflush --counters <<'EOF'\n${text}EOF`)
}

function checkSaved(run: Run, expected: readonly string[]): string {
  // kube-proxy writes `-m tcp` before DNAT; the recording was loaded from rules that had lost it.
  const plain = (line: string) => line.replace(' -m tcp -j DNAT', ' -j DNAT')
  const rules = (lines: readonly string[]) =>
    lines
      .filter((line) => line.startsWith('-A'))
      .map(plain)
      .sort()
  const { stdout } = runLine(run, 'node', '', 'iptables-save')
  return differs(rules(expected), rules(stdout.split('\n')))
}

function checkFlow(run: Run, flow: Recorded['flows'][number]): string {
  const { sourceIP, destIP, destPort, iptables: wanted } = flow
  const at = PODS.indexOf(sourceIP)
  const [machine, netns] = flow.from === 'external' ? ['external', ''] : ['node', at < 0 ? '' : `p${at}`]
  const source = /^[0-9.]+$/.test(sourceIP) ? `-s ${sourceIP} ` : ''
  runLine(run, 'node', '', 'conntrack -F')
  const { code, stderr } = runLine(run, machine!, netns!, `nc -v -z -w 2 ${source}${destIP} ${destPort}`)
  const said = code === 0 ? 'answered' : /refused/.test(stderr) ? 'reject' : 'drop'
  const verdict = wanted.verdict === 'dnat' || wanted.verdict === 'accept' ? 'answered' : wanted.verdict
  if (said !== verdict) return `expected ${wanted.verdict}, got ${said} (${stderr.trim()})`
  if (wanted.verdict !== 'dnat') return ''
  const list = runLine(run, 'node', '', `conntrack -L -p tcp --orig-dst ${destIP}`).stdout
  const found = /src=\S+ dst=\S+ sport=\d+ dport=\d+ src=(\S+) dst=(\S+) sport=(\d+)/.exec(list)
  const [, endpoint = '', seen = '', port = ''] = found ?? []
  if (!wanted.destinations.includes(`${endpoint}:${port}`))
    return differs(wanted.destinations, `${endpoint}:${port}`)
  return wanted.sourceSeenByEndpoint.includes(seen) ? '' : differs(wanted.sourceSeenByEndpoint, seen)
}
