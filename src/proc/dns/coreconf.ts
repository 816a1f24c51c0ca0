/**
 * From server blocks to what each plugin is told, with the complaints of CoreDNS 1.11. Plugins that are not modelled are
 * refused by name. Options that change nothing here (worker counts, buffers) are read and passed over.
 */
import { parseIp } from '../../base/addr.ts'
import { isDnsName } from '../../wire/dnsname.ts'
import type { CoreBlock, CoreDirective, CoreToken } from './corefile.ts'
import { argsOf, coreError, subLines } from './corefile.ts'
import type {
  CacheConf,
  CoreConf,
  ForwardConf,
  HostsConf,
  RewriteConf,
  ServerConf,
  TemplateConf,
} from './coretypes.ts'
import { kubeDnsOptions } from './kubesource.ts'
import { parseResolvConf } from './resolvconf.ts'
import { absolute, isBelow, rcodeNumber, typeNumber } from './text.ts'
import { parseZone } from './zonefile.ts'

export type CoreConfigured = { conf: CoreConf; error: '' } | { conf: undefined; error: string }

/** Reads a file as text; undefined where there is none. */
export type ReadText = (path: string) => string | undefined

interface Work {
  file: string
  read: ReadText
  conf: CoreConf
  server: ServerConf
  zones: string[]
  error: string
}

/** The configuration of the blocks, or the first complaint. `base` is the standard port (-dns.port). */
export function configure(
  blocks: readonly CoreBlock[],
  file: string,
  read: ReadText,
  base = 53,
): CoreConfigured {
  const conf: CoreConf = {
    servers: [],
    health: 0,
    lameduckS: 0,
    ready: 0,
    prometheus: 0,
    reloadS: 0,
    jitterS: 0,
  }
  for (const block of blocks) {
    const keys: { zone: string; port: number }[] = []
    for (const key of block.keys) {
      const made = readKey(key, base)
      if (typeof made === 'string') return { conf: undefined, error: made }
      for (const one of made) {
        if (conf.servers.some(({ zone, port }) => zone === one.zone && port === one.port)) {
          const error = `cannot serve dns://${one.zone}:${one.port} - it is already defined`
          return { conf: undefined, error }
        }
        keys.push(one)
      }
    }
    const zones = keys.map(({ zone }) => zone)
    const server = emptyServer(keys[0]?.zone ?? '.', keys[0]?.port ?? base)
    const work: Work = { file, read, conf, server, zones, error: '' }
    for (const directive of block.directives) {
      takeDirective(work, directive)
      if (work.error !== '') return { conf: undefined, error: work.error }
    }
    for (const { zone, port } of keys) conf.servers.push({ ...server, zone, port })
  }
  return { conf, error: '' }
}

function emptyServer(zone: string, port: number): ServerConf {
  return {
    zone,
    port,
    bind: [],
    errors: false,
    log: false,
    loadbalance: false,
    loop: false,
    whoami: false,
    cache: null,
    rewrites: [],
    templates: [],
    hosts: null,
    kubernetes: null,
    files: [],
    forwards: [],
  }
}

/** `example.org:1053`, `dns://.`, `10.0.0.0/24`: zones and a port. */
function readKey(key: string, base: number): { zone: string; port: number }[] | string {
  const scheme = /^([a-z]+):\/\//.exec(key)
  if (scheme !== null && scheme[1] !== 'dns') return `kubehop: a server of ${scheme[1]} is not modelled`
  const rest = key.slice(scheme?.[0].length ?? 0)
  const port = /:([0-9]+)$/.exec(rest)
  const host = port === null ? rest : rest.slice(0, -port[0].length)
  const number = port === null ? base : Number(port[1])
  if (number < 1 || number > 65_535) return `invalid port: ${number}`
  return zonesOf(host === '' ? '.' : host).map((zone) => ({ zone, port: number }))
}

