/** A message in dig's words: sections with columns at 24, 32, 40 and 48 by tabs of 8. Models dighost.c of BIND 9.18. */
import type { DnsMessage, DnsRr } from '../../wire/dns.ts'
import { className, rcodeName, rdataText, typeName } from './text.ts'

export interface DigShow {
  comments: boolean
  question: boolean
  answer: boolean
  authority: boolean
  additional: boolean
  ttl: boolean
  class: boolean
}

/** The header's lines and the empty one behind them. */
export function headerText(message: DnsMessage, warnRecursion = true): string {
  const flags: [boolean, string][] = [
    [message.qr, 'qr'],
    [message.aa, 'aa'],
    [message.tc, 'tc'],
    [message.rd, 'rd'],
    [message.ra, 'ra'],
    [message.ad, 'ad'],
    [message.cd, 'cd'],
  ]
  const set = flags.flatMap(([on, name]) => (on ? [` ${name}`] : [])).join('')
  const { question, answer, authority, additional, edns } = message
  const counts =
    `QUERY: ${question.length}, ANSWER: ${answer.length}, AUTHORITY: ${authority.length}, ` +
    `ADDITIONAL: ${additional.length + (edns === null ? 0 : 1)}`
  const opcode = ['QUERY', 'IQUERY', 'STATUS', 'RESERVED3', 'NOTIFY', 'UPDATE'][message.opcode] ?? 'RESERVED'
  let text = `;; ->>HEADER<<- opcode: ${opcode}, status: ${rcodeName(message.rcode)}, id: ${message.id}\n`
  text += `;; flags:${set}; ${counts}\n`
  if (warnRecursion && message.qr && message.rd && !message.ra) {
    text += ';; WARNING: recursion requested but not available\n'
  }
  return `${text}\n`
}

/** The sections. `asked` are the options of the question, to tell what came back unchanged. */
export function sectionsText(message: DnsMessage, show: DigShow, asked?: DnsMessage['edns']): string {
  let text = ''
  if (show.comments && message.edns !== null) text += optText(message, asked ?? null)
  const end = show.comments ? '\n' : ''
  if (show.question && message.question.length > 0) {
    if (show.comments) text += ';; QUESTION SECTION:\n'
    for (const one of message.question) {
      text += `;${columns([one.name, [32, className(one.class)], [40, typeName(one.type)]])}\n`
    }
    text += end
  }
  const sections: [boolean, string, DnsRr[]][] = [
    [show.answer, 'ANSWER', message.answer],
    [show.authority, 'AUTHORITY', message.authority],
    [show.additional, 'ADDITIONAL', message.additional],
  ]
  for (const [on, name, records] of sections) {
    if (!on || records.length === 0) continue
    if (show.comments) text += `;; ${name} SECTION:\n`
    for (const rr of records) text += `${recordText(rr, show)}\n`
    text += end
  }
  return text
}

export function recordText(
  rr: DnsRr,
  show: Pick<DigShow, 'ttl' | 'class'> = { ttl: true, class: true },
): string {
  const cells: [number, string][] = []
  if (show.ttl) cells.push([24, String(rr.ttl)])
  if (show.class) cells.push([32, className(rr.class)])
  cells.push([40, typeName(rr.type)], [48, rdataText(rr.data)])
  return columns([rr.name, ...cells])
}

function optText(message: DnsMessage, asked: DnsMessage['edns']): string {
  const { version, do: dnssec, size, options } = message.edns!
  let text = `;; OPT PSEUDOSECTION:\n; EDNS: version: ${version}, flags:${dnssec ? ' do' : ''}; udp: ${size}\n`
  for (const { code, bytes } of options) {
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    const same = asked?.options.some((one) => one.code === code && `${one.bytes}` === `${bytes}`) === true
    text += code === 10 ? `; COOKIE: ${hex}${same ? ' (echoed)' : ''}\n` : `; OPT=${code}: ${hex}\n`
  }
  return text
}

/** Text, then each cell at its column: tabs as far as they reach, then blanks, at least one. */
function columns([first, ...cells]: [string, ...[number, string][]]): string {
  let text = first
  let at = first.length
  for (const [column, cell] of cells) {
    const to = Math.max(column, at + 1)
    const tabs = Math.floor(to / 8) - Math.floor(at / 8)
    const from = tabs > 0 ? Math.floor(to / 8) * 8 : at
    text += '\t'.repeat(Math.max(0, tabs)) + ' '.repeat(to - from) + cell
    at = to + cell.length
  }
  return text
}
