/** The receiving half of curl: head, body, redirects, how a transfer ends. */
import type { ProcCtx } from '../program.ts'
import { err, out } from '../program.ts'
import type { HttpHead, HttpUrl } from '../httpmsg.ts'
import { formatUrl, headerOf, resolveUrl, splitHead, unchunk } from '../httpmsg.ts'
import { errnoText, streamFlush, streamRead } from '../stream.ts'
import { writeFile } from '../../run/files.ts'
import { encodeUtf8 } from '../../base/utf8.ts'
import type { CurlState } from './curl-state.ts'

export type CurlResult =
  | { kind: 'more' }
  | { kind: 'redirect'; url: HttpUrl; text: string }
  /** `left`: the connection could have served another request. */
  | { kind: 'end'; code: number; text: string; left: boolean }

const MORE: CurlResult = Object.freeze({ kind: 'more' })

/** Takes what the connection has to say. */
export function curlInput(ctx: ProcCtx, state: CurlState): CurlResult {
  const { now } = state
  const stream = now.stream!
  streamFlush(ctx, stream)
  const got = streamRead(ctx, stream)
  now.received += got.bytes
  now.text += got.text
  if (now.firstByteAt === 0 && got.bytes > 0) now.firstByteAt = ctx.world.now
  if (!now.inBody) {
    const split = splitHead(now.text)
    if (split !== undefined && /^HTTP\//.test(now.text)) {
      const early = takeHead(ctx, state, split.head)
      now.text = split.rest
      if (early !== undefined) return early
    } else if (now.text !== '' && now.text.length >= 5 && !/^HTTP\//.test(now.text)) {
      return { kind: 'end', code: 1, text: 'Received HTTP/0.9 when not allowed', left: false }
    }
  }
  const failed = got.errno !== '' && got.errno !== 'EAGAIN' ? got.errno : ''
  if (now.inBody) {
    const done = takeBody(ctx, state)
    if (done) return over(state)
  }
  if (failed !== '') {
    const text = `Recv failure: ${errnoText(failed)}`
    if (state.options.verbose) err(ctx, `* ${text}\n`)
    return { kind: 'end', code: 56, text, left: false }
  }
  if (!got.eof) return MORE
  if (!now.inBody) {
    if (state.options.verbose) err(ctx, '* Empty reply from server\n')
    return { kind: 'end', code: 52, text: 'Empty reply from server', left: false }
  }
  if (now.size >= 0 || now.chunked) {
    const left = now.size - now.body
    const text = now.chunked
      ? 'transfer closed with outstanding read data remaining'
      : `transfer closed with ${left} bytes remaining to read`
    if (state.options.verbose) err(ctx, `* ${text}\n`)
    return { kind: 'end', code: 18, text, left: false }
  }
  now.keep = false
  return over(state)
}

/** The head is here. A result where the transfer ends with it. */
function takeHead(ctx: ProcCtx, state: CurlState, head: HttpHead): CurlResult | undefined {
  const { now, options } = state
  now.status = Number(head.second) || 0
  now.version = head.first.slice(5)
  now.type = headerOf(head, 'content-type')
  now.headBytes += head.text.length
  const connection = headerOf(head, 'connection').toLowerCase()
  now.keep = connection === 'close' ? false : now.version === '1.1' || connection === 'keep-alive'
  const length = headerOf(head, 'content-length')
  now.size = /^[0-9]+$/.test(length) ? Number(length) : -1
  now.chunked = headerOf(head, 'transfer-encoding').toLowerCase() === 'chunked'
  if (now.chunked || options.head || now.status === 204 || now.status === 304) now.size = now.chunked ? -1 : 0
  if (options.verbose) {
    if (now.version === '1.0' && !now.keep) err(ctx, '* HTTP 1.0, assume close after body\n')
    for (const line of head.text.split(/(?<=\n)/)) err(ctx, `< ${line}`)
  }
  if (options.fail && now.status >= 400) {
    if (options.verbose) err(ctx, `* The requested URL returned error: ${now.status}\n`)
    return { kind: 'end', code: 22, text: `The requested URL returned error: ${now.status}`, left: false }
  }
  if (options.include || options.head) emit(ctx, state, head.text)
  if (options.dumpHeader === '-') out(ctx, head.text)
  else if (options.dumpHeader !== '') writeFile(ctx, options.dumpHeader, head.text)
  const location = headerOf(head, 'location')
  const moved = location !== '' && [301, 302, 303, 307, 308].includes(now.status)
  const target = moved ? resolveUrl(now.url!, location) : undefined
  now.location = target === undefined ? '' : formatUrl(target)
  now.inBody = true
  return undefined
}

/** Body bytes go out as they come. True where the body is whole. */
function takeBody(ctx: ProcCtx, state: CurlState): boolean {
  const { now, options } = state
  const follows = options.follow && now.location !== ''
  let text = now.text
  let done = false
  now.text = ''
  if (now.chunked) {
    const chunks = unchunk(text)
    text = chunks.body
    now.text = chunks.rest
    done = chunks.done
  }
  const bytes = encodeUtf8(text).length
  if (bytes > 0) {
    if (options.verbose && !options.head && ctx.proc.fds.get(1)?.kind !== 'tty') {
      err(ctx, `{ [${bytes} bytes data]\n`)
    }
    now.body += bytes
    if (!follows && !options.head) emit(ctx, state, text)
  }
  return done || (now.size >= 0 && now.body >= now.size)
}

function over(state: CurlState): CurlResult {
  const { now, options } = state
  if (options.follow && now.location !== '') {
    if (now.redirects >= options.maxRedirs) {
      return { kind: 'end', code: 47, text: `Maximum (${options.maxRedirs}) redirects followed`, left: false }
    }
    const url = resolveUrl(now.url!, now.location)
    if (url !== undefined) return { kind: 'redirect', url, text: now.location }
  }
  return { kind: 'end', code: 0, text: '', left: now.keep }
}

/** To standard output, or to be written to the file at the end. */
function emit(ctx: ProcCtx, state: CurlState, text: string): void {
  const { options, now } = state
  const target = options.remoteName ? 'file' : (options.outputs[state.at] ?? '-')
  if (target === '-' || target === '') out(ctx, text)
  else if (target !== '/dev/null') now.saved += text
}
