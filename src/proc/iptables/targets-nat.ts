/** Targets that translate: DNAT, SNAT, MASQUERADE, REDIRECT, NETMAP. Models libxt_NAT and libipt_NETMAP. */
import type { Ip } from '../../base/addr.ts'
import { formatIp, maskIp } from '../../base/addr.ts'
import type { NatRange, PortRange } from '../../net/nf/types.ts'
import { servicePort } from '../cmd/services.ts'
import type { Draft, RuleState, TargetExt } from './ext.ts'
import { needHost, needHostMask } from './match-state.ts'
import { parseAddr, uint } from './values.ts'
import { notModelled, problem } from './words.ts'

export const DNAT = natExt('DNAT', 'to-destination')
export const SNAT = natExt('SNAT', 'to-source')

function natExt<N extends 'DNAT' | 'SNAT'>(name: N, option: string) {
  type Made = { name: N; range: NatRange; random: boolean; randomFully: boolean; persistent: boolean }
  return {
    name,
    opts: [
      { name: option, arg: true, mand: true },
      { name: 'random', arg: false },
      ...(name === 'SNAT' ? [{ name: 'random-fully', arg: false }] : []),
      { name: 'persistent', arg: false },
    ],
    read(draft: Draft, opt: string, value: string, _: boolean, state: RuleState) {
      if (opt === option) draft.made.range = parseNat(value, state)
    },
    make: ({ made, values }: Draft): Made => ({
      name,
      range: made.range as NatRange,
      random: values.has('random'),
      randomFully: values.has('random-fully'),
      persistent: values.has('persistent'),
    }),
    save: (made: Made) => ` --${option} ${natText(made.range)}${natFlags(made, '--')}`,
    list: (made: Made) => ` to:${natText(made.range)}${natFlags(made, '')}`,
  }
}

function natFlags(
  made: { random: boolean; randomFully: boolean; persistent: boolean },
  dashes: string,
): string {
  const { random, randomFully, persistent } = made
  return (
    (random ? ` ${dashes}random` : '') +
    (randomFully ? ` ${dashes}random-fully` : '') +
    (persistent ? ` ${dashes}persistent` : '')
  )
}

function needPortProto(state: RuleState): void {
  if (![6, 17, 33, 132].includes(state.proto)) {
    problem('Need TCP, UDP, SCTP or DCCP with port specification')
  }
}

/** `ADDR[-ADDR][:PORT[-PORT]]`, IPv6 addresses in brackets where a port follows. */
function parseNat(text: string, state: RuleState): NatRange {
  const { family } = state
  let addrs = text
  let ports: PortRange | null = null
  if (family === 6 && text.startsWith('[')) {
    const end = text.indexOf(']')
    if (end < 0) problem('Invalid address format')
    addrs = text.slice(1, end)
    const rest = text.slice(end + 1)
    if (rest.startsWith(':')) ports = parseNatPorts(rest.slice(1), state)
  } else if (family === 4) {
    const colon = text.indexOf(':')
    if (text.includes(':', colon + 1) && colon >= 0) problem(`Bad IP address "${text}"`)
    if (colon >= 0) {
      ports = parseNatPorts(text.slice(colon + 1), state)
      addrs = text.slice(0, colon)
    }
  }
  if (addrs === '' && ports !== null) return { from: undefined, to: undefined, ports }
  const dash = addrs.indexOf('-')
  const addr = (part: string): Ip => parseAddr(part, family) ?? problem(`Bad IP address "${part}"`)
  const from = addr(dash < 0 ? addrs : addrs.slice(0, dash))
  return { from, to: dash < 0 ? from : addr(addrs.slice(dash + 1)), ports }
}

function parseNatPorts(text: string, state: RuleState): PortRange {
  needPortProto(state)
  if (/^[0-9]+-[0-9]+\/[0-9]+$/.test(text)) notModelled('a port range with a base port')
  return parsePortSpan(text)
}

/** `PORT` or `PORT-PORT`. */
function parsePortSpan(text: string): PortRange {
  const dash = text.indexOf('-')
  const port = (part: string): number =>
    uint(part, 0, 65535) ?? servicePort(part) ?? problem(`Port \`${part}' not valid`)
  // A name may hold a dash itself.
  if (dash < 0 || servicePort(text) !== undefined) {
    const one = port(text)
    return { from: one, to: one }
  }
  const from = port(text.slice(0, dash))
  const to = port(text.slice(dash + 1))
  if (from > to) problem(`Port range \`${text.slice(dash + 1)}' funky`)
  return { from, to }
}

function natText({ from, to, ports }: NatRange): string {
  const end = from === undefined || to === undefined || to === from ? '' : `-${formatIp(to)}`
  const addrs = from === undefined ? '' : formatIp(from) + end
  if (ports === null) return addrs
  return `${typeof from === 'string' ? `[${addrs}]` : addrs}:${portsText(ports)}`
}

function portsText({ from, to }: PortRange): string {
  return from === to ? String(from) : `${from}-${to}`
}

export const MASQUERADE: TargetExt<'MASQUERADE'> = {
  name: 'MASQUERADE',
  opts: [
    { name: 'to-ports', arg: true },
    { name: 'random', arg: false },
    { name: 'random-fully', arg: false },
  ],
  read: readToPorts,
  make: ({ made, values }) => ({
    name: 'MASQUERADE',
    ports: (made.ports as PortRange | undefined) ?? null,
    random: values.has('random'),
    randomFully: values.has('random-fully'),
  }),
  save: (made) => savePorts(made.ports) + natFlags({ ...made, persistent: false }, '--'),
  list: (made) =>
    (made.ports === null ? '' : ` masq ports: ${portsText(made.ports)}`) +
    natFlags({ ...made, persistent: false }, ''),
}

export const REDIRECT: TargetExt<'REDIRECT'> = {
  name: 'REDIRECT',
  opts: [
    { name: 'to-ports', arg: true },
    { name: 'random', arg: false },
  ],
  read: readToPorts,
  make: ({ made, values }) => ({
    name: 'REDIRECT',
    ports: (made.ports as PortRange | undefined) ?? null,
    random: values.has('random'),
  }),
  save: ({ ports, random }) => `${savePorts(ports)}${random ? ' --random' : ''}`,
  list: ({ ports, random }) =>
    `${ports === null ? '' : ` redir ports ${portsText(ports)}`}${random ? ' random' : ''}`,
}

function readToPorts(draft: Draft, opt: string, value: string, _: boolean, state: RuleState): void {
  if (opt !== 'to-ports') return
  needPortProto(state)
  draft.made.ports = parsePortSpan(value)
}

function savePorts(ports: PortRange | null): string {
  return ports === null ? '' : ` --to-ports ${portsText(ports)}`
}

export const NETMAP: TargetExt<'NETMAP'> = {
  name: 'NETMAP',
  opts: [{ name: 'to', arg: true, mand: true }],
  read(draft, _, value, __, state) {
    if (!value.includes('/')) {
      const addr = needHost(value, state.family, state.lookup)
      draft.made.to = { addr, len: state.family === 4 ? 32 : 128 }
      return
    }
    const { addr, len } = needHostMask(value, state)
    if (len < 0) notModelled('NETMAP --to with a mask that is no prefix')
    draft.made.to = { addr: maskIp(addr, len), len }
  },
  make: ({ made }) => ({ name: 'NETMAP', ...(made.to as { addr: Ip; len: number }) }),
  save: ({ addr, len }) => ` --to ${formatIp(addr)}/${len}`,
  list: ({ addr, len }) => ` to:${formatIp(addr)}/${len}`,
}
