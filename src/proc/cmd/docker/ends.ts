/** docker stop, restart, kill, rm, wait: one container after the other, each to its end. */
import { exitProcess, parseSignal, cancelTimer, setTimer, signalProcess } from '../../../run/process.ts'
import { watchContainer } from '../../../run/containerlife.ts'
import { stopContainer } from '../../../run/container.ts'
import type { ProcCtx, ProcEvent } from '../../../run/types.ts'
import { err, out } from '../../program.ts'
import type { Verb } from './cli.ts'
import { forgetBox, startBox } from './engine.ts'
import { askToEnd } from './run.ts'
import { isDockerFault, needBox, refuse } from './state.ts'

/** A docker command that goes through containers and waits for the end of each. */
export interface Ending {
  k: 'ending'
  verb: 'stop' | 'restart' | 'rm' | 'wait'
  todo: string[]
  /** Name and id of the one that is waited for. */
  name: string
  id: string
  force: boolean
  /** ns before SIGKILL. */
  grace: number
  code: number
  /** Exit code of the one that ended last. */
  exit: number
}

const GRACE_S = 10

function ending(verb: Ending['verb'], usage: string, short: string, long: readonly string[]): Verb {
  return {
    usage: `${usage} [OPTIONS] CONTAINER [CONTAINER...]`,
    short,
    long,
    min: 1,
    max: -1,
    run(ctx, { flags, operands }) {
      for (const name of ['v', 'volumes', 'l', 'link', 's', 'signal']) {
        if (flags.has(name) && verb !== 'rm') refuse(`--${name}: not modelled in Kubehop`)
      }
      const seconds = Number(flags.get('t') ?? flags.get('time') ?? flags.get('timeout') ?? GRACE_S)
      const state: Ending = {
        k: 'ending',
        verb,
        todo: [...operands],
        name: '',
        id: '',
        force: flags.has('f') || flags.has('force'),
        grace: (Number.isFinite(seconds) ? seconds : GRACE_S) * 1e9,
        code: 0,
        exit: 0,
      }
      ctx.proc.state = state
      next(ctx, state)
    },
  }
}

export const STOP = ending('stop', 'stop', 't:s:', ['time=', 'timeout=', 'signal='])
export const RESTART = ending('restart', 'restart', 't:s:', ['time=', 'timeout=', 'signal='])
export const RM = ending('rm', 'rm', 'fvl', ['force', 'volumes', 'link'])
export const WAIT = ending('wait', 'wait', '', [])

export const KILL: Verb = {
  usage: 'kill [OPTIONS] CONTAINER [CONTAINER...]',
  short: 's:',
  long: ['signal='],
  min: 1,
  max: -1,
  run(ctx, { flags, operands }) {
    const text = flags.get('s') ?? flags.get('signal') ?? 'KILL'
    const signal = parseSignal(text)
    if (signal === undefined) refuse(`invalid signal: ${text}`)
    let code = 0
    for (const name of operands) {
      code = said(ctx, code, () => {
        const { box } = needBox(ctx, name)
        if (box.pid === 0) refuse(`cannot kill container: ${name}: container ${box.id} is not running`)
        signalProcess(ctx.world, ctx.machine, box.pid, signal)
        out(ctx, `${name}\n`)
      })
    }
    exitProcess(ctx, code)
  },
}

/** A container's end, or the end of its time. */
export function endingEvent(ctx: ProcCtx, state: Ending, event: ProcEvent): void {
  if (event.type === 'signal') exitProcess(ctx, 130)
  else if (event.type === 'timer') stopContainer(ctx.world, ctx.machine.id, state.id, true)
  else if (event.type === 'container' && event.what === 'end' && event.id === state.id) {
    cancelTimer(ctx, 'grace')
    state.exit = event.code
    ended(ctx, state)
    next(ctx, state)
  }
}

function next(ctx: ProcCtx, state: Ending): void {
  for (;;) {
    const name = state.todo.shift()
    if (name === undefined) {
      exitProcess(ctx, state.code)
      return
    }
    let waits = false
    state.code = said(ctx, state.code, () => {
      waits = begin(ctx, state, name)
    })
    if (waits) return
  }
}

/** True where the container's end has to be waited for. */
function begin(ctx: ProcCtx, state: Ending, name: string): boolean {
  const { box, docker } = needBox(ctx, name)
  state.name = name
  state.id = box.id
  if (box.status !== 'running') {
    state.exit = box.exitCode
    ended(ctx, state)
    return false
  }
  if (state.verb === 'rm' && !state.force) {
    const how = 'stop the container before removing or force remove'
    refuse(`cannot remove container "${name}": container is running: ${how}`)
  }
  watchContainer(ctx.world, ctx.machine, ctx.proc, box.id)
  if (state.verb === 'rm') stopContainer(ctx.world, ctx.machine.id, box.id, true)
  else if (state.verb !== 'wait') {
    askToEnd(ctx, box, docker.stopSignal)
    setTimer(ctx, ctx.world.now + state.grace, 'grace')
  }
  return true
}

function ended(ctx: ProcCtx, state: Ending): void {
  state.code = said(ctx, state.code, () => {
    const box = ctx.machine.containers.get(state.id)
    if (state.verb === 'rm' && box !== undefined) forgetBox(ctx, state.id)
    if (state.verb === 'restart' && box !== undefined) startBox(ctx, box)
    out(ctx, state.verb === 'wait' ? `${state.exit}\n` : `${state.name}\n`)
  })
}

/** Runs a body; a fault is said, and the code becomes 1. */
function said(ctx: ProcCtx, code: number, body: () => void): number {
  try {
    body()
    return code
  } catch (thrown) {
    if (!isDockerFault(thrown)) throw thrown
    err(ctx, `${thrown.docker}\n`)
    return 1
  }
}
