/**
 * `kubectl config`: the client's configuration looked at and changed, as a file of the machine. Models kubectl
 * pkg/cmd/config (1.32). Not here: exec and auth-provider credentials, files that are embedded.
 */
import type { JsonObject } from '../../../kube/types.ts'
import { withField } from '../../../kube/types.ts'
import type { KubeConfig, Stanza } from './config.ts'
import { configJson, configPath, contextOf, readConfig, redacted, writeConfig } from './config.ts'
import { inOrder, setProperty } from './configset.ts'
import type { Flags } from './flags.ts'
import { boolFlag, hasFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, print } from './flow.ts'
import type { Format } from './output.ts'
import { formatOf, objectText, OUTPUT_FLAGS } from './output.ts'
import { getColumns } from './tabs.ts'
import { toYaml, typedJson } from './yaml.ts'

interface At {
  readonly flow: Flow
  readonly flags: Flags
  readonly own: KubeConfig
}

type Verb = (at: At) => number

const VERBS: Readonly<Record<string, Verb>> = {
  'current-context': current,
  'delete-cluster': (at) => drop(at, 'clusters', 'cluster'),
  'delete-context': (at) => drop(at, 'contexts', 'context'),
  'delete-user': (at) => drop(at, 'users', 'user'),
  'get-clusters': ({ flow, own }) => names(flow, own.clusters),
  'get-contexts': contexts,
  'get-users': ({ flow, own }) => names(flow, own.users),
  'rename-context': rename,
  set: (at) => property(at, false),
  'set-cluster': setCluster,
  'set-context': setContext,
  'set-credentials': setUser,
  unset: (at) => property(at, true),
  use: useContext,
  'use-context': useContext,
  view,
}
const FLAGS = [
  ...OUTPUT_FLAGS, 'current', 'no-headers', 'minify', 'raw', 'flatten', 'merge', 'embed-certs', 'proxy-url=', 'set-raw-bytes',
  'exec-command=', 'exec-arg=*', 'exec-env=*', 'exec-api-version=', 'auth-provider=', 'auth-provider-arg=*',
] // biome-ignore format: one list

export function config(flow: Flow, args: readonly string[]): number {
  const [verb = ''] = args
  if (!Object.hasOwn(VERBS, verb)) {
    if (verb === '') fault('error: kubectl config: its help is not modelled in Kubehop')
    fault(`error: unknown command "${args.join(' ')}"\nSee 'kubectl config -h' for help and examples`)
  }
  const flags = parseFlags(`kubectl config ${verb}`, args.slice(1), FLAGS)
  for (const name of flags.values.keys()) {
    if (/^(exec-|auth-provider|embed-certs|flatten)/.test(name)) {
      fault(`error: kubectl config ${verb} --${name}: not modelled in Kubehop`)
    }
  }
  return VERBS[verb]!({ flow, flags, own: readConfig(flow, flags) })
}

function save({ flow, flags }: At, config: KubeConfig): void {
  const error = writeConfig(flow, flags, config)
  if (error !== '') fault(`error: ${error}`)
}

function unexpected({ flags }: At, word = 'Unexpected'): never {
  return fault(`error: ${word} args: [${flags.operands.join(' ')}]`)
}

function view({ flow, flags, own }: At): number {
  if (flags.operands.length > 0) {
    const words = `unexpected arguments: [${flags.operands.join(' ')}]`
    fault(`error: ${words}\nSee 'kubectl config view -h' for help and examples`)
  }
  const format = formatOf({ flow, flags, config: own, namespace: '' })
  const kept = boolFlag(flags, 'minify') ? minified(own, flags) : own
  const shown = configJson(inOrder(boolFlag(flags, 'raw') ? kept : redacted(kept)))
  print(flow, viewText(format, shown, flags))
  return 0
}

function viewText(format: Format, shown: JsonObject, flags: Flags): string {
  if (format.kind === 'table' || format.kind === 'yaml') return toYaml(shown)
  if (format.kind === 'name') return 'config/<unknown>\n'
  return format.kind === 'json' ? typedJson(shown) : objectText(format, shown, flags)
}

/** What the current context needs. */
function minified(own: KubeConfig, flags: Flags): KubeConfig {
  const asked = textFlag(flags, 'context') || own.current
  if (asked === '') fault('error: current-context must exist in order to minify')
  const context = own.contexts.find(({ name }) => name === asked)
  if (context === undefined) return fault(`error: cannot locate context ${asked}`)
  const { cluster, user } = contextOf(context)
  return {
    ...own,
    current: asked,
    contexts: [context],
    clusters: own.clusters.filter(({ name }) => name === cluster),
    users: own.users.filter(({ name }) => name === user),
  }
}

