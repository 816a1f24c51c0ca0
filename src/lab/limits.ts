/** How large a lab may be. A text beyond any of these is refused before it costs anything. */

/** Characters of the lab file. */
export const MAX_TEXT = 1_048_576
/** Words and signs that the YAML reader sees: its cost is by these. */
export const MAX_TOKENS = 300_000
/** Nesting of the YAML. */
export const MAX_DEPTH = 64
/** Leading spaces of a line. */
export const MAX_INDENT = 256
export const MAX_ALIASES = 32
export const MAX_MACHINES = 1000
export const MAX_LINKS = 4000
/** exec commands of one machine, characters of one line, and of one command with all its lines (a here-document). */
export const MAX_EXEC = 2000
export const MAX_LINE = 4096
export const MAX_COMMAND = 524_288
/** Diagnostics reported for one text. */
export const MAX_DIAGNOSTICS = 100
