/** Failures in the API server's words. Models apimachinery pkg/api/errors and pkg/util/validation/field (1.32). */
import type { ResourceInfo, Status, StatusCause } from '../types.ts'

type About = Pick<ResourceInfo, 'group' | 'resource'>

function qualified(about: About): string {
  return about.group === '' ? about.resource : `${about.resource}.${about.group}`
}

export function failure(code: number, reason: string, message: string, details?: Status['details']): Status {
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  }
  return Object.freeze(status)
}

function detailsOf(about: About, name: string): Status['details'] {
  return { name, ...(about.group === '' ? {} : { group: about.group }), kind: about.resource }
}

export function notFound(about: About, name: string): Status {
  return failure(404, 'NotFound', `${qualified(about)} "${name}" not found`, detailsOf(about, name))
}

export function alreadyExists(about: About, name: string): Status {
  return failure(409, 'AlreadyExists', `${qualified(about)} "${name}" already exists`, detailsOf(about, name))
}

/** 409 with a cause of the caller's words. */
export function conflict(about: About, name: string, why: string): Status {
  const message = `Operation cannot be fulfilled on ${qualified(about)} "${name}": ${why}`
  return failure(409, 'Conflict', message, detailsOf(about, name))
}

export function modified(about: About, name: string): Status {
  const why = 'the object has been modified; please apply your changes to the latest version and try again'
  return conflict(about, name, why)
}

export function badRequest(message: string): Status {
  return failure(400, 'BadRequest', message)
}

export function forbidden(about: About, name: string, why: string, causes?: readonly StatusCause[]): Status {
  const what = name === '' ? `${qualified(about)} is forbidden` : `${qualified(about)} "${name}" is forbidden`
  const details = { ...detailsOf(about, name), ...(causes === undefined ? {} : { causes }) }
  return failure(403, 'Forbidden', `${what}: ${why}`, details)
}

export function methodNotAllowed(about: About, verb: string): Status {
  const message = `${verb} is not supported on resources of kind "${qualified(about)}"`
  return failure(405, 'MethodNotAllowed', message, {
    ...(about.group === '' ? {} : { group: about.group }),
    kind: about.resource,
  })
}

export function internalError(why: string): Status {
  const causes = [{ reason: '', message: why, field: '' }].map(({ message }) => ({ message }) as StatusCause)
  return failure(500, 'InternalError', `Internal error occurred: ${why}`, { causes })
}

export function gone(message: string): Status {
  return failure(410, 'Expired', message)
}

export function unsupportedMedia(message: string): Status {
  return failure(415, 'UnsupportedMediaType', message)
}

/** What a path outside the API gets. */
export function noSuchPath(): Status {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {})
}

/** 422 with one cause for each field. `kind` is the kind's name; the group is printed after it. */
export function invalid(kind: string, group: string, name: string, causes: readonly StatusCause[]): Status {
  const texts = causes.map(({ field, message }) => `${field}: ${message}`)
  const once = [...new Set(texts)]
  const list = once.length === 1 ? once[0] : `[${once.join(', ')}]`
  const about = group === '' ? kind : `${kind}.${group}`
  const message = `${about} "${name}" is invalid: ${list}`
  const details = { name, ...(group === '' ? {} : { group }), kind, causes }
  return failure(422, 'Invalid', message, details)
}
