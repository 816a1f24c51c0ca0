/**
 * Edits of the picture as edits of the text. Whatever an edit does not mean stays byte for byte: it cuts and inserts
 * (splice.ts), and it finds the commands that made a namespace or device by reading them (exec-model.ts).
 */
import type { Draft } from './draft.ts'
import {
  addExec,
  finishDraft,
  linkItems,
  linkOfEdge,
  modelOf,
  nodePair,
  openDraft,
  pairOf,
  refuse,
} from './draft.ts'
import { connect } from './edit-connect.ts'
import { addNode } from './edit-node.ts'
import { addPod } from './edit-pod.ts'
import { remove } from './edit-remove.ts'
import { rename } from './edit-rename.ts'
import type { DeviceText } from './exec-model.ts'
import { findDevice, findNetns } from './exec-model.ts'
import { ifnameError, machineNameError, netnsNameError, roomId, splitId } from './names.ts'
import { LABEL_LATENCY, LABEL_LOSS, LABEL_RATE, LABEL_X, LABEL_Y } from './parse.ts'
import { withoutCommand } from './shell-words.ts'
import { appendPair, fillPair, removePairs, replacePair, replaceScalar } from './splice.ts'
import type { EditOp, Edited, MachineRole } from './types.ts'
import { latencyText, lossText, rateText } from './units.ts'
import type { Scalar, YAMLMap } from 'yaml'
import { isMap, isScalar } from 'yaml'

/**
 * Edits a lab's text as the picture was edited. Where the text holds errors or the edit cannot be, the text comes
 * back unchanged with the reason. An empty text becomes a new lab with the first machine.
 */
export function editLab(text: string, op: EditOp): Edited {
  if (op.op === 'addPod') return addPod(text, op.name)
  if (op.op === 'addNode') return addNode(text, op.x, op.y, op.name)
  const fresh = op.op === 'addMachine' && text.trim() === ''
  const draft = openDraft(fresh ? 'name: lab\ntopology:\n  nodes: {}\n' : text)
  if (Array.isArray(draft)) {
    const found = draft.some((d) => d.severity === 'error')
    return found ? { text, created: [], diagnostics: draft } : refuse(text, 'the lab has no topology')
  }
  runOp(draft, op)
  return draft.error !== '' ? refuse(text, draft.error) : finishDraft(draft)
}

function runOp(draft: Draft, op: Exclude<EditOp, { op: 'addPod' | 'addNode' }>): void {
  switch (op.op) {
    case 'addMachine':
      addMachine(draft, op.role, op.x, op.y, op.name)
      break
    case 'addNetns':
      addNetns(draft, op.machine, op.name)
      break
    case 'addBridge':
      addBridge(draft, op.room, op.name)
      break
    case 'connect':
      connect(draft, op.a, op.b)
      break
    case 'move':
      move(draft, op.machine, op.x, op.y)
      break
    case 'rename':
      rename(draft, op.id, op.name.trim())
      break
    case 'remove':
      remove(draft, op.ids)
      break
    case 'setAddress':
      setAddress(draft, op.port, op.cidr.trim())
      break
    case 'setWire':
      setWire(draft, op.edge, op)
      break
  }
}

const ROLE_NAMES: Record<MachineRole, string> = {
  host: 'host',
  router: 'router',
  switch: 'switch',
  internet: 'internet',
}

/** What a new machine of each role runs at boot: nothing is hidden, it stands in the text. */
const ROLE_EXEC: Record<MachineRole, string[]> = {
  host: [],
  router: ['sysctl -w net.ipv4.ip_forward=1'],
  switch: [],
  internet: ['sysctl -w net.ipv4.ip_forward=1', 'ip addr add 8.8.8.8/32 dev lo'],
}

