import { describe, expect, it } from 'vitest'
import { Ev } from '../net/events.ts'
import { sockOpen } from '../net/sock/socket.ts'
import { findNetns, netnsNamed, netnsOf } from '../net/world.ts'
import { createBench, runLine } from '../proc/check.ts'
import { addTarget, runUntil, schedule } from '../sim/dispatch.ts'
import { checkpoint, seek, stateHash } from '../sim/timeline.ts'
import { CAPTURE_MAX, OUTPUT_MAX, readInput, writeFd } from './fds.ts'
import {
  appendFile,
  listDir,
  makeDir,
  makeLink,
  readFile,
  removeFile,
  resolvePath,
  writeFile,
} from './files.ts'
import { findMachine, machineNetnsAdd, machineNetnsDel, machineRemove } from './machine.ts'
import {
  execProgram,
  exitProcess,
  findProcess,
  PROCESS_MAX,
  setTimer,
  signalGroup,
  signalProcess,
  spawn,
  spawnChild,
  spawnIn,
} from './process.ts'
import type { Capture, Fd, ProcCtx, Program } from './types.ts'

const NO_ENV = new Map<string, string>()

function program(
  name: string,
  start: Program['start'],
  on?: Program['on'],
  handles?: Program['handles'],
): Program {
  return {
    name,
    help: name,
    start,
    ...(on === undefined ? {} : { on }),
    ...(handles === undefined ? {} : { handles }),
  }
}

function open(...programs: Program[]) {
  const bench = createBench(programs)
  const { world } = bench
  const capture: Capture = {
    id: 0, epoch: 0, type: 'capture', machine: bench.machine, pid: 0, out: '', err: '', code: -1, cut: false,
  } // biome-ignore format: one line
  addTarget(world, capture)
  const run = (name: string, fds: [number, Fd][] = []) => {
    const all = new Map<number, Fd>([[1, { kind: 'capture', capture: capture.id, stream: 'out' }], ...fds])
    const where = { machine: bench.machine, ns: bench.ns, ppid: 0, parentNs: 0 }
    return spawn(world, {
      ...where,
      program: name,
      argv: [name],
      env: NO_ENV,
      cwd: '/',
      fds: all,
      capture: capture.id,
    })
  }
  const go = (maxEvents = 1000) => runUntil(world, bench.rules, { maxEvents })
  return { ...bench, capture, run, go, machineRecord: findMachine(world, bench.machine)! }
}

const waiting = program('waiting', () => {})

