/**
 * From what a dump holds to the commands that make it: one exec line each, in the order in which a machine takes them
 * (devices, addresses, switches, routes, rules, neighbours, filters). What has no model gets a stand-in or is named.
 *
 * The end of a cable that the lab does not have is a dummy device that asks for neighbours as a card does (`arp on`):
 * what it sends leaves the lab.
 */
import { netnsNameError } from '../names.ts'
import { shellQuote } from '../shell-words.ts'
import { restoreCommands } from './filters.ts'
import { wordAfter } from './routes.ts'
import type { Dump, DumpLink, DumpWords, Notes } from './types.ts'
import { note } from './types.ts'

/** One exec line, and the dump's line that it comes from. */
export interface Command {
  exec: string
  line: number
  /** A restore's: lines of the dump by line of its input, from 1. */
  input?: number[]
}

/** What the lab already has of the machine: cards with a cable in. */
export interface Surroundings {
  cabled: readonly string[]
  /** Whether namespaces of the lab speak IPv6 without being told to. */
  ipv6: boolean
}

export function commandsOf(dump: Dump, around: Surroundings, notes: Notes): Command[] {
  const links = dump.links.filter((link) => link.name !== '')
  const bridges = new Set(links.filter((l) => isBridge(l, links)).map((l) => l.name))
  return [
    ...speakIp6(dump, around),
    ...netnsCommands(links, notes),
    ...linkCommands(links, bridges, around, dump, notes),
    ...addressCommands(dump, links, around, notes),
    ...dump.sysctls.map(({ line, text }) => ({ line, exec: `sysctl -w ${shellQuote(text)}` })),
    ...routeCommands(dump, links),
    ...dump.rules.map((rule) => ({ line: rule.line, exec: words(rule, 'rule add') })),
    ...neighCommands(dump, links, around, notes),
    ...restoreCommands(dump, notes),
  ]
}

/** A lab without IPv6 has it switched off: a machine that uses it switches it on. */
function speakIp6(dump: Dump, around: Surroundings): Command[] {
  const six =
    dump.links.flatMap((l) => l.addrs).find(({ text }) => text.includes(':') && !/^(fe80|::1)/.test(text)) ??
    dump.routes.find(({ family, words: w }) => family === 6 && w.includes('via')) ??
    dump.neighs.find(({ ip }) => ip.includes(':'))
  if (around.ipv6 || six === undefined) return []
  return ['all', 'default'].map((name) => ({
    line: six.line,
    exec: `sysctl -w net.ipv6.conf.${name}.disable_ipv6=0`,
  }))
}

/** Devices that `-d` did not name are known by their ports, or by the names that docker and others give. */
function isBridge(link: DumpLink, links: readonly DumpLink[]): boolean {
  if (link.kind !== '') return link.kind === 'bridge'
  if (link.lower !== '') return false
  const named =
    /^(docker0|docker_gwbridge|br-[0-9a-f]{12}|br\d+|cni0|cbr0|virbr\d+|lxdbr\d+|vmbr\d+|weave|kube-bridge)$/
  return links.some((l) => l.master === link.name) || named.test(link.name)
}

/** A namespace that the dump only numbers. */
function netnsName(link: DumpLink): string {
  return /^\d+$/.test(link.peerNetns) ? `nsid${link.peerNetns}` : link.peerNetns
}

function netnsCommands(links: readonly DumpLink[], notes: Notes): Command[] {
  const commands: Command[] = []
  const seen = new Set<string>()
  for (const link of links) {
    const name = netnsName(link)
    if (name === '' || seen.has(name) || !isVeth(link)) continue
    seen.add(name)
    if (netnsNameError(name) !== '') {
      note(notes, 'warning', link.line, netnsNameError(name))
      continue
    }
    commands.push({ line: link.line, exec: `ip netns add ${name}` })
    commands.push({ line: link.line, exec: `ip -n ${name} link set lo up` })
  }
  return commands
}

/** A veth whose peer is in a numbered or named namespace. One that has addresses itself is the machine's own way out. */
function isVeth(link: DumpLink): boolean {
  const inside = /^if\d+$/.test(link.lower) && link.peerNetns !== ''
  const own = link.master === '' && link.addrs.some(({ text }) => !/^fe80:/i.test(text))
  return inside && !own && (link.kind === 'veth' || link.kind === '')
}

