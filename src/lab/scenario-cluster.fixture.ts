/** Tests only: what the labs of the cluster's chapters are asked again and again. */
import { runChecks } from './check.ts'
import type { Scenario } from './scenario.fixture.ts'

/** The text of a line that must succeed and complain of nothing. */
export function said(lab: Scenario, line: string): string {
  const { code, stdout, stderr } = lab.type(line)
  if (code !== 0 || stderr !== '') throw new Error(`${line}\n[exit ${code}]\n${stderr}${stdout}`)
  return stdout
}

/** Rules of a table that begin with one of the chains, as iptables-save prints them. */
export function savedRules(lab: Scenario, machine: string, table: string, chain = ''): string[] {
  const lines = said(lab, `${machine}: iptables-save -t ${table}`).split('\n')
  return lines.filter((line) => line.startsWith(chain === '' ? '-A' : `-A ${chain} `))
}

/** How the lesson's checks stand. */
export function checkResults(lab: Scenario): boolean[] {
  return runChecks(lab.run.lab, lab.run.world, lab.run.rules).map((check) => check.ok)
}

/** Does everything that mends a check. */
export function mendAll(lab: Scenario): void {
  for (const { mends } of lab.run.lab.lesson?.checks ?? []) {
    if (mends !== undefined) said(lab, `${mends.machine}: ${mends.command}`)
  }
}
