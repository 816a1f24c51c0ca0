/** Names for what steps only number: devices, bridges, tables; and their evidence as its tool prints it. */
import type { HookEvidence } from '../net/nf/ctx.ts'
import { nfChain } from '../net/nf/chains.ts'
import { nfTable } from '../net/nf/tables.ts'
import type { TableName } from '../net/nf/types.ts'
import { findNetns } from '../net/world.ts'
import { appendLine } from '../proc/iptables/listing.ts'
import { ruleText } from '../proc/iptables/print.ts'
import { connLine } from '../proc/print/conntrack.ts'
import { fdbLine } from '../proc/print/fdb.ts'
import type { Place } from '../proc/print/names.ts'
import { neighLine } from '../proc/print/neigh.ts'
import { routeLine } from '../proc/print/route.ts'
import { machineOf } from '../run/machine.ts'
import type { FdbEntry, Netns, PolicyRule, World } from '../net/types.ts'
import { evidenceOf } from './evidence.ts'
import { ruleView } from './rule-view.ts'
import type { TraceNames } from './trace-view.ts'

const TABLE_NAMES: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' }

/** Names as they are in `world` now. A device that is gone is called by its number. */
export function namesOf(world: World): TraceNames {
  const dev = (ns: number, ifindex: number): string => {
    return findNetns(world, ns)?.links[ifindex]?.name ?? `if${ifindex}`
  }
  return {
    dev,
    bridge: (ns, ifindex) => {
      const link = findNetns(world, ns)?.links[ifindex]
      if (link === undefined) return ''
      if (link.bridge !== null) return link.name
      return link.master === 0 ? '' : dev(ns, link.master)
    },
    tables: (ns, dst) => {
      const netns = findNetns(world, ns)
      const rules = typeof dst === 'number' ? netns?.rules4 : netns?.rules6
      return tablesOf(rules ?? null, typeof dst === 'number')
    },
    route: (ns, route) => evidenceText(world, ns, route),
    rule: (ns, family, hit) => ruleOf(world, ns, family, hit),
    evidence: (ns, evidence) => evidenceText(world, ns, evidence),
    asked: (step) => ruleView(world, step),
  }
}

function evidenceText(world: World, id: number, evidence: unknown): string {
  const ns = findNetns(world, id)
  if (ns === undefined) return ''
  const found = evidenceOf(evidence)
  switch (found.kind) {
    case 'route':
      return routeLine(placeOf(world, ns), found.route)
    case 'neigh':
      return neighLine(placeOf(world, ns), found.neigh)
    case 'fdb':
      return entryLine(placeOf(world, ns), found.entry)
    case 'rule':
      return ruleSpec(ns, found.hit)
    case 'connection': {
      const { conn } = found.note
      return conn === undefined ? '' : connLine(conn, world.now, { extended: false, id: false })
    }
    default:
      return ''
  }
}

/** The rule that decided, as iptables-save has it; '' where it is no longer there. */
function ruleOf(
  world: World,
  id: number,
  family: 4 | 6,
  { table, chain, rule, id: ruleId }: HookEvidence,
): string {
  const ns = findNetns(world, id)
  if (ns === undefined) return ''
  const found = nfChain(nfTable(ns, family, table as TableName), chain)?.rules[rule - 1]
  return found === undefined || found.id !== ruleId ? '' : ruleText(found, family)
}

/** The same as a line of iptables-save, of the family whose rule has the id. */
function ruleSpec(ns: Netns, { table, chain, rule, id, verdict }: HookEvidence): string {
  if (rule === 0) return `-t ${table} -P ${chain} ${verdict}`
  for (const family of [4, 6] as const) {
    const found = nfChain(nfTable(ns, family, table as TableName), chain)?.rules[rule - 1]
    if (found?.id === id) return `-t ${table} ${appendLine(chain, ruleText(found, family))}`
  }
  return ''
}

/** Where a printer looks from: a namespace and the names that its machine knows. */
export function placeOf(world: World, ns: Netns): Place {
  return { world, ns, machine: machineOf(world, ns.id) }
}

/** The tables that the rules look through, but for `local`: that holds the host's own addresses only. */
function tablesOf(rules: readonly PolicyRule[] | null, four: boolean): string {
  if (rules === null) return four ? 'main, default' : 'main'
  const names: string[] = []
  for (const { action, table } of rules) {
    if (action !== 'lookup' || table === 255) continue
    const name = TABLE_NAMES[table] ?? String(table)
    if (!names.includes(name)) names.push(name)
  }
  return names.join(', ')
}

/** The entry as `bridge fdb show` prints it; '' where its port is gone. */
function entryLine(place: Place, entry: FdbEntry): string {
  const dev = place.ns.links[entry.port]
  if (dev === undefined) return ''
  const master = dev.bridge !== null ? dev : place.ns.links[dev.master]
  const state = entry.local ? 'permanent' : entry.static ? 'static' : ''
  return fdbLine(place, { mac: entry.mac, dev, master: master ?? null, state, entry })
}
