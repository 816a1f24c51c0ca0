// Scenario 3.1 on the page: ADD and DEL as steps, each at a moment of its own, and the network as it was between two of them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { testHost } from './clock.ts'
import { createLabSession } from './standard.ts'

const LAB = readFileSync(
  join(import.meta.dirname, '..', '..', 'public', 'labs', '3.1-cni-add-del.yaml'),
  'utf8',
)

type Session = ReturnType<typeof createLabSession>

function open(host = testHost(0)): Session {
  const session = createLabSession(host)
  expect(session.open(LAB, 1).ok).toBe(true)
  return session
}

/** Makes the lab what the text says and runs it until the network of `probe` has told this. */
function applyUntil(session: Session, text: string, told: string): void {
  session.step('event', 1)
  expect(session.apply(text).ok).toBe(true)
  const ends = () => session.podNetwork('default', 'probe').at(-1)?.steps.at(-1)?.what.key
  for (let i = 0; i < 5_000 && ends() !== `cni.${told}`; i++) session.step('event', 1)
  expect(ends()).toBe(`cni.${told}`)
}

/** `[KEY, ARGS]` of each step of a pod's calls. */
function stepsOf(calls: ReturnType<Session['podNetwork']>) {
  const steps = calls.flatMap((call) => call.steps)
  return steps.map(({ what }) => [what.key.replace('cni.', ''), what.args])
}

const PROBE = `---
apiVersion: v1
kind: Pod
metadata: {name: probe}
spec:
  nodeName: node1
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: nginx}]
`

it('tells ADD and DEL in order, with what the plugins read and answered', () => {
  const session = open()
  applyUntil(session, LAB + PROBE, 'pause')
  const made = session.podNetwork('default', 'probe')
  expect(made.map(({ node, command, plugin }) => `${node} ${command} ${plugin}`)).toEqual([
    'node1 ADD ',
    'node1 ADD bridge',
    'node1 ADD host-local',
    'node1 ADD bridge',
    'node1 ADD ',
  ])
  const path = made[0]?.steps[0]?.what.args.path ?? ''
  expect(path).toMatch(/^\/var\/run\/netns\/cni-[0-9a-f-]{36}$/)
  const answer = JSON.parse(made[3]?.stdout ?? '')
  const veth = answer.interfaces[1].name
  const chain = made[3]?.steps.find(({ what }) => what.key === 'cni.masq')?.what.args.chain
  expect(chain).toMatch(/^CNI-[0-9a-f]{24}$/)
  expect(stepsOf(made)).toEqual([
    ['netns', { runtime: 'containerd', path }],
    ['exec', { path: '/opt/cni/bin/bridge' }],
    ['bridgeThere', { bridge: 'cbr0' }],
    ['veth', { veth, ifname: 'eth0' }],
    ['port', { veth, bridge: 'cbr0' }],
    ['ipam', { address: '10.244.1.3/24' }],
    ['addr', { address: '10.244.1.3/24', ifname: 'eth0' }],
    ['route', { dst: '0.0.0.0/0', via: '10.244.1.1', ifname: 'eth0' }],
    ['gatewayThere', { address: '10.244.1.1/24', bridge: 'cbr0' }],
    ['masq', { address: '10.244.1.3', chain }],
    ['answer', { code: '0' }],
    ['pause', { runtime: 'containerd' }],
  ])
  expect(JSON.parse(made[1]?.stdin ?? '')).toMatchObject({ name: 'bridge', bridge: 'cbr0', isGateway: true })
  expect(JSON.parse(made[2]?.stdout ?? '')).toMatchObject({ ips: [{ address: '10.244.1.3/24' }] })
  expect(answer).toMatchObject({
    cniVersion: '1.0.0',
    interfaces: [{ name: 'cbr0' }, {}, { name: 'eth0', sandbox: path }],
    ips: [{ interface: 2, address: '10.244.1.3/24', gateway: '10.244.1.1' }],
    routes: [{ dst: '0.0.0.0/0' }],
  })
  applyUntil(session, LAB, 'netnsGone')
  expect(stepsOf(session.podNetwork('default', 'probe').slice(made.length))).toEqual([
    ['exec', { path: '/opt/cni/bin/bridge' }],
    ['release', { address: '10.244.1.3', file: '/var/lib/cni/networks/bridge/10.244.1.3' }],
    ['unlink', { ifname: 'eth0' }],
    ['unmasq', { chain }],
    ['answer', { code: '0' }],
    ['netnsGone', { runtime: 'containerd', path }],
  ])
})

