/**
 * iptables, ip6tables, their -save and -restore (1.8.9, nf_tables). Not here: extensions that ../iptables/registry.ts names
 * as the real tools' only, -V's and -h's details.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import { nfChains } from '../../net/nf/chains.ts'
import { nfRuleset } from '../../net/nf/tables.ts'
import type { TableName } from '../../net/nf/types.ts'
import { readInput } from '../../run/fds.ts'
import { appendFile, readFile, truncateFile } from '../../run/files.ts'
import { exitProcess } from '../../run/process.ts'
import type { CompletionRequest, ProcCtx, ProcEvent, Program } from '../../run/types.ts'
import { dateText } from '../clock.ts'
import { runCommand } from '../iptables/apply.ts'
import { parseCommand } from '../iptables/command.ts'
import type { CommandContext } from '../iptables/parsestate.ts'
import { TABLE_NAMES } from '../iptables/parsestate.ts'
import { saveText } from '../iptables/listing.ts'
import type { RestoreOptions, RestoreRun } from '../iptables/restore.ts'
import { runRestore } from '../iptables/restore.ts'
import { faultCode, faultText, isFault, VERSION } from '../iptables/words.ts'
import { err, out, parseOptions, resolveHost } from '../program.ts'
import { hostName } from './hosts.ts'

/** Names of /etc/networks. */
const NETWORKS: Readonly<Record<number, string>> = Object.freeze({
  2130706432: 'loopback',
  [-1442971648]: 'link-local',
})

function tool(name: string, family: 4 | 6): Program {
  return {
    name,
    help: `show and change the IPv${family} packet filter's tables`,
    start(ctx) {
      exitProcess(
        ctx,
        attempt(ctx, name, 0, () => command(ctx, name, family)),
      )
    },
    complete: (request) => complete(request, family),
  }
}

/** Runs `body`; a fault is put into words. The exit code. `line` is asked for when it is needed. */
function attempt(ctx: ProcCtx, name: string, line: number | (() => number), body: () => number): number {
  try {
    return body()
  } catch (thrown) {
    if (!isFault(thrown)) throw thrown
    err(ctx, faultText(thrown, { name, line: typeof line === 'number' ? line : line() }))
    return faultCode(thrown)
  }
}

function contextOf(ctx: ProcCtx, family: 4 | 6): CommandContext {
  return {
    family,
    lookup: (name) => resolveName(ctx, name, family),
    warn: (text) => err(ctx, text),
  }
}

/** Names come from /etc/hosts. What looks like a number is none. */
function resolveName(ctx: ProcCtx, name: string, family: 4 | 6): Ip | undefined {
  if (!/[A-Za-z]/.test(name) || name.includes(':') || /^0x/i.test(name)) return undefined
  return resolveHost(ctx, name, family).ip
}

function baseOf(ctx: ProcCtx, family: 4 | 6) {
  return {
    world: ctx.world,
    ns: ctx.ns,
    family,
    out: (text: string) => void out(ctx, text),
    host: (ip: Ip) =>
      hostName(ctx, ip) ?? (typeof ip === 'number' ? NETWORKS[ip] : undefined) ?? formatIp(ip),
  }
}

function command(ctx: ProcCtx, name: string, family: 4 | 6): number {
  const parsed = parseCommand(ctx.proc.argv.slice(1), contextOf(ctx, family))
  if (parsed.verbs.has('V')) out(ctx, `${name} ${VERSION}\n`)
  else if (parsed.verbs.has('h')) out(ctx, usage(name))
  else runCommand(baseOf(ctx, family), parsed)
  return 0
}

