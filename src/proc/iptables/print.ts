/**
 * A rule as text: in the form of iptables-save, and as a row of `iptables -L`. Models nft-shared.c and nft-ipv4.c of
 * iptables 1.8.9.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import type { AddrMatch, IfMatch, Rule } from '../../net/nf/types.ts'
import type { ListView } from './ext.ts'
import { matchExt, targetExt } from './registry.ts'
import { protoText } from './values.ts'

/** The rule's conditions and target in the form of iptables-save, without `-A CHAIN`; '' for an empty rule. `counters` (with a
 *  space before) stands in front of the target, as `-S -v` has it. */
export function ruleText(rule: Rule, family?: 4 | 6, counters = ''): string {
  const af = family ?? familyOfRule(rule)
  let text = ''
  if (rule.src !== null) text += ` ${bang(rule.src)}-s ${addrText(rule.src, true)}`
  if (rule.dst !== null) text += ` ${bang(rule.dst)}-d ${addrText(rule.dst, true)}`
  if (rule.iif !== null) text += ` ${bang(rule.iif)}-i ${ifText(rule.iif)}`
  if (rule.oif !== null) text += ` ${bang(rule.oif)}-o ${ifText(rule.oif)}`
  if (rule.proto !== null) text += ` ${bang(rule.proto)}-p ${protoText(rule.proto.value)}`
  if (rule.fragment !== 'any') text += rule.fragment === 'yes' ? ' -f' : ' ! -f'
  for (const match of rule.matches) text += ` -m ${match.name}${matchExt(match).save(match, af)}`
  text += counters
  const { target } = rule
  if (target.name === 'JUMP' || target.name === 'GOTO') {
    text += ` ${target.name === 'JUMP' ? '-j' : '-g'} ${target.chain}`
  } else if (target.name !== '') text += ` -j ${target.name}${targetExt(target)?.save(target, af) ?? ''}`
  return text.slice(1)
}

/** One match as text, without `-m`: for what failed first in a trace. */
export function matchText(match: Rule['matches'][number], family: 4 | 6): string {
  return `-m ${match.name}${matchExt(match).save(match, family)}`
}

/** A rule tells its family only by what it holds; 4 where it holds nothing that does. */
function familyOfRule(rule: Rule): 4 | 6 {
  const addr = rule.src?.addr ?? rule.dst?.addr
  if (addr !== undefined) return typeof addr === 'number' ? 4 : 6
  return rule.proto?.value === 58 ? 6 : 4
}

function bang({ not }: { readonly not: boolean }): string {
  return not ? '! ' : ''
}

function ifText({ name, prefix }: IfMatch): string {
  return prefix ? `${name}+` : name
}

/** `full`: with its length even where that is the whole address. */
function addrText({ addr, len, mask }: AddrMatch, full: boolean): string {
  if (len < 0) return `${formatIp(addr)}/${formatIp(mask)}`
  const whole = typeof addr === 'number' ? 32 : 128
  return len === whole && !full ? formatIp(addr) : `${formatIp(addr)}/${len}`
}

export interface ListOptions {
  readonly family: 4 | 6
  readonly numeric: boolean
  /** -v: counters and devices. */
  readonly verbose: boolean
  /** -x. */
  readonly exact: boolean
  readonly lineNumbers: boolean
  readonly host: (ip: Ip) => string
}

/** The two lines above a chain's rows: the second names the columns. */
export function columnsText(options: ListOptions): string {
  let text = options.lineNumbers ? 'num  ' : ''
  if (options.verbose) text += options.exact ? '    pkts      bytes ' : ' pkts bytes '
  text += 'target     prot opt '
  if (options.verbose) text += 'in     out     '
  return `${text}source               destination         \n`
}

