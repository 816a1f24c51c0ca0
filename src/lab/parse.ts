/**
 * Reads a lab file: one containerlab topology document, at most one Lesson (kubehop.dev/v1), and the documents of a
 * cluster. Every mistake is named with its place; a field that is not understood is never passed over.
 */
import type { Document, ParsedNode } from 'yaml'
import { MAX_COMMAND, MAX_EXEC, MAX_LINE, MAX_LINKS, MAX_MACHINES } from './limits.ts'
import { checkClusterNodes, isConflist, readClusterDoc } from './cluster-docs.ts'
import { readLesson } from './lesson.ts'
import { ifnameError, machineNameError } from './names.ts'
import type { Diagnostic, ExecLine, Lab, LabEnd, LabLink, MachineRole, Span } from './types.ts'
import type { Field, Source } from './yaml.ts'
import { fieldsOf, itemsOf, numberOf, problem, readYaml, spanOf, spanOfNode, stringOf } from './yaml.ts'
import { parseLatency, parseLoss, parseRate } from './units.ts'

export interface Parsed {
  /** Undefined where the text holds an error. */
  lab: Lab | undefined
  diagnostics: Diagnostic[]
}

/** Label keys of a machine that Kubehop reads. Positions are containerlab's own. */
export const LABEL_X = 'graph-posX'
export const LABEL_Y = 'graph-posY'
export const LABEL_ROLE = 'kubehop.dev/role'
/** Label keys of a link: a cable's latency (`20ms`), loss (`10%`) and rate (`10mbit`). */
export const LABEL_LATENCY = 'kubehop.dev/latency'
export const LABEL_LOSS = 'kubehop.dev/loss'
export const LABEL_RATE = 'kubehop.dev/rate'

/** Reads the text of a lab file. Never throws, whatever the text. */
export function parseLab(text: string): Parsed {
  const source = readYaml(text)
  let lab: Lab | undefined
  if (!hasError(source)) lab = readDocuments(source)
  source.diagnostics.sort((a, b) => a.line - b.line || a.column - b.column)
  return { lab: hasError(source) ? undefined : lab, diagnostics: source.diagnostics }
}

function hasError(source: Source): boolean {
  return source.diagnostics.some((d) => d.severity === 'error')
}

function readDocuments(source: Source): Lab | undefined {
  const lab: Lab = {
    name: '',
    machines: [],
    links: [],
    lesson: undefined,
    cluster: undefined,
    ipv6: false,
    notModelled: [],
  }
  let topology = false
  let lesson: Document.Parsed | undefined
  for (const doc of source.docs) {
    const root = doc.contents
    const all = fieldsOf(source, doc, root, 'the document', null)
    if (all === undefined || root === null) continue
    const kind = all.get('kind')
    if (isConflist(all)) readClusterDoc(source, doc, all, lab)
    else if (kind === undefined && !all.has('apiVersion')) {
      if (topology)
        problem(source, spanOfNode(source, root), 'a lab has one topology document; this is a second one')
      else readTopology(source, doc, lab)
      topology = true
    } else if (isLesson(source, doc, all)) {
      if (lesson !== undefined)
        problem(source, headOf(source, all), 'a lab has one Lesson; this is a second one')
      lesson ??= doc
    } else readClusterDoc(source, doc, all, lab)
  }
  if (!topology && !hasError(source)) {
    problem(source, spanOf(source, 0, 0), 'the lab has no topology document (name, topology.nodes)')
    return undefined
  }
  if (lesson !== undefined) readLesson(source, lesson, lab)
  checkClusterNodes(source, lab)
  return lab
}

function headOf(source: Source, all: Map<string, Field>): Span {
  const first = [...all.values()][0]
  return first === undefined ? spanOf(source, 0, 0) : spanOfNode(source, first.key)
}

/** Tells a Lesson from the documents of a cluster. */
function isLesson(source: Source, doc: Document.Parsed, all: Map<string, Field>): boolean {
  const apiVersion = stringOf(source, doc, all.get('apiVersion')?.value ?? null, 'apiVersion', true) ?? ''
  const kind = stringOf(source, doc, all.get('kind')?.value ?? null, 'kind', true) ?? ''
  return apiVersion === 'kubehop.dev/v1' && kind === 'Lesson'
}

const TOP_REFUSED = new Map([
  ['prefix', 'container names are not modelled'],
  ['mgmt', 'the management network is not modelled; machines have only the links that the file gives them'],
  ['settings', 'not modelled'],
  ['debug', 'not modelled'],
])

