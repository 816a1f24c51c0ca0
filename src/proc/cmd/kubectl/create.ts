/** `kubectl create`, `run` and `expose`: objects made from words. Models kubectl pkg/cmd/create, run, expose (1.32). */
import { encodeBase64 } from '../../../kube/api/base64.ts'
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { readFile } from '../../../run/files.ts'
import { annotated, validation } from './applied.ts'
import { ingressObject } from './create-ingress.ts'
import type { Flags, FlagSpec } from './flags.ts'
import { boolFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, once } from './flow.ts'
import { OUTPUT_FLAGS, printDone } from './output.ts'
import type { Client } from './rest.ts'
import {
  call,
  discover,
  dryRunOf,
  failStatus,
  kindNamed,
  openClient,
  pathOf,
  problemText,
  writeQuery,
} from './rest.ts'
import { failProblems, FILE_FLAGS, fileItems, hasFiles, lazyDiscovery } from './select.ts'

export const WRITE_FLAGS = [
  ...OUTPUT_FLAGS,
  'dry-run=?unchanged',
  'validate=?strict',
  'field-manager=',
  'save-config',
]

interface Generator {
  readonly flags: FlagSpec
  readonly make: (client: Client, flags: Flags) => JsonObject
}

export const GENERATORS: Readonly<Record<string, Generator>> = {
  namespace: {
    flags: [],
    make: (_, flags) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: meta(named('namespace', flags)),
      spec: {},
      status: {},
    }),
  },
  configmap: { flags: ['from-literal=*', 'from-file=*', 'from-env-file=*', 'append-hash'], make: configMap },
  secret: {
    flags: [
      ...['from-literal=*', 'from-file=*', 'from-env-file=*', 'type=', 'append-hash', 'cert=', 'key='],
      ...['docker-username=', 'docker-password=', 'docker-email=', 'docker-server='],
    ],
    make: secret,
  },
  deployment: { flags: ['image=*', 'port=#', 'replicas/r=#'], make: deployment },
  service: { flags: ['tcp=*', 'clusterip=', 'external-name=', 'node-port=#'], make: service },
  ingress: { flags: ['rule=*', 'class=', 'annotation=*', 'default-backend='], make: ingress },
  serviceaccount: {
    flags: [],
    make: (_, flags) => ({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: meta(named('serviceaccount', flags)),
    }),
  },
}

const SHORT: Readonly<Record<string, string>> = {
  ns: 'namespace',
  cm: 'configmap',
  deploy: 'deployment',
  svc: 'service',
  ing: 'ingress',
  sa: 'serviceaccount',
}
const OTHERS = [
  'clusterrole',
  'clusterrolebinding',
  'cronjob',
  'job',
  'poddisruptionbudget',
  'pdb',
  'priorityclass',
  'pc',
  'quota',
  'resourcequota',
  'role',
  'rolebinding',
  'token',
]

export function create(flow: Flow, args: readonly string[]): number {
  const word = args[0] ?? ''
  const name = Object.hasOwn(SHORT, word) ? SHORT[word]! : word
  if (OTHERS.includes(word)) fault(`error: kubectl create ${word}: not modelled in Kubehop`)
  if (Object.hasOwn(GENERATORS, name)) {
    const generator = GENERATORS[name]!
    const rest = args.slice(1)
    const flags = parseFlags(`kubectl create ${word}`, rest, [...WRITE_FLAGS, ...generator.flags])
    const client = openClient(flow, flags)
    return post(client, generator.make(client, flags), 'kubectl-create', failedWords(name, rest))
  }
  return createFiles(flow, args)
}

