/**
 * The client's configuration: ~/.kube/config where there is one, else the administrator of the lab's cluster. Models
 * client-go tools/clientcmd (1.32). Not here: several files in $KUBECONFIG, credentials that are looked at.
 */
import { environOf } from '../../../run/env.ts'
import { findCluster } from '../../../kube/cluster.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord, withField } from '../../../kube/types.ts'
import { makeDir, readFile, writeFile } from '../../../run/files.ts'
import type { Flags } from './flags.ts'
import { textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, once } from './flow.ts'
import { toYaml } from './yaml.ts'

/** A cluster, a user or a context by its name. */
export interface Stanza {
  readonly name: string
  readonly body: JsonObject
}

export interface KubeConfig {
  readonly current: string
  readonly contexts: readonly Stanza[]
  readonly clusters: readonly Stanza[]
  readonly users: readonly Stanza[]
  readonly preferences: JsonObject
}

export interface Context {
  readonly name: string
  readonly cluster: string
  readonly user: string
  readonly namespace: string
}

const EMPTY: KubeConfig = { current: '', contexts: [], clusters: [], users: [], preferences: {} }
/** Where a real one has certificates: "Kubehop has no certificates". */
const NO_CERTIFICATE = 'S3ViZWhvcCBoYXMgbm8gY2VydGlmaWNhdGVz'

/** The configuration as the command's files and the lab give it. */
export function readConfig(flow: Flow, flags: Flags): KubeConfig {
  return once(flow, () => {
    const path = configPath(flow, flags)
    if (path.includes(':')) fault('error: KUBECONFIG with several files: not modelled in Kubehop')
    const { text, error } = readFile(flow.ctx, path)
    if (error !== '') return textFlag(flags, 'kubeconfig') === '' ? builtIn(flow) : EMPTY
    const { docs, error: bad } = flow.parts.readText(text)
    if (bad !== '') fault(`error: error loading config file "${path}": ${bad}`)
    return fromJson(docs[0] ?? null)
  })
}

/** The file that a change is written to. */
export function configPath(flow: Flow, flags: Flags): string {
  const env = environOf(flow.ctx.proc)
  return (
    textFlag(flags, 'kubeconfig') || env.get('KUBECONFIG') || `${env.get('HOME') || '/root'}/.kube/config`
  )
}

function builtIn(flow: Flow): KubeConfig {
  const cluster = findCluster(flow.ctx.world)
  if (cluster === undefined) return EMPTY
  const { clusterName, apiEndpoint } = cluster.options
  const user = 'kubernetes-admin'
  const name = `${user}@${clusterName}`
  const server = `https://${apiEndpoint || 'kubernetes:6443'}`
  const secret = { 'client-certificate-data': NO_CERTIFICATE, 'client-key-data': NO_CERTIFICATE }
  return {
    current: name,
    contexts: [{ name, body: { cluster: clusterName, user } }],
    clusters: [{ name: clusterName, body: { 'certificate-authority-data': NO_CERTIFICATE, server } }],
    users: [{ name: user, body: secret }],
    preferences: {},
  }
}

function fromJson(value: Json): KubeConfig {
  const stanzas = (key: string, inner: string): Stanza[] => {
    const found = field(value, key)
    const list = Array.isArray(found) ? (found as Json[]) : []
    const read = list.map((one) => {
      const body = field(one, inner)
      return { name: String(field(one, 'name') ?? ''), body: isRecord(body) ? body : {} }
    })
    return read.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }
  const current = field(value, 'current-context')
  const preferences = field(value, 'preferences')
  return {
    current: typeof current === 'string' ? current : '',
    contexts: stanzas('contexts', 'context'),
    clusters: stanzas('clusters', 'cluster'),
    users: stanzas('users', 'user'),
    preferences: isRecord(preferences) ? preferences : {},
  }
}

/** The configuration as it stands in a file. */
export function configJson(config: KubeConfig): JsonObject {
  const list = (stanzas: readonly Stanza[], inner: string) =>
    stanzas.length === 0 ? null : stanzas.map(({ name, body }) => ({ name, [inner]: body }))
  return {
    kind: 'Config',
    apiVersion: 'v1',
    preferences: config.preferences,
    clusters: list(config.clusters, 'cluster'),
    users: list(config.users, 'user'),
    contexts: list(config.contexts, 'context'),
    'current-context': config.current,
  }
}

/** Without what nobody should read over somebody's shoulder. */
export function redacted(config: KubeConfig): KubeConfig {
  const hide = (body: JsonObject): JsonObject =>
    Object.keys(body).reduce((out, key) => {
      if (/^(certificate-authority|client-certificate|client-key)-data$/.test(key)) {
        return withField(out, key, 'DATA+OMITTED')
      }
      return key === 'token' || key === 'password' ? withField(out, key, 'REDACTED') : out
    }, body)
  const all = (list: readonly Stanza[]) => list.map(({ name, body }) => ({ name, body: hide(body) }))
  return { ...config, clusters: all(config.clusters), users: all(config.users) }
}

/** Writes the configuration; '' or what went wrong. */
export function writeConfig(flow: Flow, flags: Flags, config: KubeConfig): string {
  return once(flow, () => {
    const path = configPath(flow, flags)
    const folder = path.slice(0, path.lastIndexOf('/'))
    if (folder !== '') makeDir(flow.ctx, folder)
    return writeFile(flow.ctx, path, toYaml(configJson(config)))
  })
}

export function contextOf({ name, body }: Stanza): Context {
  const text = (key: string) => String(field(body, key) ?? '')
  return { name, cluster: text('cluster'), user: text('user'), namespace: text('namespace') }
}

/** The context that a command works in. */
export function currentContext(config: KubeConfig, flags: Flags): Context {
  const asked = textFlag(flags, 'context')
  const found = config.contexts.find(({ name }) => name === (asked || config.current))
  if (found !== undefined) return contextOf(found)
  if (asked !== '') {
    fault(`Error in configuration: context was not found for specified context: ${asked}`)
  }
  return { name: '', cluster: '', user: '', namespace: '' }
}

/** Address of the server that a command talks to: HOST:PORT. */
export function serverOf(config: KubeConfig, flags: Flags): string {
  const given = textFlag(flags, 'server')
  const context = currentContext(config, flags)
  const cluster = textFlag(flags, 'cluster') || context.cluster
  const body = config.clusters.find(({ name }) => name === cluster)?.body ?? {}
  const url = given || String(field(body, 'server') ?? '') || 'http://localhost:8080'
  return url.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}

/** The namespace that a command works in. */
export function namespaceOf(config: KubeConfig, flags: Flags): string {
  return textFlag(flags, 'namespace') || currentContext(config, flags).namespace || 'default'
}
