/** coredns by its Corefile: what it answers, forwards, keeps, logs, and how it reads its file again. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Bench } from '../check.ts'
import { runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { dnsPrograms } from '../cmd/dns.ts'
import { netPrograms } from '../cmd/net.ts'
import { streamPrograms } from '../cmd/stream.ts'
import { createNetBench } from '../cmd/transcript.ts'
import { sha512 } from '../../base/sha512.ts'
import { parseCorefile } from './corefile.ts'
import { parseZone, zoneAnswer } from './zonefile.ts'

const ZONE = `$ORIGIN example.org.
$TTL 60
@       IN SOA ns1 admin ( 7 3600 600 86400 30 ) ; a comment
        IN NS ns1
ns1     A 10.53.0.2
www     300 IN A 10.0.0.1
        AAAA fd00::1
alias   CNAME www
out     CNAME www.other.test.
*.wild  A 10.0.0.9
a.b.c   TXT "two words" one
mail    MX 10 www
sub     NS ns.sub
ns.sub  A 10.0.0.53
big     TXT ${Array.from({ length: 30 }, (_, i) => `"${String(i).padStart(40, 'x')}"`).join(' ')}
`

/** A client (root), a name server in `s` (10.53.0.2) and one above it in `u` (10.54.0.2). */
function bench(corefile: string, upstream = '.:53 {\n file /zone other.test\n}\n'): Bench {
  const made = createNetBench([...corePrograms, ...netPrograms, ...streamPrograms, ...dnsPrograms])
  const lines = [
    'ip link set lo up',
    'ip netns add s',
    'ip netns add u',
    'ip link add va type veth peer name vb netns s',
    'ip addr add 10.53.0.1/24 dev va',
    'ip link set va up',
    'ip -n s addr add 10.53.0.2/24 dev vb',
    'ip -n s link set vb up',
    'ip -n s link set lo up',
    'ip -n s link add vc type veth peer name vd netns u',
    'ip -n s addr add 10.54.0.1/24 dev vc',
    'ip -n s link set vc up',
    'ip -n u addr add 10.54.0.2/24 dev vd',
    'ip -n u link set vd up',
    "printf 'nameserver 10.53.0.2\\n' > /etc/resolv.conf",
    `cat > /example.org <<'X'\n${ZONE}X`,
    `cat > /zone <<'X'\n@ IN SOA a b 1 2 3 4 5\nwww A 10.8.8.8\nX`,
    `cat > /Corefile <<'X'\n${corefile}X`,
    `cat > /up <<'X'\n${upstream}X`,
    'ip netns exec u coredns -conf /up > /up.log 2>&1 &',
    'ip netns exec s coredns -conf /Corefile > /log 2>&1 &',
    'sleep 0.1',
  ]
  for (const line of lines) expect([line, runLine(made, line).err]).toEqual([line, ''])
  return made
}

const short = (made: Bench, args: string) => runLine(made, `dig +short ${args}`).out.trimEnd().split('\n')
const log = (made: Bench) => runLine(made, 'grep "\\[" /log | uniq').out.replace(/SHA512 = \w+/, 'SHA512 = H')

