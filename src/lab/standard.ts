/** The rules with every program there is: what the command line, tests and anything but the page's first moment use. */
import { clusterPart, clusterPrograms } from './cluster.ts'
import { clusterAgents } from './cluster-agents.ts'
import { labPrograms } from './programs.ts'
import type { LabRules } from './rules.ts'
import { labRules } from './rules.ts'

export function standardRules(): LabRules {
  const programs = new Map(labPrograms())
  const agents = clusterAgents(programs)
  for (const program of clusterPrograms(agents)) programs.set(program.name, program)
  return labRules(programs, { part: clusterPart(agents) })
}
