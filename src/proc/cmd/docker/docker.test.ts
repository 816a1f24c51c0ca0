// docker's words: errors and exit codes as docker/cli 28 and moby 28 print them (their sources and documentation), and
// templates as Go's text/template fills them. Nothing that is typed may freeze the world.
import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../../../base/rng.ts'
import type { Scenario } from '../../../lab/scenario.fixture.ts'
import { openScenario } from '../../../lab/scenario.fixture.ts'
import { fillTemplate } from './template.ts'

const MACHINE = `name: one
topology:
  nodes:
    host:
      exec:
        - systemctl start docker
`

function machine(): Scenario {
  return openScenario(MACHINE)
}

const NO_DAEMON =
  'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'
const HELP = "\n\nRun 'docker run --help' for more information\n"

describe('what docker says', () => {
  it('without a daemon', () => {
    const lab = machine()
    lab.type('host: systemctl stop docker')
    expect(lab.type('host: docker ps')).toMatchObject({ code: 1, stderr: `${NO_DAEMON}\n` })
    expect(lab.type('host: docker run nginx')).toMatchObject({
      code: 125,
      stderr: `docker: ${NO_DAEMON}${HELP}`,
    })
    expect(lab.type('host: systemctl is-active docker')).toMatchObject({ code: 3, stdout: 'inactive\n' })
  })

  it.each([
    ['docker exec nosuch ls', 1, 'Error response from daemon: No such container: nosuch\n'],
    ['docker stop nosuch', 1, 'Error response from daemon: No such container: nosuch\n'],
    ['docker inspect nosuch', 1, 'Error: No such object: nosuch\n'],
    ['docker network inspect nosuch', 1, 'Error response from daemon: network nosuch not found\n'],
    ['docker foo', 1, "docker: unknown command: docker foo\n\nRun 'docker --help' for more information\n"],
    ['docker volume ls', 1, 'docker volume: not modelled in Kubehop\n'],
    [
      'docker run --name a nginx',
      125,
      'docker: Error response from daemon: Invalid container name (a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed' +
        HELP,
    ],
    ['docker run --volume /a:/b nginx', 125, `docker: --volume: not modelled in Kubehop${HELP}`],
    ['docker run -p 80:x nginx', 125, `docker: invalid containerPort: x`],
    [
      'docker run -p 1-2:1-3 nginx',
      125,
      'docker: invalid ranges specified for container and host Ports: 1-3 and 1-2',
    ],
    [
      'docker run --network container:nosuch nginx',
      125,
      `docker: Error response from daemon: No such container: nosuch${HELP}`,
    ],
    [
      'docker network rm bridge',
      1,
      'Error response from daemon: error while removing network: bridge is a pre-defined network and cannot be removed\n',
    ],
  ])('%s', (line, code, stderr) => {
    const ran = machine().type(`host: ${line}`)
    expect([ran.code, ran.stderr.slice(0, stderr.length)]).toEqual([code, stderr])
  })

  it('about a command that is not there, before and after the start', () => {
    const lab = machine()
    const init =
      'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: '
    const why =
      'unable to start container process: error during container init: exec: "foo": executable file not found in $PATH'
    expect(lab.type('host: docker run --rm alpine foo').stderr).toContain(init + why)
    lab.type('host: docker run -d --name box alpine sleep 100')
    expect(lab.type('host: docker exec box foo')).toMatchObject({
      code: 127,
      stderr:
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "foo": executable file not found in $PATH: unknown\n',
    })
    expect(lab.type('host: docker rm box')).toMatchObject({
      code: 1,
      stderr:
        'Error response from daemon: cannot remove container "box": container is running: stop the container before removing or force remove\n',
    })
  })

  it("passes a container's output, its errors and its exit code on", () => {
    const lab = machine()
    const ran = lab.type("host: docker run --rm alpine sh -c 'echo out; echo err >&2; exit 3'")
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([3, 'out\n', 'err\n'])
    expect(lab.type('host: docker ps -aq').stdout).toBe('')
    expect(lab.type('host: echo typed | docker run -i --rm alpine cat').stdout).toBe('typed\n')
    expect(lab.type('host: docker run --rm -e A=b -w /tmp alpine sh -c "echo \\$A; pwd"').stdout).toBe(
      'b\n/tmp\n',
    )
  })

  it('names what stands in for an image, or that nothing does', () => {
    const ran = machine().type('host: docker run nosuch:1.0')
    expect(ran.code).toBe(125)
    expect(ran.stderr).toContain('nothing stands in for the image nosuch:1.0 in Kubehop')
    expect(ran.stderr).toContain('nginx')
  })
})

