// kubectl over the network: requests, watches, logs and commands are connections to 6443 and on to 10250, and end as
// these do. The words are those of client-go, of the API server's proxies and of Go's dialer (1.32).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ttyText } from '../run/tty.ts'
import { seek } from '../sim/timeline.ts'
import { hashOf, typeAll } from './headless.ts'
import type { Scenario } from './scenario.fixture.ts'
import { submitKeys, submitTty } from './rules.ts'
import { openScenario } from './scenario.fixture.ts'

const LAB = readFileSync(join(import.meta.dirname, '..', '..', 'public', 'labs', '7.1-ports.yaml'), 'utf8')
const CUT = 'controlplane: iptables -A INPUT -i eth0 -p tcp --dport 6443 -j DROP'

/** Starts commands on pc, waits 2 s, does what `acts` say, and lets `seconds` pass: what the commands came to. */
function beside(lab: Scenario, commands: readonly string[], acts: readonly string[], seconds: number) {
  const { run } = lab
  const until = run.world.now - run.bootedAt + seconds * 1e9
  const typed = [...commands.map((one) => `pc: ${one} &`), 'pc: sleep 2', ...acts].map((text) => {
    const [machine = '', ...rest] = text.split(': ')
    const command = rest.join(': ')
    return {
      ...{ text, machine, netns: '', command: command.replace(/ &$/, '') },
      background: command.endsWith(' &'),
    }
  })
  const ran = typeAll(run, typed, until)
  if (typeof ran === 'string') throw new Error(ran)
  return ran.slice(0, commands.length).map(({ stdout, stderr, code }) => ({ out: stdout, err: stderr, code }))
}

const LOST =
  'error: an error on the server ("unable to decode an event from the watch stream: http2: client connection lost") has prevented the request from succeeding\n'

describe('kubectl over a cut network', () => {
  it('stalls, and is lost after 45 s', () => {
    const lab = openScenario(LAB)
    const commands = ['kubectl get deploy -w', 'kubectl logs -f deploy/web']
    // 30 s without a frame, 15 s without an answer to the ping; the last frame came at the beginning.
    const cut = beside(lab, commands, [CUT], 44)
    expect(cut.map(({ code }) => code)).toEqual([null, null])
    const lost = beside(openScenario(LAB), commands, [CUT], 49)
    expect(lost[0]).toMatchObject({ err: LOST, code: 1 })
    expect(lost[1]).toMatchObject({ err: 'error: http2: client connection lost\n', code: 1 })
  })

  it('gives a command 61 s', () => {
    const lab = openScenario(LAB)
    const command = 'kubectl exec deploy/web -- sleep 1000'
    expect(beside(lab, [command], [CUT], 60)[0]).toMatchObject({ err: '', code: null })
    const [lost] = beside(openScenario(LAB), [command], [CUT], 66)
    // As kubectl 1.32.4 printed it of a server that was stopped.
    const why = 'next reader: read tcp 192\\.168\\.1\\.100:\\d+->192\\.168\\.1\\.11:6443: i/o timeout'
    const klog = `E\\d{4} [\\d:.]{15} +\\d+ v2\\.go:(150|167)\\] "Unhandled Error" err="${why}"\n`
    expect(lost!.code).toBe(1)
    expect(lost!.err).toMatch(new RegExp(`^(${klog}){2}error: error reading from error stream: ${why}\n$`))
  })

  it('ends with the server: a watch without a word, a log with an error', () => {
    const lab = openScenario(LAB)
    const commands = [
      'kubectl get deploy -w --no-headers',
      'kubectl logs -f deploy/web',
      'kubectl exec deploy/web -- sleep 1000',
    ]
    const [watch, log, command] = beside(lab, commands, ['controlplane: pkill kube-apiserver'], 3)
    expect(watch).toMatchObject({ err: '', code: 0 })
    expect(log).toMatchObject({ err: 'error: unexpected EOF\n', code: 1 })
    expect(command!.code).toBe(1)
    expect(command!.err).toContain(
      'error: error reading from error stream: next reader: websocket: close 1006 (abnormal closure): unexpected EOF\n',
    )
    expect(lab.type('pc: kubectl logs deploy/web').stderr).toBe(
      'The connection to the server 192.168.1.11:6443 was refused - did you specify the right host or port?\n',
    )
  })
})

