/**
 * docker-proxy: takes connections to a published port that no DNAT rule caught (from the machine's own loopback, or from
 * a container by the machine's address) and carries them to the container. TCP is relayed; a UDP proxy only holds its
 * port. Models cmd/docker-proxy of moby 28.
 */
import { parseIp4 } from '../../../base/addr.ts'
import { sockBind, sockById, sockClose, sockOpen } from '../../../net/sock/socket.ts'
import {
  tcpAccept,
  tcpConnect,
  tcpConnected,
  tcpListen,
  tcpRecv,
  tcpSend,
  tcpShutdown,
} from '../../../net/sock/tcp.ts'
import type { Socket } from '../../../net/types.ts'
import { exitProcess } from '../../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../../program.ts'

/** One direction: from a socket to another, with the bytes that wait. */
interface Flow {
  from: number
  to: number
  waiting: Uint8Array[]
  done: boolean
}

interface ProxyState {
  listener: number
  addr: number
  port: number
  flows: Flow[]
}

const READ_MAX = 65_536

export const dockerProxy: Program = {
  name: 'docker-proxy',
  help: 'carries a published port to a container; docker starts it',
  start(ctx) {
    const { argv } = ctx.proc
    const value = (flag: string) => argv[argv.indexOf(flag) + 1] ?? ''
    const proto = value('-proto') === 'udp' ? 'udp' : 'tcp'
    const sock = sockOpen(ctx.world, ctx.ns, { kind: proto, family: 4, pid: ctx.proc.pid })
    if (sock.tcp !== null) sock.tcp.reuseAddr = true
    const port = Number(value('-host-port'))
    const ip = parseIp4(value('-host-ip'))
    const name = ip === undefined || ip === 0 ? { port } : { addr: ip, port }
    const errno =
      sockBind(ctx.world, ctx.ns, sock, name) ??
      (proto === 'tcp' ? tcpListen(ctx.world, ctx.ns, sock, 4096) : null)
    if (errno !== null) return exitProcess(ctx, 1)
    const addr = parseIp4(value('-container-ip')) ?? 0
    const state: ProxyState = { listener: sock.id, addr, port: Number(value('-container-port')), flows: [] }
    ctx.proc.state = state
  },
  on: handle,
}

function handle(ctx: ProcCtx, event: ProcEvent): void {
  const state = ctx.proc.state as ProxyState
  if (event.type !== 'sock') return
  if (event.sock === state.listener) acceptAll(ctx, state)
  else for (const flow of state.flows) if (flow.from === event.sock || flow.to === event.sock) pump(ctx, flow)
  tidy(ctx, state)
}

function acceptAll(ctx: ProcCtx, state: ProxyState): void {
  const listener = sockById(ctx.ns, state.listener)
  if (listener === undefined || listener.kind !== 'tcp') return
  for (;;) {
    const front = tcpAccept(ctx.world, ctx.ns, listener)
    if (front === undefined) return
    const back = sockOpen(ctx.world, ctx.ns, { kind: 'tcp', family: 4, pid: ctx.proc.pid })
    if (tcpConnect(ctx.world, ctx.ns, back, state.addr, state.port) !== null) {
      sockClose(ctx.world, ctx.ns, back)
      sockClose(ctx.world, ctx.ns, front)
      continue
    }
    const flow = (from: Socket, to: Socket): Flow => ({ from: from.id, to: to.id, waiting: [], done: false })
    state.flows.push(flow(front, back), flow(back, front))
  }
}

/** Moves what there is; the end of one side closes the other's way out. */
function pump(ctx: ProcCtx, flow: Flow): void {
  const from = sockById(ctx.ns, flow.from)
  const to = sockById(ctx.ns, flow.to)
  if (from === undefined || to === undefined) flow.done = true
  while (!flow.done && from !== undefined && to !== undefined) {
    const head = flow.waiting[0]
    if (head === undefined) {
      if (!tcpConnected(to) && to.err === '') return
      const got = tcpRecv(ctx.world, ctx.ns, from, READ_MAX)
      if (got.data === null) {
        flow.done = got.errno !== 'EAGAIN'
        return
      }
      if (got.data.length > 0) flow.waiting.push(got.data)
      else {
        tcpShutdown(ctx.world, ctx.ns, to, 'wr')
        flow.done = true
      }
      continue
    }
    const { sent, errno } = tcpSend(ctx.world, ctx.ns, to, head)
    if (errno === 'EAGAIN') return
    if (errno !== '') flow.done = true
    else if (sent === head.length) flow.waiting.shift()
    else flow.waiting[0] = head.slice(sent)
  }
}

/** Closes pairs of which both directions are done, or whose way to the container failed. */
function tidy(ctx: ProcCtx, state: ProxyState): void {
  const keep: Flow[] = []
  for (let i = 0; i + 1 < state.flows.length; i += 2) {
    const there = state.flows[i]!
    const back = state.flows[i + 1]!
    const behind = sockById(ctx.ns, there.to)
    const failed = behind === undefined || behind.err !== ''
    if (!failed && !(there.done && back.done)) keep.push(there, back)
    else {
      for (const id of [there.from, there.to]) {
        const sock = sockById(ctx.ns, id)
        if (sock !== undefined) sockClose(ctx.world, ctx.ns, sock)
      }
    }
  }
  state.flows = keep
}