/** A row of -L, with its newline. `number` counts from 1. */
export function ruleRow(
  rule: Rule,
  number: number,
  packets: number,
  bytes: number,
  options: ListOptions,
): string {
  let text = options.lineNumbers ? `${String(number).padEnd(4)} ` : ''
  if (options.verbose) text += countText(packets, options.exact) + countText(bytes, options.exact)
  const { target } = rule
  text += `${targetName(rule).padEnd(9)} `
  text += `${rule.proto?.not === true ? '!' : ' '}${protoCell(rule, options.numeric).padEnd(4)} ${fragmentText(rule)} `
  const any = options.numeric ? '*' : 'any'
  if (options.verbose) text += ` ${ifCell(rule.iif, any).padEnd(6)} ${ifCell(rule.oif, any).padEnd(6)} `
  text += `${rule.src?.not === true ? '!' : ' '}${addrCell(rule.src, options).padEnd(19)} `
  text += `${rule.dst?.not === true ? '!' : ' '}${addrCell(rule.dst, options).padEnd(19)} `
  if (target.name === 'GOTO') text += '[goto] '
  return `${text}${detailText(rule, options)}\n`
}

/** The line that `-v` shows of a rule that a command names (FMT_NOTABLE): only the protocol has a name in it. */
export function ruleLine(rule: Rule, family: 4 | 6): string {
  const host = (ip: Ip) => formatIp(ip)
  const options = { family, numeric: true, verbose: true, exact: false, lineNumbers: false, host }
  const not = (part: { readonly not: boolean } | null) => (part?.not === true ? '!' : ' ')
  const head = `${targetName(rule)} ${not(rule.proto)}${protoCell(rule, false)} opt ${fragmentText(rule)}`
  const devs = `in ${ifCell(rule.iif, '*')} out ${ifCell(rule.oif, '*')}`
  const addrs = `${not(rule.src)}${addrCell(rule.src, options)} ${not(rule.dst)}-> ${addrCell(rule.dst, options)}`
  const goto = rule.target.name === 'GOTO' ? '[goto] ' : ''
  return `${head} ${devs} ${addrs}  ${goto}${detailText(rule, options)}\n`
}

function targetName({ target }: Rule): string {
  if (target.name === 'JUMP' || target.name === 'GOTO') return target.chain
  return target.name === 'NOTRACK' ? 'CT' : target.name
}

function detailText(rule: Rule, options: ListOptions): string {
  const { family, numeric, host } = options
  const view: ListView = { family, numeric, host, proto: rule.proto?.value ?? 0 }
  let text = ''
  for (const match of rule.matches) text += matchExt(match).list(match, view)
  return text + (targetExt(rule.target)?.list(rule.target, view) ?? '')
}

function protoCell({ proto }: Rule, numeric: boolean): string {
  if (numeric) return String(proto?.value ?? 0)
  return proto === null ? 'all' : protoText(proto.value)
}

function fragmentText({ fragment }: Rule): string {
  if (fragment === 'any') return '--'
  return fragment === 'yes' ? '-f' : '!f'
}

function ifCell(match: IfMatch | null, any: string): string {
  if (match === null) return any
  return `${match.not ? '!' : ''}${ifText(match)}`
}

function addrCell(match: AddrMatch | null, options: ListOptions): string {
  if (match === null) return options.numeric ? (options.family === 4 ? '0.0.0.0/0' : '::/0') : 'anywhere'
  const text = addrText(match, false)
  if (options.numeric) return text
  const slash = text.indexOf('/')
  return options.host(match.addr) + (slash < 0 ? '' : text.slice(slash))
}

const KILO = ['K', 'M', 'G', 'T']

/** A counter's column: at most five digits unless it is exact, then thousands of thousands, rounded. */
export function countText(value: number, exact: boolean): string {
  if (exact) return `${String(value).padStart(8)} `
  if (value <= 99_999) return `${String(value).padStart(5)} `
  return `${kiloText(value).padStart(5)} `
}

/** As `countText`, without the padding: the policy's counters. */
export function countWord(value: number, exact: boolean): string {
  return exact || value <= 99_999 ? String(value) : kiloText(value)
}

function kiloText(value: number): string {
  let rest = value
  for (let i = 0; i < KILO.length; i++) {
    rest = Math.floor((rest + 500) / 1000)
    if (rest <= 9999 || i === KILO.length - 1) return rest + KILO[i]!
  }
  return ''
}
