// Writes the Kubernetes schema that the engine serves, from the official models:
//   npm install --no-save --no-package-lock @kubernetes/client-node@1.0.0 kubernetes-types@1.30.0
//   node src/cli/dev/kube-schema.mjs node_modules/@kubernetes/client-node node_modules/kubernetes-types
// (1.0.0 carries Kubernetes 1.32). The models lack enums and patch-merge keys: those stand in src/kube/api/schema.ts;
// and what is said of fields that are objects, which the second package has, as of 1.30.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , from, described] = process.argv
if (described === undefined) throw new Error('usage: kube-schema.mjs CLIENT-NODE KUBERNETES-TYPES')
const models = join(from, 'dist/gen/models')
const out = join(import.meta.dirname, '../../kube/api')

const roots =
  `V1ConfigMap V1Endpoints CoreV1Event V1Namespace V1Node V1Pod V1Secret V1ServiceAccount V1Service
  V1ControllerRevision V1DaemonSet V1Deployment V1ReplicaSet V1StatefulSet V1Lease V1EndpointSlice V1IngressClass
  V1Ingress V1NetworkPolicy V1Scale V1Eviction V1Binding V1DeleteOptions V1Status`.split(/\s+/)

const groups = [
  [
    /^(ObjectMeta|ListMeta|OwnerReference|ManagedFieldsEntry|LabelSelector\w*|Condition|Status\w*|DeleteOptions|Preconditions|FieldSelectorRequirement)$/,
    'io.k8s.apimachinery.pkg.apis.meta.v1',
  ],
  [/^(DaemonSet|Deployment|ReplicaSet|StatefulSet|ControllerRevision|RollingUpdate)/, 'io.k8s.api.apps.v1'],
  [/^(Ingress|NetworkPolicy|HTTPIngress|IPBlock|ServiceBackendPort)/, 'io.k8s.api.networking.v1'],
  [/^(Endpoint|EndpointSlice|EndpointConditions|EndpointHints|ForZone)$/, 'io.k8s.api.discovery.v1'],
  [/^Lease/, 'io.k8s.api.coordination.v1'],
  [/^Scale/, 'io.k8s.api.autoscaling.v1'],
  [/^Eviction/, 'io.k8s.api.policy.v1'],
]
// In StatefulSetSpec and VolumeResourceRequirements and the like amounts are quantities, which the models call strings.
const quantities =
  /^(ResourceRequirements|VolumeResourceRequirements|NodeStatus|ContainerStatus|PersistentVolumeClaimStatus)\.(limits|requests|capacity|allocatable|allocatedResources)$|^PodSpec\.overhead$|^ResourceFieldSelector\.divisor$|^EmptyDirVolumeSource\.sizeLimit$/

function nameOf(model) {
  const short = model.replace(/^(Core|Discovery|Events)?V1/, '')
  if (model.startsWith('DiscoveryV1')) return `io.k8s.api.discovery.v1.${short}`
  if (model.startsWith('CoreV1')) return `io.k8s.api.core.v1.${short}`
  const group = groups.find(([pattern]) => pattern.test(short))
  return `${group === undefined ? 'io.k8s.api.core.v1' : group[1]}.${short}`
}

/** s string, i int32, l int64, d double, b boolean, t time, u micro time, q quantity, x int or string, y bytes, a any. */
function typeOf(attribute, owner, todo) {
  const text = attribute.type.trim()
  const array = /^Array<(.*)>$/.exec(text)
  if (array) return `[${typeOf({ ...attribute, type: array[1] }, owner, todo)}`
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(text)
  if (map) return `{${typeOf({ ...attribute, type: map[1] }, owner, todo)}`
  if (quantities.test(`${owner}.${attribute.baseName}`)) return 'q'
  if (text === 'string') return attribute.format === 'byte' ? 'y' : 's'
  if (text === 'number') return attribute.format === 'int64' ? 'l' : attribute.format === 'double' ? 'd' : 'i'
  if (text === 'boolean') return 'b'
  if (text === 'Date') return 't'
  if (text === 'V1MicroTime') return 'u'
  if (text === 'IntOrString') return 'x'
  if (text === 'any' || text === 'object') return 'a'
  if (!/^\w*V1\w+$/.test(text)) throw new Error(`${owner}.${attribute.baseName}: type ${text}`)
  todo.push(text)
  return `.${nameOf(text)}`
}

/** Documentation and which fields must be there, from the declarations. */
function declared(model) {
  const text = readFileSync(join(models, `${model}.d.ts`), 'utf8')
  const clean = (doc) =>
    doc
      .replace(/^\s*\* ?/gm, '')
      .replaceAll("\\'", "'")
      .replaceAll('\\"', '"')
      .replaceAll('\\`', '`')
      .trim()
  const fields = new Map()
  for (const [, doc, name, optional] of text.matchAll(
    /\/\*\*\s*\n((?:\s*\*[^/].*\n)*)\s*\*\/\s*\n\s*'([^']+)'(\??):/g,
  )) {
    fields.set(name, { doc: clean(doc), required: optional === '' })
  }
  const about = /\/\*\*\s*\n((?:\s*\*[^/].*\n)*)\s*\*\/\s*\nexport declare class/.exec(text)
  return { about: about === null ? '' : clean(about[1]), fields }
}

/** What the second package says of a definition's fields, by their names. */
function alsoDeclared(name) {
  const [version, kind] = [name.split('.').at(-2), name.split('.').at(-1)]
  const group = name.startsWith('io.k8s.apimachinery') ? 'meta' : name.split('.')[3]
  const file = join(described, group, `${version}.d.ts`)
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const body = new RegExp(`export interface ${kind} \\{\\n([\\s\\S]*?)\\n\\}`).exec(text)?.[1] ?? ''
  const found = body.matchAll(/\/\*\*([\s\S]*?)\*\/\s*(?:readonly )?"?([\w$-]+)"?\??:/g)
  const clean = (doc) =>
    doc
      .replace(/\n\s*\* ?/g, '\n')
      .replaceAll('*\\/', '*/')
      .trim()
  return new Map([...found].map(([, doc, field]) => [field, clean(doc)]))
}

const todo = [...roots]
const types = {}
const docs = {}
while (todo.length > 0) {
  const model = todo.pop()
  const name = nameOf(model)
  if (types[name] !== undefined) continue
  const { [model]: made } = await import(pathToFileURL(join(models, `${model}.js`)).href)
  const { about, fields } = declared(model)
  const short = name.slice(name.lastIndexOf('.') + 1)
  types[name] = {}
  docs[name] = { '': about }
  const also = alsoDeclared(name)
  for (const attribute of made.attributeTypeMap) {
    const field = fields.get(attribute.baseName)
    // A field without documentation in the models may be left out by the caller.
    types[name][attribute.baseName] = typeOf(attribute, short, todo) + (field?.required === true ? '!' : '')
    // Of an int or a string the models say what that is, and not what it is for.
    const own = types[name][attribute.baseName].includes('x') ? '' : field?.doc
    const said = own || also.get(attribute.baseName) || field?.doc
    if (said !== undefined) docs[name][attribute.baseName] = said
  }
}

const sorted = (record) =>
  Object.fromEntries(
    Object.keys(record)
      .sort()
      .map((key) => [key, record[key]]),
  )
const lines = (record) =>
  `{\n${Object.entries(sorted(record))
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join(',\n')}\n}\n`
writeFileSync(join(out, 'schema.gen.json'), lines(types))
writeFileSync(join(out, 'schema-docs.gen.json'), lines(docs))
