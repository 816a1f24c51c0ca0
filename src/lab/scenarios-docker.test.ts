// The labs of chapter 2, run headless: each line under *shows*. Chains and rules are those of moby 28's own golden files
// (libnetwork/drivers/bridge/internal/iptabler/testdata), with this lab's addresses; nginx' words are nginx' own.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seek, seekInput, stateHash } from '../sim/timeline.ts'
import { sceneOf } from '../view/scene.ts'
import { runChecks } from './check.ts'
import type { Scenario } from './scenario.fixture.ts'
import { openScenario } from './scenario.fixture.ts'
import { submitApply } from './rules.ts'

const IN_USE = 'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n'
const WELCOME = 'Welcome to nginx!'

function open(file: string): Scenario {
  return openScenario(
    readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', `${file}.yaml`), 'utf8'),
  )
}

/** The text of a line that must succeed. */
function said(lab: Scenario, line: string): string {
  const { code, stdout, stderr } = lab.type(line)
  expect([line, code, stderr]).toEqual([line, 0, ''])
  return stdout
}

/** Rules of a table in the machine, without the header. */
function rules(lab: Scenario, table: string): string[] {
  const lines = said(lab, `host: iptables-save -t ${table}`).split('\n')
  return lines.filter(
    (line) => line.startsWith('-A') || line.startsWith(':DOCKER') || line.startsWith(':FORWARD'),
  )
}

/** What a template of docker inspect says. */
function inspect(lab: Scenario, name: string, field: string): string {
  return said(lab, `host: docker inspect -f '{{${field}}}' ${name}`).trim()
}

/** Every check of the lesson before and after what mends it. */
function checksMend(lab: Scenario, before: boolean[]): void {
  const results = () => runChecks(lab.run.lab, lab.run.world, lab.run.rules).map((check) => check.ok)
  expect(results()).toEqual(before)
  for (const { mends } of lab.run.lab.lesson?.checks ?? []) {
    if (mends !== undefined) expect(lab.type(`${mends.machine}: ${mends.command}`).code).toBe(0)
  }
  expect(results()).toEqual(before.map(() => true))
}

const FILTER = [
  ':FORWARD DROP [0:0]',
  ':DOCKER - [0:0]',
  ':DOCKER-BRIDGE - [0:0]',
  ':DOCKER-CT - [0:0]',
  ':DOCKER-FORWARD - [0:0]',
  ':DOCKER-ISOLATION-STAGE-1 - [0:0]',
  ':DOCKER-ISOLATION-STAGE-2 - [0:0]',
  ':DOCKER-USER - [0:0]',
  '-A FORWARD -j DOCKER-USER',
  '-A FORWARD -j DOCKER-FORWARD',
  '-A DOCKER ! -i docker0 -o docker0 -j DROP',
  '-A DOCKER-BRIDGE -o docker0 -j DOCKER',
  '-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  '-A DOCKER-FORWARD -j DOCKER-CT',
  '-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1',
  '-A DOCKER-FORWARD -j DOCKER-BRIDGE',
  '-A DOCKER-FORWARD -i docker0 -j ACCEPT',
  '-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2',
  '-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
  '-A DOCKER-USER -j RETURN',
]

describe('2.1 network none', () => {
  it('has docker0 down while nobody is attached, and the chains of docker 28', () => {
    const lab = open('2.1-network-none')
    expect(said(lab, 'host: ip link show docker0')).toMatch(
      /docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> .* state DOWN /,
    )
    expect(rules(lab, 'filter')).toEqual(FILTER)
    expect(rules(lab, 'nat')).toEqual([
      ':DOCKER - [0:0]',
      '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
      '-A POSTROUTING -s 172.17.0.0/24 ! -o docker0 -j MASQUERADE',
      '-A DOCKER -i docker0 -j RETURN',
    ])
  })

  it('has only lo, and nothing reaches it', () => {
    const lab = open('2.1-network-none')
    expect(said(lab, 'host: docker exec web ip -br link')).toMatch(/^lo +UNKNOWN [^\n]*\n$/)
    expect(said(lab, 'host: docker exec web curl -s localhost')).toContain(WELCOME)
    expect(lab.type('host: docker exec web ping -c 1 192.168.1.10')).toMatchObject({
      code: 2,
      stderr: 'ping: connect: Network is unreachable\n',
    })
    expect(lab.type('host: curl -s -m 3 172.17.0.2').code).toBe(28)
    expect(inspect(lab, 'web', '.NetworkSettings.IPAddress')).toBe('')
    checksMend(lab, [true, false])
    expect(said(lab, 'host: ip link show docker0')).toMatch(/<BROADCAST,MULTICAST,UP,LOWER_UP> .* state UP /)
  })
})