function current({ flow, own }: At): number {
  if (own.current === '') fault('error: current-context is not set')
  print(flow, `${own.current}\n`)
  return 0
}

function names(flow: Flow, list: readonly Stanza[]): number {
  print(flow, ['NAME', ...list.map(({ name }) => name)].map((one) => `${one}\n`).join(''))
  return 0
}

function contexts({ flow, flags, own }: At): number {
  const output = textFlag(flags, 'output')
  if (output !== '' && output !== 'name') {
    const words = `--output ${output} is not available in kubectl config get-contexts`
    fault(`error: ${words}; resetting to default output format`)
  }
  const asked = flags.operands
  const shown = own.contexts.filter(({ name }) => asked.length === 0 || asked.includes(name)).map(contextOf)
  const rows = shown.map((one) => [
    one.name === own.current ? '*' : '',
    one.name,
    one.cluster,
    one.user,
    one.namespace,
  ])
  const head = ['CURRENT', 'NAME', 'CLUSTER', 'AUTHINFO', 'NAMESPACE']
  if (output === 'name') print(flow, shown.map(({ name }) => `${name}\n`).join(''))
  else print(flow, getColumns(boolFlag(flags, 'no-headers') ? rows : [head, ...rows]))
  const missing = asked.filter((name) => !own.contexts.some((one) => one.name === name))
  for (const name of missing) complain(flow, `error: context ${name} not found\n`)
  return missing.length > 0 ? 1 : 0
}

function useContext(at: At): number {
  const { flow, flags, own } = at
  const [name = '', ...more] = flags.operands
  if (flags.operands.length === 0 || more.length > 0) unexpected(at)
  if (name === '') fault('error: empty context names are not allowed')
  if (!own.contexts.some((one) => one.name === name)) {
    fault(`error: no context exists with the name: "${name}"`)
  }
  save(at, { ...own, current: name })
  print(flow, `Switched to context "${name}".\n`)
  return 0
}

