/** Commands carried out on a table's draft. Models iptables/nft-cmd.c and nft.c of iptables 1.8.9. */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import type { Rule } from '../../net/nf/types.ts'
import type { Netns, World } from '../../net/types.ts'
import type { Command, Verb } from './parsestate.ts'
import { checkRule, tooManyLinks } from './kernelcheck.ts'
import { chainsOf, listText, specText } from './listing.ts'
import { ruleLine } from './print.ts'
import type { DraftChain, TableDraft } from './tabledraft.ts'
import {
  addChain,
  commitTable,
  everyChain,
  findChain,
  hasChain,
  isBuiltin,
  jumpOf,
  needChain,
  openTable,
  references,
  removeChain,
  sameRule,
} from './tabledraft.ts'
import { notModelled, raise } from './words.ts'

/** One transaction: a table, and what the kernel will say to it. */
export interface Work {
  readonly world: World
  readonly ns: Netns
  readonly family: 4 | 6
  readonly draft: TableDraft
  /** Faults of the kernel, told when the transaction is sent. */
  readonly faults: { message: string; line: number }[]
  /** The last rule with a jump that this transaction brought: it is told of loops. */
  lastJump: { message: string; line: number } | undefined
  readonly out: (text: string) => void
  readonly host: (ip: Ip) => string
}

export function newWork(
  base: Pick<Work, 'world' | 'ns' | 'family' | 'out' | 'host'>,
  draft: TableDraft,
): Work {
  return { ...base, draft, faults: [], lastJump: undefined }
}

/** One command of its own: read, changed and loaded, or a fault raised and nothing changed. */
export function runCommand(
  base: Pick<Work, 'world' | 'ns' | 'family' | 'out' | 'host'>,
  command: Command,
): void {
  const work = newWork(base, openTable(base.ns, base.family, command.table))
  applyCommand(work, command, 0)
  commitWork(work)
}

/** Sends the transaction. */
export function commitWork(work: Work): void {
  const fault = work.faults[0]
  if (fault !== undefined) {
    // A restore tells all of them, a command the first.
    const more = fault.line === 0 ? [] : work.faults.slice(1)
    const rest = more.map(({ message, line }) => `\nline ${line}: ${message}`).join('')
    raise('kernel', fault.message + rest, fault.line)
  }
  if (work.lastJump !== undefined && tooManyLinks(work.draft)) {
    raise('kernel', work.lastJump.message, work.lastJump.line)
  }
  commitTable(work.world, work.ns, work.family, work.draft)
}

const NO_CHAIN = 'No chain/target/match by that name'
const NO_RULE = 'Bad rule (does a matching rule exist in that chain?)'

/** Changes the draft, or writes what was asked for. `line` is that of a restore's input. */
export function applyCommand(work: Work, command: Command, line: number): void {
  for (const verb of ['A', 'C', 'D', 'D#', 'I', 'R', 'L', 'S', 'F', 'Z', 'Z#', 'N', 'X', 'E', 'P'] as const) {
    if (command.verbs.has(verb)) VERBS[verb](work, command, line)
  }
}

const VERBS: Readonly<
  Record<Exclude<Verb, 'V' | 'h'>, (work: Work, command: Command, line: number) => void>
> = {
  A: (work, command, line) => addRules(work, command, line, 'APPEND'),
  I: (work, command, line) => addRules(work, command, line, 'INSERT'),
  R: replaceRule,
  D: deleteRules,
  'D#': deleteNumber,
  C: deleteRules,
  L: list,
  S: list,
  F: flush,
  Z: zero,
  'Z#': zeroNumber,
  N: newChain,
  X: deleteChain,
  E: renameChain,
  P: policy,
}

/** A chain to jump to has to exist; that is told before anything else. */
function checkJump({ draft }: Work, { rules }: Command): void {
  for (const rule of rules) {
    const jump = jumpOf(rule)
    if (jump === undefined || hasChain(draft, jump) || isBuiltin(draft.name, jump)) continue
    raise('param', `Chain '${jump}' does not exist`)
  }
}

