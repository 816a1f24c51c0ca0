/** The kernel log of a namespace (`dmesg`): what devices and protocols say about themselves. */
import type { Netns, World } from '../types.ts'

/** At least so many lines are kept. */
export const KLOG_MAX = 500
/** Lines that are put together into one text, and how many stay single. */
const PACKED = 16
const SINGLE = 12

export interface KlogLine {
  at: number
  text: string
}

/** Appends a line; the oldest go when there are more than KLOG_MAX. */
export function klog(world: World, ns: Netns, text: string): void {
  ns.log ??= []
  ns.log.push({ at: world.now, text })
  if (ns.log.length < PACKED + SINGLE) return
  const packed = pack(ns.log.slice(0, PACKED))
  ns.log = ns.log.slice(PACKED)
  ns.oldLog = Object.freeze([...(ns.oldLog ?? []), packed].slice(-Math.ceil(KLOG_MAX / PACKED)))
}

/** All lines, oldest first. */
export function klogLines(ns: Netns): KlogLine[] {
  return [...(ns.oldLog ?? []).flatMap(unpack), ...(ns.log ?? [])].slice(-KLOG_MAX)
}

/** What bridges and devices say again and again: each is one character of a packed text. */
const PHRASES: readonly string[] = [
  ' entered blocking state',
  ' entered listening state',
  ' entered learning state',
  ' entered forwarding state',
  ' entered disabled state',
  ': entered promiscuous mode',
  ': left promiscuous mode',
  ': renamed from ',
]
/** From here on characters tell how many a line has in common with the one before it. */
const COMMON = 0x80
const COMMON_MAX = 0x7f
const LINE = /^([0-9a-z]*)([\u0080-\u00ff])(.*)$/
/** Lines with such are kept as they are. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what stands for a phrase
const STRANGE = /[\u0001-\u0008\n\r\u2028\u2029]/

/**
 * Hardly anybody reads them: a line is the time since the one before it (ns, base 36; none for the same moment), how many
 * characters of that one it begins with, and the rest. That is a sixth of what records take.
 */
function pack(lines: readonly KlogLine[]): string {
  if (lines.some(({ text }) => STRANGE.test(text))) return JSON.stringify(lines)
  let before: KlogLine = { at: 0, text: '' }
  const packed: string[] = []
  for (const line of lines) {
    let common = 0
    while (common < COMMON_MAX && common < line.text.length && line.text[common] === before.text[common])
      common++
    let rest = line.text.slice(common)
    PHRASES.forEach((phrase, i) => {
      rest = rest.replace(phrase, String.fromCharCode(i + 1))
    })
    const since = line.at === before.at ? '' : (line.at - before.at).toString(36)
    packed.push(since + String.fromCharCode(COMMON + common) + rest)
    before = line
  }
  return packed.join('\n')
}

function unpack(packed: string): KlogLine[] {
  if (packed.startsWith('[')) return JSON.parse(packed) as KlogLine[]
  let before: KlogLine = { at: 0, text: '' }
  return packed.split('\n').map((line) => {
    const [, since = '', common = '', rest = ''] = LINE.exec(line)!
    const own = PHRASES.reduce(
      (text, phrase, i) => text.replace(String.fromCharCode(i + 1), () => phrase),
      rest,
    )
    const at = before.at + (since === '' ? 0 : Number.parseInt(since, 36))
    before = { at, text: before.text.slice(0, common.charCodeAt(0) - COMMON) + own }
    return before
  })
}
