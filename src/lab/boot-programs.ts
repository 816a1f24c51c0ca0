/**
 * The programs that labs boot with. A page starts with these and gets the others (`programs.ts`) while the first
 * picture is already on screen; whoever runs a lab must have all of them before anything else may be typed.
 */
import { IP } from '../proc/cmd/ip.ts'
import { ping } from '../proc/cmd/ping.ts'
import { SYSCTL } from '../proc/cmd/sysctl.ts'
import { shellPrograms } from '../proc/shell/shell.ts'
import type { Program } from '../run/types.ts'

/** Programs by name; the map is the caller's to add to. */
export function bootPrograms(): Map<string, Program> {
  const list = [...shellPrograms, IP, SYSCTL, ping]
  return new Map(list.map((program) => [program.name, program]))
}
