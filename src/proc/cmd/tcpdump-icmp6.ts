/** ICMPv6, neighbour discovery and MLDv2 as tcpdump 4.99.3 prints them. */
import { formatMac } from '../../base/addr.ts'
import type { NdBody, Packet } from '../../net/types.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/types.ts'
import { layerBytes } from '../../wire/peek.ts'
import { hexLines } from './tcpdump-hex.ts'
import { portText } from './tcpdump-ip.ts'
import type { PrintOptions } from './tcpdump-print.ts'
import { hostText } from './tcpdump-print.ts'

/** The message of a packet; `length` its bytes. `sum`: a whole message, whose checksum is shown with -v. */
export function icmp6Text(packet: Packet, length: number, o: PrintOptions, sum: boolean): string {
  const icmp = packet.icmp!
  const verbose = o.verbose > 0
  const head = `${verbose && sum ? '[icmp6 sum ok] ' : ''}ICMP6, `
  const tail = verbose ? '' : `, length ${length}`
  if (icmp.type === 128 || icmp.type === 129) {
    const what = icmp.type === 128 ? 'request' : 'reply'
    return `${head}echo ${what}, id ${icmp.id}, seq ${icmp.seq}${tail}`
  }
  const { nd, quoted } = icmp
  if (nd !== null && icmp.type === 143) {
    const records = nd.groups ?? []
    const list = verbose ? records.map((one) => ` ${recordText(one, o)}`).join('') : ''
    return `${head}multicast listener report v2, ${records.length} group record(s)${list}${tail}`
  }
  if (nd !== null) {
    const text = head + ndText(icmp.type, nd, length, o, quoted)
    return icmp.type === REDIRECT && verbose ? text + redirectedHeader(packet, nd, o) : text
  }
  if (quoted === null) return `${head}unknown icmp6 type (${icmp.type})${tail}`
  const words = errorText(icmp.type, icmp.code, icmp.mtu, quoted, o)
  if (words !== undefined) return `${head}${words}${tail}`
  const bytes = layerBytes(packet, 'transport') ?? new Uint8Array(0)
  const unknown = icmp.type === 1 ? 'destination unreachable, unknown unreach code' : 'unknown'
  const dump = o.verbose > 1 ? '' : `\n${hexLines(bytes, false)}`
  return `${head}${unknown} (${icmp.code})${dump}`
}

function errorText(
  type: number,
  code: number,
  mtu: number,
  quoted: Packet,
  o: PrintOptions,
): string | undefined {
  const dst = hostText(quoted.dst, o)
  if (type === 1) {
    const head = 'destination unreachable, '
    switch (code) {
      case 0:
        return `${head}unreachable route ${dst}`
      case 1:
        return `${head} unreachable prohibited ${dst}`
      case 2:
        return `${head}beyond scope ${dst}, source address ${hostText(quoted.src, o)}`
      case 3:
        return `${head}unreachable address ${dst}`
      case 4:
        return `${head}unreachable port, ${dst} ${portPhrase(quoted, o)}`
      default:
        return undefined
    }
  }
  if (type === 2) return `packet too big, mtu ${mtu}`
  if (type === 3) {
    if (code === 0) return `time exceeded in-transit for ${dst}`
    return `time exceeded in-transit${code === 1 ? ' (reassembly)' : `, unknown code (${code})`}`
  }
  if (type !== 4) return undefined
  const what = ['erroneous', 'next header', 'option'][code]
  return what === undefined ? `parameter problem, code-#${code}` : `parameter problem, ${what} - octet ${mtu}`
}

function portPhrase(quoted: Packet, o: PrintOptions): string {
  const upper = quoted.whole ?? quoted
  if (quoted.proto === IPPROTO_TCP) return `tcp port ${portText(upper.dport, 'tcp', o)}`
  if (quoted.proto === IPPROTO_UDP) return `udp port ${portText(upper.dport, 'udp', o)}`
  return `protocol ${quoted.proto} port ${upper.dport}`
}

const RECORDS: readonly string[] = Object.freeze(['', 'is_in', 'is_ex', 'to_in', 'to_ex', 'allow', 'block'])

function recordText(record: { type: number; group: string }, o: PrintOptions): string {
  const what = RECORDS[record.type] ?? `[v2-report-#${record.type}]`
  return `[gaddr ${hostText(record.group, o)} ${what}, 0 source(s)]`
}

const REDIRECT = 137

/** The option's bytes from the first option on, which is where tcpdump begins; with -vv once more, its own. */
function redirectedHeader(packet: Packet, nd: NdBody, o: PrintOptions): string {
  const options = (layerBytes(packet, 'transport') ?? new Uint8Array(0)).subarray(40)
  const own = options.subarray(nd.lladdr >= 0 ? 8 : 0)
  const size = own.length
  const dump = (bytes: Uint8Array) => `\n${hexLines(bytes, false).replaceAll('\t', '\t    ')}`
  const head = `\n\t  redirected header option (4), length ${size} (${size >> 3}): `
  return head + dump(options.subarray(0, size)) + (o.verbose > 1 ? dump(own.subarray(2)) : '')
}

function ndText(type: number, nd: NdBody, length: number, o: PrintOptions, quoted: Packet | null): string {
  const verbose = o.verbose > 0
  const target = hostText(nd.target, o)
  let text = ''
  let tail = verbose ? '' : `, length ${length}`
  const size = verbose ? `, length ${length}` : ''
  if (type === 133) {
    text = 'router solicitation'
    tail = `, length ${length}`
  } else if (type === 134) {
    text = 'router advertisement'
    tail = `, length ${length}`
  } else if (type === REDIRECT) {
    text = `redirect${size}, ${hostText(quoted?.dst ?? nd.target, o)} to ${target}`
  } else if (type === 135) text = `neighbor solicitation${size}, who has ${target}`
  else text = `neighbor advertisement${size}, tgt is ${target}${verbose ? ndFlags(nd.flags) : ''}`
  if (!verbose) return text + tail
  const solicits = type === 133 || type === 135
  if (nd.lladdr >= 0) {
    const name = solicits ? 'source link-address option (1)' : 'destination link-address option (2)'
    tail += `\n\t  ${name}, length 8 (1): ${formatMac(nd.lladdr)}`
    if (o.verbose > 1) tail += `\n\t    0x0000:  ${hexWords(nd.lladdr)}`
  }
  if (nd.nonce >= 0) {
    const words = hexWords(nd.nonce)
    tail += `\n\t  unknown option (14), length 8 (1): \n\t  0x0000:  ${words}`
    if (o.verbose > 1) tail += `\n\t    0x0000:  ${words}`
  }
  return text + tail
}

/** 48 bits as three groups of hex digits. */
function hexWords(value: number): string {
  return (value.toString(16).padStart(12, '0').match(/.{4}/g) ?? []).join(' ')
}

function ndFlags(flags: number): string {
  const list = [
    (flags & 0x80) !== 0 ? 'router' : '',
    (flags & 0x40) !== 0 ? 'solicited' : '',
    (flags & 0x20) !== 0 ? 'override' : '',
  ].filter((flag) => flag !== '')
  return `, Flags [${list.length === 0 ? 'none' : list.join(', ')}]`
}
