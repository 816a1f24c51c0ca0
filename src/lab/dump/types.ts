/** What a pasted dump of a real machine holds, sorted by kind; every line knows where it stands. Plain data. */
import type { Diagnostic } from '../types.ts'

export type DumpKind = 'iptables' | 'ip6tables' | 'addr' | 'route' | 'rule' | 'neigh' | 'fdb' | 'sysctl'

/** A line of the paste, without what surrounds it; `line` counts from 1. */
export interface DumpLine {
  line: number
  text: string
}

/** One table of an iptables-save, without comments and COMMIT. */
export interface DumpTable {
  family: 4 | 6
  name: string
  line: number
  lines: DumpLine[]
}

/** A device of `ip addr` or `ip link`, with its address lines. */
export interface DumpLink {
  line: number
  name: string
  /** Behind the `@`: another device's name, `ifN` for one in another namespace, '' for none. */
  lower: string
  flags: string[]
  mtu: number
  /** '' for none. */
  master: string
  /** ether, loopback, none, ipip, sit ... */
  medium: string
  mac: string
  /** What `-d` names (bridge, veth, vlan, vxlan ...), '' where it was not asked. */
  kind: string
  vlanId: number
  /** Namespace of its peer: a name, or a number as text; '' for none. */
  peerNetns: string
  /** Arguments of `ip addr add` without the device. */
  addrs: DumpLine[]
}

/** A route or a policy rule as `ip` takes it: the words behind `ip [-6] route add` or `ip [-6] rule add`. */
export interface DumpWords {
  line: number
  family: 4 | 6
  words: string[]
}

export interface DumpNeigh {
  line: number
  ip: string
  dev: string
  mac: string
}

export interface DumpFdb {
  line: number
  mac: string
  dev: string
  vlan: string
}

export interface Dump {
  /** The machine's name as its prompt has it, '' where no prompt was pasted. */
  hostname: string
  /** In the order of their first line. */
  kinds: DumpKind[]
  links: DumpLink[]
  routes: DumpWords[]
  rules: DumpWords[]
  neighs: DumpNeigh[]
  fdb: DumpFdb[]
  sysctls: DumpLine[]
  tables: DumpTable[]
}

/** A reader's notes: warnings for what is not understood or not modelled, infos for what was left out on purpose. */
export interface Notes {
  list: Diagnostic[]
  /** How many there were beyond MAX_NOTES. */
  more: number
}

/** A paste beyond these is refused before it costs anything. */
export const MAX_DUMP = 4_000_000
export const MAX_DUMP_LINES = 60_000
export const MAX_NOTES = 300
/** Devices, routes, neighbours and the like of one kind. */
export const MAX_RECORDS = 600

export function createDump(): Dump {
  return {
    hostname: '',
    kinds: [],
    links: [],
    routes: [],
    rules: [],
    neighs: [],
    fdb: [],
    sysctls: [],
    tables: [],
  }
}

/** Adds a note about a line. */
export function note(
  notes: Notes,
  severity: Diagnostic['severity'],
  line: number,
  message: string,
  text = '',
): void {
  if (notes.list.length >= MAX_NOTES) {
    notes.more++
    return
  }
  const shown = message.length > 400 ? `${message.slice(0, 400)}…` : message
  notes.list.push({
    severity,
    message: shown,
    line,
    column: 1,
    endLine: line,
    endColumn: Math.max(2, text.length + 1),
  })
}
