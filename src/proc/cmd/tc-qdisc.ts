/** The words of netem and tbf as iproute2 6.1 reads and prints them. */
import type { Chance, Netem, Tbf } from '../../net/link/qdisc.ts'
import { createNetem } from '../../net/link/qdisc.ts'

const MAX32 = 0xffffffff
const SEC = 1_000_000_000
const NETEM_USAGE = `Usage: ... netem [ limit PACKETS ]
                 [ delay TIME [ JITTER [CORRELATION]]]
                 [ distribution {uniform|normal|pareto|paretonormal} ]
                 [ corrupt PERCENT [CORRELATION]]
                 [ duplicate PERCENT [CORRELATION]]
                 [ loss random PERCENT [CORRELATION]]
                 [ loss state P13 [P31 [P32 [P23 P14]]]
                 [ loss gemodel PERCENT [R [1-H [1-K]]]
                 [ ecn ]
                 [ reorder PERCENT [CORRELATION] [ gap DISTANCE ]]
                 [ rate RATE [PACKETOVERHEAD] [CELLSIZE] [CELLOVERHEAD]]
                 [ slot MIN_DELAY [MAX_DELAY] [packets MAX_PACKETS] [bytes MAX_BYTES]]
                 [ slot distribution {uniform|normal|pareto|paretonormal|custom}
                   DELAY JITTER [packets MAX_PACKETS] [bytes MAX_BYTES]]
`
const TBF_USAGE =
  'Usage: ... tbf limit BYTES burst BYTES[/BYTES] rate KBPS [ mtu BYTES[/BYTES] ]\n' +
  '\t[ peakrate KBPS ] [ latency TIME ] [ overhead BYTES ] [ linklayer TYPE ]\n'

/** The discipline that the words ask for, or the complaint with its newline. */
export function readConf(
  kind: 'netem' | 'tbf',
  words: readonly string[],
  before: Netem | Tbf | undefined,
): Netem | Tbf | string {
  if (kind === 'tbf') return readTbf(words)
  const base = before?.kind === 'netem' ? before : createNetem()
  return readNetem(words, { ...base, counter: 0, lastLeaves: 0 })
}

export function confText(conf: Netem | Tbf): string {
  return conf.kind === 'netem' ? netemText(conf) : tbfText(conf)
}

function readNetem(words: readonly string[], q: Netem): Netem | string {
  let i = 0
  const more = () => i < words.length && /^[0-9.]/.test(words[i]!)
  const illegal = (what: string) => `Illegal "${what}"\n`
  const chance = (what: string): Chance | string => {
    const p = readPercent(words[i++] ?? '')
    if (p === undefined) return illegal(what)
    const rho = more() ? readPercent(words[i++]!) : 0
    return rho === undefined ? illegal(what) : { p, rho, last: 0 }
  }
  while (i < words.length) {
    const word = words[i++]!
    if (word === 'limit') {
      const limit = Number(words[i++])
      if (!Number.isInteger(limit) || limit < 0) return illegal('limit')
      q.limit = limit
    } else if (word === 'delay' || word === 'latency') {
      const latency = readTime(words[i++] ?? '')
      if (latency === undefined) return illegal('latency')
      const jitter = more() ? readTime(words[i++]!) : 0
      if (jitter === undefined) return illegal('latency')
      const rho = jitter > 0 && more() ? readPercent(words[i++]!) : 0
      if (rho === undefined) return illegal('latency')
      Object.assign(q, { latencyNs: latency, jitterNs: jitter, delay: { p: 0, rho, last: 0 } })
    } else if (word === 'loss' || word === 'drop') {
      if (words[i] === 'state' || words[i] === 'gemodel') return refused(`loss ${words[i]}`)
      if (words[i] === 'random') i++
      const loss = chance('loss percent')
      if (typeof loss === 'string') return loss
      q.loss = loss
    } else if (word === 'duplicate' || word === 'reorder') {
      const read = chance(word)
      if (typeof read === 'string') return read
      q[word] = read
    } else if (word === 'gap') q.gap = Number(words[i++]) || 0
    else if (word === 'rate') {
      const rate = readRate(words[i++] ?? '')
      if (rate === undefined) return illegal('rate')
      q.rate = rate
      if (more()) return refused('packet overhead')
    } else if (/^(corrupt|distribution|ecn|slot)$/.test(word)) return refused(word)
    else return `What is "${word}"?\n${NETEM_USAGE}`
  }
  if (q.reorder.p > 0 && q.gap === 0) q.gap = 1
  if (q.gap > 0 && q.latencyNs === 0) {
    return `${q.reorder.p > 0 ? 'reordering not possible without specifying some delay' : 'gap specified without reorder probability'}\n${NETEM_USAGE}`
  }
  return q
}

function refused(what: string): string {
  return `kubehop: netem ${what} is not modelled\n`
}

