/**
 * The command line of iptables and ip6tables: options as getopt_long(3) reads them while match and target extensions add
 * their own, then the rule that they describe. Models iptables/xshared.c (do_parse) of iptables 1.8.9.
 */
import { newDraft, takeOption } from './ext.ts'
import { COMMANDS, LONG, SHORT } from './options.ts'
import type { Command, CommandContext, Loaded, Parse, Verb } from './parsestate.ts'
import { newParse, TABLE_NAMES } from './parsestate.ts'
import { findMatch, findTarget } from './registry.ts'
import { finish, newChainName } from './rulebuild.ts'
import { parseIf, parseProto, uint } from './values.ts'
import { problem, raise } from './words.ts'

/** Reads `words`, the command line without the program's name. Mistakes are raised. */
export function parseCommand(words: readonly string[], context: CommandContext): Command {
  const parse = newParse(words, context)
  while (parse.at < words.length && step(parse)) {
    // Each step takes an option or a plain word.
  }
  return finish(parse)
}

/** One option or plain word. False at `--`. */
function step(parse: Parse): boolean {
  const word = parse.words[parse.at]!
  if (parse.letter === 0) {
    if (word === '--') {
      parse.at++
      return false
    }
    if (word.startsWith('--')) {
      longOption(parse, word)
      return true
    }
    if (!word.startsWith('-') || word === '-') {
      parse.at++
      plainWord(parse, word)
      return true
    }
    parse.letter = 1
  }
  shortOption(parse, word)
  return true
}

function plainWord(parse: Parse, word: string): void {
  if (word !== '!') raise('try', `Bad argument \`${word}'\n`)
  if (parse.invert) problem('multiple consecutive ! not allowed')
  parse.invert = true
}

function shortOption(parse: Parse, word: string): void {
  const letter = word[parse.letter++]!
  const last = parse.letter >= word.length
  const takes = Object.hasOwn(SHORT, letter) ? SHORT[letter] : undefined
  if (last || takes === 1 || takes === 2) {
    parse.at++
    const rest = last ? '' : word.slice(parse.letter)
    parse.letter = 0
    if (takes === undefined) unknown(parse)
    if (takes === 1 && rest === '') {
      if (parse.at >= parse.words.length) problem(`option "${word}" requires an argument`)
      option(parse, letter, parse.words[parse.at++]!)
    } else option(parse, letter, takes === 0 ? '' : rest, !last)
    return
  }
  if (takes === undefined) unknown(parse)
  option(parse, letter, '')
}

function unknown(parse: Parse): never {
  problem(`unknown option "${parse.words[parse.at - 1] ?? parse.words[0] ?? ''}"`)
}

/** Where an option of this spelling leads: an own letter, or an option of a loaded extension. */
interface Hit {
  readonly letter: string
  readonly loaded: Loaded | undefined
  readonly name: string
  readonly takes: 0 | 1 | 2
}

function longOption(parse: Parse, word: string): void {
  const eq = word.indexOf('=')
  const name = word.slice(2, eq < 0 ? undefined : eq)
  const hit = lookUp(parse, name)
  if (hit === undefined) {
    if (loadProto(parse)) return
    parse.at++
    unknown(parse)
  }
  parse.at++
  if (hit.takes === 0 && eq >= 0) unknown(parse)
  let value = eq < 0 ? '' : word.slice(eq + 1)
  if (hit.takes === 1 && eq < 0) {
    if (parse.at >= parse.words.length) problem(`option "${word}" requires an argument`)
    value = parse.words[parse.at++]!
  }
  if (hit.loaded === undefined) {
    option(parse, hit.letter, value, eq >= 0)
    return
  }
  parse.state.rest = parse.words.slice(parse.at, parse.at + 1)
  parse.state.taken = 0
  takeOption(hit.loaded.ext, hit.loaded.draft, hit.name, value, parse.invert, parse.state)
  parse.at += parse.state.taken
  parse.invert = false
}

