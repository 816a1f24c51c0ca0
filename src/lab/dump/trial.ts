/**
 * Tries a dump's commands on a machine of their own: what a command refuses is named in its words and taken out, so that
 * what goes into the lab boots without a complaint.
 */
import type { LabRules } from '../rules.ts'
import { sysctlGet } from '../../net/sysctl.ts'
import { captureOf, captureRemove, execLine } from '../../proc/shell/session.ts'
import { machineNamed } from '../../run/machine.ts'
import { netnsOf } from '../../net/world.ts'
import type { World } from '../../net/types.ts'
import { buildWorld, runToEnd } from '../build.ts'
import { parseLab } from '../parse.ts'
import { standardRules } from '../standard.ts'
import type { Command, Surroundings } from './commands.ts'
import type { Notes } from './types.ts'
import { note } from './types.ts'

const LINE_NS = 1_000_000_000
const LINE_EVENTS = 20_000
/** Lines of one restore that may turn out bad only when it is committed. */
const MAX_RETRIES = 60

interface Trial {
  world: World
  rules: LabRules
  machine: number
  ns: number
}

/** The commands that work, a restore perhaps without some of its lines. */
export function tried(commands: readonly Command[], around: Surroundings, notes: Notes): Command[] {
  const trial = startTrial(around)
  if (trial === undefined) return []
  const kept: Command[] = []
  const unknown: string[] = []
  for (const command of commands) {
    const sysctl = /^sysctl -w '?(net[^=']*)=([^']*)'?$/.exec(command.exec)
    if (sysctl !== null) {
      const now = sysctlGet(trial.world, netnsOf(trial.world, trial.ns), sysctl[1]!)
      if (now === undefined) unknown.push(sysctl[1]!)
      else if (String(now) === sysctl[2]) continue
      if (now === undefined) continue
    }
    const good =
      command.input === undefined ? tryLine(trial, command, notes) : tryRestore(trial, command, notes)
    if (good !== undefined) kept.push(good)
  }
  if (unknown.length > 0) {
    const shown = unknown.slice(0, 6).join(', ')
    const line = commands.find((c) => c.exec.includes(unknown[0]!))?.line ?? 1
    note(
      notes,
      'info',
      line,
      `${unknown.length} sysctls are not modelled: ${shown}${unknown.length > 6 ? ' …' : ''}`,
    )
  }
  return kept
}

function startTrial({ cabled, ipv6 }: Surroundings): Trial | undefined {
  const ends = cabled.map((name) => `    - endpoints: ["m:${name}", "other:p${cabled.indexOf(name)}"]`)
  const links = ends.length === 0 ? [] : ['  links:', ...ends]
  const text = ['name: trial', 'topology:', '  nodes:', '    m: {}', '    other: {}', ...links, ''].join('\n')
  const { lab } = parseLab(text)
  if (lab === undefined) return undefined
  const rules = standardRules()
  const { world } = buildWorld({ ...lab, ipv6 }, text, 1, rules, { records: 1024 })
  const machine = machineNamed(world, 'm')
  return machine === undefined ? undefined : { world, rules, machine: machine.id, ns: machine.rootNs }
}

/** What the command printed as its failure; '' where it went well. */
function failureOf({ world, rules, machine, ns }: Trial, line: string): string {
  const { capture } = execLine(world, { machine, ns, line })
  runToEnd(world, rules, capture, LINE_NS, LINE_EVENTS)
  const record = captureOf(world, capture)
  const code = record?.code ?? -1
  const said = `${record?.err ?? ''}${record?.out ?? ''}`.trim()
  if (code >= 0) captureRemove(world, capture)
  if (code === 0) return ''
  return said === '' ? `exit ${code}` : said
}

function tryLine(trial: Trial, command: Command, notes: Notes): Command | undefined {
  const failure = failureOf(trial, command.exec)
  if (failure === '') return command
  note(notes, 'warning', command.line, `${command.exec.slice(0, 160)}: ${failure.split('\n')[0]}`)
  return undefined
}

/** A restore that fails at a line is tried again without it. */
function tryRestore(trial: Trial, command: Command, notes: Notes): Command | undefined {
  const lines = command.exec.split('\n')
  for (let n = 0; n < MAX_RETRIES; n++) {
    const failure = failureOf(trial, lines.join('\n'))
    if (failure === '') return { ...command, exec: lines.join('\n') }
    const at = Number(/line:? (\d+)/.exec(failure)?.[1] ?? 0)
    const text = lines[at]
    if (at === 0 || text === undefined || !/^(\[|-A|:)/.test(text)) {
      note(notes, 'warning', command.line, failure.split('\n')[0] ?? '')
      return undefined
    }
    note(
      notes,
      'warning',
      command.input?.[at - 1] ?? command.line,
      `${failure.split('\n')[0]}: ${text.slice(0, 160)}`,
    )
    lines[at] = `# not modelled: ${text}`
  }
  note(notes, 'warning', command.line, 'too many rules that cannot be restored')
  return undefined
}
