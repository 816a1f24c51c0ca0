/** `pcap`: what every device sent and received from the first typed command on, as one pcapng file. */
import { captureFile, startCapture, takeFrames } from '../lab/capture.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_USAGE } from './io.ts'
import { exitOf, openLab, typeCommands, written } from './lab-run.ts'
import { jsonText, ranText, runJson } from './run.ts'

export function pcap(args: Args, io: Io): number {
  if (args.out === '') {
    io.err('pcap needs --out FILE.pcapng\n')
    return EXIT_USAGE
  }
  const run = openLab(args, io)
  if (typeof run === 'number') return run
  const capturing = startCapture(run)
  const ran = typeCommands(run, args, io, () => takeFrames(run, capturing))
  if (typeof ran === 'number') return ran
  if (!written(io, args.out, () => io.writeBytes(args.out, captureFile(capturing)))) return EXIT_USAGE
  const count = { devices: capturing.devices.length, frames: capturing.frames.length }
  if (args.json) io.out(jsonText({ ...runJson(run, ran), file: args.out, ...count }))
  else {
    for (const one of ran) io.out(ranText(one))
    io.out(`${args.out}: ${count.frames} frames of ${count.devices} devices\n`)
  }
  return exitOf(run, ran, args, io)
}