/** The list with a stanza in it, where the order of names puts it. */
function placed(list: readonly Stanza[], fresh: Stanza): Stanza[] {
  const others = list.filter(({ name }) => name !== fresh.name)
  return [...others, fresh].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function bodyOf(list: readonly Stanza[], name: string): JsonObject | undefined {
  return list.find((one) => one.name === name)?.body
}

/** Flags as fields: one that is given empty takes its field away. */
function withFlags(flags: Flags, body: JsonObject, fields: Readonly<Record<string, string>>): JsonObject {
  let out = body
  for (const [flag, key] of Object.entries(fields)) {
    if (!hasFlag(flags, flag)) continue
    const text = textFlag(flags, flag)
    out = withField(out, key, text === '' ? undefined : text)
  }
  return out
}

function setContext(at: At): number {
  const { flow, flags, own } = at
  if (flags.operands.length > 1) unexpected(at)
  const [given = ''] = flags.operands
  const now = boolFlag(flags, 'current')
  if (given === '' && !now) fault('error: you must specify a non-empty context name or --current')
  if (given !== '' && now) fault('error: you cannot specify both a context name and --current')
  const name = now ? own.current : given
  if (name === '') fault('error: no current context is set')
  const old = bodyOf(own.contexts, name)
  const fields = { cluster: 'cluster', user: 'user', namespace: 'namespace' }
  const changed = withFlags(flags, old ?? {}, fields)
  const body = { ...changed, cluster: changed.cluster ?? '', user: changed.user ?? '' }
  save(at, { ...own, contexts: placed(own.contexts, { name, body }) })
  print(flow, `Context "${name}" ${old === undefined ? 'created' : 'modified'}.\n`)
  return 0
}

function setCluster(at: At): number {
  const { flow, flags, own } = at
  const [name = ''] = flags.operands
  if (flags.operands.length !== 1) unexpected(at)
  if (name === '') fault('error: you must specify a non-empty cluster name')
  const insecure = boolFlag(flags, 'insecure-skip-tls-verify')
  const authority = textFlag(flags, 'certificate-authority')
  if (insecure && authority !== '') {
    fault('error: you cannot specify a certificate authority and insecure mode at the same time')
  }
  let body = bodyOf(own.clusters, name) ?? {}
  if (hasFlag(flags, 'server')) body = withField(body, 'tls-server-name', undefined)
  body = withFlags(flags, body, {
    server: 'server',
    'tls-server-name': 'tls-server-name',
    'certificate-authority': 'certificate-authority',
    'proxy-url': 'proxy-url',
  })
  if (hasFlag(flags, 'insecure-skip-tls-verify')) {
    body = withField(body, 'insecure-skip-tls-verify', insecure ? true : undefined)
    if (insecure) body = without(body, ['certificate-authority', 'certificate-authority-data'])
  }
  if (authority !== '') body = without(body, ['insecure-skip-tls-verify', 'certificate-authority-data'])
  save(at, { ...own, clusters: placed(own.clusters, { name, body: { ...body, server: body.server ?? '' } }) })
  print(flow, `Cluster "${name}" set.\n`)
  return 0
}

function setUser(at: At): number {
  const { flow, flags, own } = at
  const [name = ''] = flags.operands
  if (flags.operands.length !== 1) unexpected(at, 'unexpected')
  if (name === '') fault('error: you must specify a non-empty user name')
  const basic = textFlag(flags, 'username') !== '' || textFlag(flags, 'password') !== ''
  if (textFlag(flags, 'token') !== '' && basic) {
    fault(
      'error: you cannot specify more than one authentication method at the same time: --token, --username/--password',
    )
  }
  let body = withFlags(flags, bodyOf(own.users, name) ?? {}, {
    'client-certificate': 'client-certificate',
    'client-key': 'client-key',
    token: 'token',
    username: 'username',
    password: 'password',
  })
  if (textFlag(flags, 'client-certificate') !== '') body = without(body, ['client-certificate-data'])
  if (textFlag(flags, 'client-key') !== '') body = without(body, ['client-key-data'])
  // One way to prove who one is takes the other's place.
  if (textFlag(flags, 'token') !== '') body = without(body, ['username', 'password'])
  if (basic) body = without(body, ['token'])
  save(at, { ...own, users: placed(own.users, { name, body }) })
  print(flow, `User "${name}" set.\n`)
  return 0
}

function without(body: JsonObject, keys: readonly string[]): JsonObject {
  return keys.reduce((out, key) => withField(out, key, undefined), body)
}

function rename(at: At): number {
  const { flow, flags, own } = at
  if (flags.operands.length !== 2) unexpected(at)
  const [from = '', to = ''] = flags.operands
  if (to === '') fault('error: You must specify a new non-empty context name')
  const path = configPath(flow, flags)
  const body = bodyOf(own.contexts, from)
  if (body === undefined) return fault(`error: cannot rename the context "${from}", it's not in ${path}`)
  if (bodyOf(own.contexts, to) !== undefined) {
    fault(`error: cannot rename the context "${from}", the context "${to}" already exists in ${path}`)
  }
  const others = own.contexts.filter(({ name }) => name !== from)
  const now = own.current === from ? to : own.current
  save(at, { ...own, current: now, contexts: placed(others, { name: to, body }) })
  print(flow, `Context "${from}" renamed to "${to}".\n`)
  return 0
}

function drop(at: At, list: 'clusters' | 'contexts' | 'users', what: string): number {
  const { flow, flags, own } = at
  const [name = ''] = flags.operands
  if (flags.operands.length !== 1) {
    // The real one shows its help here.
    const words =
      what === 'user' ? 'user to delete is required' : `kubectl config delete-${what} takes one name`
    fault(
      `error: ${words}${what === 'user' ? "\nSee 'kubectl config delete-user -h' for help and examples" : ''}`,
    )
  }
  const path = configPath(flow, flags)
  if (bodyOf(own[list], name) === undefined) fault(`error: cannot delete ${what} ${name}, not in ${path}`)
  if (what === 'context' && own.current === name) {
    complain(
      flow,
      'warning: this removed your active context, use "kubectl config use-context" to select a different one\n',
    )
  }
  save(at, { ...own, [list]: own[list].filter((one) => one.name !== name) })
  print(flow, `deleted ${what} ${name} from ${path}\n`)
  return 0
}

function property(at: At, unset: boolean): number {
  const { flow, flags, own } = at
  const [path = '', value = ''] = flags.operands
  if (flags.operands.length !== (unset ? 1 : 2)) unexpected(at)
  if (!unset && value === '') fault('error: you cannot use set to unset a property')
  if (path === '') fault('error: you must specify a property')
  const changed = setProperty(own, path, unset ? undefined : value, boolFlag(flags, 'set-raw-bytes'))
  if (typeof changed === 'string') return fault(`error: ${changed}`)
  save(at, changed)
  print(flow, `Property "${path}" ${unset ? 'unset' : 'set'}.\n`)
  return 0
}
