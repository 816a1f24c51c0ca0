/**
 * conntrack 1.4.7 on Linux 6.18: answers of an empty table are a transcript (conntrack.real.txt), entries and events are
 * lines that the real tool printed for the tuples given here.
 */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parseIp } from '../../base/addr.ts'
import { ctGc } from '../../net/nf/cttable.ts'
import type { Conn, ConnEvent, Tuple } from '../../net/nf/types.ts'
import { Ev } from '../../net/events.ts'
import type { World } from '../../net/types.ts'
import type { Handler } from '../../sim/world.ts'
import type { Bench } from '../check.ts'
import { runLine } from '../check.ts'
import { connLine, eventLine } from '../print/conntrack.ts'
import { corePrograms } from './core.ts'
import { netPrograms } from './net.ts'
import { nfPrograms } from './nf.ts'
import { probePrograms } from './probe.ts'
import { createNetBench, replay } from './transcript.ts'

function bench(): Bench {
  const made = createNetBench([...corePrograms, ...netPrograms, ...probePrograms, ...nfPrograms])
  const handlers = made.rules.handlers as (Handler<World> | undefined)[]
  handlers[Ev.ConntrackGc] = ctGc as Handler<World>
  return made
}

it('an empty table and mistakes', () => {
  const real = readFileSync(new URL('./conntrack.real.txt', import.meta.url), 'utf8')
  const blocks = (text: string) => text.split(/^(?=\$ )/m)
  expect(blocks(replay(bench(), real))).toEqual(blocks(real))
})

function tuple(src: string, dst: string, proto: number, sport: number, dport: number): Tuple {
  return { src: parseIp(src)!, dst: parseIp(dst)!, proto, sport, dport }
}

function conn(orig: Tuple, reply: Tuple, state: string, status: number, seconds: number): Conn {
  const counts = { packetsOrig: 0, bytesOrig: 0, packetsReply: 0, bytesReply: 0 }
  const rest = { tcp: null, master: 0, masqIndex: 0, streamAt: 0, bornAt: 0 }
  return { id: 7, zone: 0, orig, reply, state, status, mark: 0, expiresAt: seconds * 1e9, ...counts, ...rest }
}

const TCP = conn(
  tuple('10.1.0.2', '10.2.0.2', 6, 40000, 80),
  tuple('10.2.0.2', '10.2.0.1', 6, 80, 40000),
  'ESTABLISHED',
  2 + 4 + 8,
  431999.5,
)
const UDP = conn(
  tuple('10.1.0.2', '10.1.0.1', 17, 4444, 53),
  tuple('10.2.0.2', '10.2.0.1', 17, 5353, 4444),
  '',
  2 + 8,
  29.9,
)
const ICMP = conn(
  tuple('10.1.0.2', '10.2.0.2', 1, 64816, 8 << 8),
  tuple('10.2.0.2', '10.2.0.1', 1, 64816, 0),
  '',
  8,
  30,
)

it('entries as conntrack -L prints them', () => {
  const plain = { extended: false, id: false }
  expect([TCP, UDP].map((one) => connLine(one, 0, plain))).toEqual([
    'tcp      6 431999 ESTABLISHED src=10.1.0.2 dst=10.2.0.2 sport=40000 dport=80 src=10.2.0.2 dst=10.2.0.1 sport=80 dport=40000 [ASSURED] mark=0 use=1',
    'udp      17 29 src=10.1.0.2 dst=10.1.0.1 sport=4444 dport=53 src=10.2.0.2 dst=10.2.0.1 sport=5353 dport=4444 mark=0 use=1',
  ])
  const six = conn(
    tuple('::1', '::1', 58, 9822, 128 << 8),
    tuple('::1', '::1', 58, 9822, 129 << 8),
    '',
    10,
    29,
  )
  expect(connLine(six, 0, { extended: true, id: true })).toBe(
    'ipv6     10 icmpv6   58 29 src=::1 dst=::1 type=128 code=0 id=9822 src=::1 dst=::1 type=129 code=0 id=9822 mark=0 use=1 id=7',
  )
})

it('events as conntrack -E prints them', () => {
  const show = (type: ConnEvent['type'], of: Conn, at: number) =>
    eventLine({ n: 1, at, type, conn: of }, { extended: false, id: false })
  expect(show('NEW', ICMP, 0)).toBe(
    '    [NEW] icmp     1 30 src=10.1.0.2 dst=10.2.0.2 type=8 code=0 id=64816 [UNREPLIED] src=10.2.0.2 dst=10.2.0.1 type=0 code=0 id=64816',
  )
  expect(show('UPDATE', { ...TCP, expiresAt: 432000e9 }, 0)).toBe(
    ' [UPDATE] tcp      6 432000 ESTABLISHED src=10.1.0.2 dst=10.2.0.2 sport=40000 dport=80 src=10.2.0.2 dst=10.2.0.1 sport=80 dport=40000 [ASSURED]',
  )
  expect(show('DESTROY', UDP, 30e9)).toBe(
    '[DESTROY] udp      17 src=10.1.0.2 dst=10.1.0.1 sport=4444 dport=53 src=10.2.0.2 dst=10.2.0.1 sport=5353 dport=4444',
  )
})

it('a ping is tracked, watched, counted and deleted', () => {
  const made = bench()
  const setup = 'ip link set lo up && iptables -A INPUT -m conntrack --ctstate NEW -j ACCEPT'
  expect(runLine(made, setup)).toMatchObject({ err: '', code: 0 })
  const watch =
    'conntrack -E > /tmp/events 2>&1 & sleep 0.1; ping -c 1 127.0.0.1 > /dev/null; sleep 0.1; kill -INT $!; sleep 0.1; cat /tmp/events'
  const same = (text: string) => text.replace(/id=[0-9]+/g, 'id=N')
  // As the real one printed it for the same commands, with its default of 30 seconds.
  expect(same(runLine(made, watch).out)).toBe(
    '    [NEW] icmp     1 30 src=127.0.0.1 dst=127.0.0.1 type=8 code=0 id=N [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 type=0 code=0 id=N\n' +
      ' [UPDATE] icmp     1 30 src=127.0.0.1 dst=127.0.0.1 type=8 code=0 id=N src=127.0.0.1 dst=127.0.0.1 type=0 code=0 id=N\n' +
      'conntrack v1.4.7 (conntrack-tools): 2 flow events have been shown.\n',
  )
  expect(runLine(made, 'conntrack -C').out).toBe('1\n')
  const shown = runLine(made, 'conntrack -L -p icmp')
  expect(same(shown.out)).toMatch(/^icmp +1 2[0-9] src=127\.0\.0\.1 .* id=N mark=0 use=1\n$/)
  expect(runLine(made, 'conntrack -D -p icmp --icmp-type 8').err).toMatch(
    /: 1 flow entries have been deleted\.\n$/,
  )
  expect(runLine(made, 'conntrack -C').out).toBe('0\n')
})