function judge(work: Work, chain: string, rule: Rule, line: number, what: string): void {
  const say = (error: string) => ({ message: `RULE_${what} failed (${error}): rule in chain ${chain}`, line })
  const error = checkRule(work.draft.name, chain, rule)
  if (error !== '') work.faults.push(say(error))
  else if (jumpOf(rule) !== undefined) work.lastJump = say('Too many links')
}

function addRules(work: Work, command: Command, line: number, what: 'APPEND' | 'INSERT'): void {
  checkJump(work, command)
  const { draft } = work
  const missing = !hasChain(draft, command.chain)
  const chain = needChain(draft, command.chain)
  if (chain === undefined) raise('errno', NO_CHAIN, line)
  for (const rule of command.rules) {
    if (command.verbose > 0) work.out(ruleLine(rule, work.family))
    const at = what === 'APPEND' ? chain.rules.length : command.number - 1
    if (at > chain.rules.length) {
      if (missing) removeChain(draft, chain.name)
      raise('errno', 'Index of insertion too big', line)
    }
    judge(work, chain.name, rule, line, what)
    chain.rules.splice(at, 0, { rule, counters: command.counters })
    draft.changed = true
  }
}

function replaceRule(work: Work, command: Command, line: number): void {
  checkJump(work, command)
  const rule = command.rules[0]!
  if (command.verbose > 0) work.out(ruleLine(rule, work.family))
  const chain = findChain(work.draft, command.chain)
  if (chain === undefined) raise('errno', NO_CHAIN, line)
  if (command.number > chain.rules.length) raise('errno', 'Index of replacement too big', line)
  judge(work, chain.name, rule, line, 'REPLACE')
  chain.rules[command.number - 1] = { rule, counters: command.counters }
  work.draft.changed = true
}

/** -D with a rule, and -C. */
function deleteRules(work: Work, command: Command, line: number): void {
  checkJump(work, command)
  const chain = findChain(work.draft, command.chain)
  for (const rule of command.rules) {
    if (command.verbose > 0) work.out(ruleLine(rule, work.family))
    const at = chain?.rules.findIndex((one) => sameRule(one.rule, rule)) ?? -1
    if (chain === undefined || at < 0) raise('errno', NO_RULE, line)
    if (command.verbs.has('C')) continue
    chain.rules.splice(at, 1)
    work.draft.changed = true
  }
}

function deleteNumber({ draft }: Work, command: Command, line: number): void {
  const chain = findChain(draft, command.chain)
  if (chain === undefined) raise('errno', NO_CHAIN, line)
  if (command.number > chain.rules.length) raise('errno', 'Index of deletion too big', line)
  chain.rules.splice(command.number - 1, 1)
  draft.changed = true
}

function list(work: Work, command: Command): void {
  const { ns, draft, family } = work
  const all = chainsOf(draft)
  const chains = command.chain === '' ? all : all.filter((chain) => chain.name === command.chain)
  if (chains.length === 0) {
    raise('other', `chain \`${command.chain}' in table \`${draft.name}' is incompatible, use 'nft' tool.`)
  }
  if (command.verbs.has('S')) {
    work.out(specText(ns, chains, command.number, family, command.verbose > 0))
    return
  }
  const { numeric, exact, lineNumbers } = command
  const host = (ip: Ip) => (numeric ? formatIp(ip) : work.host(ip))
  const options = { family, numeric, verbose: command.verbose > 0, exact, lineNumbers, host }
  work.out(listText(ns, draft, chains, command.number, options))
}

function flush({ draft, out }: Work, command: Command, line: number): void {
  const all = command.chain === ''
  const chain = findChain(draft, command.chain)
  if (!all && chain === undefined && !isBuiltin(draft.name, command.chain)) raise('errno', NO_CHAIN, line)
  const chains = all ? chainsOf(draft) : chain === undefined ? [] : [chain]
  for (const one of chains) {
    if (command.verbose > 0 && all) out(`Flushing chain \`${one.name}'\n`)
    if (one.rules.length > 0) draft.changed = true
    one.rules.length = 0
  }
}

