/** Options of the command line and which commands take them. Models iptables/xshared.c of iptables 1.8.9. */

/** Letters with what they take: 0 nothing, 1 an argument, 2 one that is written against them. */
export const SHORT: Readonly<Record<string, 0 | 1 | 2>> = Object.freeze(
  Object.fromEntries([
    ...[...'fbvnx46V'].map((letter) => [letter, 0] as const),
    ...[...'ADCRIMNEPopsdjitmcg'].map((letter) => [letter, 1] as const),
    ...[...'LSFZXhwW'].map((letter) => [letter, 2] as const),
  ]),
)

export const LONG: readonly (readonly [string, string])[] = [
  ['append', 'A'],
  ['delete', 'D'],
  ['check', 'C'],
  ['insert', 'I'],
  ['replace', 'R'],
  ['list', 'L'],
  ['list-rules', 'S'],
  ['flush', 'F'],
  ['zero', 'Z'],
  ['new-chain', 'N'],
  ['delete-chain', 'X'],
  ['rename-chain', 'E'],
  ['policy', 'P'],
  ['source', 's'],
  ['destination', 'd'],
  ['src', 's'],
  ['dst', 'd'],
  ['protocol', 'p'],
  ['in-interface', 'i'],
  ['jump', 'j'],
  ['table', 't'],
  ['match', 'm'],
  ['numeric', 'n'],
  ['out-interface', 'o'],
  ['verbose', 'v'],
  ['wait', 'w'],
  ['wait-interval', 'W'],
  ['exact', 'x'],
  ['fragments', 'f'],
  ['version', 'V'],
  ['help', 'h'],
  ['line-numbers', '0'],
  ['modprobe', 'M'],
  ['set-counters', 'c'],
  ['goto', 'g'],
  ['ipv4', '4'],
  ['ipv6', '6'],
]

/** Options that a command does not take, in the order in which they are looked at. */
export const OPTION_ORDER = 'nsdpjvxio0cf'

export const FORBIDDEN: Readonly<Record<string, string>> = Object.freeze({
  A: 'nx0',
  I: 'nx0',
  R: 'nx0',
  C: 'nx0c',
  D: 'nx0c',
  'D#': 'nsdpjxio0cf',
  L: 'sdpjiocf',
  S: 'nsdpjxio0cf',
  F: 'nsdpjxio0cf',
  Z: 'nsdpjxio0cf',
  'Z#': 'nsdpjxio0cf',
  N: 'nsdpjxio0cf',
  X: 'nsdpjxio0cf',
  P: 'nsdpjxio0f',
  E: 'nsdpjxio0cf',
  V: '',
  h: '',
})

/** With which other commands each may stand. */
export const COMMANDS: Readonly<Record<string, string>> = Object.freeze({
  A: '',
  C: '',
  D: '',
  I: '',
  R: '',
  L: 'Z',
  S: 'Z',
  F: '',
  Z: 'LS',
  N: '',
  X: '',
  E: '',
  P: '',
  V: '*',
  h: '*',
})
