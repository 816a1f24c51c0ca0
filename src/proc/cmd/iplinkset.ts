/** `ip link add` and `ip link set`. Models iplink_parse of ip/iplink.c and the iplink_*.c of each kind (iproute2 6.1). */
import type { Mac } from '../../base/addr.ts'
import type { BridgeOptions, BridgePortOptions } from '../../net/link/brctl.ts'
import { linkByName, linksOf } from '../../net/link/device.ts'
import type { LinkChange, LinkCommon, LinkSpec } from '../../net/link/netlink.ts'
import { linkAdd, linkSet } from '../../net/link/netlink.ts'
import type { Netns } from '../../net/types.ts'
import { findNetns } from '../../net/world.ts'
import { netnsByName } from '../../run/machine.ts'
import { cNumber } from '../print/names.ts'
import type { IpRun } from './ipctx.ts'
import type { Words } from './iproute2.ts'
import {
  check,
  garbage,
  giveUp,
  invarg,
  isIfName,
  matches,
  more,
  needLink,
  needMac,
  needNumber,
  needOnOff,
  next,
  notModelled,
  quit,
  word,
} from './iproute2.ts'

/** What iplink_parse reads: what add, set and a veth's peer have in common. */
interface Request {
  dev: string
  name: string
  link: string
  mac: Mac | undefined
  mtu: number | undefined
  qlen: number | undefined
  index: number | undefined
  netns: Netns | undefined
  up: boolean | undefined
  promisc: boolean | undefined
  arp: boolean | undefined
  master: number | undefined
  type: string
}

const REFUSED: readonly string[] = [
  'multicast',
  'allmulticast',
  'trailers',
  'carrier',
  'vf',
  'vrf',
  'alias',
  'group',
  'mode',
  'state',
  'xdp',
  'xdpgeneric',
  'numtxqueues',
  'numrxqueues',
  'addrgenmode',
  'link-netnsid',
  'link-netns',
  'protodown',
  'protodown_reason',
  'gso_max_size',
  'gso_max_segs',
  'gro_max_size',
  'parentdev',
  'dynamic',
  'broadcast',
  'brd',
]

export function linkAddCommand(run: IpRun, words: Words): void {
  const request = readRequest(run, words, true)
  if (request.type === '') giveUp('Not enough information: "type" argument is required\n')
  const home = request.netns ?? run.ns
  const common = commonOf(request)
  const before = new Set(linksOf(home).map((link) => link.ifindex))
  check(linkAdd(run.world, home, specOf(run, words, request, common)))
  if (request.up === undefined && request.master === undefined && request.arp === undefined) return
  const made = linksOf(home).filter((link) => !before.has(link.ifindex))
  const link = request.name === '' ? made[made.length - 1] : linkByName(home, request.name)
  if (link === undefined) return
  const change: LinkChange = {}
  if (request.up !== undefined) change.up = request.up
  if (request.master !== undefined) change.master = request.master
  if (request.arp !== undefined) change.arp = request.arp
  check(linkSet(run.world, home, link, change))
}

export function linkSetCommand(run: IpRun, words: Words): void {
  const request = readRequest(run, words, false)
  if (request.dev === '') quit('Not enough information: "dev" argument is required.\n')
  const link = needLink(run.ns, request.dev)
  const change: LinkChange = {}
  if (request.type === 'bridge') change.bridge = readBridge(words)
  else if (request.type === 'bridge_slave') change.slave = readSlave(words)
  else if (more(words)) notModelled(`ip link set type ${request.type}`)
  if (request.netns !== undefined) change.netns = request.netns.id
  if (request.mac !== undefined) change.address = request.mac
  if (request.mtu !== undefined) change.mtu = request.mtu
  if (request.name !== '') change.name = request.name
  if (request.master !== undefined) change.master = request.master
  if (request.up !== undefined) change.up = request.up
  if (request.promisc !== undefined) change.promisc = request.promisc
  if (request.arp !== undefined) change.arp = request.arp
  if (request.qlen !== undefined) change.qlen = request.qlen
  if (Object.keys(change).length > 0) check(linkSet(run.world, run.ns, link, change))
}

/** Reads words up to the end or behind `type KIND`. For `set`, `name` is the new name; for `add` the only one. */
function readRequest(run: IpRun, words: Words, add: boolean): Request {
  const request: Request = {
    dev: '',
    name: '',
    link: '',
    mac: undefined,
    mtu: undefined,
    qlen: undefined,
    index: undefined,
    netns: undefined,
    up: undefined,
    promisc: undefined,
    arp: undefined,
    master: undefined,
    type: '',
  }
  for (; more(words); words.at++) {
    const text = word(words)
    if (matches(text, 'type')) {
      request.type = next(words)
      words.at++
      break
    }
    if (REFUSED.includes(text)) notModelled(`ip link ${text}`)
    if (!readWord(run, words, request, add)) readDevice(words, request)
  }
  return request
}

