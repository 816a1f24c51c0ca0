// Labs 4.5, 4.8, 4.13 and 4.14, and what kubectl says in 4.1 and 4.4, run headless: lines under *shows*.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rewriteManifest } from './rewrite.ts'
import { checkResults, said, savedRules } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

const HELLO = /^<p>Hello from service-test-[0-9a-z]+-[0-9a-z]{5}<\/p>\n$/

function openLab(file: string, edit: (text: string) => string = (text) => text): Scenario {
  const path = join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`)
  return openScenario(edit(readFileSync(path, 'utf8')))
}

/** Every check of the lesson holds from the start. */
function checksHold(lab: Scenario): void {
  const results = checkResults(lab)
  expect(results).toEqual(results.map(() => true))
}

/** Where the service's rules lead on a node. */
function targets(lab: Scenario, node: string): string[] {
  const rules = savedRules(lab, node, 'nat').join('\n')
  return [...rules.matchAll(/default\/service-test" .*--to-destination (\S+)/g)].map(([, to]) => to!).sort()
}

describe('4.1 service-test, by kubectl', () => {
  it('lists pods and services as kubectl 1.32 does', () => {
    const lab = openLab('4.1-service-test')
    const pods = said(lab, 'node1: kubectl get pods -o wide').split('\n')
    expect(pods[0]).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES$/)
    expect(pods[1]).toMatch(/^client +1\/1 +Running +0 +\d+s +10\.0\.1\.4 +node1 +<none> +<none>$/)
    expect(pods.slice(2).join('\n')).toMatch(
      /^service-test-\S+ +1\/1 +Running +0 +\d+s +10\.0\.1\.2 +node1 /m,
    )
    expect(pods.slice(2).join('\n')).toMatch(
      /^service-test-\S+ +1\/1 +Running +0 +\d+s +10\.0\.2\.2 +node2 /m,
    )
    expect(said(lab, 'node1: kubectl get service service-test')).toMatch(
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nservice-test +ClusterIP +10\.3\.241\.152 +<none> +80\/TCP +\d+s\n$/,
    )
    const described = said(lab, 'node1: kubectl describe services service-test')
    expect(described.replace(/(Endpoints: +).*/, '$1*')).toBe(`Name:                     service-test
Namespace:                default
Labels:                   <none>
Annotations:              <none>
Selector:                 app=service_test_pod
Type:                     ClusterIP
IP Family Policy:         SingleStack
IP Families:              IPv4
IP:                       10.3.241.152
IPs:                      10.3.241.152
Port:                     <unset>  80/TCP
TargetPort:               http/TCP
Endpoints:                *
Session Affinity:         None
Internal Traffic Policy:  Cluster
Events:                   <none>
`)
    expect(/Endpoints: +(\S+)\n/.exec(described)?.[1]?.split(',').sort()).toEqual([
      '10.0.1.2:8080',
      '10.0.2.2:8080',
    ])
  })

  it('runs clients to completion, whose log is the answer', () => {
    const lab = openLab('4.1-service-test')
    expect(said(lab, 'node1: kubectl apply -f /tmp/client1.yaml')).toBe('pod/service-test-client1 created\n')
    said(lab, 'node1: kubectl apply -f /tmp/client2.yaml')
    lab.wait(20)
    const pods = said(lab, 'node1: kubectl get pods')
    for (const name of ['service-test-client1', 'service-test-client2']) {
      expect(pods).toMatch(new RegExp(`^${name} +0/1 +Completed +0 `, 'm'))
      expect(said(lab, `node1: kubectl logs ${name}`)).toMatch(
        /^HTTP\/1\.0 200 OK\r?\nServer: SimpleHTTP\/0\.6 Python\/2\.7[\s\S]*\n<p>Hello from service-test-\S+<\/p>\n$/,
      )
    }
    const name = said(
      lab,
      'node1: kubectl get pods -o jsonpath=\'{.items[?(@.status.podIP=="10.0.2.2")].metadata.name}\'',
    )
    expect(said(lab, 'node1: kubectl logs service-test-client1')).toContain(`<p>Hello from ${name}</p>`)
  })

  it('breaks a direct client when the pod is replaced, and not one of the service', () => {
    const lab = openLab('4.1-service-test')
    expect(said(lab, 'node1: kubectl exec client -- wget -qO- http://10.0.2.2:8080/')).toMatch(HELLO)
    const name = said(
      lab,
      'node1: kubectl get pods -o jsonpath=\'{.items[?(@.status.podIP=="10.0.2.2")].metadata.name}\'',
    )
    said(lab, `node1: kubectl delete pod ${name}`)
    lab.wait(20)
    expect(lab.type('node1: kubectl exec client -- wget -T 3 -qO- http://10.0.2.2:8080/').code).not.toBe(0)
    for (let i = 0; i < 6; i++) {
      expect(said(lab, 'node1: kubectl exec client -- wget -T 3 -qO- http://service-test/')).toMatch(HELLO)
    }
    const ips = said(
      lab,
      "node1: kubectl get pods -l app=service_test_pod -o jsonpath='{.items[*].status.podIP}'",
    ).split(' ')
    expect(ips).toHaveLength(2)
    expect(ips).not.toContain('10.0.2.2')
  })

  it("refuses a manifest of extensions/v1beta1 in today's words", () => {
    const lab = openLab('4.1-service-test')
    const text = 'apiVersion: extensions/v1beta1\\nkind: Deployment\\nmetadata: {name: old}\\n'
    const refused = lab.type(`node1: printf '${text}' | kubectl apply -f -`)
    expect([refused.code, refused.stderr]).toEqual([
      1,
      'error: resource mapping not found for name: "old" namespace: "" from "STDIN": no matches for kind "Deployment" in version "extensions/v1beta1"\nensure CRDs are installed first\n',
    ])
  })

  it('takes the same manifest as the mend has it: apps/v1, with the selector that must be there', () => {
    const lab = openLab('4.1-service-test')
    const old = `apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: old}
