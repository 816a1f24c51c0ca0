/** Runs a lesson's checks against a world as it is now, each on a branch of its own: the world is left as it was. */
import { createRecorder } from '../net/trace.ts'
import type { World } from '../net/types.ts'
import { captureOf } from '../proc/shell/session.ts'
import { checkpoint, MAX_CHECKPOINTS, seekInput, thin } from '../sim/timeline.ts'
import type { Rules } from '../sim/world.ts'
import { runToEnd } from './build.ts'
import { roomId } from './names.ts'
import { submitExec } from './rules.ts'
import type { Lab, LessonCheck, OutputTest } from './types.ts'

/** The same shape as the session's. */
export interface CheckResult {
  id: string
  title: string
  ok: boolean
  detail: string
}

const BRANCH_RECORDS = 1024
const CHECK_NS = 120_000_000_000
const CHECK_EVENTS = 5_000_000

/** Results in the order of the lesson; titles in `lang` where there is one. A lab without a lesson has none. */
export function runChecks(lab: Lab, world: World, rules: Rules<World>, lang = 'en'): CheckResult[] {
  return (lab.lesson?.checks ?? []).map((check) => {
    const title = check.title.get(lang) ?? check.title.get('en') ?? check.id
    const detail = runCheck(check, world, rules)
    return { id: check.id, title, ok: detail === '', detail }
  })
}

/** '' where the check holds, else what was otherwise. */
function runCheck(check: LessonCheck, world: World, rules: Rules<World>): string {
  if (frozenText(world) !== '') return 'the engine is frozen'
  const { machine, netns, command } = check.run
  const later = world.inputs.splice(world.inputCursor)
  // Nobody shall see the branch's packets: it records into a ring of its own.
  const { recorder } = world
  world.recorder = createRecorder(BRANCH_RECORDS)
  checkpoint(world)
  thin(world, MAX_CHECKPOINTS)
  const index = world.inputs.length
  try {
    const capture = submitExec(world, rules, roomId(machine, netns), command)
    if (capture === 0) return `there is no ${machine}/${netns}`
    const end = runToEnd(world, rules, capture, CHECK_NS, CHECK_EVENTS)
    if (end === 'frozen') return `the engine froze: ${frozenText(world)}`
    if (end === 'running') return `still running after 120 s: ${command}`
    const got = captureOf(world, capture)
    const { exit, stdout, stderr } = check.expect
    const code = got?.code ?? -1
    if (exit !== undefined && code !== exit)
      return `exit ${code}, not ${exit}: ${firstLine(got?.err || got?.out || '')}`
    return testOutput(got?.out ?? '', stdout, 'stdout') || testOutput(got?.err ?? '', stderr, 'stderr')
  } finally {
    if (world.inputs.length > index) seekInput(world, rules, index)
    world.inputs.length = index
    world.inputs.push(...later)
    world.recorder = recorder
  }
}

/** '' where a text passes, else the first test that it does not. */
export function testOutput(text: string, test: OutputTest, name: string): string {
  if (test.equals !== undefined && text.trimEnd() !== test.equals.trimEnd()) {
    return `${name} is not ${JSON.stringify(test.equals)} but ${JSON.stringify(text.slice(0, 200))}`
  }
  for (const part of test.contains) {
    if (!text.includes(part)) return `${name} does not hold ${JSON.stringify(part)}: ${firstLine(text)}`
  }
  for (const part of test.lacks) if (text.includes(part)) return `${name} holds ${JSON.stringify(part)}`
  for (const pattern of test.matches) {
    if (!text.split('\n').some((line) => matchesLine(line, pattern))) {
      return `no line of ${name} is like ${JSON.stringify(pattern)}`
    }
  }
  return ''
}

/** `*` for any run of characters, `?` for one; the whole line. Linear but for the last star's retries. */
export function matchesLine(line: string, pattern: string): boolean {
  let [i, p] = [0, 0]
  let star = -1
  let mark = 0
  while (i < line.length) {
    if (pattern[p] === '*') {
      star = p++
      mark = i
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === line[i])) {
      i++
      p++
    } else if (star >= 0) {
      p = star + 1
      i = ++mark
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

function frozenText(world: World): string {
  return world.frozen?.message ?? ''
}

/** The first line that says something: what ping prints before and around its answers does not. */
function firstLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^(PING |--- )/.test(line))
  return lines[0]?.slice(0, 200) ?? ''
}
