/**
 * Changing a running lab to what its text now says. What did not change goes on running: only machines whose commands
 * changed other than at the end are built anew, and even those only where the difference cannot be undone by a command.
 */
import { findStore } from '../kube/store/store.ts'
import { jsonEqual } from '../kube/types.ts'
import type { World } from '../net/types.ts'
import { execLine } from '../proc/shell/session.ts'
import { machineNamed, machineRemove } from '../run/machine.ts'
import { touch } from '../sim/dispatch.ts'
import type { ClusterSlot } from './cluster-part.ts'
import type { ClusterDoc } from './cluster-types.ts'
import { JOIN_LINE, LABEL_NODE } from './cluster-types.ts'
import { addCable, addMachine, changeCable, removeCable } from './hardware.ts'
import { parseLab } from './parse.ts'
import { labTextOf, touchLabRecord } from './record.ts'
import type { Lab, LabLink, LabMachine, MachineRole } from './types.ts'
import { undoCommands } from './undo.ts'

export type LabChange =
  | { change: 'addMachine'; machine: LabMachine }
  | { change: 'removeMachine'; name: string }
  /** Built anew from its text. */
  | { change: 'rebuildMachine'; machine: LabMachine }
  | { change: 'exec'; name: string; lines: string[] }
  | { change: 'role'; name: string; role: MachineRole }
  | { change: 'addLink'; link: LabLink }
  | { change: 'removeLink'; link: LabLink }
  | { change: 'changeLink'; link: LabLink }
  /** A manifest that is new or reads differently. */
  | { change: 'manifest'; doc: ClusterDoc }
  | { change: 'removeManifest'; doc: ClusterDoc }

/** What makes `before` into `after`, in the order of doing. Positions, comments and the lesson are no change. */
export function diffLab(before: Lab, after: Lab): LabChange[] {
  const rebuilt = new Set<string>()
  const machines: LabChange[] = []
  const commands: LabChange[] = []
  const removed: LabChange[] = []
  for (const old of before.machines) {
    if (!after.machines.some((m) => m.name === old.name))
      removed.push({ change: 'removeMachine', name: old.name })
  }
  for (const machine of after.machines) {
    const old = before.machines.find((m) => m.name === machine.name)
    const name = machine.name
    if (old === undefined) {
      machines.push({ change: 'addMachine', machine })
      commands.push(...firstCommands(before, machine))
      continue
    }
    const alike = before.ipv6 === after.ipv6 && old.kind === machine.kind && !leavesCluster(old, machine)
    const lines = alike ? execChange(before, old, machine) : undefined
    if (lines === undefined) {
      rebuilt.add(name)
      machines.push({ change: 'rebuildMachine', machine })
      commands.push(...firstCommands(before, machine))
    } else {
      if (becomesNode(before, old, machine)) lines.push(JOIN_LINE)
      if (old.role !== machine.role) machines.push({ change: 'role', name, role: machine.role })
      if (lines.length > 0) commands.push({ change: 'exec', name, lines })
    }
  }
  return [
    ...removed,
    ...diffLinks(before, after, rebuilt, machines),
    ...commands,
    ...diffManifests(before, after),
  ]
}

/** A new machine's commands; a worker of a running cluster joins it when they are done. */
function firstCommands(before: Lab, machine: LabMachine): LabChange[] {
  const joins = before.cluster !== undefined && machine.labels.get(LABEL_NODE) === 'worker'
  const lines = [...linesOf(machine), ...(joins ? [JOIN_LINE] : [])]
  return lines.length === 0 ? [] : [{ change: 'exec', name: machine.name, lines }]
}

function becomesNode({ cluster }: Lab, old: LabMachine, machine: LabMachine): boolean {
  return cluster !== undefined && !old.labels.has(LABEL_NODE) && machine.labels.get(LABEL_NODE) === 'worker'
}

function leavesCluster(old: LabMachine, machine: LabMachine): boolean {
  return old.labels.has(LABEL_NODE) && !machine.labels.has(LABEL_NODE)
}

/** Manifests by kind, namespace and name: gone ones first, then those that changed, in the order of the text. */
function diffManifests(before: Lab, after: Lab): LabChange[] {
  const old = new Map((before.cluster?.manifests ?? []).map((doc) => [manifestKey(doc), doc]))
  const now = new Map((after.cluster?.manifests ?? []).map((doc) => [manifestKey(doc), doc]))
  const changes: LabChange[] = []
  for (const [key, doc] of old) if (!now.has(key)) changes.push({ change: 'removeManifest', doc })
  for (const [key, doc] of now) {
    const was = old.get(key)
    if (was === undefined || !jsonEqual(was.value, doc.value)) changes.push({ change: 'manifest', doc })
  }
  return changes
}

