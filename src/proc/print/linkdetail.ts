/** What `ip -d link` adds. Models print_linktype and the bridge, bridge_slave and vlan printers of iproute2 6.1. */
import type { Link } from '../../net/types.ts'
import type { Place } from './names.ts'
import type { Writer } from './writer.ts'
import { both, closeObject, newline, openObject, put, raw, strings } from './writer.ts'

/** From ` promiscuity` on. `spec`: the address generation mode is printed too (`ip link`, not `ip addr`). */
export function putLinkDetails(w: Writer, place: Place, link: Link, spec: boolean): void {
  const loopback = link.kind === 'loopback'
  both(w, 'promiscuity', link.promisc, ` promiscuity ${link.promisc} `)
  const allmulti = link.master === 0 ? 0 : 1
  both(w, 'allmulti', allmulti, ` allmulti ${allmulti} `)
  const min = loopback || link.kind === 'vlan' || link.kind === 'dummy' ? 0 : 68
  const max = loopback || link.kind === 'dummy' ? 0 : 65535
  both(w, 'min_mtu', min, `minmtu ${min} `)
  both(w, 'max_mtu', max, `maxmtu ${max} `)
  putKind(w, place, link)
  if (spec) both(w, 'inet6_addr_gen_mode', 'eui64', 'addrgenmode eui64 ')
  const queues = link.kind === 'veth' || link.kind === 'phys' ? 2 : 1
  both(w, 'num_tx_queues', queues, `numtxqueues ${queues} `)
  both(w, 'num_rx_queues', queues, `numrxqueues ${queues} `)
  both(w, 'gso_max_size', 65536, 'gso_max_size 65536 ')
  both(w, 'gso_max_segs', 65535, 'gso_max_segs 65535 ')
  both(w, 'tso_max_size', 524280, 'tso_max_size 524280 ')
  both(w, 'tso_max_segs', 65535, 'tso_max_segs 65535 ')
  both(w, 'gro_max_size', 65536, 'gro_max_size 65536 ')
}

/** A bridge identifier as iproute2 prints it: no leading zeros in the address. */
export function bridgeIdText(id: string): string {
  const parts: string[] = []
  for (let i = 4; i < 16; i += 2) parts.push(Number.parseInt(id.slice(i, i + 2), 16).toString(16))
  return `${id.slice(0, 4)}.${parts.join(':')}`
}

/** A timer's rest in seconds with two digits, 0 while it does not run. */
export function timerText(place: Place, at: number): string {
  return (Math.max(0, Math.round((at - place.world.now) / 1e7)) / 100).toFixed(2)
}

const PORT_STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'] as const

export function portStateName(state: number): string {
  return PORT_STATES[state] ?? `state (${state})`
}

export function portStateNumber(name: string): number {
  return (PORT_STATES as readonly string[]).indexOf(name)
}

function putKind(w: Writer, place: Place, link: Link): void {
  const kind = link.kind
  const slave = link.port !== null
  if (!slave && kind !== 'veth' && kind !== 'bridge' && kind !== 'vlan' && kind !== 'dummy') return
  openObject(w, 'linkinfo')
  if (kind !== 'loopback' && kind !== 'phys') {
    newline(w)
    both(w, 'info_kind', kind, `    ${kind} `)
    if (kind === 'bridge') putBridge(w, place, link)
    if (kind === 'vlan') putVlan(w, link)
  }
  if (slave) {
    newline(w)
    both(w, 'info_slave_kind', 'bridge', '    bridge_slave ')
    putSlave(w, place, link)
  }
  closeObject(w)
}

function putVlan(w: Writer, link: Link): void {
  openObject(w, 'info_data')
  both(w, 'protocol', '802.1Q', 'protocol 802.1Q ')
  both(w, 'id', link.vlanId, `id ${link.vlanId} `)
  strings(w, 'flags', ['REORDER_HDR'])
  put(w, '<REORDER_HDR> ')
  closeObject(w)
}

