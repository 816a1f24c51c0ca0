/**
 * curl, nc, wget, telnet and the servers against what the real ones printed (curl 7.88.1, netcat-openbsd 1.219, wget
 * 1.21.3, inetutils-telnet 2.4, Python 3.11; Linux 6.18), recorded in throw-away namespaces.
 */
import { describe, expect, it } from 'vitest'
import type { Bench, Ran } from '../check.ts'
import { runLine } from '../check.ts'
import { corePrograms } from './core.ts'
import { filesPrograms } from './files.ts'
import { launchPrograms } from './launch.ts'
import { netPrograms } from './net.ts'
import { probePrograms } from './probe.ts'
import { streamPrograms } from './stream.ts'
import { systemPrograms } from './system.ts'
import { createNetBench } from './transcript.ts'

const SETUP = [
  'ip netns add b',
  'ip link add va type veth peer name vb',
  'ip link set vb netns b',
  'ip addr add 10.9.0.1/24 dev va',
  'ip netns exec b ip addr add 10.9.0.2/24 dev vb',
  'ip link set va up',
  'ip link set lo up',
  'ip netns exec b ip link set vb up',
  'ip netns exec b ip link set lo up',
  'mkdir /www',
  'echo "<html>hi</html>" > /www/index.html',
  'mkdir /www/d',
  'echo x > /www/d/f.txt',
]

function bench(): Bench {
  const made = createNetBench([
    ...corePrograms,
    ...filesPrograms,
    ...launchPrograms,
    ...systemPrograms,
    ...netPrograms,
    ...probePrograms,
    ...streamPrograms,
  ])
  for (const line of SETUP) expect([line, runLine(made, line).err]).toEqual([line, ''])
  return made
}

/** A line with a server of the pages in the other namespace, which stays for the next line. */
function served(made: Bench, line: string): Ran {
  const up = runLine(made, 'ip netns exec b ss -Htln').out !== ''
  const server = 'ip netns exec b python3 -m http.server 80 --directory /www > /log 2>&1 & sleep 0.1;'
  return runLine(made, `${up ? '' : server} ${line}; echo rc=$?`)
}

/** Dates are the lab's, Python's patch level the recording machine's. */
function plain(text: string): string {
  return text
    .replaceAll('\r', '')
    .replace(/(Date|Last-Modified): .*/g, '$1: D')
    .replace(/Python\/3\.11\.\d+/g, 'Python/3.11')
}

