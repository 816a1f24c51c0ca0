// What an engine other than docker does: a pod's sandbox with several containers in it. Models what namespaces(7),
// pid_namespaces(7) and the CRI say of them.
import { describe, expect, it } from 'vitest'
import { findNetns, netnsNamed, netnsOf } from '../net/world.ts'
import { createBench } from '../proc/check.ts'
import { runUntil } from '../sim/dispatch.ts'
import { checkpoint, seek, stateHash } from '../sim/timeline.ts'
import {
  containerAt,
  containerLogs,
  createContainer,
  createSandbox,
  putContainerFile,
  removeContainer,
  removeSandbox,
  startContainer,
  stopContainer,
} from './container.ts'
import { hostnameOf, watchContainer } from './containerlife.ts'
import { readFile, writeFile } from './files.ts'
import { findMachine, machineNetnsAdd } from './machine.ts'
import { exitProcess, processesSeen, setTimer, signalProcess, spawn, spawnChild } from './process.ts'
import { procAt } from './proctable.ts'
import { writeFd } from './fds.ts'
import type { FileNode, Program } from './types.ts'

const NO_ENV = new Map<string, string>()
const PAGE: FileNode = Object.freeze({ kind: 'file', text: 'image\n', mode: 0o644, mtime: 0 })
const DIR: FileNode = Object.freeze({ kind: 'dir', text: '', mode: 0o755, mtime: 0 })
const BASE = Object.freeze({ '/www': DIR, '/www/index': PAGE })

const sleeper: Program = {
  name: 'sleeper',
  help: '',
  start: (ctx) => setTimer(ctx, ctx.world.now + 1e15, 'end'),
}
const heeds: Program = {
  ...sleeper,
  name: 'heeds',
  handles: ['SIGTERM'],
  on(ctx, event) {
    if (event.type !== 'signal') return
    writeFd(ctx, 1, 'bye\n')
    exitProcess(ctx, 3)
  },
}
const parent: Program = {
  ...sleeper,
  name: 'parent',
  start(ctx) {
    spawnChild(ctx, 'sleeper', ['sleeper'])
    writeFd(ctx, 2, `${ctx.proc.vpid} ${hostnameOf(ctx.machine, ctx.proc)}\n`)
  },
}

function open() {
  const watcher: Program = {
    ...sleeper,
    name: 'watcher',
    start: (ctx) => watchContainer(ctx.world, ctx.machine, ctx.proc, ''),
    on(ctx, event) {
      if (event.type === 'container') writeFile(ctx, '/told', `${event.id} ${event.what} ${event.code}`)
    },
  }
  const bench = createBench([sleeper, heeds, parent, watcher])
  const { world, machine } = bench
  const run = () => runUntil(world, bench.rules, { untilAt: world.now + 1e9, maxEvents: 10_000 })
  const sandbox = (id: string, name: string) =>
    createSandbox(world, machine, { id, name, key: '', hostname: name })
  const container = (id: string, program: string) => {
    return createContainer(world, machine, {
      id, name: id, runtime: 'containerd', image: 'x', imageId: 'y', program, argv: [program], env: NO_ENV, cwd: '/',
      hostname: 'pod', base: BASE,
    }) // biome-ignore format: one record
  }
  const at = () => findMachine(world, machine)!
  return { bench, world, machine, run, sandbox, container, at }
}

