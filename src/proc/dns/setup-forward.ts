/** Setups of `forward` and `cache`. Models plugin/forward/setup.go and plugin/cache/setup.go (CoreDNS 1.11.3). */
import { parseIp } from '../../base/addr.ts'
import { isDnsName } from '../../wire/dnsname.ts'
import type { CacheConf, ForwardConf } from './coretypes.ts'
import type { Dispenser } from './dispenser.ts'
import { argErr, err, next, nextArg, nextBlock, remainingArgs, val } from './dispenser.ts'
import { goHostPort, goInt, goSeconds, isGoIp } from './gotext.ts'
import { parseResolvConf } from './resolvconf.ts'
import type { ReadText, Setup } from './setup.ts'
import { ONCE, origins, zonesOf } from './setup.ts'
import { absolute } from './text.ts'

const UPSTREAMS_MAX = 15

export const setupForward: Setup = ({ server, read }, d) => {
  while (next(d)) {
    const forward: ForwardConf = {
      from: '', except: [], servers: [], policy: 'random', forceTcp: false, preferUdp: false,
    } // biome-ignore format: one record
    if (!nextArg(d)) return argErr(d)
    const from = val(d)
    const zone = zonesOf(from)[0]
    if (zone === undefined) return `unable to normalize '${from}'`
    forward.from = zone
    const to = remainingArgs(d)
    if (to.length === 0) return argErr(d)
    const wrong = upstreams(forward, to, read)
    if (wrong !== '') return wrong
    while (nextBlock(d)) {
      const error = forwardOption(forward, d)
      if (error !== '') return error
    }
    server.forwards.push(forward)
  }
  const many = server.forwards.find(({ servers }) => servers.length > UPSTREAMS_MAX)
  return many === undefined ? '' : `more than ${UPSTREAMS_MAX} TOs configured: ${many.servers.length}`
}

