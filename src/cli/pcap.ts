/** `pcap`: what every device sent and received from the first typed command on, as one pcapng file. */
import { linkByName, linksOf } from '../net/link/device.ts'
import { netnsList } from '../net/netns.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'
import type { World } from '../net/types.ts'
import { netnsNamed } from '../net/world.ts'
import { encodeFrame } from '../wire/frame.ts'
import type { CaptureDevice, CaptureFrame } from '../wire/pcapng.ts'
import { writePcapng } from '../wire/pcapng.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_USAGE, JSON_VERSION } from './io.ts'
import { exitOf, openLab, typeAll } from './lab-run.ts'
import { ranText, runJson } from './run.ts'

export interface Capturing {
  devices: CaptureDevice[]
  frames: CaptureFrame[]
  /** Device name to its index. */
  index: Map<string, number>
}

export function pcap(args: Args, io: Io): number {
  if (args.out === '') {
    io.err('pcap needs --out FILE.pcapng\n')
    return EXIT_USAGE
  }
  const opened = openLab(args, io)
  if (typeof opened === 'number') return opened
  const { world } = opened
  const capturing = startCapture(world)
  const ran = typeAll(opened, () => takeFrames(world, capturing))
  if (typeof ran === 'string') {
    io.err(`${ran}\n`)
    return EXIT_USAGE
  }
  try {
    io.writeBytes(args.out, writePcapng(capturing.devices, capturing.frames))
  } catch (error) {
    io.err(`${args.out}: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT_USAGE
  }
  const count = { devices: capturing.devices.length, frames: capturing.frames.length }
  if (args.json) {
    const body = { ...(runJson(opened, ran) as object), version: JSON_VERSION, file: args.out, ...count }
    io.out(`${JSON.stringify(body, null, 2)}\n`)
  } else {
    for (const one of ran) io.out(ranText(one))
    io.out(`${args.out}: ${count.frames} frames of ${count.devices} devices\n`)
  }
  return exitOf(opened, ran, io)
}

/** Begins to record. Every device that is there gets its block, whether it sees a frame or not. */
export function startCapture(world: World): Capturing {
  const capturing: Capturing = { devices: [], frames: [], index: new Map() }
  for (const ns of netnsList(world))
    for (const link of linksOf(ns)) deviceIndex(world, capturing, ns.name, link.name)
  world.recorder.detail = []
  world.recorder.detailMax = 4_000_000
  return capturing
}

/** Turns what was recorded since the last call into frames. */
export function takeFrames(world: World, capturing: Capturing): void {
  const steps = world.recorder.detail ?? []
  world.recorder.detail = []
  for (const step of steps) {
    if (step.kind !== StepKind.Rx && step.kind !== StepKind.Tx) continue
    const device = deviceIndex(world, capturing, step.nsName, step.dev)
    capturing.frames.push({
      device,
      at: step.at,
      direction: step.kind === StepKind.Rx ? 'in' : 'out',
      bytes: frameOf(step),
    })
  }
}

function frameOf(step: StepDetail): Uint8Array {
  return encodeFrame(step.headers)
}

function deviceIndex(world: World, capturing: Capturing, room: string, dev: string): number {
  const name = `${room}/${dev}`
  const known = capturing.index.get(name)
  if (known !== undefined) return known
  const ns = netnsNamed(world, room)
  const link = ns === undefined ? undefined : linkByName(ns, dev)
  const index = capturing.devices.push({ name, mac: link?.mac ?? 0 }) - 1
  capturing.index.set(name, index)
  return index
}
