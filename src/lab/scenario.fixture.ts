/** Tests only: a lab of the library, typed into, and what crosses its devices. */
import { formatIp } from '../base/addr.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'
import type { Packet } from '../net/types.ts'
import type { Ran, Run } from './headless.ts'
import { recordSteps, startRun, takeSteps, typeAll } from './headless.ts'
import { parsePlaced } from './names.ts'

export interface Scenario {
  run: Run
  /** Types `MACHINE[/NETNS]: COMMAND` to its end; throws where the place does not exist. */
  type(text: string): Ran
  /** Lets time pass: virtual seconds from now. */
  wait(seconds: number): void
  /** What every device received (<) and sent (>) since the last call, as `ROOM/DEV< WHAT`. */
  frames(): string[]
  /** Steps since the last call of this or `frames`. */
  steps(): StepDetail[]
}

export function openScenario(text: string): Scenario {
  const { run, diagnostics } = startRun(text)
  if (run === undefined || diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics))
  recordSteps(run, 1_000_000)
  const steps = () => takeSteps(run).steps
  return {
    run,
    type: (line) => {
      const placed = parsePlaced(line)
      if (typeof placed === 'string') throw new Error(placed)
      const ran = typeAll(run, [{ text: line, ...placed, background: false }])
      if (typeof ran === 'string' || ran[0] === undefined) throw new Error(String(ran))
      if (run.world.frozen !== undefined) throw new Error(run.world.frozen.message)
      return ran[0]
    },
    wait: (seconds) => {
      typeAll(run, [], run.world.now - run.bootedAt + seconds * 1e9)
      if (run.world.frozen !== undefined) throw new Error(run.world.frozen.message)
    },
    frames: () => steps().flatMap(frameText),
    steps,
  }
}

function frameText(step: StepDetail): string[] {
  if (step.kind !== StepKind.Rx && step.kind !== StepKind.Tx) return []
  return [`${step.nsName}/${step.dev}${step.kind === StepKind.Rx ? '<' : '>'} ${packetText(step.headers)}`]
}

function packetText(p: Packet): string {
  if (p.arp !== null) {
    const target = p.dmac === 0xffffffffffff ? 'broadcast' : 'unicast'
    if (p.arp.op === 1) return `arp who-has ${formatIp(p.arp.tpa)} ${target}`
    return `arp ${formatIp(p.arp.spa)} is-at ${target}`
  }
  const icmp = p.icmp === null ? '' : ` icmp ${p.icmp.type}/${p.icmp.code} seq ${p.icmp.seq}`
  return `${formatIp(p.src)} > ${formatIp(p.dst)} ttl ${p.ttl}${icmp}`
}
