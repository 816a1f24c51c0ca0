/**
 * What the kernel refuses of a rule that the tool has accepted. Models the checkentry functions of net/netfilter/xt_*.c and
 * nft_compat's and nf_tables' checks of chains (Linux 6.18).
 */
import { nfTooDeep } from '../../net/nf/tables.ts'
import type { Match, Rule, TableName, Target } from '../../net/nf/types.ts'
import type { TableDraft } from './tabledraft.ts'
import { everyChain } from './tabledraft.ts'
import { isBuiltin, jumpOf } from './tabledraft.ts'

const INVALID = 'Invalid argument'

/** Why the kernel does not take `rule` in this chain; '' where it does. Jumps are `checkJumps`' part. */
export function checkRule(table: TableName, chain: string, rule: Rule): string {
  const jump = jumpOf(rule)
  if (jump !== undefined && isBuiltin(table, jump)) return 'Operation not supported'
  if (rule.src?.len === 0 || rule.dst?.len === 0) return INVALID
  if (rule.matches.some((match) => !matchAllowed(match, table, chain, rule))) return INVALID
  return targetAllowed(rule.target, table, chain, rule) ? '' : INVALID
}

function matchAllowed(match: Match, table: TableName, chain: string, rule: Rule): boolean {
  const base = isBuiltin(table, chain)
  const proto = rule.proto === null || rule.proto.not ? 0 : rule.proto.value
  switch (match.name) {
    case 'icmp':
      return proto === 1
    case 'icmp6':
      return proto === 58
    case 'mac':
      return !base || ['PREROUTING', 'INPUT', 'FORWARD'].includes(chain)
    case 'physdev': {
      const out = match.out !== null || match.isOut !== null
      return !(out && match.isBridged !== true && chain === 'OUTPUT' && base)
    }
    case 'addrtype':
      if (match.limitIfaceOut && ['PREROUTING', 'INPUT'].includes(chain)) return false
      return !(match.limitIfaceIn && ['POSTROUTING', 'OUTPUT'].includes(chain))
    case 'recent':
      if (match.op !== 'set' && match.op !== 'remove') return match.hitcount < 65536
      return match.seconds === 0 && match.hitcount === 0 && !match.rttl && !match.reap
    default:
      return true
  }
}

function targetAllowed(target: Target, table: TableName, chain: string, rule: Rule): boolean {
  const base = isBuiltin(table, chain)
  const at = (...hooks: string[]) => !base || hooks.includes(chain)
  const tcp = rule.proto?.value === 6 && !rule.proto.not
  switch (target.name) {
    case 'REJECT':
      return table === 'filter' && at('INPUT', 'FORWARD', 'OUTPUT') && (target.with !== 'tcp-reset' || tcp)
    case 'DNAT':
    case 'REDIRECT':
      return table === 'nat' && at('PREROUTING', 'OUTPUT')
    case 'SNAT':
      return table === 'nat' && at('POSTROUTING', 'INPUT')
    case 'MASQUERADE':
      return table === 'nat' && at('POSTROUTING')
    case 'NETMAP':
      return table === 'nat'
    case 'CT':
    case 'NOTRACK':
      return table === 'raw'
    case 'TTL':
    case 'HL':
      return table === 'mangle'
    case 'TCPMSS':
      return tcp && (!target.clamp || at('FORWARD', 'OUTPUT', 'POSTROUTING'))
    default:
      return true
  }
}

/** Whether a chain that a hook calls leads into a loop, or deeper than the kernel's stack. */
export function tooManyLinks(draft: TableDraft): boolean {
  const deep = (): boolean => {
    const base = [...draft.chains.values()].filter((chain) => chain.hook >= 0)
    const jumps = (name: string): readonly string[] | null => {
      const chain = draft.chains.get(name)
      if (chain === undefined) return draft.behind === null ? [] : null
      const names = new Set<string>()
      for (const { rule } of chain.rules) {
        const jump = jumpOf(rule)
        if (jump !== undefined) names.add(jump)
      }
      return [...names]
    }
    return nfTooDeep(
      base.map((chain) => chain.name),
      jumps,
    )
  }
  if (!deep()) return false
  if (draft.behind === null) return true
  everyChain(draft)
  return deep()
}
