/** Setups of the plugins that look after the server itself. Models their setup.go (CoreDNS 1.11.3). */
import { parseIp } from '../../base/addr.ts'
import type { LogConf } from './coretypes.ts'
import type { Dispenser } from './dispenser.ts'
import { argErr, err, next, nextArg, nextBlock, remainingArgs, syntaxErr, val } from './dispenser.ts'
import { goHostPort, goInt, goRegexError, goSeconds } from './gotext.ts'
import type { Setup, SetupCtx } from './setup.ts'
import { ONCE } from './setup.ts'
import { absolute } from './text.ts'

const COMMON =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}'

export const setupErrors: Setup = (ctx, d) => {
  let seen = 0
  while (next(d)) {
    if (seen++ > 0) return ONCE
    const args = remainingArgs(d)
    if (args.length > 1) return argErr(d)
    if (args.length === 1 && args[0] !== 'stdout') return err(d, `invalid log file: ${args[0]}`)
    while (nextBlock(d)) {
      const word = val(d)
      if (word === 'stacktrace') continue
      if (word !== 'consolidate') return syntaxErr(d, `Unknown field ${word}`)
      return consolidate(d) || err(d, "kubehop: 'consolidate' is not modelled")
    }
  }
  ctx.server.errors = true
  return ''
}

function consolidate(d: Dispenser): string {
  const args = remainingArgs(d)
  if (args.length < 2 || args.length > 3) return argErr(d)
  const wrong = goSeconds(args[0]!).error || goRegexError(args[1]!)
  if (wrong !== '') return err(d, wrong)
  const level = args[2] ?? 'error'
  const known = ['warning', 'error', 'info', 'debug'].includes(level)
  return known ? '' : err(d, `unknown log level argument in consolidate: ${level}`)
}

export const setupLog: Setup = ({ server }, d) => {
  while (next(d)) {
    const args = remainingArgs(d)
    let format = COMMON
    if (args.length > 1 && args.at(-1)!.includes('{')) {
      format = args.pop()!.replaceAll('{common}', COMMON).replaceAll('{combined}', `${COMMON} "{>opcode}"`)
    }
    const classes: string[] = []
    while (nextBlock(d)) {
      if (val(d) !== 'class') return argErr(d)
      const words = remainingArgs(d)
      if (words.length === 0) return argErr(d)
      for (const word of words) {
        if (!['all', 'success', 'denial', 'error'].includes(word)) return `invalid Class: ${word}`
        classes.push(word)
      }
    }
    const zones = args.length === 0 ? ['.'] : args
    for (const zone of zones) {
      const rule: LogConf = {
        zone: absolute(zone),
        format,
        classes: classes.length === 0 ? ['all'] : classes,
      }
      server.log.push(rule)
    }
  }
  return ''
}

export const setupHealth: Setup = ({ conf }, d) => {
  let port = 8080
  while (next(d)) {
    const args = remainingArgs(d)
    if (args.length > 1) return argErr(d)
    if (args.length === 1) {
      const got = portOf(args[0]!, port)
      if (got.error !== '') return got.error
      port = got.port
    }
    while (nextBlock(d)) {
      if (val(d) !== 'lameduck') return argErr(d)
      const words = remainingArgs(d)
      if (words.length !== 1) return argErr(d)
      const lame = goSeconds(words[0]!)
      if (lame.value === undefined)
        return `unable to parse lameduck duration value: '${words[0]}' : ${lame.error}`
      conf.lameduckS = lame.value
    }
  }
  conf.health = port
  return ''
}

/** `ready` and `prometheus`: an address at most. */
function endpoint(name: 'ready' | 'prometheus', standard: number): Setup {
  return ({ conf }, d) => {
    let seen = 0
    while (next(d)) {
      if (seen++ > 0) return ONCE
      const args = remainingArgs(d)
      if (args.length > 1) return argErr(d)
      const got = portOf(args[0] ?? `:${standard}`, standard)
      if (got.error !== '') return got.error
      conf[name] = got.port
    }
    return ''
  }
}

export const setupReady: Setup = endpoint('ready', 8181)
export const setupPrometheus: Setup = endpoint('prometheus', 9153)

function portOf(text: string, standard: number): { port: number; error: string } {
  const { value, error } = goHostPort(text)
  const port = Number(value?.port ?? 0)
  return { port: port > 0 && port < 65_536 ? port : standard, error }
}

