/** What a netlink request answers, in the words that iproute2 prints. */

/** Null: done. `errno` is the name; `message` the whole line that `ip` writes to standard error. */
export type NlResult = { errno: string; message: string } | null

/** The kernel gave only a number: `RTNETLINK answers: ...`. */
export function nlErrno(errno: string): { errno: string; message: string } {
  return { errno, message: `RTNETLINK answers: ${strerror(errno)}` }
}

/** The kernel gave a text (extack): `Error: ....`. */
export function nlError(errno: string, text: string): { errno: string; message: string } {
  return { errno, message: `Error: ${text}.` }
}

/** strerror(3) of glibc for an errno's name. */
export function strerror(errno: string): string {
  return STRERROR[errno] ?? errno
}

const STRERROR: Readonly<Record<string, string>> = Object.freeze({
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  ESRCH: 'No such process',
  EIO: 'Input/output error',
  EAGAIN: 'Resource temporarily unavailable',
  ENOMEM: 'Cannot allocate memory',
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  ENODEV: 'No such device',
  EINVAL: 'Invalid argument',
  ENOSPC: 'No space left on device',
  ERANGE: 'Numerical result out of range',
  ENOBUFS: 'No buffer space available',
  EISCONN: 'Transport endpoint is already connected',
  ENOTCONN: 'Transport endpoint is not connected',
  EDESTADDRREQ: 'Destination address required',
  EMSGSIZE: 'Message too long',
  EPROTO: 'Protocol error',
  ENOPROTOOPT: 'Protocol not available',
  EPROTONOSUPPORT: 'Protocol not supported',
  EOPNOTSUPP: 'Operation not supported',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ENETDOWN: 'Network is down',
  ENETUNREACH: 'Network is unreachable',
  ECONNRESET: 'Connection reset by peer',
  ECONNREFUSED: 'Connection refused',
  ECONNABORTED: 'Software caused connection abort',
  ETIMEDOUT: 'Connection timed out',
  EHOSTDOWN: 'Host is down',
  EHOSTUNREACH: 'No route to host',
})
