// Labs 4.1, 4.2, 4.4, 4.6 and 4.7, run headless: lines under *shows*. Rules are in kube-proxy 1.32's form and order, the
// chains' names are computed here from the services' names.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seek, seekInput, stateHash } from '../sim/timeline.ts'
import { checkResults, mendAll, said, savedRules } from './scenario-cluster.fixture.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'

function openLab(file: string): Scenario {
  return openScenario(
    readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`), 'utf8'),
  )
}

/** `KUBE-SVC-` and the first 16 characters of the hash in base 32, as kube-proxy names chains. */
function chain(prefix: string, text: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  let bits = ''
  for (const byte of createHash('sha256').update(text).digest()) bits += byte.toString(2).padStart(8, '0')
  let name = ''
  for (let at = 0; at < 80; at += 5) name += letters[Number.parseInt(bits.slice(at, at + 5), 2)]
  return prefix + name
}

const SVC = chain('KUBE-SVC-', 'default/service-testtcp')
const SEP1 = chain('KUBE-SEP-', 'default/service-testtcp10.0.1.2:8080')
const SEP2 = chain('KUBE-SEP-', 'default/service-testtcp10.0.2.2:8080')
const HELLO = /^<p>Hello from (service-test-[0-9a-z]+-[0-9a-z]{5})<\/p>\n$/

interface Seen {
  chain: string
  rule: number
  /** Which condition did not hold, '' where all did. */
  why: string
}

/** Packets that a rule has counted. */
function counted(lab: Scenario, machine: string, name: string, target: string): number {
  const line = said(lab, `${machine}: iptables -t nat -nvL ${name}`)
    .split('\n')
    .find((text) => text.includes(` ${target} `))
  return Number(line?.trim().split(/ +/)[0])
}

describe('4.1 service-test', () => {
  it('answers by one address from both pods, half and half', () => {
    const lab = openLab('4.1-service-test')
    for (const [node, ip] of [
      ['node1', '10.0.1.1'],
      ['node2', '10.0.2.1'],
    ]) {
      expect(said(lab, `${node}: ip -4 -br addr show cbr0`)).toMatch(new RegExp(` ${ip}/24 `))
    }
    const one = HELLO.exec(said(lab, 'node1/client: curl -s http://10.0.1.2:8080/'))?.[1]
    const two = HELLO.exec(said(lab, 'node1/client: curl -s http://10.0.2.2:8080/'))?.[1]
    expect(one === two || one === undefined || two === undefined).toBe(false)
    expect(said(lab, 'node1: crictl pods')).toContain(` ${one} `)
    expect(said(lab, 'node2: crictl pods')).toContain(` ${two} `)
    const loop = 'for i in $(seq 1 1000); do curl -s http://10.3.241.152/; done'
    const answers = said(lab, `node1/client: ${loop}`).trim().split('\n')
    expect(answers).toHaveLength(1000)
    const share = answers.filter((line) => line === `<p>Hello from ${one}</p>`).length / 1000
    expect(share).toBeGreaterThan(0.45)
    expect(share).toBeLessThan(0.55)
    expect(new Set(answers)).toEqual(new Set([one, two].map((pod) => `<p>Hello from ${pod}</p>`)))
    expect(checkResults(lab)).toEqual([true, true])
  })

  it('answers 400 to a client that sends the backslashes as they are typed', () => {
    const lab = openLab('4.1-service-test')
    const typed = "echo 'GET / HTTP/1.1\\r\\n\\r\\n' | nc -w 3 10.3.241.152 80"
    expect(said(lab, `node1/client: /bin/bash -c "${typed}"`)).toContain('<p>Error code 400.')
    const meant = "node1/client: printf 'GET / HTTP/1.1\\r\\n\\r\\n' | nc -w 3 10.3.241.152 80"
    expect(said(lab, meant)).toContain('<p>Hello from service-test-')
  })
})

describe('4.1 and time', () => {
  it('goes back to before a client and on to the same state', () => {
    const lab = openLab('4.1-service-test')
    const { world, rules } = lab.run
    const before = world.inputs.length
    const booted = stateHash(world)
    said(lab, 'node1: kubectl apply -f /tmp/client2.yaml')
    lab.wait(20)
    const [end, done] = [world.nEvents, stateHash(world)]
    seekInput(world, rules, before)
    expect(stateHash(world)).toBe(booted)
    seek(world, rules, end)
    expect(stateHash(world)).toBe(done)
  })
})

describe('4.2 no such network', () => {
  it('is on no device, in no route and in no neighbour table, and is answered', () => {
    const lab = openLab('4.2-no-such-network')
    expect(said(lab, 'node1/client: curl -s http://10.3.241.152/')).toMatch(HELLO)
    expect(said(lab, 'node1: curl -s http://10.3.241.152/')).toMatch(HELLO)
    for (const room of ['node1', 'node2', 'gateway', 'node1/client']) {
      for (const command of ['ip addr', 'ip route', 'ip neigh', 'ifconfig -a']) {
        expect(said(lab, `${room}: ${command}`)).not.toMatch(/10\.3\.2[45]/)
      }
    }
  })

  it('leaves by the default route where no rule matches, and the gateway has no such network', () => {
    const lab = openLab('4.2-no-such-network')
    lab.frames()
    const ping = lab.type('node1/client: ping -c 1 -W 1 10.3.241.152')
    expect([ping.code, ping.stdout]).toEqual([
      1,
      expect.stringContaining('From 10.100.0.1 icmp_seq=1 Destination Net Unreachable\n'),
    ])
    const sent = lab.frames().filter((frame) => frame.includes('icmp 8/0'))
    expect(sent.at(-1)).toBe('gateway/eth0< 10.0.1.3 > 10.3.241.152 ttl 63 icmp 8/0 seq 1')
    // Another port is no service either.
    expect(lab.type('node1/client: curl -s -m 3 http://10.3.241.152:81/').code).toBe(7)
    // In mode ipvs the node itself would hold the address, on kube-ipvs0.
    expect(said(lab, 'node1: ip -br link')).not.toContain('kube-ipvs0')
    expect(said(lab, 'node1: ip route get 10.3.241.152')).toContain('10.3.241.152 via 10.100.0.1 dev eth0 ')
    // The gateway answers few of these in a short time.
    lab.wait(30)
    expect(checkResults(lab)).toEqual([true, true, true])
  })
})

describe('4.4 iptables mode', () => {
  it("has kube-proxy's rules in its form and order, on every node", () => {
    const lab = openLab('4.4-iptables-mode')
    const note = '-m comment --comment "default/service-test'
    const rules = [
      '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
      '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
      '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
      '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
      '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
      ...[
        [SEP1, '10.0.1.2'],
        [SEP2, '10.0.2.2'],
      ]
        .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
        .flatMap(([sep, ip]) => [
          `-A ${sep} -s ${ip}/32 ${note}" -j KUBE-MARK-MASQ`,
          `-A ${sep} -p tcp ${note}" -m tcp -j DNAT --to-destination ${ip}:8080`,
        ]),
      `-A KUBE-SERVICES -d 10.3.241.152/32 -p tcp ${note} cluster IP" -m tcp --dport 80 -j ${SVC}`,
      '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
      `-A ${SVC} ! -s 10.0.0.0/14 -d 10.3.241.152/32 -p tcp ${note} cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ`,
      `-A ${SVC} ${note} -> 10.0.1.2:8080" -m statistic --mode random --probability 0.50000000000 -j ${SEP1}`,
      `-A ${SVC} ${note} -> 10.0.2.2:8080" -j ${SEP2}`,
    ]
    expect(savedRules(lab, 'node1', 'nat')).toEqual(rules)
    expect(savedRules(lab, 'node2', 'nat')).toEqual(rules)
  })

  it("leads a pod's packet through them, and its answer back by conntrack", () => {
    const lab = openLab('4.4-iptables-mode')
    lab.steps()
    said(lab, 'node1/client: curl -s http://10.3.241.152/')
    expect(counted(lab, 'node1', 'KUBE-SERVICES', SVC)).toBe(1)
    expect(counted(lab, 'node1', SVC, 'KUBE-MARK-MASQ')).toBe(0)
    expect(counted(lab, 'node1', SVC, SEP1) + counted(lab, 'node1', SVC, SEP2)).toBe(1)
    const pod = counted(lab, 'node1', SVC, SEP1) === 1 ? '10.0.1.2' : '10.0.2.2'
    expect(counted(lab, 'node1', pod === '10.0.1.2' ? SEP1 : SEP2, 'DNAT')).toBe(1)
    expect(lab.type('node1: conntrack -L -d 10.3.241.152').stdout).toMatch(
      new RegExp(
        `src=10\\.0\\.1\\.3 dst=10\\.3\\.241\\.152 sport=(\\d+) dport=80 src=${pod} dst=10\\.0\\.1\\.3 sport=8080 dport=\\1 `,
      ),
    )
    // The node's own request is masqueraded: it comes from no pod.
    for (let i = 0; i < 4; i++) said(lab, 'node1: curl -s http://10.3.241.152/')
    expect(counted(lab, 'node1', SVC, 'KUBE-MARK-MASQ')).toBe(4)
    expect(counted(lab, 'node1', 'KUBE-POSTROUTING', 'MASQUERADE')).toBe(4)
  })

  it('tells of every rule that the first packet met, and why it did not match', () => {
    const lab = openLab('4.4-iptables-mode')
    lab.steps()
    said(lab, 'node1/client: curl -s http://10.3.241.152/')
    const second = counted(lab, 'node1', SVC, SEP2) === 1
    const [sep, pick] = second ? [SEP2, 3] : [SEP1, 2]
    const syn = lab.steps().filter((step) => step.nsName === 'node1' && step.headers.tcp?.flags === 2)
    const met = syn
      .map(
        (step) => step.evidence as { table?: string; hook?: string; verdict?: string; seen?: Seen[] } | null,
      )
      .filter((found) => found?.seen !== undefined)
      .map((found) => [
        `${found?.table} ${found?.hook} ${found?.verdict}`,
        ...(found?.seen ?? []).map(({ chain: name, rule, why }) => `${name} ${rule} ${why}`.trim()),
      ])
    expect(met).toEqual([
      [
        'nat PREROUTING DNAT',
        'PREROUTING 1',
        'KUBE-SERVICES 1',
        `${SVC} 1 source`,
        second ? `${SVC} 2 statistic` : `${SVC} 2`,
        ...(second ? [`${SVC} ${pick}`] : []),
        `${sep} 1 source`,
        `${sep} 2`,
      ],
      [
        'filter FORWARD ACCEPT',
        'FORWARD 1',
        'FORWARD 2',
        'KUBE-FORWARD 1 conntrack',
        'KUBE-FORWARD 2 mark',
        'KUBE-FORWARD 3 conntrack',
        'FORWARD 3',
        'KUBE-SERVICES 1 destination',
        'FORWARD 4',
      ],
      ['nat POSTROUTING ACCEPT', 'POSTROUTING 1', 'KUBE-POSTROUTING 1'],
    ])
  })

  it('goes on without kube-proxy, whose rules stay', () => {
    const lab = openLab('4.4-iptables-mode')
    const before = savedRules(lab, 'node1', 'nat')
    said(lab, 'node1: pkill kube-proxy')
    expect(checkResults(lab)).toEqual([true, false])
    lab.wait(60)
    expect(savedRules(lab, 'node1', 'nat')).toEqual(before)
    expect(said(lab, 'node1/client: curl -s http://10.3.241.152/')).toMatch(HELLO)
  })
})

