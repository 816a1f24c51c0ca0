// Random clusters: two nodes, pods here and there, Services of every type and policy, and requests from pods, nodes and
// outside; each on a real kernel and in Kubehop. A seed always makes the same lab and flows; what differs is printed with
// the command that shows it again.
//
//   node e2e/kernel/random-cluster.mjs [--seed N] [--count K] [--keep DIR] [--print]
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleSim, compareGroup, oracle } from './compare.mjs'
import { randomFrom } from './random.mjs'

const AT_ONCE = 5
const FLOWS = 8

const GATEWAY = '10.100.0.1'
const GATEWAY6 = 'fd00:100::1'
const OUTSIDE = ['203.0.113.9', '203.0.113.20']
const NODES = [
  { name: 'node1', ip: '10.100.0.2', cidr: '10.0.1', ip6: 'fd00:100::2', cidr6: 'fd00:1::' },
  { name: 'node2', ip: '10.100.0.3', cidr: '10.0.2', ip6: 'fd00:100::3', cidr6: 'fd00:2::' },
]
/** What is outside the cluster and leads to a node. */
const BALANCED = ['35.184.97.10', '35.184.97.11', '35.184.97.12', '35.184.97.13']
const EXTERNAL = ['198.51.100.7', '198.51.100.8']
const EXTERNAL6 = ['2001:db8:1::7', '2001:db8:1::8']
const RANGES = ['203.0.113.8/29', '203.0.113.0/24', '10.0.0.0/14', '10.100.0.2/32', '0.0.0.0/0']

/** A cluster and its flows, as compareGroup takes them. */
export function randomCluster(seed, { flows = FLOWS } = {}) {
  const below = randomFrom(seed)
  const draw = { below, chance: (percent) => below(100) < percent, pick: (list) => list[below(list.length)] }
  // A third of them of both families.
  const both = below(3) === 0
  const pods = podsOf(draw, both)
  const services = Array.from({ length: 3 + below(4) }, (_, i) => serviceOf(draw, i, pods, both))
  const prepare = both ? NODES.map(({ name }) => `${name}: ${DROP_CHATTER}`) : []
  for (const pod of pods) {
    if (pod.app === undefined || !draw.chance(12)) continue
    prepare.push(`node1: kubectl delete pod ${pod.name} --wait=false`)
    // nginx ends at once; the shell of the others does not hear of it.
    pod.gone = both
  }
  prepare.push('node1: sleep 3')
  const targets = services.flatMap((service) => targetsOf(service, pods, draw, both))
  for (const { node, hostPort } of pods) {
    if (hostPort === undefined) continue
    for (const { ip, ip6 } of [node, draw.pick(NODES)])
      targets.push(at(both && draw.chance(50) ? ip6 : ip, hostPort))
  }
  const nodePorts = services.flatMap(({ ports }) => ports.map(({ nodePort }) => nodePort))
  return {
    lab: `random cluster ${seed}`,
    text: textOf(pods, services, draw, both),
    chatter: both,
    standIns: true,
    // A pod that ends goes on serving meanwhile; what comes later is no flow's.
    prepare,
    ports: [8080, 8081, 9090, ...nodePorts],
    wait: both ? 6 : 3,
    flows: Array.from({ length: flows }, (_, i) => flowOf(i, pods, targets, draw)),
  }
}

/** One pod a node to ask from, and some that serve: on a node, in its network, with a host port. */
function podsOf({ below, chance, pick }, both) {
  const pods = NODES.map((node, i) => ({ name: `asker${i + 1}`, node }))
  const count = 2 + below(4)
  for (let i = 0; i < count; i++) {
    const host = chance(15) && !pods.some((pod) => pod.host === true)
    const pod = { name: `web-${i}`, node: pick(NODES), app: pick(['a', 'b', 'c']), host }
    // nginx, which both families need, has its own port.
    pod.port = both ? 80 : host ? 9090 : pick([8080, 80])
    if (!host && chance(25)) pod.hostPort = 8100 + i
    pods.push(pod)
  }
  return pods
}

const NAMES = ['http', 'alt']