function putBridge(w: Writer, place: Place, link: Link): void {
  const br = link.bridge
  if (br === null) return
  const { tree } = br
  const own = bridgeIdText(
    br.priority.toString(16).padStart(4, '0') + br.idMac.toString(16).padStart(12, '0'),
  )
  const number = (key: string, value: number, word = key) => both(w, key, value, `${word} ${value} `)
  const text = (key: string, value: string, word = key) => both(w, key, value, `${word} ${value} `)
  const timer = (key: string, at: number) => {
    const value = timerText(place, at)
    raw(w, key, value)
    put(w, `${key} ${value.padStart(7)} `)
  }
  openObject(w, 'info_data')
  number('forward_delay', br.forwardDelayNs / 1e7)
  number('hello_time', br.helloNs / 1e7)
  number('max_age', br.maxAgeNs / 1e7)
  number('ageing_time', br.ageingNs / 1e7)
  number('stp_state', br.stp ? 1 : 0)
  number('priority', br.priority)
  number('vlan_filtering', br.vlanFiltering ? 1 : 0)
  text('bridge_id', own)
  text('root_id', bridgeIdText(tree.rootId), 'designated_root')
  number('root_port', tree.rootPort)
  number('root_path_cost', tree.rootCost)
  number('topology_change', tree.topologyChange ? 1 : 0)
  number('topology_change_detected', tree.topologyChangeDetected ? 1 : 0)
  timer('hello_timer', tree.helloAt)
  timer('tcn_timer', tree.tcnAt)
  timer('topology_change_timer', tree.topologyChangeAt)
  timer('gc_timer', 0)
  text('group_fwd_mask', '0')
  text('group_addr', '01:80:c2:00:00:00', 'group_address')
  for (const [key, value, word] of MULTICAST) number(key, value, word ?? key)
  for (const key of ['nf_call_iptables', 'nf_call_ip6tables', 'nf_call_arptables']) number(key, 0)
  closeObject(w)
}

/** Multicast snooping is not modelled: the kernel's standing values. */
const MULTICAST: readonly [string, number, string?][] = [
  ['mcast_snooping', 1],
  ['no_linklocal_learn', 0],
  ['mcast_vlan_snooping', 0],
  ['mcast_router', 1],
  ['mcast_query_use_ifaddr', 0],
  ['mcast_querier', 0],
  ['mcast_hash_elasticity', 16],
  ['mcast_hash_max', 4096],
  ['mcast_last_member_cnt', 2, 'mcast_last_member_count'],
  ['mcast_startup_query_cnt', 2, 'mcast_startup_query_count'],
  ['mcast_last_member_intvl', 100, 'mcast_last_member_interval'],
  ['mcast_membership_intvl', 26000, 'mcast_membership_interval'],
  ['mcast_querier_intvl', 25500, 'mcast_querier_interval'],
  ['mcast_query_intvl', 12500, 'mcast_query_interval'],
  ['mcast_query_response_intvl', 1000, 'mcast_query_response_interval'],
  ['mcast_startup_query_intvl', 3124, 'mcast_startup_query_interval'],
  ['mcast_stats_enabled', 0],
  ['mcast_igmp_version', 2],
  ['mcast_mld_version', 1],
]

function putSlave(w: Writer, place: Place, link: Link): void {
  const { port } = link
  if (port === null) return
  const number = (key: string, value: number, word = key) => both(w, key, value, `${word} ${value} `)
  const text = (key: string, value: string, word = key) => both(w, key, value, `${word} ${value} `)
  const flag = (key: string, value: boolean) => both(w, key, value, `${key} ${value ? 'on' : 'off'} `)
  const timer = (key: string, at: number) => {
    const value = timerText(place, at)
    raw(w, key, value)
    put(w, `${key} ${value.padStart(7)} `)
  }
  openObject(w, 'info_slave_data')
  text('state', portStateName(port.state))
  number('priority', port.priority)
  number('cost', port.cost)
  flag('hairpin', port.hairpin)
  flag('guard', false)
  flag('root_block', false)
  flag('fastleave', false)
  flag('learning', port.learning)
  flag('flood', port.flood)
  const id = `0x${((port.priority << 10) | port.portNo).toString(16)}`
  text('id', id, 'port_id')
  text('no', `0x${port.portNo.toString(16)}`, 'port_no')
  number('designated_port', port.designatedPort)
  number('designated_cost', port.designatedCost)
  text('bridge_id', bridgeIdText(port.designatedBridge), 'designated_bridge')
  text('root_id', bridgeIdText(port.designatedRoot), 'designated_root')
  timer('hold_timer', port.holdAt)
  timer('message_age_timer', port.messageAgeAt)
  timer('forward_delay_timer', port.forwardDelayAt)
  number('topology_change_ack', port.topologyChangeAck ? 1 : 0)
  number('config_pending', port.configPending ? 1 : 0)
  flag('proxy_arp', false)
  flag('proxy_arp_wifi', false)
  number('multicast_router', 1, 'mcast_router')
  put(w, 'mcast_fast_leave off ')
  flag('mcast_flood', true)
  flag('bcast_flood', true)
  flag('mcast_to_unicast', false)
  flag('neigh_suppress', false)
  text('group_fwd_mask', '0')
  text('group_fwd_mask_str', '0x0')
  flag('vlan_tunnel', false)
  flag('isolated', port.isolated)
  flag('locked', false)
  closeObject(w)
}
