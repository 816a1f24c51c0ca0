/** What ping prints (iputils 20221126), from numbers to text. */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'

/** Counters of a run, as `ping` sums them up; times in microseconds. */
export interface PingCounts {
  sent: number
  received: number
  repeats: number
  errors: number
  /** The most packets that were on their way when an answer came. */
  pipe: number
  min: number
  max: number
  sum: number
  squares: number
  /** Smoothed round-trip time, times 8. */
  ewma: number
}

/** ` time=0.049 ms`: fewer digits the longer it took. */
export function roundTrip(us: number): string {
  if (us >= 100_000 - 50) return ` time=${Math.floor((us + 500) / 1000)} ms`
  if (us >= 10_000 - 5) {
    return ` time=${Math.floor((us + 50) / 1000)}.${Math.floor(((us + 50) % 1000) / 100)} ms`
  }
  if (us >= 1000) {
    return ` time=${Math.floor((us + 5) / 1000)}.${pad(Math.floor(((us + 5) % 1000) / 10), 2)} ms`
  }
  return ` time=0.${pad(us, 3)} ms`
}

/** The closing lines. `elapsed`: ns from the start to the last packet sent; `timed`: the payload held a time. */
export function statistics(
  host: string,
  counts: PingCounts,
  elapsed: number,
  timed: boolean,
  flood: boolean,
): string {
  const { sent, received } = counts
  let text = `\n--- ${host} ping statistics ---\n${sent} packets transmitted, ${received} received`
  if (counts.repeats > 0) text += `, +${counts.repeats} duplicates`
  if (counts.errors > 0) text += `, +${counts.errors} errors`
  if (sent > 0) {
    text += `, ${general(((sent - received) * 100) / sent)}% packet loss`
    text += `, time ${Math.floor((elapsed + 500_000) / 1_000_000)}ms`
  }
  text += '\n'
  const parts: string[] = []
  if (received > 0 && timed) parts.push(`rtt min/avg/max/mdev = ${spread(counts)} ms`)
  if (counts.pipe > 1) parts.push(`pipe ${counts.pipe}`)
  if (received > 0 && flood && sent > 1) {
    const gap = Math.trunc(Math.floor(elapsed / 1000) / (sent - 1))
    parts.push(`ipg/ewma ${millis(gap)}/${millis(Math.trunc(counts.ewma / 8))} ms`)
  }
  return `${text}${parts.join(', ')}\n`
}

/** The line that Ctrl-\ asks for. */
export function snapshot(counts: PingCounts, timed: boolean): string {
  const { sent, received } = counts
  const loss = sent === 0 ? 0 : Math.trunc(((sent - received) * 100) / sent)
  let text = `\r${received}/${sent} packets, ${loss}% loss`
  if (received > 0 && timed) {
    const average = Math.trunc(counts.sum / (received + counts.repeats))
    const ewma = Math.trunc(counts.ewma / 8)
    const all = [counts.min, average, ewma, counts.max].map(millis).join('/')
    text += `, min/avg/ewma/max = ${all} ms`
  }
  return `${text}\n`
}

/** What an ICMP error says, without a newline. `info`: the MTU, the new gateway or the pointer. */
export function icmpWords(type: number, code: number, info: Ip): string {
  if (type === 3) {
    if (code === 4) return `Frag needed and DF set (mtu = ${info})`
    return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`
  }
  if (type === 4) return 'Source Quench'
  if (type === 5) {
    const what = REDIRECTS[code] ?? `Redirect, Bad Code: ${code}`
    return `${what}(New nexthop: ${formatIp(info)})`
  }
  if (type === 11) return EXCEEDED[code] ?? `Time exceeded, Bad Code: ${code}`
  if (type === 12) return `Parameter problem: pointer = ${info}`
  return `Bad ICMP type: ${type}`
}

/** The same for ICMPv6. */
export function icmp6Words(type: number, code: number, info: number): string {
  if (type === 1) return `Destination unreachable: ${UNREACHABLE6[code] ?? `Unknown code ${code}`}`
  if (type === 2) return `Packet too big: mtu=${info}`
  if (type === 3) {
    const what = ['Hop limit', 'Defragmentation failure'][code] ?? `code ${code}`
    return `Time exceeded: ${what}`
  }
  if (type === 4) {
    const what = ['Wrong header field ', 'Unknown header ', 'Unknown option '][code] ?? `code ${code} `
    return `Parameter problem: ${what}at ${info}`
  }
  return `unknown icmp type: ${type}`
}

const UNREACHABLE: readonly string[] = Object.freeze([
  'Destination Net Unreachable',
  'Destination Host Unreachable',
  'Destination Protocol Unreachable',
  'Destination Port Unreachable',
  '',
  'Source Route Failed',
  'Destination Net Unknown',
  'Destination Host Unknown',
  'Source Host Isolated',
  'Destination Net Prohibited',
  'Destination Host Prohibited',
  'Destination Net Unreachable for Type of Service',
  'Destination Host Unreachable for Type of Service',
  'Packet filtered',
  'Precedence Violation',
  'Precedence Cutoff',
])

const UNREACHABLE6: readonly string[] = Object.freeze([
  'No route',
  'Administratively prohibited',
  'Beyond scope of source address',
  'Address unreachable',
  'Port unreachable',
])

const REDIRECTS: readonly string[] = Object.freeze([
  'Redirect Network',
  'Redirect Host',
  'Redirect Type of Service and Network',
  'Redirect Type of Service and Host',
])

const EXCEEDED: readonly string[] = Object.freeze(['Time to live exceeded', 'Frag reassembly time exceeded'])

/** min/avg/max/mdev; the rounding is ping's: whole microseconds, an integer square root that may end one too high. */
function spread(counts: PingCounts): string {
  const total = counts.received + counts.repeats
  const { sum, squares } = counts
  const average = Math.trunc(sum / total)
  const variance =
    sum < 2147483647
      ? Math.trunc((squares - Math.trunc((sum * sum) / total)) / total)
      : Math.trunc(squares / total - average * average)
  return [counts.min, average, counts.max, root(variance)].map(millis).join('/')
}

function root(a: number): number {
  let before = Number.MAX_SAFE_INTEGER
  let x = a
  if (x <= 0) return x
  while (x < before) {
    before = x
    x = Math.trunc((x + Math.trunc(a / x)) / 2)
  }
  return x
}

function millis(us: number): string {
  return `${Math.trunc(us / 1000)}.${pad(us % 1000, 3)}`
}

/** `%g` of a float. */
function general(value: number): string {
  return String(Number(Math.fround(value).toPrecision(6)))
}

function pad(n: number, width: number): string {
  return String(n).padStart(width, '0')
}