describe('a sandbox', () => {
  it('is a namespace with lo up that containers share, and outlives each of them', () => {
    const { world, machine, run, sandbox, container, at } = open()
    const box = sandbox('s1', 'web')
    const ns = netnsNamed(world, `${at().name}.web`)
    expect([ns?.id, ns?.links[1]?.up]).toEqual([box.ns, true])
    container('pause', 'sleeper')
    container('app', 'heeds')
    startContainer(world, machine, 'pause', 's1')
    startContainer(world, machine, 'app', 's1')
    run()
    expect(netnsOf(world, box.ns).procs).toHaveLength(2)
    expect(containerAt(at(), box.ns)?.id).toBe('pause')
    stopContainer(world, machine, 'app')
    run()
    expect(at().containers.get('app')).toMatchObject({ status: 'exited', exitCode: 3, pid: 0 })
    expect(containerLogs(at().containers.get('app')!).map((one) => one.text)).toEqual(['bye\n'])
    startContainer(world, machine, 'app', 's1')
    run()
    expect(netnsNamed(world, `${at().name}.web`)?.id).toBe(box.ns)
    expect(at().containers.get('app')?.status).toBe('running')
  })

  it('goes with the last process in it', () => {
    const { world, machine, run, sandbox, container } = open()
    const { ns } = sandbox('s1', 'web')
    container('app', 'heeds')
    startContainer(world, machine, 'app', 's1')
    run()
    removeSandbox(world, machine, 's1')
    expect(findNetns(world, ns)).toBeDefined()
    stopContainer(world, machine, 'app')
    run()
    expect(findNetns(world, ns)).toBeUndefined()
    removeContainer(world, machine, 'app')
  })

  it('gives way to a namespace that is named by hand', () => {
    const { world, machine, sandbox, at } = open()
    const box = sandbox('s1', 'web')
    expect(machineNetnsAdd(world, machine, 'web')).toBeNull()
    expect(netnsNamed(world, `${at().name}.web`)?.id).toBe(at().netns.get('web'))
    expect(netnsOf(world, box.ns).name).toBe(`${at().name}.web-${box.ns}`)
  })
})

describe('a container', () => {
  it('counts its processes from 1, and all of them end with the first', () => {
    const { world, machine, run, sandbox, container, at } = open()
    sandbox('s1', 'web')
    const box = container('app', 'parent')
    const pid = startContainer(world, machine, 'app', 's1')
    run()
    expect(box.logs.map((one) => [one.stream, one.text])).toEqual([['err', '1 pod\n']])
    const first = procAt(netnsOf(world, at().pids.get(pid)!), pid)!
    expect(processesSeen(world, at(), first).map((one) => one.pid)).toEqual([1, 2])
    // A first process without a handler takes no SIGTERM; nothing withstands SIGKILL.
    stopContainer(world, machine, 'app')
    run()
    expect(box.status).toBe('running')
    stopContainer(world, machine, 'app', true)
    run()
    expect([box.status, box.exitCode]).toEqual(['exited', 137])
    expect([...at().pids.keys()]).toEqual([])
  })

  it('writes to files of its own above those of the image', () => {
    const { world, machine, sandbox, container, at } = open()
    const box = sandbox('s1', 'web')
    container('one', 'sleeper')
    container('two', 'sleeper')
    const ctx = (id: string) => ({
      world,
      ns: netnsOf(world, box.ns),
      machine: at(),
      proc: { cwd: '/', container: id },
    })
    expect(writeFile(ctx('one'), '/www/index', 'mine\n')).toBe('')
    putContainerFile(world, machine, 'two', '/etc/hosts', '10.0.0.1 web\n')
    expect(readFile(ctx('one'), '/www/index').text).toBe('mine\n')
    expect(readFile(ctx('two'), '/www/index').text).toBe('image\n')
    expect(readFile(ctx('two'), '/etc/hosts').text).toBe('10.0.0.1 web\n')
    expect(readFile(ctx(''), '/www/index').error).toBe('No such file or directory')
  })

  it('tells who watches, and comes back as it was', () => {
    const { bench, world, machine, run, sandbox, container, at } = open()
    const watcher = spawn(world, {
      machine, ns: bench.ns, program: 'watcher', argv: ['watcher'], env: NO_ENV, cwd: '/', fds: new Map(), ppid: 0,
      parentNs: 0,
    }) // biome-ignore format: one record
    sandbox('s1', 'web')
    container('app', 'heeds')
    run()
    startContainer(world, machine, 'app', 's1')
    stopContainer(world, machine, 'app')
    checkpoint(world)
    const [from, before] = [world.nEvents, stateHash(world)]
    run()
    const [end, after] = [world.nEvents, stateHash(world)]
    expect(at().files.get('/told')?.text).toBe('app end 3')
    seek(world, bench.rules, from)
    expect([stateHash(world), at().containers.get('app')?.status]).toEqual([before, 'running'])
    seek(world, bench.rules, end)
    expect([stateHash(world), at().containers.get('app')?.status]).toEqual([after, 'exited'])
    signalProcess(world, at(), watcher, 'SIGKILL')
    run()
    expect(at().watchers).toEqual([])
  })
})
