/**
 * dockerd, and how it is started: `systemctl start docker`, `service docker start`, or `dockerd &`. It reads `bip` and
 * `userland-proxy` of /etc/docker/daemon.json and of its options; all others are refused by name.
 */
import { parsePrefix } from '../../../base/addr.ts'
import { watchContainer } from '../../../run/containerlife.ts'
import { stopContainer } from '../../../run/container.ts'
import { readFile } from '../../../run/files.ts'
import { exitProcess, findProcess, setTimer, signalProcess, spawn } from '../../../run/process.ts'
import type { Machine, ProcCtx, ProcEvent, Program } from '../../../run/types.ts'
import { touch } from '../../../sim/dispatch.ts'
import { dateText } from '../../clock.ts'
import { err, fail, finish } from '../../program.ts'
import { boxEnded } from './engine.ts'
import { raiseNetwork, standardNetworks } from './networks.ts'
import { setupChains, setupForwarding, setupUserChain } from './rules.ts'
import type { DockerState } from './state.ts'
import { dockerOf } from './state.ts'
import type { World } from '../../../net/types.ts'

/** How long containers have to end when the daemon ends. */
const STOP_NS = 10_000_000_000
const STANDARD_BIP = '172.17.0.1/16'

interface Options {
  bip: string
  userlandProxy: boolean
}

export const dockerd: Program = {
  name: 'dockerd',
  help: "docker's daemon: --bip ADDRESS/LEN, --userland-proxy=false",
  handles: ['SIGTERM', 'SIGINT', 'SIGHUP'],
  start(ctx) {
    const options = readOptions(ctx)
    if (typeof options === 'string') return fail(ctx, 1, options)
    const running = daemonPid(ctx.world, ctx.machine)
    if (running !== 0) {
      const path = 'ensure docker is not running or delete /var/run/docker.pid'
      return fail(ctx, 1, `failed to start daemon, ${path}: process with PID ${running} is still running`)
    }
    if (ctx.ns.id !== ctx.machine.rootNs || ctx.proc.container !== '') {
      return fail(ctx, 1, "dockerd: Kubehop models it in the machine's own namespace only")
    }
    begin(ctx, options)
    log(ctx, 'Starting up')
    log(ctx, 'Daemon has completed initialization')
    log(ctx, 'API listen on /var/run/docker.sock')
  },
  on(ctx, event) {
    if (event.type === 'container') {
      boxEnded(ctx, event.id)
      if (ctx.proc.state === 'stopping') leaveWhenEmpty(ctx)
    } else if (event.type === 'signal' && event.name !== 'SIGHUP') end(ctx)
    else if (event.type === 'timer')
      for (const id of running(ctx)) stopContainer(ctx.world, ctx.machine.id, id, true)
  },
}

export const systemctl: Program = {
  name: 'systemctl',
  help: 'start, stop, restart docker, or ask for its status',
  start: (ctx) =>
    service(ctx, ctx.proc.argv[1] ?? '', (ctx.proc.argv[2] ?? '').replace(/\.service$/, ''), 'systemctl'),
  on: whenEnded,
}

export const serviceProgram: Program = {
  name: 'service',
  help: 'service docker start | stop | restart | status',
  start: (ctx) => service(ctx, ctx.proc.argv[2] ?? '', ctx.proc.argv[1] ?? '', 'service'),
  on: whenEnded,
}

/** dockerd's process number on a machine, 0 where it does not run. */
export function daemonPid(world: World, machine: Machine): number {
  const pid = dockerOf(machine)?.pid ?? 0
  return pid !== 0 && findProcess(world, machine, pid)?.program === 'dockerd' ? pid : 0
}

function begin(ctx: ProcCtx, options: Options): void {
  const { world, machine } = ctx
  touch(world, machine.id)
  const before = dockerOf(machine)
  const state: DockerState = before ?? { type: 'docker', pid: 0, ...options, networks: [], boxes: new Map() }
  Object.assign(state, options, { pid: ctx.proc.pid })
  machine.engine = state
  const standard = standardNetworks(ctx, options.bip)
  state.networks = [
    ...standard,
    ...state.networks.filter((one) => !standard.some((s) => s.name === one.name)),
  ]
  // Without live-restore containers do not outlive the daemon.
  for (const id of running(ctx)) stopContainer(world, machine.id, id, true)
  releaseEnded(ctx)
  setupChains(ctx, state)
  setupForwarding(ctx)
  for (const network of state.networks) raiseNetwork(ctx, state, network)
  setupUserChain(ctx)
  watchContainer(world, machine, ctx.proc, '')
}

function end(ctx: ProcCtx): void {
  log(ctx, 'Processing signal')
  ctx.proc.state = 'stopping'
  for (const id of running(ctx)) {
    const pid = ctx.machine.containers.get(id)?.pid ?? 0
    const signal = dockerOf(ctx.machine)?.boxes.get(id)?.stopSignal === 'SIGQUIT' ? 'SIGQUIT' : 'SIGTERM'
    signalProcess(ctx.world, ctx.machine, pid, signal)
  }
  setTimer(ctx, ctx.world.now + STOP_NS, 'kill')
  leaveWhenEmpty(ctx)
}

