/**
 * Volumes of a pod and where containers mount them. Models ValidateVolumes and ValidateVolumeMounts of
 * pkg/apis/core/validation (1.32). Images as volumes are left out as a server without their gate leaves them out.
 */
import type { Container } from '../objects.ts'
import type { StatusCause } from '../types.ts'
import {
  duplicate,
  invalidAll,
  invalidValue,
  notAllowed,
  notFoundValue,
  notSupported,
  oneOf,
  required,
} from './fields.ts'
import { configKey, dns1123Label, dns1123Subdomain, qualifiedName } from './names.ts'
import { canonicalQuantity, compareQuantity } from './quantity.ts'
import { descendingPath, localPath, noBacksteps } from './validate-path.ts'
import { storageName, storageSource } from './validate-storage.ts'

interface KeyToPath {
  readonly key?: string
  readonly path?: string
  readonly mode?: number
}

interface FieldRef {
  readonly apiVersion?: string
  readonly fieldPath?: string
}

interface ResourceFieldRef {
  readonly containerName?: string
  readonly resource?: string
  readonly divisor?: string
}

interface DownwardFile extends Omit<KeyToPath, 'key'> {
  readonly fieldRef?: FieldRef
  readonly resourceFieldRef?: ResourceFieldRef
}

interface KeysSource {
  readonly name?: string
  readonly secretName?: string
  readonly defaultMode?: number
  readonly items?: readonly KeyToPath[]
}

interface Projected {
  readonly defaultMode?: number
  readonly sources?: readonly {
    readonly secret?: KeysSource
    readonly configMap?: KeysSource
    readonly downwardAPI?: { readonly items?: readonly DownwardFile[] }
    readonly serviceAccountToken?: { readonly path?: string; readonly expirationSeconds?: number }
  }[]
}

/** What is looked at of a volume. */
export interface VolumeSource {
  readonly name?: string
  readonly emptyDir?: { readonly sizeLimit?: string }
  readonly hostPath?: { readonly path?: string; readonly type?: string }
  readonly secret?: KeysSource
  readonly nfs?: { readonly server?: string; readonly path?: string }
  readonly persistentVolumeClaim?: { readonly claimName?: string }
  readonly downwardAPI?: { readonly defaultMode?: number; readonly items?: readonly DownwardFile[] }
  readonly configMap?: KeysSource
  readonly projected?: Projected
  readonly ephemeral?: unknown
}

/** In the server's order: the first that is given counts, every further one is too many. */
const ORDER = [
  ...[
    'emptyDir',
    'hostPath',
    'gitRepo',
    'gcePersistentDisk',
    'awsElasticBlockStore',
    'secret',
    'nfs',
    'iscsi',
  ],
  ...[
    'glusterfs',
    'flocker',
    'persistentVolumeClaim',
    'rbd',
    'cinder',
    'cephfs',
    'quobyte',
    'downwardAPI',
    'fc',
  ],
  ...['flexVolume', 'configMap', 'azureFile', 'vsphereVolume', 'photonPersistentDisk', 'portworxVolume'],
  ...['azureDisk', 'storageos', 'projected', 'scaleIO', 'csi', 'ephemeral'],
]

/** The names under which the server complains of these two. */
const MISNAMED: Readonly<Record<string, string>> = { downwardAPI: 'downwarAPI', cephfs: 'cephFS' }

/** Judges volumes; those without a fault are put into `known`, by name. */
export function validateVolumes(
  volumes: readonly VolumeSource[] | undefined,
  path: string,
  known: Map<string, VolumeSource>,
  pod?: string,
): StatusCause[] {
  const causes: StatusCause[] = []
  for (const [i, volume] of (volumes ?? []).entries()) {
    const at = `${path}[${i}]`
    const { name = '' } = volume
    const mine = [...volumeSource(volume, at), ...storageName(volume as Record<string, unknown>, at, pod)]
    if (name === '') mine.push(required(`${at}.name`))
    else mine.push(...invalidAll(`${at}.name`, name, dns1123Label(name)))
    if (known.has(name)) mine.push(duplicate(`${at}.name`, name))
    if (mine.length === 0) known.set(name, volume)
    causes.push(...mine)
  }
  return causes
}

function volumeSource(volume: VolumeSource, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const given = ORDER.filter((kind) => (volume as Record<string, unknown>)[kind] !== undefined)
  const [first, ...rest] = given
  if (first === undefined) return [required(path, 'must specify a volume type')]
  // emptyDir is judged even where another stands beside it: it comes first.
  causes.push(...oneSource(volume, first, `${path}.${first}`))
  for (const kind of rest) {
    causes.push(notAllowed(`${path}.${MISNAMED[kind] ?? kind}`, 'may not specify more than 1 volume type'))
  }
  return causes
}