function readDevice(words: Words, request: Request): void {
  if (word(words) === 'help') notModelled('ip link add help')
  if (word(words) === 'dev') next(words)
  if (request.dev !== '') garbage('dev', word(words))
  request.dev = word(words)
  if (/[/\s]/.test(request.dev) || request.dev === '') invarg('"dev" not a valid ifname', request.dev)
}

function readWord(run: IpRun, words: Words, request: Request, add: boolean): boolean {
  const text = word(words)
  if (text === 'up') request.up = true
  else if (text === 'down') request.up = false
  else if (text === 'name') {
    request.name = next(words)
    if (!isIfName(request.name)) invarg('"name" not a valid ifname', request.name)
  } else if (text === 'index') {
    request.index = needNumber(next(words), 0x7fffffff, 'Invalid "index" value')
    if (request.index === 0) invarg('Invalid "index" value', word(words))
  } else if (matches(text, 'link')) request.link = next(words)
  else if (matches(text, 'address') || text === 'lladdr') request.mac = readMac(next(words), add)
  else if (matches(text, 'txqueuelen') || text === 'qlen' || text === 'txqlen') {
    request.qlen = needNumber(next(words), 0x7fffffff, 'Invalid "txqueuelen" value\n')
  } else if (text === 'mtu') request.mtu = needNumber(next(words), 0x7fffffff, 'Invalid "mtu" value\n')
  else if (text === 'netns') request.netns = needNetns(run, next(words))
  else if (text === 'promisc') request.promisc = onOff('promisc', next(words))
  else if (text === 'arp') request.arp = onOff('arp', next(words))
  else if (matches(text, 'master')) {
    const master = linkByName(run.ns, next(words))
    if (master === undefined) invarg('Device does not exist\n', word(words))
    request.master = master.ifindex
  } else if (matches(text, 'nomaster')) request.master = 0
  else return false
  return true
}

/** A namespace's name, or the pid of a process in it (1: the machine's own). */
function needNetns(run: IpRun, text: string): Netns {
  const pid = cNumber(text)
  let id = netnsByName(run.machine, text)
  if (id === undefined && pid !== undefined) {
    id = pid === 1 ? run.machine.rootNs : run.machine.pids.get(pid)
    if (id === undefined) giveUp('RTNETLINK answers: No such process\n', 2)
  }
  const ns = id === undefined ? undefined : findNetns(run.world, id)
  if (ns === undefined) invarg('Invalid "netns" value\n', text)
  return ns
}

/** On `add` an address of the wrong length is left to the kernel, which refuses it. */
function readMac(text: string, add: boolean): Mac {
  const length = text.split(':').length
  if (add && length !== 6 && /^[0-9a-fA-F:]+$/.test(text)) giveUp('RTNETLINK answers: Invalid argument\n', 2)
  return needMac(text)
}

function onOff(key: string, text: string): boolean {
  if (text !== 'on' && text !== 'off') {
    giveUp(`Error: argument of "${key}" must be "on" or "off", not "${text}"\n`)
  }
  return text === 'on'
}

function commonOf(request: Request): LinkCommon {
  const common: LinkCommon = {}
  const name = request.name === '' ? request.dev : request.name
  if (name !== '') common.name = name
  request.name = name
  if (request.mac !== undefined) common.mac = request.mac
  if (request.mtu !== undefined) common.mtu = request.mtu
  if (request.index !== undefined) common.index = request.index
  if (request.qlen !== undefined) common.qlen = request.qlen
  return common
}

function specOf(run: IpRun, words: Words, request: Request, common: LinkCommon): LinkSpec {
  const below = request.link === '' ? undefined : needLink(run.ns, request.link)
  switch (request.type) {
    case 'veth':
      return { ...common, kind: 'veth', peer: readPeer(run, words) }
    case 'bridge':
      return { ...common, kind: 'bridge', ...(more(words) ? { options: readBridge(words) } : {}) }
    case 'dummy':
      if (more(words)) giveUp(`Garbage instead of arguments "${word(words)} ...". Try "ip link help".\n`)
      return { ...common, kind: 'dummy' }
    case 'vlan': {
      const id = readVlanId(words)
      if (below === undefined) giveUp('RTNETLINK answers: Invalid argument\n', 2)
      if (id === undefined) giveUp('Error: 8021q: VLAN properties not specified.\n', 2)
      return { ...common, kind: 'vlan', link: below.ifindex, id }
    }
  }
  if (KNOWN_KINDS.includes(request.type)) notModelled(`a link of type ${request.type}`)
  return giveUp('Error: Unknown device type.\n', 2)
}

