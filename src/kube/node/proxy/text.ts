/** kube-proxy's rules as iptables-restore reads them. Models pkg/proxy/iptables/proxier.go (Kubernetes 1.32). */
import type { ProxyRule, ProxyRuleset, ProxyTable } from './types.ts'

/**
 * The input of `iptables-restore --noflush --counters`: both tables, then the chains that are no longer used
 * (`stale`, of the nat table) emptied and removed.
 */
export function rulesetText(rules: ProxyRuleset, stale: readonly string[] = []): string {
  return tableText('filter', rules.filter, []) + tableText('nat', rules.nat, stale)
}

/** `-A CHAIN …`. */
export function ruleText(rule: ProxyRule): string {
  return `-A ${rule.chain} ${rule.args.map(quote).join(' ')}`
}

function tableText(name: string, table: ProxyTable, stale: readonly string[]): string {
  const lines = [`*${name}`]
  for (const chain of table.chains) lines.push(`:${chain} - [0:0]`)
  for (const chain of stale) lines.push(`:${chain} - [0:0]`)
  for (const rule of table.rules) lines.push(ruleText(rule))
  for (const chain of stale) lines.push(`-X ${chain}`)
  lines.push('COMMIT')
  return `${lines.join('\n')}\n`
}

function quote(word: string): string {
  return /^[A-Za-z0-9_.:/,[\]!+-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, '\\$&')}"`
}
