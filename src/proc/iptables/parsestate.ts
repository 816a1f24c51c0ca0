/** What is known of a command line while it is read, and what comes of it. */
import type { IfMatch, Rule, TableName } from '../../net/nf/types.ts'
import type { AnyExt, Draft, RuleState } from './ext.ts'
import type { Lookup } from './values.ts'

/** A command by its letter; `D#` and `Z#` are those with a rule's number. */
export type Verb =
  | 'A'
  | 'C'
  | 'D'
  | 'D#'
  | 'I'
  | 'R'
  | 'L'
  | 'S'
  | 'F'
  | 'Z'
  | 'Z#'
  | 'N'
  | 'X'
  | 'E'
  | 'P'
  | 'V'
  | 'h'

export interface Command {
  readonly verbs: ReadonlySet<Verb>
  readonly family: 4 | 6
  readonly table: TableName
  /** '' for all chains. */
  readonly chain: string
  /** -P's policy, -E's new name. */
  readonly second: string
  readonly number: number
  /** What -A, -I, -R, -D, -C describe: one for each pair of addresses. Ids are 0. */
  readonly rules: readonly Rule[]
  /** -c. */
  readonly counters: readonly [number, number] | null
  readonly verbose: number
  readonly numeric: boolean
  readonly exact: boolean
  readonly lineNumbers: boolean
  /** -4 to ip6tables, -6 to iptables: a restore skips the line. */
  readonly skip: boolean
}

export interface CommandContext {
  readonly family: 4 | 6
  readonly lookup: Lookup
  readonly warn: (text: string) => void
  /** The restore's table and program; undefined for a command of its own. */
  readonly restore?: { readonly table: TableName; readonly name: string }
}

export const TABLE_NAMES: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter', 'security']

export interface Loaded {
  readonly ext: AnyExt
  readonly draft: Draft
}

export interface Parse {
  readonly words: readonly string[]
  /** Next word, and the next letter in it where letters stand together. */
  at: number
  letter: number
  invert: boolean
  readonly context: CommandContext
  readonly state: RuleState
  readonly used: Set<string>
  verbs: Set<Verb>
  table: string
  chain: string
  second: string
  number: number
  src: { text: string; not: boolean } | undefined
  dst: { text: string; not: boolean } | undefined
  iif: IfMatch | null
  oif: IfMatch | null
  hasProto: boolean
  protoUsed: boolean
  fragment: Rule['fragment']
  readonly matches: Loaded[]
  target: Loaded | undefined
  jump: { chain: string; goto: boolean } | undefined
  counters: [number, number] | null
  verbose: number
  wait: boolean
  waitInterval: boolean
  skip: boolean
}

export function newParse(words: readonly string[], context: CommandContext): Parse {
  const { family, lookup, warn } = context
  return {
    words,
    at: 0,
    letter: 0,
    invert: false,
    context,
    state: { family, proto: 0, protoNot: false, rest: [], taken: 0, lookup, warn },
    used: new Set(),
    verbs: new Set(),
    table: context.restore?.table ?? 'filter',
    chain: '',
    second: '',
    number: 0,
    src: undefined,
    dst: undefined,
    iif: null,
    oif: null,
    hasProto: false,
    protoUsed: false,
    fragment: 'any',
    matches: [],
    target: undefined,
    jump: undefined,
    counters: null,
    verbose: 0,
    wait: false,
    waitInterval: false,
    skip: false,
  }
}
