/** TCP as tcpdump 4.99.3 prints it, with sequence numbers relative to a conversation's first acknowledged packet. */
import { compareIp, formatIp } from '../../base/addr.ts'
import type { Packet, TcpHeader } from '../../net/types.ts'
import { transportChecksum } from '../../wire/peek.ts'
import type { PrintOptions } from './tcpdump-print.ts'

/** Conversations remembered at most. */
const FLOWS_MAX = 4096
const FIN = 1
const SYN = 2
const RST = 4
const ACK = 16
const URG = 32

const FLAGS: readonly [number, string][] = [
  [FIN, 'F'],
  [SYN, 'S'],
  [RST, 'R'],
  [8, 'P'],
  [ACK, '.'],
  [URG, 'U'],
]

/** The part behind the ends; `length` is that of the segment with its header. */
export function tcpText(packet: Packet, upper: Packet, length: number, o: PrintOptions): string {
  const tcp = upper.tcp!
  const options = optionsText(tcp)
  const size = Math.max(0, length - 20 - options.bytes)
  if (o.quick) return `tcp ${size}`
  const { seq, ack } = relative(packet, upper, tcp, o)
  const blocks = sackText(tcp, ack)
  const listed = [options.text, blocks].filter((part) => part !== '').join(',')
  const flags = FLAGS.filter(([bit]) => (tcp.flags & bit) !== 0).map(([, letter]) => letter)
  let text = `Flags [${flags.length === 0 ? 'none' : flags.join('')}]`
  if (o.verbose > 0) {
    text += `, cksum 0x${Math.max(0, transportChecksum(upper)).toString(16).padStart(4, '0')} (correct)`
  }
  if (size > 0 || o.verbose > 1 || (tcp.flags & (SYN | FIN | RST)) !== 0) {
    text += `, seq ${seq}${size > 0 ? `:${(seq + size) % 2 ** 32}` : ''}`
  }
  if ((tcp.flags & ACK) !== 0) text += `, ack ${ack}`
  text += `, win ${tcp.window}`
  if ((tcp.flags & URG) !== 0) text += ', urg 0'
  if (listed !== '') text += `, options [${listed}]`
  return `${text}, length ${size}${httpText(upper)}`
}

function relative(
  packet: Packet,
  upper: Packet,
  tcp: TcpHeader,
  o: PrintOptions,
): { seq: number; ack: number } {
  if (o.absolute || (tcp.flags & ACK) === 0) return tcp
  const order = upper.sport - upper.dport
  const back = order > 0 || (order === 0 && compareIp(packet.src, packet.dst) > 0)
  const from = `${formatIp(packet.src)}.${upper.sport}`
  const to = `${formatIp(packet.dst)}.${upper.dport}`
  const key = back ? `${to} ${from}` : `${from} ${to}`
  const flow = o.flows.get(key)
  if (flow === undefined || (tcp.flags & SYN) !== 0) {
    if (o.flows.size >= FLOWS_MAX) o.flows.clear()
    const before = (tcp.ack + 2 ** 32 - 1) % 2 ** 32
    o.flows.set(key, back ? { seq: before, ack: tcp.seq } : { seq: tcp.seq, ack: before })
    return tcp
  }
  const [own, other] = back ? [flow.ack, flow.seq] : [flow.seq, flow.ack]
  return { seq: (tcp.seq + 2 ** 32 - own) % 2 ** 32, ack: (tcp.ack + 2 ** 32 - other) % 2 ** 32 }
}

/** Options in the order in which Linux writes them, and how many bytes they take. */
function optionsText(tcp: TcpHeader): { text: string; bytes: number } {
  const list: string[] = []
  let bytes = 0
  if (tcp.mss > 0) {
    list.push(`mss ${tcp.mss}`)
    bytes += 4
  }
  if (tcp.tsval >= 0) {
    list.push(...(tcp.sackOk ? ['sackOK'] : ['nop', 'nop']), `TS val ${tcp.tsval} ecr ${tcp.tsecr}`)
    bytes += 12
  } else if (tcp.sackOk) {
    list.push('nop', 'nop', 'sackOK')
    bytes += 4
  }
  if (tcp.wscale >= 0) {
    list.push('nop', `wscale ${tcp.wscale}`)
    bytes += 4
  }
  if (tcp.sack !== undefined && tcp.sack.length > 0) bytes += 4 + 8 * tcp.sack.length
  return { text: list.join(','), bytes }
}

/** SACK blocks, relative as the acknowledgement is. */
function sackText(tcp: TcpHeader, ack: number): string {
  if (tcp.sack === undefined || tcp.sack.length === 0) return ''
  const base = tcp.ack - ack
  const edge = (n: number) => (n - base + 2 ** 33) % 2 ** 32
  return `nop,nop,sack ${tcp.sack.length} ${tcp.sack.map(([a, b]) => `{${edge(a)}:${edge(b)}}`).join('')}`
}

const HTTP_PORTS: readonly number[] = [80, 8080, 3128]
const HTTP_START =
  /^(GET|PUT|COPY|HEAD|LOCK|MOVE|POST|POLL|BCOPY|BMOVE|MKCOL|TRACE|LABEL|MERGE|DELETE|SEARCH|UNLOCK|REPORT|UPDATE|NOTIFY|BDELETE|CONNECT|OPTIONS|CHECKIN|PROPFIND|CHECKOUT|CCM_POST|SUBSCRIBE|PROPPATCH|BPROPFIND|BPROPPATCH|UNCHECKOUT|MKACTIVITY|MKWORKSPACE|UNSUBSCRIBE|RPC_CONNECT|VERSION-CONTROL|BASELINE-CONTROL|HTTP\/[0-9.]+)[ \r\n]/

/** `: HTTP: ` and the first line of a request or an answer, on HTTP's ports. */
function httpText(upper: Packet): string {
  const { payload } = upper
  if (payload === null || payload.length === 0) return ''
  if (!HTTP_PORTS.includes(upper.sport) && !HTTP_PORTS.includes(upper.dport)) return ''
  let line = ''
  for (let i = 0; i < Math.min(payload.length, 512) && payload[i] !== 13 && payload[i] !== 10; i++) {
    line += String.fromCharCode(payload[i]!)
  }
  return HTTP_START.test(`${line}\n`) ? `: HTTP: ${line}` : ': HTTP'
}