function serviceOf({ below, chance, pick }, i, pods, both) {
  const served = pods.map(({ app }) => app).filter((app) => app !== undefined)
  const type = pick(['ClusterIP', 'ClusterIP', 'NodePort', 'NodePort', 'LoadBalancer'])
  const service = { name: `s${i}`, type, ip: `10.3.241.${10 + i}`, app: chance(85) ? pick(served) : 'none' }
  service.ports = Array.from({ length: chance(25) ? 2 : 1 }, (_, n) => ({
    name: NAMES[n],
    port: n === 0 ? 80 : 8080,
    // Nobody answers datagrams: a port unreachable comes back the way of the request.
    protocol: chance(n === 1 ? 50 : 6) ? 'UDP' : 'TCP',
    // By the container's name for it, by number, or one that nobody listens on.
    targetPort: pick(['web', 'web', 'web', 'web', 'web', 8080, 80, 9999]),
    nodePort: type === 'ClusterIP' ? undefined : 32000 + 10 * i + n,
  }))
  if (type === 'ClusterIP' && chance(10)) service.ip = 'None'
  if (type !== 'ClusterIP' && chance(50)) service.external = 'Local'
  if (chance(25)) service.internal = 'Local'
  if (chance(25)) service.affinity = true
  if (both && service.ip !== 'None') service.ip6 = `fd01:96::${(10 + i).toString(16)}`
  if (service.ip !== 'None' && chance(20)) {
    const n = below(2)
    service.externalIPs = both ? [EXTERNAL[n], EXTERNAL6[n]] : [EXTERNAL[n]]
  }
  if (type === 'LoadBalancer') {
    service.balanced = BALANCED[i % BALANCED.length]
    if (chance(60)) service.ranges = [pick(RANGES), ...(chance(30) ? [pick(RANGES)] : [])]
  }
  return service
}

/** Addresses and ports at which a Service may be asked, and some at which it may not. */
function targetsOf(service, pods, { pick, chance }, both) {
  const found = []
  for (const { port, nodePort, protocol } of service.ports) {
    const add = (ip, number) => found.push(`${at(ip, number)}${protocol === 'UDP' ? '/udp' : ''}`)
    if (service.ip !== 'None') for (let n = 0; n < 2; n++) add(service.ip, port)
    if (service.ip6 !== undefined) for (let n = 0; n < 3; n++) add(service.ip6, port)
    for (const ip of service.externalIPs ?? []) add(ip, port)
    if (service.balanced !== undefined) add(service.balanced, port)
    for (const { ip, ip6 } of nodePort === undefined ? [] : NODES) {
      add(ip, nodePort)
      if (both) add(ip6, nodePort)
    }
    if (nodePort !== undefined && chance(30)) add('127.0.0.1', nodePort)
  }
  if (service.ip !== 'None' && chance(20)) found.push(`${service.ip}:81`)
  const pod = pick(pods.filter(({ app }) => app !== undefined))
  if (chance(20) && !pod.host) found.push(`${addressOf(pods, pod)}:${pod.port}`)
  return found
}

/** An address and a port, as a URL has them. */
const at = (ip, port) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)

/** What hosts say of themselves by IPv6 at random times: see README.md, `chatter`. */
const DROP_CHATTER =
  'for t in 133 143; do for c in PREROUTING OUTPUT; do ip6tables -t raw -A $c -p icmpv6 --icmpv6-type $t -j DROP; done; done'

/** host-local gives addresses in the order in which pods come: that of the file. */
function addressOf(pods, pod) {
  const before = pods.filter(({ node, host }) => node === pod.node && !host)
  return `${pod.node.cidr}.${2 + before.indexOf(pod)}`
}

function flowOf(i, pods, targets, { pick, chance }) {
  const inside = pods
    .filter(({ host, gone }) => !host && !gone)
    .map(({ name, node }) => `${node.name}/${name}`)
  const place = chance(55) ? pick(inside) : chance(50) ? pick(NODES).name : 'client'
  const wanted = targets.filter((to) => !to.startsWith('127.') || NODES.some(({ name }) => name === place))
  const to = pick(wanted)
  const source =
    place === 'client' && !to.startsWith('[') && chance(40) ? ` --interface ${pick(OUTSIDE)}` : ''
  const ask = (target, from = '') => {
    const [, ip, port] = /^\[?(.*?)\]?:(\d+)(?:\/udp)?$/.exec(target)
    if (target.endsWith('/udp')) return `echo x | nc -u -w 1 ${ip} ${port}`
    return chance(6) ? `ping -c 1 -W 1 ${ip}` : `curl -s -m 1.5${from} http://${target}/`
  }
  const once = ask(to, source)
  const cmd = chance(35) ? `${once} ; ${once}${chance(50) ? ` ; ${ask(pick(wanted))}` : ''}` : once
  return { name: `${i} ${place} ${cmd}`, at: place, cmd, states: ['cold'] }
}

