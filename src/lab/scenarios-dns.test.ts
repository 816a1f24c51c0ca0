// The labs of chapter 5, run headless: lines under *shows*. What a resolver asks and in which order is musl's and glibc's
// resolv.conf(5) with ndots:5; CoreDNS' words are those of its plugins reload and kubernetes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { StepKind } from '../net/trace.ts'
import { checkResults, mendAll, said } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

const CLIENT = 'node1: kubectl exec client --'
const SUFFIXES = ['default.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.']

function openLab(file: string): Scenario {
  return openScenario(
    readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`), 'utf8'),
  )
}

/** The questions that leave the client while it looks for a name, each with how often it was asked and how it was answered. */
function questions(lab: Scenario, name: string): string[] {
  const shown = said(
    lab,
    `${CLIENT} sh -c 'tcpdump -lni eth0 udp port 53 2>/dev/null & sleep 1; ping -c1 ${name} >/dev/null 2>&1; sleep 1'`,
  )
  const asked = new Map<string, string>()
  const order: string[] = []
  for (const line of shown.split('\n')) {
    const question = / > 10\.96\.0\.10\.53: ([0-9]+)\+ (A{1,4})\? (\S+) /.exec(line)
    const answer = / 10\.96\.0\.10\.53 > \S+: ([0-9]+)\*? ?(NXDomain)?/.exec(line)
    if (question !== null) {
      asked.set(question[1] ?? '', `${question[2]} ${question[3]}`)
      order.push(question[1] ?? '')
    } else if (answer?.[2] !== undefined) {
      asked.set(answer[1] ?? '', `${asked.get(answer[1] ?? '')} NXDomain`)
    }
  }
  return order.map((id) => asked.get(id) ?? '')
}

/** A and AAAA of a name, as both are asked at once. */
const both = (name: string, end = ''): string[] => [`A ${name}${end}`, `AAAA ${name}${end}`]

describe('5.1 resolv-conf', () => {
  it('gives the pod a server that is a Service, a search list and five dots', () => {
    const lab = openLab('5.1-resolv-conf')
    expect(said(lab, `${CLIENT} cat /etc/resolv.conf`)).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\n' +
        'nameserver 10.96.0.10\noptions ndots:5\n',
    )
    expect(said(lab, 'node1: kubectl -n kube-system get svc kube-dns')).toMatch(
      /^kube-dns +ClusterIP +10\.96\.0\.10 +<none> +53\/UDP,53\/TCP,9153\/TCP /m,
    )
    expect(said(lab, 'node1: kubectl -n kube-system get configmap coredns -o yaml')).toContain(
      'pods insecure',
    )
    const pods = said(lab, 'node1: kubectl -n kube-system get pods -l k8s-app=kube-dns --no-headers')
    expect(pods.match(/^coredns-\S+ +1\/1 +Running /gm)).toHaveLength(2)
    // Each of its three ports answers.
    const ip = /^svc-app +ClusterIP +(\S+)/m.exec(said(lab, 'node1: kubectl get svc'))?.[1]
    for (const how of ['+notcp', '+tcp']) {
      expect(said(lab, `${CLIENT} dig +short ${how} svc-app.default.svc.cluster.local`)).toBe(`${ip}\n`)
    }
    expect(said(lab, `${CLIENT} curl -s http://10.96.0.10:9153/metrics`)).toContain(
      'coredns_dns_requests_total',
    )
    expect(checkResults(lab)).toEqual([true])
  })
})

