/** Lines of `ip route` (`show table all` too) and `ip rule` (iproute2's iproute.c and iprule.c print them). */
import type { Dump, Notes } from './types.ts'
import { note } from './types.ts'

/** Flags and values that only a listing has. */
const SHOWN: ReadonlySet<string> = new Set('linkdown dead offload rt_offload trap rt_trap notify'.split(' '))
/** With a value behind. */
const SHOWN_PAIRS: ReadonlySet<string> = new Set('expires error pref cache users age hoplimit'.split(' '))

/**
 * Reads a route. What the kernel makes of itself for every address is left out. False where nothing came of it.
 */
export function readRoute(dump: Dump, notes: Notes, line: string, at: number, asked: 4 | 6): boolean {
  const all = line.split(/\s+/)
  const words: string[] = []
  for (let i = 0; i < all.length; i++) {
    const word = all[i]!
    if (SHOWN.has(word)) continue
    if (SHOWN_PAIRS.has(word)) i++
    else words.push(word)
  }
  if (words.some((word) => !/^[\w.:/@+-]+$/.test(word))) {
    note(notes, 'warning', at, `not understood: ${line.slice(0, 120)}`, line)
    return false
  }
  const text = words.join(' ')
  const type = /^[a-z]+$/.test(words[0] ?? '') && words[0] !== 'default' ? words[0]! : ''
  const six = /(^|\s)[0-9a-f]*:[0-9a-f:]*(\/\d+)?( |$)/i.test(text)
  const family = six ? 6 : /\d+\.\d+\.\d+\.\d+/.test(text) ? 4 : asked
  if (/ table local( |$)/.test(text) && / proto kernel/.test(text)) return false
  if (['broadcast', 'anycast', 'multicast'].includes(type)) return false
  if (type === 'local' && / proto kernel/.test(text)) return false
  if (family === 6 && (/^(multicast )?ff00::\/8/.test(text) || isOwn6(text))) return false
  dump.routes.push({ line: at, family, words: type === 'unicast' ? words.slice(1) : words })
  return true
}

/** Connected routes of IPv6 and the routes of a router's advertisements come by themselves. */
function isOwn6(text: string): boolean {
  return / proto (kernel|ra)/.test(text) && !/ via /.test(text)
}

const STANDARD: readonly string[] = ['0 local', '32766 main', '32767 default']

/** Reads a policy rule; the three that every machine has are left out. */
export function readRule(dump: Dump, notes: Notes, line: string, at: number, asked: 4 | 6): void {
  const found = /^(\d+):\s+(.*)$/.exec(line)
  if (found === null) return
  const [, pref = '', rest = ''] = found
  const words = rest.split(/\s+/).filter((word) => word !== '' && !/^\[.*\]$/.test(word))
  const table = words[words.indexOf('lookup') + 1] ?? ''
  if (STANDARD.includes(`${pref} ${table}`) && words.slice(0, 3).join(' ') === 'from all lookup') return
  if (words.some((word) => !/^[\w.:/@+-]+$/.test(word))) {
    note(notes, 'warning', at, `not understood: ${line.slice(0, 120)}`, line)
    return
  }
  const six = words.some((word) => /^[0-9a-f]*:[0-9a-f:]*(\/\d+)?$/i.test(word))
  const four = words.some((word) => /^\d+\.\d+\.\d+\.\d+/.test(word))
  dump.rules.push({ line: at, family: six ? 6 : four ? 4 : asked, words: ['pref', pref, ...words] })
}

/** The value behind a word, '' for none. */
export function wordAfter(words: readonly string[], word: string): string {
  const at = words.indexOf(word)
  return at < 0 ? '' : (words[at + 1] ?? '')
}
