/**
 * What a kustomization does to all of its objects: names, namespaces, labels, annotations, images, replicas. Models
 * kustomize's builtin transformers and their field specifications (5.5).
 */
import type { Json, JsonObject } from '../../../../kube/types.ts'
import { field, isRecord, withField } from '../../../../kube/types.ts'
import { obj, str } from '../describe-text.ts'
import type { Res } from './resource.ts'
import { atPath, changed, idsOf, kindOf, wrong } from './resource.ts'

const CLUSTERED = new Set([
  'APIService', 'CSIDriver', 'CSINode', 'CertificateSigningRequest', 'ClusterRole', 'ClusterRoleBinding', 'ComponentStatus',
  'CustomResourceDefinition', 'FlowSchema', 'IngressClass', 'MutatingWebhookConfiguration', 'Namespace', 'Node', 'PersistentVolume',
  'PriorityClass', 'PriorityLevelConfiguration', 'RuntimeClass', 'StorageClass', 'ValidatingWebhookConfiguration', 'VolumeAttachment',
]) // biome-ignore format: one list
const NAME_STAYS = ['APIService', 'CustomResourceDefinition', 'Namespace']
/** Kinds with a template for pods. */
const TEMPLATED = ['DaemonSet', 'Deployment', 'Job', 'ReplicaSet', 'ReplicationController', 'StatefulSet']
const SELECTING = ['DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet']
const COUNTED = ['Deployment', 'StatefulSet', 'ReplicaSet', 'ReplicationController']
const AFFINITY = ['podAffinity', 'podAntiAffinity'].flatMap((kind) => [
  `affinity/${kind}/preferredDuringSchedulingIgnoredDuringExecution[]/podAffinityTerm/labelSelector/matchLabels`,
  `affinity/${kind}/requiredDuringSchedulingIgnoredDuringExecution[]/labelSelector/matchLabels`,
])
const TEMPLATE = 'spec/template'
const JOB = 'spec/jobTemplate/spec/template'

function templateOf(kind: string): string {
  return TEMPLATED.includes(kind) ? TEMPLATE : kind === 'CronJob' ? JOB : ''
}

function edit(
  one: Res,
  path: string,
  create: boolean,
  change: (value: Json | undefined) => Json | undefined,
): Res {
  return changed(one, atPath(one.object, path.split('/'), create, change) as JsonObject)
}

function adding(pairs: JsonObject): (value: Json | undefined) => Json {
  return (value) => ({ ...(isRecord(value) ? value : {}), ...pairs })
}

export function inNamespace(one: Res, namespace: string): Res {
  if (namespace === '') return one
  const kind = kindOf(one)
  if (kind === 'Namespace') return edit(one, 'metadata/name', true, () => namespace)
  if (kind === 'RoleBinding' || kind === 'ClusterRoleBinding') {
    const bound = edit(one, 'subjects[]', false, (subject) =>
      str(subject, 'kind') === 'ServiceAccount' && str(subject, 'name') === 'default'
        ? withField(subject as JsonObject, 'namespace', namespace)
        : subject,
    )
    return kind === 'RoleBinding' ? edit(bound, 'metadata/namespace', true, () => namespace) : bound
  }
  return CLUSTERED.has(kind) ? one : edit(one, 'metadata/namespace', true, () => namespace)
}

export function renamed(one: Res, prefix: string, suffix: string): Res {
  if ((prefix === '' && suffix === '') || NAME_STAYS.includes(kindOf(one))) return one
  return edit(one, 'metadata/name', false, (name) => `${prefix}${String(name)}${suffix}`)
}

