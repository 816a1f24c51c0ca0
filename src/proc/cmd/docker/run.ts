/** docker run, create, start, exec, logs, attach. Models docker/cli 28 as far as output, errors and exit codes go. */
import { environOf } from '../../../run/env.ts'
import { parseIp4 } from '../../../base/addr.ts'
import { containerLogs, stopContainer } from '../../../run/container.ts'
import { watchContainer } from '../../../run/containerlife.ts'
import { exitProcess, signalProcess, spawnChild } from '../../../run/process.ts'
import type { Container, Fd, ProcCtx, ProcEvent } from '../../../run/types.ts'
import { dateText } from '../../clock.ts'
import type { Options } from '../../program.ts'
import { err, out } from '../../program.ts'
import { findProgram } from '../../shell/simple.ts'
import type { Verb } from './cli.ts'
import { failAs } from './cli.ts'
import type { CreateSpec } from './engine.ts'
import { boxEnded, createBox, startBox } from './engine.ts'
import type { PortBinding } from './state.ts'
import { needBox, refuse } from './state.ts'

/** A docker command that stands by a container: what comes out of it is passed on, its end is the command's end. */
export interface Attached {
  k: 'attached'
  id: string
  /** Pieces of the log that were passed on. */
  seen: number
  /** The command ends with the container, by its exit code. */
  follows: boolean
  times: boolean
  /** The terminal is the container's own: signals from it are too. */
  quiet: boolean
}

/** A docker command that waits for a program that it started inside. */
export interface Inside {
  k: 'inside'
}

/** Options of the real command that Kubehop does not model, by name, with a value. */
const VALUED =
  'add-host annotation attach blkio-weight cgroup-parent cgroupns cidfile cpu-period cpu-quota cpu-shares cpus ' +
  'cpuset-cpus device dns dns-option dns-search domainname env-file gpus group-add health-cmd health-interval ip ip6 ' +
  'ipc isolation kernel-memory label-file link log-driver log-opt mac-address memory memory-swap mount network-alias ' +
  'oom-score-adj pid pids-limit platform pull restart runtime security-opt shm-size stop-signal stop-timeout ' +
  'storage-opt sysctl tmpfs ulimit userns uts volume volumes-from'
const PLAIN = ['init', 'no-healthcheck', 'oom-kill-disable', 'read-only', 'quiet', 'disable-content-trust']
const VALUED_LIST = VALUED.split(' ')
/** Without an effect here: programs may do everything anyway. */
const IDLE = ['cap-add=', 'cap-drop=', 'user=', 'privileged', 'sig-proxy', 'detach-keys=']
const TAKEN = [
  'detach', 'rm', 'tty', 'interactive', 'publish-all', 'name=', 'network=', 'net=', 'publish=', 'env=', 'workdir=',
  'hostname=', 'label=', 'expose=', 'entrypoint=',
] // biome-ignore format: one list
const RUN_LONG = [...TAKEN, ...IDLE, ...PLAIN, ...VALUED_LIST.map((name) => `${name}=`)]
const RUN_SHORT = '+dtiPp:e:w:h:l:u:v:m:c:a:q'

export const RUN: Verb = {
  usage: 'run [OPTIONS] IMAGE [COMMAND] [ARG...]',
  short: RUN_SHORT,
  long: RUN_LONG,
  min: 1,
  max: -1,
  run(ctx, options) {
    const has = (...names: string[]) => names.some((name) => options.flags.has(name))
    const detach = has('d', 'detach')
    const spec = specOf(options)
    if (!detach && spec.tty && spec.interactive && ctx.proc.fds.get(0)?.kind !== 'tty') {
      return failAs(ctx, 'docker', 'the input device is not a TTY', 1)
    }
    const box = createBox(ctx, spec)
    try {
      startBox(ctx, box, detach ? {} : ownFds(ctx, spec))
    } catch (thrown) {
      if (spec.autoRemove) boxEnded(ctx, box.id)
      throw thrown
    }
    if (!detach) return attach(ctx, box, { follows: true, quiet: spec.tty })
    out(ctx, `${box.id}\n`)
    exitProcess(ctx, 0)
  },
}

export const CREATE: Verb = {
  ...RUN,
  usage: 'create [OPTIONS] IMAGE [COMMAND] [ARG...]',
  run(ctx, options) {
    out(ctx, `${createBox(ctx, specOf(options)).id}\n`)
    exitProcess(ctx, 0)
  },
}

export const START: Verb = {
  usage: 'start [OPTIONS] CONTAINER [CONTAINER...]',
  short: 'ai',
  long: ['attach', 'interactive'],
  min: 1,
  max: -1,
  run(ctx, options) {
    let code = 0
    const attached = options.flags.has('a') || options.flags.has('attach')
    for (const name of options.operands) {
      try {
        const { box, docker } = needBox(ctx, name)
        startBox(ctx, box, attached ? ownFds(ctx, { tty: box.tty, interactive: docker.interactive }) : {})
        if (attached) return attach(ctx, box, { follows: true, quiet: box.tty })
        out(ctx, `${name}\n`)
      } catch (thrown) {
        err(ctx, `${(thrown as { docker: string }).docker}\n`)
        code = 1
      }
    }
    if (code !== 0) err(ctx, `failed to start containers: ${options.operands.join(', ')}\n`)
    exitProcess(ctx, code)
  },
}

