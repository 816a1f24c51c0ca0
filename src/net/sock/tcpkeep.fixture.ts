/**
 * Four idle connections with keepalive after 2 s, every second, three times (by the sysctls): one that is answered, one
 * that speaks at 1 s, one whose peer falls silent at 2.5 s, and one with times of its own. What each sends, as
 * `SECONDS SIDE FLAGS seq N ack N len N` with sequence numbers from the connection's beginning.
 */
import { iptables } from '../nf/checknf.ts'
import { doLine, netOf, nsOf, runFor } from '../ip/checkip.ts'
import { StepKind } from '../trace.ts'
import type { World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { listenOn, say } from './checktcp.ts'
import { sockError, sockOpen } from './socket.ts'
import { tcpConnect } from './tcp.ts'
import { tcpKeepalive } from './tcpkeep.ts'
import { parseIp } from '../../base/addr.ts'

export const SYSCTLS = ['time=2', 'intvl=1', 'probes=3']
export const PORTS = [8001, 8002, 8003, 8004]
/** TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT of the last. */
export const OWN = { idle: 1, interval: 4, probes: 2 }
/** Seconds; later ones are not compared. */
export const UNTIL = 7.7
export const SPEAKS = PORTS[1]!
export const SILENT = PORTS[2]!

export interface KeepSeen {
  /** By port. */
  segments: Record<number, string[]>
  /** The error of the connection whose peer fell silent. */
  error: string
}

export function simulateKeepalive(): KeepSeen {
  const world = netOf('link A/a0 B/b0\naddr A/a0 10.9.0.1/24\naddr B/b0 10.9.0.2/24')
  const ns = nsOf(world, 'A')
  for (const one of SYSCTLS) doLine(world, `sysctl A net.ipv4.tcp_keepalive_${one}`)
  for (const port of PORTS) listenOn(world, 'B', port)
  const socks = PORTS.map((port, i) => {
    const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: 1 })
    tcpKeepalive(world, ns, sock, i === 3 ? OWN : {})
    tcpConnect(world, ns, sock, parseIp('10.9.0.2')!, port)
    return sock
  })
  runFor(world, SEC)
  say(world, 'A', socks[1]!, 10)
  runFor(world, 1.5 * SEC)
  iptables(world, 'B', `-A INPUT -p tcp --dport ${SILENT} -j DROP`)
  runFor(world, 6 * SEC)
  return { segments: segmentsOf(world), error: sockError(socks[2]!) }
}

function segmentsOf(world: World): KeepSeen['segments'] {
  const first = new Map<string, number>()
  const out: KeepSeen['segments'] = {}
  for (const { kind, at, dev, nsName, headers } of world.recorder.detail ?? []) {
    const { tcp, sport, dport, payload } = headers
    if (at > UNTIL * SEC || kind !== StepKind.Tx || dev === 'lo' || tcp === null) continue
    const port = PORTS.includes(dport) ? dport : sport
    const own = `${port} ${nsName}`
    if ((tcp.flags & 2) !== 0) first.set(own, tcp.seq)
    const other = first.get(`${port} ${nsName === 'A' ? 'B' : 'A'}`) ?? 0
    const seq = (tcp.seq - first.get(own)!) >>> 0
    const ack = (tcp.flags & 16) !== 0 ? (tcp.ack - other) >>> 0 : 0
    out[port] ??= []
    out[port].push(segmentText(at / SEC, nsName, tcp.flags, seq, ack, payload?.length ?? 0))
  }
  return out
}

/** To a quarter of a second: timers run late, by the kernel's ticks and the machine's load. */
export function segmentText(
  seconds: number,
  side: string,
  flags: number,
  seq: number,
  ack: number,
  length: number,
): string {
  const letters = [...'FSRP.U'].filter((_, i) => (flags & (1 << i)) !== 0).join('')
  return `${(Math.floor(seconds * 4) / 4).toFixed(2)} ${side} [${letters}] seq ${seq} ack ${ack} len ${length}`
}
