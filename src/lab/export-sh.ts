/**
 * A world as a bash script that builds the same from real network namespaces: `ip netns` names are `MACHINE` and
 * `MACHINE.NETNS`. It rebuilds state, not history: devices, bridges, addresses, routes, rules, permanent neighbours,
 * static forwarding entries, sysctls, packet filter rules. Caches (learned neighbours and forwarding entries, connections)
 * and counters start empty; programs that a lab's commands left running are not started: the script's end says who listens.
 */
import { formatIp, formatMac } from '../base/addr.ts'
import { CABLE_LATENCY_NS, linksOf, peerOf } from '../net/link/device.ts'
import { netnsList } from '../net/netns.ts'
import type { Link, Netns, World } from '../net/types.ts'
import { addrLines, fdbLines, ipIn, neighLines, routeLines, ruleLines, sysctlLines } from './export-sh-ip.ts'
import { needsBridgeNetfilter, tableLines } from './export-sh-nf.ts'
import { shellQuote } from './shell-words.ts'

export interface ShellOptions {
  /** Adds tc-netem to cables with latency, loss or a rate. */
  netem: boolean
}

/** The kernel's for a veth, which says that it has 10 Gbit/s. */
const VETH_PATH_COST = 2
/** Holds the far ends of network cards without a cable. */
const UNPLUGGED = 'kubehop-unplugged'

/** The script. `bash FILE` builds (as root), `bash FILE clean` removes. */
export function exportShell(world: World, options: ShellOptions = { netem: false }): string {
  const list = netnsList(world).filter((ns) => !ns.name.includes('#'))
  const unplugged = list.some((ns) => linksOf(ns).some((link) => isUnplugged(world, link)))
  const names = [...list.map((ns) => ns.name), ...(unplugged ? [UNPLUGGED] : [])]
  const lines = [HEAD.replace('NAMES)', () => `${names.map(shellQuote).join(' ')})`)]
  if (list.some(needsBridgeNetfilter)) lines.push('', BRIDGE_NETFILTER)
  for (const ns of list) lines.push('', `# ${ns.name}`, ...sysctlLines(ns))
  lines.push('', '# Devices')
  for (const ns of list) for (const link of linksOf(ns)) lines.push(...createLines(world, ns, link))
  for (const ns of list) lines.push(...bridgeLines(ns))
  for (const ns of list) lines.push(...section(`# ${ns.name}`, stateLines(ns)))
  if (options.netem) lines.push(...section('# Cables', list.flatMap(netemLines)))
  lines.push(
    ...section('# Who listens in the lab; these programs are not started here:', list.flatMap(listenerLines)),
  )
  return `${lines.join('\n')}\n`
}

/** Sockets that wait for anybody, as comments: `#   node1.web tcp 0.0.0.0:80`. */
function listenerLines(ns: Netns): string[] {
  const found: string[] = []
  for (const { kind, local, lport, remote, family, tcp } of ns.sockets?.values() ?? []) {
    const waits =
      kind === 'tcp' ? tcp?.state === 'LISTEN' : kind === 'udp' && remote === undefined && lport !== 0
    const any = family === 4 ? '0.0.0.0' : '::'
    const address = local === undefined ? any : formatIp(local)
    const shown = address.includes(':') ? `[${address}]` : address
    if (waits) found.push(`#   ${ns.name} ${kind} ${shown}:${lport}`)
  }
  return found
}

/** How every script begins; NAMES stands for the namespaces. */
const HEAD = `#!/bin/bash
# Builds this lab from real network namespaces of Linux. Needs root, iproute2 and sysctl.
#   bash FILE         builds it; then for instance: ip netns exec NAME ping ADDRESS
#   bash FILE clean   removes it
set -e
NAMESPACES=(NAMES)
clean() { for n in "\${NAMESPACES[@]}"; do ip netns del "$n" 2>/dev/null || true; done; }
if [ "\${1-}" = clean ]; then clean; exit; fi
trap 'echo "line $LINENO failed: $BASH_COMMAND" >&2' ERR
for n in "\${NAMESPACES[@]}"; do
  ip netns add "$n"
  # A new namespace inherits some IPv4 switches from this machine: set them to the kernel's own values.
  for c in all default lo; do
    ip netns exec "$n" sysctl -qw net/ipv4/conf/$c/{forwarding,rp_filter,arp_ignore,arp_announce,arp_notify}=0 \\
      net/ipv4/conf/$c/{arp_accept,proxy_arp,route_localnet,log_martians,accept_local}=0 \\
      net/ipv4/conf/$c/{accept_redirects,send_redirects,secure_redirects,shared_media}=1
  done
done`

/** Without the module bridged frames pass no rules; where it cannot be loaded its switches are absent too. */
const BRIDGE_NETFILTER = `# Bridges show their frames to iptables where bridge-nf-call-iptables is 1.
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter`

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines]
}

function isUnplugged(world: World, link: Link): boolean {
  return link.kind === 'phys' && peerOf(world, link) === undefined
}

