/** Matches on protocol headers: tcp, udp, icmp, icmp6, multiport. Models libxt_tcp, libxt_udp, libipt_icmp and the like. */
import type { Match, PortRange } from '../../net/nf/types.ts'
import type { Draft, Extension, ListView, MatchExt, Opt, RuleState } from './ext.ts'
import { portText } from './ext.ts'
import type { IcmpName } from './icmp-names.ts'
import { ICMP6_NAMES, ICMP_NAMES } from './icmp-names.ts'
import { parsePort, parsePorts, uint } from './values.ts'
import { problem } from './words.ts'

type Ports = { readonly not: boolean; readonly range: PortRange } | null

const PORT_OPTS: readonly Opt[] = [
  { name: 'source-port', arg: true },
  { name: 'sport', arg: true, alias: 'source-port' },
  { name: 'destination-port', arg: true },
  { name: 'dport', arg: true, alias: 'destination-port' },
]

/** In the order in which they are printed. */
const FLAGS: readonly (readonly [string, number])[] = [
  ['FIN', 1],
  ['SYN', 2],
  ['RST', 4],
  ['PSH', 8],
  ['ACK', 16],
  ['URG', 32],
]

export const TCP: MatchExt<'tcp'> = {
  name: 'tcp',
  own: true,
  opts: [
    ...PORT_OPTS,
    { name: 'syn', arg: false },
    { name: 'tcp-flags', arg: true },
    { name: 'tcp-option', arg: true },
  ],
  read(draft, opt, value, not, state) {
    if (opt === 'tcp-option') {
      if (draft.made[opt] !== undefined) problem("Only one `--tcp-option' allowed")
      const number = uint(value, 1, 255) ?? problem(`Bad TCP option "${value}"`)
      draft.made[opt] = { not, value: number }
    } else if (opt === 'syn' || opt === 'tcp-flags') {
      if (draft.made.flags !== undefined) problem("Only one of `--syn' or `--tcp-flags'  allowed")
      const comp = opt === 'syn' ? 'SYN' : state.rest[0]
      if (comp === undefined || /^[-!]/.test(comp)) problem('--tcp-flags requires two args.')
      if (opt !== 'syn') state.taken = 1
      const mask = opt === 'syn' ? 'FIN,SYN,RST,ACK' : value
      draft.made.flags = { not, mask: parseFlags(mask), comp: parseFlags(comp) }
    } else readPort(draft, opt, value, not)
  },
  make(draft, state) {
    if (state.proto !== 6) problem("TCP match requires '-p tcp'")
    return {
      name: 'tcp',
      sport: portsOf(draft, 'source-port'),
      dport: portsOf(draft, 'destination-port'),
      flags: (draft.made.flags as { not: boolean; mask: number; comp: number } | undefined) ?? null,
      option: (draft.made['tcp-option'] as { not: boolean; value: number } | undefined) ?? null,
    }
  },
  save({ sport, dport, flags, option }) {
    let text = savePorts('--sport', sport) + savePorts('--dport', dport)
    if (option !== null) text += `${option.not ? ' !' : ''} --tcp-option ${option.value}`
    if (flags !== null) {
      text += `${flags.not ? ' !' : ''} --tcp-flags ${flagText(flags.mask)} ${flagText(flags.comp)}`
    }
    return text
  },
  list({ sport, dport, flags, option }, view) {
    let text = ` tcp${listPorts('spt', sport, view)}${listPorts('dpt', dport, view)}`
    if (option !== null) text += ` option=${option.not ? '!' : ''}${option.value}`
    if (flags === null) return text
    const show = (bits: number) => (view.numeric ? `0x${hex2(bits)}` : flagText(bits))
    return `${text} flags:${flags.not ? '!' : ''}${show(flags.mask)}/${show(flags.comp)}`
  },
}