function lookUp(parse: Parse, name: string): Hit | undefined {
  const all: Hit[] = []
  const exact: Hit[] = []
  const add = (hit: Hit, spelling: string) => {
    if (spelling === name) exact.push(hit)
    else if (spelling.startsWith(name)) all.push(hit)
  }
  for (const [spelling, letter] of LONG) {
    add({ letter, loaded: undefined, name: spelling, takes: SHORT[letter] ?? 0 }, spelling)
  }
  const loaded = parse.target === undefined ? parse.matches : [...parse.matches, parse.target]
  for (const one of [...loaded].reverse()) {
    for (const opt of one.ext.opts) {
      add({ letter: '', loaded: one, name: opt.name, takes: opt.arg ? 1 : 0 }, opt.name)
    }
  }
  if (exact.length > 0) return exact[0]
  const first = all[0]
  const same = (hit: Hit) =>
    hit.letter === first!.letter && hit.loaded === first!.loaded && canonical(hit) === canonical(first!)
  return first !== undefined && all.every(same) ? first : undefined
}

function canonical({ loaded, name }: Hit): string {
  return loaded === undefined ? '' : (loaded.ext.opts.find((opt) => opt.name === name)?.alias ?? name)
}

/** An unknown option may be one of the protocol's match, which `-p` alone does not load. */
function loadProto(parse: Parse): boolean {
  if (!parse.hasProto || parse.protoUsed) return false
  const names: Readonly<Record<number, string>> = {
    1: 'icmp',
    6: 'tcp',
    17: 'udp',
    33: 'dccp',
    50: 'esp',
    51: 'ah',
    58: 'icmp6',
    132: 'sctp',
  }
  const name = names[parse.state.proto]
  if (name === undefined) return false
  parse.protoUsed = true
  const ext = findMatch(name, parse.context.family)
  if (ext === undefined) return false
  parse.matches.push({ ext, draft: newDraft() })
  return true
}

/** The option was given, with `value`; `joined`: written against it. */
function option(parse: Parse, letter: string, value: string, joined = false): void {
  if (Object.hasOwn(COMMANDS, letter)) {
    command(parse, letter, value)
    parse.invert = false
    return
  }
  // The address options and the like take the word before the next one, whatever it is.
  const last = parse.words[parse.at - 1] ?? ''
  switch (letter) {
    case 's':
    case 'd': {
      use(parse, letter, true)
      const host = { text: last, not: parse.invert }
      if (letter === 's') parse.src = host
      else parse.dst = host
      break
    }
    case 'p':
      use(parse, letter, true)
      protocol(parse, last)
      break
    case 'i':
    case 'o': {
      if (value === '') problem('Empty interface is likely to be undesired')
      use(parse, letter, true)
      const match = parseIf(last, parse.invert, parse.context.warn)
      if (letter === 'i') parse.iif = match
      else parse.oif = match
      break
    }
    case 'f':
      if (parse.context.family === 6) problem("`-f' is not supported in IPv6, use -m frag instead")
      use(parse, letter, true)
      parse.fragment = parse.invert ? 'no' : 'yes'
      break
    case 'j':
    case 'g':
      use(parse, 'j', false)
      jump(parse, letter === 'g', last)
      break
    case 'm':
      if (parse.invert) problem('unexpected ! flag before --match')
      match(parse, value)
      break
    case 't':
      table(parse, value)
      break
    default:
      flag(parse, letter, value, joined)
  }
  parse.invert = false
}

function flag(parse: Parse, letter: string, value: string, joined: boolean): void {
  switch (letter) {
    case 'v':
      if (parse.verbose === 0) use(parse, 'v', false)
      parse.verbose++
      break
    case 'n':
    case 'x':
    case '0':
      use(parse, letter, false)
      break
    case 'c':
      use(parse, 'c', false)
      counters(parse, value)
      break
    case 'w':
    case 'W':
      if (letter === 'W') parse.context.warn('Ignoring deprecated --wait-interval option.\n')
      if (letter === 'W') parse.waitInterval = true
      else parse.wait = true
      wait(parse, joined ? value : '')
      break
    case '4':
    case '6':
      if (Number(letter) === parse.context.family) break
      if (parse.context.restore === undefined) raise('try', '')
      parse.skip = true
      break
    default:
      // -b and -M change nothing.
      break
  }
}

/** set_option: once, and inverted only where that means something. */
function use(parse: Parse, letter: string, inverts: boolean): void {
  if (parse.used.has(letter)) problem(`multiple -${letter} flags not allowed`)
  parse.used.add(letter)
  if (parse.invert && !inverts) problem(`cannot have ! before -${letter}`)
}