function leaveWhenEmpty(ctx: ProcCtx): void {
  if (running(ctx).length > 0) return
  releaseEnded(ctx)
  const state = dockerOf(ctx.machine)
  touch(ctx.world, ctx.machine.id)
  if (state !== undefined) state.pid = 0
  exitProcess(ctx, 0)
}

/** Containers may end in one moment, or while no daemon is there to be told: what they held goes all the same. */
function releaseEnded(ctx: ProcCtx): void {
  for (const id of [...(dockerOf(ctx.machine)?.boxes.keys() ?? [])]) boxEnded(ctx, id)
}

function running(ctx: ProcCtx): string[] {
  const state = dockerOf(ctx.machine)
  return [...ctx.machine.containers.values()]
    .filter((box) => box.status === 'running' && state?.boxes.has(box.id))
    .map((box) => box.id)
}

function log(ctx: ProcCtx, message: string): void {
  err(ctx, `time="${dateText(ctx.world.now, '%FT%T.%N')}Z" level=info msg="${message}"\n`)
}

/** The options of the file and the command line, or the words for what is wrong with them. */
function readOptions(ctx: ProcCtx): Options | string {
  const file = '/etc/docker/daemon.json'
  const unable = `unable to configure the Docker daemon with file ${file}: `
  const options: Options = { bip: STANDARD_BIP, userlandProxy: true }
  const { text, error } = readFile(ctx, file)
  if (error === '' && text.trim() !== '') {
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      return `${unable}invalid character in JSON`
    }
    if (typeof json !== 'object' || json === null) return `${unable}it holds no object`
    for (const [key, value] of Object.entries(json)) {
      if (key === 'bip' && typeof value === 'string') options.bip = value
      else if (key === 'userland-proxy' && typeof value === 'boolean') options.userlandProxy = value
      else return `${unable}${key}: not modelled in Kubehop (bip and userland-proxy are)`
    }
  }
  const args = ctx.proc.argv.slice(1)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg.startsWith('--bip')) options.bip = arg.includes('=') ? arg.slice(6) : (args[++i] ?? '')
    else if (/^--userland-proxy(=true|=false)?$/.test(arg)) options.userlandProxy = !arg.endsWith('=false')
    else return `dockerd: ${arg}: not modelled in Kubehop (--bip and --userland-proxy are)`
  }
  const prefix = parsePrefix(options.bip)
  if (prefix === undefined || typeof prefix.addr !== 'number') {
    return `failed to start daemon: Error initializing network controller: invalid CIDR address: ${options.bip}`
  }
  return options
}

function service(ctx: ProcCtx, verb: string, unit: string, caller: string): void {
  const pid = daemonPid(ctx.world, ctx.machine)
  if (unit !== 'docker') {
    return void fail(ctx, 5, `${caller}: ${unit === '' ? verb : unit}: not modelled in Kubehop (docker is)`)
  }
  if (verb === 'start') {
    if (pid === 0) startDaemon(ctx)
    finish(ctx, caller === 'service' ? 'Starting Docker: docker.\n' : '')
  } else if (verb === 'status' || verb === 'is-active') {
    if (verb === 'is-active') finish(ctx, pid === 0 ? 'inactive\n' : 'active\n', pid === 0 ? 3 : 0)
    else if (pid === 0) finish(ctx, statusText('inactive (dead)'), 3)
    else finish(ctx, `${statusText('active (running)')}   Main PID: ${pid} (dockerd)\n`)
  } else if (verb === 'stop' || verb === 'restart') {
    ctx.proc.state = verb
    if (pid === 0) stopped(ctx)
    else {
      signalProcess(ctx.world, ctx.machine, pid, 'SIGTERM')
      setTimer(ctx, ctx.world.now + 1_000_000, 'look')
    }
  } else if (verb === 'enable' || verb === 'disable' || verb === 'daemon-reload') exitProcess(ctx, 0)
  else fail(ctx, 1, `${caller}: ${verb}: not modelled in Kubehop`)
}

function whenEnded(ctx: ProcCtx, event: ProcEvent): void {
  if (event.type !== 'timer') return
  if (daemonPid(ctx.world, ctx.machine) === 0) stopped(ctx)
  else setTimer(ctx, ctx.world.now + 10_000_000, 'look')
}

function stopped(ctx: ProcCtx): void {
  if (ctx.proc.state === 'restart') startDaemon(ctx)
  exitProcess(ctx, 0)
}

/** Starts dockerd as systemd does. */
export function startDaemon(ctx: Pick<ProcCtx, 'world' | 'machine'>): void {
  spawn(ctx.world, {
    machine: ctx.machine.id,
    ns: ctx.machine.rootNs,
    program: 'dockerd',
    argv: ['/usr/bin/dockerd'],
    env: new Map(),
    cwd: '/',
    fds: new Map(),
    ppid: 0,
    parentNs: 0,
  })
}

function statusText(active: string): string {
  return `docker.service - Docker Application Container Engine\n     Active: ${active}\n`
}
