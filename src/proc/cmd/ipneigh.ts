/** `ip neighbour`. Models ip/ipneigh.c of iproute2 6.1. Refused by name: proxies, `use`, `managed`, `extern_learn`. */
import type { Ip, Mac } from '../../base/addr.ts'
import { inPrefix } from '../../base/addr.ts'
import { neighsOf } from '../../net/ip/neigh.ts'
import type { NeighSpec } from '../../net/ip/neighcmd.ts'
import { neighAdd, neighChange, neighDel, neighFlush, neighReplace } from '../../net/ip/neighcmd.ts'
import type { Neigh, NeighState } from '../../net/types.ts'
import { protoNumber } from '../print/names.ts'
import { putNeigh } from '../print/neigh.ts'
import { closeArray, createWriter, openArray, put } from '../print/writer.ts'
import type { IpRun } from './ipctx.ts'
import { placeOf } from './ipctx.ts'
import { isShow } from './iplink.ts'
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
  needMac,
  needPrefix,
  next,
  noSuchCommand,
  notModelled,
  quit,
  word,
} from './iproute2.ts'

const STATES: Readonly<Record<string, NeighState>> = Object.freeze({
  permanent: 'PERMANENT',
  reachable: 'REACHABLE',
  noarp: 'NOARP',
  stale: 'STALE',
  incomplete: 'INCOMPLETE',
  delay: 'DELAY',
  probe: 'PROBE',
  failed: 'FAILED',
})

export function ipNeigh(run: IpRun, words: Words): void {
  if (!more(words)) {
    neighList(run, words, 'show')
    return
  }
  const command = word(words)
  words.at++
  if (matches(command, 'add')) neighModify(run, words, 'add')
  else if (matches(command, 'change') || command === 'chg') neighModify(run, words, 'change')
  else if (matches(command, 'replace')) neighModify(run, words, 'replace')
  else if (matches(command, 'delete')) neighModify(run, words, 'del')
  else if (matches(command, 'get')) neighGet(run, words)
  else if (isShow(command)) neighList(run, words, 'show')
  else if (matches(command, 'flush')) neighList(run, words, 'flush')
  else if (matches(command, 'help')) neighUsage()
  else noSuchCommand(command, 'ip neigh')
}

/** Entries as the kernel's dump has them: IPv6 after IPv4. */
export function neighDump(run: IpRun): Neigh[] {
  const list = neighsOf(run.ns)
  return [...list.filter((n) => typeof n.ip === 'number'), ...list.filter((n) => typeof n.ip !== 'number')]
}

function neighModify(run: IpRun, words: Words, what: 'add' | 'change' | 'replace' | 'del'): void {
  let mac: Mac | undefined
  let ip: Ip | undefined
  let dev = ''
  const spec: Partial<NeighSpec> = {}
  for (; more(words); words.at++) {
    const text = word(words)
    if (matches(text, 'lladdr')) mac = needMac(next(words))
    else if (text === 'nud') spec.state = needState(next(words))
    else if (matches(text, 'proxy')) notModelled('ip neigh proxy')
    else if (text === 'router') spec.router = true
    else if (text === 'use' || text === 'managed' || matches(text, 'extern_learn'))
      notModelled(`ip neigh ${text}`)
    else if (text === 'dev') dev = next(words)
    else if (matches(text, 'protocol')) {
      const proto = protoNumber(next(words))
      if (proto === undefined) invarg('"protocol" value is invalid\n', word(words))
      spec.proto = proto
    } else {
      if (text === 'to') next(words)
      if (matches(word(words), 'help')) neighUsage()
      if (ip !== undefined) garbage('to', word(words))
      ip = needAddr(word(words), run.family)
    }
  }
  if (dev === '' || ip === undefined) quit('Device and destination are required arguments.\n')
  const link = needLink(run.ns, dev)
  if (what === 'del') {
    check(neighDel(run.world, run.ns, link, ip))
    return
  }
  if (mac !== undefined) spec.mac = mac
  const modify = what === 'add' ? neighAdd : what === 'change' ? neighChange : neighReplace
  check(modify(run.world, run.ns, link, { ...spec, ip }))
}

function needState(text: string): NeighState {
  const state = Object.hasOwn(STATES, text) ? STATES[text] : undefined
  if (state === undefined) invarg('nud state is bad', text)
  return state
}

