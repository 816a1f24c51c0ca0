/** `explain`: what would become of a packet now? The probe's world is thrown away. */
import { hashOf } from '../lab/headless.ts'
import { addrType } from '../net/ip/fib.ts'
import { followProbe, readQuery } from '../session/explain.ts'
import { checkpoint, seek } from '../sim/timeline.ts'
import { traceJson, traceText } from '../view/trace-text.ts'
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
  if (probe.src !== 0 && addrType(probe.ns, probe.src) !== 'local') {
    return usage(io, `--src ${src}: no address of ${from}`)
  }
  const { now, nEvents } = world
  checkpoint(world)
  const views = followProbe(world, rules, probe)
  if (world.frozen !== undefined) return sayFrozen(run, args, io)
  // What the probe did outside any event goes back only when an event is gone back over.
  world.nEvents++
  seek(world, rules, nEvents)
  if (args.json) {
    const { traces } = traceJson(views) as { traces: unknown }
    const body = { version: JSON_VERSION, lab: run.lab.name, seed: run.seed, now, events: nEvents }
    io.out(jsonText({ ...body, hash: hashOf(run), traces }))
  } else io.out(views.map((view) => traceText(view, args.verbose)).join('\n'))
  return EXIT_OK
}

function usage(io: Io, text: string): number {
  io.err(`${text}\n`)
  return EXIT_USAGE
}
