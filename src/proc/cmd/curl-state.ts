/** What a running curl remembers, its request, its progress meter and -w. */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import type { HttpUrl } from '../httpmsg.ts'
import { defaultPort, formatUrl } from '../httpmsg.ts'
import type { Lookup } from '../dns/resolver.ts'
import type { Stream } from '../stream.ts'
import { encodeUtf8 } from '../../base/utf8.ts'
import type { CurlOptions } from './curl-options.ts'

export interface Transfer {
  url: HttpUrl | null
  /** When the whole transfer and when this connection attempt began, ns. */
  begunAt: number
  startedAt: number
  connectedAt: number
  firstByteAt: number
  addresses: Ip[]
  address: Ip | undefined
  local: Ip | undefined
  localPort: number
  stream: Stream | null
  connected: boolean
  done: boolean
  /** Received and not yet understood. */
  text: string
  inBody: boolean
  status: number
  version: string
  type: string
  /** Length that was announced, -1 for none. */
  size: number
  chunked: boolean
  /** Body bytes so far, and all headers' bytes. */
  body: number
  headBytes: number
  received: number
  redirects: number
  location: string
  keep: boolean
  /** What goes into the output file. */
  saved: string
}

export interface CurlState {
  options: CurlOptions
  /** Which URL. */
  at: number
  code: number
  /** Connections that were made. */
  conns: number
  now: Transfer
  /** What names came to, by `host:port`. */
  known: Map<string, Ip[]>
  /** The name that is being looked up. */
  lookup: Lookup | null
}

export function firstTransfer(now: number): Transfer {
  return {
    url: null,
    begunAt: now,
    startedAt: now,
    connectedAt: 0,
    firstByteAt: 0,
    addresses: [],
    address: undefined,
    local: undefined,
    localPort: 0,
    stream: null,
    connected: false,
    done: false,
    text: '',
    inBody: false,
    status: 0,
    version: '',
    type: '',
    size: -1,
    chunked: false,
    body: 0,
    headBytes: 0,
    received: 0,
    redirects: 0,
    location: '',
    keep: false,
    saved: '',
  }
}

/** Whole milliseconds. */
export function millis(ns: number): number {
  return Math.floor(ns / 1_000_000)
}

/** The request: head and body. */
export function requestText(o: CurlOptions, url: HttpUrl): { head: string; body: string } {
  const body = o.data !== undefined && !o.get ? o.data : ''
  const posts = o.data !== undefined && !o.get
  const method = o.method !== '' ? o.method : o.head ? 'HEAD' : posts ? 'POST' : 'GET'
  const query = o.get && o.data !== undefined ? `${url.path.includes('?') ? '&' : '?'}${o.data}` : ''
  const host = url.host.includes(':') ? `[${url.host}]` : url.host
  const port = url.port === defaultPort(url.scheme) ? '' : `:${url.port}`
  const lines: [string, string][] = [['Host', host + port]]
  const user = o.user !== '' ? o.user : url.user
  if (user !== '') lines.push(['Authorization', `Basic ${base64(user.includes(':') ? user : `${user}:`)}`])
  if (o.agent !== '') lines.push(['User-Agent', o.agent])
  lines.push(['Accept', '*/*'])
  if (posts) {
    lines.push(['Content-Length', String(encodeUtf8(body).length)])
    lines.push(['Content-Type', 'application/x-www-form-urlencoded'])
  }
  const extra: string[] = []
  for (const header of o.headers) {
    const name = header.split(/[:;]/)[0]!
    const at = lines.findIndex(([one]) => one.toLowerCase() === name.toLowerCase())
    if (header.endsWith(':')) {
      if (at >= 0) lines.splice(at, 1)
    } else if (at >= 0 && name.toLowerCase() === 'host')
      lines[at] = [name, header.slice(name.length + 1).trim()]
    else {
      if (at >= 0) lines.splice(at, 1)
      extra.push(header)
    }
  }
  const version = o.http10 ? '1.0' : '1.1'
  const own = lines.map(([name, value]) => `${name}: ${value}`)
  const length = posts ? own.length - own.filter((line) => /^Content-/.test(line)).length : own.length
  const all = [...own.slice(0, length), ...extra, ...own.slice(length)]
  return { head: `${method} ${url.path}${query} HTTP/${version}\r\n${all.join('\r\n')}\r\n\r\n`, body }
}