export const EXEC: Verb = {
  usage: 'exec [OPTIONS] CONTAINER COMMAND [ARG...]',
  short: '+dite:w:u:',
  long: ['detach', 'interactive', 'tty', 'env=', 'workdir=', 'user=', 'privileged'],
  min: 2,
  max: -1,
  run(ctx, { flags, list, operands }) {
    const has = (...names: string[]) => names.some((name) => flags.has(name))
    const [name, ...argv] = operands
    const { box } = needBox(ctx, name!)
    if (has('t', 'tty') && has('i', 'interactive') && ctx.proc.fds.get(0)?.kind !== 'tty') {
      return failAs(ctx, 'exec', 'the input device is not a TTY', 1)
    }
    if (box.status !== 'running') refuse(`container ${box.id} is not running`)
    const home = ctx.machine.pids.get(box.pid)
    const cwd = flags.get('w') ?? flags.get('workdir') ?? box.cwd
    const env = new Map(environOf(box))
    for (const [key, value] of list) if (key === 'e' || key === 'env') env.set(...pairOf(value))
    const found = findProgram({ ...ctx, proc: { ...ctx.proc, container: box.id, cwd } }, argv[0]!)
    if (found.error !== '' || home === undefined) return notFound(ctx, argv[0]!, found.error, found.code)
    const fds = new Map(ctx.proc.fds)
    if (!has('i', 'interactive')) fds.set(0, { kind: 'null' })
    const detach = has('d', 'detach')
    if (detach) for (const n of [0, 1, 2]) fds.set(n, { kind: 'null' })
    const words = found.script === '' ? argv : [found.program, found.script, ...argv.slice(1)]
    const child = { ns: home, container: box.id, env, cwd, fds }
    const pid = spawnChild(ctx, found.program, words, child)
    if (pid === 0)
      return failAs(ctx, 'exec', 'OCI runtime exec failed: Resource temporarily unavailable', 126)
    if (detach) exitProcess(ctx, 0)
    else ctx.proc.state = { k: 'inside' } satisfies Inside
  },
}

export const LOGS: Verb = {
  usage: 'logs [OPTIONS] CONTAINER',
  short: 'ftn:',
  long: ['follow', 'timestamps', 'tail=', 'since=', 'until=', 'details'],
  min: 1,
  max: 1,
  run(ctx, { flags, operands }) {
    const { box } = needBox(ctx, operands[0]!)
    for (const name of ['since', 'until', 'details']) {
      if (flags.has(name)) return failAs(ctx, 'logs', `docker logs --${name}: not modelled in Kubehop`, 1)
    }
    const tail = flags.get('n') ?? flags.get('tail') ?? 'all'
    const total = box.logsLost + box.logs.length
    const seen = /^[0-9]+$/.test(tail) ? Math.max(0, total - Number(tail)) : 0
    const follow = (flags.has('f') || flags.has('follow')) && box.status === 'running'
    attach(ctx, box, { follows: false, quiet: false, seen, times: flags.has('t') || flags.has('timestamps') })
    if (!follow) exitProcess(ctx, 0)
  },
}

export const ATTACH: Verb = {
  usage: 'attach [OPTIONS] CONTAINER',
  short: '',
  long: ['no-stdin', 'sig-proxy'],
  min: 1,
  max: 1,
  run(ctx, { operands }) {
    const { box } = needBox(ctx, operands[0]!)
    if (box.status !== 'running') {
      return failAs(ctx, 'attach', 'cannot attach to a stopped container, start it first', 1)
    }
    attach(ctx, box, { follows: true, quiet: false, seen: box.logsLost + box.logs.length })
  },
}

/** What becomes of a command that stands by a container. */
export function attachedEvent(ctx: ProcCtx, state: Attached | Inside, event: ProcEvent): void {
  if (state.k === 'inside') {
    if (event.type === 'child') exitProcess(ctx, event.code)
    return
  }
  if (event.type === 'signal') {
    const pid = ctx.machine.containers.get(state.id)?.pid ?? 0
    if (!state.follows) exitProcess(ctx, 130)
    else if (!state.quiet && pid !== 0) signalProcess(ctx.world, ctx.machine, pid, event.name)
    return
  }
  if (event.type !== 'container' || event.id !== state.id) return
  const box = ctx.machine.containers.get(state.id)
  if (box !== undefined) passOn(ctx, box, state)
  if (event.what === 'end') exitProcess(ctx, state.follows ? event.code : 0)
}

function attach(
  ctx: ProcCtx,
  box: Container,
  options: { follows: boolean; quiet: boolean; seen?: number; times?: boolean },
): void {
  const { follows, quiet } = options
  const seen = options.seen ?? box.logsLost + box.logs.length
  const state: Attached = {
    k: 'attached',
    id: box.id,
    seen,
    follows,
    quiet,
    times: options.times ?? false,
  }
  ctx.proc.state = state
  watchContainer(ctx.world, ctx.machine, ctx.proc, box.id)
  passOn(ctx, box, state)
}

