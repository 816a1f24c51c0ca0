// CoreDNS beyond its cluster's network: it knows Services by a connection from its pod to the `kubernetes` Service.
// Words and times as plugin/kubernetes and plugin/ready of CoreDNS 1.11.3, client-go 0.29.3 and recorded logs have them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seek } from '../sim/timeline.ts'
import { hashOf } from './headless.ts'
import { said } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

const LAB = readFileSync(
  join(import.meta.dirname, '..', '..', 'public', 'labs', '7.1-ports.yaml'),
  'utf8',
).replace('dns:\n  disabled: true\n', '')
const NS = 'kubectl -n kube-system'
const REFLECTOR = 'plugin/kubernetes: pkg/mod/k8s.io/client-go@v0.29.3/tools/cache/reflector.go:229:'

/** The CoreDNS pod of node02: its name and its address. */
function podOf(lab: Scenario): { name: string; ip: string } {
  const all = said(lab, `pc: ${NS} get pods -l k8s-app=kube-dns -o wide --no-headers`).split('\n')
  const words = all.find((line) => line.includes(' node02 '))!.split(/ +/)
  return { name: words[0]!, ip: words[5]! }
}

const cut = (ip: string) => [
  `node02: iptables -I FORWARD -s ${ip} -p tcp --dport 6443 -j DROP`,
  `node02: iptables -I FORWARD -d ${ip} -p tcp --sport 6443 -j DROP`,
]

const ask = (lab: Scenario, ip: string, name: string) =>
  / status: (\w+)/.exec(
    lab.type(`node02: dig +tries=1 +timeout=1 @${ip} ${name}.default.svc.cluster.local`).stdout,
  )?.[1]

