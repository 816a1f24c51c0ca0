/** Targets that do not translate: REJECT, LOG, marks, CT, NOTRACK, TRACE, TCPMSS, TTL, HL. Models libipt_REJECT, libxt_LOG and the like. */
import type { Draft, RuleState, TargetExt } from './ext.ts'
import { needMark, needUint, needWord, saveString } from './ext.ts'
import { hex, uint } from './values.ts'
import { notModelled, problem } from './words.ts'

/** Kind and its alias. */
const REJECT4: readonly (readonly [string, string])[] = [
  ['icmp-net-unreachable', 'net-unreach'],
  ['icmp-host-unreachable', 'host-unreach'],
  ['icmp-proto-unreachable', 'proto-unreach'],
  ['icmp-port-unreachable', 'port-unreach'],
  ['icmp-net-prohibited', 'net-prohib'],
  ['icmp-host-prohibited', 'host-prohib'],
  ['tcp-reset', 'tcp-rst'],
  ['icmp-admin-prohibited', 'admin-prohib'],
]

const REJECT6: readonly (readonly [string, string])[] = [
  ['icmp6-no-route', 'no-route'],
  ['icmp6-adm-prohibited', 'adm-prohibited'],
  ['icmp6-addr-unreachable', 'addr-unreach'],
  ['icmp6-port-unreachable', 'port-unreach'],
  ['tcp-reset', 'tcp-reset'],
  ['icmp6-policy-fail', 'policy-fail'],
  ['icmp6-reject-route', 'reject-route'],
]

