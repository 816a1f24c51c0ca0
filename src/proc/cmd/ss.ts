/**
 * `ss`: TCP, UDP, raw and packet sockets. Models misc/ss.c of iproute2 6.1. Refused by name: Unix and netlink sockets,
 * memory, extended, TCP's internal and summary output, and filters but `state S`, `sport = :N`, `dport = :N`.
 */
import type { Socket } from '../../net/types.ts'
import { exitProcess, findProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../../run/types.ts'
import { SERVICE_PORTS, ssState, ssTable } from '../print/ss.ts'
import { err, fail, finish, parseInteger, parseOptions } from '../program.ts'

const SHORT = 'hVnraloemspiTtuwdx46f:A:HNbEO0SKMZzF:D:'
const LONG: readonly string[] = [
  'help',
  'version',
  'numeric',
  'resolve',
  'all',
  'listening',
  'processes',
  'tcp',
  'udp',
  'raw',
  'packet',
  'ipv4',
  'ipv6',
  'no-header',
  'options',
  'info',
  'oneline',
  'extended',
  'memory',
  'summary',
  'unix',
]
const REFUSED = [
  'e',
  'm',
  's',
  'x',
  'f',
  'A',
  'N',
  'b',
  'E',
  'K',
  'M',
  'Z',
  'z',
  'F',
  'D',
  'T',
  'S',
  'd',
  'r',
  'i',
]
const REFUSED_LONG = ['extended', 'memory', 'summary', 'unix', 'resolve', 'info']

export const SS: Program = {
  name: 'ss',
  help: 'show sockets',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), SHORT, LONG)
    if (options.error !== '') {
      err(ctx, `ss: ${options.error}\n`)
      usage(ctx, 255)
      return
    }
    const has = (short: string, long: string) => options.flags.has(short) || options.flags.has(long)
    if (has('h', 'help')) {
      usage(ctx, 0)
      return
    }
    if (has('V', 'version')) {
      finish(ctx, 'ss utility, iproute2-6.1.0\n')
      return
    }
    const refused =
      REFUSED.find((name) => options.flags.has(name)) ?? REFUSED_LONG.find((name) => options.flags.has(name))
    if (refused !== undefined) {
      fail(ctx, 1, `kubehop: ss -${refused} is not modelled`)
      return
    }
    const filter = readFilter(options.operands)
    if (filter === undefined) {
      fail(ctx, 1, `kubehop: ss filter "${options.operands.join(' ')}" is not modelled`)
      return
    }
    show(ctx, has, filter)
  },
}

interface Filter {
  sport: number
  dport: number
  /** As ss prints it, '' for none. */
  state: string
}

/** What `state NAME` calls them. */
const STATE_NAMES: Readonly<Record<string, string>> = Object.freeze({
  established: 'ESTAB',
  'syn-sent': 'SYN-SENT',
  'syn-recv': 'SYN-RECV',
  'fin-wait-1': 'FIN-WAIT-1',
  'fin-wait-2': 'FIN-WAIT-2',
  'time-wait': 'TIME-WAIT',
  closed: 'UNCONN',
  'close-wait': 'CLOSE-WAIT',
  'last-ack': 'LAST-ACK',
  listening: 'LISTEN',
  listen: 'LISTEN',
  closing: 'CLOSING',
})

function inState(sock: Socket, all: boolean, listening: boolean, named: string): boolean {
  const state = ssState(sock)
  // A TCP socket that is neither bound to a peer nor listens is not in the kernel's tables.
  if (sock.kind === 'tcp' && state === 'UNCONN') return false
  if (named !== '') return state === named
  if (all) return true
  if (listening) return state === 'LISTEN' || state === 'UNCONN'
  return !['LISTEN', 'UNCONN', 'TIME-WAIT', 'SYN-RECV'].includes(state)
}

/** Half-open connections of the listeners as rows. */
function halfOpen(sockets: readonly Socket[]): Socket[] {
  return sockets.flatMap((sock) =>
    [...(sock.tcp?.requests?.values() ?? [])].map((request) => ({
      ...sock,
      pid: 0,
      local: request.local,
      remote: request.remote,
      rport: request.rport,
      tcp: {
        ...sock.tcp!,
        state: 'SYN_RECV' as const,
        requests: null,
        acceptQueue: null,
        rexmit: request.timer,
        retransmits: request.timeouts,
      },
    })),
  )
}

