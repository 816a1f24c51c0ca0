/** iptables as node agents call it: no process, the same rules and the same mistakes. Models k8s.io/kubernetes/pkg/util/iptables. */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import { nfChain } from '../../net/nf/chains.ts'
import { nfHasTable, nfTable } from '../../net/nf/tables.ts'
import type { Chain, TableName } from '../../net/nf/types.ts'
import type { Netns, World } from '../../net/types.ts'
import { findNetns } from '../../net/world.ts'
import { touch } from '../../sim/dispatch.ts'
import { runCommand } from '../iptables/apply.ts'
import { parseCommand } from '../iptables/command.ts'
import type { CommandContext } from '../iptables/parsestate.ts'
import type { RestoreRun } from '../iptables/restore.ts'
import { runRestore } from '../iptables/restore.ts'
import { sameRule } from '../iptables/tabledraft.ts'
import { faultText, isFault, raise } from '../iptables/words.ts'

export interface IptablesPlace {
  readonly world: World
  /** Namespace id. */
  readonly ns: number
  readonly family: 4 | 6
}

/** `iptables-restore --noflush --counters` of a text. '' or what the tool says. */
export function restoreRules(place: IptablesPlace, text: string): string {
  const program = place.family === 4 ? 'iptables-restore' : 'ip6tables-restore'
  const options = { counters: true, test: false, noflush: true, verbose: 0, table: '', program }
  const run: RestoreRun = { base: baseOf(place), options, context: contextOf(place), line: 0 }
  return attempt(
    program,
    () => run.line,
    () => runRestore(run, text),
  )
}

/** One iptables command. '' or what the tool says. */
export function iptablesCommand(place: IptablesPlace, args: readonly string[]): string {
  const program = place.family === 4 ? 'iptables' : 'ip6tables'
  return attempt(
    program,
    () => 0,
    () => runCommand(baseOf(place), parseCommand(args, contextOf(place))),
  )
}

/** Makes the chain unless it exists. */
export function ensureChain(place: IptablesPlace, table: string, chain: string): void {
  if (standing(place, table, chain) !== undefined) return
  iptablesCommand(place, ['-t', table, '-N', chain])
}

/** Puts a rule at the chain's head or end unless it is there. True where it was there. */
export function ensureRule(
  place: IptablesPlace,
  where: 'prepend' | 'append',
  table: string,
  chain: string,
  args: readonly string[],
): boolean {
  // As `-C`, which reads the whole table.
  const rules = standing(place, table, chain)?.rules ?? []
  const program = place.family === 4 ? 'iptables' : 'ip6tables'
  const isThere = attempt(
    program,
    () => 0,
    () => {
      const wanted = parseCommand(['-t', table, '-C', chain, ...args], contextOf(place)).rules
      if (!wanted.every((one) => rules.some((rule) => sameRule(rule, one)))) raise('plain', 'it is not there')
    },
  )
  if (isThere === '') return true
  iptablesCommand(place, ['-t', table, where === 'prepend' ? '-I' : '-A', chain, ...args])
  return false
}

/** The chain as it stands, where the table and the chain exist. */
function standing({ world, ns, family }: IptablesPlace, table: string, chain: string): Chain | undefined {
  const netns = findNetns(world, ns)
  if (netns === undefined || !nfHasTable(netns, family, table as TableName)) return undefined
  return nfChain(nfTable(netns, family, table as TableName), chain)
}

/** Takes a rule out where it is. */
export function deleteRule(
  place: IptablesPlace,
  table: string,
  chain: string,
  args: readonly string[],
): void {
  iptablesCommand(place, ['-t', table, '-D', chain, ...args])
}

/** Runs what parses rules; '' or what iptables-restore would say. */
export function ruleFault(family: 4 | 6, body: () => void): string {
  return attempt(family === 4 ? 'iptables-restore' : 'ip6tables-restore', () => 0, body)
}

function netnsOf({ world, ns }: IptablesPlace): Netns {
  touch(world, ns)
  const netns = findNetns(world, ns)
  if (netns === undefined) throw new Error('iptables: the namespace is gone')
  return netns
}

function baseOf(place: IptablesPlace) {
  const { world, family } = place
  return { world, ns: netnsOf(place), family, out: () => {}, host: (ip: Ip) => formatIp(ip) }
}

function contextOf({ family }: IptablesPlace): CommandContext {
  // Agents write addresses, never names.
  return { family, lookup: () => undefined, warn: () => {} }
}

function attempt(name: string, line: () => number, body: () => void): string {
  try {
    body()
    return ''
  } catch (thrown) {
    if (!isFault(thrown)) throw thrown
    return faultText(thrown, { name, line: line() }).trimEnd()
  }
}
