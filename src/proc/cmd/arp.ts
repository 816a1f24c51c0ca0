/** `arp`. Models arp(8) of net-tools 2.10. Refused by name: -f, -D, pub, netmask, other hardware types. */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseMac } from '../../base/addr.ts'
import { fibLookup } from '../../net/ip/fib.ts'
import { neighsOf } from '../../net/ip/neigh.ts'
import { neighDel, neighReplace } from '../../net/ip/neighcmd.ts'
import { linkByName, linksOf } from '../../net/link/device.ts'
import type { Link, Neigh } from '../../net/types.ts'
import { readFile } from '../../run/files.ts'
import { exitProcess } from '../../run/process.ts'
import type { CompletionRequest, ProcCtx, Program } from '../../run/types.ts'
import { ARP_HEAD, arpBsdRow, arpRow } from '../print/nettools.ts'
import { err, fail, finish, out, parseOptions, resolveHost } from '../program.ts'

const LONG = [
  'verbose',
  'version',
  'all',
  'delete',
  'file=',
  'help',
  'numeric',
  'set',
  'device=',
  'use-device',
  'symbolic',
]

export const ARP: Program = {
  name: 'arp',
  help: 'show and change the ARP cache',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), 'A:H:adfp:nsei:t:vh?DNV', LONG)
    const has = (short: string, long: string) => options.flags.has(short) || options.flags.has(long)
    if (options.error !== '') {
      err(ctx, `arp: ${options.error}\n`)
      usage(ctx, 3)
    } else if (has('h', 'help')) usage(ctx, 0)
    else if (has('V', 'version')) finish(ctx, 'net-tools 2.10\n')
    else if (has('f', 'file') || has('D', 'use-device') || options.flags.has('H') || options.flags.has('t')) {
      fail(ctx, 1, 'kubehop: arp -f, -D and -H are not modelled')
    } else {
      const device = options.flags.get('i') ?? options.flags.get('device') ?? ''
      if (has('d', 'delete')) remove(ctx, options.operands, device)
      else if (has('s', 'set')) add(ctx, options.operands, device)
      else {
        const bsd = has('a', 'all') && !options.flags.has('e')
        show(ctx, options.operands[0] ?? '', device, has('n', 'numeric'), bsd, has('v', 'verbose'))
      }
    }
  },
  complete(request: CompletionRequest) {
    const { words, ns } = request
    const last = words[words.length - 1] ?? ''
    if (words[words.length - 2] === '-i')
      return linksOf(ns)
        .map((link) => link.name)
        .filter((n) => n.startsWith(last))
    return neighsOf(ns)
      .map((neigh) => formatIp(neigh.ip))
      .filter((text) => text.startsWith(last))
  },
}

function entries(ctx: ProcCtx): Neigh[] {
  return neighsOf(ctx.ns).filter((neigh) => typeof neigh.ip === 'number' && neigh.state !== 'NOARP')
}

function show(
  ctx: ProcCtx,
  host: string,
  device: string,
  numeric: boolean,
  bsd: boolean,
  verbose: boolean,
): void {
  const target = host === '' ? undefined : hostOf(ctx, host)
  if (host !== '' && target === undefined) return
  const list = entries(ctx)
  const found = list.filter((neigh) => {
    if (device !== '' && ctx.ns.links[neigh.ifindex]?.name !== device) return false
    return target === undefined || neigh.ip === target
  })
  let text = !bsd && found.length > 0 ? ARP_HEAD : ''
  for (const neigh of found) {
    const known = numeric ? '' : nameOf(ctx, neigh.ip)
    if (bsd) text += arpBsdRow(ctx.ns, neigh, known === '' ? '?' : known)
    else text += arpRow(ctx.ns, neigh, known === '' ? formatIp(neigh.ip) : known)
  }
  if (verbose)
    text += `Entries: ${list.length}\tSkipped: ${list.length - found.length}\tFound: ${found.length}\n`
  if (found.length === 0 && (host !== '' || device !== '')) {
    if (host !== '' && !bsd) text += `${host} (${formatIp(target!)}) -- no entry\n`
    else if (list.length > 0 || host !== '') text += `arp: in ${list.length} entries no match found.\n`
  }
  finish(ctx, text)
}

function remove(ctx: ProcCtx, operands: readonly string[], device: string): void {
  const host = operands[0]
  if (host === undefined) {
    fail(ctx, 255, 'arp: need host name')
    return
  }
  const ip = hostOf(ctx, host)
  if (ip === undefined) return
  const neigh = entries(ctx).find((one) => {
    return one.ip === ip && (device === '' || ctx.ns.links[one.ifindex]?.name === device)
  })
  const link = neigh === undefined ? undefined : ctx.ns.links[neigh.ifindex]
  if (link === undefined) {
    out(ctx, `No ARP entry for ${host}\n`)
    exitProcess(ctx, 255)
    return
  }
  neighDel(ctx.world, ctx.ns, link, ip)
  exitProcess(ctx, 0)
}

function add(ctx: ProcCtx, operands: readonly string[], device: string): void {
  const [host, hardware, ...rest] = operands
  if (host === undefined) {
    fail(ctx, 255, 'arp: need host name')
    return
  }
  const ip = hostOf(ctx, host)
  if (ip === undefined) return
  if (hardware === undefined) {
    fail(ctx, 255, 'arp: need hardware address')
    return
  }
  const mac = parseMac(hardware)
  if (mac === undefined) {
    fail(ctx, 255, 'arp: invalid hardware address')
    return
  }
  if (rest.includes('pub') || rest.includes('netmask')) {
    fail(ctx, 1, 'kubehop: arp -s pub is not modelled')
    return
  }
  const link = deviceFor(ctx, ip, device)
  if (link === undefined) {
    fail(ctx, 255, device === '' ? 'SIOCSARP: Network is unreachable' : 'SIOCSARP: No such device')
    return
  }
  const state = rest.includes('temp') ? 'STALE' : 'PERMANENT'
  neighReplace(ctx.world, ctx.ns, link, { ip, mac, state })
  exitProcess(ctx, 0)
}

function deviceFor(ctx: ProcCtx, ip: Ip, device: string): Link | undefined {
  if (device !== '') return linkByName(ctx.ns, device)
  const found = fibLookup(ctx.world, ctx.ns, { family: 4, dst: ip, src: 0, iif: 0, oif: 0, mark: 0, tos: 0 })
  return found.errno === '' && found.nexthop !== null ? ctx.ns.links[found.nexthop.oif] : undefined
}

function hostOf(ctx: ProcCtx, host: string): Ip | undefined {
  const resolved = resolveHost(ctx, host, 4)
  if (resolved.ip !== undefined) return resolved.ip
  err(ctx, `${host}: Unknown host\n`)
  exitProcess(ctx, 255)
  return undefined
}

/** The first name of /etc/hosts for an address, '' for none. */
function nameOf(ctx: ProcCtx, ip: Ip): string {
  const text = formatIp(ip)
  for (const line of readFile(ctx, '/etc/hosts').text.split('\n')) {
    const [first, name] = (line.split('#')[0] ?? '').trim().split(/\s+/)
    if (first === text && name !== undefined) return name
  }
  return ''
}

function usage(ctx: ProcCtx, code: number): void {
  const text =
    'Usage:\n  arp [-vn] [-i <if>] [-a] [<hostname>]\n  arp [-i <if>] -d <host>\n' +
    '  arp [-i <if>] -s <host> <hwaddr> [temp]\n'
  if (code === 0) finish(ctx, text)
  else {
    err(ctx, text)
    exitProcess(ctx, code)
  }
}