const KNOWN_KINDS: readonly string[] =
  'amt bareudp bond bond_slave can dsa erspan geneve gre gretap gtp hsr ifb ip6erspan ip6gre ip6gretap ip6tnl ipip ipoib ipvlan ipvtap macsec macvlan macvtap netdevsim nlmon rmnet sit team tun vcan vrf vti vxcan vxlan wireguard xfrm virt_wifi'.split(
    ' ',
  )

function readPeer(run: IpRun, words: Words): LinkCommon & { ns?: number } {
  const peer: LinkCommon & { ns?: number } = { ns: run.ns.id }
  if (!more(words)) return peer
  if (word(words) !== 'peer') {
    if (word(words) === 'help') giveUp('Usage: ip link <options> type veth [peer <options>]\n')
    giveUp(`veth: unknown option "${word(words)}"?\n`)
  }
  words.at++
  const request = readRequest(run, words, true)
  Object.assign(peer, commonOf(request))
  if (request.netns !== undefined) peer.ns = request.netns.id
  return peer
}

function readVlanId(words: Words): number | undefined {
  let id: number | undefined
  for (; more(words); words.at++) {
    if (matches(word(words), 'protocol')) {
      const protocol = next(words)
      if (protocol.toLowerCase() !== '802.1q') notModelled(`vlan protocol ${protocol}`)
    } else if (matches(word(words), 'id')) id = needNumber(next(words), 65535, 'id is invalid')
    else notModelled(`vlan ${word(words)}`)
  }
  return id
}

function readBridge(words: Words): BridgeOptions {
  const options: BridgeOptions = {}
  for (; more(words); words.at++) {
    const text = word(words)
    const number = (max: number) => {
      const value = next(words)
      return needNumber(value, max, `invalid ${text}`)
    }
    if (matches(text, 'forward_delay')) options.forwardDelayNs = number(0xffffffff) * 1e7
    else if (matches(text, 'hello_time')) options.helloNs = number(0xffffffff) * 1e7
    else if (matches(text, 'max_age')) options.maxAgeNs = number(0xffffffff) * 1e7
    else if (matches(text, 'ageing_time')) options.ageingNs = number(0xffffffff) * 1e7
    else if (matches(text, 'stp_state')) options.stp = number(0xffffffff) !== 0
    else if (matches(text, 'priority')) options.priority = number(65535)
    else if (matches(text, 'vlan_filtering')) options.vlanFiltering = number(255) !== 0
    else if (matches(text, 'fdb_flush')) options.fdbFlush = true
    else if (BRIDGE_WORDS.includes(text)) notModelled(`bridge ${text}`)
    else giveUp(`bridge: unknown command "${text}"?\n`)
  }
  if (options.vlanFiltering === true) notModelled('bridge vlan_filtering')
  return options
}

const BRIDGE_WORDS: readonly string[] =
  'group_fwd_mask group_address no_linklocal_learn fdb_max_learned vlan_protocol vlan_default_pvid vlan_stats_enabled vlan_stats_per_port mcast_snooping mcast_vlan_snooping mcast_router mcast_query_use_ifaddr mcast_querier mcast_querier_interval mcast_hash_elasticity mcast_hash_max mcast_last_member_count mcast_last_member_interval mcast_startup_query_count mcast_startup_query_interval mcast_query_interval mcast_query_response_interval mcast_membership_interval mcast_stats_enabled mcast_igmp_version mcast_mld_version nf_call_iptables nf_call_ip6tables nf_call_arptables'.split(
    ' ',
  )

function readSlave(words: Words): BridgePortOptions {
  const options: BridgePortOptions = {}
  for (; more(words); words.at++) {
    const text = word(words)
    if (matches(text, 'fdb_flush')) options.fdbFlush = true
    else if (matches(text, 'state')) options.state = needNumber(next(words), 255, 'state is invalid')
    else if (matches(text, 'priority'))
      options.priority = needNumber(next(words), 65535, 'priority is invalid')
    else if (matches(text, 'cost')) options.cost = needNumber(next(words), 0xffffffff, 'cost is invalid')
    else if (text === 'hairpin') options.hairpin = needOnOff('hairpin', next(words))
    else if (text === 'learning') options.learning = needOnOff('learning', next(words))
    else if (text === 'flood') options.flood = needOnOff('flood', next(words))
    else if (text === 'isolated') options.isolated = needOnOff('isolated', next(words))
    else if (text === 'guard') options.guard = needOnOff('guard', next(words))
    else if (SLAVE_WORDS.includes(text)) notModelled(`bridge_slave ${text}`)
    else giveUp(`bridge_slave: unknown option "${text}"?\n`)
  }
  return options
}

const SLAVE_WORDS: readonly string[] =
  'fastleave root_block proxy_arp proxy_arp_wifi mcast_router mcast_fast_leave mcast_flood bcast_flood mcast_to_unicast group_fwd_mask neigh_suppress vlan_tunnel locked mab backup_port nobackup_port'.split(
    ' ',
  )