function textOf(pods, services, { pick, chance }, both) {
  // Frames that a bridge hands on pass no rules; pods do not get what they sent themselves; all that a Service gets is masqueraded.
  const apart = chance(12) ? ['sysctl -w net.bridge.bridge-nf-call-iptables=0'] : []
  const hairpin = !chance(15)
  const proxy = chance(15) ? [PROXY] : []
  const forwards = `sysctl -w net.ipv4.ip_forward=1${both ? ' net.ipv6.conf.all.forwarding=1' : ''}`
  const ways = [...BALANCED, ...EXTERNAL].map((ip) => `ip route add ${ip} via ${pick(NODES).ip}`)
  const six = (...lines) => (both ? lines : [])
  const node = ({ name, ip, ip6, cidr, cidr6 }) =>
    machine(name, [
      `ip addr add ${ip}/24 dev eth0`,
      `ip route add default via ${GATEWAY}`,
      ...six(`ip addr add ${ip6}/64 dev eth0 nodad`, `ip route add default via ${GATEWAY6}`),
      forwards,
      ...apart,
      ...six('mkdir -p /etc/cni/net.d', conflist(cidr, cidr6, hairpin)),
    ]).replace('kind: linux\n', 'kind: linux\n      labels: {kubehop.dev/node: worker}\n')
  const gateway = machine('gateway', [
    `ip addr add ${GATEWAY}/24 dev eth0`,
    'ip addr add 203.0.113.1/24 dev eth1',
    ...six(`ip addr add ${GATEWAY6}/64 dev eth0 nodad`, 'ip addr add 2001:db8::1/64 dev eth1 nodad'),
    forwards,
    'sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0',
    ...NODES.map(({ ip, cidr }) => `ip route add ${cidr}.0/24 via ${ip}`),
    ...ways,
    ...six(
      ...NODES.map(({ ip6, cidr6 }) => `ip route add ${cidr6}/64 via ${ip6}`),
      ...EXTERNAL6.map((ip) => `ip route add ${ip} via ${pick(NODES).ip6}`),
    ),
  ])
  const client = machine('client', [
    ...six('sysctl -w net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0'),
    ...OUTSIDE.map((ip) => `ip addr add ${ip}/24 dev eth0`),
    'ip route add default via 203.0.113.1',
    ...six('ip addr add 2001:db8::9/64 dev eth0 nodad', 'ip route add default via 2001:db8::1'),
  ])
  return [
    `name: random
topology:
  nodes:
${NODES.map(node).join('')}    lan:
      kind: bridge
${gateway}${client}  links:
    - endpoints: ["node1:eth0", "lan:lan-node1"]
    - endpoints: ["node2:eth0", "lan:lan-node2"]
    - endpoints: ["gateway:eth0", "lan:lan-gateway"]
    - endpoints: ["gateway:eth1", "client:eth0"]
`,
    clusterText(both, hairpin),
    ...proxy,
    ...NODES.map((one) => nodeText(one, both)),
    ...pods.map((pod) => podText(pod, both)),
    ...services.map(serviceText),
    ...six(LESSON),
  ].join('---\n')
}

/** A machine and what it types at boot; a line of several is a block. */
function machine(name, exec) {
  const shown = exec.map((line) => {
    const [first, ...rest] = line.split('\n')
    return rest.length === 0 ? `        - ${first}\n` : `        - |\n${line.replace(/^/gm, '          ')}\n`
  })
  return `    ${name}:\n      kind: linux\n      exec:\n${shown.join('')}`
}

const LESSON = `apiVersion: kubehop.dev/v1
kind: Lesson
metadata: {name: random}
spec: {ipv6: true, title: {en: random}}
`

/** The plugins of a node of both families. */
function conflist(cidr, cidr6, hairpin) {
  const ranges = [[{ subnet: `${cidr}.0/24` }], [{ subnet: `${cidr6}/64` }]]
  const ipam = { type: 'host-local', ranges, routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] }
  const bridge = { type: 'bridge', bridge: 'cbr0', isGateway: true, hairpinMode: hairpin, ipam }
  const plugins = [bridge, { type: 'portmap', capabilities: { portMappings: true } }]
  const text = JSON.stringify({ cniVersion: '1.0.0', name: 'cbr0', plugins })
  return `cat > /etc/cni/net.d/10-cbr0.conflist <<'END'\n${text}\nEND`
}

const clusterText = (both, hairpin) => `apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: ${both ? '{podSubnet: "10.0.0.0/14,fd00::/24", serviceSubnet: "10.3.240.0/20,fd01:96::/112"}' : '{podSubnet: 10.0.0.0/14, serviceSubnet: 10.3.240.0/20}'}
dns: {disabled: true}
controllerManager:
  extraArgs: [{name: kubehop-load-balancer-addresses, value: "${BALANCED.join(',')}"}]
${both ? '' : plugins(hairpin)}`

