/**
 * What happens to containers while they run: lines of their logs, the end of their first process (and of all others
 * with it, as at the end of a process namespace), and who is told.
 */
import type { World } from '../net/types.ts'
import { findNetns } from '../net/world.ts'
import { schedule, touch } from '../sim/dispatch.ts'
import type { ContainerRef } from './events.ts'
import { RunEv } from './events.ts'
import { findMachine } from './machine.ts'
import { procAt } from './proctable.ts'
import type { Container, FileNode, LogChunk, Machine, Process } from './types.ts'

/** Pieces of a log that are kept, and characters of one. */
export const LOG_CHUNKS = 1000
const CHUNK_MAX = 65_536
const FEW = 4

/** Adds text to a container's log. */
export function containerWrite(
  world: World,
  machineId: number,
  id: string,
  stream: 'out' | 'err',
  text: string,
): void {
  touch(world, machineId)
  const machine = findMachine(world, machineId)
  const box = machine?.containers.get(id)
  if (machine === undefined || box === undefined) return
  const chunk: LogChunk = { at: world.now, stream, text: text.slice(0, CHUNK_MAX) }
  Object.freeze(chunk)
  // Arrays that grow in place take room for more than ten; most logs have a line or two.
  if (box.logs.length < FEW) box.logs = Object.freeze(box.logs.concat(chunk)) as LogChunk[]
  else if (Object.isFrozen(box.logs)) box.logs = [...box.logs, chunk]
  else box.logs.push(chunk)
  if (box.logs.length > LOG_CHUNKS) {
    box.logs.shift()
    box.logsLost++
  }
  tell(world, machine, box, 'log')
}

/** After the end of a process that lived in a container. The machine is touched already. */
export function containerProcessEnded(world: World, machine: Machine, proc: Process, code: number): void {
  const box = machine.containers.get(proc.container)
  if (box === undefined || box.pid !== proc.pid) return
  box.pid = 0
  box.status = 'exited'
  box.exitCode = code
  box.finishedAt = world.now
  for (const [pid, ns] of machine.pids) {
    if (procAt(findNetns(world, ns), pid)?.container === box.id)
      schedule(world, world.now, RunEv.ProcSignal, ns, pid, 'SIGKILL')
  }
  tell(world, machine, box, 'end')
}

/** Tells a process of a container's log and end, '' for the ends of all, until the process ends. */
export function watchContainer(world: World, machine: Machine, proc: Process, container: string): void {
  touch(world, machine.id)
  machine.watchers = machine.watchers.concat({ ns: proc.ns, pid: proc.pid, container })
}

/** What differs from the image, to be written. */
export function containerFiles(box: Container): Map<string, FileNode | null> {
  if (Object.isFrozen(box.files)) box.files = new Map(box.files)
  return box.files
}

/** The container that a process or a file is looked up in, undefined for the machine itself. */
export function containerOf(machine: Machine, id: string | undefined): Container | undefined {
  return id === undefined || id === '' ? undefined : machine.containers.get(id)
}

/** The host name that a process sees. */
export function hostnameOf(machine: Machine, proc: { readonly container?: string }): string {
  return (containerOf(machine, proc.container) ?? machine).hostname
}

function tell(world: World, machine: Machine, box: Container, what: 'log' | 'end'): void {
  for (const { ns, pid, container } of machine.watchers) {
    if (container !== box.id && (container !== '' || what === 'log')) continue
    const ref: ContainerRef = { id: box.id, what, code: box.exitCode }
    schedule(world, world.now, RunEv.ProcContainer, ns, pid, ref)
  }
}
