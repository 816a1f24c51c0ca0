/**
 * The main plugin bridge, step by step. Models plugins/main/bridge (1.1.1): between two steps is where the plugin waits
 * for the kernel's answer, or for host-local's. Not here: vlan, macspoofchk.
 */
import { formatIp, parseIp } from '../../base/addr.ts'
import type { Mac } from '../../base/addr.ts'
import { addrAdd, addrDel } from '../../net/ip/devinet.ts'
import { linkByName } from '../../net/link/device.ts'
import { linkSet } from '../../net/link/netlink.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import type { Link } from '../../net/types.ts'
import { netnsAt } from './host.ts'
import {
  addAddresses,
  addRoutes,
  addressOf,
  announce,
  broadcastOf,
  ensureBridge,
  hasAddressIn,
  macText,
  setupVeth,
} from './links.ts'
import type { Ipam } from './main.ts'
import { mainCheck, mainDelSteps, undoOnFault, withGateways } from './main.ts'
import { cniChain, setupMasq } from './masq.ts'
import type { CniCall, CniPlugin, CniResult, CniStep, CniWork } from './types.ts'
import { cniFail, runSteps } from './types.ts'

export function bridgePlugin(ipam: Ipam): CniPlugin {
  const undoing =
    (step: CniStep): CniStep =>
    (call, work) =>
      undoOnFault(call, ipam, () => step(call, work))
  const given: CniStep = (call, work) => {
    const { ips = [], routes, dns } = ipamAdd(call, ipam)
    const all = routesOf(call.config, { cniVersion: '', ips, ...(routes === undefined ? {} : { routes }) })
    work.given = {
      cniVersion: '',
      ips: withGateways(ips, 2),
      ...(all === undefined ? {} : { routes: all }),
      ...(dns === undefined ? {} : { dns }),
    }
  }
  const add = [onBridge, cable, onPort, given, ...[addresses, routes, gateway, masquerade].map(undoing)]
  const del = mainDelSteps(ipam)
  return {
    add: (call) => resultOf(call, runSteps(add, call)),
    del: (call) => void runSteps(del, call),
    check: (call) => mainCheck(call, ipam),
    steps: { add, result: resultOf, del },
  }
}

function onBridge(call: CniCall, work: CniWork): void {
  const { host, config } = call
  if (config.vlan !== undefined && config.vlan !== 0)
    cniFail('kubehop: vlan of the bridge plugin is not modelled')
  if (config.hairpinMode === true && config.promiscMode === true) {
    cniFail('cannot set hairpin mode and promiscuous mode at the same time')
  }
  const name = bridgeName(call)
  const there = linkByName(host.ns, name) !== undefined
  const bridge = ensureBridge(host, name, config.mtu ?? 0)
  work.mac = bridge.mac
  if (config.promiscMode === true) linkSet(host.world, host.ns, bridge, { promisc: true })
  call.tell?.(there ? 'bridgeThere' : 'bridge', { bridge: name })
}

/** The pair is made in the container's namespace, with its other end in the host's. */
function cable(call: CniCall, work: CniWork): void {
  const { host, args, config } = call
  const { hostLink } = setupVeth(host, netnsAt(host, args), args.ifname, config.mtu ?? 0)
  work.host = hostLink.name
  call.tell?.('veth', { veth: hostLink.name, ifname: args.ifname })
}

function onPort(call: CniCall, { host: name }: CniWork): void {
  const { host, config } = call
  const { world, ns } = host
  const bridge = bridgeOf(call)
  const hostLink = linkByName(ns, name) ?? cniFail(`failed to lookup "${name}": Link not found`)
  const bad = linkSet(world, ns, hostLink, { master: bridge.ifindex })
  if (bad !== null) cniFail(`failed to connect "${name}" to bridge ${bridge.name}: ${bad.message}`)
  if (config.hairpinMode === true) linkSet(world, ns, hostLink, { slave: { hairpin: true } })
  call.tell?.('port', { veth: name, bridge: bridge.name })
}

function addresses(call: CniCall, { given }: CniWork): void {
  const { inside, link } = ends(call)
  addAddresses(call.host.world, inside, link, given)
  for (const { address } of given.ips ?? []) call.tell?.('addr', { address, ifname: link.name })
}

function routes(call: CniCall, { given }: CniWork): void {
  const { inside, link } = ends(call)
  addRoutes(call.host.world, inside, link, given)
  announce(call.host.world, inside, link, given)
  if (call.tell === undefined) return
  for (const { dst, gw } of given.routes ?? []) {
    const six = dst.includes(':')
    const via = gw ?? given.ips?.find((ip) => ip.address.includes(':') === six)?.gateway ?? ''
    call.tell(via === '' ? 'routeLink' : 'route', { dst, via, ifname: link.name })
  }
}