function upstreams({ servers }: ForwardConf, to: readonly string[], read: ReadText): string {
  const other: string[] = []
  for (const text of to) {
    const scheme = /^(dns|tls|quic|grpc|https|unix):\/\//.exec(text)?.[1] ?? 'dns'
    const host = text.replace(/^(dns|tls|quic|grpc|https|unix):\/\//, '')
    if (host === '') return `invalid address: ${JSON.stringify(text)}`
    const split = goHostPort(host)
    const name = (split.value?.host ?? host).replace(/%.*$/, '')
    const standard = { dns: 53, tls: 853, quic: 853, grpc: 443, https: 443, unix: 0 }[scheme]!
    if (!isGoIp(name)) {
      const file = read(host)
      if (file === undefined) return `not an IP address or file: ${JSON.stringify(host)}`
      servers.push(...parseResolvConf(file).servers.map((ip) => ({ ip, port: 53 })))
    } else if (scheme !== 'dns') {
      other.push(split.value === undefined ? `${scheme}://${joined(host, standard)}` : text)
    } else servers.push({ ip: parseIp(name)!, port: Number(split.value?.port ?? standard) })
  }
  const strange = other.find((text) => !text.startsWith('tls:'))
  if (strange !== undefined) {
    const scheme = strange.split(':')[0]
    return `'${scheme}' is not supported as a destination protocol in forward: ${strange}`
  }
  if (other.length > 0) return 'kubehop: DNS over TLS is not modelled'
  return servers.length === 0 ? 'no nameservers found' : ''
}

function joined(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function forwardOption(forward: ForwardConf, d: Dispenser): string {
  const word = val(d)
  if (word === 'except') {
    const zones = remainingArgs(d)
    forward.except.push(...zones.flatMap(zonesOf))
    return zones.length === 0 ? argErr(d) : ''
  }
  if (word === 'force_tcp' || word === 'prefer_udp') {
    forward[word === 'force_tcp' ? 'forceTcp' : 'preferUdp'] = true
    return nextArg(d) ? argErr(d) : ''
  }
  if (word === 'tls' || word === 'tls_servername') {
    // They count for upstreams over TLS alone.
    const args = remainingArgs(d)
    return (word === 'tls' ? args.length > 3 : args.length === 0) ? argErr(d) : ''
  }
  if (!['max_fails', 'health_check', 'expire', 'policy', 'max_concurrent'].includes(word)) {
    return err(d, `unknown property '${word}'`)
  }
  if (!nextArg(d)) return argErr(d)
  const text = val(d)
  switch (word) {
    case 'max_fails':
      return goInt(text, 'ParseUint').error
    case 'health_check':
      return healthCheck(d, text)
    case 'expire': {
      const { value, error } = goSeconds(text)
      return error || (value! < 0 ? `expire can't be negative: ${text}` : '')
    }
    case 'policy':
      if (text !== 'random' && text !== 'round_robin' && text !== 'sequential') {
        return err(d, `unknown policy '${text}'`)
      }
      forward.policy = text
      return ''
    default: {
      const { value, error } = goInt(text)
      return error || (value! < 0 ? `max_concurrent can't be negative: ${value}` : '')
    }
  }
}

function healthCheck(d: Dispenser, text: string): string {
  const { value, error } = goSeconds(text)
  if (error !== '') return error
  if (value! < 0) return `health_check can't be negative: ${Math.round(value! * 1e9)}`
  while (nextArg(d)) {
    const option = val(d)
    if (option === 'no_rec') continue
    if (option !== 'domain') return `health_check: unknown option ${option}`
    if (!nextArg(d)) return argErr(d)
    if (!isDnsName(absolute(val(d)))) return `health_check: invalid domain name ${val(d)}`
  }
  return ''
}

export const setupCache: Setup = (ctx, d) => {
  let seen = 0
  while (next(d)) {
    if (seen++ > 0) return ONCE
    const cache: CacheConf = {
      zones: [], success: 3600, denial: 1800, minSuccess: 5, minDenial: 5, fail: 5, keepTtl: false, stale: 0,
      prefetch: { amount: 0, within: 60, percentage: 10 }, noSuccess: [], noDenial: [],
    } // biome-ignore format: one record
    const args = remainingArgs(d)
    const ttl = goInt(args[0] ?? '').value
    if (ttl !== undefined) {
      if (ttl <= 0) return `cache TTL can not be zero or negative: ${ttl}`
      Object.assign(cache, { success: ttl, denial: ttl })
      args.shift()
    }
    cache.zones = origins(ctx, args)
    while (nextBlock(d)) {
      const error = cacheOption(cache, d)
      if (error !== '') return error
    }
    ctx.server.cache = cache
  }
  return ''
}

function cacheOption(cache: CacheConf, d: Dispenser): string {
  const word = val(d)
  const known = ['success', 'denial', 'prefetch', 'serve_stale', 'servfail', 'disable', 'keepttl']
  if (!known.includes(word)) return argErr(d)
  const args = remainingArgs(d)
  switch (word) {
    case 'success':
    case 'denial':
      return args.length === 0 ? argErr(d) : capacity(cache, word, args)
    case 'prefetch':
      return args.length === 0 || args.length > 3 ? argErr(d) : prefetch(cache, args)
    case 'serve_stale': {
      if (args.length > 2) return argErr(d)
      const { value, error } = goSeconds(args[0] ?? '1h')
      if (error !== '') return error
      if (value! < 0) return 'invalid negative duration for serve_stale'
      const mode = (args[1] ?? 'immediate').toLowerCase()
      if (mode !== 'immediate' && mode !== 'verify') {
        return `invalid value for serve_stale refresh mode: ${mode}`
      }
      cache.stale = value!
      return mode === 'verify' ? err(d, "kubehop: serve_stale's mode 'verify' is not modelled") : ''
    }
    case 'servfail': {
      if (args.length !== 1) return argErr(d)
      const { value, error } = goSeconds(args[0]!)
      if (error !== '') return error
      if (value! < 0) return 'invalid negative ttl for servfail'
      if (value! > 300) return 'caching SERVFAIL responses over 5 minutes is not permitted'
      cache.fail = value!
      return ''
    }
    case 'disable': {
      if (args.length < 1) return argErr(d)
      const [what, ...names] = args
      const bad = names.find((name) => !isDnsName(absolute(name)))
      if (bad !== undefined) return `invalid disabled zone: ${bad}`
      const zones = names.length === 0 ? ['.'] : names.map((name) => absolute(name).toLowerCase())
      if (what === 'success') cache.noSuccess = zones
      else if (what === 'denial') cache.noDenial = zones
      else return 'cache type for disable must be "success" or "denial"'
      return ''
    }
    default:
      cache.keepTtl = true
      return args.length === 0 ? '' : argErr(d)
  }
}

/** `success|denial CAPACITY [TTL [MINTTL]]`. */
function capacity(cache: CacheConf, what: 'success' | 'denial', args: readonly string[]): string {
  const [size, ttl, least] = args.slice(0, 3).map((text) => goInt(text))
  if (size!.error !== '') return size!.error
  if (ttl === undefined) return ''
  if (ttl.error !== '') return ttl.error
  if (ttl.value! <= 0) return `cache TTL can not be zero or negative: ${ttl.value}`
  cache[what] = ttl.value!
  if (least === undefined) return ''
  if (least.error !== '') return least.error
  if (least.value! < 0) return `cache min TTL can not be negative: ${least.value}`
  cache[what === 'success' ? 'minSuccess' : 'minDenial'] = least.value!
  return ''
}

function prefetch({ prefetch: to }: CacheConf, [amount, within, share]: readonly string[]): string {
  const count = goInt(amount!)
  if (count.error !== '') return count.error
  if (count.value! < 0) return `prefetch amount should be positive: ${count.value}`
  to.amount = count.value!
  if (within === undefined) return ''
  const time = goSeconds(within)
  if (time.error !== '') return time.error
  to.within = time.value!
  if (share === undefined) return ''
  const last = share.at(-1)!
  if (last !== '%') return `last character of percentage should be \`%\`, but is: '${last}'`
  const number = goInt(share.slice(0, -1))
  if (number.error !== '') return number.error
  if (number.value! < 10 || number.value! > 90) {
    return `percentage should fall in range [10, 90]: ${number.value}`
  }
  to.percentage = number.value!
  return ''
}