function addMachine(draft: Draft, role: MachineRole, x: number, y: number, wanted: string | undefined): void {
  const taken = (name: string) => draft.lab.machines.some((m) => m.name === name)
  const name = wanted ?? freeName(ROLE_NAMES[role], role === 'internet' ? '' : '1', taken)
  draft.error = machineNameError(name)
  if (draft.error === '' && role === 'switch') draft.error = ifnameError(name)
  if (draft.error === '' && taken(name)) draft.error = `a machine named "${name}" is there already`
  if (draft.error !== '') return
  const lines = [`kind: ${role === 'switch' ? 'bridge' : 'linux'}`]
  if (ROLE_EXEC[role].length > 0) lines.push('exec:', ...ROLE_EXEC[role].map((line) => `  - ${line}`))
  lines.push('labels:', `  ${LABEL_X}: "${Math.round(x)}"`, `  ${LABEL_Y}: "${Math.round(y)}"`)
  if (role !== 'host' && role !== 'switch') lines.push(`  kubehop.dev/role: ${role}`)
  draft.newNodes.push({ name, lines })
  draft.created.push(name)
}

const NETNS_NAMES = ['red', 'blue', 'orange', 'ash', 'green', 'purple']

function addNetns(draft: Draft, machine: string, wanted: string | undefined): void {
  if (!isLinux(draft, machine)) return
  const { model } = modelOf(draft, machine)
  const taken = (name: string) => findNetns(model, name) !== undefined
  const name = wanted ?? NETNS_NAMES.find((n) => !taken(n)) ?? freeName('ns', '1', taken)
  draft.error = netnsNameError(name)
  if (draft.error === '' && taken(name))
    draft.error = `Cannot create namespace file "/var/run/netns/${name}": File exists`
  if (draft.error !== '') return
  addExec(draft, machine, [`ip netns add ${name}`, `ip -n ${name} link set lo up`])
  draft.created.push(roomId(machine, name))
}

function addBridge(draft: Draft, room: string, wanted: string | undefined): void {
  const { machine, netns } = splitId(room)
  if (!isLinux(draft, machine)) return
  const { model } = modelOf(draft, machine)
  if (netns !== '' && findNetns(model, netns) === undefined) {
    draft.error = `no namespace is named "${netns}" in "${machine}"`
    return
  }
  const taken = (name: string) => findDevice(model, netns, name) >= 0
  const name = wanted ?? freeName('br', '0', taken)
  draft.error = ifnameError(name)
  if (draft.error === '' && taken(name)) draft.error = 'RTNETLINK answers: File exists'
  if (draft.error !== '') return
  const ip = netns === '' ? 'ip' : `ip -n ${netns}`
  addExec(draft, machine, [`${ip} link add ${name} type bridge`, `${ip} link set ${name} up`])
  draft.created.push(`${roomId(machine, netns)}/${name}`)
}

function isLinux(draft: Draft, machine: string): boolean {
  const found = draft.lab.machines.find((m) => m.name === machine)
  if (found === undefined) draft.error = `no machine is named "${machine}"`
  else if (found.kind === 'bridge')
    draft.error = `"${machine}" is a switch: it holds no namespaces and runs no commands`
  return draft.error === ''
}

function move(draft: Draft, machine: string, x: number, y: number): void {
  const pair = nodePair(draft, machine)
  if (pair === undefined) {
    draft.error = `no machine is named "${machine}"`
    return
  }
  const labels = new Map([
    [LABEL_X, String(Math.round(x))],
    [LABEL_Y, String(Math.round(y))],
  ])
  setLabels(draft, pair, labels)
}

