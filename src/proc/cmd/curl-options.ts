/** curl's command line, as far as it is modelled (7.88.1). */

export interface CurlOptions {
  urls: string[]
  verbose: boolean
  silent: boolean
  showError: boolean
  /** -i */
  include: boolean
  /** -I */
  head: boolean
  follow: boolean
  maxRedirs: number
  fail: boolean
  family: 0 | 4 | 6
  /** -o for each URL in turn, '' for standard output. */
  outputs: string[]
  /** -O */
  remoteName: boolean
  writeOut: string
  method: string
  /** Header lines as given. */
  headers: string[]
  /** Body, undefined for none. */
  data: string | undefined
  /** -G */
  get: boolean
  agent: string
  user: string
  dumpHeader: string
  /** ns, 0 for none. */
  maxTimeNs: number
  connectTimeoutNs: number
  iface: string
  localPort: number
  resolve: { host: string; port: number; addresses: string[] }[]
  http10: boolean
  /** --no-keepalive: SO_KEEPALIVE stays off. */
  noKeepalive: boolean
  /** --keepalive-time, seconds. */
  keepaliveTime: number
}

export type CurlLine = { options: CurlOptions } | { error: string; code: number }

const TRY = "curl: try 'curl --help' or 'curl --manual' for more information"

/** Letters to long names. */
const SHORT: Readonly<Record<string, string>> = Object.freeze({
  '0': 'http1.0',
  '4': 'ipv4',
  '6': 'ipv6',
  A: 'user-agent',
  D: 'dump-header',
  G: 'get',
  H: 'header',
  I: 'head',
  L: 'location',
  O: 'remote-name',
  S: 'show-error',
  V: 'version',
  X: 'request',
  d: 'data',
  f: 'fail',
  h: 'help',
  i: 'include',
  k: 'insecure',
  m: 'max-time',
  N: 'no-buffer',
  o: 'output',
  s: 'silent',
  u: 'user',
  v: 'verbose',
  w: 'write-out',
})

const WITH_VALUE: readonly string[] = [
  'user-agent', 'dump-header', 'header', 'request', 'data', 'data-raw', 'data-ascii', 'max-time', 'output', 'user',
  'write-out', 'connect-timeout', 'resolve', 'interface', 'local-port', 'max-redirs', 'url', 'keepalive-time',
] // biome-ignore format: one list

const FLAGS: readonly string[] = [
  'http1.0', 'http1.1', 'ipv4', 'ipv6', 'get', 'head', 'location', 'remote-name', 'show-error', 'fail', 'include',
  'no-buffer', 'silent', 'verbose', 'no-progress-meter', 'no-keepalive', 'keepalive',
] // biome-ignore format: one list

/** Known to the real one, refused here by name. */
const REFUSED: readonly string[] = [
  'insecure', 'cacert', 'cert', 'proxy', 'form', 'upload-file', 'cookie', 'cookie-jar', 'http2', 'http3', 'compressed',
  'retry', 'limit-rate', 'range', 'continue-at', 'parallel', 'unix-socket', 'trace', 'trace-ascii', 'socks5', 'json',
  'connect-to', 'dns-servers', 'config', 'netrc', 'noproxy', 'tcp-nodelay', 'data-binary',
  'data-urlencode', 'referer', 'help', 'retry-connrefused', 'haproxy-protocol', 'http2-prior-knowledge',
] // biome-ignore format: one list

/** Reads the command line. */
export function parseCurl(args: readonly string[]): CurlLine {
  const options = firstOptions()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      options.urls.push(...args.slice(i + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      options.urls.push(arg)
      continue
    }
    const names = arg.startsWith('--') ? [[arg.slice(2), ''] as const] : letters(arg)
    for (const [name, rest] of names) {
      if (name.startsWith('?')) return { error: `curl: option ${arg}: is unknown\n${TRY}`, code: 2 }
      if (REFUSED.includes(name)) {
        return { error: `kubehop: curl --${name} is not modelled`, code: 2 }
      }
      if (WITH_VALUE.includes(name)) {
        const value = rest !== '' ? rest : args[++i]
        if (value === undefined) return { error: `curl: option ${arg}: requires parameter\n${TRY}`, code: 2 }
        const error = setValue(options, name, value)
        if (error !== '') return { error: `curl: ${error}`, code: name === 'resolve' ? 49 : 2 }
        break
      }
      if (name === 'version') return { error: VERSION, code: 0 }
      if (!FLAGS.includes(name)) return { error: `curl: option ${arg}: is unknown\n${TRY}`, code: 2 }
      setFlag(options, name)
    }
  }
  return options.urls.length === 0 ? { error: TRY, code: 2 } : { options }
}