it('goes back to the moment of each step, and the network is as it was there', () => {
  const session = open()
  applyUntil(session, LAB + PROBE, 'pause')
  applyUntil(session, LAB, 'netnsGone')
  const seen = session
    .podNetwork('default', 'probe')
    .flatMap((call) => call.steps)
    .filter(({ what }) => !['cni.exec', 'cni.answer', 'cni.pause'].includes(what.key))
    .map(({ at, what }) => {
      session.seekTime(at)
      return `${what.key}: ${stateOf(session)}`
    })
  expect(seen).toEqual([
    'cni.netns: lo',
    'cni.bridgeThere: lo',
    'cni.veth: lo, eth0; veth',
    'cni.port: lo, eth0; veth on cbr0',
    'cni.ipam: lo, eth0; veth on cbr0',
    'cni.addr: lo, eth0 10.244.1.3/24; veth on cbr0',
    'cni.route: lo, eth0 10.244.1.3/24; veth on cbr0; default',
    'cni.gatewayThere: lo, eth0 10.244.1.3/24; veth on cbr0; default',
    'cni.masq: lo, eth0 10.244.1.3/24; veth on cbr0; default; masquerade',
    'cni.release: lo, eth0 10.244.1.3/24; veth on cbr0; default; masquerade',
    'cni.unlink: lo; masquerade',
    'cni.unmasq: lo',
    'cni.netnsGone: ',
  ])
})

it('says what the shown step of a pod’s network is, and that another moment has none', () => {
  const host = testHost(0)
  const session = open(host)
  applyUntil(session, LAB + PROBE, 'pause')
  const steps = session.podNetwork('default', 'probe').flatMap((call) => call.steps)
  const told = (seek: () => void) => {
    host.clear()
    seek()
    const { room, steps: said } = host.of('now').at(-1) ?? { room: 'none', steps: [] }
    return [room, ...said.map(({ sentence }) => sentence.key)]
  }
  const port = steps.find(({ what }) => what.key === 'cni.port')
  const at = () => session.seekTime(port?.at ?? 0)
  expect(told(at)).toEqual(['node1', 'cni.ADD', 'cni.port'])
  const { steps: said } = host.of('now').at(-1) ?? { steps: [] }
  expect(said.map(({ sentence }) => sentence.args)).toEqual([{ owner: 'default/probe' }, port?.what.args])
  // The event before is another step of it or none; at the very first moment there is nothing to tell.
  expect(told(() => session.seek(0))).toEqual([''])
})

/** What stands of the pod's network at the shown moment. */
function stateOf(session: Session): string {
  const [room, root] = ['node1.probe', 'node1'].map((id) =>
    session
      .scene()
      .machines.flatMap(({ rooms }) => rooms)
      .find((one) => one.id === id),
  )
  if (room === undefined || root === undefined) return ''
  const ports = room.ports.map(({ name, addrs }) =>
    [name, ...addrs.filter((addr) => addr.startsWith('10.'))].join(' '),
  )
  const others = root.ports.filter(({ name }) => name.startsWith('veth')).slice(1)
  const cables = others.map(({ master }) => (master === '' ? 'veth' : `veth on ${master.split('/').at(-1)}`))
  const tables = (id: string) => session.inspect(id).tables
  const texts = (id: string, table: string) =>
    tables(id)
      .find((one) => one.id === table)
      ?.rows.map(({ cells }) => cells.join(' ')) ?? []
  const routed = texts(room.id, 'route').some((row) => row.startsWith('default'))
  const masked = texts('node1', 'nat').filter((row) => /CNI-[0-9a-f]{24}/.test(row)).length > 3
  return [
    ports.join(', '),
    ...cables,
    ...(routed ? ['default'] : []),
    ...(masked ? ['masquerade'] : []),
  ].join('; ')
}
