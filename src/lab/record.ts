/** What a world knows of the lab that it was built from: a target, so that it goes back in time with the rest. */
import type { Mac } from '../base/addr.ts'
import { linksOf } from '../net/link/device.ts'
import type { Link, Netns, World } from '../net/types.ts'
import { findNetns } from '../net/world.ts'
import { machineNamed } from '../run/machine.ts'
import { addTarget, touch } from '../sim/dispatch.ts'
import type { Target } from '../sim/world.ts'
import type { LabEnd } from './types.ts'

export interface LabRecord extends Target {
  type: 'lab'
  /** The lab's text as it is applied. */
  text: string
  /** `MACHINE:IFNAME` of a cable's end to the card's first MAC address: commands may rename and move a card. */
  cards: Map<string, Mac>
}

/** Adds the record to a new world. */
export function createLabRecord(world: World, text: string): LabRecord {
  const record: LabRecord = { id: 0, epoch: 0, type: 'lab', text, cards: new Map() }
  addTarget(world, record)
  return record
}

/** The record, for reading. */
export function labRecord(world: World): LabRecord | undefined {
  return world.targets.find((t) => (t as LabRecord | undefined)?.type === 'lab') as LabRecord | undefined
}

/** The record, for writing. */
export function touchLabRecord(world: World): LabRecord | undefined {
  const record = labRecord(world)
  if (record !== undefined) touch(world, record.id)
  return labRecord(world)
}

/** The text of the lab that the world now is, '' for a world without a lab. */
export function labTextOf(world: World): string {
  return labRecord(world)?.text ?? ''
}

/** Where the card of a cable's end is now, whatever its name and namespace. */
export function findCard(world: World, end: LabEnd): { ns: Netns; link: Link } | undefined {
  const machine = machineNamed(world, end.machine)
  const mac = labRecord(world)?.cards.get(`${end.machine}:${end.ifname}`)
  if (machine === undefined) return undefined
  const boxes = [...machine.sandboxes.values()].map((box) => box.ns)
  for (const id of [machine.rootNs, ...machine.netns.values(), ...boxes]) {
    const ns = findNetns(world, id)
    const link = ns === undefined ? undefined : linksOf(ns).find((l) => l.kind === 'phys' && l.mac === mac)
    if (ns !== undefined && link !== undefined) return { ns, link }
  }
  const root = findNetns(world, machine.rootNs)
  const named =
    root === undefined ? undefined : linksOf(root).find((l) => l.kind === 'phys' && l.name === end.ifname)
  return root === undefined || named === undefined ? undefined : { ns: root, link: named }
}
