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

/** A line with a server of the pages in the other namespace; what the server logs is on standard error too. */
function served(made: Bench, line: string): Ran {
  const server = 'ip netns exec b python3 -m http.server 80 --directory /www > /log 2>&1'
  return runLine(made, `${server} & sleep 0.1; ${line}; echo rc=$?; kill $!`)
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
})
