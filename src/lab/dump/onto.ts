/** A dump put onto a machine of a lab: the machine becomes what the dump says, in the lab's text. */
import type { Draft } from '../draft.ts'
import { addExec, finishDraft, nodePair, openDraft, pairOf, refuse } from '../draft.ts'
import { machineNameError } from '../names.ts'
import { LABEL_X, LABEL_Y } from '../parse.ts'
import type { Diagnostic } from '../types.ts'
import { itemLines, scalarText } from '../splice.ts'
import type { Command } from './commands.ts'
import { commandsOf } from './commands.ts'
import { readDump } from './read.ts'
import { isMap, isSeq } from 'yaml'
import { tried } from './trial.ts'
import type { Dump, DumpKind, Notes } from './types.ts'

export interface DumpRequest {
  /** The machine's name; one that the lab does not have is made. '' takes the name in the dump's prompts. */
  machine: string
  dump: string
  /**
   * replace: the machine's own commands go, as the dump says all that it is. add: the dump's commands follow them.
   * Undefined: replace where the dump holds devices.
   */
  mode?: 'replace' | 'add'
  /** Place in the picture of a machine that is made. */
  x?: number
  y?: number
}

export interface DumpResult {
  ok: boolean
  /** The lab's text with the machine in it; unchanged where `ok` is false. */
  text: string
  machine: string
  /** Whether the machine was made. */
  made: boolean
  mode: 'replace' | 'add'
  kinds: DumpKind[]
  /** What it comes to: devices, addresses, routes ... and the exec lines. */
  counts: DumpCounts
  exec: string[]
  /** Lines refer to the dump. Warnings: not understood or not modelled. */
  diagnostics: Diagnostic[]
}

export interface DumpCounts {
  links: number
  addrs: number
  routes: number
  rules: number
  neighs: number
  fdb: number
  sysctls: number
  chains: number
  filters: number
}

/** Reads a dump and puts it into the text. Never throws. */
export function dumpOnto(text: string, request: DumpRequest): DumpResult {
  const { value, diagnostics } = readDump(request.dump)
  const machine = nameOf(request.machine, value)
  const mode = request.mode ?? (value.links.length > 0 ? 'replace' : 'add')
  const notes: Notes = { list: diagnostics, more: 0 }
  const result: DumpResult = {
    ok: false,
    text,
    machine,
    made: false,
    mode,
    kinds: value.kinds,
    counts: countsOf(value),
    exec: [],
    diagnostics,
  }
  const fail = (message: string): DumpResult => ({
    ...result,
    diagnostics: [...sorted(notes), ...refuse(text, message).diagnostics],
  })
  if (diagnostics.some((d) => d.severity === 'error')) return result
  if (value.kinds.length === 0) return fail('nothing in this text is a dump that can be read')
  const bad = machineNameError(machine)
  if (bad !== '') return fail(bad)
  const draft = openDraft(text.trim() === '' ? 'name: lab\ntopology:\n  nodes: {}\n' : text)
  if (Array.isArray(draft)) return fail(draft[0]?.message ?? 'the lab has no topology')
  const present = draft.lab.machines.find((m) => m.name === machine)
  if (present?.kind === 'bridge') return fail(`"${machine}" is a switch: it runs no commands`)
  const cabled = draft.lab.links
    .flatMap((link) => [link.a, link.b])
    .filter((end) => end.machine === machine)
    .map((end) => end.ifname)
  const around = { cabled, ipv6: draft.lab.ipv6 }
  const commands = tried(commandsOf(value, around, notes), around, notes)
  result.exec = commands.map((command) => command.exec)
  result.made = present === undefined
  if (notes.list.some((d) => d.severity === 'error')) return { ...result, diagnostics: sorted(notes) }
  if (present === undefined) {
    draft.newNodes.push({ name: machine, lines: nodeLines(draft, commands, value, request) })
  } else {
    addExec(draft, machine, mode === 'replace' ? replaced(draft, machine, result.exec) : result.exec)
  }
  const edited = finishDraft(draft)
  const error = edited.diagnostics.find((d) => d.severity === 'error')
  if (error !== undefined) return fail(error.message)
  return { ...result, ok: true, text: edited.text, diagnostics: sorted(notes) }
}

/** Takes the machine's own commands away; a list in brackets becomes the new one. Answers what is left to add. */
function replaced(draft: Draft, machine: string, exec: string[]): string[] {
  const own = pairOf(nodePair(draft, machine)?.value, 'exec')?.value
  if (isSeq(own) && own.flow === true && own.range) {
    const [from, to] = own.range
    draft.splices.push({ from, to, text: `[${exec.map((line) => scalarText(line, true)).join(', ')}]` })
    return []
  }
  // What stands in defaults and kinds is others' too.
  for (const slot of draft.slots.get(machine) ?? []) if (slot.seq === own) slot.now = null
  return exec
}

function sorted(notes: Notes): Diagnostic[] {
  return [...notes.list].sort((a, b) => a.line - b.line)
}

function nameOf(wanted: string, dump: Dump): string {
  if (wanted !== '') return wanted
  const name = dump.hostname.replace(/[^A-Za-z0-9_-]/g, '-')
  return machineNameError(name) === '' ? name : 'machine1'
}

/** The YAML below the name of a machine that is made. */
function nodeLines(draft: Draft, commands: readonly Command[], dump: Dump, request: DumpRequest): string[] {
  const lines = ['kind: linux']
  const item = isFlow(draft) ? (line: string) => [`- ${scalarText(line, true)}`] : itemLines
  if (commands.length > 0) lines.push('exec:', ...commands.flatMap((c) => item(c.exec).map((l) => `  ${l}`)))
  const { x, y } = request
  const router = dump.sysctls.some(({ text }) => /^net[./]ipv4[./]ip_forward=1/.test(text))
  if (x === undefined && y === undefined && !router) return lines
  lines.push('labels:')
  if (x !== undefined) lines.push(`  ${LABEL_X}: "${Math.round(x)}"`)
  if (y !== undefined) lines.push(`  ${LABEL_Y}: "${Math.round(y)}"`)
  if (router) lines.push('  kubehop.dev/role: router')
  return lines
}

/** Whether a new machine stands in braces: a block of lines has no place there. */
function isFlow(draft: Draft): boolean {
  return [draft.nodes?.value, draft.topology.value].some(
    (map) => isMap(map) && map.flow === true && map.items.length > 0,
  )
}

function countsOf(dump: Dump): DumpCounts {
  const lines = dump.tables.flatMap((table) => table.lines)
  return {
    links: dump.links.length,
    addrs: dump.links.reduce((n, link) => n + link.addrs.length, 0),
    routes: dump.routes.length,
    rules: dump.rules.length,
    neighs: dump.neighs.length,
    fdb: dump.fdb.length,
    sysctls: dump.sysctls.length,
    chains: lines.filter(({ text }) => text.startsWith(':')).length,
    filters: lines.filter(({ text }) => text.includes('-A ')).length,
  }
}
