/** The programs that exist on every machine of a lab: the composition root names them, `run` only finds them. */
import { shellPrograms } from '../proc/shell/shell.ts'
import type { Program, Programs } from '../run/types.ts'

const ALL: readonly (readonly Program[])[] = [shellPrograms]

/** Programs by name. */
export function labPrograms(): Programs {
  const programs = new Map<string, Program>()
  for (const program of ALL.flat()) programs.set(program.name, program)
  return programs
}
