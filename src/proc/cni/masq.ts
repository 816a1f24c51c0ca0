/** Masquerading of what a container sends elsewhere. Models plugins/pkg/ip/ipmasq_linux.go (1.1.1). */
import { formatIp } from '../../base/addr.ts'
import type { Ip } from '../../base/addr.ts'
import { sha512Hex } from '../../base/sha512.ts'
import type { IptablesPlace } from '../kube/iptables.ts'
import { deleteRule, ensureChain, ensureRule, iptablesCommand } from '../kube/iptables.ts'
import { networkText } from './links.ts'
import type { CniCall, CniHost } from './types.ts'

const MAX_CHAIN = 28

/** `CNI-` and hex digits of the network's and the container's name; with a prefix, as many less. */
export function cniChain(name: string, containerId: string, prefix = ''): string {
  return `CNI-${prefix}${sha512Hex(name + containerId)}`.slice(0, MAX_CHAIN)
}

/** `name: "mynet" id: "c1"`. */
export function cniComment(name: string, containerId: string): string {
  return `name: "${name}" id: "${containerId}"`
}

export function placeOf({ world, ns }: CniHost, ip: Ip): IptablesPlace {
  return { world, ns: ns.id, family: typeof ip === 'number' ? 4 : 6 }
}

/** Everything from this address to other networks leaves under the host's. */
export function setupMasq({ host, config, args }: CniCall, address: { addr: Ip; len: number }): void {
  const { addr } = address
  const place = placeOf(host, addr)
  const name = config.name ?? ''
  const chain = cniChain(name, args.containerId)
  const comment = ['-m', 'comment', '--comment', cniComment(name, args.containerId)]
  ensureChain(place, 'nat', chain)
  ensureRule(place, 'append', 'nat', chain, ['-d', networkText(address), '-j', 'ACCEPT', ...comment])
  const multicast = typeof addr === 'number' ? '224.0.0.0/4' : 'ff00::/8'
  ensureRule(place, 'append', 'nat', chain, ['!', '-d', multicast, '-j', 'MASQUERADE', ...comment])
  ensureRule(place, 'append', 'nat', 'POSTROUTING', ['-s', formatIp(addr), '-j', chain, ...comment])
}

/** Undoes `setupMasq`; what is gone already is well. */
export function teardownMasq({ host, config, args }: CniCall, addr: Ip): void {
  const place = placeOf(host, addr)
  const name = config.name ?? ''
  const chain = cniChain(name, args.containerId)
  const comment = ['-m', 'comment', '--comment', cniComment(name, args.containerId)]
  deleteRule(place, 'nat', 'POSTROUTING', ['-s', formatIp(addr), '-j', chain, ...comment])
  iptablesCommand(place, ['-t', 'nat', '-F', chain])
  iptablesCommand(place, ['-t', 'nat', '-X', chain])
}
