/** Matches on addresses, devices, sizes and comments: comment, addrtype, mac, physdev, iprange, length, ttl, hl, pkttype. */
import type { Ip } from '../../base/addr.ts'
import { compareIp, formatIp, formatMac, parseMac } from '../../base/addr.ts'
import type { IfMatch } from '../../net/nf/types.ts'
import type { Draft, MatchExt } from './ext.ts'
import { needRange, needUint, saveString } from './ext.ts'
import { parseAddr, parseIf } from './values.ts'
import { notModelled, problem } from './words.ts'

export const COMMENT: MatchExt<'comment'> = {
  name: 'comment',
  opts: [{ name: 'comment', arg: true, mand: true }],
  make: (draft) => ({ name: 'comment', text: draft.values.get('comment')!.slice(0, 255) }),
  save: ({ text }) => ` --comment${saveString(text)}`,
  list: ({ text }) => ` /* ${text} */`,
}

const TYPES: readonly string[] =
  'UNSPEC UNICAST LOCAL BROADCAST ANYCAST MULTICAST BLACKHOLE UNREACHABLE PROHIBIT THROW NAT XRESOLVE'.split(
    ' ',
  )

interface TypeList {
  readonly not: boolean
  readonly types: readonly string[]
}

export const ADDRTYPE: MatchExt<'addrtype'> = {
  name: 'addrtype',
  opts: [
    { name: 'src-type', arg: true, inv: true },
    { name: 'dst-type', arg: true, inv: true },
    { name: 'limit-iface-in', arg: false, excl: ['limit-iface-out'] },
    { name: 'limit-iface-out', arg: false, excl: ['limit-iface-in'] },
  ],
  read(draft, opt, value, not) {
    if (opt !== 'src-type' && opt !== 'dst-type') return
    const words = value.split(',')
    const given = words.map((word) => word.toUpperCase())
    const bad = words[given.findIndex((word) => !TYPES.includes(word))]
    if (bad !== undefined) problem(`addrtype: bad type "${bad}"`)
    draft.made[opt] = { not, types: TYPES.filter((type) => given.includes(type)) }
  },
  check(draft) {
    if (draft.made['src-type'] === undefined && draft.made['dst-type'] === undefined) {
      problem('addrtype: you must specify --src-type or --dst-type')
    }
  },
  make: ({ made, values }) => ({
    name: 'addrtype',
    src: (made['src-type'] as TypeList | undefined) ?? null,
    dst: (made['dst-type'] as TypeList | undefined) ?? null,
    limitIfaceIn: values.has('limit-iface-in'),
    limitIfaceOut: values.has('limit-iface-out'),
  }),
  save({ src, dst, limitIfaceIn, limitIfaceOut }) {
    let text = ''
    if (src !== null) text += `${src.not ? ' !' : ''} --src-type ${src.types.join(',')}`
    if (dst !== null) text += `${dst.not ? ' !' : ''} --dst-type ${dst.types.join(',')}`
    if (limitIfaceIn) text += ' --limit-iface-in'
    return limitIfaceOut ? `${text} --limit-iface-out` : text
  },
  list({ src, dst, limitIfaceIn, limitIfaceOut }) {
    let text = ' ADDRTYPE match'
    if (src !== null) text += ` src-type ${src.not ? '!' : ''}${src.types.join(',')}`
    if (dst !== null) text += ` dst-type ${dst.not ? '!' : ''}${dst.types.join(',')}`
    if (limitIfaceIn) text += ' limit-in'
    return limitIfaceOut ? `${text} limit-out` : text
  },
}

export const MAC: MatchExt<'mac'> = {
  name: 'mac',
  opts: [{ name: 'mac-source', arg: true, inv: true, mand: true }],
  read(draft, _, value) {
    draft.made.mac = parseMac(value) ?? problem('Invalid MAC address specified.')
  },
  make: (draft) => ({ name: 'mac', not: draft.not.size > 0, mac: draft.made.mac as number }),
  save: ({ not, mac }) => `${not ? ' !' : ''} --mac-source ${formatMac(mac)}`,
  list: ({ not, mac }) => ` MAC${not ? ' !' : ''} ${formatMac(mac)}`,
}

type Physdev = ReturnType<MatchExt<'physdev'>['make']>

export const PHYSDEV: MatchExt<'physdev'> = {
  name: 'physdev',
  opts: [
    { name: 'physdev-in', arg: true, inv: true },
    { name: 'physdev-out', arg: true, inv: true },
    { name: 'physdev-is-in', arg: false, inv: true },
    { name: 'physdev-is-out', arg: false, inv: true },
    { name: 'physdev-is-bridged', arg: false, inv: true },
  ],
  read(draft, opt, value, not, state) {
    draft.made[opt] = opt.includes('-is-') ? !not : parseIf(value, not, state.warn)
  },
  check(draft) {
    if (draft.values.size === 0) problem('PHYSDEV: no physdev option specified')
  },
  make: ({ made }) => ({
    name: 'physdev',
    in: (made['physdev-in'] as IfMatch | undefined) ?? null,
    out: (made['physdev-out'] as IfMatch | undefined) ?? null,
    isIn: (made['physdev-is-in'] as boolean | undefined) ?? null,
    isOut: (made['physdev-is-out'] as boolean | undefined) ?? null,
    isBridged: (made['physdev-is-bridged'] as boolean | undefined) ?? null,
  }),
  save: physdevText,
  list: (made) => ` PHYSDEV match${physdevText(made)}`,
}