function usage(name: string): string {
  const lines = [
    `Usage: ${name} [-t TABLE] -A|-C|-D CHAIN RULE`,
    `       ${name} [-t TABLE] -I CHAIN [NUMBER] RULE`,
    `       ${name} [-t TABLE] -R CHAIN NUMBER RULE`,
    `       ${name} [-t TABLE] -D CHAIN NUMBER`,
    `       ${name} [-t TABLE] -L|-S [CHAIN [NUMBER]] [-n] [-v] [-x] [--line-numbers]`,
    `       ${name} [-t TABLE] -F|-Z|-X [CHAIN]`,
    `       ${name} [-t TABLE] -N CHAIN`,
    `       ${name} [-t TABLE] -E OLD NEW`,
    `       ${name} [-t TABLE] -P CHAIN ACCEPT|DROP`,
    'RULE := [-s ADDR] [-d ADDR] [-i DEV] [-o DEV] [-p PROTO] [-m MATCH ...] [-j TARGET | -g CHAIN]',
  ]
  return `${name} ${VERSION}\n\n${lines.join('\n')}\n`
}

function complete(request: CompletionRequest, family: 4 | 6): string[] | undefined {
  const { words, ns } = request
  const before = words[words.length - 2] ?? ''
  const at = words.indexOf('-t')
  const table = at >= 0 && at < words.length - 2 ? words[at + 1] : 'filter'
  const last = words[words.length - 1] ?? ''
  const pick = (list: readonly string[]) => list.filter((one) => one.startsWith(last))
  if (before === '-t' || before === '--table') return pick(TABLE_NAMES)
  if (before === '-i' || before === '-o') {
    return pick(ns.links.flatMap((link) => (link === undefined || link === null ? [] : [link.name])))
  }
  if (before === '-p') return pick(['tcp', 'udp', 'icmp', 'all'])
  const known = nfRuleset(ns, family).tables.get(table as TableName)
  const chains = known === undefined ? [] : nfChains(known).map(({ name }) => name)
  if (/^-[ACDIRLSFZXPg]$/.test(before)) return pick([...new Set([...builtinOf(table ?? ''), ...chains])])
  if (before === '-j')
    return pick([...TARGET_WORDS, ...chains.filter((name) => !builtinOf(table ?? '').includes(name))])
  return undefined
}

const TARGET_WORDS: readonly string[] =
  'ACCEPT DROP RETURN REJECT LOG DNAT SNAT MASQUERADE REDIRECT MARK CONNMARK TCPMSS'.split(' ')

function builtinOf(table: string): readonly string[] {
  if (table === 'nat') return ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING']
  if (table === 'raw') return ['PREROUTING', 'OUTPUT']
  if (table === 'mangle') return ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']
  return ['INPUT', 'FORWARD', 'OUTPUT']
}

function saver(name: string, family: 4 | 6): Program {
  return {
    name,
    help: `print the IPv${family} packet filter's rules in the form that ${family === 4 ? 'iptables' : 'ip6tables'}-restore reads`,
    start(ctx) {
      exitProcess(ctx, save(ctx, name, family))
    },
  }
}

function save(ctx: ProcCtx, name: string, family: 4 | 6): number {
  const long = ['counters', 'version', 'dump', 'table=', 'modprobe=', 'file=', 'ipv4', 'ipv6']
  const options = parseOptions(ctx.proc.argv.slice(1), 'bcdt:M:f:46V', long)
  if (options.error !== '') {
    err(ctx, `${name}: ${options.error}\nLook at manual page \`${name}.8' for more information.\n`)
    return 1
  }
  const { flags, operands } = options
  const value = (letter: string, word: string) => flags.get(letter) ?? flags.get(word)
  if (value('V', 'version') !== undefined) {
    out(ctx, `${name} ${VERSION}\n`)
    return 0
  }
  if (operands.length > 0) {
    err(ctx, 'Unknown arguments found on commandline\n')
    return 1
  }
  const table = value('t', 'table')
  if (table !== undefined && !(TABLE_NAMES as readonly string[]).includes(table)) {
    err(ctx, `Table \`${table}' does not exist\n`)
    return 1
  }
  const text = saveText(ctx.ns, {
    family,
    counters: value('c', 'counters') !== undefined,
    table: table as TableName | undefined,
    program: name,
    date: dateText(ctx.world.now, '%c'),
  })
  const file = value('f', 'file')
  if (file === undefined) {
    out(ctx, text)
    return 0
  }
  const error = truncateFile(ctx, file) || appendFile(ctx, file, text)
  if (error !== '') err(ctx, `Failed to open ${file}, error: ${error}\n`)
  return error === '' ? 0 : 1
}