/** Labels of the object, and as asked of the pods that it makes and of what it selects by. */
export function labelled(one: Res, pairs: JsonObject, selectors: boolean, templates: boolean): Res {
  if (Object.keys(pairs).length === 0) return one
  const add = adding(pairs)
  const kind = kindOf(one)
  const template = templateOf(kind)
  let out = edit(one, 'metadata/labels', true, add)
  const set = (path: string, create: boolean) => {
    out = edit(out, path, create, add)
  }
  if (template !== '' && (selectors || templates)) set(`${template}/metadata/labels`, selectors)
  if (!selectors) return out
  if (kind === 'Service' || kind === 'ReplicationController') set('spec/selector', true)
  if (SELECTING.includes(kind)) set('spec/selector/matchLabels', true)
  if (kind === 'Job' || kind === 'PodDisruptionBudget') set('spec/selector/matchLabels', false)
  if (kind === 'CronJob') set('spec/jobTemplate/spec/selector/matchLabels', false)
  if (kind === 'StatefulSet') set('spec/volumeClaimTemplates[]/metadata/labels', true)
  if (kind === 'NetworkPolicy') {
    for (const path of ['podSelector', 'ingress[]/from[]/podSelector', 'egress[]/to[]/podSelector']) {
      set(`spec/${path}/matchLabels`, false)
    }
  }
  if (template !== '') {
    for (const path of AFFINITY) set(`${template}/spec/${path}`, false)
    if (kind === 'Deployment' || kind === 'StatefulSet') {
      set(`${template}/spec/topologySpreadConstraints[]/labelSelector/matchLabels`, false)
    }
  }
  return out
}

export function annotatedWith(one: Res, pairs: JsonObject): Res {
  if (Object.keys(pairs).length === 0) return one
  const add = adding(pairs)
  const kind = kindOf(one)
  let out = edit(one, 'metadata/annotations', true, add)
  if (kind === 'CronJob') out = edit(out, 'spec/jobTemplate/metadata/annotations', true, add)
  const template = templateOf(kind)
  return template === '' ? out : edit(out, `${template}/metadata/annotations`, true, add)
}

/** `images`: names, tags and digests of all containers. */
export function withImages(one: Res, images: readonly Json[]): Res {
  if (images.length === 0 || kindOf(one) === 'CustomResourceDefinition') return one
  return changed(one, imagesIn(one.object, images) as JsonObject)
}

function imagesIn(value: Json, images: readonly Json[]): Json {
  if (Array.isArray(value)) return (value as Json[]).map((one) => imagesIn(one, images))
  if (!isRecord(value)) return value
  let out: JsonObject = value
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue
    const containers = (key === 'containers' || key === 'initContainers') && Array.isArray(inner)
    out = withField(
      out,
      key,
      containers ? (inner as Json[]).map((one) => withImage(one, images)) : imagesIn(inner, images),
    )
  }
  return out
}

function withImage(container: Json, images: readonly Json[]): Json {
  const image = field(container, 'image')
  if (!isRecord(container) || typeof image !== 'string') return container
  return withField(container, 'image', images.reduce<string>(newImage, image))
}

function newImage(image: string, asked: Json): string {
  const name = str(asked, 'name')
  if (!image.startsWith(name) || !/^(?:[@:][\w.{}:-]*)*$/.test(image.slice(name.length))) return image
  const [, tag = '', digest = ''] = /^(?::([^@]*))?(?:@(.*))?$/.exec(image.slice(name.length)) ?? []
  const [newTag, newDigest] = [str(asked, 'newTag'), str(asked, 'digest')]
  const wanted = newTag !== '' || newDigest !== '' ? [newTag, newDigest] : [tag, digest]
  const colon = wanted[0] === '' ? '' : `:${wanted[0]}`
  return `${str(asked, 'newName') || name}${colon}${wanted[1] === '' ? '' : `@${wanted[1]}`}`
}

/** `replicas`: how many of what has this name. */
export function withReplicas(all: readonly Res[], name: string, count: Json): Res[] {
  const fits = (one: Res) => COUNTED.includes(kindOf(one)) && idsOf(one).some((id) => id.name === name)
  if (!all.some(fits)) {
    const kinds = COUNTED.map((kind) => `${kind}.[noVer].[noGrp]`).join(' ')
    wrong(`resource with name ${name} does not match a config with the following GVK [${kinds}]`)
  }
  return all.map((one) => (fits(one) ? edit(one, 'spec/replicas', true, () => count) : one))
}

/** A mapping's values as text, as labels and annotations need them. */
export function pairsOf(value: Json | undefined, key: string): JsonObject {
  const record = obj(value, key)
  return Object.fromEntries(Object.entries(record).map(([name, one]) => [name, String(one)]))
}
