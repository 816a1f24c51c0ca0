/** `ip address`. Models ip/ipaddress.c of iproute2 6.1. Refused by name: lifetimes, save, restore, showdump. */
import type { Ip } from '../../base/addr.ts'
import { inPrefix } from '../../base/addr.ts'
import { addrAdd, addrDel, addrFlush } from '../../net/ip/devinet.ts'
import type { AddrSpec } from '../../net/ip/devinet.ts'
import type { IfAddr, Link } from '../../net/types.ts'
import { putAddr, putAddrsBrief, putLinkAddrs } from '../print/addr.ts'
import { scopeNumber } from '../print/names.ts'
import { closeArray, closeObject, openArray, openObject, put } from '../print/writer.ts'
import { err } from '../program.ts'
import type { IpRun } from './ipctx.ts'
import { placeOf } from './ipctx.ts'
import type { LinkFilter } from './iplink.ts'
import { isShow, needShown, readLinkFilter, selectLinks } from './iplink.ts'
import type { Words } from './iproute2.ts'
import {
  check,
  garbage,
  giveUp,
  invarg,
  matches,
  more,
  needAddr,
  needLink,
  needNumber,
  needPrefix,
  next,
  noSuchCommand,
  notModelled,
  quit,
  word,
} from './iproute2.ts'

export function ipAddress(run: IpRun, words: Words): void {
  if (!more(words)) {
    addrShow(run, words)
    return
  }
  const command = word(words)
  words.at++
  if (matches(command, 'add')) addrModify(run, words, 'add')
  else if (matches(command, 'change') || command === 'chg') addrModify(run, words, 'replace')
  else if (matches(command, 'replace')) addrModify(run, words, 'replace')
  else if (matches(command, 'delete')) addrModify(run, words, 'del')
  else if (isShow(command)) addrShow(run, words)
  else if (matches(command, 'flush')) addrFlushCommand(run, words)
  else if (matches(command, 'save')) notModelled('ip address save')
  else if (matches(command, 'showdump')) notModelled('ip address showdump')
  else if (matches(command, 'restore')) notModelled('ip address restore')
  else if (matches(command, 'help')) addrUsage()
  else noSuchCommand(command, 'ip address')
}

interface AddrRequest {
  dev: string
  local: Ip | undefined
  text: string
  len: number
  /** A length was given with a slash. */
  given: boolean
  peer: (Ip | undefined) | null
  peerLen: number
  brd: number | '+' | '-' | undefined
  scope: number | undefined
  label: string | undefined
  noPrefixRoute: boolean
  nodad: boolean
  metric: number
}

function addrModify(run: IpRun, words: Words, what: 'add' | 'replace' | 'del'): void {
  const request = readAddrRequest(run, words)
  if (request.dev === '') giveUp('Not enough information: "dev" argument is required.\n')
  const { local } = request
  const link = needLink(run.ns, request.dev)
  if (local === undefined) giveUp('RTNETLINK answers: Operation not supported\n', 2)
  const len = request.peer === null ? request.len : request.peerLen
  if (what === 'del') {
    if (!request.given && request.peer === null) wildcardWarning(run, request.text, local)
    const spec =
      request.given || request.peer !== null ? { addr: local as number, len } : { addr: local as number }
    check(addrDel(run.world, run.ns, link, spec))
    return
  }
  const known = link.addrs.some((a) => a.addr === local && a.len === len)
  if (what === 'replace' && known) return
  check(addrAdd(run.world, run.ns, link, specOf(request, local, len)))
}

function specOf(request: AddrRequest, local: Ip, len: number): AddrSpec {
  const spec: AddrSpec = { addr: local as number, len }
  if (request.peer !== null && request.peer !== undefined) spec.peer = request.peer as number
  const base = typeof request.peer === 'number' ? request.peer : local
  if (typeof base === 'number') {
    const hosts = len >= 32 ? 0 : ~(len === 0 ? 0 : -1 << (32 - len))
    if (request.brd === '+' && len < 31) spec.brd = base | hosts
    else if (request.brd === '-' && len < 31) spec.brd = base & ~hosts
    else if (typeof request.brd === 'number') spec.brd = request.brd
  }
  if (request.scope !== undefined) spec.scope = request.scope
  else if (typeof local === 'number' && local >>> 24 === 127) spec.scope = 254
  if (request.label !== undefined) spec.label = request.label
  if (request.noPrefixRoute) spec.noPrefixRoute = true
  if (request.metric !== 0) spec.metric = request.metric
  if (request.nodad) Object.assign(spec, { nodad: true })
  return spec
}