spec:
  template:
    metadata: {labels: {app: old}}
    spec:
      containers: [{name: c, image: nginx}]
`
    const mended = rewriteManifest(old, 1)!
    expect([mended.from, mended.to]).toEqual(['extensions/v1beta1', 'apps/v1'])
    const apply = `cat > /tmp/old.yaml <<'END'\n${mended.text}END\nkubectl apply -f /tmp/old.yaml`
    expect(said(lab, `node1: ${apply}`)).toBe('deployment.apps/old created\n')
    lab.wait(20)
    expect(said(lab, 'node1: kubectl get deployment old')).toMatch(/^old +1\/1 +1 +1 /m)
    expect(said(lab, "node1: kubectl get deployment old -o jsonpath='{.spec.selector.matchLabels}'")).toBe(
      '{"app":"old"}',
    )
  })
})

describe('4.4 iptables mode, by kubectl', () => {
  it('gives a new service no rules where kube-proxy is gone', () => {
    const lab = openLab('4.4-iptables-mode')
    said(lab, 'node1: pkill kube-proxy')
    said(lab, 'node1: kubectl apply -f /tmp/other.yaml')
    lab.wait(40)
    expect(savedRules(lab, 'node1', 'nat').join('\n')).not.toContain('default/other')
    expect(savedRules(lab, 'node2', 'nat').join('\n')).toContain('default/other cluster IP')
    expect(lab.type('node1/client: curl -s -m 3 http://10.3.241.153/').code).toBe(7)
    expect(said(lab, 'node2: curl -s http://10.3.241.153/')).toMatch(HELLO)
    expect(said(lab, 'node1/client: curl -s http://10.3.241.152/')).toMatch(HELLO)
    // Pods that come anew are not known there either, until somebody starts it again.
    said(lab, 'node1: kubectl delete pod -l app=service_test_pod')
    lab.wait(5)
    expect(lab.type('node1/client: curl -s -m 2 http://10.3.241.152/').code).not.toBe(0)
    said(lab, 'node1: kube-proxy > /dev/null 2>&1 &')
    lab.wait(5)
    for (const ip of ['10.3.241.152', '10.3.241.153'])
      expect(said(lab, `node1/client: curl -s -m 2 http://${ip}/`)).toMatch(HELLO)
    expect(savedRules(lab, 'node1', 'nat')).toEqual(savedRules(lab, 'node2', 'nat'))
  })
})

