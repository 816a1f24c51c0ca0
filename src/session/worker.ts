/**
 * The Web Worker: the session behind Comlink, its streams by a port that the page hands over. Errors become data.
 *
 * The first picture needs only the programs that labs boot with; the others are loaded right behind. Until they are
 * here, only what cannot start a program is answered: a command must never be told that a program does not exist
 * because it is late, and a run must not depend on how fast a file came.
 */
import * as Comlink from 'comlink'
import { bootPrograms } from '../lab/boot-programs.ts'
import type { ClusterSlot } from '../lab/cluster-part.ts'
import { parseLab } from '../lab/parse.ts'
import { labRules } from '../lab/rules.ts'
import type { ClusterCallsSlot } from './cluster-slot.ts'
import { isClusterCall } from './cluster-slot.ts'
import type { Engine } from './engine.ts'
import { labEngine } from './lab-engine.ts'
import { createSession } from './local.ts'
import type { Session } from './types.ts'

/** setTimeout waits at least 4 ms when nested; a message to oneself does not wait and lets other messages in. */
const soon = new MessageChannel()
const waiting = new Map<number, () => void>()
let next = 1

soon.port1.onmessage = (event: MessageEvent<number>) => run(event.data)

const programs = bootPrograms()
const first = new Set(programs.keys())
const cluster: ClusterSlot = {}
const all = Promise.all([
  import('../lab/programs.ts'),
  import('../lab/cluster.ts'),
  import('../lab/cluster-agents.ts'),
]).then(([{ labPrograms }, { clusterPart, clusterPrograms }, { clusterAgents }]) => {
  const agents = clusterAgents(programs)
  for (const [name, program] of labPrograms()) programs.set(name, program)
  for (const program of clusterPrograms(agents)) programs.set(program.name, program)
  cluster.part = clusterPart(agents)
})

const host = {
  // Until the page has handed over a port nobody listens.
  post: () => undefined,
  now: () => performance.now(),
  later: (ms: number, fn: () => void) => {
    const handle = next++
    waiting.set(handle, fn)
    if (ms < 1) soon.port2.postMessage(handle)
    else setTimeout(run, ms, handle)
    return handle
  },
  cancel: (handle: number) => {
    waiting.delete(handle)
  },
}

/** Seldom asked for: loaded with the first question (see inTwoSteps). */
let readDump: Engine['readDump'] | undefined
const looks: ClusterCallsSlot = {}
const session = createSession(
  host,
  labEngine(labRules(programs, cluster), (text, request) => {
    if (readDump === undefined) throw new Error('the reader of dumps is not loaded')
    return readDump(text, request)
  }),
  looks,
)

async function loadLooks(): Promise<void> {
  looks.make ??= (await import('./cluster.ts')).clusterCalls
}

async function loadDumps(): Promise<void> {
  readDump ??= (await import('../lab/dump/onto.ts')).dumpOnto
}

// A failure outside a call (there should be none) must not end the worker.
self.addEventListener('error', (event) => event.preventDefault())
self.addEventListener('unhandledrejection', (event) => event.preventDefault())

Comlink.expose(inTwoSteps(session))

function run(handle: number): void {
  const fn = waiting.get(handle)
  waiting.delete(handle)
  fn?.()
}

/** Looking, seeking and pausing start nothing; opening waits only for a lab that boots with more than the first programs. */
function inTwoSteps(whole: Session): Session {
  const calls = whole as unknown as Record<string, (...args: unknown[]) => unknown>
  const atOnce = new Set([
    'connect',
    'text',
    'state',
    'scene',
    'lint',
    'pause',
    'setSpeed',
    'terminals',
    'lesson',
  ])
  const wrapped: Record<string, (...args: unknown[]) => unknown> = {}
  for (const [name, call] of Object.entries(calls)) {
    const free = (args: unknown[]) => atOnce.has(name) || (name === 'open' && bootsWithFirst(String(args[0])))
    const ready = () =>
      name === 'readDump' ? all.then(loadDumps) : isClusterCall(name) ? all.then(loadLooks) : all
    wrapped[name] = (...args) => (free(args) ? call(...args) : ready().then(() => call(...args)))
  }
  return wrapped as unknown as Session
}

/** Whether the lab boots by the first programs alone. Any doubt waits: a line of more than one plain command does. */
function bootsWithFirst(text: string): boolean {
  const { lab } = parseLab(text)
  if (lab === undefined) return true
  if (lab.cluster !== undefined) return false
  return lab.machines.every(({ exec }) =>
    exec.every((line) => isPlain(line.line.trim().split(/\s+/), line.line)),
  )
}

function isPlain(words: readonly string[], line: string): boolean {
  if (/[^\w\s./:=,+@-]/.test(line) || !first.has(words[0] ?? '')) return false
  // `ip netns exec NAME COMMAND` starts another program.
  const at = words.indexOf('exec')
  return words[0] !== 'ip' || at < 0 || first.has(words[at + 2] ?? '')
}