/** A name, or the reverse zones of a prefix. */
export function zonesOf(text: string): string[] {
  const prefix = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(text)
  if (prefix === null) return [absolute(text).toLowerCase()]
  const bits = Number(prefix[5])
  const octets = prefix.slice(1, 5).map(Number)
  const whole = Math.max(1, Math.ceil(bits / 8))
  const left = whole * 8 - bits
  const zones: string[] = []
  for (let i = 0; i < 2 ** left; i++) {
    const own = octets.slice(0, whole)
    own[whole - 1] = own[whole - 1]! + i
    zones.push(`${own.reverse().join('.')}.in-addr.arpa.`)
  }
  return zones
}

const PASSED_OVER = new Set(['nsid', 'bufsize', 'debug', 'metadata', 'cancel', 'minimal', 'pprof', 'trace'])
const NOT_MODELLED = new Set(
  (
    'root geoip tls timeouts multisocket quic dnstap local dns64 acl any chaos tsig header dnssec autopath transfer ' +
    'route53 azure clouddns k8s_external auto secondary etcd grpc erratic on sign view'
  ).split(' '),
)

function fail(work: Work, token: CoreToken, plugin: string, text: string): void {
  const line = Math.floor(token.line)
  const said = coreError(work.file, line, text)
  if (work.error === '') work.error = plugin === '' ? said : `plugin/${plugin}: ${said}`
}

function argError(work: Work, directive: CoreDirective, token = directive.tokens[0]!): void {
  fail(work, token, directive.name, `Wrong argument count or unexpected line ending after '${token.text}'`)
}

function takeDirective(work: Work, directive: CoreDirective): void {
  const { server, conf } = work
  const { name } = directive
  const take = TAKERS[name]
  if (take !== undefined) take(work, directive)
  else if (name === 'log') server.log = true
  else if (name === 'errors') server.errors = true
  else if (name === 'loop') server.loop = true
  else if (name === 'whoami') server.whoami = true
  else if (name === 'loadbalance') server.loadbalance = true
  else if (name === 'ready') conf.ready = portOf(argsOf(directive)[0], 8181)
  else if (name === 'prometheus') conf.prometheus = portOf(argsOf(directive)[0], 9153)
  else if (NOT_MODELLED.has(name)) {
    fail(work, directive.tokens[0]!, '', `kubehop: the plugin '${name}' is not modelled`)
  } else if (!PASSED_OVER.has(name)) fail(work, directive.tokens[0]!, '', `Unknown directive '${name}'`)
}

function portOf(text: string | undefined, standard: number): number {
  const port = Number(/:([0-9]+)$/.exec(text ?? '')?.[1] ?? standard)
  return port > 0 && port < 65_536 ? port : standard
}

/** `30s`, `1m`, `500ms`, `30`: seconds. */
function seconds(text: string | undefined): number | undefined {
  const parts = /^([0-9.]+)(ms|s|m|h)?$/.exec(text ?? '')
  if (parts === null) return undefined
  const unit = { ms: 0.001, s: 1, m: 60, h: 3600 }[parts[2] ?? 's'] ?? 1
  return Number(parts[1]) * unit
}

const TAKERS: Readonly<Record<string, (work: Work, directive: CoreDirective) => void>> = Object.freeze({
  bind: (work, directive) => {
    for (const text of argsOf(directive)) {
      const ip = parseIp(text)
      if (ip === undefined) {
        fail(work, directive.tokens[0]!, 'bind', `not a valid IP address or interface name: ${text}`)
      } else work.server.bind.push(ip)
    }
  },
  reload: (work, directive) => {
    const args = argsOf(directive)
    if (args[0] === 'off') return
    const interval = args[0] === undefined ? 30 : seconds(args[0])
    const jitter = args[1] === undefined ? (interval ?? 30) / 2 : seconds(args[1])
    if (interval === undefined || jitter === undefined) {
      fail(work, directive.tokens[0]!, 'reload', `time: invalid duration "${args[0]}"`)
    } else if (interval < 2)
      fail(work, directive.tokens[0]!, 'reload', 'interval value must be greater or equal to 2s')
    else Object.assign(work.conf, { reloadS: interval, jitterS: Math.min(jitter, interval / 2) })
  },
  health: takeHealth,
  cache: takeCache,
  rewrite: takeRewrites,
  template: takeTemplate,
  hosts: takeHosts,
  kubernetes: takeKubernetes,
  file: takeFile,
  forward: takeForwards,
})

