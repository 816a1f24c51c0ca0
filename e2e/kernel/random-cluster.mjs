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

const AT_ONCE = 3
const FLOWS = 8

const GATEWAY = '10.100.0.1'
const OUTSIDE = ['203.0.113.9', '203.0.113.20']
const NODES = [
  { name: 'node1', ip: '10.100.0.2', cidr: '10.0.1' },
  { name: 'node2', ip: '10.100.0.3', cidr: '10.0.2' },
]
/** What is outside the cluster and leads to a node. */
const BALANCED = ['35.184.97.10', '35.184.97.11', '35.184.97.12', '35.184.97.13']
const EXTERNAL = ['198.51.100.7', '198.51.100.8']
const RANGES = ['203.0.113.8/29', '203.0.113.0/24', '10.0.0.0/14', '10.100.0.2/32', '0.0.0.0/0']

/** A cluster and its flows, as compareGroup takes them. */
export function randomCluster(seed, { flows = FLOWS } = {}) {
  const below = randomFrom(seed)
  const draw = { below, chance: (percent) => below(100) < percent, pick: (list) => list[below(list.length)] }
  const pods = podsOf(draw)
  const services = Array.from({ length: 3 + below(4) }, (_, i) => serviceOf(draw, i, pods))
  const prepare = []
  for (const pod of pods) {
    if (pod.app !== undefined && draw.chance(12))
      prepare.push(`node1: kubectl delete pod ${pod.name} --wait=false`)
  }
  if (prepare.length > 0) prepare.push('node1: sleep 3')
  const targets = services.flatMap((service) => targetsOf(service, pods, draw))
  for (const { node, hostPort } of pods) {
    if (hostPort !== undefined) targets.push(`${node.ip}:${hostPort}`, `${draw.pick(NODES).ip}:${hostPort}`)
  }
  const nodePorts = services.flatMap(({ ports }) => ports.map(({ nodePort }) => nodePort))
  return {
    lab: `random cluster ${seed}`,
    text: textOf(pods, services, draw),
    standIns: true,
    // A pod that ends goes on serving meanwhile; what comes later is no flow's.
    prepare,
    ports: [8080, 8081, 9090, ...nodePorts],
    wait: 3,
    flows: Array.from({ length: flows }, (_, i) => flowOf(i, pods, targets, draw)),
  }
}

/** One pod a node to ask from, and some that serve: on a node, in its network, with a host port. */
function podsOf({ below, chance, pick }) {
  const pods = NODES.map((node, i) => ({ name: `asker${i + 1}`, node }))
  const count = 2 + below(4)
  for (let i = 0; i < count; i++) {
    const host = chance(15) && !pods.some((pod) => pod.host === true)
    const pod = { name: `web-${i}`, node: pick(NODES), app: pick(['a', 'b', 'c']), host }
    pod.port = host ? 9090 : pick([8080, 80])
    if (!host && chance(25)) pod.hostPort = 8100 + i
    pods.push(pod)
  }
  return pods
}

const NAMES = ['http', 'alt']

function serviceOf({ below, chance, pick }, i, pods) {
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
  if (service.ip !== 'None' && chance(20)) service.externalIPs = [EXTERNAL[below(2)]]
  if (type === 'LoadBalancer') {
    service.balanced = BALANCED[i % BALANCED.length]
    if (chance(60)) service.ranges = [pick(RANGES), ...(chance(30) ? [pick(RANGES)] : [])]
  }
  return service
}

/** Addresses and ports at which a Service may be asked, and some at which it may not. */
function targetsOf(service, pods, { pick, chance }) {
  const found = []
  for (const { port, nodePort, protocol } of service.ports) {
    const add = (ip, at) => found.push(`${ip}:${at}${protocol === 'UDP' ? '/udp' : ''}`)
    if (service.ip !== 'None') for (let n = 0; n < 2; n++) add(service.ip, port)
    for (const ip of service.externalIPs ?? []) add(ip, port)
    if (service.balanced !== undefined) add(service.balanced, port)
    if (nodePort !== undefined) for (const { ip } of NODES) add(ip, nodePort)
    if (nodePort !== undefined && chance(30)) add('127.0.0.1', nodePort)
  }
  if (service.ip !== 'None' && chance(20)) found.push(`${service.ip}:81`)
  const pod = pick(pods.filter(({ app }) => app !== undefined))
  if (chance(20) && !pod.host) found.push(`${addressOf(pods, pod)}:${pod.port}`)
  return found
}

/** host-local gives addresses in the order in which pods come: that of the file. */
function addressOf(pods, pod) {
  const before = pods.filter(({ node, host }) => node === pod.node && !host)
  return `${pod.node.cidr}.${2 + before.indexOf(pod)}`
}

