/** iptables-restore: a text with tables, each loaded at its COMMIT as one transaction. Models iptables/iptables-restore.c of 1.8.9. */
import { BUILTIN } from '../../net/nf/tables.ts'
import type { TableName } from '../../net/nf/types.ts'
import type { Work } from './apply.ts'
import { applyCommand, commitWork, newWork } from './apply.ts'
import { parseCommand } from './command.ts'
import type { Command, CommandContext } from './parsestate.ts'
import { TABLE_NAMES } from './parsestate.ts'
import { chainLength, newChainName } from './rulebuild.ts'
import { addChain, findChain, isBuiltin, needChain, openTable } from './tabledraft.ts'
import { notModelled, problem, raise } from './words.ts'

export interface RestoreOptions {
  readonly counters: boolean
  readonly test: boolean
  readonly noflush: boolean
  readonly verbose: number
  /** -T: only this table. */
  readonly table: string
  readonly program: string
}

export interface RestoreRun {
  readonly base: Pick<Work, 'world' | 'ns' | 'family' | 'out' | 'host'>
  readonly options: RestoreOptions
  readonly context: Omit<CommandContext, 'restore'>
  /** The line that is being read: what a fault says its place is. */
  line: number
}

/** A line's part in the transaction, kept until COMMIT. */
type Step =
  | { kind: 'command'; command: Command; line: number }
  | { kind: 'chain'; name: string; policy: string; counters: [number, number] | null; line: number }

interface Open {
  name: TableName
  steps: Step[]
}

/** Reads the whole text. Faults are raised; tables that were committed before stay. */
export function runRestore(run: RestoreRun, text: string): void {
  let open: Open | undefined
  const lines = text.split('\n')
  const last = lines.pop()
  if (last !== '' && last !== undefined) lines.push(last)
  lines.forEach((line, i) => {
    run.line = i + 1
    const whole = i === lines.length - 1 && last !== '' ? line : `${line}\n`
    open = readLine(run, open, whole)
  })
  if (open !== undefined) {
    raise('plain', `${run.options.program}: COMMIT expected at line ${run.line + 1}`)
  }
}

function readLine(run: RestoreRun, open: Open | undefined, line: string): Open | undefined {
  const { options } = run
  if (line === '\n') return open
  if (line.startsWith('#')) {
    if (options.verbose > 0) run.base.out(line)
    return open
  }
  if (/^COMMIT\n?$/.test(line) && open !== undefined) {
    if (!skipped(options, open.name) && !options.test) commit(run, open)
    return undefined
  }
  if (line.startsWith('*') && open === undefined) return { name: tableOf(run, line), steps: [] }
  if (open === undefined) raise('plain', `${options.program}: line ${run.line} failed`)
  if (skipped(options, open.name)) return open
  const step = line.startsWith(':') ? readChain(run, open, line) : readRule(run, open, line)
  if (step !== undefined) open.steps.push(step)
  return open
}

function skipped(options: RestoreOptions, table: string): boolean {
  return options.table !== '' && options.table !== table
}

function tableOf({ options, line }: RestoreRun, text: string): TableName {
  const name = text.slice(1).split(/[ \t\n]/)[0] ?? ''
  if (name === '') problem(`${options.program}: line ${line} table name invalid`)
  const known = TABLE_NAMES.find((one) => one === name)
  return known ?? problem(`${options.program}: line ${line} table name '${name}' invalid`)
}

/** `:CHAIN POLICY [packets:bytes]`. */
function readChain(run: RestoreRun, open: Open, text: string): Step {
  const { options, line } = run
  const [name, policy, counted] = text
    .slice(1)
    .split(/[ \t\n]+/)
    .filter((word) => word !== '')
  if (name === undefined) problem(`${options.program}: line ${line} chain name invalid`)
  newChainName(name, run.context.family)
  chainLength(name)
  if (policy === undefined) problem(`${options.program}: line ${line} policy invalid`)
  let counters: [number, number] | null = null
  if (isBuiltin(open.name, name) && policy !== '-' && options.counters && counted !== undefined) {
    const pair = /^\[([0-9]{1,15}):([0-9]{1,15})\]$/.exec(counted)
    if (pair === null) problem(`invalid policy counters for chain '${name}'`)
    counters = [Number(pair[1]), Number(pair[2])]
  }
  return { kind: 'chain', name, policy, counters, line }
}

function readRule(run: RestoreRun, open: Open, text: string): Step | undefined {
  const { options, line, context } = run
  let rest = text
  let counted: string[] = []
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    const colon = text.indexOf(':')
    if (end < 0 || colon < 0 || colon > end) problem(`Bad line ${line}: need ]`)
    counted = ['--set-counters', text.slice(1, colon), text.slice(colon + 1, end)]
    rest = text.slice(end + 1)
  }
  const words = splitWords(rest)
  const restore = { table: open.name, name: options.program }
  const command = parseCommand(options.counters ? [...counted, ...words] : words, { ...context, restore })
  if (command.skip) return undefined
  if (command.verbs.has('V') || command.verbs.has('h')) notModelled('-V or -h in a restore')
  const verbose = Math.max(command.verbose, options.verbose)
  return { kind: 'command', command: { ...command, verbose }, line }
}

/** Words with double quotes and backslashes in them; a closing quote ends a word (add_param_to_argv). */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word = ''
  let quoted = false
  let escaped = false
  for (const c of line) {
    if (quoted) {
      if (escaped || (c !== '\\' && c !== '"')) {
        word += c
        escaped = false
        continue
      }
      if (c === '\\') {
        escaped = true
        continue
      }
      quoted = false
    } else if (c === '"') {
      quoted = true
      continue
    } else if (c !== ' ' && c !== '\t' && c !== '\n') {
      word += c
      continue
    } else if (word === '') continue
    words.push(word)
    word = ''
  }
  if (word !== '') words.push(word)
  return words
}

function commit(run: RestoreRun, open: Open): void {
  const { base, options } = run
  const work = newWork(base, openTable(base.ns, base.family, open.name, !options.noflush))
  // A table that is flushed goes with all it holds, even where nothing follows.
  if (!options.noflush) {
    const before = openTable(base.ns, base.family, open.name)
    if (before.chains.size > 0 || before.behind !== null) work.draft.changed = true
    if (options.verbose > 0) {
      for (const name of BUILTIN[open.name]) base.out(`Flushing chain \`${name}'\n`)
    }
  }
  for (const step of open.steps) {
    if (step.kind === 'command') applyCommand(work, step.command, step.line)
    else restoreChain(work, step)
  }
  commitWork(work)
}

function restoreChain(work: Work, step: Extract<Step, { kind: 'chain' }>): void {
  const { draft } = work
  if (!isBuiltin(draft.name, step.name)) {
    const chain = findChain(draft, step.name) ?? addChain(draft, step.name)
    chain.rules.length = 0
    draft.changed = true
    return
  }
  if (step.policy === '-') {
    needChain(draft, step.name)
    return
  }
  if (step.policy !== 'ACCEPT' && step.policy !== 'DROP') raise('errno', 'Bad policy name', step.line)
  const chain = needChain(draft, step.name)!
  chain.policy = step.policy
  chain.counters = step.counters
  draft.changed = true
}