function takeHealth(work: Work, directive: CoreDirective): void {
  work.conf.health = portOf(argsOf(directive)[0], 8080)
  for (const [word, value] of subLines(directive)) {
    const lame = seconds(value?.text)
    if (word!.text !== 'lameduck' || value === undefined) argError(work, directive, word!)
    else if (lame === undefined) {
      const why = `unable to parse lameduck duration value: '${value.text}' : time: invalid duration "${value.text}"`
      fail(work, directive.tokens[0]!, 'health', why)
    } else work.conf.lameduckS = lame
  }
}

function takeCache(work: Work, directive: CoreDirective): void {
  const args = argsOf(directive)
  const cache: CacheConf = { zones: [], success: 3600, denial: 1800, noSuccess: [], noDenial: [] }
  if (/^[0-9]+$/.test(args[0] ?? '')) {
    cache.success = Math.min(cache.success, Number(args[0]))
    cache.denial = Math.min(cache.denial, Number(args[0]))
    args.shift()
  }
  cache.zones = args.length === 0 ? work.zones : args.flatMap(zonesOf)
  for (const [word, ...rest] of subLines(directive)) {
    const [what, ...zones] = rest.map((token) => token.text)
    if (word!.text === 'disable' && (what === 'success' || what === 'denial')) {
      cache[what === 'success' ? 'noSuccess' : 'noDenial'] =
        zones.length === 0 ? ['.'] : zones.flatMap(zonesOf)
    } else if (word!.text === 'success' || word!.text === 'denial') {
      if (zones[0] !== undefined) cache[word!.text] = Number(zones[0]) || 0
    } else if (!['prefetch', 'serve_stale', 'servfail', 'keepttl'].includes(word!.text)) {
      argError(work, directive, word!)
    }
  }
  work.server.cache = cache
}

function takeRewrites(work: Work, directive: CoreDirective): void {
  const rows: CoreToken[][] = []
  for (const token of directive.tokens) {
    if (token.text === 'rewrite' && (rows.length === 0 || token.line !== rows.at(-1)![0]!.line))
      rows.push([token])
    else if (rows.at(-1) !== undefined) rows.at(-1)!.push(token)
  }
  for (const row of rows) {
    // A block is its lines in one.
    const words = row.slice(1).flatMap(({ text }) => (text === '{' || text === '}' ? [] : [text]))
    const stop = words[0] !== 'continue'
    if (words[0] === 'stop' || words[0] === 'continue') words.shift()
    const field = words.shift()
    if (field !== 'name' && field !== 'type') {
      fail(work, row[0]!, 'rewrite', `kubehop: rewrite of ${field ?? 'nothing'} is not modelled`)
      return
    }
    const kinds = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const
    const match = kinds.find((kind) => field === 'name' && words.length > 2 && kind === words[0])
    if (match !== undefined) words.shift()
    const [from, to, ...options] = words
    if (from === undefined || to === undefined) {
      argError(work, directive, row[0]!)
      return
    }
    const said = answerRules(options)
    if (said === undefined) {
      fail(work, row[0]!, 'rewrite', `kubehop: rewrite's '${options.join(' ')}' is not modelled`)
      return
    }
    const kind = match ?? 'exact'
    const exact = field === 'name' && kind === 'exact'
    const shape = (text: string) => (exact ? absolute(text).toLowerCase() : text)
    work.server.rewrites.push({
      stop,
      field,
      match: kind,
      from: shape(from),
      to: shape(to),
      auto: said.auto || exact,
      answers: said.answers,
    })
  }
}

/** `answer auto`, `answer name FROM TO`, `answer value FROM TO`, any of them in turn; undefined: none of these. */
function answerRules(words: readonly string[]): Pick<RewriteConf, 'auto' | 'answers'> | undefined {
  const answers: RewriteConf['answers'] = []
  let auto = false
  let at = 0
  while (at < words.length) {
    // The word itself may be left out from the second on.
    if (words[at] === 'answer') at++
    else if (at === 0) return undefined
    const of = words[at++]
    if (of === 'auto') auto = true
    else {
      const [from, to] = words.slice(at, at + 2)
      if ((of !== 'name' && of !== 'value') || from === undefined || to === undefined) return undefined
      answers.push({ of, from, to: absolute(to).toLowerCase() })
      at += 2
    }
  }
  return auto && answers.some(({ of }) => of === 'name') ? undefined : { auto, answers }
}

