/** Sockets as ss(8) of iproute2 6.1 prints them where its output is no terminal. */
import { formatIp, formatIp6 } from '../../base/addr.ts'
import { tcpQueues } from '../../net/sock/tcp.ts'
import type { Netns, Socket } from '../../net/types.ts'

export interface SsView {
  netid: boolean
  state: boolean
  header: boolean
  numeric: boolean
  /** -o: at this time of virtual ns, the timers; -1 for none. */
  timersAt: number
  /** Text of the process column (`users:(...)`), '' for none. */
  process: (sock: Socket) => string
}

/** Services of /etc/services that a lab is likely to have. */
const SERVICES: Readonly<Record<number, string>> = Object.freeze({
  21: 'ftp',
  22: 'ssh',
  23: 'telnet',
  25: 'smtp',
  53: 'domain',
  67: 'bootps',
  68: 'bootpc',
  69: 'tftp',
  80: 'http',
  123: 'ntp',
  161: 'snmp',
  443: 'https',
  500: 'isakmp',
  514: 'syslog',
  546: 'dhcpv6-client',
  547: 'dhcpv6-server',
  5353: 'mdns',
})

const PROTOCOLS: Readonly<Record<number, string>> = Object.freeze({
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  47: 'gre',
  58: 'ipv6-icmp',
})

export const SERVICE_PORTS: Readonly<Record<string, number>> = Object.freeze(
  Object.fromEntries(Object.entries(SERVICES).map(([port, name]) => [name, Number(port)])),
)

interface Column {
  head: string
  right: boolean
  before: string
  shown: boolean
}

/** The table: a header unless it is turned off, and a line for each socket. */
export function ssTable(ns: Netns, sockets: readonly Socket[], view: SsView): string {
  const columns: Column[] = [
    { head: 'Netid', right: false, before: '', shown: view.netid },
    { head: 'State', right: false, before: view.netid ? ' ' : '', shown: view.state },
    { head: 'Recv-Q', right: false, before: view.netid || view.state ? ' ' : '', shown: true },
    { head: 'Send-Q', right: false, before: ' ', shown: true },
    { head: 'Local Address:', right: true, before: ' ', shown: true },
    { head: 'Port', right: false, before: '', shown: true },
    { head: 'Peer Address:', right: true, before: ' ', shown: true },
    { head: 'Port', right: false, before: '', shown: true },
    { head: 'Process', right: false, before: '', shown: true },
  ]
  const rows = sockets.map((sock) => cells(ns, sock, view))
  const table = view.header ? [columns.map((column) => column.head), ...rows] : rows
  const widths = columns.map((_, i) => table.reduce((most, row) => Math.max(most, row[i]!.length), 0))
  let text = ''
  for (const row of table) {
    for (const [i, column] of columns.entries()) {
      if (!column.shown) continue
      const width = widths[i]!
      text += column.before + (column.right ? row[i]!.padStart(width) : row[i]!.padEnd(width))
    }
    text += '\n'
  }
  return text
}

const TCP_STATES: Readonly<Record<string, string>> = Object.freeze({
  CLOSE: 'UNCONN',
  LISTEN: 'LISTEN',
  SYN_SENT: 'SYN-SENT',
  SYN_RECV: 'SYN-RECV',
  ESTABLISHED: 'ESTAB',
  FIN_WAIT1: 'FIN-WAIT-1',
  FIN_WAIT2: 'FIN-WAIT-2',
  CLOSE_WAIT: 'CLOSE-WAIT',
  CLOSING: 'CLOSING',
  LAST_ACK: 'LAST-ACK',
  TIME_WAIT: 'TIME-WAIT',
})

/** A TCP socket's state; of others ESTAB where a peer is fixed. */
export function ssState(sock: Socket): string {
  if (sock.tcp === null) return sock.remote === undefined ? 'UNCONN' : 'ESTAB'
  if (sock.tcp.state === 'TIME_WAIT' && sock.tcp.closing) return 'FIN-WAIT-2'
  return TCP_STATES[sock.tcp.state] ?? sock.tcp.state
}

function cells(ns: Netns, sock: Socket, view: SsView): string[] {
  const sizes = sock.tcp === null ? { recv: sock.rxBytes, send: 0 } : tcpQueues(sock)
  const queue = [String(sizes.recv).padEnd(6), String(sizes.send).padEnd(6)]
  const extra = [view.process(sock), view.timersAt < 0 ? '' : timerText(sock, view.timersAt)]
  const tail = extra.map((text) => (text === '' ? '' : ` ${text}`)).join('')
  if (sock.kind === 'packet') {
    const dev = sock.oif === 0 ? '*' : (ns.links[sock.oif]?.name ?? '*')
    const proto = sock.proto === 3 ? '*' : protocolName(sock.proto)
    return ['p_raw', 'UNCONN', ...queue, `${proto}:`, dev, '*', '', tail]
  }
  const raw = sock.kind === 'raw'
  const dev = sock.oif === 0 ? '' : `%${ns.links[sock.oif]?.name ?? sock.oif}`
  const six = sock.local === undefined && sock.tcp?.v6only !== true ? '*' : '[::]'
  const any = sock.family === 4 ? '0.0.0.0' : six
  const address = (ip: Socket['local']) => (ip === undefined ? any : bracket(ip))
  const number = raw ? sock.proto : sock.lport
  const names = raw ? PROTOCOLS : SERVICES
  const port = view.numeric ? String(number) : (names[number] ?? String(number))
  const rport = raw || sock.rport === 0 ? '*' : portName(sock.rport, view.numeric)
  const local = `${address(sock.local)}${dev}:`
  return [sock.kind, ssState(sock), ...queue, local, port, `${address(sock.remote)}:`, rport, tail]
}

/** What waits for its time: models inet_csk_diag_fill and ss's tcp_timer_print. */
function timerText({ tcp }: Socket, now: number): string {
  if (tcp === null) return ''
  const text = (name: string, at: number, n: number) =>
    `timer:(${name},${durationText(Math.max(0, Math.round((at - now) / 1e6)))},${n})`
  if (tcp.state === 'TIME_WAIT') return text('timewait', tcp.wait.due, 0)
  if (tcp.rexmit.at > 0) {
    return tcp.pending === 'probe0'
      ? text('persist', tcp.rexmit.due, tcp.probes)
      : text('on', tcp.rexmit.due, tcp.retransmits)
  }
  const keep = tcp.keep?.timer
  return keep !== undefined && keep.at > 0 ? text('keepalive', keep.due, tcp.probes) : ''
}

/** Milliseconds as ss rounds them: less, the longer it is. */
function durationText(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  const seconds = minutes > 9 ? 0 : Math.floor(ms / 1000) % 60
  const rest = minutes > 0 || seconds > 9 ? 0 : ms % 1000
  let text = minutes > 0 ? `${minutes}min` : ''
  if (seconds > 0) text += `${seconds}${rest > 0 ? '.' : 'sec'}`
  return rest > 0 ? `${text}${String(rest).padStart(3, '0')}ms` : text
}

function bracket(ip: number | string): string {
  return typeof ip === 'number' ? formatIp(ip) : `[${formatIp6(ip)}]`
}

function portName(port: number, numeric: boolean): string {
  return numeric ? String(port) : (SERVICES[port] ?? String(port))
}

function protocolName(type: number): string {
  if (type === 0x0800) return 'ip'
  if (type === 0x0806) return 'arp'
  if (type === 0x86dd) return 'ipv6'
  return `[${type}]`
}
