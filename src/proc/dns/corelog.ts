/** Lines of CoreDNS' log plugin. Models plugin/log and plugin/pkg/replacer (CoreDNS 1.11.3). */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import type { DnsMessage } from '../../wire/dns.ts'
import type { LogConf } from './coretypes.ts'
import { className, isBelow, rcodeName, typeName } from './text.ts'
import { classOf, typify } from './typify.ts'

export interface LogAsked {
  client: { ip: Ip; port: number; proto: 'udp' | 'tcp' }
  /** The server's own address. */
  local: string
  size: number
  /** The most that an answer may have, bytes. */
  max: number
  query: DnsMessage
  /** ns. */
  took: number
}

export interface LogSaid {
  /** Null where no plugin wrote one. */
  message: DnsMessage | null
  size: number
  tc: boolean
}

/** The line by the first rule whose zone the name is in; '' where it wants none. */
export function logLine(rules: readonly LogConf[], asked: LogAsked, said: LogSaid): string {
  const name = asked.query.question[0]!.name.toLowerCase()
  const rule = rules.find(({ zone }) => isBelow(name, zone))
  if (rule === undefined) return ''
  const own = said.message === null ? 'error' : classOf(typify(said.message))
  if (!rule.classes.includes('all') && !rule.classes.includes(own)) return ''
  return rule.format.replace(/\{[^{}]*\}/g, (label) => labelText(label, name, asked, said) ?? label)
}

function labelText(label: string, name: string, asked: LogAsked, said: LogSaid): string | undefined {
  const { client, query } = asked
  const { type, class: klass } = query.question[0]!
  const host = (text: string) => (text.includes(':') ? `[${text}]` : text)
  switch (label) {
    case '{type}':
      return typeName(type)
    case '{name}':
      return name
    case '{class}':
      return className(klass)
    case '{proto}':
      return client.proto
    case '{size}':
      return `${asked.size}`
    case '{remote}':
      return host(formatIp(client.ip))
    case '{port}':
      return `${client.port}`
    case '{local}':
      return host(asked.local)
    case '{>id}':
      return `${query.id}`
    case '{>opcode}':
      return `${query.opcode}`
    case '{>do}':
      return `${query.edns?.do === true}`
    case '{>bufsize}':
      return `${asked.max}`
    case '{rcode}':
      return said.message === null ? '-' : rcodeName(said.message.rcode)
    case '{rsize}':
      return said.message === null ? '0' : `${said.size}`
    case '{duration}':
      return `${(asked.took / 1e9).toFixed(9).replace(/\.?0+$/, '')}s`
    case '{>rflags}':
      return said.message === null ? '-' : flagText(said.message, said.tc)
    default:
      // No plugin here has metadata to tell.
      return label.startsWith('{/') ? '-' : undefined
  }
}

function flagText(message: DnsMessage, tc: boolean): string {
  const flags: [boolean, string][] = [
    [message.qr, 'qr'],
    [message.aa, 'aa'],
    [tc, 'tc'],
    [message.rd, 'rd'],
    [message.ra, 'ra'],
    [message.ad, 'ad'],
    [message.cd, 'cd'],
  ]
  return flags.flatMap(([on, name]) => (on ? [name] : [])).join(',')
}