function takeTemplate(work: Work, directive: CoreDirective): void {
  const [klass, type, ...zones] = argsOf(directive)
  const number = typeNumber(type ?? '')
  if (klass === undefined || number === undefined) {
    argError(work, directive)
    return
  }
  const template: TemplateConf = {
    zones: zones.length === 0 ? work.zones : zones.flatMap(zonesOf),
    type: number,
    match: [],
    answer: [],
    rcode: 0,
    fall: null,
  }
  for (const [word, ...rest] of subLines(directive)) {
    const texts = rest.map((token) => token.text)
    if (word!.text === 'match') template.match.push(...texts)
    else if (word!.text === 'answer') template.answer.push(...texts)
    else if (word!.text === 'rcode') template.rcode = rcodeNumber(texts[0] ?? '') ?? 0
    else if (word!.text === 'fallthrough') template.fall = texts.flatMap(zonesOf)
    else fail(work, word!, 'template', `unknown property '${word!.text}'`)
  }
  work.server.templates.push(template)
}

function takeHosts(work: Work, directive: CoreDirective): void {
  const args = argsOf(directive)
  const path =
    args[0]?.startsWith('/') === true || args[0]?.includes('/') === true ? args.shift()! : '/etc/hosts'
  const zones = args.length === 0 ? work.zones : args.flatMap(zonesOf)
  const hosts: HostsConf = { path, zones, inline: '', ttl: 3600, fall: null }
  for (const row of subLines(directive)) {
    const [word, ...rest] = row.map((token) => token.text) as [string, ...string[]]
    if (word === 'fallthrough') hosts.fall = rest.flatMap(zonesOf)
    else if (word === 'ttl') hosts.ttl = Number(rest[0]) || 3600
    else if (parseIp(word) !== undefined) hosts.inline += `${word} ${rest.join(' ')}\n`
    else if (word !== 'no_reverse' && word !== 'reload')
      fail(work, row[0]!, 'hosts', `unknown property '${word}'`)
  }
  work.server.hosts = hosts
}

function takeKubernetes(work: Work, directive: CoreDirective): void {
  const args = argsOf(directive)
  const zones = args.length === 0 ? work.zones : args.flatMap(zonesOf)
  const options = { ...kubeDnsOptions(zones) }
  for (const row of subLines(directive)) {
    const [word, ...rest] = row.map((token) => token.text) as [string, ...string[]]
    const [first] = rest
    if (word === 'pods') {
      if (first !== 'disabled' && first !== 'insecure' && first !== 'verified') {
        fail(
          work,
          row[0]!,
          'kubernetes',
          `wrong value for pods: ${first ?? ''},  must be one of: disabled, verified, insecure`,
        )
      } else options.pods = first
    } else if (word === 'namespaces') options.namespaces = rest
    else if (word === 'ttl') {
      const ttl = Number(first)
      if (!(ttl >= 0 && ttl <= 3600))
        fail(work, row[0]!, 'kubernetes', `ttl must be in range [0, 3600]: ${first}`)
      options.ttl = ttl
    } else if (word === 'fallthrough') options.fall = rest.flatMap(zonesOf)
    else if (word === 'endpoint_pod_names') options.endpointPodNames = true
    else if (word === 'ignore' && first === 'empty_service') options.ignoreEmptyService = true
    else if (word === 'multicluster') options.multiclusterZones = rest.flatMap(zonesOf)
    else if (!['endpoint', 'tls', 'kubeconfig', 'labels', 'namespace_labels', 'noendpoints'].includes(word)) {
      fail(work, row[0]!, 'kubernetes', `unknown property '${word}'`)
    } else if (word !== 'endpoint' && word !== 'tls' && word !== 'kubeconfig') {
      fail(work, row[0]!, 'kubernetes', `kubehop: '${word}' is not modelled`)
    }
  }
  work.server.kubernetes = options
}

