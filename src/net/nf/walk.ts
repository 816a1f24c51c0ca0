/**
 * The evaluator: walks the rules of one table at one hook. Models nft_do_chain as iptables-nft's rule sets use it
 * (Linux 6.18). Rules are data; nothing is allocated for one that does not match.
 *
 * Long chains are entered by an index, which leaves out only rules that cannot match. While details are collected every
 * rule is asked, so that each can say why it did not match; the scalar `nfLinear` has every rule asked without them.
 */
import { assert } from '../../base/assert.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { HookCtx, HookEvidence, RuleSeen } from './ctx.ts'
import { SEEN_MAX } from './ctx.ts'
import { logPacket } from './log.ts'
import { ruleFails, whyText } from './match.ts'
import { natTarget } from './natrules.ts'
import { rejectPacket } from './reject.ts'
import { JUMP_STACK } from './tables.ts'
import { applyTarget } from './target.ts'
import type { Chain, Rule, Table } from './types.ts'
import { indexOf, nextRule } from './walkindex.ts'

const DROP = 0
const ACCEPT = 1

/**
 * Runs the built-in chain `base`. Returns NF_ACCEPT or NF_DROP; a drop is recorded already. With `permitAll` set in the
 * world a drop is recorded as a step and the packet goes on.
 */
export function walkTable(ctx: HookCtx, table: Table, base: Chain): number {
  const detail = ctx.world.recorder.detail !== null
  const seen: RuleSeen[] | null = detail ? [] : null
  const linear = detail || ctx.world.scalars.nfLinear === 1
  const counters = ctx.ns.nf!.counters
  const { packet } = ctx
  let chain = base
  let index = linear ? null : indexOf(chain)
  let at = 0
  let depth = 0
  for (;;) {
    if (index !== null) at = nextRule(index, packet, at)
    if (at >= chain.rules.length) {
      if (depth === 0) return policy(ctx, table, base, seen)
      depth--
      chain = ctx.stack![depth]!
      at = ctx.resume![depth]!
      index = linear ? null : indexOf(chain)
      continue
    }
    const rule = chain.rules[at]!
    at++
    const fails = ruleFails(ctx, rule)
    if (seen !== null && seen.length < SEEN_MAX) {
      seen.push({ chain: chain.name, rule: at, id: rule.id, why: whyText(rule, fails) })
    }
    if (fails !== 0) continue
    counters[2 * rule.id]!++
    counters[2 * rule.id + 1]! += packet.length
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
        chain = table.chains.get(target.chain)!
        at = 0
        index = linear ? null : indexOf(chain)
        continue
      }
    }
    const verdict = execute(ctx, table, base, chain, at, rule, seen)
    if (verdict !== CONTINUE) return verdict
  }
}

const CONTINUE = -1

/** A target that judges, translates or changes. */
function execute(
  ctx: HookCtx,
  table: Table,
  base: Chain,
  chain: Chain,
  number: number,
  rule: Rule,
  seen: RuleSeen[] | null,
): number {
  const { target } = rule
  const say = (verdict: string, change: readonly string[], permitted = false): HookEvidence | null =>
    seen === null
      ? null
      : {
          table: table.name,
          hook: base.name,
          chain: chain.name,
          rule: number,
          id: rule.id,
          verdict,
          change,
          seen,
          permitted,
        }
  switch (target.name) {
    case 'ACCEPT':
      step(ctx, StepAction.Accept, say('ACCEPT', []))
      return ACCEPT
    case 'DROP':
    case 'QUEUE':
      return drop(ctx, say(target.name, [], isPermitted(ctx)))
    case 'REJECT':
      if (!isPermitted(ctx)) rejectPacket(ctx, target.with)
      return drop(ctx, say('REJECT', [target.with], isPermitted(ctx)))
    case 'LOG':
      logPacket(ctx, target)
      step(ctx, StepAction.None, say('LOG', []))
      return CONTINUE
    case 'DNAT':
    case 'SNAT':
    case 'MASQUERADE':
    case 'REDIRECT':
    case 'NETMAP':
      if (!natTarget(ctx, target)) return drop(ctx, say(target.name, ['no address']))
      step(ctx, StepAction.Accept, say(target.name, []))
      return ACCEPT
    case 'MARK':
    case 'CONNMARK':
    case 'CT':
    case 'NOTRACK':
    case 'TCPMSS':
    case 'TTL':
    case 'HL': {
      const change = applyTarget(ctx, target)
      if (change === null) return drop(ctx, say(target.name, []))
      step(ctx, StepAction.None, say(target.name, change === '' ? [] : [change]))
      return CONTINUE
    }
    default:
      return CONTINUE
  }
}

/** The end of a built-in chain. */
function policy(ctx: HookCtx, table: Table, base: Chain, seen: RuleSeen[] | null): number {
  const counters = ctx.ns.nf!.counters
  counters[2 * base.policyId]!++
  counters[2 * base.policyId + 1]! += ctx.packet.length
  const dropped = base.policy === 'DROP'
  if (!dropped && base.rules.length === 0) return ACCEPT
  const evidence: HookEvidence | null =
    seen === null
      ? null
      : {
          table: table.name,
          hook: base.name,
          chain: base.name,
          rule: 0,
          id: base.policyId,
          verdict: base.policy,
          change: [],
          seen,
          permitted: dropped && isPermitted(ctx),
        }
  if (dropped) return drop(ctx, evidence)
  step(ctx, StepAction.Accept, evidence)
  return ACCEPT
}

/** `permitTrace` keeps it to one packet; without it every packet is let through. */
function isPermitted(ctx: HookCtx): boolean {
  const { permitAll, permitTrace } = ctx.world.scalars
  return permitAll === 1 && (permitTrace === undefined || permitTrace === ctx.packet.trace)
}

function step(ctx: HookCtx, action: StepAction, evidence: HookEvidence | null): void {
  recordStep(ctx.world, ctx.ns, ctx.packet, StepKind.Hook, action, deviceOf(ctx), evidence)
}

function drop(ctx: HookCtx, evidence: HookEvidence | null): number {
  if (isPermitted(ctx)) {
    step(ctx, StepAction.None, evidence)
    return ACCEPT
  }
  recordDrop(ctx.world, ctx.ns, ctx.packet, 'NETFILTER_DROP', deviceOf(ctx), evidence)
  return DROP
}

function deviceOf(ctx: HookCtx): number {
  return ctx.outLink?.ifindex ?? ctx.inLink?.ifindex ?? 0
}
