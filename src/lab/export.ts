/** A lab's text for other tools: as it came, and as containerlab runs it. */
import { isMap } from 'yaml'
import type { Draft } from './draft.ts'
import { linkItems, openDraft, pairOf } from './draft.ts'
import { needsShell, shellQuote } from './shell-words.ts'
import type { Splice } from './splice.ts'
import { appendPair, applySplices, replaceScalar } from './splice.ts'

/** The text as it came. */
export function exportYaml(text: string): string {
  return text
}

/** An image that has the commands which labs use. */
const IMAGE = 'nicolaka/netshoot:latest'

/**
 * The topology document alone, as `containerlab deploy` takes it: commands that need a shell become `sh -c '…'`
 * (containerlab runs none), cables get the MTU they have here (its own default is 9500), machines get an image and no
 * management interface. A text with errors comes back as it is.
 */
export function exportContainerlab(text: string): string {
  const draft = openDraft(text)
  if (Array.isArray(draft)) return text
  const splices: Splice[] = []
  for (const slots of draft.slots.values()) {
    for (const slot of slots) {
      if (slot.lesson || !needsShell(slot.line)) continue
      const line = `sh -c ${shellQuote(slot.line)}`
      if (!splices.some((s) => s.from === (slot.node.range?.[0] ?? -1))) {
        splices.push(replaceScalar(slot.node, line, slot.seq.flow === true))
      }
    }
  }
  for (const item of linkItems(draft)) {
    if (isMap(item) && pairOf(item, 'mtu') === undefined) {
      splices.push(appendPair(draft.text, item, 'mtu', { inline: '1500' }, '1500'))
    }
  }
  addKinds(draft, splices)
  const [from, to] = topologyRange(draft)
  const edited = applySplices(
    text.slice(0, to),
    splices.filter((s) => s.to <= to),
  )
  return notes(draft) + edited.slice(from)
}

/** `kinds.linux` with an image and without a management network, unless the lab says so itself. */
function addKinds(draft: Draft, splices: Splice[]): void {
  const topology = draft.topology.value
  if (!isMap(topology)) return
  const lacksImage = draft.lab.machines.some((m) => m.kind === 'linux' && m.image === '')
  const wanted: [string, string][] = [['network-mode', 'none']]
  if (lacksImage) wanted.push(['image', IMAGE])
  const kinds = pairOf(topology, 'kinds')
  const linux = pairOf(kinds?.value, 'linux')
  if (isMap(linux?.value) && linux.value.items.length > 0) {
    for (const [name, value] of wanted) {
      if (pairOf(linux.value, name) !== undefined) continue
      splices.push(appendPair(draft.text, linux.value, name, { inline: value }, value))
    }
    return
  }
  const body = wanted.map(([name, value]) => `${name}: ${value}`)
  const flow = `{ ${body.join(', ')} }`
  if (isMap(kinds?.value) && kinds.value.items.length > 0) {
    const block = { lines: body.map((line) => `  ${line}`) }
    splices.push(appendPair(draft.text, kinds.value, 'linux', block, flow))
  } else if (kinds === undefined) {
    const block = { lines: ['  linux:', ...body.map((line) => `    ${line}`)] }
    splices.push(appendPair(draft.text, topology, 'kinds', block, `{ linux: ${flow} }`))
  }
}

/** Offsets of the topology document, without the marks between documents. */
function topologyRange(draft: Draft): [number, number] {
  const range = draft.top.range ?? [0, draft.text.length, draft.text.length]
  const before = draft.text.slice(0, range[0])
  const mark = /(^|\n)---[^\n]*\n(?![\s\S]*\n---)/.exec(before)
  const from = mark === null ? 0 : mark.index + mark[0].length
  const after = /\n(---|\.\.\.)(\s|$)/.exec(draft.text.slice(range[0]))
  return [from, after === null ? draft.text.length : range[0] + after.index + 1]
}

/** What containerlab would do otherwise than the lab, as comments. */
function notes(draft: Draft): string {
  const lines: string[] = []
  if (!draft.lab.ipv6) {
    lines.push(
      '# IPv6 is off in this lab. containerlab leaves it on: to have the same, boot the host with',
      '# ipv6.disable_ipv6=1, or run sysctl -w net.ipv6.conf.all.disable_ipv6=1 in every namespace.',
    )
  }
  if (draft.lab.machines.some((m) => m.kind === 'bridge')) {
    lines.push(
      '# Nodes of kind bridge are bridges of the host: make them first, with ip link add NAME type bridge.',
    )
  }
  const wires = draft.lab.links.filter((l) => l.latencyNs + l.lossPpm + l.rateBps > 0)
  if (wires.length > 0) {
    lines.push(
      '# containerlab does not read the latency, loss and rate labels: use containerlab tools netem set.',
    )
  }
  return lines.map((line) => `${line}\n`).join('')
}