function readTbf(words: readonly string[]): Tbf | string {
  let [rate, burst, limit, latency] = [0, 0, 0, -1]
  for (let i = 0; i < words.length; i += 2) {
    const [word, value = ''] = [words[i]!, words[i + 1]]
    if (word === 'rate') rate = readRate(value) ?? 0
    else if (word === 'burst' || word === 'buffer' || word === 'maxburst') burst = readSize(value) ?? 0
    else if (word === 'limit') limit = readSize(value) ?? 0
    else if (word === 'latency') latency = readTime(value) ?? -1
    else if (/^(mtu|minburst|peakrate|overhead|linklayer|mpu)$/.test(word)) {
      return `kubehop: tbf ${word} is not modelled\n`
    } else return `What is "${word}"?\n${TBF_USAGE}`
  }
  let wrong = rate === 0 ? 'tbf: the "rate" parameter is mandatory.\n' : ''
  if (burst === 0) wrong += 'tbf: the "burst" parameter is mandatory.\n'
  if (limit === 0 && latency < 0) wrong += 'tbf: either "limit" or "latency" is required.\n'
  if (wrong !== '') return wrong + TBF_USAGE
  if (limit === 0) limit = Math.floor((rate * latency) / SEC) + burst
  return { kind: 'tbf', rate, burst, limit, tokens: (burst * SEC) / rate, checkedAt: 0 }
}

function netemText(q: Netem): string {
  let text = `limit ${q.limit}`
  const chance = (name: string, one: Chance) => {
    if (one.p > 0) text += ` ${name} ${percentText(one.p)}${one.rho > 0 ? ` ${percentText(one.rho)}` : ''}`
  }
  if (q.latencyNs > 0) {
    text += ` delay ${timeText(q.latencyNs)}`
    if (q.jitterNs > 0) text += `  ${timeText(q.jitterNs)}`
    if (q.delay.rho > 0) text += ` ${percentText(q.delay.rho)}`
  }
  chance('loss', q.loss)
  chance('duplicate', q.duplicate)
  chance('reorder', q.reorder)
  if (q.rate > 0) text += ` rate ${rateText(q.rate)}`
  if (q.gap > 0) text += ` gap ${q.gap}`
  return text
}

function tbfText(q: Tbf): string {
  const lat = (q.limit * SEC) / q.rate - (q.burst * SEC) / q.rate
  return `rate ${rateText(q.rate)} burst ${burstText(q.burst)} lat ${timeText(lat)} `
}

/** ns of a time; a number alone is ns. */
function readTime(text: string): number | undefined {
  const parts = /^([0-9]*\.?[0-9]+)(s|sec|secs|ms|msec|msecs|us|usec|usecs|ns|nsec|nsecs)?$/i.exec(text)
  if (parts === null) return undefined
  const unit = (parts[2] ?? 'ns').toLowerCase()
  const scale = unit.startsWith('ms') ? 1e6 : unit.startsWith('u') ? 1e3 : unit.startsWith('n') ? 1 : SEC
  return Math.floor(Number(parts[1]) * scale)
}

/** A percentage as a part of 2^32 - 1. */
function readPercent(text: string): number | undefined {
  const parts = /^([0-9]*\.?[0-9]+)(%?)$/.exec(text)
  const per = parts === null ? Number.NaN : Number(parts[1]) / 100
  return per >= 0 && per <= 1 ? Math.round(per * MAX32) : undefined
}

/** Bytes per second: `1mbit` is a million bits, `1mbps` a million bytes, a number alone is bits. */
function readRate(text: string): number | undefined {
  const parts = /^([0-9]*\.?[0-9]+)(?:([kmgt]i?)?(bit|bps))?$/i.exec(text)
  if (parts === null) return undefined
  const prefix = (parts[2] ?? '').toLowerCase()
  const base = prefix.endsWith('i') ? 1024 : 1000
  const exponent = prefix === '' ? 0 : 'kmgt'.indexOf(prefix[0]!) + 1
  const scaled = Number(parts[1]) * base ** exponent
  return Math.round(parts[3]?.toLowerCase() === 'bps' ? scaled : scaled / 8)
}

function readSize(text: string): number | undefined {
  const parts = /^([0-9]*\.?[0-9]+)(kbit|mbit|gbit|kb|mb|gb|k|m|g|b)?(\/[0-9]+)?$/i.exec(text)
  if (parts === null) return undefined
  const unit = (parts[2] ?? 'b').toLowerCase()
  const exponent = unit[0] === 'b' ? 0 : 'kmg'.indexOf(unit[0]!) + 1
  const bytes = Number(parts[1]) * 1024 ** exponent
  return Math.floor(unit.endsWith('bit') ? bytes / 8 : bytes)
}

function general(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)))
}

function timeText(ns: number): string {
  if (ns >= 1e9) return `${general(ns / 1e9, 3)}s`
  if (ns >= 1e6) return `${general(ns / 1e6, 3)}ms`
  return ns >= 1e3 ? `${general(ns / 1e3, 3)}us` : `${Math.floor(ns)}ns`
}

function percentText(part: number): string {
  return `${general((100 * part) / MAX32, 6)}%`
}

function rateText(bytesPerSecond: number): string {
  let bits = bytesPerSecond * 8
  let unit = 0
  for (; unit < 4; unit++) {
    if (bits < 1000 || (bits % 1000 !== 0 && bits < 1_000_000)) break
    bits /= 1000
  }
  return `${bits.toFixed(0)}${['', 'K', 'M', 'G', 'T'][unit]}bit`
}

function burstText(bytes: number): string {
  const near = (unit: number, slack: number) => Math.abs(unit * Math.round(bytes / unit) - bytes) < slack
  if (bytes >= 1_048_576 && near(1_048_576, 1024)) return `${Math.round(bytes / 1_048_576)}Mb`
  if (bytes >= 1024 && near(1024, 16)) return `${Math.round(bytes / 1024)}Kb`
  return `${bytes}b`
}
