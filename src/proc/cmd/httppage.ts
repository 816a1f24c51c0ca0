/** What the static servers answer: files, listings and errors in the words of each. */
import { listDir, readFile, statFile } from '../../run/files.ts'
import { dateText, EPOCH_SECONDS } from '../clock.ts'
import type { HttpHead } from '../httpmsg.ts'
import { headerOf } from '../httpmsg.ts'
import type { ProcCtx } from '../program.ts'
import { encodeUtf8 } from '../../base/utf8.ts'

/** py3, py2: Python's; nginx and apache: whole web servers. */
export type HttpStyle = 'py3' | 'py2' | 'nginx' | 'apache'

export interface Page {
  status: number
  head: string
  body: string
  /** What the log says of it, '' where all is well. */
  error: string
  keep: boolean
}

const TYPES: Readonly<Record<string, string>> = Object.freeze({
  css: 'text/css',
  htm: 'text/html',
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  xml: 'text/xml',
  yaml: 'application/octet-stream',
})

const SERVERS: Readonly<Record<HttpStyle, string>> = Object.freeze({
  py3: 'SimpleHTTP/0.6 Python/3.11.2',
  py2: 'SimpleHTTP/0.6 Python/2.7.18',
  nginx: 'nginx/1.22.1',
  apache: 'Apache/2.4.62 (Unix)',
})

/** Where Debian's nginx has its standard site. */
export const NGINX_ROOT = '/var/www/html'

const WELCOME = `<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
<style>
html { color-scheme: light dark; }
body { width: 35em; margin: 0 auto;
font-family: Tahoma, Verdana, Arial, sans-serif; }
</style>
</head>
<body>
<h1>Welcome to nginx!</h1>
</body>
</html>
`

function isFull(style: HttpStyle): boolean {
  return style === 'nginx' || style === 'apache'
}

/** The answer to a request. */
export function pageOf(ctx: ProcCtx, style: HttpStyle, root: string, head: HttpHead): Page {
  const method = head.first
  if (!/^HTTP\/1\.[01]$/.test(head.third)) {
    if (isFull(style)) return errorPage(ctx, style, head, 400, 'Bad Request')
    // To a client of no version Python sends no headers.
    const shown = head.third.replaceAll('\\', '\\\\')
    return { ...errorPage(ctx, style, head, 400, `Bad request version ('${shown}')`), head: '' }
  }
  if (method !== 'GET' && method !== 'HEAD') {
    if (isFull(style)) return errorPage(ctx, style, head, 405, 'Not Allowed')
    return errorPage(ctx, style, head, 501, `Unsupported method ('${method}')`)
  }
  const path = cleanPath(head.second)
  const place = (root === '/' ? '' : root.replace(/\/$/, '')) + path
  const node = statFile(ctx, place === '' ? '/' : place)
  if (node?.kind === 'dir') {
    if (!path.endsWith('/')) return redirect(ctx, style, head, path)
    for (const name of ['index.html', 'index.htm', ...(isFull(style) ? ['index.nginx-debian.html'] : [])]) {
      if (statFile(ctx, place + name)?.kind === 'file') return filePage(ctx, style, head, place + name)
    }
    if (!isFull(style)) return listing(ctx, style, place, path)
  }
  if (node?.kind === 'file' && !path.endsWith('/')) return filePage(ctx, style, head, place)
  if (style === 'nginx' && root === NGINX_ROOT && path === '/')
    return okPage(ctx, style, head, WELCOME, 'text/html', 0)
  if (node !== undefined && isFull(style)) return errorPage(ctx, style, head, 403, 'Forbidden')
  return errorPage(ctx, style, head, 404, isFull(style) ? 'Not Found' : 'File not found')
}