describe('4.6 nodeport', () => {
  it('translates twice and hides the client', () => {
    const lab = openLab('4.6-nodeport')
    lab.frames()
    expect(said(lab, 'client: curl -s http://10.100.0.3:32213/')).toMatch(HELLO)
    const frames = lab.frames()
    expect(frames).toContain('node2/eth0< 203.0.113.9 > 10.100.0.3 ttl 63')
    expect(frames).toContain('node2/eth0> 10.100.0.3 > 10.0.1.2 ttl 62')
    expect(
      frames.some((frame) => /^node1\.service-test-[^ ]*\/eth0< 10\.100\.0\.3 > 10\.0\.1\.2 /.test(frame)),
    ).toBe(true)
    expect(frames).toContain('client/eth0< 10.100.0.3 > 203.0.113.9 ttl 61')
    expect(lab.type('node2: conntrack -L -s 203.0.113.9').stdout).toMatch(
      /src=203\.0\.113\.9 dst=10\.100\.0\.3 sport=\d+ dport=32213 src=10\.0\.1\.2 dst=10\.100\.0\.3 sport=8080 /,
    )
  })

  it('with the policy Local keeps the address, and drops where no pod is', () => {
    const lab = openLab('4.6-nodeport')
    lab.frames()
    expect(said(lab, 'client: curl -s http://10.100.0.2:32214/')).toMatch(HELLO)
    const seen = lab.frames().filter((frame) => /^node1\.service-test-[^ ]*\/eth0</.test(frame))
    expect(seen).toContainEqual(expect.stringContaining('203.0.113.9 > 10.0.1.2 '))
    expect(lab.type('client: curl -s -m 3 http://10.100.0.3:32214/').code).toBe(28)
    // The server's own log has who asked: a node by the one service, the client by the other.
    said(lab, 'client: curl -s http://10.100.0.3:32213/')
    const asked = said(lab, 'node1: kubectl logs deploy/service-test').trim().split('\n')
    expect(asked.map((line) => line.split(' - - ')[0])).toEqual(['203.0.113.9', '10.100.0.3'])
    // The nodes themselves reach it all the same.
    expect(said(lab, 'node2: curl -s -m 3 http://10.100.0.3:32214/')).toMatch(HELLO)
    expect(savedRules(lab, 'node2', 'filter', 'KUBE-EXTERNAL-SERVICES')).toEqual([
      '-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "default/service-test-local has no local endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 32214 -j DROP',
    ])
    expect(said(lab, 'node2: iptables -nvL KUBE-EXTERNAL-SERVICES')).toMatch(/ [1-9]\d* +\d+ DROP /)
    expect(savedRules(lab, 'node1', 'filter', 'KUBE-EXTERNAL-SERVICES')).toEqual([])
  })

  it('refuses a port without a service, and listens on none', () => {
    const lab = openLab('4.6-nodeport')
    expect(lab.type('client: curl -s -m 3 http://10.100.0.3:32215/').code).toBe(7)
    for (const node of ['node1', 'node2']) {
      expect(said(lab, `${node}: ss -ltn`)).not.toMatch(/:3221[34]\b/)
      expect(said(lab, `${node}: netstat -lpn`)).not.toMatch(/:3221[34]\b/)
    }
    expect(lab.run.lab.lesson?.text.get('en')).toContain('Old kube-proxies held the port open')
    expect(checkResults(lab)).toEqual([true, true, true, true])
  })

  it("gives node ports in the range only, in the API server's words", () => {
    const file = join(import.meta.dirname, '..', '..', 'public', 'labs', '4.6-nodeport.yaml')
    const text = readFileSync(file, 'utf8').replace('nodePort: 32213', 'nodePort: 38080')
    expect(() => openScenario(text)).toThrow(
      'provided port is not in the valid range. The range of valid ports is 30000-32767',
    )
    const lab = openLab('4.6-nodeport')
    const made = (port: number) =>
      lab.type(`node1: kubectl create service nodeport x --tcp=80 --node-port=${port}`).stderr
    const refused =
      'error: failed to create NodePort service: Service "x" is invalid: spec.ports[0].nodePort: '
    for (const port of [29_999, 32_768]) {
      const range = 'provided port is not in the valid range. The range of valid ports is 30000-32767'
      expect(made(port)).toBe(`${refused}Invalid value: ${port}: ${range}\n`)
    }
    expect(made(32_213)).toBe(`${refused}Invalid value: 32213: provided port is already allocated\n`)
    expect([30_000, 32_767].map(made)).toEqual(['', expect.stringContaining('"x" already exists')])
  })
})

