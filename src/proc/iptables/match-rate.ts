/** Matches that keep a state or draw a number: limit, statistic, recent. Models libxt_limit, libxt_statistic, libxt_recent. */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import type { MatchExt, Opt } from './ext.ts'
import { needUint } from './ext.ts'
import { needHost } from './match-state.ts'
import { maskOf } from './values.ts'
import { problem } from './words.ts'

/** XT_LIMIT_SCALE: the kernel counts in ten-thousandths of a second. */
const SCALE = 10_000
const UNITS: readonly (readonly [string, string, number])[] = [
  ['day', 'day', 86_400],
  ['hour', 'hour', 3600],
  ['min', 'minute', 60],
  ['sec', 'second', 1],
]

export const LIMIT: MatchExt<'limit'> = {
  name: 'limit',
  opts: [
    { name: 'limit', arg: true },
    { name: 'limit-burst', arg: true },
  ],
  read(draft, opt, value) {
    if (opt === 'limit') draft.made.limit = parseRate(value)
    else draft.made.burst = needUint('limit', opt, value, 0, 10_000) || 5
  },
  make({ made }) {
    const [rate, unit] = (made.limit as [number, number] | undefined) ?? [3, 3600]
    return { name: 'limit', rate, unit, burst: (made.burst as number | undefined) ?? 5 }
  },
  save: ({ rate, unit, burst }) =>
    ` --limit ${rate}/${unitName(unit)}${burst === 5 ? '' : ` --limit-burst ${burst}`}`,
  list: ({ rate, unit, burst }) => ` limit: avg ${rate}/${unitName(unit)} burst ${burst}`,
}

function unitName(unit: number): string {
  return UNITS.find(([, , seconds]) => seconds === unit)?.[0] ?? 'sec'
}

/** The rate that the kernel keeps and prints back: `60/min` is 1/sec. */
function parseRate(text: string): [number, number] {
  const slash = text.indexOf('/')
  const word = slash < 0 ? 'second' : text.slice(slash + 1).toLowerCase()
  const unit = word === '' ? undefined : [...UNITS].reverse().find(([, name]) => name.startsWith(word))
  const rate = Number.parseInt(slash < 0 ? text : text.slice(0, slash), 10)
  if (unit === undefined || Number.isNaN(rate) || rate <= 0) problem(`bad rate "${text}"'`)
  if (Math.floor(rate / unit[2]) > SCALE) problem(`Rate too fast "${text}"`)
  const period = Math.floor((SCALE * unit[2]) / rate)
  if (period === 0) problem(`Rate too fast "${text}"`)
  let at = 1
  while (at < UNITS.length) {
    const whole = SCALE * UNITS[at]![2]
    if (period > whole || Math.floor(whole / period) < whole % period) break
    at++
  }
  const seconds = UNITS[at - 1]![2]
  return [Math.floor((SCALE * seconds) / period), seconds]
}

export const STATISTIC: MatchExt<'statistic'> = {
  name: 'statistic',
  opts: [
    { name: 'mode', arg: true, mand: true },
    { name: 'probability', arg: true, inv: true, excl: ['every', 'packet'] },
    { name: 'every', arg: true, inv: true, excl: ['probability'], also: ['packet'] },
    { name: 'packet', arg: true, excl: ['probability'], also: ['every'] },
  ],
  read(draft, opt, value) {
    if (opt === 'mode') {
      if (value !== 'random' && value !== 'nth') problem(`Bad mode "${value}"`)
      draft.made.mode = value
    } else if (opt === 'probability') draft.made[opt] = parseProbability(value)
    else if (opt === 'every') draft.made[opt] = needUint('statistic', opt, value, 1, 0xffffffff)
    else draft.made[opt] = needUint('statistic', opt, value, 0, 0xffffffff)
  },
  check({ made }) {
    if (made.mode !== 'nth' && made.probability === undefined) {
      problem('--probability must be specified when using random mode')
    }
    if (made.mode !== 'nth') return
    if (made.every === undefined && made.packet === undefined) {
      problem('--every and --packet must be specified when using nth mode')
    }
    if (made.packet !== undefined && Number(made.packet) >= Number(made.every ?? 0)) {
      problem('the --packet p must be 0 <= p <= n-1')
    }
  },
  make: ({ made, not }) => ({
    name: 'statistic',
    not: not.has('probability') || not.has('every'),
    mode: made.mode as 'random' | 'nth',
    probability: (made.probability as number | undefined) ?? 0,
    every: (made.every as number | undefined) ?? 0,
    packet: (made.packet as number | undefined) ?? 0,
  }),
  save({ not, mode, probability, every, packet }) {
    const bang = not ? ' !' : ''
    if (mode === 'random') return ` --mode random${bang} --probability ${fraction(probability)}`
    return ` --mode nth${bang} --every ${every} --packet ${packet}`
  },
  list({ not, mode, probability, every, packet }) {
    const bang = not ? ' !' : ''
    if (mode === 'random') return ` statistic mode random${bang} probability ${fraction(probability)}`
    return ` statistic mode nth${bang} every ${every}${packet === 0 ? '' : ` packet ${packet}`}`
  },
}