function takeFile(work: Work, directive: CoreDirective): void {
  // Several `file` lines of a block come as one directive.
  const rows: string[][] = []
  let depth = 0
  for (const { text } of directive.tokens) {
    if (text === '{') depth++
    else if (text === '}') depth--
    else if (depth === 0 && text === 'file') rows.push([])
    else if (depth === 0) rows.at(-1)?.push(text)
  }
  for (const [path, ...args] of rows) {
    if (path === undefined) {
      argError(work, directive)
      return
    }
    for (const zone of args.length === 0 ? work.zones : args.flatMap(zonesOf)) {
      const text = work.read(path)
      const parsed = parseZone(text ?? '', zone)
      const wrong = text === undefined ? `open ${path}: no such file or directory` : parsed.error
      if (wrong !== '') fail(work, directive.tokens[0]!, 'file', wrong)
      work.server.files.push({ zone, path, text: parsed })
    }
  }
}

function takeForwards(work: Work, directive: CoreDirective): void {
  // As with `file`: `forward a x` and `forward b y` of one block have been joined.
  let row: CoreToken[] = []
  const rows: CoreToken[][] = []
  let depth = 0
  for (const token of directive.tokens) {
    if (token.text === '{') depth++
    if (token.text === '}') depth--
    const begins = depth === 0 && token.text === 'forward' && token.line !== row[0]?.line
    if (begins) {
      row = []
      rows.push(row)
    }
    row.push(token)
  }
  for (const tokens of rows) takeForward(work, { name: 'forward', tokens })
}

function takeForward(work: Work, directive: CoreDirective): void {
  const [from, ...to] = argsOf(directive)
  const token = directive.tokens[0]!
  if (from === undefined || to.length === 0) {
    argError(work, directive, directive.tokens.at(-1)!)
    return
  }
  const zone = zonesOf(from)[0]!
  if (!isDnsName(zone)) fail(work, token, 'forward', `unable to normalize '${from}'`)
  const forward: ForwardConf = {
    from: zone, except: [], servers: [], policy: 'random', forceTcp: false, preferUdp: false,
  } // biome-ignore format: one record
  for (const text of to) {
    const plain = text.replace(/^dns:\/\//, '')
    if (/^tls:\/\//.test(text)) fail(work, token, 'forward', 'kubehop: DNS over TLS is not modelled')
    const port = /^(?:\[(.+)\]|([0-9.]+)):([0-9]+)$/.exec(plain)
    const ip = parseIp(port === null ? plain : (port[1] ?? port[2])!)
    const file = ip === undefined ? work.read(text) : undefined
    if (ip !== undefined) forward.servers.push({ ip, port: Number(port?.[3] ?? 53) })
    else if (file !== undefined) {
      const { servers } = parseResolvConf(file)
      if (servers.length === 0) fail(work, token, 'forward', `no nameservers found in "${text}"`)
      forward.servers.push(...servers.map((one) => ({ ip: one, port: 53 })))
    } else fail(work, token, 'forward', `not an IP address or file: "${text}"`)
  }
  for (const row of subLines(directive)) {
    const [word, ...rest] = row.map((one) => one.text) as [string, ...string[]]
    if (word === 'except') forward.except.push(...rest.flatMap(zonesOf))
    else if (word === 'policy') {
      const { policy } = { policy: rest[0] }
      if (policy !== 'random' && policy !== 'round_robin' && policy !== 'sequential') {
        fail(work, row[0]!, 'forward', `unknown policy '${policy ?? ''}'`)
      } else forward.policy = policy
    } else if (word === 'force_tcp') forward.forceTcp = true
    else if (word === 'prefer_udp') forward.preferUdp = true
    else if (!['max_concurrent', 'max_fails', 'expire', 'health_check', 'next'].includes(word)) {
      fail(work, row[0]!, 'forward', `unknown property '${word}'`)
    }
  }
  work.server.forwards.push(forward)
}

/** The server for a name: of those on the port the one with the longest zone. */
export function serverFor(conf: CoreConf, port: number, name: string): ServerConf | undefined {
  let best: ServerConf | undefined
  for (const server of conf.servers) {
    if (server.port !== port || !isBelow(name, server.zone)) continue
    if (best === undefined || server.zone.length > best.zone.length) best = server
  }
  return best
}
