/** What every device sent and received, as one pcapng file: taken from the recorder's steps. */
import { linkByName, linksOf } from '../net/link/device.ts'
import { netnsList } from '../net/netns.ts'
import { StepKind } from '../net/trace.ts'
import { netnsNamed } from '../net/world.ts'
import { encodeFrame } from '../wire/frame.ts'
import type { CaptureDevice, CaptureFrame } from '../wire/pcapng.ts'
import { writePcapng } from '../wire/pcapng.ts'
import type { Run } from './headless.ts'
import { recordSteps, takeSteps } from './headless.ts'

export interface Capturing {
  devices: CaptureDevice[]
  frames: CaptureFrame[]
  /** Device name to its index. */
  index: Map<string, number>
}

/** Steps between two calls of `takeFrames`. */
const MAX_STEPS = 4_000_000

/**
 * Begins to record. Every device that is there gets its block, whether it sees a frame or not. Who reads the file names
 * a MAC address by the last block that has it: so devices that borrow one (vlan) come first, and bridges, which go by
 * the address of a port, last.
 */
export function startCapture(run: Run): Capturing {
  const capturing: Capturing = { devices: [], frames: [], index: new Map() }
  const rank = { vlan: 0, loopback: 1, veth: 1, phys: 1, dummy: 1, bridge: 2 } as const
  const all = netnsList(run.world).flatMap((ns) => linksOf(ns).map((link) => ({ ns, link })))
  for (const { ns, link } of all.sort((a, b) => rank[a.link.kind] - rank[b.link.kind])) {
    deviceIndex(run, capturing, ns.name, link.name)
  }
  recordSteps(run, MAX_STEPS)
  return capturing
}

/** Turns what was recorded since the last call into frames. */
export function takeFrames(run: Run, capturing: Capturing): void {
  for (const step of takeSteps(run).steps) {
    if (step.kind !== StepKind.Rx && step.kind !== StepKind.Tx) continue
    const device = deviceIndex(run, capturing, step.nsName, step.dev)
    const direction = step.kind === StepKind.Rx ? 'in' : 'out'
    capturing.frames.push({ device, at: step.at, direction, bytes: encodeFrame(step.headers) })
  }
}

/** The file. */
export function captureFile(capturing: Capturing): Uint8Array {
  return writePcapng(capturing.devices, capturing.frames)
}

/** A block for a device by its name in its namespace; one that was renamed goes on as another. */
function deviceIndex(run: Run, capturing: Capturing, room: string, dev: string): number {
  const name = `${room}/${dev}`
  const known = capturing.index.get(name)
  if (known !== undefined) return known
  const ns = netnsNamed(run.world, room)
  const link = ns === undefined ? undefined : linkByName(ns, dev)
  const index = capturing.devices.push({ name, mac: link?.mac ?? 0 }) - 1
  capturing.index.set(name, index)
  return index
}