describe('4.5 readiness', () => {
  it('takes out a pod whose page is gone, and takes it back', () => {
    const lab = openLab('4.5-readiness')
    lab.frames()
    lab.wait(3)
    const probes = lab.frames()
    expect(probes).toContainEqual(expect.stringMatching(/^node1\.page-\S+\/eth0< 10\.0\.1\.1 > 10\.0\.1\.2 /))
    expect(probes).toContainEqual(
      expect.stringMatching(/^node2\.connection-\S+\/eth0< 10\.0\.2\.1 > 10\.0\.2\.2 /),
    )
    checksHold(lab)
    said(lab, 'node1: kubectl exec deploy/page -- rm ready')
    lab.wait(12)
    expect(said(lab, 'node1: kubectl get pods')).toMatch(/^page-\S+ +0\/1 +Running +0 /m)
    expect(said(lab, 'node1: kubectl describe endpointslice')).toMatch(
      /10\.0\.1\.2\n +Conditions:\n +Ready: +false/,
    )
    for (const node of ['node1', 'node2']) expect(targets(lab, node)).toEqual(['10.0.2.2:8080'])
    expect(said(lab, 'node1: kubectl describe svc service-test')).toMatch(/^Endpoints: +10\.0\.2\.2:8080$/m)
    const why = 'Readiness probe failed: HTTP probe failed with statuscode: 404'
    expect(said(lab, 'node1: kubectl describe pod -l app=page')).toContain(why)
    for (let i = 0; i < 4; i++) {
      expect(said(lab, 'node1/client: curl -s http://10.3.241.152/')).toContain('<p>Hello from connection-')
    }
    said(lab, "node1: kubectl exec deploy/page -- sh -c 'echo ok > ready'")
    lab.wait(12)
    for (const node of ['node1', 'node2'])
      expect(targets(lab, node)).toEqual(['10.0.1.2:8080', '10.0.2.2:8080'])
  })

  it('takes out a pod that accepts no connection', () => {
    const lab = openLab('4.5-readiness')
    const name = said(
      lab,
      'node1: kubectl get pods -o jsonpath=\'{.items[?(@.status.podIP=="10.0.2.2")].metadata.name}\'',
    )
    said(lab, `node2/${name}: iptables -A INPUT -p tcp --dport 8080 -j DROP`)
    lab.wait(15)
    for (const node of ['node1', 'node2']) expect(targets(lab, node)).toEqual(['10.0.1.2:8080'])
    expect(said(lab, `node1: kubectl describe pod ${name}`)).toContain(
      'Readiness probe failed: dial tcp 10.0.2.2:8080: i/o timeout',
    )
    said(lab, `node2/${name}: iptables -F INPUT`)
    lab.wait(12)
    expect(targets(lab, 'node1')).toEqual(['10.0.1.2:8080', '10.0.2.2:8080'])
  })
})

describe('4.8 load balancer', () => {
  it('has the address that there is, and the other service waits', () => {
    const lab = openLab('4.8-loadbalancer')
    const services = said(lab, 'node1: kubectl get services')
    expect(services).toMatch(/^service-test +LoadBalancer +\S+ +35\.184\.97\.156 +80:32213\/TCP /m)
    expect(services).toMatch(/^nginx-svc +LoadBalancer +10\.97\.214\.72 +<pending> +80:3\d{4}\/TCP /m)
    const none = openLab('4.8-loadbalancer', (text) => text.replace(/controllerManager:\n(?: .*\n)+/, ''))
    expect(said(none, 'node1: kubectl get service service-test')).toMatch(
      / LoadBalancer +\S+ +<pending> +80:32213\/TCP /,
    )
  })

  it('spreads connections over the nodes that are well', () => {
    const lab = openLab('4.8-loadbalancer')
    const ask = 'for i in $(seq 1 10); do curl -s -m 2 http://35.184.97.156/ || echo lost; done'
    const answers = said(lab, `client: ${ask}`).trim().split('\n')
    expect(answers.filter((text) => text === answers[0])).toHaveLength(5)
    expect(new Set(answers).size).toBe(2)
    checksHold(lab)
    said(lab, 'node2: ip link set eth0 down')
    lab.wait(15)
    expect(savedRules(lab, 'balancer', 'nat', 'NODES')).toEqual([
      '-A NODES -p tcp -m statistic --mode nth --every 1 --packet 0 -j DNAT --to-destination 10.100.0.2:32213',
    ])
    const left = said(lab, `client: ${ask}`).trim().split('\n')
    expect(new Set(left).size).toBe(1)
    expect(left[0]).toContain('Hello from')
    said(lab, 'node2: ip link set eth0 up; ip route add default via 10.100.0.1')
    lab.wait(15)
    expect(savedRules(lab, 'balancer', 'nat', 'NODES')).toHaveLength(2)
  })
})

