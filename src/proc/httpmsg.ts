/** HTTP/1.x messages as far as the clients and servers of a lab speak it (RFC 9112). */

export interface HttpHead {
  /** Request: method; response: version. */
  first: string
  /** Request: target; response: status code as text. */
  second: string
  /** Request: version; response: reason. */
  third: string
  /** In order, names as sent. */
  headers: [string, string][]
  /** The head as it came, with its line ends and the empty line. */
  text: string
}

/** The head at the start of `text` and what follows it; undefined while it is not whole. */
export function splitHead(text: string): { head: HttpHead; rest: string } | undefined {
  const match = /\r?\n\r?\n/.exec(text)
  if (match === null) return undefined
  const end = match.index + match[0].length
  const lines = text.slice(0, match.index).split(/\r?\n/)
  const [first = '', second = '', ...more] = (lines[0] ?? '').split(' ')
  const headers: [string, string][] = []
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()])
  }
  return {
    head: { first, second, third: more.join(' '), headers, text: text.slice(0, end) },
    rest: text.slice(end),
  }
}

/** A header's value, '' where it is not there. */
export function headerOf(head: HttpHead, name: string): string {
  const lower = name.toLowerCase()
  return head.headers.find(([one]) => one.toLowerCase() === lower)?.[1] ?? ''
}

export interface HttpUrl {
  scheme: string
  /** As written, brackets of IPv6 addresses left out. */
  host: string
  port: number
  /** With the query, without the fragment; begins with a slash. */
  path: string
  user: string
}

/** `[scheme://][user@]host[:port][/path]`; undefined where it is none. */
export function parseUrl(text: string): HttpUrl | undefined {
  const match =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(?:([^@/?#]*)@)?(\[[0-9A-Fa-f:.%a-z]*\]|[^:/?#[\]]*)(?::([0-9]*))?([/?#].*)?$/.exec(
      text,
    )
  if (match === null) return undefined
  const [, scheme = 'http', user = '', host = '', port = '', tail = ''] = match
  if (host === '' || host === '[]' || /[\s"<>\\^`{|}]/.test(host)) return undefined
  const number = port === '' ? defaultPort(scheme.toLowerCase()) : Number(port)
  if (number > 65535) return undefined
  const path = tail.split('#')[0]!
  return {
    scheme: scheme.toLowerCase(),
    host: host.startsWith('[') ? host.slice(1, -1) : host,
    port: number,
    path: path.startsWith('/') ? path : `/${path}`,
    user,
  }
}

export function defaultPort(scheme: string): number {
  return scheme === 'https' ? 443 : scheme === 'ftp' ? 21 : 80
}

/** A reference against the URL it was found in. */
export function resolveUrl(base: HttpUrl, ref: string): HttpUrl | undefined {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(ref)) return parseUrl(ref)
  if (ref.startsWith('//')) return parseUrl(`${base.scheme}:${ref}`)
  const path = ref.split('#')[0]!
  if (path.startsWith('/')) return { ...base, path }
  const dir = base.path.split('?')[0]!.replace(/[^/]*$/, '')
  return { ...base, path: dir + path }
}

/** A URL as text: the port only where it is not the scheme's. */
export function formatUrl(url: HttpUrl): string {
  const host = url.host.includes(':') ? `[${url.host}]` : url.host
  const port = url.port === defaultPort(url.scheme) ? '' : `:${url.port}`
  return `${url.scheme}://${host}${port}${url.path}`
}

/** A body in chunks (Transfer-Encoding: chunked) as far as it has come. */
export function unchunk(text: string): { body: string; rest: string; done: boolean } {
  let body = ''
  let rest = text
  for (;;) {
    const line = /^([0-9A-Fa-f]+)[^\r\n]*\r?\n/.exec(rest)
    if (line === null) return { body, rest, done: false }
    const size = Number.parseInt(line[1]!, 16)
    if (size === 0) return { body, rest: '', done: true }
    const from = line[0].length
    if (rest.length < from + size + 2) return { body, rest, done: false }
    body += rest.slice(from, from + size)
    rest = rest.slice(from + size + 2)
  }
}
