/** The main plugins bridge, ptp and loopback. Models plugins/main/{bridge,ptp,loopback} (1.1.1). Not here: vlan, macspoofchk. */
import { formatIp, maskIp, parseIp } from '../../base/addr.ts'
import type { Ip, Mac } from '../../base/addr.ts'
import { addrAdd, addrDel } from '../../net/ip/devinet.ts'
import { routeAdd, routeDel } from '../../net/ip/fib.ts'
import { linkByName } from '../../net/link/device.ts'
import { linkSet } from '../../net/link/netlink.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import type { Link, Netns } from '../../net/types.ts'
import { findNetnsAt, netnsAt } from './host.ts'
import {
  addressOf,
  announce,
  broadcastOf,
  configureIface,
  delLinkByName,
  ensureBridge,
  hasAddressIn,
  macText,
  setupVeth,
} from './links.ts'
import { setupMasq, teardownMasq } from './masq.ts'
import type { CniCall, CniIp, CniPlugin, CniResult } from './types.ts'
import { cniFail } from './types.ts'

/** Calls the IPAM plugin that the configuration names; given by `exec.ts`. */
export type Ipam = (call: CniCall, what: 'add' | 'del' | 'check') => CniResult | undefined

export function bridgePlugin(ipam: Ipam): CniPlugin {
  return {
    add: (call) => bridgeAdd(call, ipam),
    del: (call) => mainDel(call, ipam),
    check: (call) => mainCheck(call, ipam),
  }
}

export function ptpPlugin(ipam: Ipam): CniPlugin {
  return {
    add: (call) => ptpAdd(call, ipam),
    del: (call) => mainDel(call, ipam),
    check: (call) => mainCheck(call, ipam),
  }
}

export const loopbackPlugin: CniPlugin = {
  add({ host, args, config }) {
    const ns = netnsAt(host, args.netns)
    const lo = linkByName(ns, 'lo')!
    linkSet(host.world, ns, lo, { up: true })
    if (config.prevResult !== undefined) return config.prevResult
    const ips = lo.addrs.map(({ addr, len }) => ({ interface: 0, address: `${formatIp(addr)}/${len}` }))
    return {
      cniVersion: config.cniVersion ?? '0.1.0',
      interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: args.netns }],
      ips,
      dns: {},
    }
  },
  del({ host, args }) {
    if (args.netns === '') return
    const ns = findNetnsAt(host, args.netns)
    if (ns !== undefined) linkSet(host.world, ns, linkByName(ns, 'lo')!, { up: false })
  },
  check({ host, args }) {
    const ns = netnsAt(host, args.netns)
    if (linkByName(ns, 'lo')?.up !== true) cniFail('loopback interface is down')
  },
}