describe('5.2 ndots', () => {
  it('asks with each suffix first, and costs eight questions, two, two and two', () => {
    const lab = openLab('5.2-ndots')
    expect(questions(lab, 'google.com')).toEqual([
      ...SUFFIXES.flatMap((suffix) => both(`google.com.${suffix}`, ' NXDomain')),
      ...both('google.com.'),
    ])
    expect(questions(lab, 'google.com.')).toEqual(both('google.com.'))
    expect(questions(lab, 'svc-app')).toEqual(both(`svc-app.${SUFFIXES[0]}`))
    // Ended by a dot it is whole: no suffix is tried, and nobody has such a name.
    expect(questions(lab, 'svc-app.')).toEqual(both('svc-app.', ' NXDomain'))
    const five = questions(lab, 'a.b.c.d.e.example.com')
    expect(five.slice(0, 2).map((text) => text.replace(' NXDomain', ''))).toEqual(
      both('a.b.c.d.e.example.com.'),
    )
    expect(five.slice(2)).toEqual([])
    expect(checkResults(lab)).toEqual([true])
  })

  it('counts two packets for every question', () => {
    const lab = openLab('5.2-ndots')
    const packets = (name: string) => {
      lab.steps()
      lab.type(`${CLIENT} ping -c 1 -W 1 ${name}`)
      return lab.steps().filter(({ nsName, dev, kind, headers }) => {
        const crosses = kind === StepKind.Rx || kind === StepKind.Tx
        const asks = headers.proto === 17 && (headers.dport === 53 || headers.sport === 53)
        return nsName.endsWith('.client') && dev === 'eth0' && crosses && asks
      }).length
    }
    expect(['svc-app', 'google.com', 'a.b.c.d.e.example.com', 'svc-app.'].map(packets)).toEqual([4, 16, 4, 4])
  })
})

describe('5.3 across-namespaces', () => {
  it('needs the namespace in the name', () => {
    const lab = openLab('5.3-across-namespaces')
    expect(lab.type(`${CLIENT} getent hosts web-service`)).toMatchObject({ code: 2, stdout: '' })
    const ip = /^web-service +ClusterIP +(\S+)/m.exec(said(lab, 'node1: kubectl -n apps get svc'))?.[1]
    for (const name of ['web-service.apps', 'web-service.apps.svc', 'web-service.apps.svc.cluster.local']) {
      expect(said(lab, `${CLIENT} getent hosts ${name}`)).toMatch(
        new RegExp(`^${ip} +web-service\\.apps\\.svc\\.cluster\\.local`),
      )
    }
    expect(checkResults(lab)).toEqual([true, true])
  })
})

describe('5.4 pod-records', () => {
  it('answers for pods that are not there, in namespaces that are', () => {
    const lab = openLab('5.4-pod-records')
    const dig = (name: string) => said(lab, `${CLIENT} dig ${name}.pod.cluster.local`)
    expect(dig('10-244-2-5.apps')).toMatch(/status: NOERROR[\s\S]*\sIN\s+A\s+10\.244\.2\.5\n/)
    expect(dig('10-244-1-15.default')).toMatch(/status: NOERROR[\s\S]*\sIN\s+A\s+10\.244\.1\.15\n/)
    expect(dig('10-244-1-15.nowhere')).toContain('status: NXDOMAIN')
    expect(said(lab, 'node1: kubectl get pods -A -o wide')).not.toMatch(/ 10\.244\.(2\.5|1\.15) /)
    expect(checkResults(lab)).toEqual([true])
  })
})

describe('5.5 hostname-subdomain', () => {
  it('names the pod below the service, and a headless name leads to the pods', () => {
    const lab = openLab('5.5-hostname-subdomain')
    expect(checkResults(lab)).toEqual([true, true])
    const ip = said(lab, "node1: kubectl get pod nginx-pod -o jsonpath='{.status.podIP}'").trim()
    const dig = (name: string) => said(lab, `${CLIENT} dig +short ${name}.default.svc.cluster.local`)
    expect(ip).toMatch(/^10\.244\.[0-9]+\.[0-9]+$/)
    expect(dig('nginx-host.nginx-subdomain')).toBe(`${ip}\n`)
    expect(dig('nginx-subdomain')).toBe('10.97.33.219\n')
    expect(dig('nginx-headless')).toBe(`${ip}\n`)
    // The pod knows its whole name from /etc/hosts.
    const own = 'nginx-host.nginx-subdomain.default.svc.cluster.local'
    expect(said(lab, 'node1: kubectl exec nginx-pod -- hostname')).toBe('nginx-host\n')
    expect(said(lab, 'node1: kubectl exec nginx-pod -- hostname -f')).toBe(`${own}\n`)
    expect(said(lab, 'node1: kubectl exec nginx-pod -- cat /etc/hosts')).toContain(
      `${ip}\t${own}\tnginx-host\n`,
    )
    said(lab, 'node1: kubectl delete pod nginx-pod')
    lab.wait(8)
    expect(dig('nginx-host.nginx-subdomain')).toBe('')
    expect(dig('nginx-subdomain')).toBe('10.97.33.219\n')
    expect(dig('nginx-headless')).toBe('')
  })
})