function physdevText(made: Physdev): string {
  const is = (value: boolean | null, name: string) =>
    value === null ? '' : `${value ? '' : ' !'} --physdev-is-${name}`
  const dev = (value: IfMatch | null, name: string) =>
    value === null ? '' : `${value.not ? ' !' : ''} --physdev-${name} ${value.name}${value.prefix ? '+' : ''}`
  const ins = is(made.isIn, 'in') + dev(made.in, 'in')
  return `${ins}${is(made.isOut, 'out')}${dev(made.out, 'out')}${is(made.isBridged, 'bridged')}`
}

interface IpRange {
  readonly not: boolean
  readonly from: Ip
  readonly to: Ip
}

export const IPRANGE: MatchExt<'iprange'> = {
  name: 'iprange',
  opts: [
    { name: 'src-range', arg: true, inv: true },
    { name: 'dst-range', arg: true, inv: true },
  ],
  read(draft, opt, value, not, state) {
    const dash = value.indexOf('-')
    const ends = dash < 0 ? [value, value] : [value.slice(0, dash), value.slice(dash + 1)]
    const [from, to] = ends.map(
      (end) => parseAddr(end, state.family) ?? problem(`iprange: Bad value for "--${opt}" option: "${end}"`),
    ) as [Ip, Ip]
    if (compareIp(from, to) > 0) {
      state.warn(`xt_iprange: range ${formatIp(from)}-${formatIp(to)} is reversed and will never match\n`)
    }
    draft.made[opt] = { not, from, to }
  },
  check(draft) {
    if (draft.values.size === 0) problem("iprange match: You must specify `--src-range' or `--dst-range'")
  },
  make: ({ made }) => ({
    name: 'iprange',
    src: (made['src-range'] as IpRange | undefined) ?? null,
    dst: (made['dst-range'] as IpRange | undefined) ?? null,
  }),
  save: ({ src, dst }) => rangeText(src, '! ', '--src-range') + rangeText(dst, '! ', '--dst-range'),
  list: ({ src, dst }) => rangeList(src, 'source') + rangeList(dst, 'destination'),
}

function rangeText(range: IpRange | null, not: string, option: string): string {
  if (range === null) return ''
  return ` ${range.not ? not : ''}${option} ${formatIp(range.from)}-${formatIp(range.to)}`
}

function rangeList(range: IpRange | null, side: string): string {
  if (range === null) return ''
  return ` ${side} IP range${range.not ? ' !' : ''} ${formatIp(range.from)}-${formatIp(range.to)}`
}

export const LENGTH: MatchExt<'length'> = {
  name: 'length',
  opts: [{ name: 'length', arg: true, inv: true, mand: true }],
  read(draft, opt, value) {
    draft.made.range = needRange('length', opt, value, 65535)
  },
  make: (draft) => ({
    name: 'length',
    not: draft.not.size > 0,
    range: draft.made.range as { from: number; to: number },
  }),
  save: ({ not, range: { from, to } }) =>
    `${not ? ' !' : ''} --length ${from === to ? from : `${from}:${to}`}`,
  list: ({ not, range: { from, to } }) => ` length ${not ? '!' : ''}${from === to ? from : `${from}:${to}`}`,
}

export const TTL_MATCH = hopExt(
  'ttl',
  4,
  'TTL',
  "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt",
)
export const HL_MATCH = hopExt(
  'hl',
  6,
  'HL',
  "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'",
)

function hopExt<N extends 'ttl' | 'hl'>(name: N, families: 4 | 6, head: string, missing: string) {
  type Made = { name: N; op: 'eq' | 'ne' | 'lt' | 'gt'; value: number }
  const [lt, gt, eq] = [`${name}-lt`, `${name}-gt`, `${name}-eq`]
  const signs = { eq: '==', ne: '!=', lt: '<', gt: '>' }
  return {
    name,
    families,
    opts: [
      { name: lt, arg: true, excl: [gt, eq] },
      { name: gt, arg: true, excl: [lt, eq] },
      { name: eq, arg: true, inv: true, excl: [lt, gt] },
      { name, arg: true, inv: true, alias: eq },
    ],
    read(draft: Draft, opt: string, value: string) {
      draft.made[opt] = needUint(name, opt, value, 0, 255)
    },
    check(draft: Draft) {
      if (draft.values.size === 0) problem(missing)
    },
    make({ made, not }: Draft): Made {
      if (made[lt] !== undefined) return { name, op: 'lt', value: made[lt] as number }
      if (made[gt] !== undefined) return { name, op: 'gt', value: made[gt] as number }
      return { name, op: not.has(eq) ? 'ne' : 'eq', value: made[eq] as number }
    },
    save: ({ op, value }: Made) => `${op === 'ne' ? ' !' : ''} --${name}-${op === 'ne' ? 'eq' : op} ${value}`,
    list: ({ op, value }: Made) => ` ${head} match ${head} ${signs[op]} ${value}`,
  }
}

export const PKTTYPE: MatchExt<'pkttype'> = {
  name: 'pkttype',
  opts: [{ name: 'pkt-type', arg: true, inv: true, mand: true }],
  read(draft, _, value) {
    const names = { unicast: 'unicast', host: 'unicast', broadcast: 'broadcast', bcast: 'broadcast' } as const
    const more = { multicast: 'multicast', mcast: 'multicast' } as const
    const types: Readonly<Record<string, string>> = { ...names, ...more }
    const low = value.toLowerCase()
    if (low === 'otherhost') notModelled('--pkt-type otherhost')
    if (!Object.hasOwn(types, low)) problem(`Bad packet type '${value}'`)
    draft.made.type = types[low]
  },
  make: (draft) => ({
    name: 'pkttype',
    not: draft.not.size > 0,
    type: draft.made.type as 'unicast' | 'broadcast' | 'multicast',
  }),
  save: ({ not, type }) => `${not ? ' !' : ''} --pkt-type ${type}`,
  list: ({ not, type }) => ` PKTTYPE ${not ? '!=' : '='} ${type}`,
}
