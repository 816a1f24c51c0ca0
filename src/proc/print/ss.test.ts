// Columns as `ss -tano` of iproute2 6.1 printed them a second and more after three connections over lo.
import { expect, it } from 'vitest'
import { parseIp } from '../../base/addr.ts'
import { netOf, nsOf, runFor } from '../../net/ip/checkip.ts'
import { listenOn } from '../../net/sock/checktcp.ts'
import { sockClose, sockOpen } from '../../net/sock/socket.ts'
import { tcpAccept, tcpConnect } from '../../net/sock/tcp.ts'
import { tcpKeepalive } from '../../net/sock/tcpkeep.ts'
import { SEC } from '../../net/wheel.ts'
import { ssTable } from './ss.ts'

it('shows which timer waits, and how long', () => {
  const world = netOf('link A/a0 B/b0\naddr A/a0 10.9.0.1/24\naddr B/b0 10.9.0.2/24')
  const [a, b] = [nsOf(world, 'A'), nsOf(world, 'B')]
  const listener = listenOn(world, 'B', 8000)
  const socks = [null, {}, { idle: 15 }, null].map((keep, i) => {
    const sock = sockOpen(world, a, { kind: 'tcp', family: 4, pid: 1 })
    sock.lport = 44_000 + i
    if (keep !== null) tcpKeepalive(world, a, sock, keep)
    tcpConnect(world, a, sock, parseIp('10.9.0.2')!, 8000)
    return sock
  })
  runFor(world, SEC / 10)
  sockClose(world, a, socks[3]!)
  for (;;) {
    const child = tcpAccept(world, b, listener)
    if (child === undefined) break
    if (child.rport === socks[3]!.lport) sockClose(world, b, child)
  }
  runFor(world, 1.4 * SEC)
  const list = [...a.sockets!.values()]
  const view = {
    netid: false,
    state: true,
    header: false,
    numeric: true,
    timersAt: world.now,
    process: () => '',
  }
  const lines = ssTable(a, list, view).split('\n')
  expect(lines.map((line) => line.replaceAll(/ +/g, ' ').trim())).toEqual([
    'ESTAB 0 0 10.9.0.1:44000 10.9.0.2:8000',
    'ESTAB 0 0 10.9.0.1:44001 10.9.0.2:8000 timer:(keepalive,119min,0)',
    'ESTAB 0 0 10.9.0.1:44002 10.9.0.2:8000 timer:(keepalive,13sec,0)',
    'TIME-WAIT 0 0 10.9.0.1:44003 10.9.0.2:8000 timer:(timewait,58sec,0)',
    '',
  ])
})
