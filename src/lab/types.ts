/**
 * What a lab file says: machines, cables, commands run at boot, and one lesson. Plain data; every record knows where
 * in the text it stands. Lines and columns count from 1.
 */

import type { LabCluster } from './cluster-types.ts'

/** A mistake in a text that somebody typed. The same shape as the session's. */
export interface Diagnostic {
  severity: 'error' | 'warning' | 'info'
  message: string
  line: number
  column: number
  endLine: number
  endColumn: number
  /** rewrite: the document here can be rewritten for an API version that is served. storedOnly: nothing acts on it. reopen: it waits. */
  about?: 'rewrite' | 'storedOnly' | 'reopen'
  /** A note of ours as a sentence of the page: its key, and the kind that it is about. */
  note?: { key: string; kind: string }
}

/** A stretch of the text; the end is exclusive. */
export interface Span {
  line: number
  column: number
  endLine: number
  endColumn: number
}

export type MachineRole = 'host' | 'router' | 'switch' | 'internet'

export interface Lab {
  name: string
  /** In the order of the file, which is the order of boot. */
  machines: LabMachine[]
  links: LabLink[]
  lesson: Lesson | undefined
  /** What the documents beside the topology say of a cluster. */
  cluster: LabCluster | undefined
  /** Whether new namespaces speak IPv6: the lesson's `ipv6`, false where it says nothing. */
  ipv6: boolean
  /** What the text holds and this lab does not use, by name. */
  notModelled: string[]
}

export interface LabMachine {
  name: string
  kind: 'linux' | 'bridge'
  role: MachineRole
  /** Place in the picture, null where the layout decides. */
  x: number | null
  y: number | null
  image: string
  labels: Map<string, string>
  exec: ExecLine[]
  span: Span
}

/** One command of a machine's boot, with its place. */
export interface ExecLine {
  line: string
  span: Span
}

/** A cable. */
export interface LabLink {
  a: LabEnd
  b: LabEnd
  mtu: number
  latencyNs: number
  /** Bits per second, 0 for unlimited. */
  rateBps: number
  /** Parts per million. */
  lossPpm: number
  span: Span
}

export interface LabEnd {
  machine: string
  ifname: string
}

export interface Lesson {
  name: string
  /** By language tag; `en` is always there. */
  title: Map<string, string>
  chapter: string
  text: Map<string, string>
  seed: number
  questions: LessonQuestion[]
  checks: LessonCheck[]
  /** Commands typed in a terminal when the lab opens. */
  start: Placed[]
  span: Span
}

export interface LessonQuestion {
  text: Map<string, string>
  answer: Map<string, string>
}

/** A command and where it is typed. `netns` is '' for the machine's root namespace. */
export interface Placed {
  machine: string
  netns: string
  command: string
  span: Span
}

export interface LessonCheck {
  id: string
  title: Map<string, string>
  run: Placed
  expect: Expectation
  /** A command that mends what the check finds broken. */
  mends: Placed | undefined
}

/** What a check's command must do. Undefined: not asked. */
export interface Expectation {
  exit: number | undefined
  stdout: OutputTest
  stderr: OutputTest
}

/** Tests of a text. A pattern holds `*` for any run of characters within a line and `?` for one. */
export interface OutputTest {
  equals: string | undefined
  contains: string[]
  lacks: string[]
  matches: string[]
}

/** Room ids are `MACHINE` or `MACHINE.NETNS`, port ids `ROOM/IFNAME`, edge ids `A--B` of two port ids. */
export type EditOp =
  | { op: 'addMachine'; role: MachineRole; x: number; y: number; name?: string }
  | { op: 'addNetns'; machine: string; name?: string }
  | { op: 'addBridge'; room: string; name?: string }
  | { op: 'addPod'; name?: string }
  /** A machine like the cluster's workers, which joins them. */
  | { op: 'addNode'; x: number; y: number; name?: string }
  | { op: 'connect'; a: string; b: string }
  | { op: 'move'; machine: string; x: number; y: number }
  | { op: 'rename'; id: string; name: string }
  | { op: 'remove'; ids: string[] }
  | { op: 'setAddress'; port: string; cidr: string }
  | { op: 'setWire'; edge: string; latencyMs?: number; lossPercent?: number; rateMbit?: number }

/** What an edit made of the text. Where it was refused, `text` is unchanged and `diagnostics` says why. */
export interface Edited {
  text: string
  /** Ids of what was made, to select it. */
  created: string[]
  diagnostics: Diagnostic[]
}
