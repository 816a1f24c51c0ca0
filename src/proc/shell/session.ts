/** What a front end needs of shells: terminals with an interactive one, and single command lines. */
import { environOf } from '../../run/env.ts'
import { assert } from '../../base/assert.ts'
import type { World } from '../../net/types.ts'
import { addTarget, removeTarget, touch } from '../../sim/dispatch.ts'
import { containerAt } from '../../run/container.ts'
import { findMachine } from '../../run/machine.ts'
import { processesOf, spawn } from '../../run/process.ts'
import { createTty } from '../../run/tty.ts'
import type { Capture, Fd } from '../../run/types.ts'
import { touchTty } from '../../run/fds.ts'

const HOME = '/root'

/** What a login gives. */
export function loginEnvironment(): Map<string, string> {
  return new Map([
    ['HOME', HOME],
    ['LOGNAME', 'root'],
    ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['SHELL', '/bin/bash'],
    ['TERM', 'xterm-256color'],
    ['USER', 'root'],
  ])
}

/** A terminal with a bash on it. `machine` and `ns` are ids. Answers the terminal's id. */
export function openTty(world: World, at: { machine: number; ns: number }): number {
  const id = createTty(world, at.machine, at.ns)
  const fd: Fd = { kind: 'tty', tty: id }
  const pid = spawn(world, {
    machine: at.machine,
    ns: at.ns,
    program: 'bash',
    argv: ['bash'],
    ...inside(world, at),
    fds: new Map([0, 1, 2].map((n) => [n, fd])),
    ppid: 0,
    parentNs: 0,
    tty: id,
  })
  const tty = touchTty(world, id)
  if (tty === undefined) return id
  tty.fg = pid
  tty.shell = pid
  if (pid === 0) tty.text = 'bash: fork: Resource temporarily unavailable\r\n'
  return id
}

/** Runs one line by `sh -c`, output and errors kept apart. Answers its pid and the capture's id. */
export function execLine(
  world: World,
  at: { machine: number; ns: number; line: string },
): { pid: number; capture: number } {
  const record: Capture = {
    id: 0,
    epoch: 0,
    type: 'capture',
    pid: 0,
    machine: at.machine,
    out: '',
    err: '',
    code: -1,
    cut: false,
  }
  const capture = addTarget(world, record)
  const pid = spawn(world, {
    machine: at.machine,
    ns: at.ns,
    program: 'sh',
    argv: ['sh', '-c', at.line],
    ...inside(world, at),
    fds: new Map<number, Fd>([
      [0, { kind: 'null' }],
      [1, { kind: 'capture', capture, stream: 'out' }],
      [2, { kind: 'capture', capture, stream: 'err' }],
    ]),
    ppid: 0,
    parentNs: 0,
    capture,
  })
  record.pid = pid
  if (pid === 0) Object.assign(record, { code: 254, err: 'sh: 0: Cannot fork\n' })
  return { pid, capture }
}

/** In a container's namespace commands run in the container, as `docker exec` runs them. */
function inside(world: World, at: { machine: number; ns: number }) {
  const machine = findMachine(world, at.machine)
  const box = machine === undefined ? undefined : containerAt(machine, at.ns)
  if (box === undefined) return { env: loginEnvironment(), cwd: HOME, container: '' }
  return { env: new Map([...loginEnvironment(), ...environOf(box)]), cwd: box.cwd, container: box.id }
}

/** Output so far and the exit code (-1 while the command runs) of an `execLine`. */
export function captureOf(world: World, id: number): Capture | undefined {
  const capture = world.targets[id] as Capture | undefined
  return capture?.type === 'capture' ? capture : undefined
}

/** Whether any process still has the capture open: the command itself, or a job that it left in the background. */
export function captureBusy(world: World, id: number): boolean {
  const capture = captureOf(world, id)
  const machine = capture === undefined ? undefined : findMachine(world, capture.machine)
  if (machine === undefined) return false
  return processesOf(world, machine).some((proc) => {
    return [...proc.fds.values()].some((fd) => fd.kind === 'capture' && fd.capture === id)
  })
}

/** Forgets a capture. */
export function captureRemove(world: World, id: number): void {
  assert(captureOf(world, id) !== undefined, 'proc: no such capture')
  touch(world, id)
  removeTarget(world, id)
}
