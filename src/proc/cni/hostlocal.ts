/**
 * The IPAM plugin host-local: one file per address that is taken. Models plugins/ipam/host-local (1.1.1).
 * Addresses go round: the search starts behind the last one given.
 */
import { compareIp, formatIp, inPrefix, maskIp, parseIp, parsePrefix } from '../../base/addr.ts'
import type { Ip, Prefix } from '../../base/addr.ts'
import { readDir, readFile, removeFile, someInDir, statFile, writeFile } from '../../run/files.ts'
import type { FileNode } from '../../run/types.ts'
import { makeDirs } from './host.ts'
import type { CniCall, CniHost, CniIp, CniPlugin, CniRange } from './types.ts'
import { cniFail } from './types.ts'

interface Range {
  subnet: Prefix
  start: Ip
  end: Ip
  gateway: Ip
}

const DATA_DIR = '/var/lib/cni/networks'
/** A search through a range never looks at more addresses: the rest of a wide one counts as taken. */
const SEARCH_MAX = 65_536

export const hostLocal: CniPlugin = {
  add(call) {
    const { config, host, args } = call
    const sets = rangeSets(call)
    const ips: CniIp[] = []
    const wanted = (config.runtimeConfig?.ips ?? config.args?.cni?.ips ?? []).map(
      (text) => text.split('/')[0]!,
    )
    const left = [...wanted]
    const dir = storeDir(call)
    makeDirs(host.files, dir)
    if (readFile(host.files, `${dir}/lock`).error !== '') writeFile(host.files, `${dir}/lock`, '')
    sets.forEach((set, at) => {
      const asked = left.find((text) => rangeOf(set, parseIp(text)) !== undefined)
      if (asked !== undefined) left.splice(left.indexOf(asked), 1)
      try {
        ips.push(allocate(host, dir, set, at, args, asked))
      } catch (thrown) {
        for (const done of ips) removeFile(host.files, `${dir}/${done.address.split('/')[0]}`)
        throw thrown
      }
    })
    if (left.length > 0) {
      for (const done of ips) removeFile(host.files, `${dir}/${done.address.split('/')[0]}`)
      cniFail(`failed to allocate all requested IPs: ${left.join(' ')}`)
    }
    const routes = config.ipam?.routes
    return {
      cniVersion: config.cniVersion ?? '0.1.0',
      ips,
      ...(routes === undefined ? {} : { routes }),
      dns: {},
    }
  },
  del(call) {
    const { host, args } = call
    const dir = storeDir(call)
    for (const [name, who] of owners(host, dir)) {
      if (who !== ownerText(args)) continue
      removeFile(host.files, `${dir}/${name}`)
      call.tell?.('release', { address: name, file: `${dir}/${name}` })
    }
  },
  check(call) {
    const { host, args } = call
    const dir = storeDir(call)
    const mine = [...owners(host, dir).values()].includes(ownerText(args))
    if (!mine) cniFail(`host-local: Failed to find address added by container ${args.containerId}`)
  },
}

function storeDir({ config }: CniCall): string {
  return `${config.ipam?.dataDir ?? DATA_DIR}/${config.name ?? ''}`
}

function ownerText({ containerId, ifname }: CniCall['args']): string {
  return `${containerId}\r\n${ifname}`
}

/** Who has which address: the files that are named by one. */
function owners(host: CniHost, dir: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, node] of readDir(host.files, dir) ?? []) {
    if (parseIp(name) !== undefined) found.set(name, ownerIn(host, dir, name, node))
  }
  return found
}

function ownerIn({ files }: CniHost, dir: string, name: string, { kind, text }: FileNode): string {
  return (kind === 'link' ? readFile(files, `${dir}/${name}`).text : text).trim()
}

function allocate(
  host: CniHost,
  dir: string,
  set: readonly Range[],
  at: number,
  args: CniCall['args'],
  asked: string | undefined,
): CniIp {
  const fail = (text: string) => cniFail(`failed to allocate for range ${at}: ${text}`)
  const own = ownerText(args)
  someInDir(host.files, dir, (name, node) => {
    if (ownerIn(host, dir, name, node) !== own || rangeOf(set, parseIp(name)) === undefined) return false
    return fail(`${name} has been allocated to ${args.containerId}, duplicate allocation is not allowed`)
  })
  const taken = (ip: Ip) => statFile(host.files, `${dir}/${formatIp(ip)}`, false) !== undefined
  const text = set.map((range) => `${formatIp(range.start)}-${formatIp(range.end)}`).join(',')
  let ip: Ip | undefined
  if (asked !== undefined) {
    const range = rangeOf(set, parseIp(asked))!
    if (compareIp(parseIp(asked)!, range.gateway) === 0) fail(`requested ip ${asked} is subnet's gateway`)
    if (taken(parseIp(asked)!)) {
      fail(`requested IP address ${asked} is not available in range set ${text}`)
    }
    ip = parseIp(asked)
  } else ip = nextFree(host, dir, set, at, taken)
  if (ip === undefined) fail(`no IP addresses available in range set: ${text}`)
  const range = rangeOf(set, ip)!
  writeFile(host.files, `${dir}/${formatIp(ip!)}`, own)
  writeFile(host.files, `${dir}/last_reserved_ip.${at}`, formatIp(ip!))
  return { address: `${formatIp(ip!)}/${range.subnet.len}`, gateway: formatIp(range.gateway) }
}

