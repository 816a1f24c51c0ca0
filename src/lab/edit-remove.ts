/** Removing: nodes with their links, or the commands that made a thing or mention it. */
import type { YAMLSeq } from 'yaml'
import { isMap, isSeq } from 'yaml'
import type { Draft } from './draft.ts'
import { linkItems, linkOfEdge, modelOf, nodePair, pairOf } from './draft.ts'
import type { DeviceText, ExecModel, Mention } from './exec-model.ts'
import { findDevice, findNetns } from './exec-model.ts'
import { splitId } from './names.ts'
import { withoutCommand } from './shell-words.ts'
import { removeItems, removePairs } from './splice.ts'

/** Removes machines, namespaces, interfaces and edges by id. */
export function remove(draft: Draft, ids: string[]): void {
  const machines = new Set<string>()
  const things = new Map<string, { netns: Set<string>; ports: Set<string> }>()
  const thingsOf = (machine: string) => {
    const found = things.get(machine) ?? { netns: new Set(), ports: new Set() }
    things.set(machine, found)
    return found
  }
  const port = (id: string): void => {
    const { machine, netns, ifname } = splitId(id)
    thingsOf(machine).ports.add(`${netns}/${ifname}`)
  }
  for (const id of ids) {
    const edge = edgePorts(draft, id)
    const { machine, netns, ifname } = splitId(id)
    if (edge !== undefined) edge.forEach(port)
    else if (nodePair(draft, machine) === undefined) draft.error = `no machine is named "${machine}"`
    else if (ifname !== '') port(id)
    else if (netns !== '') thingsOf(machine).netns.add(netns)
    else machines.add(machine)
  }
  if (draft.error !== '') return
  // What an interface's removal takes with it on the other machine: the far end of a cable.
  const links = new Set<number>()
  for (const [machine, { ports }] of things) {
    for (const p of ports) {
      const id = p.startsWith('/') ? machine + p : `${machine}.${p}`
      const link = linkOfEdge(draft, id)
      if (link >= 0) links.add(link)
    }
  }
  draft.lab.links.forEach((link, i) => {
    if (machines.has(link.a.machine) || machines.has(link.b.machine)) links.add(i)
  })
  for (const i of links) {
    const link = draft.lab.links[i]!
    for (const end of [link.a, link.b]) {
      if (!machines.has(end.machine)) thingsOf(end.machine).ports.add(`cable/${end.ifname}`)
    }
  }
  const items = linkItems(draft)
  draft.doomedLinks = [...links].map((i) => items[i])
  for (const name of machines) {
    draft.doomedNodes.push(nodePair(draft, name)!)
    things.delete(name)
  }
  for (const [machine, { netns, ports }] of things) removeFrom(draft, machine, netns, ports)
  if (machines.size > 0) removeLessonOf(draft, machines)
}

/** Splits an edge id `A--B` into its two port ids; a name may hold `--` itself. */
function edgePorts(draft: Draft, id: string): string[] | undefined {
  for (let at = id.indexOf('--'); at >= 0; at = id.indexOf('--', at + 1)) {
    const ends = [id.slice(0, at), id.slice(at + 2)]
    if (ends.every((e) => e.includes('/') && nodePair(draft, splitId(e).machine) !== undefined)) return ends
  }
  return undefined
}

/** Takes away a machine's namespaces and ports (`NETNS/IFNAME`, or `cable/IFNAME` for a link's end as first named). */
function removeFrom(draft: Draft, machine: string, netns: Set<string>, ports: Set<string>): void {
  const { model, slots } = modelOf(draft, machine)
  const doomed: Mention[] = []
  const gone = new Set<DeviceText>()
  for (const name of netns) {
    const found = findNetns(model, name)
    if (found === undefined) {
      draft.error = `no namespace is named "${name}" in "${machine}"`
      return
    }
    doomed.push(...found.mentions)
    for (const device of model.devices) if (device.netns === name && device.kind !== 'phys') gone.add(device)
  }
  for (const port of ports) {
    const [room = '', ifname = ''] = port.split('/')
    const index = room === 'cable' ? physical(draft, model, machine, ifname) : findDevice(model, room, ifname)
    const device = model.devices[index]
    if (device !== undefined && device.kind !== 'loopback') gone.add(device)
    else if (room !== 'cable') {
      draft.error = ifname === 'lo' ? 'lo cannot be removed' : `Cannot find device "${ifname}"`
      return
    }
  }
  for (const device of [...gone]) {
    const peer = model.devices[device.peer]
    if (peer !== undefined) gone.add(peer)
  }
  for (const device of gone) doomed.push(...device.mentions)
  slots.forEach((slot, line) => {
    if (slot.lesson || slot.now === null) return
    const commands = [...new Set(doomed.filter((m) => m.line === line).map((m) => m.command))]
    if (commands.length > 0) slot.now = withoutCommand(slot.now, model.lines[line] ?? [], commands)
  })
}

/** The device that a cable's end has become. */
function physical(draft: Draft, model: ExecModel, machine: string, ifname: string): number {
  const ends = draft.lab.links.flatMap((l) => [l.a, l.b]).filter((e) => e.machine === machine)
  const place = ends.findIndex((e) => e.ifname === ifname)
  const phys = model.devices.flatMap((d, i) => (d.kind === 'phys' ? [i] : []))
  return phys[place] ?? -1
}

/** A lesson's checks and first commands on a machine go with it. */
function removeLessonOf(draft: Draft, machines: Set<string>): void {
  const spec = pairOf(draft.lesson?.contents, 'spec')?.value
  if (!isMap(spec)) return
  const doomed = new Map<YAMLSeq, unknown[]>()
  for (const slot of [...machines].flatMap((m) => draft.slots.get(m) ?? [])) {
    if (!slot.lesson) continue
    const item = slot.seq.items.find((i) => i === slot.node || holds(i, slot.node))
    const list = doomed.get(slot.seq) ?? []
    if (item !== undefined && !list.includes(item)) doomed.set(slot.seq, [...list, item])
  }
  for (const [seq, items] of doomed) {
    const pair = spec.items.find((p) => p.value === seq)
    if (items.length === seq.items.length && pair !== undefined && spec.items.length > 1) {
      draft.splices.push(...removePairs(draft.text, spec, [pair]))
    } else if (isSeq(seq)) draft.splices.push(...removeItems(draft.text, seq, items))
  }
}

function holds(item: unknown, node: unknown): boolean {
  return pairOf(item, 'run')?.value === node || pairOf(item, 'mends')?.value === node
}
