/**
 * One call of a CNI plugin: environment and configuration in, JSON out. Models containernetworking/cni pkg/skel (1.0)
 * and the specification 1.0.0.
 */
import { formatIp } from '../../base/addr.ts'
import { assert } from '../../base/assert.ts'
import type { World } from '../../net/types.ts'
import { parseGoJson } from '../gojson.ts'
import { bridgePlugin } from './bridge.ts'
import { cniHost } from './host.ts'
import { hostLocal } from './hostlocal.ts'
import { addressOf } from './links.ts'
import { portmapPlugin } from './portmap.ts'
import { loopbackPlugin, ptpPlugin } from './ptp.ts'
import type {
  CniArgs,
  CniCall,
  CniConfig,
  CniFault,
  CniPlugin,
  CniResult,
  CniTell,
  CniWork,
} from './types.ts'
import { cniFail, isCniFault, SUPPORTED_VERSIONS } from './types.ts'

export interface CniExit {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

/** What a call came to without its texts: an answer (none but of ADD and VERSION), or the error. */
export interface CniAnswer {
  readonly answer?: object
  readonly fault?: CniFault
  /** A call that goes step by step is not at its end. */
  readonly more?: boolean
}

/** A call that goes step by step: what is done of it, and who is told. */
export interface CniPace {
  readonly work: CniWork
  readonly tell: CniTell
}

const DEFAULT_PATH = '/opt/cni/bin'

const MAIN: Readonly<Record<string, CniPlugin>> = Object.freeze({
  bridge: bridgePlugin(ipamCall),
  ptp: ptpPlugin(ipamCall),
  loopback: loopbackPlugin,
  portmap: portmapPlugin,
  'host-local': hostLocal,
})

/** Names of the plugins that there are, as files of /opt/cni/bin. */
export const CNI_PLUGINS: readonly string[] = Object.freeze(Object.keys(MAIN).sort())

/** Runs a plugin on a machine. `stdin` is the configuration's text. */
export function cniExec(
  world: World,
  machineId: number,
  plugin: string,
  env: ReadonlyMap<string, string>,
  stdin: string,
): CniExit {
  const code = MAIN[plugin]
  if (code === undefined) return { exit: 127, stdout: '', stderr: `${plugin}: command not found\n` }
  const command = env.get('CNI_COMMAND') ?? ''
  if (command === '') {
    const about = `CNI ${plugin} plugin version unknown\nCNI protocol versions supported: ${SUPPORTED_VERSIONS.join(', ')}\n`
    return { exit: 0, stdout: '', stderr: about }
  }
  const { answer, fault } = answerOf(world, machineId, code, command, env, () => parseConfig(stdin))
  if (fault === undefined) return { exit: 0, stdout: answer === undefined ? '' : pretty(answer), stderr: '' }
  const { code: number, msg, details } = fault
  return {
    exit: 1,
    stdout: pretty({ code: number, msg, ...(details === '' ? {} : { details }) }),
    stderr: '',
  }
}

/**
 * As `cniExec` for a runtime that has the configuration as a value and takes the answer as one. With a pace only the next
 * step is taken, with the same configuration each time.
 */
export function cniCall(
  world: World,
  machineId: number,
  plugin: string,
  env: ReadonlyMap<string, string>,
  config: CniConfig,
  pace?: CniPace,
): CniAnswer {
  const code = MAIN[plugin]
  assert(code !== undefined, `there is a plugin ${plugin}`)
  return answerOf(world, machineId, code, env.get('CNI_COMMAND') ?? '', env, () => config, pace)
}

const MORE = Object.freeze({})
const MORE_ANSWER: CniAnswer = Object.freeze({ more: true })

function answerOf(
  world: World,
  machineId: number,
  plugin: CniPlugin,
  command: string,
  env: ReadonlyMap<string, string>,
  config: () => CniConfig,
  pace?: CniPace,
): CniAnswer {
  try {
    const answer = run(world, machineId, plugin, command, env, config, pace)
    if (answer === MORE) return MORE_ANSWER
    return answer === undefined ? {} : { answer }
  } catch (thrown) {
    if (!isCniFault(thrown)) throw thrown
    return { fault: thrown }
  }
}

function run(
  world: World,
  machineId: number,
  plugin: CniPlugin,
  command: string,
  env: ReadonlyMap<string, string>,
  read: () => CniConfig,
  pace: CniPace | undefined,
): object | undefined {
  const args = argsOf(command, env)
  const config = read()
  if (command === 'VERSION') return { cniVersion: '1.0.0', supportedVersions: SUPPORTED_VERSIONS }
  checkArgs(command, args)
  const version = config.cniVersion ?? '0.1.0'
  if ((config.name ?? '') === '') cniFail('missing network name', 7)
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(config.name!)) {
    cniFail('invalid characters found in network name', 7, config.name!)
  }
  if (!(SUPPORTED_VERSIONS as readonly string[]).includes(version)) {
    const supports = SUPPORTED_VERSIONS.map((one) => `"${one}"`).join(' ')
    cniFail('incompatible CNI versions', 1, `config is "${version}", plugin supports [${supports}]`)
  }
  const host = cniHost(world, machineId)
  const call: CniCall = pace === undefined ? { host, args, config } : { host, args, config, tell: pace.tell }
  if (pace !== undefined && plugin.steps !== undefined) {
    const { steps } = plugin
    const own = command === 'ADD' ? steps.add : steps.del
    own[pace.work.at++]!(call, pace.work)
    if (pace.work.at < own.length) return MORE
    return command === 'ADD' ? asVersion(steps.result(call, pace.work), version) : undefined
  }
  if (command === 'ADD') return asVersion(plugin.add(call), version)
  if (command === 'DEL') plugin.del(call)
  else plugin.check(call)
  return undefined
}