function nextFree(
  host: CniHost,
  dir: string,
  set: readonly Range[],
  at: number,
  taken: (ip: Ip) => boolean,
): Ip | undefined {
  const last = parseIp(readFile(host.files, `${dir}/last_reserved_ip.${at}`).text.trim())
  const first = Math.max(0, last === undefined ? 0 : set.findIndex((range) => holds(range, last)))
  let from = last !== undefined && rangeOf(set, last) !== undefined ? next(last) : undefined
  for (let i = 0; i <= set.length; i++) {
    const range = set[(first + i) % set.length]!
    const start = from !== undefined && compareIp(from, range.start) >= 0 ? from : range.start
    from = undefined
    let ip = start
    for (let tries = 0; compareIp(ip, range.end) <= 0 && tries < SEARCH_MAX; tries++, ip = next(ip)) {
      if (compareIp(ip, range.gateway) !== 0 && !taken(ip)) return ip
    }
  }
  return undefined
}

function holds(range: Range, ip: Ip): boolean {
  return typeof ip === typeof range.start && compareIp(ip, range.start) >= 0 && compareIp(ip, range.end) <= 0
}

function rangeOf(set: readonly Range[], ip: Ip | undefined): Range | undefined {
  return ip === undefined ? undefined : set.find((range) => holds(range, ip))
}

/** The sets of ranges, checked, an address each. The old form with one subnet is a set of its own. */
function rangeSets({ config }: CniCall): Range[][] {
  const { ipam = {} } = config
  const given = [...(config.runtimeConfig?.ipRanges ?? [])]
  if (ipam.subnet !== undefined) given.push([ipam as CniRange])
  given.push(...(ipam.ranges ?? []))
  if (given.length === 0) cniFail('no IP ranges specified')
  const sets = given.map((set, at) => canonicalSet(set, at))
  for (let a = 0; a < sets.length; a++) {
    for (let b = a + 1; b < sets.length; b++) {
      if (sets[a]!.some((one) => sets[b]!.some((two) => overlaps(one, two)))) {
        cniFail(`range set ${a} overlaps with ${b}`)
      }
    }
  }
  return sets
}

function canonicalSet(set: readonly CniRange[], at: number): Range[] {
  const fail = (text: string) => cniFail(`invalid range set ${at}: ${text}`)
  if (set.length === 0) fail('empty range set')
  const ranges = set.map((range) => canonicalRange(range, fail))
  for (let a = 0; a < ranges.length; a++) {
    for (let b = a + 1; b < ranges.length; b++) {
      if (typeof ranges[a]!.start !== typeof ranges[b]!.start) fail('mixed address families')
      if (overlaps(ranges[a]!, ranges[b]!)) {
        fail(`subnets ${rangeText(ranges[a]!)} and ${rangeText(ranges[b]!)} overlap`)
      }
    }
  }
  return ranges
}

function canonicalRange(range: CniRange, fail: (text: string) => never): Range {
  const subnet = parsePrefix(range.subnet ?? '')
  if (subnet === undefined) return cniFail(`failed to load netconf: invalid CIDR address: ${range.subnet}`, 6)
  const full = typeof subnet.addr === 'number' ? 32 : 128
  const text = `${formatIp(subnet.addr)}/${subnet.len}`
  if (full - subnet.len < 2) fail(`Network ${text} too small to allocate from`)
  const base = maskIp(subnet.addr, subnet.len)
  if (base !== subnet.addr)
    fail(
      `Network has host bits set. For a subnet mask of length ${subnet.len} the network address is ${formatIp(base)}`,
    )
  const inside = (name: string, given: string): Ip => {
    const ip = parseIp(given)
    if (ip === undefined || !inPrefix(ip, subnet.addr, subnet.len))
      fail(`${name} ${given} not in network ${text}`)
    return ip!
  }
  const start = range.rangeStart === undefined ? next(base) : inside('RangeStart', range.rangeStart)
  const end = range.rangeEnd === undefined ? lastOf(subnet) : inside('RangeEnd', range.rangeEnd)
  const gateway =
    range.gateway === undefined
      ? next(base)
      : (parseIp(range.gateway) ?? fail(`invalid gateway ${range.gateway}`))
  return { subnet, start, end, gateway }
}

function rangeText(range: Range): string {
  return `${formatIp(range.start)}-${formatIp(range.end)}`
}

function overlaps(a: Range, b: Range): boolean {
  return typeof a.start === typeof b.start && compareIp(a.start, b.end) <= 0 && compareIp(b.start, a.end) <= 0
}

/** The address behind one. */
function next(ip: Ip): Ip {
  if (typeof ip === 'number') return (ip + 1) | 0
  return (BigInt(`0x${ip}`) + 1n).toString(16).padStart(32, '0').slice(-32)
}

/** The last address that a host may have: for IPv4 the one before the broadcast address. */
function lastOf({ addr, len }: Prefix): Ip {
  if (typeof addr === 'number') return (addr | (len === 0 ? -1 : (1 << (32 - len)) - 1)) - 1
  const ones = (1n << BigInt(128 - len)) - 1n
  return (BigInt(`0x${addr}`) | ones).toString(16).padStart(32, '0')
}