export const REJECT: TargetExt<'REJECT'> = {
  name: 'REJECT',
  opts: [{ name: 'reject-with', arg: true }],
  read(draft, _, value, __, state) {
    const low = value.toLowerCase()
    const kinds = state.family === 4 ? REJECT4 : REJECT6
    const kind = kinds.find(([name, alias]) => name.startsWith(low) || alias.startsWith(low))
    if (kind === undefined) {
      if (/^(echo-reply|echoreply)$/.test(low)) state.warn(`--reject-with ${value} no longer supported\n`)
      problem(`unknown reject type "${value}"`)
    }
    draft.made.with = kind[0]
  },
  make: ({ made }, { family }) => ({
    name: 'REJECT',
    with:
      (made.with as string | undefined) ??
      (family === 4 ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'),
  }),
  save: (made) => ` --reject-with ${made.with}`,
  list: (made) => ` reject-with ${made.with}`,
}

const LEVELS: readonly string[] = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug']
/** What a listing prints instead of a level's name. */
const LEVEL_LIST: readonly string[] = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug']
/** Flags in the order of the tool, with their bits. */
const LOG_FLAGS: readonly (readonly [string, number])[] = [
  ['tcp-sequence', 1],
  ['tcp-options', 2],
  ['ip-options', 4],
  ['uid', 8],
  ['macdecode', 32],
]

export const LOG: TargetExt<'LOG'> = {
  name: 'LOG',
  opts: [
    { name: 'log-level', arg: true },
    { name: 'log-prefix', arg: true },
    ...LOG_FLAGS.map(([flag]) => ({ name: `log-${flag}`, arg: false })),
  ],
  read(draft, opt, value) {
    if (opt === 'log-level') draft.made.level = parseLevel(value)
    else if (opt === 'log-prefix') {
      if (value === '') problem('Argument must have a minimum length of 1 characters\n')
      if (value.includes('\n')) problem('Newlines not allowed in --log-prefix')
      draft.made.prefix = value.slice(0, 29)
    }
  },
  make: ({ made, values }) => ({
    name: 'LOG',
    prefix: (made.prefix as string | undefined) ?? '',
    level: (made.level as number | undefined) ?? 4,
    flags: LOG_FLAGS.map(([flag]) => flag).filter((flag) => values.has(`log-${flag}`)),
  }),
  save({ prefix, level, flags }) {
    let text = prefix === '' ? '' : ` --log-prefix${saveString(prefix)}`
    if (level !== 4) text += ` --log-level ${level}`
    for (const flag of flags) text += ` --log-${flag}`
    return text
  },
  list({ prefix, level, flags }, view) {
    const bits = LOG_FLAGS.reduce((sum, [flag, bit]) => (flags.includes(flag) ? sum | bit : sum), 0)
    let text = view.numeric ? ` LOG flags ${bits} level ${level}` : ` LOG level ${LEVEL_LIST[level]}`
    if (!view.numeric) for (const flag of flags) text += ` ${flag}`
    return prefix === '' ? text : `${text} prefix "${prefix}"`
  },
}

function parseLevel(text: string): number {
  const number = uint(text, 0, 7)
  if (number !== undefined) return number
  const low = text.toLowerCase()
  const level = low === 'panic' ? 0 : LEVELS.indexOf(low)
  return level >= 0 ? level : problem(`log level "${text}" unknown\n`)
}

const MARK_OPTS = ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'] as const

function markOpts(more: readonly string[]) {
  const all = [...MARK_OPTS, ...more]
  return MARK_OPTS.map((name) => ({ name, arg: true, excl: all.filter((one) => one !== name) }))
}

/** --set-xmark's pair for each spelling: value and mask of `mark = (mark & ~mask) ^ value`. */
function readMark(ext: string, draft: Draft, opt: string, text: string): void {
  if (opt === 'set-xmark' || opt === 'set-mark') {
    const { value, mask } = needMark(ext, opt, text)
    draft.made.value = value
    draft.made.bits = opt === 'set-mark' ? (value | mask) >>> 0 : mask
    return
  }
  const bits = needWord(ext, opt, text)
  draft.made.value = opt === 'and-mark' ? 0 : bits
  draft.made.bits = opt === 'and-mark' ? ~bits >>> 0 : opt === 'or-mark' ? bits : 0
}

function markList(head: string, value: number, mask: number): string {
  if (value === 0) return ` ${head} and ${hex(~mask)}`
  if (value === mask) return ` ${head} or ${hex(value)}`
  if (mask === 0) return ` ${head} xor ${hex(value)}`
  if (mask >>> 0 === 0xffffffff) return ` ${head} set ${hex(value)}`
  return ` ${head} xset ${hex(value)}/${hex(mask)}`
}

export const MARK: TargetExt<'MARK'> = {
  name: 'MARK',
  opts: markOpts([]),
  read: (draft, opt, value) => readMark('MARK', draft, opt, value),
  check({ values }) {
    if (values.size === 0)
      problem('MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required')
  },
  make: ({ made }) => ({ name: 'MARK', value: Number(made.value) | 0, mask: Number(made.bits) | 0 }),
  save: ({ value, mask }) => ` --set-xmark ${hex(value)}/${hex(mask)}`,
  list: ({ value, mask }) => markList('MARK', value, mask),
}

export const CONNMARK: TargetExt<'CONNMARK'> = {
  name: 'CONNMARK',
  opts: [
    ...markOpts(['save-mark', 'restore-mark']),
    { name: 'save-mark', arg: false, excl: [...MARK_OPTS, 'restore-mark'] },
    { name: 'restore-mark', arg: false, excl: [...MARK_OPTS, 'save-mark'] },
    { name: 'ctmask', arg: true, excl: ['mask'] },
    { name: 'nfmask', arg: true, excl: ['mask'] },
    { name: 'mask', arg: true },
  ],
  read(draft, opt, value) {
    if (opt === 'ctmask' || opt === 'nfmask' || opt === 'mask') {
      draft.made[opt] = needWord('CONNMARK', opt, value)
    } else if (opt !== 'save-mark' && opt !== 'restore-mark') readMark('CONNMARK', draft, opt, value)
  },
  check({ values }) {
    const op = [...MARK_OPTS, 'save-mark', 'restore-mark'].some((name) => values.has(name))
    if (!op) problem('CONNMARK target: No operation specified')
  },
  make({ made, values }) {
    const full = (made.mask as number | undefined) ?? 0xffffffff
    const op = values.has('save-mark') ? 'save' : values.has('restore-mark') ? 'restore' : 'set'
    if (op === 'set') {
      const mask = Number(made.mask ?? made.bits)
      return { name: 'CONNMARK', op, value: Number(made.value) | 0, mask: mask | 0, nfmask: -1 }
    }
    const ctmask = (made.ctmask as number | undefined) ?? full
    const nfmask = (made.nfmask as number | undefined) ?? full
    return { name: 'CONNMARK', op, value: 0, mask: ctmask | 0, nfmask: nfmask | 0 }
  },
  save({ op, value, mask, nfmask }) {
    if (op === 'set') return ` --set-xmark ${hex(value)}/${hex(mask)}`
    return ` --${op}-mark --nfmask ${hex(nfmask)} --ctmask ${hex(mask)}`
  },
  list({ op, value, mask, nfmask }) {
    if (op === 'set') return markList('CONNMARK', value, mask)
    if (nfmask === -1 && mask === -1) return ` CONNMARK ${op}`
    if (nfmask === mask) return ` CONNMARK ${op} mask ${hex(mask)}`
    if (op === 'save') return ` CONNMARK save nfmask ${hex(nfmask)} ctmask ~${hex(mask)}`
    return ` CONNMARK restore ctmask ${hex(mask)} nfmask ~${hex(nfmask)}`
  },
}

export const CT: TargetExt<'CT'> = {
  name: 'CT',
  opts: [
    { name: 'notrack', arg: false },
    { name: 'helper', arg: true },
    { name: 'timeout', arg: true },
    { name: 'ctevents', arg: true },
    { name: 'expevents', arg: true },
    { name: 'zone', arg: true },
    { name: 'zone-orig', arg: true },
    { name: 'zone-reply', arg: true },
  ],
  read(draft, opt, value) {
    if (opt === 'zone') {
      if (value === 'mark') notModelled('CT --zone mark')
      draft.made.zone = uint(value, 0, 65535) ?? problem(`Cannot parse ${value} as a zone ID`)
    } else if (opt !== 'notrack') notModelled(`CT --${opt}`)
  },
  make: ({ made, values }) => ({
    name: 'CT',
    notrack: values.has('notrack'),
    zone: (made.zone as number | undefined) ?? 0,
    helper: '',
  }),
  save: ({ notrack, zone, helper }) =>
    (notrack ? ' --notrack' : '') +
    (helper === '' ? '' : ` --helper ${helper}`) +
    (zone === 0 ? '' : ` --zone ${zone}`),
  list: ({ notrack, zone, helper }) =>
    ` CT${notrack ? ' notrack' : ''}${helper === '' ? '' : ` helper ${helper}`}${zone === 0 ? '' : ` zone ${zone}`}`,
}

/** ACCEPT, DROP, RETURN, NOTRACK, TRACE have no options. */
export function plainTarget(name: 'ACCEPT' | 'DROP' | 'RETURN' | 'QUEUE' | 'NOTRACK' | 'TRACE') {
  return {
    name,
    opts: [],
    make: (): { name: typeof name } => ({ name }),
    save: () => '',
    list: () => (name === 'NOTRACK' ? ' NOTRACK' : ''),
  }
}

export const TCPMSS: TargetExt<'TCPMSS'> = {
  name: 'TCPMSS',
  opts: [
    { name: 'set-mss', arg: true },
    { name: 'clamp-mss-to-pmtu', arg: false },
  ],
  read(draft, opt, value, _, state) {
    if (opt === 'set-mss') {
      draft.made.mss = needUint('TCPMSS', opt, value, 0, 65535 - (state.family === 4 ? 20 : 40))
    }
  },
  check({ values }) {
    if (values.size === 0) problem('TCPMSS target: At least one parameter is required')
  },
  make({ made, values }) {
    const clamp = values.has('clamp-mss-to-pmtu')
    return { name: 'TCPMSS', mss: clamp ? 0 : Number(made.mss), clamp }
  },
  save: ({ mss, clamp }) => (clamp ? ' --clamp-mss-to-pmtu' : ` --set-mss ${mss}`),
  list: ({ mss, clamp }) => (clamp ? ' TCPMSS clamp to PMTU' : ` TCPMSS set ${mss}`),
}

export const TTL = hopTarget('TTL', 'ttl', 4)
export const HL = hopTarget('HL', 'hl', 6)

function hopTarget<N extends 'TTL' | 'HL'>(name: N, low: string, families: 4 | 6) {
  type Made = { name: N; op: 'set' | 'inc' | 'dec'; value: number }
  const ops = ['set', 'inc', 'dec'] as const
  const words = { set: 'set to', inc: 'increment by', dec: 'decrement by' }
  const opts = ops.map((op) => ({
    name: `${low}-${op}`,
    arg: true,
    excl: ops.filter((one) => one !== op).map((one) => `${low}-${one}`),
  }))
  return {
    name,
    families,
    opts,
    read(draft: Draft, opt: string, value: string, _: boolean, __: RuleState) {
      draft.made[opt] = needUint(name, opt, value, opt.endsWith('-set') ? 0 : 1, 255)
    },
    check({ values }: Draft) {
      if (values.size === 0) problem(`${name}: You must specify an action`)
    },
    make({ made }: Draft): Made {
      const op = ops.find((one) => made[`${low}-${one}`] !== undefined)!
      return { name, op, value: made[`${low}-${op}`] as number }
    },
    save: ({ op, value }: Made) => ` --${low}-${op} ${value}`,
    list: ({ op, value }: Made) => ` ${name} ${words[op]} ${value}`,
  }
}
