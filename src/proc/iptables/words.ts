/**
 * How an iptables command ends early: thrown as a plain record where a mistake is found, and put into words where the
 * command was started. Models xtables_error and nft_strerror of iptables 1.8.9.
 */

/**
 * param, version, resource, other: `NAME vVERSION (nf_tables): MESSAGE` and what each kind adds, exit 2, 3, 4, 1.
 * try: MESSAGE as it stands, then the hint at --help, exit 2. errno: `NAME: MESSAGE.`, exit 1.
 * kernel: what the kernel refused when the transaction was sent, exit 4; `line` of a restore's input, 0 for none.
 * plain: MESSAGE as it stands, exit 1. ours: what is not modelled, exit 1, with the line of the input.
 */
export interface Fault {
  readonly fault: 'param' | 'version' | 'resource' | 'other' | 'try' | 'errno' | 'kernel' | 'plain' | 'ours'
  readonly message: string
  readonly line: number
}

export function isFault(thrown: unknown): thrown is Fault {
  return typeof thrown === 'object' && thrown !== null && 'fault' in thrown && 'message' in thrown
}

export function raise(fault: Fault['fault'], message: string, line = 0): never {
  throw { fault, message, line } satisfies Fault
}

/** PARAMETER_PROBLEM. */
export function problem(message: string): never {
  raise('param', message)
}

/** What exists in the real tools and is not modelled here: refused by name. */
export function notModelled(what: string): never {
  raise('ours', `kubehop: iptables: ${what} is not modelled`)
}

/** Name of the program, and where its input stands: `line` 0 outside of a restore. */
export interface Caller {
  readonly name: string
  readonly line: number
}

export const VERSION = 'v1.8.9 (nf_tables)'

/** The text for standard error. */
export function faultText({ fault, message, line }: Fault, caller: Caller): string {
  const { name } = caller
  const at = caller.line > 0 ? `Error occurred at line: ${caller.line}\n` : ''
  const hint = `${at}Try \`${name} -h' or '${name} --help' for more information.\n`
  const head = `${name} ${VERSION}: ${message}\n`
  switch (fault) {
    case 'param':
      return head + hint
    case 'version':
      return `${head}Perhaps ${name} or your kernel needs to be upgraded.\n`
    case 'resource':
    case 'other':
      return head
    case 'try':
      return message + hint
    case 'errno':
      if (line > 0) return `${name}: line ${line} failed: ${message}.\n`
      return `${name}: ${message}.${message === 'Bad policy name' ? " Run `dmesg' for more information." : ''}\n`
    case 'kernel':
      return `${name} ${VERSION}: ${line > 0 ? `\nline ${line}: ` : ' '}${message}\n`
    case 'plain':
      return `${message}\n`
    default:
      return `${message}${caller.line > 0 ? ` (line ${caller.line})` : ''}\n`
  }
}

export function faultCode({ fault }: Fault): number {
  if (fault === 'param' || fault === 'try') return 2
  if (fault === 'version') return 3
  return fault === 'resource' || fault === 'kernel' ? 4 : 1
}