describe('5.6 upstream', () => {
  it("forwards to the node's resolver and on, and without CoreDNS the client is told so", () => {
    const lab = openLab('5.6-upstream')
    expect(said(lab, `${CLIENT} dig +short google.com`)).toBe('8.8.8.8\n')
    for (const machine of ['resolver', 'internet']) {
      expect(said(lab, `${machine}: cat /var/log/coredns.log`)).toMatch(/"A IN google\.com\. udp /)
    }
    const ip = /^svc-app +ClusterIP +(\S+)/m.exec(said(lab, 'node1: kubectl get svc'))?.[1]
    said(lab, 'node1: kubectl -n kube-system scale deployment coredns --replicas=0')
    // Its pods still answer while they end: lameduck 5s, and no others are ready.
    lab.wait(2)
    expect(said(lab, 'node1: kubectl -n kube-system get pods --no-headers')).toMatch(
      /^coredns-\S+ +1\/1 +Terminating /,
    )
    expect(said(lab, `${CLIENT} curl -s http://svc-app/`)).toContain('Welcome to nginx!')
    lab.wait(38)
    lab.frames()
    const { world } = lab.run
    const from = world.now
    const curl = lab.type(`${CLIENT} curl -s -m 30 http://svc-app/`)
    expect([curl.code, curl.stdout]).toEqual([6, ''])
    // At once: kube-proxy rejects what has no endpoint, and glibc does not wait for a server that refuses.
    expect(world.now - from).toBeLessThan(1e9)
    expect(lab.frames()).toContainEqual(
      expect.stringMatching(/\.client\/eth0< 10\.\S+ > 10\.244\.\S+ ttl 64 icmp 3\/3 /),
    )
    expect(said(lab, `${CLIENT} curl -s http://${ip}/`)).toContain('Welcome to nginx!')
    // Its node says so six times, then once a second: the question that is not refused waits for five. As in a real kernel
    // (e2e/kernel, "one name after the other, until the node says no more").
    lab.wait(60)
    const asked = world.now
    const ended = ['ahosts google.com', 'hosts svc-app', 'ahosts svc-app', 'ahosts web'].map((what) => {
      const { code, stdout } = lab.type(`${CLIENT} getent ${what}`)
      return [code, stdout, Math.floor((world.now - asked) / 1e9)]
    })
    expect(ended.map(([code, stdout]) => `${code} ${stdout}`)).toEqual(Array(4).fill('2 '))
    expect([ended[0]?.[2], ended[3]?.[2]]).toEqual([0, 5])
    expect(checkResults(lab)).toEqual([false])
    mendAll(lab)
    expect(checkResults(lab)).toEqual([true])
  })
})

describe('5.7 edit-the-corefile', () => {
  it('takes the new Corefile after a reload and keeps it when a broken one comes', () => {
    const lab = openLab('5.7-edit-the-corefile')
    expect(checkResults(lab)).toEqual([false])
    mendAll(lab)
    expect(checkResults(lab)).toEqual([true])
    const logs = () => said(lab, 'node1: kubectl -n kube-system logs -l k8s-app=kube-dns')
    expect(logs()).toContain('[INFO] plugin/reload: Running configuration SHA512 = ')
    // The stub domain goes past the node's resolver.
    expect(said(lab, `${CLIENT} dig +short intranet.corp.example`)).toBe('8.8.8.80\n')
    expect(said(lab, 'resolver: cat /var/log/coredns.log')).not.toContain('intranet.corp.example.')
    expect(said(lab, 'internet: cat /var/log/coredns.log')).toContain('intranet.corp.example.')
    said(lab, 'node1: kubectl apply -f /tmp/broken.yaml')
    lab.wait(150)
    // caddy's words, then those of the plugin.
    const why = "/etc/coredns/Corefile:11 - Error during parsing: Unknown directive 'cach'"
    expect(logs()).toContain(`[INFO] Reloading
[ERROR] Restart failed: ${why}
[ERROR] plugin/reload: Corefile changed but reload failed: starting with listener file descriptors: ${why}
`)
    expect(said(lab, `${CLIENT} getent hosts svc-app`)).toContain('svc-app.default.svc.cluster.local')
    expect(checkResults(lab)).toEqual([true])
  })
})