function createFiles(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl create', args, [
    ...WRITE_FLAGS,
    ...FILE_FLAGS,
    'raw=',
    'edit',
    'selector/l=',
  ])
  const client = openClient(flow, flags)
  if (!hasFiles(client)) {
    const extra =
      flags.operands.length > 0
        ? `error: Unexpected args: [${flags.operands.join(' ')}]\nSee 'kubectl create -h' for help and examples`
        : 'error: must specify one of -f and -k'
    fault(extra)
  }
  const dry = dryRunOf(flags)
  const problems: string[] = []
  const items = fileItems(client, lazyDiscovery(client), problems)
  if (items.length === 0 && problems.length === 0) fault('error: no objects passed to create')
  for (const { info, namespace, object, source } of items) {
    const body = boolFlag(flags, 'save-config') ? annotated(object) : object
    if (dry === 'client') {
      printDone(client, info, body, 'created', dry)
      continue
    }
    const query = [...writeQuery(client, 'kubectl-create', dry), validation(client)]
    const reply = call(client, 'POST', pathOf(info, namespace), { body, query })
    if (reply.ok) printDone(client, info, reply.body as Json, 'created', dry)
    else problems.push(problemText(reply.status, `error when creating "${source}"`))
  }
  if (problems.length > 0) failProblems(problems)
  return 0
}

/** Makes an object that was generated. `failed`: what the command says before the server's words. */
export function post(
  client: Client,
  object: JsonObject,
  manager: string,
  failed = '',
  done = 'created',
): number {
  const dry = dryRunOf(client.flags)
  const local = dry === 'client' ? localInfo(object) : undefined
  const info = local ?? kindNamed(discover(client), String(object.apiVersion), String(object.kind))
  if (info === undefined)
    fault(`error: no matches for kind "${String(object.kind)}" in version "${String(object.apiVersion)}"`)
  const body = boolFlag(client.flags, 'save-config') ? annotated(object) : object
  if (dry === 'client') {
    printDone(client, info!, body, done, dry, true)
    return 0
  }
  const query = [...writeQuery(client, manager, dry), validation(client)]
  const reply = call(client, 'POST', pathOf(info!, client.namespace), { body, query })
  if (!reply.ok) {
    if (failed !== '') fault(`error: ${failed} ${reply.status.message}`)
    failStatus(reply.status)
  } else printDone(client, info!, reply.body as Json, done, dry, true)
  return 0
}

/** What a failure of a generated object begins with; a namespace's is the server's own. */
function failedWords(name: string, rest: readonly string[]): string {
  if (name === 'namespace') return ''
  if (name === 'secret') return 'failed to create secret'
  const type = rest.find((word) => !word.startsWith('-')) ?? ''
  const kind =
    name === 'service' && Object.hasOwn(SERVICE_TYPES, type) ? `${SERVICE_TYPES[type]} service` : name
  return `failed to create ${kind}:`
}

/** The client knows these kinds itself: a dry run asks nobody. */
function localInfo(object: JsonObject): ResourceInfo {
  const [group = '', version] = String(object.apiVersion).includes('/')
    ? String(object.apiVersion).split('/')
    : ['', String(object.apiVersion)]
  const kind = String(object.kind)
  return {
    group, version: version ?? '', kind, resource: '', singular: kind.toLowerCase(), shortNames: [], namespaced: kind !== 'Namespace',
    categories: [], subresources: [], verbs: [],
  } // biome-ignore format: one list
}

export function meta(name: string, labels?: JsonObject): JsonObject {
  return { creationTimestamp: null, ...(labels === undefined ? {} : { labels }), name }
}

function named(verb: string, flags: Flags, at = 0): string {
  const name = flags.operands[at]
  const count = flags.operands.length - at
  if (name === undefined || (count > 1 && flags.dash < 0)) {
    fault(
      `error: exactly one NAME is required, got ${count}\nSee 'kubectl create ${verb} -h' for help and examples`,
    )
  }
  return name!
}

