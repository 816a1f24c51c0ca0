/** A Hook step's rules: the chain as it was asked, the one that decided, and why each of the others did not match. */
import { findNetns } from '../net/world.ts'
import { nfChain } from '../net/nf/chains.ts'
import { nfTable } from '../net/nf/tables.ts'
import type { HookEvidence } from '../net/nf/ctx.ts'
import type { TableName } from '../net/nf/types.ts'
import type { StepDetail } from '../net/trace.ts'
import type { World } from '../net/types.ts'
import { ruleText } from '../proc/iptables/print.ts'
import { evidenceOf } from './evidence.ts'
import { nfRef } from './refs.ts'
import type { RuleAsked, RuleView } from './types.ts'

/** Rules that are listed: those asked last, the deciding one among them. */
const MAX_ASKED = 40

/** What a step's evidence says of rules; null where no rule or policy decided. At most `max` rules asked are listed. */
export function ruleView(world: World, step: StepDetail, max = MAX_ASKED): RuleView | null {
  const found = evidenceOf(step.evidence)
  if (found.kind !== 'rule') return null
  const { hit } = found
  const family = typeof step.headers.src === 'number' ? 4 : 6
  const { table, hook, chain, rule, verdict, change, permitted } = hit
  return {
    table: family === 4 ? table : `${table}6`,
    hook,
    chain,
    number: rule,
    ref: nfRef(hit.id),
    verdict,
    change: [...change],
    permitted,
    asked: hit.seen.slice(-max).map((seen) => askedView(world, step.ns, family, hit, seen)),
    more: Math.max(0, hit.seen.length - max),
  }
}

function askedView(
  world: World,
  id: number,
  family: 4 | 6,
  { table }: HookEvidence,
  seen: HookEvidence['seen'][number],
): RuleAsked {
  const ns = findNetns(world, id)
  const chain = ns === undefined ? undefined : nfChain(nfTable(ns, family, table as TableName), seen.chain)
  const rule = chain?.rules[seen.rule - 1]
  const text = rule === undefined || rule.id !== seen.id ? '' : ruleText(rule, family)
  return { chain: seen.chain, number: seen.rule, ref: nfRef(seen.id), text, why: seen.why }
}