function protocol(parse: Parse, text: string): void {
  const value = parseProto(text)
  if (value === 0 && parse.invert) problem('rule would never match protocol')
  parse.state.proto = value
  parse.state.protoNot = parse.invert
  parse.hasProto = true
}

function jump(parse: Parse, goto: boolean, name: string): void {
  if (name === '') problem('Invalid target name (too short)')
  if (name.length > 28) problem(`Invalid target name \`${name}' (28 chars max)`)
  if (/\s/.test(name)) problem(`Invalid target name \`${name}'`)
  const ext = goto ? undefined : findTarget(name, parse.context.family)
  if (ext === undefined) parse.jump = { chain: name, goto }
  else parse.target = { ext, draft: newDraft() }
}

function match(parse: Parse, name: string): void {
  const ext = findMatch(name, parse.context.family)
  if (ext === undefined) problem(`Couldn't load match \`${name}':No such file or directory\n`)
  parse.matches.push({ ext, draft: newDraft() })
}

function table(parse: Parse, name: string): void {
  if (parse.invert) problem('unexpected ! flag before --table')
  const { restore } = parse.context
  if (restore !== undefined) problem(`The -t option cannot be used in ${restore.name}.\n`)
  if (!(TABLE_NAMES as readonly string[]).includes(name)) raise('version', `table '${name}' does not exist`)
  parse.table = name
}

function hasArg(parse: Parse): boolean {
  const word = parse.words[parse.at]
  return word !== undefined && !/^[-!]/.test(word)
}

function counters(parse: Parse, value: string): void {
  const comma = value.indexOf(',', 1)
  const second = comma >= 0 ? value.slice(comma + 1) : hasArg(parse) ? parse.words[parse.at++]! : undefined
  if (second === undefined) problem('-c requires packet and byte counter')
  parse.counters = [counter(value, 'packet'), counter(second, 'byte')]
}

function counter(text: string, what: string): number {
  const digits = /^\s*\+?([0-9]{1,15})/.exec(text)
  return digits === null ? problem(`-c ${what} counter not numeric`) : Number(digits[1])
}

function wait(parse: Parse, value: string): void {
  const seconds = value !== '' ? value : hasArg(parse) ? parse.words[parse.at++]! : '0'
  if (!/^\s*[0-9]+$/.test(seconds)) problem('wait seconds not numeric')
}

function command(parse: Parse, letter: string, value: string): void {
  if (letter === 'V' || letter === 'h') {
    if (letter === 'V' && parse.invert) parse.context.warn('Not 4.19 ;-)\n')
    parse.verbs.add(letter)
    parse.at = parse.words.length
    parse.letter = 0
    return
  }
  if (parse.invert) problem("unexpected '!' flag")
  for (const verb of parse.verbs) {
    if (!COMMANDS[letter]!.includes(verb[0]!)) problem(`Cannot use -${letter} with -${verb[0]}`)
  }
  const optional = SHORT[letter] === 2
  const chain = optional && value === '' && hasArg(parse) ? parse.words[parse.at++]! : value
  parse.chain = chain
  let verb = letter as Verb
  if (letter === 'I') parse.number = hasArg(parse) ? ruleNumber(parse) : 1
  else if (letter === 'R') {
    if (!hasArg(parse)) problem('-R requires a rule number')
    parse.number = ruleNumber(parse)
  } else if ((letter === 'D' || letter === 'Z') && (letter === 'D' || chain !== '') && hasArg(parse)) {
    parse.number = ruleNumber(parse)
    verb = `${letter}#`
  } else if ((letter === 'L' || letter === 'S') && chain !== '' && hasArg(parse)) {
    parse.number = ruleNumber(parse)
  } else if (letter === 'N') newChainName(chain, parse.context.family)
  else if (letter === 'E' || letter === 'P') {
    const what = letter === 'E' ? 'old-chain-name and new-chain-name' : 'a chain and a policy'
    if (!hasArg(parse)) problem(`-${letter} requires ${what}`)
    parse.second = parse.words[parse.at++]!
  }
  parse.verbs.add(verb)
}

function ruleNumber(parse: Parse): number {
  const text = parse.words[parse.at++]!
  return uint(text, 1, 0x7fffffff) ?? problem(`Invalid rule number \`${text}'`)
}
