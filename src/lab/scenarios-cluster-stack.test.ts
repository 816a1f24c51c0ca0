// Lab 4.12, run headless: each line under *shows*, and its addresses and ports as the article has them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkResults, said } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

function openLab(): Scenario {
  const path = join(import.meta.dirname, '..', '..', 'public', 'labs', '4.12-elastic-stack.yaml')
  return openScenario(readFileSync(path, 'utf8'))
}

/** `kubectl describe svc`, the addresses of its endpoints apart. */
const ELASTICSEARCH = `Name:                     elder-marsupial-elasticsearch
Namespace:                default
Labels:                   <none>
Annotations:              <none>
Selector:                 app=elder-marsupial-elasticsearch
Type:                     NodePort
IP Family Policy:         SingleStack
IP Families:              IPv4
IP:                       10.109.120.144
IPs:                      10.109.120.144
Port:                     http  9200/TCP
TargetPort:               http/TCP
NodePort:                 http  31328/TCP
Endpoints:                …
Port:                     transport  9300/TCP
TargetPort:               transport/TCP
NodePort:                 transport  32088/TCP
Endpoints:                …
Session Affinity:         None
External Traffic Policy:  Cluster
Internal Traffic Policy:  Cluster
Events:                   <none>
`

describe('4.12 elastic stack', () => {
  it("has the article's addresses, as kubectl prints them", () => {
    const lab = openLab()
    expect(said(lab, "helm: kubectl get pods -o jsonpath='{.items[*].status.podIP}'")).toBe(
      '10.32.0.15 10.32.0.7 10.32.0.6 10.32.0.4 10.32.0.8',
    )
    const pods = said(lab, 'helm: kubectl get pods -o wide')
    for (const [name, ip] of [
      ['elder-marsupial-elasticsearch-0', '10.32.0.7'],
      ['elder-marsupial-elasticsearch-1', '10.32.0.6'],
      ['elder-marsupial-elasticsearch-2', '10.32.0.4'],
      ['elder-marsupial-kibana-\\S+', '10.32.0.8'],
      ['elastic-stack-test-kibana-\\S+', '10.32.0.15'],
    ]) {
      expect(pods).toMatch(new RegExp(`^${name} +1/1 +Running +0 +\\d+s +${ip} +helm +<none> +<none>$`, 'm'))
    }
    const services = said(lab, 'helm: kubectl get svc')
    expect(services).toMatch(
      /^elder-marsupial-elasticsearch +NodePort +10\.109\.120\.144 +<none> +9200:31328\/TCP,9300:32088\/TCP /m,
    )
    expect(services).toMatch(/^elder-marsupial-kibana +NodePort +10\.106\.154\.240 +<none> +443:30677\/TCP /m)
    expect(services).toMatch(/^elastic-stack-test-kibana +ClusterIP +10\.100\.173\.202 +<none> +5601\/TCP /m)
    const described = said(lab, 'helm: kubectl describe svc elder-marsupial-elasticsearch')
    for (const port of [9200, 9300]) {
      const ends = described
        .split('\n')
        .find((line) => line.startsWith('Endpoints:') && line.includes(`:${port}`))
      expect(ends?.split(/ +/)[1]?.split(',').sort()).toEqual([4, 6, 7].map((n) => `10.32.0.${n}:${port}`))
    }
    // The rest of it, the order of addresses apart.
    expect(described.replace(/^(Endpoints: +).*$/gm, '$1…')).toBe(ELASTICSEARCH)
    expect(
      said(lab, 'helm: kubectl describe svc elder-marsupial-kibana'),
    ).toBe(`Name:                     elder-marsupial-kibana
Namespace:                default
Labels:                   <none>
Annotations:              <none>
Selector:                 app=elder-marsupial-kibana
Type:                     NodePort
IP Family Policy:         SingleStack
IP Families:              IPv4
IP:                       10.106.154.240
IPs:                      10.106.154.240
Port:                     <unset>  443/TCP
TargetPort:               5601/TCP
NodePort:                 <unset>  30677/TCP
Endpoints:                10.32.0.8:5601
Session Affinity:         None
External Traffic Policy:  Cluster
Internal Traffic Policy:  Cluster
Events:                   <none>
`)
  })

  it('is reached by its node ports, and becomes one where it was a cluster IP', () => {
    const lab = openLab()
    expect(checkResults(lab)).toEqual([true, true])
    for (const port of [31328, 32088]) {
      expect(said(lab, `pc: curl -s 10.100.0.2:${port}`)).toMatch(/^elder-marsupial-elasticsearch-[012]\n$/)
    }
    expect(said(lab, 'helm: curl -s 10.100.173.202:5601')).toBe('<p>kibana</p>\n')
    expect(lab.type('pc: curl -s -m 3 10.100.0.2:32609').code).toBe(7)
    const manifest = said(lab, 'helm: kubectl get svc elastic-stack-test-kibana -o yaml')
      .replace('type: ClusterIP', 'type: NodePort')
      .replace('- port: 5601', '- nodePort: 32609\n    port: 5601')
    said(
      lab,
      `helm: printf '%s' '${manifest.replaceAll("'", '')}' > /tmp/nodeport.yaml; kubectl replace -f /tmp/nodeport.yaml`,
    )
    lab.wait(3)
    expect(said(lab, 'helm: kubectl get svc elastic-stack-test-kibana')).toMatch(
      / NodePort +10\.100\.173\.202 +<none> +5601:32609\/TCP /,
    )
    expect(said(lab, 'pc: curl -s 10.100.0.2:32609')).toBe('<p>kibana</p>\n')
  })

  it('breaks the proxy that knows a pod by its address when the pod moves', () => {
    const lab = openLab()
    expect(said(lab, 'pc: curl -s 10.100.0.9')).toBe('<p>kibana</p>\n')
    said(lab, 'helm: kubectl delete pod -l app=elder-marsupial-kibana')
    lab.wait(20)
    expect(
      said(
        lab,
        "helm: kubectl get pods -l app=elder-marsupial-kibana -o jsonpath='{.items[*].status.podIP}'",
      ),
    ).not.toBe('10.32.0.8')
    expect(lab.type('pc: curl -s -m 5 10.100.0.9').code).not.toBe(0)
    expect(said(lab, 'pc: curl -s 10.100.0.2:30677')).toBe('<p>kibana</p>\n')
    expect(checkResults(lab)).toEqual([true, false])
  })
})
