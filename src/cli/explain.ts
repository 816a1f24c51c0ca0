/** `explain`: what would become of a packet now? The probe's world is thrown away. */
import { followProbe, readQuery } from '../session/explain.ts'
import { traceJson, traceText } from '../view/trace-text.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_OK, EXIT_USAGE, JSON_VERSION } from './io.ts'
import { openLab, sayFrozen, typeCommands } from './lab-run.ts'
import { jsonText } from './run.ts'

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
  const optional = { ...(src === '' ? {} : { src }), ...(dport === undefined ? {} : { dport }) }
  const probe = readQuery(run.world, { from, proto, dst, ...optional })
  if (typeof probe === 'string') return usage(io, probe)
  const views = followProbe(run.world, run.rules, probe)
  if (args.json) {
    const { traces } = traceJson(views) as { traces: unknown }
    io.out(jsonText({ version: JSON_VERSION, lab: run.lab.name, seed: run.seed, traces }))
  } else io.out(views.map((view) => traceText(view, args.verbose)).join('\n'))
  return run.world.frozen === undefined ? EXIT_OK : sayFrozen(run, args, io)
}

function usage(io: Io, text: string): number {
  io.err(`${text}\n`)
  return EXIT_USAGE
}