export const UDP: MatchExt<'udp'> = {
  name: 'udp',
  own: true,
  opts: PORT_OPTS,
  read: readPort,
  make(draft, state) {
    if (state.proto !== 17) problem("UDP match requires '-p udp'")
    return { name: 'udp', sport: portsOf(draft, 'source-port'), dport: portsOf(draft, 'destination-port') }
  },
  save: ({ sport, dport }) => savePorts('--sport', sport) + savePorts('--dport', dport),
  list: ({ sport, dport }, view) => ` udp${listPorts('spt', sport, view)}${listPorts('dpt', dport, view)}`,
}

export const SCTP: MatchExt<'sctp'> = {
  name: 'sctp',
  own: true,
  opts: PORT_OPTS,
  read: readPort,
  make(draft, state) {
    if (state.proto !== 132) problem("SCTP match requires '-p sctp'")
    return { name: 'sctp', sport: portsOf(draft, 'source-port'), dport: portsOf(draft, 'destination-port') }
  },
  save: ({ sport, dport }) => savePorts('--sport', sport) + savePorts('--dport', dport),
  list: ({ sport, dport }, view) => ` sctp${listPorts('spt', sport, view)}${listPorts('dpt', dport, view)}`,
}

function readPort(draft: Draft, opt: string, value: string, not: boolean): void {
  if (draft.made[opt] !== undefined) problem(`Only one \`--${opt}' allowed`)
  draft.made[opt] = { not, range: parsePorts(value) }
}

/** A range of everything is no match at all, unless it is inverted. */
function portsOf(draft: Draft, opt: string): Ports {
  const ports = draft.made[opt] as NonNullable<Ports> | undefined
  if (ports === undefined || (!ports.not && ports.range.from === 0 && ports.range.to === 65535)) return null
  return ports
}

function parseFlags(text: string): number {
  let bits = 0
  for (const word of text.split(',')) {
    const name = word.toUpperCase()
    if (name === 'ALL') bits |= 63
    else if (name !== 'NONE' && name !== '') {
      bits |= FLAGS.find(([flag]) => flag === name)?.[1] ?? problem(`Unknown TCP flag \`${word}'`)
    }
  }
  return bits
}

function flagText(bits: number): string {
  if (bits === 0) return 'NONE'
  return FLAGS.filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => name)
    .join(',')
}

function hex2(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0')
}

function savePorts(option: string, ports: Ports): string {
  if (ports === null) return ''
  const { from, to } = ports.range
  return `${ports.not ? ' !' : ''} ${option} ${from === to ? from : `${from}:${to}`}`
}

function listPorts(name: string, ports: Ports, view: ListView): string {
  if (ports === null) return ''
  const { from, to } = ports.range
  const not = ports.not ? '!' : ''
  if (from === to) return ` ${name}:${not}${portText(from, view)}`
  return ` ${name}s:${not}${portText(from, view)}:${portText(to, view)}`
}

export const ICMP = icmpExt('icmp', 'icmp-type', 'ICMP', ' icmp', 4, ICMP_NAMES)
export const ICMP6 = icmpExt('icmp6', 'icmpv6-type', 'ICMPv6', ' ipv6-icmp', 6, ICMP6_NAMES)

type IcmpMade = Extract<Match, { name: 'icmp' | 'icmp6' }>

function icmpExt(
  name: 'icmp' | 'icmp6',
  option: string,
  word: string,
  head: string,
  families: 4 | 6,
  names: readonly IcmpName[],
): Extension<IcmpMade> {
  return {
    name,
    families,
    opts: [{ name: option, arg: true, inv: true, mand: true }],
    read(draft, _, value) {
      draft.made.icmp = parseIcmp(value, word, names)
    },
    make(draft) {
      const { type, from, to } = draft.made.icmp as { type: number; from: number; to: number }
      return { name, not: draft.not.has(option), type, code: { from, to } }
    },
    save({ not, type, code }) {
      const codes = code.from === 0 && code.to === 255 ? '' : `/${code.from}`
      const any = name === 'icmp' && type === 255
      return `${not ? ' !' : ''} --${option} ${any ? 'any' : `${type}${codes}`}`
    },
    list({ not, type, code }, view) {
      const known = names.find(([, t, from, to]) => t === type && from === code.from && to === code.to)
      if (!view.numeric && known !== undefined) return `${head} ${not ? '!' : ''}${known[0]}`
      const plain = `${head}${not ? ' !' : ''}type ${type}`
      if (code.from === code.to) return `${plain} code ${code.from}`
      return code.from === 0 && code.to === 255 ? plain : `${plain} codes ${code.from}-${code.to}`
    },
  }
}