function manifestKey({ apiVersion, kind, value }: ClusterDoc): string {
  const { namespace = 'default', name = '' } = (value.metadata ?? {}) as { namespace?: string; name?: string }
  return `${apiVersion.replace(/\/.*$/, '')} ${kind} ${namespace}/${name}`
}

/** Cables out, machines, cables in: a rebuilt machine loses its cables and gets those of the text. */
function diffLinks(before: Lab, after: Lab, rebuilt: Set<string>, machines: LabChange[]): LabChange[] {
  const out: LabChange[] = []
  const into: LabChange[] = []
  const old = new Map(before.links.map((link) => [linkKey(link), link]))
  const now = new Map(after.links.map((link) => [linkKey(link), link]))
  const torn = (link: LabLink) => rebuilt.has(link.a.machine) || rebuilt.has(link.b.machine)
  for (const [key, link] of old) {
    if (!now.has(key)) out.push({ change: 'removeLink', link })
  }
  for (const [key, link] of now) {
    const was = old.get(key)
    if (was === undefined || torn(link)) into.push({ change: 'addLink', link })
    else if (!sameWire(was, link)) into.push({ change: 'changeLink', link })
  }
  return [...out, ...machines, ...into]
}

/** Makes the world what `text` says, at once; commands then run one after the other on each machine. */
export function applyLab(world: World, text: string, cluster: ClusterSlot = {}): LabChange[] {
  const record = touchLabRecord(world)
  const before = parseLab(labTextOf(world)).lab
  const after = parseLab(text).lab
  if (record === undefined || before === undefined || after === undefined) return []
  const changes = diffLab(before, after)
  if (after.ipv6) delete world.scalars.ipv6Off
  else world.scalars.ipv6Off = 1
  for (const change of changes) applyChange(world, after, change, cluster)
  const written = touchLabRecord(world)
  if (written !== undefined) written.text = text
  return changes
}

function applyChange(world: World, lab: Lab, change: LabChange, cluster: ClusterSlot): void {
  switch (change.change) {
    case 'manifest':
      if (findStore(world) !== undefined) cluster.part?.apply(world, change.doc)
      break
    case 'removeManifest':
      if (findStore(world) !== undefined) cluster.part?.remove(world, change.doc)
      break
    case 'addMachine':
      addMachine(world, change.machine)
      break
    case 'removeMachine':
      dropMachine(world, change.name)
      break
    case 'rebuildMachine':
      dropMachine(world, change.machine.name)
      addMachine(world, change.machine)
      break
    case 'role': {
      const machine = machineNamed(world, change.name)
      if (machine === undefined) break
      touch(world, machine.id)
      machine.role = change.role
      break
    }
    case 'exec': {
      const machine = machineNamed(world, change.name)
      if (machine === undefined) break
      execLine(world, { machine: machine.id, ns: machine.rootNs, line: change.lines.join('\n') })
      break
    }
    case 'addLink':
      addCable(world, lab, change.link)
      break
    case 'removeLink':
      removeCable(world, change.link)
      break
    case 'changeLink':
      changeCable(world, change.link)
      break
  }
}

function dropMachine(world: World, name: string): void {
  const machine = machineNamed(world, name)
  if (machine !== undefined) machineRemove(world, machine.id)
  const record = touchLabRecord(world)
  for (const key of [...(record?.cards.keys() ?? [])])
    if (key.startsWith(`${name}:`)) record?.cards.delete(key)
}

/** Lines to run, or undefined where the machine must be built anew. */
function execChange(lab: Lab, old: LabMachine, machine: LabMachine): string[] | undefined {
  const before = linesOf(old)
  const after = linesOf(machine)
  if (before.every((line, i) => after[i] === line)) return after.slice(before.length)
  const ifnames = lab.links.flatMap((l) => [l.a, l.b]).filter((e) => e.machine === old.name)
  return undoCommands(
    before,
    after,
    ifnames.map((e) => e.ifname),
  )
}

function linesOf(machine: LabMachine): string[] {
  return machine.exec.map((e) => e.line)
}

function linkKey(link: LabLink): string {
  const ends = [`${link.a.machine}:${link.a.ifname}`, `${link.b.machine}:${link.b.ifname}`]
  return ends.sort().join(' ')
}

function sameWire(a: LabLink, b: LabLink): boolean {
  return a.mtu === b.mtu && a.latencyNs === b.latencyNs && a.rateBps === b.rateBps && a.lossPpm === b.lossPpm
}