describe('4.7 static route', () => {
  it('reaches the service by one node, and not without it', () => {
    const lab = openLab('4.7-static-route')
    lab.frames()
    expect(said(lab, 'pc: curl -s http://10.3.241.152/')).toMatch(HELLO)
    expect(lab.frames()).toContainEqual(
      expect.stringMatching(/^node1\/eth0< 10\.100\.0\.9 > 10\.3\.241\.152 ttl 64$/),
    )
    expect(lab.type('node1: conntrack -L -s 10.100.0.9').stdout).toMatch(
      /src=10\.100\.0\.9 dst=10\.3\.241\.152 sport=\d+ dport=80 src=10\.0\.[12]\.2 dst=10\.[0-9.]+ sport=8080 /,
    )
    expect(checkResults(lab)).toEqual([true])
    said(lab, 'node1: ip link set eth0 down')
    expect(lab.type('pc: curl -s -m 5 http://10.3.241.152/').code).not.toBe(0)
    expect(checkResults(lab)).toEqual([false])
    // node2 knows the service as well; nobody told pc.
    said(lab, 'pc: ip route replace 10.3.240.0/20 via 10.100.0.3')
    const answers = Array.from({ length: 8 }, () => lab.type('pc: curl -s -m 1 http://10.3.241.152/').code)
    expect(answers).toContain(0)
    mendAll(lab)
  })
})
