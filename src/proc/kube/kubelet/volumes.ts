/**
 * Volumes as files of a container. Models pkg/volume/{configmap,secret,downwardapi,projected,emptydir} (1.32).
 * emptyDir and hostPath are the node's own directories; the others are copied when a container starts, and again some
 * time after a change. Not here: persistent volumes, real tokens.
 */
import { interned } from '../../../base/intern.ts'
import type { Container as Spec, Volume } from '../../../kube/objects-pod.ts'
import { containerFiles } from '../../../run/containerlife.ts'
import { removeFile, statFile, WITH_CONTAINER } from '../../../run/files.ts'
import type { Container, FileNode } from '../../../run/types.ts'
import { cniHost, makeDirs } from '../../cni/host.ts'
import { field, isRecord } from '../../../kube/types.ts'
import { keysOf, podField } from './env.ts'
import type { Kubelet, PodRun } from './state.ts'

interface Item {
  readonly key: string
  readonly path: string
}

/** Every namespace has it in a real cluster; nothing here is signed. */
const ROOT_CA = 'kube-root-ca.crt'
const NO_CERTIFICATE = 'Kubehop has no certificates: connections to the API server are in clear.\n'
const NO_TOKEN = 'kubehop-has-no-tokens'
const MOUNTED_DIR: FileNode = Object.freeze({ kind: 'dir', text: '', mode: 0o755, mtime: WITH_CONTAINER })

/** '' where all volumes of a pod can be set up, else the event's text. */
export function volumeProblem(kubelet: Kubelet, run: PodRun): string {
  for (const volume of run.pod.spec.volumes ?? []) {
    const { error } = filesOf(kubelet, run, volume)
    if (error !== '') return `MountVolume.SetUp failed for volume "${volume.name}" : ${error}`
  }
  return ''
}

/** Puts a container's mounts into its file tree. */
export function mountVolumes(kubelet: Kubelet, run: PodRun, spec: Spec, container: Container): void {
  const { world } = kubelet
  const { now } = world
  const made: FileNode = Object.freeze({ kind: 'dir', text: '', mode: 0o755, mtime: now })
  const put = (path: string, text: string) =>
    containerFiles(container).set(
      interned(path),
      Object.freeze({ kind: 'file', text, mode: 0o644, mtime: now }),
    )
  const dir = (path: string) => {
    if (container.files.get(path) === made) return
    for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
      const at = end < 0 ? path : path.slice(0, end)
      if (!container.files.has(at) && !Object.hasOwn(container.base, at)) {
        containerFiles(container).set(interned(at), made)
      }
      if (end < 0) return
    }
  }
  for (const { name, mountPath, subPath = '' } of spec.volumeMounts ?? []) {
    const volume = run.pod.spec.volumes?.find((one) => one.name === name)
    if (volume === undefined) continue
    const at = mountPath.replace(/\/+$/, '')
    const source = sourceOf(run, volume)
    if (source !== undefined) {
      dir(at)
      bind(kubelet, container, at, subPath === '' ? source : `${source}/${subPath}`)
      continue
    }
    const { files } = filesOf(kubelet, run, volume)
    const only = files.get(subPath)
    if (subPath !== '' && only !== undefined) {
      dir(at.slice(0, at.lastIndexOf('/')))
      put(at, only)
      continue
    }
    const hidden = Object.keys(container.base).some((path) => path.startsWith(`${at}/`))
    if (volume.projected !== undefined && !hidden) {
      shareFiles(container, at, files)
      continue
    }
    // A mount hides what the image has there.
    for (const path of Object.keys(container.base))
      if (path.startsWith(`${at}/`)) containerFiles(container).set(path, null)
    dir(at)
    for (const [path, text] of files) {
      const full = `${at}/${path}`
      dir(full.slice(0, full.lastIndexOf('/')))
      put(full, text)
    }
  }
}

/** What stood first under a record of files, by what was added to it. Derived, and no part of the world's state. */
const mounted = new WeakMap<Container['base'], Map<string, Container['base']>>()
const MOUNTED_MAX = 64

/**
 * Puts files under a directory of a container that has just been made. Most pods have nothing but what every pod of their
 * namespace has (resolv.conf, a token, the cluster's certificate): such files stand beside the image's, once for all.
 */
export function shareFiles(container: Container, at: string, files: ReadonlyMap<string, string>): void {
  const { base } = container
  const nodes: Record<string, FileNode> = {}
  const parents = (path: string) => {
    const parts = path.split('/')
    for (let i = 2; i <= parts.length; i++) {
      const dir = parts.slice(0, i).join('/')
      if (!container.files.has(dir) && !Object.hasOwn(base, dir)) nodes[dir] = MOUNTED_DIR
    }
  }
  parents(at)
  for (const [path, text] of files) {
    const full = `${at}/${path}`
    parents(full.slice(0, full.lastIndexOf('/')))
    nodes[full] = Object.freeze({ kind: 'file', text, mode: 0o644, mtime: WITH_CONTAINER })
  }
  const known = mounted.get(base) ?? new Map<string, Container['base']>()
  const key = JSON.stringify(nodes)
  const whole = known.get(key) ?? Object.freeze({ ...base, ...nodes })
  if (known.size >= MOUNTED_MAX) known.clear()
  mounted.set(base, known.set(key, whole))
  container.base = whole
}

