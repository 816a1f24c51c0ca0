/** `explain`: what would become of a packet now? The probe's world is thrown away. */
import { hashOf } from '../lab/headless.ts'
import { explainNow, readQuery } from '../session/explain.ts'
import type { ExplainAnswer, RuleAnswer } from '../session/explain-types.ts'
import { traceJson, traceText } from '../view/trace-text.ts'
import type { TraceView } from '../view/types.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_OK, EXIT_USAGE, JSON_VERSION } from './io.ts'
import { openLab, sayFrozen, typeCommands } from './lab-run.ts'
import { jsonText } from './run.ts'

/** Where a probe goes that was given no port. */
const HTTP = 80
const DNS = 53
/** Rules passed by that are printed with --verbose, for each that decided. */
const MAX_PRINTED = 200

export function explain(args: Args, io: Io): number {
  const { from, proto, dst, src, dport, sport } = args
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
  const given = sport === undefined ? {} : { sport }
  const probe = readQuery(world, { from, proto, dst, src, in: args.in, ...port, ...given })
  if (typeof probe === 'string') return usage(io, probe)
  const { now, nEvents } = world
  const { traces: views, answer } = explainNow(world, rules, probe)
  if (world.frozen !== undefined) return sayFrozen(run, args, io)
  if (args.json) {
    const { traces } = traceJson(views) as { traces: unknown }
    const body = { version: JSON_VERSION, lab: run.lab.name, seed: run.seed, now, events: nEvents }
    io.out(jsonText({ ...body, hash: hashOf(run), traces, answer }))
    return EXIT_OK
  }
  io.out(views.map((view, i) => viewText(view, i === 0, answer, args.verbose)).join('\n'))
  if (answer !== null) io.out(endText(answer, from))
  return EXIT_OK
}

/** A trace's text; below the steps of the probe stands why each rule and route decided. */
function viewText(view: TraceView, own: boolean, answer: ExplainAnswer | null, verbose: boolean): string {
  if (answer === null) return traceText(view, verbose)
  if (!own) {
    const by = answer.leaves.find((one) => one.trace === view.id)
    return traceText(view, verbose, () => [], by && `LEFT: by ${by.dev} of ${by.room}`)
  }
  const notes = (hop: number, step: number): string[] => {
    const rule = answer.rules.find((one) => one.hop === hop && one.step === step)
    const lookup = answer.lookups.find((one) => one.hop === hop && one.step === step)
    if (lookup !== undefined) return lookup.policies.map((text) => `ip rule ${text}`)
    return rule === undefined ? [] : ruleNotes(rule, verbose)
  }
  const { left } = answer
  return traceText(view, verbose, notes, left === null ? undefined : `LEFT: by ${left.dev} of ${left.room}`)
}

function ruleNotes(rule: RuleAnswer, verbose: boolean): string[] {
  const lines = rule.path.map(({ chain, number, text }) => `after ${chain} ${number}: ${text}`)
  lines.push(...rule.why.map((text) => `because ${text}`))
  if (rule.number === 0) lines.push(`because no rule of ${rule.hook} decided (${rule.asked} asked)`)
  if (!verbose) return lines
  for (const { chain, number, text, failed } of rule.passed.slice(0, MAX_PRINTED)) {
    lines.push(`not ${chain} ${number}: ${text}   [failed: ${failed}]`)
  }
  const more = rule.passed.length - MAX_PRINTED
  return more > 0 ? [...lines, `and ${more} more that did not match`] : lines
}

function endText(answer: ExplainAnswer, from: string): string {
  const lines: string[] = []
  for (const { room, dev, ip } of answer.assumed) {
    lines.push(`Taken as answered: who has ${ip} on ${dev} of ${room}; nobody of the lab is there to ask.`)
  }
  const { left } = answer
  if (left !== null) {
    lines.push(`LEFT ${left.room} by ${left.dev}: nobody of the lab is behind it. It goes out as`)
    for (const { name, fields } of left.layers) {
      lines.push(`  ${name}: ${fields.map((field) => `${field.name} ${field.value}`).join(', ')}`)
    }
  }
  if (answer.cameBack) {
    lines.push(
      `The answer came back to ${from}; NO_SOCKET there only says that no program waits for a probe's answer.`,
    )
  }
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`
}

function usage(io: Io, text: string): number {
  io.err(`${text}\n`)
  return EXIT_USAGE
}
