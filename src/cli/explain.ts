/** `explain`: what would become of a packet now? The probe's world is thrown away. */
import { hashOf } from '../lab/headless.ts'
import { explainNow, readQuery } from '../session/explain.ts'
import { traceJson, traceText } from '../view/trace-text.ts'
import type { TraceView } from '../view/types.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_OK, EXIT_USAGE, JSON_VERSION } from './io.ts'
import { openLab, sayFrozen, typeCommands } from './lab-run.ts'
import { jsonText } from './run.ts'

/** Where a probe goes that was given no port. */
const HTTP = 80
const DNS = 53

export function explain(args: Args, io: Io): number {
  const { from, proto, dst, src, dport } = args
  if (from === '' || dst === '') return usage(io, 'explain needs --from MACHINE[/NETNS] and --dst ADDRESS')
  if (proto !== 'icmp' && proto !== 'udp' && proto !== 'tcp') {
    return usage(io, `--proto ${proto}: none of icmp, udp, tcp`)
  }
  const run = openLab(args, io)
  if (typeof run === 'number') return run
  const ran = typeCommands(run, args, io)
  if (typeof ran === 'number') return ran
  if (run.world.frozen !== undefined) return sayFrozen(run, args, io)
  const { world, rules } = run
  const port = proto === 'icmp' ? {} : { dport: dport ?? (proto === 'tcp' ? HTTP : DNS) }
  const probe = readQuery(world, { from, proto, dst, ...(src === '' ? {} : { src }), ...port })
  if (typeof probe === 'string') return usage(io, probe)
  const { now, nEvents } = world
  const views = explainNow(world, rules, probe)
  if (world.frozen !== undefined) return sayFrozen(run, args, io)
  if (args.json) {
    const { traces } = traceJson(views) as { traces: unknown }
    const body = { version: JSON_VERSION, lab: run.lab.name, seed: run.seed, now, events: nEvents }
    io.out(jsonText({ ...body, hash: hashOf(run), traces }))
  } else {
    io.out(views.map((view) => traceText(view, args.verbose)).join('\n'))
    if (cameBack(views, probe.ns.name)) {
      io.out(
        `\nThe answer came back to ${from}; NO_SOCKET there only says that no program waits for a probe's answer.\n`,
      )
    }
  }
  return EXIT_OK
}

/** An answer reached the sender, where nothing waits for it. */
function cameBack(views: readonly TraceView[], room: string): boolean {
  const [probe] = views
  return views.some(
    (view) => view.cause === probe?.id && view.reason === 'NO_SOCKET' && view.hops.at(-1)?.room === room,
  )
}

function usage(io: Io, text: string): number {
  io.err(`${text}\n`)
  return EXIT_USAGE
}