describe('a process', () => {
  it('starts by an event, ends with a code, and is gone', () => {
    const lab = open(program('seven', (ctx) => exitProcess(ctx, 7 + 256)))
    const pid = lab.run('seven')
    expect(lab.capture.code).toBe(-1)
    expect(findProcess(lab.world, lab.machineRecord, pid)?.program).toBe('seven')
    lab.go()
    expect(lab.capture.code).toBe(7)
    expect(netnsOf(lab.world, lab.ns).procs).toBeNull()
    expect(lab.machineRecord.pids.size).toBe(0)
  })

  it('ends with 127 where there is no such program', () => {
    const lab = open()
    lab.run('nothing')
    lab.go()
    expect(lab.capture.code).toBe(127)
  })

  it('tells its parent, in another namespace too', () => {
    const codes: number[] = []
    const parent = program(
      'parent',
      (ctx) => {
        spawnChild(ctx, 'five', ['five'])
        spawnIn(ctx, ctx.machine.netns.get('red')!, 'five', ['five'])
      },
      (ctx, event) => {
        if (event.type === 'child') codes.push(event.code)
        if (codes.length === 2) exitProcess(ctx, 0)
      },
    )
    const places: string[] = []
    const lab = open(
      parent,
      program('five', (ctx) => {
        places.push(ctx.ns.name)
        exitProcess(ctx, 5)
      }),
    )
    machineNetnsAdd(lab.world, lab.machine, 'red')
    lab.run('parent')
    lab.go()
    expect(codes).toEqual([5, 5])
    expect(places).toEqual(['h1', 'h1.red'])
    expect(lab.capture.code).toBe(0)
  })

  it('goes on as another program with its pid, without its timers', () => {
    const seen: string[] = []
    const first = program('first', (ctx) => {
      setTimer(ctx, 5, 'old')
      execProgram(ctx, 'second', ['second', 'x'])
    })
    const second = program(
      'second',
      (ctx) => {
        seen.push(`${ctx.proc.pid} ${ctx.proc.argv.join(' ')}`)
        setTimer(ctx, 10, 'new')
      },
      (ctx, event) => {
        seen.push(event.type === 'timer' ? event.tag : event.type)
        exitProcess(ctx, 0)
      },
    )
    const lab = open(first, second)
    const pid = lab.run('first')
    lab.go()
    expect(seen).toEqual([`${pid} second x`, 'new'])
  })

  it('has one timer of each tag: setting it again replaces it', () => {
    const fired: [string, number][] = []
    const timers = program(
      'timers',
      (ctx) => {
        setTimer(ctx, 100, 'a')
        setTimer(ctx, 50, 'b')
        setTimer(ctx, 200, 'a')
      },
      (ctx, event) => {
        if (event.type === 'timer') fired.push([event.tag, ctx.world.now])
      },
    )
    const lab = open(timers)
    lab.run('timers')
    lab.go()
    expect(fired).toEqual([
      ['b', 50],
      ['a', 200],
    ])
  })

  it('loses its sockets and taps when it ends', () => {
    const lab = open(waiting)
    const pid = lab.run('waiting')
    lab.go()
    const ns = netnsOf(lab.world, lab.ns)
    sockOpen(lab.world, ns, { kind: 'udp', family: 4, pid, proto: 17 })
    sockOpen(lab.world, ns, { kind: 'udp', family: 4, pid: 99, proto: 17 })
    signalProcess(lab.world, lab.machineRecord, pid, 'SIGKILL')
    lab.go()
    expect([...(ns.sockets?.values() ?? [])].map((sock) => sock.pid)).toEqual([99])
  })

  it('hears of its sockets', () => {
    const heard: number[] = []
    const listening = program(
      'listening',
      () => {},
      (_, event) => {
        if (event.type === 'sock') heard.push(event.sock)
      },
    )
    const lab = open(listening)
    const pid = lab.run('listening')
    schedule(lab.world, 10, Ev.SockWake, lab.ns, pid, 3)
    schedule(lab.world, 11, Ev.SockWake, lab.ns, pid + 1, 4)
    lab.go()
    expect(heard).toEqual([3])
  })

  it('is refused beyond PROCESS_MAX of a machine', () => {
    const lab = open(waiting)
    const pids = Array.from({ length: PROCESS_MAX + 5 }, () => lab.run('waiting'))
    expect(pids.filter((pid) => pid === 0)).toHaveLength(5)
    expect(lab.machineRecord.pids.size).toBe(PROCESS_MAX)
  })
})

describe('signals', () => {
  it('end with 128 and their number, unless the program handles them', () => {
    const stubborn = program('stubborn', () => {}, (ctx, event) => {
      if (event.type === 'signal') writeFd(ctx, 1, event.name)
    }, ['SIGINT']) // biome-ignore format: short
    for (const [name, code] of [
      ['SIGINT', -1],
      ['SIGTERM', 143],
      ['SIGKILL', 137],
      ['SIGHUP', 129],
    ] as const) {
      const lab = open(stubborn)
      const pid = lab.run('stubborn')
      signalProcess(lab.world, lab.machineRecord, pid, name)
      lab.go()
      expect([name, lab.capture.code, lab.capture.out]).toEqual([
        name,
        code,
        name === 'SIGINT' ? 'SIGINT' : '',
      ])
    }
  })

  it('reach a group', () => {
    const lab = open(
      program('two', (ctx) => void spawnChild(ctx, 'waiting', ['waiting'])),
      waiting,
    )
    const pid = lab.run('two')
    lab.go()
    expect(lab.machineRecord.pids.size).toBe(2)
    expect(signalGroup(lab.world, lab.machineRecord, pid, 'SIGTERM')).toBe(true)
    lab.go()
    expect(lab.machineRecord.pids.size).toBe(0)
    expect(signalGroup(lab.world, lab.machineRecord, pid, 'SIGTERM')).toBe(false)
  })
})

