/** A network configuration list as a container runtime runs it. Models containernetworking/cni libcni (1.0) and its result cache. */
import type { World } from '../../net/types.ts'
import { deepFreeze } from '../../kube/types.ts'
import type { FileCtx } from '../../run/files.ts'
import { listDir, readFile, statFile } from '../../run/files.ts'
import type { FileNode } from '../../run/types.ts'
import { parseGoJson } from '../gojson.ts'
import type { CniAnswer, CniPace } from './exec.ts'
import { CNI_PLUGINS, cniCall } from './exec.ts'
import { cniHost } from './host.ts'
import type { CniConfig, CniFault, CniPortMapping, CniResult, CniTell, CniWork } from './types.ts'
import { createWork } from './types.ts'

export const CONF_DIR = '/etc/cni/net.d'
export const BIN_DIR = '/opt/cni/bin'

/** A conflist, or a single configuration as a list of one. */
export interface CniList {
  readonly name: string
  readonly cniVersion: string
  readonly plugins: readonly (CniConfig & { readonly capabilities?: Readonly<Record<string, boolean>> })[]
}

export interface CniPod {
  readonly containerId: string
  /** Path of the namespace. */
  readonly netns: string
  readonly ifname: string
  readonly portMappings?: readonly CniPortMapping[]
  /** CNI_ARGS */
  readonly args?: string
}

/** A list under way, between two of its steps: plain data. */
export interface CniRun {
  readonly command: 'ADD' | 'DEL'
  readonly list: CniList
  readonly pod: CniPod
  /** How many plugins have ended, and what the one at work keeps. */
  done: number
  work: CniWork
  result: CniResult | undefined
}

export type CniListResult =
  | { readonly ok: true; readonly result: CniResult }
  | { readonly ok: false; readonly error: string }

/** The first list of a directory by name, as the runtime loads it; an error in its words where there is none. */
export function loadCniList(world: World, machineId: number): { list: CniList | undefined; error: string } {
  const { files } = cniHost(world, machineId)
  const names = (listDir(files, CONF_DIR) ?? []).filter((name) => /\.(conflist|conf|json)$/.test(name)).sort()
  if (names.length === 0) return { list: undefined, error: `no network config found in ${CONF_DIR}` }
  let error = ''
  for (const name of names) {
    const parsed = parsedList(statFile(files, `${CONF_DIR}/${name}`), files, name)
    if (parsed.list !== undefined) return parsed
    error = `error parsing configuration list: ${parsed.error}`
  }
  return { list: undefined, error: `no valid networks found in ${CONF_DIR}: ${error}` }
}

/** A file's list. Derived from the file, which never changes, and no part of the world's state. */
function parsedList(
  node: FileNode | undefined,
  files: FileCtx,
  name: string,
): { list: CniList | undefined; error: string } {
  const known = node === undefined ? undefined : parsedLists.get(node)
  if (known !== undefined) return known
  const { value, error } = parseGoJson(readFile(files, `${CONF_DIR}/${name}`).text)
  const list = error === '' ? deepFreeze(listOf(value as Record<string, unknown>)) : undefined
  const parsed = { list, error: error !== '' ? error : list === undefined ? 'no plugins in list' : '' }
  if (node !== undefined && Object.isFrozen(node)) parsedLists.set(node, parsed)
  return parsed
}

const parsedLists = new WeakMap<FileNode, { list: CniList | undefined; error: string }>()

function listOf(value: Record<string, unknown> | null): CniList | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { name = '', cniVersion = '0.1.0', plugins } = value
  const listed = Array.isArray(plugins) ? plugins : typeof value.type === 'string' ? [value] : []
  if (listed.length === 0) return undefined
  return { name: String(name), cniVersion: String(cniVersion), plugins: listed }
}

/** ADD in the list's order, each plugin given what the one before answered. The first that fails ends it. */
export function cniListAdd(world: World, machineId: number, list: CniList, pod: CniPod): CniListResult {
  let prevResult: CniResult | undefined
  for (const plugin of list.plugins) {
    const { answer, fault, missing } = call(world, machineId, list, plugin, 'ADD', pod, prevResult)
    if (missing !== undefined) return { ok: false, error: missing }
    if (fault !== undefined) return { ok: false, error: faultOf(plugin, fault, 'add') }
    prevResult = answer as CniResult
  }
  return { ok: true, result: prevResult ?? { cniVersion: list.cniVersion } }
}

