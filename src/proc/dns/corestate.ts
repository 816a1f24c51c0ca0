/** What a running coredns remembers: its configuration, sockets, questions on their way; loading, listening, reloading. */
import { environOf } from '../../run/env.ts'
import { sha512 } from '../../base/sha512.ts'
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { sockBind, sockById, sockClose, sockOpen } from '../../net/sock/socket.ts'
import { tcpListen } from '../../net/sock/tcp.ts'
import { linksOf } from '../../net/link/device.ts'
import { listDir, readFile } from '../../run/files.ts'
import { exitProcess, setTimer } from '../../run/process.ts'
import type { DnsMessage } from '../../wire/dns.ts'
import type { ProcCtx } from '../program.ts'
import { out } from '../program.ts'
import { errnoText } from '../stream.ts'
import { encodeUtf8 } from '../../base/utf8.ts'
import { endText } from './chain.ts'
import type { DnsCache } from './corecache.ts'
import type { CoreConf } from './coretypes.ts'
import { configure } from './coreconf.ts'
import type { CoreFiles } from './corefile.ts'
import { parseCorefile } from './corefile.ts'
import type { DnsExchange } from './exchange.ts'

export interface Client {
  ip: Ip
  port: number
  proto: 'udp' | 'tcp'
  sock: number
}

/** A question that waits for an upstream. */
export interface Pending {
  id: number
  client: Client
  port: number
  size: number
  query: DnsMessage
  since: number
  known: Map<string, DnsMessage | null>
  key: string
  exchange: DnsExchange
  text: string
  /** Nobody waits for it: the cache's own question. */
  refresh: boolean
}

export interface Conn {
  port: number
  http: '' | 'health' | 'ready' | 'prometheus'
  rx: Uint8Array
}

export interface CoreState {
  file: string
  base: number
  hash: string
  conf: CoreConf
  /** Listening sockets: id to what they are. */
  listeners: Map<number, { port: number; kind: 'udp' | 'tcp' | 'health' | 'ready' | 'prometheus' }>
  conns: Map<number, Conn>
  pending: Map<number, Pending>
  nextPending: number
  /** By server zone and port. */
  caches: Map<string, DnsCache>
  /** forward: whose turn it is. */
  turn: number
  loopName: string
  loopSeen: number
  loopExchange: DnsExchange | null
  requests: number
  /** What the kubernetes plugin keeps of its cluster, null for none; since when its start waits for that (ns), null: it serves. */
  kube: unknown
  waits: number | null
  /** The plugin has said once that it is ready. */
  ready: boolean
}

const SEC = 1_000_000_000

export function runningText(hash: string): string {
  return `[INFO] plugin/reload: Running configuration SHA512 = ${hash}\n`
}

/** What caddy says of a restart that failed, and the plugin reload after it. Models Instance.Restart of coredns/caddy. */
function failedText(why: string): string {
  const wrapped = `starting with listener file descriptors: ${why}`
  return `[ERROR] Restart failed: ${why}\n[ERROR] plugin/reload: Corefile changed but reload failed: ${wrapped}\n`
}

/** The configuration of a file, or what is wrong with it. Without the file, CoreDNS runs whoami. */
export function load(ctx: ProcCtx, file: string, base: number): { conf: CoreConf; hash: string } | string {
  const files = filesOf(ctx)
  const { read } = files
  const text = read(file)
  if (text === undefined && file !== 'Corefile') return `open ${file}: no such file or directory`
  const parsed = parseCorefile(text ?? '.:53 {\nwhoami\nlog\n}\n', file, environOf(ctx.proc), files)
  if (parsed.blocks === undefined) return parsed.error
  const links = new Map(
    linksOf(ctx.ns).map((link) => [link.name, link.addrs.map(({ addr }) => formatIp(addr))] as const),
  )
  const made = configure(parsed.blocks, read, base, links)
  if (made.conf === undefined) return made.error
  const tokens = parsed.blocks.map(({ keys, directives }) => ({
    Keys: keys,
    Tokens: Object.fromEntries(
      directives.map((one) => [
        one.name,
        one.tokens.map((token) => ({ File: token.file, Line: token.line, Text: token.text })),
      ]),
    ),
  }))
  return { conf: made.conf, hash: sha512(encodeUtf8(JSON.stringify(tokens))) }
}

function filesOf(ctx: ProcCtx): CoreFiles {
  return {
    read: (path) => {
      const got = readFile(ctx, path)
      return got.error === '' ? got.text : undefined
    },
    list: (path) => [...(listDir(ctx, path) ?? [])].sort(),
  }
}

/**
 * Opens what the configuration wants and closes what was open; at the start the HTTP endpoints come before the DNS
 * ports. '' or what is wrong.
 */
