/** conntrack 1.4.7: the table of connections shown, counted, emptied and watched. */
import { conntrackOf } from '../../net/nf/conntrack.ts'
import { ctDestroy } from '../../net/nf/cttable.ts'
import type { Conn } from '../../net/nf/types.ts'
import type { Netns, World } from '../../net/types.ts'
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../../run/types.ts'
import { touch } from '../../sim/dispatch.ts'
import { EPOCH_SECONDS } from '../clock.ts'
import { CT_VERSION, connLine, eventLine } from '../print/conntrack.ts'
import { err, out } from '../program.ts'
import type { CtOptions } from './conntrack-options.ts'
import { isCtFault, parseConntrack, wanted } from './conntrack-options.ts'

interface Watch {
  options: CtOptions
  /** Number of the next event to show. */
  next: number
  shown: number
}

export const conntrack: Program = {
  name: 'conntrack',
  help: 'show, delete and watch tracked connections',
  handles: ['SIGINT', 'SIGTERM'],
  start(ctx) {
    try {
      const code = run(ctx, parseConntrack(ctx.proc.argv.slice(1)))
      if (code >= 0) exitProcess(ctx, code)
    } catch (thrown) {
      if (!isCtFault(thrown)) throw thrown
      const hint = "Try `conntrack -h' or 'conntrack --help' for more information.\n"
      err(ctx, thrown.bare ? `${thrown.ctFault}\n` : `${CT_VERSION}: ${thrown.ctFault}\n${hint}`)
      exitProcess(ctx, thrown.bare ? 1 : 2)
    }
  },
  on(ctx, event: ProcEvent) {
    const watch = ctx.proc.state as Watch
    if (event.type === 'sock') showEvents(ctx, watch)
    else if (event.type === 'signal') {
      stopWatching(ctx)
      err(ctx, `${CT_VERSION}: ${watch.shown} flow events have been shown.\n`)
      exitProcess(ctx, 0)
    }
  },
}

/** The exit code; -1 where it goes on. */
function run(ctx: ProcCtx, options: CtOptions): number {
  const { world, ns } = ctx
  switch (options.verb) {
    case 'V':
      out(ctx, `${CT_VERSION}\n`)
      return 0
    case 'h':
      out(ctx, USAGE)
      return 0
    case 'C':
      out(ctx, `${entries(world, ns).length}\n`)
      return 0
    case 'S':
      out(ctx, statsText(ns))
      return 0
    case 'F':
      for (const conn of entries(world, ns)) remove(ctx, conn)
      err(ctx, `${CT_VERSION}: connection tracking table has been emptied.\n`)
      return 0
    case 'E':
      startWatching(ctx, options)
      return -1
    default:
      return listOrDelete(ctx, options)
  }
}

function listOrDelete(ctx: ProcCtx, options: CtOptions): number {
  const { world, ns } = ctx
  if (options.table === 'expect') {
    err(ctx, `${CT_VERSION}: 0 expectations have been shown.\n`)
    return 0
  }
  const all =
    options.table === 'conntrack' ? entries(world, ns) : options.table === 'unconfirmed' ? fresh(ns) : []
  const found = all.filter((conn) => wanted(conn, options.filter))
  let text = ''
  for (const conn of found) text += `${connLine(conn, world.now, options)}\n`
  out(ctx, text)
  const gone = options.verb === 'D'
  if (gone) for (const conn of found) remove(ctx, conn)
  err(ctx, `${CT_VERSION}: ${found.length} flow entries have been ${gone ? 'deleted' : 'shown'}.\n`)
  return gone && found.length === 0 ? 1 : 0
}

/** Entries that have not expired, in the order of their confirmation. */
function entries(world: World, ns: Netns): Conn[] {
  const ct = ns.nf?.conntrack
  return ct == null ? [] : [...ct.conns.values()].filter((conn) => conn.expiresAt > world.now)
}

function fresh(ns: Netns): Conn[] {
  return [...(ns.nf?.conntrack?.unconfirmed.values() ?? [])]
}

function remove({ world, ns }: ProcCtx, conn: Conn): void {
  touch(world, ns.id)
  ctDestroy(world, ns, conntrackOf(ns), conn)
}

const STATS: readonly string[] =
  'found invalid insert insert_failed drop early_drop error search_restart clash_resolve chaintoolong'.split(
    ' ',
  )

function statsText(ns: Netns): string {
  const stats = ns.nf?.conntrack?.stats ?? {}
  return `cpu=0   \t${STATS.map((name) => `${name}=${stats[name] ?? 0} `).join('')}\n`
}

function startWatching(ctx: ProcCtx, options: CtOptions): void {
  const { world, ns, proc } = ctx
  touch(world, ns.id)
  const ct = conntrackOf(ns)
  ct.listeners.push({ pid: proc.pid, woken: false })
  proc.state = { options, next: ct.nextEvent, shown: 0 } satisfies Watch
}

function showEvents(ctx: ProcCtx, watch: Watch): void {
  const { world, ns, proc } = ctx
  touch(world, ns.id)
  const ct = conntrackOf(ns)
  const listener = ct.listeners.find((one) => one.pid === proc.pid)
  if (listener === undefined) return
  listener.woken = false
  const { options } = watch
  let text = ''
  for (const event of ct.events) {
    if (event.n < watch.next) continue
    watch.next = event.n + 1
    if (options.events.length > 0 && !options.events.includes(event.type)) continue
    if (!wanted(event.conn, options.filter)) continue
    watch.shown++
    const stamp = options.timestamp ? `[${stampText(event.at)}]\t` : ''
    text += `${stamp}${eventLine(event, options)}\n`
  }
  if (text !== '' && !out(ctx, text)) {
    stopWatching(ctx)
    exitProcess(ctx, 1)
  }
}

function stampText(at: number): string {
  const micros = String(Math.floor(at / 1000) % 1_000_000).padStart(6, '0')
  return `${EPOCH_SECONDS + Math.floor(at / 1e9)}.${micros}`
}

function stopWatching({ world, ns, proc }: ProcCtx): void {
  touch(world, ns.id)
  const ct = conntrackOf(ns)
  ct.listeners = ct.listeners.filter((one) => one.pid !== proc.pid)
  if (ct.listeners.length === 0) ct.events = []
}

const USAGE =
  'Usage: conntrack -L|-D [-s ADDR] [-d ADDR] [-r ADDR] [-q ADDR] [-p PROTO [--sport N] [--dport N] [--state STATE]]\n' +
  '       conntrack -E [-e NEW,UPDATES,DESTROY] [-p PROTO ...] [-o id,extended,timestamp]\n' +
  '       conntrack -C | -S | -F\n'