function passOn(ctx: ProcCtx, box: Container, state: Attached): void {
  for (const { at, stream, text } of containerLogs(box, state.seen)) {
    const shown = state.times ? text.replace(/^(?=.)/gm, `${dateText(at, '%FT%T.%NZ')} `) : text
    if (stream === 'out') out(ctx, shown)
    else err(ctx, shown)
  }
  state.seen = box.logsLost + box.logs.length
}

/** An interactive container with a terminal has the command's own; else it writes to its log, and reads what -i gives. */
function ownFds(ctx: ProcCtx, { tty, interactive }: { tty: boolean; interactive: boolean }) {
  const own = ctx.proc.fds.get(0)
  const fds = new Map<number, Fd>()
  if (tty && ctx.proc.tty !== 0) {
    for (const n of [0, 1, 2]) fds.set(n, { kind: 'tty', tty: ctx.proc.tty })
    return { fds, tty: ctx.proc.tty, pgid: ctx.proc.pgid }
  }
  if (interactive && own !== undefined) fds.set(0, own)
  return { fds }
}

function notFound(ctx: ProcCtx, name: string, error: string, code: number): void {
  const head = 'OCI runtime exec failed: exec failed: unable to start container process: exec: '
  const missing = name.includes('/')
    ? `stat ${name}: no such file or directory`
    : 'executable file not found in $PATH'
  const why =
    error === 'not modelled' ? 'not modelled in Kubehop' : code === 126 ? 'permission denied' : missing
  err(ctx, `${head}"${name}": ${why}: unknown\n`)
  exitProcess(ctx, code === 126 ? 126 : 127)
}

function specOf(options: Options): CreateSpec {
  const { flags, list, operands } = options
  const value = (...names: string[]) =>
    names.map((name) => flags.get(name)).find((one) => one !== undefined) ?? ''
  const all = (...names: string[]) => list.filter(([name]) => names.includes(name)).map(([, text]) => text)
  const bare: Record<string, string> = { v: 'volume', m: 'memory', c: 'cpu-shares', a: 'attach', q: 'quiet' }
  for (const [name] of list) {
    const long = bare[name] ?? name
    if (VALUED_LIST.includes(long) || PLAIN.includes(long)) refuse125(`--${long}: not modelled in Kubehop`)
  }
  const [image, ...command] = operands
  const entrypoint = flags.get('entrypoint')
  return {
    image: image ?? '',
    name: value('name'),
    command,
    entrypoint: entrypoint === undefined ? undefined : entrypoint === '' ? [] : [entrypoint],
    env: all('e', 'env'),
    labels: all('l', 'label'),
    cwd: value('w', 'workdir'),
    hostname: value('h', 'hostname'),
    network: all('network', 'net').at(-1) ?? '',
    ports: all('p', 'publish').flatMap(readPorts),
    publishAll: flags.has('P') || flags.has('publish-all'),
    expose: all('expose').map((one) => (one.includes('/') ? one : `${one}/tcp`)),
    autoRemove: flags.has('rm'),
    tty: flags.has('t') || flags.has('tty'),
    interactive: flags.has('i') || flags.has('interactive'),
  }
}

/** `[[IP:]HOST:]CONTAINER[/PROTO]`, ranges of equal length too. */
function readPorts(text: string): PortBinding[] {
  const bad = (why: string): never => refuse125(`invalid publish opts format: ${why}`)
  const [spec, proto = 'tcp'] = text.split('/') as [string, string?]
  if (proto !== 'tcp' && proto !== 'udp') return bad(`invalid proto: ${proto}`)
  const parts = spec.split(':')
  const container = parts.at(-1) ?? ''
  const host = parts.at(-2) ?? ''
  const ip = parts.length > 2 ? parts.slice(0, -2).join(':') : '0.0.0.0'
  if (parseIp4(ip) === undefined) refuse125(`invalid IP address: ${ip}`)
  const inner = rangeOf(container) ?? refuse125(`invalid containerPort: ${container}`)
  const outer = host === '' ? undefined : (rangeOf(host) ?? refuse125(`invalid hostPort: ${host}`))
  if (outer !== undefined && outer.length !== inner.length) {
    refuse125(`invalid ranges specified for container and host Ports: ${container} and ${host}`)
  }
  return inner.map((port, i) => ({ ip, host: outer?.[i] ?? 0, port, proto }))
}

function rangeOf(text: string): number[] | undefined {
  const found = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text)
  const from = Number(found?.[1])
  const to = Number(found?.[2] ?? found?.[1])
  if (found === null || from < 1 || to > 65535 || to < from || to - from > 256) return undefined
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

function refuse125(text: string): never {
  throw { docker: text, code: 125 }
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** Asks a container to end by the signal that its image wants. */
export function askToEnd(ctx: ProcCtx, box: Container, stopSignal: string): void {
  if (stopSignal !== 'SIGQUIT') stopContainer(ctx.world, ctx.machine.id, box.id)
  else if (box.pid !== 0) signalProcess(ctx.world, ctx.machine, box.pid, 'SIGQUIT')
}