export function listen(ctx: ProcCtx, state: CoreState, only: 'http' | 'dns' | 'all' = 'all'): string {
  const { world, ns } = ctx
  const wanted = new Map<string, { ip: Ip | undefined; port: number; kind: 'udp' | 'tcp' | Conn['http'] }>()
  for (const { port, bind } of only === 'http' ? [] : state.conf.servers) {
    for (const ip of bind.length === 0 ? [undefined] : bind) {
      wanted.set(`udp ${ip ?? ''} ${port}`, { ip, port, kind: 'udp' })
      wanted.set(`tcp ${ip ?? ''} ${port}`, { ip, port, kind: 'tcp' })
    }
  }
  for (const kind of ['health', 'ready', 'prometheus'] as const) {
    const port = state.conf[kind]
    if (port !== 0 && only !== 'dns') wanted.set(`${kind} ${port}`, { ip: undefined, port, kind })
  }
  if (only === 'all') closeAll(ctx, state)
  for (const { ip, port, kind } of wanted.values()) {
    if (kind === '') continue
    const udp = kind === 'udp'
    // Go listens on [::], which takes IPv4 too.
    const families: (4 | 6)[] = ip === undefined ? [4, 6] : [typeof ip === 'number' ? 4 : 6]
    for (const family of families) {
      const sock = sockOpen(world, ns, { kind: udp ? 'udp' : 'tcp', family, pid: ctx.proc.pid })
      if (sock.tcp !== null) sock.tcp.reuseAddr = true
      const name = ip === undefined ? { port } : { addr: ip, port }
      const errno = sockBind(world, ns, sock, name) ?? (udp ? null : tcpListen(world, ns, sock, 4096))
      if (errno === null) state.listeners.set(sock.id, { port, kind })
      else {
        sockClose(world, ns, sock)
        if (families.length === 2 && family === 6) continue
        return `Listen: listen ${udp ? 'udp' : 'tcp'} ${ip === undefined ? `:${port}` : endText(ip, port)}: bind: ${errnoText(errno).toLowerCase()}`
      }
    }
  }
  return ''
}

function closeAll({ world, ns }: ProcCtx, { listeners }: CoreState): void {
  for (const [id] of listeners) {
    const sock = sockById(ns, id)
    if (sock !== undefined) sockClose(world, ns, sock)
  }
  listeners.clear()
}

/** Told to end: it goes on answering while `health` has it lame, so that nobody is sent to it any more. */
export function terminate(ctx: ProcCtx, state: CoreState): void {
  out(ctx, '[INFO] SIGTERM: Shutting down servers then terminating\n')
  const { health, lameduckS } = state.conf
  if (health === 0 || lameduckS <= 0) {
    exitProcess(ctx, 0)
    return
  }
  out(ctx, `[INFO] plugin/health: Going into lameduck mode for ${goDuration(lameduckS)}\n`)
  setTimer(ctx, ctx.world.now + lameduckS * SEC, 'lameduck')
}

/** Seconds as Go prints a duration. */
function goDuration(s: number): string {
  if (s < 1) return `${s * 1000}ms`
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60]
  return `${h > 0 ? `${h}h` : ''}${s >= 60 ? `${m}m` : ''}${s % 60}s`
}

export function armReload(ctx: ProcCtx, state: CoreState): void {
  const { reloadS, jitterS } = state.conf
  if (reloadS <= 0) return
  const jitter = jitterS <= 0 ? 0 : nextBelow(ctx.ns.rng, Math.round(jitterS * 1000)) - (jitterS * 1000) / 2
  setTimer(ctx, ctx.world.now + reloadS * SEC + Math.round(jitter) * 1_000_000, 'reload')
}

/**
 * Looks at the Corefile again: a good one takes over, a bad one is complained of and the old one stays. True where the
 * new one took over.
 */
export function reload(ctx: ProcCtx, state: CoreState): boolean {
  armReload(ctx, state)
  const loaded = load(ctx, state.file, state.base)
  const text = readFile(ctx, state.file)
  if (text.error !== '') return false
  if (typeof loaded === 'string') {
    // What has no form at all is complained of every time, what cannot be run once.
    if (parseCorefile(text.text, state.file, environOf(ctx.proc), filesOf(ctx), null).blocks === undefined) {
      out(ctx, `[WARNING] plugin/reload: Corefile parse failed: ${loaded}\n`)
      return false
    }
    const mark = sha512(encodeUtf8(text.text))
    if (mark === state.hash) return false
    state.hash = mark
    out(ctx, `[INFO] Reloading\n${failedText(loaded)}`)
    return false
  }
  if (loaded.hash === state.hash) return false
  out(ctx, '[INFO] Reloading\n')
  const before = { conf: state.conf, hash: state.hash }
  Object.assign(state, loaded)
  const wrong = listen(ctx, state)
  if (wrong !== '') {
    Object.assign(state, before, { hash: loaded.hash })
    listen(ctx, state)
    out(ctx, failedText(wrong))
    return false
  }
  state.caches.clear()
  out(ctx, runningText(state.hash))
  out(ctx, '[INFO] Reloading complete\n')
  armReload(ctx, state)
  return true
}