/** Keys and values that --from-literal and --from-file give. */
function dataOf(client: Client, flags: Flags): [string, string][] {
  const pairs: [string, string][] = []
  for (const text of listFlag(flags, 'from-file')) {
    const at = text.indexOf('=')
    const path = at < 0 ? text : text.slice(at + 1)
    const key = at < 0 ? path.slice(path.lastIndexOf('/') + 1) : text.slice(0, at)
    const { text: content, error } = once(client.flow, () => readFile(client.flow.ctx, path))
    if (error !== '') fault(`error: error reading ${path}: ${error.toLowerCase()}`)
    pairs.push([key, content])
  }
  for (const path of listFlag(flags, 'from-env-file')) {
    const { text, error } = once(client.flow, () => readFile(client.flow.ctx, path))
    if (error !== '') fault(`error: error reading ${path}: ${error.toLowerCase()}`)
    for (const line of text.split('\n')) {
      const plain = line.trim()
      if (plain !== '' && !plain.startsWith('#'))
        pairs.push([plain.split('=')[0]!, plain.split('=').slice(1).join('=')])
    }
  }
  for (const text of listFlag(flags, 'from-literal')) {
    const at = text.indexOf('=')
    if (at < 1) fault(`error: invalid literal source ${text}, expected key=value`)
    pairs.push([text.slice(0, at), text.slice(at + 1).replace(/^(['"])(.*)\1$/s, '$2')])
  }
  return pairs
}

function configMap(client: Client, flags: Flags): JsonObject {
  const name = named('configmap', flags)
  const pairs = dataOf(client, flags)
  const data = pairs.length === 0 ? {} : { data: Object.fromEntries(pairs) }
  return { apiVersion: 'v1', ...data, kind: 'ConfigMap', metadata: meta(name) }
}

function secret(client: Client, flags: Flags): JsonObject {
  const [type = ''] = flags.operands
  if (type !== 'generic') {
    if (type === 'docker-registry') return registrySecret(flags)
    if (type === 'tls') return tlsSecret(client, flags)
    fault(`error: unknown command "${type}"\nSee 'kubectl create secret -h' for help and examples`)
  }
  const name = named('secret generic', flags, 1)
  const pairs = dataOf(client, flags).map(([key, value]): [string, string] => [key, encodeBase64(value)])
  const kind = textFlag(flags, 'type')
  const data = pairs.length === 0 ? {} : { data: Object.fromEntries(pairs) }
  return {
    apiVersion: 'v1',
    ...data,
    kind: 'Secret',
    metadata: meta(name),
    ...(kind === '' ? {} : { type: kind }),
  }
}

/** Whether certificate and key belong together is not looked at: that takes cryptography. */
function tlsSecret({ flow }: Client, flags: Flags): JsonObject {
  const name = named('secret tls', flags, 1)
  const [key, cert] = [textFlag(flags, 'key'), textFlag(flags, 'cert')]
  if (key === '' || cert === '') fault('error: key and cert must be specified')
  const textOf = (path: string, what: string) => {
    const { text, error } = once(flow, () => readFile(flow.ctx, path))
    if (error !== '') fault(`error: Cannot read file ${path}, open ${path}: ${error.toLowerCase()}`)
    return {
      text,
      bad: /^-----BEGIN [A-Z ]+-----$/m.test(text) ? '' : `failed to find any PEM data in ${what} input`,
    }
  }
  const read = [textOf(cert, 'certificate'), textOf(key, 'key')] as const
  for (const { bad } of read) if (bad !== '') fault(`error: tls: ${bad}`)
  const data = { 'tls.crt': encodeBase64(read[0].text), 'tls.key': encodeBase64(read[1].text) }
  return { apiVersion: 'v1', data, kind: 'Secret', metadata: meta(name), type: 'kubernetes.io/tls' }
}

function registrySecret(flags: Flags): JsonObject {
  const name = named('secret docker-registry', flags, 1)
  const [username, password, email] = ['username', 'password', 'email'].map((one) =>
    textFlag(flags, `docker-${one}`),
  )
  for (const one of ['username', 'password'] as const) {
    if (textFlag(flags, `docker-${one}`) === '')
      fault(
        `error: either --from-file or the combination of --docker-username, --docker-password and --docker-server is required`,
      )
  }
  const entry = {
    username,
    password,
    ...(email === '' ? {} : { email }),
    auth: encodeBase64(`${username}:${password}`),
  }
  const server = textFlag(flags, 'docker-server', 'https://index.docker.io/v1/')
  const config = encodeBase64(JSON.stringify({ auths: { [server]: entry } }))
  return {
    apiVersion: 'v1',
    data: { '.dockerconfigjson': config },
    kind: 'Secret',
    metadata: meta(name),
    type: 'kubernetes.io/dockerconfigjson',
  }
}

function deployment(_: Client, flags: Flags): JsonObject {
  const images = listFlag(flags, 'image').flatMap((one) => one.split(','))
  if (images.length === 0) fault('error: required flag(s) "image" not set')
  const own = flags.dash < 0 ? flags.operands : flags.operands.slice(0, flags.dash)
  const command = flags.dash < 0 ? [] : flags.operands.slice(flags.dash)
  if (own.length !== 1) named('deployment', { ...flags, operands: own, dash: -1 })
  if (images.length > 1 && command.length > 0)
    fault('error: cannot specify multiple --image options and command')
  const name = own[0]!
  const labels = { app: name }
  const port = textFlag(flags, 'port')
  const containers = images.map((image, i) => ({
    ...(command.length === 0 ? {} : { command }),
    image,
    name: containerName(image),
    ...(i === 0 && port !== '' && port !== '-1' ? { ports: [{ containerPort: Number(port) }] } : {}),
    resources: {},
  }))
  const template = { metadata: { creationTimestamp: null, labels }, spec: { containers } }
  const replicas = Number(textFlag(flags, 'replicas', '1'))
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(name, labels),
    spec: { replicas, selector: { matchLabels: labels }, strategy: {}, template },
    status: {},
  }
}

/** The image's last part without tag and digest. */
function containerName(image: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1)
  return last
    .split('@')[0]!
    .split(':')[0]!
    .replaceAll(/[^A-Za-z0-9-]/g, '-')
}

const SERVICE_TYPES: Readonly<Record<string, string>> = {
  clusterip: 'ClusterIP',
  nodeport: 'NodePort',
  loadbalancer: 'LoadBalancer',
  externalname: 'ExternalName',
}

function service(_: Client, flags: Flags): JsonObject {
  const [type = ''] = flags.operands
  if (!Object.hasOwn(SERVICE_TYPES, type))
    fault(`error: unknown command "${type}"\nSee 'kubectl create service -h' for help and examples`)
  const name = named(`service ${type}`, flags, 1)
  const labels = { app: name }
  const texts = listFlag(flags, 'tcp').flatMap((one) => one.split(','))
  const address = textFlag(flags, 'clusterip')
  if (texts.length === 0 && address !== 'None' && type !== 'externalname') {
    fault(`error: at least one tcp port specifier must be provided`)
  }
  const node = textFlag(flags, 'node-port')
  const ports = texts.map((text) => {
    const [port = '', target = port] = text.split(':')
    if (!/^[0-9]+$/.test(port))
      fault(`error: failed to create service: strconv.ParseInt: parsing "${port}": invalid syntax`)
    return {
      name: text.replace(':', '-'),
      ...(node === '' || node === '0' ? {} : { nodePort: Number(node) }),
      port: Number(port),
      protocol: 'TCP',
      targetPort: /^[0-9]+$/.test(target) ? Number(target) : target,
    }
  })
  const external = textFlag(flags, 'external-name')
  const spec = {
    ...(address === '' ? {} : { clusterIP: address }),
    ...(external === '' ? {} : { externalName: external }),
    ...(ports.length === 0 ? {} : { ports }),
    selector: labels,
    type: SERVICE_TYPES[type],
  }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name, labels),
    spec,
    status: { loadBalancer: {} },
  }
}

function ingress(_: Client, flags: Flags): JsonObject {
  const name = named('ingress', flags)
  const rules = listFlag(flags, 'rule')
  const fallback = textFlag(flags, 'default-backend')
  if (rules.length === 0 && fallback === '') {
    fault(
      'error: not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)',
    )
  }
  return ingressObject(name, rules, textFlag(flags, 'class'), listFlag(flags, 'annotation'), fallback)
}

/** The name in an object's metadata. */
export function nameIn(object: Json): string {
  return String(field(field(object, 'metadata'), 'name') ?? '')
}
