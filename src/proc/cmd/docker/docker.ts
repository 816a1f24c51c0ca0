/** docker: from its words to its commands. Models docker/cli 28.1; what it does not model it refuses by name. */
import type { ProcCtx, ProcEvent, Program } from '../../../run/types.ts'
import { exitProcess } from '../../../run/process.ts'
import { fail, out } from '../../program.ts'
import type { Verb } from './cli.ts'
import { failAs, guarded, NO_DAEMON, readVerb } from './cli.ts'
import { daemonPid, dockerd, serviceProgram, systemctl } from './daemon.ts'
import type { Ending } from './ends.ts'
import { endingEvent, KILL, RESTART, RM, STOP, WAIT } from './ends.ts'
import { imageList } from './images.ts'
import { INSPECT } from './inspect.ts'
import { IMAGES, NETWORK, PORT, PS, PULL, VERSION } from './list.ts'
import { dockerProxy } from './proxy.ts'
import type { Attached, Inside } from './run.ts'
import { ATTACH, attachedEvent, CREATE, EXEC, LOGS, RUN, START } from './run.ts'

const VERBS: Readonly<Record<string, Verb>> = {
  attach: ATTACH,
  create: CREATE,
  exec: EXEC,
  images: IMAGES,
  inspect: INSPECT,
  kill: KILL,
  logs: LOGS,
  port: PORT,
  ps: PS,
  pull: PULL,
  restart: RESTART,
  rm: RM,
  run: RUN,
  start: START,
  stop: STOP,
  version: VERSION,
  wait: WAIT,
}

/** Commands of docker's that are not modelled. */
const OTHERS = new Set(
  'build buildx builder commit compose config context cp diff events export history import info init load login logout manifest node pause plugin push rename rmi save search secret service stack stats swarm system tag top trust unpause update volume'.split(
    ' ',
  ),
)

const docker: Program = {
  name: 'docker',
  help: 'containers: run, ps, exec, logs, stop, start, rm, inspect, port, network, images (needs dockerd)',
  handles: ['SIGINT', 'SIGTERM'],
  start(ctx) {
    let args = ctx.proc.argv.slice(1)
    if (args.length === 0 || args[0] === '--help' || args[0] === 'help') return help(ctx)
    if (args[0] === '-v' || args[0] === '--version') {
      out(ctx, 'Docker version 28.1.1, build 4eba377\n')
      return exitProcess(ctx, 0)
    }
    if ((args[0] === 'container' && args[1] !== undefined) || (args[0] === 'image' && args[1] === 'pull')) {
      args = args[1] === 'ls' || args[1] === 'list' ? ['ps', ...args.slice(2)] : args.slice(1)
    } else if (args[0] === 'image' && args[1] === 'ls') args = ['images', ...args.slice(2)]
    const group = args[0] === 'network' ? NETWORK : VERBS
    const name = args[0] === 'network' ? (args[1] ?? '') : args[0]!
    const verb = Object.hasOwn(group, name) ? group[name] : undefined
    if (verb === undefined) return unknown(ctx, args)
    const full = group === NETWORK ? `network ${name}` : name
    const options = readVerb(ctx, full, verb, args.slice(group === NETWORK ? 2 : 1))
    if (options === undefined) return
    if (daemonPid(ctx.world, ctx.machine) === 0 || ctx.proc.container !== '') {
      return failAs(ctx, full, NO_DAEMON, 1)
    }
    guarded(ctx, full, () => verb.run(ctx, options))
  },
  on(ctx, event) {
    const state = ctx.proc.state as Attached | Inside | Ending | undefined
    if (state === undefined) exitOn(ctx, event)
    else if (state.k === 'ending') guarded(ctx, state.verb, () => endingEvent(ctx, state, event))
    else attachedEvent(ctx, state, event)
  },
  complete: ({ words, machine }) => {
    if (words.length === 2) return [...Object.keys(VERBS), 'network'].sort()
    if (words.length === 3 && words[1] === 'network') return Object.keys(NETWORK)
    const names = [...machine.containers.values()].map((box) => box.name)
    return ['run', 'create', 'pull'].includes(words[1] ?? '')
      ? imageList().map((one) => one.repository)
      : names
  },
}

function exitOn(ctx: ProcCtx, event: ProcEvent): void {
  if (event.type === 'signal') exitProcess(ctx, 130)
}

function unknown(ctx: ProcCtx, args: readonly string[]): void {
  const [name, second] = args
  if (name === 'network') return void help(ctx)
  if (name!.startsWith('-'))
    return void fail(ctx, 125, `unknown flag: ${name}\n\nRun 'docker --help' for more information`)
  const words = name === 'image' || name === 'container' ? `${name} ${second ?? ''}`.trim() : name!
  if (OTHERS.has(name!) || words !== name)
    return void fail(ctx, 1, `docker ${words}: not modelled in Kubehop`)
  fail(ctx, 1, `docker: unknown command: docker ${name}\n\nRun 'docker --help' for more information`)
}

function help(ctx: ProcCtx): void {
  const names = [...Object.keys(VERBS), ...Object.keys(NETWORK).map((one) => `network ${one}`)].sort()
  out(ctx, `Usage:  docker COMMAND\n\nModelled in Kubehop:\n${names.map((one) => `  ${one}\n`).join('')}`)
  exitProcess(ctx, 0)
}

export const dockerPrograms: readonly Program[] = [docker, dockerd, dockerProxy, systemctl, serviceProgram]
