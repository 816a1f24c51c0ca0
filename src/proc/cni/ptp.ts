/** The main plugins ptp and loopback. Models plugins/main/{ptp,loopback} (1.1.1). */
import { formatIp, maskIp, parseIp } from '../../base/addr.ts'
import { addrAdd } from '../../net/ip/devinet.ts'
import { routeAdd, routeDel } from '../../net/ip/fib.ts'
import { linkByName } from '../../net/link/device.ts'
import { linkSet } from '../../net/link/netlink.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import type { Link, Netns } from '../../net/types.ts'
import { findNetnsAt, netnsAt } from './host.ts'
import { addressOf, announce, configureIface, macText, setupVeth } from './links.ts'
import type { Ipam } from './main.ts'
import { mainCheck, mainDelSteps, undoOnFault, withGateways } from './main.ts'
import { setupMasq } from './masq.ts'
import type { CniCall, CniIp, CniPlugin, CniResult } from './types.ts'
import { cniFail, runSteps } from './types.ts'

export function ptpPlugin(ipam: Ipam): CniPlugin {
  const del = mainDelSteps(ipam)
  return {
    add: (call) => ptpAdd(call, ipam),
    del: (call) => void runSteps(del, call),
    check: (call) => mainCheck(call, ipam),
  }
}

export const loopbackPlugin: CniPlugin = {
  add({ host, args, config }) {
    const ns = netnsAt(host, args)
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
    const ns = findNetnsAt(host, args)
    if (ns !== undefined) linkSet(host.world, ns, linkByName(ns, 'lo')!, { up: false })
  },
  check({ host, args }) {
    const ns = netnsAt(host, args)
    if (linkByName(ns, 'lo')?.up !== true) cniFail('loopback interface is down')
  },
}

function ptpAdd(call: CniCall, ipam: Ipam): CniResult {
  const { host, args, config } = call
  const { world, ns } = host
  const given = ipam(call, 'add')!
  if ((given.ips ?? []).length === 0) cniFail('IPAM plugin returned missing IP config')
  const inside = netnsAt(host, args)
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
