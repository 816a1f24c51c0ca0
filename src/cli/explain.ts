/** `explain`: what would become of a packet now? The probe's world is thrown away. */
import { followProbe, readQuery } from '../session/explain.ts'
import { traceJson, traceText } from '../view/trace-text.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_OK, EXIT_USAGE, JSON_VERSION } from './io.ts'
import { openLab, sayFrozen, typeAll } from './lab-run.ts'

export function explain(args: Args, io: Io): number {
  if (args.from === '' || args.dst === '') {
    io.err('explain needs --from MACHINE[/NETNS] and --dst ADDRESS\n')
    return EXIT_USAGE
  }
  const opened = openLab(args, io)
  if (typeof opened === 'number') return opened
  const ran = typeAll(opened)
  if (typeof ran === 'string') {
    io.err(`${ran}\n`)
    return EXIT_USAGE
  }
  if (opened.world.frozen !== undefined) return sayFrozen(opened, io)
  const { from, proto, dst, src, dport } = args
  if (proto !== 'icmp' && proto !== 'udp' && proto !== 'tcp') {
    io.err(`--proto ${proto}: none of icmp, udp, tcp\n`)
    return EXIT_USAGE
  }
  const query = {
    from,
    proto,
    dst,
    ...(src === '' ? {} : { src }),
    ...(dport === undefined ? {} : { dport }),
  } as const
  const probe = readQuery(opened.world, query)
  if (typeof probe === 'string') {
    io.err(`${probe}\n`)
    return EXIT_USAGE
  }
  const views = followProbe(opened.world, opened.rules, probe)
  if (args.json) {
    const { traces } = traceJson(views) as { traces: unknown }
    io.out(
      `${JSON.stringify({ version: JSON_VERSION, lab: opened.lab.name, seed: opened.seed, traces }, null, 2)}\n`,
    )
  } else io.out(views.map((view) => traceText(view, args.verbose)).join('\n'))
  return opened.world.frozen === undefined ? EXIT_OK : sayFrozen(opened, io)
}
