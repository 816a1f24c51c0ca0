/**
 * tcpdump 4.99.3: every frame of a device or of all, filtered and printed as it passes. Not here: files (the pcap export
 * is for that), name service, link types.
 */
import type { Ip } from '../../base/addr.ts'
import { linkByName, linksOf, setPromiscuity } from '../../net/link/device.ts'
import { sockById } from '../../net/sock/socket.ts'
import { tapOpen } from '../../net/sock/tap.ts'
import type { Link, TapFrame } from '../../net/types.ts'
import { exitProcess } from '../../run/process.ts'
import { layerBytes } from '../../wire/peek.ts'
import type { CompletionRequest, ProcCtx, ProcEvent, Program } from '../program.ts'
import { err, fail, out, resolveHost } from '../program.ts'
import { hostName } from './hosts.ts'
import type { Filter } from './tcpdump-filter-ast.ts'
import { matches } from './tcpdump-filter-ast.ts'
import { parseFilter } from './tcpdump-filter-parse.ts'
import { hexLines } from './tcpdump-hex.ts'
import type { DumpOptions } from './tcpdump-options.ts'
import { parseDump } from './tcpdump-options.ts'
import type { PrintOptions, TcpFlow } from './tcpdump-print.ts'
import { frameText } from './tcpdump-print.ts'

interface DumpState {
  options: DumpOptions
  filter: Filter
  sock: number
  /** Its promiscuity is this run's to take back; 0 for none. */
  promisc: number
  captured: number
  /** Time of the frame printed last, ns; -1 for none. */
  lastAt: number
  firstAt: number
  flows: Map<string, TcpFlow>
}

const WAYS: readonly string[] = ['In', 'B', 'M', 'P', 'Out', 'In']

export const tcpdump: Program = {
  name: 'tcpdump',
  help: 'print the frames that cross a device',
  handles: ['SIGINT', 'SIGTERM', 'SIGHUP'],
  start(ctx) {
    const name = ctx.proc.argv[0] ?? 'tcpdump'
    const parse = parseDump(ctx.proc.argv.slice(1), name)
    if (parse.code >= 0) {
      out(ctx, parse.out)
      err(ctx, parse.error)
      exitProcess(ctx, parse.code)
    } else if (parse.options.list) listDevices(ctx)
    else begin(ctx, name, parse.options)
  },
  on(ctx, event: ProcEvent) {
    const state = ctx.proc.state as DumpState
    if (event.type === 'tap' && event.frame.sock === state.sock) show(ctx, state, event.frame)
    else if (event.type === 'signal') {
      out(ctx, '\n')
      finishDump(ctx, state)
    }
  },
  complete(request: CompletionRequest) {
    const before = request.words[request.words.length - 2]
    if (before !== '-i') return undefined
    return [...linksOf(request.ns).map((link) => link.name), 'any']
  },
}

function begin(ctx: ProcCtx, name: string, options: DumpOptions): void {
  const { world, ns } = ctx
  const any = options.device === 'any' || (options.device === '' && !hasLinkUp(ctx))
  const link = any ? undefined : deviceOf(ctx, options.device)
  if (!any && link === undefined) {
    if (/^[0-9]+$/.test(options.device)) fail(ctx, 1, `${name}: Invalid adapter index`)
    else fail(ctx, 1, `${name}: ${options.device}: No such device exists\n(No such device exists)`)
    return
  }
  if (link !== undefined && !link.up) {
    fail(ctx, 1, `${name}: ${link.name}: That device is not up`)
    return
  }
  if (options.device === 'any') err(ctx, `${name}: data link type LINUX_SLL2\n`)
  const parsed = parseFilter(options.filter, (host) => addressesOf(ctx, host), !any)
  if ('error' in parsed) {
    fail(ctx, 1, `${name}: ${parsed.error}`)
    return
  }
  const sock = tapOpen(world, ns, ctx.proc.pid, link?.ifindex ?? 0)
  const promisc = link !== undefined && options.promiscuous
  if (promisc) setPromiscuity(world, ns, link, 1)
  const state: DumpState = {
    options,
    filter: parsed.filter,
    sock: sock.id,
    promisc: promisc ? link.ifindex : 0,
    captured: 0,
    lastAt: -1,
    firstAt: -1,
    flows: new Map(),
  }
  ctx.proc.state = state
  const where = link === undefined ? 'any' : link.name
  const cooked = options.device === 'any' ? 'LINUX_SLL2 (Linux cooked v2)' : 'LINUX_SLL (Linux cooked v1)'
  const type = any ? cooked : 'EN10MB (Ethernet)'
  if (options.verbose === 0) {
    err(ctx, `${name}: verbose output suppressed, use -v[v]... for full protocol decode\n`)
  } else err(ctx, `${name}: `)
  err(ctx, `listening on ${where}, link-type ${type}, snapshot length ${options.snaplen} bytes\n`)
}

/** By name or by the number in `tcpdump -D`; '' is the first device that is up. */
function deviceOf(ctx: ProcCtx, name: string): Link | undefined {
  const named = linkByName(ctx.ns, name)
  if (named !== undefined) return named
  const list = devices(ctx)
  if (name === '') return list.find((link) => link.up)
  return /^[1-9][0-9]*$/.test(name) ? list[Number(name) - 1] : undefined
}