describe('2.2 network host', () => {
  it("listens on the host's address, and a second one fails", () => {
    const lab = open('2.2-network-host')
    expect(said(lab, 'pc: curl -s 192.168.1.10')).toContain(WELCOME)
    expect(said(lab, 'host: ss -tlnp')).toMatch(/0\.0\.0\.0:80 .*nginx/)
    const from = lab.run.world.now
    const second = lab.type('host: docker run --name second --network host nginx')
    expect(second.code).toBe(1)
    // It asks five times, half a second apart.
    expect((lab.run.world.now - from) / 1e9).toBeCloseTo(2.5, 1)
    expect(second.stderr).toBe(`${IN_USE.repeat(5)}nginx: [emerg] still could not bind()\n`)
    expect(said(lab, 'host: docker exec web hostname')).toBe('host\n')
    expect(said(lab, 'host: docker ps -a')).toMatch(/^\w{12} +nginx .* Exited \(1\) .* second\n/m)
    expect(said(lab, 'host: docker rm second')).toBe('second\n')
  })

  it('gets the port all the same where it comes free in time', () => {
    const lab = open('2.2-network-host')
    said(lab, 'host: docker run -d --name second --network host nginx')
    said(lab, 'host: docker rm -f web')
    lab.wait(1)
    expect(said(lab, 'pc: curl -s 192.168.1.10')).toContain(WELCOME)
    expect(lab.type('host: docker logs second').stderr).toBe(IN_USE)
  })

  it('has a file tree of its own, and what is written there is served', () => {
    const lab = open('2.2-network-host')
    said(lab, "host: docker exec web sh -c 'echo mine > /usr/share/nginx/html/index.html'")
    expect(said(lab, 'pc: curl -s 192.168.1.10')).toBe('mine\n')
    expect(lab.type('host: cat /usr/share/nginx/html/index.html')).toMatchObject({
      code: 1,
      stderr: 'cat: /usr/share/nginx/html/index.html: No such file or directory\n',
    })
    checksMend(open('2.2-network-host'), [true, false])
  })
})

