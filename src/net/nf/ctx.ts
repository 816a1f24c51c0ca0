/** What a rule is asked about: one packet at one hook. Made once a hook, so that rules allocate nothing. */
import type { Link, Netns, Packet, World } from '../types.ts'
import type { Chain } from './types.ts'

export interface HookCtx {
  world: World
  ns: Netns
  family: 4 | 6
  /** NF_INET_* */
  hook: number
  packet: Packet
  inLink: Link | undefined
  outLink: Link | undefined
  /** Names of the devices, '' for none. */
  inName: string
  outName: string
  /** Chains that jumped, and where they go on; null until the first jump. */
  stack: Chain[] | null
  resume: number[] | null
}

/** What one rule did to a packet: part of a Hook step's evidence. `why` names the first match that failed, '' where all matched. */
export interface RuleSeen {
  chain: string
  /** From 1, as `--line-numbers` has it; 0 for a chain's policy. */
  rule: number
  id: number
  why: string
}

/** Evidence of a Hook step: the rule that decided, and, while details are collected, all that were asked before it. */
export interface HookEvidence {
  table: string
  /** Built-in chain. */
  hook: string
  /** Chain, number and id of the deciding rule; rule 0 is the policy. */
  chain: string
  rule: number
  id: number
  /** ACCEPT, DROP, REJECT, DNAT ... : what the rule said. */
  verdict: string
  /** In words of header fields: `dst 10.96.0.10 -> 10.0.2.2`; empty where nothing changed. */
  change: readonly string[]
  /** Rules asked, in order, at most SEEN_MAX. */
  seen: readonly RuleSeen[]
  /** The verdict was set aside (`permitAll`). */
  permitted: boolean
}

export const SEEN_MAX = 2000