export const setupReload: Setup = ({ conf }, d) => {
  next(d)
  const args = remainingArgs(d)
  if (args.length > 2) return argErr(d)
  const interval = goSeconds(args[0] ?? '30s')
  if (interval.value === undefined) return interval.error
  if (interval.value < 2) return 'interval value must be greater or equal to 2s'
  const jitter = goSeconds(args[1] ?? '15s')
  if (jitter.value === undefined) return jitter.error
  if (jitter.value < 1) return 'jitter value must be greater or equal to 1s'
  Object.assign(conf, { reloadS: interval.value, jitterS: Math.min(jitter.value, interval.value / 2) })
  return ''
}

export const setupBind: Setup = (ctx, d) => {
  while (next(d)) {
    const args = remainingArgs(d)
    if (args.length === 0) return 'at least one address or interface name is expected'
    const except: string[] = []
    while (nextBlock(d)) {
      if (val(d) !== 'except') return `invalid option ${JSON.stringify(val(d))}`
      except.push(...remainingArgs(d))
      if (except.length === 0) return 'at least one address or interface must be given to except subdirective'
    }
    const bound = listIp(ctx, args)
    const not = listIp(ctx, except)
    if (typeof bound === 'string') return bound
    if (typeof not === 'string') return not
    ctx.server.bind.push(...bound.filter((ip) => !not.includes(ip)).map((ip) => parseIp(ip)!))
  }
  return ''
}

function listIp({ links }: SetupCtx, texts: readonly string[]): string[] | string {
  const all: string[] = []
  for (const text of texts) {
    const own = links.get(text)
    if (own !== undefined) all.push(...own)
    else if (parseIp(text) !== undefined) all.push(text)
    else return `not a valid IP address or interface name: ${JSON.stringify(text)}`
  }
  return all
}

export const setupLoadbalance: Setup = ({ server }, d) => {
  while (next(d)) {
    const args = remainingArgs(d)
    const [policy = 'round_robin', file] = args
    if (policy === 'round_robin') {
      if (args.length > 1) return err(d, `unknown property for ${policy}`)
      server.loadbalance = true
      return ''
    }
    if (policy !== 'weighted') return `unknown policy: ${policy}`
    if (file === undefined) return err(d, 'missing weight file argument')
    if (args.length > 2) return err(d, 'unexpected argument(s)')
    while (nextBlock(d)) {
      if (val(d) !== 'reload') return err(d, `unknown property '${val(d)}'`)
      const words = remainingArgs(d)
      if (words.length < 1) return err(d, 'reload duration value is missing')
      if (words.length > 1) return err(d, 'unexpected argument')
      if (goSeconds(words[0]!).value === undefined) return err(d, `invalid reload duration '${words[0]}'`)
    }
    return err(d, "kubehop: policy 'weighted' is not modelled")
  }
  return argErr(d)
}

export const setupLoop: Setup = ({ server }, d) => {
  let seen = 0
  while (next(d)) {
    if (seen++ > 0) return ONCE
    if (nextArg(d)) return argErr(d)
  }
  server.loop = true
  return ''
}

/** `whoami`, `any` and `minimal`: a word that stands alone; of `any` the rest is not looked at. */
export function setupFlag(name: 'whoami' | 'any' | 'minimal'): Setup {
  return ({ server }, d) => {
    next(d)
    if (name !== 'any' && nextArg(d)) return argErr(d)
    server[name] = true
    return ''
  }
}

/** What changes nothing here is read all the same. */
export const setupBufsize: Setup = (_, d) => {
  next(d)
  const args = remainingArgs(d)
  const size = goInt(args[0] ?? '1232').value ?? 0
  return args.length > 1 || size < 512 || size > 4096 ? `plugin/bufsize: ${argErr(d)}` : ''
}

export const setupNsid: Setup = (_, d) => {
  let seen = 0
  while (next(d)) {
    if (seen++ > 0) return ONCE
    remainingArgs(d)
  }
  return ''
}

export const setupCancel: Setup = (_, d) => {
  next(d)
  const [text = '5001ms', more] = remainingArgs(d)
  const { value } = goSeconds(text)
  if (more !== undefined) return argErr(d)
  if (value === undefined) return `invalid duration: ${JSON.stringify(text)}`
  return value <= 0 ? `invalid negative duration: ${JSON.stringify(text)}` : ''
}

export const setupDebug: Setup = (_, d) => {
  next(d)
  return nextArg(d) ? argErr(d) : ''
}

export const setupNothing: Setup = () => ''