/** The command that makes a device, once for a pair: at the end that comes first. */
function createLines(world: World, ns: Netns, link: Link): string[] {
  const self = `name ${shellQuote(link.name)} index ${link.ifindex}`
  const mac = `address ${formatMac(link.mac)}`
  const mtu = `mtu ${link.mtu}`
  switch (link.kind) {
    case 'loopback':
      return link.mtu === 65536 ? [] : [`${ipIn(ns)} link set lo ${mtu}`]
    case 'veth':
    case 'phys': {
      const peer = peerOf(world, link)
      if (peer === undefined) {
        const far = `peer name x${ns.id}-${link.ifindex} netns ${UNPLUGGED}`
        return [`${ipIn(ns)} link add ${self} ${mac} ${mtu} type veth ${far}`]
      }
      const first = ns.id < peer.ns.id || (ns.id === peer.ns.id && link.ifindex < peer.link.ifindex)
      if (!first) return []
      const other = `name ${shellQuote(peer.link.name)} index ${peer.link.ifindex} netns ${shellQuote(peer.ns.name)}`
      const far = `peer ${other} address ${formatMac(peer.link.mac)} mtu ${peer.link.mtu}`
      return [`${ipIn(ns)} link add ${self} ${mac} ${mtu} type veth ${far}`]
    }
    case 'bridge': {
      // A bridge whose address was never set goes by its ports', and without ports has carrier only so.
      const set = link.bridge?.macSet === true ? ` ${mac}` : ''
      const fixed = link.bridge?.mtuSet === true ? ` ${mtu}` : ''
      return [`${ipIn(ns)} link add ${self}${set}${fixed} type bridge${bridgeOptions(link)}`]
    }
    case 'vlan': {
      const lower = ns.links[link.lower]
      if (lower === undefined) return []
      const on = `link ${shellQuote(lower.name)}`
      return [`${ipIn(ns)} link add ${on} ${self} ${mac} ${mtu} type vlan id ${link.vlanId}`]
    }
    case 'dummy':
      return [`${ipIn(ns)} link add ${self} ${mac} ${mtu} type dummy`]
  }
}

/** What differs from a new bridge. iproute2 takes hundredths of a second. */
function bridgeOptions(link: Link): string {
  const br = link.bridge
  if (br === null) return ''
  const cs = (ns: number) => Math.round(ns / 10_000_000)
  let text = ''
  if (br.forwardDelayNs !== 15e9) text += ` forward_delay ${cs(br.forwardDelayNs)}`
  if (br.helloNs !== 2e9) text += ` hello_time ${cs(br.helloNs)}`
  if (br.maxAgeNs !== 20e9) text += ` max_age ${cs(br.maxAgeNs)}`
  if (br.ageingNs !== 300e9) text += ` ageing_time ${cs(br.ageingNs)}`
  if (br.priority !== 32768) text += ` priority ${br.priority}`
  if (br.stp) text += ' stp_state 1'
  return text
}

/** Ports, oldest first, so that the kernel's list has the same order. */
function bridgeLines(ns: Netns): string[] {
  const lines: string[] = []
  for (const link of linksOf(ns)) {
    for (const index of [...(link.bridge?.ports ?? [])].reverse()) {
      const port = ns.links[index]
      if (port?.port == null) continue
      const name = shellQuote(port.name)
      lines.push(`${ipIn(ns)} link set ${name} master ${shellQuote(link.name)}`)
      const options: string[] = []
      if (port.port.hairpin) options.push('hairpin on')
      if (!port.port.learning) options.push('learning off')
      if (!port.port.flood) options.push('flood off')
      if (port.port.isolated) options.push('isolated on')
      if (port.port.cost !== VETH_PATH_COST) options.push(`cost ${port.port.cost}`)
      if (port.port.priority !== 32) options.push(`priority ${port.port.priority}`)
      if (options.length > 0)
        lines.push(`${ipIn(ns)} link set ${name} type bridge_slave ${options.join(' ')}`)
    }
  }
  return lines
}

/** Addresses before the device goes up: the kernel makes the connected routes then. */
function stateLines(ns: Netns): string[] {
  const lines: string[] = []
  for (const link of linksOf(ns)) {
    lines.push(...addrLines(ns, link))
    const flags: string[] = []
    if (link.noarp !== (link.kind === 'dummy') && link.kind !== 'loopback')
      flags.push(`arp ${link.noarp ? 'off' : 'on'}`)
    if (link.qlen !== 1000) flags.push(`txqueuelen ${link.qlen}`)
    if (link.promisc > (link.port === null ? 0 : 1)) flags.push('promisc on')
    if (link.up) flags.push('up')
    if (flags.length > 0) lines.push(`${ipIn(ns)} link set ${shellQuote(link.name)} ${flags.join(' ')}`)
  }
  lines.push(...routeLines(ns), ...ruleLines(ns), ...neighLines(ns), ...fdbLines(ns), ...tableLines(ns))
  return lines
}

function netemLines(ns: Netns): string[] {
  const lines: string[] = []
  for (const link of linksOf(ns)) {
    if (link.kind !== 'phys') continue
    const { latencyNs, lossPpm, rateBps } = link.wire
    let text = ''
    if (latencyNs > CABLE_LATENCY_NS) text += ` delay ${latencyNs / 1000}us`
    if (lossPpm > 0) text += ` loss ${lossPpm / 10_000}%`
    if (rateBps > 0) text += ` rate ${rateBps}bit`
    const dev = `dev ${shellQuote(link.name)}`
    if (text !== '') lines.push(`tc -n ${shellQuote(ns.name)} qdisc add ${dev} root netem${text}`)
  }
  return lines
}