/** DEL in reverse order, every plugin given the final result of ADD. '' or the first failure. */
export function cniListDel(
  world: World,
  machineId: number,
  list: CniList,
  pod: CniPod,
  result: CniResult | undefined,
): string {
  for (const plugin of [...list.plugins].reverse()) {
    const { fault, missing } = call(world, machineId, list, plugin, 'DEL', pod, result)
    if (missing !== undefined) return missing
    if (fault !== undefined) return faultOf(plugin, fault, 'delete')
  }
  return ''
}

/** A list that goes step by step. */
export function createCniRun(command: 'ADD' | 'DEL', list: CniList, pod: CniPod): CniRun {
  return { command, list, pod, done: 0, work: createWork(), result: undefined }
}

/**
 * The next step of a list. Undefined: more follow; else as the list in one go ends. Whoever listens is told of a plugin's
 * input at its first step, and of its output at the last.
 */
export function cniListStep(
  world: World,
  machineId: number,
  run: CniRun,
  tell: CniTell,
): CniListResult | undefined {
  const { command, list, pod, result, work } = run
  const plugins = command === 'ADD' ? list.plugins : [...list.plugins].reverse()
  const plugin = plugins[run.done]!
  const type = plugin.type ?? ''
  const talk = { plugin: type, stdin: '', stdout: '' }
  if (work.at === 0) {
    const stdin = JSON.stringify(configOf(list, plugin, pod, result))
    tell('exec', { path: `${BIN_DIR}/${type}` }, { ...talk, stdin })
  }
  const pace = { work, tell: (what, args, io) => tell(what, args, io ?? talk) } satisfies CniPace
  const { answer, fault, more, missing } = call(world, machineId, list, plugin, command, pod, result, pace)
  if (more === true) return undefined
  const said = fault === undefined ? answer : { code: fault.code, msg: fault.msg, details: fault.details }
  const stdout = missing ?? (said === undefined ? '' : JSON.stringify(said))
  const failed = missing !== undefined || fault !== undefined
  tell(failed ? 'fault' : 'answer', { code: failed ? '1' : '0' }, { ...talk, stdout })
  if (missing !== undefined) return { ok: false, error: missing }
  if (fault !== undefined) {
    return { ok: false, error: faultOf(plugin, fault, command === 'ADD' ? 'add' : 'delete') }
  }
  if (command === 'ADD') run.result = answer as CniResult
  run.done++
  run.work = createWork()
  return run.done < plugins.length
    ? undefined
    : { ok: true, result: run.result ?? { cniVersion: list.cniVersion } }
}

function call(
  world: World,
  machineId: number,
  list: CniList,
  plugin: CniList['plugins'][number],
  command: string,
  pod: CniPod,
  prevResult: CniResult | undefined,
  pace?: CniPace,
): CniAnswer & { missing?: string } {
  const type = plugin.type ?? ''
  const { files } = cniHost(world, machineId)
  if (!CNI_PLUGINS.includes(type) || !isInstalled(files, type)) {
    const missing = `plugin type="${type}" name="${list.name}" failed (add): failed to find plugin "${type}" in path [${BIN_DIR}]`
    return { missing }
  }
  const env = new Map([
    ['CNI_COMMAND', command],
    ['CNI_CONTAINERID', pod.containerId],
    ['CNI_NETNS', pod.netns],
    ['CNI_IFNAME', pod.ifname],
    ['CNI_ARGS', pod.args ?? ''],
    ['CNI_PATH', BIN_DIR],
  ])
  return cniCall(world, machineId, type, env, configOf(list, plugin, pod, prevResult), pace)
}

/** Without the directory all are: a machine has them somewhere. */
function isInstalled(files: FileCtx, type: string): boolean {
  if (statFile(files, BIN_DIR)?.kind !== 'dir') return true
  return type !== '' && statFile(files, `${BIN_DIR}/${type}`, false) !== undefined
}

/** What a plugin of the list reads: its own configuration, the list's name, what the pod asks for, what came before. */
function configOf(
  list: CniList,
  plugin: CniList['plugins'][number],
  pod: CniPod,
  prevResult: CniResult | undefined,
): CniConfig {
  const { capabilities, ...config } = plugin
  const wantsPorts = capabilities?.portMappings === true && (pod.portMappings ?? []).length > 0
  return {
    ...config,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(wantsPorts
      ? { runtimeConfig: { ...plugin.runtimeConfig, portMappings: pod.portMappings ?? [] } }
      : {}),
    ...(prevResult === undefined ? {} : { prevResult }),
  }
}

/** What libcni makes of a plugin's failure. */
function faultOf(plugin: CniConfig, { msg, details }: CniFault, command: string): string {
  return `plugin type="${plugin.type ?? ''}" failed (${command}): ${msg}${details === '' ? '' : `; ${details}`}`
}
