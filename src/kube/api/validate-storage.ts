/**
 * Volumes of clouds and storage systems, and the claims that ephemeral volumes bring. Models the checks of
 * pkg/apis/core/validation (1.32) in their order; nothing in a lab mounts them. Not here: data sources across
 * namespaces, volume attribute classes.
 */
import type { LabelSelector } from '../objects.ts'
import type { StatusCause } from '../types.ts'
import {
  goStrings,
  invalidAll,
  invalidValue,
  notAllowed,
  notSupported,
  oneOf,
  required,
  tooLong,
} from './fields.ts'
import { byteLength, dns1123Label, dns1123Subdomain } from './names.ts'
import { canonicalQuantity, parseQuantity } from './quantity.ts'
import { validateAnnotations, validateLabels, validateSelector } from './validate-meta.ts'
import { descendingPath } from './validate-path.ts'

type Fields = Readonly<Record<string, unknown>>
type Source = (one: Fields, at: string) => StatusCause[]

const text = (one: Fields, name: string): string => (one[name] as string | undefined) ?? ''
const number = (one: Fields, name: string): number => (one[name] as number | undefined) ?? 0
const list = (one: Fields, name: string): readonly string[] =>
  (one[name] as readonly string[] | undefined) ?? []

function given(one: Fields, at: string, ...names: readonly string[]): StatusCause[] {
  return names.flatMap((name) => (text(one, name) === '' ? [required(`${at}.${name}`)] : []))
}

function secretName(one: Fields, at: string): StatusCause[] {
  const ref = one.secretRef as Fields | undefined
  return ref !== undefined && text(ref, 'name') === '' ? [required(`${at}.secretRef.name`)] : []
}

function partition(one: Fields, at: string): StatusCause[] {
  const n = number(one, 'partition')
  return n < 0 || n > 255 ? [invalidValue(`${at}.partition`, n, 'must be between 1 and 255, inclusive')] : []
}

const SOURCES: Readonly<Record<string, Source>> = {
  gitRepo: (one, at) => [
    ...given(one, at, 'repository'),
    ...descendingPath(text(one, 'directory'), `${at}.directory`),
  ],
  // The path of these causes is not the field's name.
  gcePersistentDisk: (one, at) => {
    const path = at.replace(/gcePersistentDisk$/, 'persistentDisk')
    return [...given(one, path, 'pdName'), ...partition(one, path)]
  },
  awsElasticBlockStore: (one, at) => [...given(one, at, 'volumeID'), ...partition(one, at)],
  iscsi,
  glusterfs: (one, at) => given(one, at, 'endpoints', 'path'),
  flocker,
  rbd: (one, at) => [...monitors(one, at), ...given(one, at, 'image')],
  cinder: (one, at) => [...given(one, at, 'volumeID'), ...secretName(one, at)],
  cephfs: monitors,
  quobyte,
  fc,
  flexVolume: (one, at) => [...given(one, at, 'driver'), ...flexOptions(one, at)],
  azureFile: (one, at) => given(one, at, 'secretName', 'shareName'),
  vsphereVolume: (one, at) => given(one, at, 'volumePath'),
  photonPersistentDisk: (one, at) => given(one, at, 'pdID'),
  portworxVolume: (one, at) => given(one, at, 'volumeID'),
  azureDisk,
  storageos: (one, at) => {
    const [name, namespace] = [text(one, 'volumeName'), text(one, 'volumeNamespace')]
    return [
      ...(name === ''
        ? [required(`${at}.volumeName`)]
        : invalidAll(`${at}.volumeName`, name, dns1123Label(name))),
      ...(namespace === '' ? [] : invalidAll(`${at}.volumeNamespace`, namespace, dns1123Label(namespace))),
      ...secretName(one, at),
    ]
  },
  scaleIO: (one, at) => given(one, at, 'gateway', 'system', 'volumeName'),
  csi,
  ephemeral: (one, at) => {
    const template = one.volumeClaimTemplate as Fields | undefined
    const path = `${at}.volumeClaimTemplate`
    return template === undefined ? [required(path)] : claimTemplate(template, path)
  },
}

/** What is wrong with a source of one of these kinds; nothing of any other kind. */
export function storageSource(kind: string, source: unknown, at: string): StatusCause[] {
  return Object.hasOwn(SOURCES, kind) ? SOURCES[kind]!((source ?? {}) as Fields, at) : []
}

