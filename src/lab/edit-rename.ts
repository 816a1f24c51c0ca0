/** Renaming: the machine's key and what refers to it, or every command that names a namespace or a device. */
import type { Scalar, YAMLSeq } from 'yaml'
import { isSeq } from 'yaml'
import type { Draft, Slot } from './draft.ts'
import { linkItems, modelOf, nodePair, pairOf } from './draft.ts'
import type { Mention } from './exec-model.ts'
import { findDevice, findNetns } from './exec-model.ts'
import { ifnameError, machineNameError, netnsNameError, roomId, splitId } from './names.ts'
import { replaceScalar } from './splice.ts'
import { isString } from './yaml.ts'

/** Renames a machine (`MACHINE`), a namespace (`MACHINE.NETNS`) or an interface (`ROOM/IFNAME`). */
export function rename(draft: Draft, id: string, name: string): void {
  const { machine, netns, ifname } = splitId(id)
  const pair = nodePair(draft, machine)
  if (pair === undefined) draft.error = `no machine is named "${machine}"`
  else if (ifname !== '') renameDevice(draft, machine, netns, ifname, name)
  else if (netns !== '') renameNetns(draft, machine, netns, name)
  else if (machine !== name) renameMachine(draft, machine, name, pair.key as Scalar)
}

function renameMachine(draft: Draft, machine: string, name: string, key: Scalar): void {
  const record = draft.lab.machines.find((m) => m.name === machine)
  draft.error = machineNameError(name)
  if (draft.error === '' && record?.kind === 'bridge') draft.error = ifnameError(name)
  if (draft.error === '' && draft.lab.machines.some((m) => m.name === name)) {
    draft.error = `a machine named "${name}" is there already`
  }
  if (draft.error !== '') return
  draft.splices.push(replaceScalar(key, name, false))
  eachEndpoint(draft, (node) => {
    if (!node.value.startsWith(`${machine}:`)) return undefined
    return name + node.value.slice(machine.length)
  })
  for (const slot of draft.slots.get(machine) ?? []) {
    if (slot.lesson) slot.nowPrefix = name + slot.prefix.slice(slot.prefix.indexOf(machine) + machine.length)
  }
  draft.created.push(name)
}

function renameNetns(draft: Draft, machine: string, netns: string, name: string): void {
  const { model, slots } = modelOf(draft, machine)
  const found = findNetns(model, netns)
  draft.error = netnsNameError(name)
  if (found === undefined) draft.error = `no namespace is named "${netns}" in "${machine}"`
  else if (findNetns(model, name) !== undefined) {
    draft.error = `Cannot create namespace file "/var/run/netns/${name}": File exists`
  }
  if (draft.error !== '' || found === undefined) return
  replaceMentions(slots, found.mentions, netns, name)
  for (const slot of slots) {
    if (slot.lesson && slot.netns === netns) slot.nowPrefix = slot.prefix.replace(`/${netns}`, `/${name}`)
  }
  draft.created.push(roomId(machine, name))
}

function renameDevice(draft: Draft, machine: string, netns: string, ifname: string, name: string): void {
  const { model, slots } = modelOf(draft, machine)
  const device = model.devices[findDevice(model, netns, ifname)]
  draft.error = ifnameError(name)
  if (device === undefined) draft.error = `Cannot find device "${ifname}"`
  else if (ifname === 'lo') draft.error = 'lo keeps its name'
  else if (findDevice(model, netns, name) >= 0) draft.error = 'RTNETLINK answers: File exists'
  else if (device.kind === 'bridge' && machine === ifname && slots.length === 0) {
    draft.error = `the bridge of switch "${machine}" is named like it: rename the switch`
  }
  if (draft.error !== '' || device === undefined) return
  replaceMentions(slots, device.mentions, ifname, name)
  if (device.kind === 'phys') {
    eachEndpoint(draft, (node) => (node.value === `${machine}:${ifname}` ? `${machine}:${name}` : undefined))
  }
  draft.created.push(`${roomId(machine, netns)}/${name}`)
}

/** Writes another name at every place that holds the old one, from right to left. */
function replaceMentions(slots: Slot[], mentions: Mention[], from: string, to: string): void {
  const sorted = [...mentions].sort((a, b) => b.line - a.line || b.from - a.from)
  for (const at of sorted) {
    const slot = slots[at.line]
    if (slot === undefined || slot.now === null || slot.now.slice(at.from, at.to) !== from) continue
    slot.now = slot.now.slice(0, at.from) + to + slot.now.slice(at.to)
  }
}

function eachEndpoint(draft: Draft, change: (node: Scalar<string>) => string | undefined): void {
  for (const item of linkItems(draft)) {
    const seq = pairOf(item, 'endpoints')?.value
    if (!isSeq(seq)) continue
    for (const node of (seq as YAMLSeq).items) {
      const text = isString(node) ? change(node) : undefined
      if (text !== undefined) draft.splices.push(replaceScalar(node as Scalar, text, seq.flow === true))
    }
  }
}
