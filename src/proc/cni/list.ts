/** A network configuration list as a container runtime runs it. Models containernetworking/cni libcni (1.0) and its result cache. */
import type { World } from '../../net/types.ts'
import { deepFreeze } from '../../kube/types.ts'
import type { FileCtx } from '../../run/files.ts'
import { listDir, readFile, statFile } from '../../run/files.ts'
import type { FileNode } from '../../run/types.ts'
import { parseGoJson } from '../gojson.ts'
import type { CniAnswer } from './exec.ts'
import { CNI_PLUGINS, cniCall } from './exec.ts'
import { cniHost } from './host.ts'
import type { CniConfig, CniFault, CniPortMapping, CniResult } from './types.ts'

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

function call(
  world: World,
  machineId: number,
  list: CniList,
  plugin: CniList['plugins'][number],
  command: string,
  pod: CniPod,
  prevResult: CniResult | undefined,
): CniAnswer & { missing?: string } {
  const type = plugin.type ?? ''
  const { files } = cniHost(world, machineId)
  const installed = listDir(files, BIN_DIR)
  const there = CNI_PLUGINS.includes(type) && (installed === undefined || installed.includes(type))
  if (!there) {
    const missing = `plugin type="${type}" name="${list.name}" failed (add): failed to find plugin "${type}" in path [${BIN_DIR}]`
    return { missing }
  }
  const { capabilities, ...config } = plugin
  const wantsPorts = capabilities?.portMappings === true && (pod.portMappings ?? []).length > 0
  const full = {
    ...config,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(wantsPorts ? { runtimeConfig: { ...plugin.runtimeConfig, portMappings: pod.portMappings } } : {}),
    ...(prevResult === undefined ? {} : { prevResult }),
  }
  const env = new Map([
    ['CNI_COMMAND', command],
    ['CNI_CONTAINERID', pod.containerId],
    ['CNI_NETNS', pod.netns],
    ['CNI_IFNAME', pod.ifname],
    ['CNI_ARGS', pod.args ?? ''],
    ['CNI_PATH', BIN_DIR],
  ])
  return cniCall(world, machineId, type, env, full)
}

/** What libcni makes of a plugin's failure. */
function faultOf(plugin: CniConfig, { msg, details }: CniFault, command: string): string {
  return `plugin type="${plugin.type ?? ''}" failed (${command}): ${msg}${details === '' ? '' : `; ${details}`}`
}
