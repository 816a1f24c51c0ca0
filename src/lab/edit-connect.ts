/** Drawing a cable: a link of the topology between machines, a veth pair inside one, or a bridge port. */
import type { Draft } from './draft.ts'
import { addExec, modelOf } from './draft.ts'
import type { ExecModel } from './exec-model.ts'
import { findDevice, findNetns } from './exec-model.ts'
import { roomId, splitId } from './names.ts'

interface End {
  machine: string
  netns: string
  kind: 'linux' | 'bridge'
  model: ExecModel
  /** Name of the bridge that was hit, '' for a room. */
  bridge: string
  /** Name of an interface that was hit and is no bridge, '' for none. */
  ifname: string
}

/** Joins two rooms or ports by ids. */
export function connect(draft: Draft, idA: string, idB: string): void {
  const a = endOf(draft, idA)
  const b = endOf(draft, idB)
  if (a === undefined || b === undefined) return
  if (a.machine !== b.machine) cable(draft, a, b)
  else if (a.kind === 'bridge') draft.error = `both ends are the switch "${a.machine}"`
  else if (a.netns === b.netns && a.bridge !== '' && b.ifname !== '') enslave(draft, b, a.bridge)
  else if (a.netns === b.netns && b.bridge !== '' && a.ifname !== '') enslave(draft, a, b.bridge)
  else if (a.netns === b.netns && a.bridge === b.bridge) draft.error = 'both ends are the same place'
  else vethPair(draft, a, b)
}

function endOf(draft: Draft, id: string): End | undefined {
  const { machine, netns, ifname } = splitId(id)
  const found = draft.lab.machines.find((m) => m.name === machine)
  if (found === undefined) {
    draft.error = `no machine is named "${machine}"`
    return undefined
  }
  const { model } = modelOf(draft, machine)
  if (netns !== '' && findNetns(model, netns) === undefined) {
    draft.error = `no namespace is named "${netns}" in "${machine}"`
    return undefined
  }
  const end: End = { machine, netns, kind: found.kind, model, bridge: '', ifname: '' }
  if (ifname === '' || ifname === 'lo') return end
  const device = model.devices[findDevice(model, netns, ifname)]
  if (device === undefined) draft.error = `Cannot find device "${ifname}"`
  else if (device.kind === 'bridge') end.bridge = ifname
  else end.ifname = ifname
  return draft.error === '' ? end : undefined
}

function cable(draft: Draft, a: End, b: End): void {
  const nameA = freeInterface(draft, a)
  const nameB = freeInterface(draft, b)
  draft.newLinks.push(`endpoints: ["${a.machine}:${nameA}", "${b.machine}:${nameB}"]`)
  plugIn(draft, a, nameA)
  plugIn(draft, b, nameB)
  const ids = [`${roomId(a.machine, a.netns)}/${nameA}`, `${roomId(b.machine, b.netns)}/${nameB}`].sort()
  draft.created.push(`${ids[0]}--${ids[1]}`)
}

/** An interface name that neither a cable nor a command of the machine uses. */
function freeInterface(draft: Draft, end: End): string {
  const used = new Set<string>()
  for (const link of draft.lab.links) {
    for (const e of [link.a, link.b]) if (e.machine === end.machine) used.add(e.ifname)
  }
  for (const device of end.model.devices) if (device.alive) used.add(device.name)
  // containerlab makes a bridge's ports on its host: their names carry the bridge's.
  const base = end.kind === 'bridge' && end.machine.length <= 9 ? `${end.machine}-eth` : 'eth'
  let n = 1
  while (used.has(`${base}${n}`)) n++
  return `${base}${n}`
}

function plugIn(draft: Draft, end: End, ifname: string): void {
  if (end.kind === 'bridge') return
  const ip = end.netns === '' ? 'ip' : `ip -n ${end.netns}`
  const lines: string[] = []
  if (end.netns !== '') lines.push(`ip link set ${ifname} netns ${end.netns}`)
  if (end.bridge !== '') lines.push(`${ip} link set ${ifname} master ${end.bridge}`)
  if (end.netns !== '') lines.push(`${ip} link set ${ifname} up`)
  if (lines.length > 0) addExec(draft, end.machine, lines)
}

function enslave(draft: Draft, end: End, bridge: string): void {
  const device = end.model.devices[findDevice(end.model, end.netns, end.ifname)]
  const master = end.model.devices[device?.master ?? -1]
  if (master?.name === bridge) {
    draft.error = `"${end.ifname}" is a port of "${bridge}" already`
    return
  }
  const ip = end.netns === '' ? 'ip' : `ip -n ${end.netns}`
  addExec(draft, end.machine, [`${ip} link set ${end.ifname} master ${bridge}`])
  draft.created.push(`${roomId(end.machine, end.netns)}/${end.ifname}`)
}

function vethPair(draft: Draft, a: End, b: End): void {
  const [nameA, nameB] = vethNames(a, b)
  const lines = [`ip link add ${nameA} type veth peer name ${nameB}`]
  const ids: string[] = []
  for (const [end, name] of [
    [a, nameA],
    [b, nameB],
  ] as const) {
    const ip = end.netns === '' ? 'ip' : `ip -n ${end.netns}`
    if (end.netns !== '') lines.push(`ip link set ${name} netns ${end.netns}`)
    if (end.bridge !== '') lines.push(`${ip} link set ${name} master ${end.bridge}`)
    lines.push(`${ip} link set ${name} up`)
    ids.push(`${roomId(end.machine, end.netns)}/${name}`)
  }
  addExec(draft, a.machine, lines)
  ids.sort()
  draft.created.push(`${ids[0]}--${ids[1]}`)
}

/** `veth-red` and `veth-red-br` towards a bridge, else the next two free `vethN`. */
function vethNames(a: End, b: End): [string, string] {
  const taken = (name: string) => a.model.devices.some((d) => d.alive && d.name === name)
  const room = a.bridge === '' ? a : b
  const other = room === a ? b : a
  if (room.bridge === '' && other.bridge !== '' && room.netns !== '' && room.netns.length <= 7) {
    const inside = `veth-${room.netns}`
    const outside = `veth-${room.netns}-br`
    if (!taken(inside) && !taken(outside)) return room === a ? [inside, outside] : [outside, inside]
  }
  const free: string[] = []
  for (let n = 1; free.length < 2; n++) if (!taken(`veth${n}`)) free.push(`veth${n}`)
  return [free[0]!, free[1]!]
}