/** Sets labels of a node or link; an empty value takes the label away. */
function setLabels(draft: Draft, owner: { key: unknown; value: unknown }, labels: Map<string, string>): void {
  const map = owner.value
  const pair = pairOf(map, 'labels')
  const present = pair?.value
  const missing: [string, string][] = []
  const doomed: YAMLMap['items'][number][] = []
  for (const [name, value] of labels) {
    const label = pairOf(present, name)
    if (value === '') {
      if (label !== undefined) doomed.push(label)
    } else if (label === undefined) missing.push([name, value])
    else if (isScalar(label.value)) {
      const scalar = label.value as Scalar
      draft.splices.push(replaceScalar(scalar, value, (present as YAMLMap).flow === true))
    }
  }
  // A label that goes and one that comes change places.
  while (doomed.length > 0 && missing.length > 0) {
    const [name, value] = missing.pop()!
    draft.splices.push(replacePair(doomed.pop()!, `${name}: "${value}"`))
  }
  if (doomed.length > 0 && isMap(present) && isMap(map)) {
    const all = doomed.length === present.items.length
    draft.splices.push(
      ...(all ? removePairs(draft.text, map, [pair]) : removePairs(draft.text, present, doomed)),
    )
  }
  if (missing.length === 0) return
  const lines = missing.map(([name, value]) => `${name}: "${value}"`)
  if (isMap(present) && present.items.length > 0) {
    for (const [name, value] of missing) {
      const quoted = `"${value}"`
      draft.splices.push(appendPair(draft.text, present, name, { inline: quoted }, quoted))
    }
  } else if (pair !== undefined && isMap(map) && map.flow !== true) {
    draft.splices.push(
      fillPair(
        draft.text,
        pair,
        lines.map((l) => `  ${l}`),
      ),
    )
  } else if (isMap(map) && map.items.length > 0) {
    const block = { lines: lines.map((l) => `  ${l}`) }
    draft.splices.push(appendPair(draft.text, map, 'labels', block, `{ ${lines.join(', ')} }`))
  } else {
    const pairOfOwner = owner as YAMLMap['items'][number]
    draft.splices.push(fillPair(draft.text, pairOfOwner, ['  labels:', ...lines.map((l) => `    ${l}`)]))
  }
}

function setAddress(draft: Draft, port: string, cidr: string): void {
  const { machine, netns, ifname } = splitId(port)
  if (!isLinux(draft, machine)) return
  const { model, slots } = modelOf(draft, machine)
  const device: DeviceText | undefined = model.devices[findDevice(model, netns, ifname)]
  if (device === undefined) {
    draft.error = `Cannot find device "${ifname}"`
    return
  }
  if (cidr !== '' && !/^[0-9a-fA-F:.]+(\/\d{1,3})?$/.test(cidr)) {
    draft.error = `Error: any valid prefix is expected rather than "${cidr}".`
    return
  }
  const boot = device.addrs.filter((a) => slots[a.at.line]?.lesson === false)
  const first = boot[0]
  if (cidr !== '' && boot.some((a) => a.cidr === cidr)) return
  if (first === undefined) {
    if (cidr === '') return
    const ip = netns === '' ? 'ip' : `ip -n ${netns}`
    addExec(draft, machine, [`${ip} addr add ${cidr} dev ${ifname}`])
    return
  }
  const slot = slots[first.at.line]
  if (slot === undefined || slot.now === null) return
  if (cidr !== '') slot.now = slot.now.slice(0, first.at.from) + cidr + slot.now.slice(first.at.to)
  else slot.now = withoutCommand(slot.now, model.lines[first.at.line] ?? [], [first.at.command])
}

function setWire(draft: Draft, edge: string, op: Extract<EditOp, { op: 'setWire' }>): void {
  const index = linkOfEdge(draft, edge)
  const item = linkItems(draft)[index]
  if (item === undefined) {
    draft.error = 'only a cable between two machines has latency, loss and rate'
    return
  }
  const { latencyMs = 0, lossPercent = 0, rateMbit = 0 } = op
  if (
    !(
      latencyMs >= 0 &&
      latencyMs <= 10_000 &&
      lossPercent >= 0 &&
      lossPercent <= 100 &&
      rateMbit >= 0 &&
      rateMbit <= 1e6
    )
  ) {
    draft.error = 'latency is 0 to 10000 ms, loss 0 to 100 %, rate 0 to 1000000 Mbit/s'
    return
  }
  const labels = new Map<string, string>()
  if (op.latencyMs !== undefined) labels.set(LABEL_LATENCY, latencyMs === 0 ? '' : latencyText(latencyMs))
  if (op.lossPercent !== undefined) labels.set(LABEL_LOSS, lossPercent === 0 ? '' : lossText(lossPercent))
  if (op.rateMbit !== undefined) labels.set(LABEL_RATE, rateMbit === 0 ? '' : rateText(rateMbit))
  setLabels(draft, { key: null, value: item }, labels)
}

/** `base` + the first number from `start` on that is free; '' means that `base` alone is tried first. */
export function freeName(base: string, start: string, taken: (name: string) => boolean): string {
  if (start === '' && !taken(base)) return base
  let n = start === '' ? 2 : Number(start)
  while (taken(`${base}${n}`)) n++
  return `${base}${n}`
}