/** In libpcap's order: those that are up first, lo after the others. */
function devices(ctx: ProcCtx): Link[] {
  const rank = (link: Link) =>
    (link.up && link.carrier ? 0 : link.up ? 1 : 2) * 2 + (link.kind === 'loopback' ? 1 : 0)
  return linksOf(ctx.ns).sort((a, b) => rank(a) - rank(b) || a.ifindex - b.ifindex)
}

function hasLinkUp(ctx: ProcCtx): boolean {
  return linksOf(ctx.ns).some((link) => link.up)
}

function listDevices(ctx: ProcCtx): void {
  const lines = devices(ctx).map((link) => {
    if (link.kind === 'loopback') return `${link.name} [${link.up ? 'Up, Running, ' : ''}Loopback]`
    const state = link.up
      ? link.carrier
        ? 'Up, Running, Connected'
        : 'Up, Disconnected'
      : 'none, Disconnected'
    return `${link.name} [${state}]`
  })
  const anyAt = lines.findIndex((line) => !line.includes('Running, Connected'))
  const any = 'any (Pseudo-device that captures on all interfaces) [Up, Running]'
  lines.splice(anyAt < 0 ? lines.length : anyAt, 0, any)
  out(ctx, lines.map((line, i) => `${i + 1}.${line}\n`).join(''))
  exitProcess(ctx, 0)
}

function addressesOf(ctx: ProcCtx, host: string): Ip[] {
  const list: Ip[] = []
  for (const family of [4, 6] as const) {
    const found = resolveHost(ctx, host, family)
    if (found.ip !== undefined) list.push(found.ip)
  }
  return list
}

function show(ctx: ProcCtx, state: DumpState, frame: TapFrame): void {
  const { options } = state
  const { packet, dir } = frame
  const link = ctx.ns.links[frame.ifindex]
  // What lo sends comes back at once: libpcap leaves the first of the two out.
  if (link?.kind === 'loopback' && dir === 'out') return
  if (options.direction !== 'inout' && options.direction !== dir) return
  if (!matches(state.filter, packet, dir)) return
  state.captured++
  const any = sockById(ctx.ns, state.sock)?.oif === 0
  const way = dir === 'out' ? 'Out' : (WAYS[frame.pktType] ?? 'In')
  const print: PrintOptions = {
    link: options.link,
    verbose: options.verbose,
    quick: options.quick,
    cooked: any ? { name: link?.name ?? `if${frame.ifindex}`, ifindex: frame.ifindex, way } : null,
    numeric: options.numeric > 0,
    absolute: options.absolute,
    host: (ip) => hostName(ctx, ip),
    flows: state.flows,
  }
  const number = options.number ? `${String(state.captured).padStart(5)}  ` : ''
  let text = `${number}${timeText(state, frame.at)}${frameText(packet, print)}\n`
  if (options.hex > 0) {
    const bytes = layerBytes(packet, options.hex > 1 ? 'ether' : 'network')
    text += `${hexLines(bytes ?? new Uint8Array(0), options.ascii)}\n`
  }
  state.lastAt = frame.at
  if (state.firstAt < 0) state.firstAt = frame.at
  const open = out(ctx, text)
  if (!open || (options.count > 0 && state.captured >= options.count)) finishDump(ctx, state)
}

function timeText(state: DumpState, at: number): string {
  switch (state.options.times) {
    case 0:
      return `${clock(at)} `
    case 1:
      return ''
    case 2:
      return `${seconds(at)} `
    case 3:
      return ` ${clock(state.lastAt < 0 ? 0 : at - state.lastAt)} `
    case 4:
      return `${day(at)} ${clock(at)} `
    default:
      return ` ${clock(state.firstAt < 0 ? 0 : at - state.firstAt)} `
  }
}

/** Time of day, UTC, to the microsecond. */
function clock(ns: number): string {
  const us = Math.floor(ns / 1000)
  const s = Math.floor(us / 1e6)
  const two = (n: number) => String(n % 60).padStart(2, '0')
  const hours = String(Math.floor(s / 3600) % 24).padStart(2, '0')
  return `${hours}:${two(Math.floor(s / 60))}:${two(s)}.${String(us % 1e6).padStart(6, '0')}`
}

function seconds(ns: number): string {
  const us = Math.floor(ns / 1000)
  return `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}`
}

/** Virtual time begins with 1970 (as `date` has it), so days are counted from there. */
function day(ns: number): string {
  let days = Math.floor(ns / 86_400e9)
  let year = 1970
  const leap = (y: number) => (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0
  while (days >= (leap(year) ? 366 : 365)) days -= leap(year++) ? 366 : 365
  const months = [31, leap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  let month = 0
  while (days >= months[month]!) days -= months[month++]!
  return `${year}-${String(month + 1).padStart(2, '0')}-${String(days + 1).padStart(2, '0')}`
}

function finishDump(ctx: ProcCtx, state: DumpState): void {
  const { world, ns } = ctx
  const link = ns.links[state.promisc]
  if (state.promisc !== 0 && link !== undefined) setPromiscuity(world, ns, link, -1)
  state.promisc = 0
  const packets = `${state.captured} packet${state.captured === 1 ? '' : 's'}`
  err(ctx, `${packets} captured\n${packets} received by filter\n0 packets dropped by kernel\n`)
  exitProcess(ctx, 0)
}