interface RestoreState {
  options: RestoreOptions
  text: string
}

function restorer(name: string, family: 4 | 6): Program {
  return {
    name,
    help: `load IPv${family} packet filter rules from standard input or a file`,
    start(ctx) {
      restoreStart(ctx, name, family)
    },
    on(ctx, event: ProcEvent) {
      if (event.type !== 'input') return
      const state = ctx.proc.state as RestoreState
      state.text += event.text
      if (event.eof) restoreText(ctx, family, state)
      else readInput(ctx, 0)
    },
  }
}

function restoreStart(ctx: ProcCtx, name: string, family: 4 | 6): void {
  const long = 'counters verbose version test help noflush modprobe= table= ipv4 ipv6'.split(' ')
  const options = parseOptions(withoutWait(ctx.proc.argv.slice(1)), 'bcvVthnM:T:46', long)
  if (options.error !== '') {
    err(ctx, `${name}: ${options.error}\nTry \`${name} -h' for more information.\n`)
    exitProcess(ctx, 1)
    return
  }
  const { flags, operands } = options
  const has = (letter: string, word: string) => flags.has(letter) || flags.has(word)
  if (has('V', 'version') || has('h', 'help')) {
    const help = `Usage: ${name} [-c] [-v] [-V] [-t] [-h] [-n] [-T table] [-4] [-6] [file]\n`
    out(ctx, has('V', 'version') ? `${name} ${VERSION}\n` : help)
    exitProcess(ctx, 0)
    return
  }
  const state: RestoreState = {
    options: {
      counters: has('c', 'counters'),
      test: has('t', 'test'),
      noflush: has('n', 'noflush'),
      verbose: options.list.filter(([flag]) => flag === 'v' || flag === 'verbose').length,
      table: flags.get('T') ?? flags.get('table') ?? '',
      program: name,
    },
    text: '',
  }
  if (operands.length > 1) {
    err(ctx, 'Unknown arguments found on commandline\n')
    exitProcess(ctx, 1)
  } else if (operands.length === 1) {
    const { text, error } = readFile(ctx, operands[0]!)
    if (error !== '') {
      err(ctx, `Can't open ${operands[0]}: ${error}\n`)
      exitProcess(ctx, 1)
      return
    }
    state.text = text
    restoreText(ctx, family, state)
  } else {
    ctx.proc.state = state
    readInput(ctx, 0)
  }
}

/** -w and -W mean nothing here, and take the word after them where that is no option. */
function withoutWait(words: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (!/^(-[wW]|--wait(-interval)?(=|$))/.test(word)) kept.push(word)
    else if (/^(-[wW]|--wait(-interval)?)$/.test(word) && /^[^-!]/.test(words[i + 1] ?? '-')) i++
  }
  return kept
}

function restoreText(ctx: ProcCtx, family: 4 | 6, { options, text }: RestoreState): void {
  const run: RestoreRun = { base: baseOf(ctx, family), options, context: contextOf(ctx, family), line: 0 }
  const body = () => {
    runRestore(run, text)
    return 0
  }
  exitProcess(
    ctx,
    attempt(ctx, options.program, () => run.line, body),
  )
}

export const iptablesPrograms: readonly Program[] = [
  tool('iptables', 4),
  tool('ip6tables', 6),
  saver('iptables-save', 4),
  saver('ip6tables-save', 6),
  restorer('iptables-restore', 4),
  restorer('ip6tables-restore', 6),
]