describe('logs and commands', () => {
  it('are connections of the API server to the kubelet', () => {
    const lab = openScenario(LAB)
    lab.steps()
    const [log] = beside(lab, ['kubectl logs -f deploy/web'], [], 3)
    expect(log).toMatchObject({ err: '', code: null })
    expect(lab.frames().some((one) => one.startsWith('node01/eth0< 192.168.1.11 > 192.168.1.12'))).toBe(true)
    expect(lab.type('node01: ss -tnp').stdout).toMatch(
      /ESTAB +0 +0 +192\.168\.1\.12:10250 +192\.168\.1\.11:\d+ +users:\(\("kubelet"/,
    )
    expect(lab.type('controlplane: ss -tnp').stdout).toMatch(
      /192\.168\.1\.11:\d+ +192\.168\.1\.12:10250 +users:\(\("kube-apiserver"/,
    )
    expect(lab.type('pc: echo hi | kubectl exec -i deploy/web -- cat').stdout).toBe('hi\n')
    const failed = lab.type('pc: kubectl exec deploy/web -- sh -c "echo a; echo b >&2; exit 3"')
    expect([failed.stdout, failed.stderr, failed.code]).toEqual([
      'a\n',
      'b\ncommand terminated with exit code 3\n',
      3,
    ])
  })

  it('need the node', () => {
    const lab = openScenario(LAB)
    const pod = lab.type('pc: kubectl get pods -o name').stdout.trim().replace('pod/', '')
    const url = `https://192.168.1.12:10250/containerLogs/default/${pod}/web`
    const drop = 'node01: iptables -A INPUT -p tcp --dport 10250 -j DROP'
    const [log] = beside(lab, ['kubectl logs -f deploy/web'], [drop], 60)
    expect(log).toMatchObject({ code: 1 })
    expect(log!.err).toMatch(/^error: stream error: stream ID \d+; INTERNAL_ERROR; received from peer\n$/)
    const timedOut = 'dial tcp 192.168.1.12:10250: i/o timeout\n'
    expect(lab.type('pc: kubectl logs deploy/web').stderr).toBe(
      `Error from server: Get "${url}": ${timedOut}`,
    )
    expect(lab.type('pc: kubectl exec deploy/web -- true').stderr).toBe(
      `Error from server: error dialing backend: ${timedOut}`,
    )
    lab.type('node01: iptables -F INPUT')
    lab.type('node01: pkill kubelet')
    const refused = 'dial tcp 192.168.1.12:10250: connect: connection refused\n'
    expect(lab.type('pc: kubectl logs deploy/web --tail=1').stderr).toBe(
      `Error from server: Get "${url}?tailLines=1": ${refused}`,
    )
    expect(lab.type('pc: kubectl exec deploy/web -- true').stderr).toBe(
      `Error from server: error dialing backend: ${refused}`,
    )
  })

  it('hand the keys of a terminal on, as long as there is a way', () => {
    const lab = openScenario(LAB)
    const { world, rules } = lab.run
    const tty = submitTty(world, rules, 'pc')
    lab.wait(1)
    const shown = (keys: string) => {
      const before = ttyText(world, tty).text.length
      submitKeys(world, rules, tty, keys)
      lab.wait(1)
      return ttyText(world, tty).text.slice(before).replaceAll('\r\n', '\n')
    }
    expect(shown('kubectl exec -it deploy/web -- sh\r')).toMatch(/\nroot@web-\S+:\/# $/)
    expect(shown('hostname\r')).toMatch(/^hostname\nweb-\S+\nroot@web-\S+:\/# $/)
    expect(shown('sleep 100\r')).toBe('sleep 100\n')
    expect(shown('\x03')).toMatch(/^\^C\n?root@web/)
    lab.type('node01: iptables -A INPUT -p tcp --dport 10250 -j DROP')
    expect(shown('hostname')).toBe('')
    lab.type('node01: iptables -F INPUT')
    lab.wait(5)
    expect(ttyText(world, tty).text).toMatch(/# hostname$/)
    expect(shown('\rexit\r')).toMatch(/root@pc:~# $/)
    expect(shown('hostname\r')).toMatch(/^hostname\npc\n/)
  })

  it('forward a port into a pod, by way of the server and the kubelet', () => {
    const lab = openScenario(LAB)
    const curl = 'pc: curl -s -m 5 http://127.0.0.1:8080/'
    const forward = 'kubectl port-forward svc/web 8080:80'
    const [one] = beside(lab, [forward], [], 3)
    expect(one!.out).toMatch(/^Forwarding from 127\.0\.0\.1:8080 -> 80\n/)
    lab.steps()
    expect(lab.type(curl).stdout).toContain('Welcome to nginx!')
    expect(lab.frames().some((frame) => frame.startsWith('node01/eth0< 192.168.1.11 > 192.168.1.12'))).toBe(
      true,
    )
    expect(lab.type('node01: ps').stdout).not.toContain('nc -N')
    expect(lab.type('pc: kubectl port-forward svc/web 8080:80').stderr).toMatch(
      /^Unable to listen on port 8080: .*tcp4 127\.0\.0\.1:8080: bind: address already in use.*\nerror: unable to listen on any of the requested ports: \[\{8080 80\}\]\n$/,
    )
    lab.type('node01: iptables -A INPUT -p tcp --dport 10250 -j DROP')
    expect(lab.type(curl).code).toBe(28)
    const refused = openScenario(LAB)
    const acts = ['pc: curl -s http://127.0.0.1:8080/']
    const [bad] = beside(refused, ['kubectl port-forward deploy/web 8080:81'], acts, 5)
    expect(bad!.code).toBe(1)
    expect(bad!.out).toContain('Handling connection for 8080\n')
    expect(bad!.err).toMatch(
      /^E\d{4} .* "Unhandled Error" err="an error occurred forwarding 8080 -> 81: error forwarding port 81 to pod [0-9a-f]{64}, uid : failed to execute portforward in network namespace \\"\/var\/run\/netns\/cni-[0-9a-f-]{36}\\": failed to connect to localhost:81 inside namespace \\"[0-9a-f]{64}\\", IPv4: dial tcp4 127\.0\.0\.1:81: connect: connection refused .*"\nerror: lost connection to pod\n$/,
    )
  })

  it('rewind to the same states', () => {
    const lab = openScenario(LAB)
    const { world, rules } = lab.run
    const marks: [number, string][] = []
    const commands = [
      'kubectl get deploy -w',
      'kubectl logs -f deploy/web',
      'kubectl exec deploy/web -- sleep 5',
      'kubectl port-forward deploy/web 8080:80',
    ]
    const acts = [
      'controlplane: kubectl scale deploy web --replicas=2',
      'pc: curl -s http://127.0.0.1:8080/ &',
    ]
    const ran = beside(lab, commands, acts, 4)
    expect(ran[0]!.out.split('\n').length).toBeGreaterThan(4)
    for (let n = 0; n < 6; n++) {
      lab.wait(0.7)
      marks.push([world.nEvents, hashOf(lab.run)])
    }
    for (const [events, hash] of [...marks].reverse()) {
      seek(world, rules, events)
      expect(hashOf(lab.run)).toBe(hash)
    }
    seek(world, rules, marks.at(-1)![0])
    expect(hashOf(lab.run)).toBe(marks.at(-1)![1])
  })
})
