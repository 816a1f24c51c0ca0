/**
 * netstat. Models net-tools 2.10 for TCP, UDP and raw sockets and the routing table. Not here: Unix sockets (their
 * headings are printed as of a machine that has none), statistics, interfaces, masquerade.
 */
import { formatIp } from '../../base/addr.ts'
import { tcpQueues } from '../../net/sock/tcp.ts'
import type { Socket } from '../../net/types.ts'
import { execProgram, findProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../program.ts'
import { fail, finish, parseOptions } from '../program.ts'
import { serviceName } from './services.ts'

const REFUSED = 'sigMvWeoCFxZ'
const LONG = [
  'tcp',
  'udp',
  'raw',
  'listening',
  'all',
  'numeric',
  'programs',
  'route',
  'wide',
  'inet',
  'inet6',
]

export const netstat: Program = {
  name: 'netstat',
  help: 'show connections, listeners and routes',
  start(ctx) {
    const { flags, error } = parseOptions(ctx.proc.argv.slice(1), `46tuwlanprS${REFUSED}`, LONG)
    if (error !== '') {
      fail(ctx, 4, `netstat: ${error}`)
      return
    }
    const refused = [...REFUSED].find((letter) => flags.has(letter))
    if (refused !== undefined) {
      fail(ctx, 1, `kubehop: netstat -${refused} is not modelled`)
      return
    }
    const has = (letter: string, name: string) => flags.has(letter) || flags.has(name)
    if (has('r', 'route')) {
      execProgram(ctx, 'route', has('n', 'numeric') ? ['route', '-n'] : ['route'])
      return
    }
    const kinds = (['tcp', 'udp', 'raw'] as const).filter((kind) =>
      has(kind === 'raw' ? 'w' : kind[0]!, kind),
    )
    show(ctx, {
      kinds: kinds.length === 0 ? ['tcp', 'udp', 'raw'] : kinds,
      unix: kinds.length === 0,
      all: has('a', 'all'),
      listening: has('l', 'listening'),
      numeric: has('n', 'numeric'),
      programs: has('p', 'programs'),
      family: flags.has('4') ? 4 : flags.has('6') ? 6 : 0,
    })
  },
}

interface View {
  kinds: readonly string[]
  unix: boolean
  all: boolean
  listening: boolean
  numeric: boolean
  programs: boolean
  family: 0 | 4 | 6
}

const STATES: Readonly<Record<string, string>> = Object.freeze({ LISTEN: 'LISTEN', CLOSE: 'CLOSE' })

function show(ctx: ProcCtx, view: View): void {
  const servers = view.all ? '(servers and established)' : view.listening ? '(only servers)' : '(w/o servers)'
  let text = `Active Internet connections ${servers}\n`
  text += 'Proto Recv-Q Send-Q Local Address           Foreign Address         State      '
  text += view.programs ? ' PID/Program name    \n' : '\n'
  for (const kind of ['tcp', 'udp', 'raw']) {
    if (!view.kinds.includes(kind)) continue
    for (const family of [4, 6] as const) {
      if (view.family !== 0 && view.family !== family) continue
      const rows = [...(ctx.ns.sockets?.values() ?? [])].filter(
        (sock) => sock.kind === kind && sock.family === family && wanted(sock, view),
      )
      rows.sort((a, b) => Number(isServer(b)) - Number(isServer(a)) || a.id - b.id)
      for (const sock of rows) text += line(ctx, sock, view)
    }
  }
  if (view.unix) {
    text += `Active UNIX domain sockets ${servers}\n`
    text += `Proto RefCnt Flags       Type       State         I-Node  ${view.programs ? ' PID/Program name    ' : ''} Path\n`
  }
  finish(ctx, text)
}

function isServer(sock: Socket): boolean {
  return sock.tcp === null ? sock.remote === undefined : sock.tcp.state === 'LISTEN'
}

function wanted(sock: Socket, view: View): boolean {
  if (sock.tcp?.state === 'CLOSE' || (sock.kind === 'udp' && sock.lport === 0)) return false
  return view.all || isServer(sock) === view.listening
}

function line(ctx: ProcCtx, sock: Socket, view: View): string {
  const { recv, send } = sock.tcp === null ? { recv: sock.rxBytes, send: 0 } : tcpQueues(sock)
  const queue = sock.tcp?.state === 'LISTEN' ? [recv, 0] : [recv, send]
  const proto = sock.family === 6 ? `${sock.kind}6` : sock.kind
  const state = stateOf(sock)
  const local = ending(sock, sock.local, sock.kind === 'raw' ? sock.proto : sock.lport, view)
  const remote = ending(sock, sock.remote, sock.rport, view)
  const cells = [
    proto.padEnd(4),
    String(queue[0]).padStart(6),
    String(queue[1]).padStart(6),
    local.padEnd(23),
    remote.padEnd(23),
    state.padEnd(11),
  ]
  const program = view.programs ? ` ${owner(ctx, sock).padEnd(20)}` : ''
  return `${cells[0]}  ${cells.slice(1).join(' ')}${program}\n`
}

function stateOf(sock: Socket): string {
  if (sock.tcp === null) return sock.kind === 'raw' ? '7' : sock.remote === undefined ? '' : 'ESTABLISHED'
  if (sock.tcp.state === 'TIME_WAIT' && sock.tcp.closing) return 'FIN_WAIT2'
  return STATES[sock.tcp.state] ?? sock.tcp.state
}

function owner(ctx: ProcCtx, sock: Socket): string {
  const held = sock.tcp === null || sock.tcp.parent === 0
  const proc = held && sock.pid !== 0 ? findProcess(ctx.world, ctx.machine, sock.pid) : undefined
  return proc === undefined ? '-' : `${proc.pid}/${proc.program}`
}

function ending(sock: Socket, ip: Socket['local'], port: number, view: View): string {
  const any = sock.family === 4 ? '0.0.0.0' : '::'
  const address = ip === undefined ? any : formatIp(ip)
  if (port === 0) return `${address}:*`
  const name =
    view.numeric || sock.kind === 'raw' ? undefined : serviceName(port, sock.kind === 'udp' ? 'udp' : 'tcp')
  return `${address}:${name ?? port}`
}
