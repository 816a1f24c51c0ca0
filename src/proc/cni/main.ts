/** What the main plugins share: the IPAM plugin that they call, DEL and CHECK. Models plugins/main/bridge and ptp (1.1.1). */
import { formatIp, maskIp } from '../../base/addr.ts'
import type { Ip } from '../../base/addr.ts'
import { linkByName } from '../../net/link/device.ts'
import { findNetnsAt, netnsAt } from './host.ts'
import { addressOf, delLinkByName, macText } from './links.ts'
import { cniChain, teardownMasq } from './masq.ts'
import type { CniCall, CniIp, CniResult, CniStep } from './types.ts'
import { cniFail } from './types.ts'

/** Calls the IPAM plugin that the configuration names; given by `exec.ts`. */
export type Ipam = (call: CniCall, what: 'add' | 'del' | 'check') => CniResult | undefined

/** DEL of bridge and ptp: what is gone already is well. */
export function mainDelSteps(ipam: Ipam): CniStep[] {
  return [
    (call) => {
      if ((call.config.ipam?.type ?? '') !== '') ipam(call, 'del')
    },
    (call, work) => {
      const { host, args } = call
      const inside = args.netns === '' ? undefined : findNetnsAt(host, args)
      work.gone = inside === undefined ? [] : (delLinkByName(host.world, inside, args.ifname) ?? [])
      call.tell?.('unlink', { ifname: args.ifname })
    },
    (call, work) => {
      if (call.config.ipMasq !== true) return
      for (const addr of work.gone) teardownMasq(call, addr)
      if (call.tell === undefined || work.gone.length === 0) return
      call.tell('unmasq', { chain: cniChain(call.config.name ?? '', call.args.containerId) })
    },
  ]
}

export function mainCheck(call: CniCall, ipam: Ipam): void {
  const { host, args, config } = call
  if ((config.ipam?.type ?? '') !== '') ipam(call, 'check')
  if (config.prevResult === undefined) cniFail('must be called with prevResult', 7)
  const inside = netnsAt(host, args)
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

/** Gives the addresses back where what follows fails. */
export function undoOnFault(call: CniCall, ipam: Ipam, act: () => void): void {
  try {
    act()
  } catch (thrown) {
    if ((call.config.ipam?.type ?? '') !== '') ipam(call, 'del')
    throw thrown
  }
}

/** An address without a gateway gets the first of its network. */
export function withGateways(ips: readonly CniIp[], at: number): CniIp[] {
  return ips.map((ip) => {
    const { addr, len } = addressOf(ip)
    const base = maskIp(addr, len)
    const first: Ip =
      typeof base === 'number' ? (base + 1) | 0 : (BigInt(`0x${base}`) + 1n).toString(16).padStart(32, '0')
    return { interface: at, address: ip.address, gateway: ip.gateway ?? formatIp(first) }
  })
}