function filesOf(
  kubelet: Kubelet,
  run: PodRun,
  volume: Volume,
): { files: Map<string, string>; error: string } {
  const files = new Map<string, string>()
  const { configMap, secret, downwardAPI, projected } = volume
  let error = ''
  if (configMap !== undefined) {
    error = addKeys(kubelet, run, files, 'configmap', configMap.name ?? '', configMap)
  } else if (secret !== undefined) {
    error = addKeys(kubelet, run, files, 'secret', secret.secretName ?? '', secret)
  } else if (downwardAPI !== undefined) addFields(kubelet, run, files, downwardAPI)
  const sources = field(projected, 'sources')
  for (const source of Array.isArray(sources) ? sources : []) {
    for (const [kind, value] of Object.entries(isRecord(source) ? source : {})) {
      const named = value as { name?: string; items?: readonly Item[]; optional?: boolean }
      if (kind === 'serviceAccountToken') files.set(String(field(value, 'path') ?? 'token'), NO_TOKEN)
      else if (kind === 'downwardAPI') addFields(kubelet, run, files, value)
      else if (kind === 'configMap')
        error ||= addKeys(kubelet, run, files, 'configmap', named.name ?? '', named)
      else if (kind === 'secret') error ||= addKeys(kubelet, run, files, 'secret', named.name ?? '', named)
    }
  }
  return { files, error }
}

function addKeys(
  kubelet: Kubelet,
  { pod }: PodRun,
  files: Map<string, string>,
  resource: 'configmap' | 'secret',
  name: string,
  { items, optional }: { readonly items?: readonly Item[]; readonly optional?: boolean },
): string {
  const keys = keysOf(kubelet, pod, resource, name)
  if (keys === undefined && name === ROOT_CA) files.set('ca.crt', NO_CERTIFICATE)
  if (keys === undefined)
    return optional === true || name === ROOT_CA ? '' : `${resource} "${name}" not found`
  const values = new Map(keys)
  for (const { key, path } of items ?? keys.map(([one]) => ({ key: one, path: one }))) {
    const text = values.get(key)
    if (text !== undefined) files.set(path, text)
    else if (optional !== true)
      return `${resource} references non-existent ${resource === 'secret' ? 'secret' : 'config'} key: ${key}`
  }
  return ''
}

function addFields(kubelet: Kubelet, run: PodRun, files: Map<string, string>, source: unknown): void {
  const items = isRecord(source) ? source.items : undefined
  for (const item of Array.isArray(items) ? items : []) {
    const path = field(item, 'path')
    const fieldPath = field(field(item, 'fieldRef'), 'fieldPath')
    if (typeof path !== 'string' || typeof fieldPath !== 'string') continue
    files.set(path, podField(kubelet, run, fieldPath) ?? '')
  }
}

/** Whether a pod mounts a ConfigMap or Secret of this name as files. */
export function mountsConfig({ pod }: PodRun, resource: string, name: string): boolean {
  return (pod.spec.volumes ?? []).some(({ configMap, secret, projected }) => {
    if (projected !== undefined) return JSON.stringify(projected).includes(`"name":${JSON.stringify(name)}`)
    return (resource === 'configmaps' ? configMap?.name : secret?.secretName) === name
  })
}

/** Brings the files of a running container up to date; what was mounted by subPath stays as it is. */
export function refreshVolumes(kubelet: Kubelet, run: PodRun, spec: Spec, container: Container): void {
  for (const { name, mountPath, subPath = '' } of spec.volumeMounts ?? []) {
    const volume = run.pod.spec.volumes?.find((one) => one.name === name)
    if (volume === undefined || subPath !== '' || sourceOf(run, volume) !== undefined) continue
    const { files, error } = filesOf(kubelet, run, volume)
    if (error !== '') continue
    const at = `${mountPath.replace(/\/+$/, '')}/`
    for (const [path, node] of container.files) {
      if (node?.kind === 'file' && path.startsWith(at) && !files.has(path.slice(at.length))) {
        containerFiles(container).delete(path)
      }
    }
    for (const path of volume.projected === undefined ? [] : Object.keys(container.base)) {
      if (!path.startsWith(at) || files.has(path.slice(at.length)) || container.files.has(path)) continue
      if (container.base[path]!.kind === 'file' && path !== '/etc/resolv.conf') {
        containerFiles(container).set(path, null)
      }
    }
    for (const [path, text] of files) {
      if ((container.files.get(at + path) ?? container.base[at + path])?.text === text) continue
      const node: FileNode = { kind: 'file', text, mode: 0o644, mtime: kubelet.world.now }
      containerFiles(container).set(at + path, Object.freeze(node))
    }
  }
}

/** What a pod's emptyDir volumes hold goes with it. */
export function dropVolumes({ world, machine }: Kubelet, run: PodRun): void {
  if (!(run.pod.spec.volumes ?? []).some(({ emptyDir }) => emptyDir !== undefined)) return
  const { files } = cniHost(world, machine.id)
  const at = podDir(run)
  const inside = [...machine.files.keys()].filter((path) => path === at || path.startsWith(`${at}/`))
  for (const path of inside.sort().reverse()) removeFile(files, path)
}

function podDir(run: PodRun): string {
  return `/var/lib/kubelet/pods/${run.uid}`
}

/** Where on the node a volume is that is a directory there. */
function sourceOf(run: PodRun, { name, emptyDir, hostPath }: Volume): string | undefined {
  if (hostPath !== undefined) return hostPath.path.replace(/(.)\/+$/, '$1')
  return emptyDir === undefined ? undefined : `${podDir(run)}/volumes/kubernetes.io~empty-dir/${name}`
}

function bind({ world, machine }: Kubelet, container: Container, path: string, source: string): void {
  const { files } = cniHost(world, machine.id)
  if (statFile(files, source) === undefined) makeDirs(files, source)
  container.mounts = Object.freeze([...container.mounts, Object.freeze({ path, source })])
}