/** What the command needs of the environment; all that is missing is named at once. */
function argsOf(command: string, env: ReadonlyMap<string, string>): CniArgs {
  const needs: Record<string, readonly string[]> = {
    ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
    CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
    DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
    VERSION: [],
  }
  const needed = needs[command]
  if (needed === undefined) return cniFail(`unknown CNI_COMMAND: ${command}`, 4)
  const missing = needed.filter((name) => (env.get(name) ?? '') === '')
  if (missing.length > 0) cniFail(`required env variables [${missing.join(',')}] missing`, 4)
  return {
    containerId: env.get('CNI_CONTAINERID') ?? '',
    netns: env.get('CNI_NETNS') ?? '',
    ifname: env.get('CNI_IFNAME') ?? '',
    path: env.get('CNI_PATH') ?? DEFAULT_PATH,
  }
}

function checkArgs(command: string, { containerId, ifname }: CniArgs): void {
  if (command === 'VERSION') return
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId))
    cniFail('invalid characters in containerID', 4, containerId)
  if (ifname.length > 15) {
    cniFail('interface name is too long', 4, 'interface name should be less than 16 characters')
  }
  if (ifname === '.' || ifname === '..') cniFail('interface name is . or ..', 4)
  for (const char of ifname) {
    if (char === '/' || char === ':' || /\s/.test(char)) {
      cniFail('interface name contains / or : or whitespace characters', 4)
    }
  }
}

function parseConfig(stdin: string): CniConfig {
  const { value, error } = parseGoJson(stdin)
  if (error !== '') cniFail(`error unmarshall network config: ${error}`, 6)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
    cniFail(
      `error unmarshall network config: json: cannot unmarshal ${kind} into Go value of type types.NetConf`,
      6,
    )
  }
  return value as CniConfig
}

/** Calls the IPAM plugin that a configuration names, in the same environment. */
function ipamCall(call: CniCall, what: 'add' | 'del' | 'check'): CniResult | undefined {
  const type = call.config.ipam?.type ?? ''
  if (type !== 'host-local') {
    return cniFail(`failed to find plugin "${type}" in path [${call.args.path}]`)
  }
  const { tell } = call
  if (tell === undefined) return hostLocal[what](call) ?? undefined
  const talk = { plugin: type, stdin: JSON.stringify(call.config), stdout: '' }
  const given = hostLocal[what]({ ...call, tell: (about, args) => tell(about, args, talk) }) ?? undefined
  const stdout = JSON.stringify(given ?? '')
  for (const { address } of given?.ips ?? []) tell('ipam', { address }, { ...talk, stdout })
  return given
}

/** The result as an older version writes it: up to 0.4.0 every address says its family. */
function asVersion({ dns = {}, ...given }: CniResult, version: string): object {
  const result = { ...given, cniVersion: version, dns }
  if (version === '1.0.0') return result
  if (version === '0.1.0' || version === '0.2.0') return oldResult(result, version)
  const ips = (result.ips ?? []).map((ip) => ({
    version: typeof addressOf(ip).addr === 'number' ? '4' : '6',
    ...ip,
  }))
  return { ...result, ips }
}

function oldResult({ ips = [], routes, dns = {} }: CniResult, version: string): object {
  const out: Record<string, unknown> = { cniVersion: version }
  for (const ip of ips) {
    const { addr } = addressOf(ip)
    const key = typeof addr === 'number' ? 'ip4' : 'ip6'
    const own = (routes ?? []).filter((route) => route.dst.includes(':') === formatIp(addr).includes(':'))
    out[key] ??= { ip: ip.address, ...(ip.gateway === undefined ? {} : { gateway: ip.gateway }), routes: own }
  }
  return { ...out, dns }
}

function pretty(value: object): string {
  return `${JSON.stringify(value, null, 4)}\n`
}