function zero({ draft, out }: Work, command: Command, line: number): void {
  const all = command.chain === ''
  const chain = findChain(draft, command.chain)
  if (!all && chain === undefined && !isBuiltin(draft.name, command.chain)) raise('errno', NO_CHAIN, line)
  const listed = command.verbs.has('L') || command.verbs.has('S')
  const chains = all ? chainsOf(draft).filter(({ name }) => listed || hasChain(draft, name)) : []
  for (const one of chain === undefined ? chains : [chain]) {
    if (command.verbose > 0) out(`Zeroing chain \`${one.name}'\n`)
    one.counters = [0, 0]
    for (const rule of one.rules) rule.counters = [0, 0]
    if (hasChain(draft, one.name)) draft.changed = true
  }
}

function zeroNumber({ draft }: Work, command: Command, line: number): void {
  const chain = findChain(draft, command.chain)
  if (chain === undefined) raise('errno', isBuiltin(draft.name, command.chain) ? NO_RULE : NO_CHAIN, line)
  const rule = chain.rules[command.number - 1]
  if (rule === undefined) return
  rule.counters = [0, 0]
  draft.changed = true
}

function newChain({ draft }: Work, command: Command, line: number): void {
  const { chain } = command
  if (hasChain(draft, chain) || isBuiltin(draft.name, chain)) raise('errno', 'Chain already exists', line)
  addChain(draft, chain)
}

function deleteChain(work: Work, command: Command, line: number): void {
  const { draft } = work
  const named = command.chain
  if (named === '') {
    for (const chain of [...everyChain(draft).values()]) {
      if (chain.policy === '') dropChain(work, chain, command, line)
      else if (chain.policy === 'ACCEPT' && chain.rules.length === 0) {
        if (removeChain(draft, chain.name)) draft.changed = true
      }
    }
    return
  }
  const chain = findChain(draft, named)
  if (chain === undefined) {
    if (isBuiltin(draft.name, named)) return
    raise('errno', NO_CHAIN, line)
  }
  if (chain.policy === 'DROP') raise('errno', 'Directory not empty', line)
  dropChain(work, chain, command, line)
}

function dropChain({ draft, faults, out }: Work, chain: DraftChain, command: Command, line: number): void {
  if (command.verbose > 0) out(`Deleting chain \`${chain.name}'\n`)
  if (chain.rules.length > 0 || references(draft, chain.name) > 0) {
    faults.push({ message: `CHAIN_DEL failed (Device or resource busy): chain ${chain.name}`, line })
  }
  removeChain(draft, chain.name)
  draft.changed = true
}

function renameChain({ draft }: Work, command: Command, line: number): void {
  const { chain: from, second: to } = command
  const every = everyChain(draft)
  if (every.has(to) || isBuiltin(draft.name, to)) raise('errno', 'File exists', line)
  const chain = every.get(from)
  if (isBuiltin(draft.name, from)) notModelled('renaming a built-in chain')
  if (chain === undefined) raise('errno', NO_CHAIN, line)
  const chains = [...every.values()]
  every.clear()
  for (const one of chains) {
    if (one === chain) one.name = to
    every.set(one.name, one)
    for (const entry of one.rules) {
      const { target } = entry.rule
      if ((target.name === 'JUMP' || target.name === 'GOTO') && target.chain === from) {
        entry.rule = { ...entry.rule, target: { ...target, chain: to } }
      }
    }
  }
  draft.changed = true
}

function policy({ draft }: Work, command: Command, line: number): void {
  const { second } = command
  if (!isBuiltin(draft.name, command.chain)) raise('errno', 'Bad built-in chain name', line)
  if (second !== 'ACCEPT' && second !== 'DROP') raise('errno', 'Bad policy name', line)
  const chain = needChain(draft, command.chain)!
  chain.policy = second
  draft.changed = true
}
