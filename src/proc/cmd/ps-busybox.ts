/**
 * `ps` of BusyBox 1.36 as Alpine's and BusyBox's own image build it: columns by -o, other options are taken and mean
 * nothing, words without a dash too. Models procps/ps.c. Not here: pgid and sid; threads; lines cut to a terminal's width.
 */
import { exitProcess, processesSeen } from '../../run/process.ts'
import type { ProcCtx, Process } from '../../run/types.ts'
import { err, fail, finish } from '../program.ts'

interface Row {
  pid: number
  ppid: number
  proc: Process
  now: number
}

interface Column {
  readonly width: number
  readonly header: string
  /** Null for columns that Kubehop does not know. */
  readonly value: ((row: Row) => string) | null
}

const WIDE = 1000
const root = (): string => 'root'

/** In the order in which the error names them. */
const COLUMNS: Readonly<Record<string, Column>> = {
  user: { width: 8, header: 'USER', value: root },
  group: { width: 8, header: 'GROUP', value: root },
  comm: { width: 16, header: 'COMMAND', value: ({ proc }) => comm(proc) },
  args: { width: WIDE, header: 'COMMAND', value: ({ proc }) => proc.argv.join(' ') },
  pid: { width: 5, header: 'PID', value: ({ pid }) => String(pid).padStart(5) },
  ppid: { width: 5, header: 'PPID', value: ({ ppid }) => String(ppid).padStart(5) },
  pgid: { width: 5, header: 'PGID', value: null },
  etime: {
    width: 7,
    header: 'ELAPSED',
    value: ({ proc, now }) => duration(Math.floor((now - proc.startedAt) / 1e9)),
  },
  nice: { width: 5, header: 'NI', value: () => '    0' },
  rgroup: { width: 8, header: 'RGROUP', value: root },
  ruser: { width: 8, header: 'RUSER', value: root },
  time: { width: 5, header: 'TIME', value: () => duration(0) },
  tty: { width: 6, header: 'TT', value: ({ proc }) => (proc.tty === 0 ? '?' : `136,${proc.tty}`) },
  vsz: { width: 4, header: 'VSZ', value: () => '   0' },
  sid: { width: 5, header: 'SID', value: null },
  stat: { width: 4, header: 'STAT', value: () => 'S' },
  rss: { width: 4, header: 'RSS', value: () => '   0' },
}

const DEFAULT = 'pid,user,time,args'
const USAGE = `BusyBox v1.36.1 () multi-call binary.

Usage: ps [-o COL1,COL2=HEADER] [-T]

Show list of processes

\t-o COL1,COL2=HEADER\tSelect columns for display
\t-T\t\t\tShow threads
`

/** Runs it to its end. */
export function busyboxPs(ctx: ProcCtx): void {
  const chosen = columnsOf(ctx, ctx.proc.argv.slice(1))
  if (chosen === undefined) return
  const unknown = chosen.find(({ value }) => value === null)
  if (unknown !== undefined) {
    fail(ctx, 1, `ps: column ${unknown.header}: not modelled in Kubehop`)
    return
  }
  const seen = processesSeen(ctx.world, ctx.machine, ctx.proc)
  const rows = seen.map(({ pid, proc }): Row => {
    const ppid = seen.find((one) => one.proc.pid === proc.ppid)?.pid ?? 0
    return { pid, ppid, proc, now: ctx.world.now }
  })
  const lines = rows.map((row) => line(chosen, (column) => column.value!(row)))
  const heads = chosen.some(({ header }) => header !== '') ? [line(chosen, ({ header }) => header)] : []
  finish(ctx, `${[...heads, ...lines].join('\n')}\n`)
}

/** What the options choose; undefined where the process has ended over them. */
function columnsOf(ctx: ProcCtx, args: string[]): Column[] | undefined {
  const chosen: Column[] = []
  while (args.length > 0) {
    const arg = args.shift()!
    if (arg === '--') break
    if (arg === '--help') {
      err(ctx, USAGE)
      exitProcess(ctx, 0)
      return undefined
    }
    if (!arg.startsWith('-') || arg === '-') continue
    for (let i = 1; i < arg.length; i++) {
      if (arg[i] !== 'o') {
        if ('ZaAdeflT'.includes(arg[i]!)) continue
        return wrong(
          ctx,
          `ps: ${arg.startsWith('--') ? `unrecognized option '${arg}'` : `invalid option -- '${arg[i]}'`}`,
        )
      }
      const list = arg.slice(i + 1) || args.shift()
      if (list === undefined) return wrong(ctx, "ps: option requires an argument -- 'o'")
      const bad = choose(chosen, list)
      if (bad === '') break
      const all = Object.keys(COLUMNS).join(',')
      fail(ctx, 1, `ps: bad -o argument '${bad}', supported arguments: ${all}`)
      return undefined
    }
  }
  if (chosen.length === 0) choose(chosen, DEFAULT)
  return chosen
}

/** The last of a list may have a header of its own. The name that is none, '' where all are known. */
function choose(chosen: Column[], list: string): string {
  const equal = list.indexOf('=')
  const names = (equal < 0 ? list : list.slice(0, equal)).split(',')
  for (const [i, name] of names.entries()) {
    const column = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined
    if (column === undefined) return name
    const header = equal >= 0 && i === names.length - 1 ? list.slice(equal + 1) : undefined
    if (header === undefined) chosen.push(column)
    else chosen.push({ ...column, header, width: header === '' ? column.width : header.length })
  }
  return ''
}

function wrong(ctx: ProcCtx, message: string): undefined {
  fail(ctx, 1, `${message}\n${USAGE.trimEnd()}`)
  return undefined
}

/** Every column but the last is filled up, and none is wider than it may be. */
function line(columns: readonly Column[], value: (column: Column) => string): string {
  const cells = columns.map((column, i) => {
    const text = value(column).slice(0, column.width)
    return i === columns.length - 1 ? text : text.padEnd(column.width)
  })
  return cells.join(' ')
}

function comm({ argv, program }: Process): string {
  return (argv[0]?.split('/').at(-1) ?? program).replace(/[: ].*$/, '').slice(0, 15)
}

/** Minutes and seconds, hours and minutes, or days and hours. */
function duration(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${String(minutes).padStart(2)}:${two(seconds % 60)}`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${String(hours).padStart(2)}h${two(minutes % 60)}`
  return `${String(Math.floor(hours / 24)).padStart(2)}d${two(hours % 24)}`
}