function gateway(call: CniCall, { given, mac }: CniWork): void {
  const { config } = call
  if (config.isGateway !== true && config.isDefaultGateway !== true) return
  const bridge = bridgeOf(call)
  const before = [...bridge.addrs]
  gatewayOnBridge(call, bridge, mac, given)
  if (call.tell === undefined) return
  for (const ip of given.ips ?? []) {
    const address = `${ip.gateway ?? ''}/${addressOf(ip).len}`
    const there = before.some(({ addr }) => addr === parseIp(ip.gateway ?? ''))
    call.tell(there ? 'gatewayThere' : 'gateway', { address, bridge: bridge.name })
  }
}

function masquerade(call: CniCall, { given }: CniWork): void {
  if (call.config.ipMasq !== true) return
  for (const ip of given.ips ?? []) {
    setupMasq(call, addressOf(ip))
    const chain = () => cniChain(call.config.name ?? '', call.args.containerId)
    call.tell?.('masq', { address: ip.address.split('/')[0]!, chain: chain() })
  }
}

function bridgeName({ config }: CniCall): string {
  return config.bridge ?? 'cni0'
}

function bridgeOf(call: CniCall): Link {
  const name = bridgeName(call)
  return linkByName(call.host.ns, name) ?? cniFail(`could not lookup "${name}": Link not found`)
}

function ends({ host, args }: CniCall) {
  const inside = netnsAt(host, args)
  const link = linkByName(inside, args.ifname)
  return { inside, link: link ?? cniFail(`failed to lookup "${args.ifname}": Link not found`) }
}

/** As things stand: without a gateway the bridge takes the lowest address of its ports, which may have changed. */
function resultOf(call: CniCall, { host: name, given }: CniWork): CniResult {
  const { host, args, config } = call
  const hostLink = linkByName(host.ns, name) ?? cniFail(`failed to lookup "${name}": Link not found`)
  return {
    cniVersion: config.cniVersion ?? '0.1.0',
    interfaces: [
      { name: bridgeName(call), mac: macText(bridgeOf(call)) },
      { name, mac: macText(hostLink) },
      { name: args.ifname, mac: macText(ends(call).link), sandbox: args.netns },
    ],
    ips: given.ips ?? [],
    ...(given.routes === undefined ? {} : { routes: given.routes }),
    dns: config.dns ?? given.dns ?? {},
  }
}

/** isDefaultGateway adds a default route by each family's gateway. */
function routesOf(config: CniCall['config'], given: CniResult): CniResult['routes'] {
  const routes = [...(given.routes ?? [])]
  if (config.isDefaultGateway === true) {
    for (const ip of given.ips ?? []) {
      const dst = ip.address.includes(':') ? '::/0' : '0.0.0.0/0'
      if (routes.some((route) => route.dst === dst)) continue
      routes.push({ dst, ...(ip.gateway === undefined ? {} : { gw: ip.gateway }) })
    }
  }
  return routes.length === 0 && given.routes === undefined ? undefined : routes
}

/** Where it fails the device stays: the runtime's DEL takes it away. */
function ipamAdd(call: CniCall, ipam: Ipam): CniResult {
  const { config } = call
  if ((config.ipam?.type ?? '') === '') return { cniVersion: config.cniVersion ?? '0.1.0', dns: {} }
  const given = ipam(call, 'add')!
  if ((given.ips ?? []).length === 0) cniFail('IPAM plugin returned missing IP config')
  return given
}

function gatewayOnBridge({ host, config }: CniCall, bridge: Link, mac: Mac, result: CniResult): void {
  const { world, ns } = host
  for (const ip of result.ips ?? []) {
    const { len } = addressOf(ip)
    const gateway = parseIp(ip.gateway ?? '')
    if (gateway === undefined) continue
    if (!bridge.addrs.some(({ addr }) => addr === gateway)) {
      const other = bridge.addrs.find(({ addr, scope }) => typeof addr === typeof gateway && scope === 0)
      if (other !== undefined && (typeof gateway === 'number' || hasAddressIn(bridge, gateway, len))) {
        if (config.forceAddress !== true) {
          cniFail(
            `failed to set bridge addr: "${bridge.name}" already has an IP address different from ${formatIp(gateway)}/${len}`,
          )
        }
        addrDel(world, ns, bridge, { addr: other.addr, len: other.len })
      }
      addrAdd(world, ns, bridge, broadcastOf({ addr: gateway, len }))
      // Its own address set by hand: else it would be the lowest of its ports', and change as they come and go.
      linkSet(world, ns, bridge, { address: mac })
    }
    sysctlSet(
      world,
      ns,
      typeof gateway === 'number' ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding',
      '1',
    )
  }
}
