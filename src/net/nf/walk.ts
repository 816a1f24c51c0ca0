/**
 * The evaluator: walks the rules of one table at one hook. Models nft_do_chain as iptables-nft's rule sets use it
 * (Linux 6.18). Rules are data; nothing is allocated for one that does not match.
 *
 * While details are collected every rule is asked here, so that each can say why it did not match. Without them the
 * table's packed records are asked (dispatch.ts); the scalar `nfLinear` has every rule asked without details too.
 */
import { assert } from '../../base/assert.ts'
import { nfChain } from './chains.ts'
import type { HookCtx, RuleSeen } from './ctx.ts'
import { SEEN_MAX } from './ctx.ts'
import { runRecords } from './dispatch.ts'
import { countShared, SHARED_ID } from './ids.ts'
import { ruleFails, whyText } from './match.ts'
import { JUMP_STACK } from './tables.ts'
import type { Chain, Table } from './types.ts'
import { CONTINUE, execute, policy } from './verdict.ts'

/**
 * Runs the built-in chain `base`. Returns NF_ACCEPT or NF_DROP; a drop is recorded already. With `permitAll` set in the
 * world a drop is recorded as a step and the packet goes on.
 */
export function walkTable(ctx: HookCtx, table: Table, base: Chain): number {
  const detail = ctx.world.recorder.detail !== null
  if (!detail && ctx.world.scalars.nfLinear !== 1) return runRecords(ctx, table, base)
  const seen: RuleSeen[] | null = detail ? [] : null
  const nf = ctx.ns.nf!
  const { counters } = nf
  const { packet } = ctx
  let chain = base
  let at = 0
  let depth = 0
  for (;;) {
    if (at >= chain.rules.length) {
      if (depth === 0) return policy(ctx, table, base, seen)
      depth--
      chain = ctx.stack![depth]!
      at = ctx.resume![depth]!
      continue
    }
    const rule = chain.rules[at]!
    at++
    const fails = ruleFails(ctx, rule)
    if (seen !== null && seen.length < SEEN_MAX) {
      seen.push({ chain: chain.name, rule: at, id: rule.id, why: whyText(rule, fails) })
    }
    if (fails !== 0) continue
    if (rule.id < SHARED_ID) {
      counters[2 * rule.id]!++
      counters[2 * rule.id + 1]! += packet.length
    } else countShared(nf, rule.id, packet.length)
    const { target } = rule
    switch (target.name) {
      case '':
      case 'TRACE':
        continue
      case 'RETURN':
        at = chain.rules.length
        continue
      case 'JUMP':
      case 'GOTO': {
        if (target.name === 'JUMP') {
          assert(depth < JUMP_STACK, 'nf: jumps deeper than the loader allows')
          ctx.stack ??= []
          ctx.resume ??= []
          ctx.stack[depth] = chain
          ctx.resume[depth] = at
          depth++
        }
        chain = nfChain(table, target.chain)!
        at = 0
        continue
      }
    }
    const verdict = execute(ctx, table, base, chain, at, rule, seen)
    if (verdict !== CONTINUE) return verdict
  }
}