function show(ctx: ProcCtx, has: (short: string, long: string) => boolean, filter: Filter): void {
  const all = has('a', 'all')
  const listening = has('l', 'listening')
  const kinds = {
    udp: has('u', 'udp'),
    raw: has('w', 'raw'),
    packet: has('0', 'packet'),
    tcp: has('t', 'tcp'),
  }
  const any = !kinds.udp && !kinds.raw && !kinds.packet && !kinds.tcp
  const four = has('4', 'ipv4')
  const six = has('6', 'ipv6')
  const wanted = (sock: Socket) => {
    if (sock.kind === 'ping') return false
    if (!any && !kinds[sock.kind]) return false
    if (sock.kind === 'udp' && sock.lport === 0) return false
    if ((four || six) && (sock.kind === 'packet' || !(sock.family === 4 ? four : six))) return false
    if (!inState(sock, all, listening, filter.state)) return false
    if (filter.sport >= 0 && sock.lport !== filter.sport) return false
    return filter.dport < 0 || sock.rport === filter.dport
  }
  const own = [...(ctx.ns.sockets?.values() ?? [])]
  const list = [...own, ...halfOpen(own)].filter(wanted)
  const order = { packet: 0, raw: 1, udp: 2, tcp: 3, ping: 4 }
  list.sort((a, b) => {
    if (a.kind !== b.kind) return order[a.kind] - order[b.kind]
    if (a.family !== b.family) return a.family - b.family
    if (a.kind === 'tcp')
      return Number(b.tcp?.state === 'LISTEN') - Number(a.tcp?.state === 'LISTEN') || a.id - b.id
    return a.kind === 'udp' ? a.lport - b.lport || a.id - b.id : b.id - a.id
  })
  const one = [kinds.udp, kinds.raw, kinds.tcp].filter(Boolean).length === 1 && !kinds.packet
  const process = has('p', 'processes') ? (sock: Socket) => users(ctx, sock) : () => ''
  const state = filter.state === '' && (all || listening || any || kinds.tcp || kinds.packet)
  const header = !has('H', 'no-header')
  const numeric = has('n', 'numeric')
  const timersAt = has('o', 'options') ? ctx.world.now : -1
  finish(ctx, ssTable(ctx.ns, list, { netid: !one, state, header, numeric, timersAt, process }))
}

function users(ctx: ProcCtx, sock: Socket): string {
  if (sock.tcp !== null && sock.tcp.parent !== 0) return ''
  const proc = findProcess(ctx.world, ctx.machine, sock.pid)
  if (proc === undefined) return ''
  const own = [...(ctx.ns.sockets?.values() ?? [])].filter((other) => other.pid === sock.pid)
  return `users:(("${proc.program.slice(0, 15)}",pid=${sock.pid},fd=${3 + own.indexOf(sock)}))`
}

/** `sport = :53`, `dport eq :http`, joined by `and`; undefined for anything else. */
function readFilter(operands: readonly string[]): Filter | undefined {
  const filter: Filter = { sport: -1, dport: -1, state: '' }
  const words = operands
    .join(' ')
    .split(/\s+/)
    .filter((one) => one !== '' && one !== '(' && one !== ')')
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === 'and' || word === '&&') continue
    if (word === 'state') {
      const name = words[++i] ?? ''
      if (!Object.hasOwn(STATE_NAMES, name)) return undefined
      filter.state = STATE_NAMES[name]!
      continue
    }
    if (word !== 'sport' && word !== 'dport') return undefined
    if (words[i + 1] === '=' || words[i + 1] === '==' || words[i + 1] === 'eq') i++
    const text = (words[++i] ?? '').replace(/^:/, '')
    const port = parseInteger(text) ?? (Object.hasOwn(SERVICE_PORTS, text) ? SERVICE_PORTS[text] : undefined)
    if (port === undefined) return undefined
    filter[word] = port
  }
  return filter
}

function usage(ctx: ProcCtx, code: number): void {
  const text =
    'Usage: ss [ OPTIONS ]\n       ss [ OPTIONS ] [ sport = :PORT ] [ dport = :PORT ]\n' +
    '   -n  numbers, not names      -a  all sockets       -l  listening sockets\n' +
    '   -p  processes               -4  IPv4 only         -6  IPv6 only\n' +
    '   -u  UDP    -w  raw    -0  packet    -t  TCP       -H  no header\n   -o  timers\n'
  if (code === 0) finish(ctx, text)
  else {
    err(ctx, text)
    exitProcess(ctx, code)
  }
}
