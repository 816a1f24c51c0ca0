/** What CNI plugins are given and answer. Models the CNI specification 1.0.0 and the reference plugins 1.1.1. */
import type { Ip, Mac } from '../../base/addr.ts'
import type { Netns, World } from '../../net/types.ts'
import type { FileCtx } from '../../run/files.ts'
import type { Machine } from '../../run/types.ts'

export const SUPPORTED_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'] as const

/** The machine that a plugin runs on. */
export interface CniHost {
  readonly world: World
  /** Touched. */
  readonly machine: Machine
  /** Its root namespace, touched. */
  readonly ns: Netns
  readonly files: FileCtx
}

export interface CniInterface {
  readonly name: string
  readonly mac?: string
  readonly sandbox?: string
}

export interface CniIp {
  readonly interface?: number
  readonly address: string
  readonly gateway?: string
}

export interface CniRoute {
  readonly dst: string
  readonly gw?: string
}

/** A result as 1.0.0 writes it. */
export interface CniResult {
  readonly cniVersion: string
  readonly interfaces?: readonly CniInterface[]
  readonly ips?: readonly CniIp[]
  readonly routes?: readonly CniRoute[]
  readonly dns?: {
    readonly nameservers?: readonly string[]
    readonly domain?: string
    readonly search?: readonly string[]
    readonly options?: readonly string[]
  }
}

/** A network configuration: what all plugins read, and each one's own fields. */
export interface CniConfig {
  readonly cniVersion?: string
  readonly name?: string
  readonly type?: string
  readonly ipam?: CniIpam
  readonly prevResult?: CniResult
  readonly args?: { readonly cni?: { readonly ips?: readonly string[] } }
  readonly runtimeConfig?: {
    readonly portMappings?: readonly CniPortMapping[]
    readonly ips?: readonly string[]
    readonly ipRanges?: readonly (readonly CniRange[])[]
  }
  // bridge, ptp
  readonly bridge?: string
  readonly isGateway?: boolean
  readonly isDefaultGateway?: boolean
  readonly forceAddress?: boolean
  readonly ipMasq?: boolean
  readonly mtu?: number
  readonly hairpinMode?: boolean
  readonly promiscMode?: boolean
  readonly vlan?: number
  readonly dns?: CniResult['dns']
  // portmap
  readonly snat?: boolean
  readonly masqAll?: boolean
  readonly markMasqBit?: number
  readonly externalSetMarkChain?: string
  readonly conditionsV4?: readonly string[]
  readonly conditionsV6?: readonly string[]
}

export interface CniIpam {
  readonly type?: string
  readonly subnet?: string
  readonly rangeStart?: string
  readonly rangeEnd?: string
  readonly gateway?: string
  readonly ranges?: readonly (readonly CniRange[])[]
  readonly routes?: readonly CniRoute[]
  readonly dataDir?: string
}

export interface CniRange {
  readonly subnet: string
  readonly rangeStart?: string
  readonly rangeEnd?: string
  readonly gateway?: string
}

export interface CniPortMapping {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol?: string
  readonly hostIP?: string
}

/** The call's environment, checked. */
export interface CniArgs {
  readonly containerId: string
  readonly netns: string
  readonly ifname: string
  readonly path: string
}

/** What a plugin's parts throw: plain records, put into JSON where the plugin ends. */
export interface CniFault {
  readonly cni: true
  readonly code: number
  readonly msg: string
  readonly details: string
}

/** Ends the call with an error; 999 is what the reference plugins use for everything of their own. */
export function cniFail(msg: string, code = 999, details = ''): never {
  throw { cni: true, code, msg, details } satisfies CniFault
}

export function isCniFault(thrown: unknown): thrown is CniFault {
  return typeof thrown === 'object' && thrown !== null && 'cni' in thrown
}

export interface CniCall {
  readonly host: CniHost
  readonly args: CniArgs
  readonly config: CniConfig
  /** Told what a step did, where somebody listens. */
  readonly tell?: CniTell
}

export type CniTell = (what: string, args: Readonly<Record<string, string>>, io?: CniTalk) => void

/** What a plugin that another one called was given and answered. */
export interface CniTalk {
  readonly plugin: string
  readonly stdin: string
  readonly stdout: string
}

/** What a plugin keeps between its steps: plain data, names and no records of the network. */
export interface CniWork {
  /** How many steps are done. */
  at: number
  /** The bridge's own address before its first port. */
  mac: Mac
  /** The host's end of the cable. */
  host: string
  /** What the IPAM plugin gave: addresses with their gateways, routes. */
  given: CniResult
  /** Addresses that went with the container's device. */
  gone: readonly Ip[]
}

/** A stretch of a plugin between two answers of the kernel. */
export type CniStep = (call: CniCall, work: CniWork) => void

export function createWork(): CniWork {
  return { at: 0, mac: 0, host: '', given: NOTHING, gone: NONE }
}

/** All steps in one go. */
export function runSteps(steps: readonly CniStep[], call: CniCall): CniWork {
  const work = createWork()
  for (const step of steps) step(call, work)
  return work
}

const NOTHING: CniResult = Object.freeze({ cniVersion: '' })
const NONE: readonly Ip[] = Object.freeze([])

/** One plugin's commands. ADD answers a result, the others nothing. */
export interface CniPlugin {
  readonly add: (call: CniCall) => CniResult
  readonly del: (call: CniCall) => void
  readonly check: (call: CniCall) => void
  /** The same, where a step of it can be looked at by itself. */
  readonly steps?: {
    readonly add: readonly CniStep[]
    readonly result: (call: CniCall, work: CniWork) => CniResult
    readonly del: readonly CniStep[]
  }
}
