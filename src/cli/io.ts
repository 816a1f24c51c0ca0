/** What a command line touches of the machine it runs on; tests put their own in its place. */
export interface Io {
  readText(path: string): string
  writeText(path: string, text: string): void
  writeBytes(path: string, bytes: Uint8Array): void
  out(text: string): void
  err(text: string): void
}

/** Exit codes, stable. */
export const EXIT_OK = 0
/** A command or a check failed. */
export const EXIT_FAILED = 1
/** The command line or the lab is wrong. */
export const EXIT_USAGE = 2
/** The engine froze: a bug of ours, with its reproduction. */
export const EXIT_FROZEN = 3

/** Raised when a field of any JSON output changes its meaning or goes away. */
export const JSON_VERSION = 1
