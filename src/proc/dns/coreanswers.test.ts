// What CoreDNS 1.11.3, built and asked with dig, answered by this Corefile, in this order: the cache is among its plugins.
import { expect, it } from 'vitest'
import { runLine } from '../check.ts'
import { corePrograms } from '../cmd/core.ts'
import { dnsPrograms } from '../cmd/dns.ts'
import { netPrograms } from '../cmd/net.ts'
import { streamPrograms } from '../cmd/stream.ts'
import { createNetBench } from '../cmd/transcript.ts'

const COREFILE = `.:53 {
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
nofall.:53 {
  log
  errors
  hosts {
    10.9.9.9 h.nofall
  }
}
`

const ANSWERS: readonly (readonly [question: string, header: string, ...records: string[]])[] = [
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

it('answers as the real one by rewrite, template, hosts, cache and whoami', () => {
  const made = createNetBench([...corePrograms, ...netPrograms, ...streamPrograms, ...dnsPrograms])
  runLine(made, `ip link set lo up; cat > /Corefile <<'X'\n${COREFILE}X`)
  runLine(made, 'coredns -conf /Corefile > /log 2>&1 & sleep 1')
  const got = ANSWERS.map(([question]) => {
    const { out } = runLine(made, `dig +nocookie @127.0.0.1 ${question}`)
    const records = /;; ANSWER SECTION:\n((?:.+\n)*)/.exec(out)?.[1] ?? ''
    const header = `${/status: (\w+)/.exec(out)?.[1]} ${/flags: ([a-z ]+);/.exec(out)?.[1]}`
    const lines = records.split('\n').filter((line) => line !== '')
    return [question, header, ...lines.map((line) => line.replace(/\s+/g, ' '))]
  })
  expect(got).toEqual(ANSWERS)
})