function parseIcmp(text: string, word: string, names: readonly IcmpName[]) {
  const low = text.toLowerCase()
  const found = names.filter(([name]) => name.toLowerCase().startsWith(low))
  if (found.length > 1) {
    problem(`Ambiguous ${word} type \`${text}': \`${found[0]![0]}' or \`${found[1]![0]}'?`)
  }
  if (found.length === 1) {
    const [, type, from, to] = found[0]!
    return { type, from, to }
  }
  const slash = text.indexOf('/')
  const type = uint(slash < 0 ? text : text.slice(0, slash), 0, 255)
  if (type === undefined) problem(`Unknown ${word} type \`${text}'`)
  if (slash < 0) return { type, from: 0, to: 255 }
  const code = uint(text.slice(slash + 1), 0, 255)
  if (code === undefined) problem(`Unknown ${word} code \`${text}'`)
  return { type, from: code, to: code }
}

const PORT_LIST = { arg: true, inv: true } as const

export const MULTIPORT: MatchExt<'multiport'> = {
  name: 'multiport',
  opts: [
    { name: 'source-ports', ...PORT_LIST, excl: ['destination-ports', 'ports'] },
    { name: 'sports', ...PORT_LIST, alias: 'source-ports' },
    { name: 'destination-ports', ...PORT_LIST, excl: ['source-ports', 'ports'] },
    { name: 'dports', ...PORT_LIST, alias: 'destination-ports' },
    { name: 'ports', ...PORT_LIST, excl: ['source-ports', 'destination-ports'] },
  ],
  read(draft, opt, value, _, state) {
    checkMultiProto(state)
    draft.made.ranges = parsePortList(value)
    draft.made.which = opt === 'ports' ? 'ports' : opt === 'source-ports' ? 'sports' : 'dports'
  },
  check(draft) {
    if (draft.values.size === 0) problem('multiport expection an option')
  },
  make(draft) {
    return {
      name: 'multiport',
      not: draft.not.size > 0,
      which: draft.made.which as 'sports' | 'dports' | 'ports',
      ranges: draft.made.ranges as PortRange[],
    }
  },
  save: ({ not, which, ranges }) =>
    `${not ? ' !' : ''} --${which} ${ranges.map(({ from, to }) => (from === to ? from : `${from}:${to}`)).join(',')}`,
  list({ not, which, ranges }, view) {
    const port = (n: number) => portText(n, view)
    const texts = ranges.map(({ from, to }) => (from === to ? port(from) : `${port(from)}:${port(to)}`))
    return ` multiport ${which} ${not ? ' !' : ''}${texts.join(',')}`
  },
}

function checkMultiProto(state: RuleState): void {
  if (state.proto === 0) {
    problem("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'")
  }
  if (state.protoNot || ![6, 17, 33, 132, 136].includes(state.proto)) {
    problem('multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP')
  }
}

function parsePortList(text: string): PortRange[] {
  const ranges: PortRange[] = []
  let slots = 0
  for (const part of text.split(',')) {
    const colon = part.indexOf(':')
    slots += colon < 0 ? 1 : 2
    if (slots > 15) problem('too many ports specified')
    const from = parsePort(colon < 0 ? part : part.slice(0, colon))
    const to = colon < 0 ? from : parsePort(part.slice(colon + 1))
    if (colon >= 0 && from >= to) problem('invalid portrange specified')
    ranges.push({ from, to })
  }
  return ranges
}