function linkCommands(
  links: readonly DumpLink[],
  bridges: ReadonlySet<string>,
  around: Surroundings,
  known: Known,
  notes: Notes,
): Command[] {
  const commands: Command[] = []
  const made = new Set<string>(['lo'])
  const inner = new Map<string, number>()
  // What others stand upon comes first.
  const rank = (l: DumpLink) => (bridges.has(l.name) ? 0 : vlanOf(l, links) > 0 ? 2 : 1)
  for (const link of [...links].sort((a, b) => rank(a) - rank(b))) {
    const say = (exec: string) => commands.push({ line: link.line, exec })
    const name = shellQuote(link.name)
    if (link.name === 'lo') {
      if (link.flags.includes('UP')) say('ip link set lo up')
      continue
    }
    const traits = `${link.mac === '' ? '' : ` address ${link.mac}`} mtu ${link.mtu}`
    if (around.cabled.includes(link.name)) say(`ip link set ${name}${traits}`)
    else if (!made.has(link.name)) {
      for (const exec of makeLink(link, links, bridges, traits, inner, known, notes)) say(exec)
      const peer = pairOf(link, links)
      if (peer !== undefined) made.add(peer.name)
    } else say(`ip link set ${name}${traits}`)
    made.add(link.name)
  }
  for (const link of links) {
    const say = (exec: string) => commands.push({ line: link.line, exec })
    const name = shellQuote(link.name)
    if (link.name === 'lo') continue
    if (bridges.has(link.master)) say(`ip link set ${name} master ${shellQuote(link.master)}`)
    else if (link.master !== '')
      note(
        notes,
        'warning',
        link.line,
        `${link.name}: part of ${link.master}, which is no bridge: not modelled`,
      )
    say(`ip link set ${name} ${link.flags.includes('UP') ? 'up' : 'down'}`)
  }
  return commands
}

/** The other end of a veth pair where both are in the dump. */
function pairOf(link: DumpLink, links: readonly DumpLink[]): DumpLink | undefined {
  const other = links.find((l) => l.name === link.lower)
  return other !== undefined && other.lower === link.name && other !== link ? other : undefined
}

function vlanOf(link: DumpLink, links: readonly DumpLink[]): number {
  if (link.kind === 'vlan') return link.vlanId
  const id = Number(/\.(\d{1,4})$/.exec(link.name)?.[1] ?? '0')
  const below = links.some((l) => l.name === link.lower)
  return link.kind === '' && below && id > 0 && id < 4095 ? id : 0
}

function makeLink(
  link: DumpLink,
  links: readonly DumpLink[],
  bridges: ReadonlySet<string>,
  traits: string,
  inner: Map<string, number>,
  known: Known,
  notes: Notes,
): string[] {
  const name = shellQuote(link.name)
  if (bridges.has(link.name)) return [`ip link add ${name}${traits} type bridge`]
  const vlan = vlanOf(link, links)
  if (vlan > 0)
    return [`ip link add link ${shellQuote(link.lower)} name ${name}${traits} type vlan id ${vlan}`]
  const peer = pairOf(link, links)
  if (peer !== undefined && (link.kind === '' || link.kind === 'veth')) {
    return [`ip link add ${name}${traits} type veth peer name ${shellQuote(peer.name)}`]
  }
  const netns = netnsName(link)
  if (isVeth(link) && netnsNameError(netns) === '') {
    const n = inner.get(netns) ?? 0
    inner.set(netns, n + 1)
    return [
      `ip link add ${name}${traits} type veth peer name khpeer${n}`,
      `ip link set khpeer${n} netns ${netns}`,
      `ip -n ${netns} link set khpeer${n} name eth${n} mtu ${link.mtu} up`,
      ...guest(link, links, netns, `eth${n}`, known, notes),
    ]
  }
  sayStandIn(link, notes)
  const open = [`ip link add ${name}${traits} type dummy`]
  return link.kind === 'dummy' || link.flags.includes('NOARP')
    ? open
    : [...open, `ip link set ${name} arp on`]
}

/** What neighbours and fdb know of a guest behind a veth. */
type Known = Pick<Dump, 'neighs' | 'fdb'>

function guestsOf(link: DumpLink, { neighs, fdb }: Known): Known['neighs'] {
  if (!isVeth(link)) return []
  const macs = fdb.filter(({ dev }) => dev === link.name).map(({ mac }) => mac)
  return neighs.filter(({ dev, mac, ip }) => {
    const here = link.master === '' ? dev === link.name : dev === link.master && macs.includes(mac)
    return here && !/^fe80:/i.test(ip)
  })
}

/** The inside of a guest's namespace: its address is what the host's neighbours say, its gateway the host. */
function guest(
  link: DumpLink,
  links: readonly DumpLink[],
  netns: string,
  dev: string,
  known: Known,
  notes: Notes,
): string[] {
  const found = guestsOf(link, known)
  const first = found[0]
  if (first === undefined) return []
  const lines = [`ip -n ${netns} link set ${dev} address ${first.mac}`]
  const gates = links.find((l) => l.name === (link.master === '' ? link.name : link.master))?.addrs ?? []
  for (const { ip, line } of found) {
    const six = ip.includes(':')
    const gate = gates.find(({ text }) => text.includes(':') === six && !/^fe80:/i.test(text))
    const [address = '', len = six ? '128' : '32'] = (gate?.text.split(' ')[0] ?? '').split('/')
    lines.push(`ip -n ${netns} addr add ${ip}/${len} dev ${dev}`)
    if (address !== '') lines.push(`ip -n ${netns} ${six ? '-6 ' : ''}route replace default via ${address}`)
    note(notes, 'info', line, `${ip} is taken as ${netns}'s address on ${dev}, behind ${link.name}`)
  }
  return lines
}