describe('output and input', () => {
  it('is bounded, and says where it was cut', () => {
    const flood = program('flood', (ctx) => {
      let room = true
      while (room) room = writeFd(ctx, 1, 'x'.repeat(65_536))
      exitProcess(ctx, 0)
    })
    const lab = open(flood)
    lab.run('flood')
    lab.go()
    expect(lab.capture.out.length).toBeLessThanOrEqual(CAPTURE_MAX)
    expect(OUTPUT_MAX).toBeLessThanOrEqual(CAPTURE_MAX)
    expect(lab.capture.cut || lab.capture.out.includes('output cut')).toBe(true)
  })

  it('flows through pipes to their end', () => {
    const got: string[] = []
    const reader = program(
      'reader',
      (ctx) => readInput(ctx, 0),
      (ctx, event) => {
        if (event.type !== 'input') return
        got.push(event.eof ? 'end' : event.text)
        if (event.eof) exitProcess(ctx, 0)
        else readInput(ctx, 0)
      },
    )
    const ticks = (ctx: ProcCtx) => setTimer(ctx, ctx.world.now + 10, 't')
    const writer = program('writer', ticks, (ctx) => {
      const n = ((ctx.proc.state as number | undefined) ?? 0) + 1
      ctx.proc.state = n
      writeFd(ctx, 1, `line ${n}\n`)
      if (n === 3) exitProcess(ctx, 0)
      else ticks(ctx)
    })
    const lab = open(reader, writer)
    lab.machineRecord.pipes = new Map([[1, { id: 1, text: '', readers: 0, writers: 0, waiters: [] }]])
    lab.run('reader', [[0, { kind: 'pipe', pipe: 1, end: 'r' }]])
    lab.run('writer', [[1, { kind: 'pipe', pipe: 1, end: 'w' }]])
    lab.go()
    expect(got).toEqual(['line 1\n', 'line 2\n', 'line 3\n', 'end'])
    expect(lab.machineRecord.pipes.size).toBe(0)
  })
})

describe('named namespaces', () => {
  it('answer as ip netns does', () => {
    const lab = open()
    expect(machineNetnsAdd(lab.world, lab.machine, 'red')).toBeNull()
    // `ip netns add red` twice, `ip netns del blue`, `ip netns add a/b` (iproute2 6.1 of Debian 12).
    expect(machineNetnsAdd(lab.world, lab.machine, 'a/b')?.message).toBe('Invalid netns name "a/b"')
    expect(machineNetnsAdd(lab.world, lab.machine, 'red')?.message).toBe(
      'Cannot create namespace file "/run/netns/red": File exists',
    )
    expect(machineNetnsDel(lab.world, lab.machine, 'blue')?.message).toBe(
      'Cannot remove namespace file "/run/netns/blue": No such file or directory',
    )
    expect(netnsNamed(lab.world, 'h1.red')?.machine).toBe(lab.machine)
    expect(machineNetnsDel(lab.world, lab.machine, 'red')).toBeNull()
    expect(netnsNamed(lab.world, 'h1.red')).toBeUndefined()
  })

  it('live on without a name until their last process ends', () => {
    const lab = open(waiting)
    machineNetnsAdd(lab.world, lab.machine, 'red')
    const red = netnsNamed(lab.world, 'h1.red')!.id
    const where = {
      machine: lab.machine,
      ns: red,
      ppid: 0,
      parentNs: 0,
      env: NO_ENV,
      cwd: '/',
      fds: new Map(),
    }
    const pid = spawn(lab.world, { ...where, program: 'waiting', argv: ['waiting'] })
    lab.go()
    expect(machineNetnsDel(lab.world, lab.machine, 'red')).toBeNull()
    expect(machineNetnsAdd(lab.world, lab.machine, 'red')).toBeNull()
    expect(findNetns(lab.world, red)).toBeDefined()
    signalProcess(lab.world, lab.machineRecord, pid, 'SIGTERM')
    lab.go()
    expect(findNetns(lab.world, red)).toBeUndefined()
    expect(netnsNamed(lab.world, 'h1.red')).toBeDefined()
  })

  it('go with their machine', () => {
    const lab = open(waiting)
    machineNetnsAdd(lab.world, lab.machine, 'red')
    lab.run('waiting')
    machineRemove(lab.world, lab.machine)
    lab.go()
    expect(netnsNamed(lab.world, 'h1')).toBeUndefined()
    expect(netnsNamed(lab.world, 'h1.red')).toBeUndefined()
    expect(lab.world.frozen).toBeUndefined()
  })
})

