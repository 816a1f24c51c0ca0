/** Lines of `ip addr` and `ip [-d] link`: devices with their addresses (iproute2's ipaddress.c prints them). */
import { ifnameError } from '../names.ts'
import type { Dump, DumpLink, Notes } from './types.ts'
import { note } from './types.ts'

/** Reads the head of a device, or (beginning with a space) a line that belongs to the last one. */
export function readLinkLine(dump: Dump, notes: Notes, line: string, at: number): void {
  if (!line.startsWith(' ')) {
    readHead(dump, notes, line, at)
    return
  }
  const link = dump.links.at(-1)
  if (link === undefined) return
  const words = line.trim().split(/\s+/)
  const head = words[0] ?? ''
  if (head.startsWith('link/')) readMedium(link, words)
  else if (head === 'inet' || head === 'inet6') readAddress(link, words, at)
  else if (KINDS.has(head)) readKind(link, words)
  else if (!KNOWN.test(line.trim()))
    note(notes, 'info', at, `not understood, left out: ${line.trim().slice(0, 80)}`)
}

/** Kinds that `-d` prints at the start of a line. */
export const KINDS: ReadonlySet<string> = new Set(
  'bridge veth vlan vxlan dummy tun ipip gre gretap sit ip6tnl ip6gre macvlan macvtap ipvlan bond team vrf wireguard geneve ifb vti xfrm nlmon can vcan bareudp'.split(
    ' ',
  ),
)

const KNOWN =
  /^(valid_lft|altname|bridge_slave|bond_slave|RX:|TX:|\d|promiscuity|alias|vf |group|numtxqueues|permaddr|parent|protodown|tun_)/

function readHead(dump: Dump, notes: Notes, line: string, at: number): void {
  const found = /^\d+: ([^\s:]+): <([^>]*)>(.*)$/.exec(line)
  if (found === null) return
  const [name = '', lower = ''] = (found[1] ?? '').split('@')
  const bad = ifnameError(name)
  if (bad !== '') note(notes, 'warning', at, bad, line)
  const words = (found[3] ?? '').split(/\s+/)
  const after = (word: string) => words[words.indexOf(word) + 1] ?? ''
  const mtu = words.includes('mtu') ? Number(after('mtu')) : 1500
  const before = dump.links.find((l) => l.name === name)
  const link: DumpLink = before ?? {
    line: at,
    name,
    lower: lower === 'NONE' ? '' : lower,
    flags: (found[2] ?? '').split(','),
    mtu: Number.isInteger(mtu) && mtu >= 68 && mtu <= 65536 ? mtu : 1500,
    master: words.includes('master') ? after('master') : '',
    medium: '',
    mac: '',
    kind: '',
    vlanId: 0,
    peerNetns: '',
    addrs: [],
  }
  // `ip link` and `ip addr` of one machine name every device twice: the newest words go last.
  if (before !== undefined) dump.links.splice(dump.links.indexOf(before), 1)
  if (bad === '') dump.links.push(link)
  // The lines below must not go to another device.
  else dump.links.push({ ...link, name: '' })
}

function readMedium(link: DumpLink, words: string[]): void {
  link.medium = (words[0] ?? '').slice('link/'.length)
  const mac = (words[1] ?? '').toLowerCase()
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) link.mac = mac
  const named = words.indexOf('link-netns')
  const numbered = words.indexOf('link-netnsid')
  if (named > 0) link.peerNetns = words[named + 1] ?? ''
  else if (numbered > 0) link.peerNetns = words[numbered + 1] ?? ''
  if (words.includes('peer') && link.medium !== 'ether') link.kind ||= 'ipip'
}

function readKind(link: DumpLink, words: string[]): void {
  link.kind = words[0] ?? ''
  const id = Number(words[words.indexOf('id') + 1])
  if (link.kind === 'vlan' && Number.isInteger(id) && id > 0 && id < 4095) link.vlanId = id
}

/** `inet 10.0.0.1/24 brd 10.0.0.255 scope global dynamic eth0` as arguments of `ip addr add`. */
function readAddress(link: DumpLink, words: string[], at: number): void {
  const cidr = words[1] ?? ''
  if (!/^[0-9a-fA-F:.]+(\/\d{1,3})?$/.test(cidr)) return
  const kept = [cidr]
  for (const word of ['peer', 'brd', 'scope'] as const) {
    const i = words.indexOf(word)
    const value = i < 0 ? '' : (words[i + 1] ?? '')
    if (value === '' || (word === 'scope' && value === 'global')) continue
    // A link-local address has its scope of itself.
    if (word !== 'scope' || words[0] === 'inet') kept.push(word, value)
  }
  if (words.includes('noprefixroute')) kept.push('noprefixroute')
  if (words.includes('dadfailed')) return
  // The machine has long asked whether anybody else has it.
  if (words[0] === 'inet6') kept.push('nodad')
  if (!link.addrs.some((a) => a.text.split(' ')[0] === cidr))
    link.addrs.push({ line: at, text: kept.join(' ') })
}