/** What concerns the volume's name: `at` is the volume's path, `pod` the pod's name where there is one. */
export function storageName(volume: Fields, at: string, pod: string | undefined): StatusCause[] {
  const name = text(volume, 'name')
  const target = volume.iscsi as Fields | undefined
  const causes: StatusCause[] = []
  if (target?.initiatorName !== undefined && byteLength(`${name}:${text(target, 'targetPortal')}`) > 64) {
    const words =
      'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'
    causes.push(invalidValue(`${at}.name`, name, words))
  }
  if (volume.ephemeral !== undefined && pod && name !== '') {
    const claim = `${pod}-${name}`
    const words = dns1123Subdomain(claim).map((one) => `PVC name "${claim}": ${one}`)
    causes.push(...invalidAll(`${at}.name`, name, words))
  }
  return causes
}

function monitors(one: Fields, at: string): StatusCause[] {
  return list(one, 'monitors').length === 0 ? [required(`${at}.monitors`)] : []
}

const IQN = /iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$/
const OTHERS = { eui: /^eui.[A-Za-z0-9]{16}$/, naa: /^naa.[A-Za-z0-9]{32}$/ }

function iscsi(one: Fields, at: string): StatusCause[] {
  const causes = given(one, at, 'targetPortal', 'iqn')
  const name = text(one, 'iqn')
  if (name !== '') causes.push(...initiator(name, `${at}.iqn`))
  const lun = number(one, 'lun')
  if (lun < 0 || lun > 255) {
    causes.push(invalidValue(`${at}.lun`, lun, 'must be between 0 and 255, inclusive'))
  }
  const asks = one.chapAuthDiscovery === true || one.chapAuthSession === true
  if (asks && one.secretRef === undefined) causes.push(required(`${at}.secretRef`))
  const mine = one.initiatorName as string | undefined
  return mine === undefined ? causes : [...causes, ...initiator(mine, `${at}.initiatorname`)]
}

function initiator(name: string, at: string): StatusCause[] {
  const start = name.slice(0, 3)
  if (start !== 'iqn' && start !== 'eui' && start !== 'naa') {
    return [invalidValue(at, name, 'must be valid format starting with iqn, eui, or naa')]
  }
  const form = start === 'iqn' ? IQN : OTHERS[start]
  return form.test(name) ? [] : [invalidValue(at, name, 'must be valid format')]
}

function flocker(one: Fields, at: string): StatusCause[] {
  const [name, id] = [text(one, 'datasetName'), text(one, 'datasetUUID')]
  const causes: StatusCause[] = []
  if (name === '' && id === '') causes.push(required(at, 'one of datasetName and datasetUUID is required'))
  if (name !== '' && id !== '') {
    const words = 'datasetName and datasetUUID can not be specified simultaneously'
    causes.push(invalidValue(at, 'resource', words))
  }
  if (name.includes('/')) causes.push(invalidValue(`${at}.datasetName`, name, "must not contain '/'"))
  return causes
}

function quobyte(one: Fields, at: string): StatusCause[] {
  const words = 'must be a host:port pair or multiple pairs separated by commas'
  const registry = text(one, 'registry')
  const causes: StatusCause[] = []
  if (registry === '') causes.push(required(`${at}.registry`, words))
  else if (byteLength(text(one, 'tenant')) >= 65) {
    const long = 'must be a UUID and may not exceed a length of 64 characters'
    causes.push(required(`${at}.tenant`, long))
  } else {
    for (const pair of registry.split(',')) {
      if (!/^([^:[\]]*|\[[^[\]]*\]):[^:[\]]*$/.test(pair)) {
        causes.push(invalidValue(`${at}.registry`, registry, words))
      }
    }
  }
  return [...causes, ...given(one, at, 'volume')]
}