const TOPOLOGY_REFUSED = new Map([['groups', 'not modelled; write the fields at the nodes or under kinds']])

const NODE_FIELDS = ['kind', 'image', 'exec', 'labels', 'network-mode']

const NODE_REFUSED = new Map(
  (
    'SANs license type group startup-config startup-delay enforce-startup-config suppress-startup-config auto-remove ' +
    'restart-policy binds ports env env-files user entrypoint cmd publish runtime mgmt-ipv4 mgmt-ipv6 mgmt_ipv4 ' +
    'mgmt_ipv6 cpu memory cpu-set sandbox kernel extras config wait-for stages dns certificate healthcheck sysctls ' +
    'aliases devices cap-add shm-size image-pull-policy components'
  )
    .split(' ')
    .map((name) => [name, 'a containerlab field that is not modelled']),
)

function readTopology(source: Source, doc: Document.Parsed, lab: Lab): void {
  const top = fieldsOf(source, doc, doc.contents, 'the topology document', ['name', 'topology'], TOP_REFUSED)
  if (top === undefined) return
  const name = top.get('name')
  if (name === undefined) problem(source, spanOf(source, 0, 0), 'the topology document has no "name"')
  else lab.name = stringOf(source, doc, name.value ?? name.key, '"name"', true) ?? ''
  const topology = top.get('topology')
  if (topology === undefined) {
    problem(source, spanOf(source, 0, 0), 'the topology document has no "topology"')
    return
  }
  const known = ['nodes', 'links', 'defaults', 'kinds']
  const parts = fieldsOf(source, doc, topology.value, '"topology"', known, TOPOLOGY_REFUSED)
  if (parts === undefined) return
  const defaults = readShared(source, doc, parts.get('defaults')?.value ?? null, '"defaults"')
  const kinds = new Map<string, NodeText>()
  const kindFields = fieldsOf(source, doc, parts.get('kinds')?.value ?? null, '"kinds"', null)
  for (const field of kindFields?.values() ?? []) {
    if (field.name !== 'linux' && field.name !== 'bridge') {
      problem(source, spanOfNode(source, field.key), `kind "${field.name.slice(0, 40)}" is not modelled`)
    } else kinds.set(field.name, readShared(source, doc, field.value, `kind "${field.name}"`))
  }
  readNodes(source, doc, parts.get('nodes')?.value ?? null, lab, defaults, kinds)
  const links = itemsOf(source, doc, parts.get('links')?.value ?? null, '"links"') ?? []
  if (links.length > MAX_LINKS) {
    problem(source, spanOfNode(source, links[MAX_LINKS]!), `more than ${MAX_LINKS} links`)
    return
  }
  const used = new Map<string, number>()
  for (const item of links) readLink(source, doc, item, lab, used)
}

/** What a node, a kind or the defaults say. */
interface NodeText {
  kind: Field | undefined
  image: string
  exec: ExecLine[]
  labels: Map<string, { value: string; span: Span }>
}

function readShared(source: Source, doc: Document.Parsed, node: ParsedNode | null, where: string): NodeText {
  const text: NodeText = { kind: undefined, image: '', exec: [], labels: new Map() }
  const fields = fieldsOf(source, doc, node, where, NODE_FIELDS, NODE_REFUSED)
  if (fields === undefined) return text
  text.kind = fields.get('kind')
  const image = fields.get('image')
  if (image !== undefined) {
    text.image = stringOf(source, doc, image.value, `"image" of ${where}`, true) ?? ''
    const at = spanOfNode(source, image.value ?? image.key)
    problem(source, at, `"image" of ${where} is not used: every machine has the same commands`, 'info')
  }
  const mode = fields.get('network-mode')
  if (mode !== undefined) {
    const value = stringOf(source, doc, mode.value, `"network-mode" of ${where}`, true)
    if (value !== undefined && value !== 'none') {
      problem(
        source,
        spanOfNode(source, mode.value ?? mode.key),
        `network-mode "${value}" is not modelled, only "none"`,
      )
    }
  }
  readExec(source, doc, fields.get('exec')?.value ?? null, where, text.exec)
  const labels = fieldsOf(source, doc, fields.get('labels')?.value ?? null, `"labels" of ${where}`, null)
  for (const label of labels?.values() ?? []) {
    const value = stringOf(source, doc, label.value, `label "${label.name.slice(0, 60)}" of ${where}`, true)
    if (value !== undefined) {
      text.labels.set(label.name, { value, span: spanOfNode(source, label.value ?? label.key) })
    }
  }
  return text
}

