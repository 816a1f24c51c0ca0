/**
 * arping. Models Thomas Habets' version 2.23: ARP requests from a packet socket, one a second. Not here: pinging a MAC
 * address with ICMP, VLAN tags, the 16 bytes of padding behind its requests.
 */
import type { Mac } from '../../base/addr.ts'
import { BROADCAST_MAC, formatIp, formatMac, inPrefix, parseIp4, parseMac } from '../../base/addr.ts'
import { linkByName, linksOf } from '../../net/link/device.ts'
import { createPacket } from '../../net/packet.ts'
import { tapOpen, tapSend } from '../../net/sock/tap.ts'
import type { Link, Packet, TapFrame } from '../../net/types.ts'
import { ETH_P_ARP } from '../../net/types.ts'
import { exitProcess, setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { err, fail, out, parseOptions, resolveHost } from '../program.ts'

interface ArpingState {
  host: string
  target: number
  ifindex: number
  sock: number
  source: number
  smac: Mac
  dmac: Mac
  tha: Mac
  op: number
  /** How it prints: usual, only addresses (-r), only numbers (-R), dots (-D), nothing (-q). */
  style: 'full' | 'mac' | 'ip' | 'dots' | 'quiet'
  /** -u: the index of the request too. */
  both: boolean
  /** -d: an answer from another address is an error. */
  duplicates: boolean
  first: Mac
  differs: boolean
  /** -1 for no end. */
  count: number
  /** -C: answers after which it ends, -1 for no end. */
  answers: number
  intervalNs: number
  /** When it ends, ns, -1 for never. */
  deadline: number
  sent: number
  received: number
  sentAt: number
  /** Answers to the request that was sent last. */
  heard: number
  times: { min: number; max: number; sum: number; squares: number }
}

const SHORT = '0aAbB:C:c:dDeFg:hi:I:m:pPqQ:rRs:S:t:T:uUvV:w:W:zZ'
const REFUSED = 'aABeFgmQTvVzZ'
const USAGE =
  'ARPing 2.23, by Thomas Habets <thomas@habets.se>\n' +
  'usage: arping [ -0bdDpPqrRuU ] [ -w <sec> ] [ -W <sec> ] [ -S <host/ip> ]\n' +
  '              [ -s <MAC> ] [ -t <MAC> ] [ -c <count> ] [ -C <count> ]\n' +
  '              [ -i <interface> ] <host/ip>\n'

export const arping: Program = {
  name: 'arping',
  help: 'ask who has an address, again and again',
  handles: ['SIGINT'],
  start(ctx) {
    const state = openArping(ctx)
    if (state === undefined) return
    ctx.proc.state = state
    if (state.style === 'full') out(ctx, `ARPING ${formatIp(state.target)}\n`)
    turn(ctx, state)
  },
  on(ctx, event: ProcEvent) {
    const state = ctx.proc.state as ArpingState
    if (event.type === 'tap' && event.frame.sock === state.sock) hear(ctx, state, event.frame)
    else if (event.type === 'timer') {
      if (state.heard === 0) missed(ctx, state)
      turn(ctx, state)
    } else if (event.type === 'signal') finishArping(ctx, state)
  },
}

function openArping(ctx: ProcCtx): ArpingState | undefined {
  const { world, ns } = ctx
  const words = parseOptions(ctx.proc.argv.slice(1), SHORT, ['help'])
  const { flags } = words
  for (const [letter] of words.list) {
    if (REFUSED.includes(letter)) return quit(ctx, 1, `arping: -${letter}: not modelled in Kubehop`)
  }
  if (words.error === '' && words.operands.length > 1) {
    return quit(ctx, 1, 'arping: Too many args on command line. Expected at most one.')
  }
  if (words.error !== '') err(ctx, `arping: ${words.error}\n`)
  const host = words.operands[0]
  if (
    words.error !== '' ||
    host === undefined ||
    words.operands.length > 1 ||
    flags.has('h') ||
    flags.has('help')
  ) {
    out(ctx, USAGE)
    exitProcess(ctx, flags.has('h') || flags.has('help') ? 0 : 1)
    return undefined
  }
  if (parseMac(host) !== undefined && parseIp4(host) === undefined) {
    return quit(ctx, 1, 'arping: ICMP to a MAC address: not modelled in Kubehop')
  }
  const found = resolveHost(ctx, host, 4)
  if (typeof found.ip !== 'number') return quit(ctx, 1, `arping: Can't resolve ${host}`)
  const link = deviceFor(ctx, flags.get('I') ?? flags.get('i'), found.ip)
  if (link === undefined) return undefined
  const macs = [flags.get('s'), flags.get('t')].map((text) =>
    text === undefined ? -1 : (parseMac(text) ?? -2),
  )
  if (macs.includes(-2))
    return quit(ctx, 1, `arping: Illegal MAC addr ${flags.get(macs[0] === -2 ? 's' : 't')}`)
  const source = sourceOf(ctx, flags, link, found.ip)
  if (source === undefined) return undefined
  const sock = tapOpen(world, ns, ctx.proc.pid, link.ifindex)
  const state = firstState(ctx, found.ip, link, flags)
  return {
    ...state,
    sock: sock.id,
    source,
    smac: macs[0]! >= 0 ? macs[0]! : link.mac,
    dmac: macs[1]! >= 0 ? macs[1]! : BROADCAST_MAC,
  }
}

function firstState(
  ctx: ProcCtx,
  target: number,
  link: Link,
  flags: ReadonlyMap<string, string>,
): ArpingState {
  const seconds = Number.parseFloat(flags.get('w') ?? '')
  const interval = Number.parseFloat(flags.get('W') ?? '')
  return {
    host: formatIp(target),
    target,
    ifindex: link.ifindex,
    sock: 0,
    source: 0,
    smac: 0,
    dmac: 0,
    tha: flags.has('U') || flags.has('P') ? BROADCAST_MAC : 0,
    op: flags.has('P') ? 2 : 1,
    style: flags.has('q')
      ? 'quiet'
      : flags.has('D')
        ? 'dots'
        : flags.has('r')
          ? 'mac'
          : flags.has('R')
            ? 'ip'
            : 'full',
    both: flags.has('u'),
    duplicates: flags.has('d'),
    first: -1,
    differs: false,
    count: countOf(flags.get('c')),
    answers: countOf(flags.get('C')),
    intervalNs: interval > 0 && interval < 1e6 ? Math.max(1000, Math.round(interval * 1e9)) : 1e9,
    deadline: flags.has('w')
      ? ctx.world.now + Math.round(Math.min(1e6, Math.max(0, seconds || 0)) * 1e9)
      : -1,
    sent: 0,
    received: 0,
    sentAt: 0,
    heard: 0,
    times: { min: Number.MAX_SAFE_INTEGER, max: 0, sum: 0, squares: 0 },
  }
}

/** As atoi: what is no number is none at all. */
function countOf(text: string | undefined): number {
  if (text === undefined) return -1
  const count = Number.parseInt(text, 10)
  return Number.isNaN(count) ? 0 : Math.min(count, 1e9)
}

function deviceFor(ctx: ProcCtx, name: string | undefined, target: number): Link | undefined {
  const { ns } = ctx
  if (name !== undefined) {
    const link = linkByName(ns, name)
    const call = `libnet_init(LIBNET_LINK, ${name})`
    return link ?? quit(ctx, 1, `arping: ${call}: libnet_check_iface() ioctl: No such device`)
  }
  const links = linksOf(ns).filter((link) => link.kind !== 'loopback' && link.up)
  const near = links.find((link) => link.addrs.some(({ addr, len }) => inPrefix(target, addr, len)))
  if (near !== undefined) return near
  const guess = links[0]
  const guessing = guess === undefined ? '' : ` Guessing interface ${guess.name}.`
  err(
    ctx,
    'arping: lookup dev: No matching interface found using getifaddrs().\n' +
      'arping: Unable to automatically find interface to use. Is it on the local LAN?\n' +
      `arping: Use -i to manually specify interface.${guessing}\n`,
  )
  if (guess === undefined) exitProcess(ctx, 1)
  return guess
}

function sourceOf(
  ctx: ProcCtx,
  flags: ReadonlyMap<string, string>,
  link: Link,
  target: number,
): number | undefined {
  if (flags.has('0')) return 0
  if (flags.has('b')) return -1
  const given = flags.get('S')
  if (given !== undefined) {
    const found = resolveHost(ctx, given, 4)
    if (typeof found.ip === 'number') return found.ip
    return quit(ctx, 1, `arping: Can't resolve ${given}, or host is not up.`)
  }
  if (flags.has('U') || flags.has('P')) return target
  for (const { addr } of link.addrs) if (typeof addr === 'number') return addr
  const why = `Unable to get the IPv4 address of interface ${link.name}:`
  return quit(ctx, 1, `arping: ${why}\narping: Use -S to specify address manually.`)
}

function quit(ctx: ProcCtx, code: number, line: string): undefined {
  fail(ctx, code, line)
  return undefined
}

/** Sends the next request and waits its interval, or ends. */
function turn(ctx: ProcCtx, state: ArpingState): void {
  const { world, ns } = ctx
  const { now } = world
  const link = ns.links[state.ifindex]
  const over =
    state.deadline >= 0 && now >= state.deadline && state.sent > 0 && state.sentAt + state.intervalNs > now
  if (over || (state.count >= 0 && state.sent >= state.count) || link === undefined) {
    finishArping(ctx, state)
    return
  }
  const packet = createPacket(world, ETH_P_ARP, 0)
  packet.smac = state.smac
  packet.dmac = state.dmac
  packet.length = 28
  packet.arp = { op: state.op, sha: state.smac, spa: state.source, tha: state.tha, tpa: state.target }
  tapSend(world, ns, link, packet)
  state.sent++
  state.sentAt = now
  state.heard = 0
  if (state.deadline >= 0 && now >= state.deadline) {
    finishArping(ctx, state)
    return
  }
  const next = now + state.intervalNs
  setTimer(ctx, state.deadline >= 0 ? Math.min(next, state.deadline) : next, 'next')
}

function missed(ctx: ProcCtx, state: ArpingState): void {
  if (state.style === 'full') out(ctx, 'Timeout\n')
  else if (state.style === 'dots') out(ctx, '.')
}

function hear(ctx: ProcCtx, state: ArpingState, frame: TapFrame): void {
  const { packet, dir } = frame
  const arp = packet.arp
  if (dir !== 'in' || arp === null || arp.op !== 2 || arp.spa !== state.target) return
  if (packet.dmac !== state.smac) return
  const took = frame.at - state.sentAt
  const { times } = state
  times.min = Math.min(times.min, took)
  times.max = Math.max(times.max, took)
  times.sum += took
  times.squares += took * took
  if (state.first < 0) state.first = arp.sha
  else if (state.first !== arp.sha) state.differs = true
  out(ctx, answerText(state, packet, arp.sha, took))
  state.received++
  state.heard++
  if (state.answers >= 0 && state.received >= state.answers) finishArping(ctx, state)
}

function answerText(state: ArpingState, packet: Packet, mac: Mac, took: number): string {
  if (state.style === 'quiet') return ''
  if (state.style === 'dots') return '!'
  if (state.style === 'mac') return `${formatMac(mac)}\n`
  if (state.style === 'ip') return `${formatIp(state.target)}\n`
  const index = state.both ? `${state.received}/${state.sent - 1}` : String(state.received)
  const bytes = packet.length + 14
  return `${bytes} bytes from ${formatMac(mac)} (${state.host}): index=${index} time=${timeText(took)}\n`
}

function timeText(ns: number): string {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(3)} sec`
  return ns >= 1e6 ? `${(ns / 1e6).toFixed(3)} msec` : `${(ns / 1e3).toFixed(3)} usec`
}

function finishArping(ctx: ProcCtx, state: ArpingState): void {
  const { sent, received, times } = state
  const lost =
    sent === 0 ? '-nan' : String(Math.round(100 - (100 * Math.min(received, sent)) / sent)).padStart(3)
  const extra = Math.max(0, received - sent)
  if (state.style === 'dots') out(ctx, `\t${lost}% packet loss (${extra} extra)\n`)
  if (state.style === 'full') {
    out(ctx, `\n--- ${state.host} statistics ---\n`)
    const counts = `${sent} packets transmitted, ${received} packets received`
    out(ctx, `${counts}, ${lost}% unanswered (${extra} extra)\n`)
    if (received > 0) {
      const mean = times.sum / received
      const deviation = Math.sqrt(Math.max(0, times.squares / received - mean * mean))
      const all = [times.min, mean, times.max, deviation].map((ns) => (ns / 1e6).toFixed(3)).join('/')
      out(ctx, `rtt min/avg/max/std-dev = ${all} ms\n`)
    } else out(ctx, '\n')
  }
  exitProcess(ctx, received === 0 || (state.duplicates && state.differs) ? 1 : 0)
}
