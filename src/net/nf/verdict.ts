/** What a rule's target, or the end of a built-in chain, does to a packet; and the steps that say so. */
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { HookCtx, HookEvidence, RuleSeen } from './ctx.ts'
import { logPacket } from './log.ts'
import { natTarget } from './natrules.ts'
import { rejectPacket } from './reject.ts'
import { applyTarget } from './target.ts'
import type { Chain, Rule, Table } from './types.ts'

export const DROP = 0
export const ACCEPT = 1
/** The chain goes on. */
export const CONTINUE = -1

/** A target that judges, translates or changes. */
export function execute(
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
export function policy(ctx: HookCtx, table: Table, base: Chain, seen: RuleSeen[] | null): number {
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

export function step(ctx: HookCtx, action: StepAction, evidence: HookEvidence | null): void {
  recordStep(ctx.world, ctx.ns, ctx.packet, StepKind.Hook, action, deviceOf(ctx), evidence)
}

export function drop(ctx: HookCtx, evidence: HookEvidence | null): number {
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
