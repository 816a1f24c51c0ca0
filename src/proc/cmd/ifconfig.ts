/** ifconfig. Models net-tools 2.10: shows devices, sets address, netmask, MTU, flags. Not here: media, point-to-point, aliases. */
import {
  broadcast4,
  formatIp,
  formatIp4,
  formatMac,
  maskOf4,
  parseIp4,
  parseMac,
  parsePrefix,
} from '../../base/addr.ts'
import { addrAdd, addrDel } from '../../net/ip/devinet.ts'
import { linkByName, linksOf } from '../../net/link/device.ts'
import type { LinkChange } from '../../net/link/netlink.ts'
import { linkSet } from '../../net/link/netlink.ts'
import type { NlResult } from '../../net/nlresult.ts'
import { nlErrno } from '../../net/nlresult.ts'
import { strerror } from '../../net/nlresult.ts'
import type { Link } from '../../net/types.ts'
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../program.ts'
import { fail, out } from '../program.ts'

export const ifconfig: Program = {
  name: 'ifconfig',
  help: 'show and set network devices (net-tools)',
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    let all = false
    let short = false
    while (args[0]?.startsWith('-') === true) {
      const option = args.shift()!
      if (option === '-a') all = true
      else if (option === '-s') short = true
      else if (option !== '-v')
        return fail(
          ctx,
          1,
          `ifconfig: option \`${option}' not recognised.\nifconfig: \`--help' gives usage information.`,
        )
    }
    const name = args.shift()
    const link = name === undefined ? undefined : linkByName(ctx.ns, name)
    if (name !== undefined && args.length > 0) return change(ctx, name, link, args)
    if (name !== undefined && link === undefined) {
      fail(ctx, 1, `${name}: error fetching interface information: Device not found`)
      return
    }
    if (short) out(ctx, 'Iface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n')
    const byName = [...linksOf(ctx.ns)].sort((a, b) => (a.name < b.name ? -1 : 1))
    const list = link !== undefined ? [link] : byName.filter((one) => all || one.up)
    for (const one of list) out(ctx, short ? row(one) : block(one))
    exitProcess(ctx, 0)
  },
}

function flagsOf(link: Link): { number: number; names: string[]; letters: string } {
  const loop = link.kind === 'loopback'
  const flags: [boolean, number, string, string][] = [
    [link.up, 1, 'UP', ''],
    [!loop, 2, 'BROADCAST', 'B'],
    [loop, 8, 'LOOPBACK', 'L'],
    [link.up && link.carrier, 64, 'RUNNING', ''],
    [link.noarp, 128, 'NOARP', ''],
    [link.promiscFlag, 256, 'PROMISC', 'P'],
    [!loop && link.kind !== 'dummy', 4096, 'MULTICAST', 'M'],
  ]
  const on = flags.filter(([set]) => set)
  const tail = `${link.up && link.carrier ? 'R' : ''}${link.up ? 'U' : ''}`
  return {
    number: on.reduce((sum, [, bit]) => sum + bit, 0),
    names: on.map(([, , name]) => name),
    letters: `${link.noarp ? 'O' : ''}${on.map(([, , , letter]) => letter).join('')}${tail}`,
  }
}

function row(link: Link): string {
  const { stats } = link
  const eight = (n: number) => String(n).padStart(9)
  const six = (n: number) => String(n).padStart(7)
  const rx = `${eight(stats.rxPackets)}${six(0)}${six(stats.rxDropped)} 0     `
  const tx = `${eight(stats.txPackets)}${six(0)}${six(stats.txDropped)}${six(0)}`
  return `${link.name.padEnd(15)} ${String(link.mtu).padStart(5)}${rx}${tx} ${flagsOf(link).letters}\n`
}

function block(link: Link): string {
  const pad = '        '
  const { stats } = link
  const flags = flagsOf(link)
  let text = `${link.name}: flags=${flags.number}<${flags.names.join(',')}>  mtu ${link.mtu}\n`
  const four = link.addrs.find((one) => typeof one.addr === 'number')
  if (four !== undefined) {
    const brd = link.kind === 'loopback' ? '' : `  broadcast ${formatIp4(four.brd ?? 0)}`
    text += `${pad}inet ${formatIp(four.addr)}  netmask ${formatIp4(maskOf4(four.len))}${brd}\n`
  }
  for (const { addr, len, scope } of link.addrs) {
    if (typeof addr !== 'string') continue
    const id = scope === 253 ? '0x20<link>' : scope === 254 ? '0x10<host>' : '0x0<global>'
    text += `${pad}inet6 ${formatIp(addr)}  prefixlen ${len}  scopeid ${id}\n`
  }
  text +=
    link.kind === 'loopback'
      ? `${pad}loop  txqueuelen ${link.qlen}  (Local Loopback)\n`
      : `${pad}ether ${formatMac(link.mac)}  txqueuelen ${link.qlen}  (Ethernet)\n`
  text += `${pad}RX packets ${stats.rxPackets}  bytes ${stats.rxBytes} (${human(stats.rxBytes)})\n`
  text += `${pad}RX errors 0  dropped ${stats.rxDropped}  overruns 0  frame 0\n`
  text += `${pad}TX packets ${stats.txPackets}  bytes ${stats.txBytes} (${human(stats.txBytes)})\n`
  return `${text}${pad}TX errors 0  dropped ${stats.txDropped} overruns 0  carrier 0  collisions 0\n\n`
}

