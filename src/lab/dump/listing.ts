/**
 * The output of `iptables -S` (and `-S -v`): rules without their table. The prompt's `-t` names it; else its chains and
 * targets do, and a note says so. Becomes the same record as a table of iptables-save.
 */
import type { DumpLine, DumpTable, Notes } from './types.ts'
import { note } from './types.ts'

/** What `iptables -S` printed so far. */
export interface Listing {
  line: number
  family: 4 | 6
  /** Of the command at the prompt; '' where none was pasted. */
  table: string
  lines: DumpLine[]
}

const LINE = /^-[PNA] \S+/

export function isListingLine(line: string): boolean {
  return LINE.test(line)
}

/** A listing that begins at `line`, printed by `command`. */
export function openListing(line: number, family: 4 | 6, command: readonly string[]): Listing {
  const at = command.findIndex((word) => word === '-t' || word === '--table')
  const joined = command.find((word) => /^(-t|--table=)\w/.test(word)) ?? ''
  const table = at >= 0 ? (command[at + 1] ?? '') : joined.replace(/^(-t|--table=)/, '')
  const lists = command.some((word) => /^(-S|--list-rules)/.test(word))
  return { line, family, table: table !== '' ? table : lists ? 'filter' : '', lines: [] }
}

/** Whether a line begins the listing of another table: policies and chains come before rules. */
export function beginsAnother(listing: Listing, line: string): boolean {
  const name = line.split(' ')[1]
  const has = (pattern: RegExp) => listing.lines.some(({ text }) => pattern.test(text))
  if (line.startsWith('-P '))
    return has(/^-A /) || listing.lines.some((l) => l.text.startsWith(`-P ${name} `))
  return line.startsWith('-N ') && has(/^-A /)
}

/** The table of iptables-save that says the same. */
export function tableOf(listing: Listing, notes: Notes): DumpTable {
  const { line, family, lines } = listing
  const name = listing.table === '' ? guessed(lines) : listing.table
  if (listing.table === '') {
    const message = `\`iptables -S\` names no table: by its chains and targets this is taken as table ${name}`
    note(notes, 'info', line, message)
  }
  const chains: DumpLine[] = []
  const rules: DumpLine[] = []
  const declared = new Set<string>()
  for (const { line: at, text } of lines) {
    const [verb = '', chain = '', policy = ''] = text.split(' ')
    const counted = / -c (\d+) (\d+)(?= |$)/.exec(text)
    const counters = counted === null ? '[0:0]' : `[${counted[1]}:${counted[2]}]`
    if (verb !== '-A') {
      declared.add(chain)
      chains.push({ line: at, text: `:${chain} ${verb === '-P' ? policy : '-'} ${counters}` })
      continue
    }
    // Part of a listing: the chain's own line was not copied.
    if (!declared.has(chain) && !BUILT_IN.has(chain)) chains.push({ line: at, text: `:${chain} - [0:0]` })
    declared.add(chain)
    rules.push({
      line: at,
      text: counted === null ? text : `${counters} ${text.replace(counted[0], '')}`,
    })
  }
  return { family, name, line, lines: [...chains, ...rules] }
}

const BUILT_IN = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'])

/** What only one table has: its set of built-in chains, or a target. */
function guessed(lines: readonly DumpLine[]): string {
  const built = new Set(
    lines.map(({ text }) => text.split(' ')[1] ?? '').filter((name) => BUILT_IN.has(name)),
  )
  const target = (pattern: RegExp) => lines.some(({ text }) => pattern.test(text))
  if (target(/ -j (DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP)( |$)/)) return 'nat'
  if (target(/ -j (CT|NOTRACK)( |$)/)) return 'raw'
  if (built.has('POSTROUTING')) return built.has('FORWARD') ? 'mangle' : 'nat'
  if (built.has('PREROUTING')) return built.has('FORWARD') ? 'mangle' : 'raw'
  return 'filter'
}