const HOST_PATH_TYPES = [
  ...['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'],
]

function oneSource(volume: VolumeSource, kind: string, at: string): StatusCause[] {
  switch (kind) {
    case 'emptyDir': {
      const size = volume.emptyDir?.sizeLimit
      const words = 'SizeLimit field must be a valid resource quantity'
      return size !== undefined && compareQuantity(size, '0') < 0
        ? [notAllowed(`${at}.sizeLimit`, words)]
        : []
    }
    case 'hostPath': {
      const { path = '', type } = volume.hostPath ?? {}
      if (path === '') return [required(`${at}.path`)]
      return [...noBacksteps(path, `${at}.path`), ...oneOf(`${at}.type`, type, HOST_PATH_TYPES)]
    }
    case 'secret':
      return keysSource(volume.secret ?? {}, at, 'secretName')
    case 'configMap':
      return keysSource(volume.configMap ?? {}, at, 'name')
    case 'nfs': {
      const { server = '', path = '' } = volume.nfs ?? {}
      return [
        ...(server === '' ? [required(`${at}.server`)] : []),
        ...(path === '' ? [required(`${at}.path`)] : []),
        ...(path.startsWith('/') ? [] : [invalidValue(`${at}.path`, path, 'must be an absolute path')]),
      ]
    }
    case 'persistentVolumeClaim':
      return volume.persistentVolumeClaim?.claimName ? [] : [required(`${at}.claimName`)]
    case 'downwardAPI': {
      const { defaultMode, items = [] } = volume.downwardAPI ?? {}
      return [...mode(defaultMode, `${at}.defaultMode`), ...items.flatMap((one) => downwardFile(one, at))]
    }
    case 'projected':
      return projected(volume.projected ?? {}, at)
    default:
      return storageSource(kind, (volume as Record<string, unknown>)[kind], at)
  }
}

function mode(n: number | undefined, path: string): StatusCause[] {
  const words = 'must be a number between 0 and 0777 (octal), both inclusive'
  return n !== undefined && (n < 0 || n > 0o777) ? [invalidValue(path, n, words)] : []
}

function keysSource(source: KeysSource, path: string, name: 'name' | 'secretName'): StatusCause[] {
  return [
    ...(source[name] ? [] : [required(`${path}.${name}`)]),
    ...mode(source.defaultMode, `${path}.defaultMode`),
    ...(source.items ?? []).flatMap((one, i) => keyToPath(one, `${path}.items[${i}]`)),
  ]
}

function keyToPath({ key = '', path = '', mode: bits }: KeyToPath, at: string): StatusCause[] {
  return [
    ...(key === '' ? [required(`${at}.key`)] : []),
    ...(path === '' ? [required(`${at}.path`)] : []),
    ...localPath(path, `${at}.path`),
    ...mode(bits, `${at}.mode`),
  ]
}

const VOLUME_FIELDS = [
  ...['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'],
]

function downwardFile(file: DownwardFile, at: string): StatusCause[] {
  const causes: StatusCause[] = []
  const { path = '', fieldRef, resourceFieldRef } = file
  if (path === '') causes.push(required(`${at}.path`))
  causes.push(...localPath(path, `${at}.path`))
  if (fieldRef !== undefined) {
    causes.push(...fieldSelector(fieldRef, VOLUME_FIELDS, `${at}.fieldRef`))
    const words = 'fieldRef and resourceFieldRef can not be specified simultaneously'
    if (resourceFieldRef !== undefined) causes.push(invalidValue(at, 'resource', words))
  } else if (resourceFieldRef !== undefined) {
    causes.push(...resourceSelector(resourceFieldRef, `${at}.resourceFieldRef`, true))
  } else causes.push(required(at, 'one of fieldRef and resourceFieldRef is required'))
  return [...causes, ...mode(file.mode, `${at}.mode`)]
}

function projected({ defaultMode, sources = [] }: Projected, path: string): StatusCause[] {
  const causes = mode(defaultMode, `${path}.defaultMode`)
  const seen = new Set<string>()
  const place = (text: string | undefined, value: string) => {
    if (!text) return
    if (seen.has(text)) causes.push(invalidValue(path, value, 'conflicting duplicate paths'))
    seen.add(text)
  }
  for (const [i, source] of sources.entries()) {
    const at = `${path}.sources[${i}]`
    for (const kind of ['secret', 'configMap'] as const) {
      const one = source[kind]
      if (one === undefined) continue
      if (!one.name) causes.push(required(`${at}.${kind}.name`))
      for (const [k, item] of (one.items ?? []).entries()) {
        causes.push(...keyToPath(item, `${at}.${kind}.items[${k}]`))
        place(item.path, one.name ?? '')
      }
    }
    for (const file of source.downwardAPI?.items ?? []) {
      causes.push(...downwardFile(file, `${at}.downwardAPI`))
      place(file.path, file.path ?? '')
    }
    const token = source.serviceAccountToken
    if (token !== undefined) {
      const { expirationSeconds: n = 3600, path: file = '' } = token
      const where = `${at}.serviceAccountToken.expirationSeconds`
      if (n < 600) causes.push(invalidValue(where, n, 'may not specify a duration less than 10 minutes'))
      if (n > 2 ** 32)
        causes.push(invalidValue(where, n, 'may not specify a duration larger than 2^32 seconds'))
      if (file === '') causes.push(required(`${path}.path`))
      else causes.push(...localPath(file, `${path}.path`))
    }
    if (Object.values(source).filter((one) => one !== undefined).length > 1) {
      causes.push(notAllowed(at, 'may not specify more than 1 volume type per source'))
    }
  }
  return causes
}