function wildcardWarning(run: IpRun, text: string, local: Ip): void {
  if (typeof local !== 'number') return
  err(
    run.ctx,
    'Warning: Executing wildcard deletion to stay compatible with old scripts.\n' +
      `         Explicitly specify the prefix length (${text}/32) to avoid this warning.\n` +
      '         This special behaviour is likely to disappear in further releases,\n' +
      '         fix your scripts!\n',
  )
}

function readAddrRequest(run: IpRun, words: Words): AddrRequest {
  const request: AddrRequest = {
    dev: '',
    local: undefined,
    text: '',
    len: 0,
    given: false,
    peer: null,
    peerLen: 0,
    brd: undefined,
    scope: undefined,
    label: undefined,
    noPrefixRoute: false,
    nodad: false,
    metric: 0,
  }
  for (; more(words); words.at++) {
    if (readAddrWord(run, words, request)) continue
    if (matches(word(words), 'local')) next(words)
    if (matches(word(words), 'help')) addrUsage()
    if (request.local !== undefined) garbage('local', word(words))
    request.text = word(words)
    const local = needPrefix(request.text, run.family)
    request.local = local.addr
    request.len = local.len
    request.given = local.given
  }
  if (request.dev !== '' && request.brd !== undefined && request.local === undefined) {
    giveUp('Broadcast can be set only for IPv4 addresses\n')
  }
  return request
}

function readAddrWord(run: IpRun, words: Words, request: AddrRequest): boolean {
  const text = word(words)
  if (text === 'peer' || text === 'remote') {
    const peer = needPrefix(next(words), run.family)
    request.peer = peer.addr
    request.peerLen = peer.len
  } else if (matches(text, 'broadcast') || text === 'brd') {
    const brd = next(words)
    if (brd === '+' || brd === '-') request.brd = brd
    else request.brd = needAddr(brd, 4) as number
  } else if (text === 'scope') {
    request.scope = scopeNumber(next(words))
    if (request.scope === undefined) invarg('invalid scope value.', word(words))
  } else if (text === 'dev') request.dev = next(words)
  else if (text === 'label') request.label = next(words).slice(0, 15)
  else if (text === 'metric' || text === 'priority' || text === 'preference') {
    request.metric = needNumber(next(words), 0xffffffff, `"${text}" value is invalid`)
  } else if (matches(text, 'valid_lft') || matches(text, 'preferred_lft')) {
    if (next(words) !== 'forever') notModelled('a limited lifetime')
  } else if (text === 'noprefixroute') request.noPrefixRoute = true
  else if (text === 'nodad') request.nodad = true
  else if (REFUSED.includes(text)) notModelled(`ip address ${text}`)
  else return false
  return true
}

const REFUSED: readonly string[] = ['anycast', 'home', 'mngtmpaddr', 'autojoin', 'optimistic', 'proto']

interface AddrFilter extends LinkFilter {
  to: { addr: Ip; len: number } | undefined
  scope: number
  label: string
  /** Flag name to whether it has to be set. */
  flags: Map<string, boolean>
}

function readAddrFilter(run: IpRun, words: Words): AddrFilter {
  const filter: AddrFilter = {
    dev: '',
    up: false,
    master: 0,
    kind: '',
    to: undefined,
    scope: -1,
    label: '',
    flags: new Map(),
  }
  for (; more(words); words.at++) {
    const text = word(words)
    const flag = text.startsWith('-') ? text.slice(1) : text
    if (text === 'to') {
      filter.to = needPrefix(next(words), run.family)
      if (run.family === 0) run.family = typeof filter.to.addr === 'number' ? 4 : 6
    } else if (text === 'scope') {
      const scope = next(words)
      const number = scopeNumber(scope)
      if (number === undefined && scope !== 'all') invarg('invalid "scope"\n', scope)
      filter.scope = number ?? -1
    } else if (text === 'label') filter.label = next(words)
    else if (readLinkFilter(run, words, filter)) continue
    else if (FLAG_WORDS.includes(flag)) filter.flags.set(flag, flag === text)
    else {
      if (text === 'dev') next(words)
      else if (matches(text, 'help')) addrUsage()
      if (filter.dev !== '') garbage('dev', word(words))
      filter.dev = word(words)
    }
  }
  return filter
}

const FLAG_WORDS: readonly string[] = [
  'dynamic',
  'permanent',
  'primary',
  'secondary',
  'temporary',
  'tentative',
  'deprecated',
  'dadfailed',
  'noprefixroute',
]

