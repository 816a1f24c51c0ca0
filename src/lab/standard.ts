/** The rules with every program there is: what the command line, tests and anything but the page's first moment use. */
import type { World } from '../net/types.ts'
import type { Rules } from '../sim/world.ts'
import { labPrograms } from './programs.ts'
import { labRules } from './rules.ts'

export function standardRules(): Rules<World> {
  return labRules(labPrograms())
}