const plugins = (hairpin) => `---
cniVersion: "1.0.0"
name: cbr0
plugins:
  - type: bridge
    bridge: cbr0
    isGateway: true
    hairpinMode: ${hairpin}
    ipam: {type: host-local, subnet: "{{.PodCIDR}}", routes: [{dst: 0.0.0.0/0}]}
  - type: portmap
    capabilities: {portMappings: true}
`

const PROXY = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
iptables: {masqueradeAll: true}
`

const nodeText = ({ name, cidr, cidr6 }, both) => `apiVersion: v1
kind: Node
metadata: {name: ${name}}
spec: {podCIDR: ${cidr}.0/24${both ? `, podCIDRs: [${cidr}.0/24, "${cidr6}/64"]` : ''}}
`

function podText({ name, node, app, host, port, hostPort }, both) {
  const said = `echo ${name} > index.html; python -m SimpleHTTPServer ${port}`
  const command = app === undefined ? 'sleep 1000000' : said
  const exposed = hostPort === undefined ? '' : `, hostPort: ${hostPort}`
  const ports = app === undefined ? '' : `      ports: [{name: web, containerPort: ${port}${exposed}}]\n`
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}${app === undefined ? '' : `, labels: {app: ${app}}`}}
spec:
  nodeName: ${node.name}
${host === true ? '  hostNetwork: true\n' : ''}  containers:
    - name: main
${both && app !== undefined ? '      image: nginx\n' : `      image: python:2.7\n      command: ["/bin/bash", "-c", "${command}"]\n`}${ports}`
}

function serviceText(service) {
  const { name, type, ip, app, ports } = service
  const lines = ports.map(
    (port) =>
      `    - {name: ${port.name}, port: ${port.port}, protocol: ${port.protocol}, targetPort: ${port.targetPort}${port.nodePort === undefined ? '' : `, nodePort: ${port.nodePort}`}}\n`,
  )
  const field = (key, value) => (value === undefined ? '' : `  ${key}: ${value}\n`)
  return `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  type: ${type}
  clusterIP: ${ip}
${service.ip6 === undefined ? '' : `  clusterIPs: [${ip}, "${service.ip6}"]\n  ipFamilyPolicy: RequireDualStack\n`}  selector: {app: ${app}}
${field('externalTrafficPolicy', service.external)}${field('internalTrafficPolicy', service.internal)}${field('sessionAffinity', service.affinity && 'ClientIP')}${field('externalIPs', service.externalIPs && JSON.stringify(service.externalIPs))}${field('loadBalancerIP', service.balanced)}${field('loadBalancerSourceRanges', service.ranges && `[${[...new Set(service.ranges)].join(', ')}]`)}  ports:
${lines.join('')}`
}

async function main() {
  const options = { seed: 1, count: 10, keep: '', print: false }
  for (let i = 2; i < process.argv.length; i++) {
    const name = process.argv[i].replace(/^--/, '')
    if (name === 'print') options.print = true
    else if (name === 'keep') options.keep = process.argv[++i]
    else if (name === 'seed' || name === 'count') options[name] = Number(process.argv[++i])
    else throw new Error(`what is ${process.argv[i]}? --seed N --count K --keep DIR --print`)
  }
  if (options.print) {
    const { text, ...rest } = randomCluster(options.seed)
    return console.log(text, rest)
  }
  if (!existsSync(oracle)) return console.log('skipped: ../shared/oracle is not here')
  const base = options.keep === '' ? mkdtempSync(join(tmpdir(), 'kernel-')) : options.keep
  const program = await bundleSim(base)
  let next = options.seed
  let passed = 0
  let failed = 0
  const work = async () => {
    while (next < options.seed + options.count) {
      const seed = next++
      const results = await compareGroup(program, randomCluster(seed), join(base, `seed${seed}`)).catch(
        (e) => e,
      )
      const list = results instanceof Error ? [{ flow: { name: '' }, text: results.message }] : results
      const bad = list.filter(({ text }) => text !== '')
      passed += list.length - bad.length
      failed += bad.length
      for (const { flow, text } of bad) console.log(`DIFF seed ${seed}: ${flow.name}\n${text}\n`)
      if (bad.length > 0) console.log(`  node e2e/kernel/random-cluster.mjs --seed ${seed} --count 1\n`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  if (options.keep === '') rmSync(base, { recursive: true, force: true })
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

if (process.argv[1]?.endsWith('random-cluster.mjs')) await main()