describe('CoreDNS and the API server', () => {
  it('are connected through the kubernetes Service', () => {
    const lab = openScenario(LAB)
    const { ip } = podOf(lab)
    expect(lab.type('node02: conntrack -L -p tcp --orig-dst 10.96.0.1').stdout).toMatch(
      new RegExp(
        `ESTABLISHED src=${ip} dst=10.96.0.1 sport=\\d+ dport=443 src=192.168.1.11 dst=192.168.1.13 sport=6443 `,
      ),
    )
    lab.steps()
    said(lab, 'pc: kubectl create service clusterip fresh --tcp=80')
    lab.wait(1)
    const frames = lab.frames()
    // The watch event on its way into the pod: the node gives it the cluster address back.
    expect(frames.some((one) => one.includes(` 10.96.0.1 > ${ip} `))).toBe(true)
    expect(ask(lab, ip, 'fresh')).toBe('NOERROR')
  })

  it('cut apart, the names stay as they were known; together again, the new ones come', () => {
    const lab = openScenario(LAB)
    const { name, ip } = podOf(lab)
    const logs = () => said(lab, `pc: ${NS} logs ${name}`)
    for (const line of cut(ip)) said(lab, line)
    said(lab, 'pc: kubectl create service clusterip fresh --tcp=80')
    said(lab, 'pc: kubectl delete service web')
    lab.wait(25)
    expect([ask(lab, ip, 'fresh'), ask(lab, ip, 'web')]).toEqual(['NXDOMAIN', 'NOERROR'])
    expect(logs()).not.toContain(REFLECTOR)
    lab.wait(25)
    const lost =
      'an error on the server ("unable to decode an event from the watch stream: http2: client connection lost") has prevented the request from succeeding'
    for (const kind of ['Namespace', 'Service', 'EndpointSlice']) {
      expect(logs()).toContain(`[INFO] ${REFLECTOR} watch of *v1.${kind} ended with: ${lost}\n`)
    }
    lab.wait(30)
    expect(logs()).toMatch(
      /\[ERROR\] .*Failed to watch \*v1\.Service: failed to list \*v1\.Service: Get "https:\/\/10\.96\.0\.1:443\/api\/v1\/services\?resourceVersion=\d+": dial tcp 10\.96\.0\.1:443: i\/o timeout\n/,
    )
    // It was ready once, and is not asked again.
    expect(said(lab, `pc: ${NS} get pod ${name}`)).toContain('1/1     Running   0')
    expect([ask(lab, ip, 'fresh'), ask(lab, ip, 'web')]).toEqual(['NXDOMAIN', 'NOERROR'])
    said(lab, 'node02: iptables -D FORWARD 1')
    said(lab, 'node02: iptables -D FORWARD 1')
    lab.wait(60)
    expect([ask(lab, ip, 'fresh'), ask(lab, ip, 'web')]).toEqual(['NOERROR', 'NXDOMAIN'])
  })

  it('without a way from the start, it waits 5 s, then says SERVFAIL and is not ready', () => {
    const lab = openScenario(LAB)
    for (const node of ['node01', 'node02'])
      said(lab, `${node}: iptables -I FORWARD -p tcp --dport 6443 -j DROP`)
    said(lab, 'controlplane: iptables -I INPUT -s 10.244.0.0/24 -p tcp --dport 6443 -j DROP')
    const before = podOf(lab).name
    said(lab, `pc: ${NS} delete pod ${before} --wait=false`)
    lab.wait(2)
    const list = said(lab, `pc: ${NS} get pods -l k8s-app=kube-dns -o wide --no-headers`).split('\n')
    const [name = '', ...words] = list.find((line) => line.includes('0/1'))!.split(/ +/)
    const ip = words[4]!
    expect(lab.type(`node02: dig +tries=1 +timeout=1 @${ip} web.default.svc.cluster.local`).stdout).toContain(
      'connection refused',
    )
    expect(said(lab, `node02: curl -s -w %{http_code} http://${ip}:8080/health`)).toBe('OK200')
    expect(said(lab, `node02: curl -s -w %{http_code} http://${ip}:8181/ready`)).toBe('kubernetes503')
    lab.wait(8)
    const logs = said(lab, `pc: ${NS} logs ${name}`).split('\n')
    const waits = '[INFO] plugin/kubernetes: waiting for Kubernetes API before starting server'
    expect(logs.filter((line) => line === waits)).toHaveLength(9)
    expect(logs).toContain('[INFO] plugin/ready: Still waiting on: "kubernetes"')
    const warned = logs.indexOf('[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API')
    expect(logs[warned + 1]).toBe('.:53')
    expect(ask(lab, ip, 'web')).toBe('SERVFAIL')
    lab.wait(28)
    expect(said(lab, `pc: ${NS} get pod ${name}`)).toContain('0/1     Running   0')
    expect(said(lab, `pc: ${NS} describe pod ${name}`)).toContain(
      'Readiness probe failed: HTTP probe failed with statuscode: 503',
    )
    const failed = `failed to list *v1.Namespace: Get "https://10.96.0.1:443/api/v1/namespaces?limit=500&resourceVersion=0": dial tcp 10.96.0.1:443: i/o timeout`
    expect(said(lab, `pc: ${NS} logs ${name}`)).toContain(
      `[INFO] ${REFLECTOR} ${failed}\n[ERROR] ${REFLECTOR} Failed to watch *v1.Namespace: ${failed}\n`,
    )
    for (const node of ['node01', 'node02']) said(lab, `${node}: iptables -D FORWARD 1`)
    said(lab, 'controlplane: iptables -D INPUT 1')
    lab.wait(60)
    expect(said(lab, `pc: ${NS} get pod ${name}`)).toContain('1/1     Running   0')
    expect(ask(lab, ip, 'web')).toBe('NOERROR')
  })

  it('that comes to verify pods watches them too', () => {
    const lab = openScenario(LAB)
    const { ip } = podOf(lab)
    const web = said(lab, 'pc: kubectl get pods -l app=web -o jsonpath={.items[0].status.podIP}')
    const name = (text: string) => `${text.replaceAll('.', '-')}.default.pod.cluster.local`
    const status = (text: string) =>
      / status: (\w+)/.exec(lab.type(`node02: dig +tries=1 +timeout=1 @${ip} ${name(text)}`).stdout)?.[1]
    expect([status(web), status('10.244.9.9')]).toEqual(['NOERROR', 'NOERROR'])
    said(
      lab,
      `pc: ${NS} get configmap coredns -o yaml > c.yaml; sed -i 's/pods insecure/pods verified/' c.yaml; kubectl apply -f c.yaml`,
    )
    lab.wait(110)
    expect([status(web), status('10.244.9.9')]).toEqual(['NOERROR', 'NXDOMAIN'])
    said(lab, 'pc: kubectl scale deployment web --replicas=2')
    lab.wait(5)
    const both = said(lab, "pc: kubectl get pods -l app=web -o jsonpath='{.items[*].status.podIP}'").split(
      ' ',
    )
    expect(both.map(status)).toEqual(['NOERROR', 'NOERROR'])
  })

  it('looks for a server that ended without a word, and answers on; a rewind brings the same again', () => {
    const lab = openScenario(LAB)
    const { world, rules } = lab.run
    const { ip } = podOf(lab)
    const from = world.nEvents
    said(lab, 'controlplane: pkill kube-apiserver')
    lab.wait(40)
    expect(ask(lab, ip, 'web')).toBe('NOERROR')
    const logs = lab.type(`node02: sh -c 'crictl logs $(crictl ps --name coredns -q)'`).stdout
    expect(logs).toContain('CoreDNS-1.11.3')
    expect(logs).not.toContain(REFLECTOR)
    const [events, hash] = [world.nEvents, hashOf(lab.run)]
    seek(world, rules, from)
    seek(world, rules, events)
    expect(hashOf(lab.run)).toBe(hash)
  })
})
