/** Paths inside volumes and containers. Models validateLocalDescendingPath and its like of pkg/apis/core/validation. */
import type { StatusCause } from '../types.ts'
import { invalidValue } from './fields.ts'

/** A path inside a volume: relative, without a step back, not of the reserved names that start with two dots. */
export function localPath(path: string, at: string): StatusCause[] {
  const causes = descendingPath(path, at)
  if (path.startsWith('..') && !path.startsWith('../')) {
    causes.push(invalidValue(at, path, "must not start with '..'"))
  }
  return causes
}

export function descendingPath(path: string, at: string): StatusCause[] {
  const absolute = path.startsWith('/') ? [invalidValue(at, path, 'must be a relative path')] : []
  return [...absolute, ...noBacksteps(path, at)]
}

export function noBacksteps(path: string, at: string): StatusCause[] {
  return path.split('/').includes('..') ? [invalidValue(at, path, "must not contain '..'")] : []
}
