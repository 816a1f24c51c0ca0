/**
 * The evaluator over packed records (code.ts): what walk.ts does while no details are collected, with the same verdicts,
 * rule numbers and counters. Long chains are entered by an index, which leaves out only rules that cannot match.
 */
import { assert } from '../../base/assert.ts'
import { nextUint32 } from '../../base/rng.ts'
import { StepAction } from '../trace.ts'
import type { Packet } from '../types.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import * as code from './code.ts'
import type { Code } from './code.ts'
import { nextRule } from './codeindex.ts'
import type { HookCtx } from './ctx.ts'
import { countShared } from './ids.ts'
import { ruleFails } from './match.ts'
import { natToOne } from './natrules.ts'
import { codeOf, ownJump, sharedJump } from './tablecode.ts'
import { JUMP_STACK } from './tables.ts'
import type { Chain, Table } from './types.ts'
import { ACCEPT, CONTINUE, drop, execute, policy, step } from './verdict.ts'

/** Runs the built-in chain `base`: see `walkTable`. */
export function runRecords(ctx: HookCtx, table: Table, base: Chain): number {
  if (base.rules.length === 0) return policy(ctx, table, base, null)
  const view = codeOf(table)
  const nf = ctx.ns.nf!
  const { counters } = nf
  const { packet } = ctx
  const { own } = view
  let packed = own
  let { records, entries, indexes } = packed
  let place = packed.bases[base.hook]!
  let entry = place * code.CHAIN
  let index = entries[entry + 2] === 0 ? null : indexes[entries[entry + 2]! - 1]!
  let at = 0
  let depth = 0
  for (;;) {
    let next = 0
    if (index !== null) at = nextRule(index, packet, at)
    if (at >= entries[entry + 1]!) {
      if (depth === 0) return policy(ctx, table, base, null)
      depth--
      next = ctx.resume![2 * depth]!
      at = ctx.resume![2 * depth + 1]!
    } else {
      const o = (entries[entry]! + at) * code.RECORD
      at++
      if (!matches(ctx, packed, place, at, o)) continue
      const id = records[o + code.R_ID]!
      const high = records[o + code.R_ID_HIGH]!
      if (high === 0) {
        counters[2 * id]!++
        counters[2 * id + 1]! += packet.length
      } else countShared(nf, high * 0x100000000 + (id >>> 0), packet.length)
      const target = records[o + code.R_TARGET]!
      if (target === code.T_NONE) continue
      if (target === code.T_RETURN) {
        at = entries[entry + 1]!
        index = null
        continue
      }
      if (target !== code.T_JUMP && target !== code.T_GOTO) {
        const verdict = act(ctx, table, base, packed, place, at, o)
        if (verdict !== CONTINUE) return verdict
        continue
      }
      if (target === code.T_JUMP) {
        assert(depth < JUMP_STACK, 'nf: jumps deeper than the loader allows')
        ctx.resume ??= []
        ctx.resume[2 * depth] = packed === own ? place : ~place
        ctx.resume[2 * depth + 1] = at
        depth++
      }
      const number = records[o + code.R_ARG]!
      next = packed === own ? ownJump(view, number) : ~sharedJump(view, number)
      at = 0
    }
    // A chain of the table's own, or ~place of a shared one.
    const now = next >= 0 ? own : view.shared!.code
    place = next >= 0 ? next : ~next
    if (now !== packed) {
      packed = now
      records = now.records
      entries = now.entries
      indexes = now.indexes
    }
    entry = place * code.CHAIN
    index = entries[entry + 2] === 0 ? null : indexes[entries[entry + 2]! - 1]!
  }
}

/** Whether rule `number` (from 1), packed at word `o`, matches. */
function matches(ctx: HookCtx, packed: Code, place: number, number: number, o: number): boolean {
  const { records } = packed
  const { packet } = ctx
  const asks = records[o]!
  if (asks === 0) return true
  if ((asks & code.ASK_SRC) !== 0) {
    const { src } = packet
    const is = typeof src === 'number' && (src & records[o + code.R_SRC_MASK]!) === records[o + code.R_SRC]
    if (is === ((asks & (2 * code.ASK_SRC)) !== 0)) return false
  }
  if ((asks & code.ASK_DST) !== 0) {
    const { dst } = packet
    const is = typeof dst === 'number' && (dst & records[o + code.R_DST_MASK]!) === records[o + code.R_DST]
    if (is === ((asks & (2 * code.ASK_DST)) !== 0)) return false
  }
  if ((asks & code.ASK_PROTO) !== 0) {
    const is = packet.proto === records[o + code.R_PROTO]
    if (is === ((asks & (2 * code.ASK_PROTO)) !== 0)) return false
  }
  if (asks < code.ASK_TCP) return true
  if (!portsMatch(packet, records, asks, o)) return false
  if ((asks & code.ASK_MARK) !== 0) {
    const is = (packet.mark & records[o + code.R_MARK_MASK]!) === records[o + code.R_MARK]
    if (is === ((asks & (2 * code.ASK_MARK)) !== 0)) return false
  }
  if ((asks & code.ASK_OBJECT) !== 0) {
    return ruleFails(ctx, packed.chains[place]!.rules[number - 1]!) === 0
  }
  if ((asks & code.ASK_DRAW) === 0) return true
  const is = (nextUint32(ctx.ns.rng) & 0x7fffffff) < records[o + code.R_DRAW]!
  return is !== ((asks & (2 * code.ASK_DRAW)) !== 0)
}

function portsMatch(packet: Packet, records: Int32Array, asks: number, o: number): boolean {
  if ((asks & (code.ASK_TCP | code.ASK_UDP)) === 0) return true
  if (packet.fragOffset !== 0) return false
  if ((asks & code.ASK_TCP) !== 0) {
    if (packet.proto !== IPPROTO_TCP || packet.tcp === null) return false
  } else if (packet.proto !== IPPROTO_UDP) return false
  if ((asks & code.ASK_SPORT) !== 0) {
    if (within(packet.sport, records[o + code.R_SPORT]!) === ((asks & (2 * code.ASK_SPORT)) !== 0))
      return false
  }
  if ((asks & code.ASK_DPORT) === 0) return true
  return within(packet.dport, records[o + code.R_DPORT]!) !== ((asks & (2 * code.ASK_DPORT)) !== 0)
}

function within(port: number, range: number): boolean {
  return port >= range >>> 16 && port <= (range & 0xffff)
}

/** A target that judges, translates or changes. */
function act(
  ctx: HookCtx,
  table: Table,
  base: Chain,
  packed: Code,
  place: number,
  rule: number,
  o: number,
): number {
  const { records } = packed
  switch (records[o + code.R_TARGET]) {
    case code.T_ACCEPT:
      step(ctx, StepAction.Accept, null)
      return ACCEPT
    case code.T_MARK: {
      const { packet } = ctx
      packet.mark = ((packet.mark & ~records[o + code.R_ARG2]!) ^ records[o + code.R_ARG]!) >>> 0
      step(ctx, StepAction.None, null)
      return CONTINUE
    }
    case code.T_DNAT:
      if (!natToOne(ctx, records[o + code.R_ARG]!, records[o + code.R_ARG2]!)) return drop(ctx, null)
      step(ctx, StepAction.Accept, null)
      return ACCEPT
    default: {
      const chain = packed.chains[place]!
      return execute(ctx, table, base, chain, rule, chain.rules[rule - 1]!, null)
    }
  }
}
