/** Devices, addresses and routes as the reference plugins set them up. Models plugins/pkg/ip and pkg/ipam (1.1.1). */
import { formatIp, formatMac, inPrefix, maskIp, parseIp, parsePrefix } from '../../base/addr.ts'
import type { Ip } from '../../base/addr.ts'
import { arpAnnounce } from '../../net/ip/arp.ts'
import { addrAdd } from '../../net/ip/devinet.ts'
import { routeAdd } from '../../net/ip/fib.ts'
import { linkByName } from '../../net/link/device.ts'
import { linkAdd, linkDel, linkSet } from '../../net/link/netlink.ts'
import type { NlResult } from '../../net/nlresult.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import type { Link, Netns, World } from '../../net/types.ts'
import { machineRng, randomHex } from '../../run/container.ts'
import type { CniHost, CniIp, CniResult } from './types.ts'
import { cniFail } from './types.ts'

/** A veth with its one end in the container's namespace, the other, `veth` and 8 hex digits, in the host's; both up. */
export function setupVeth(
  host: CniHost,
  inside: Netns,
  ifname: string,
  mtu: number,
): { hostLink: Link; link: Link } {
  const { world, ns } = host
  if (linkByName(inside, ifname) !== undefined) {
    cniFail(`container veth name provided (${ifname}) already exists`)
  }
  const name = `veth${randomHex(machineRng(world, host.machine), 8)}`
  // The plugins leave the queue length at 0, as Go's zero value.
  const common = { qlen: 0, ...mtuOf(mtu) }
  const made = linkAdd(world, inside, {
    kind: 'veth',
    name: ifname,
    ...common,
    peer: { name, ns: ns.id, ...common },
  })
  if (made !== null) cniFail(`failed to make veth pair: ${words(made)}`)
  const link = linkByName(inside, ifname)!
  const hostLink = linkByName(ns, name)!
  linkSet(world, inside, link, { up: true })
  linkSet(world, ns, hostLink, { up: true })
  return { hostLink, link }
}

function mtuOf(mtu: number): { mtu?: number } {
  return mtu > 0 ? { mtu } : {}
}

/** Addresses and routes of a result on the container's device. Models ipam.ConfigureIface. */
export function configureIface(world: World, ns: Netns, link: Link, result: CniResult): void {
  addAddresses(world, ns, link, result)
  addRoutes(world, ns, link, result)
}

/** The first half of `configureIface`: the device is up and has its addresses. */
export function addAddresses(world: World, ns: Netns, link: Link, result: CniResult): void {
  if (link.up === false) linkSet(world, ns, link, { up: true })
  for (const ip of result.ips ?? []) {
    const prefix = addressOf(ip)
    if (typeof prefix.addr === 'string') sysctlSet(world, ns, `net.ipv6.conf.${link.name}.disable_ipv6`, '0')
    const bad = addrAdd(world, ns, link, broadcastOf(prefix))
    if (bad !== null) cniFail(`failed to add IP addr {${ip.address}} to "${link.name}": ${words(bad)}`)
  }
}

/** The second half: its routes. */
export function addRoutes(world: World, ns: Netns, link: Link, result: CniResult): void {
  for (const route of result.routes ?? []) {
    const dst = parsePrefix(route.dst)
    if (dst === undefined) continue
    const family = typeof dst.addr === 'number' ? 4 : 6
    const gateway = parseIp(route.gw ?? '') ?? gatewayFor(result, family)
    const bad = addRoute(world, ns, link, dst, gateway)
    if (bad !== null) {
      cniFail(
        `failed to add route '{${route.dst} ${gateway === undefined ? '' : formatIp(gateway)}}': ${words(bad)}`,
      )
    }
  }
}

/** A route by a gateway, or on the link without one. */
export function addRoute(
  world: World,
  ns: Netns,
  link: Link,
  dst: { addr: Ip; len: number },
  gateway: Ip | undefined,
): NlResult {
  return routeAdd(world, ns, {
    family: typeof dst.addr === 'number' ? 4 : 6,
    dst: maskIp(dst.addr, dst.len),
    len: dst.len,
    nexthops: [{ oif: link.ifindex, ...(gateway === undefined ? {} : { via: gateway }) }],
  })
}

function gatewayFor(result: CniResult, family: 4 | 6): Ip | undefined {
  for (const { gateway } of result.ips ?? []) {
    const ip = parseIp(gateway ?? '')
    if (ip !== undefined && (typeof ip === 'number' ? 4 : 6) === family) return ip
  }
  return undefined
}

/** Tells the neighbours of the new addresses (gratuitous ARP). */
export function announce(world: World, ns: Netns, link: Link, result: CniResult): void {
  for (const ip of result.ips ?? []) {
    const { addr } = addressOf(ip)
    if (typeof addr === 'number') arpAnnounce(world, ns, link, addr)
  }
}

/** Takes the container's device away. Answers the addresses that it had; undefined where it was gone already. */
export function delLinkByName(world: World, ns: Netns, ifname: string): Ip[] | undefined {
  const link = linkByName(ns, ifname)
  if (link === undefined) return undefined
  const addresses = link.addrs.filter(({ scope }) => scope === 0).map(({ addr }) => addr)
  linkDel(world, ns, link)
  return addresses
}

/** A bridge of this name that is up: made, or the one that is there. */
export function ensureBridge(host: CniHost, name: string, mtu: number): Link {
  const { world, ns } = host
  const known = linkByName(ns, name)
  if (known !== undefined && known.kind !== 'bridge') cniFail(`"${name}" already exists but is not a bridge`)
  if (known === undefined) {
    const bad = linkAdd(world, ns, { kind: 'bridge', name, ...mtuOf(mtu) })
    if (bad !== null) cniFail(`could not add "${name}": ${words(bad)}`)
  }
  const link = linkByName(ns, name)!
  linkSet(world, ns, link, { up: true })
  return link
}

/** The address with its prefix. */
export function addressOf(ip: CniIp): { addr: Ip; len: number } {
  const [text = '', len = ''] = ip.address.split('/')
  const addr = parseIp(text)
  if (addr === undefined || !/^[0-9]+$/.test(len)) return cniFail(`invalid CIDR address: ${ip.address}`)
  return { addr, len: Number(len) }
}

/** The network of an address as text. */
export function networkText({ addr, len }: { addr: Ip; len: number }): string {
  return `${formatIp(maskIp(addr, len))}/${len}`
}

/** What `addrAdd` takes: netlink's library gives IPv4 addresses their broadcast address. */
export function broadcastOf({ addr, len }: { addr: Ip; len: number }): {
  addr: Ip
  len: number
  brd?: number
} {
  if (typeof addr !== 'number' || len >= 31) return { addr, len }
  return { addr, len, brd: addr | ((1 << (32 - len)) - 1) | 0 }
}

/** The link holds an address of this network. */
export function hasAddressIn(link: Link, addr: Ip, len: number): boolean {
  return link.addrs.some(
    (one) => typeof one.addr === typeof addr && inPrefix(one.addr, maskIp(addr, len), len),
  )
}

export function macText(link: Link): string {
  return formatMac(link.mac)
}

/** `ip` is told `RTNETLINK answers: File exists`, a library's caller `file exists`. */
export function words(bad: NonNullable<NlResult>): string {
  return bad.message
    .replace(/^(RTNETLINK answers|Error): /, '')
    .replace(/\.$/, '')
    .toLowerCase()
}
