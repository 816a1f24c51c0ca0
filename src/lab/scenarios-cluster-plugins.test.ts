// Labs 2.7 and 3.3, run headless: each line under *shows*. The plugin's words are those of containernetworking/plugins 1.1.1.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkResults, mendAll, said, savedRules } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

function openLab(file: string): Scenario {
  return openScenario(
    readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`), 'utf8'),
  )
}

/** Every check of the lesson before and after what mends it. */
function checksMend(lab: Scenario, before: boolean[]): void {
  expect(checkResults(lab)).toEqual(before)
  mendAll(lab)
  expect(checkResults(lab)).toEqual(before.map(() => true))
}

describe('2.7 docker and CNI', () => {
  it('gives a container of docker without a network one by the plugin bridge', () => {
    const lab = openLab('2.7-docker-and-cni')
    expect(said(lab, 'host: docker exec web ip -br link')).toMatch(/^lo [^\n]*\n$/)
    expect(said(lab, 'host: ip -br link')).not.toContain('cni0')
    const answer = JSON.parse(said(lab, 'host: sh /etc/cni/run.sh ADD'))
    const sandbox = said(lab, "host: docker inspect -f '{{.NetworkSettings.SandboxKey}}' web").trim()
    expect(answer).toMatchObject({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'cni0' }, {}, { name: 'eth0', sandbox }],
      ips: [{ interface: 2, address: '10.22.0.2/16', gateway: '10.22.0.1' }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    })
    expect(Object.keys(answer)).toEqual(['cniVersion', 'interfaces', 'ips', 'routes', 'dns'])
    expect(answer.interfaces[1].name).toMatch(/^veth[0-9a-f]{8}$/)
    expect(said(lab, 'host: docker exec web ip -4 -br addr show eth0')).toMatch(
      /^eth0@if[0-9]+ +UP +10\.22\.0\.2\/16 \n$/,
    )
    expect(said(lab, 'host: docker exec web ip route')).toBe(
      'default via 10.22.0.1 dev eth0 \n10.22.0.0/16 dev eth0 proto kernel scope link src 10.22.0.2 \n',
    )
    expect(said(lab, 'host: ip -o link show master cni0')).toContain(answer.interfaces[1].name)
    expect(said(lab, 'host: curl -s 10.22.0.2')).toContain('Welcome to nginx!')
  })

  it('masquerades it on the way out, keeps its address on file, and DEL undoes all', () => {
    const lab = openLab('2.7-docker-and-cni')
    const before = savedRules(lab, 'host', 'nat')
    said(lab, 'host: sh /etc/cni/run.sh ADD')
    const id = said(lab, "host: docker inspect -f '{{.Id}}' web").trim()
    const [jump = '', accept = '', masquerade = ''] = savedRules(lab, 'host', 'nat').filter((line) =>
      line.includes('mynet'),
    )
    const chain = /CNI-[0-9a-f]{24}$/.exec(jump)?.[0]
    const comment = `-m comment --comment "name: \\"mynet\\" id: \\"${id}\\""`
    expect(jump).toBe(`-A POSTROUTING -s 10.22.0.2/32 ${comment} -j ${chain}`)
    expect(accept).toBe(`-A ${chain} -d 10.22.0.0/16 ${comment} -j ACCEPT`)
    expect(masquerade).toBe(`-A ${chain} ! -d 224.0.0.0/4 ${comment} -j MASQUERADE`)
    // docker's own policy does not know the bridge.
    lab.steps()
    expect(lab.type('host: docker exec web ping -c 1 -W 1 192.168.1.20').code).toBe(1)
    expect(lab.steps().map((step) => step.reason)).toContain('NETFILTER_DROP')
    said(lab, 'host: iptables -P FORWARD ACCEPT')
    lab.frames()
    expect(said(lab, 'host: docker exec web ping -c 1 192.168.1.20')).toContain('ttl=63 ')
    expect(lab.frames()).toContain('pc/eth0< 192.168.1.10 > 192.168.1.20 ttl 63 icmp 8/0 seq 1')
    expect(said(lab, 'host: ls /var/lib/cni/networks/mynet')).toBe('10.22.0.2\nlast_reserved_ip.0\nlock\n')
    const again = lab.type('host: sh /etc/cni/run.sh ADD')
    expect([again.code, JSON.parse(again.stdout)]).toEqual([
      1,
      { code: 999, msg: 'container veth name provided (eth0) already exists' },
    ])
    expect(said(lab, 'host: sh /etc/cni/run.sh DEL')).toBe('')
    expect(said(lab, 'host: docker exec web ip -br link')).toMatch(/^lo [^\n]*\n$/)
    expect(said(lab, 'host: ls /var/lib/cni/networks/mynet')).toBe('last_reserved_ip.0\nlock\n')
    expect(savedRules(lab, 'host', 'nat')).toEqual(before)
    expect(said(lab, 'host: sh /etc/cni/run.sh DEL')).toBe('')
    expect(JSON.parse(said(lab, 'host: sh /etc/cni/run.sh ADD')).ips[0].address).toBe('10.22.0.3/16')
  })

  it('has plugins that say what they are, and faults in JSON', () => {
    const lab = openLab('2.7-docker-and-cni')
    expect(lab.type('host: /opt/cni/bin/bridge')).toMatchObject({ code: 0, stdout: '' })
    const wrong = lab.type('host: CNI_COMMAND=ADD /opt/cni/bin/bridge < /etc/cni/net.d/10-mynet.conf')
    expect([wrong.code, JSON.parse(wrong.stdout)]).toEqual([
      1,
      { code: 4, msg: 'required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME] missing' },
    ])
    expect(JSON.parse(said(lab, "host: echo '{}' | CNI_COMMAND=VERSION /opt/cni/bin/host-local"))).toEqual({
      cniVersion: '1.0.0',
      supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'],
    })
    expect(lab.type('host: /opt/cni/bin/flannel').code).toBe(127)
    // Without a path the name is iproute2's.
    expect(said(lab, 'host: bridge link')).toBe('')
    checksMend(openLab('2.7-docker-and-cni'), [false, false])
  })
})

describe('3.3 overlapping docker0', () => {
  it("answers a container that asks for the other host's 172.17.0.2 by itself, over lo", () => {
    const lab = openLab('3.3-overlapping-docker0')
    for (const host of ['host1', 'host2']) {
      expect(said(lab, `${host}: ip -4 -br addr show docker0`)).toBe(
        'docker0          UP             172.17.0.1/24 \n',
      )
      expect(said(lab, `${host}: docker exec web ip -4 -br addr show eth0`)).toContain(' 172.17.0.2/24 ')
    }
    lab.frames()
    expect(said(lab, 'host1: docker exec web ping -c 1 172.17.0.2')).toContain('ttl=64 ')
    const seen = lab.frames().filter((frame) => frame.includes('icmp'))
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.filter((frame) => !frame.startsWith('host1.web/lo'))).toEqual([])
  })

  it("asks for an address of the other host's bridge on its own, in vain", () => {
    const lab = openLab('3.3-overlapping-docker0')
    expect(said(lab, 'host2: docker exec second ip -4 -br addr show eth0')).toContain(' 172.17.0.3/24 ')
    lab.wait(10)
    lab.frames()
    const ping = lab.type('host1: docker exec web ping -c 1 172.17.0.3')
    expect(ping.stdout).toContain('From 172.17.0.2 icmp_seq=1 Destination Host Unreachable\n')
    expect(ping.code).toBe(1)
    const asked = lab.frames().filter((frame) => frame.includes('arp who-has 172.17.0.3'))
    expect(asked.length).toBeGreaterThanOrEqual(3)
    expect(asked.filter((frame) => !frame.startsWith('host1'))).toEqual([])
    expect(said(lab, 'host1: docker exec web ip neigh show 172.17.0.3')).toBe('172.17.0.3 dev eth0 FAILED \n')
    // A route on the router changes nothing: nothing is sent to it.
    said(lab, 'router: ip route add 172.17.0.3 via 10.100.0.3')
    expect(lab.type('host1: docker exec web ping -c 1 172.17.0.3').code).toBe(1)
    checksMend(openLab('3.3-overlapping-docker0'), [true, false])
  })

  it('is mended by another range: what both containers held is given back, and they start in the new one', () => {
    const lab = openLab('3.3-overlapping-docker0')
    mendAll(lab)
    expect(said(lab, 'host2: docker ps -q')).toBe('')
    expect(said(lab, 'host2: ip -br link')).not.toContain('veth')
    expect(savedRules(lab, 'host2', 'raw')).toEqual([])
    said(lab, 'host2: docker start web second')
    const address = '{{.NetworkSettings.IPAddress}}'
    expect(said(lab, `host2: docker inspect -f '${address}' web second`)).toBe('172.18.0.2\n172.18.0.3\n')
    // From another host all that is in the way now is docker's own filter.
    said(lab, 'host1: ip route add 172.18.0.0/24 via 10.100.0.3')
    lab.steps()
    expect(lab.type('host1: docker exec web curl -s -m 2 172.18.0.3').code).toBe(28)
    const ends = lab.steps().filter(({ reason, headers }) => reason !== '' && headers.arp === null)
    expect(new Set(ends.map(({ nsName, reason }) => `${nsName} ${reason}`))).toEqual(
      new Set(['host2 NETFILTER_DROP']),
    )
  })
})