describe('curl', () => {
  it('shows the conversation', () => {
    const { out, err } = served(bench(), 'curl -sv http://10.9.0.2/')
    expect(plain(out)).toBe('<html>hi</html>\nrc=0\n')
    expect(plain(err)).toBe(`*   Trying 10.9.0.2:80...
* Connected to 10.9.0.2 (10.9.0.2) port 80 (#0)
> GET / HTTP/1.1
> Host: 10.9.0.2
> User-Agent: curl/7.88.1
> Accept: */*
> 
* HTTP 1.0, assume close after body
< HTTP/1.0 200 OK
< Server: SimpleHTTP/0.6 Python/3.11
< Date: D
< Content-type: text/html
< Content-Length: 16
< Last-Modified: D
< 
{ [16 bytes data]
* Closing connection 0
`)
  })

  it('says why it could not connect, with the codes of the real one', () => {
    const made = bench()
    const rows: [string, string, number][] = [
      [
        'curl -sv http://10.9.0.2:81/',
        `*   Trying 10.9.0.2:81...
* connect to 10.9.0.2 port 81 failed: Connection refused
* Failed to connect to 10.9.0.2 port 81 after 0 ms: Couldn't connect to server
* Closing connection 0
`,
        7,
      ],
      ['curl -sS http://nosuch.invalid/', 'curl: (6) Could not resolve host: nosuch.invalid\n', 6],
      ['curl -sS foo://10.9.0.2/', 'curl: (1) Protocol "foo" not supported or disabled in libcurl\n', 1],
      ['curl -sS http://10.9.0.2:99999/', 'curl: (3) URL using bad/illegal format or missing URL\n', 3],
      [
        'curl -sv http://10.99.0.1/',
        `*   Trying 10.99.0.1:80...
* Immediate connect fail for 10.99.0.1: Network is unreachable
* Failed to connect to 10.99.0.1 port 80 after 0 ms: Couldn't connect to server
* Closing connection 0
`,
        7,
      ],
      [
        'curl -sSv --interface 9.9.9.9 http://10.9.0.2/',
        `*   Trying 10.9.0.2:80...
* Name '9.9.9.9' family 2 resolved to '9.9.9.9' family 2
* bind failed with errno 99: Cannot assign requested address
* Failed to connect to 10.9.0.2 port 80 after 0 ms: Failed binding local connection end
* Closing connection 0
curl: (45) bind failed with errno 99: Cannot assign requested address
`,
        45,
      ],
      [
        'curl --bogus http://10.9.0.2/',
        `curl: option --bogus: is unknown
curl: try 'curl --help' or 'curl --manual' for more information
`,
        2,
      ],
      ['curl', "curl: try 'curl --help' or 'curl --manual' for more information\n", 2],
    ]
    for (const [line, err, code] of rows) {
      const ran = runLine(made, line)
      expect([line, ran.err, ran.code]).toEqual([line, err, code])
    }
  })

  it('gives up in time', () => {
    const made = bench()
    runLine(made, 'ip link set va arp off')
    const ran = runLine(made, 'curl -sv --connect-timeout 2 http://10.9.0.77/')
    expect([plain(ran.err), ran.code]).toEqual([
      `*   Trying 10.9.0.77:80...
* ipv4 connect timeout after 2000ms, move on!
* Failed to connect to 10.9.0.77 port 80 after 2000 ms: Timeout was reached
* Closing connection 0
`,
      28,
    ])
    const most = runLine(made, 'curl -sS -m 2 http://10.9.0.77/')
    expect([most.err, most.code]).toEqual(['curl: (28) Connection timed out after 2000 milliseconds\n', 28])
  })

  it('follows, fails, lists and writes out', () => {
    const made = bench()
    expect(plain(served(made, 'curl -sL http://10.9.0.2/d').out)).toContain(
      '<li><a href="f.txt">f.txt</a></li>\n',
    )
    const failed = served(made, 'curl -sS -f http://10.9.0.2/missing')
    expect([failed.out, failed.err]).toEqual([
      'rc=22\n',
      'curl: (22) The requested URL returned error: 404\n',
    ])
    const format =
      '%{http_code} %{size_download} %{remote_ip} %{remote_port} %{local_ip} %{num_connects} %{content_type}'
    const written = served(made, `curl -s -w '${format}\\n' -o /dev/null http://10.9.0.2/`)
    expect(written.out).toBe('200 16 10.9.0.2 80 10.9.0.1 1 text/html\nrc=0\n')
    expect(plain(served(made, 'curl -sI http://10.9.0.2/').out)).toBe(
      'HTTP/1.0 200 OK\nServer: SimpleHTTP/0.6 Python/3.11\nDate: D\nContent-type: text/html\nContent-Length: 16\n' +
        'Last-Modified: D\n\nrc=0\n',
    )
    expect(plain(served(made, 'curl -s -X DELETE http://10.9.0.2/').out)).toContain(
      "<p>Message: Unsupported method ('DELETE').</p>",
    )
    expect(
      runLine(made, 'cat /log')
        .out.replace(/\[.*?\]/g, '[D]')
        .split('\n')
        .slice(-3),
    ).toEqual([
      "10.9.0.1 - - [D] code 501, message Unsupported method ('DELETE')",
      '10.9.0.1 - - [D] "DELETE / HTTP/1.1" 501 -',
      '',
    ])
  })
})