describe('4.13 headless', () => {
  it('answers names with the pods, and has no rules', () => {
    const lab = openLab('4.13-headless')
    checksHold(lab)
    const asked = said(lab, 'node1/client: dig +short @10.3.240.10 service-test.default.svc.cluster.local')
    expect(asked.trim().split('\n').sort()).toEqual(['10.0.1.2', '10.0.2.2'])
    expect(said(lab, 'node1: kubectl get service service-test')).toMatch(/ ClusterIP +None +<none> +80\/TCP /)
    expect(said(lab, 'node1: kubectl exec client -- wget -qO- http://service-test:8080/')).toMatch(HELLO)
    // Nobody rewrites the service's own port; the words are BusyBox 1.35's.
    const refused = lab.type('node1: kubectl exec client -- wget -qO- http://service-test/')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(
      /^wget: can't connect to remote host \(10\.0\.[12]\.2\): Connection refused\ncommand terminated/,
    )
    const found = lab.type('node1: kubectl exec client -- wget -O- http://10.0.2.2:8080/').stderr
    expect(found).toBe(`Connecting to 10.0.2.2:8080 (10.0.2.2:8080)
writing to stdout
-                    100% |********************************|    48  0:00:00 ETA
written to stdout
`)
    const missing = lab.type('node1: kubectl exec client -- wget -qO- http://10.0.2.2:8080/nope').stderr
    expect(missing).toMatch(/^wget: server returned error: HTTP\/1\.0 404 File not found\n/)
    said(lab, 'node1: kubectl scale deployment service-test --replicas=1')
    lab.wait(60)
    expect(said(lab, 'node1/client: dig +short @10.3.240.10 service-test.default.svc.cluster.local')).toMatch(
      /^10\.0\.[12]\.2\n$/,
    )
  })
})

describe('4.14 session affinity', () => {
  it('keeps a client with its pod, by the lists of the match recent', () => {
    const lab = openLab('4.14-session-affinity')
    const ask = (room: string) =>
      new Set(
        said(lab, `${room}: for i in $(seq 1 10); do curl -s http://10.3.241.152/; done`).trim().split('\n'),
      )
    expect(ask('node1/client').size).toBe(1)
    expect(ask('node1/other').size).toBe(1)
    const rules = savedRules(lab, 'node1', 'nat').join('\n')
    expect(rules.match(/-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-/g)).toHaveLength(2)
    expect(rules.match(/-m recent --set --name KUBE-SEP-/g)).toHaveLength(2)
    expect(said(lab, 'node1: kubectl describe service service-test')).toContain(
      'Session Affinity:         ClientIP\n',
    )
    checksHold(lab)
  })
})

describe('what another simulator got wrong', () => {
  it('has resolv.conf, kubernetes.default, ports as they are written, and names as they are spelt', () => {
    const lab = openLab('4.1-service-test', (text) =>
      text.replace(
        '    - port: 80\n      targetPort: http\n',
        '    - name: web\n      port: 80\n      targetPort: http\n    - name: other\n      port: 8081\n      targetPort: http\n    - name: udp\n      port: 82\n      protocol: UDP\n      targetPort: 8080\n',
      ),
    )
    const inside = (command: string) => lab.type(`node1: kubectl exec client -- ${command}`)
    expect(inside('cat /etc/resolv.conf').stdout).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.3.240.10\noptions ndots:5\n',
    )
    expect(inside('getent hosts kubernetes.default').stdout).toMatch(
      /^10\.3\.240\.1 +kubernetes\.default\.svc\.cluster\.local/,
    )
    for (const url of ['http://service-test:80/', 'http://service-test/', 'http://service-test:8081/']) {
      expect(inside(`curl -s -m 5 ${url}`).stdout).toMatch(HELLO)
    }
    // No HTTP over a port of UDP, and no port that nobody wrote.
    for (const port of [82, 8080])
      expect(inside(`curl -s -m 5 http://service-test:${port}/`).code).not.toBe(0)
    expect(inside('curl -sS http://servcie-test/').stderr).toContain('Could not resolve host: servcie-test')
  })
})
