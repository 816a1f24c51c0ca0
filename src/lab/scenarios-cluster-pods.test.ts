// Labs 2.6, 3.1, 3.4, 3.8, 4.9, 4.10 and 4.11, run headless: each line under *shows*.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkResults, mendAll, said, savedRules } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

function openLab(file: string, edit: (text: string) => string = (text) => text): Scenario {
  const path = join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`)
  return openScenario(edit(readFileSync(path, 'utf8')))
}

/** Every check of the lesson holds from the start. */
function checksHold(lab: Scenario): void {
  const results = checkResults(lab)
  expect(results).toEqual(results.map(() => true))
}

const WELCOME = 'Welcome to nginx!'

/** The events of one object, `REASON MESSAGE`. */
function events(lab: Scenario, name: string): string[] {
  const path = '{range .items[*]}{.reason} {.message}{"\\n"}{end}'
  const text = said(
    lab,
    `node1: kubectl get events --field-selector involvedObject.name=${name} -o jsonpath='${path}'`,
  )
  return text.split('\n')
}

describe('2.6 pause', () => {
  it('hangs the containers of a pod off one that sleeps', () => {
    const lab = openLab('2.6-pause')
    const names = said(lab, "node1: docker ps --format '{{.Names}}'").trim().split('\n')
    const uid = said(lab, "node1: kubectl get pod web -o jsonpath='{.metadata.uid}'")
    expect([...names].sort()).toEqual(['POD', 'side', 'web'].map((one) => `k8s_${one}_web_default_${uid}_0`))
    expect(said(lab, 'node1: docker ps')).toMatch(/"\/pause" .* k8s_POD_web_default_/)
    expect(said(lab, 'node1: docker ps')).toMatch(/ nginx +"\/docker-entrypoint\.…" .* k8s_web_web_default_/)
    expect(said(lab, 'node1: ps aux')).toContain(' /pause\n')
    // In cri-dockerd's words.
    const about = said(lab, 'node1: kubectl describe pod web')
    expect(about).toMatch(/Container ID: +docker:\/\/[0-9a-f]{64}\n/)
    expect(about).toMatch(/Image ID: +docker-pullable:\/\/nginx@sha256:[0-9a-f]{64}\n/)
    checksHold(lab)
  })

  it('starts its containers one after the other: an image is fetched when the one before is up', () => {
    const lab = openLab('2.6-pause')
    const path = '{range .items[*]}{.firstTimestamp} {.message}{"\\n"}{end}'
    const about = '--field-selector involvedObject.name=web'
    const told = said(lab, `node1: kubectl get events ${about} -o jsonpath='${path}'`).split('\n')
    const at = (what: string) => Date.parse(told.find((line) => line.endsWith(what))?.split(' ')[0] ?? '')
    const pulled = at('Pulling image "python:2.7"')
    expect(pulled).toBeGreaterThan(at('Pulling image "nginx"'))
    expect(pulled).toBeGreaterThanOrEqual(at('Started container web'))
    expect(at('Started container side')).toBeGreaterThan(pulled)
  })

  it('keeps the address when a container starts anew', () => {
    const lab = openLab('2.6-pause')
    const ip = () => said(lab, "node1: kubectl get pod web -o jsonpath='{.status.podIP}'")
    expect(ip()).toBe('10.244.0.2')
    const name = said(lab, "node1: docker ps --format '{{.Names}}'")
      .split('\n')
      .find((one) => one.startsWith('k8s_web_'))
    said(lab, `node1: docker stop ${name}`)
    lab.wait(60)
    expect(said(lab, "node1: docker ps --format '{{.Names}}'")).toMatch(/^k8s_web_web_default_.*_1$/m)
    expect(ip()).toBe('10.244.0.2')
    expect(said(lab, 'node1: curl -s 10.244.0.2')).toContain(WELCOME)
  })
})

describe('3.1 CNI ADD and DEL', () => {
  it('gives the pod a namespace, a cable, an address and a route', () => {
    const lab = openLab('3.1-cni-add-del')
    expect(said(lab, 'node1: kubectl get pod web -o wide')).toMatch(/ Running +0 .* 10\.244\.1\.2 +node1 /)
    expect(said(lab, 'node1/web: ip route')).toBe(
      'default via 10.244.1.1 dev eth0 \n10.244.1.0/24 dev eth0 proto kernel scope link src 10.244.1.2 \n',
    )
    const inside = /^([0-9]+): eth0@if([0-9]+): /m.exec(said(lab, 'node1/web: ip link'))
    expect(said(lab, 'node1: ip link')).toMatch(
      new RegExp(`^${inside?.[2]}: veth[0-9a-f]{8}@if${inside?.[1]}: .* master cbr0 state UP `, 'm'),
    )
    expect(said(lab, 'node1: ls /var/lib/cni/networks/bridge')).toBe('10.244.1.2\nlast_reserved_ip.0\nlock\n')
    expect(said(lab, 'node1: ip netns')).toMatch(/^cni-[0-9a-f-]{36}/m)
    expect(savedRules(lab, 'node1', 'nat').filter((rule) => rule.includes('-j CNI-'))).toHaveLength(1)
  })

  it('takes all of it back with the pod', () => {
    const lab = openLab('3.1-cni-add-del')
    said(lab, 'node1: kubectl delete pod web')
    lab.wait(5)
    expect(said(lab, 'node1: ls /var/lib/cni/networks/bridge')).toBe('last_reserved_ip.0\nlock\n')
    expect(said(lab, 'node1: ip -o link')).not.toContain('veth')
    expect(said(lab, 'node1: ip netns')).toBe('')
    expect(savedRules(lab, 'node1', 'nat').filter((rule) => rule.includes('CNI-'))).toEqual([])
  })

  it('answers an ADD by hand with its result, holds at a CHECK, and DEL frees the address', () => {
    const lab = openLab('3.1-cni-add-del')
    const ipam = { type: 'host-local', subnet: '10.244.1.0/24', routes: [{ dst: '0.0.0.0/0' }] }
    const conf = {
      cniVersion: '1.0.0',
      name: 'bridge',
      type: 'bridge',
      bridge: 'cbr0',
      isGateway: true,
      ipMasq: true,
      ipam,
    }
    const plugin = (verb: string, more = {}) =>
      said(
        lab,
        `node1: echo '${JSON.stringify({ ...conf, ...more })}' | CNI_COMMAND=${verb} CNI_CONTAINERID=probe CNI_NETNS=/var/run/netns/probe CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/bridge`,
      )
    said(lab, 'node1: ip netns add probe')
    const prevResult = JSON.parse(plugin('ADD'))
    expect(prevResult).toMatchObject({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'cbr0' }, {}, { name: 'eth0', sandbox: '/var/run/netns/probe' }],
      ips: [{ interface: 2, address: '10.244.1.3/24', gateway: '10.244.1.1' }],
      routes: [{ dst: '0.0.0.0/0' }],
    })
    expect(said(lab, 'node1: ip -n probe route')).toMatch(/^default via 10\.244\.1\.1 dev eth0 \n/)
    expect(said(lab, `node1: ip link show ${prevResult.interfaces[1].name}`)).toContain(
      ' master cbr0 state UP ',
    )
    expect(said(lab, 'node1: cat /var/lib/cni/networks/bridge/10.244.1.3')).toBe('probe\r\neth0')
    expect(plugin('CHECK', { prevResult })).toBe('')
    expect(plugin('DEL', { prevResult })).toBe('')
    expect(said(lab, 'node1: ls /var/lib/cni/networks/bridge')).not.toContain('10.244.1.3')
    expect(said(lab, 'node1: ip -n probe -br link')).toMatch(/^lo [^\n]*\n$/)
  })

  it('leaves a node without a configuration NotReady and its pods Pending', () => {
    const lab = openLab('3.1-cni-add-del')
    expect(said(lab, 'node1: kubectl get nodes')).toMatch(/^node1 +Ready .*\nnode2 +NotReady /m)
    expect(said(lab, 'node1: kubectl get pod waits')).toMatch(/^waits +0\/1 +Pending /m)
    expect(said(lab, 'node1: kubectl describe node node2')).toContain(
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
    )
    expect(checkResults(lab)).toEqual([true, false])
    mendAll(lab)
    lab.wait(60)
    expect(said(lab, 'node1: kubectl get nodes')).toMatch(/^node2 +Ready /m)
    expect(checkResults(lab)).toEqual([true, true])
  })

  it("says in kubelet's words what a plugin could not do", () => {
    const missing = openLab('3.1-cni-add-del', (text) => text.replace('"type": "bridge"', '"type": "calico"'))
    missing.wait(20)
    expect(said(missing, 'node1: kubectl get pod web')).toMatch(/^web +0\/1 +ContainerCreating /m)
    expect(events(missing, 'web')).toContainEqual(
      expect.stringMatching(
        /^FailedCreatePodSandBox Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "[0-9a-f]{64}": plugin type="calico" name="bridge" failed \(add\): failed to find plugin "calico" in path \[\/opt\/cni\/bin\]$/,
      ),
    )
    const full = openLab('3.1-cni-add-del', (text) =>
      text.replace('"subnet": "10.244.1.0/24"', '"subnet": "10.244.1.0/24", "rangeEnd": "10.244.1.1"'),
    )
    full.wait(20)
    expect(said(full, 'node1: kubectl get pod web')).toMatch(/^web +0\/1 +ContainerCreating /m)
    expect(events(full, 'web')).toContainEqual(
      expect.stringMatching(
        /^FailedCreatePodSandBox .*: failed to allocate for range 0: no IP addresses available in range set: 10\.244\.1\.1-10\.244\.1\.1$/,
      ),
    )
  })
})

describe('3.4 cbr0', () => {
  it('leads from pod to pod by three machines, without a rewritten address', () => {
    const lab = openLab('3.4-cbr0')
    said(lab, 'node1/blue: ping -c 1 10.0.2.2')
    lab.frames()
    expect(said(lab, 'node1/blue: ping -c 1 10.0.2.2')).toContain('ttl=61 ')
    const way = lab.frames().filter((frame) => frame.includes('icmp 8/0'))
    const at = (place: string, ttl: number) => `${place} 10.0.1.2 > 10.0.2.2 ttl ${ttl} icmp 8/0 seq 1`
    const expected = [
      at('node1.blue/eth0>', 64),
      at('node1/cbr0<', 64),
      at('node1/eth0>', 63),
      at('lan/lan-node1<', 63),
      at('lan/lan-gateway>', 63),
      at('gateway/eth0<', 63),
      at('gateway/eth0>', 62),
      at('lan/lan-gateway<', 62),
      at('lan/lan-node2>', 62),
      at('node2/eth0<', 62),
      at('node2/cbr0>', 61),
      at('node2.purple/eth0<', 61),
    ]
    expect(way.filter((frame) => !frame.includes('/veth'))).toEqual(expected)
    expect(way.filter((frame) => frame.includes('/veth'))).toHaveLength(2)
    checksHold(lab)
  })

  it('has a bridge and a range on each node, and routes at the gateway', () => {
    const lab = openLab('3.4-cbr0')
    expect(said(lab, 'node1: ip -4 -br addr show cbr0')).toContain(' 10.0.1.1/24 ')
    expect(said(lab, 'node2: ip -4 -br addr show cbr0')).toContain(' 10.0.2.1/24 ')
    expect(said(lab, 'gateway: ip route')).toContain(
      '10.0.1.0/24 via 10.100.0.2 dev eth0 \n10.0.2.0/24 via 10.100.0.3 dev eth0 \n',
    )
    expect(said(lab, "node1: kubectl get nodes -o jsonpath='{.items[*].spec.podCIDR}'")).toBe(
      '10.0.1.0/24 10.0.2.0/24',
    )
  })

  it('notices a node whose pods are in the range of the services', () => {
    const moved = (range: string) =>
      openLab('3.4-cbr0', (text) => text.replace('podCIDR: 10.0.2.0/24', `podCIDR: ${range}`))
    expect(checkResults(moved('10.3.241.0/24'))).toEqual([false, false, false])
    expect(checkResults(moved('10.3.239.0/24')).at(-1)).toBe(true)
  })
})

describe('3.8 localhost in a pod', () => {
  it('joins two containers by lo and one address', () => {
    const lab = openLab('3.8-pod-localhost')
    lab.frames()
    expect(said(lab, 'node1/pair: curl -s localhost:8000')).toBe('side\n')
    expect(lab.frames().filter((frame) => !frame.startsWith('node1.pair/lo'))).toEqual([])
    expect(said(lab, 'node1: kubectl exec pair -c side -- curl -s localhost:80')).toContain(WELCOME)
    expect(said(lab, 'node1: kubectl exec pair -c web -- curl -s localhost:8000')).toBe('side\n')
    checksHold(lab)
  })

  it('has each port once', () => {
    const lab = openLab('3.8-pod-localhost')
    lab.wait(60)
    expect(said(lab, 'node1: kubectl get pod twice')).toMatch(/^twice +1\/2 +CrashLoopBackOff +[1-9]/m)
    expect(said(lab, 'node1: kubectl logs twice -c second')).toContain(
      'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n',
    )
    expect(said(lab, 'node1/twice: curl -s localhost')).toContain(WELCOME)
    // The second one is up as long as nginx asks for its port: 2.5 s.
    const ends = "{.status.containerStatuses[?(@.name=='second')].lastState.terminated.REASON}"
    const seconds = ['startedAt', 'finishedAt'].map(
      (field) =>
        Date.parse(said(lab, `node1: kubectl get pod twice -o jsonpath="${ends.replace('REASON', field)}"`)) /
        1000,
    )
    expect([2, 3]).toContain(seconds[1]! - seconds[0]!)
  })
})

describe('4.9 hostNetwork', () => {
  it("has its node's address", () => {
    const lab = openLab('4.9-hostnetwork')
    expect(said(lab, 'node1: kubectl get pods -o wide')).toMatch(
      /^declared-\S+ +1\/1 +Running .* 10\.100\.0\.2 +node1 /m,
    )
    expect(said(lab, 'node2: ss -ltn')).toMatch(/ 0\.0\.0\.0:80 /)
    checksHold(lab)
  })

  it('leaves the second one Pending where the port is declared, and crashing where it is not', () => {
    const lab = openLab('4.9-hostnetwork')
    lab.wait(60)
    const pods = said(lab, 'node1: kubectl get pods')
    expect(pods).toMatch(/^declared-\S+ +0\/1 +Pending +0 /m)
    expect(pods).toMatch(/^undeclared-\S+ +1\/1 +Running +0 /m)
    const crashing = /^(undeclared-\S+) +0\/1 +CrashLoopBackOff +[1-9]/m.exec(pods)?.[1]
    expect(said(lab, `node1: kubectl logs ${crashing}`)).toContain(
      'bind() to 0.0.0.0:80 failed (98: Address already in use)',
    )
    const pending = /^(declared-\S+) +0\/1/m.exec(pods)?.[1] ?? ''
    expect(events(lab, pending)).toContainEqual(
      expect.stringContaining("1 node(s) didn't have free ports for the requested pod ports"),
    )
  })
})

describe('4.10 hostPort', () => {
  it('is a DNAT rule of the plugin portmap on the node', () => {
    const lab = openLab('4.10-hostport')
    expect(said(lab, 'node1: iptables -t nat -nL')).toMatch(/DNAT .* tcp dpt:81 to:10\.244\.0\.40:80\n/)
    expect(said(lab, 'node1: curl -s 10.244.0.40')).toContain(WELCOME)
    expect(said(lab, 'node1: curl -s 10.100.0.2:81')).toContain(WELCOME)
    lab.frames()
    expect(said(lab, 'client: curl -s 10.100.0.2:81')).toContain(WELCOME)
    expect(lab.frames()).toContain('node1.web/eth0< 203.0.113.9 > 10.244.0.40 ttl 62')
    expect(lab.type('client: curl -s -m 3 10.100.0.2:80').code).toBe(7)
    checksHold(lab)
  })
})

describe('4.11 five ports', () => {
  it('answers on each where it works, and nowhere else', () => {
    const lab = openLab('4.11-five-ports')
    checksHold(lab)
    const refused: [string, string][] = [
      ['client', '10.100.0.2:30080'],
      ['client', '10.100.0.2:80'],
      ['node1/client', '10.244.0.2:30080'],
      ['node1/client', '10.244.0.2:30001'],
      ['node1/client', '10.244.0.2:8081'],
    ]
    for (const [room, at] of refused)
      expect([at, lab.type(`${room}: curl -s -m 3 ${at}`).code]).toEqual([at, 7])
    // The cluster IP is for pods and nodes; from outside there is no such network, whatever the port.
    expect(lab.type('client: curl -s -m 3 10.96.0.80:30080').code).toBe(7)
    for (const at of ['10.96.0.80:30080', 'localhost:30001', 'localhost:8081', '10.244.0.2'])
      expect(said(lab, `node1: curl -s -m 3 ${at}`)).toContain(WELCOME)
    // Other ports of the cluster IP meet no rule: the packets go to the gateway, which knows no such network.
    for (const port of [80, 30001]) {
      lab.wait(30)
      expect(lab.type(`node1/client: curl -s -m 3 10.96.0.80:${port}`).code).toBe(7)
    }
    expect(said(lab, 'node1/client: curl -s 10.100.0.2:30001')).toContain(WELCOME)
    expect(said(lab, 'node1/client: curl -s 10.100.0.2:8081')).toContain(WELCOME)
  })
})
