/**
 * The tables of iptables-save as one `iptables-restore` a family, its text in the command. In the place of a rule that is
 * not modelled stands one that does nothing and says so in its comment: the rules behind it keep their numbers, and a
 * packet's way shows that it passed there.
 */
import { parseCommand } from '../../proc/iptables/command.ts'
import type { TableName } from '../../net/nf/types.ts'
import { TABLE_NAMES } from '../../proc/iptables/parsestate.ts'
import { splitWords } from '../../proc/iptables/restore.ts'
import { faultText, isFault } from '../../proc/iptables/words.ts'
import type { Command } from './commands.ts'
import type { Dump, DumpTable, Notes } from './types.ts'
import { note } from './types.ts'

/** Characters of one restore: larger ones would not fit in a lab. */
export const MAX_RESTORE = 400_000

export function restoreCommands(dump: Dump, notes: Notes): Command[] {
  return ([4, 6] as const).flatMap((family) => {
    const tables = lastOfEach(dump.tables.filter((table) => table.family === family))
    return tables.length === 0 ? [] : restoreOf(tables, family, notes)
  })
}

/** Why a rule's line cannot be taken; '' where it can. */
export function ruleFault(text: string, table: string, family: 4 | 6): string {
  const name = family === 4 ? 'iptables-restore' : 'ip6tables-restore'
  const restore = { table: table as TableName, name }
  try {
    parseCommand(splitWords(withoutCounters(text)), {
      family,
      // A dump holds numbers; a name in it could mean anything.
      lookup: () => undefined,
      warn: () => undefined,
      restore,
    })
    return ''
  } catch (thrown) {
    if (!isFault(thrown)) throw thrown
    const said = faultText(thrown, { name, line: 0 }).split('\n')[0] ?? ''
    return said.replace(/^(kubehop: )?ip6?tables(-restore)?( v[\d.]+ \(nf_tables\))?: /, '').trim()
  }
}

function withoutCounters(text: string): string {
  return text.replace(/^\[\d+:\d+\] */, '')
}

/** A table that was pasted twice (nft and legacy, before and after) is restored as it came last. */
function lastOfEach(tables: readonly DumpTable[]): DumpTable[] {
  return [...new Map(tables.map((table) => [table.name, table])).values()]
}

function restoreOf(tables: readonly DumpTable[], family: 4 | 6, notes: Notes): Command[] {
  const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore'
  const body: string[] = []
  const input: number[] = []
  let counted = false
  const say = (text: string, line: number) => {
    body.push(text)
    input.push(line)
  }
  for (const table of tables) {
    if (!TABLE_NAMES.some((name) => name === table.name)) {
      note(notes, 'warning', table.line, `table ${table.name.slice(0, 40)} is not modelled`)
      continue
    }
    say(`*${table.name}`, table.line)
    for (const { line, text } of table.lines) {
      const fault = lineFault(text, table.name, family)
      if (fault !== '') note(notes, 'warning', line, `${program}: ${fault}: ${text.slice(0, 160)}`, text)
      if (/\[[1-9]\d*:\d+\]/.test(text)) counted = true
      say(fault === '' ? text : standIn(text), line)
    }
    say('COMMIT', table.line)
  }
  const size = body.reduce((n, text) => n + text.length + 1, 0)
  if (size > MAX_RESTORE) {
    note(
      notes,
      'error',
      tables[0]!.line,
      `the rules have ${size} characters: more than ${MAX_RESTORE} do not fit in a lab`,
    )
    return []
  }
  if (body.length === 0) return []
  const head = `${program}${counted ? ' --counters' : ''} <<'EOF'`
  return [{ line: tables[0]!.line, exec: [head, ...body, 'EOF'].join('\n'), input }]
}

/** Characters of a comment that still fit (XT_MAX_COMMENT_LEN is 256). */
const MAX_COMMENT = 240

function standIn(text: string): string {
  const rule = /^(\[\d+:\d+\] )?-A (\S{1,28}) (.*)$/.exec(text)
  if (rule === null) return `# not modelled: ${text}`
  const said = `not modelled: ${rule[3]}`.replace(/[^ -~]|["\\]/g, "'").slice(0, MAX_COMMENT)
  return `${rule[1] ?? ''}-A ${rule[2]} -m comment --comment "${said.trimEnd()}"`
}

function lineFault(text: string, table: string, family: 4 | 6): string {
  if (/^:\S{1,28} (ACCEPT|DROP|-)( \[\d+:\d+\])?$/.test(text)) return ''
  if (/^(\[\d+:\d+\] )?-A \S+/.test(text)) return ruleFault(text, table, family)
  return text.startsWith(':') ? 'not a chain' : 'not understood'
}