function base64(text: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const bytes = encodeUtf8(text)
  let result = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    result += digits[n >> 18]! + digits[(n >> 12) & 63]!
    result += i + 1 < bytes.length ? digits[(n >> 6) & 63]! : '='
    result += i + 2 < bytes.length ? digits[n & 63]! : '='
  }
  return result
}

/** The meter's two lines of headings and its first line. */
export function progressHead(): string {
  return (
    '  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n' +
    '                                 Dload  Upload   Total   Spent    Left  Speed\n' +
    '\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0'
  )
}

/** The meter's last line. */
export function progressLine(t: Transfer, now: number): string {
  const took = Math.max(1e-6, (now - t.begunAt) / 1e9)
  const speed = Math.floor(t.body / took)
  const percent = t.size > 0 ? 100 : t.size === 0 || t.body === 0 ? 0 : 100
  const total = t.size >= 0 ? t.size : t.body
  const columns = [
    `\r${String(percent).padStart(3)} ${amount(total).padStart(5)}`,
    `${String(percent).padStart(3)} ${amount(t.body).padStart(5)}`,
    `  0     0 ${amount(speed).padStart(6)}      0`,
    `--:--:-- ${clock(took)} --:--:-- ${amount(speed).padStart(5)}`,
  ]
  return `${columns[0]}  ${columns[1]}  ${columns[2]} ${columns[3]}`
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds)
  if (whole === 0) return '--:--:--'
  const two = (n: number) => String(n).padStart(2, '0')
  return `${String(Math.floor(whole / 3600)).padStart(2)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
}

/** Five characters: bytes, then k and M. */
function amount(n: number): string {
  if (n < 100_000) return String(n)
  if (n < 10_000 * 1024) return `${Math.floor(n / 1024)}k`
  return `${Math.floor(n / 1048576)}M`
}

/** -w: %{name} and backslashes. */
export function writeOutText(state: CurlState, code: number, text: string, at: number): string {
  const { now, options } = state
  const seconds = (ns: number) => (Math.max(0, ns) / 1e9).toFixed(6)
  const values: Record<string, string> = {
    http_code: String(now.status).padStart(3, '0'),
    response_code: String(now.status).padStart(3, '0'),
    size_download: String(now.body),
    size_header: String(now.headBytes),
    remote_ip: now.connected ? formatIp(now.address!) : '',
    remote_port: now.connected ? String(now.url!.port) : '0',
    local_ip: now.local === undefined ? '' : formatIp(now.local),
    local_port: String(now.localPort),
    num_connects: String(now.connected ? 1 : 0),
    num_redirects: String(now.redirects),
    url_effective: now.url === null ? (options.urls[state.at] ?? '') : formatUrl(now.url),
    url: options.urls[state.at] ?? '',
    content_type: now.type,
    exitcode: String(code),
    errormsg: code === 0 ? '' : text,
    http_version: now.version,
    method: options.head ? 'HEAD' : options.method || (options.data === undefined ? 'GET' : 'POST'),
    redirect_url: now.location,
    scheme: now.url === null ? '' : now.url.scheme.toUpperCase(),
    speed_download: String(Math.floor(now.body / Math.max(1e-6, (at - now.begunAt) / 1e9))),
    time_namelookup: seconds(0),
    time_connect: seconds(now.connectedAt - now.begunAt),
    time_appconnect: seconds(0),
    time_pretransfer: seconds(now.connectedAt - now.begunAt),
    time_starttransfer: seconds(now.firstByteAt - now.begunAt),
    time_total: seconds(at - now.begunAt),
    time_redirect: seconds(0),
  }
  return options.writeOut
    .replace(/\\([ntr\\])/g, (_, letter: string) => ({ n: '\n', t: '\t', r: '\r' })[letter] ?? '\\')
    .replace(/%(%|\{([a-z_]+)\})/g, (found, whole: string, name: string | undefined) => {
      if (whole === '%') return '%'
      return name !== undefined && Object.hasOwn(values, name) ? values[name]! : found
    })
}