describe('2.3 docker0', () => {
  it('gives addresses in order, a default route, and names that tell of each other', () => {
    const lab = open('2.3-docker0')
    expect(inspect(lab, 'web', '.NetworkSettings.IPAddress')).toBe('172.17.0.2')
    expect(inspect(lab, 'client', '.NetworkSettings.IPAddress')).toBe('172.17.0.3')
    expect(said(lab, 'host: docker exec client ip route')).toBe(
      'default via 172.17.0.1 dev eth0 \n172.17.0.0/24 dev eth0 proto kernel scope link src 172.17.0.3 \n',
    )
    const inside = /^([0-9]+): eth0@if([0-9]+): /m.exec(said(lab, 'host: docker exec web ip link'))
    const host = said(lab, 'host: ip link')
    const outside = new RegExp(
      `^${inside?.[2]}: veth[0-9a-f]{7}@if${inside?.[1]}: .* master docker0 state UP `,
      'm',
    )
    expect(host).toMatch(outside)
    expect(host).toMatch(/docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> .* state UP /)
    expect(rules(lab, 'raw')).toEqual([
      '-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP',
      '-A PREROUTING -d 172.17.0.3/32 ! -i docker0 -j DROP',
    ])
  })

  it('lets both reach each other and the outside, masqueraded', () => {
    const lab = open('2.3-docker0')
    expect(said(lab, 'host: docker exec client ping -c 2 172.17.0.2')).toContain(' 0% packet loss')
    lab.frames()
    expect(said(lab, 'host: docker exec client ping -c 1 8.8.8.8')).toContain('ttl=62 ')
    const frames = lab.frames().filter((frame) => frame.includes('icmp 8/0'))
    expect(frames).toContain('host.client/eth0> 172.17.0.3 > 8.8.8.8 ttl 64 icmp 8/0 seq 1')
    expect(frames).toContain('host/eth0> 192.168.1.10 > 8.8.8.8 ttl 63 icmp 8/0 seq 1')
    expect(said(lab, 'host: docker exec client curl -s 8.8.8.8')).toBe('<p>Hello from the internet</p>\n')
    checksMend(lab, [true, true, false])
  })

  it('without a mapping the host reaches it and a LAN machine does not', () => {
    const lab = open('2.3-docker0')
    expect(said(lab, 'host: curl -s 172.17.0.2')).toContain(WELCOME)
    lab.steps()
    expect(lab.type('pc: curl -s -m 3 172.17.0.2').code).toBe(28)
    const ends = lab.steps().filter((step) => step.reason !== '' && step.headers.arp === null)
    expect(new Set(ends.map((step) => `${step.nsName} ${step.reason}`))).toEqual(
      new Set(['host NETFILTER_DROP']),
    )
    expect(said(lab, 'host: iptables -t raw -nvL PREROUTING')).toMatch(
      / +3 +180 DROP .* !docker0 .* 172\.17\.0\.2/,
    )
    expect(lab.type('pc: curl -s -m 3 192.168.1.10').code).toBe(7)
  })

  it('keeps its namespaces where ip netns does not look', () => {
    const lab = open('2.3-docker0')
    expect(said(lab, 'host: ip netns')).toBe('')
    const key = inspect(lab, 'web', '.NetworkSettings.SandboxKey')
    expect(key).toMatch(/^\/var\/run\/docker\/netns\/[0-9a-f]{12}$/)
    const name = key.slice(key.lastIndexOf('/') + 1)
    expect(said(lab, 'host: ls /var/run/docker/netns').split('\n')).toContain(name)
    said(lab, 'host: ln -s /var/run/docker/netns /var/run/netns')
    expect(said(lab, 'host: ip netns')).toMatch(new RegExp(`^${name}( \\(id: [0-9]\\))?$`, 'm'))
    expect(said(lab, `host: ip netns exec ${name} ip -4 -br addr show eth0`)).toMatch(
      /^eth0@if[0-9]+ +UP +172\.17\.0\.2\/24 \n/,
    )
  })

  it('shows its own processes inside and all of them on the host', () => {
    const lab = open('2.3-docker0')
    const inside = said(lab, 'host: docker exec web ps aux')
    expect(inside).toMatch(/^root +1 .* nginx: master process nginx -g daemon off;$/m)
    expect(inside).not.toMatch(/dockerd|sleep/)
    const host = said(lab, 'host: ps aux')
    const pid = inspect(lab, 'web', '.State.Pid')
    expect(host).toMatch(new RegExp(`^root +${pid} .* nginx: master process`, 'm'))
    expect(host).toMatch(/sleep 1000000/)
    expect(said(lab, 'host: docker exec web hostname')).toBe(`${inspect(lab, 'web', '.Id').slice(0, 12)}\n`)
  })

  it('frees the address of a container that ends, and takes its cable and rules away', () => {
    const lab = open('2.3-docker0')
    said(lab, 'host: docker stop web')
    expect(rules(lab, 'raw')).toEqual(['-A PREROUTING -d 172.17.0.3/32 ! -i docker0 -j DROP'])
    expect(said(lab, 'host: ip -o link').match(/veth/g)).toHaveLength(1)
    said(lab, 'host: docker run -d --name other nginx')
    expect(inspect(lab, 'other', '.NetworkSettings.IPAddress')).toBe('172.17.0.2')
    said(lab, 'host: docker start web')
    expect(inspect(lab, 'web', '.NetworkSettings.IPAddress')).toBe('172.17.0.4')
    // A first process without a handler takes no SIGTERM: docker waits ten seconds.
    const before = lab.run.world.now
    said(lab, 'host: docker stop client')
    expect((lab.run.world.now - before) / 1e9).toBeCloseTo(10, 1)
    expect(inspect(lab, 'client', '.State.ExitCode')).toBe('137')
  })
})

