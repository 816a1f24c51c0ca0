/** What `explain` answers, as plain values. */
import type { LayerView, TraceView } from '../view/types.ts'

export interface ExplainQuery {
  /** `MACHINE` or `MACHINE/NETNS`. */
  from: string
  proto: 'icmp' | 'udp' | 'tcp'
  /** Needed with `in`; else an address of the namespace, or '' for the one that the kernel chooses. */
  src?: string
  dst: string
  dport?: number
  /** 40000 where it is not given. */
  sport?: number
  /** The packet arrives by this device instead of being sent by the namespace itself. */
  in?: string
}

export interface Explained {
  /** The packet's trace first, then those that it gave rise to. */
  traces: TraceView[]
  answer: ExplainAnswer | null
  /** Why there was nothing to send, '' otherwise. */
  error: string
}

export interface ExplainAnswer {
  /** How the packet's trace ended; LEFT where it went out by a device that nobody in the lab is behind. */
  disposition: string
  /** Drop reason by the kernel's name, '' for none. */
  reason: string
  /** Where it left the lab, and with which headers. */
  left: { room: string; dev: string; layers: LayerView[] } | null
  /** Traces that it gave rise to and that went out by such a device too. */
  leaves: { trace: number; room: string; dev: string }[]
  /** Neighbours beyond the lab that were taken to answer. */
  assumed: { room: string; dev: string; ip: string; mac: string }[]
  /** An answer reached the sender again, where no program waits for a probe's. */
  cameBack: boolean
  /** One for each rule or policy that decided, and each look-up of a route, in order of the trace's steps. */
  rules: RuleAnswer[]
  lookups: LookupAnswer[]
}

export interface RuleAnswer {
  /** Index of the hop and of the step in it. */
  hop: number
  step: number
  room: string
  family: 4 | 6
  table: string
  /** Built-in chain. */
  hook: string
  chain: string
  /** From 1; 0 for the policy. */
  number: number
  text: string
  verdict: string
  change: string[]
  /** Its conditions with what the packet has there. */
  why: string[]
  /** Rules that matched on the way and did not end it (jumps, marks), in order. */
  path: { chain: string; number: number; text: string }[]
  /** Rules that did not match, with the condition that failed first. */
  passed: { chain: string; number: number; text: string; failed: string }[]
  /** How many were asked; `passed` may hold fewer. */
  asked: number
}

export interface LookupAnswer {
  hop: number
  step: number
  /** The policy rules asked, in order, as `ip rule` prints them; the last one decided. */
  policies: string[]
  route: string
}