function addrMatches(run: IpRun, filter: AddrFilter, addr: IfAddr): boolean {
  if (run.family !== 0 && (typeof addr.addr === 'number' ? 4 : 6) !== run.family) return false
  if (filter.scope >= 0 && addr.scope !== filter.scope) return false
  if (filter.to !== undefined && !inPrefix(addr.addr, filter.to.addr, filter.to.len)) return false
  if (filter.label !== '' && !glob(filter.label, addr.label)) return false
  for (const [flag, set] of filter.flags) if (hasFlag(addr, flag) !== set) return false
  return true
}

function hasFlag(addr: IfAddr, flag: string): boolean {
  switch (flag) {
    case 'permanent':
      return !addr.tentative || typeof addr.addr === 'number'
    case 'primary':
      return !addr.secondary
    case 'secondary':
    case 'temporary':
      return addr.secondary
    case 'tentative':
      return addr.tentative
    case 'dadfailed':
      return addr.dadFailed
    case 'noprefixroute':
      return addr.noPrefixRoute
    default:
      return false
  }
}

/** fnmatch(3) with `*` and `?`. */
function glob(pattern: string, text: string): boolean {
  let star = -1
  let mark = 0
  let p = 0
  let t = 0
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      mark = t
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++mark
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

function addrsOf(run: IpRun, filter: AddrFilter, link: Link): IfAddr[] {
  if (run.packet) return []
  const list = link.addrs.filter((addr) => addrMatches(run, filter, addr))
  return [
    ...list.filter((a) => typeof a.addr === 'number'),
    ...list.filter((a) => typeof a.addr !== 'number'),
  ]
}

function addrShow(run: IpRun, words: Words): void {
  const filter = readAddrFilter(run, words)
  if (filter.dev !== '') needShown(run, filter.dev)
  const { w } = run
  const place = placeOf(run)
  const lines = !(run.options.oneline && !run.packet) && filter.label === ''
  openArray(w)
  for (const link of selectLinks(run, filter)) {
    const addrs = addrsOf(run, filter, link)
    const none = link.addrs.length === 0 && run.family === 0
    if (addrs.length === 0 && !run.packet && !none) continue
    openObject(w)
    if (run.brief) putAddrsBrief(w, place, link, addrs)
    else {
      const view = { mode: false, details: run.details, stats: run.stats, address: run.family === 0 }
      const head =
        w.json || lines || (filter.label !== '' && glob(filter.label, link.name) && !run.options.oneline)
      putLinkAddrs(w, place, link, addrs, view, head)
    }
    closeObject(w)
  }
  closeArray(w)
}

function addrFlushCommand(run: IpRun, words: Words): void {
  if (!more(words)) giveUp('Flush requires arguments.\n')
  const filter = readAddrFilter(run, words)
  if (filter.dev !== '') needShown(run, filter.dev)
  run.options.json = false
  const { w } = run
  let count = 0
  for (const link of selectLinks(run, filter)) {
    for (const addr of addrsOf(run, filter, link)) {
      if (run.stats > 1 && link.addrs.includes(addr)) {
        const oneline = w.oneline
        w.oneline = true
        putAddr(w, link, addr)
        w.text = w.text.replaceAll('\\', '\n')
        w.oneline = oneline
      }
    }
    count += flushLink(run, filter, link)
  }
  if (run.stats === 0) return
  if (count === 0) put(w, 'Nothing to flush.\n')
  else put(w, `\n*** Round 1, deleting ${count} addresses ***\n*** Flush is complete after 1 round ***\n`)
}

function flushLink(run: IpRun, filter: AddrFilter, link: Link): number {
  const { world, ns } = run
  const gone = addrsOf(run, filter, link)
  if (gone.length === 0) return 0
  const four = gone.filter((addr) => typeof addr.addr === 'number')
  if (four.length > 0) addrFlush(world, ns, link, (addr) => addrMatches(run, filter, addr))
  for (const addr of gone) {
    if (typeof addr.addr === 'number' || !link.addrs.includes(addr)) continue
    addrDel(world, ns, link, { addr: addr.addr as unknown as number, len: addr.len })
  }
  return gone.length
}

function addrUsage(): never {
  quit(
    'Usage: ip address { add | change | replace } ADDR[/LEN] dev IFNAME [ peer PREFIX ] [ broadcast ADDR ]\n' +
      '                  [ scope SCOPE ] [ label STRING ] [ metric NUMBER ] [ noprefixroute ]\n' +
      '       ip address del ADDR[/LEN] dev IFNAME\n' +
      '       ip address { show | flush } [ dev IFNAME ] [ scope SCOPE ] [ to PREFIX ] [ label PATTERN ] [ up ]\n' +
      '                  [ master DEVICE ] [ type TYPE ] [ primary | secondary | permanent | tentative ]\n',
  )
}