function readExec(
  source: Source,
  doc: Document.Parsed,
  node: ParsedNode | null,
  where: string,
  into: ExecLine[],
): void {
  for (const item of itemsOf(source, doc, node, `"exec" of ${where}`) ?? []) {
    const line = stringOf(source, doc, item, `a command of "exec" of ${where}`)
    if (line === undefined) continue
    const span = spanOfNode(source, item)
    if (line.length > MAX_LINE && line.split('\n').some((one) => one.length > MAX_LINE))
      problem(source, span, `a command longer than ${MAX_LINE} characters`)
    else if (line.length > MAX_COMMAND)
      problem(source, span, `a command longer than ${MAX_COMMAND} characters`)
    else if (into.length >= MAX_EXEC)
      problem(source, span, `more than ${MAX_EXEC} commands in "exec" of ${where}`)
    else into.push({ line, span })
  }
}

function readNodes(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  lab: Lab,
  defaults: NodeText,
  kinds: Map<string, NodeText>,
): void {
  const nodes = fieldsOf(source, doc, raw, '"nodes"', null)
  for (const field of nodes?.values() ?? []) {
    const span = spanOfNode(source, field.key)
    const error = machineNameError(field.name)
    if (error !== '') {
      problem(source, span, error)
      continue
    }
    if (lab.machines.length >= MAX_MACHINES) {
      problem(source, span, `more than ${MAX_MACHINES} nodes`)
      return
    }
    const own = readShared(source, doc, field.value, `node "${field.name}"`)
    const kindField = own.kind ?? defaults.kind
    const kind = kindField === undefined ? 'linux' : stringOf(source, doc, kindField.value, '"kind"', true)
    if (kind === undefined) continue
    if (kind !== 'linux' && kind !== 'bridge') {
      const at = kindField === undefined ? span : spanOfNode(source, kindField.value ?? kindField.key)
      problem(
        source,
        at,
        `kind "${kind.slice(0, 40)}" of node "${field.name}" is not modelled: linux and bridge are`,
      )
      continue
    }
    addMachine(source, lab, { name: field.name, kind, span }, [defaults, kinds.get(kind), own])
  }
}

/** Merges as containerlab does: commands are joined, labels of the nearer place win. */
function addMachine(
  source: Source,
  lab: Lab,
  head: { name: string; kind: 'linux' | 'bridge'; span: Span },
  texts: (NodeText | undefined)[],
): void {
  const labels = new Map<string, { value: string; span: Span }>()
  const exec: ExecLine[] = []
  let image = ''
  for (const text of texts) {
    if (text === undefined) continue
    for (const [name, label] of text.labels) labels.set(name, label)
    exec.push(...text.exec)
    if (text.image !== '') image = text.image
  }
  if (head.kind === 'bridge' && ifnameError(head.name) !== '') {
    problem(source, head.span, `a bridge is named like its device: ${ifnameError(head.name)}`)
  }
  if (head.kind === 'bridge' && exec.length > 0) {
    problem(source, exec[0]!.span, `a node of kind bridge runs no "exec": node "${head.name}"`)
  }
  const position = (key: string): number | null => {
    const label = labels.get(key)
    if (label === undefined) return null
    if (/^-?\d{1,7}(\.\d{1,6})?$/.test(label.value)) return Number(label.value)
    problem(source, label.span, `label "${key}" must be a number`)
    return null
  }
  const role = labels.get(LABEL_ROLE)
  if (role !== undefined && !isRole(role.value)) {
    problem(source, role.span, `label "${LABEL_ROLE}" must be host, router, switch or internet`)
  }
  if (image !== '' && !lab.notModelled.includes('image')) lab.notModelled.push('image')
  lab.machines.push({
    ...head,
    role: role !== undefined && isRole(role.value) ? role.value : head.kind === 'bridge' ? 'switch' : 'host',
    x: position(LABEL_X),
    y: position(LABEL_Y),
    image,
    labels: new Map([...labels].map(([name, label]) => [name, label.value])),
    exec,
  })
}

function isRole(text: string): text is MachineRole {
  return text === 'host' || text === 'router' || text === 'switch' || text === 'internet'
}

