/** Matches on connections and marks: conntrack, state, mark, connmark. Models libxt_conntrack, libxt_mark, libxt_connmark. */
import { formatIp } from '../../base/addr.ts'
import { CT_STATE } from '../../net/nf/types.ts'
import type { AddrMatch, PortRange } from '../../net/nf/types.ts'
import type { Draft, ListView, MatchExt, Opt, RuleState } from './ext.ts'
import { needMark, needRange } from './ext.ts'
import { hex, maskOf, parseAddr, parseMask, parsePort, parseProto } from './values.ts'
import { problem } from './words.ts'

/** In the order in which they are printed. */
const STATES: readonly (readonly [string, number])[] = [
  ['INVALID', CT_STATE.INVALID],
  ['NEW', CT_STATE.NEW],
  ['RELATED', CT_STATE.RELATED],
  ['ESTABLISHED', CT_STATE.ESTABLISHED],
  ['UNTRACKED', CT_STATE.UNTRACKED],
  ['SNAT', CT_STATE.SNAT],
  ['DNAT', CT_STATE.DNAT],
]

const STATUSES: readonly (readonly [string, number])[] = [
  ['EXPECTED', 1],
  ['SEEN_REPLY', 2],
  ['ASSURED', 4],
  ['CONFIRMED', 8],
]

const ADDRS = {
  ctorigsrc: 'origSrc',
  ctorigdst: 'origDst',
  ctreplsrc: 'replSrc',
  ctrepldst: 'replDst',
} as const
const PORTS = {
  ctorigsrcport: 'origSport',
  ctorigdstport: 'origDport',
  ctreplsrcport: 'replSport',
  ctrepldstport: 'replDport',
} as const

type Conntrack = ReturnType<MatchExt<'conntrack'>['make']>

const VALUE = { arg: true, inv: true } as const

const OPTS: readonly Opt[] = [
  { name: 'ctstate', ...VALUE },
  { name: 'ctproto', ...VALUE },
  { name: 'ctorigsrc', ...VALUE },
  { name: 'ctorigdst', ...VALUE },
  { name: 'ctreplsrc', ...VALUE },
  { name: 'ctrepldst', ...VALUE },
  { name: 'ctstatus', ...VALUE },
  { name: 'ctexpire', ...VALUE },
  { name: 'ctorigsrcport', ...VALUE },
  { name: 'ctorigdstport', ...VALUE },
  { name: 'ctreplsrcport', ...VALUE },
  { name: 'ctrepldstport', ...VALUE },
  { name: 'ctdir', arg: true },
]

export const CONNTRACK: MatchExt<'conntrack'> = {
  name: 'conntrack',
  opts: OPTS,
  read(draft, opt, value, not, state) {
    draft.made[opt] = readConntrack(opt, value, not, state)
  },
  check(draft) {
    if (draft.values.size === 0) problem('conntrack: At least one option is required')
  },
  make({ made }: Draft) {
    const of = <T>(opt: string): T | null => (made[opt] as T | undefined) ?? null
    return {
      name: 'conntrack',
      state: of('ctstate'),
      status: of('ctstatus'),
      proto: of('ctproto'),
      origSrc: of('ctorigsrc'),
      origDst: of('ctorigdst'),
      replSrc: of('ctreplsrc'),
      replDst: of('ctrepldst'),
      origSport: of('ctorigsrcport'),
      origDport: of('ctorigdstport'),
      replSport: of('ctreplsrcport'),
      replDport: of('ctrepldstport'),
      expire: of('ctexpire'),
      direction: (of<'ORIGINAL' | 'REPLY'>('ctdir') ?? '') as Conntrack['direction'],
    }
  },
  save: (made) => conntrackText(made, '--', formatAddr),
  list: (made, view) => conntrackText(made, '', (addr) => listAddr(addr, view)),
}

function readConntrack(opt: string, value: string, not: boolean, state: RuleState): unknown {
  if (opt === 'ctstate') return { not, bits: parseBits(value, STATES, 'ctstate') }
  if (opt === 'ctstatus') return { not, bits: parseBits(value, [...STATUSES, ['NONE', 0]], 'ctstatus') }
  if (opt === 'ctproto') return { not, value: parseProto(value) }
  if (Object.hasOwn(ADDRS, opt)) return { not, ...needHostMask(value, state) }
  if (Object.hasOwn(PORTS, opt)) {
    const [from = '', to] = value.split(':')
    const low = from === '' && to !== undefined ? 0 : parsePort(from)
    return { not, range: { from: low, to: to === undefined ? low : to === '' ? 65535 : parsePort(to) } }
  }
  if (opt === 'ctexpire') return { not, range: needRange('conntrack', opt, value, 0xffffffff) }
  const direction = value.toUpperCase()
  if (direction === 'ORIGINAL' || direction === 'REPLY') return direction
  problem(`conntrack: Bad value for "--ctdir" option: "${value}"`)
}

