/** The inspector's tables of netfilter: rules with their counters as `iptables -nvL` shows them, and connections. */
import { formatIp } from '../base/addr.ts'
import { nfCounters, nfRuleset } from '../net/nf/tables.ts'
import type { Conn, TableName, Tuple } from '../net/nf/types.ts'
import type { Netns } from '../net/types.ts'
import { chainsOf, listText } from '../proc/iptables/listing.ts'
import { ruleText } from '../proc/iptables/print.ts'
import { openTable } from '../proc/iptables/tabledraft.ts'
import { CT_VERSION, connLine, connProto, secondsLeft } from '../proc/print/conntrack.ts'
import { connRef, nfRef } from './refs.ts'
import type { TableView } from './types.ts'

const ORDER: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter', 'security']

/** The tables that exist, IPv4 first, then the connections where any packet was tracked. */
export function netfilterTables(ns: Netns, now: number): TableView[] {
  const views: TableView[] = []
  for (const family of [4, 6] as const) {
    const { tables } = nfRuleset(ns, family)
    for (const name of ORDER) if (tables.has(name)) views.push(rulesTable(ns, family, name))
  }
  const ct = ns.nf?.conntrack
  if (ct != null) views.push(connTable(now, [...ct.conns.values()]))
  return views
}

function rulesTable(ns: Netns, family: 4 | 6, name: TableName): TableView {
  const draft = openTable(ns, family, name)
  const chains = chainsOf(draft)
  const rows = chains.flatMap((chain) => {
    const row = (id: number, number: string, text: string) => {
      const { packets, bytes } = nfCounters(ns, id)
      return { ref: nfRef(id), cells: [chain.name, number, String(packets), String(bytes), text] }
    }
    const rules = chain.rules.map(({ rule }, i) => row(rule.id, String(i + 1), ruleText(rule, family)))
    return chain.policyId === 0 ? rules : [...rules, row(chain.policyId, '', `policy ${chain.policy}`)]
  })
  const view = { numeric: true, verbose: true, exact: false, lineNumbers: false, host: formatIp }
  return {
    id: family === 4 ? name : `${name}6`,
    command: `${family === 4 ? 'iptables' : 'ip6tables'}${name === 'filter' ? '' : ` -t ${name}`} -nvL`,
    columns: ['chain', 'num', 'pkts', 'bytes', 'rule'],
    rows,
    text: listText(ns, draft, chains, 0, { ...view, family }),
  }
}

function connTable(now: number, all: readonly Conn[]): TableView {
  const conns = all.filter((conn) => conn.expiresAt > now)
  // A terminal shows standard error too.
  const count = `${CT_VERSION}: ${conns.length} flow entries have been shown.\n`
  return {
    id: 'conntrack',
    command: 'conntrack -L',
    columns: ['proto', 'seconds', 'state', 'original', 'reply', 'flags'],
    rows: conns.map((conn) => ({
      ref: connRef(conn.id),
      cells: [
        connProto(conn.orig.proto),
        String(secondsLeft(conn, now)),
        conn.state,
        endsText(conn.orig),
        endsText(conn.reply),
        [(conn.status & 2) === 0 ? 'UNREPLIED' : '', (conn.status & 4) === 0 ? '' : 'ASSURED']
          .join(' ')
          .trim(),
      ],
    })),
    text: conns.map((conn) => `${connLine(conn, now, { extended: false, id: false })}\n`).join('') + count,
  }
}

/** `10.0.0.1:40000 > 10.0.0.2:80`; ICMP has its type and id. */
function endsText({ src, dst, proto, sport, dport }: Tuple): string {
  if (proto === 1 || proto === 58) return `${formatIp(src)} > ${formatIp(dst)} type ${dport >> 8} id ${sport}`
  if (proto !== 6 && proto !== 17) return `${formatIp(src)} > ${formatIp(dst)}`
  const end = (ip: Tuple['src'], port: number) =>
    typeof ip === 'number' ? `${formatIp(ip)}:${port}` : `[${formatIp(ip)}]:${port}`
  return `${end(src, sport)} > ${end(dst, dport)}`
}
