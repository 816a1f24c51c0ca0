import { describe, expect, it } from 'vitest'
import { cli } from './cli.ts'

const LAB = `name: demo
topology:
  nodes:
    a: {}
    b: {}
  links:
    - endpoints: ["a:eth0", "b:eth0"]
---
apiVersion: kubehop.dev/v1
kind: Lesson
spec:
  seed: 7
  checks:
    - { id: ok, title: { en: lo answers, ru: lo отвечает }, run: "a: ping -c 1 127.0.0.1", expect: { exit: 0 } }
    - { id: marker, run: "a: test -e /tmp/x" }
`

/** Runs the command line; files are those given. */
function check(files: Record<string, string>, ...words: string[]) {
  const written = new Map<string, string | Uint8Array>()
  let out = ''
  let err = ''
  const code = cli(words, {
    readText: (path) => {
      const text = files[path]
      if (text === undefined) throw new Error('no such file')
      return text
    },
    writeText: (path, text) => written.set(path, text),
    writeBytes: (path, bytes) => written.set(path, bytes),
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err, written }
}

const files = {
  'lab.yaml': LAB,
  'bad.yaml': 'name: x\ntopology: {nodes: {a: {kind: srl}}}\n',
  s: '# one\n\na: echo 1\nb: echo 2\n',
}

describe('the command line', () => {
  it('explains itself', () => {
    expect(check(files, '--help')).toMatchObject({ code: 0, err: '' })
    expect(check(files)).toMatchObject({ code: 2 })
    for (const verb of ['run', 'trace', 'explain', 'pcap', 'export', 'check', 'replay', 'api']) {
      expect(check(files, 'run', '--help').out).toContain(`\n  ${verb} `)
    }
  })

  it('refuses what it does not understand, with 2', () => {
    const wrong: [string[], string][] = [
      [['fly', 'lab.yaml'], 'unknown command "fly"'],
      [['run'], 'run needs a lab FILE'],
      [['run', 'lab.yaml', 'more'], 'unexpected argument "more"'],
      [['api', 'lab.yaml', '--speed', '0'], '--speed 0: not a number above 0'],
      [['api', 'lab.yaml', '--port', '70000'], '--port 70000: not a port'],
      [['api', 'lab.yaml'], 'lab.yaml: the lab has no cluster: no document describes one'],
      [['run', 'lab.yaml', '--fast'], 'unknown option --fast'],
      [['run', 'lab.yaml', '--seed', 'x'], '--seed x: not a whole number'],
      [['run', 'lab.yaml', '--until', 'soon'], '--until soon: not a time (2s, 500ms)'],
      [['run', 'lab.yaml', '--exec'], 'option --exec needs a value'],
      [['run', 'lab.yaml', '--exec', 'ls'], '"ls" is not MACHINE[/NETNS]: COMMAND'],
      [['run', 'lab.yaml', '--script', 'none'], '--script none: no such file'],
      [['run', 'none.yaml'], 'none.yaml: no such file'],
      [
        ['run', 'bad.yaml'],
        'bad.yaml:2:30: error: kind "srl" of node "a" is not modelled: linux and bridge are',
      ],
      [['run', 'lab.yaml', '--exec', 'a/red: ls'], 'a/red: ls: no such place: a/red. There are a, b'],
      [['pcap', 'lab.yaml'], 'pcap needs --out FILE.pcapng'],
      [['export', 'lab.yaml'], 'export needs --to sh, containerlab or yaml'],
      [['export', 'lab.yaml', '--to', 'pdf'], '--to pdf: none of sh, containerlab, yaml'],
      [['explain', 'lab.yaml'], 'explain needs --from MACHINE[/NETNS] and --dst ADDRESS'],
      [
        ['explain', 'lab.yaml', '--from', 'a', '--dst', 'x'],
        '"x" is not an IPv4 address and not an IPv6 address',
      ],
      [
        ['explain', 'lab.yaml', '--from', 'a', '--dst', '127.0.0.1', '--src', '9.9.9.9'],
        '9.9.9.9 is no address of a',
      ],
    ]
    for (const [words, message] of wrong) {
      const { code, err, out } = check(files, ...words)
      expect([words, code, err.split('\n')[0], out]).toEqual([words, 2, message, ''])
    }
  })
})

describe('run', () => {
  it('types commands in order and gives 1 where one fails', () => {
    expect(
      check(files, 'run', 'lab.yaml', '--exec', 'a: echo hi; echo oh >&2', '--script', 's'),
    ).toMatchObject({
      code: 0,
      out: 'a$ echo hi; echo oh >&2\nhi\noh\n[exit 0]\na$ echo 1\n1\n[exit 0]\nb$ echo 2\n2\n[exit 0]\n',
    })
    expect(check(files, 'run', 'lab.yaml', '--exec', 'a: exit 3')).toMatchObject({
      code: 1,
      out: 'a$ exit 3\n[exit 3]\n',
    })
  })

  it('does not wait for what ends in &, and stops at --until', () => {
    const { code, out } = check(
      files,
      'run',
      'lab.yaml',
      '--exec',
      'a: sleep 5 &',
      '--exec=a: echo now',
      '--until=2s',
      '--json',
    )
    const value = JSON.parse(out)
    expect(code).toBe(0)
    expect(value).toMatchObject({ version: 1, lab: 'demo', seed: 7, boot: [], frozen: null })
    expect(value.commands).toMatchObject([
      { place: 'a', command: 'sleep 5', code: null, endedAt: null },
      { place: 'a', command: 'echo now', code: 0, stdout: 'now\n', endedAt: 0 },
    ])
  })
})

describe('trace, explain, pcap', () => {
  it('tell of the packets of a command', () => {
    const { code, out } = check(files, 'trace', 'lab.yaml', '--exec', 'a: ping -c 1 127.0.0.1', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out).traces).toMatchObject([
      { label: expect.stringContaining('ICMP echo request 127.0.0.1 > 127.0.0.1') },
      { label: expect.stringContaining('ICMP echo reply 127.0.0.1 > 127.0.0.1') },
    ])
    const text = check(files, 'explain', 'lab.yaml', '--from', 'a', '--dst', '10.9.9.9').out
    expect(text).toContain('IP_OUTNOROUTES')
  })

  it('explain takes dumps alone, names what is not modelled, and prints why', () => {
    const dump =
      'root@web:~# ip addr\n2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n    inet 192.0.2.10/24 scope global eth0\n' +
      'root@web:~# iptables-save\n*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set ok src -j ACCEPT\n' +
      '-A INPUT -s 198.51.100.0/24 -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n'
    const asked = ['--in=eth0', '--src=198.51.100.7', '--dst=192.0.2.10', '--proto=tcp']
    const run = (...words: string[]) =>
      check({ 'web.txt': dump }, 'explain', '--dump', '=web.txt', '--from=web', ...asked, ...words)
    const taken = run('--dport=22')
    expect(taken.code).toBe(0)
    expect(taken.err).toContain("web.txt:7: warning: iptables-restore: the match 'set' is not modelled")
    // The rule that is not modelled keeps its number, does nothing, and is seen to be passed.
    expect(taken.out).toContain('filter INPUT, rule 2, accepts it')
    expect(taken.out).toContain(
      'after INPUT 1: -m comment --comment "not modelled: -m set --match-set ok src',
    )
    expect(taken.out).toContain('because -s 198.51.100.0/24: 198.51.100.7')
    const dropped = run('--dport=23', '--verbose')
    expect(dropped.out).toContain('[failed: -m tcp --dport 22: ports 40000 > 23]')
    expect(dropped.out).toContain('DROPPED: NETFILTER_DROP')
    expect(JSON.parse(run('--dport=23', '--json').out).answer).toMatchObject({
      disposition: 'DROPPED',
      rules: [{ table: 'filter', chain: 'INPUT', number: 0, verdict: 'DROP' }],
    })
    expect(check({}, 'explain', '--dump', 'web').code).toBe(2)
    expect(check({}, 'explain', '--dump', 'web=none.txt', '--from=web', '--dst=1.1.1.1').code).toBe(2)
  })

  it('explain leaves the state as the commands left it, and needs no port', () => {
    const typed = ['lab.yaml', '--exec', 'a: ping -c 1 127.0.0.1', '--json']
    const { now, events, hash } = JSON.parse(check(files, 'run', ...typed).out)
    for (const proto of ['icmp', 'tcp', 'udp']) {
      const { out } = check(files, 'explain', ...typed, '--from=a', '--dst=127.0.0.1', `--proto=${proto}`)
      const after = JSON.parse(out)
      expect(after).toMatchObject({ now, events, hash })
      expect(after.traces.length).toBeGreaterThan(1)
      const said = check(files, 'explain', 'lab.yaml', '--from=a', '--dst=127.0.0.1', `--proto=${proto}`).out
      expect(said.includes('The answer came back to a')).toBe(proto !== 'udp')
    }
  })

  it('writes a section, an interface a device, and the frames', () => {
    const { code, written, out } = check(
      files,
      'pcap',
      'lab.yaml',
      '--exec',
      'a: ping -c 1 127.0.0.1',
      '--out',
      'x.pcapng',
    )
    expect([code, out.split('\n').at(-2)]).toEqual([0, 'x.pcapng: 4 frames of 4 devices'])
    const bytes = written.get('x.pcapng') as Uint8Array
    expect([...bytes.slice(0, 4)]).toEqual([0x0a, 0x0d, 0x0d, 0x0a])
    const text = new TextDecoder('latin1').decode(bytes)
    for (const name of ['a/lo', 'a/eth0', 'b/lo', 'b/eth0']) expect(text).toContain(name)
  })
})