/** Why a device is an open end. */
function sayStandIn(link: DumpLink, notes: Notes): void {
  const { name, kind, medium, lower } = link
  const stands = 'stands as an open end, what it sends leaves the lab'
  const guess = kind !== '' ? kind : nameSays(name, medium)
  if (guess === 'dummy') return
  if (guess === 'veth' || lower.startsWith('if')) {
    note(
      notes,
      'info',
      link.line,
      `${name}: its peer is in another namespace that the dump does not hold: ${stands}`,
    )
  } else if (guess !== '') note(notes, 'warning', link.line, `${name}: ${guess} is not modelled: ${stands}`)
  else note(notes, 'info', link.line, `${name}: no cable in the lab: ${stands}`)
}

function nameSays(name: string, medium: string): string {
  const names: [RegExp, string][] = [
    [/^(flannel\.\d+|vxlan.*|cilium_vxlan)$/, 'vxlan'],
    [/^(wg\d+|flannel-wg.*|wireguard.*)$/, 'wireguard'],
    [/^bond\d+$/, 'bond'],
    [/^(tun\d+|tailscale\d+|flannel0)$/, 'tun'],
    [/^(tunl\d+)$/, 'ipip'],
    [/^(kube-ipvs0|nodelocaldns|dummy\d+)$/, 'dummy'],
    [/^(veth|cali)/, 'veth'],
  ]
  const found = names.find(([pattern]) => pattern.test(name))
  if (found !== undefined) return found[1]
  return medium === 'ether' || medium === '' ? '' : medium
}

function addressCommands(
  dump: Dump,
  links: readonly DumpLink[],
  around: Surroundings,
  notes: Notes,
): Command[] {
  const commands: Command[] = []
  for (const link of links) {
    for (const { line, text } of link.addrs) {
      const own = /^(127\.0\.0\.1\/8|::1\/128)/.test(text) && link.name === 'lo'
      // A link-local address of the device's own comes by itself.
      if (own || /^fe80:/i.test(text)) continue
      commands.push({ line, exec: `ip addr add ${text} dev ${shellQuote(link.name)}` })
    }
  }
  if (links.length > 0) return commands
  for (const { line, words: route } of dump.routes) {
    const [dst = '', src] = [route[0] ?? '', wordAfter(route, 'src')]
    if (wordAfter(route, 'proto') !== 'kernel' || src === '' || wordAfter(route, 'via') !== '') continue
    const dev = wordAfter(route, 'dev')
    const len = dst.split('/')[1]
    if (len === undefined) continue
    note(notes, 'info', line, `no \`ip addr\` in the paste: ${src}/${len} on ${dev} is taken from the route`)
    if (!around.cabled.includes(dev) && !commands.some((c) => c.exec.includes(` add ${shellQuote(dev)} `))) {
      commands.push({ line, exec: `ip link add ${shellQuote(dev)} type dummy` })
      commands.push({ line, exec: `ip link set ${shellQuote(dev)} arp on up` })
    }
    commands.push({ line, exec: `ip addr add ${src}/${len} dev ${shellQuote(dev)}` })
  }
  return commands
}

function words({ family, words: list }: DumpWords, verb: string): string {
  return `ip ${family === 6 ? '-6 ' : ''}${verb} ${list.map(shellQuote).join(' ')}`
}

/** Those that addresses make come by themselves; a gateway needs the route to it before. */
function routeCommands(dump: Dump, links: readonly DumpLink[]): Command[] {
  const given = new Set(links.flatMap((l) => l.addrs.map((a) => a.text.split(/[/ ]/)[0])))
  const own = ({ words: w }: DumpWords) =>
    wordAfter(w, 'proto') === 'kernel' &&
    wordAfter(w, 'via') === '' &&
    (links.length === 0 || given.has(wordAfter(w, 'src')))
  const kept = dump.routes.filter((route) => !own(route))
  const far = (route: DumpWords) => (route.words.includes('via') ? 1 : 0)
  return [...kept]
    .sort((a, b) => far(a) - far(b))
    .map((route) => ({ line: route.line, exec: words(route, 'route replace') }))
}

/** Neighbours beyond open ends; guests answer for themselves. */
function neighCommands(
  dump: Dump,
  links: readonly DumpLink[],
  around: Surroundings,
  notes: Notes,
): Command[] {
  const commands: Command[] = []
  const guests = new Set(links.flatMap((link) => guestsOf(link, dump)).map(({ mac }) => mac))
  for (const { line, ip, dev, mac } of dump.neighs) {
    if (guests.has(mac)) continue
    if (around.cabled.includes(dev))
      note(notes, 'info', line, `${ip} on ${dev}: a cable of the lab is there, it is asked anew`)
    else
      commands.push({
        line,
        exec: `ip neigh replace ${ip} lladdr ${mac} dev ${shellQuote(dev)} nud permanent`,
      })
  }
  for (const { line, mac, dev, vlan } of dump.fdb) {
    if (around.cabled.includes(dev) || guests.has(mac)) continue
    const tag = /^\d{1,4}$/.test(vlan) ? ` vlan ${vlan}` : ''
    commands.push({ line, exec: `bridge fdb replace ${mac} dev ${shellQuote(dev)} master static${tag}` })
  }
  return commands
}
