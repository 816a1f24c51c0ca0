/** For tests of programs that use a network: machines joined by veths from a few lines of text, commands in them. */
import { assert } from '../../base/assert.ts'
import { doLine, ipRules } from '../../net/ip/checkip.ts'
import { linkSet } from '../../net/link/netlink.ts'
import type { World } from '../../net/types.ts'
import { createWorld, netnsOf } from '../../net/world.ts'
import { processHandlers } from '../../run/handlers.ts'
import { findMachine, machineAdd, machineNamed } from '../../run/machine.ts'
import { signalGroup } from '../../run/process.ts'
import type { Programs, SignalName } from '../../run/types.ts'
import { runUntil } from '../../sim/dispatch.ts'
import type { Rules } from '../../sim/world.ts'
import { captureOf, execLine } from '../shell/session.ts'
import { corePrograms } from './core.ts'
import { probePrograms } from './probe.ts'

export interface ProbeLab {
  world: World
  rules: Rules<World>
}

export interface Job {
  capture: number
  machine: number
  pid: number
}

/** Machines and their network: the lines that `netOf` of net/ip/checkip.ts reads, machine names before the slash. */
export function probeLab(text: string, seed = 11): ProbeLab {
  const world = createWorld(seed)
  world.scalars.ipv6Off = 1
  const lines = text.split('\n').map((line) => line.trim())
  for (const line of lines.filter((one) => one !== '')) {
    for (const name of line.startsWith('link ') ? line.match(/[\w.]+(?=\/)/g)! : []) {
      if (machineNamed(world, name) !== undefined) continue
      const ns = netnsOf(world, findMachine(world, machineAdd(world, name, 'host'))!.rootNs)
      linkSet(world, ns, ns.links[1]!, { up: true })
    }
    const error = doLine(world, line)
    assert(error === '', `${line}: ${error}`)
  }
  const programs: Programs = new Map([...corePrograms, ...probePrograms].map((one) => [one.name, one]))
  const handlers = [...ipRules.handlers]
  for (const [kind, handler] of Object.entries(processHandlers(programs))) handlers[Number(kind)] = handler
  return { world, rules: { handlers, applyInput: () => {} } }
}

/** Begins a command line on a machine. */
export function begin(lab: ProbeLab, name: string, line: string): Job {
  const machine = machineNamed(lab.world, name)
  assert(machine !== undefined, `there is a machine ${name}`)
  return { machine: machine.id, ...execLine(lab.world, { machine: machine.id, ns: machine.rootNs, line }) }
}

/** Lets time pass: so many seconds. */
export function pass(lab: ProbeLab, seconds: number): void {
  const until = lab.world.now + seconds * 1e9
  runUntil(lab.world, lab.rules, { maxEvents: 1_000_000, untilAt: until })
  assert(lab.world.frozen === undefined, `the world runs: ${lab.world.frozen?.message}`)
  lab.world.now = until
}

/** Sends a signal to what a job runs. */
export function interrupt(lab: ProbeLab, job: Job, name: SignalName = 'SIGINT'): void {
  signalGroup(lab.world, findMachine(lab.world, job.machine)!, job.pid, name)
}

/** What a job has printed so far and its exit code, -1 while it runs. */
export function printed(lab: ProbeLab, job: Job): { out: string; err: string; code: number } {
  const { out, err, code } = captureOf(lab.world, job.capture)!
  return { out, err, code }
}

/** Runs a command line to its end, or for at most `seconds`: whole lines of output, errors marked `E: `, and `= code`. */
export function runText(lab: ProbeLab, name: string, line: string, seconds = 60): string {
  const job = begin(lab, name, line)
  const end = lab.world.now + seconds * 1e9
  const limits = { maxEvents: 1, untilAt: end }
  while (printed(lab, job).code < 0 && runUntil(lab.world, lab.rules, limits) > 0) {
    assert(lab.world.frozen === undefined, `the world runs: ${lab.world.frozen?.message}`)
  }
  const { out, err, code } = printed(lab, job)
  const cut = out === '' || out.endsWith('\n') ? out : `${out}\n`
  return `${cut}${err.replaceAll(/^/gm, 'E: ').replace(/E: $/, '')}= ${code}\n`
}