describe('export, check, replay', () => {
  it('prints the lab for other tools', () => {
    expect(check(files, 'export', 'lab.yaml', '--to', 'yaml').out).toBe(LAB)
    const clab = check(files, 'export', 'lab.yaml', '--to', 'containerlab').out
    expect(clab).toContain('network-mode: none')
    expect(clab).not.toContain('Lesson')
    const { written, out } = check(files, 'export', 'lab.yaml', '--to', 'sh', '--out', 't.sh')
    expect(out).toBe('')
    expect(written.get('t.sh')).toContain('type veth peer name eth0 index 2 netns b')
  })

  it('runs checks and says which fail', () => {
    expect(check(files, 'check', 'lab.yaml')).toMatchObject({
      code: 1,
      out: 'ok   ok: lo answers\nFAIL marker: marker\n     exit 1, not 0: \n',
    })
    const mended = check(files, 'check', 'lab.yaml', '--exec', 'a: touch /tmp/x', '--lang', 'ru')
    expect(mended).toMatchObject({ code: 0, out: 'ok   ok: lo отвечает\nok   marker: marker\n' })
  })

  it('stops at any event with the hash that a shorter run has', () => {
    const words = ['lab.yaml', '--exec', 'a: ping -c 3 127.0.0.1', '--json']
    const end = JSON.parse(check(files, 'run', ...words).out)
    const at = (event: number) => JSON.parse(check(files, 'replay', ...words, '--event', String(event)).out)
    expect(at(end.events)).toMatchObject({ event: end.events, hash: end.hash })
    const middle = at(end.events - 5)
    expect(middle.hash).not.toBe(end.hash)
    expect(at(end.events - 5)).toEqual(middle)
    expect(middle.last).toMatchObject({ where: 'a' })
    const other = JSON.parse(check(files, 'run', ...words, '--seed', '8').out)
    expect(other.hash).not.toBe(end.hash)
  })
})
