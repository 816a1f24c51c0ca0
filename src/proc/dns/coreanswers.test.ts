// What CoreDNS 1.11.3, built and asked with dig, answered by this Corefile, in this order: the cache is among its plugins.
import { expect, it } from 'vitest'
import { runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { dnsPrograms } from '../cmd/dns.ts'
import { netPrograms } from '../cmd/net.ts'
import { streamPrograms } from '../cmd/stream.ts'
import { createNetBench } from '../cmd/transcript.ts'

type Table = readonly (readonly [question: string, header: string, ...records: string[]])[]

/** Every question with dig's status, flags and records of all sections. */
function asked(corefile: string, table: Table, zone: string): string[][] {
  const made = createNetBench([...corePrograms, ...netPrograms, ...streamPrograms, ...dnsPrograms])
  runLine(made, `ip link set lo up; cat > /Corefile <<'X'\n${corefile}X`)
  runLine(made, `cat > /zone <<'X'\n${zone}X`)
  runLine(made, 'coredns -conf /Corefile > /log 2>&1 & sleep 1')
  return table.map(([question]) => {
    const { out } = runLine(made, `dig +nocookie +tries=1 +time=7 -p 5396 @127.0.0.1 ${question}`)
    const header = `${/status: (\w+)/.exec(out)?.[1]} ${/flags: ([a-z ]+);/.exec(out)?.[1]}`
    const lines = out.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
    return [question, header, ...lines.map((line) => line.replace(/\s+/g, ' '))]
  })
}

const COREFILE = `.:5396 {
  errors
  log
  cache 30
  rewrite name exact old.test new.test
  rewrite name suffix .sfx.test. .test. answer auto
  rewrite name prefix pre. x.
  rewrite name substring sub.mid new.mid
  rewrite name regex (.*)\\.re\\.test {1}.test answer auto
  rewrite type MX A
  template IN A tmpl.test {
    match ^ip-(?P<a>[0-9]+)\\.tmpl\\.test\\.$
    answer "{{ .Name }} 60 IN A 10.0.0.{{ .Group.a }}"
    fallthrough
  }
  template ANY ANY blocked.test {
    rcode NXDOMAIN
  }
  template IN TXT t.test {
    answer "{{ .Name }} 7200 IN TXT \\"{{ .Type }} {{ .Zone }}\\""
    additional "x.test. 5 IN A 1.2.3.4"
  }
  hosts {
    10.1.0.1 new.test a.test A2.test
    10.1.0.2 a.test
    fd00::1 a.test
    fd00::2 six.test
    ttl 77
    fallthrough test
  }
  whoami
}
nofall.:5396 {
  log
  errors
  hosts {
    10.9.9.9 h.nofall
  }
}
`

const ANSWERS: Table = [
  ['a.test A', 'NOERROR qr aa rd', 'a.test. 30 IN A 10.1.0.1', 'a.test. 30 IN A 10.1.0.2'],
  ['a.test AAAA', 'NOERROR qr aa rd', 'a.test. 30 IN AAAA fd00::1'],
  ['a.test MX', 'NOERROR qr aa rd', 'a.test. 30 IN A 10.1.0.1', 'a.test. 30 IN A 10.1.0.2'],
  ['a.test TXT', 'NOERROR qr aa rd'],
  ['A.TEST A', 'NOERROR qr aa rd', 'a.test. 30 IN A 10.1.0.1', 'a.test. 30 IN A 10.1.0.2'],
  ['a2.test A', 'NOERROR qr aa rd', 'a2.test. 30 IN A 10.1.0.1'],
  ['six.test A', 'NOERROR qr aa rd'],
  ['six.test AAAA', 'NOERROR qr aa rd', 'six.test. 30 IN AAAA fd00::2'],
  ['old.test A', 'NOERROR qr aa rd', 'old.test. 30 IN A 10.1.0.1'],
  ['a.sfx.test A', 'NOERROR qr aa rd', 'a.sfx.test. 30 IN A 10.1.0.1', 'a.sfx.test. 30 IN A 10.1.0.2'],
  ['new.re.test A', 'NOERROR qr aa rd', 'new.re.test. 30 IN A 10.1.0.1'],
  ['pre.a.test A', 'NOERROR qr aa rd'],
  ['nope.test A', 'NOERROR qr aa rd'],
  ['other.example A', 'SERVFAIL qr rd'],
  ['ip-7.tmpl.test A', 'NOERROR qr aa rd', 'ip-7.tmpl.test. 30 IN A 10.0.0.7'],
  ['ip-7.tmpl.test AAAA', 'NOERROR qr aa rd'],
  ['ip-x.tmpl.test A', 'NOERROR qr aa rd'],
  ['a.blocked.test A', 'NXDOMAIN qr aa rd'],
  ['a.t.test TXT', 'NOERROR qr aa rd', 'a.t.test. 5 IN TXT "TXT t.test."'],
  ['t.test ANY', 'NOERROR qr aa rd', 't.test. 5 IN TXT "TXT t.test."'],
  [
    '1.0.1.10.in-addr.arpa PTR',
    'NOERROR qr aa rd',
    '1.0.1.10.in-addr.arpa. 30 IN PTR new.test.',
    '1.0.1.10.in-addr.arpa. 30 IN PTR a.test.',
    '1.0.1.10.in-addr.arpa. 30 IN PTR a2.test.',
  ],
  ['9.0.1.10.in-addr.arpa PTR', 'NOERROR qr aa rd'],
  ['h.nofall A', 'NOERROR qr aa rd', 'h.nofall. 3600 IN A 10.9.9.9'],
  ['x.nofall A', 'SERVFAIL qr rd'],
  ['h.nofall AAAA', 'NOERROR qr aa rd'],
  ['9.9.9.10.in-addr.arpa PTR', 'NOERROR qr aa rd'],
]

const ZONE = `$ORIGIN up.test.
$TTL 600
@ IN SOA ns1 admin 7 3600 600 86400 45
@ IN NS ns1
ns1 A 10.0.0.53
a A 10.0.0.1
short 3 A 10.0.0.2
long 90000 A 10.0.0.3
c 20 CNAME a
two A 10.0.0.4
two A 10.0.0.5
mail MX 10 a
txt TXT "hello world"
*.w A 10.0.0.9
sub NS ns.sub
ns.sub A 10.0.0.54
`

const FORWARDING = `.:5396 {
  errors
  log
  minimal
  cache 30 {
    denial 9984 12
  }
  forward up.test 127.0.0.1:5395
  forward dead.test 127.0.0.1:5394 127.0.0.1:5393 {
    except live.dead.test
  }
}
nc.test.:5396 {
  log
  errors
  any
  rewrite name suffix .nc.test. .up.test. answer auto
  forward . 127.0.0.1:5395
}
.:5395 {
  errors
  file /zone up.test
}
`

const FORWARDED: Table = [
  ['a.up.test A', 'NOERROR qr aa rd', 'a.up.test. 30 IN A 10.0.0.1'],
  ['short.up.test A', 'NOERROR qr aa rd', 'short.up.test. 5 IN A 10.0.0.2'],
  ['long.up.test A', 'NOERROR qr aa rd', 'long.up.test. 30 IN A 10.0.0.3'],
  ['c.up.test A', 'NOERROR qr aa rd', 'c.up.test. 20 IN CNAME a.up.test.', 'a.up.test. 20 IN A 10.0.0.1'],
  ['c.up.test AAAA', 'NOERROR qr aa rd', 'c.up.test. 20 IN CNAME a.up.test.'],
  ['nx.up.test A', 'NXDOMAIN qr aa rd', 'up.test. 12 IN SOA ns1.up.test. admin.up.test. 7 3600 600 86400 45'],
  [
    'a.up.test AAAA',
    'NOERROR qr aa rd',
    'up.test. 12 IN SOA ns1.up.test. admin.up.test. 7 3600 600 86400 45',
  ],
  ['mail.up.test MX', 'NOERROR qr aa rd', 'mail.up.test. 30 IN MX 10 a.up.test.'],
  ['x.w.up.test A', 'NOERROR qr aa rd', 'x.w.up.test. 30 IN A 10.0.0.9'],
  [
    'host.sub.up.test A',
    'NOERROR qr rd',
    'sub.up.test. 5 IN NS ns.sub.up.test.',
    'ns.sub.up.test. 5 IN A 10.0.0.54',
  ],
  ['up.test SOA', 'NOERROR qr aa rd', 'up.test. 30 IN SOA ns1.up.test. admin.up.test. 7 3600 600 86400 45'],
  ['up.test NS', 'NOERROR qr aa rd', 'up.test. 30 IN NS ns1.up.test.'],
  [
    'up.test ANY +notcp',
    'NOERROR qr aa rd',
    'up.test. 12 IN SOA ns1.up.test. admin.up.test. 7 3600 600 86400 45',
  ],
  ['txt.up.test TXT', 'NOERROR qr aa rd', 'txt.up.test. 30 IN TXT "hello world"'],
  ['A.uP.TeSt A', 'NOERROR qr aa rd', 'a.up.test. 30 IN A 10.0.0.1'],
  ['x.dead.test A', 'SERVFAIL qr rd'],
  ['live.dead.test A', 'SERVFAIL qr rd'],
  ['a.nc.test A', 'NOERROR qr aa rd', 'a.nc.test. 600 IN A 10.0.0.1', 'up.test. 600 IN NS ns1.nc.test.'],
  [
    'c.nc.test A',
    'NOERROR qr aa rd',
    'c.nc.test. 20 IN CNAME a.nc.test.',
    'a.nc.test. 600 IN A 10.0.0.1',
    'up.test. 600 IN NS ns1.nc.test.',
  ],
  [
    'nx.nc.test A',
    'NXDOMAIN qr aa rd',
    'up.test. 600 IN SOA ns1.nc.test. admin.up.test. 7 3600 600 86400 45',
  ],
  ['a.nc.test ANY +notcp', 'NOERROR qr rd', 'a.nc.test. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"'],
  ['other.test A', 'SERVFAIL qr rd'],
  ['a.up.test A +norec', 'NOERROR qr aa', 'a.up.test. 30 IN A 10.0.0.1'],
  ['a.up.test A +dnssec', 'NOERROR qr aa rd', 'a.up.test. 30 IN A 10.0.0.1'],
  ['a.up.test A +cd', 'NOERROR qr aa rd cd', 'a.up.test. 30 IN A 10.0.0.1'],
  ['a.up.test CH TXT', 'REFUSED qr rd'],
  ['version.bind CH TXT', 'SERVFAIL qr rd'],
]

it('answers as the real one by rewrite, template, hosts, cache and whoami', () => {
  const bare = (rows: readonly (readonly string[])[]) =>
    rows.map((row) => row.filter((word, i) => i < 2 || !/^_udp|127\.0\.0\.1$|1\.2\.3\.4$/.test(word)))
  expect(bare(asked(COREFILE, ANSWERS, ZONE))).toEqual(bare(ANSWERS))
})

it('answers as the real one by forward, cache, minimal, any, rewrite and file', () => {
  expect(asked(FORWARDING, FORWARDED, ZONE)).toEqual(FORWARDED)
})
