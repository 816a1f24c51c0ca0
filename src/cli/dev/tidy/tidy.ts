// The project's rules as one question: which lines break one?
import { checkBans } from './bans.ts'
import { checkImports } from './imports.ts'
import { checkFileSize, checkFunctionSizes } from './sizes.ts'
import { checkAddresses, checkComments, checkPins, checkSkips, checkText, checkTopLevel } from './texts.ts'
import { type Finding, parseSource, type Source } from './tree.ts'

/** Everything that is wrong with one file. */
export function checkSource(source: Source): Finding[] {
  const { path } = source
  const findings = checkText(source)
  if (path === 'package.json') findings.push(...checkPins(source))
  if (!/^(src|e2e)\//.test(path) || !/\.(ts|tsx|mjs)$/.test(path)) return findings
  const tree = parseSource(source)
  const rules = [checkImports, checkBans, checkFunctionSizes, checkComments, checkSkips, checkAddresses]
  return [...findings, ...checkFileSize(source), ...rules.flatMap((rule) => rule(tree))]
}

/** Everything that is wrong with a project: its files, and the names at its top level. */
export function checkProject(sources: Source[], names: string[]): Finding[] {
  return [...checkTopLevel(names), ...sources.flatMap(checkSource)]
}

/** Findings as text, one a line. */
export function printFindings(findings: Finding[]): string {
  return findings.map(({ path, line, rule, message }) => `${path}:${line}: ${rule}: ${message}`).join('\n')
}
