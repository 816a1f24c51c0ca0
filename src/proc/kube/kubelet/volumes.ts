/**
 * Volumes as files of a container. Models pkg/volume/{configmap,secret,downwardapi,projected,emptydir} (1.32).
 * Not here: what containers of a pod write into a shared volume while they run, hostPath, persistent volumes, tokens.
 */
import type { Container as Spec, Volume } from '../../../kube/objects-pod.ts'
import type { Container, FileNode } from '../../../run/types.ts'
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
  const put = (path: string, node: Omit<FileNode, 'mtime'>) =>
    container.files.set(path, Object.freeze({ ...node, mtime: world.now }))
  const dir = (path: string) => {
    const parts = path.split('/')
    for (let i = 2; i <= parts.length; i++) {
      const at = parts.slice(0, i).join('/')
      if (!container.files.has(at) && !Object.hasOwn(container.base, at)) {
        put(at, { kind: 'dir', text: '', mode: 0o755 })
      }
    }
  }
  for (const { name, mountPath, subPath = '' } of spec.volumeMounts ?? []) {
    const volume = run.pod.spec.volumes?.find((one) => one.name === name)
    if (volume === undefined) continue
    const at = mountPath.replace(/\/+$/, '')
    const files =
      volume.emptyDir === undefined ? filesOf(kubelet, run, volume).files : sharedFiles(kubelet, run, name)
    const only = files.get(subPath)
    if (subPath !== '' && only !== undefined) {
      dir(at.slice(0, at.lastIndexOf('/')))
      put(at, { kind: 'file', text: only, mode: 0o644 })
      continue
    }
    // A mount hides what the image has there.
    for (const path of Object.keys(container.base))
      if (path.startsWith(`${at}/`)) container.files.set(path, null)
    dir(at)
    for (const [path, text] of files) {
      const full = `${at}/${path}`
      dir(full.slice(0, full.lastIndexOf('/')))
      put(full, { kind: 'file', text, mode: 0o644 })
    }
  }
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

/** What containers that started before wrote into an emptyDir, as it is now. */
function sharedFiles({ machine }: Kubelet, run: PodRun, volume: string): Map<string, string> {
  const files = new Map<string, string>()
  const { spec } = run.pod
  for (const other of [...(spec.initContainers ?? []), ...spec.containers]) {
    const mount = other.volumeMounts?.find((one) => one.name === volume)
    const container = machine.containers.get(run.boxes.get(other.name)?.id ?? '')
    if (mount === undefined || container === undefined) continue
    const at = `${mount.mountPath.replace(/\/+$/, '')}/`
    for (const [path, node] of container.files) {
      if (node?.kind === 'file' && path.startsWith(at)) files.set(path.slice(at.length), node.text)
    }
  }
  return files
}
