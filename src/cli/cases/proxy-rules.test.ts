// kube-proxy's rules for random Services and slices, chain by chain, as the iptables proxier of Kubernetes 1.32 wrote them:
// pkg/proxy/iptables was built and given the objects of every line. A chain stands as the first 8 digits of the SHA-256 of
// its rules, a line each; those of shared chains are sorted, their order there is that of a Go map.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { buildRuleset, proxyState } from '../../kube/node/proxy/ruleset.ts'
import { ruleText } from '../../kube/node/proxy/text.ts'
import type { EndpointSliceLike, ProxyNode, ProxyTable, ServiceLike } from '../../kube/node/proxy/types.ts'

/** A line of proxy-rules.cases.jsonl. */
interface Case {
  node: Partial<ProxyNode>
  services: ServiceLike[]
  slices?: EndpointSliceLike[]
  /** `TABLE CHAIN` and what its rules hash to */
  chains: Record<string, string>
}

const cases = readFileSync(join(import.meta.dirname, 'proxy-rules.cases.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line, i) => ({ nth: i + 1, ...(JSON.parse(line) as Case) }))

it.each(cases)('line $nth', ({ node, services, slices = [], chains }) => {
  const whole: ProxyNode = {
    name: 'test-hostname',
    masqueradeBit: 14,
    randomFully: false,
    ...(node as Omit<ProxyNode, 'name' | 'masqueradeBit' | 'randomFully'>),
  }
  const { filter, nat } = buildRuleset(whole, proxyState(whole, services, slices))
  expect({ ...hashes('filter', filter), ...hashes('nat', nat) }).toEqual(chains)
})

function hashes(table: string, { chains, rules }: ProxyTable): Record<string, string> {
  return Object.fromEntries(
    chains.map((chain) => {
      const lines = rules
        .filter((rule) => rule.chain === chain)
        .map((rule) => ruleText(rule).replaceAll('"', ''))
      if (/-(SERVICES|NODEPORTS|PROXY-FIREWALL)$/.test(chain)) lines.sort()
      return [`${table} ${chain}`, createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 8)]
    }),
  )
}
