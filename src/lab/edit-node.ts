/**
 * A cluster node drawn into a lab: a machine like the workers that are there, with its cable, its address, its range of
 * pod addresses and everybody's routes to it, all of it in the text.
 */
import { formatIp, inPrefix, maskIp, parseIp, parsePrefix } from '../base/addr.ts'
import { findKind } from '../kube/api/resources.ts'
import { LABEL_NODE } from './cluster-types.ts'
import type { Draft } from './draft.ts'
import { addExec, finishDraft, openDraft, refuse } from './draft.ts'
import { ifnameError, machineNameError } from './names.ts'
import { LABEL_X, LABEL_Y, parseLab } from './parse.ts'
import { itemLines } from './splice.ts'
import type { Edited, Lab, LabMachine } from './types.ts'

/** Commands of a node that its newest neighbour needs too. */
const SHARED = /^(ip |sysctl |echo nameserver |sh -c 'echo nameserver )/
const ADDRESS = /^ip (?:-4 )?addr(?:ess)? add (\d+\.\d+\.\d+\.\d+)\/(\d+) dev (\S+)$/
const ROUTE = /^ip (?:-4 )?route add (\d+\.\d+\.\d+\.\d+\/\d+) via (\d+\.\d+\.\d+\.\d+)( .*)?$/

/** What is known of a node by its lines. */
interface NodeText {
  readonly machine: LabMachine
  readonly address: string
  readonly range: string
}

/** Adds a worker under the first name that is free. Refused where the lab has no cluster, or no switch for its nodes. */
export function addNode(text: string, x: number, y: number, wanted: string | undefined): Edited {
  const draft = openDraft(text)
  if (Array.isArray(draft)) {
    const found = draft.some((one) => one.severity === 'error')
    return found ? { text, created: [], diagnostics: draft } : refuse(text, 'the lab has no topology')
  }
  const { lab } = draft
  if (lab.cluster === undefined) return refuse(text, 'the lab has no cluster that a node could join')
  const nodes = nodesOf(lab)
  const model = nodes.findLast(({ machine }) => machine.labels.get(LABEL_NODE) === 'worker') ?? nodes.at(-1)
  if (model === undefined) return refuse(text, 'the lab has no node to go by')
  const name = wanted ?? freeNode(lab, model.machine.name)
  const error = addMachineLike(draft, model, nodes, { name, x, y })
  if (error !== '') return refuse(text, error)
  const made = finishDraft(draft)
  if (made.diagnostics.some((one) => one.severity === 'error')) return made
  const range = nextRange(lab, nodes)
  return range === '' ? made : withManifest(text, made, name, range)
}

function nodesOf(lab: Lab): NodeText[] {
  return lab.machines
    .filter(({ labels }) => labels.has(LABEL_NODE))
    .map((machine) => {
      const address = addressOf(machine)?.[1] ?? ''
      return { machine, address, range: rangeOf(lab, machine.name, address) }
    })
}

function addressOf({ exec }: LabMachine): RegExpExecArray | undefined {
  return exec.map(({ line }) => ADDRESS.exec(line.trim())).find((found) => found !== null) ?? undefined
}

/** As the Node's manifest says it, or as anybody's route does. */
function rangeOf(lab: Lab, name: string, address: string): string {
  for (const { kind, value } of lab.cluster!.manifests) {
    const { metadata, spec } = value as { metadata?: { name?: string }; spec?: { podCIDR?: string } }
    if (kind === 'Node' && metadata?.name === name && typeof spec?.podCIDR === 'string') return spec.podCIDR
  }
  for (const { exec } of lab.machines) {
    for (const { line } of exec) {
      const [, range = '', via] = ROUTE.exec(line.trim()) ?? []
      if (via === address && address !== '') return range
    }
  }
  return ''
}

/** `node2` is followed by `node3`, `node02` by `node03`, `worker` by `worker2`. */
function freeNode({ machines }: Lab, name: string): string {
  const [, stem = name, digits = ''] = /^(.*?)(\d*)$/.exec(name) ?? []
  const taken = (one: string) => machines.some((machine) => machine.name === one)
  const numbered = (n: number) => `${stem}${String(n).padStart(digits.length, '0')}`
  let n = digits === '' ? 2 : Number(digits) + 1
  while (taken(numbered(n))) n++
  return numbered(n)
}

function addMachineLike(
  draft: Draft,
  model: NodeText,
  nodes: readonly NodeText[],
  place: { name: string; x: number; y: number },
): string {
  const { lab } = draft
  const { name } = place
  if (machineNameError(name) !== '') return machineNameError(name)
  if (lab.machines.some((one) => one.name === name)) return `a machine named "${name}" is there already`
  const own = addressOf(model.machine)
  const address = own === undefined ? '' : freeAddress(lab, own[1]!, Number(own[2]))
  if (own === undefined || address === '')
    return `no free address was found beside that of "${model.machine.name}"`
  const cable = cableTo(lab, model.machine.name, own[3]!, name)
  if (cable === '')
    return `"${model.machine.name}" is on no switch: draw a host and its cable, then give it the label ${LABEL_NODE}: worker`
  const range = nextRange(lab, nodes)
  const lines = model.machine.exec
    .map(({ line }) => line.trim())
    .filter((line) => SHARED.test(line) && !line.includes('\n'))
    .map((line) => (ADDRESS.test(line) ? line.replace(`${own[1]!}/`, `${address}/`) : line))
  const ranges = nodes.filter((node) => node.range !== '')
  // Where the others know the way to its model's pods, it knows it too.
  if (ranges.some((node) => node !== model && lines.includes(routeTo(node.range, node.address)))) {
    lines.push(routeTo(model.range, model.address))
  }
  draft.newNodes.push({ name, lines: nodeLines(lines, place) })
  draft.newLinks.push(cable)
  draft.created.push(name)
  if (range !== '') {
    for (const { name: other, exec } of lab.machines) {
      const knows = exec.some(({ line }) => line.trim() === routeTo(model.range, model.address))
      const isModel = other === model.machine.name && lines.includes(routeTo(model.range, model.address))
      if (knows || isModel) addExec(draft, other, [routeTo(range, address)])
    }
  }
  return ''
}

function routeTo(range: string, address: string): string {
  return `ip route add ${range} via ${address}`
}

function nodeLines(lines: readonly string[], { x, y }: { x: number; y: number }): string[] {
  const labels = [`${LABEL_X}: "${Math.round(x)}"`, `${LABEL_Y}: "${Math.round(y)}"`, `${LABEL_NODE}: worker`]
  return [
    'kind: linux',
    'exec:',
    ...lines.flatMap((line) => itemLines(line)).map((line) => `  ${line}`),
    'labels:',
    ...labels.map((label) => `  ${label}`),
  ]
}

/** A cable to the switch that the model is on, '' where it is on none. */
function cableTo(lab: Lab, model: string, ifname: string, name: string): string {
  for (const { a, b } of lab.links) {
    const [own, other] = a.machine === model ? [a, b] : [b, a]
    if (own.machine !== model || own.ifname !== ifname) continue
    if (lab.machines.find((one) => one.name === other.machine)?.kind !== 'bridge') continue
    return `endpoints: ["${name}:${ifname}", "${other.machine}:${freePort(lab, other.machine, other.ifname.replace(model, name))}"]`
  }
  return ''
}

function freePort(lab: Lab, machine: string, wanted: string): string {
  const used = new Set(
    lab.links.flatMap(({ a, b }) => [a, b]).flatMap((end) => (end.machine === machine ? [end.ifname] : [])),
  )
  if (!used.has(wanted) && ifnameError(wanted) === '') return wanted
  let n = 1
  while (used.has(`eth${n}`)) n++
  return `eth${n}`
}

/** The next address of a network that no command of the lab names. */
function freeAddress(lab: Lab, address: string, len: number): string {
  const own = parseIp(address)
  if (typeof own !== 'number' || len > 30) return ''
  const text = lab.machines.flatMap(({ exec }) => exec.map(({ line }) => line)).join('\n')
  const used = new Set(text.match(/\d+\.\d+\.\d+\.\d+/g))
  const size = 2 ** (32 - len)
  const base = maskIp(own, len) as number
  for (let n = 1; n < Math.min(size, 4096); n++) {
    const at = base + ((own - base + n) % size)
    if (at !== base && at !== base + size - 1 && !used.has(formatIp(at))) return formatIp(at)
  }
  return ''
}

/** The range behind the last one that the text names, '' where it names none and the controller gives them out. */
function nextRange({ cluster }: Lab, nodes: readonly NodeText[]): string {
  const known = nodes.flatMap(({ range }) => parsePrefix(range) ?? [])
  const last = known.toSorted((a, b) => Number(a.addr) - Number(b.addr)).at(-1)
  if (last === undefined || typeof last.addr !== 'number') return ''
  const next = last.addr + 2 ** (32 - last.len)
  const { podSubnet } = (cluster?.clusterConfiguration?.value.networking ?? {}) as { podSubnet?: unknown }
  const whole = typeof podSubnet === 'string' ? parsePrefix(podSubnet.split(',')[0]!) : undefined
  if (whole !== undefined && !inPrefix(next, whole.addr, whole.len)) return ''
  return `${formatIp(next)}/${last.len}`
}

/** The Node's own manifest fixes its range: routes in the text lead there. It stands behind those of the others. */
function withManifest(before: string, made: Edited, name: string, range: string): Edited {
  const { lab } = parseLab(made.text)
  const others = lab?.cluster?.manifests.filter(
    ({ kind, apiVersion }) => findKind(apiVersion, kind)?.kind === 'Node',
  )
  const lines = [
    'apiVersion: v1',
    'kind: Node',
    'metadata:',
    `  name: ${name}`,
    'spec:',
    `  podCIDR: ${range}`,
  ]
  const rows = made.text.split('\n')
  const end = others?.at(-1)?.span.endLine ?? 0
  let at = rows.findIndex((row, i) => i + 1 >= end && end > 0 && /^---/.test(row))
  // Where nobody has a manifest yet, it stands behind the topology.
  if (at < 0)
    at = rows.findIndex((row, i) => i > 0 && /^---/.test(row) && rows.slice(0, i).includes('topology:'))
  const text =
    at < 0
      ? `${made.text.replace(/\n?$/, '\n')}---\n${lines.join('\n')}\n`
      : [...rows.slice(0, at), '---', ...lines, ...rows.slice(at)].join('\n')
  const after = parseLab(text)
  const wrong = after.diagnostics.find(({ severity }) => severity === 'error')
  if (wrong !== undefined) return refuse(before, wrong.message)
  return { text, created: made.created, diagnostics: after.diagnostics }
}