/** One digit behind the point, cut and not rounded, by 1024. */
function human(bytes: number): string {
  const units: readonly [number, string][] = [
    [1024 ** 4, 'TiB'], [1024 ** 3, 'GiB'], [1024 ** 2, 'MiB'], [1024, 'KiB'],
  ] // biome-ignore format: one list
  const [unit, name] = units.find(([size]) => bytes > size) ?? [1, 'B']
  return `${(Math.floor((bytes * 10) / unit) / 10).toFixed(1)} ${name}`
}

/** `ifconfig DEV WORD ...`, in the order of the words. */
function change(ctx: ProcCtx, name: string, link: Link | undefined, args: string[]): void {
  const no = 'No such device'
  if (link === undefined) {
    const what =
      args[0] === 'up' || args[0] === 'down'
        ? `${name}: ERROR while getting interface flags: ${no}`
        : `SIOCSIFADDR: ${no}`
    fail(ctx, 255, args[0] === 'mtu' ? `SIOCSIFMTU: ${no}` : what)
    return
  }
  const set = (what: LinkChange): NlResult => linkSet(ctx.world, ctx.ns, link, what)
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    let result: NlResult = null
    let call = 'SIOCSIFFLAGS'
    if (word === 'up' || word === 'down') result = set({ up: word === 'up' })
    else if (word === 'promisc' || word === '-promisc') result = set({ promisc: word === 'promisc' })
    else if (word === 'arp' || word === '-arp') result = set({ arp: word === 'arp' })
    else if (word === 'mtu' || word === 'txqueuelen') {
      call = word === 'mtu' ? 'SIOCSIFMTU' : 'SIOCSIFTXQLEN'
      const number = Number(args[++i])
      result = set(word === 'mtu' ? { mtu: number } : { qlen: number })
    } else if (word === 'hw' && args[i + 1] === 'ether') {
      const mac = parseMac(args[i + 2] ?? '')
      i += 2
      if (mac === undefined) {
        fail(ctx, 1, `${args[i]}: invalid ether address.`)
        return
      }
      call = 'SIOCSIFHWADDR'
      result = set({ address: mac })
    } else if (word === 'netmask') {
      call = 'SIOCSIFNETMASK'
      result = netmask(ctx, link, args[++i] ?? '')
    } else if (word === 'broadcast') i++
    else if (word === 'add' || word === 'del') {
      const prefix = parsePrefix(args[++i] ?? '')
      if (prefix === undefined) {
        fail(ctx, 1, `ifconfig: \`${args[i] ?? ''}' is no address`)
        return
      }
      call = word === 'add' ? 'SIOCSIFADDR' : 'SIOCDIFADDR'
      const spec = { addr: prefix.addr, len: prefix.len }
      result =
        word === 'add' ? addrAdd(ctx.world, ctx.ns, link, spec) : addrDel(ctx.world, ctx.ns, link, spec)
    } else {
      const prefix = parsePrefix(word)
      if (typeof prefix?.addr !== 'number') {
        fail(ctx, 1, `${word}: Unknown host`)
        return
      }
      call = 'SIOCSIFADDR'
      result = address(ctx, link, prefix.addr, word.includes('/') ? prefix.len : undefined)
    }
    if (result !== null) {
      fail(ctx, 1, `${call}: ${strerror(result.errno)}`)
      return
    }
  }
  exitProcess(ctx, 0)
}

/** SIOCSIFADDR: the first address is replaced, with its class' mask, and the device comes up. */
function address(ctx: ProcCtx, link: Link, addr: number, given: number | undefined): NlResult {
  const first = addr >>> 24
  const len = given ?? (addr === 0 ? 0 : first < 128 ? 8 : first < 192 ? 16 : 24)
  const old = link.addrs.find((one) => typeof one.addr === 'number')
  if (old !== undefined) addrDel(ctx.world, ctx.ns, link, { addr: old.addr, len: old.len })
  if (addr === 0) return null
  const brd = link.kind === 'loopback' || len > 30 ? {} : { brd: broadcast4(addr, len) }
  return (
    addrAdd(ctx.world, ctx.ns, link, { addr, len, ...brd }) ?? linkSet(ctx.world, ctx.ns, link, { up: true })
  )
}

function netmask(ctx: ProcCtx, link: Link, text: string): NlResult {
  const mask = parseIp4(text)
  const old = link.addrs.find((one) => typeof one.addr === 'number')
  let len = 0
  while (len < 32 && mask !== undefined && ((mask << len) & 0x80000000) !== 0) len++
  if (mask === undefined || maskOf4(len) !== mask) return nlErrno('EINVAL')
  if (old === undefined) return nlErrno('EADDRNOTAVAIL')
  return address(ctx, link, old.addr as number, len)
}