/** Without query and fragment, dots resolved, percent escapes of ASCII undone. */
function cleanPath(target: string): string {
  const raw = (target.split(/[?#]/)[0] ?? '/').replace(/^https?:\/\/[^/]*/, '')
  const plain = raw.replace(/%([2-7][0-9A-Fa-f])/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  const parts: string[] = []
  for (const part of plain.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  const path = `/${parts.join('/')}`
  return plain.endsWith('/') && path !== '/' ? `${path}/` : path
}

function filePage(ctx: ProcCtx, style: HttpStyle, head: HttpHead, place: string): Page {
  const { text } = readFile(ctx, place)
  const ending = /\.([a-z0-9]+)$/i.exec(place)?.[1]?.toLowerCase() ?? ''
  const type = Object.hasOwn(TYPES, ending) ? TYPES[ending]! : 'application/octet-stream'
  return okPage(ctx, style, head, text, type, statFile(ctx, place)?.mtime ?? 0)
}

function okPage(
  ctx: ProcCtx,
  style: HttpStyle,
  head: HttpHead,
  body: string,
  type: string,
  mtime: number,
): Page {
  const length = encodeUtf8(body).length
  const modified = dateText(mtime, '%a, %d %b %Y %T GMT')
  if (!isFull(style)) {
    const lines = [`Content-type: ${type}`, `Content-Length: ${length}`, `Last-Modified: ${modified}`]
    return { status: 200, head: pyHead(ctx, style, 200, 'OK', lines), body, error: '', keep: false }
  }
  const etag = `${(EPOCH_SECONDS + Math.floor(mtime / 1e9)).toString(16)}-${length.toString(16)}`
  const more = [`Last-Modified: ${modified}`, `ETag: "${etag}"`, 'Accept-Ranges: bytes']
  return nginxPage(ctx, style, head, 200, 'OK', type, body, more)
}

function redirect(ctx: ProcCtx, style: HttpStyle, head: HttpHead, path: string): Page {
  if (isFull(style)) {
    const body = nginxError(style, '301 Moved Permanently')
    const host = headerOf(head, 'host')
    return nginxPage(ctx, style, head, 301, 'Moved Permanently', 'text/html', body, [
      `Location: http://${host}${path}/`,
    ])
  }
  const lines = [`Location: ${path}/`, 'Content-Length: 0']
  return {
    status: 301,
    head: pyHead(ctx, style, 301, 'Moved Permanently', lines),
    body: '',
    error: '',
    keep: false,
  }
}

function errorPage(ctx: ProcCtx, style: HttpStyle, head: HttpHead, status: number, message: string): Page {
  if (isFull(style)) {
    return nginxPage(
      ctx,
      style,
      head,
      status,
      message,
      'text/html',
      nginxError(style, `${status} ${message}`),
      [],
    )
  }
  const text = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const body = style === 'py3' ? py3Error(status, text) : py2Error(status, text)
  const type = style === 'py3' ? 'Content-Type: text/html;charset=utf-8' : 'Content-Type: text/html'
  const lines =
    style === 'py3'
      ? ['Connection: close', type, `Content-Length: ${encodeUtf8(body).length}`]
      : [type, 'Connection: close']
  return { status, head: pyHead(ctx, style, status, message, lines), body, error: message, keep: false }
}

function listing(ctx: ProcCtx, style: HttpStyle, place: string, path: string): Page {
  const names = [...(listDir(ctx, place) ?? [])]
  names.sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
  const items = names.map((name) => {
    const dir = statFile(ctx, place + name)?.kind === 'dir' ? '/' : ''
    return `<li><a href="${name}${dir}">${name}${dir}</a></li>\n`
  })
  const title = `Directory listing for ${path}`
  const body =
    style === 'py3'
      ? `<!DOCTYPE HTML>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>${title}</title>\n</head>\n<body>\n` +
        `<h1>${title}</h1>\n<hr>\n<ul>\n${items.join('')}</ul>\n<hr>\n</body>\n</html>\n`
      : `<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html>\n<title>${title}</title>\n<body>\n` +
        `<h2>${title}</h2>\n<hr>\n<ul>\n${items.join('')}</ul>\n<hr>\n</body>\n</html>\n`
  const type = style === 'py3' ? 'text/html; charset=utf-8' : 'text/html; charset=UTF-8'
  const lines = [`Content-type: ${type}`, `Content-Length: ${encodeUtf8(body).length}`]
  return { status: 200, head: pyHead(ctx, style, 200, 'OK', lines), body, error: '', keep: false }
}

function pyHead(
  ctx: ProcCtx,
  style: HttpStyle,
  status: number,
  reason: string,
  lines: readonly string[],
): string {
  const date = dateText(ctx.world.now, '%a, %d %b %Y %T GMT')
  const all = [`HTTP/1.0 ${status} ${reason}`, `Server: ${SERVERS[style]}`, `Date: ${date}`, ...lines]
  return `${all.join('\r\n')}\r\n\r\n`
}

function py3Error(status: number, message: string): string {
  const why = EXPLAIN[status] ?? ''
  return (
    '<!DOCTYPE HTML>\n<html lang="en">\n    <head>\n        <meta charset="utf-8">\n' +
    '        <title>Error response</title>\n    </head>\n    <body>\n        <h1>Error response</h1>\n' +
    `        <p>Error code: ${status}</p>\n        <p>Message: ${message}.</p>\n` +
    `        <p>Error code explanation: ${status} - ${why}.</p>\n    </body>\n</html>\n`
  )
}

function py2Error(status: number, message: string): string {
  return (
    '<head>\n<title>Error response</title>\n</head>\n<body>\n<h1>Error response</h1>\n' +
    `<p>Error code ${status}.\n<p>Message: ${message}.\n` +
    `<p>Error code explanation: ${status} = ${EXPLAIN[status] ?? ''}.\n</body>\n`
  )
}

const EXPLAIN: Readonly<Record<number, string>> = Object.freeze({
  400: 'Bad request syntax or unsupported method',
  404: 'Nothing matches the given URI',
  501: 'Server does not support this operation',
})

function nginxPage(
  ctx: ProcCtx,
  style: HttpStyle,
  head: HttpHead,
  status: number,
  reason: string,
  type: string,
  body: string,
  more: readonly string[],
): Page {
  const asked = headerOf(head, 'connection').toLowerCase()
  const keep =
    asked === 'close' || status === 400 ? false : head.third === 'HTTP/1.1' || asked === 'keep-alive'
  const length = `Content-Length: ${encodeUtf8(body).length}`
  const connection = `Connection: ${keep ? 'keep-alive' : 'close'}`
  const date = dateText(ctx.world.now, '%a, %d %b %Y %T GMT')
  if (style === 'apache') {
    const lines = [
      `HTTP/1.1 ${status} ${reason}`,
      `Date: ${date}`,
      `Server: ${SERVERS.apache}`,
      ...more,
      length,
    ]
    const end = keep ? [] : ['Connection: close']
    const all = [...lines, ...end, `Content-Type: ${type}`]
    return { status, head: `${all.join('\r\n')}\r\n\r\n`, body, error: '', keep }
  }
  const [modified, ...rest] = more
  const lines = [
    `HTTP/1.1 ${status} ${reason}`,
    `Server: ${SERVERS.nginx}`,
    `Date: ${date}`,
    `Content-Type: ${type}`,
    length,
    ...(modified === undefined ? [] : [modified]),
    connection,
    ...rest,
  ]
  return { status, head: `${lines.join('\r\n')}\r\n\r\n`, body, error: '', keep }
}

function nginxError(style: HttpStyle, title: string): string {
  if (style === 'apache') {
    const what = title.slice(4)
    const head = '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n'
    return `${head}<html><head>\n<title>${title}</title>\n</head><body>\n<h1>${what}</h1>\n</body></html>\n`
  }
  return (
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n` +
    '<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n'
  )
}
