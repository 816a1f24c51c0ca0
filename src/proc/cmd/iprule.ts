/** `ip rule`. Models ip/iprule.c of iproute2 6.1. Refused by name: goto, nat, ports, uid ranges, suppressors, tun_id. */
import type { Ip } from '../../base/addr.ts'
import type { RuleSpec } from '../../net/ip/fib.ts'
import { ruleAdd, ruleDel, ruleFlush, rulesOf } from '../../net/ip/fib.ts'
import type { PolicyRule } from '../../net/types.ts'
import { protoNumber, tableNumber } from '../print/names.ts'
import { putRule } from '../print/rule.ts'
import { closeArray, openArray } from '../print/writer.ts'
import type { IpRun } from './ipctx.ts'
import { placeOf } from './ipctx.ts'
import type { Words } from './iproute2.ts'
import {
  check,
  giveUp,
  invarg,
  matches,
  more,
  needNumber,
  needPrefix,
  next,
  noSuchCommand,
  notModelled,
  quit,
  word,
} from './iproute2.ts'

export function ipRule(run: IpRun, words: Words): void {
  if (!more(words)) {
    ruleList(run, words)
    return
  }
  const command = word(words)
  words.at++
  if (matches(command, 'list') || matches(command, 'lst') || matches(command, 'show')) ruleList(run, words)
  else if (matches(command, 'save')) notModelled('ip rule save')
  else if (matches(command, 'restore')) notModelled('ip rule restore')
  else if (matches(command, 'add')) ruleModify(run, words, 'add')
  else if (matches(command, 'delete')) ruleModify(run, words, 'del')
  else if (matches(command, 'flush')) check(ruleFlush(run.world, run.ns, run.family === 6 ? 6 : 4))
  else if (matches(command, 'help')) ruleUsage()
  else noSuchCommand(command, 'ip rule')
}

interface RuleRequest {
  spec: Partial<RuleSpec>
  family: 0 | 4 | 6
  /** `from ADDR` with a length of its own kind. */
  from: { addr: Ip; len: number } | undefined
  to: { addr: Ip; len: number } | undefined
}

function ruleModify(run: IpRun, words: Words, what: 'add' | 'del'): void {
  if (!more(words)) giveUp(`"ip rule ${what}" requires arguments.\n`)
  const request: RuleRequest = { spec: {}, family: run.family, from: undefined, to: undefined }
  for (; more(words); words.at++) readRuleWord(words, request)
  const { from, to } = request
  const spec: RuleSpec = { ...request.spec, family: request.family === 6 ? 6 : 4 }
  if (from !== undefined && from.len > 0) Object.assign(spec, { src: from.addr, srcLen: from.len })
  if (to !== undefined && to.len > 0) Object.assign(spec, { dst: to.addr, dstLen: to.len })
  if (what === 'add') {
    spec.proto ??= 0
    if (spec.action === undefined) spec.table ??= 254
    check(ruleAdd(run.world, run.ns, spec))
  } else check(ruleDel(run.world, run.ns, spec))
}

function readRuleWord(words: Words, request: RuleRequest): void {
  const { spec } = request
  const text = word(words)
  if (text === 'not') spec.not = true
  else if (text === 'from') request.from = readRulePrefix(words, request)
  else if (text === 'to') request.to = readRulePrefix(words, request)
  else if (matches(text, 'preference') || matches(text, 'order') || matches(text, 'priority')) {
    spec.pref = needNumber(next(words), 0xffffffff, 'preference value is invalid\n')
  } else if (text === 'tos' || matches(text, 'dsfield')) {
    const tos = next(words)
    if (!/^(0x)?[0-9a-fA-F]{1,2}$/.test(tos)) invarg('TOS value is invalid\n', tos)
    spec.tos = Number.parseInt(tos, 16)
  } else if (text === 'fwmark') readMark(next(words), spec)
  else if (matches(text, 'protocol')) {
    const proto = protoNumber(next(words))
    if (proto === undefined) invarg('"protocol" value is invalid\n', word(words))
    spec.proto = proto
  } else if (matches(text, 'table') || text === 'lookup') {
    const table = tableNumber(next(words))
    if (table === undefined) invarg('invalid table ID\n', word(words))
    spec.table = table
  } else if (text === 'dev' || text === 'iif') spec.iif = next(words)
  else if (text === 'oif') spec.oif = next(words)
  else if (text === 'l3mdev' || REFUSED.includes(text) || text === 'nat') notModelled(`ip rule ${text}`)
  else if (matches(text, 'help')) ruleUsage()
  else {
    if (text === 'type') next(words)
    const action = word(words)
    if (action === 'goto' || action === 'nop') notModelled(`ip rule ${action}`)
    if (action !== 'blackhole' && action !== 'unreachable' && action !== 'prohibit' && action !== 'unicast') {
      invarg('Failed to parse rule type', action)
    }
    if (action !== 'unicast') spec.action = action
  }
}

