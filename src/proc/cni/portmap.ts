/** The chained plugin portmap: host ports by DNAT. Models plugins/meta/portmap (1.1.1), iptables only. */
import { formatIp, isLoopback, parseIp } from '../../base/addr.ts'
import type { Ip } from '../../base/addr.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import type { IptablesPlace } from '../kube/iptables.ts'
import { deleteRule, ensureChain, ensureRule, iptablesCommand } from '../kube/iptables.ts'
import { addressOf, networkText } from './links.ts'
import { cniChain, placeOf } from './masq.ts'
import type { CniCall, CniPlugin, CniPortMapping } from './types.ts'
import { cniFail } from './types.ts'

const DNAT = 'CNI-HOSTPORT-DNAT'
const SETMARK = 'CNI-HOSTPORT-SETMARK'
const MASQ = 'CNI-HOSTPORT-MASQ'
/** iptables takes so many ports in one multiport match. */
const PORTS_MAX = 15

export const portmapPlugin: CniPlugin = {
  add(call) {
    const { config, host } = call
    if (config.prevResult === undefined) cniFail('must be called as chained plugin', 7)
    const mappings = checked(config.runtimeConfig?.portMappings ?? [])
    if (mappings.length === 0) return config.prevResult!
    const ips = (config.prevResult!.ips ?? []).map(addressOf)
    if (ips.length === 0) cniFail('got no container IPs', 999)
    const seen = new Set<number>()
    for (const address of ips) {
      const family = typeof address.addr === 'number' ? 4 : 6
      if (seen.has(family)) continue
      seen.add(family)
      const place = placeOf(host, address.addr)
      clear(place, cniChain(config.name ?? '', call.args.containerId, 'DN-'), call)
      forward(call, place, address, mappings)
    }
    return config.prevResult!
  },
  del(call) {
    const { config, host, args } = call
    if ((config.runtimeConfig?.portMappings ?? []).length === 0) return
    const chain = cniChain(config.name ?? '', args.containerId, 'DN-')
    for (const address of [0, '0'.repeat(32)]) clear(placeOf(host, address), chain, call)
  },
  check(call) {
    if (call.config.prevResult === undefined) cniFail('Required prevResult missing')
  },
}

function checked(mappings: readonly CniPortMapping[]): readonly CniPortMapping[] {
  for (const { containerPort, hostPort } of mappings) {
    if (containerPort <= 0) cniFail(`Invalid container port number: ${containerPort}`)
    if (hostPort <= 0) cniFail(`Invalid host port number: ${hostPort}`)
  }
  return mappings
}

function comment(text: string): string[] {
  return ['-m', 'comment', '--comment', text]
}

function entryComment({ config, args }: CniCall): string[] {
  return comment(`dnat name: "${config.name ?? ''}" id: "${args.containerId}"`)
}

function forward(
  call: CniCall,
  place: IptablesPlace,
  address: { addr: Ip; len: number },
  mappings: readonly CniPortMapping[],
): void {
  const { config, host } = call
  const snat = config.snat !== false
  const bit = 2 ** (config.markMasqBit ?? 13)
  const mark = `0x${bit.toString(16)}`
  const chain = cniChain(config.name ?? '', call.args.containerId, 'DN-')
  if (snat && config.externalSetMarkChain === undefined) {
    ensureChain(place, 'nat', SETMARK)
    const set = ['-j', 'MARK', '--set-xmark', `${mark}/${mark}`]
    ensureRule(place, 'append', 'nat', SETMARK, [...comment('CNI portfwd masquerade mark'), ...set])
    ensureChain(place, 'nat', MASQ)
    ensureRule(place, 'append', 'nat', MASQ, ['-m', 'mark', '--mark', `${mark}/${mark}`, '-j', 'MASQUERADE'])
    const requiring = comment('CNI portfwd requiring masquerade')
    ensureRule(place, 'prepend', 'nat', 'POSTROUTING', [...requiring, '-j', MASQ])
  }
  if (snat && place.family === 4) {
    // 127.0.0.1 is masqueraded on its way out of the host: martian otherwise.
    for (const name of ['all']) sysctlSet(host.world, host.ns, `net.ipv4.conf.${name}.route_localnet`, '1')
  }
  ensureChain(place, 'nat', DNAT)
  const local = ['-m', 'addrtype', '--dst-type', 'LOCAL', '-j', DNAT]
  for (const from of ['PREROUTING', 'OUTPUT']) ensureRule(place, 'append', 'nat', from, local)
  ensureChain(place, 'nat', chain)
  const usable = mappings.filter(({ hostIP = '' }) => {
    const ip = parseIp(hostIP)
    return ip === undefined || (typeof ip === 'number' ? 4 : 6) === place.family
  })
  for (const [protocol, ports] of byProtocol(usable)) {
    for (let at = 0; at < ports.length; at += PORTS_MAX) {
      const list = ports.slice(at, at + PORTS_MAX).join(',')
      const match = ['-m', 'multiport', '-p', protocol, '--destination-ports', list]
      ensureRule(place, 'append', 'nat', DNAT, [...entryComment(call), ...match, '-j', chain])
    }
  }
  for (const mapping of usable) mapOne(call, place, chain, address, mapping, snat)
}

function byProtocol(mappings: readonly CniPortMapping[]): Map<string, number[]> {
  const ports = new Map<string, number[]>()
  for (const { protocol = 'tcp', hostPort } of mappings) {
    const name = protocol.toLowerCase()
    ports.set(name, [...(ports.get(name) ?? []), hostPort])
  }
  return ports
}

function mapOne(
  { config }: CniCall,
  place: IptablesPlace,
  chain: string,
  address: { addr: Ip; len: number },
  { hostPort, containerPort, protocol = 'tcp', hostIP = '' }: CniPortMapping,
  snat: boolean,
): void {
  const ip = parseIp(hostIP)
  const isAny = ip === undefined || ip === 0 || ip === '0'.repeat(32)
  const match = ['-p', protocol.toLowerCase(), '--dport', `${hostPort}`, ...(isAny ? [] : ['-d', hostIP])]
  if (snat) {
    const target = config.externalSetMarkChain ?? SETMARK
    const hairpin = ['-s', networkText(address), ...match, '-j', target]
    ensureRule(place, 'append', 'nat', chain, hairpin)
    if (place.family === 4 && !(ip !== undefined && isLoopback(ip))) {
      ensureRule(place, 'append', 'nat', chain, ['-s', '127.0.0.1', ...match, '-j', target])
    }
  }
  const to = formatIp(address.addr)
  const destination = `${to.includes(':') ? `[${to}]` : to}:${containerPort}`
  ensureRule(place, 'append', 'nat', chain, [...match, '-j', 'DNAT', '--to-destination', destination])
}

/** Takes a container's chain and the rules that lead to it out. */
function clear(place: IptablesPlace, chain: string, call: CniCall): void {
  for (const protocol of ['tcp', 'udp', 'sctp']) {
    const ports = (call.config.runtimeConfig?.portMappings ?? [])
      .filter((mapping) => (mapping.protocol ?? 'tcp').toLowerCase() === protocol)
      .map(({ hostPort }) => hostPort)
    for (let at = 0; at < ports.length; at += PORTS_MAX) {
      const list = ports.slice(at, at + PORTS_MAX).join(',')
      const match = ['-m', 'multiport', '-p', protocol, '--destination-ports', list]
      deleteRule(place, 'nat', DNAT, [...entryComment(call), ...match, '-j', chain])
    }
  }
  iptablesCommand(place, ['-t', 'nat', '-F', chain])
  iptablesCommand(place, ['-t', 'nat', '-X', chain])
}