const LABELS_AND_ANNOTATIONS = ['metadata.annotations', 'metadata.labels']
const POD_FIELDS = [
  ...['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName'],
  ...['spec.restartPolicy', 'spec.schedulerName', 'status.phase', 'status.hostIP'],
  ...['status.hostIPs', 'status.podIP', 'status.podIPs', ...LABELS_AND_ANNOTATIONS],
]

/** A field of the pod: `metadata.labels['app']` has a subscript. `allowed`: what may stand without one. */
export function fieldSelector(ref: FieldRef, allowed: readonly string[], at: string): StatusCause[] {
  const { apiVersion = '', fieldPath = '' } = ref
  if (apiVersion === '') return [required(`${at}.apiVersion`)]
  if (fieldPath === '') return [required(`${at}.fieldPath`)]
  const [, path = fieldPath, key] = /^(.+?)\['(.*)'\]$/.exec(fieldPath) ?? []
  const known = key === undefined ? POD_FIELDS.includes(path) : LABELS_AND_ANNOTATIONS.includes(path)
  if (apiVersion !== 'v1' || !known) {
    const why =
      apiVersion !== 'v1'
        ? `unsupported pod version: ${apiVersion}`
        : `field label ${key === undefined ? 'not supported' : 'does not support subscript'}: ${fieldPath}`
    return [invalidValue(`${at}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`)]
  }
  if (key !== undefined) {
    const name = path === 'metadata.annotations' ? key.toLowerCase() : key
    return invalidAll(at, name, qualifiedName(name))
  }
  return allowed.includes(path) ? [] : [notSupported(`${at}.fieldPath`, path, allowed)]
}

const RESOURCE_FIELDS = [
  ...['limits.cpu', 'limits.ephemeral-storage', 'limits.memory'],
  ...['requests.cpu', 'requests.ephemeral-storage', 'requests.memory'],
]
const SIZES = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']

export function resourceSelector(ref: ResourceFieldRef, at: string, volume: boolean): StatusCause[] {
  const causes: StatusCause[] = []
  const { containerName = '', resource = '', divisor = '0' } = ref
  const pages = /^(requests|limits)\.hugepages-/.test(resource)
  if (volume && containerName === '') causes.push(required(`${at}.containerName`))
  else if (resource === '') causes.push(required(`${at}.resource`))
  else if (!RESOURCE_FIELDS.includes(resource) && !pages) {
    causes.push(notSupported(`${at}.resource`, resource, RESOURCE_FIELDS))
  }
  const text = canonicalQuantity(divisor)
  if (text === '0') return causes
  const list = SIZES.join(', ')
  const kind = resource.replace(/^(requests|limits)\./, '')
  if (kind === 'cpu' && text !== '1' && text !== '1m') {
    const words = "only divisor's values 1m and 1 are supported with the cpu resource"
    causes.push(invalidValue(`${at}.divisor`, resource, words))
  }
  const named = { memory: 'memory', 'ephemeral-storage': 'local ephemeral storage' }[kind]
  const what = pages ? 'hugepages' : named
  if (what !== undefined && !SIZES.includes(text)) {
    const words = `only divisor's values ${list} are supported with the ${what} resource`
    causes.push(invalidValue(`${at}.divisor`, resource, words))
  }
  return causes
}

/** `configMapKeyRef` and `secretKeyRef`. */
export function keySelector(
  ref: { readonly name?: string; readonly key?: string },
  at: string,
): StatusCause[] {
  const { name = '', key = '' } = ref
  const causes = invalidAll(`${at}.name`, name, dns1123Subdomain(name))
  return [...causes, ...(key === '' ? [required(`${at}.key`)] : invalidAll(`${at}.key`, key, configKey(key)))]
}

interface Device {
  readonly name?: string
  readonly devicePath?: string
}

