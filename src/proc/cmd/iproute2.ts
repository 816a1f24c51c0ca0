/**
 * What `ip` and `bridge` share: walking the words of a command line and the words for its mistakes. Models lib/utils.c of
 * iproute2 6.1. A mistake leaves the command at once: it is thrown as a plain record and caught where the program starts.
 */
import type { Ip, Mac, Prefix } from '../../base/addr.ts'
import { parseIp, parsePrefix } from '../../base/addr.ts'
import { linkByName } from '../../net/link/device.ts'
import type { NlResult } from '../../net/nlresult.ts'
import type { Link, Netns } from '../../net/types.ts'
import { cNumber } from '../print/names.ts'

/** How a command ends: `text` for standard error. `code` as the shell sees it. */
export interface Exit {
  exit: number
  text: string
  /** A value that a command returns (ip negates it, bridge does not), not exit(3). */
  returned: boolean
}

/** The words of a command, and which is next. */
export interface Words {
  list: readonly string[]
  at: number
}

export function isExit(thrown: unknown): thrown is Exit {
  return typeof thrown === 'object' && thrown !== null && 'exit' in thrown && 'text' in thrown
}

/** exit(3) with -1: 255. */
export function quit(text: string, code = 255): never {
  throw { exit: code, text, returned: false } satisfies Exit
}

/** The command returns -`code`. */
export function giveUp(text: string, code = 1): never {
  throw { exit: code, text, returned: true } satisfies Exit
}

/** What the kernel refused. */
export function check(result: NlResult, code = 2): void {
  if (result !== null) giveUp(`${result.message}\n`, code)
}

export function more(words: Words): boolean {
  return words.at < words.list.length
}

/** The present word; '' after the last. */
export function word(words: Words): string {
  return words.list[words.at] ?? ''
}

/** Steps to the next word, which has to be there (NEXT_ARG). */
export function next(words: Words): string {
  words.at++
  if (!more(words)) quit('Command line is not complete. Try option "help"\n')
  return word(words)
}

/** matches(): `text` is a beginning of `full`, at least a letter. */
export function matches(text: string, full: string): boolean {
  return text !== '' && full.startsWith(text)
}

export function invarg(message: string, arg: string): never {
  quit(`Error: argument "${arg}" is wrong: ${message}\n`)
}

export function duplicate(key: string, arg: string): never {
  quit(`Error: duplicate "${key}": "${arg}" is the second value.\n`)
}

export function garbage(key: string, arg: string): never {
  quit(`Error: either "${key}" is duplicate, or "${arg}" is a garbage.\n`)
}

export function noSuchCommand(arg: string, help: string): never {
  quit(`Command "${arg}" is unknown, try "${help} help".\n`)
}

/** What iproute2 has and this program does not model. */
export function notModelled(what: string): never {
  quit(`kubehop: ${what} is not modelled\n`, 1)
}

/** A device by name (`Cannot find device`), or by `if%d`. */
export function needLink(ns: Netns, name: string): Link {
  const link = linkByName(ns, name)
  if (link === undefined) giveUp(`Cannot find device "${name}"\n`)
  return link
}

/** An unsigned number in C's notation, at most `max`; otherwise `message` about the word. */
export function needNumber(text: string, max: number, message: string): number {
  const value = cNumber(text)
  if (value === undefined || value > max) invarg(message, text)
  return value
}

/** A byte string with colons as `ll_addr_a2n` reads it. */
export function needMac(text: string): Mac {
  const groups = text.split(':')
  let mac = 0
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,2}$/.test(group)) giveUp(`"${text}" is invalid lladdr.\n`)
    mac = mac * 256 + Number.parseInt(group, 16)
  }
  if (groups.length !== 6) giveUp(`Invalid address length ${groups.length} - must be 6 bytes\n`)
  return mac
}

export type Family = 0 | 4 | 6

/** An address of the family; short forms of IPv4 (`10.1`) fill up with zeros behind. */
export function readAddr(text: string, family: Family): Ip | undefined {
  const value = parseIp(text) ?? shortIp4(text)
  if (value === undefined) return undefined
  const is = typeof value === 'number' ? 4 : 6
  return family === 0 || family === is ? value : undefined
}

/** An address, or the line that get_addr prints. */
export function needAddr(text: string, family: Family): Ip {
  const value = readAddr(text, family)
  if (value === undefined) giveUp(`Error: ${familyWord(family)} address is expected rather than "${text}".\n`)
  return value
}

/** A prefix: `default`, `any`, `all`, an address, `address/length` or `address/netmask`. */
export function needPrefix(text: string, family: Family): Prefix & { given: boolean } {
  const value = readPrefix(text, family)
  if (value === undefined) giveUp(`Error: ${familyWord(family)} prefix is expected rather than "${text}".\n`)
  return value
}

export function readPrefix(text: string, family: Family): (Prefix & { given: boolean }) | undefined {
  if (text === 'default' || text === 'any' || text === 'all') {
    return { addr: family === 6 ? '0'.repeat(32) : 0, len: 0, given: true }
  }
  const slash = text.indexOf('/')
  if (slash < 0) {
    const addr = readAddr(text, family)
    return addr === undefined ? undefined : { addr, len: typeof addr === 'number' ? 32 : 128, given: false }
  }
  const addr = readAddr(text.slice(0, slash), family)
  if (addr === undefined) return undefined
  const rest = text.slice(slash + 1)
  const mask = typeof addr === 'number' ? parseIp(rest) : undefined
  if (typeof mask === 'number') {
    const len = maskLength(mask)
    return len < 0 ? undefined : { addr, len, given: true }
  }
  const len = cNumber(rest)
  if (len === undefined || len > (typeof addr === 'number' ? 32 : 128)) return undefined
  return { addr, len, given: true }
}

/** The length of a netmask, -1 where it has holes. */
export function maskLength(mask: number): number {
  for (let len = 0; len <= 32; len++) if ((len === 0 ? 0 : -1 << (32 - len)) === mask) return len
  return -1
}

function familyWord(family: Family): string {
  return family === 0 ? 'any valid' : family === 4 ? 'inet' : 'inet6'
}

function shortIp4(text: string): number | undefined {
  if (!/^[0-9]{1,3}(\.[0-9]{1,3}){0,2}$/.test(text)) return undefined
  const parts = text.split('.')
  while (parts.length < 4) parts.push('0')
  const whole = parsePrefix(parts.join('.'))
  return typeof whole?.addr === 'number' ? whole.addr : undefined
}

/** on and off as parse_on_off reads them: `ok` lists the words in the message. */
export function needOnOff(key: string, text: string): boolean {
  if (text === 'on') return true
  if (text !== 'off') giveUp(`Error: argument of "${key}" must be one of "off", "on", not "${text}"\n`)
  return false
}

/** `dev` has to be a device name: no slash, no space. */
export function isIfName(text: string): boolean {
  return text !== '' && text.length < 16 && !/[/\s]/.test(text)
}