function flowOf(i, pods, targets, { pick, chance }) {
  const inside = pods.filter(({ host }) => !host).map(({ name, node }) => `${node.name}/${name}`)
  const at = chance(55) ? pick(inside) : chance(50) ? pick(NODES).name : 'client'
  const wanted = targets.filter((to) => !to.startsWith('127.') || NODES.some(({ name }) => name === at))
  const to = pick(wanted)
  const source = at === 'client' && chance(40) ? ` --interface ${pick(OUTSIDE)}` : ''
  const ask = (target, from = '') => {
    const [ip, port] = target.split(/[:/]/)
    if (target.endsWith('/udp')) return `echo x | nc -u -w 1 ${ip} ${port}`
    return chance(6) ? `ping -c 1 -W 1 ${ip}` : `curl -s -m 1.5${from} ${target}`
  }
  const once = ask(to, source)
  const cmd = chance(35) ? `${once} ; ${once}${chance(50) ? ` ; ${ask(pick(wanted))}` : ''}` : once
  return { name: `${i} ${at} ${cmd}`, at, cmd, states: ['cold'] }
}

function textOf(pods, services, { pick, chance }) {
  // Frames that a bridge hands on pass no rules; pods do not get what they sent themselves; all that a Service gets is masqueraded.
  const apart = chance(12) ? '        - sysctl -w net.bridge.bridge-nf-call-iptables=0\n' : ''
  const hairpin = !chance(15)
  const proxy = chance(15) ? [PROXY] : []
  const node = ({ name, ip }) => `    ${name}:
      kind: linux
      labels: {kubehop.dev/node: worker}
      exec:
        - ip addr add ${ip}/24 dev eth0
        - ip route add default via ${GATEWAY}
        - sysctl -w net.ipv4.ip_forward=1
${apart}`
  const ways = [...BALANCED, ...EXTERNAL].map((ip) => `        - ip route add ${ip} via ${pick(NODES).ip}\n`)
  return [
    `name: random
topology:
  nodes:
${NODES.map(node).join('')}    lan:
      kind: bridge
    gateway:
      kind: linux
      exec:
        - ip addr add ${GATEWAY}/24 dev eth0
        - sysctl -w net.ipv4.ip_forward=1
        - sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
        - ip addr add 203.0.113.1/24 dev eth1
${NODES.map(({ ip, cidr }) => `        - ip route add ${cidr}.0/24 via ${ip}\n`).join('')}${ways.join('')}    client:
      kind: linux
      exec:
${OUTSIDE.map((ip) => `        - ip addr add ${ip}/24 dev eth0\n`).join('')}        - ip route add default via 203.0.113.1
  links:
    - endpoints: ["node1:eth0", "lan:lan-node1"]
    - endpoints: ["node2:eth0", "lan:lan-node2"]
    - endpoints: ["gateway:eth0", "lan:lan-gateway"]
    - endpoints: ["gateway:eth1", "client:eth0"]
`,
    CLUSTER.replace('HAIRPIN', String(hairpin)),
    ...proxy,
    ...NODES.map(({ name, cidr }) => nodeText(name, cidr)),
    ...pods.map(podText),
    ...services.map(serviceText),
  ].join('---\n')
}

const CLUSTER = `apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.0.0.0/14, serviceSubnet: 10.3.240.0/20}
dns: {disabled: true}
controllerManager:
  extraArgs: [{name: kubehop-load-balancer-addresses, value: "${BALANCED.join(',')}"}]
---
cniVersion: "1.0.0"
name: cbr0
plugins:
  - type: bridge
    bridge: cbr0
    isGateway: true
    hairpinMode: HAIRPIN
    ipam: {type: host-local, subnet: "{{.PodCIDR}}", routes: [{dst: 0.0.0.0/0}]}
  - type: portmap
    capabilities: {portMappings: true}
`

const PROXY = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
iptables: {masqueradeAll: true}
`

const nodeText = (name, cidr) => `apiVersion: v1
kind: Node
metadata: {name: ${name}}
spec: {podCIDR: ${cidr}.0/24}
`

function podText({ name, node, app, host, port, hostPort }) {
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
      image: python:2.7
      command: ["/bin/bash", "-c", "${command}"]
${ports}`
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
  selector: {app: ${app}}
${field('externalTrafficPolicy', service.external)}${field('internalTrafficPolicy', service.internal)}${field('sessionAffinity', service.affinity && 'ClientIP')}${field('externalIPs', service.externalIPs && `[${service.externalIPs}]`)}${field('loadBalancerIP', service.balanced)}${field('loadBalancerSourceRanges', service.ranges && `[${[...new Set(service.ranges)].join(', ')}]`)}  ports:
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