describe('coredns', () => {
  it('serves a zone file', () => {
    const made = bench('example.org {\n file /example.org\n}\n')
    expect(runLine(made, 'head -2 /log').out).toBe('example.org.:53\nCoreDNS-1.11.3\n')
    expect(short(made, 'www.example.org alias.example.org')).toEqual([
      '10.0.0.1',
      'www.example.org.',
      '10.0.0.1',
    ])
    expect(short(made, 'x.wild.example.org')).toEqual(['10.0.0.9'])
    expect(short(made, 'a.b.c.example.org TXT')).toEqual(['"two words" "one"'])
    const { out } = runLine(made, 'dig +nocookie www.example.org')
    expect(out).toContain(';; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 1, ADDITIONAL: 1\n')
    expect(out).toContain('www.example.org.\t300\tIN\tA\t10.0.0.1\n')
    const status = (name: string) => /status: (\w+)/.exec(runLine(made, `dig ${name}`).out)?.[1]
    expect(['b.c.example.org', 'no.example.org', 'x.other'].map(status)).toEqual([
      'NOERROR',
      'NXDOMAIN',
      'REFUSED',
    ])
    const cut = runLine(made, 'dig +noall +authority +additional host.sub.example.org').out
    expect(cut).toBe(
      'sub.example.org.\t60\tIN\tNS\tns.sub.example.org.\nns.sub.example.org.\t60\tIN\tA\t10.0.0.53\n',
    )
  })

  it('cuts what does not fit into a datagram, and answers on TCP', () => {
    const made = bench('example.org {\n file /example.org\n log\n}\n')
    const { out } = runLine(made, 'dig +nocookie big.example.org TXT')
    expect(out).toMatch(/^;; Truncated, retrying in TCP mode\.\n/)
    expect(out).toMatch(/10\.53\.0\.2#53\(10\.53\.0\.2\) \(TCP\)/)
    const lines = log(made).trim().split('\n')
    expect(lines[0]).toMatch(
      /^\[INFO\] 10\.53\.0\.1:\d+ - \d+ "TXT IN big\.example\.org\. udp 44 false 1232" NOERROR qr,aa,tc,rd \d+ 0(\.\d{1,9})?s$/,
    )
    expect(lines[1]).toMatch(/"TXT IN big\.example\.org\. tcp 44 false 65535" NOERROR qr,aa,rd \d+/)
  })

  it('told to end it answers on while it is lame, and then is gone', () => {
    const made = bench('. {\n health {\n  lameduck 5s\n }\n forward . 10.54.0.2\n}\n')
    runLine(made, 'kill $(pgrep coredns | tail -1); sleep 4')
    expect(runLine(made, 'tail -2 /log').out).toBe(
      '[INFO] SIGTERM: Shutting down servers then terminating\n' +
        '[INFO] plugin/health: Going into lameduck mode for 5s\n',
    )
    expect(short(made, 'www.other.test')).toEqual(['10.8.8.8'])
    runLine(made, 'sleep 1')
    expect(runLine(made, 'dig +tries=1 +time=1 www.other.test').out).toContain('connection refused')
  })

  it('forwards, keeps answers, and says SERVFAIL where nobody answers', () => {
    const made = bench('. {\n errors\n cache 30\n forward . 10.54.0.2\n}\n')
    expect(short(made, 'www.other.test')).toEqual(['10.8.8.8'])
    runLine(made, 'ip -n s link set vc down; sleep 2')
    const kept = runLine(made, 'dig +noall +answer www.other.test').out
    expect(kept).toMatch(/^www\.other\.test\.\t\t28\tIN\tA\t10\.8\.8\.8$/m)
    const from = made.world.now
    const { out } = runLine(made, 'dig no.other.test')
    expect(out).toContain('status: SERVFAIL')
    expect((made.world.now - from) / 1e9).toBeLessThan(5.1)
    expect(log(made)).toContain('[ERROR] plugin/errors: 2 no.other.test. A: ')
  })

  it('says in its log that an upstream is silent', () => {
    const made = bench('. {\n errors\n forward . 10.54.0.9\n}\n')
    const from = made.world.now
    expect(runLine(made, 'dig +time=9 x.test').out).toContain('status: SERVFAIL')
    expect(Math.round((made.world.now - from) / 1e9)).toBeLessThanOrEqual(5)
    expect(log(made)).toMatch(/plugin\/errors: 2 x\.test\. A: read udp 10\.54\.0\.1:\d+->10\.54\.0\.9:53: /)
  })

  it('follows a CNAME out of its zone, rewrites names and back, and knows hosts and templates', () => {
    const made = bench(
      `example.org other.test {
  rewrite name old.example.org www.example.org
  rewrite name suffix .short.example.org .example.org answer auto
  template IN A example.org {
    match ^ip-(?P<a>[0-9]+)[.]example[.]org[.]$
    answer "{{ .Name }} 60 IN A 10.0.0.{{ .Group.a }}"
    fallthrough
  }
  hosts {
    10.1.1.1 h.example.org
    fallthrough
  }
  file /example.org example.org
  forward . 10.54.0.2
}
`,
    )
    expect(short(made, 'out.example.org')).toEqual(['www.other.test.', '10.8.8.8'])
    expect(runLine(made, 'dig +noall +answer old.example.org').out).toBe(
      'old.example.org.\t300\tIN\tA\t10.0.0.1\n',
    )
    expect(runLine(made, 'dig +noall +answer www.short.example.org').out).toBe(
      'www.short.example.org.\t300\tIN\tA\t10.0.0.1\n',
    )
    expect(short(made, 'ip-7.example.org')).toEqual(['10.0.0.7'])
    expect(short(made, 'h.example.org')).toEqual(['10.1.1.1'])
  })

  it('undoes a rewrite in names, in values and below the name, as name.go of plugin/rewrite does', () => {
    const made = bench(
      `example.org {
  rewrite name regex (.*)[.]cache[.]example[.]org {1}.example.org answer auto
  rewrite name suffix .short.example.org .example.org answer auto
  rewrite stop {
    name regex (.*)[.]far[.]example[.]org {1}.example.org
    answer name (.*)[.]example[.]org {1}.far.example.org
    answer value (.*)[.]example[.]org {1}.far.example.org
  }
  template IN A example.org {
    match ^c[.]example[.]org[.]$
    answer "{{ .Name }} 60 IN CNAME www.example.org."
    fallthrough
  }
  file /example.org example.org
}
`,
    )
    const answer = (name: string) => runLine(made, `dig +noall +answer ${name}`).out
    expect(answer('www.cache.example.org')).toBe('www.cache.example.org.\t300\tIN\tA\t10.0.0.1\n')
    expect(answer('c.short.example.org')).toBe(
      'c.short.example.org.\t60\tIN\tCNAME\twww.short.example.org.\n',
    )
    expect(answer('c.far.example.org')).toBe('c.far.example.org.\t60\tIN\tCNAME\twww.far.example.org.\n')
    expect(answer('c.cache.example.org')).toBe('c.cache.example.org.\t60\tIN\tCNAME\twww.example.org.\n')
  })

  it('takes a changed Corefile over; keeps the old one where the new one is wrong', () => {
    const made = bench('. {\n reload 2s 1s\n hosts {\n 10.1.1.1 a.test\n }\n}\n')
    expect(short(made, 'a.test')).toEqual(['10.1.1.1'])
    const write = (text: string) =>
      runLine(made, `printf '${text.replaceAll('\n', '\\n')}' > /Corefile; sleep 4`)
    write('. {\n reload 2s 1s\n hosts {\n 10.1.1.2 a.test\n }\n}\n')
    expect(short(made, 'a.test')).toEqual(['10.1.1.2'])
    write('. {\n reload 2s 1s\n hosts {\n 10.1.1.2 a.test\n')
    expect(short(made, 'a.test')).toEqual(['10.1.1.2'])
    write('. {\n frob\n}\n')
    expect(short(made, 'a.test')).toEqual(['10.1.1.2'])
    expect(log(made)).toBe(
      `[INFO] plugin/reload: Running configuration SHA512 = H
[INFO] Reloading
[INFO] plugin/reload: Running configuration SHA512 = H
[INFO] Reloading complete
[WARNING] plugin/reload: Corefile parse failed: /Corefile:4 - Error during parsing: Unexpected EOF
[INFO] Reloading
[ERROR] Restart failed: /Corefile:2 - Error during parsing: Unknown directive 'frob'
[ERROR] plugin/reload: Corefile changed but reload failed: starting with listener file descriptors: /Corefile:2 - Error during parsing: Unknown directive 'frob'
`.replace(
        'SHA512 = H\n[INFO] Reloading complete',
        log(made).match(/SHA512 = \w+\n\[INFO\] Reloading complete/)![0],
      ),
    )
  })

  it('ends where it forwards to itself', () => {
    const made = bench('. {\n loop\n forward . 127.0.0.1\n}\n')
    runLine(made, 'sleep 3')
    expect(log(made)).toMatch(
      /^\[FATAL\] plugin\/loop: Loop \(127\.0\.0\.1:\d+ -> :53\) detected for zone "\.", see https:\/\/coredns\.io\/plugins\/loop#troubleshooting\. Query: "HINFO \d+\.\d+\."\n$/,
    )
    expect(runLine(made, 'ps -e').out).toMatch(/^(?:(?!coredns).|\n)*coredns(?:(?!coredns).|\n)*$/)
  })

  it('answers over HTTP that it is healthy', () => {
    const made = bench('. {\n health\n ready\n hosts\n}\n')
    expect(
      runLine(made, 'curl -s http://10.53.0.2:8080/health; curl -s http://10.53.0.2:8181/ready').out,
    ).toBe('OKOK')
  })

  it('complains of a Corefile as the real one does', () => {
    const made = createNetBench([...corePrograms, ...dnsPrograms])
    const said = (text: string) => {
      runLine(made, `cat > /c <<'X'\n${text}\nX`)
      return runLine(made, 'coredns -conf /c').err
    }
    const parsing = 'Error during parsing:'
    expect(said('. {\n frob\n}')).toBe(`/c:2 - ${parsing} Unknown directive 'frob'\n`)
    expect(said('. {\n log\n')).toBe("/c:2 - Syntax error: Unexpected token 'log', expecting '}'\n")
    expect(said('. {\n forward .\n}')).toBe(
      `plugin/forward: /c:2 - ${parsing} Wrong argument count or unexpected line ending after '.'\n`,
    )
    expect(said('. {\n forward . nowhere\n}')).toBe('plugin/forward: not an IP address or file: "nowhere"\n')
    expect(said('. {\n route53\n}')).toContain("kubehop: the plugin 'route53' is not modelled")
    expect(said('a.test {\n log\n}\na.test {\n log\n}')).toBe(
      'cannot serve dns://a.test.:53 - it is already defined\n',
    )
  })
})

it('a Corefile knows snippets, several keys, comments and quotes', () => {
  const text =
    '(common) {\n errors\n log\n}\na.test b.test:1053 { # two\n import common\n template IN A {\n answer "x y"\n }\n}\n'
  const { blocks } = parseCorefile(text, 'C', new Map())
  expect(blocks!.map(({ keys, directives }) => [keys, directives.map((one) => one.name)])).toEqual([
    [
      ['a.test', 'b.test:1053'],
      ['errors', 'log', 'template'],
    ],
  ])
})

it('SHA-512 is that of the standard', () => {
  for (const text of ['', 'abc', 'x'.repeat(111), 'y'.repeat(112), 'z'.repeat(300)]) {
    expect(sha512(new TextEncoder().encode(text))).toBe(createHash('sha512').update(text).digest('hex'))
  }
})

it('a zone file that is wrong says where', () => {
  expect(parseZone('@ SOA a b 1 2 3 4 5\nwww A nowhere\n', 'x.').error).toBe(
    'dns: bad A: "nowhere" at line: 2',
  )
  expect(parseZone('www A 1.2.3.4\n', 'x.').error).toContain('has no SOA record')
  const zone = parseZone(ZONE, 'example.org.')
  const { answer } = zoneAnswer(zone, { name: 'WWW.example.ORG.', type: 28, class: 1 })
  expect(answer[0]).toMatchObject({ name: 'WWW.example.ORG.', ttl: 60 })
})
