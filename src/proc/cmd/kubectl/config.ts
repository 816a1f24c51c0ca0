/** The client's configuration: ~/.kube/config where there is one, else the administrator of the lab's cluster. */
import { environOf } from '../../../run/env.ts'
import { findCluster } from '../../../kube/cluster.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { makeDir, readFile, writeFile } from '../../../run/files.ts'
import type { Flags } from './flags.ts'
import { textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, once } from './flow.ts'
import { toYaml } from './yaml.ts'

export interface Context {
  readonly name: string
  readonly cluster: string
  readonly user: string
  readonly namespace: string
}

export interface KubeConfig {
  readonly current: string
  readonly contexts: readonly Context[]
  /** Name to address. */
  readonly clusters: readonly { readonly name: string; readonly server: string }[]
  readonly users: readonly string[]
}

const EMPTY: KubeConfig = { current: '', contexts: [], clusters: [], users: [] }

/** The configuration as the command's files and the lab give it. */
export function readConfig(flow: Flow, flags: Flags): KubeConfig {
  return once(flow, () => {
    const path = configPath(flow, flags)
    const { text, error } = readFile(flow.ctx, path)
    if (error !== '') return builtIn(flow)
    const { docs, error: bad } = flow.parts.readText(text)
    if (bad !== '') fault(`error: error loading config file "${path}": ${bad}`)
    return fromJson(docs[0] ?? null)
  })
}

function configPath(flow: Flow, flags: Flags): string {
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
  return {
    current: `${user}@${clusterName}`,
    contexts: [{ name: `${user}@${clusterName}`, cluster: clusterName, user, namespace: '' }],
    clusters: [{ name: clusterName, server: `https://${apiEndpoint || 'kubernetes:6443'}` }],
    users: [user],
  }
}

function fromJson(value: Json): KubeConfig {
  const text = (at: Json | undefined, key: string) => {
    const found = field(at, key)
    return typeof found === 'string' ? found : ''
  }
  const items = (key: string) => {
    const found = field(value, key)
    return Array.isArray(found) ? (found as Json[]) : []
  }
  return {
    current: text(value, 'current-context'),
    contexts: items('contexts').map((one) => {
      const inner = field(one, 'context')
      return {
        name: text(one, 'name'),
        cluster: text(inner, 'cluster'),
        user: text(inner, 'user'),
        namespace: text(inner, 'namespace'),
      }
    }),
    clusters: items('clusters').map((one) => ({
      name: text(one, 'name'),
      server: text(field(one, 'cluster'), 'server'),
    })),
    users: items('users').map((one) => text(one, 'name')),
  }
}

/** The configuration as `config view` prints it: credentials are left out, as the real one does. */
export function configJson(config: KubeConfig): JsonObject {
  const secret = 'DATA+OMITTED'
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters:
      config.clusters.length === 0
        ? null
        : config.clusters.map(({ name, server }) => ({
            name,
            cluster: { 'certificate-authority-data': secret, server },
          })),
    contexts:
      config.contexts.length === 0
        ? null
        : config.contexts.map(({ name, cluster, user, namespace }) => ({
            name,
            context: { cluster, ...(namespace === '' ? {} : { namespace }), user },
          })),
    'current-context': config.current,
    preferences: {},
    users:
      config.users.length === 0
        ? null
        : config.users.map((name) => ({
            name,
            user: { 'client-certificate-data': secret, 'client-key-data': secret },
          })),
  }
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

/** The context that a command works in. */
export function currentContext(config: KubeConfig, flags: Flags): Context {
  const asked = textFlag(flags, 'context')
  if (asked !== '') {
    const found = config.contexts.find(({ name }) => name === asked)
    return found ?? fault(`Error in configuration: context was not found for specified context: ${asked}`)
  }
  const found = config.contexts.find(({ name }) => name === config.current)
  return found ?? { name: '', cluster: '', user: '', namespace: '' }
}

/** Address of the server that a command talks to: HOST:PORT. */
export function serverOf(config: KubeConfig, flags: Flags): string {
  const given = textFlag(flags, 'server')
  const context = currentContext(config, flags)
  const cluster = textFlag(flags, 'cluster') || context.cluster
  const url = given || config.clusters.find(({ name }) => name === cluster)?.server || 'http://localhost:8080'
  return url.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}

/** The namespace that a command works in. */
export function namespaceOf(config: KubeConfig, flags: Flags): string {
  return textFlag(flags, 'namespace') || currentContext(config, flags).namespace || 'default'
}