describe('files', () => {
  it('are a small tree with links, and the system generates some', () => {
    const lab = open()
    const ns = netnsOf(lab.world, lab.ns)
    const ctx = { world: lab.world, ns, machine: lab.machineRecord, proc: { cwd: '/tmp' } }
    expect(readFile(ctx, '/etc/hostname')).toEqual({ text: 'h1\n', error: '' })
    expect(readFile(ctx, '/etc')).toEqual({ text: '', error: 'Is a directory' })
    expect(readFile(ctx, '/nope/x').error).toBe('No such file or directory')
    expect(readFile(ctx, '/etc/hostname/x').error).toBe('Not a directory')
    expect(writeFile(ctx, 'a', 'one\n') + appendFile(ctx, './a', 'two\n')).toBe('')
    expect(readFile(ctx, '/tmp/a').text).toBe('one\ntwo\n')
    expect(makeDir(ctx, 'd') + makeLink(ctx, 'd/l', '../a')).toBe('')
    expect(readFile(ctx, 'd/l').text).toBe('one\ntwo\n')
    expect(removeFile(ctx, 'd')).toBe('Directory not empty')
    expect(makeLink(ctx, 'loop', 'loop') + readFile(ctx, 'loop').error).toBe(
      'Too many levels of symbolic links',
    )
    expect(listDir(ctx, '/tmp')).toEqual(['a', 'd', 'loop'])
    expect(removeFile(ctx, '/etc/hosts')).toBe('')
    expect(readFile(ctx, '/etc/hosts').error).toBe('No such file or directory')
    expect(resolvePath('/a/b', '../c/./d//e')).toBe('/a/c/d/e')
    expect(readFile(ctx, '/proc/sys/net/ipv4/ip_forward').text).toBe('0\n')
    expect(writeFile(ctx, '/proc/sys/net/ipv4/ip_forward', '1\n')).toBe('')
    expect(readFile(ctx, '/proc/sys/net/ipv4/conf/all/forwarding').text).toBe('1\n')
    expect(listDir(ctx, '/proc/sys/net/ipv4/conf')).toEqual(['all', 'default', 'lo'])
    // A fresh namespace on Linux 6.18: cat /sys/class/net/lo/{address,mtu,operstate,ifindex,flags}
    const lo = ['address', 'mtu', 'operstate', 'ifindex', 'flags'].map(
      (name) => readFile(ctx, `/sys/class/net/lo/${name}`).text,
    )
    expect(lo).toEqual(['00:00:00:00:00:00\n', '65536\n', 'down\n', '1\n', '0x8\n'])
  })

  it('of /etc/netns/NAME stand in for those of /etc in that namespace', () => {
    const lab = open()
    machineNetnsAdd(lab.world, lab.machine, 'red')
    const at = (name: string) => {
      const ns = netnsNamed(lab.world, name)!
      return { world: lab.world, ns, machine: lab.machineRecord, proc: { cwd: '/' } }
    }
    expect(
      makeDir(at('h1'), '/etc/netns/red') + writeFile(at('h1'), '/etc/netns/red/hosts', '10.0.0.1 a\n'),
    ).toBe('')
    expect(readFile(at('h1.red'), '/etc/hosts').text).toBe('10.0.0.1 a\n')
    expect(readFile(at('h1'), '/etc/hosts').text).toContain('localhost')
  })

  it('rewind with their machine', () => {
    const lab = open()
    const ctx = {
      world: lab.world,
      ns: netnsOf(lab.world, lab.ns),
      machine: lab.machineRecord,
      proc: { cwd: '/' },
    }
    writeFile(ctx, '/tmp/a', 'before')
    checkpoint(lab.world)
    const hash = stateHash(lab.world)
    writeFile(ctx, '/tmp/a', 'after')
    makeDir(ctx, '/tmp/d')
    expect(stateHash(lab.world)).not.toBe(hash)
    runLine({ ...lab, machine: lab.machine }, 'x', 5)
    seek(lab.world, lab.rules, 0)
    expect(stateHash(lab.world)).toBe(hash)
    const machine = findMachine(lab.world, lab.machine)!
    expect(machine.files.get('/tmp/a')?.text).toBe('before')
    expect(machine.files.has('/tmp/d')).toBe(false)
  })
})