function fc(one: Fields, at: string): StatusCause[] {
  const [wwns, wwids] = [list(one, 'targetWWNs'), list(one, 'wwids')]
  const causes: StatusCause[] = []
  if (wwns.length === 0 && wwids.length === 0) {
    causes.push(required(`${at}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both'))
  }
  if (wwns.length > 0 && wwids.length > 0) {
    const words = 'targetWWNs and wwids can not be specified simultaneously'
    causes.push(invalidValue(`${at}.targetWWNs`, goStrings(wwns), words))
  }
  if (wwns.length === 0) return causes
  const lun = one.lun as number | undefined
  if (lun === undefined) causes.push(required(`${at}.lun`, 'lun is required if targetWWNs is specified'))
  else if (lun < 0 || lun > 255) {
    causes.push(invalidValue(`${at}.lun`, lun, 'must be between 0 and 255, inclusive'))
  }
  return causes
}

function flexOptions(one: Fields, at: string): StatusCause[] {
  const words = 'kubernetes.io and k8s.io namespaces are reserved'
  return Object.keys((one.options as Fields | undefined) ?? {}).flatMap((key) => {
    const namespace = `.${key.split('/')[0]!.toLowerCase()}`
    const taken = namespace.endsWith('.kubernetes.io') || namespace.endsWith('.k8s.io')
    return taken ? [invalidValue(`${at}.options[${key}]`, key, words)] : []
  })
}

const MANAGED =
  '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'
const BLOB = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'

function azureDisk(one: Fields, at: string): StatusCause[] {
  const [uri, kind] = [text(one, 'diskURI'), one.kind as string | undefined]
  const causes = [
    ...given(one, at, 'diskName', 'diskURI'),
    ...oneOf(`${at}.cachingMode`, one.cachingMode as string | undefined, ['None', 'ReadOnly', 'ReadWrite']),
    ...oneOf(`${at}.kind`, kind, ['Dedicated', 'Managed', 'Shared']),
  ]
  if (kind === 'Managed' && !uri.startsWith('/subscriptions/')) {
    causes.push(notSupported(`${at}.diskURI`, uri, [MANAGED]))
  }
  if (kind !== undefined && kind !== 'Managed' && !uri.startsWith('https://')) {
    causes.push(notSupported(`${at}.diskURI`, uri, [BLOB]))
  }
  return causes
}

function csi(one: Fields, at: string): StatusCause[] {
  const driver = text(one, 'driver')
  const causes = given(one, at, 'driver')
  if (byteLength(driver) > 63) causes.push(tooLong(`${at}.driver`, 63))
  causes.push(...invalidAll(`${at}.driver`, driver, dns1123Subdomain(driver.toLowerCase())))
  const ref = one.nodePublishSecretRef as Fields | undefined
  if (ref === undefined) return causes
  const name = text(ref, 'name')
  if (name === '') return [...causes, required(`${at}.nodePublishSecretRef.name`)]
  return [...causes, ...invalidAll(`${at}.name`, name, dns1123Subdomain(name))]
}

const ACCESS = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']

/** The claim that is made for an ephemeral volume. */
function claimTemplate(template: Fields, at: string): StatusCause[] {
  const { labels, annotations } = (template.metadata ?? {}) as Readonly<
    Record<string, Readonly<Record<string, string>>>
  >
  const spec = (template.spec ?? {}) as Fields
  const path = `${at}.spec`
  const modes = list(spec, 'accessModes')
  const causes = [
    ...validateAnnotations(annotations, `${at}.metadata.annotations`),
    ...validateLabels(labels, `${at}.metadata.labels`),
  ]
  if (modes.length === 0) causes.push(required(`${path}.accessModes`, 'at least 1 access mode is required'))
  if (spec.selector !== undefined) {
    causes.push(...validateSelector(spec.selector as LabelSelector, `${path}.selector`))
  }
  for (const mode of modes) causes.push(...oneOf(`${path}.accessModes`, mode, ACCESS))
  const known = modes.filter((mode) => ACCESS.includes(mode))
  if (known.includes('ReadWriteOncePod') && known.some((mode) => mode !== 'ReadWriteOncePod')) {
    const words = 'may not use ReadWriteOncePod with other access modes'
    causes.push(notAllowed(`${path}.accessModes`, words))
  }
  const { requests = {} } = (spec.resources ?? {}) as { requests?: Record<string, string> }
  const storage = requests.storage
  if (storage === undefined) causes.push(required(`${path}.resources[storage]`))
  else if ((parseQuantity(storage) ?? 0) <= 0) {
    const shown = canonicalQuantity(storage)
    causes.push(invalidValue(`${path}.resources[storage]`, shown, 'must be greater than zero'))
  }
  const storageClass = text(spec, 'storageClassName')
  if (storageClass !== '') {
    causes.push(...invalidAll(`${path}.storageClassName`, storageClass, dns1123Subdomain(storageClass)))
  }
  const mode = spec.volumeMode as string | undefined
  causes.push(...oneOf(`${path}.volumeMode`, mode, ['Block', 'Filesystem']))
  for (const name of ['dataSource', 'dataSourceRef']) {
    if (spec[name] !== undefined) causes.push(...dataSource(spec[name] as Fields, `${path}.${name}`))
  }
  return causes
}

function dataSource(one: Fields, at: string): StatusCause[] {
  const group = text(one, 'apiGroup')
  const kind = text(one, 'kind')
  const causes = given(one, at, 'name', 'kind')
  if (group === '' && kind !== 'PersistentVolumeClaim') {
    const words = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
    causes.push(invalidValue(at, kind, words))
  }
  return group === '' ? causes : [...causes, ...invalidAll(`${at}.apiGroup`, group, dns1123Subdomain(group))]
}