describe('nc', () => {
  it('scans ports', () => {
    const made = bench()
    const scan = served(made, 'nc -zvn 10.9.0.2 79-81')
    expect([scan.out, scan.err]).toEqual([
      'rc=0\n',
      `nc: connect to 10.9.0.2 port 79 (tcp) failed: Connection refused
Connection to 10.9.0.2 80 port [tcp/*] succeeded!
nc: connect to 10.9.0.2 port 81 (tcp) failed: Connection refused
`,
    ])
    expect(served(made, 'nc -zv 10.9.0.2 80').err).toBe(
      'Connection to 10.9.0.2 80 port [tcp/http] succeeded!\n',
    )
    const rows: [string, string, number][] = [
      ['nc -zv 10.9.0.2 81', 'nc: connect to 10.9.0.2 port 81 (tcp) failed: Connection refused\n', 1],
      ['nc -z 10.9.0.2 81', '', 1],
      [
        'nc -zv -w 1 10.9.0.99 80',
        'nc: connect to 10.9.0.99 port 80 (tcp) timed out: Operation now in progress\n',
        1,
      ],
      ['nc -zv 10.99.0.9 80', 'nc: connect to 10.99.0.9 port 80 (tcp) failed: Network is unreachable\n', 1],
      ['nc -zvu 10.9.0.2 81', '', 1],
      ['nc -v 10.9.0.2 abc', 'nc: port number invalid: abc\n', 1],
      ['nc -l', 'nc: missing port number\n', 1],
    ]
    for (const [line, err, code] of rows) {
      const ran = runLine(made, line)
      expect([line, ran.err, ran.code]).toEqual([line, err, code])
    }
  })

  it('carries text from one end to the other', () => {
    const made = bench()
    const line =
      'ip netns exec b nc -lvn -p 9000 < /dev/null > /l.out 2> /l.err & sleep 0.1; echo hello | nc -v -N 10.9.0.2 9000'
    expect(runLine(made, `${line}; wait`).err).toBe('Connection to 10.9.0.2 9000 port [tcp/*] succeeded!\n')
    expect(runLine(made, 'cat /l.out').out).toBe('hello\n')
    expect(runLine(made, 'cat /l.err').out).toMatch(
      /^Listening on 0.0.0.0 9000\nConnection received on 10.9.0.1 \d+\n$/,
    )
    const empty = 'ip netns exec b nc -l -p 9000 -q0 < /dev/null > /dev/null & sleep 0.5'
    const curl = runLine(made, `${empty}; curl -sS http://10.9.0.2:9000/`)
    expect([curl.err, curl.code]).toEqual(['curl: (52) Empty reply from server\n', 52])
  })

  it('speaks UDP', () => {
    const made = bench()
    const line =
      'ip netns exec b nc -lu 9002 > /u.out & sleep 0.1; echo hello | nc -u -w1 10.9.0.2 9002; kill $!'
    expect(runLine(made, line).err).toBe('')
    expect(runLine(made, 'cat /u.out').out).toBe('hello\n')
  })
})

it('wget and telnet say what the real ones say', () => {
  const made = bench()
  expect(served(made, 'wget -qO- http://10.9.0.2/').out).toBe('<html>hi</html>\nrc=0\n')
  const day = (text: string) =>
    text.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'NOW').replace(/\(.*B\/s\)/, '(R)')
  const saved = served(made, 'wget -O /f http://10.9.0.2/d/f.txt').err
  expect(day(saved).replace(/100%.*/, '100%')).toBe(`--NOW--  http://10.9.0.2/d/f.txt
Connecting to 10.9.0.2:80... connected.
HTTP request sent, awaiting response... 200 OK
Length: 2 [text/plain]
Saving to: ‘/f’

     0K                                                       100%

NOW (R) - ‘/f’ saved [2/2]

`)
  const missing = served(made, 'wget -O- http://10.9.0.2/missing')
  expect([missing.out, day(missing.err)]).toEqual([
    'rc=8\n',
    `--NOW--  http://10.9.0.2/missing
Connecting to 10.9.0.2:80... connected.
HTTP request sent, awaiting response... 404 File not found
NOW ERROR 404: File not found.

`,
  ])
  const refused = runLine(made, 'wget http://10.9.0.2:81/')
  expect([day(refused.err), refused.code]).toEqual([
    `--NOW--  http://10.9.0.2:81/
Connecting to 10.9.0.2:81... failed: Connection refused.
`,
    4,
  ])
  const closed = runLine(made, 'telnet 10.9.0.2 81')
  expect([closed.out, closed.err, closed.code]).toEqual([
    'Trying 10.9.0.2...\n',
    'telnet: Unable to connect to remote host: Connection refused\n',
    1,
  ])
  const line = served(made, '(echo "GET / HTTP/1.0"; echo; sleep 1) | telnet 10.9.0.2 80')
  expect(plain(line.out)).toContain("Connected to 10.9.0.2.\nEscape character is '^]'.\nHTTP/1.0 200 OK\n")
  expect(line.err).toBe('Connection closed by foreign host.\n')
})

it('ss and netstat show listeners and connections as the real ones', () => {
  const made = bench()
  const lines = ['ss -tln', 'ss -tuln', 'ss -tn state established', 'netstat -tln', 'netstat -tan']
  const both = `nc -d 10.9.0.2 80 & sleep 0.1; ${lines.map((line) => `ip netns exec b ${line}`).join('; ')}`
  const shown = served(made, both).out.replace(/10\.9\.0\.1:\d{5}/g, '10.9.0.1:46658')
  expect(shown).toBe(`State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
LISTEN 0      5            0.0.0.0:80        0.0.0.0:*          
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
tcp   LISTEN 0      5            0.0.0.0:80        0.0.0.0:*          
Recv-Q Send-Q Local Address:Port Peer Address:Port Process
0      0           10.9.0.2:80       10.9.0.1:46658       
Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State      
tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN     
Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State      
tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN     
tcp        0      0 10.9.0.2:80             10.9.0.1:46658          ESTABLISHED
rc=0
`)
})
