/** The processes of a namespace, by pid. Most namespaces have one or two: a list takes a third of what a map does. */
import type { Netns } from '../net/types.ts'
import type { Process } from './types.ts'

/** The living process with this pid; undefined where none lives there. */
export function procAt(ns: Netns | undefined, pid: number): Process | undefined {
  const procs = ns?.procs
  if (procs === undefined || procs === null) return undefined
  let low = 0
  let high = procs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (procs[middle]!.pid < pid) low = middle + 1
    else high = middle
  }
  return procs[low]?.pid === pid ? (procs[low] as Process) : undefined
}

/** Adds a new process: pids only grow. The namespace is touched by the caller. */
export function procAdd(ns: Netns, proc: Process): void {
  ns.procs = ns.procs === null ? [proc] : ns.procs.concat(proc)
}

/** Takes a process away. The namespace is touched by the caller. */
export function procDrop(ns: Netns, pid: number): void {
  const kept = ns.procs?.filter((proc) => proc.pid !== pid) ?? []
  ns.procs = kept.length === 0 ? null : kept
}