describe('networks of the user', () => {
  it('have a bridge each, and are kept apart', () => {
    const lab = machine()
    expect(lab.type('host: docker network create one').stdout).toMatch(/^[0-9a-f]{64}\n$/)
    lab.type('host: docker run -d --name there --network one nginx')
    lab.type('host: docker run -d --name here nginx')
    expect(lab.type('host: docker exec there ip -4 -br addr show eth0').stdout).toMatch(/172\.18\.0\.2\/16/)
    expect(lab.type('host: docker exec here curl -s -m 2 172.18.0.2').code).toBe(28)
    const stage1 = lab.type('host: iptables -S DOCKER-ISOLATION-STAGE-1').stdout
    expect(stage1).toMatch(
      /^-N DOCKER-ISOLATION-STAGE-1\n-A .* -i docker0 ! -o docker0 .*\n-A .* -i (br-[0-9a-f]{12}) ! -o \1 -j DOCKER-ISOLATION-STAGE-2\n$/,
    )
    // A container on both is reached on each.
    expect(lab.type('host: docker network connect one here').code).toBe(0)
    expect(
      lab.type('host: docker exec here curl -s -o /dev/null -w "%{http_code}" -m 2 172.18.0.2').stdout,
    ).toBe('200')
    expect(lab.type('host: docker network rm one').stderr).toContain('has active endpoints')
    lab.type('host: docker rm -f here there')
    expect(lab.type('host: docker network rm one').stdout).toBe('one\n')
    expect(lab.type('host: iptables-save').stdout).not.toContain('br-')
    expect(lab.type('host: ip -br link').stdout).not.toContain('br-')
  })
})

describe('templates', () => {
  const value = {
    Name: '/web',
    N: 2,
    Ports: { '80/tcp': [{ HostPort: '8080' }], '81/tcp': null },
    List: ['a', 'b'],
  }
  it.each([
    ['{{.Name}} {{.N}}', '/web 2'],
    ['{{json .List}}', '["a","b"]'],
    ['{{.List}}', '[a b]'],
    ['{{(index (index .Ports "80/tcp") 0).HostPort}}', '8080'],
    [
      '{{range $p, $c := .Ports}}{{$p}} -> {{if $c}}{{(index $c 0).HostPort}}{{else}}nobody{{end}};{{end}}',
      '80/tcp -> 8080;81/tcp -> nobody;',
    ],
    ['{{range .List}}{{.}}-{{$.N}} {{end}}', 'a-2 b-2 '],
    ['{{len .List}}{{println}}', '2\n'],
    ['{{.List | json | upper}}', '["A","B"]'],
  ])('%s', (template, text) => expect(fillTemplate(template, value)).toBe(text))
})

it('2,000 random docker lines: words or nothing, and the world goes on', () => {
  const rng = createRng(28, 1)
  const pick = (list: readonly string[]) => list[nextBelow(rng, list.length)]!
  const words =
    'run create start stop restart rm ps exec logs inspect port images pull network ls connect disconnect -d -f -it --rm -q -a --name web db --network none host bridge container:web one -p 80:80 8080:80 :: 127.0.0.1:1:1/udp nginx alpine busybox redis sh ls true sleep 1 {{.Id}} {{range}} --format -e A=1 kill wait -t 0'.split(
      ' ',
    )
  const lab = machine()
  let made = 0
  for (let i = 0; i < 100; i++) {
    const lines = Array.from({ length: 20 }, () => {
      const run = `run ${pick(['-d', '-d -p 8080:80', '-d -P', '--rm', '--rm -d', '--network host -d'])} ${pick(['', '--name web', '--name db'])} ${pick(['nginx', 'redis', 'alpine', 'httpd'])}`
      const verb = `${pick(['stop -t 0', 'start', 'rm', 'rm -f', 'restart -t 0', 'logs', 'inspect'])} ${pick(['web', 'db'])}`
      if (nextBelow(rng, 2) === 0) return `timeout 3 docker ${pick([run, verb])}`
      return `timeout 3 docker ${Array.from({ length: 1 + nextBelow(rng, 7) }, () => `'${pick(words)}'`).join(' ')}`
    })
    lab.type(`host: ${lines.join('; ')}`)
    if (i % 50 !== 49) continue
    made += lab.type('host: docker ps -aq').stdout.split('\n').length - 1
    lab.type('host: docker rm -f $(docker ps -aq); systemctl restart docker')
  }
  expect(made).toBeGreaterThan(20)
  expect(lab.run.world.frozen).toBeUndefined()
  lab.type('host: docker rm -f $(docker ps -aq)')
  expect(lab.type('host: docker run --rm alpine echo alive').stdout).toBe('alive\n')
  expect(lab.type('host: ip -br link').stdout).not.toContain('veth')
})
