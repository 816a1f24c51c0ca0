// Rewind over a cluster while it rolls: random seeks find the hashes of the straight run, agents and all.
// More of them: SEEKS=1000 npx vitest run src/session/rewind-cluster.slow.test.ts
import { expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import { apiList } from '../kube/api/local.ts'
import type { Pod } from '../kube/objects.ts'
import { straightHashes, straightRun } from './random-run.fixture.ts'
import { testHost } from './clock.ts'
import type { LocalSession } from './local.ts'
import { createLabSession } from './standard.ts'

const SEEKS = Number(process.env.SEEKS ?? 200)
const SEED = 7

/** Two nodes and a gateway; the Deployment's image and size, and the DaemonSet's image, are what people change. */
function clusterText(image: string, replicas: number, daemon: string): string {
  const template = (app: string, name: string, probe: string) =>
    `    metadata: {labels: {app: ${app}}}
    spec:
      containers:
        - {name: c, image: "${name}"${probe}}
`
  return `name: rolling
topology:
  nodes:
    node1:
      kind: linux
      labels: {kubehop.dev/node: worker}
      exec: [ip addr add 10.100.0.2/24 dev eth0, ip route add 10.244.1.0/24 via 10.100.0.3]
    node2:
      kind: linux
      labels: {kubehop.dev/node: worker}
      exec: [ip addr add 10.100.0.3/24 dev eth0, ip route add 10.244.0.0/24 via 10.100.0.2]
  links:
    - endpoints: ["node1:eth0", "node2:eth0"]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.244.0.0/16}
---
cniVersion: 1.0.0
name: cbr0
plugins:
  - type: bridge
    bridge: cbr0
    isGateway: true
    ipam: {type: host-local, ranges: [[{subnet: "{{.PodCIDR}}"}]]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.0.80, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
${template('web', image, ', readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}')}---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
${template('agent', daemon, '')}`
}

/** Somebody rolls images and sizes while a client asks the Service; a branch is left and another begun. */
function playRollouts(): LocalSession {
  const host = testHost(0.5)
  const session = createLabSession(host)
  const opened = session.open(clusterText('nginx:1.25', 3, 'nginx:1.25'), SEED)
  if (!opened.ok) throw new Error(`the lab was refused: ${opened.diagnostics[0]?.message}`)
  const rng = createRng(SEED, 11)
  const tty = session.openTerminal('node1')
  session.type(tty, 'while true; do curl -s -m 1 10.96.0.80; sleep 0.3; done\r')
  session.setSpeed(6)
  for (let i = 0; i < 8; i++) {
    const applied = session.apply(
      clusterText(`nginx:1.${20 + nextBelow(rng, 6)}`, 1 + nextBelow(rng, 5), `nginx:1.${20 + (i % 3)}`),
    )
    if (!applied.ok) throw new Error(`the change was refused: ${applied.diagnostics[0]?.message}`)
    session.play()
    host.advance(60 + nextBelow(rng, 120))
    session.pause()
    host.clear()
    if (i === 4) session.seek(session.state().headEvent - 100)
  }
  session.seek(session.state().headEvent)
  return session
}

it(`${SEEKS} random seeks during rollouts`, () => {
  const session = playRollouts()
  const { frozen, headEvent } = session.state()
  expect(frozen).toBeNull()
  const rng = createRng(SEED, 12)
  const first = session.seek(0).event
  const events = Array.from({ length: SEEKS }, () => first + nextBelow(rng, headEvent - first + 1))
  session.seek(headEvent)
  const reproduction = session.reproduction()
  const sorted = [...new Set([...events, headEvent])].sort((a, b) => a - b)
  const hashes = straightHashes(reproduction, sorted)
  const wanted = new Map(sorted.map((event, at) => [event, hashes[at]]))
  expect(session.stateHash()).toBe(wanted.get(headEvent))
  for (const event of events) {
    session.seek(event)
    expect(session.stateHash(), `SEEKS=${SEEKS}: event ${event}`).toBe(wanted.get(event))
  }
  // It was a cluster at work, not an empty one.
  const world = straightRun(reproduction, headEvent)
  const pods = apiList<Pod>(world, 'pods', { namespace: 'default' })
  expect(pods.filter(({ status }) => status?.phase === 'Running').length).toBeGreaterThan(1)
  expect(apiList(world, 'replicasets.apps').length).toBeGreaterThan(2)
  expect(headEvent - first).toBeGreaterThan(3000)
}, 600_000)