const VERSION =
  'curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1\nRelease-Date: 2023-02-20\nProtocols: http\nFeatures: IPv6'

function firstOptions(): CurlOptions {
  return {
    urls: [],
    verbose: false,
    silent: false,
    showError: false,
    include: false,
    head: false,
    follow: false,
    maxRedirs: 50,
    fail: false,
    family: 0,
    outputs: [],
    remoteName: false,
    writeOut: '',
    method: '',
    headers: [],
    data: undefined,
    get: false,
    agent: 'curl/7.88.1',
    user: '',
    dumpHeader: '',
    maxTimeNs: 0,
    connectTimeoutNs: 0,
    iface: '',
    localPort: 0,
    resolve: [],
    http10: false,
    noKeepalive: false,
    keepaliveTime: 60,
  }
}

/** Letters of one word to long names; what follows a letter with a value is that value. `?` marks an unknown one. */
function letters(arg: string): [string, string][] {
  const list: [string, string][] = []
  for (let j = 1; j < arg.length; j++) {
    const name = SHORT[arg[j]!]
    if (name === undefined) return [['?', '']]
    list.push([name, WITH_VALUE.includes(name) ? arg.slice(j + 1) : ''])
    if (WITH_VALUE.includes(name)) break
  }
  return list
}

function setFlag(o: CurlOptions, name: string): void {
  if (name === 'verbose') o.verbose = true
  else if (name === 'silent' || name === 'no-progress-meter') o.silent = true
  else if (name === 'show-error') o.showError = true
  else if (name === 'include') o.include = true
  else if (name === 'head') o.head = true
  else if (name === 'location') o.follow = true
  else if (name === 'fail') o.fail = true
  else if (name === 'ipv4') o.family = 4
  else if (name === 'ipv6') o.family = 6
  else if (name === 'get') o.get = true
  else if (name.endsWith('keepalive')) o.noKeepalive = name.startsWith('no')
  else if (name === 'http1.0') o.http10 = true
  else if (name === 'remote-name') o.remoteName = true
  if (name === 'no-progress-meter') o.showError = true
}

function setValue(o: CurlOptions, name: string, value: string): string {
  switch (name) {
    case 'user-agent':
      o.agent = value
      break
    case 'dump-header':
      o.dumpHeader = value
      break
    case 'header':
      o.headers.push(value)
      break
    case 'request':
      o.method = value
      break
    case 'data':
    case 'data-raw':
    case 'data-ascii':
      o.data = o.data === undefined ? value : `${o.data}&${value}`
      break
    case 'output':
      o.outputs.push(value)
      break
    case 'user':
      o.user = value
      break
    case 'write-out':
      o.writeOut = value
      break
    case 'url':
      o.urls.push(value)
      break
    case 'interface':
      o.iface = value
      break
    case 'resolve':
      return setResolve(o, value)
    default:
      return setNumber(o, name, value)
  }
  return ''
}

function setNumber(o: CurlOptions, name: string, value: string): string {
  if (!/^[0-9]+(\.[0-9]*)?$/.test(value))
    return `option --${name}: expected a proper numerical parameter\n${TRY}`
  const number = Math.min(Number(value), 1e6)
  if (name === 'max-time') o.maxTimeNs = Math.round(number * 1000) * 1_000_000
  else if (name === 'connect-timeout') o.connectTimeoutNs = Math.round(number * 1000) * 1_000_000
  else if (name === 'local-port') o.localPort = number
  else if (name === 'max-redirs') o.maxRedirs = number
  else if (name === 'keepalive-time') o.keepaliveTime = number === 0 ? 60 : number
  return ''
}

/** HOST:PORT:ADDRESS[,ADDRESS]... */
function setResolve(o: CurlOptions, value: string): string {
  const match = /^\+?([^:]+):([0-9]+):(.+)$/.exec(value)
  if (match === null) return `(49) Couldn't parse CURLOPT_RESOLVE entry '${value}'`
  const addresses = match[3]!.split(',').map((one) => one.replace(/^\[|\]$/g, ''))
  o.resolve.push({ host: match[1]!, port: Number(match[2]), addresses })
  return ''
}