/** One address or name with a mask (XTTYPE_HOSTMASK); its bits stay as given. */
export function needHostMask(text: string, { family, lookup }: RuleState): Omit<AddrMatch, 'not'> {
  const slash = text.indexOf('/')
  const full = family === 4 ? 32 : 128
  const mask =
    slash < 0 ? { len: full, mask: maskOf(family, full) } : parseMask(text.slice(slash + 1), family)
  return { addr: needHost(slash < 0 ? text : text.slice(0, slash), family, lookup), ...mask }
}

/** One address or name (XTTYPE_HOST), with getaddrinfo(3)'s words where there is none. */
export function needHost(text: string, family: 4 | 6, lookup: RuleState['lookup']) {
  const addr = parseAddr(text, family) ?? lookup(text)
  if (addr !== undefined) return addr
  const name = /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(text)
  problem(`getaddrinfo: ${name ? 'Temporary failure in name resolution' : 'Name or service not known'}\n`)
}

export function parseBits(text: string, names: readonly (readonly [string, number])[], what: string): number {
  let bits = 0
  for (const word of text.split(',')) {
    const name = word.toUpperCase()
    const found = names.find(([one]) => one === name)
    if (found === undefined) problem(`Bad ${what} "${word}"`)
    bits |= found[1]
  }
  return bits
}

function bitText(bits: number, names: readonly (readonly [string, number])[], none: string): string {
  const set = names.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name)
  return set.length === 0 ? none : set.join(',')
}

/** `10.0.0.0/8`, without a length where the whole address counts. */
function formatAddr({ addr, len, mask }: AddrMatch): string {
  if (len === (typeof addr === 'number' ? 32 : 128)) return formatIp(addr)
  return `${formatIp(addr)}/${len < 0 ? formatIp(mask) : len}`
}

function listAddr(match: AddrMatch, view: ListView): string {
  if (view.numeric) return formatAddr(match)
  if (typeof match.addr === 'number' && match.addr === 0) return 'anywhere'
  const plain = formatAddr(match)
  const slash = plain.indexOf('/')
  return view.host(match.addr) + (slash < 0 ? '' : plain.slice(slash))
}

function conntrackText(made: Conntrack, dashes: string, addrText: (addr: AddrMatch) => string): string {
  let text = ''
  const add = (not: boolean, option: string, value: string) => {
    text += `${not ? ' !' : ''} ${dashes}${option} ${value}`
  }
  const { state, status, proto, expire } = made
  if (state !== null) add(state.not, 'ctstate', bitText(state.bits, STATES, ''))
  if (proto !== null) add(proto.not, 'ctproto', String(proto.value))
  for (const [option, field] of Object.entries(ADDRS)) {
    const addr = made[field]
    if (addr !== null) add(addr.not, option, addrText(addr))
  }
  for (const [option, field] of Object.entries(PORTS)) {
    const ports = made[field]
    if (ports !== null) add(ports.not, option, rangeText(ports.range))
  }
  if (status !== null) add(status.not, 'ctstatus', bitText(status.bits, STATUSES, 'NONE'))
  if (expire !== null) add(expire.not, 'ctexpire', rangeText(expire.range))
  if (made.direction !== '') add(false, 'ctdir', made.direction)
  return text
}

function rangeText({ from, to }: PortRange): string {
  return from === to ? String(from) : `${from}:${to}`
}

export const STATE: MatchExt<'state'> = {
  name: 'state',
  opts: [{ name: 'state', arg: true, inv: true, mand: true }],
  read(draft, _, value) {
    draft.made.bits = parseBits(value, STATES.slice(0, 5), 'state')
  },
  make: (draft) => ({ name: 'state', not: draft.not.has('state'), bits: draft.made.bits as number }),
  save: ({ not, bits }) => `${not ? ' !' : ''} --state ${bitText(bits, STATES, '')}`,
  list: ({ not, bits }) => `${not ? ' !' : ''} state ${bitText(bits, STATES, '')}`,
}

export const MARK_MATCH = markExt('mark', (not, text) => ` mark match${not ? ' !' : ''} ${text}`)
export const CONNMARK_MATCH = markExt('connmark', (not, text) => ` connmark match ${not ? '!' : ''} ${text}`)

function markExt<N extends 'mark' | 'connmark'>(name: N, list: (not: boolean, text: string) => string) {
  type Made = { name: N; not: boolean; value: number; mask: number }
  const text = ({ value, mask }: Made) => hex(value) + (mask >>> 0 === 0xffffffff ? '' : `/${hex(mask)}`)
  return {
    name,
    opts: [{ name: 'mark', arg: true, inv: true, mand: true }],
    read(draft: Draft, opt: string, value: string) {
      draft.made.mark = needMark(name, opt, value)
    },
    make(draft: Draft): Made {
      const { value, mask } = draft.made.mark as { value: number; mask: number }
      return { name, not: draft.not.has('mark'), value: value | 0, mask: mask | 0 }
    },
    save: (made: Made) => `${made.not ? ' !' : ''} --mark ${text(made)}`,
    list: (made: Made) => list(made.not, text(made)),
  }
}