const LINK_REFUSED = new Map([
  ['type', 'only links between two nodes are modelled, written with "endpoints"'],
  ['endpoint', 'only links between two nodes are modelled, written with "endpoints"'],
  ['vars', 'not modelled'],
  ['ipv4', 'not modelled; give the address by "exec"'],
  ['ipv6', 'not modelled; give the address by "exec"'],
])

function readLink(
  source: Source,
  doc: Document.Parsed,
  item: ParsedNode,
  lab: Lab,
  used: Map<string, number>,
): void {
  const span = spanOfNode(source, item)
  const known = ['endpoints', 'mtu', 'labels']
  const fields = fieldsOf(source, doc, item, 'a link', known, LINK_REFUSED)
  if (fields === undefined) return
  const endpoints = fields.get('endpoints')
  const items = itemsOf(source, doc, endpoints?.value ?? null, '"endpoints"')
  if (items === undefined || items.length !== 2) {
    problem(source, span, 'a link needs two "endpoints", each "NODE:INTERFACE"')
    return
  }
  const a = readEnd(source, doc, items[0]!, lab, used)
  const b = readEnd(source, doc, items[1]!, lab, used)
  const mtuField = fields.get('mtu')
  const mtu =
    mtuField === undefined ? 1500 : numberOf(source, doc, mtuField.value ?? mtuField.key, '"mtu"', 68, 65535)
  const link = { latencyNs: 0, rateBps: 0, lossPpm: 0 }
  const labels = fieldsOf(source, doc, fields.get('labels')?.value ?? null, '"labels" of a link', null)
  for (const label of labels?.values() ?? []) {
    const value = stringOf(source, doc, label.value, `label "${label.name.slice(0, 60)}"`, true)
    if (value !== undefined)
      readWireLabel(source, spanOfNode(source, label.value ?? label.key), label.name, value, link)
  }
  if (a === undefined || b === undefined || mtu === undefined) return
  lab.links.push({ a, b, mtu, ...link, span })
}

function readWireLabel(
  source: Source,
  span: Span,
  name: string,
  value: string,
  link: Pick<LabLink, 'latencyNs' | 'rateBps' | 'lossPpm'>,
): void {
  if (name === LABEL_LATENCY) {
    const ns = parseLatency(value)
    if (ns === undefined)
      problem(source, span, `"${value.slice(0, 40)}" is no latency: write 20ms, 500us or 1s`)
    else link.latencyNs = ns
  } else if (name === LABEL_LOSS) {
    const ppm = parseLoss(value)
    if (ppm === undefined) problem(source, span, `"${value.slice(0, 40)}" is no loss: write 0% to 100%`)
    else link.lossPpm = ppm
  } else if (name === LABEL_RATE) {
    const bps = parseRate(value)
    if (bps === undefined)
      problem(source, span, `"${value.slice(0, 40)}" is no rate: write 10mbit, 1gbit or 64kbit`)
    else link.rateBps = bps
  } else if (name.startsWith('kubehop.dev/'))
    problem(source, span, `unknown label "${name.slice(0, 60)}" of a link`)
}

function readEnd(
  source: Source,
  doc: Document.Parsed,
  item: ParsedNode,
  lab: Lab,
  used: Map<string, number>,
): LabEnd | undefined {
  const text = stringOf(source, doc, item, 'an endpoint')
  if (text === undefined) return undefined
  const span = spanOfNode(source, item)
  const colon = text.indexOf(':')
  const machine = text.slice(0, Math.max(0, colon))
  const ifname = text.slice(colon + 1)
  const node = lab.machines.find((m) => m.name === machine)
  if (colon < 0) problem(source, span, `endpoint "${text.slice(0, 80)}" is not NODE:INTERFACE`)
  else if (node === undefined) problem(source, span, endpointOf(machine))
  else if (ifnameError(ifname) !== '') problem(source, span, ifnameError(ifname))
  else if (ifname === 'lo' || (node.kind === 'bridge' && ifname === machine)) {
    problem(source, span, `interface "${ifname}" of node "${machine}" is there already and takes no link`)
  } else if (used.has(text)) {
    problem(
      source,
      span,
      `interface "${ifname}" of node "${machine}" is used by two links (line ${used.get(text)})`,
    )
  } else {
    used.set(text, span.line)
    return { machine, ifname }
  }
  return undefined
}

function endpointOf(machine: string): string {
  if (machine === 'host' || machine === 'mgmt-net' || machine === 'macvlan') {
    return `no node is named "${machine}" (containerlab's special endpoint of that name is not modelled)`
  }
  return `no node is named "${machine.slice(0, 80)}"`
}