const REFUSED: readonly string[] =
  'tun_id uidrange realms suppress_prefixlength sup_pl suppress_ifgroup sup_group map-to sport dport ipproto goto nop'.split(
    ' ',
  )

function readRulePrefix(words: Words, request: RuleRequest): { addr: Ip; len: number } {
  const prefix = needPrefix(next(words), request.family)
  if (request.family === 0 && !/^(default|any|all)$/.test(word(words))) {
    request.family = typeof prefix.addr === 'number' ? 4 : 6
  }
  return prefix
}

function readMark(text: string, spec: Partial<RuleSpec>): void {
  const [mark = '', mask] = text.split('/')
  spec.fwmark = needNumber(mark, 0xffffffff, 'fwmark value is invalid\n') | 0
  if (mask !== undefined) spec.fwmask = needNumber(mask, 0xffffffff, 'fwmask value is invalid\n') | 0
}

function ruleList(run: IpRun, words: Words): void {
  let pref = -1
  let table = 0
  let iif = ''
  const request: RuleRequest = { spec: {}, family: run.family, from: undefined, to: undefined }
  for (; more(words); words.at++) {
    const text = word(words)
    if (matches(text, 'preference') || matches(text, 'order') || matches(text, 'priority')) {
      pref = needNumber(next(words), 0xffffffff, 'preference value is invalid\n')
    } else if (matches(text, 'table') || matches(text, 'lookup')) {
      table = tableNumber(next(words)) ?? invarg('table id value is invalid\n', word(words))
    } else if (text === 'from') request.from = readRulePrefix(words, request)
    else if (text === 'iif' || text === 'dev') iif = next(words)
    else if (REFUSED.includes(text) || /^(not|tos|fwmark|oif|proto)/.test(text))
      notModelled(`ip rule show ${text}`)
    else {
      if (text === 'to') next(words)
      request.to = needPrefix(word(words), request.family === 0 ? 4 : request.family)
    }
  }
  const { from, to } = request
  const selected = (rule: PolicyRule) =>
    (pref < 0 || rule.pref === pref) &&
    (table === 0 || rule.table === table) &&
    (iif === '' || rule.iif === iif) &&
    (from === undefined || (rule.src === from.addr && rule.srcLen === from.len)) &&
    (to === undefined || (rule.dst === to.addr && rule.dstLen === to.len))
  const family = request.family === 6 ? 6 : 4
  openArray(run.w)
  for (const rule of rulesOf(run.ns, family))
    if (selected(rule)) putRule(run.w, placeOf(run), rule, run.details)
  closeArray(run.w)
}

function ruleUsage(): never {
  quit(
    'Usage: ip rule { add | del } SELECTOR ACTION\n       ip rule { flush | list }\n' +
      'SELECTOR := [ not ] [ from PREFIX ] [ to PREFIX ] [ tos TOS ] [ fwmark FWMARK[/MASK] ] [ iif STRING ]\n' +
      '            [ oif STRING ] [ pref NUMBER ]\n' +
      'ACTION := [ table TABLE_ID ] [ blackhole | prohibit | unreachable ]\n',
  )
}
