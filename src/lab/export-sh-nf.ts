/**
 * The part of the shell export that is netfilter: each family's tables as iptables-restore takes them, and whether a
 * bridge shows its frames to them. Counters and connections are history and start empty.
 */
import { linksOf } from '../net/link/device.ts'
import type { Netns } from '../net/types.ts'
import { saveText } from '../proc/iptables/listing.ts'
import { shellQuote } from './shell-words.ts'

/** A namespace's tables, one iptables-restore for each family that has any. */
export function tableLines(ns: Netns): string[] {
  return [...restoreLines(ns, 4), ...restoreLines(ns, 6)]
}

/** Whether the script has to load br_netfilter: a machine with a bridge and with rules shows its frames to them. */
export function needsBridgeNetfilter(ns: Netns): boolean {
  return ns.nf !== null && linksOf(ns).some((link) => link.bridge !== null)
}

function restoreLines(ns: Netns, family: 4 | 6): string[] {
  const program = family === 4 ? 'iptables' : 'ip6tables'
  const text = saveText(ns, { family, counters: false, table: undefined, program: '', date: '' })
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length === 0) return []
  return [`ip netns exec ${shellQuote(ns.name)} ${program}-restore <<'RULES'`, ...lines, 'RULES']
}
