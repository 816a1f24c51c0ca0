/** telnet. Models inetutils-telnet 2.4 as a plain line to a server: its options are refused where a server asks for them. */
import { formatIp } from '../../base/addr.ts'
import { sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import { readInput } from '../../run/fds.ts'
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { isBusybox } from '../dns/resolvconf.ts'
import { awaitName, nameEvent } from '../dns/waitname.ts'
import { err, fail, out, parseOptions } from '../program.ts'
import { createStream, errnoText, type Stream, streamClose, streamRead, streamWrite } from '../stream.ts'
import { servicePort } from './services.ts'

interface TelnetState {
  stream: Stream
  shown: string
  connected: boolean
}

export const telnet: Program = {
  name: 'telnet',
  help: 'a line to a TCP port',
  start(ctx) {
    const { flags, operands, error } = parseOptions(ctx.proc.argv.slice(1), '468EKLab:cde:fl:n:rS:x')
    if (error !== '' || operands.length === 0 || operands.length > 2) {
      fail(
        ctx,
        1,
        error !== '' ? `telnet: ${error}` : 'kubehop: telnet needs HOST [PORT]: its prompt is not modelled',
      )
      return
    }
    const [host, service = 'telnet'] = operands as [string, string?]
    const port = /^[0-9]+$/.test(service) ? Number(service) : servicePort(service)
    if (port === undefined || port > 65535) {
      fail(ctx, 1, `telnet: could not resolve ${host}/${service}: Servname not supported for ai_socktype`)
      return
    }
    const found = awaitName(ctx, host, flags.has('6') ? 6 : flags.has('4') ? 4 : 0)
    if (found === undefined) return
    const ip = found.addresses[0]
    if (ip === undefined) {
      if (isBusybox(ctx)) return fail(ctx, 1, `telnet: bad address '${host}'`)
      fail(ctx, 1, `telnet: could not resolve ${host}/${service}: ${found.error}`)
      return
    }
    const shown = formatIp(ip)
    out(ctx, `Trying ${shown}...\n`)
    const family = typeof ip === 'number' ? 4 : 6
    const sock = sockOpen(ctx.world, ctx.ns, { kind: 'tcp', family, pid: ctx.proc.pid })
    sock.tcp!.noDelay = true
    sock.tcp!.blocking = true
    ctx.proc.state = { stream: createStream(sock), shown: host, connected: false } satisfies TelnetState
    const errno = tcpConnect(ctx.world, ctx.ns, sock, ip, port)
    if (errno !== null) refused(ctx, errno)
  },
  on(ctx, event: ProcEvent) {
    if (nameEvent(ctx, event, telnet.start)) return
    const state = ctx.proc.state as TelnetState
    if (event.type === 'sock') onSocket(ctx, state)
    else if (event.type === 'input') {
      if (event.text !== '') streamWrite(ctx, state.stream, event.text.replace(/\r?\n/g, '\r\n'))
      if (event.eof) {
        streamClose(ctx, state.stream)
        exitProcess(ctx, 0)
      } else readInput(ctx, 0)
    }
  },
}

function refused(ctx: ProcCtx, errno: string): void {
  fail(ctx, 1, `telnet: Unable to connect to remote host: ${errnoText(errno)}`)
}

function onSocket(ctx: ProcCtx, state: TelnetState): void {
  const sock = sockById(ctx.ns, state.stream.sock)
  if (sock === undefined) return
  if (!state.connected) {
    const errno = sockError(sock)
    if (errno !== '') {
      refused(ctx, errno)
      return
    }
    if (!tcpConnected(sock)) return
    state.connected = true
    out(ctx, `Connected to ${state.shown}.\nEscape character is '^]'.\n`)
    readInput(ctx, 0)
  }
  streamWrite(ctx, state.stream, '')
  const got = streamRead(ctx, state.stream)
  if (got.text !== '') out(ctx, got.text.replaceAll('\r\n', '\n'))
  if (got.errno !== '' && got.errno !== 'EAGAIN') {
    err(ctx, `telnet: read: ${errnoText(got.errno)}\n`)
  } else if (!got.eof) return
  err(ctx, 'Connection closed by foreign host.\n')
  streamClose(ctx, state.stream)
  exitProcess(ctx, got.eof ? 0 : 1)
}
