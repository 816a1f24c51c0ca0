/**
 * What match and target extensions share: their options, the checks that libxtables makes for all of them, and the
 * form of their texts. Models libxtables/xtoptions.c of iptables 1.8.9.
 */
import type { Ip } from '../../base/addr.ts'
import type { Match, Target } from '../../net/nf/types.ts'
import { serviceName } from '../cmd/services.ts'
import type { Lookup } from './values.ts'
import { parseMark, uint } from './values.ts'
import { problem } from './words.ts'

export interface Opt {
  readonly name: string
  readonly arg: boolean
  readonly inv?: boolean
  readonly mand?: boolean
  readonly multi?: boolean
  /** Names of options that may not, or must, stand beside it. */
  readonly excl?: readonly string[]
  readonly also?: readonly string[]
  /** Another spelling of the option of this name. */
  readonly alias?: string
}

/** What a rule's other parts say while an extension reads its options. */
export interface RuleState {
  readonly family: 4 | 6
  proto: number
  protoNot: boolean
  /** Words after the option's argument, and how many of them were taken. */
  rest: readonly string[]
  taken: number
  readonly lookup: Lookup
  readonly warn: (text: string) => void
}

/** Values of one use of an extension, by option; `not` holds the names of inverted ones. */
export interface Draft {
  readonly values: Map<string, string>
  readonly not: Set<string>
  /** What `read` made of them. */
  readonly made: Record<string, unknown>
}

/** How a listing shows values. */
export interface ListView {
  readonly family: 4 | 6
  readonly numeric: boolean
  /** The rule's protocol, for names of ports. */
  readonly proto: number
  readonly host: (ip: Ip) => string
}

export interface Extension<T> {
  readonly name: string
  readonly families?: 4 | 6
  readonly opts: readonly Opt[]
  /** Options are read by the extension itself, without the checks of libxtables. */
  readonly own?: boolean
  /** Reads one option as it comes. */
  readonly read?: (draft: Draft, opt: string, value: string, not: boolean, state: RuleState) => void
  /** Its own checks of the whole, which come before those of libxtables. */
  readonly check?: (draft: Draft, state: RuleState) => void
  readonly make: (draft: Draft, state: RuleState) => T
  /** Options in the form of iptables-save, with a space before each. */
  readonly save: (made: T, family: 4 | 6) => string
  /** In the form of -L, with a space before each. */
  readonly list: (made: T, view: ListView) => string
}

/** A match extension, with its record's type narrowed for it alone. */
export type MatchExt<N extends Match['name'] = Match['name']> = Extension<Extract<Match, { name: N }>>
export type TargetExt<N extends Target['name'] = Target['name']> = Extension<Extract<Target, { name: N }>>

/** An extension as the registries hold it. */
// biome-ignore lint/suspicious/noExplicitAny: each reads and prints only the records that it made
export type AnyExt = Extension<any>

export function newDraft(): Draft {
  return { values: new Map(), not: new Set(), made: {} }
}

/** One option of an extension was given (xtables_option_parse). */
export function takeOption(
  ext: AnyExt,
  draft: Draft,
  name: string,
  value: string,
  not: boolean,
  state: RuleState,
): void {
  const given = ext.opts.find((opt) => opt.name === name)!
  const opt = given.alias === undefined ? given : ext.opts.find((one) => one.name === given.alias)!
  if (ext.own !== true) {
    if (opt.multi !== true && draft.values.has(opt.name)) {
      problem(`${ext.name}: option "--${given.name}" can only be used once.\n`)
    }
    if (not && opt.inv !== true) problem(`${ext.name}: option "--${given.name}" cannot be inverted.\n`)
  }
  ext.read?.(draft, opt.name, value, not, state)
  draft.values.set(opt.name, value)
  if (not) draft.not.add(opt.name)
}

/** The whole was given (xtables_option_mfcall): the record. */
export function finishDraft<T>(ext: Extension<T>, draft: Draft, state: RuleState): T {
  ext.check?.(draft, state)
  for (const opt of ext.opts) {
    if (opt.alias !== undefined) continue
    const used = draft.values.has(opt.name)
    if (opt.mand === true && !used) problem(`${ext.name}: option "--${opt.name}" must be specified\n`)
    if (!used) continue
    for (const { name } of ext.opts) {
      if (opt.also?.includes(name) && !draft.values.has(name)) {
        problem(`${ext.name}: option "--${opt.name}" also requires "--${name}".\n`)
      }
      if (opt.excl?.includes(name) && draft.values.has(name)) {
        problem(`${ext.name}: option "--${opt.name}" cannot be used together with "--${name}".\n`)
      }
    }
  }
  return ext.make(draft, state)
}

/** A number in [min, max]. */
export function needUint(ext: string, opt: string, text: string, min: number, max: number): number {
  return (
    uint(text, min, max) ??
    problem(`${ext}: bad value for option "--${opt}", or out of range (${min}-${max}).\n`)
  )
}

export function needMark(ext: string, opt: string, text: string): { value: number; mask: number } {
  return parseMark(text) ?? problem(`${ext}: bad integer value for option "--${opt}", or out of range.\n`)
}

/** A 32-bit number without a mask. */
export function needWord(ext: string, opt: string, text: string): number {
  return (
    uint(text, 0, 0xffffffff) ??
    problem(`${ext}: bad integer value for option "--${opt}", or out of range.\n`)
  )
}

/** `FROM:TO` of numbers (XTTYPE_UINT32RC and its like); either end may be left out. */
export function needRange(ext: string, opt: string, text: string, max: number): { from: number; to: number } {
  const parts = text.split(':')
  const bad = (near: string): never =>
    problem(`${ext}: bad value for option "--${opt}" near "${near}", or out of range (0-${max}).\n`)
  if (parts.length > 2) return problem(`${ext}: Too many components for option "--${opt}" (max: 2)\n`)
  const ends = parts.map((part, i) => {
    if (part === '' && parts.length === 2) return i === 0 ? 0 : max
    return uint(part, 0, max) ?? bad(text.slice(text.indexOf(part)))
  })
  return { from: ends[0]!, to: ends[1] ?? ends[0]! }
}

/** Quotes as xtables_save_string does; the space before is included. */
export function saveString(text: string): string {
  if (text !== '' && /^[a-zA-Z0-9_-]+$/.test(text)) return ` ${text}`
  return ` "${text.replace(/["\\']/g, '\\$&')}"`
}

export function portText(port: number, view: ListView): string {
  // Ports have names for tcp and udp only.
  if (view.numeric || (view.proto !== 6 && view.proto !== 17)) return String(port)
  return serviceName(port, view.proto === 17 ? 'udp' : 'tcp') ?? String(port)
}