/** Block devices of one container: claims only, none that is mounted as well. */
export function validateDevices(
  container: Container,
  path: string,
  volumes: ReadonlyMap<string, VolumeSource>,
): StatusCause[] {
  const causes: StatusCause[] = []
  const { volumeDevices = [] } = container as { volumeDevices?: readonly Device[] }
  const mounts: readonly Mount[] = container.volumeMounts ?? []
  const names = new Set<string>()
  const places = new Set<string>()
  for (const [i, { name = '', devicePath = '' }] of volumeDevices.entries()) {
    const at = `${path}[${i}]`
    const volume = volumes.get(name)
    const [nameAt, pathAt] = [`${at}.name`, `${at}.devicePath`]
    if (name === '') causes.push(required(nameAt))
    if (names.has(name)) causes.push(invalidValue(nameAt, name, 'must be unique'))
    const words = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'
    if (volume === undefined) causes.push(notFoundValue(nameAt, name))
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      causes.push(invalidValue(nameAt, name, words))
    }
    if (devicePath === '') causes.push(required(pathAt))
    if (places.has(devicePath)) causes.push(invalidValue(pathAt, devicePath, 'must be unique'))
    if (noBacksteps(devicePath, pathAt).length === 0) places.add(devicePath)
    else causes.push(invalidValue(pathAt, devicePath, "can not contain backsteps ('..')"))
    if (mounts.some((one) => (one.name ?? '') === name)) {
      causes.push(invalidValue(nameAt, name, 'must not already exist in volumeMounts'))
    }
    if (mounts.some((one) => (one.mountPath ?? '') === devicePath)) {
      causes.push(invalidValue(pathAt, devicePath, 'must not already exist as a path in volumeMounts'))
    }
    if (name !== '') names.add(name)
  }
  return causes
}

interface Mount {
  readonly name?: string
  readonly mountPath?: string
  readonly readOnly?: boolean
  readonly subPath?: string
  readonly subPathExpr?: string
  readonly mountPropagation?: string
  readonly recursiveReadOnly?: string
}

const PROPAGATION = ['Bidirectional', 'HostToContainer', 'None']
const RECURSIVE = ['Disabled', 'Enabled', 'IfPossible']

/** The mounts of one container. The server leaves the index out of some of the paths. */
export function validateMounts(
  container: Container,
  path: string,
  volumes: ReadonlyMap<string, VolumeSource>,
): StatusCause[] {
  const causes: StatusCause[] = []
  const places = new Set<string>()
  const privileged = container.securityContext?.privileged === true
  const mounts: readonly Mount[] = container.volumeMounts ?? []
  const { volumeDevices: devices = [] } = container as { volumeDevices?: readonly Device[] }
  for (const [i, mount] of mounts.entries()) {
    const at = `${path}[${i}]`
    const { name = '', mountPath = '', subPath = '', subPathExpr = '' } = mount
    if (name === '') causes.push(required(`${at}.name`))
    if (!volumes.has(name)) causes.push(notFoundValue(`${at}.name`, name))
    if (mountPath === '') causes.push(required(`${at}.mountPath`))
    if (places.has(mountPath)) causes.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'))
    places.add(mountPath)
    if (devices.some((one) => (one.name ?? '') === name)) {
      causes.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeDevices'))
    }
    if (devices.some((one) => (one.devicePath ?? '') === mountPath)) {
      const words = 'must not already exist as a path in volumeDevices'
      causes.push(invalidValue(`${at}.mountPath`, mountPath, words))
    }
    if (subPath !== '') causes.push(...descendingPath(subPath, `${path}.subPath`))
    if (subPathExpr !== '') {
      const words = 'subPathExpr and subPath are mutually exclusive'
      if (subPath !== '') causes.push(invalidValue(`${at}.subPathExpr`, subPathExpr, words))
      causes.push(...descendingPath(subPathExpr, `${path}.subPathExpr`))
    }
    causes.push(...oneOf(`${path}.mountPropagation`, mount.mountPropagation, PROPAGATION))
    if (mount.mountPropagation === 'Bidirectional' && !privileged) {
      const words = 'Bidirectional mount propagation is available only to privileged containers'
      causes.push(notAllowed(`${path}.mountPropagation`, words))
    }
    causes.push(...recursiveReadOnly(mount, `${path}.recursiveReadOnly`))
  }
  return causes
}

function recursiveReadOnly(mount: Mount, at: string): StatusCause[] {
  const { recursiveReadOnly: value, mountPropagation = 'None' } = mount
  if (value !== 'Enabled' && value !== 'IfPossible') return oneOf(at, value, RECURSIVE)
  const causes: StatusCause[] = []
  if (mount.readOnly !== true) causes.push(notAllowed(at, 'may only be specified when readOnly is true'))
  const words = 'may only be specified when mountPropagation is None or not specified'
  if (mountPropagation !== 'None') causes.push(notAllowed(at, words))
  return causes
}