describe('2.4 port mapping', () => {
  it('adds the rules, and the host answers from outside', () => {
    const lab = open('2.4-port-mapping')
    expect(rules(lab, 'nat').slice(-2)).toEqual([
      '-A DOCKER -i docker0 -j RETURN',
      '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
    ])
    expect(rules(lab, 'filter')).toContain(
      '-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT',
    )
    lab.frames()
    expect(said(lab, 'pc: curl -s 192.168.1.10:8080')).toContain(WELCOME)
    expect(lab.frames()).toContain('host.web/eth0< 192.168.1.20 > 172.17.0.2 ttl 63')
    expect(said(lab, 'host: iptables -nvL -t nat')).toMatch(/ 1 +60 DNAT .* tcp dpt:8080 to:172\.17\.0\.2:80/)
    expect(said(lab, 'host: docker port web')).toBe('80/tcp -> 0.0.0.0:8080\n')
    expect(said(lab, 'host: docker ps')).toContain('   0.0.0.0:8080->80/tcp   web\n')
  })

  it('serves the host itself by docker-proxy, and a port once', () => {
    const lab = open('2.4-port-mapping')
    expect(said(lab, 'host: curl -s 127.0.0.1:8080')).toContain(WELCOME)
    expect(said(lab, 'host: docker exec web curl -s 192.168.1.10:8080')).toContain(WELCOME)
    expect(said(lab, 'host: ss -tlnp')).toMatch(/0\.0\.0\.0:8080 .*docker-proxy/)
    // What docker-proxy carries comes from the bridge's address.
    expect(said(lab, 'host: docker logs web')).toMatch(/^172\.17\.0\.1 - - .* "GET \/ HTTP\/1\.1" 200 /m)
    const again = lab.type('host: docker run -d --name again -p 8080:80 nginx')
    expect(again.code).toBe(125)
    expect(again.stderr).toMatch(
      /^docker: Error response from daemon: failed to set up container networking: driver failed programming external connectivity on endpoint again \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated\n\nRun 'docker run --help' for more information\n$/,
    )
    checksMend(lab, [true, true, false])
  })

  it('without docker-proxy masquerades a container that asks itself', () => {
    const lab = open('2.4-port-mapping')
    const nat = said(lab, 'host2: iptables-save -t nat')
      .split('\n')
      .filter((line) => line.startsWith('-A'))
    expect(nat).toEqual([
      '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      '-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER',
      '-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE',
      '-A POSTROUTING -s 172.17.0.0/24 ! -o docker0 -j MASQUERADE',
      '-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE',
      '-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
    ])
    expect(said(lab, 'host2: docker exec web curl -s 192.168.1.11:8080')).toContain(WELCOME)
    expect(said(lab, 'host2: docker logs web')).toMatch(/^172\.17\.0\.1 - - .* "GET /m)
    expect(said(lab, 'host2: curl -s 127.0.0.1:8080')).toContain(WELCOME)
    expect(said(lab, 'host2: ps aux')).not.toContain('docker-proxy')
  })
})

describe('2.5 shared namespace', () => {
  it('reaches both on localhost, and both on one address from outside', () => {
    const lab = open('2.5-shared-namespace')
    expect(said(lab, 'host: docker exec side curl -s localhost:80')).toContain(WELCOME)
    expect(said(lab, 'host: docker exec web curl -s localhost:8000')).toContain('Directory listing for /')
    expect(said(lab, 'host: curl -s 172.17.0.2:80')).toContain(WELCOME)
    expect(said(lab, 'host: curl -s 172.17.0.2:8000')).toContain('Directory listing for /')
    expect(said(lab, 'pc: curl -s 192.168.1.10:8080')).toContain(WELCOME)
    expect(said(lab, 'host: docker exec side ip addr')).toBe(said(lab, 'host: docker exec web ip addr'))
    expect(said(lab, 'host: docker exec side hostname')).toBe(said(lab, 'host: docker exec web hostname'))
    // Files and processes stay apart.
    expect(said(lab, 'host: docker exec side ps aux')).not.toContain('nginx')
    expect(lab.type('host: docker exec side ls /usr/share/nginx').code).toBe(2)
  })

  it('has each port once', () => {
    const lab = open('2.5-shared-namespace')
    const id = inspect(lab, 'web', '.Id')
    const second = lab.type(`host: docker run --network container:${id} nginx`)
    expect([second.code, second.stderr.startsWith(IN_USE)]).toEqual([1, true])
    checksMend(lab, [true, true, false])
  })

  it('goes on without the container that it belonged to, which takes the network along', () => {
    const lab = open('2.5-shared-namespace')
    said(lab, 'host: docker stop web')
    expect(said(lab, 'host: docker ps -q').trim().split('\n')).toHaveLength(1)
    expect(said(lab, 'host: docker exec side curl -s localhost:8000')).toContain('Directory listing')
    expect(said(lab, 'host: docker exec side ip -br link')).toMatch(/^lo [^\n]*\n$/)
  })
})

describe('containers and time', () => {
  it('come and go with it', () => {
    const lab = open('2.3-docker0')
    const { world, rules: standard } = lab.run
    const before = world.inputs.length
    const booted = stateHash(world)
    said(lab, 'host: docker run -d --name third -p 8080:80 nginx')
    said(lab, "host: docker exec third sh -c 'echo three > /usr/share/nginx/html/index.html'")
    expect(said(lab, 'pc: curl -s 192.168.1.10:8080')).toBe('three\n')
    const middle = world.inputs.length
    const running = stateHash(world)
    said(lab, 'host: docker rm -f third web')
    lab.wait(1)
    const [end, gone] = [world.nEvents, stateHash(world)]
    seekInput(world, standard, middle)
    expect(stateHash(world)).toBe(running)
    seekInput(world, standard, before)
    expect(stateHash(world)).toBe(booted)
    seek(world, standard, end)
    expect(stateHash(world)).toBe(gone)
  })
})

describe('the picture', () => {
  it('has a room for each container inside its machine, plugged into docker0', () => {
    const lab = open('2.3-docker0')
    const scene = sceneOf(lab.run.world, new Map())
    const host = scene.machines.find((machine) => machine.id === 'host')
    expect(host?.rooms.map((room) => room.name)).toEqual(['', 'web', 'client'])
    const web = host?.rooms[1]?.ports.find((port) => port.name === 'eth0')
    expect([web?.id, web?.addrs]).toEqual(['host.web/eth0', ['172.17.0.2/24']])
    const far = host?.rooms[0]?.ports.filter((port) => port.master === 'host/docker0') ?? []
    expect(far).toHaveLength(2)
    expect(scene.edges.filter((edge) => edge.a === web?.id || edge.b === web?.id)).toHaveLength(1)
  })
})

describe('a lab with containers that is edited', () => {
  it('starts what a new last line starts, and is built anew where a line goes', () => {
    const lab = open('2.5-shared-namespace')
    const { world, rules: standard, text } = lab.run
    const line = '        - docker run -d --name web -p 8080:80 nginx\n'
    const more = text.replace(
      'SimpleHTTPServer 8000\n',
      'SimpleHTTPServer 8000\n        - docker run -d --name third httpd\n',
    )
    submitApply(world, standard, more)
    lab.wait(1)
    expect(said(lab, 'host: curl -s 172.17.0.3')).toContain('It works!')
    submitApply(world, standard, text.replace(line, '').replace(/ +- docker run -d --name side .*\n/, line))
    lab.wait(1)
    expect(said(lab, "host: docker ps --format '{{.Names}}'")).toBe('web\n')
    expect(said(lab, 'pc: curl -s 192.168.1.10:8080')).toContain(WELCOME)
  })
})
