/** The iptables rules that a kubelet keeps. Models pkg/kubelet/kubelet_network_linux.go (1.32): marks are kube-proxy's own. */
import type { World } from '../../../net/types.ts'
import type { IptablesPlace } from '../iptables.ts'
import { ensureChain, ensureRule } from '../iptables.ts'

const FIREWALL = 'KUBE-FIREWALL'
const CANARY = 'KUBE-KUBELET-CANARY'
const HINT = 'KUBE-IPTABLES-HINT'

/** Chains and rules of both families, made where they are missing. */
export function writeKubeletRules(world: World, ns: number): void {
  for (const family of [4, 6] as const) {
    const place: IptablesPlace = { world, ns, family }
    ensureChain(place, 'filter', FIREWALL)
    const states = ['-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED,DNAT', '-j', 'DROP']
    // Only IPv4 can be routed to a host's loopback addresses.
    if (family === 4) {
      const comment = ['-m', 'comment', '--comment', 'block incoming localnet connections']
      ensureRule(place, 'append', 'filter', FIREWALL, [
        '!',
        '-s',
        '127.0.0.0/8',
        '-d',
        '127.0.0.0/8',
        ...comment,
        ...states,
      ])
    }
    for (const chain of ['OUTPUT', 'INPUT']) ensureRule(place, 'prepend', 'filter', chain, ['-j', FIREWALL])
    ensureChain(place, 'mangle', HINT)
    for (const table of ['mangle', 'nat', 'filter']) ensureChain(place, table, CANARY)
  }
}