function neighGet(run: IpRun, words: Words): void {
  let dev = ''
  let ip: Ip | undefined
  for (; more(words); words.at++) {
    if (word(words) === 'dev') dev = next(words)
    else if (matches(word(words), 'proxy')) notModelled('ip neigh get proxy')
    else {
      if (word(words) === 'to') next(words)
      if (ip !== undefined) garbage('to', word(words))
      ip = needAddr(word(words), run.family)
    }
  }
  if (ip === undefined || dev === '') giveUp('Device and address are required arguments.\n')
  const link = needLink(run.ns, dev)
  const neigh = run.ns.neigh?.get(link.ifindex)?.get(ip)
  if (neigh === undefined) giveUp('Error: Neighbour entry not found.\n', 2)
  openArray(run.w)
  putNeigh(run.w, placeOf(run), neigh, run.stats, false)
  closeArray(run.w)
}

interface NeighFilter {
  dev: string
  states: Set<NeighState>
  to: { addr: Ip; len: number } | undefined
  unused: boolean
  given: boolean
}

function neighList(run: IpRun, words: Words, what: 'show' | 'flush'): void {
  if (what === 'flush' && !more(words)) giveUp('Flush requires arguments.\n')
  const filter = readFilter(run, words, what)
  const link = filter.dev === '' ? undefined : needLink(run.ns, filter.dev)
  const found = neighDump(run).filter((neigh) => {
    if (run.family !== 0 && (typeof neigh.ip === 'number' ? 4 : 6) !== run.family) return false
    if (link !== undefined && neigh.ifindex !== link.ifindex) return false
    if (!filter.states.has(neigh.state)) return false
    if (filter.to !== undefined && !inPrefix(neigh.ip, filter.to.addr, filter.to.len)) return false
    return !filter.unused || !/REACHABLE|DELAY|PROBE|INCOMPLETE/.test(neigh.state)
  })
  const place = placeOf(run)
  if (what === 'show') {
    openArray(run.w)
    for (const neigh of found) putNeigh(run.w, place, neigh, run.stats, link !== undefined)
    closeArray(run.w)
    return
  }
  const w = createWriter({})
  if (run.stats > 1) for (const neigh of found) putNeigh(w, place, neigh, run.stats, link !== undefined)
  for (const { ifindex, ip, state } of found) neighFlush(run.world, run.ns, { ifindex, ip, states: [state] })
  if (run.stats > 0) {
    if (found.length === 0) put(w, 'Nothing to flush.\n')
    else
      put(w, `\n*** Round 1, deleting ${found.length} entries ***\n*** Flush is complete after 1 round ***\n`)
  }
  run.options.json = false
  run.w = w
}

function readFilter(run: IpRun, words: Words, what: 'show' | 'flush'): NeighFilter {
  const filter: NeighFilter = { dev: '', states: new Set(), to: undefined, unused: false, given: false }
  for (; more(words); words.at++) {
    const text = word(words)
    if (text === 'dev') {
      if (filter.dev !== '') garbage('dev', text)
      filter.dev = next(words)
    } else if (text === 'master' || text === 'vrf') notModelled(`ip neigh show ${text}`)
    else if (matches(text, 'unused')) filter.unused = true
    else if (matches(text, 'nud')) {
      const name = next(words)
      filter.given = true
      if (name === 'all') for (const state of Object.values(STATES)) filter.states.add(state)
      else filter.states.add(needState(name))
    } else if (matches(text, 'proxy')) notModelled('ip neigh show proxy')
    else if (matches(text, 'protocol')) notModelled('ip neigh show proto')
    else if (text === 'all' && what === 'flush') continue
    else {
      if (text === 'to') next(words)
      if (matches(word(words), 'help')) neighUsage()
      filter.to = needPrefix(word(words), run.family)
    }
  }
  if (!filter.given) {
    for (const state of Object.values(STATES)) {
      if (state === 'NOARP' || (what === 'flush' && state === 'PERMANENT')) continue
      filter.states.add(state)
    }
  }
  return filter
}

function neighUsage(): never {
  quit(
    'Usage: ip neigh { add | del | change | replace } ADDR [ lladdr LLADDR ] [ nud STATE ] dev DEV [ router ]\n' +
      '       ip neigh { show | flush } [ to PREFIX ] [ dev DEV ] [ nud STATE ]\n' +
      '       ip neigh get ADDR dev DEV\n' +
      'STATE := { delay | failed | incomplete | noarp | permanent | probe | reachable | stale }\n',
  )
}
