/**
 * From a lab to a world: machines and cables, then every machine's commands, each to its end, in the order of the
 * file. The world that comes out has its first checkpoint: nothing rewinds beyond the boot.
 */
import { assert } from '../base/assert.ts'
import type { World } from '../net/types.ts'
import { createWorld } from '../net/world.ts'
import { captureOf, captureRemove, execLine } from '../proc/shell/session.ts'
import { machineNamed } from '../run/machine.ts'
import { stepEvent } from '../sim/dispatch.ts'
import { checkpoint } from '../sim/timeline.ts'
import type { Rules } from '../sim/world.ts'
import { addCable, addMachine } from './hardware.ts'
import { createLabRecord } from './record.ts'
import type { LabRules } from './rules.ts'
import type { Diagnostic, ExecLine, Lab } from './types.ts'

/** One command of the boot and what it printed. `code` is -1 for one that did not end. */
export interface BootLine {
  machine: string
  line: string
  code: number
  out: string
  err: string
  at: number
}

export interface Built {
  world: World
  boot: BootLine[]
  /** Commands that failed, as warnings at their line: the lab runs all the same, as containerlab's does. */
  diagnostics: Diagnostic[]
}

/** Virtual time and events that one command of the boot may take; what runs on, runs on in the background. */
const BOOT_LINE_NS = 60_000_000_000
const BOOT_LINE_EVENTS = 2_000_000
/** And a cluster, until its pods run. */
const CLUSTER_BOOT_NS = 60_000_000_000
const CLUSTER_BOOT_EVENTS = 5_000_000

export interface BuildOptions {
  /** Size of the trace ring. */
  readonly records?: number
  /** What a cluster's clock shows at the boot, ms since 1970. */
  readonly wallMs?: number | undefined
}

/** Builds and boots. `text` is the lab's text, kept for later changes. */
export function buildWorld(
  lab: Lab,
  text: string,
  seed: number,
  rules: LabRules,
  { records = 65536, wallMs }: BuildOptions = {},
): Built {
  const world = createWorld(seed, records)
  if (wallMs !== undefined) world.scalars.wallMs = wallMs
  createLabRecord(world, text)
  if (!lab.ipv6) world.scalars.ipv6Off = 1
  for (const machine of lab.machines) addMachine(world, machine)
  for (const link of lab.links) addCable(world, lab, link)
  const built: Built = { world, boot: [], diagnostics: [] }
  for (const machine of lab.machines) {
    for (const exec of machine.exec) bootLine(built, rules, machine.name, exec)
  }
  if (lab.cluster !== undefined) bootCluster(built, rules, lab)
  checkpoint(world)
  return built
}

/** Starts the cluster and lets it settle: a lab begins with its pods running, or with those that cannot waiting. */
function bootCluster(built: Built, rules: LabRules, lab: Lab): void {
  const { world } = built
  const { part } = rules.cluster
  assert(part !== undefined, 'lab: the part that runs clusters is loaded')
  built.diagnostics.push(...part.start(world, lab))
  const until = world.now + CLUSTER_BOOT_NS
  for (let n = 0; n < CLUSTER_BOOT_EVENTS && world.now < until && !part.settled(world); n++) {
    if (!stepEvent(world, rules)) break
  }
}

/** The seed that a run uses where nobody says another. */
export function seedOf(lab: Lab): number {
  return lab.lesson?.seed ?? 1
}

/** Runs until a command has ended. Limits are virtual ns from now, and events. */
export function runToEnd(
  world: World,
  rules: Rules<World>,
  capture: number,
  limitNs: number,
  limitEvents: number,
): 'ended' | 'running' | 'frozen' {
  const until = world.now + limitNs
  for (let n = 0; n < limitEvents && world.now <= until; n++) {
    const code = captureOf(world, capture)?.code ?? 0
    if (code >= 0) return 'ended'
    if (!stepEvent(world, rules)) break
  }
  if (world.frozen !== undefined) return 'frozen'
  return (captureOf(world, capture)?.code ?? 0) >= 0 ? 'ended' : 'running'
}

function bootLine(built: Built, rules: Rules<World>, name: string, exec: ExecLine): void {
  const { world } = built
  const machine = machineNamed(world, name)
  if (machine === undefined || world.frozen !== undefined) return
  const at = world.now
  const { capture } = execLine(world, { machine: machine.id, ns: machine.rootNs, line: exec.line })
  const end = runToEnd(world, rules, capture, BOOT_LINE_NS, BOOT_LINE_EVENTS)
  const record = captureOf(world, capture)
  const code = record?.code ?? -1
  const [out, err] = [record?.out ?? '', record?.err ?? '']
  built.boot.push({ machine: name, line: exec.line, code, out, err, at })
  if (end === 'ended') captureRemove(world, capture)
  if (code === 0) return
  const said = `${err}${out}`.trim().split('\n')[0] ?? ''
  const why = end === 'ended' ? `exit ${code}` : end === 'frozen' ? 'the engine froze' : 'runs on after 60 s'
  built.diagnostics.push({
    severity: 'warning',
    message: `${name}: ${exec.line.slice(0, 120)}: ${why}${said === '' ? '' : `: ${said}`}`,
    ...exec.span,
  })
}