function bridgeAdd(call: CniCall, ipam: Ipam): CniResult {
  const { host, args, config } = call
  const { world } = host
  if (config.vlan !== undefined && config.vlan !== 0)
    cniFail('kubehop: vlan of the bridge plugin is not modelled')
  if (config.hairpinMode === true && config.promiscMode === true) {
    cniFail('cannot set hairpin mode and promiscuous mode at the same time')
  }
  const isGateway = config.isGateway === true || config.isDefaultGateway === true
  const bridge = ensureBridge(host, config.bridge ?? 'cni0', config.mtu ?? 0)
  const { mac } = bridge
  if (config.promiscMode === true) linkSet(world, host.ns, bridge, { promisc: true })
  const inside = netnsAt(host, args.netns)
  const { hostLink, link } = setupVeth(host, inside, args.ifname, config.mtu ?? 0)
  const bad = linkSet(world, host.ns, hostLink, { master: bridge.ifindex })
  if (bad !== null) cniFail(`failed to connect "${hostLink.name}" to bridge ${bridge.name}: ${bad.message}`)
  if (config.hairpinMode === true) linkSet(world, host.ns, hostLink, { slave: { hairpin: true } })
  const given = ipamAdd(call, ipam)
  const result: CniResult = {
    cniVersion: config.cniVersion ?? '0.1.0',
    interfaces: [
      { name: bridge.name, mac: macText(bridge) },
      { name: hostLink.name, mac: macText(hostLink) },
      { name: args.ifname, mac: macText(link), sandbox: args.netns },
    ],
    ips: withGateways(given.ips ?? [], 2),
    ...(routesOf(config, given) === undefined ? {} : { routes: routesOf(config, given)! }),
    dns: config.dns ?? given.dns ?? {},
  }
  undoOnFault(call, ipam, () => {
    configureIface(world, inside, link, result)
    announce(world, inside, link, result)
    if (isGateway) gatewayOnBridge(call, bridge, mac, result)
    if (config.ipMasq === true) for (const ip of result.ips ?? []) setupMasq(call, addressOf(ip))
  })
  // Without a gateway the bridge takes the lowest address of its ports: it may have changed.
  return {
    ...result,
    interfaces: [{ name: bridge.name, mac: macText(bridge) }, ...result.interfaces!.slice(1)],
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

function undoOnFault(call: CniCall, ipam: Ipam, act: () => void): void {
  try {
    act()
  } catch (thrown) {
    if ((call.config.ipam?.type ?? '') !== '') ipam(call, 'del')
    throw thrown
  }
}

/** An address without a gateway gets the first of its network. */
function withGateways(ips: readonly CniIp[], at: number): CniIp[] {
  return ips.map((ip) => {
    const { addr, len } = addressOf(ip)
    const base = maskIp(addr, len)
    const first: Ip =
      typeof base === 'number' ? (base + 1) | 0 : (BigInt(`0x${base}`) + 1n).toString(16).padStart(32, '0')
    return { interface: at, address: ip.address, gateway: ip.gateway ?? formatIp(first) }
  })
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

function ptpAdd(call: CniCall, ipam: Ipam): CniResult {
  const { host, args, config } = call
  const { world, ns } = host
  const given = ipam(call, 'add')!
  if ((given.ips ?? []).length === 0) cniFail('IPAM plugin returned missing IP config')
  const inside = netnsAt(host, args.netns)
  let made: { hostLink: Link; link: Link } | undefined
  const ips = withGateways(given.ips ?? [], 1)
  undoOnFault(call, ipam, () => {
    for (const ip of ips) {
      const family = typeof addressOf(ip).addr === 'number'
      sysctlSet(world, ns, family ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding', '1')
    }
    made = setupVeth(host, inside, args.ifname, config.mtu ?? 0)
    const result: CniResult = {
      cniVersion: '',
      ips,
      ...(given.routes === undefined ? {} : { routes: given.routes }),
    }
    ptpContainer(call, inside, made.link, result)
    ptpHost(call, made.hostLink, ips)
    if (config.ipMasq === true) for (const ip of ips) setupMasq(call, addressOf(ip))
  })
  const { hostLink, link } = made!
  return {
    cniVersion: config.cniVersion ?? '0.1.0',
    interfaces: [
      { name: hostLink.name, mac: macText(hostLink) },
      { name: args.ifname, mac: macText(link), sandbox: args.netns },
    ],
    ips,
    ...(given.routes === undefined ? {} : { routes: given.routes }),
    dns: config.dns ?? given.dns ?? {},
  }
}

/** The connected route goes; the gateway alone is on the link, and the network behind it. */
function ptpContainer({ host }: CniCall, inside: Netns, link: Link, result: CniResult): void {
  const { world } = host
  const { routes, ...addresses } = result
  configureIface(world, inside, link, addresses)
  for (const ip of result.ips ?? []) {
    const { addr, len } = addressOf(ip)
    const family = typeof addr === 'number' ? 4 : 6
    const full = family === 4 ? 32 : 128
    const gateway = parseIp(ip.gateway!)!
    const base = { family, prefsrc: addr } as const
    routeDel(world, inside, {
      family,
      dst: maskIp(addr, len),
      len,
      scope: 253,
      nexthops: [{ oif: link.ifindex }],
    })
    routeAdd(world, inside, {
      ...base,
      dst: gateway,
      len: full,
      scope: 253,
      nexthops: [{ oif: link.ifindex }],
    })
    const via = [{ oif: link.ifindex, via: gateway }]
    routeAdd(world, inside, { ...base, dst: maskIp(addr, len), len, scope: 0, nexthops: via })
  }
  configureIface(world, inside, link, {
    cniVersion: '',
    ...(routes === undefined
      ? {}
      : { routes: routes.map((route) => ({ ...route, gw: route.gw ?? gatewayText(result, route.dst) })) }),
  })
  announce(world, inside, link, result)
}

function gatewayText(result: CniResult, dst: string): string {
  return (result.ips ?? []).find((ip) => ip.address.includes(':') === dst.includes(':'))?.gateway ?? ''
}

function ptpHost({ host }: CniCall, hostLink: Link, ips: readonly CniIp[]): void {
  const { world, ns } = host
  for (const ip of ips) {
    const { addr } = addressOf(ip)
    const gateway = parseIp(ip.gateway!)!
    const full = typeof addr === 'number' ? 32 : 128
    addrAdd(world, ns, hostLink, { addr: gateway, len: full })
    const family = full === 32 ? 4 : 6
    routeAdd(world, ns, { family, dst: addr, len: full, scope: 253, nexthops: [{ oif: hostLink.ifindex }] })
  }
}

/** The same for bridge and ptp: what is gone already is well. */
function mainDel(call: CniCall, ipam: Ipam): void {
  const { host, args, config } = call
  if ((config.ipam?.type ?? '') !== '') ipam(call, 'del')
  const inside = args.netns === '' ? undefined : findNetnsAt(host, args.netns)
  if (inside === undefined) return
  const addresses = delLinkByName(host.world, inside, args.ifname)
  if (config.ipMasq === true) for (const addr of addresses ?? []) teardownMasq(call, addr)
}

function mainCheck(call: CniCall, ipam: Ipam): void {
  const { host, args, config } = call
  if ((config.ipam?.type ?? '') !== '') ipam(call, 'check')
  if (config.prevResult === undefined) cniFail('must be called with prevResult', 7)
  const inside = netnsAt(host, args.netns)
  const link = linkByName(inside, args.ifname)
  if (link === undefined) cniFail(`Container Interface name in prevResult: ${args.ifname} not found`)
  const known = (config.prevResult?.interfaces ?? []).find(({ sandbox }) => sandbox === args.netns)
  if (known?.mac !== undefined && known.mac !== macText(link!)) {
    cniFail(`Interface ${args.ifname} Mac ${macText(link!)} doesn't match container Mac: ${known.mac}`)
  }
  for (const ip of config.prevResult?.ips ?? []) {
    const { addr } = addressOf(ip)
    if (!link!.addrs.some((one) => one.addr === addr))
      cniFail(`Failed to match addr {${ip.address}} on interface ${args.ifname}`)
  }
}
