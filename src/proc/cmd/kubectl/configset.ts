/** A property of the client's configuration by its path: `contexts.NAME.namespace`. Models kubectl's config set. */
import { decodeBase64, encodeBase64 } from '../../../kube/api/base64.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { withField } from '../../../kube/types.ts'
import type { KubeConfig, Stanza } from './config.ts'

type Kind = 'text' | 'bool' | 'bytes' | 'other'

const CLUSTER: Readonly<Record<string, Kind>> = {
  server: 'text',
  'tls-server-name': 'text',
  'insecure-skip-tls-verify': 'bool',
  'certificate-authority': 'text',
  'certificate-authority-data': 'bytes',
  'proxy-url': 'text',
  'disable-compression': 'bool',
  extensions: 'other',
}
const USER: Readonly<Record<string, Kind>> = {
  'client-certificate': 'text',
  'client-certificate-data': 'bytes',
  'client-key': 'text',
  'client-key-data': 'bytes',
  token: 'text',
  tokenFile: 'text',
  'act-as': 'text',
  'act-as-uid': 'text',
  'act-as-groups': 'other',
  'act-as-user-extra': 'other',
  username: 'text',
  password: 'text',
  'auth-provider': 'other',
  exec: 'other',
  extensions: 'other',
}
const CONTEXT: Readonly<Record<string, Kind>> = {
  cluster: 'text',
  user: 'text',
  namespace: 'text',
  extensions: 'other',
}
const LISTS = { clusters: CLUSTER, users: USER, contexts: CONTEXT } as const
/** What a stanza has in any case. */
const ALWAYS: Readonly<Record<string, readonly string[]>> = {
  clusters: ['server'],
  users: [],
  contexts: ['cluster', 'user'],
}

/** The configuration with a property changed (undefined: taken away), or the words of what is wrong. */
export function setProperty(
  own: KubeConfig,
  path: string,
  value: string | undefined,
  raw: boolean,
): KubeConfig | string {
  const [first = '', ...rest] = path.split('.')
  if (first === 'current-context') {
    return rest.length > 0 ? unparsed(path) : { ...own, current: value ?? '' }
  }
  if (first === 'preferences') return preference(own, rest, value, path)
  if (!Object.hasOwn(LISTS, first)) {
    if (first === 'kind' || first === 'apiVersion') return own
    return `unable to parse ${path} after [] at api.Config`
  }
  const list = first as keyof typeof LISTS
  if (rest.length === 0) {
    return value === undefined ? { ...own, [list]: [] } : "can't set a map to a value: map[]"
  }
  return inList(own, list, rest, value, raw, path)
}

/** Fields in the order of Go's types. */
export function inOrder(own: KubeConfig): KubeConfig {
  const sort = (list: readonly Stanza[], fields: Readonly<Record<string, Kind>>) => {
    const keys = Object.keys(fields)
    return list.map(({ name, body }) => {
      const known = keys.filter((key) => body[key] !== undefined)
      const rest = Object.keys(body).filter((key) => !keys.includes(key))
      return { name, body: Object.fromEntries([...known, ...rest].map((key) => [key, body[key]!])) }
    })
  }
  const { clusters, users, contexts } = own
  return {
    ...own,
    clusters: sort(clusters, CLUSTER),
    users: sort(users, USER),
    contexts: sort(contexts, CONTEXT),
  }
}

function inList(
  own: KubeConfig,
  list: keyof typeof LISTS,
  rest: readonly string[],
  value: string | undefined,
  raw: boolean,
  path: string,
): KubeConfig | string {
  const fields = LISTS[list]
  // A name may hold dots: it goes on until a word that is a field.
  const at = rest.findIndex((word, i) => i > 0 && Object.hasOwn(fields, word))
  const name = (at < 0 ? rest : rest.slice(0, at)).join('.')
  const [key = '', ...more] = at < 0 ? [] : rest.slice(at)
  const old = own[list].find((one) => one.name === name)
  const others = own[list].filter((one) => one !== old)
  if (key === '') {
    return value === undefined ? { ...own, [list]: others } : "can't set a map to a value: map[]"
  }
  if (more.length > 0) return unparsed(path)
  if (old === undefined && value === undefined) return `current map key \`${name}\` is invalid`
  const read = propertyValue(fields[key]!, value, raw)
  if ('error' in read) return read.error
  const start = old?.body ?? Object.fromEntries(ALWAYS[list]!.map((one) => [one, '']))
  const empty = ALWAYS[list]!.includes(key) ? '' : undefined
  const fresh: Stanza = { name, body: withField(start, key, read.value ?? empty) }
  return { ...own, [list]: [...others, fresh].sort((a, b) => (a.name < b.name ? -1 : 1)) }
}

function propertyValue(
  kind: Kind,
  value: string | undefined,
  raw: boolean,
): { value: Json | undefined } | { error: string } {
  if (value === undefined) return { value: undefined }
  switch (kind) {
    case 'bool':
      if (/^(1|t|T|true|TRUE|True)$/.test(value)) return { value: true }
      if (/^(0|f|F|false|FALSE|False)$/.test(value)) return { value: undefined }
      return { error: `strconv.ParseBool: parsing "${value}": invalid syntax` }
    case 'bytes': {
      if (raw) return { value: encodeBase64(value) }
      const bad = decodeBase64(value) === undefined ? value.search(/[^A-Za-z0-9+/=]/) : -2
      if (bad === -2) return { value }
      const place = bad < 0 ? value.length - (value.length % 4) : bad
      return { error: `error decoding input value: illegal base64 data at input byte ${place}` }
    }
    case 'other':
      return { error: 'kubectl config set of what is no text: not modelled in Kubehop' }
    default:
      return { value }
  }
}

function preference(
  own: KubeConfig,
  rest: readonly string[],
  value: string | undefined,
  path: string,
): KubeConfig | string {
  const [key = '', ...more] = rest
  if (key === '' && value === undefined) return { ...own, preferences: {} }
  if (key !== 'colors' || more.length > 0) return unparsed(path)
  const read = propertyValue('bool', value, false)
  if ('error' in read) return read.error
  const preferences: JsonObject = withField(own.preferences, 'colors', read.value)
  return { ...own, preferences }
}

function unparsed(path: string): string {
  return `unable to parse one or more field values of ${path}`
}
