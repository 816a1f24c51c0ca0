/** DNS messages as tcpdump prints them without -v. Models print-domain.c of tcpdump 4.99. Not here: updates, other opcodes. */
import { formatIp } from '../../base/addr.ts'
import type { DnsMessage, DnsRr } from '../../wire/dns.ts'
import { decodeDns } from '../../wire/dns.ts'
import { typeName } from '../dns/text.ts'

const RCODES: Readonly<Record<number, string>> = {
  0: '',
  1: ' FormErr',
  2: ' ServFail',
  3: ' NXDomain',
  4: ' NotImp',
  5: ' Refused',
  6: ' YXDomain',
  7: ' YXRRSet',
  8: ' NXRRSet',
  9: ' NotAuth',
  10: ' NotZone',
}

/** What stands behind `SRC > DST: ` for a datagram to or from port 53; undefined for what is no message. */
export function dnsText(payload: Uint8Array): string | undefined {
  const { message } = decodeDns(payload)
  if (message === undefined) return undefined
  return message.qr ? answerText(message, payload.length) : questionText(message, payload.length)
}

function questionText(message: DnsMessage, length: number): string {
  const { id, rd, cd, question, answer, authority, additional, edns } = message
  let text = `${id}${rd ? '+' : ''}${cd ? '%' : ''}`
  const more = additional.length + (edns === null ? 0 : 1)
  if (question.length !== 1) text += ` [${question.length}q]`
  if (answer.length > 0) text += ` [${answer.length}a]`
  if (authority.length > 0) text += ` [${authority.length}n]`
  if (more > 0) text += ` [${more}au]`
  for (const { type, name } of question) text += ` ${typeName(type)}? ${name}`
  return `${text} (${length})`
}

function answerText(message: DnsMessage, length: number): string {
  const { id, aa, ra, tc, ad, rcode, answer, authority, additional, edns } = message
  // The bits beyond the header's four are in the EDNS record.
  const flags = `${aa ? '*' : ''}${ra ? '' : '-'}${tc ? '|' : ''}${ad ? '$' : ''}`
  const counts = `${answer.length}/${authority.length}/${additional.length + (edns === null ? 0 : 1)}`
  const listed = answer.map((rr) => ` ${rrText(rr)}`).join(',')
  return `${id}${RCODES[rcode & 15] ?? ` Resp${rcode & 15}`}${flags} ${counts}${listed} (${length})`
}

function rrText({ type, data }: DnsRr): string {
  const head = typeName(type)
  switch (data.kind) {
    case 'ip':
      return `${head} ${formatIp(data.ip)}`
    case 'name':
      return `${head} ${data.name}`
    case 'mx':
      return `${head} ${data.name} ${data.preference}`
    case 'srv':
      return `${head} ${data.target}:${data.port} ${data.priority} ${data.weight}`
    case 'txt':
      return `${head}${data.texts.map((text) => ` "${text}"`).join('')}`
    default:
      return head
  }
}