/** As the kernel's threshold of 31 bits. */
function parseProbability(text: string): number {
  const value = /^[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text) ? Number(text) : -1
  if (!(value >= 0 && value <= 1)) {
    problem('statistic: bad value for option "--probability", or out of range (0-1).\n')
  }
  return Math.round(value * 0x80000000)
}

function fraction(threshold: number): string {
  return (threshold / 0x80000000).toFixed(11)
}

const OPS = ['set', 'rcheck', 'update', 'remove'] as const
const OP_LIST: Readonly<Record<string, string>> = {
  set: 'SET',
  rcheck: 'CHECK',
  update: 'UPDATE',
  remove: 'REMOVE',
}

function opOpt(name: string): Opt {
  return { name, arg: false, inv: true, excl: OPS.filter((op) => op !== name) }
}

export const RECENT: MatchExt<'recent'> = {
  name: 'recent',
  opts: [
    ...OPS.map(opOpt),
    { name: 'seconds', arg: true },
    { name: 'reap', arg: false, also: ['seconds'] },
    { name: 'hitcount', arg: true },
    { name: 'rttl', arg: false },
    { name: 'name', arg: true },
    { name: 'rsource', arg: false },
    { name: 'rdest', arg: false },
    { name: 'mask', arg: true },
  ],
  read(draft, opt, value, _, state) {
    if (opt === 'seconds') draft.made[opt] = needUint('recent', opt, value, 1, 0xffffffff)
    else if (opt === 'hitcount') draft.made[opt] = needUint('recent', opt, value, 0, 0xffffffff)
    else if (opt === 'mask') draft.made[opt] = needHost(value, state.family, state.lookup)
    else if (opt === 'name') draft.made[opt] = value.slice(0, 199)
    else if (opt === 'rsource' || opt === 'rdest') draft.made.side = opt === 'rdest' ? 'dest' : 'source'
  },
  check(draft) {
    if (!OPS.some((op) => draft.values.has(op))) {
      problem("recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'")
    }
  },
  make(draft, { family }) {
    const { made, values } = draft
    const op = OPS.find((one) => values.has(one))!
    return {
      name: 'recent',
      not: draft.not.has(op),
      op,
      list: (made.name as string | undefined) ?? 'DEFAULT',
      seconds: (made.seconds as number | undefined) ?? 0,
      reap: values.has('reap'),
      hitcount: (made.hitcount as number | undefined) ?? 0,
      rttl: values.has('rttl'),
      side: (made.side as 'source' | 'dest' | undefined) ?? 'source',
      mask: (made.mask as Ip | undefined) ?? maskOf(family, family === 4 ? 32 : 128),
    }
  },
  save(made) {
    let text = `${made.not ? ' !' : ''} --${made.op}`
    if (made.seconds !== 0) text += ` --seconds ${made.seconds}`
    if (made.reap) text += ' --reap'
    if (made.hitcount !== 0) text += ` --hitcount ${made.hitcount}`
    if (made.rttl) text += ' --rttl'
    return `${text} --name ${made.list} --mask ${formatIp(made.mask)} --r${made.side}`
  },
  list(made) {
    let text = `${made.not ? ' !' : ''} recent: ${OP_LIST[made.op]}`
    if (made.seconds !== 0) text += ` seconds: ${made.seconds}`
    if (made.reap) text += ' reap'
    if (made.hitcount !== 0) text += ` hit_count: ${made.hitcount}`
    if (made.rttl) text += ' TTL-Match'
    return `${text} name: ${made.list} side: ${made.side} mask: ${formatIp(made.mask)}`
  },
}
