/** `route`. Models route(8) of net-tools 2.10 for IPv4. Refused by name: -e, -C, -6, other families, mss, window, irtt. */
import type { Ip } from '../../base/addr.ts'
import { maskIp, parseIp4 } from '../../base/addr.ts'
import { routeDel, routePrepend } from '../../net/ip/fib.ts'
import type { RouteSpec } from '../../net/ip/fibspec.ts'
import { linkByName } from '../../net/link/device.ts'
import { strerror } from '../../net/nlresult.ts'
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../../run/types.ts'
import { routeTable } from '../print/nettools.ts'
import { err, fail, finish, parseInteger } from '../program.ts'
import { maskLength } from './iproute2.ts'

export const ROUTE: Program = {
  name: 'route',
  help: 'show and change the routing table (the older form of ip route)',
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    let numeric = false
    let i = 0
    for (; i < args.length && args[i]!.startsWith('-') && args[i] !== '-net' && args[i] !== '-host'; i++) {
      const arg = args[i]!
      if (arg === '-A' && args[i + 1] === 'inet') i++
      else if (arg === '--numeric' || /^-[nv4F]+$/.test(arg))
        numeric ||= arg === '--numeric' || arg.includes('n')
      else if (arg === '-V' || arg === '--version') {
        finish(ctx, 'net-tools 2.10\n')
        return
      } else if (arg === '-h' || arg === '--help') {
        usage(ctx, 0)
        return
      } else if (/^-[nveFC6]+$/.test(arg) || arg === '-A') {
        fail(ctx, 1, `kubehop: route ${arg} is not modelled`)
        return
      } else {
        err(ctx, `route: invalid option -- '${arg[1] ?? ''}'\n`)
        usage(ctx, 3)
        return
      }
    }
    const command = args[i]
    if (command === undefined) finish(ctx, routeTable(ctx.ns, numeric))
    else if (command === 'add' || command === 'del' || command === 'delete')
      change(ctx, command, args.slice(i + 1))
    else usage(ctx, 3)
  },
}

interface Change {
  dst: Ip
  len: number
  via: number | undefined
  dev: string
  metric: number | undefined
  reject: boolean
}

function change(ctx: ProcCtx, command: string, args: string[]): void {
  const wish = read(ctx, args)
  if (wish === undefined) return
  const link = wish.dev === '' ? undefined : linkByName(ctx.ns, wish.dev)
  const what = command === 'add' ? 'SIOCADDRT' : 'SIOCDELRT'
  if (wish.dev !== '' && link === undefined) {
    fail(ctx, 7, `${what}: No such device`)
    return
  }
  const spec: RouteSpec = { family: 4, dst: wish.dst, len: wish.len }
  if (wish.metric !== undefined) spec.metric = wish.metric
  if (wish.reject) spec.type = 'unreachable'
  else if (wish.via !== undefined || link !== undefined) {
    const via = wish.via === undefined ? {} : { via: wish.via }
    spec.nexthops = [link === undefined ? via : { ...via, oif: link.ifindex }]
  }
  if (command !== 'add') spec.scope = 255
  const bad = command === 'add' ? routePrepend(ctx.world, ctx.ns, spec) : routeDel(ctx.world, ctx.ns, spec)
  if (bad === null) exitProcess(ctx, 0)
  else fail(ctx, 7, `${what}: ${strerror(bad.errno)}`)
}

function read(ctx: ProcCtx, args: string[]): Change | undefined {
  const refuse = (text: string): undefined => {
    err(ctx, text === '' ? '' : `${text}\n`)
    usage(ctx, text === '' ? 0 : 3)
    return undefined
  }
  let i = 0
  let kind = ''
  if (args[i] === '-net' || args[i] === '-host') kind = args[i++]!
  const target = args[i++]
  if (target === undefined) return refuse('')
  const slash = target.indexOf('/')
  const dst = target === 'default' ? 0 : parseIp4(slash < 0 ? target : target.slice(0, slash))
  if (dst === undefined) {
    fail(ctx, 1, `${target}: Unknown host`)
    return undefined
  }
  let len = kind === '-net' ? classLength(dst) : 32
  if (target === 'default' || dst === 0) len = 0
  if (slash >= 0) len = parseInteger(target.slice(slash + 1)) ?? -1
  const wish: Change = { dst, len, via: undefined, dev: '', metric: undefined, reject: false }
  for (; i < args.length; i++) {
    const word = args[i]!
    if (word === 'gw') wish.via = parseIp4(args[++i] ?? '')
    else if (word === 'netmask') wish.len = maskLength(parseIp4(args[++i] ?? '') ?? 1)
    else if (word === 'metric') wish.metric = parseInteger(args[++i] ?? '')
    else if (word === 'dev') wish.dev = args[++i] ?? ''
    else if (word === 'reject') wish.reject = true
    else if (/^(mss|window|irtt|mod|dyn|reinstate)$/.test(word)) {
      fail(ctx, 1, `kubehop: route ${word} is not modelled`)
      return undefined
    } else wish.dev = word
  }
  if (wish.len < 0 || wish.len > 32) return refuse('route: bogus netmask')
  if (maskIp(dst, wish.len) !== dst) return refuse("route: netmask doesn't match route address")
  return wish
}

/** The length that a network had by its class. */
function classLength(dst: number): number {
  const first = dst >>> 24
  return first < 128 ? 8 : first < 192 ? 16 : 24
}

function usage(ctx: ProcCtx, code: number): void {
  const text =
    'Usage: route [-n]                                  show the IPv4 routing table\n' +
    '       route {add|del} {-host|-net} Target[/prefix] [gw Gw] [metric M] [netmask N] [[dev] If]\n' +
    '       route {add|del} default [gw Gw] [[dev] If]\n'
  if (code === 0) finish(ctx, text)
  else {
    err(ctx, text)
    exitProcess(ctx, code)
  }
}
